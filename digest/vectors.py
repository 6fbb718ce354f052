"""Texts as sparse vectors: TF-IDF of words or character n-grams, likenesses, z-scores. numpy only."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import regex  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_RUN = regex.compile(r"[\p{L}\p{M}\p{N}ー]+")
_AT_ONCE = 50_000  # products that are summed at once, a row's at least: 8 bytes each, a few times


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Rows of few values: row i has `data[starts[i]:starts[i+1]]` in the columns of the same part of `columns`.

    `terms` name the columns.
    """

    data: Floats
    columns: NDArray[np.int32]
    starts: NDArray[np.int64]
    terms: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, number: int) -> Floats:
        """One row with all its zeros."""
        out = np.zeros(len(self.terms), np.float32)
        part = slice(self.starts[number], self.starts[number + 1])
        out[self.columns[part]] = self.data[part]
        return out

    def sum(self, weights: Floats | None = None) -> Floats:
        """The sum of the rows, each times its weight."""
        data = self.data if weights is None else self.data * np.repeat(weights, np.diff(self.starts))
        total: Floats = np.bincount(self.columns, data, len(self.terms)).astype(np.float32)
        return total

    def times(self, vector: Floats) -> Floats:
        """The product of each row with a vector."""
        # A sum over nothing is 0: `reduceat` would give the next row's first value for an empty row.
        totals = np.concatenate([[0.0], np.cumsum(self.data * vector[self.columns], dtype=np.float64)])
        return np.asarray(totals[self.starts[1:]] - totals[self.starts[:-1]], np.float32)

    def pick(self, rows: Iterable[int]) -> Matrix:
        """These rows, in this order, under the same columns."""
        parts = [np.arange(self.starts[row], self.starts[row + 1]) for row in rows]
        kept = np.concatenate([np.zeros(0, np.int64), *parts])
        starts = np.cumsum([0, *(len(part) for part in parts)])
        return Matrix(data=self.data[kept], columns=self.columns[kept], starts=starts, terms=self.terms)


def tfidf(documents: Sequence[Sequence[str]], idf: Mapping[str, float] | None = None) -> Matrix:
    """A row of length 1 for each document, `(1 + log count) · idf`; all zero for a document without terms.

    Without `idf` it is `1 + log((1 + n) / (1 + df))` of the documents themselves; a term that a given one does not
    know weighs as its rarest.
    """
    counts = [Counter(document) for document in documents]
    index: dict[str, int] = {}
    columns = np.array([index.setdefault(term, len(index)) for count in counts for term in count], np.int32)
    times = np.array([one for count in counts for one in count.values()], np.float64)
    sizes = np.array([len(count) for count in counts], np.int64)
    if idf is None:
        weights = 1 + np.log((1 + len(counts)) / (1 + np.bincount(columns, minlength=len(index))))
    else:
        rarest = max(idf.values(), default=1.0)
        weights = np.array([idf.get(term, rarest) for term in index], np.float64)
    data = (1 + np.log(times)) * weights[columns]
    norms = np.sqrt(np.bincount(np.repeat(np.arange(len(counts)), sizes), data * data, len(counts)))
    return Matrix(
        data=np.asarray(data / np.repeat(np.where(norms > 0, norms, 1), sizes), np.float32),
        columns=columns,
        starts=np.concatenate([[0], np.cumsum(sizes)]),
        terms=tuple(index),
    )


def inverse_frequency(documents: Sequence[Iterable[str]]) -> dict[str, float]:
    """`1 + log((1 + n) / (1 + df))` of each term: how much it tells one document from another."""
    frequency = Counter(term for document in documents for term in set(document))
    return {term: 1 + math.log((1 + len(documents)) / (1 + df)) for term, df in frequency.items()}


def similarity(a: Matrix | Floats, b: Matrix | Floats | None = None) -> Floats:
    """The product of every row of `a` with every row of `b` (or of `a`): cosines where the rows have length 1.

    Two sparse matrices must have the same columns. Takes rows(a) × rows(b) × 4 bytes; 0.1 s for 1,500 sentences.
    """
    b = a if b is None else b
    if isinstance(a, Matrix) and isinstance(b, Matrix):
        return _product(a, b)
    if isinstance(a, Matrix) or isinstance(b, Matrix):
        raise TypeError("a sparse and a dense matrix have no columns in common")
    return np.asarray(a @ b.T, np.float32)


def _product(a: Matrix, b: Matrix) -> Floats:
    """Every row of `a` times every row of `b`: of each column of `b` only the rows that hold it are looked at."""
    order = np.argsort(b.columns, kind="stable")
    holders = np.repeat(np.arange(len(b)), np.diff(b.starts))[order]
    values = b.data[order]
    heads = np.concatenate([[0], np.cumsum(np.bincount(b.columns, minlength=len(b.terms)))])
    sizes = np.diff(heads)[a.columns]
    rows = np.repeat(np.arange(len(a)), np.diff(a.starts))
    before = np.concatenate([[0], np.cumsum(sizes)])[a.starts]
    out = np.zeros((len(a), len(b)), np.float32)
    first = 0
    while first < len(a):
        most = min(len(a), first + _AT_ONCE // max(len(b), 1))
        after = max(first + 1, int(np.searchsorted(before[: most + 1], before[first] + _AT_ONCE, "right")) - 1)
        part = slice(a.starts[first], a.starts[after])
        size = sizes[part]
        held = np.repeat(heads[a.columns[part]] - np.cumsum(size) + size, size) + np.arange(size.sum())
        at = np.repeat((rows[part] - first) * len(b), size) + holders[held]
        sums = np.bincount(at, values[held] * np.repeat(a.data[part], size), (after - first) * len(b))
        out[first:after] = sums.reshape(after - first, len(b))
        first = after
    return out


def z(values: NDArray[np.floating[Any]]) -> Floats:
    """In standard deviations from the mean of all values; all zero where they do not differ."""
    spread = float(values.std()) if values.size else 0.0
    if spread < 1e-9:
        return np.zeros_like(values)
    return np.asarray((values - values.mean()) / spread, np.float32)


def ngrams(text: str, low: int = 2, high: int = 3) -> list[str]:
    """Runs of `low` to `high` characters within words, NFKC and case folded; a shorter word is one whole."""
    found: list[str] = []
    for match in _RUN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        run = match[0]
        if len(run) < low:
            found.append(run)
        for size in range(low, high + 1):
            found += [run[at : at + size] for at in range(len(run) - size + 1)]
    return found
