"""Trial of `digest.topics`: how many texts are put under their own topic, known by one line of description only.

A row has `text` and `topic`, the description; every description of the file is a topic. Texts are judged one by one:
nothing is learned from the others. `ours` are percents of texts, and the mean of the topics' own percents (`topics`);
`kept` is the share of texts above the floor, below which a text stays unsorted. The baseline is TF-IDF of words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from core.errors import Refusal
from digest.measures import mean
from digest.topics import FLOOR, Described, likeness
from digest.trials import Row, json_lines, text_of
from digest.vectors import Floats, similarity, tfidf
from digest.words import documents

SETS = ("topic_utterances_ja.jsonl",)
_AT_ONCE = 500


def run(path: Path) -> Iterator[Row]:
    """One row."""
    texts: list[str] = []
    named: list[str] = []
    for where, row in json_lines(path):
        texts.append(text_of(row, where, "text"))
        named.append(text_of(row, where, "topic"))
    about = sorted(set(named))
    if len(about) < 2:
        raise Refusal(f"{path} holds fewer than two topics")
    right = [about.index(one) for one in named]
    described = [Described(topic=at, text=one) for at, one in enumerate(about)]
    ours = np.concatenate([likeness(texts[at : at + _AT_ONCE], described) for at in range(0, len(texts), _AT_ONCE)])
    matrix = tfidf(documents([*texts, *about]))
    baseline = similarity(matrix.pick(range(len(texts))), matrix.pick(range(len(texts), len(matrix))))
    means = {"ours": _scores(ours, right), "baseline": _scores(baseline, right)}
    yield {
        "eval": "topics", "file": path.name, "n": len(texts), "topics": len(about), **means,
        "kept": mean(100.0 * (row.max() >= FLOOR) for row in ours),
        "gain": {name: round(value - means["baseline"][name], 1) for name, value in means["ours"].items()},
    }  # fmt: skip


def _scores(found: Floats, right: Sequence[int]) -> dict[str, float]:
    hits = [bool(row.argmax() == own) for row, own in zip(found, right, strict=True)]
    own = [[hit for hit, at in zip(hits, right, strict=True) if at == topic] for topic in sorted(set(right))]
    return {
        "texts": mean(100.0 * hit for hit in hits),
        "topics": mean(mean(100.0 * hit for hit in some) for some in own),
    }
