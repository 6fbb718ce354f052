"""The whole at a glance: counts for `status`, and every row in order for `export`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from storage.db import Db, Row

PAGE = 1000  # rows read at a time


async def counts(db: Db) -> dict[str, int]:
    """How many pieces, comments, reactions, events in the journal and events that wait for their message."""
    (row,) = await db.read(
        """select (select count(*) from piece) as pieces,
             (select count(*) from comment where state <> 'erased') as comments,
             (select count(*) from reaction where present=1) as reactions, (select count(*) from heard) as journal,
             (select count(*) from parked) as parked"""
    )
    return {name: row[name] for name in ("pieces", "comments", "reactions", "journal", "parked")}


async def is_new(db: Db) -> bool:
    """Whether nothing was ever set up here."""
    rows = await db.read("select (select count(*) from source) + (select count(*) from place) as n")
    return not rows[0]["n"]


@dataclass(frozen=True, slots=True)
class Open:
    """A posting that is not done, and why."""

    place: str
    subject: str
    state: str
    reason: str


async def open_postings(db: Db, limit: int = 20) -> list[Open]:
    """Postings that are stuck or wait, newest change first."""
    rows = await db.read(
        """select o.state, o.reason, o.subject, o.subject_id, p.platform, p.channel from posting o
           join place p on p.id=o.place_id where o.state in ('stuck', 'waiting') order by o.changed_at desc limit ?""",
        limit,
    )
    return [
        Open(
            f"{row['platform']}:{row['channel']}", f"{row['subject']} {row['subject_id']}", row["state"], row["reason"]
        )
        for row in rows
    ]


# --- every row, for export ---


async def piece_numbers(db: Db) -> AsyncIterator[int]:
    async for row in _paged(db, "select id from piece where id > ? order by id limit ?"):
        yield row["id"]


async def all_postings(db: Db) -> AsyncIterator[tuple[Row, list[Row]]]:
    """Each posting with its place, and its leaves in order."""
    sql = """select o.*, p.platform, p.channel from posting o join place p on p.id=o.place_id
             where o.id > ? order by o.id limit ?"""
    async for row in _paged(db, sql):
        leaves = await db.read("select name, ref, shown_at from leaf where posting_id=? order by position", row["id"])
        yield row, leaves


async def all_reactions(db: Db) -> AsyncIterator[Row]:
    """Every reaction that stands, piece by piece."""
    async for number in piece_numbers(db):
        for row in await db.read(
            """select r.piece_id, r.kind, r.source, r.at, e.name as emoji, p.platform, p.hash, a.channel,
                   a.anchor, a.comment_id, a.section
               from reaction r join emoji e on e.id=r.emoji_id join person p on p.id=r.person_id
               join anchor a on a.id=r.anchor_id where r.piece_id=? and r.present=1 order by r.at""",
            number,
        ):
            yield row


async def all_comments(db: Db) -> AsyncIterator[Row]:
    """Every comment that was not erased."""
    sql = """select c.*, a.platform, a.channel, a.anchor, p.account, p.name, coalesce(s.agree, 0) as agree,
                 coalesce(s.disagree, 0) as disagree from comment c join anchor a on a.id=c.anchor_id
             left join person p on p.id=c.person_id left join comment_score s on s.comment_id=c.id
             where c.id > ? and c.state <> 'erased' order by c.id limit ?"""
    async for row in _paged(db, sql):
        yield row


async def _paged(db: Db, sql: str) -> AsyncIterator[Row]:
    """Rows by rising id, a page at a time; the statement takes (last id, limit)."""
    last = 0
    while rows := await db.read(sql, last, PAGE):
        for row in rows:
            yield row
        last = rows[-1]["id"]
