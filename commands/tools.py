"""What a command works with, handed in by whoever puts the house together: `commands` knows nothing above itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from commands.together import Together
from core.chat import Ears, Place
from core.message import Message
from core.pieces import Found, Outline, Piece, TextMode
from core.stances import Scale
from storage.db import Db, Tx
from storage.outside import Outside
from storage.reactions import StanceOf
from storage.sources import Source


class Links(Protocol):
    """Gives the address of a message, whatever its platform; None if there is none."""

    def __call__(self, platform: str, channel: str, anchor: str) -> str | None: ...


class Think(Protocol):
    """Asks the thinking process: a job of `digest.worker.JOBS` by its name, JSON-ready data in and out."""

    async def __call__(self, job: str, data: Any) -> Any:
        """ThinkError when nothing came of it; what can be said without it is then said."""
        ...


class Writer(Protocol):
    """A language model that the operator has set up. `slack`: readers' words from Slack may be sent to it."""

    slack: bool

    async def write(self, instructions: str, data: str, *, hurry: bool) -> str:
        """What it answers; ThinkError when nothing came of it. `hurry`: somebody waits, so only a little while."""
        ...


Draw = Callable[[Message], Awaitable[Message]]
"""Gives a message with its pictures drawn; what can't be drawn stays as it is, and is shown by nobody."""


async def undrawn(message: Message) -> Message:
    """A message as it is: where nothing draws, pictures are shown by nobody."""
    return message


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeps:
    """How long what is kept of people: days, 0 for as long as nobody erases it. `operator`: who answers for it."""

    comments: int = 365
    reactions: int = 90
    left: int = 14
    operator: str = ""


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


class Drafts(Protocol):
    """Pieces that are brought in from chat: each is held until a moderator approves it."""

    async def read(self, address: str) -> Found:
        """The article at an address, fetched and parsed as outside text is. SourceError if it can't be read."""
        ...

    def name_of(self, address: str) -> str:
        """The form in which two addresses of one article are equal."""
        ...

    async def file(self, name: str, content: bytes) -> Found:
        """What an attached file holds, parsed as outside text is. SourceError if it can't be read."""
        ...

    def written(self, title: str, text: str, language: str, author: str | None) -> Found:
        """A piece of what somebody wrote in a form, as Markdown."""
        ...

    async def hold(
        self, tx: Tx, found: Found, mode: TextMode, now: datetime, understood: Outline | None = None
    ) -> tuple[int, bool]:
        """Keep it, held; gives its number, and false if the publication has it already. `understood`: its outline."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a command works with.

    `wake` tells the publisher that rows have changed; `place` makes the postings of a piece, `let_out` publishes one
    that was held; both give the new places. `furnish` tells the platforms our places on them after a change. `draw`
    draws the pictures of an answer. `fits` says whether a message is one on a platform; `least` is the fewest people
    whose numbers are shown. `writer`: a language model, if there is one. `outside`: of whom nothing is kept;
    `stance_of`: what an emoji means here. `together`: one answer for all who ask the same at the same time.
    """

    db: Db
    ears: Ears
    outside: Outside
    stance_of: StanceOf
    scale: Scale
    zone: str
    link: Links
    clock: Callable[[], datetime]
    wake: Callable[[], None]
    place: Callable[[Tx, Piece, datetime], Awaitable[Sequence[Place]]]
    let_out: Callable[[Tx, int, datetime], Awaitable[Sequence[Place]]]
    furnish: Callable[[], Awaitable[None]]
    feeds: Feeds
    drafts: Drafts
    think: Think
    draw: Draw = undrawn
    fits: Callable[[str, Message], bool] = lambda _platform, _message: True
    least: int = 3
    writer: Writer | None = None
    keeps: Keeps = Keeps()
    together: Together = field(default_factory=Together)
