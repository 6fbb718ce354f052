"""What one more costs as there is more: places, feeds, pieces, events. Each figure is of one operation, by size.

`order` is the slope between two sizes on both logarithms: 0 where the cost stays, 1 where it grows as what there is.
Processor time, so that a busy machine tells the same; what waits (the disk, the network) stands in other benches.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.digest import NOW, QUICK, Size, big
from bench.events import event
from bot import ingest
from bot.collect import Collector
from commands.desk import Desk
from core.chat import Caller, Person, Place
from core.document import Document, Paragraph, spans
from core.pieces import Found
from core.stances import DEFAULT
from core.times import SECOND, micros
from storage import lanes, schema, sources
from storage.db import Db, Tx
from storage.postings import Outcome, Posting
from storage.sqlite import SqliteDb

CALLER = Caller(platform="web", person=Person(id="p1"), channel="general", community="web")
Work = Callable[[], Awaitable[int]]
"""Does something some times; gives how often."""


async def _cost(work: Work) -> float:
    """Milliseconds of processor time that one took, the least of three."""
    took = []
    for _ in range(3):
        began = time.process_time()
        count = await work()
        took.append((time.process_time() - began) * 1000 / count)
    return min(took)


def _lines(what: str, unit: str, costs: dict[int, float]) -> list[dict[str, Any]]:
    """One line a size."""
    lines: list[dict[str, Any]] = []
    before: tuple[int, float] | None = None
    for size, cost in costs.items():
        order = {}
        if before is not None and cost > 0 and before[1] > 0:
            order = {"order": round(math.log(cost / before[1]) / math.log(size / before[0]), 2)}
        lines.append({"bench": f"growth: {what}", unit: size, "cpu_ms": round(cost, 4), **order})
        before = (size, cost)
    return lines


# --- places ---


async def _places(folder: Path, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    takes: dict[int, float] = {}
    lanes: dict[int, float] = {}
    for size in sizes:
        db = await SqliteDb.open(folder / f"places{size}.db")
        try:
            await schema.migrate(db, NOW)
            await db.write(
                lambda tx, size=size: tx.many(  # type: ignore[misc]
                    "insert into place(id, platform, channel, created_at) values(?, 'web', ?, 0)",
                    [(number, str(number)) for number in range(1, size + 1)],
                )
            )
            taken = iter(range(10**6))

            async def take(db: Db = db, taken: Any = taken, size: int = size) -> int:
                await db.write(lambda tx: _take(tx, next(taken)))
                return size

            async def settle(db: Db = db) -> int:
                """A hundred lanes, or as many as there are."""
                done = await _settled(db)
                while done and done < 100 and (more := await _settled(db)):
                    done += more
                return max(1, done)

            takes[size] = await _cost(take)
            lanes[size] = await _cost(settle)
        finally:
            await db.close()
    return [*_lines("a posting of a new piece", "places", takes), *_lines("a lane", "places", lanes)]


async def _settled(db: Db) -> int:
    """Lanes with their heads: claimed, done, given back; gives how many."""
    claimed = await lanes.claim(db, "bench", NOW, 60 * SECOND, 100)

    async def settle(place: Place, posting: Posting) -> None:
        await lanes.release(db, "bench", posting, Outcome("done"), NOW)

    await asyncio.gather(*(settle(*one) for one in claimed))
    return len(claimed)


async def _take(tx: Tx, number: int) -> None:
    source = await sources.ensure_source(tx, kind="file", address="files", title="", text_mode="full", now=NOW)
    document = Document(blocks=(Paragraph(spans=spans(f"Piece {number} is about the night bus.")),))
    item = Found(identities=(f"guid:new{number}",), title=f"New {number}", document=document, fingerprint="1")
    await ingest.take(tx, source, item, now=NOW)


# --- feeds ---


async def _feeds(folder: Path, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    costs: dict[int, float] = {}
    for size in sizes:
        db = await SqliteDb.open(folder / f"feeds{size}.db")
        try:
            await schema.migrate(db, NOW)
            at = micros(NOW)
            await db.write(
                lambda tx, size=size, at=at: tx.many(  # type: ignore[misc]
                    """insert into source(id, kind, address, created_at, next_check_at, baseline_at)
                       values(?, 'feed', ?, 0, ?, 0)""",
                    [(n, f"https://pub{n}.example/feed", at + n * SECOND) for n in range(1, size + 1)],
                )
            )

            async def due(db: Db = db) -> int:
                for _ in range(100):
                    await sources.due_feeds(db, NOW, 50)
                    await sources.next_poll(db)
                return 100

            costs[size] = await _cost(due)
        finally:
            await db.close()
    return _lines("a look for feeds that are due", "feeds", costs)


# --- pieces, comments and reactions ---


async def _publication(db: Db, desk: Desk, size: Size, which: int) -> dict[str, float]:
    """What things cost in a publication of this size."""
    dice = random.Random(7)
    topics = [1 + int(dice.random() ** 2 * size.topics) for _ in range(20)]
    ears = Collector(db, DEFAULT, lambda: NOW)
    numbers = iter(range(which * 10**7, 10**9))

    async def fold() -> int:
        await asyncio.gather(*(ears.keep(event(next(numbers))) for _ in range(2000)))
        return await ears.fold_all()

    async def ask(*lines: str) -> int:
        for line in lines:
            reply = await desk.ask(CALLER, line)
            assert reply.ok, reply
        return len(lines)

    async def take() -> int:
        for _ in range(20):
            await db.write(lambda tx: _take(tx, next(numbers)))
        return 20

    return {
        "a digest of a topic, 7 days": await _cost(
            lambda: ask(*(f"/digest topic:'Topic {n}' period:7d" for n in topics))
        ),
        "a search for a word": await _cost(lambda: ask(*(f"/search bus{n}" for n in range(20)))),
        "an event": await _cost(fold),
        "a new piece": await _cost(take),
    }


async def _grown(folder: Path, what: str, sizes: dict[int, Size]) -> list[dict[str, Any]]:
    costs: dict[str, dict[int, float]] = {}
    for which, (number, size) in enumerate(sizes.items()):
        async with big(folder, size) as (db, desk):
            for name, cost in (await _publication(db, desk, size, which)).items():
                costs.setdefault(name, {})[number] = cost
    return [line for name, by_size in costs.items() for line in _lines(name, what, by_size)]


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        tens = (10, 100, 1_000) if quick else (10, 100, 1_000, 10_000)
        lines = [*await _places(folder, tens), *await _feeds(folder, tens)]
        pieces = (1_000, 4_000) if quick else (1_000, 10_000, 100_000)
        lines += await _grown(
            folder, "pieces", {n: replace(QUICK, pieces=n, comments=n * 10, reactions=n * 30) for n in pieces}
        )
        events = (100_000, 300_000) if quick else (1_000_000, 10_000_000)
        lines += await _grown(
            folder, "reactions",
            {n: replace(Size(), pieces=2_000 if quick else 10_000, comments=n // 10, reactions=n) for n in events},
        )  # fmt: skip
    return [{**line, "load": round(os.getloadavg()[0], 1)} for line in lines]


if __name__ == "__main__":
    for figure in asyncio.run(measure("--quick" in sys.argv)):
        print(json.dumps(figure, ensure_ascii=False), flush=True)
