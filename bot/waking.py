"""Waiting for work: until somebody says that there is some, or for so long."""

from __future__ import annotations

import asyncio


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, at the latest after so long. Not `wait_for`: in Python 3.11 it forgets that it was
    cancelled if it is woken at the same moment.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
