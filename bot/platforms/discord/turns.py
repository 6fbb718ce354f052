"""Whose turn it is when more is asked than can be done at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

ROUND = 16  # turns in one round of the event loop: what else is to be done in it, promises above all, waits for no more
SHARE = 4  # every how manieth turn is that of somebody who was promised an answer, if others wait too


@dataclass(slots=True, eq=False)
class _Waiting:
    """Somebody in the line. `promised`: whether they were told by now that it takes longer."""

    promised: Callable[[], bool]
    turn: asyncio.Future[None]


class Turns:
    """`await turns(work, promised)`: what `work` gives, at most `most` being done at a time: else each of many would
    get a little of the processor, and all be late.

    First is who came last and was promised nothing yet: an answer at once is one request, later it is two, and if
    all waited alike all would be late. Who was promised one gets every fourth turn, and all that the others leave, the
    oldest first; so nobody waits for ever.

    What takes longer than `hold` seconds waits for something else, a network or another process: from then on it is in
    nobody's way.
    """

    def __init__(self, most: int, hold: float) -> None:
        self._free = most
        self._hold = hold
        self._new: deque[_Waiting] = deque()
        self._late: deque[_Waiting] = deque()
        self._count = 0
        self._left = ROUND

    async def __call__(self, work: Callable[[], Awaitable[T]], promised: Callable[[], bool]) -> T:
        loop = asyncio.get_running_loop()
        if self._free and self._left:
            self._take()
        else:
            await self._wait(_Waiting(promised, loop.create_future()))
        over = False

        def end() -> None:
            nonlocal over
            if not over:
                over = True
                self._free += 1
                self._next()

        timer = loop.call_later(self._hold, end)
        try:
            return await work()
        finally:
            timer.cancel()
            end()

    async def _wait(self, mine: _Waiting) -> None:
        self._new.append(mine)
        try:
            await mine.turn
        except asyncio.CancelledError:
            if mine.turn.done() and not mine.turn.cancelled():  # it was ours already
                self._free += 1
                self._next()
            raise

    def _next(self) -> None:
        while self._free and self._left and (waiting := self._pop()) is not None:
            if not waiting.turn.done():  # else they have gone
                self._take()
                waiting.turn.set_result(None)

    def _take(self) -> None:
        self._free -= 1
        self._left -= 1
        if not self._left:
            asyncio.get_running_loop().call_soon(self._round)

    def _round(self) -> None:
        self._left = ROUND
        self._next()

    def _pop(self) -> _Waiting | None:
        while self._new and self._new[0].promised():
            self._late.append(self._new.popleft())
        self._count += 1
        if self._late and (not self._new or self._count % SHARE == 0):
            return self._late.popleft()
        return self._new.pop() if self._new else None
