"""What adds nothing to a discussion: comments without words, laughter, one word over and over, copies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import regex  # type: ignore[import-untyped]  # ships no types

from core.text import fold
from digest.vectors import Floats, ngrams, similarity, tfidf

_CHARACTERS = 200_000  # of all comments together: bounds time and memory
_READ = 100  # letters in which repetition is looked for: a long text of any kind repeats its bigrams
_VARIED = 0.4  # share of different bigrams below which a text only repeats itself; real comments have 0.57 and more
_FEWEST = 5  # bigrams; of fewer, repetition says nothing
_ALIKE = 0.9  # cosine of character n-grams from which on one comment is a copy of another
_CAMPAIGN = 3  # copies with a link in them that make it advertising

_LINK = regex.compile(r"(?:https?://|\bwww\.)[^\s\p{Han}\p{Hiragana}\p{Katakana}、。」』）)\]>]+")
_NAMED = regex.compile(r"<[@#:][^>\s]*>|(?<![\w@])@[\w.-]+|(?<!\w):[\w+-]+:")  # mentions and emoji as chats write them
_NO_LETTER = regex.compile(r"[^\p{L}\p{M}\p{N}]+")
_LAUGHTER = regex.compile(r"(?:w|草|笑|爆笑|lol|lmao|rofl|(?:h[aei]){2,}h?|はは|ふふ|へへ)+")


def words_only(text: str) -> str:
    """The text without links, mentions and the names of emoji, in one line."""
    return " ".join(_NAMED.sub(" ", _LINK.sub(" ", text)).split())


def openings(texts: Sequence[str]) -> list[str]:
    """The words of each text; of many or long ones only so much that all have _CHARACTERS at most, but 200 each."""
    limit = max(200, min(2_000, _CHARACTERS // max(len(texts), 1)))
    return [words_only(text[: 2 * limit])[:limit] for text in texts]


def is_spam(text: str) -> bool:
    """Whether nothing is said: no letters but links and names, one character, laughter, the same over and over."""
    letters = _NO_LETTER.sub("", fold(words_only(text[: 10 * _READ])))[:_READ]
    if len(set(letters)) < 2 or _LAUGHTER.fullmatch(letters):
        return True
    pairs = list(pairwise(letters))
    return len(pairs) >= _FEWEST and len(set(pairs)) < _VARIED * len(pairs)


def bundles(texts: Sequence[str]) -> tuple[list[list[int]], Floats]:
    """Places of texts that say something, copies and near copies in one bundle, its first the first; in reading order.

    With the cosines of the bundles' firsts by runs of characters (4 · len² bytes). What is copied around with a link in
    it is advertising and in no bundle.
    """
    plain = openings(texts)
    same: dict[str, list[int]] = {}
    for at, text in enumerate(plain):
        if not is_spam(text):
            same.setdefault(_NO_LETTER.sub("", fold(text)), []).append(at)
    groups = list(same.values())
    likeness = similarity(tfidf([ngrams(plain[group[0]]) for group in groups]))
    found: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        firsts = list(found)
        twins = np.flatnonzero(likeness[number, firsts] >= _ALIKE)
        if twins.size:
            found[firsts[twins[0]]] += group
        else:
            found[number] = list(group)
    kept = [
        number
        for number, group in found.items()
        if len(group) < _CAMPAIGN or not any(_LINK.search(texts[at]) for at in group)
    ]
    return [found[number] for number in kept], likeness[np.ix_(kept, kept)]
