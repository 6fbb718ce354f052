"""What readers did with pieces, in numbers and in their own words: what a digest is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(slots=True, kw_only=True)
class PieceNumbers:
    """What readers did with one piece in a window: people by stance (each once), emoji, comments, people."""

    piece: int
    published: datetime
    stances: dict[str, int] = field(default_factory=dict)
    reactions: dict[str, int] = field(default_factory=dict)
    comments: int = 0
    commenters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What happened in a span of time: pieces published, people who responded (each once), comments."""

    pieces: int = 0
    people: int = 0
    comments: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One comment with its score and where it stands."""

    comment: int
    piece: int
    text: str
    at: datetime
    agree: int
    disagree: int
    n: int
    section: str | None
    platform: str
    channel: str
    anchor: str
    state: str
    person: str = ""

    @property
    def featured(self) -> bool:
        return self.state == "featured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One comment as it is read: `person` tells people apart and names nobody; None is somebody forgotten."""

    comment: int
    piece: int
    person: int | None
    text: str
    at: datetime
    section: str | None = None
    featured: bool = False
    agree: int = 0
    disagree: int = 0
    n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A piece that was corrected or withdrawn at a time; `note` is the reason, `before` the old title if it changed."""

    piece: int
    what: Literal["edited", "corrected", "retracted"]
    at: datetime
    note: str = ""
    before: str = ""
