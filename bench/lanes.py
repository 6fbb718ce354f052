"""Messages a second that lanes hand out, with one place that has half of them all: claims, heads and outcomes as rows.

What a platform takes is left out: each message that is claimed counts as shown. `pending` of them wait at 1,000 places.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.engines import engines, opened
from core.times import SECOND, micros
from storage import places, postings
from storage.db import Db, Tx

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
    """Claim lanes, take the head of each, note that it is shown, give the lane back; gives how many."""
    claimed = await places.claim_lanes(db, "bench", NOW, 60 * SECOND, AT_ONCE)

    async def work(tx: Tx) -> None:
        for place in claimed:
            posting = await postings.head(tx, place.id, NOW)
            assert posting is not None
            await postings.set_state(tx, posting, "done", due=None, now=NOW)
            await places.release_lane(tx, place.id, "bench")

    await db.write(work)
    return len(claimed)


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    lines = []
    with TemporaryDirectory() as name, engines() as there:
        for engine, address in there.items():
            for pending in (2_000,) if quick else (2_000, 100_000):
                async with opened(address, Path(name), f"lanes{pending}") as db:
                    await _fill(db, pending)
                    claims: list[float] = []
                    shown, began = 0, time.perf_counter()
                    while time.perf_counter() - began < (2 if quick else 8):
                        before = time.perf_counter()
                        if not (some := await _round(db)):
                            break
                        claims.append(time.perf_counter() - before)
                        shown += some
                    took = time.perf_counter() - began
                    left = (await db.read("select count(*) as n from posting where state='due'"))[0]["n"]
                    assert left == pending - shown, "a message was handed out twice, or not at all"
                claims.sort()
                lines.append(
                    {"bench": "lanes", "engine": engine, "pending": pending, "messages_per_s": round(shown / took),
                     "aim_per_s": AIM[engine], "ratio_to_aim": round(shown / took / AIM[engine], 2),
                     "round_p50_ms": round(claims[len(claims) // 2] * 1000, 2), "load": round(os.getloadavg()[0], 1)}
                )  # fmt: skip
    return lines
