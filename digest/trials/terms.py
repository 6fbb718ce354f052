"""Trial of `digest.terms`: how many of ten key terms are among those that people named.

A row has `text` and `essential_terms`, a list of lists of spellings, and may have `main_topic` and `angle`, lists of
spellings. A term is right if it is one of all these spellings, compared folded. Precision is right ones of ten, also
where fewer were found; `none` is ours without any other text, `halves` with how often the terms stand in the other half
of the rows only. The baseline is how often a compound stands in the text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from core.errors import Refusal
from core.text import fold
from digest.measures import mean
from digest.terms import NOTHING, Candidate, Seen, candidates, rank
from digest.trials import Row, json_lines, text_of

SETS = ("key_terms_ja.jsonl",)
SHOWN = 10


def run(path: Path) -> Iterator[Row]:
    """One row. The texts of the file are the other texts of each."""
    found: list[list[Candidate]] = []
    wanted: list[set[str]] = []
    for where, row in json_lines(path):
        found.append(candidates(text_of(row, where, "text")))
        wanted.append(_spellings(row, where))
    if not found:
        raise Refusal(f"{path} holds no text")
    everything, halves = _seen(found), [_seen(found[::2]), _seen(found[1::2])]
    ours = [[term.key for term in rank(each, everything, SHOWN)] for each in found]
    baseline = [[one.key for one in sorted(each, key=lambda one: (-one.times, one.first))[:SHOWN]] for each in found]
    means = {"ours": _scores(ours, wanted), "baseline": _scores(baseline, wanted)}
    yield {
        "eval": "terms", "file": path.name, "n": len(found), **means,
        "none": _scores([[term.key for term in rank(each, NOTHING, SHOWN)] for each in found], wanted),
        "halves": _scores(
            [[term.key for term in rank(each, halves[1 - at % 2], SHOWN)] for at, each in enumerate(found)], wanted
        ),
        "gain": {name: round(value - means["baseline"][name], 1) for name, value in means["ours"].items()},
    }  # fmt: skip


def _spellings(row: Row, where: str) -> set[str]:
    groups = row.get("essential_terms")
    if not isinstance(groups, list):
        raise Refusal(f"{where}: essential_terms is not a list")
    named = [*groups, row.get("main_topic") or [], row.get("angle") or []]
    spellings = {fold(str(one)) for group in named for one in (group if isinstance(group, list) else [group])}
    if not spellings:
        raise Refusal(f"{where}: no term is named")
    return spellings


def _seen(found: Sequence[Sequence[Candidate]]) -> Seen:
    holding: Mapping[str, int] = Counter(key for each in found for key in {one.key for one in each})
    return Seen(texts=len(found), holding=holding)


def _scores(shown: Sequence[Sequence[str]], wanted: Sequence[set[str]]) -> dict[str, float]:
    right = [sum(key in spellings for key in keys) for keys, spellings in zip(shown, wanted, strict=True)]
    return {
        "precision": mean(100 * one / SHOWN for one in right),
        "recall": mean(100 * one / len(spellings) for one, spellings in zip(right, wanted, strict=True)),
    }
