"""What every test may use: a clock that is set by hand, a database of its own, a publication with places and pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import settings
from structlog.testing import LogCapture

from bot.platforms.room import Room
from bot.platforms.roomchat import RoomChat
from core.chat import Desk, Ears, Place
from core.document import Document, Heading, Paragraph, spans
from core.pieces import Found
from storage import places, schema
from storage.changes import CountingDb
from storage.db import Db
from storage.postgres import PgDb
from tests.standins import postgres as pg

if TYPE_CHECKING:
    from tests.newsroom import Newsroom


settings.register_profile("rondan", deadline=None)  # how long an example takes says more of the machine than of us
settings.load_profile("rondan")


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> datetime:
        """Go forward; gives the new time."""
        self.at += timedelta(**by)
        return self.at


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    yield
    structlog.reset_defaults()


@pytest.fixture
def logged() -> list[Any]:
    """Log entries of `info` and above."""
    capture = LogCapture()
    structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(20))
    return capture.entries


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A database with an empty publication on a PostgreSQL server; `pg.created` makes more like it."""

    async def laid_out(address: str) -> str:
        empty = await pg.created(address)
        with TemporaryDirectory() as folder:
            pattern = await PgDb.open(empty, Path(folder) / "key")
            try:
                await schema.migrate(pattern, SetClock()())
                await pattern.write(lambda tx: tx.run("delete from fact where name='key'"))
            finally:
                await pattern.close()
        return empty

    with pg.server() as address:
        yield asyncio.run(laid_out(address))


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> str | None:
    """The address of a PostgreSQL server, or None for SQLite. `on_sqlite` keeps a test to the latter."""
    return request.getfixturevalue("postgres") if request.param == "postgres" else None


on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""For tests of what only a file of one's own has: its log, its copies, its lock."""


@asynccontextmanager
async def opened(engine: str | None, folder: Path, clock: SetClock) -> AsyncIterator[Db]:
    """An empty publication on this engine; its key, and what else it has, in a folder."""
    database: Db
    address = None if engine is None else await pg.created(engine)
    if address is None:
        database = await CountingDb.open(folder / "rondan.db")
    else:
        database = await PgDb.open(address, folder / "rondan.db.key")
    try:
        await schema.migrate(database, clock())
        yield database
    finally:
        await database.close()
        if address is not None:
            await pg.drop(address)  # hundreds of them would fill a small disk


@pytest.fixture
async def db(engine: str | None, tmp_path: Path, clock: SetClock) -> AsyncIterator[Db]:
    """An empty publication, on either engine."""
    async with opened(engine, tmp_path, clock) as database:
        yield database


class QuietRoom(RoomChat):
    """The web platform without its page: tests look into the room and speak to the ears themselves."""

    async def run(self, desk: Desk, ears: Ears) -> None:
        """Nobody comes in by this door."""

    def link(self, place: Place, anchor: str) -> str | None:
        return f"http://chat/{place.channel}/{anchor}"


async def add_place(db: Db, clock: SetClock, channel: str = "general", **settings: object) -> Place:
    """A place of the web platform, in English unless said."""
    values: dict[str, object] = {"id": 0, "platform": "web", "channel": channel, "community": "web", **settings}
    return await places.add_place(db, Place(**values), "place", clock())  # type: ignore[arg-type]


async def change_place(db: Db, address: tuple[str, str], **changes: object) -> Place:
    """Set columns of a place."""
    return await db.write(lambda tx: places.change(tx, address, **changes))


@pytest.fixture
async def room(db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Newsroom]:
    """A publication with its desk and one place, `web:general`."""
    from tests.newsroom import Newsroom  # which is built from what stands here

    memory = Room(tmp_path / "room.jsonl")
    await add_place(db, clock)
    yield Newsroom(db, clock, QuietRoom("web", memory))
    await memory.close()


def found(
    name: str = "night-bus", *, title: str = "The night bus", text: str = "It runs at last.", **more: object
) -> Found:
    """An item as a source shows it: a lead paragraph and one section."""
    blocks = (
        Paragraph(spans=spans(text)),
        Heading(level=2, spans=spans("Costs")),
        Paragraph(spans=spans("It costs less than feared. The town pays.")),
    )
    values: dict[str, object] = {
        "identities": (f"guid:{name}",), "title": title, "document": Document(blocks=blocks), "language": "en",
        "fingerprint": f"1:{title}{text}", **more,
    }  # fmt: skip
    return Found(**values)  # type: ignore[arg-type]
