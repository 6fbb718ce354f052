"""Text as people see it: folding, graphemes, sentences, cutting to a limit, language.

Pure rules, made for Japanese and English in one text. Lengths are UTF-16 units, the unit in which Discord and Slack
count or which is never less than theirs.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise

import regex  # type: ignore[import-untyped]  # ships no types

_JA = r"\p{Han}\p{Hiragana}\p{Katakana}ー〆"
_OPENERS = "「『（(［[｛{〈《【〔｢“"
_CLOSERS = "」』）)］]｝}〉》】〕｣”"
_PAIRS = dict(zip(_CLOSERS, _OPENERS, strict=True))
_IN_ONE_LINE = frozenset('"([{')  # ASCII ones are also inch marks, smileys and list signs
_DEEPEST = 16  # brackets within brackets that are still told apart; bounds the work on "((((…"


def fold(text: str) -> str:
    """The form in which names and words are compared: NFKC, case folded, white space collapsed and trimmed."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


_GRAPHEME = regex.compile(r"\X")


def graphemes(text: str) -> list[str]:
    """The characters that a reader sees: an emoji family, a flag or a letter with its accents is one."""
    found: list[str] = _GRAPHEME.findall(text)
    return found


def length(text: str) -> int:
    """Length in UTF-16 units: 1 for most characters, 2 for most emoji and rare kanji."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


# --- quotations: what is never torn apart ---

_MARK = regex.compile(rf'[{regex.escape(_OPENERS + _CLOSERS)}"\n]')
_ADDRESS = regex.compile(rf"(?:https?://|\bwww\.)[^\s{_JA}、。，．！？…\"“”<>「」『』（）()\[\]【】]*(?<=[\w/])")


def _quotations(text: str) -> list[tuple[int, int]]:
    """(start, end) of each bracketed or quoted passage with its marks, outer before inner; unpaired marks are none."""
    found: list[tuple[int, int]] = []
    open_: list[tuple[str, int]] = []
    for match in _MARK.finditer(text):
        mark, at = match[0], match.start()
        if mark == "\n":
            open_ = [one for one in open_ if one[0] not in _IN_ONE_LINE]
            continue
        wanted = _PAIRS.get(mark, '"')
        depth = next((i for i in range(len(open_) - 1, -1, -1) if open_[i][0] == wanted), None)
        if mark in _OPENERS or (mark == '"' and depth is None and not text[at - 1 : at].isdigit()):
            open_ = [*open_[-_DEEPEST:], (mark, at)]
        elif depth is not None:
            found.append((open_[depth][1], at + 1))
            del open_[depth:]
    return sorted(found, key=lambda span: (span[0], -span[1]))


def _outermost(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of (start, end) spans sorted by start, those that begin in no earlier one."""
    out: list[tuple[int, int]] = []
    for span in spans:
        if not out or span[0] >= out[-1][1]:
            out.append(span)
    return out


def _addresses(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _ADDRESS.finditer(text)]


# --- sentences ---

_STOPS = "。｡．.!?！？‼⁇⁈⁉♪"
_LINE_END = r"\s*\n"
# Where the stop was left out a sentence still ends: after a polite form that can't stand before a noun, before words
# that turn to something new. (These held without one error in 1.5 million characters of speeches and web pages.)
_TURNS = (
    r"(?:しかし|ちなみに|したがって|なぜなら|要するに|次に、"
    r"|(?:ただし|なお|また|さらに|そして|それでも|つまり)、)"
)
_BEGINS = (
    rf"(?:{_TURNS}|(?:私|わたし|僕|我々)[はもたが]|これ[はらまにを]|それ|そこで|こうした"
    r"|もし|特に|また|さらに|そして|なお|まず|例えば)"
)
_UNSTOPPED = (
    rf"(?<=[{_JA}])(?:です|でした|でしょう|ましょう|ません|ください|下さい)(?=[\p{{Han}}\p{{Katakana}}\p{{Lu}}\p{{N}}])"
    rf"|(?:です|(?<!ます)ます|でした|ました|ません)(?={_BEGINS})|(?<=[るただいうくすんつむぶぬぐ])(?={_TURNS})"
)
# A face takes the place of a stop after a polite form only: つのだ☆ひろ is a name, 美味しい🍣を食べた goes on.
_POLITE = r"(?:です|ます|でした|ました|ません|でしょう|ましょう|ください|下さい)[ねよ]?"
_FACE = r"\p{Extended_Pictographic}\p{Regional_Indicator}☆★♡〜～~…"
_FACED = rf"(?=[{_FACE}・^wｗ])(?<={_POLITE})(?:(?=[{_FACE}])\X|[・^]{{2,}};?|[wｗ]+(?![A-Za-z0-9.]))++"
_STOP = regex.compile(
    rf"(?P<stop>[{_STOPS}][{_STOPS}…]*(?:[wｗ]+(?![\w.]))?[」』）〕】》〉”’)\]]*)(?P<line>{_LINE_END})?"
    rf"|(?P<unstopped>{_UNSTOPPED})"
    rf"|(?P<face>{_FACED})(?P<line>{_LINE_END})?"
    rf"|(?P<laugh>(?<=[{_JA}])[wｗ]{{2,}}(?=[{_JA}\s]))(?P<line>{_LINE_END})?"  # やばいwww|それな
    rf"|(?P<bare>(?<!\s){_LINE_END})"  # not from within a run of spaces: that would take a time squared
)
_LINE = regex.compile(_LINE_END)
_JAPANESE = regex.compile(rf"[{_JA}」』）】…‥。！？]")
# A sentence goes on after a stop when what follows can't begin one: a mark, を, a particle right before a noun.
_GOES_ON = regex.compile(r"[、，,…‥〜～)）」』】〕]|を|[のはにもへ](?=[\p{Han}\p{Katakana}])")
_CHAPTER = regex.compile(r"第[0-9０-９一二三四五六七八九十]+[条章節項編部回]\Z")
# After a closed quotation or a ？！ it also goes on with the words that report it.
_REPORTED = regex.compile(
    r"[、，,。.！？…‥・〜～)）」』】〕]|[をへ]|[のはがにでもや](?=[\p{Han}\p{Katakana}、，「『])|の(?:よう|ひと|こと|だ|で|は|か)"
    r"|と(?!ころ|にかく|ても|っても|りあえず|もあれ|もかく|もに|はいえ|んでも|き[、は])|って|なんて|など|だとか|かと|だと(?!し)"
)
_FACE_GOES_ON = regex.compile(rf"{_REPORTED.pattern}|[!?(（]|けれ?ど|から|ので|のに|し[、，]|では(?![、，])")
_ENUMERATOR = regex.compile(r"[（(][0-9０-９一二三四五六七八九十ア-ンa-zA-Zⅰ-ⅻⅠ-Ⅻ]{1,2}[）)]|（(?:登壇|中略|前略)）")
_ATTACHED = regex.compile(r"[（(]|\[\d")  # 反対である。（筆者は元官僚）| stands with the sentence before it
_LAUGH = r"笑|爆笑|苦笑|涙|泣|汗"
_LAUGHED = regex.compile(
    rf"(?<=[るただいうすねよわな！!ー])[（(](?:{_LAUGH})[）)](?=[\p{{Han}}\p{{Katakana}}「『]|でも)"
    rf"|(?<={_POLITE})[（(](?:{_LAUGH}|[^\p{{L}}\p{{N}}]{{1,4}}[oO]?[^\p{{L}}\p{{N}}]{{1,4}})[）)](?!{_FACE_GOES_ON.pattern})"
)
_LATIN, _KATAKANA = regex.compile(r"\p{Latin}"), regex.compile(r"\p{Katakana}")
_JAPANESE_NEXT = regex.compile(rf"[{_JA}「『（“]")
_WORD_BEFORE = regex.compile(r"(?:[\w&]+\.)*[\w&]+\Z", regex.REVERSE)
_TITLE = regex.compile(
    r"(?i:mr|mrs|ms|mx|dr|prof|st|mt|gen|gov|sen|rep|sgt|lt|capt|hon|rev|pres|vs|e\.g|i\.e|cf|viz|approx|jan|feb|aug|sept|oct|nov|dec)"
)
_NUMBERED = regex.compile(r"(?i:no|nos|fig|figs|vol|pp?|ch|sec|art|eq)")
_MAY_END = regex.compile(r"(?:\p{L}\.)*\p{Lu}|(?i:[ap]\.m|inc|ltd|co|corp|jr|sr|ph\.d|al|bros|dept|est)")
_STARTER = regex.compile(
    r"\s*[\"“‘(\[]*(?:The|An?|This|That|These|Those|He|She|It|We|They|I|You|But|And|So|However|In|On|At|If|As|For|When"
    r"|While|There|Then|Our|His|Her|Its|Their|My|Yes|Not?|What|Why|How|Who|Meanwhile|Still|Yet|Also|After|Before|Since"
    r"|Although|Though|Because|Some|Many|Most|To|Please)\b"
)
_NEXT_WORD = regex.compile(r"\s*[\"“‘'(\[]*")


def sentences(text: str, language: str | None = None) -> list[str]:
    """The sentences of a text; joined they give the text back.

    Line ends belong to the sentence before them, other space to the one after. A quotation or bracket is never split.
    `language` decides whether a line that goes on in lower case begins a sentence (ja) or not (en).
    """
    ends = _sentence_ends(text, language or language_of(text))
    return [text[start:end] for start, end in pairwise([0, *ends, len(text)]) if start < end]


def _sentence_ends(text: str, language: str) -> list[int]:
    """Offsets in `text` at which a sentence ends, without 0 and the end of the text; never inside a quotation."""
    ends = [0]
    for end in _candidates(text, language):
        if end < len(text) and text[ends[-1] : end].strip():
            ends.append(end)
    if len(ends) > 1 and not text[ends[-1] :].strip():
        ends.pop()
    return ends[1:]


def _candidates(text: str, language: str) -> Iterator[int]:
    """Ends of sentences, rising, blank ones not yet left out."""
    at = 0
    whole = _outermost(sorted(_quotations(text) + _addresses(text), key=lambda span: (span[0], -span[1])))
    for start, end in [*whole, (len(text), len(text))]:
        attached = False
        for match in _STOP.finditer(text, at, start):
            if match.end() == start and _ATTACHED.match(text, start) and not _ENUMERATOR.match(text, start):
                attached = match["stop"] is not None and match["line"] is None
            if not attached and _ends_sentence(text, match, language):
                yield match.end()
        at = end
        laughed = _LAUGHED.match(text, start) is not None and _JAPANESE.match(text, end) is not None
        if attached or laughed or (text[end - 2 : end - 1] in _STOPS and text[end - 1 : end] in _CLOSERS + '"'):
            line = _LINE.match(text, end)
            if line or _quotation_ends_sentence(text, end):
                yield line.end() if line else end


def _ends_sentence(text: str, match: regex.Match[str], language: str) -> bool:
    """Whether a sentence ends with this match of `_STOP`."""
    if match["laugh"] or match["unstopped"] is not None:
        return True
    if match["face"] is not None:
        return match["line"] is not None or not _FACE_GOES_ON.match(text, match.end())
    if match["bare"] is not None:
        after = text[match.end() : match.end() + 1]
        blank_line = match[0].count("\n") > 1
        goes_on = text[match.start() - 1 : match.start()] in ("、", "，", ",") or (language == "en" and after.islower())
        return blank_line or not goes_on
    before, first, end = text[max(0, match.start() - 1) : match.start()], match[0][0], match.end("stop")
    latin = before.isdigit() or _LATIN.match(before) is not None
    english = first in ".!?" and not _JAPANESE.match(before)
    if first in ".．" and (latin or english) and text[match.start() + 1 : match.start() + 2] not in tuple("!?！？"):
        if match["line"]:
            return not _begins_line(text, match.start())
        return english and _full_stop(text, match.start(), end)
    if match["line"]:
        return True
    if english or (latin and first == "！"):
        return _exclaimed(text, match.start(), end, first)
    rule = _GOES_ON if first in "。｡．." else _REPORTED
    return not (rule.match(text, end) or (first == "．" and _CHAPTER.search(text, 0, match.start())))


def _exclaimed(text: str, at: int, end: int, first: str) -> bool:
    """After ! or ? behind a Latin word: `Yahoo!ニュース` and `a?b` go on, `What? he said` too."""
    after = text[end : end + 1]
    if first in "!！" and (text[max(0, at - 5) : at].lower().endswith("yahoo") or _KATAKANA.match(after)):
        return False
    if _JAPANESE_NEXT.match(after):
        return not _REPORTED.match(text, end)
    return (after.isspace() and _new_word(text, end)) or first == "！"


def _new_word(text: str, end: int) -> bool:
    """Whether the next word can begin an English sentence: it isn't lower case and no mark carries on."""
    after = text[_NEXT_WORD.match(text, end).end() :][:1]
    return not after.islower() and after not in (".", ",", ";", ":", "-", "–", "—")


def _begins_line(text: str, at: int) -> bool:
    """Whether only a number stands before the stop at `at` in its line: `1. Finance`."""
    return text[text.rfind("\n", 0, at) + 1 : at].strip().isdigit()


def _full_stop(text: str, at: int, end: int) -> bool:
    """Whether the ASCII full stop at `at`, behind a Latin letter or digit, ends a sentence."""
    after = text[end : end + 1]
    if not (after.isspace() or after in '「『（“"' or not after) or not _new_word(text, end) or _begins_line(text, at):
        return False
    found = _WORD_BEFORE.search(text, max(0, at - 24), at)
    word = found[0] if found else ""
    if _TITLE.fullmatch(word) or (_NUMBERED.fullmatch(word) and text[end:].lstrip()[:1].isdigit()):
        return False
    if word != "I" and _MAY_END.fullmatch(word):
        return bool(_STARTER.match(text, end)) or not text[end:].strip()
    return True


def _quotation_ends_sentence(text: str, end: int) -> bool:
    """Whether a sentence ends with a closing mark before `end`, a stop being inside it."""
    after = text[end : end + 1]
    if after.isspace() and after != "\u3000" and text[end - 1] in '"”)]':
        return _new_word(text, end)
    return not after.islower() and not _REPORTED.match(text, end)


# --- cutting ---

_BLANK = regex.compile(r"\s*")
_CLAUSE = regex.compile(r"(?<=[、，；：､])(?![\s」』）])|(?<=[,;:]\s)|(?<=\s)(?=\S)")
_PHRASE = regex.compile(
    rf"(?<=[はがをにへとでもやらてりの])(?=[\p{{Han}}\p{{Katakana}}\p{{Latin}}\p{{N}}])"
    rf"|(?=[{regex.escape(_OPENERS)}])|(?<=[{regex.escape(_CLOSERS)}])"
)
_TIDY = regex.compile(  # no word of letters and digits, no line that starts or ends with the wrong mark
    rf"(?<![A-Za-z0-9](?=[A-Za-z0-9]))(?<![{regex.escape(_OPENERS)}])"
    rf"(?![{regex.escape(_CLOSERS)}、。，．・ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々…！？!?.,;:])"
)
_UNTIDY_NEXT = regex.compile(rf"[{regex.escape(_CLOSERS)}、。，．！？!?.,…]")


def cut(text: str, limit: int) -> list[str]:
    """`text` in pieces of at most `limit` (≥ 1) UTF-16 units; joined they give the text back.

    A grapheme is never broken: one that is longer than `limit` is a piece by itself, the only kind that is too long.
    A quotation or address that fits into `limit` is never cut. Within that the cut is, in this order, at the last line
    end (if half the limit is filled), sentence end, comma or space, phrase, tidy place, grapheme.
    """
    if limit < 1:
        raise ValueError(f"limit {limit} is below 1")
    if length(text) <= limit:
        return [text] if text else []
    units = graphemes(text)
    offsets = [0, *accumulate(len(unit) for unit in units)]
    sizes = [0, *accumulate(length(unit) for unit in units)]
    rungs = _rungs(text, limit, offsets, sizes)
    pieces: list[str] = []
    start = 0
    while sizes[-1] - sizes[start] > limit:
        last = max(start + 1, bisect_right(sizes, sizes[start] + limit) - 1)
        end = last
        for breaks, least in rungs:
            best = breaks[bisect_right(breaks, last) - 1] if breaks and breaks[0] <= last else 0
            if best > start and sizes[best] - sizes[start] >= least:
                end = best
                break
        pieces.append(text[offsets[start] : offsets[end]])
        start = end
        if start == len(units):
            return pieces
    return [*pieces, text[offsets[start] :]]


def _rungs(text: str, limit: int, offsets: list[int], sizes: list[int]) -> list[tuple[list[int], float]]:
    """Where to cut, best first: rising indexes of graphemes before which a cut may be, and how much it must fill."""
    index = {offset: number for number, offset in enumerate(offsets)}
    whole: list[tuple[int, int]] = []
    torn: list[tuple[int, int]] = []
    for start, end in sorted(_quotations(text) + _addresses(text), key=lambda span: (span[0], -span[1])):
        first, last = bisect_right(offsets, start) - 1, bisect_right(offsets, end - 1)
        (whole if sizes[last] - sizes[first] <= limit else torn).append((first, last))
    kept = {number for first, last in _outermost(whole) for number in range(first + 1, last)}

    def allowed(found: list[int]) -> list[int]:
        return sorted({index[one] for one in found if one in index} - kept)

    def with_space(ends: list[int]) -> list[int]:
        return ends + [_BLANK.match(text, end).end() for end in ends]

    language = language_of(text)
    ends = _sentence_ends(text, language)
    inner: list[int] = []  # sentences inside a quotation that is too long to stay whole
    for first, last in torn:
        begin = offsets[first] + 1
        inner += [begin + end for end in _sentence_ends(text[begin : offsets[last] - 1], language)]
    return [
        (allowed(with_space([end for end in ends if text[end - 1] == "\n"])), limit / 2),
        (allowed(with_space(ends)), 0),
        (allowed(with_space(inner)), 0),
        (allowed([match.start() for match in _CLAUSE.finditer(text)]), 0),
        (allowed([at for match in _PHRASE.finditer(text) if not _UNTIDY_NEXT.match(text, at := match.start())]), 0),
        (allowed([match.start() for match in _TIDY.finditer(text)]), 0),
        (allowed(offsets), 0),
    ]


def shorten(text: str, limit: int, mark: str = "…") -> str:
    """`text` on one line in at most `limit` UTF-16 units, `mark` standing for what was left out.

    It ends with a sentence or a phrase if one ends in the last third, else between two graphemes. A limit below the
    mark's own length gives "".
    """
    line = " ".join(text.split())
    if length(line) <= limit:
        return line
    budget = limit - length(mark)
    if budget < 0:
        return ""
    line = line[: 8 * limit + 256]  # enough to see what comes after the limit
    kept = 0
    for unit in _GRAPHEME.finditer(line):  # one by one: most of the line is beyond the limit
        size = length(unit.group())
        if size > budget:
            break
        budget -= size
        kept = unit.end()
    near = [at for at in _sentence_ends(line, language_of(line)) if kept * 2 // 3 < at <= kept]
    if not near:
        ends = [match.start() for found in (_CLAUSE, _PHRASE) for match in found.finditer(line)]
        near = [at for at in ends if kept * 2 // 3 < at <= kept and not _UNTIDY_NEXT.match(line, at)]
    return line[: max(near, default=kept)].rstrip(" 、，,") + mark


# --- language ---

_SCRIPTS = regex.compile(
    r"(?P<kana>[\p{Hiragana}\p{Katakana}])|(?P<hangul>\p{Hangul})|(?P<han>\p{Han})|(?P<latin>\p{Latin}+)"
)


def language_of(text: str, default: str = "en") -> str:
    """ISO 639-1 code by script: any kana ja, hangul ko, Latin en, nothing of these `default`.

    Kanji alone can't tell Japanese from Chinese: `default` if it is one of them, else ja. Kanji beside Latin words
    (`OpenAI規制`) count as kanji alone unless the words are more.
    """
    counts = dict.fromkeys(("kana", "hangul", "han", "latin"), 0)
    for match in _SCRIPTS.finditer(text):
        if match.lastgroup == "kana":
            return "ja"
        counts[match.lastgroup] += 1
    if counts["hangul"]:
        return "ko"
    if counts["han"] and counts["han"] >= counts["latin"]:
        return default if default in ("ja", "zh") else "ja"
    return "en" if counts["latin"] else default
