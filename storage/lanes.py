"""Lanes: in the row of a place stand when something is due there and who works on it.

A lane is taken together with the posting that is next at that place, and given back when that one has gone as far as it
goes now: so no place holds up the others, however much waits there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from core.chat import Place
from core.times import micros
from storage import places, postings
from storage.db import Db, Tx
from storage.leases import Share, places_of
from storage.postings import Outcome, Posting

_RELEASE = """update place set lease_until=0, owner=null,
    due_at=(select min(due_at) from posting where place_id=place.id and due_at is not null) where id=? and owner=?"""
_POSTPONE = "update place set lease_until=0, owner=null, due_at=? where id=? and owner=?"


async def claim(
    db: Db, owner: str, now: datetime, lease: int, limit: int, shares: Mapping[str, Share] | None = None
) -> list[tuple[Place, Posting]]:
    """Take up to `limit` places that are due and that nobody works on, most overdue first, each with its head: the
    posting that has been due longest; before it those in doubt, since what they turn out to be decides how the others
    begin. `lease` in microseconds. Only those of our shares, by platform.
    """
    at = micros(now)
    ours, parts = places_of(shares)

    async def work(tx: Tx) -> list[tuple[Place, Posting]]:
        rows = await tx.read(
            f"""update place set lease_until=?, owner=? where id in (
                    select id from place where due_at <= ? and lease_until <= ? and paused is null {ours}
                    order by due_at limit ? {tx.dialect.claim})
                returning *""",
            at + lease, owner, at, at, *parts, limit,
        )  # fmt: skip
        if not rows:
            return []
        rows.sort(key=lambda row: (row["due_at"], row["id"]))  # RETURNING promises no order
        heads = await tx.read(
            f"""select o.* from {tx.dialect.numbers} as lane join posting o on o.id=coalesce(
                  (select id from posting where place_id=lane.value and due_at <= ? and doubted_at is not null
                   order by due_at, id limit 1),
                  (select id from posting where place_id=lane.value and due_at <= ? order by due_at, id limit 1))""",
            json.dumps([row["id"] for row in rows]), at, at,
        )  # fmt: skip
        head = {row["place_id"]: postings.from_row(row) for row in heads}
        await tx.many(_RELEASE, [(row["id"], owner) for row in rows if row["id"] not in head])
        return [(places.from_row(row), head[row["id"]]) for row in rows if row["id"] in head]

    return await db.write(work)


async def release(
    db: Db, owner: str, posting: Posting, outcome: Outcome, now: datetime, *, until: datetime | None = None
) -> None:
    """Give a lane back, with what became of the posting that was taken with it. It is due again when its earliest open
    posting is; `until`: not before then, whatever is due there.
    """
    back = (_RELEASE, (posting.place, owner)) if until is None else (_POSTPONE, (micros(until), posting.place, owner))
    first, *then = [*postings.closing(posting, outcome, now), back]
    await db.put(*first, *then)


async def free(db: Db) -> None:
    """Forget every lease: called once at start by the process that owns the database."""
    await db.write(lambda tx: tx.run("update place set lease_until=0, owner=null where owner is not null"))


async def next_due(db: Db, shares: Mapping[str, Share] | None = None) -> int | None:
    """When the next lane that runs is due, in microseconds."""
    ours, parts = places_of(shares)
    rows = await db.read(f"select min(due_at) as due from place where paused is null and lease_until=0 {ours}", *parts)
    due: int | None = rows[0]["due"]
    return due
