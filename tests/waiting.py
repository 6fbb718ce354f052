"""Waiting for what tells nobody that it has come true: a row, a log, another process."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable


async def until(true: Callable[[], object], within: float = 10.0, *, every: float = 0.005) -> None:
    """Returns when it is true, or what it gives is once that was awaited; TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while not (await found if inspect.isawaitable(found := true()) else found):  # noqa: ASYNC110 - as said above
            await asyncio.sleep(every)
