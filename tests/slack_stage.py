"""A publication on Slack: the real loop, ears and database, the real adapter, and the stand-in over TCP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot import ingest
from bot.collect import Collector
from bot.ingest import Taken
from bot.publish import Publisher
from core.chat import Place
from core.pieces import Found
from core.stances import DEFAULT
from storage import pieces, places, postings, schema, sources
from storage.db import Db, Tx
from storage.sqlite import SqliteDb
from tests.conftest import found
from tests.far import Mute
from tests.far_slack import adapter
from tests.standins.slack import Channel, Slack


class MovedClock:
    """The real time and what it was moved by."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


class Stage:
    """One publisher over one connection."""

    def __init__(self, db: Db, far: Slack, http: bool) -> None:
        self.db, self.far = db, far
        self.clock = MovedClock()
        self.chat = adapter(far, http=http)
        self.chat._clock = self.clock
        self.ears = Collector(db, DEFAULT, self.clock, moved=self.furnish)
        self.publisher = Publisher(db, {"slack": self.chat}, DEFAULT, self.clock)

    async def place(self, channel: Channel, layout: str = "card") -> Place:
        values: dict[str, object] = {"id": 0, "platform": "slack", "channel": channel.id, "layout": layout}
        place = await places.add_place(self.db, Place(**values), "place", self.clock())  # type: ignore[arg-type]
        await self.furnish()
        return place

    async def furnish(self) -> None:
        """Tell the adapter the places."""
        await self.chat.furnish(await places.all_places(self.db))

    async def take(self, item: Found | None = None) -> int:
        async def work(tx: Tx) -> Taken:
            source = await sources.ensure_source(
                tx, kind="file", address="files", title="", text_mode="full", now=self.clock()
            )
            return await ingest.take(tx, source, item or found(), now=self.clock())

        taken = await self.db.write(work)
        assert taken.piece is not None
        return taken.piece

    async def settle(self, *, times: int = 1, seconds: float = 0) -> None:
        for _ in range(times):
            self.clock.by += timedelta(seconds=seconds)
            await self.publisher.settle_all()

    async def publish(self, item: Found | None = None) -> int:
        number = await self.take(item)
        await self.settle()
        await self.far.delivered()
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

    async def paused(self, place: Place) -> str:
        now = await places.place_at(self.db, "slack", place.channel)
        assert now is not None
        return now.paused or ""

    async def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What stands in the database when everything heard is folded."""
        await self.far.delivered()
        await self.ears.fold_all()
        return [tuple(row) for row in await self.db.read(sql)]

    def shown(self, channel: Channel) -> list[str]:
        """First lines of what stands in a channel, answers indented under their root."""
        there = self.far.messages(channel)
        out: list[str] = []
        for root in (one for one in there if not one.thread or one.thread == one.ts):
            out.append(self._line(root))
            out += [f"  {self._line(one)}" for one in there if one.thread == root.ts and one is not root]
        return out

    def _line(self, message: object) -> str:
        return self.far.plain(message).strip().split("\n")[0].split(" <")[0]  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def stage(far: Slack, folder: Path, *, http: bool = False) -> AsyncIterator[Stage]:
    """Connected. A second stage over the same folder is the program started again."""
    db = await SqliteDb.open(folder / "rondan.db")
    try:
        here = Stage(db, far, http)
        await schema.migrate(db, here.clock())
        addresses: asyncio.Queue[str] = asyncio.Queue()
        here.chat._ready = addresses.put_nowait
        await here.chat.furnish(await places.all_places(db))
        running = asyncio.create_task(here.chat.run(Mute(), here.ears))
        ready = asyncio.create_task(addresses.get())
        try:
            await asyncio.wait({running, ready}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            assert ready.done(), "the adapter did not connect"
            if http:
                await far.post_to(ready.result())
            yield here
        finally:
            for task in (running, ready):
                task.cancel()
            await asyncio.gather(running, ready, return_exceptions=True)
    finally:
        await db.close()
