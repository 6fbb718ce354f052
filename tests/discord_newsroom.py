"""A publication on Discord, all of it real but Discord: publisher, ears, SQLite, the adapter; and the stand-in's side.

`database` and `server` say the same thing of both sides, so that they can be compared: what people said and how they
react, wherever we listen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from bot import ingest
from bot.collect import Collector
from bot.ingest import Taken
from bot.platforms.discord.chat import DiscordChat
from bot.publish import Publisher
from core.chat import Place
from core.stances import DEFAULT
from storage import places, sources
from storage.db import Db, Row, Tx
from storage.memos import Memos
from tests.conftest import found
from tests.far import Mute
from tests.far_discord import utc
from tests.standins.discord import Channel, Discord, Message
from tests.waiting import until


class Sitting:
    """One run of the program: the adapter connected and the ears listening."""

    def __init__(self, room: DiscordRoom, chat: DiscordChat, ears: Collector) -> None:
        self.room, self.chat, self.ears = room, chat, ears
        self.publisher = Publisher(room.db, {"discord": chat}, DEFAULT, utc)

    async def whole(self) -> None:
        """Returns when all that was missed is recalled."""
        await until(lambda: "discord" in self.ears._whole and not self.ears._missed)
        await self.ears.fold_all()

    async def heard(self) -> None:
        """Returns when everything that people did so far is in rows."""
        await self.room.far.delivered()
        live = self.chat._live
        assert live is not None
        socket_of = live._connection._get_websocket
        sessions = self.room.far.hub.sessions
        await until(lambda: all((socket_of(shard_id=s.shard).sequence or 0) >= s.seq for s in sessions.values()))
        assert self.chat._hearing is not None
        self.chat._hearing.flush()
        await self.ears.fold_all()

    async def piece(self, name: str) -> None:
        """A new piece, which belongs to all places that there are."""

        async def work(tx: Tx) -> Taken:
            source = await sources.ensure_source(tx, kind="file", address="full", title="", text_mode="full", now=utc())
            return await ingest.take(tx, source, found(name, title=name), now=utc())

        await self.room.db.write(work)

    async def publish(self, name: str) -> list[Message]:
        """A new piece; what is shown of it."""
        before = {one.id for channel in self.room.far.channels.values() for one in channel}
        await self.piece(name)
        await self.publisher.settle_all()
        await self.heard()
        return [
            one
            for channel in list(self.room.far.channels.values())
            for one in channel
            if one.id not in before and one.type in (0, 19)
        ]


class DiscordRoom:
    """A database and a stand-in. `sitting` runs the program over them; again for a restart."""

    def __init__(self, db: Db, far: Discord) -> None:
        self.db, self.far = db, far
        self.ever: set[int] = set()  # messages that were comments when they were said

    async def add(self, channel: Channel, layout: str = "card") -> Place:
        assert channel.guild is not None
        place = Place(
            id=0, platform="discord", channel=str(channel.id), community=str(channel.guild.id), layout=layout  # type: ignore[arg-type]
        )  # fmt: skip
        return await places.add_place(self.db, place, "place", utc())

    @contextlib.asynccontextmanager
    async def sitting(self, *, days: int = 7, listen: bool = True) -> AsyncIterator[Sitting]:
        chat = DiscordChat(
            self.far.token, api=self.far.api, gateway=self.far.gateway, allowed=5000, memo=Memos(self.db, "discord"),
            clock=utc,
        )  # fmt: skip
        ears = Collector(self.db, DEFAULT, utc, days=days)
        await chat.furnish(await places.all_places(self.db))
        sitting = Sitting(self, chat, ears)
        tasks = [asyncio.create_task(chat.run(Mute(), ears))]
        if listen:
            tasks.append(asyncio.create_task(ears.recall_missed({"discord": chat})))
        try:
            if listen:
                waiting = asyncio.create_task(sitting.whole())
                done, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            yield sitting
        finally:
            for task in reversed(tasks):
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await ears.fold_all()

    async def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        return [_plain(row) for row in await self.db.read(sql, *args)]

    # --- both sides ---

    async def database(self) -> tuple[set[Any], set[Any]]:
        """What the rows say: (anchor, person, words) of comments, (anchor, hash, emoji, kind) of reactions."""
        said = await self.db.read(
            """select a.anchor, p.account, c.text from comment c join anchor a on a.id=c.anchor_id
               join person p on p.id=c.person_id where c.state <> 'erased'"""
        )
        reacted = await self.db.read(
            """select a.anchor, p.hash, e.name, r.kind from reaction r join anchor a on a.id=r.anchor_id
               join person p on p.id=r.person_id join emoji e on e.id=r.emoji_id where r.present=1"""
        )
        there = {anchor for message, anchor in self._listened()}
        return {_plain(row) for row in said}, {_plain(row) for row in reacted if row["anchor"] in there}

    def server(self) -> tuple[set[Any], set[Any]]:
        """What Discord shows, in the same form; by rules of its own, not the adapter's."""
        said: set[Any] = set()
        reacted: set[Any] = set()
        for message, anchor in self._listened():
            if not message.author.bot:
                said.add((anchor, str(message.author.id), message.content))
            for (emoji, burst), users in message.reactions.items():
                for user in users:
                    if not self.far.users[user].bot:
                        kind = "burst" if burst else "normal"
                        reacted.add(
                            (anchor, self.db.whose("discord", str(user)), emoji.partition(":")[2] or emoji, kind)
                        )
        return said, reacted

    def _listened(self) -> list[tuple[Message, str]]:
        """Messages that are ours, or an answer to ours, with their anchors."""
        out = []
        for channel in list(self.far.channels.values()):
            if channel.is_thread and not (channel.owner == self.far.me.id or channel.id in self.ever):
                continue
            for message in channel:
                if message.type not in (0, 19) or (message.author.bot and message.author is not self.far.me):
                    continue
                answered = int((message.reference or {}).get("message_id") or 0)
                if message.author is self.far.me or channel.is_thread or answered in self.ever:
                    self.ever.add(message.id)
                    out.append((message, f"{channel.id}-{message.id}" if channel.is_thread else str(message.id)))
        return out

    async def same(self) -> None:
        """Both sides are equal."""
        ours, theirs = await self.database(), self.server()
        for what, here, there in (("said", ours[0], theirs[0]), ("reacted", ours[1], theirs[1])):
            assert here == there, f"{what}: only in the rows {here - there}, only on the server {there - here}"


def _plain(row: Row) -> tuple[Any, ...]:
    return tuple(row)
