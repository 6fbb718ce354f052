"""What a sentence claims, against the words that it cites: its numbers and names must stand there.

A rule of words, not of sense: it finds a number, a name or a quotation that the sources lack, a denial where they deny
nothing, and a sentence that speaks of something else. It does not find that somebody did what was done to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import regex  # type: ignore[import-untyped]  # ships no types

from core.text import fold, language_of
from digest.words import stem, words

SUPPORT = 1 / 3
"""Of a sentence's content words, the least that must stand in what it cites."""

Amount = tuple[Decimal, str]
"""A value and its unit, "" for none or one that we do not know."""


def upheld(sentence: str, cited: str, people: Iterable[int] = ()) -> bool:
    """Whether the cited text bears out what a sentence claims; `people` are numbers of people that may be told too."""
    said, source = fold(sentence), fold(cited)
    if _ADDRESS.search(said):
        return False
    known = [*_amounts(source, strict=False), *((Decimal(one), "people") for one in people)]
    return (
        all(any(_same(one, other) for other in known) for one in _amounts(said, strict=True))
        and next(_strangers(sentence, source), None) is None
        and (not _DENIAL.search(said) or _DENIAL.search(source) is not None)
        and _supported(sentence, cited)
    )


def _supported(sentence: str, cited: str) -> bool:
    own, there = set(words().tokens(sentence)), set(words().tokens(cited))
    return bool(own) and len(own & there) >= SUPPORT * len(own)


_ADDRESS = regex.compile(r"\w://|\bwww\.|[a-z0-9-]+\.[a-z]{2,}\b")
_DENIAL = regex.compile(
    r"\b(?:not?|never|none|nobody|nothing|neither|nor|cannot|without)\b|n['’]t\b"
    r"|(?<![少危])な(?:い(?!しは|し|がしろ)|かった|く(?:て|、|な)|ければ)|ません|ず(?=[、。にとも]|$)|無[いしく]"
)

# --- numbers ---

_DIGITS = dict(zip("〇零一二三四五六七八九", (0, 0, *range(1, 10)), strict=False)) | {"〇": 0}
_TENS = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10**4, "億": 10**8, "兆": 10**12}
_JAPANESE = regex.compile(r"(?:\d[\d,]*(?:\.\d+)?|[〇零一二三四五六七八九十百千万億兆])+")
_KANJI = regex.compile(r"[〇零一二三四五六七八九十百千万億兆]+")
_COUNTED = regex.compile(
    r"[人名円年月日時秒個つ件回社倍割歳票本台校町村か所カヶケ箇位点度項%]|パーセント|ポイント|ドル|ユーロ"
)
_HALF = regex.compile(r"半[分数減]")
_WORDS = {
    name: Decimal(value)
    for value, names in {
        "0.5": "half", "2": "two twice double doubled", "3": "three third thirds triple tripled thrice",
        "4": "four quarter quarters", "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine", "10": "ten",
        "11": "eleven", "12": "twelve dozen", "13": "thirteen", "14": "fourteen", "15": "fifteen", "16": "sixteen",
        "17": "seventeen", "18": "eighteen", "19": "nineteen", "20": "twenty", "30": "thirty", "40": "forty",
        "50": "fifty", "60": "sixty", "70": "seventy", "80": "eighty", "90": "ninety",
    }.items()
    for name in names.split()
}  # fmt: skip
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "bn": 10**9, "trillion": 10**12}
_ENGLISH = regex.compile(
    rf"\b(?P<word>{'|'.join(_WORDS)})(?:-(?P<one>{'|'.join(_WORDS)}))?s?\b"
    rf"(?:[ -](?P<scale>{'|'.join(_SCALES)})s?\b)*"
)
_SCALED = regex.compile(rf"[ -]?(?P<scale>{'|'.join(_SCALES)})s?\b")
_UNITS = {
    "%": r"%|パーセント|percent\b|per cent\b",
    "¥": r"円|yen\b",
    "$": r"ドル|dollars?\b",
    "€": r"ユーロ|euros?\b",
    "people": r"人|名|people\b|persons?\b|readers?\b",
    "year": r"年|years?\b",
    "month": r"(?:か|カ|ヶ|ケ|箇)?月|months?\b",
    "day": r"日|days?\b",
    "hour": r"時|hours?\b",
    "times": r"倍|times\b|-?fold\b",
}
_UNIT = regex.compile("[ -]?(?:" + "|".join(f"(?P<u{n}>{rule})" for n, rule in enumerate(_UNITS.values())) + ")")
_SIGNS = {"¥": "¥", "$": "$", "€": "€"}


def _amounts(text: str, *, strict: bool) -> Iterator[Amount]:
    """The numbers of a folded text. `strict` passes over kanji that only may be numbers, as in 一部 and 十分."""
    for match in _JAPANESE.finditer(text):
        run, end = match[0], match.end()
        value = _value(run)
        if _KANJI.fullmatch(run) and strict and (value == 1 or not (len(run) > 1 or _COUNTED.match(text, end))):
            continue
        while scaled := _SCALED.match(text, end):
            value, end = value * _SCALES[scaled["scale"]], scaled.end()
        if text[end : end + 1] == "割":
            yield value * 10, "%"
        else:
            yield value, _unit(text, end) or _SIGNS.get(text[match.start() - 1 : match.start()], "")
    yield from ((Decimal("0.5"), "") for _ in _HALF.finditer(text))
    for match in _ENGLISH.finditer(text):
        value = _WORDS[match["word"]] + (_WORDS[match["one"]] if match["one"] else 0)
        for scale in match.captures("scale"):
            value *= _SCALES[scale]
        yield value, _unit(text, match.end())


def _value(run: str) -> Decimal:
    """`1兆2,000億`, `3万5千`, `二十三`, `二〇二六`."""
    total = part = last = Decimal(0)
    for one in regex.findall(r"\d[\d,]*(?:\.\d+)?|.", run):
        if one in _MYRIADS:
            total, part, last = total + ((part + last) or 1) * _MYRIADS[one], Decimal(0), Decimal(0)
        elif one in _TENS:
            part, last = part + (last or 1) * _TENS[one], Decimal(0)
        elif one in _DIGITS:
            last = last * 10 + _DIGITS[one]
        else:
            last = Decimal(one.replace(",", ""))
    return total + part + last


def _unit(text: str, at: int) -> str:
    found = _UNIT.match(text, at)
    return "" if found is None else list(_UNITS)[int(found.lastgroup[1:])]


def _same(said: Amount, source: Amount) -> bool:
    """Half is 50 %; a unit that is not known may be any but %."""
    (value, unit), (other, others) = said, source
    if {unit, others} == {"", "%"}:
        return value == Decimal("0.5") and other == 50
    return value == other and (unit == others or "" in (unit, others))


# --- names and quotations ---

_QUOTED = regex.compile(r"「([^「」]+)」|『([^『』]+)』|“([^“”]+)”|\"([^\"]+)\"|‘([^‘’]+)’")
_MENTION = regex.compile(r"[@＠][\w.-]+")
_KATAKANA = regex.compile(r"[\p{Katakana}ー・]{2,}")
_TITLED = regex.compile(
    r"[\p{Han}々ヶ]+?(?:さん|氏|様|議員|首相|大臣|知事|市長|教授|社長|会長)|[\p{Han}々ヶ]{2,}?社(?!\p{Han})"
)
_LATIN = regex.compile(r"\p{Latin}[\p{Latin}\p{M}\p{N}]*(?:['’&.-][\p{Latin}\p{N}]+)*")
_BEGINS = regex.compile(r"(?:\A|[.!?:]\s+)\W*\Z")
# What begins a sentence is written like a name. These are none; any other word there must stand in the source.
_ENGLISH_OPENINGS = """
    a an the this that these those it its they their them he she his her we our you your i my one two some many most
    more few fewer several both all each every any another other others either neither no none nobody not only even
    and but or so yet nor for if when while where whereas although though because since as after before until unless
    despite besides instead however moreover furthermore meanwhile still also thus therefore then there here in on at by
    to from of with without within among between across over under about against according overall finally first second
    third last critics supporters opponents readers reader commenters commentators comments people residents author
    authors writer writers piece pieces article articles opinion opinions views concerns support similarly likewise
    especially particularly what who why how whether would should could can may might must do does did is are was were
    has have had be being it's they're there's that's
"""
_JAPANESE_GENERAL = """
    コメント ポイント テーマ メリット デメリット リスク コスト バランス ケース レベル データ イメージ ニーズ ルール
    サービス システム タイミング プラス マイナス ペース スピード
    同社 各社 会社 他社 両社 当社 自社 本社 御社 同氏 両氏 皆様 皆さん 同様 多様 一様 仕様 模様 異様
"""
_OPENINGS, _GENERAL = frozenset(_ENGLISH_OPENINGS.split()) | _WORDS.keys(), frozenset(_JAPANESE_GENERAL.split())


def _strangers(sentence: str, source: str) -> Iterator[str]:
    """Quotations, mentions and names, as far as they show, that a folded source lacks."""
    quoted = (next(filter(None, match.groups())) for match in _QUOTED.finditer(sentence))
    names = [fold(one).strip(" .,。、") for one in quoted]
    names += [fold(match[0]) for match in _MENTION.finditer(sentence)]
    for match in _KATAKANA.finditer(sentence):
        name = fold(match[0]).strip("・").rstrip("ー")
        names += [name] if len(name) > 1 and match[0] not in _GENERAL else []
    names += [fold(match[0]) for match in _TITLED.finditer(sentence) if match[0] not in _GENERAL]
    in_japanese = language_of(sentence) == "ja"
    if in_japanese:
        names += [fold(one.surface) for one in words().morphs(sentence) if one.pos[:2] == ("名詞", "固有名詞")]
    yield from (name for name in names if name not in source)
    known = {stem(match[0]) for match in _LATIN.finditer(source)}
    for match in _LATIN.finditer(sentence):
        word = match[0]
        if len(word) == 1 or not (in_japanese or word != word.lower()):
            continue
        opens = word == word.capitalize() and _BEGINS.search(sentence, 0, match.start())
        if not (stem(fold(word)) in known or (opens and fold(word) in _OPENINGS)):
            yield word
