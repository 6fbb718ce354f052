"""Messages a second that lanes hand out, with one place that has half of them all: claims, heads and outcomes as rows.

What a platform takes is left out: each message that is claimed counts as shown. `pending` of them wait at 1,000 places;
`workers` is how many rounds of 50 places go on at a time.
"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.engines import engines, opened
from core.chat import Place
from core.times import SECOND, micros
from storage import lanes
from storage.db import Db, Tx
from storage.postings import Outcome, Posting

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PLACES, AT_ONCE = 1_000, 50
AIM = {"sqlite": 25_000, "postgres": 15_000}


async def _fill(db: Db, pending: int) -> None:
    """Half of what waits is the hog's, place 1; each posting is due a little later than the one before."""

    async def work(tx: Tx) -> None:
        at = micros(NOW) - pending
        await tx.many(
            "insert into place(id, platform, channel, created_at, due_at) values(?, 'web', ?, 0, ?)",
            [(number, str(number), at) for number in range(1, PLACES + 1)],
        )
        await tx.many(
            """insert into posting(place_id, subject, subject_id, want, revision, state, due_at, created_at, changed_at)
               values(?, 'piece', ?, 'show', 1, 'due', ?, 0, 0)""",
            [(1 if n % 2 else 2 + n // 2 % (PLACES - 1), n, at + n) for n in range(pending)],
        )

    await db.write(work)


async def _round(db: Db) -> int:
    """Claim lanes with their heads, note that each is shown, give the lanes back; gives how many."""
    claimed = await lanes.claim(db, "bench", NOW, 60 * SECOND, AT_ONCE)

    async def settle(place: Place, posting: Posting) -> None:
        await lanes.release(db, "bench", posting, Outcome("done"), NOW)

    await asyncio.gather(*(settle(*one) for one in claimed))
    return len(claimed)


async def _handed_out(db: Db, pending: int, workers: int, seconds: float) -> dict[str, Any]:
    """So many rounds at a time, until the time is over or only the hog has something left."""
    await _fill(db, pending)
    took: list[float] = []
    shown = 0
    began = time.perf_counter()

    async def work() -> None:
        nonlocal shown
        some = AT_ONCE
        while time.perf_counter() - began < seconds and some == AT_ONCE:
            before = time.perf_counter()
            some = await _round(db)
            took.append(time.perf_counter() - before)
            shown += some

    await asyncio.gather(*(work() for _ in range(workers)))
    all_in = time.perf_counter() - began
    left = (await db.read("select count(*) as n from posting where state='due'"))[0]["n"]
    assert left == pending - shown, "a message was handed out twice, or not at all"
    took.sort()
    return {
        "pending": pending, "workers": workers, "messages_per_s": round(shown / all_in),
        "round_p50_ms": round(took[len(took) // 2] * 1000, 2),
    }  # fmt: skip


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    lines = []
    with TemporaryDirectory() as name, engines() as there:
        for engine, address in there.items():
            for pending, workers in ((10_000, 1),) if quick else ((10_000, 1), (100_000, 1), (100_000, 4)):
                async with opened(address, Path(name), f"lanes{pending}at{workers}") as db:
                    figures = await _handed_out(db, pending, workers, 1 if quick else 8)
                ratio = round(figures["messages_per_s"] / AIM[engine], 2)
                lines.append(
                    {"bench": "lanes", "engine": engine, **figures, "aim_per_s": AIM[engine], "ratio_to_aim": ratio,
                     "load": round(os.getloadavg()[0], 1)}
                )  # fmt: skip
    return lines
