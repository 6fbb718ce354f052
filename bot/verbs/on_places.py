"""Verbs on places: the channels of the publication, and how it speaks there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot import owner
from bot.verbs.registry import Args, verb
from commands.placing import change
from core.chat import Place
from core.errors import Refusal
from core.placing import REMOVED, WITH_COMMUNITIES, check_place, moderators_in, quiet_hours, split_place, topics_filter
from storage import places, postings, queueing

if TYPE_CHECKING:
    from bot.house import House


AUDIENCES = ("place", "community", "publication")


@verb("place add")
async def place_add(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Make a channel a place."""
    platform, channel = split_place(args["address"])
    place = Place(
        id=0,
        platform=platform,
        channel=channel,
        name=args.get("name") or "",
        community=args.get("community") or ("" if platform in WITH_COMMUNITIES else platform),
        layout=args.get("layout") or "card",
        language=args.get("lang") or house.settings.lang,
        zone=args.get("zone") or house.settings.zone,
        filter=_filter(args),
        quiet=quiet_hours(args.get("quiet") or ""),
        cap=args.get("cap"),
        mention=args.get("mention") or "",
        review=bool(args.get("review")),
    )
    place = replace(place, moderators=moderators_in(args.get("moderators") or "", place))
    check_place(place)
    check_audience(args.get("audience"))
    added = await places.add_place(house.db, place, args.get("audience") or "place", house.clock())
    await _fill(house, added)
    await house.furnish()
    return place_json(added)


async def _fill(house: House, place: Place) -> None:
    """What waits for moderators comes to a place that is theirs; again is no harm."""
    if place.layout == "queue":
        await house.db.write(lambda tx: queueing.fill(tx, place.id, house.clock()))
        house.publisher.wake()


def _filter(args: Args) -> str:
    """The filter as given, and (any of) the topics."""
    parts = [part for part in (args.get("filter") or "", topics_filter(args.get("topics") or ())) if part]
    return parts[0] if len(parts) == 1 else " AND ".join(f"({part})" for part in parts)


def check_audience(audience: str | None) -> None:
    """Refusal for a word that names no audience."""
    if audience and audience not in AUDIENCES:
        raise Refusal(f"audience {audience!r}: choose one of {', '.join(AUDIENCES)}")


@verb("place set")
async def place_set(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Change a place; only what is given. `paused` with an empty text lets it go on."""
    address = split_place(args["address"])
    given: dict[str, Any] = {
        name: args[name]
        for name in ("name", "layout", "zone", "cap", "mention", "community", "review")
        if args.get(name) is not None
    }
    if args.get("lang") is not None:
        given["language"] = args["lang"]
    if args.get("filter") is not None or args.get("topics"):
        given["filter"] = _filter(args)
    if args.get("quiet") is not None:
        given["quiet"] = quiet_hours(args["quiet"])
    if args.get("paused") is not None:
        given["paused"] = args["paused"] or None
    check_audience(args.get("audience"))
    apart = {} if args.get("audience") is None else {"audience": args["audience"]}
    place = await places.place_at(house.db, *address)
    if place is None or place.paused == REMOVED:
        raise Refusal(f"{args['address']} is no place: `rondan place list` shows what there is")
    if args.get("moderators") is not None:
        given["moderators"] = moderators_in(args["moderators"], place)
    if not given and not apart:
        raise Refusal("nothing to change: give an option such as --filter or --quiet")
    _, changed = await house.db.write(lambda tx: change(tx, place, lambda _: given, house.clock(), **apart))
    await house.furnish()
    house.publisher.wake()
    return place_json(changed)


@verb("place remove")
async def place_remove(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Post nothing new at a place; what stands there stays. A place that never showed anything is forgotten."""
    place = await places.place_at(house.db, *split_place(args["address"]))
    if place is None or place.paused == REMOVED:
        raise Refusal(f"{args['address']} is no place: `rondan place list` shows what there is")
    forgotten = await house.db.write(lambda tx: places.remove(tx, place.id, house.clock()))
    return {"place": place.address, "forgotten": forgotten}


@verb("place list")
async def place_list(house: House, args: Args, progress: owner.Progress) -> list[dict[str, Any]]:
    """Every place with how its postings stand."""
    states = await postings.states(house.db)
    result = []
    for place in await places.all_places(house.db):
        counts = {state: n for number, state, n in states if number == place.id}
        result.append({**place_json(place), "postings": counts})
    return result


def place_json(place: Place) -> dict[str, Any]:
    return {
        "place": place.address, "name": place.name, "layout": place.layout, "language": place.language,
        "zone": place.zone, "filter": place.filter, "quiet": "-".join(place.quiet) if place.quiet else None,
        "cap": place.cap, "mention": place.mention, "review": place.review, "moderators": list(place.moderators),
        "paused": place.paused,
    }  # fmt: skip


async def place_id(house: House, address: str) -> int:
    place = await places.place_at(house.db, *split_place(address))
    if place is None:
        raise Refusal(f"{address} is no place: `rondan place list` shows what there is")
    return place.id
