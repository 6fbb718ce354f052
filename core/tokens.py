"""Text as the search index sees it: its tokens, what a word or phrase asks for, and where a text holds that. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import regex  # type: ignore[import-untyped]  # ships no types

RULES = f"1/{unicodedata.unidata_version}"
"""Changes whenever a text may give other tokens than before: what was indexed by other rules is indexed anew."""

_CJK = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Hangul}ー〆〱-〵〻〼"
_MARKS = r"\p{Mn}\p{Mc}"
_RUN = regex.compile(rf"(?P<cjk>[{_CJK}][{_CJK}{_MARKS}]*+)|(?P<word>(?:(?![{_CJK}])[\p{{L}}\p{{N}}{_MARKS}])++)")
_IGNORED = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Me}]")  # joiners, selectors of variants, keycaps
# Kana, kanji and ASCII in both widths are one character each in `plain` too, if no mark follows.
_SIMPLE = regex.compile(
    r"(?:[\x00-\x7e\u3000-\u3029\u3030-\u3035\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uff01-\uff5e]"
    r"(?![\p{M}\uff9e\uff9f]))++|\X"
)


def plain(text: str) -> str:
    """The form that is searched: NFKC, lower case (σ for a final ς too), without what nobody sees."""
    if text.isascii():
        return text.lower()
    lower = unicodedata.normalize("NFKC", text).replace("Σ", "σ").lower()
    found: str = _IGNORED.sub("", unicodedata.normalize("NFKC", lower))
    return found


def tokens(text: str) -> str:
    """What the index holds of a plain text: tokens joined by spaces.

    A run of Japanese, Chinese or Korean gives every overlapping pair of characters and the last one alone, so that a
    part of any length is found and none too many; other scripts give words.
    """
    return " ".join(token for run, is_cjk in _runs(text) for token in (_pairs(run) if is_cjk else [run]))


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run))]


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """(run, is CJK) of a plain text."""
    for match in _RUN.finditer(text):
        yield match[0], match.lastgroup == "cjk"


# --- what is asked for ---


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to be found: `tokens` follow each other (a phrase); `prefix`: the last one may go on.

    `words` is what is asked for as plain text; `pattern` finds the same in a plain text as the tokens in the index,
    which holds all `runs`.
    """

    tokens: tuple[str, ...]
    prefix: bool = False
    words: str = field(default="", compare=False)
    runs: tuple[str, ...] = field(default=(), compare=False, repr=False)
    pattern: regex.Pattern[str] = field(default=regex.compile("(?!)"), compare=False, repr=False)

    def count(self, text: str) -> int:
        """How often a plain text holds it."""
        if not all(run in text for run in self.runs):  # most texts need no more than this
            return 0
        return len(self.pattern.findall(text))


def term(text: str) -> Term | None:
    """A word or phrase as typed; None if nothing in it can be found. Of Latin words only whole ones are meant, unless
    a `*` follows the last.
    """
    words = plain(text).strip()
    runs = list(_runs(words))
    if not runs:
        return None
    found = [token for run, is_cjk in runs for token in (_pairs(run) if is_cjk else [run])]
    # In the text the last run may go on, so its lone last character may not be asked for; where the run is only one
    # character, every pair that begins with it will do.
    last, is_cjk = runs[-1]
    prefix = len(last) == 1 if is_cjk else words.endswith("*")
    if is_cjk and not prefix:
        del found[-1]
    return Term(tuple(found), prefix, words, tuple(run for run, _ in runs), _pattern(runs, prefix=prefix))


_WORD = rf"[[\p{{L}}\p{{N}}{_MARKS}]--[{_CJK}]]"
_BETWEEN = rf"[^\p{{L}}\p{{N}}{_MARKS}{_CJK}]"


def _pattern(runs: list[tuple[str, bool]], *, prefix: bool) -> regex.Pattern[str]:
    parts: list[str] = []
    before: bool | None = None
    for run, is_cjk in runs:
        if before is not None:  # two runs of one kind are two only because something stands between them
            parts.append(_BETWEEN + ("++" if before == is_cjk else "*+"))
        parts.append(regex.escape(run) if is_cjk else rf"(?<!{_WORD}){regex.escape(run)}(?!{_WORD})")
        before = is_cjk
    if prefix and not before:
        parts[-1] = parts[-1].removesuffix(rf"(?!{_WORD})")
    return regex.compile("".join(parts), regex.V1)


# --- where a text holds it ---


def marks(text: str, terms: Iterable[Term]) -> list[tuple[int, int]]:
    """(start, end) in `text` itself of what the terms find there, in order and apart."""
    origin: list[tuple[int, int]] = []  # of each character of the plain text
    folded: list[str] = []
    for match in _SIMPLE.finditer(text):
        start, end = match.span()
        part = plain(match[0])
        folded.append(part)
        if len(part) == end - start:
            origin += zip(range(start, end), range(start + 1, end + 1), strict=True)
        else:
            origin += [(start, end)] * len(part)
    whole = "".join(folded)
    if whole != plain(text):  # some script joins letters over the borders of what a reader sees as one: no marks then
        return []
    spans = sorted(match.span() for one in terms for match in one.pattern.finditer(whole))
    found: list[tuple[int, int]] = []
    for first, after in spans:
        start, end = origin[first][0], origin[after - 1][1]
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
