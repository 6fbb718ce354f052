"""What texts mean, as vectors: the Universal Sentence Encoder, for 16 languages in one space. Only numpy."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import accumulate, groupby
from math import ceil

import numpy as np

from digest.encoder import Encoder
from digest.vectors import Floats

SIZE = 512
_HANDS = 2  # threads
_AT_ONCE = 4_000  # characters that one of them takes at most: what is worked out for their tokens takes some 12 MB


def embed(texts: Sequence[str], *, centred: bool = False, most: int = 600) -> Floats:
    """A row of length 1 for each text, of its first `most` characters: 1 to 2 ms a comment, after 0.7 s to load.

    `centred`: what all the texts have in common is taken out, so that a cosine of 0 means "no more alike than any two".
    """
    if not texts:
        return np.zeros((0, SIZE), np.float32)
    whole = [text[:most].encode("utf-8", "replace").decode() for text in texts]
    total = sum(map(len, whole)) + 1
    share = total / (_HANDS * ceil(total / (_HANDS * _AT_ONCE)))  # as many for each hand
    shares = groupby(zip(accumulate(map(len, whole)), whole, strict=True), lambda one: one[0] // share)
    # Threads of ours, not of BLAS: those spin, which on a busy machine costs a hundred times what it gains. Each text
    # is read by itself, so how they are shared out changes nothing.
    with ThreadPoolExecutor(_HANDS) as hands:
        parts = hands.map(_encoder().encode, [[text for _, text in share] for _, share in shares])
        found: Floats = np.concatenate(list(parts))
    return centre(found) if centred else found


def centre(rows: Floats) -> Floats:
    """The rows without their mean, of length 1 again; a row that is the mean is all zero."""
    moved = rows - rows.mean(axis=0)
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(np.where(norms > 1e-6, moved / np.maximum(norms, 1e-6), 0), np.float32)


@cache
def _encoder() -> Encoder:
    return Encoder()
