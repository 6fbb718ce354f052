"""A question to the index while it is answered, and how what is found is weighed: by BM25 and age."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.query import Query
from core.times import DAY
from storage.audience import Audience
from storage.db import Reader
from storage.fulltext import NUMBER, words_of

COMMON = 2_000  # a word in as many rows weighs as little as one in all
K1, B = 1.2, 0.75  # BM25: how soon more of a word adds little, how much a long text is discounted
FADES = 90 * DAY  # µs in which what age takes away is halved; it never takes more than half of a score


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the fields of a query mean in this database: topics by id, times in microseconds, `end` not included."""

    topics: tuple[int, ...] = ()
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A piece or comment that was found; a higher score is better.

    `section`: the one that a comment was said on.
    """

    kind: Literal["piece", "comment"]
    id: int
    piece: int
    section: str = ""
    score: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question while it is answered."""

    db: Reader
    query: Query
    scope: Scope
    audience: Audience
    now: int
    ranked: int
    first: int = 0  # no comment of a lower or higher number is meant
    last: int = NUMBER


def with_times(ask: Ask, condition: str, args: list[Any], column: str) -> tuple[str, list[Any]]:
    """A condition and its values with the times of the scope added, for a column that holds them."""
    for bound, sign in ((ask.scope.start, ">="), (ask.scope.end, "<")):
        if bound is not None:
            condition += f" and {column} {sign} ?"
            args.append(bound)
    return condition, args


# --- weighing ---


async def weights_of(ask: Ask, table: str) -> list[float]:
    """How much each term weighs: the rarer the more. One term alone needs no look."""
    if len(ask.query.terms) < 2:
        return [1.0] * len(ask.query.terms)
    counts = await words_of(ask.db, table).counts(ask.db, ask.query.terms, COMMON)
    return [math.log(1 + COMMON / max(1, n)) for n in counts]


def counts_of(ask: Ask, text: str) -> list[int]:
    """How often a plain text holds each term."""
    return [one.count(text) for one in ask.query.terms]


def bm25(weights: Sequence[float], counts: Sequence[int], length: float) -> float:
    """How much a text says of the terms, given how often it holds each; 1 where none was asked for. `length` is in
    lengths of a usual text.
    """
    if not weights:
        return 1.0
    norm = K1 * (1 - B + B * length)
    return sum(weight * n * (K1 + 1) / (n + norm) for weight, n in zip(weights, counts, strict=True))


def freshness(ask: Ask, at: int) -> float:
    """1 now, and ½ of what is left above ½ after each `FADES`."""
    return 0.5 + 0.5 * math.pow(0.5, max(0, ask.now - at) / FADES)
