"""The words of a text: content words in their normal form, tokens as written, compound nouns. Sudachi for Japanese.

Texts of both languages may be mixed: Latin words are treated alike wherever they stand. Latin words are lower case.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import regex  # type: ignore[import-untyped]  # ships no types

from core.text import language_of

_Known = TypeVar("_Known")
_LONGEST_RUN = 4
_PORTION = 12_000  # characters: 48,000 bytes at worst, Sudachi refuses more than 49,149
_CUT = regex.compile(r"[\n。．！？!?]|\s", regex.REVERSE)
_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}\p{N}]*(?:['’.&-][\p{L}\p{N}]+)*|\p{N}[\p{L}\p{N}]*(?:[.,]\p{N}+)*")
_EMPTY = regex.compile(
    r"\p{Hiragana}{1,2}"
)  # こと, もの, おく: what has a meaning of its own has kanji as its normal form
_LETTER = regex.compile(r"[\p{L}\p{N}]")

_ENGLISH = """
    a about above after again against all almost also although always am among an and another any anybody anyone
    anything are aren't around as at away back be became because become been before being below between both but by
    came can can't cannot come could couldn't did didn't do does doesn't doing don't done down during each either else
    enough even ever every everybody everyone everything few for from further gave get gets getting give given gives go
    goes going gone got had hadn't has hasn't have haven't having he he'd he'll he's her here hers herself him himself
    his how however i i'd i'll i'm i've if in indeed instead into is isn't it it's its itself just keep kept knew know
    known let let's like likely made make makes making many may maybe me might mine more most much must my myself near
    neither never no nobody none nor not nothing now of off often on once one only onto or other others ought our ours
    ourselves out over own per perhaps put quite rather really said same saw say says see seem seemed seems seen shall
    she she'd she'll she's should shouldn't since so some somebody someone something still such take taken takes than
    that that's the their theirs them themselves then there there's therefore these they they'd they'll they're they've
    thing things think this those though through thus to today together told too took toward towards under unless until
    up upon us use used uses using very via want was wasn't we we'd we'll we're we've well went were weren't what
    what's when where whether which while who who's whoever whom whose why will with within without won't would
    wouldn't yes yet you you'd you'll you're you've your yours yourself yourselves
"""
_JAPANESE = """
    事 物 為 様 訳 所 筈 積もり 方 時 際 中 間 内 上 下 前 後 他 等 分 点 面 的 化 性 者 達 月 日 年 回 度 人 今 今日
    現在 場合 以上 以下 以外 程 位 儘 通り 先 側 毎 辺 自分 自身 皆 皆さん 誰 何 何故 此れ 其れ 其処 此処 思う 言う
    考える 見る 因る 対する 於く 関する 就く 取る 続く 以て 伴う 当たる 入る 出る 持つ 付く 掛かる 多い 少ない 無い 良い
    可能 必要 大変
"""
_STOP_EN, _STOP_JA = frozenset(_ENGLISH.split()), frozenset(_JAPANESE.split())
# What carries meaning, by Sudachi's part of speech.
_NOUNS = ("普通名詞", "固有名詞")
_OTHERS = (("動詞", "一般"), ("形容詞", "一般"), ("形状詞", "一般"), ("形状詞", "タリ"))
# What a unit can be in a compound noun: a noun, fixed before or behind one, a mark inside.
_NOUN, _BEFORE, _BEHIND, _MARK, _SPACE = "noun", "before", "behind", "mark", "space"
_MARKS = ("・", "&", "-", "/")
_KNOWN = 20_000  # words of the dictionary that are remembered, at most (some 12 MB); a long digest has 5,000


class Morph(NamedTuple):
    """One unit of Sudachi's: as written, in its normal form (サーバ and サーバー are one), its part of speech."""

    surface: str
    normal: str
    pos: tuple[str, ...]


class Words:
    """Japanese and English cut into words. May be used by several threads; the dictionary (86 MB) is loaded once."""

    def __init__(self) -> None:
        from sudachipy import Dictionary  # type: ignore[import-untyped]  # ships no types

        self._dictionary = Dictionary(dict="core")
        self._local = threading.local()  # a tokenizer refuses to serve two threads
        # By their numbers in the dictionary, so that it is asked once for each: words, not what anybody said with them.
        self._content: dict[int, tuple[str, ...]] = {}
        self._morphs: dict[int, tuple[Morph, str]] = {}

    def tokens(self, text: str, language: str | None = None) -> list[str]:
        """Content words in reading order: nouns, verbs, adjectives in their normal form.

        Latin words are stemmed and their stop words left out as English, unless `language` is another Latin one.
        """
        if not _CJK.search(text):
            return _latin(_clean(text), _is_english(language))
        return self._carrying(self._units(text), language)

    def read(self, text: str, language: str | None = None) -> tuple[list[str], list[str]]:
        """Both `tokens` and `chunks` of a text, which is cut only once for them. Without Japanese in it no chunks."""
        if not _CJK.search(text):
            return self.tokens(text, language), []
        units = list(self._units(text))
        return self._carrying(units, language), [joined(run) for run in self._compounds(units)]

    def surfaces(self, text: str) -> list[str]:
        """Every word as written, punctuation left out: what ROUGE compares. Shortest units (mode A) for Japanese."""
        if not _CJK.search(text):
            return [match[0].casefold() for match in _WORD.finditer(_clean(text))]
        return [morph.surface.casefold() for morph in self.morphs(text, "A") if _LETTER.search(morph.surface)]

    def chunks(self, text: str) -> list[str]:
        """Compound nouns as written, in reading order: runs of nouns with what is fixed to them (longest units).

        In a text without Japanese: runs of words between stop words and marks, at most four.
        """
        if not _CJK.search(text):
            return list(_runs(_clean(text)))
        return [joined(run) for run in self.compounds(text)]

    def compounds(self, text: str) -> Iterator[list[Morph]]:
        """The units of each compound noun of a Japanese text, in reading order.

        White space ends a compound, save a single space between Latin words.
        """
        return self._compounds(self._units(text))

    def morphs(self, text: str, mode: str = "C") -> Iterator[Morph]:
        """Sudachi's units of a text of any length, in mode A (shortest), B or C (longest). The text is read as NFKC."""
        for one in self._units(text, mode):
            if not (surface := one.surface()).isspace():
                yield _morph(one, surface)

    def _units(self, text: str, mode: str = "C") -> Iterator[Any]:
        from sudachipy import SplitMode

        tokenizer = self._tokenizer()
        for portion in _portions(_clean(text)):
            yield from tokenizer.tokenize(portion, SplitMode(mode))

    def _carrying(self, units: Iterable[Any], language: str | None) -> list[str]:
        """The content words among the shortest units that these longest ones are made of."""
        known = self._content
        found: list[str] = []
        for one in units:
            if (content := known.get(one.word_id())) is None:
                content = self._learn(one, language)
            found += content
        return found

    def _learn(self, unit: Any, language: str | None) -> tuple[str, ...]:
        """The content words of a unit, remembered if they are the same wherever it stands."""
        from sudachipy import SplitMode

        always = not unit.is_oov()
        found: list[str] = []
        for one in unit.split(SplitMode("A")) or [unit]:  # `add_single` panics, in 0.7.0
            if not _is_content(one.part_of_speech()):
                continue
            if not _CJK.search(surface := one.surface()):
                found += _latin(surface, _is_english(language))
                always = False
            elif (normal := one.normalized_form()) not in _STOP_JA and not _EMPTY.fullmatch(normal):
                found.append(normal.casefold())
        if always:
            _keep(self._content, unit.word_id(), tuple(found))
        return tuple(found)

    def _compounds(self, units: Iterable[Any]) -> Iterator[list[Morph]]:
        run: list[Morph] = []
        apart = ""
        for morph, role in self._roles(units):
            if role == _SPACE:
                apart += morph.surface
                continue
            one_word = apart == " " and run and _latin_end(run[-1].surface[-1]) and _latin_end(morph.surface[:1])
            if run and (not _joins(role, run) or (apart and not one_word)):
                yield from _whole(run)
                run = []
            if _joins(role, run):
                run.append(morph)
            apart = ""
        yield from _whole(run)

    def _roles(self, units: Iterable[Any]) -> Iterator[tuple[Morph, str]]:
        """Each unit and what it can be in a compound noun, "" for nothing."""
        known = self._morphs
        for one in units:
            number, surface = one.word_id(), one.surface()
            found = known.get(number)
            if found is None or found[0].surface != surface:  # the same word may be written in capitals
                found = (morph := _morph(one, surface)), _role(morph)
                if not one.is_oov():
                    _keep(known, number, found)
            yield found

    def _tokenizer(self) -> Any:
        if not hasattr(self._local, "tokenizer"):
            self._local.tokenizer = self._dictionary.tokenizer()
        return self._local.tokenizer


@cache
def words() -> Words:
    """The process's own words, made at first use (0.1 s)."""
    return Words()


def documents(texts: Iterable[str], language: str | None = None) -> list[list[str]]:
    """Content words of each text; the language is told by script where it is not given."""
    own = words()
    return [own.tokens(text, language or language_of(text)) for text in texts]


def stem(word: str) -> str:
    """An English word without the endings of number and tense; crude, but the same for all forms of most words."""
    if len(word) > 3 and word.endswith(("'s", "’s")):
        word = word[:-2]
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    if word.endswith(("ies", "ied")) and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) > 2 and any(vowel in root for vowel in "aeiouy"):
            if root[-1] == root[-2] and root[-1] not in "lsz":
                return root[:-1]
            word = root
            break
    return word.removesuffix("e") if len(word) > 4 else word


def _latin(text: str, english: bool) -> list[str]:
    found = [match[0].casefold().replace("’", "'") for match in _WORD.finditer(text)]
    found = [word for word in found if len(word) > 1 and not word[0].isnumeric()]
    return [stem(word) for word in found if word not in _STOP_EN] if english else found


def _runs(text: str) -> Iterator[str]:
    """Latin words that follow each other with nothing but a space between, without stop words."""
    run: list[str] = []
    last = 0
    for match in _WORD.finditer(text):
        stopped = match[0].casefold().replace("’", "'") in _STOP_EN
        if run and (stopped or len(run) == _LONGEST_RUN or text[last : match.start()] != " "):
            yield " ".join(run)
            run = []
        if not stopped:
            run.append(match[0])
        last = match.end()
    if run:
        yield " ".join(run)


def _is_english(language: str | None) -> bool:
    """Whether Latin words of a text in this language are read as English."""
    return language in (None, "en", "ja", "zh", "ko")


def _morph(unit: Any, surface: str) -> Morph:
    return Morph(surface, unit.normalized_form(), unit.part_of_speech())


def _keep(known: dict[int, _Known], number: int, one: _Known) -> None:
    if len(known) >= _KNOWN:
        known.clear()
    known[number] = one


def _is_content(pos: tuple[str, ...]) -> bool:
    return (pos[0] == "名詞" and pos[1] in _NOUNS) or pos[:2] in _OTHERS


def _role(morph: Morph) -> str:
    """What a unit can be in a compound noun: `_SPACE`, `_NOUN`, `_BEFORE`, `_BEHIND`, `_MARK`, or "" for nothing."""
    kind, sub = (*morph.pos, "")[:2]
    if morph.surface.isspace():
        return _SPACE
    if kind == "名詞":
        return _NOUN if sub != "助動詞語幹" and _LETTER.search(morph.surface) else ""
    if kind == "接尾辞":
        return _BEHIND if sub == "名詞的" else ""
    if morph.surface in _MARKS:
        return _MARK
    return _BEFORE if kind == "接頭辞" else ""


def _joins(role: str, run: Sequence[Morph]) -> bool:
    """Whether a unit of this role can stand in a compound noun after those of `run`."""
    if role == _MARK:
        return bool(run) and run[-1].surface not in _MARKS
    return role in (_NOUN, _BEFORE) or (role == _BEHIND and bool(run))


def _whole(run: list[Morph]) -> Iterator[list[Morph]]:
    """The compound noun, if there is one, without prefixes that nothing follows."""
    while run and run[-1].pos[0] == "接頭辞":
        run.pop()
    if run:
        yield run


def empty(unit: Morph) -> bool:
    """Whether a Japanese unit says nothing by itself: こと, 場合."""
    return unit.normal in _STOP_JA or _EMPTY.fullmatch(unit.normal) is not None


def joined(run: list[Morph]) -> str:
    """The units as one: a space only between two Latin words."""
    out = ""
    for morph in run:
        out += " " + morph.surface if out and _latin_end(out[-1]) and _latin_end(morph.surface[0]) else morph.surface
    return out.strip("・&-/")


def _latin_end(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _clean(text: str) -> str:
    """NFKC, and nothing that can't be written as UTF-8."""
    return unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())


def _portions(text: str) -> Iterator[str]:
    """The text in parts that Sudachi takes, cut at a line or sentence end where there is one."""
    start = 0
    while len(text) - start > _PORTION:
        match = _CUT.search(text, start + _PORTION // 2, start + _PORTION)
        end = match.end() if match else start + _PORTION
        yield text[start:end]
        start = end
    yield text[start:]
