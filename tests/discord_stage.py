"""A publication on Discord: the real loop, ears and database, the real adapter, and the stand-in over TCP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typing_extensions import override

from bot import ingest
from bot.collect import Collector
from bot.ingest import Taken
from bot.platforms.discord.chat import DiscordChat
from bot.publish import Publisher
from core.chat import Place
from core.document import Document, Heading, Paragraph, spans
from core.pieces import Found
from core.stances import DEFAULT
from storage import pieces, places, postings, schema, sources
from storage.db import Db, Tx
from storage.sqlite import SqliteDb
from tests.conftest import found
from tests.far import Mute
from tests.far_discord import Notes, caught_up
from tests.standins.discord import Channel, Discord, Message
from tests.standins.discord.markdown import plain

CREATE, EDIT = "POST /channels/{}/messages", "PATCH /channels/{}/messages/{}"
THREAD, POST, PUBLISH = (
    "POST /channels/{}/messages/{}/threads", "POST /channels/{}/threads", "POST /channels/{}/messages/{}/crosspost",
)  # fmt: skip
LOOK, ACTIVE, PUT_AWAY = (
    "GET /channels/{}/messages", "GET /guilds/{}/threads/active", "GET /channels/{}/threads/archived/public",
)  # fmt: skip


class MovedClock:
    """The real time and what it was moved by; the far side makes its ids, and forgets nonces, by the same."""

    def __init__(self, far: Discord) -> None:
        self.far = far
        self.by = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by

    def move(self, **by: float) -> None:
        self.by += timedelta(**by)
        self.far._new._back = -int(self.by.total_seconds() * 1000)
        past = timedelta(**by).total_seconds()
        self.far.nonces = {nonce: (where, one, at - past) for nonce, (where, one, at) in self.far.nonces.items()}


class Ears(Collector):
    """The real ears; `away` is set when the adapter says that it was."""

    def __init__(self, db: Db, clock: MovedClock) -> None:
        super().__init__(db, DEFAULT, clock)
        self.away = asyncio.Event()

    @override
    def missed(self, platform: str) -> None:
        self.away.set()


class Stage:
    """One publisher over one connection. `place` makes channels into places, `take` brings pieces."""

    def __init__(self, db: Db, far: Discord, clock: MovedClock, chat: DiscordChat) -> None:
        self.db, self.far, self.clock, self.chat = db, far, clock, chat
        self.ears = Ears(db, clock)
        self.publisher = Publisher(db, {"discord": chat}, DEFAULT, clock)

    async def place(self, channel: Channel, layout: str = "card", **settings: object) -> Place:
        assert channel.guild is not None
        values: dict[str, object] = {
            "id": 0, "platform": "discord", "channel": str(channel.id), "community": str(channel.guild.id),
            "layout": layout, **settings,
        }  # fmt: skip
        place = await places.add_place(self.db, Place(**values), "place", self.clock())  # type: ignore[arg-type]
        await self.chat.furnish(await places.all_places(self.db))
        await self.far.delivered()
        return place

    async def take(self, item: Found) -> int:
        async def work(tx: Tx) -> Taken:
            source = await sources.ensure_source(
                tx, kind="file", address="files", title="", text_mode="full", now=self.clock()
            )
            return await ingest.take(tx, source, item, now=self.clock())

        taken = await self.db.write(work)
        assert taken.piece is not None
        return taken.piece

    async def settle(self, *, times: int = 1, **by: float) -> None:
        for _ in range(times):
            self.clock.move(**by)
            await self.publisher.settle_all()
        await self.far.delivered()

    async def hear(self) -> None:
        """Returns when what people did has come to the rows."""
        await caught_up(self.far, self.chat)
        await self.ears.fold_all()

    async def publish(self, item: Found | None = None) -> int:
        """Take a piece and post it, the clock standing."""
        number = await self.take(item or found())
        await self.settle()
        return number

    async def retract(self, piece: int) -> None:
        async def work(tx: Tx) -> None:
            note = f"an error\n{self.clock().isoformat()}"
            await pieces.set_state(tx, piece, "retracted", note=note, now=self.clock())
            await postings.subject_changed(tx, "piece", piece, self.clock())

        await self.db.write(work)
        await self.settle()

    async def state(self, piece: int, place: Place) -> tuple[str, str]:
        posting = await postings.at_place(self.db, place.id, "piece", piece)
        assert posting is not None
        return posting.state, posting.reason

    async def paused(self, place: Place) -> str | None:
        now = await places.place_at(self.db, "discord", place.channel)
        assert now is not None
        return now.paused

    def asked(self, *routes: str) -> list[int]:
        """How often each of these routes was asked."""
        return [self.far.count(route) for route in routes]


@contextlib.asynccontextmanager
async def stage(
    far: Discord, folder: Path, *, allowed: float = 500, clock: MovedClock | None = None
) -> AsyncIterator[Stage]:
    """Connected. A second stage over the same folder is the program started again."""
    clock = clock or MovedClock(far)
    chat = DiscordChat(far.token, api=far.api, gateway=far.gateway, allowed=allowed, memo=Notes(), clock=clock)
    db = await SqliteDb.open(folder / "rondan.db")
    try:
        await schema.migrate(db, clock())
        here = Stage(db, far, clock, chat)
        await chat.furnish(await places.all_places(db))
        running = asyncio.create_task(chat.run(Mute(), here.ears))
        ready = asyncio.create_task(here.ears.away.wait())
        try:
            await asyncio.wait({running, ready}, timeout=15, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            assert here.ears.away.is_set(), "the adapter did not connect"
            yield here
        finally:
            for task in (running, ready):
                task.cancel()
            await asyncio.gather(running, ready, return_exceptions=True)
    finally:
        await db.close()


def text_of(message: Message) -> str:
    """What a reader sees."""
    return message.content or plain({"components": message.components, "embeds": message.embeds})


def lines(messages: Iterable[Message]) -> list[str]:
    """First lines of what was said, without what Discord itself says."""
    return [text_of(one).split("\n")[0].split(" <")[0] for one in messages if one.type in (0, 19)]


def shown(channel: Channel) -> list[str]:
    """First lines of the messages in a channel, those in threads indented; of a forum its posts by their names."""
    assert channel.guild is not None
    if channel.type == 15:
        posts = [one for one in channel.guild.threads.values() if one.parent is channel]
        return [line for post in posts for line in (post.name, *(f"  {one}" for one in lines(post)))]
    out: list[str] = []
    for message in channel:
        out += lines([message])
        if message.thread is not None and not message.thread.gone:
            out += [f"  {one}" for one in lines(message.thread)]
    return out


def essay(*sections: tuple[str, str], title: str = "The night bus", **more: object) -> Found:
    """A piece of a lead and sections (heading, text)."""
    blocks: list[object] = [Paragraph(spans=spans("It runs at last."))]
    for heading, text in sections:
        blocks += [Heading(level=2, spans=spans(heading)), Paragraph(spans=spans(text))]
    return found(title=title, document=Document(blocks=tuple(blocks)), fingerprint=f"1:{title}{sections}", **more)  # type: ignore[arg-type]
