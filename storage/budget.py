"""What a language model may still cost today: tokens by day (UTC), taken before they are spent.

Dying between the two leaves them taken: a budget is kept rather too well than not.
"""

from __future__ import annotations

from datetime import datetime

from core.times import DAY, micros
from storage.db import Reader, Tx


def day_of(now: datetime) -> int:
    """Days since 1970."""
    return micros(now) // DAY


async def take(tx: Tx, day: int, tokens: int, budget: int) -> bool:
    """Take tokens of a day for one request; false, and nothing is taken, if that is more than are left."""
    if tokens > budget:
        return False
    return bool(
        await tx.run(
            """insert into model_day(day, tokens, requests) values(?,?,1)
               on conflict(day) do update set tokens=model_day.tokens + excluded.tokens, requests=model_day.requests + 1
               where model_day.tokens + excluded.tokens <= ?""",
            day, tokens, budget,
        )
    )  # fmt: skip


async def give_back(tx: Tx, day: int, tokens: int) -> None:
    """A request cost so much less than was taken for it; less than 0: more."""
    await tx.run("update model_day set tokens=tokens - ? where day=?", tokens, day)


async def spent(db: Reader, day: int) -> tuple[int, int]:
    """(tokens, requests) of a day."""
    rows = await db.read("select tokens, requests from model_day where day=?", day)
    return (rows[0]["tokens"], rows[0]["requests"]) if rows else (0, 0)
