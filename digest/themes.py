"""Comments gathered in themes: which few stand for all, how many people say alike, and in which words.

How alike two comments are is seen in three ways (meaning, runs of characters, words) and read as the chance that they
are of one theme. Those few are picked that together cover most themes; the others join them by average linkage, down
to a cut. Measured by `rondan eval themes`; docs/benchmarks.md tells what else was tried.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import log
from typing import Self

import numpy as np
import regex  # type: ignore[import-untyped]  # ships no types

from core.text import fold, language_of
from digest.meaning import embed
from digest.noise import bundles, openings
from digest.sketch import Spoken, Theme
from digest.vectors import Floats, similarity, tfidf
from digest.words import documents, stem, words

MOST = 1_000
"""Comments that are read: of more, those that moderators featured, that most people answered to, the newest."""
SHOWN = 8
QUOTED = 3
"""Comments that stand for a theme, at most."""

_READ = (50_000, 100, 600)  # characters of all comments (about 0.7 s); of each at least, at most
_FEWEST = 2  # people who must use a word before it names their theme: a name that one of them wrote is not shown
_LABELS = 4
_LONGEST = 24  # characters of one of them
_CJK = r"\p{Han}\p{Hiragana}\p{Katakana}"
_UNSPACED = regex.compile(rf"[{_CJK}]")
_SPACED = regex.compile(rf"(?V1)[\p{{L}}--[{_CJK}]][[\p{{L}}\p{{M}}\p{{N}}'’\-]--[{_CJK}]]+")

# Three views on likeness: weight, and mean and spread between comments of a discussion, which count as much as _USUAL
# pairs of the comments themselves: of a handful nothing could be told.
_MEANING = (1.0, 0.0, 0.15)
_CHARACTERS = (0.7, 0.1, 0.07)
_WORDS = (0.5, 0.05, 0.07)
_SCALE = (1.0**2 + 0.7**2 + 0.5**2) ** 0.5
_USUAL = 30
# Likeness in standard deviations at which two comments are as likely of one theme as not, and how fast that changes.
_EVEN = 2.75
_SLOPE = 2.0
# A comment counts by its theme's size to the power of 1 - this. With 0 big themes are shown thrice before a small one
# is shown at all; with 1 every odd comment is as good as a theme.
_LEVEL = 0.75
_CUT = 0.75  # mean likeness to a theme below which a comment is of none
_NEW = 0.5  # a comment that is of a theme that is shown already, with this chance, begins none


class Voices:
    """Comments that are being read: what they mean is worked out by `beside` while other things are done.

    People are counted once, those who copied another's words too; who is forgotten is nobody. Of more than MOST
    comments the rest is not counted.
    """

    def __init__(self, spoken: Sequence[Spoken], beside: Executor) -> None:
        self._read = _bounded(spoken)
        texts = [one.text for one in self._read]
        plain = openings(texts)
        cut = [words().read(text, language_of(text)) for text in plain]
        self._views = _Views.begin(texts, plain, [content for content, _ in cut], beside)
        self._terms = [_terms(text, chunks) for text, (_, chunks) in zip(plain, cut, strict=True)]

    def themes(self, shown: int = SHOWN) -> list[Theme]:
        """At most `shown` themes, that of most people first. What is in none is as good as alone with its words."""
        read, bundle = self._read, self._views.bundle
        likeness = self._views.likeness()
        chance = _chance(likeness)
        picked = _cover(chance, [len(group) for group in bundle], shown, least=_NEW)
        found: list[tuple[Theme, int]] = []
        gathered = _gather(likeness, picked)
        names = _names([[at for one in group for at in bundle[one]] for group in gathered], read, self._terms)
        for group, label in zip(gathered, names, strict=True):
            inside = chance[np.ix_(group, group)]
            best = _cover(inside, [len(bundle[one]) for one in group], QUOTED, start=0)
            comments = [read[at] for one in group for at in bundle[one]]
            theme = Theme(
                comments=tuple(read[bundle[group[one]][0]].comment for one in best),
                people=len({one.person for one in comments} - {None}),
                size=len(comments),
                words=label,
            )
            found.append((theme, min(at for one in group for at in bundle[one])))
        found.sort(key=lambda one: (-one[0].people, -one[0].size, one[1]))
        return [theme for theme, _ in found]


def themes(spoken: Sequence[Spoken], shown: int = SHOWN) -> list[Theme]:
    """The themes of comments, when there is nothing to do meanwhile."""
    with ThreadPoolExecutor(1) as beside:
        return Voices(spoken, beside).themes(shown)


def representatives(texts: Sequence[str], k: int) -> list[int]:
    """The places of up to `k` texts that together say most of what all say, the best first."""
    with ThreadPoolExecutor(1) as beside:
        plain = openings(texts)
        views = _Views.begin(texts, plain, documents(plain), beside)
        chance = _chance(views.likeness())
    return [views.bundle[one][0] for one in _cover(chance, [len(group) for group in views.bundle], k)]


def _bounded(spoken: Sequence[Spoken]) -> list[Spoken]:
    if len(spoken) <= MOST:
        return list(spoken)
    order = sorted(range(len(spoken)), key=lambda at: (not spoken[at].featured, -spoken[at].n, -at))
    return [spoken[at] for at in sorted(order[:MOST])]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Views:
    """Three views on bundles of copies that hold a word with a meaning. Assent and thanks alone are no theme."""

    bundle: list[list[int]]
    meaning: Future[Floats]
    characters: Floats
    content: list[Sequence[str]]

    @classmethod
    def begin(
        cls, texts: Sequence[str], plain: Sequence[str], content: Sequence[Sequence[str]], beside: Executor
    ) -> Self:
        """Of each text also its `openings`, and as `content` the words that mean something."""
        bundle, characters = bundles(texts)
        kept = [at for at, group in enumerate(bundle) if content[group[0]]]
        firsts = [bundle[at][0] for at in kept]
        room, least, most = _READ
        limit = min(most, max(least, room // max(len(kept), 1)))
        return cls(
            bundle=[bundle[at] for at in kept],
            meaning=beside.submit(embed, [plain[first][:limit] for first in firsts]),
            characters=characters[np.ix_(kept, kept)],
            content=[content[first] for first in firsts],
        )

    def likeness(self) -> Floats:
        """How much more alike each two are than any two, in standard deviations; takes 4 · 4 · len² bytes."""
        total = np.zeros((len(self.bundle), len(self.bundle)), np.float32)
        for view, values in (
            (_MEANING, similarity(_centred(self.meaning.result()))),
            (_CHARACTERS, self.characters),
            (_WORDS, similarity(tfidf(self.content))),
        ):
            total += _standard(values, *view)
        return total / _SCALE


def _standard(values: Floats, weight: float, mean: float, spread: float) -> Floats:
    """Weighed standard deviations from the mean between two different texts; `mean` and `spread` are the usual ones."""
    between = values[~np.eye(len(values), dtype=bool)]
    pairs = len(between) / 2
    if pairs:
        share = pairs / (pairs + _USUAL)
        mean += share * (float(between.mean()) - mean)
        spread += share * (float(between.std()) - spread)
    return np.asarray(weight * (values - mean) / max(spread, 1e-3), np.float32)


def _centred(rows: Floats) -> Floats:
    """Without what all have in common, of length 1. Of a few rows less is taken: they may well say the same."""
    moved = rows - rows.sum(axis=0) / (len(rows) + 4)
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6), np.float32)


def _chance(likeness: Floats) -> Floats:
    """The chance of each two to be of one theme."""
    found = 1 / (1 + np.exp(-_SLOPE * (likeness - _EVEN)))
    np.fill_diagonal(found, 1)
    return np.asarray(found, np.float32)


def _cover(
    chance: Floats, times: Sequence[int], most: int, *, start: int | None = None, least: float = 0.0
) -> list[int]:
    """Up to `most` that together cover the most: greedily those that add most of what is not covered yet.

    `times`: how often each was said. `least`: one whose own chance to be uncovered is not above it is not picked.
    """
    said = np.array(times, np.float64)
    weight = said * (chance @ said) ** -_LEVEL
    open_ = np.ones(len(said))
    picked: list[int] = []
    while len(picked) < min(most, len(said)):
        gain = chance.T @ (weight * open_)
        gain[picked] = -1
        gain[open_ <= least] = -1
        best = start if start is not None and not picked else int(np.argmax(gain))
        if gain[best] < 0:
            break
        picked.append(best)
        open_ *= 1 - chance[:, best]
    return picked


def _gather(likeness: Floats, picked: Sequence[int]) -> list[list[int]]:
    """Each of `picked` with those that are on the average most like its group, the likest joining first."""
    groups = [[one] for one in picked]
    free = np.ones(len(likeness), dtype=bool)
    free[list(picked)] = False
    sums = likeness[:, list(picked)].copy()
    sizes = np.ones(len(picked), np.float32)
    while free.any():
        means = np.where(free[:, None], sums / sizes, -np.inf)
        one, group = divmod(int(means.argmax()), len(groups))
        if means[one, group] < _CUT:
            break
        groups[group].append(one)
        free[one] = False
        sums[:, group] += likeness[:, one]
        sizes[group] += 1
    return groups


def _names(
    groups: Sequence[Sequence[int]], everybody: Sequence[Spoken], terms: Sequence[Mapping[str, str]]
) -> list[tuple[str, ...]]:
    """Up to 4 words for each group that set it apart, as its people wrote them; none where people share none.

    A word counts by how many people use it and by how much oftener than all do.
    """
    overall = Counter(term for one in terms for term in one)
    found = []
    for group in groups:
        users: defaultdict[str, set[int]] = defaultdict(set)
        forms: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for at in group:
            for term, form in terms[at].items():
                forms[term][form] += 1
                if (person := everybody[at].person) is not None:
                    users[term].add(person)
        # How much oftener it stands in the group than in all, as if once more in all: what is rare is not much.
        oftener = {
            term: forms[term].total() / len(group) * (len(everybody) + 1) / (overall[term] + 1)
            for term, people in users.items()
            if len(people) >= _FEWEST
        }
        score = {term: len(users[term]) * log(ratio) for term, ratio in oftener.items() if ratio > 1}
        ranked = sorted(score, key=lambda term: (-score[term], -len(term), term))
        found.append(_distinct(forms[term].most_common(1)[0][0] for term in ranked))
    return found


def _terms(text: str, chunks: Iterable[str]) -> dict[str, str]:
    """Terms of a comment → the form in which it stands there: compound nouns; words between spaces by their stem."""
    found: dict[str, str] = {}
    for chunk in chunks:
        if 1 < len(chunk) <= _LONGEST and _UNSPACED.search(chunk):
            found.setdefault(fold(chunk), chunk)
    for match in _SPACED.finditer(text):
        if len(match[0]) <= _LONGEST:
            found.setdefault(stem(fold(match[0])), match[0] if match[0].isupper() else match[0].lower())
    return found


def _distinct(terms: Iterable[str]) -> tuple[str, ...]:
    """The first few that mean something and of which none is part of another."""
    found: list[str] = []
    for term in terms:
        if words().tokens(term) and not any(term in other or other in term for other in found):
            found.append(term)
        if len(found) == _LABELS:
            break
    return tuple(found)
