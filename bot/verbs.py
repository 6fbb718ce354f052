"""What other programs ask of a database: each verb runs in the process that owns it, here or across the socket.

A verb takes JSON-ready arguments and gives a JSON-ready result, so that both ways are the same to the command line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bot import export as exporting
from bot import folders, ingest, owner
from bot import why as explaining
from bot.sources import opml
from bot.sources.discover import discover
from commands.reading import piece_meant
from core.chat import Caller, Person, Place, Role
from core.errors import Refusal, SourceError
from core.filters import parse_filter
from core.message import Reply, links_of, to_text
from core.pieces import Outline, Piece, TextMode
from core.speech import LANGUAGES
from storage import pieces, places, postings, sources
from storage.db import Tx

if TYPE_CHECKING:
    from bot.house import House

Args = Mapping[str, Any]
Verb = Callable[["House", Args, owner.Progress], Awaitable[Any]]
VERBS: dict[str, Verb] = {}

ROLES: dict[str, frozenset[Role]] = {
    "reader": frozenset({"reader"}),
    "author": frozenset({"reader", "author"}),
    "moderator": frozenset({"reader", "moderator"}),
    "admin": frozenset({"reader", "moderator", "admin"}),
}


def verb(name: str) -> Callable[[Verb], Verb]:
    """Register a verb under the name that the socket uses."""

    def register(function: Verb) -> Verb:
        VERBS[name] = function
        return function

    return register


def bound(house: House, name: str) -> owner.Verb:
    """A verb of this house, in the form that the socket serves."""

    async def run(args: Args, progress: owner.Progress) -> Any:
        return await VERBS[name](house, args, progress)

    return run


# --- pieces ---


@verb("import")
async def import_(house: House, args: Args, progress: owner.Progress) -> list[dict[str, Any]]:
    """Read files and folders; one entry a piece, and one with `error` for each file that can't be read."""
    read, errors = await folders.read_files([Path(one) for one in args["paths"]])
    result: list[dict[str, Any]] = []
    for number, (path, found) in enumerate(read, 1):
        if number % 20 == 0:
            progress(f"{number} of {len(read)} files")
        result += [
            {
                "piece": one.piece,
                "title": one.title,
                "state": one.state,
                "new": one.outcome in ("new", "held"),
                "outcome": one.outcome,
                "path": str(path),
            }
            for one in await folders.take(house, [found])
        ]
    unread = {"piece": None, "title": None, "state": "error", "new": False}
    return result + [{**unread, "error": str(error)} for error in errors]


@verb("outline")
async def outline(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """What was understood of a piece."""
    piece = await piece_meant(house.tools, _shell("admin", "en", house), args["piece"])
    return outline_json(piece)


def outline_json(piece: Piece) -> dict[str, Any]:
    """The outline as the command line prints it."""
    understood: Outline = piece.outline
    return {
        "piece": piece.number,
        "title": piece.title,
        "language": piece.language,
        "cited": [{"title": one.title, "url": one.url} for one in understood.cited],
        "parts": [
            {
                "remarks": [_words(remark.spans) for remark in part.remarks],
                "sections": [
                    {
                        "level": section.level,
                        "heading": section.heading,
                        "voice": section.voice,
                        "paragraphs": section.paragraphs,
                        "items": section.items,
                    }
                    for section in part.sections
                ],
            }
            for part in understood.parts
        ],
        "topics": [topic.name(piece.language) for topic in piece.topics],
    }


def _words(spans: Any) -> str:
    return "".join(span.text for span in spans)


@verb("why")
async def why(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Why an item was or was not posted at each place."""
    story = await explaining.why(house, args["asked"])
    return {**story.to_json(), "text": story.text()}


@verb("export")
async def export(house: House, args: Args, progress: owner.Progress) -> dict[str, int]:
    """Everything to a file, one JSON object a line."""
    return await exporting.export(house, Path(args["path"]), progress)


@verb("ask")
async def ask(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Any command through the desk, as somebody with a role."""
    reply = await house.desk.ask(_shell(args["role"], args["lang"] or house.settings.lang, house), args["line"])
    return reply_json(reply)


def reply_json(reply: Reply) -> dict[str, Any]:
    """An answer as the command line prints it."""
    text = to_text(reply.message)
    links = list(reply.links or links_of(reply.message))
    return {
        "ok": reply.ok, "private": reply.private, "text": text, "links": links, "error": None if reply.ok else text,
    }  # fmt: skip


def _shell(role: str, language: str, house: House) -> Caller:
    return Caller(
        platform="shell",
        person=Person(id="shell", name="shell"),
        language=language,
        roles=ROLES[role],
        zone=house.settings.zone,
    )


# --- places ---


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
    from datetime import time

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


# --- feeds ---


@verb("feed add")
async def feed_add(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Add a feed by its address or by a page's, and take its first look."""
    address, title = args["address"], ""
    if not address.lower().startswith(("http://", "https://")):
        raise Refusal(f"{address!r} is no address: it must begin with http:// or https://")
    limited = [await _place_id(house, one) for one in args.get("places") or ()]
    mode = text_mode(args.get("text"))
    try:
        found = await discover(house.fetcher, house.pool, address)
        if found:
            address, title = found[0]
            if address != args["address"]:
                progress(f"found the feed {address}")
    except SourceError as error:
        progress(f"can't read it yet: {error}")

    async def work(tx: Tx) -> sources.Source:
        return await sources.add_source(
            tx, kind="feed", address=address, title=title, text_mode=mode, review=bool(args.get("review")),
            places=limited, now=house.clock(),
        )  # fmt: skip

    feed = await house.db.write(work)
    polled = await house.poller.poll(feed)
    house.poller.wake()
    after = await sources.source(house.db, feed.id)
    return {**feed_json(after), "polled": polled.to_json(), "text": polled.sentence()}


def text_mode(text: str | None) -> TextMode:
    """How much of a source's text may be shown. Refusal for a word that is none."""
    match text or "excerpt":
        case "full":
            return "full"
        case "excerpt":
            return "excerpt"
        case "link":
            return "link"
        case other:
            raise Refusal(f"text {other!r}: choose full, excerpt or link")


async def _place_id(house: House, address: str) -> int:
    place = await places.place_at(house.db, *split_place(address))
    if place is None:
        raise Refusal(f"{address} is no place: `rondan place list` shows what there is")
    return place.id


async def _feed(house: House, address: str) -> sources.Source:
    feed = await sources.source_at(house.db, address)
    if feed is None or feed.kind != "feed":
        raise Refusal(f"{address} is no feed of ours: `rondan feed list` shows them, `rondan feed add` adds one")
    return feed


@verb("feed list")
async def feed_list(house: House, args: Args, progress: owner.Progress) -> list[dict[str, Any]]:
    """Every feed and how it is doing."""
    return [feed_json(feed) for feed in await sources.sources(house.db, "feed")]


def feed_json(feed: sources.Source) -> dict[str, Any]:
    return {
        "feed": feed.address, "title": feed.title, "text_mode": feed.text_mode, "review": feed.review,
        "paused": feed.paused, "baseline": _stamp(feed.baseline), "checked": _stamp(feed.checked),
        "next_check": _stamp(feed.next_check), "failures": feed.failures, "error_code": feed.error_code,
        "error": feed.error, "held": feed.held,
    }  # fmt: skip


def _stamp(at: Any) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


@verb("feed check")
async def feed_check(house: House, args: Args, progress: owner.Progress) -> list[dict[str, Any]]:
    """Poll one feed or all now."""
    feeds = await sources.sources(house.db, "feed") if args.get("all") else [await _feed(house, args["address"])]

    async def check(feed: sources.Source) -> dict[str, Any]:
        polled = await house.poller.poll(feed)
        entry = polled.to_json()
        if polled.not_modified:
            entry["unchanged"] = await sources.shown_before(house.db, feed.id)
        progress(polled.sentence())
        return {**entry, "text": polled.sentence()}

    return await asyncio.gather(*(check(feed) for feed in feeds))  # the fetcher bounds how many at once


@verb("feed set")
async def feed_set(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Change a feed: how much text may be shown, review before posting, pause."""
    feed = await _feed(house, args["address"])
    changes: dict[str, Any] = {}
    if args.get("text") is not None:
        changes["text_mode"] = text_mode(args["text"])
    if args.get("review") is not None:
        changes["review"] = int(args["review"])
    if args.get("paused") is not None:
        changes["paused"] = args["paused"] or None
        if not args["paused"]:
            changes["next_check_at"] = 0
    await sources.change(house.db, feed.id, changes, house.clock())
    house.poller.wake()
    house.publisher.wake()
    return feed_json(await sources.source(house.db, feed.id))


@verb("feed release")
async def feed_release(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Publish the pieces of a feed that are held."""
    feed = await _feed(house, args["address"])
    rows = await house.db.read("select id from piece where source_id=? and state='held' order by id", feed.id)
    for row in rows:
        await house.db.write(lambda tx, number=row["id"]: ingest.let_out(tx, number, house.clock()))  # type: ignore[misc]
    await sources.change(house.db, feed.id, {"held": 0}, house.clock())
    house.publisher.wake()
    return {"feed": feed.address, "released": len(rows)}


@verb("backfill")
async def backfill(house: House, args: Args, progress: owner.Progress) -> list[dict[str, Any]]:
    """Post the newest items of feeds that were only seen so far, or the newest pieces at a place added later."""
    if args.get("place"):
        place = await _place_id(house, args["place"])
        placed = []
        for piece in reversed(await pieces.latest(house.db, args["last"])):
            done = await house.db.write(
                lambda tx, piece=piece: ingest.place(tx, piece, house.clock(), due=house.clock(), only={place})  # type: ignore[misc]
            )
            if done:
                placed.append({"piece": piece.number, "title": piece.title, "place": args["place"]})
        house.publisher.wake()
        return placed
    feeds = [await _feed(house, args["feed"])] if args.get("feed") else await sources.sources(house.db, "feed")
    result = []
    for feed in feeds:
        try:
            polled = await house.poller.backfill(feed, args["last"])
            result.append({**polled.to_json(), "text": polled.sentence()})
        except SourceError as error:
            result.append({"feed": feed.address, "error": str(error), "text": f"{feed.address}: {error}"})
    return result


@verb("opml import")
async def opml_import(house: House, args: Args, progress: owner.Progress) -> list[dict[str, Any]]:
    """Add every feed of an OPML file; each takes its first look in the background or at the next `feed check`."""
    try:
        listed = opml.read_opml(Path(args["path"]).read_bytes())
    except OSError as error:
        raise Refusal(f"can't read {args['path']}: {error.strerror}") from error
    result = []
    for title, address, _folder in listed:

        async def work(tx: Tx, title: str = title, address: str = address) -> bool:
            if await sources.source_at(tx, address) is not None:
                return False
            await sources.add_source(
                tx, kind="feed", address=address, title=title, text_mode="excerpt", review=False, places=(),
                now=house.clock(),
            )  # fmt: skip
            return True

        result.append({"feed": address, "title": title, "new": await house.db.write(work)})
    house.poller.wake()
    return result


@verb("opml export")
async def opml_export(house: House, args: Args, progress: owner.Progress) -> str:
    """The feeds as OPML text."""
    feeds = [(feed.title or feed.address, feed.address, "") for feed in await sources.sources(house.db, "feed")]
    return opml.write_opml(feeds).decode()


# --- how it is ---


@verb("status")
async def status(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Feeds, places, lanes, counts and the last errors."""
    rows = await house.db.read(
        """select (select count(*) from piece) as pieces,
             (select count(*) from comment where state <> 'erased') as comments,
             (select count(*) from reaction where present=1) as reactions, (select count(*) from heard) as journal,
             (select count(*) from parked) as parked"""
    )
    counts = {name: rows[0][name] for name in rows[0].keys()}  # noqa: SIM118 - a Row is no dict
    stuck = await house.db.read(
        """select o.state, o.reason, o.subject, o.subject_id, p.platform, p.channel from posting o
           join place p on p.id=o.place_id where o.state in ('stuck', 'waiting') order by o.changed_at desc limit 20"""
    )
    feeds = await feed_list(house, {}, progress)
    return {
        "version": version("rondan"),
        "database": str(house.settings.database),
        "counts": counts,
        "places": await place_list(house, {}, progress),
        "feeds": feeds,
        "lanes": [
            {
                "place": f"{row['platform']}:{row['channel']}",
                "subject": f"{row['subject']} {row['subject_id']}",
                "state": row["state"],
                "reason": row["reason"],
            }
            for row in stuck
        ],
        "errors": [{"feed": feed["feed"], "error": feed["error"]} for feed in feeds if feed["error"]],
    }
