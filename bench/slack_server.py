"""The stand-in for Slack in a process of its own, told what to do by lines on its standard input.

Run by `serving` as `python -m bench.slack_server`. A line is `[verb, {arguments}]` in JSON; the answer is a line of
JSON too. The verbs are the public methods of `Stand`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # only the process that is the stand-in needs it
    from tests.standins.slack import Channel, Delivery, Message, Slack

EMOJI = ("+1", "-1", "bulb", "heart")
WORDS = "夜行バスについて、私は賛成です。The fare is what divides us."


class Address(NamedTuple):
    """Where the stand-in is."""

    token: str
    app_token: str
    api: str


class Stand:
    """What the bench may ask of the stand-in. One event of five is a comment, the others are reactions."""

    def __init__(self, far: Slack) -> None:
        self.far = far
        self._layouts: dict[str, str] = {}  # of each channel
        self._people = [far.person(f"reader {number}", locale="ja-JP") for number in range(200)]
        self._next = 0  # event

    def address(self) -> Address:
        return Address(self.far.bot_token, self.far.app_token, self.far.api)

    def world(self, channels: int, layouts: list[str]) -> list[tuple[str, str]]:
        """New channels of the layouts in turn: (channel, layout)."""
        for number in range(channels):
            self._layouts[self.far.channel(f"town-{number}").id] = layouts[number % len(layouts)]
        return list(self._layouts.items())

    def limit(self, on: bool) -> None:
        """Slack's limits of calls, or none."""
        self.far.limited = on

    async def connected(self, sockets: int) -> None:
        """Wait for so many connections."""
        await self.far.connected(sockets)

    # --- what was asked ---

    def tally(self) -> dict[str, dict[str, int]]:
        """Calls since the last tally by layout and method; without a channel: layout ""."""
        calls: dict[str, Counter[str]] = {}
        for one in self.far.log:
            layout = self._layouts.get(str(one.args.get("channel", "")), "")
            calls.setdefault(layout, Counter())[one.method + (f" {one.error}" if one.error else "")] += 1
        self.far.log.clear()
        return {layout: dict(counts) for layout, counts in calls.items()}

    # --- what people do ---

    def newcomers(self) -> None:
        """From now on other people, whom the bot does not know."""
        self._people = [self.far.person(f"newcomer {number}", locale="ja-JP") for number in range(2000)]

    async def meet(self) -> None:
        """Everybody comments once, slowly enough: the bot knows their names then. Adds as many comments as people."""
        cards = self._cards()
        for number, person in enumerate(self._people):
            await self.far.say(person, cards[number % len(cards)], WORDS)
            await asyncio.sleep(0.005)
        await self.far.delivered(within=60)

    def people(self) -> int:
        return len(self._people)

    async def crowd(self, every: int, reactions: int, comments: int, told: bool = True) -> int:
        """At every n-th card so many people react and comment: how often. Not `told`: the bot is away, and Slack has
        given up telling it."""
        self.far.outbox.open = told
        done = 0
        for card in self._cards()[::every]:
            for _ in range(reactions):
                await self._react(card)
            for _ in range(comments):
                await self._comment(card)
            done += reactions + comments
        if told:
            await self.far.delivered(within=120)
        self.far.outbox.open = True
        return done

    async def burst(self, events: int) -> dict[str, Any]:
        """So many events as fast as it goes: when it began in Unix time, and what became of them."""
        cards, first, began = self._cards(), len(self.far.deliveries), time.time()
        for number in range(events):
            await self._event(cards, number)
        await self.far.delivered(within=120)
        return {"began": began, **_fates(self.far.deliveries[first:])}

    async def pace(self, events: int, rate: int, comments_only: bool = False) -> dict[str, Any]:
        """So many a second: what became of them."""
        cards, first = self._cards(), len(self.far.deliveries)
        began = time.monotonic()
        for number in range(events):
            await asyncio.sleep(max(0, began + number / rate - time.monotonic()))
            await self._event(cards, 0 if comments_only else number)
        took = time.monotonic() - began
        await self.far.delivered(within=120)
        return {"rate": round(events / took), **_fates(self.far.deliveries[first:])}

    def _cards(self) -> list[Message]:
        """The pieces in all channels, of different channels in turn."""
        channels: list[Channel] = [self.far.channels[name] for name in self._layouts]
        roots = [[one for one in channel if one.app and one.thread is None] for channel in channels]
        most = max(map(len, roots))
        return [of[number] for number in range(most) for of in roots if number < len(of)]

    async def _event(self, cards: list[Message], number: int) -> None:
        self._next += 1
        card = cards[self._next % len(cards)]
        await (self._react(card) if number % 5 else self._comment(card))

    async def _react(self, card: Message) -> None:
        """With the next sign that this card does not have of the next person."""
        for _ in range(len(self._people)):
            self._next += 1
            person = self._people[self._next * 7 % len(self._people)]
            for emoji in EMOJI:
                if person.id not in card.reactions.get(emoji, ()):
                    await self.far.react(person, card, emoji)
                    return
        raise AssertionError("everybody has reacted with everything")

    async def _comment(self, card: Message) -> None:
        self._next += 1
        await self.far.say(self._people[self._next * 7 % len(self._people)], card, f"{self._next}: {WORDS}")


def _fates(deliveries: Iterable[Delivery]) -> dict[str, Any]:
    """Milliseconds from each envelope to its acknowledgement, how many were sent again or lost, and by which sockets
    they went."""
    deliveries = list(deliveries)
    via = Counter(one.attempts[0].via for one in deliveries)
    return {
        "waits": sorted(round(one.attempts[-1].took * 1000, 2) for one in deliveries),
        "sent_again": sum(len(one.attempts) - 1 for one in deliveries),
        "lost": sum(one.state != "acked" for one in deliveries),
        "sockets": sorted(via.values()),
    }


async def serve() -> None:
    """Obey until standard input closes."""
    from tests.standins.slack import Slack

    gc.disable()  # its pauses are not what is measured; a bench ends before memory does
    async with Slack() as far:
        stand = Stand(far)
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, arguments = json.loads(line)
            answer = getattr(stand, verb)(**arguments)
            if asyncio.iscoroutine(answer):
                answer = await answer
            print(json.dumps(answer), flush=True)


class Far:
    """The running stand-in, from the bench's side: `await far("world", channels=1, layouts=["card"])`."""

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
        *(sys.executable, "-m", "bench.slack_server"), stdin=pipe, stdout=pipe, limit=1 << 26
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
