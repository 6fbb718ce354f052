"""Hours of events: whether memory, open files or the wait for a row grow. `--minutes 60 --rate 200`.

`rondan run` is a process of its own and so is the stand-in for Discord. Four of five events are reactions, the fifth is
a comment, each of somebody new. Each minute is told on standard error as it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from pathlib import Path
from statistics import linear_regression, median
from tempfile import TemporaryDirectory
from typing import Any

from bench.discord_program import essay, posted, publish, running
from bench.discord_server import serving
from bench.program import cpu, family, handles, program, resident

LOOK_EVERY = 0.005  # seconds; a wait is known no better
CHANNELS = 20
GROWING = ("rss_mb", "handles", "p50_ms", "p99_ms")
SETTLED = 0.2  # of the minutes, the first ones, are left out of a slope: caches fill


class Rows:
    """The comments that are in the database, and since when."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self.first = self.newest()

    def newest(self) -> int:
        """Of all comments: their numbers go up by one, and none is erased here."""
        return int(self._database.execute("select coalesce(max(id), 0) from comment").fetchone()[0])

    def kept(self) -> int:
        """Reactions and comments."""
        return int(
            self._database.execute(
                "select (select count(*) from reaction) + (select count(*) from comment)"
            ).fetchone()[0]
        )

    async def watch(self, seen: list[tuple[float, int]], count: int) -> None:
        """Notes when how many new ones were there, until there are so many."""
        first, last = self.newest(), 0
        async with asyncio.timeout(600):
            while last < count:
                if (now := self.newest() - first) != last:
                    seen.append((time.time(), now))
                    last = now
                await asyncio.sleep(LOOK_EVERY)

    def close(self) -> None:
        self._database.close()


def _waits(sent: list[float], seen: list[tuple[float, int]]) -> list[float]:
    """Milliseconds from the stand-in's socket to the row of each comment, sorted. They keep their order."""
    there = iter(seen)
    at, count = next(there)
    out = []
    for number, began in enumerate(sent, start=1):
        while count < number:
            at, count = next(there)
        out.append((at - began) * 1000)
    return sorted(out)


def _slopes(minutes: list[dict[str, Any]]) -> dict[str, float]:
    """By least squares, an hour, after the first minutes."""
    told = minutes[int(len(minutes) * SETTLED) :]
    if len(told) < 2:
        return {}
    hours = [one["minute"] / 60 for one in told]
    return {
        f"{what}_per_hour": round(linear_regression(hours, [one[what] for one in told]).slope, 2) for what in GROWING
    }


async def measure(quick: bool, minutes: int = 60, rate: int = 200) -> list[dict[str, Any]]:
    """One line for the whole; `quick`: two minutes."""
    minutes = 2 if quick else minutes
    told: list[dict[str, Any]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with serving() as far:
            await far("limit", rate=0)
            world = await far("world", guilds=1, channels=CHANNELS, layouts=["thread"])
            async with running(far.at, folder, 500, world) as house:
                await publish(house, essay(1))
                await posted(house)
            async with program(far.at, folder, 500) as ours:
                await far("connected")
                rows = Rows(folder / "rondan.db")
                before = rows.kept()
                warm = rate * 5 // 5 * 5  # five seconds, whole fives
                await asyncio.gather(rows.watch([], warm // 5), far("pace", events=warm, rate=rate))
                for minute in range(1, minutes + 1):
                    seen: list[tuple[float, int]] = []
                    events = rate * 60 // 5 * 5
                    used = cpu(family(ours.pid))
                    began = time.monotonic()
                    _, sent = await asyncio.gather(rows.watch(seen, events // 5), far("pace", events=events, rate=rate))
                    took = time.monotonic() - began
                    waits = _waits([at for kind, at in sent if kind == "comment"], seen)
                    told.append(
                        {"minute": minute, "rate": round(events / took, 1),
                         "p50_ms": round(median(waits), 1), "p99_ms": round(waits[len(waits) * 99 // 100], 1),
                         "max_ms": round(waits[-1], 1), "rss_mb": round(resident([ours.pid]), 1),
                         "family_mb": round(resident(family(ours.pid)), 1), "handles": handles(ours.pid),
                         "cpu_share": round((cpu(family(ours.pid)) - used) / took, 2),
                         "load": round(os.getloadavg()[0], 1)}
                    )  # fmt: skip
                    print(json.dumps(told[-1]), file=sys.stderr, flush=True)
                events = warm + minutes * (rate * 60 // 5 * 5)
                lost = events - (rows.kept() - before)
                rows.close()
            warnings = ours.warnings()
    first, last = told[0], told[-1]
    return [
        {"bench": f"soak, {minutes} minutes at {rate} events a second", "events": events, "lost": lost,
         "warnings": warnings, "cpu_share": round(sum(one["cpu_share"] for one in told) / minutes, 2),
         **{what: [first[what], last[what]] for what in GROWING}, "worst_p99_ms": max(one["p99_ms"] for one in told),
         "longest_ms": max(one["max_ms"] for one in told), **_slopes(told), "load": last["load"]}
    ]  # fmt: skip
