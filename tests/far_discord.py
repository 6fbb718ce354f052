"""Discord under test: the real adapter on the real discord.py, over TCP to the stand-in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from bot.platforms.discord import client
from bot.platforms.discord.chat import DiscordChat
from bot.platforms.discord.spots import where
from core.chat import Chat, Desk, Heard, Located, Place, Read
from tests.far import Harness, Hearing, Mute, Shown
from tests.standins.discord import Channel, Discord, Message
from tests.standins.discord.markdown import plain
from tests.waiting import until

client.GUILDS_WITHIN = 0.1  # the stand-in tells its servers at once


async def caught_up(far: Discord, chat: DiscordChat) -> None:
    """Returns when the adapter has seen every event that the far side sent."""
    await far.delivered()
    live = chat._live
    assert live is not None

    def all_seen() -> bool:
        connected = live._connection
        sessions = far.hub.sessions.values()
        return all((connected._get_websocket(shard_id=one.shard).sequence or 0) >= one.seq for one in sessions)

    await until(all_seen, 5, every=0.002)


class Notes:
    """What an adapter must know again after a restart, for a test."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.kept.get(key)

    async def put(self, key: str, value: str) -> None:
        self.kept[key] = value


def utc() -> datetime:
    return datetime.now(UTC)


def adapter(far: Discord, notes: Notes | None = None, *, allowed: float = 500) -> DiscordChat:
    """The adapter as House makes it, with the stand-in's addresses."""
    return DiscordChat(far.token, api=far.api, gateway=far.gateway, allowed=allowed, memo=notes or Notes(), clock=utc)


class DiscordHarness:
    """One server with one channel, a reader and a moderator."""

    def __init__(self, chat: DiscordChat, far: Discord, channel: Channel, ears: Hearing, place: Place) -> None:
        assert channel.guild is not None
        self.discord, self.far, self.channel, self.ears = chat, far, channel, ears
        self._place = place
        self.reader, self.moderator = far.user("mika", locale="ja"), far.user("mo")
        channel.guild.grant(self.moderator, administrator=True)

    @property
    def chat(self) -> Chat:
        return self.discord

    @property
    def place(self) -> Place:
        return self._place

    @property
    def heard(self) -> list[Heard]:
        return [one for one in self.ears.heard if not isinstance(one, Located | Read)]

    async def arrived(self) -> None:
        """Returns when the adapter has seen every event that the far side sent."""
        await caught_up(self.far, self.discord)

    def _message(self, anchor: str) -> Message:
        container, number = where(self._place.channel, anchor)
        return self.far.channels[container].messages[number]

    async def shown(self) -> list[Shown]:
        out: list[Shown] = []
        for message in self.far.messages(self.channel):
            root = message if message.type in (0, 19) else None
            if root is None:
                continue
            out.append(Shown(str(root.id), _text(root), pictures=tuple(self.far.pictures(root))))
            if root.thread is not None:
                inside = [one for one in self.far.messages(root.thread) if one.type in (0, 19) and one is not root]
                out += [Shown(f"{root.thread.id}-{one.id}", _text(one), str(root.id)) for one in inside]
        return out

    async def react(self, anchor: str, emoji: str, *, added: bool = True) -> None:
        await self.far.react(self.reader, self._message(anchor), emoji, added)
        await self.arrived()

    async def comment(self, anchor: str, text: str) -> str:
        target = self._message(anchor)
        thread = target.channel if target.channel.is_thread else target.thread
        if thread is None:
            thread = await self.far.start_thread(self.reader, target, "talk")
        said = await self.far.say(self.reader, thread, text, target if target.channel is thread else None)
        await self.arrived()
        return f"{thread.id}-{said.id}"

    async def reword(self, anchor: str, text: str) -> None:
        await self.far.edit(self.reader, self._message(anchor), text)
        await self.arrived()

    async def remove(self, anchor: str) -> None:
        await self.far.delete(self._message(anchor), by=self.moderator)
        await self.arrived()

    def away(self, gone: bool) -> None:
        self.ears.deaf = gone

    def blind(self) -> None:
        self.far.fail("GET /channels/{}/messages", times=9, how=(403, 50001))

    def unsure(self) -> None:
        self.far.fail("POST /channels/{}/messages", how="drop-after")


def _text(message: Message) -> str:
    return message.content or plain({"components": message.components, "embeds": message.embeds})


@contextlib.asynccontextmanager
async def connected(
    far: Discord, ears: Hearing, places: list[Place], desk: Desk | None = None, notes: Notes | None = None
) -> AsyncIterator[DiscordChat]:
    """The adapter, running and told of its servers."""
    chat = adapter(far, notes)
    await chat.furnish(places)
    missed = asyncio.Event()
    ears.on_missed = missed.set
    task = asyncio.create_task(chat.run(desk or Mute(), ears))
    waiting = asyncio.create_task(missed.wait())
    try:
        done, _ = await asyncio.wait({task, waiting}, timeout=15, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
        assert missed.is_set(), "the adapter did not connect"
        yield chat
    finally:
        waiting.cancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def discord_card(_path: Path) -> AsyncIterator[Harness]:
    """With the text of messages granted."""
    async with Discord() as far:
        far.application_flags = 1 << 19
        far.buckets = False
        channel = far.guild("Publication").text("general")
        place = Place(id=1, platform="discord", channel=str(channel.id))
        ears = Hearing()
        async with connected(far, ears, [place]) as chat:
            yield DiscordHarness(chat, far, channel, ears, place)
