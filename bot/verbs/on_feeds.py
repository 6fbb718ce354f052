"""Verbs on feeds: adding, checking, changing, and posting what was only seen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import ingest, owner
from bot.sources import opml
from bot.verbs.on_places import place_id
from bot.verbs.registry import Args, verb
from core.errors import Refusal, SourceError
from core.pieces import TextMode
from storage import pieces, sources
from storage.db import Tx

if TYPE_CHECKING:
    from bot.house import House


@verb("feed add")
async def feed_add(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Add a feed by its address or by a page's, and take its first look."""
    feed, polled = await house.feeds.take(
        args["address"],
        text_mode=text_mode(args.get("text")),
        review=bool(args.get("review")),
        places=[await place_id(house, one) for one in args.get("places") or ()],
        tell=progress,
    )
    return {**feed_json(feed), "polled": polled.to_json(), "text": polled.sentence()}


@verb("feed test")
async def feed_test(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Read a feed once; keep nothing."""
    tried = await house.feeds.test(args["address"])
    items = [{"title": one.title, "url": one.url, "published": _stamp(one.published)} for one in tried.items]
    return {
        "feed": tried.address, "title": tried.title, "items": items, "known": tried.known, "ours": tried.ours,
        "problems": list(tried.problems),
    }  # fmt: skip


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


async def _feed(house: House, address: str) -> sources.Source:
    feed = await house.feeds.find(address)
    if feed is None:
        raise Refusal(f"{address} is no feed of ours: `rondan feed list` shows them, `rondan feed add` adds one")
    return feed


@verb("feed list")
async def feed_list(house: House, args: Args, progress: owner.Progress) -> list[dict[str, Any]]:
    """Every feed and how it is doing."""
    return [feed_json(feed) for feed in await house.feeds.list()]


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
    held = await pieces.held_of(house.db, feed.id)
    for number in held:
        await house.db.write(lambda tx, number=number: ingest.let_out(tx, number, house.clock()))  # type: ignore[misc]
    await sources.change(house.db, feed.id, {"held": 0}, house.clock())
    house.publisher.wake()
    return {"feed": feed.address, "released": len(held)}


@verb("feed remove")
async def feed_remove(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Follow a feed no longer. Its pieces and what was said of them stay."""
    feed = await _feed(house, args["address"])
    await house.feeds.remove(feed.address)
    return {"feed": feed.address, "removed": True}


@verb("backfill")
async def backfill(house: House, args: Args, progress: owner.Progress) -> list[dict[str, Any]]:
    """Post the newest items of feeds that were only seen so far, or the newest pieces at a place added later."""
    if args.get("place"):
        place = await place_id(house, args["place"])
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
