"""What a reading of pieces and comments finds, as data: what crosses to the thinking process and back, and is kept.

Comments stand here by number only, never by their words: who is forgotten or hidden is then gone from every digest, old
ones too. Sentences of pieces are verbatim, with the section that they stand in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
class Verbatim:
    """Words of a piece exactly as they stand in it; `section` is the key of the section, None for a remark."""

    piece: int
    text: str
    section: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One piece in short: one to three of its sentences in reading order, and the author's own remark ("" if none)."""

    piece: int
    sentences: tuple[Verbatim, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What is said under a label that the piece itself uses. `also`: pieces that say nearly the same, newest first."""

    label: str
    said: Verbatim
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Comments that say the same kind of thing. `comments`: those that stand for it best, the best first, at most 3."""

    comments: tuple[int, ...]
    people: int
    size: int
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that is found by reading. `questions`: comments that ask the author something, most supported first."""

    accounts: tuple[Account, ...] = ()
    points: tuple[Point, ...] = ()
    themes: tuple[Theme, ...] = ()
    questions: tuple[int, ...] = ()
