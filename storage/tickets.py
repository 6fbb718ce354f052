"""What moderators should look at: reports by readers and comments that a rule held, as numbered tickets.

A ticket belongs to one comment, or to one piece; whoever reports the same while it is open adds to its count. Its card
is shown at the moderators' places like any other subject.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.times import micros, moment
from storage.db import Reader, Row, Tx, marks
from storage.postings import subject_changed, want_all
from storage.readers import Who, named

SUBJECT = "ticket"
"""Postings of tickets; the subject's id is the ticket's number."""
Outcome = Literal["open", "hidden", "shown", "dismissed", "gone"]
SOMEBODY = 0
"""`ticket.closed_by` when who it was is not known any more; null when it was nobody, but a rule."""
REPORT = "report"
"""The reason of a ticket that readers made; of others it is the kind of rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One ticket; `reports`: by how many readers, `by`: who closed it, empty if not known."""

    number: int
    piece: int
    comment: int | None
    reason: str
    state: Outcome
    opened: datetime
    closed: datetime | None
    by: str
    reports: int


_TICKET = """select t.*, (select count(*) from ticket_report r where r.ticket_id=t.id) as reports,
        case when t.closed_by is null then 'Rondan' else coalesce(nullif(p.name, ''), p.account, '') end as by_name
    from ticket t left join person p on p.id=t.closed_by"""


def _ticket(row: Row) -> Ticket:
    return Ticket(
        number=row["id"],
        piece=row["piece_id"],
        comment=row["comment_id"],
        reason=row["reason"],
        state=row["state"],
        opened=moment(row["opened_at"]),
        closed=None if row["closed_at"] is None else moment(row["closed_at"]),
        by=row["by_name"],
        reports=row["reports"],
    )


async def ticket(db: Reader, number: int) -> Ticket | None:
    """One ticket."""
    rows = await db.read(f"{_TICKET} where t.id=?", number)
    return _ticket(rows[0]) if rows else None


async def waiting(db: Reader, limit: int, *, at: Collection[int] | None = None) -> list[Ticket]:
    """Those that are open, oldest first; with `at` only on comments that were made at these places."""
    there = ""
    if at is not None:
        there = f"and t.comment_id in (select id from comment where place_id in ({marks(len(at))}))"
    rows = await db.read(f"{_TICKET} where t.state='open' {there} order by t.id limit ?", *(at or ()), limit)
    return [_ticket(row) for row in rows]


async def report(tx: Tx, piece: int, comment: int | None, who: str, now: datetime) -> tuple[int, bool]:
    """A reader (a keyed hash) reports something; gives the ticket's number, and false if they had done so before."""
    same = "t.piece_id=? and coalesce(t.comment_id, 0)=?"
    about = (piece, comment or 0)
    row = await tx.one(
        f"select t.id from ticket t join ticket_report r on r.ticket_id=t.id where {same} and r.hash=?", *about, who
    )
    if row is not None:
        return int(row["id"]), False
    row = await tx.one(f"select t.id from ticket t where {same} and t.state='open'", *about)
    number = int(row["id"]) if row is not None else await _open(tx, piece, comment, REPORT, now)
    await tx.run("insert into ticket_report(ticket_id, hash, at) values(?,?,?)", number, who, micros(now))
    await subject_changed(tx, SUBJECT, number, now)
    return number, True


async def hold(tx: Tx, piece: int, comment: int, reason: str, now: datetime) -> None:
    """A rule holds a comment: it gets a ticket, or the one that is open says so."""
    row = await tx.one("select id from ticket where comment_id=? and state='open'", comment)
    if row is None:
        await _open(tx, piece, comment, reason, now)
    else:
        await tx.run("update ticket set reason=? where id=?", reason, row["id"])


async def _open(tx: Tx, piece: int, comment: int | None, reason: str, now: datetime) -> int:
    row = await tx.one(
        "insert into ticket(piece_id, comment_id, reason, opened_at) values(?,?,?,?) returning id",
        piece, comment, reason, micros(now),
    )  # fmt: skip
    assert row is not None
    desks = await tx.read("select id from place where layout='queue' and coalesce(paused, '') <> 'removed'")
    await want_all(tx, [one["id"] for one in desks], SUBJECT, int(row["id"]), due=now, now=now)
    return int(row["id"])


async def fill(tx: Tx, place: int, now: datetime) -> None:
    """A place of moderators was added: it gets the open tickets, oldest first."""
    for row in await tx.read("select id from ticket where state='open' order by id"):
        await want_all(tx, (place,), SUBJECT, row["id"], due=now, now=now)


async def close(tx: Tx, number: int, state: Outcome, by: Who | None, now: datetime) -> None:
    """Nobody need look at it any more."""
    await tx.run(
        "update ticket set state=?, closed_at=?, closed_by=? where id=? and state='open'",
        state, micros(now), None if by is None else await named(tx, by), number,
    )  # fmt: skip
    await subject_changed(tx, SUBJECT, number, now)


async def settle(tx: Tx, comments: Sequence[int], state: Outcome, by: Who | None, now: datetime) -> None:
    """What becomes of comments is decided: so are their open tickets."""
    for row in await tx.read(
        f"select id from ticket where state='open' and comment_id in ({marks(len(comments))})", *comments
    ):
        await close(tx, row["id"], state, by, now)


async def forget(tx: Tx, person: int, hashed: str, now: datetime) -> None:
    """Who reported and who closed is not known any more; the cards that name them are looked at."""
    await tx.run("delete from ticket_report where hash=?", hashed)
    for row in await tx.read(f"update ticket set closed_by={SOMEBODY} where closed_by=? returning id", person):
        await subject_changed(tx, SUBJECT, row["id"], now)


async def comments_changed(tx: Tx, comments: Collection[int], now: datetime) -> None:
    """Comments were reworded, hidden, shown or erased: the cards that quote them are looked at."""
    numbers = sorted(comments)
    for at in range(0, len(numbers), 400):
        some = numbers[at : at + 400]
        for row in await tx.read(f"select id from ticket where comment_id in ({marks(len(some))})", *some):
            await subject_changed(tx, SUBJECT, row["id"], now)
