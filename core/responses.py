"""What readers did with pieces, in numbers and in their own words: what a digest is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


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
