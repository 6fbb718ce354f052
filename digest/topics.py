"""Which topic a text is about, by their descriptions, and which texts are like it.

`likeness` of a text to a one-line description is `3·meaning + √words + √characters`: the cosine of the vectors of the
sentences, and the square roots of those of content words and of runs of characters, where what several descriptions
share counts less. No other texts are needed. Earlier texts of a topic move its meaning towards theirs.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digest.meaning import SIZE, embed
from digest.vectors import Floats, inverse_frequency, ngrams, similarity, tfidf
from digest.words import words

FLOOR = 1.4
"""Below this likeness a text is about none of the topics."""
_MEANING = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A topic to be told from others. `examples`: vectors of pieces that people put under it."""

    topic: int
    text: str
    examples: tuple[str, ...] = ()


def likeness(texts: Sequence[str], topics: Sequence[Described]) -> Floats:
    """How much each text (a row) is about each topic (a column)."""
    about = [topic.text for topic in topics]
    meaning = embed(texts) @ _profiles(topics).T
    by_words = _shared([words().tokens(one) for one in texts], [words().tokens(one) for one in about])
    by_characters = _shared([ngrams(one) for one in texts], [ngrams(one) for one in about])
    return np.asarray(_MEANING * meaning + np.sqrt(by_words) + np.sqrt(by_characters), np.float32)


def nearest(text: str, topics: Sequence[Described]) -> tuple[int, float] | None:
    """The topic that a text is most about, and how much; None if that is below the floor."""
    if not topics:
        return None
    row = likeness([text], topics)[0]
    best = int(row.argmax())
    return (topics[best].topic, round(float(row[best]), 3)) if row[best] >= FLOOR else None


def _profiles(topics: Sequence[Described]) -> Floats:
    """What each topic means: its description, and as much again the mean of its examples."""
    described = embed([topic.text for topic in topics])
    for at, topic in enumerate(topics):
        if topic.examples:
            moved = described[at] + unpacked(topic.examples).mean(axis=0)
            described[at] = moved / max(float(np.linalg.norm(moved)), 1e-6)
    return described


def _shared(texts: list[list[str]], about: list[list[str]]) -> Floats:
    """Cosines of TF-IDF. Rare is what few descriptions hold: in the texts the topic of the day is anything but rare."""
    matrix = tfidf([*texts, *about], inverse_frequency(about))
    found = similarity(matrix.pick(range(len(texts))), matrix.pick(range(len(texts), len(matrix))))
    return np.asarray(np.maximum(found, 0), np.float32)


# --- vectors as text, to be kept ---


def vector(text: str) -> str:
    """What a text means, to be kept: 512 halves in base64."""
    return base64.b64encode(embed([text])[0].astype(np.float16).tobytes()).decode()


def unpacked(vectors: Sequence[str]) -> Floats:
    """Rows of kept vectors, of length 1; one of another size is all zero."""
    rows = np.zeros((len(vectors), SIZE), np.float32)
    for at, one in enumerate(vectors):
        halves = base64.b64decode(one)
        if len(halves) == 2 * SIZE:
            rows[at] = np.frombuffer(halves, np.float16)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def alike(one: str, others: Sequence[str]) -> list[float]:
    """The cosine of a kept vector with each of the others."""
    if not others:
        return []
    return [round(float(value), 4) for value in unpacked(others) @ unpacked([one])[0]]
