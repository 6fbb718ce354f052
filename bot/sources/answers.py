"""What comes back from the parser's process: a feed as data, never as objects (see `parser_process`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.document import Document, blocks_from_json, blocks_to_json
from core.pieces import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed as it stands now.

    `entries` are new or changed; `unchanged` holds the identities of each item that the caller knew already. Both in
    the feed's order, at most 500 together. `problems` are sentences about what was left out.
    """

    title: str = ""
    language: str | None = None
    ttl_minutes: int | None = None
    link: str | None = None
    entries: tuple[Found, ...] = ()
    unchanged: tuple[tuple[str, ...], ...] = ()
    problems: tuple[str, ...] = ()


def feed_to_json(feed: Feed) -> dict[str, Any]:
    """JSON-ready; documents in their stored form."""
    return {
        "head": [feed.title, feed.language, feed.ttl_minutes, feed.link],
        "entries": [found_to_json(one) for one in feed.entries],
        "unchanged": feed.unchanged,
        "problems": list(feed.problems),
    }


def feed_from_json(data: dict[str, Any]) -> Feed:
    """The reverse of `feed_to_json`."""
    title, language, ttl, link = data["head"]
    return Feed(
        title=title,
        language=language,
        ttl_minutes=ttl,
        link=link,
        entries=tuple(found_from_json(one) for one in data["entries"]),
        unchanged=tuple(map(tuple, data["unchanged"])),
        problems=tuple(data["problems"]),
    )


def found_to_json(one: Found) -> list[Any]:
    """One item; its document in the stored form."""
    when = one.published.timestamp() if one.published else None
    blocks = blocks_to_json(one.document.blocks)
    return [one.identities, one.title, one.url, one.author, when, one.language, one.tags, one.fingerprint, blocks]


def found_from_json(row: list[Any]) -> Found:
    """The reverse of `found_to_json`."""
    identities, title, url, author, when, language, tags, mark, blocks = row
    return Found(
        identities=tuple(identities),
        title=title,
        url=url,
        author=author,
        published=datetime.fromtimestamp(when, UTC) if when is not None else None,
        language=language,
        tags=tuple(tags),
        document=Document(blocks=blocks_from_json(blocks)) if blocks else Document(),
        fingerprint=mark,
    )
