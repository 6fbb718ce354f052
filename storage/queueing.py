"""What waits for moderators: pieces that are held, and pieces at places on review; who decided what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.times import micros, moment
from storage import tickets
from storage.db import Reader, Tx, marks
from storage.places import wake_lanes
from storage.postings import subject_changed, want_all

SUBJECT = "queue"
"""Postings of what waits: a card for moderators, whose subject's id is the piece's number."""
DECISIONS = ("approve", "schedule", "reject", "restore", "retract")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The last that a moderator did with a piece."""

    act: str
    actor: str
    at: datetime
    reason: str

    @property
    def name(self) -> str:
        """Who did it, by name if one is known."""
        return self.actor.partition(" (")[2].removesuffix(")") or self.actor


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


async def fill(tx: Tx, place: int, now: datetime) -> None:
    """A place of moderators was added: it gets what waits already, oldest first."""
    for row in await tx.read("select id from piece where state='held' order by found_at, id"):
        await want_all(tx, (place,), SUBJECT, row["id"], due=now, now=now)
    rows = await tx.read("select distinct subject_id from posting where subject='piece' and state='review' order by 1")
    for row in rows:
        await want_all(tx, (place,), SUBJECT, row["subject_id"], due=now, now=now)
    await tickets.fill(tx, place, now)


async def waiting(db: Reader, limit: int) -> list[Waiting]:
    """What waits, oldest first."""
    rows = await db.read(
        "select id, found_at as since from piece where state='held' order by found_at, id limit ?", limit
    )
    found = [Waiting(number=row["id"], since=moment(row["since"])) for row in rows]
    rows = await db.read(
        """select o.subject_id as number, min(o.created_at) as since from posting o join piece p on p.id=o.subject_id
           where o.subject='piece' and o.state='review' and p.state='published'
           group by o.subject_id order by since, number limit ?""",
        limit,
    )  # fmt: skip
    for row in rows:
        at = await waiting_at(db, row["number"])
        found.append(Waiting(number=row["number"], since=moment(row["since"]), at=tuple(at)))
    return sorted(found, key=lambda one: (one.since, one.number))[:limit]


async def waiting_at(db: Reader, number: int) -> list[str]:
    """The addresses of the places on review for which a piece waits."""
    rows = await db.read(
        """select p.platform, p.channel from posting o join place p on p.id=o.place_id
           where o.subject='piece' and o.subject_id=? and o.state='review' order by p.id""",
        number,
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


async def release(tx: Tx, number: int, now: datetime, *, refused: str | None = None) -> int:
    """Post a piece at the places where it waits, or (with why it is refused) never; gives at how many it waited."""
    state, due = ("due", micros(now)) if refused is None else ("skipped", None)
    rows = await tx.read(
        """update posting set revision=revision+1, state=?, due_at=?, reason=?, changed_at=?
           where subject='piece' and subject_id=? and state='review' returning place_id""",
        state, due, refused or "", micros(now), number,
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


async def decision(db: Reader, number: int) -> Decision | None:
    """What a moderator did with the piece last, if anything."""
    rows = await db.read(
        f"""select at, actor, act, reason from act where target=? and act in ({marks(len(DECISIONS))})
            order by id desc limit 1""",
        f"#{number}", *DECISIONS,
    )  # fmt: skip
    if not rows:
        return None
    row = rows[0]
    return Decision(act=row["act"], actor=row["actor"], at=moment(row["at"]), reason=row["reason"])


async def set_embargo(tx: Tx, number: int, until: datetime) -> None:
    """Not before then."""
    await tx.run("update piece set embargo_at=? where id=?", micros(until), number)
