"""What every test may use: a clock that is set by hand, a database of its own, a publication with places and pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
from storage.db import SqliteDb

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


@pytest.fixture
async def db(tmp_path: Path, clock: SetClock) -> AsyncIterator[SqliteDb]:
    database = await SqliteDb.open(tmp_path / "rondan.db")
    try:
        await schema.migrate(database, clock())
        yield database
    finally:
        await database.close()


class QuietRoom(RoomChat):
    """The web platform without its page: tests look into the room and speak to the ears themselves."""

    async def run(self, desk: Desk, ears: Ears) -> None:
        """Nobody comes in by this door."""

    def link(self, place: Place, anchor: str) -> str | None:
        return f"http://chat/{place.channel}/{anchor}"


async def add_place(db: SqliteDb, clock: SetClock, channel: str = "general", **settings: object) -> Place:
    """A place of the web platform, in English unless said."""
    values: dict[str, object] = {"id": 0, "platform": "web", "channel": channel, "community": "web", **settings}
    return await places.add_place(db, Place(**values), "place", clock())  # type: ignore[arg-type]


@pytest.fixture
async def room(db: SqliteDb, clock: SetClock, tmp_path: Path) -> AsyncIterator[Newsroom]:
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
