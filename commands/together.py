"""Many who ask the same while it is being worked out get one answer, not one each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Together:
    """`await together(key, make)`: what `make` gives, made once for all who ask by this key before it is begun.

    What was begun already is not given to who comes later: no answer is older than its question. The key must say
    all that the answer depends on, who may see it above all.
    """

    def __init__(self) -> None:
        self._begun: dict[Hashable, asyncio.Task[Any]] = {}
        self._next: dict[Hashable, asyncio.Task[Any]] = {}

    async def __call__(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._made(key, make), name="answer for many")
        made: T = await asyncio.shield(task)  # who asked may go away; the others still want it
        return made

    async def _made(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        if (before := self._begun.get(key)) is not None:
            await asyncio.wait([before])
        mine = self._begun[key] = self._next.pop(key)
        try:
            return await make()
        finally:
            if self._begun.get(key) is mine:
                del self._begun[key]
