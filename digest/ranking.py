"""Which voices readers stand behind and which divide them, by counts alone.

Of the scores tried on open Polis conversations these came nearest, from a part of the voters, to what the others said
(`rondan eval ranking`). The added constants pull small counts to the middle: 1 of 1 is not above 40 of 50. Where many
were voted on, their own counts say what is usual, and a few votes are drawn to that instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import lgamma
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


@dataclass(frozen=True, slots=True)
class Usual:
    """How things are usually split, as votes that stand beside the real ones: their ratio, and how alike things are."""

    agree: float
    disagree: float


ENOUGH = 10
"""Things that were voted on, from which their usual split is read; fewer have none."""
_ALIKE = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # votes that the usual split may weigh


def usual(counts: Iterable[tuple[int, int]]) -> Usual | None:
    """The usual split of (agree, disagree) counts: the most probable of some. None for fewer than ENOUGH.

    Every thing's share of agreement is taken as drawn from one Beta distribution, whose mean is that of all votes.
    """
    voted = [(a, d) for a, d in counts if a + d]
    if len(voted) < ENOUGH:
        return None
    agree, disagree = (sum(side) + 1 for side in zip(*voted, strict=True))
    share = agree / (agree + disagree)
    best = max(_ALIKE, key=lambda votes: sum(_evidence(a, d, votes * share, votes * (1 - share)) for a, d in voted))
    return Usual(best * share, best * (1 - share))


def _evidence(agree: int, disagree: int, alpha: float, beta: float) -> float:
    """The logarithm of the chance of these votes (in this order) under a Beta distribution of shares."""
    return (
        lgamma(agree + alpha)
        + lgamma(disagree + beta)
        - lgamma(agree + disagree + alpha + beta)
        - (lgamma(alpha) + lgamma(beta) - lgamma(alpha + beta))
    )


def contested(agree: int, disagree: int, usual: Usual | None = None) -> float:
    """How evenly and by how many it is split, 0 to 1 (never reached).

    With the usual split of its fellows: 4 · share · (1 - share) as it is to be expected of all readers.
    """
    if usual is None:
        return 4 * (agree + 1) * (disagree + 1) / (agree + disagree + 4) ** 2
    votes = agree + disagree + usual.agree + usual.disagree
    return 4 * (agree + usual.agree) * (disagree + usual.disagree) / (votes * (votes + 1))


def rank_endorsed(things: Iterable[Thing], votes: Callable[[Thing], Votes]) -> list[Thing]:
    """Things that somebody agrees with, most endorsed first; of equals the one with more agreement, then as given."""
    counted = [(thing, found) for thing in things if (found := votes(thing)).agree]
    counted.sort(key=lambda one: (-endorsed(one[1].agree, one[1].asked), -one[1].agree))
    return [thing for thing, _ in counted]


def rank_contested(things: Iterable[Thing], votes: Callable[[Thing], Votes]) -> list[Thing]:
    """Things that some agree and some disagree with, most contested first; of equals the one with more voices."""
    voted = [(thing, votes(thing)) for thing in things]
    expected = usual((found.agree, found.disagree) for _, found in voted)
    counted = [(thing, found) for thing, found in voted if found.agree and found.disagree]
    counted.sort(key=lambda one: (-contested(one[1].agree, one[1].disagree, expected), -one[1].agree - one[1].disagree))
    return [thing for thing, _ in counted]
