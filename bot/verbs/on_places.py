"""Verbs on places: the channels of the publication, and how it speaks there."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bot import owner
from bot.verbs.registry import Args, verb
from core.chat import Place
from core.errors import Refusal
from core.filters import parse_filter
from core.speech import LANGUAGES
from storage import places, postings

if TYPE_CHECKING:
    from bot.house import House


def split_place(address: str) -> tuple[str, str]:
    """`PLATFORM:CHANNEL` as a pair. Refusal with the mend."""
    platform, separator, channel = address.partition(":")
    if not separator or not platform or not channel:
        raise Refusal(f"{address!r} is no place: write PLATFORM:CHANNEL, such as web:general or console:main")
    return platform.lower(), channel


PLATFORMS = ("web", "console")
AUDIENCES = ("place", "community", "publication")


@verb("place add")
async def place_add(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Make a channel a place."""
    platform, channel = split_place(args["address"])
    if platform not in PLATFORMS:
        raise Refusal(f"there is no platform {platform!r}; there are: {', '.join(PLATFORMS)}")
    place = Place(
        id=0,
        platform=platform,
        channel=channel,
        name=args.get("name") or "",
        community=platform,
        layout=args.get("layout") or "card",
        language=args.get("lang") or house.settings.lang,
        zone=args.get("zone") or house.settings.zone,
        filter=_filter(args),
        quiet=_quiet(args.get("quiet")),
        cap=args.get("cap"),
    )
    check_place(place)
    check_audience(args.get("audience"))
    added = await places.add_place(house.db, place, args.get("audience") or "place", house.clock())
    await house.furnish()
    return place_json(added)


def _filter(args: Args) -> str:
    """The filter as given, and (any of) the topics."""
    topics = " OR ".join(f'topic:"{topic}"' for topic in args.get("topics") or ())
    parts = [part for part in (args.get("filter") or "", topics) if part]
    return parts[0] if len(parts) == 1 else " AND ".join(f"({part})" for part in parts)


def _quiet(text: str | None) -> tuple[str, str] | None:
    if not text or text == "off":
        return None
    start, separator, end = text.partition("-")
    if not separator:
        raise Refusal(f"quiet hours {text!r}: write FROM-TO, such as 22:00-07:00, or off")
    return start.strip(), end.strip()


def check_place(place: Place) -> None:
    """Refusal for a place that could not work, saying what is wrong with which option."""

    if place.layout not in ("card", "thread"):
        raise Refusal(f"layout {place.layout!r}: choose card or thread")
    if place.language not in LANGUAGES:
        raise Refusal(f"language {place.language!r}: choose one of {', '.join(LANGUAGES)}")
    try:
        ZoneInfo(place.zone)
    except (OSError, ValueError, KeyError) as error:
        raise Refusal(f"time zone {place.zone!r} is unknown: use an IANA name such as Asia/Tokyo") from error
    for clock in place.quiet or ():
        try:
            time.fromisoformat(clock)
        except ValueError as error:
            raise Refusal(f"quiet hours: {clock!r} is no time of day; write HH:MM") from error
    if place.cap is not None and place.cap < 0:
        raise Refusal("the daily cap can't be less than 0")
    parse_filter(place.filter)


def check_audience(audience: str | None) -> None:
    """Refusal for a word that names no audience."""
    if audience and audience not in AUDIENCES:
        raise Refusal(f"audience {audience!r}: choose one of {', '.join(AUDIENCES)}")


@verb("place set")
async def place_set(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Change a place; only what is given. `paused` with an empty text lets it go on."""
    address = split_place(args["address"])
    changes: dict[str, Any] = {
        name: args[name] for name in ("name", "layout", "zone", "cap", "audience") if args.get(name) is not None
    }
    if args.get("lang") is not None:
        changes["language"] = args["lang"]
    if args.get("filter") is not None or args.get("topics"):
        changes["filter"] = _filter(args)
    if args.get("quiet") is not None:
        changes["quiet_from"], changes["quiet_to"] = _quiet(args["quiet"]) or (None, None)
    if args.get("paused") is not None:
        changes["paused"] = args["paused"] or None
    if not changes:
        raise Refusal("nothing to change: give an option such as --filter or --quiet")
    check_audience(args.get("audience"))
    current = await places.place_at(house.db, *address)
    if current is None:
        raise Refusal(f"{args['address']} is no place: `rondan place list` shows what there is")
    check_place(
        Place(
            id=0,
            platform=address[0],
            channel=address[1],
            layout=changes.get("layout", current.layout),
            language=changes.get("language", current.language),
            zone=changes.get("zone", current.zone),
            filter=changes.get("filter", current.filter),
            quiet=_quiet(args["quiet"]) if args.get("quiet") is not None else current.quiet,
            cap=changes.get("cap", current.cap),
        )
    )
    changed = await places.change_place(house.db, address, **changes)
    house.publisher.wake()
    return place_json(changed)


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
        "cap": place.cap, "paused": place.paused,
    }  # fmt: skip


async def place_id(house: House, address: str) -> int:
    place = await places.place_at(house.db, *split_place(address))
    if place is None:
        raise Refusal(f"{address} is no place: `rondan place list` shows what there is")
    return place.id
