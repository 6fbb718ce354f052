"""Slack under test: the real adapter on the real slack-bolt, over TCP to the stand-in, by Socket Mode and by HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bot.platforms.slack import api, sockets
from bot.platforms.slack.chat import SlackChat
from core.chat import Chat, Commented, Desk, Heard, Located, Person, Place, Read
from tests.far import Harness, Hearing, Mute, Shown
from tests.standins.slack import Channel, Message, Slack

api.POST_EVERY = 0.0  # the pace of posting is a test of its own
sockets.LOOK_EVERY, sockets.APART = 0.05, 0.05


def utc() -> datetime:
    return datetime.now(UTC)


def adapter(far: Slack, *, http: bool = False, moderators: tuple[str, ...] = ()) -> SlackChat:
    """The adapter as House makes it, with the stand-in's addresses."""
    return SlackChat(
        far.bot_token,
        app_token=None if http else far.app_token,
        signing_secret=far.signing_secret if http else None,
        listen=("127.0.0.1", 0),
        api=far.api,
        moderators=moderators,
        clock=utc,
    )


class SlackHarness:
    """One workspace with one channel, a reader and a moderator."""

    def __init__(self, slack: SlackChat, far: Slack, channel: Channel, ears: Hearing, place: Place) -> None:
        self.slack, self.far, self.channel, self.ears = slack, far, channel, ears
        self._place = place
        self.reader, self.moderator = far.person("mika", locale="ja-JP"), far.person("mo", admin=True)

    @property
    def chat(self) -> Chat:
        return self.slack

    @property
    def place(self) -> Place:
        return self._place

    @property
    def heard(self) -> list[Heard]:
        doings = [one for one in self.ears.heard if not isinstance(one, Located | Read)]
        # Words of somebody new are told once more when their name is known.
        return [one for at, one in enumerate(doings) if all(_nameless(one) != _nameless(old) for old in doings[:at])]

    def _message(self, anchor: str) -> Message:
        return next(one for one in self.channel if one.ts == anchor)

    async def shown(self) -> list[Shown]:
        there = self.far.messages(self.channel)
        out: list[Shown] = []
        for root in (one for one in there if not one.thread or one.thread == one.ts):
            out.append(Shown(root.ts, self._text(root), pictures=tuple(self.far.pictures(root))))
            inside = [one for one in there if one.thread == root.ts and one is not root]
            out += [Shown(one.ts, self._text(one), root.ts) for one in inside]
        return out

    def _text(self, message: Message) -> str:
        """What a reader sees, without the empty lines that Slack draws between blocks."""
        return "\n".join(line for line in self.far.plain(message).split("\n") if line.strip())

    async def react(self, anchor: str, emoji: str, *, added: bool = True) -> None:
        await self.far.react(self.reader, self._message(anchor), emoji, added)
        await self.far.delivered()

    async def comment(self, anchor: str, text: str) -> str:
        said = await self.far.say(self.reader, self._message(anchor), text)
        await self.far.delivered()
        return said.ts

    async def reword(self, anchor: str, text: str) -> None:
        await self.far.edit(self.reader, self._message(anchor), text)
        await self.far.delivered()

    async def remove(self, anchor: str) -> None:
        await self.far.delete(self._message(anchor), by=self.moderator)
        await self.far.delivered()

    def away(self, gone: bool) -> None:
        self.far.outbox.open = not gone  # Slack has given up sending it again

    def blind(self) -> None:
        for method in ("conversations.history", "conversations.replies"):
            self.far.fail(method, times=9, how="missing_scope")

    def unsure(self) -> None:
        self.far.fail("chat.postMessage", how="drop-after")


def _nameless(event: Heard) -> Heard:
    return replace(event, person=Person(id=event.person.id)) if isinstance(event, Commented) else event


@contextlib.asynccontextmanager
async def connected(
    far: Slack, ears: Hearing, places: list[Place], desk: Desk | None = None, *, http: bool = False
) -> AsyncIterator[SlackChat]:
    """The adapter, running and heard by."""
    addresses: asyncio.Queue[str] = asyncio.Queue()
    made = adapter(far, http=http)
    made._ready = addresses.put_nowait
    await made.furnish(places)
    task = asyncio.create_task(made.run(desk or Mute(), ears))
    ready = asyncio.create_task(addresses.get())
    try:
        done, _ = await asyncio.wait({task, ready}, timeout=15, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
        assert ready in done, "the adapter did not connect"
        if http:
            await far.post_to(ready.result())
        yield made
    finally:
        ready.cancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def slack_socket(_path: Path, *, http: bool = False) -> AsyncIterator[Harness]:
    async with Slack() as far:
        far.limited = False
        channel = far.channel("general")
        place = Place(id=1, platform="slack", channel=channel.id)
        ears = Hearing()
        async with connected(far, ears, [place], http=http) as made:
            yield SlackHarness(made, far, channel, ears, place)


@contextlib.asynccontextmanager
async def slack_http(path: Path) -> AsyncIterator[Harness]:
    async with slack_socket(path, http=True) as harness:
        yield harness
