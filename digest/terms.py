"""The key terms of a text: its compound nouns, by how often, how early and how long they are, and how rare elsewhere.

Two steps, since only the first needs a dictionary: `candidates` looks at the text, `rank` at what is known of other
texts. Dates and sums are no terms, nor are prefixes and endings such as 各 and さん part of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import regex  # type: ignore[import-untyped]  # ships no types

from core.text import fold
from digest.words import Morph, empty, joined, words

LONGEST = 20_000
"""Characters of a text that are looked at."""
KEPT = 100
"""Candidates that are kept of a piece."""
_LONGEST_TERM = 40
_DIGIT = regex.compile(r"\p{N}")
_LETTERS = regex.compile(r"\p{L}.*\p{L}", regex.DOTALL)
_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_QUOTED = regex.compile(r"[「『“]([^「」『』“”\n]{2,40})[」』”]")
_LATIN_WORDS = 3  # of a compound in a text of Latin words
_PREFIXES = "各 当 本 現 約 同 全 第 ご お 御 前 後 某 諸 両 毎 昨 今 来 翌 なん 何 まる 計 元"
_ENDINGS = """
    等 さん 氏 様 ら 達 たち 君 ちゃん 殿 内 側 時 頃 ごろ 中 上 下 間 後 前 別 用 的 化 性 感 毎 以外 以上 以下 以内
    自体 自身 同士 ぐらい くらい など ずつ 目 つ 向け 付き 入り 済み 風 状 分 個 件 年 月 日 回 名 人 歳 円
"""
_BEFORE, _BEHIND = frozenset(_PREFIXES.split()), frozenset(_ENDINGS.split())
# What a term's frequency is held to be before any text was seen: the share of texts that hold one common noun, and of
# those that hold one compound or name. It counts as much as `_PRIOR` texts.
_COMMON, _RARE, _PRIOR = 0.05, 0.005, 5
_HALF = 8  # letters: longer does not make a term better
_QUOTATION = 1.4  # what the author sets in quotation marks is worth more
_NUMBER = 0.5  # and what holds a number less


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A compound noun of a text as written. `first` counts the compounds before it; `common`: one everyday noun."""

    text: str
    times: int
    first: int
    common: bool
    quoted: bool = False

    @property
    def key(self) -> str:
        """The form in which terms are compared."""
        return fold(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of other texts: how many there are, and how many of them hold a term (by its key)."""

    texts: int = 0
    holding: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A key term as written; a higher weight is better."""

    text: str
    weight: float

    @property
    def key(self) -> str:
        return fold(self.text)


NOTHING = Seen()


def key_terms(text: str, most: int = 10, seen: Seen = NOTHING) -> list[Term]:
    """The `most` best terms of a text, best first."""
    return rank(candidates(text), seen, most)


def rank(found: Sequence[Candidate], seen: Seen = NOTHING, most: int = 10) -> list[Term]:
    """The `most` best of the candidates of one text, best first; of equal ones the earlier."""
    weighed = [(_weight(one, seen), one) for one in found]
    weighed.sort(key=lambda pair: (-pair[0], pair[1].first, pair[1].text))
    return [Term(text=one.text, weight=round(weight, 4)) for weight, one in weighed[:most]]


def _weight(one: Candidate, seen: Seen) -> float:
    prior = _PRIOR * (_COMMON if one.common else _RARE)
    rarity = -math.log((seen.holding.get(one.key, 0) + prior) / (seen.texts + _PRIOR))
    early = 1 / math.sqrt(1 + math.log(1 + one.first / 5))
    size = math.sqrt(min(_size(one.text), _HALF))
    weight = (1 + math.log(one.times)) * max(rarity, 0.1) * early * size
    return weight * (_QUOTATION if one.quoted else 1) * (_NUMBER if _DIGIT.search(one.text) else 1)


def _size(text: str) -> float:
    """Letters; a Latin word counts as two, as much as a Japanese one often has."""
    return len(text) if _CJK.search(text) else 2 * len(text.split())


def candidates(text: str, most: int | None = None) -> list[Candidate]:
    """Every compound noun of the text's first `LONGEST` characters, in reading order; or the `most` best of them."""
    text = text[:LONGEST]
    quoted = {fold(match[1]) for match in _QUOTED.finditer(text)}
    found: dict[str, Candidate] = {}
    for first, (written, common) in enumerate(_compounds(text)):
        key = fold(written)
        if not _LETTERS.search(key) or len(key) > _LONGEST_TERM:
            continue
        known = found.get(key)
        found[key] = Candidate(
            text=written if known is None else known.text,
            times=1 if known is None else known.times + 1,
            first=first if known is None else known.first,
            common=common if known is None else known.common,
            quoted=key in quoted,
        )
    for key in _absorbed(found):
        del found[key]
    if most is None or len(found) <= most:
        return list(found.values())
    best = {term.key for term in rank(list(found.values()), NOTHING, most)}
    return [one for key, one in found.items() if key in best]


def _absorbed(found: Mapping[str, Candidate]) -> set[str]:
    """Terms of Latin words that never stand outside a longer one: `Supreme` beside `Supreme Court`."""
    absorbed: set[str] = set()
    for key, one in found.items():
        parts = key.split(" ")
        for size in range(1, len(parts)):
            for start in range(len(parts) - size + 1):
                part = found.get(" ".join(parts[start : start + size]))
                if part is not None and part.times <= one.times:
                    absorbed.add(part.key)
    return absorbed


def _compounds(text: str) -> Iterator[tuple[str, bool]]:
    """(as written, whether it is one common noun) in reading order."""
    if not _CJK.search(text):
        for run in words().chunks(text):
            yield from _latin(run.split(" "))
        return
    for units in words().compounds(text):
        kept = _trimmed(units)
        if kept and not (len(kept) == 1 and empty(kept[0])):
            yield joined(kept), len(kept) == 1 and kept[0].pos[1] == "普通名詞"


def _latin(run: list[str]) -> Iterator[tuple[str, bool]]:
    """Every part of a run of words, of up to `_LATIN_WORDS`; a lower-case word alone is a common noun at best."""
    for start in range(len(run)):
        for end in range(start + 1, min(start + _LATIN_WORDS, len(run)) + 1):
            yield " ".join(run[start:end]), end - start == 1 and run[start].islower()


def _trimmed(units: Sequence[Morph]) -> list[Morph]:
    """A compound without what only stands before or behind it: numbers, days, prefixes, endings."""
    kept = list(units)
    while kept and _leads(kept[0]):
        kept.pop(0)
    while kept and _trails(kept[-1]):
        kept.pop()
    return kept


def _leads(unit: Morph) -> bool:
    return (
        (unit.pos[0] == "接頭辞" and unit.surface in _BEFORE)
        or unit.pos[1] == "数詞"
        or unit.pos[2] == "副詞可能"
        or unit.pos[0] == "補助記号"
    )


def _trails(unit: Morph) -> bool:
    return (
        (unit.pos[0] == "接尾辞" and unit.surface in _BEHIND)
        or (unit.pos[1] == "数詞" and not unit.surface.isascii())  # 片道四 is none, GPT-4 is one
        or unit.pos[2] == "副詞可能"
        or unit.pos[0] in ("接頭辞", "補助記号")
    )
