"""One pacer for every REST request of a token: an even flow under Discord's global limit, the urgent first.

discord.py knows the limits of single routes; it has no limiter for the 50 requests a second that a bot has in all, and
a fan-out to thousands of channels runs into hundreds of refusals (`docs/discord.md`). Requests that Discord refuses
count too: 10,000 of them in ten minutes ban the machine's address, so many refusals stop the flow before that.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from itertools import count

import discord
import structlog

from core import tally

log = structlog.get_logger()

SHARE = 0.96  # of what Discord allows: what is left covers that requests arrive less evenly than they were sent
WINDOW = 600.0  # seconds over which Discord counts invalid requests
WARN_AT, STOP_AT = 1_000, 3_000  # invalid requests in a window; at 10,000 the address is banned
REST = 60.0  # seconds without requests after STOP_AT
BANNED = 600.0  # seconds without requests after an answer that did not come from Discord itself
PATIENCE = 5.0  # seconds that a request waits for the end of a rest; of a longer one its caller is told


class Priority(IntEnum):
    """Who goes first when requests wait."""

    MODERATE = 0
    READ = 1
    POST = 2
    THREAD = 3
    EDIT = 4
    RECALL = 5


class Resting(discord.DiscordException):
    """Nothing is sent for `seconds`: the request was not made."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing is sent to Discord for {seconds:.0f} s, since it refused too much")
        self.seconds = seconds


class Pacer:
    """`await turn(priority)` before each request; `answered` after each.

    `allowed`: requests a second by Discord's rule.
    `clock` gives seconds that never go back; the waiting itself is done by the event loop.
    """

    def __init__(self, allowed: float = 50.0, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or asyncio.get_running_loop().time
        self.interval = 1 / (allowed * SHARE)
        # A loop that was held up may catch up by so much, and no second holds more than is allowed.
        self._slack = self.interval * allowed * (1 - SHARE) / 2
        self._next = 0.0  # when the next request is due
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._held_until = 0.0
        self._invalid: deque[float] = deque()
        self._warned = False

    async def turn(self, priority: Priority) -> None:
        """Returns when a request of this priority may be sent. `Resting` if that is not soon."""
        loop = asyncio.get_running_loop()
        if (left := self._held_until - self._clock()) > PATIENCE:
            raise Resting(left)
        mine: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), mine))
        if self._timer is None:
            self._serve()
        await mine

    def _serve(self) -> None:
        self._timer = None
        while self._waiting:
            now = self._clock()
            due = max(self._next - self._slack, self._held_until)
            if now < due:
                self._timer = asyncio.get_running_loop().call_later(due - now, self._serve)
                return
            _, _, waiter = heapq.heappop(self._waiting)
            if waiter.done():  # its caller has gone
                continue
            self._next = max(self._next, now) + self.interval
            waiter.set_result(None)

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return sum(not waiter.done() for _, _, waiter in self._waiting)

    @property
    def invalid(self) -> int:
        """Requests of the last ten minutes that count towards a ban."""
        while self._invalid and self._invalid[0] < self._clock() - WINDOW:
            self._invalid.popleft()
        return len(self._invalid)

    def hold(self, seconds: float) -> None:
        """Send nothing for so long."""
        self._held_until = max(self._held_until, self._clock() + seconds)
        if (left := self._held_until - self._clock()) > PATIENCE:
            waiting, self._waiting = self._waiting, []
            for _, _, waiter in waiting:
                if not waiter.done():
                    waiter.set_exception(Resting(left))

    def answered(
        self, status: int, *, scope: str | None = None, retry_after: float = 0.0, by_discord: bool = True
    ) -> None:
        """What came back for a request. `scope` is that of a 429 (`user`, `global`, `shared`)."""
        if status == 429:
            tally.count("too_many", platform="discord")
        if status == 429 and not by_discord:
            log.error("discord.refused-by-proxy", resting=BANNED)
            self.hold(BANNED)
        if status == 429 and scope == "global":
            self.hold(retry_after)
        if status not in (401, 403, 429) or scope == "shared":
            return
        self._invalid.append(self._clock())
        if self.invalid >= STOP_AT:
            log.error("discord.too-many-refusals", refused=self.invalid, resting=REST)
            self.hold(REST)
        elif self.invalid >= WARN_AT and not self._warned:
            log.warning("discord.many-refusals", refused=self.invalid, ban_at=10_000)
        self._warned = self.invalid >= WARN_AT
