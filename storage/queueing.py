"""What waits for moderators: pieces that are held, and pieces at places on review; who decided what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.times import micros, moment
from storage import acts, tickets
from storage.acts import Act
from storage.db import Reader, Tx, marks
from storage.places import wake_lanes
from storage.postings import subject_changed, want_all

SUBJECT = "queue"
"""Postings of what waits: a card for moderators, whose subject's id is the piece's number."""
DECISIONS = ("approve", "schedule", "reject", "restore", "retract", "approve here", "reject here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A piece that waits, and since when; `at` names the places on review for which it waits, if it is not held."""

    number: int
    since: datetime
    at: tuple[str, ...] = ()


async def wait(tx: Tx, number: int, now: datetime) -> None:
    """Show a piece to the moderators, or show it anew."""
    rows = await tx.read("select id from place where layout='queue' and coalesce(paused, '') <> 'removed'")
    await want_all(tx, [row["id"] for row in rows], SUBJECT, number, due=now, now=now)
    await subject_changed(tx, SUBJECT, number, now)


async def tell(tx: Tx, subject: str, number: int, now: datetime) -> None:
    """Show something else to the moderators, at their own places."""
    rows = await tx.read("select id from place where layout='queue' and coalesce(paused, '') <> 'removed'")
    await want_all(tx, [row["id"] for row in rows], subject, number, due=now, now=now)


async def fill(tx: Tx, place: int, now: datetime) -> None:
    """A place of moderators was added: it gets what waits already, oldest first."""
    for row in await tx.read("select id from piece where state='held' order by found_at, id"):
        await want_all(tx, (place,), SUBJECT, row["id"], due=now, now=now)
    rows = await tx.read("select distinct subject_id from posting where subject='piece' and state='review' order by 1")
    for row in rows:
        await want_all(tx, (place,), SUBJECT, row["subject_id"], due=now, now=now)
    await tickets.fill(tx, place, now)


async def waiting(db: Reader, limit: int, *, at: Collection[int] | None = None) -> list[Waiting]:
    """What waits, oldest first; with `at` only for these places."""
    if at is not None:
        return await _waiting_for(db, limit, at)
    rows = await db.read(
        "select id, found_at as since from piece where state='held' order by found_at, id limit ?", limit
    )
    found = [Waiting(number=row["id"], since=moment(row["since"])) for row in rows]
    found += await _waiting_for(db, limit)
    return sorted(found, key=lambda one: (one.since, one.number))[:limit]


async def _waiting_for(db: Reader, limit: int, at: Collection[int] | None = None) -> list[Waiting]:
    """Pieces that wait for some place on review, or for one of these."""
    there = "" if at is None else f"and o.place_id in ({marks(len(at))})"
    rows = await db.read(
        f"""select o.subject_id as number, min(o.created_at) as since from posting o join piece p on p.id=o.subject_id
           where o.subject='piece' and o.state='review' and p.state='published' {there}
           group by o.subject_id order by since, number limit ?""",
        *(at or ()), limit,
    )  # fmt: skip
    return [
        Waiting(number=row["number"], since=moment(row["since"]), at=tuple(await waiting_at(db, row["number"], at)))
        for row in rows
    ]


async def waiting_at(db: Reader, number: int, at: Collection[int] | None = None) -> list[str]:
    """The addresses of the places on review (of these) for which a piece waits."""
    there = "" if at is None else f"and p.id in ({marks(len(at))})"
    rows = await db.read(
        f"""select p.platform, p.channel from posting o join place p on p.id=o.place_id
           where o.subject='piece' and o.subject_id=? and o.state='review' {there} order by p.id""",
        number, *(at or ()),
    )  # fmt: skip
    return [f"{row['platform']}:{row['channel']}" for row in rows]


async def review(tx: Tx, places: Sequence[int], number: int, now: datetime) -> None:
    """A piece waits at these places, unless it is posted there, until a moderator approves it."""
    new = await want_all(tx, places, "piece", number, due=now, now=now)
    if not new:
        return
    await tx.run(
        f"""update posting set state='review', due_at=null, reason='waits for a moderator'
            where subject='piece' and subject_id=? and place_id in ({marks(len(new))})""",
        number, *sorted(new),
    )  # fmt: skip
    await wait(tx, number, now)


async def release(
    tx: Tx, number: int, now: datetime, *, refused: str | None = None, at: Collection[int] | None = None
) -> int:
    """Post a piece at the places (of these) where it waits, or (with why it is refused) never; gives how many."""
    state, due = ("due", micros(now)) if refused is None else ("skipped", None)
    there = "" if at is None else f"and place_id in ({marks(len(at))})"
    rows = await tx.read(
        f"""update posting set revision=revision+1, state=?, due_at=?, reason=?, changed_at=?
           where subject='piece' and subject_id=? and state='review' {there} returning place_id""",
        state, due, refused or "", micros(now), number, *(at or ()),
    )  # fmt: skip
    if due is not None:
        await wake_lanes(tx, [row["place_id"] for row in rows], due)
    return len(rows)


async def approved(db: Reader, number: int) -> bool:
    """Whether a moderator let the piece out: it then needs no review at any place."""
    rows = await db.read(
        "select act from act where target=? and act in ('approve', 'schedule', 'reject') order by id desc limit 1",
        f"#{number}",
    )
    return bool(rows) and rows[0]["act"] != "reject"


async def decision(db: Reader, number: int) -> Act | None:
    """What a moderator did with the piece last, if anything."""
    return await acts.last_of(db, f"#{number}", DECISIONS)


async def set_embargo(tx: Tx, number: int, until: datetime) -> None:
    """Not before then."""
    await tx.run("update piece set embargo_at=? where id=?", micros(until), number)
