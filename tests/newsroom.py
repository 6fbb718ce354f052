"""A publication with its desk, for tests of what people ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from bot import ingest
from bot.collect import Collector
from bot.ingest import Taken
from bot.publish import Publisher
from bot.queueing import Queue
from bot.tickets import Tickets
from commands.desk import Desk
from commands.together import Together
from commands.tools import Drafts, Feeds, Think, Tools, Writer
from core.chat import Caller, Commented, Person, Reacted
from core.errors import ThinkError
from core.message import Reply, to_text
from core.pieces import Found, TextMode
from core.stances import DEFAULT
from storage import places, queueing, sources, tickets
from storage.changes import changes_of
from storage.db import Db, Tx
from storage.ledger import Ledger
from tests.conftest import QuietRoom, SetClock

READER = Caller(platform="web", person=Person(id="r1", name="Ria"), channel="general", community="web")
MODERATOR = replace(READER, person=Person(id="m1", name="Mo"), roles=frozenset({"reader", "moderator"}))


async def thoughtless(job: str, data: Any) -> Any:
    """A thinking process that never answers."""
    raise ThinkError(f"no {job} here")


def meanwhile(monkeypatch: pytest.MonkeyPatch, db: Db, other: Callable[[Tx], Awaitable[object]]) -> None:
    """From now on somebody does this whenever a unit of work is asked for, and is quicker."""
    write = db.write

    async def later(work: Callable[[Tx], Awaitable[Any]]) -> Any:
        await write(other)
        return await write(work)

    monkeypatch.setattr(db, "write", later)


class Newsroom:
    """A publication with its desk: one place, pieces that are posted, readers that answer."""

    def __init__(
        self,
        db: Db,
        clock: SetClock,
        chat: QuietRoom,
        feeds: Feeds | None = None,
        *,
        drafts: Drafts | None = None,
        think: Think | None = None,
        least: int = 1,
        writer: Writer | None = None,
    ) -> None:
        """Without `think` nothing is thought, and what stands without it is shown."""
        self.db = db
        self.clock = clock
        self.chat = chat
        self.ears = Collector(db, DEFAULT, clock, ledger=Ledger(db.keys.with_name("rondan.erasures")))
        self.publisher = Publisher(db, {"web": chat}, DEFAULT, clock)
        self.publisher.shows[tickets.SUBJECT] = Tickets(db).show
        self.publisher.shows[queueing.SUBJECT] = Queue(db, {"web": chat}, DEFAULT).show
        self.desk = Desk(
            Tools(
                db=db,
                ears=self.ears,
                outside=self.ears.outside,
                stance_of=self.ears.stance_of,
                scale=DEFAULT,
                zone="UTC",
                clock=clock,
                wake=self.publisher.wake,
                place=ingest.place,
                let_out=ingest.let_out,
                furnish=self._furnish,
                feeds=feeds or cast("Feeds", None),  # only tests of `/feed` have any
                drafts=drafts or cast("Drafts", None),  # only tests of drafts and submissions
                link=lambda platform, channel, anchor: f"http://chat/{channel}/{anchor}",
                think=think or thoughtless,
                least=least,
                writer=writer,
                together=Together(lambda: changes_of(db), clock),
            )
        )

    async def _furnish(self) -> None:
        await self.chat.furnish(await places.all_places(self.db))

    async def publish(self, item: Found, text_mode: TextMode = "full") -> int:
        async def work(tx: Tx) -> Taken:
            source = await sources.ensure_source(
                tx,
                kind="file",
                address=text_mode,
                title="",
                text_mode=text_mode,
                now=self.clock(),
            )
            return await ingest.take(tx, source, item, now=self.clock())

        taken = await self.db.write(work)
        await self.publisher.settle_all()
        assert taken.piece is not None
        return taken.piece

    async def anchor(self, piece: int, channel: str = "general") -> str:
        rows = await self.db.read(
            """select a.anchor from anchor a join leaf l on l.id=a.leaf_id
               where a.piece_id=? and l.name='card' and a.channel=?""",
            piece, channel,
        )  # fmt: skip
        return str(rows[0]["anchor"])

    async def react(self, who: str, anchor: str, emoji: str, *, added: bool = True, channel: str = "general") -> None:
        self.clock.move(seconds=1)
        await self.ears.keep(
            Reacted(
                platform="web",
                channel=channel,
                anchor=anchor,
                person=Person(id=who, name=who),
                emoji=emoji,
                added=added,
                at=self.clock(),
            )
        )

    async def say(self, who: str, under: str, text: str, *, name: str, channel: str = "general") -> None:
        self.clock.move(seconds=1)
        await self.ears.keep(
            Commented(
                platform="web",
                channel=channel,
                anchor=name,
                person=Person(id=who, name=who),
                text=text,
                at=self.clock(),
                reply_to=under,
                thread=under,
            )
        )

    async def ask(self, line: str, caller: Caller = READER) -> Reply:
        await self.ears.fold_all()
        self.clock.move(seconds=1)
        reply = await self.desk.ask(caller, line)
        await self.publisher.settle_all()
        return reply

    async def text(self, line: str, caller: Caller = READER) -> str:
        reply = await self.ask(line, caller)
        assert reply.ok, to_text(reply.message)
        return to_text(reply.message)
