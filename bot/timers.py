"""What the clock makes due: pieces whose embargo has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from bot import ingest
from core.times import Clock
from storage import pieces
from storage.db import Db

log = structlog.get_logger()

LOOK_EVERY = 15.0  # seconds; a clock that jumps is noticed by then


async def run(db: Db, clock: Clock, publish: Callable[[], None]) -> None:
    """Look until cancelled."""
    while True:
        if await release(db, clock):
            publish()
        await asyncio.sleep(LOOK_EVERY)


async def release(db: Db, clock: Clock) -> list[int]:
    """Publish what was under embargo until now; gives the numbers of the pieces."""
    due = await pieces.embargo_over(db, clock())
    for number in due:
        await db.write(lambda tx, number=number: ingest.let_out(tx, number, clock()))  # type: ignore[misc]
        log.info("piece.embargo-over", piece=number)
    return due
