"""Which voices readers stand behind and which divide them, by counts alone.

Of the scores tried on open Polis conversations these two came nearest, from a part of the voters, to what the others
said (`bench/ranking.py`). The added constants pull small counts to the middle: 1 of 1 is not above 40 of 50.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Votes:
    """What people said of one thing. `seen` is how many had it before them, at least those who said something.

    In a chat nobody reports reading: `seen` is an estimate such as all who reacted or wrote in the same thread.
    """

    agree: int
    disagree: int = 0
    seen: int = 0

    @property
    def asked(self) -> int:
        return max(self.seen, self.agree + self.disagree)


def endorsed(agree: int, seen: int) -> float:
    """The share of those who saw it that agrees, 0 to 1, drawn to one half by 8 who are not there."""
    return (agree + 4) / (seen + 8)


def contested(agree: int, disagree: int) -> float:
    """How evenly and by how many it is split, 0 to 1 (never reached)."""
    return 4 * (agree + 1) * (disagree + 1) / (agree + disagree + 4) ** 2


def rank_endorsed(things: Iterable[Thing], votes: Callable[[Thing], Votes]) -> list[Thing]:
    """Things that somebody agrees with, most endorsed first; of equals the one with more agreement, then as given."""
    counted = [(thing, found) for thing in things if (found := votes(thing)).agree]
    counted.sort(key=lambda one: (-endorsed(one[1].agree, one[1].asked), -one[1].agree))
    return [thing for thing, _ in counted]


def rank_contested(things: Iterable[Thing], votes: Callable[[Thing], Votes]) -> list[Thing]:
    """Things that some agree and some disagree with, most contested first; of equals the one with more voices."""
    counted = [(thing, found) for thing in things if (found := votes(thing)).agree and found.disagree]
    counted.sort(key=lambda one: (-contested(one[1].agree, one[1].disagree), -one[1].agree - one[1].disagree))
    return [thing for thing, _ in counted]
