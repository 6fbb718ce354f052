"""What moderators did and readers reported: append-only, one row an act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.times import micros, moment
from storage.db import Reader, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act. `number` counts up and is what a person who reported is told."""

    number: int
    at: datetime
    actor: str
    act: str
    target: str
    reason: str


async def record(
    tx: Tx, *, actor: str, act: str, target: str, before: str = "", after: str = "", reason: str = "", now: datetime
) -> int:
    """Write an act down, in the transaction that carries it out; gives its number."""
    row = await tx.one(
        "insert into act(at, actor, act, target, before, after, reason) values(?,?,?,?,?,?,?) returning id",
        micros(now), actor, act, target, before, after, reason,
    )  # fmt: skip
    assert row is not None
    return int(row["id"])


async def find(db: Reader, *, actor: str, act: str, target: str) -> int | None:
    """The number of an act that somebody did already."""
    rows = await db.read("select id from act where target=? and actor=? and act=? limit 1", target, actor, act)
    return int(rows[0]["id"]) if rows else None


async def acts(db: Reader, target: str | None = None, limit: int = 20) -> list[Act]:
    """The newest acts, of one target or of all."""
    where, args = ("where target=?", (target,)) if target else ("", ())
    rows = await db.read(f"select * from act {where} order by id desc limit ?", *args, limit)
    return [
        Act(
            number=row["id"],
            at=moment(row["at"]),
            actor=row["actor"],
            act=row["act"],
            target=row["target"],
            reason=row["reason"],
        )
        for row in rows
    ]
