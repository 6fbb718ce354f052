"""Trial of `core.text.sentences`: boundaries found in a text against those marked in it.

One text a line, `|` being a boundary and `\\n` a line end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from core.errors import Refusal
from core.text import sentences
from digest.trials import Row

SETS = ("sentence_cases.txt",)


def run(path: Path) -> Iterator[Row]:
    """One row: lines without an error, precision, recall, F1 of the boundaries; the baseline cuts after each 。！？."""
    lines = path.read_text(encoding="utf-8").splitlines()
    marked = [line.replace("\\n", "\n").split("|") for line in lines if line.strip()]
    if not marked:
        raise Refusal(f"{path} holds no line")
    ours, baseline = _score(marked, sentences), _score(marked, _at_stops)
    gain = {name: round(ours[name] - baseline[name], 1) for name in ours}
    yield {"eval": "sentences", "file": path.name, "n": len(marked), "ours": ours, "baseline": baseline, "gain": gain}


def _score(marked: list[list[str]], split: Callable[[str], Sequence[str]]) -> dict[str, float]:
    found = right = wanted = exact = 0
    for parts in marked:
        gold, ours = _ends(parts), _ends(split("".join(parts)))
        found, right, wanted = found + len(ours), right + len(ours & gold), wanted + len(gold)
        exact += gold == ours
    precision, recall = right / (found or 1), right / (wanted or 1)
    f1 = 2 * precision * recall / ((precision + recall) or 1)
    return {
        "exact": exact,
        "f1": round(100 * f1, 2),
        "precision": round(100 * precision, 2),
        "recall": round(100 * recall, 2),
    }


def _ends(parts: Sequence[str]) -> set[int]:
    """Where sentences end but the last, counted in characters without white space: who keeps a space is no matter."""
    return set(accumulate(len("".join(part.split())) for part in parts[:-1]))


def _at_stops(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[。！？!?])", text) if part]
