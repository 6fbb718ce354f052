"""What a command works with, handed in by whoever puts the house together: `commands` knows nothing above itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.chat import Ears, Place
from core.pieces import Found, Piece
from core.stances import Scale
from storage.db import Db, Tx
from storage.sources import Source


class Links(Protocol):
    """Gives the address of a message, whatever its platform; None if there is none."""

    def __call__(self, platform: str, channel: str, anchor: str) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedAdded:
    """A feed that is followed now: how many items it showed at the first look, or why it could not be read yet."""

    address: str
    title: str
    seen: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedTrial:
    """What a feed shows, read once. `items` are new to us or changed, `known` are not; `ours`: we follow it already."""

    address: str
    title: str
    items: Sequence[Found]
    known: int
    ours: bool
    problems: tuple[str, ...]


class Feeds(Protocol):
    """The feeds of the publication. Addresses are `http://` or `https://`; else Refusal."""

    async def add(self, address: str) -> FeedAdded:
        """Follow the feed at an address, or the one that a page there names. Refusal if it is followed already."""
        ...

    async def remove(self, address: str) -> bool:
        """Follow a feed no longer; false if it was not."""
        ...

    async def list(self) -> Sequence[Source]:
        """Every feed, and how it is doing."""
        ...

    async def test(self, address: str) -> FeedTrial:
        """Read a feed once and keep nothing. SourceError if it can't be read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a command works with.

    `wake` tells the publisher that rows have changed; `place` makes the postings of a piece, `let_out` publishes one
    that was held; both give the new places. `furnish` tells the platforms our places on them after a change.
    """

    db: Db
    ears: Ears
    scale: Scale
    zone: str
    link: Links
    clock: Callable[[], datetime]
    wake: Callable[[], None]
    place: Callable[[Tx, Piece, datetime], Awaitable[Sequence[Place]]]
    let_out: Callable[[Tx, int, datetime], Awaitable[Sequence[Place]]]
    furnish: Callable[[], Awaitable[None]]
    feeds: Feeds
