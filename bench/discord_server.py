"""The stand-in for Discord in a process of its own, told what to do by lines on its standard input.

Run by `serving` as `python -m bench.discord_server`. A line is `[verb, {arguments}]` in JSON; the answer is a line of
JSON too. The verbs are the public methods of `Stand`.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # only the process that is the stand-in needs it
    from tests.standins.discord import Channel, Discord, Message, User

MAKE = {"card": "text", "thread": "text", "forum": "forum", "follow": "announcement"}
EMOJI = ("👍", "👎", "💡", "❤️")
LATE = 20  # seconds after a promise; Discord allows fifteen minutes
WORDS = "夜行バスについて、私は賛成です。The fare is what divides us."


class Address(NamedTuple):
    """Where the stand-in is."""

    token: str
    api: str
    gateway: str


class Stand:
    """What the bench may ask of the stand-in."""

    def __init__(self, far: Discord) -> None:
        self.far = far
        self.far.application_flags = 1 << 19  # the text of messages is granted
        self._layouts: dict[int, str] = {}  # of each channel
        self._numbers = itertools.count()

    def address(self) -> Address:
        return Address(self.far.token, self.far.api, self.far.gateway)

    def world(self, guilds: int, channels: int, layouts: list[str]) -> list[tuple[int, int, str]]:
        """New guilds, each with so many channels of the layouts in turn: (guild, channel, layout)."""
        out = []
        for number in range(guilds):
            guild = self.far.guild(f"Town {number}")
            for at in range(channels):
                layout = layouts[at % len(layouts)]
                channel: Channel = getattr(guild, MAKE[layout])(f"{layout}-{at}")
                self._layouts[channel.id] = layout
                out.append((guild.id, channel.id, layout))
        return out

    def limit(self, rate: int, delay: float = 0) -> None:
        """Real buckets with so many requests a second in all; 0: no limits. Every answer comes `delay` seconds late."""
        self.far.buckets = bool(rate)
        self.far.rate = rate
        if delay:
            self.far.fail("*", times=1 << 40, how="slow", delay=delay)

    async def connected(self) -> None:
        """Returns when the bot is."""
        await self.far.connected()

    # --- what was asked ---

    def tally(self) -> dict[str, Any]:
        """Requests since the last tally by layout and route, all by status, seconds from the first to the last."""
        log = self.far.log
        routes: dict[str, Counter[str]] = {}
        for one in log:
            routes.setdefault(self._layout(one.path), Counter())[self._route(one.route, one.path)] += 1
        told = {
            "routes": routes,
            "requests": len(log),
            "statuses": dict(self.far.statuses),
            "seconds": log[-1].at - log[0].at if log else 0,
            "refused_at_s": [round(one.at - log[0].at, 1) for one in log if one.status == 429],
        }
        log.clear()
        self.far.statuses.clear()
        return told

    def _channel(self, path: str) -> Channel | None:
        parts = path.strip("/").split("/")
        return self.far.channels.get(int(parts[1])) if parts[0] == "channels" else None

    def _layout(self, path: str) -> str:
        channel = self._channel(path)
        return "" if channel is None else self._layouts[(channel.parent or channel).id]

    def _route(self, route: str, path: str) -> str:
        """With messages of a thread told from those of a channel."""
        channel = self._channel(path)
        within = channel is not None and channel.is_thread
        return route.replace("/channels/{}/", "/threads/{}/", 1) if within else route

    def shown(self) -> dict[str, int]:
        """How many channels have no message of the bot, and how many messages are one too many."""
        counts = [len(self._ours(number)) for number in self._layouts]
        return {"missing": counts.count(0), "duplicates": sum(count - 1 for count in counts if count > 1)}

    def _ours(self, channel: int) -> list[Message]:
        return [one for one in self.far.messages(channel) if one.author is self.far.me and one.type in (0, 19)]

    # --- what people do ---

    async def crowd(self, every: int, reactions: int, comments: int) -> int:
        """In every n-th channel so many new people react to the newest card and comment in its thread: how often."""
        done = 0
        for channel in list(self._layouts)[::every]:
            card = self._ours(channel)[-1]
            for _ in range(reactions):
                self._react(card)
            for _ in range(comments):
                self._comment(card)
            done += reactions + comments
            await asyncio.sleep(0)
        await self.far.delivered()
        return done

    async def burst(self, events: int) -> float:
        """As many reactions and comments (one of five) as fast as it goes, in turn at every card. Gives when it began,
        in Unix time."""
        cards = self._cards()
        began = time.time()
        for number in range(events):
            self._event(cards, number)
            if number % 100 == 0:
                await asyncio.sleep(0)  # so that what is queued is written meanwhile
        await self.far.delivered()
        return began

    async def pace(self, events: int, rate: int) -> list[tuple[str, float]]:
        """The same, so many a second: the kind of each, and when it was given to the socket, in Unix time."""
        cards = self._cards()
        out = []
        began = time.time()
        for number in range(events):
            await asyncio.sleep(max(0, began + number / rate - time.time()))
            out.append((self._event(cards, number), time.time()))
        await self.far.delivered()
        return out

    async def talked(self, events: int) -> int:
        """Comments alone, in turn at every card: how many."""
        cards = self._cards()
        for number in range(events):
            self._comment(cards[number % len(cards)])
            if number % 100 == 0:
                await asyncio.sleep(0)
        await self.far.delivered()
        return events

    async def ask(self, seconds: int, rate: int, kinds: list[str] | None = None) -> dict[str, Any]:
        """So many commands a second, whether or not those before are answered; seconds until the first answer and
        until the whole one. `kinds`: of `Asking.KINDS`, in turn; all, if none are named."""
        return await Asking(self.far, self._cards_in_threads(), kinds or Asking.KINDS).run(seconds, rate)

    def _cards_in_threads(self) -> list[Message]:
        """Of the places whose cards have threads: the last one each."""
        return [self._ours(channel)[-1] for channel, layout in self._layouts.items() if layout == "thread"]

    def _cards(self) -> list[Message]:
        return [self._ours(channel)[-1] for channel in self._layouts]

    def _event(self, cards: list[Message], number: int) -> str:
        card = cards[number % len(cards)]
        if number % 5:
            self._react(card)
            return "reaction"
        self._comment(card)
        return "comment"

    def _person(self) -> User:
        return self.far.user(f"reader {next(self._numbers)}", locale="ja")

    def _react(self, card: Message) -> None:
        self.far.put_reaction(card, self._person(), EMOJI[next(self._numbers) % len(EMOJI)])

    def _comment(self, card: Message) -> None:
        assert card.thread is not None
        self.far.post(card.thread, self._person(), f"{next(self._numbers)}: {WORDS}")


class Asking:
    """Readers who ask everything in turn, each in one of the channels."""

    KINDS = ("help", "piece", "search", "topics", "digest", "digest of a month", "my-data", "read")
    WORDS = ("夜行バス", "賛成", "fare", "divides us", "バス fare", "図書館")

    def __init__(self, far: Discord, cards: list[Message], kinds: Sequence[str]) -> None:
        self._far, self._cards, self._kinds = far, cards, kinds
        self._people = [far.user(f"asker {number}", locale=("ja", "en-US")[number % 2]) for number in range(1000)]
        self._waits: dict[str, list[float]] = {}
        self._wholes: list[float] = []
        self._missed = self._promised = self._late = 0
        self._last = 0.0  # when the last first answer came

    async def run(self, seconds: int, rate: int) -> dict[str, Any]:
        began = time.monotonic()
        tasks = []
        for number in range(seconds * rate):
            await asyncio.sleep(max(0, began + number / rate - time.monotonic()))
            tasks.append(asyncio.create_task(self._one(number)))
        asking = time.monotonic() - began
        await asyncio.gather(*tasks)
        return {
            "asked": len(tasks), "asking_s": asking, "answering_s": max(seconds, self._last - began),
            "missed": self._missed, "promised": self._promised, "late": self._late, "wholes": self._wholes,
            "waits": [wait for waits in self._waits.values() for wait in waits],
            "kinds": {kind: round(median(waits) * 1000, 1) for kind, waits in self._waits.items()},
        }  # fmt: skip

    async def _one(self, number: int) -> None:
        from tests.standins.discord import NoAnswer

        who, turn = self._people[number % len(self._people)], number // len(self._kinds)
        card = self._cards[turn % len(self._cards)]
        began = time.monotonic()
        asked = {
            "help": lambda: self._far.command(who, card.channel, "help"),
            "piece": lambda: self._far.command(who, card.channel, "piece", {"piece": str(1 + turn % 20)}),
            "search": lambda: self._far.command(
                who, card.channel, "search", {"query": self.WORDS[turn % len(self.WORDS)]}
            ),
            "topics": lambda: self._far.command(who, card.channel, "topics"),
            "digest": lambda: self._far.command(who, card.channel, "digest"),
            "digest of a month": lambda: self._far.command(who, card.channel, "digest", {"period": "month"}),
            "my-data": lambda: self._far.command(who, card.channel, "my-data"),
            "read": lambda: self._far.press(who, card, self._read(card)),
        }
        kind = self._kinds[number % len(self._kinds)]
        try:
            answer = await asked[kind]()
            self._last = time.monotonic()
            self._waits.setdefault(kind, []).append(self._last - began)
            self._promised += answer.type == 5
        except NoAnswer:  # after 3 s
            self._missed += 1
            return
        try:
            await answer.settled(LATE)
            self._wholes.append(time.monotonic() - began)
        except NoAnswer:
            self._late += 1

    def _read(self, card: Message) -> str:
        """The id of its button Read."""
        return next(str(one["custom_id"]) for one in card.buttons if ":read:" in one.get("custom_id", ""))


async def serve() -> None:
    """Obey until standard input closes."""
    from tests.standins.discord import Discord

    gc.disable()  # its pauses are not what is measured; a bench ends before memory does
    async with Discord() as far:
        stand = Stand(far)
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, arguments = json.loads(line)
            answer = getattr(stand, verb)(**arguments)
            if asyncio.iscoroutine(answer):
                answer = await answer
            print(json.dumps(answer), flush=True)


class Far:
    """The running stand-in, from the bench's side: `await far("world", guilds=1, channels=1, layouts=["card"])`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.at = Address("", "", "")

    async def __call__(self, verb: str, **arguments: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([verb, arguments]).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, f"the stand-in ended at {verb}"
        return json.loads(line)


@asynccontextmanager
async def serving() -> AsyncIterator[Far]:
    """A stand-in with nothing in it."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.discord_server"), stdin=pipe, stdout=pipe, limit=1 << 26
    )
    assert process.stdin is not None
    try:
        far = Far(process)
        far.at = Address(*await far("address"))
        yield far
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(serve())
