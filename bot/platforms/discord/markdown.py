"""Blocks and spans as Discord Markdown. What a text holds is only text: each sign that could be more is escaped.

Discord reads Markdown with ordered regular expressions and without CommonMark's rules about words: `**「論点」**である`
is bold. Three habits keep the outcome sure: no style goes over a line end, signs are escaped wherever they stand (not
only where they would count today), and no two runs of style signs touch (a zero-width space parts them).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from urllib.parse import quote

from core.document import (
    Block,
    Break,
    Cited,
    Code,
    Heading,
    Image,
    List,
    Paragraph,
    Quote,
    Span,
    Spans,
    Table,
    spans,
    words_of,
)
from core.message import Divider, MessageBlock, Picture, Small
from core.text import length

ZWSP = "\u200b"
LONGEST_ADDRESS = 1000
"""UTF-16 units; a longer address is left out, or it alone could fill a message."""

_LINE_END = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufeff]")  # control signs, halves of characters
_SIGN = re.compile(
    r"[\\*_~`|<>\[\]]"  # style, code, spoiler, mention, timestamp, quote, masked link
    r"|:(?!\s)"  # https:// and :smile:
    r"|(?:\A|(?<=\n))#|#(?=[#\s]|\Z)"  # heading
    r"|[+-](?=\s|\Z)|(?<=[0-9])\.(?=\s|\Z)"  # list; subtext by its #
)
# What an escape does not part, code neither: pings and invitations are found in raw text (these unfold without https://),
# and a masked link ends at the last `](…)` before the next bracket, heeding no escape.
_FOUND_ANYWHERE = re.compile(
    r"(?<=@)(?=everyone|here)|(?<=\])(?=\()"
    r"|(?<=discord\.gg)(?=/)|(?<=discord\.com)(?=/)|(?<=discordapp\.com)(?=/)",
    re.IGNORECASE,
)
_STYLES = (("bold", "**"), ("strike", "~~"), ("italic", "*"))
_BLANK = f" \t\u3000{ZWSP}"
_STYLE_SIGNS = tuple("*_~`")
# What may stand between the brackets of a masked link: Discord does not heed escapes here, it wants pairs, and single
# closing ones only after the last pair. (Its own expression for that takes a time squared.)
_LINK_TEXT = re.compile(r"(?:\[[^\]]*+\]|[^\[\]])*+[^\[]*+")
_WEB = re.compile(r"https?://[^\s/?#\\@\[\]<>()\"|*]+(?:[/?#]|\Z)", re.IGNORECASE)
_UNFIT_IN_ADDRESS = re.compile(r"[\s\x00-\x20\x7f\"<>\\^`{|}()*\[\]\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


def tidy(text: str) -> str:
    """`text` with line ends as `\\n` and without what is no character."""
    return _NO_TEXT.sub("", _LINE_END.sub("\n", text))


def escape(text: str) -> str:
    """`text` such that Discord shows exactly that: never markup, mention, link, emoji or timestamp."""
    return _SIGN.sub(r"\\\g<0>", _tamed(text))


def _tamed(text: str) -> str:
    return _FOUND_ANYWHERE.sub(ZWSP, tidy(text))


def address(url: str | None) -> str | None:
    """`url` as it may stand in a masked link, percent-encoded where needed; None if it is not a web address."""
    if url is None or not _WEB.match(url) or _NO_TEXT.search(url):
        return None
    safe = _UNFIT_IN_ADDRESS.sub(lambda match: quote(match[0]), url)
    return safe if length(safe) <= LONGEST_ADDRESS else None


# --- spans ---


def inline(run: Spans) -> str:
    """Spans as Markdown, line by line; links whose address is no web address are text only."""
    return "\n".join(_line(line) for line in _lines(run))


def _lines(run: Spans) -> list[list[Span]]:
    """Spans by line, readings behind their words, neighbours of one style joined."""
    lines: list[list[Span]] = [[]]
    for span in run:
        text = tidy(f"{span.text}（{span.ruby}）" if span.ruby else span.text)
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
            line, new = lines[-1], replace(span, text=part, ruby=None)
            if line and replace(line[-1], text="") == replace(new, text=""):
                line[-1] = replace(new, text=line[-1].text + part)
            elif part:
                line.append(new)
    return lines


def _line(run: Sequence[Span]) -> str:
    out = ""
    for link, same in groupby(run, key=lambda span: span.link):
        group = list(same)
        out = _join(out, _linked(group, at) if (at := address(link)) else _unlinked(group))
    return out


def _unlinked(run: Sequence[Span]) -> str:
    out = ""
    for code, same in groupby(run, key=lambda span: span.code):
        group = list(same)
        out = _join(out, _code(words_of(tuple(group))) if code else _styled(group))
    return out


def _linked(run: Sequence[Span], at: str) -> str:
    """A masked link. Discord takes none whose words are nothing, or look like an address themselves."""
    words, text = words_of(tuple(run)), _styled(run)
    if not words.strip(_BLANK):
        return text
    if "://" in words:
        return f"<{at}>" if words in (at, run[0].link) else f"{text} \\<<{at}>\\>"
    if _LINK_TEXT.fullmatch(text):
        return f"[{text}](<{at}>)"
    pieces = [replace(span, text=part) for span in run for part in re.split(r"([\[\]])", span.text) if part]
    out = ""
    for bracket, same in groupby(pieces, key=lambda span: span.text in ("[", "]")):  # brackets stand beside the link
        group = list(same)
        out = _join(out, _styled(group) if bracket else _linked(group, at))
    return out


def _styled(run: Sequence[Span], depth: int = 0, italic: str = "*") -> str:
    """Spans with bold around strike around italic. `italic` is `_` where it fills a bold run: `**_x_**`."""
    if depth == len(_STYLES):
        return escape(words_of(tuple(run)))
    name, sign = _STYLES[depth]
    out = ""
    for on, same in groupby(run, key=lambda span: bool(getattr(span, name))):
        group = list(same)
        if name == "bold" and on and all(span.italic for span in group):
            italic = "_"
        elif name == "bold":
            italic = "*"
        inner = _styled(group, depth + 1, italic)
        out = _join(out, _wrapped(inner, italic if name == "italic" else sign) if on else inner)
    return out


def _wrapped(inner: str, sign: str) -> str:
    """`inner` between two `sign`s, outer white space left outside."""
    core = inner.strip()
    if not core:
        return inner
    start = len(inner) - len(inner.lstrip())
    before = ZWSP if core[0] == sign[0] else ""
    after = ZWSP if core[-1] in (sign[0], "\\") else ""
    return f"{inner[:start]}{sign}{before}{core}{after}{sign}{inner[start + len(core) :]}"


def _join(left: str, right: str) -> str:
    apart = left.endswith(_STYLE_SIGNS) and right.startswith(_STYLE_SIGNS)
    return f"{left}{ZWSP}{right}" if apart else left + right


def _code(text: str) -> str:
    """Inline code; no sign needs an escape there but the backtick, which can't have one."""
    core = text.strip()
    if not core:
        return text
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    core = re.sub("`(?=`|$)", f"`{ZWSP}", re.sub("^`", f"{ZWSP}`", _tamed(core)))
    fence = "``" if "`" in core else "`"
    return f"{text[:start]}{fence}{core}{fence}{text[end:]}"


# --- blocks ---


def block(one: MessageBlock) -> str:
    """A block as Markdown lines; empty for dividers and pictures, which are no text, and for what shows nothing."""
    match one:
        case Small():
            return _prefixed(inline(one.spans), "-# ")
        case Heading() if one.level <= 3:
            return _prefixed(inline(one.spans), "#" * max(1, one.level) + " ")
        case Quote():
            return _prefixed(_blocks(one.blocks), "> ")
        case Code():
            return _fence(one)
        case Break():
            return ZWSP
        case Divider() | Picture():
            return ""
        case _:
            return _within(one)


def _within(one: Block) -> str:
    """A block in a list or quote, where headings, quotes and fences don't count: their signs are shown or replaced."""
    match one:
        case Paragraph():
            return inline(one.spans)
        case Heading():
            return inline(tuple(replace(span, bold=True) for span in one.spans))
        case List():
            return "\n".join(filter(None, (_item(item.marker, item.blocks) for item in one.items)))
        case Quote():
            return _prefixed(_blocks(one.blocks), "\\> ")
        case Cited():
            return inline(spans(f"[{one.title}]", link=one.url))
        case Table():
            return "\n".join(
                " \\| ".join(_cell(cell, bold=one.header and number == 0) for cell in row)
                for number, row in enumerate(one.rows)
            )
        case Image():
            return escape(one.alt)
        case Code():
            return inline(spans(one.text, code=True))
        case Break():
            return ""


def _blocks(blocks: Sequence[Block]) -> str:
    return "\n".join(text for one in blocks if (text := _within(one).strip()))


def _item(marker: str, blocks: Sequence[Block]) -> str:
    """A list item with its own marker, as text: Discord would count anew. Further lines are indented."""
    return f"{escape(marker)} {_blocks(blocks)}".strip().replace("\n", "\n\u2003")


def _cell(cell: Spans, *, bold: bool) -> str:
    return inline(spans(" ".join(words_of(cell).split()), bold=bold))


def _prefixed(text: str, sign: str) -> str:
    """Every line that holds something behind `sign`; Discord's blocks of this kind end with their line."""
    return "\n".join(f"{sign}{line.strip()}" for line in text.split("\n") if line.strip())


def _fence(one: Code) -> str:
    language = one.language if re.fullmatch(r"[A-Za-z0-9+_.-]{1,20}", one.language) else ""
    text = re.sub(r"`(?=`|\s*\Z)", f"`{ZWSP}", _tamed(one.text)).strip("\n")
    return f"```{language}\n{text}\n```" if text.strip() else ""
