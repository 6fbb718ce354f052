"""The verb that says how all is doing."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bot import owner
from bot.verbs.on_feeds import feed_list
from bot.verbs.on_places import place_list
from bot.verbs.registry import Args, verb
from storage import leases, overview

if TYPE_CHECKING:
    from bot.house import House


@verb("status")
async def status(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Processes over a server's database, feeds, places, lanes, counts and the last errors."""
    feeds = await feed_list(house, {}, progress)
    return {
        "version": version("rondan"),
        "database": house.db.name,
        "processes": await leases.owners(house.db),
        "pictures": {"on": house.settings.pictures, "missing": house.pictures.missing},
        "model": await _model(house),
        "counts": await overview.counts(house.db),
        "places": await place_list(house, {}, progress),
        "feeds": feeds,
        "lanes": [asdict(one) for one in await overview.open_postings(house.db)],
        "errors": [{"feed": feed["feed"], "error": feed["error"]} for feed in feeds if feed["error"]],
    }


@verb("alive")
async def alive(house: House, args: Args, progress: owner.Progress) -> bool:
    """That the loop turns: it answers."""
    return True


@verb("lacks")
async def lacks(house: House, args: Args, progress: owner.Progress) -> list[str]:
    """Why the running bot does not work as it should."""
    return await house.health.lacks()


@verb("retention")
async def retention(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """What is kept longer than was promised; with `plan` it is only said, else it is erased now."""
    old = await (house.keeper.plan() if args["plan"] else house.keeper.erase_old())
    settings = house.settings
    return {
        "comments": len(old.comments), "reactions": old.reactions, "places": len(old.places),
        "days": {
            "comments": settings.keep_comments, "reactions": settings.keep_reactions, "places": settings.leave_days,
        },
    }  # fmt: skip


async def _model(house: House) -> dict[str, Any] | None:
    model = house.model
    return None if model is None else {"spent": await model.spent(), "daily": model.daily, "resting": model.resting}
