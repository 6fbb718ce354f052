"""The verb that says how all is doing."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bot import owner
from bot.verbs.on_feeds import feed_list
from bot.verbs.on_places import place_list
from bot.verbs.registry import Args, verb
from storage import overview

if TYPE_CHECKING:
    from bot.house import House


@verb("status")
async def status(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Feeds, places, lanes, counts and the last errors."""
    feeds = await feed_list(house, {}, progress)
    return {
        "version": version("rondan"),
        "database": str(house.settings.database),
        "counts": await overview.counts(house.db),
        "places": await place_list(house, {}, progress),
        "feeds": feeds,
        "lanes": [asdict(one) for one in await overview.open_postings(house.db)],
        "errors": [{"feed": feed["feed"], "error": feed["error"]} for feed in feeds if feed["error"]],
    }
