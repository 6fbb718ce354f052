"""Many who ask the same get one answer, not one each: while it is being worked out, and for as long as it holds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from typing_extensions import override

from core.times import now

T = TypeVar("T")

FOR = timedelta(seconds=10)
"""How long an answer holds though nothing changed: its window moves on, and messages that it points to come and go."""
MOST = 1000  # answers that are kept


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Any
    changes: int
    at: datetime


class Same:
    """A value as part of a key, where only this very one will do."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other._value is self._value

    @override
    def __hash__(self) -> int:
        return id(self._value)


class Together:
    """`await together(key, make)`: what `make` gives, made once for all who ask by this key before it is begun.

    What was begun already is not given to who comes later, unless nothing changed since: no answer is older than its
    question. The key must say all that the answer depends on, who may see it above all; and the answer must be nothing
    that is changed afterwards. `changes` is another number after each change of what answers are made of, None where
    that is not known.
    """

    def __init__(self, changes: Callable[[], int | None] = lambda: None, clock: Callable[[], datetime] = now) -> None:
        self._changes, self._clock = changes, clock
        self._begun: dict[Hashable, asyncio.Task[Any]] = {}
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()  # the one that was made last is last

    async def __call__(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        if (kept := self._holds(key)) is not None:
            known: T = kept.answer
            return known
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._made(key, make), name="answer for many")
        made: T = await asyncio.shield(task)  # who asked may go away; the others still want it
        return made

    async def _made(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        if (before := self._begun.get(key)) is not None:
            await asyncio.wait([before])
        mine = self._next.pop(key)
        if (kept := self._holds(key)) is not None:  # nothing changed while that one was made
            known: T = kept.answer
            return known
        self._begun[key] = mine
        changes, at = self._changes(), self._clock()  # before anything is read
        try:
            made = await make()
        finally:
            if self._begun.get(key) is mine:
                del self._begun[key]
        if changes is not None:
            self._keep(key, _Kept(made, changes, at))
        return made

    def _holds(self, key: Hashable) -> _Kept | None:
        kept = self._kept.get(key)
        return kept if kept is not None and self._is_good(kept) else None

    def _is_good(self, kept: _Kept) -> bool:
        return kept.changes == self._changes() and timedelta() <= self._clock() - kept.at < FOR

    def _keep(self, key: Hashable, made: _Kept) -> None:
        """Keep it, and nothing that holds no more: those that were made first end first."""
        self._kept[key] = made
        self._kept.move_to_end(key)
        while self._kept and (len(self._kept) > MOST or not self._is_good(next(iter(self._kept.values())))):
            self._kept.popitem(last=False)
