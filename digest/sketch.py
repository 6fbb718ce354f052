"""What a reading of pieces and comments finds, as data: what crosses to the thinking process and back, and is kept.

Comments stand here by number only, never by their words: who is forgotten or hidden is then gone from every digest, old
ones too. Sentences of pieces are verbatim, with the section that they stand in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core.responses import Change, PieceNumbers
from core.responses import Spoken as Spoken  # crosses too


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A sentence that a language model wrote, with all that it rests on: of pieces (`said`), or comments.

    Without text it says that the one thing it names is to be told by its own words.
    """

    text: str
    language: str
    said: tuple[Verbatim, ...] = ()
    comments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """How much one section was answered: the comments and reactions that name it by an explicit sign."""

    piece: int
    section: str
    heading: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What readers did in a window; `before` is the window of equal length before it, if they are `compared`.

    `more`: there are more people than were counted.

    `stances`: (key, people now, people before), in the order of the scale. `reactions`: (emoji, how often), the most
    first. `heat`: the sections that drew most, the most first. `timeline`: (begin of a day or hour, comments in it),
    without gaps.
    """

    people: int = 0
    more: bool = False
    compared: bool = False
    people_before: int = 0
    more_before: bool = False
    comments: int = 0
    comments_before: int = 0
    stances: tuple[tuple[str, int, int], ...] = ()
    reactions: tuple[tuple[str, int], ...] = ()
    heat: tuple[Heat, ...] = ()
    timeline: tuple[tuple[datetime, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """A digest before it is put into words: everything that was found and counted in a window, [start, end).

    `topics` are keys of topics, none for all; `followed`: they are what a reader follows. `period` is what the window
    was asked as ("" for an edition). `pieces` are those shown, best first, of `total`; `still` are older ones that
    were answered. `featured`, `endorsed`, `contested` are comments, the best first.
    """

    start: datetime
    end: datetime
    zone: str
    period: str = ""
    topics: tuple[str, ...] = ()
    followed: bool = False
    pieces: tuple[int, ...] = ()
    total: int = 0
    still: tuple[int, ...] = ()
    responses: tuple[PieceNumbers, ...] = ()
    numbers: Numbers = Numbers()
    reading: Reading = Reading()
    featured: tuple[int, ...] = ()
    endorsed: tuple[int, ...] = ()
    contested: tuple[int, ...] = ()
    changes: tuple[Change, ...] = ()
    told: tuple[Told, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing happened at all."""
        return not (self.pieces or self.still or self.changes)

    def quoted(self) -> set[int]:
        """Every comment that may be quoted."""
        themes = (number for theme in self.reading.themes for number in theme.comments)
        return {*themes, *self.reading.questions, *self.featured, *self.endorsed, *self.contested}

    def spoken_of(self) -> set[int]:
        """Every piece that is named."""

        def named() -> Iterator[int]:
            yield from (*self.pieces, *self.still)
            yield from (change.piece for change in self.changes)
            yield from (heat.piece for heat in self.numbers.heat)
            for point in self.reading.points:
                yield from (point.said.piece, *point.also)

        return set(named())
