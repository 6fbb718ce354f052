"""A piece in one to three of its own sentences, word for word, and the author's own remark.

A sentence counts by how much it is like those that it announces (in a text that begins with its point) or like those
that it concludes from (in one that ends with it); `digest.bearing` says which. No model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np

from core.document import words_of
from core.faces import authored, shareable
from core.lines import ended
from core.pieces import Piece
from core.text import sentences as split
from digest.bearing import author_speaks, bearing, others_speak
from digest.lead import join, own_sentences, passed_over
from digest.sketch import Account, Verbatim
from digest.vectors import Floats, Matrix, tfidf, z
from digest.words import words

_Line = TypeVar("_Line")
LONGEST = 4000
"""Most sentences that are read of one piece: of a longer one its first and last."""
_REMARKS = 2  # sentences
_LONG = 20  # content words
_LEANS = re.compile(
    r"これ|それ|この|その|こう|そう|こちら|そこ|ここ|彼|しかし|だが|また|さらに|そして|一方|でも|ただ|なお|次に|まず|しかも|ところが"
    r"|(?:He|She|It|They|This|That|These|Those|But|And|However|So|Then|His|Her|Their|Also)\b"
)
_SHORTEST = 8  # characters, or
_FEWEST = 5  # words of a Latin language: below, a sentence says too little to stand alone


def summarize(piece: Piece, most: int = 3) -> Account:
    """Up to `most` sentences of what may be shown of the piece, in reading order, each with its section.

    Read are paragraphs of the author's running text in every section but an offer to continue and what a model wrote;
    headings, lists, quotations, captions and bylines are not. A piece of nothing but remarks has no sentences.
    """
    outline = shareable(piece.outline, piece.text_mode)
    said = _bounded(
        [(line.strip(), section) for section in authored(outline) for line in own_sentences(section.blocks)]
    )
    if len(said) > 1 and piece.text_mode == "excerpt" and said[-1][0].endswith("…"):
        said.pop()  # where the excerpt was cut off
    ends = [section.voice == "conclusion" for _, section in said]
    chosen = pick([line for line, _ in said], piece.title, piece.language, most, ends)
    remarks = _bounded([line.strip() for remark in outline.remarks() for line in split(words_of(remark.spans))])
    spoken = [remarks[at] for at in pick(remarks, piece.title, piece.language, _REMARKS)]
    return Account(
        piece=piece.number,
        sentences=tuple(
            Verbatim(piece=piece.number, text=said[at][0], section=said[at][1].key or None) for at in chosen
        ),
        # A remark often has no stop: the next one must not run on from it.
        remark=join([one if one.isascii() or ended(one) else one + "\u3000" for one in spoken]).rstrip("\u3000"),
    )


def pick(
    sentences: Sequence[str], title: str, language: str, most: int, conclusions: Sequence[bool] | None = None
) -> list[int]:
    """The places, rising, of up to `most` sentences that say best what all say.

    `conclusions` marks those that stand under a heading such as "Conclusion".
    """
    able = candidates(sentences, language)
    if len(able) <= most:
        return able
    read = [_tokens(sentences[at], language) for at in able]
    matrix = tfidf(read)
    speaks = [author_speaks(sentences[at], language) for at in able]
    last = bearing(speaks, [others_speak(sentences[at], language) for at in able])
    ahead, behind = _likeness(matrix)
    places = np.arange(len(able), dtype=np.float32)
    named = set(words().tokens(title, language))
    in_title = np.array([len(named.intersection(one)) for one in read], np.float32)
    sizes = np.array([len(one) for one in read], np.float32)
    score = (1 - last) * (z(ahead) - 0.3 * z(places)) + last * (z(behind) + 0.3 * z(1 / (len(able) - places)))
    score += last * np.array(speaks, np.float32) + 0.2 * z(in_title)
    # For who reads them alone: neither one that leans on the sentence before it nor an endless one.
    score -= 0.3 * np.array([_LEANS.match(sentences[at].lstrip()) is not None for at in able], np.float32)
    score -= 0.3 * np.maximum(0, sizes / _LONG - 1)
    if conclusions is not None:
        score += 0.5 * np.array([conclusions[at] for at in able], np.float32)
    return sorted(able[at] for at in _unlike(z(score), matrix, most))


@lru_cache(maxsize=2_048)
def _tokens(sentence: str, language: str) -> tuple[str, ...]:
    return tuple(words().tokens(sentence, language))


def forget() -> None:
    """Drop the words of sentences: kept through one reading, whose points look at sentences of its accounts again."""
    _tokens.cache_clear()


def candidates(sentences: Sequence[str], language: str) -> list[int]:
    """The places of the sentences that can stand for a text; all of them if none can."""
    able = [at for at, one in enumerate(sentences) if _says_enough(one, language) and not passed_over(one)]
    return able or [at for at, one in enumerate(sentences) if one.strip()]


def _says_enough(sentence: str, language: str) -> bool:
    if language in ("ja", "zh", "ko"):
        return len(sentence.strip()) >= _SHORTEST
    return len(sentence.split()) > _FEWEST


def _bounded(lines: list[_Line]) -> list[_Line]:
    return lines if len(lines) <= LONGEST else [*lines[: LONGEST // 2], *lines[-LONGEST // 2 :]]


def _likeness(matrix: Matrix) -> tuple[Floats, Floats]:
    """How like each sentence is to all that follow it, and to all before it."""
    order = np.argsort(matrix.columns, kind="stable")  # by word, and of one word in reading order
    columns, data = matrix.columns[order], matrix.data[order].astype(np.float64)
    rows = np.repeat(np.arange(len(matrix)), np.diff(matrix.starts))[order]
    sums = np.concatenate([[0.0], np.cumsum(data)])
    ends = np.cumsum(np.bincount(columns, minlength=len(matrix.terms)))
    starts = np.concatenate([[0], ends])
    before, after = sums[:-1] - sums[starts[columns]], sums[ends[columns]] - sums[1:]
    ahead, behind = (np.bincount(rows, data * others, len(matrix)) for others in (after, before))
    return np.asarray(ahead, np.float32), np.asarray(behind, np.float32)


def _unlike(score: Floats, matrix: Matrix, most: int) -> list[int]:
    """The places of the best that do not say the same twice (maximal marginal relevance)."""
    chosen: list[int] = []
    same = np.zeros(len(matrix), np.float32)
    while len(chosen) < most:
        worth = score - 3 * same
        worth[chosen] = -np.inf
        chosen.append(int(worth.argmax()))
        same = np.maximum(same, matrix.times(matrix.row(chosen[-1])))
    return chosen
