"""Trial of `digest.summary`: ROUGE of the picked sentences against the lead of equal length.

A row has `text` and the reference `summary` (or `main`), and may have a `title` (or `topic`), a `language` and the
`limit` of the reference in characters: one sentence for every 50, at most three; without it three.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import Refusal
from core.text import language_of, sentences
from digest.measures import mean, rouge
from digest.summary import candidates, pick
from digest.trials import Row, json_lines, text_of

SETS = ("speech_summaries_ja.jsonl", "news_summaries_en.jsonl")
_MOST = 3
_CHARACTERS = 50  # of a limit that one sentence stands for


def run(path: Path) -> Iterator[Row]:
    """One row: ours, the lead of as many sentences, and the lead of as many characters, cut off.

    All three pass over captions, bylines and scraps, so the lead begins with the first real sentence.
    """
    scores: dict[str, list[tuple[float, float, float]]] = {"ours": [], "baseline": [], "cut_lead": []}
    for where, row in json_lines(path):
        text, reference = text_of(row, where, "text"), _reference(text_of(row, where, "summary", "main"))
        language = str(row.get("language") or language_of(text))
        most = _wanted(row.get("limit"), where)
        lines = [line for one in sentences(text, language) if (line := " ".join(one.split()))]
        title = str(row.get("title") or row.get("topic") or "")
        able = candidates(lines, language)
        ours = "\n".join(lines[at] for at in pick(lines, title, language, most))
        everything = "\n".join(lines[at] for at in able)
        lead = "\n".join(lines[at] for at in able[:most])
        for name, said in (("ours", ours), ("baseline", lead), ("cut_lead", everything[: len(ours)])):
            found = rouge(said, reference)
            scores[name].append((found.one, found.two, found.longest))
    if not scores["ours"]:
        raise Refusal(f"{path} holds no row")
    shown = {name: _means(rows) for name, rows in scores.items()}
    gain = {name: round(shown["ours"][name] - shown["baseline"][name], 1) for name in shown["ours"]}
    yield {"eval": "summaries", "file": path.name, "n": len(scores["ours"]), **shown, "gain": gain}


def _means(rows: list[tuple[float, float, float]]) -> dict[str, float]:
    return {
        name: mean(values)
        for name, values in zip(("rouge_1", "rouge_2", "rouge_l"), zip(*rows, strict=True), strict=True)
    }


def _reference(text: str) -> str:
    return re.sub(r"<br\s*/?>", "\n", text)


def _wanted(limit: object, where: str) -> int:
    if limit is None:
        return _MOST
    if not isinstance(limit, int) or limit < 1:
        raise Refusal(f"{where}: limit is not a number of characters")
    return max(1, min(_MOST, round(limit / _CHARACTERS)))
