"""Postings and their leaves: what each place should show, what it shows, and what was being done when we last wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.chat import Place, Ref
from core.settle import Doing, Leaf
from core.times import micros, moment
from storage.db import Args, Db, Reader, Row, Tx, marks
from storage.places import wake_lanes
from storage.spots import unpark

Want = Literal["show", "gone"]
PostingState = Literal["due", "done", "waiting", "stuck", "withdrawn", "skipped", "review"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One subject at one place. `reason` says in words why it waits, is stuck, was skipped or withdrawn.

    `subject` is `piece`, `catchup`, `digest` or `queue` (a piece, for moderators). `revision` rises whenever what
    should be shown may have changed. In `review` it waits for a moderator. `doubted`: it may have been posted since
    then, before a copy was brought back, so it is looked up first.
    """

    id: int
    place: int
    subject: str
    subject_id: int
    want: Want
    revision: int
    state: PostingState
    reason: str
    due: datetime | None
    attempts: int
    doubted: datetime | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a posting that was worked on. `state` None: nothing that the rows do not say already."""

    state: PostingState | None
    reason: str = ""
    due: datetime | None = None
    attempts: int = 0


NOTED = Outcome(None)


def from_row(row: Row) -> Posting:
    return Posting(
        id=row["id"],
        place=row["place_id"],
        subject=row["subject"],
        subject_id=row["subject_id"],
        want=row["want"],
        revision=row["revision"],
        state=row["state"],
        reason=row["reason"],
        due=None if row["due_at"] is None else moment(row["due_at"]),
        attempts=row["attempts"],
        doubted=None if row["doubted_at"] is None else moment(row["doubted_at"]),
    )


def _leaf(row: Row) -> Leaf:
    doing: Doing | None = row["doing"]
    return Leaf(
        name=row["name"],
        epoch=row["epoch"],
        ref=Ref.parse(row["ref"]) if row["ref"] else None,
        shown=row["shown"],
        doing=doing,
        doing_since=None if row["doing_since"] is None else moment(row["doing_since"]),
        doing_digest=row["doing_digest"],
        misses=row["misses"],
    )


async def want(
    tx: Tx, place: int, subject: str, subject_id: int, *, due: datetime, now: datetime, reason: str = ""
) -> bool:
    """A place should show a subject; false if a posting is there already, which is then left alone."""
    return bool(await want_all(tx, (place,), subject, subject_id, due=due, now=now, reason=reason))


async def want_all(
    tx: Tx, places: Iterable[int], subject: str, subject_id: int, *, due: datetime, now: datetime, reason: str = ""
) -> set[int]:
    """The same for many places, in a few statements; gives those that had no posting of it yet."""
    rows = await tx.read("select place_id from posting where subject=? and subject_id=?", subject, subject_id)
    new = set(places) - {row["place_id"] for row in rows}
    await tx.many(
        """insert into posting(
               place_id, subject, subject_id, want, revision, state, reason, due_at, created_at, changed_at, doubted_at)
           values(?,?,?,'show',1,'due',?,?,?,?, (select doubted_at from piece where ?='piece' and id=?))""",
        [
            (place, subject, subject_id, reason, micros(due), micros(now), micros(now), subject, subject_id)
            for place in sorted(new)
        ],
    )
    await wake_lanes(tx, new, micros(due))
    return new


async def subject_changed(tx: Tx, subject: str, subject_id: int, now: datetime, *, due: datetime | None = None) -> int:
    """What is shown of a subject may have changed: every posting of it, or that names it, is looked at again. Gives how
    many. What is due before stays so: a change that can wait does not hold up one that can't.
    """
    at = micros(due or now)
    rows = await tx.read(
        """update posting set revision=revision+1, state='due', attempts=0, reason='', changed_at=?,
               due_at=case when due_at < ? then due_at else ? end
           where state not in ('withdrawn', 'skipped', 'review') and (subject=? and subject_id=?
             or subject='queue' and ?='piece' and subject_id=?
             or subject='catchup' and ?='piece'
                and subject_id in (select catchup_id from catchup_piece where piece_id=?)
             or subject='digest' and ?='piece'
                and subject_id in (select edition_id from edition_piece where piece_id=?)
             or subject='piece' and ?='piece'
                and subject_id in (select piece_id from related where other_id=?)) returning place_id, subject""",
        micros(now), at, at, *(subject, subject_id) * 5,
    )  # fmt: skip
    await wake_lanes(tx, [row["place_id"] for row in rows], at)
    return sum(row["subject"] != "queue" for row in rows)


async def again(tx: Tx, subject: str, subject_id: int, place: int | None, now: datetime) -> list[str]:
    """Show a subject again where somebody removed it, where it is stuck or was rolled up; gives the places."""
    where, args = ("and place_id=?", (place,)) if place is not None else ("", ())
    rows = await tx.read(
        f"""update posting set revision=revision+1, state='due', due_at=?, attempts=0, reason='', changed_at=?
            where subject=? and subject_id=? and state in ('withdrawn', 'stuck', 'skipped') {where}
            returning place_id""",
        micros(now), micros(now), subject, subject_id, *args,
    )  # fmt: skip
    ids = [row["place_id"] for row in rows]
    await wake_lanes(tx, ids, micros(now))
    found = await tx.read(f"select platform, channel from place where id in ({marks(len(ids))}) order by id", *ids)
    return [f"{row['platform']}:{row['channel']}" for row in found]


async def of_subject(db: Reader, subject: str, subject_id: int) -> list[Posting]:
    rows = await db.read("select * from posting where subject=? and subject_id=? order by id", subject, subject_id)
    return [from_row(row) for row in rows]


async def at_place(db: Reader, place: int, subject: str, subject_id: int) -> Posting | None:
    rows = await db.read(
        "select * from posting where place_id=? and subject=? and subject_id=?", place, subject, subject_id
    )
    return from_row(rows[0]) if rows else None


async def leaves(db: Reader, posting: int) -> dict[str, Leaf]:
    """The leaves of a posting by name, in order."""
    rows = await db.read("select * from leaf where posting_id=? order by position", posting)
    return {row["name"]: _leaf(row) for row in rows}


async def place_leaves(tx: Tx, posting: int, names: Iterable[tuple[str, int]]) -> None:
    """Make rows for (name, position) that have none yet, and keep positions current. Those of a doubted posting are as
    if they were being sent: they are looked up.
    """
    await tx.many(
        """insert into leaf(posting_id, name, position, doing, doing_since)
           select id, cast(? as text), cast(? as bigint), case when doubted_at is not null then 'send' end, doubted_at
           from posting where id=?
           on conflict(posting_id, name) do update set position=excluded.position""",
        [(name, position, posting) for name, position in names],
    )


async def never_sent(tx: Tx, posting: int) -> None:
    """A doubted posting stands nowhere: it begins as any other does."""
    await tx.run("delete from leaf where posting_id=? and epoch=0", posting)
    await tx.run("update leaf set doing=null, doing_since=null, misses=0 where posting_id=?", posting)
    await tx.run("update posting set doubted_at=null where id=?", posting)


async def begin(db: Db, posting: int, name: str, doing: Doing, digest: str | None, now: datetime) -> None:
    """Write down what is about to be asked of the platform; committed before the request."""
    await db.put(
        "update leaf set doing=?, doing_since=?, doing_digest=?, misses=0 where posting_id=? and name=?",
        (doing, micros(now), digest, posting, name),
    )


async def refused(db: Db, posting: int, name: str) -> None:
    """The platform surely did not do it: nothing is in doubt any more."""
    await db.put(
        "update leaf set doing=null, doing_since=null, doing_digest=null, misses=0 where posting_id=? and name=?",
        (posting, name),
    )


async def missed(db: Db, posting: int, name: str) -> None:
    """A look-up read everything and did not find it."""
    await db.put("update leaf set misses=misses+1 where posting_id=? and name=?", (posting, name))


async def shown(
    tx: Tx,
    place: Place,
    posting: Posting,
    name: str,
    ref: Ref,
    digest: str,
    now: datetime,
    *,
    piece: int | None,
    section: str | None,
) -> None:
    """A leaf stands under `ref`. Its anchors are known from now on, and what was heard of them early is heard again.
    The channel may have got another id while we were sending.
    """
    rows = await tx.read(
        """update leaf set ref=?, shown=?, shown_at=?, doing=null, doing_since=null, doing_digest=null, misses=0
           where posting_id=? and name=? returning id""",
        ref.text(), digest, micros(now), posting.id, name,
    )  # fmt: skip
    there = await tx.one(
        """select coalesce(m.channel, p.channel) as channel from place p
           left join moved m on m.platform=p.platform and m.former=p.channel where p.id=?""",
        place.id,
    )
    assert there is not None
    for anchor in ref.anchors:
        await tx.run(
            """insert into anchor(platform, channel, anchor, place_id, piece_id, section, leaf_id)
               values(?,?,?,?,coalesce((select into_id from merged where piece_id=?), ?),?,?)
               on conflict(anchor, channel, platform) do update
               set piece_id=excluded.piece_id, section=excluded.section, leaf_id=excluded.leaf_id""",
            place.platform, there["channel"], anchor, place.id, piece, piece, section, rows[0]["id"],
        )  # fmt: skip
    await unpark(tx, {(place.platform, there["channel"], anchor) for anchor in ref.anchors})


async def vanished(db: Db, posting: int, name: str) -> None:
    """A leaf is surely gone from the chat: the next message under its name has a key of its own."""
    await db.put(
        """update leaf set ref=null, shown=null, epoch=epoch+1, doing=null, doing_since=null, doing_digest=null,
               misses=0 where posting_id=? and name=?""",
        (posting, name),
    )


_CLOSE = """update posting set state=?, reason=?, due_at=?, attempts=?, changed_at=?,
    doubted_at=case when ?='done' then null else doubted_at end where id=? and revision=?"""


def closing(posting: Posting, outcome: Outcome, now: datetime) -> list[tuple[str, Args]]:
    """The statements that note an outcome. If the subject changed meanwhile (`revision` moved on), it stays due."""
    if outcome.state is None:
        return []
    due = None if outcome.due is None else micros(outcome.due)
    row = (outcome.state, outcome.reason, due, outcome.attempts, micros(now), outcome.state)
    return [(_CLOSE, (*row, posting.id, posting.revision))]


async def leaf_ids(tx: Tx, posting: int, name: str) -> list[int]:
    """The id of a leaf by its name, as a list of one or none."""
    rows = await tx.read("select id from leaf where posting_id=? and name=?", posting, name)
    return [row["id"] for row in rows]


async def withdraw_here(tx: Tx, leaf_ids: Iterable[int], reason: str, now: datetime) -> None:
    """Somebody deleted our message in the chat: this place shows nothing of that posting until told otherwise."""
    for leaf in leaf_ids:
        await tx.run(
            """update posting set state='withdrawn', reason=?, due_at=null, changed_at=?
               where id=(select posting_id from leaf where id=?) and state <> 'withdrawn'""",
            reason, micros(now), leaf,
        )  # fmt: skip
        await tx.run("update leaf set ref=null, shown=null, epoch=epoch+1, doing=null where id=?", leaf)


async def posted_since(db: Reader, place: int, since: datetime) -> int:
    """How many pieces a place began to show since a time (for its daily cap)."""
    rows = await db.read(
        """select count(*) as n from leaf l join posting p on p.id=l.posting_id
           where p.place_id=? and p.subject='piece' and l.name='card' and l.shown_at >= ?""",
        place, micros(since),
    )  # fmt: skip
    return int(rows[0]["n"])


async def backlog(db: Reader, place: int, now: datetime) -> list[tuple[int, int, datetime]]:
    """Pieces of a place that are due and not begun: (posting id, piece, published), newest first."""
    rows = await db.read(
        """select o.id, o.subject_id, p.published_at from posting o join piece p on p.id=o.subject_id
           where o.place_id=? and o.subject='piece' and o.want='show' and o.due_at <= ? and p.state='published'
             and o.doubted_at is null
             and not exists(select 1 from leaf l where l.posting_id=o.id)
           order by p.published_at desc, p.id desc""",
        place, micros(now),
    )  # fmt: skip
    return [(row["id"], row["subject_id"], moment(row["published_at"])) for row in rows]


async def roll_up(
    tx: Tx, place: int, postings: list[tuple[int, int]], reason: str, due: datetime, now: datetime
) -> None:
    """Show several (posting, piece) in one message instead: never dropped, and said on each posting."""
    row = await tx.one(
        "insert into catchup(place_id, reason, created_at) values(?,?,?) returning id", place, reason, micros(now),
    )  # fmt: skip
    assert row is not None
    await tx.many(
        "insert into catchup_piece(piece_id, catchup_id, position) values(?,?,?)",
        [(piece, row["id"], position) for position, (_, piece) in enumerate(postings)],
    )
    ids = [posting for posting, _ in postings]
    await tx.run(
        f"update posting set state='skipped', reason=?, due_at=null, changed_at=? where id in ({marks(len(ids))})",
        f"{reason}: in catch-up {row['id']}", micros(now), *ids,
    )  # fmt: skip
    await want(tx, place, "catchup", row["id"], due=due, now=now, reason=reason)


async def catchup(db: Reader, number: int) -> tuple[list[int], str]:
    """The pieces of a catch-up message and why it was made."""
    rows = await db.read("select reason from catchup where id=?", number)
    members = await db.read("select piece_id from catchup_piece where catchup_id=? order by position", number)
    return [row["piece_id"] for row in members], rows[0]["reason"]


async def cards(
    db: Reader, piece: int, near: tuple[str, str | None, str], limit: int = 3
) -> list[tuple[str, str, str, str]]:
    """Where a piece's card stands: (platform, channel, anchor, community). `near` is a platform, channel and community:
    a card in that channel comes first, then one in that community, then one on that platform, then the oldest.
    """
    platform, channel, community = near
    rows = await db.read(
        """select a.platform, a.channel, a.anchor, p.community from anchor a
           join leaf l on l.id=a.leaf_id join place p on p.id=a.place_id
           where a.piece_id=? and l.name='card' and substr(l.ref || ' ', 1, length(a.anchor) + 1) = a.anchor || ' '
           order by case when a.platform <> ? then 3 when a.channel=? then 0 when p.community=? then 1 else 2 end, a.id
           limit ?""",
        piece, platform, channel or "", community or "?", limit,
    )  # fmt: skip
    return [(row["platform"], row["channel"], row["anchor"], row["community"]) for row in rows]


async def near(
    db: Reader, pieces: Sequence[int], platform: str, channel: str, community: str
) -> dict[tuple[int, str | None], tuple[str, str]]:
    """Where pieces and their sections stand in one community: (channel, message) by piece and section (None: the card).

    In that channel where they stand there, else in the community's oldest place.
    """
    found: dict[tuple[int, str | None], tuple[str, str]] = {}
    for condition, value in (("p.channel=?", channel), ("p.community=? and p.community <> ''", community)):
        missing = [one for one in pieces if (one, None) not in found]
        if not missing:
            break
        rows = await db.read(
            f"""select o.subject_id as piece, l.name, l.ref, p.channel from place p
                join posting o on o.place_id=p.id and o.subject='piece' and o.subject_id in ({marks(len(missing))})
                join leaf l on l.posting_id=o.id
                where p.platform=? and {condition} and l.ref is not null
                  and (l.name='card' or l.name like 'section:%:0') order by p.id limit 10000""",
            *missing, platform, value,
        )  # fmt: skip
        for row in rows:
            section = None if row["name"] == "card" else row["name"].split(":")[1]
            found.setdefault((row["piece"], section), (row["channel"], Ref.parse(row["ref"]).id))
    return found


async def states(db: Db) -> list[tuple[int, str, int]]:
    """How many postings each place has in each state: (place, state, count)."""
    rows = await db.read("select place_id, state, count(*) as n from posting group by place_id, state")
    return [(row["place_id"], row["state"], row["n"]) for row in rows]
