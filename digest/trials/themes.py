"""Trial of `digest.themes`: how many of the points that people labelled do a few quotations show.

A row has `text` and its `key_points` (none, one or several), and may have a `topic` and a `stance`: all rows that have
both in common are one set, which is shown in 5, 8 and 10 quotations. Covered is the share of the set's points, and the
share of its comments that have one of those points (`comments`), in the mean over sets.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import Refusal
from digest.measures import coverage, mean
from digest.themes import representatives
from digest.trials import Row, json_lines, text_of
from digest.vectors import tfidf
from digest.words import documents

SETS = ("key_points_en_dev.jsonl", "key_points_en_train.jsonl")
QUOTATIONS = (5, 8, 10)
_DRAWS = 20

Labels = list[list[str]]  # of each comment


def run(path: Path) -> Iterator[Row]:
    """A row for each number of quotations. Baselines: drawn at random; the most central by TF-IDF of words."""
    sets: defaultdict[tuple[str, str], list[tuple[str, list[str]]]] = defaultdict(list)
    for where, row in json_lines(path):
        points = row.get("key_points")
        if not isinstance(points, list) or not all(isinstance(one, str) for one in points):
            raise Refusal(f"{where}: key_points is not a list of texts")
        sets[str(row.get("topic")), str(row.get("stance"))].append((text_of(row, where, "text"), points))
    picked: list[tuple[Labels, list[int], list[list[int]], list[int]]] = []
    for rows in sets.values():
        texts, labels = [text for text, _ in rows], [points for _, points in rows]
        if any(labels):
            most = max(QUOTATIONS)
            picked.append((labels, representatives(texts, most), _drawn(len(texts), most), _central(texts)[:most]))
    if not picked:
        raise Refusal(f"{path} holds no comment with a point")
    for k in QUOTATIONS:
        found = {
            "ours": [_shown(labels, ours[:k]) for labels, ours, _, _ in picked],
            "baseline": [_shown(labels, one[:k]) for labels, _, drawn, _ in picked for one in drawn],
            "central": [_shown(labels, central[:k]) for labels, _, _, central in picked],
        }
        means = {
            name: {"points": mean(one for one, _ in values), "comments": mean(one for _, one in values)}
            for name, values in found.items()
        }
        gain = {name: round(value - means["baseline"][name], 1) for name, value in means["ours"].items()}
        n = sum(len(labels) for labels, *_ in picked)
        yield {
            "eval": "themes", "file": path.name, "n": n, "sets": len(picked), "quotations": k, **means, "gain": gain
        }  # fmt: skip


def _shown(labels: Labels, places: Sequence[int]) -> tuple[float, float]:
    """Points covered, comments covered, in percent."""
    seen = [labels[at] for at in places]
    points = {point for one in seen for point in one}
    labelled = [one for one in labels if one]
    wanted = {point for one in labels for point in one}
    return coverage(seen, wanted), 100 * sum(not points.isdisjoint(one) for one in labelled) / len(labelled)


def _drawn(n: int, most: int) -> list[list[int]]:
    return [random.Random(draw).sample(range(n), min(most, n)) for draw in range(_DRAWS)]


def _central(texts: Sequence[str]) -> list[int]:
    matrix = tfidf(documents(texts))
    likeness = matrix.times(matrix.sum())
    return sorted(range(len(texts)), key=lambda at: (-likeness[at], at))
