"""How good a finding is, in numbers: ROUGE of a summary, Spearman of a ranking, coverage of what should be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from digest.words import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Rouge:
    """F1 from 0 to 100 of one, two and in-order words that a summary shares with a reference."""

    one: float
    two: float
    longest: float


def rouge(summary: str, reference: str) -> Rouge:
    """ROUGE-1, -2 and -L (of the whole, not by sentence) over `Words.surfaces`: mode-A units or lower-case words."""
    said, wanted = words().surfaces(summary), words().surfaces(reference)
    return Rouge(
        one=_f1(_shared(said, wanted, 1), len(said), len(wanted)),
        two=_f1(_shared(said, wanted, 2), len(said) - 1, len(wanted) - 1),
        longest=_f1(_longest(said, wanted), len(said), len(wanted)),
    )


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Correlation of the ranks, equal values sharing their mean rank; 0 where one of them has no order."""
    x, y = _ranks(a), _ranks(b)
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread else 0.0


def coverage(shown: Iterable[Collection[str]], wanted: Collection[str]) -> float:
    """The share, 0 to 100, of the wanted labels that at least one thing shown carries; 100 if none is wanted."""
    seen = {label for labels in shown for label in labels}
    return 100 * len(seen & set(wanted)) / len(set(wanted)) if wanted else 100.0


def mean(values: Iterable[float]) -> float:
    """The mean, rounded to a tenth; 0 of nothing."""
    listed = list(values)
    return round(sum(listed) / len(listed), 1) if listed else 0.0


def _shared(a: Sequence[str], b: Sequence[str], size: int) -> int:
    def runs(tokens: Sequence[str]) -> Counter[tuple[str, ...]]:
        return Counter(zip(*(tokens[at:] for at in range(size)), strict=False))

    return (runs(a) & runs(b)).total()


def _longest(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for one in a:
        corner = 0
        for at, other in enumerate(b, 1):
            corner, row[at] = row[at], corner + 1 if one == other else max(row[at], row[at - 1])
    return row[-1]


def _f1(shared: int, said: int, wanted: int) -> float:
    return 200 * shared / (said + wanted) if shared else 0.0


def _ranks(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    _, place, count = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], np.float64)
