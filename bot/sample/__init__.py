"""The sample publication of the playground: written for Rondan, shown nowhere but in the playground and the console."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bot import folders
from core.chat import Place
from storage import overview, places

if TYPE_CHECKING:
    from bot.house import House

PIECES = Path(__file__).parent / "pieces"
PLACES = (
    Place(id=0, platform="web", channel="lobby", name="Lobby", community="web", language="ja", zone="Asia/Tokyo"),
    Place(
        id=0,
        platform="web",
        channel="essays",
        name="Essays",
        community="web",
        layout="thread",
        language="ja",
        zone="Asia/Tokyo",
    ),
    Place(
        id=0, platform="web", channel="english", name="English", community="web", language="en", filter="language:en"
    ),
)


async def load_sample(house: House) -> list[str]:
    """Fill a new database; gives the titles, none if the database holds anything or is to serve a real platform."""
    if not await overview.is_new(house.db) or set(house.chats) - {"web", "console"}:
        return []
    for place in PLACES:
        await places.add_place(house.db, place, "community", house.clock())
    read, errors = await folders.read_files([PIECES])
    if errors:
        raise errors[0]
    taken = await folders.take(house, [found for _, found in read], kind="sample", address="sample")
    return [one.title for one in taken]
