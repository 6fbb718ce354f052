"""What changed in a room lately, for pages that watch it by Server-Sent Events.

Only names of what changed are remembered; a watcher gets the present state of each, so a slow one costs nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator

from bot.platforms.room import Room

REMEMBERED = 1000  # changes; a page that was away for longer loads anew
HEARTBEAT = 15.0  # seconds

Change = tuple[str, str]
"""(`message`, `channel` or `person`, its id), (`reset`, "") for: load anew, (`still`, "") for: nothing new."""


class Live:
    """A cursor is `boot-number`; one from before a restart can't be resumed."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._boot = secrets.token_hex(4)
        self._count = 0
        self._recent: deque[tuple[int, Change]] = deque(maxlen=REMEMBERED)
        self._tick = asyncio.Event()
        self._closed = False
        room.listeners.append(self._heard)

    @property
    def cursor(self) -> str:
        return f"{self._boot}-{self._count}"

    def close(self) -> None:
        """Ends all watchers."""
        self._closed = True
        self._wake()

    def reopen(self) -> None:
        self._closed = False

    async def watch(self, cursor: str) -> AsyncIterator[tuple[str, Change]]:
        """Yields (cursor, change) for what changed after `cursor`, until `close`."""
        boot, _, number = cursor.partition("-")
        seen = int(number) if boot == self._boot and number.isdecimal() else -1
        while not self._closed:
            if not self._count - len(self._recent) <= seen <= self._count:
                seen = self._count
                yield self.cursor, ("reset", "")
            fresh = {change: count for count, change in self._recent if count > seen}
            for change, count in sorted(fresh.items(), key=lambda one: one[1]):
                yield f"{self._boot}-{count}", change
            seen = max([seen, *fresh.values()])
            if seen == self._count:
                try:
                    await asyncio.wait_for(self._tick.wait(), HEARTBEAT)
                except TimeoutError:
                    yield f"{self._boot}-{seen}", ("still", "")

    def _heard(self, op: str, name: str) -> None:
        kind = op if op in ("channel", "person") else "message"
        entry = self._room.entry(name) if kind == "message" else None
        if kind == "message" and entry is None:
            return
        for each in (name, entry.under if entry else None):  # the root shows how many replies it has
            if each is not None:
                self._count += 1
                self._recent.append((self._count, (kind, each)))
        self._wake()

    def _wake(self) -> None:
        self._tick.set()
        self._tick = asyncio.Event()
