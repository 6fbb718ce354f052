"""What goes wrong, each at a random moment. A fault is over by itself, or when `calm` is called."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.chaos.program import Program
from tests.chaos.world import World

WRITES = ("POST /channels/{}/messages", "PATCH /channels/{}/messages/{}", "POST /channels/{}/messages/{}/threads",
          "POST /channels/{}/threads", "chat.postMessage", "chat.update")  # fmt: skip
EVERY = "*"
JUMP = 240.0  # seconds; a clock that is more than ten minutes ahead may double what was in doubt (`publish.AHEAD`)


class Faults:
    """`strike` does one of them; `done` counts them by kind."""

    def __init__(self, world: World, program: Program, dice: random.Random) -> None:
        self.world, self.program, self.dice = world, program, dice
        self.done: Counter[str] = Counter()
        self.furthest = 0.0  # seconds that the clock was ever ahead
        self.kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "discord socket cut": self._cut_discord, "slack sockets cut": self._cut_slack,
            "gateway session lost": self._lose_session, "gateway out": self._gateway_out,
            "slack addresses dead": self._dead_addresses, "reply dropped after commit": self._drop_reply,
            "5xx storm": self._storm, "5xx after commit": self._failed_after, "429 storm": self._limits,
            "events twice": self._twice, "events out of order": self._shuffle, "clock jump": self._jump,
            "database locked": self._lock, "disk full": self._fill, "feed ids and dates changed": self._renumber,
            "feed broken": self._break_feed,
        }  # fmt: skip
        if program.address is not None:  # its disk is the server's
            del self.kinds["disk full"]
            self.kinds["database connections cut"] = self.program.cut_database

    async def strike(self) -> None:
        name = self.dice.choice(list(self.kinds))
        self.done[name] += 1
        await self.kinds[name]()

    def calm(self) -> None:
        """Everything works again; the clock stands where it was furthest, so that nothing waits for it."""
        self.world.discord.faults.clear()
        self.world.slack.faults.clear()
        self.world.discord.limits.shared.clear()
        self.world.discord.outage(False)
        self.world.slack.outage(False)
        self.world.discord.hub.release()
        self.world.discord.hub.doubles = self.world.slack.outbox.doubles = 0
        self.world.slack.release()
        self.world.feeds.pages["/feed"].trouble = ""
        self.program.fill_disk(False)
        self.program.move_clock(self.furthest)

    # --- connections ---

    async def _cut_discord(self) -> None:
        await self.world.discord.cut(self.dice.choice((None, 4000, 1001)))

    async def _cut_slack(self) -> None:
        await self.world.slack.cut(polite=self.dice.random() < 0.5)

    async def _lose_session(self) -> None:
        self.world.discord.invalidate(resumable=False)

    async def _gateway_out(self) -> None:
        self.world.discord.outage()
        await self.world.discord.cut(4000)
        await asyncio.sleep(self.dice.random())
        self.world.discord.outage(False)

    async def _dead_addresses(self) -> None:
        self.world.slack.dead_urls(2)
        await self.world.slack.cut()

    # --- answers ---

    def _fail(self, route: str, times: int, how: str) -> None:
        if route in (EVERY, "chat.postMessage", "chat.update"):
            self.world.slack.fail(route, times=times, how=how)
        if route == EVERY or " " in route:
            self.world.discord.fail(route, times=times, how=how)

    async def _drop_reply(self) -> None:
        self._fail(self.dice.choice(WRITES), self.dice.randint(1, 3), "drop-after")

    async def _failed_after(self) -> None:
        self._fail(self.dice.choice(WRITES), self.dice.randint(1, 3), "500-after")

    async def _storm(self) -> None:
        self._fail(EVERY, self.dice.randint(3, 30), self.dice.choice(("503", "500", "drop")) + "-before")

    async def _limits(self) -> None:
        for route in WRITES[:2]:
            self.world.discord.shared(route, times=self.dice.randint(1, 5), after=0.2)
        self.world.slack.fail("chat.postMessage", times=self.dice.randint(1, 3), how="ratelimited")

    # --- events, feeds ---

    async def _twice(self) -> None:
        self.world.discord.duplicate(self.dice.randint(1, 40))
        self.world.slack.duplicate(self.dice.randint(1, 40))

    async def _shuffle(self) -> None:
        self.world.discord.reorder(self.dice.randint(2, 10))
        self.world.slack.reorder(self.dice.randint(2, 10))

    async def _renumber(self) -> None:
        self.world.renumber()

    async def _break_feed(self) -> None:
        page = self.world.feeds.pages["/feed"]
        page.trouble = self.dice.choice(("drop", "cut"))
        await asyncio.sleep(self.dice.random())
        self.world.feeds.pages["/feed"].trouble = ""

    # --- the machine ---

    async def _jump(self) -> None:
        by = self.dice.choice((-JUMP, -JUMP / 3, JUMP / 3, JUMP, 0.0))
        self.furthest = max(self.furthest, by)
        self.program.move_clock(by)

    async def _lock(self) -> None:
        await self.program.lock_database(self.dice.choice((0.5, 1.0, 5.6)))  # the program waits for 5

    async def _fill(self) -> None:
        self.program.fill_disk()
        await asyncio.sleep(self.dice.random() * 2)
        self.program.fill_disk(False)
