"""What moderators did: append-only, one row an act."""

from __future__ import annotations

from datetime import datetime

from core.times import micros, moment
from storage.db import Db, Tx


async def record(
    tx: Tx, *, actor: str, act: str, target: str, before: str = "", after: str = "", reason: str = "", now: datetime
) -> None:
    """Write an act down, in the transaction that carries it out."""
    await tx.run(
        "insert into act(at, actor, act, target, before, after, reason) values(?,?,?,?,?,?,?)",
        micros(now), actor, act, target, before, after, reason,
    )  # fmt: skip


async def acts(db: Db, target: str | None = None, limit: int = 20) -> list[tuple[datetime, str, str, str, str]]:
    """The newest acts, of one target or of all: (when, actor, act, target, reason)."""
    where, args = ("where target=?", (target,)) if target else ("", ())
    rows = await db.read(f"select * from act {where} order by id desc limit ?", *args, limit)
    return [(moment(row["at"]), row["actor"], row["act"], row["target"], row["reason"]) for row in rows]
