"""Blocks and spans as Slack's rich text, where styles are fields: no sign of a text is ever markup, mention or emoji.

Where Slack takes no rich text, a text stands in an object of kind `plain_text`, or, for small print with links, of kind
`mrkdwn` if nothing in it could be read as a sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
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
from core.text import length

Json = dict[str, Any]

ZWSP = "\u200b"
LONGEST_ADDRESS = 3000  # UTF-16 units

_LINE_END = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufeff]")  # control signs, halves of characters
_ENTITY = re.compile(r"&(?=(?:amp|lt|gt);)")
_WEB = re.compile(r"https?://[^\s/?#\\@\[\]<>()\"|*]+(?:[/?#]|\Z)", re.IGNORECASE)
_UNFIT_IN_ADDRESS = re.compile(r"[\s\x00-\x20\x7f\"<>\\^`{|}\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
STYLES = ("bold", "italic", "strike", "code")


def tidy(text: str) -> str:
    """`text` with line ends as `\\n` and without what is no character."""
    return _NO_TEXT.sub("", _LINE_END.sub("\n", text))


def escape(text: str) -> str:
    """`text` as Slack wants it where it reads `mrkdwn`: the three signs that begin its entities and tokens replaced."""
    return tidy(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain_text(text: str) -> Json:
    """A text object in which nothing is read; what looks like an entity already is parted, so that it stays."""
    return {"type": "plain_text", "text": _ENTITY.sub(f"&{ZWSP}", tidy(text)), "emoji": False}


def address(url: str | None) -> str | None:
    """`url` as it may stand in a link, percent-encoded where needed; None if it is no web address or too long."""
    if url is None or not _WEB.match(url) or _NO_TEXT.search(url):
        return None
    safe = _UNFIT_IN_ADDRESS.sub(lambda match: quote(match[0]), url)
    return safe if length(safe) <= LONGEST_ADDRESS else None


# --- spans ---


def inline(run: Spans) -> list[Json]:
    """Spans as elements of rich text, readings behind their words; links without a web address are text only."""
    found: list[Json] = []
    for span in run:
        text = shown(span)
        style = {name: True for name in STYLES if getattr(span, name)}
        at = address(span.link)
        if at is not None and text.strip():
            element: Json = {"type": "link", "url": at, "text": text}
        else:
            element = {"type": "text", "text": text}
        _add(found, element | ({"style": style} if style else {}))
    return found


def shown(span: Span) -> str:
    return tidy(f"{span.text}（{span.ruby}）" if span.ruby else span.text)


def _add(elements: list[Json], element: Json) -> None:
    """Append, as one element with the last if both are text of one style. Slack takes no empty text."""
    if not element["text"]:
        return
    last = elements[-1] if elements else None
    if last is not None and last["type"] == element["type"] == "text" and last.get("style") == element.get("style"):
        elements[-1] = last | {"text": last["text"] + element["text"]}
    else:
        elements.append(element)


def joined(parts: Iterable[Sequence[Json]], gap: str = "") -> list[Json]:
    """Runs of elements as one, `gap` between them; empty ones are left out."""
    found: list[Json] = []
    for part in parts:
        extend(found, part, gap)
    return found


def extend(elements: list[Json], more: Sequence[Json], gap: str) -> None:
    """Append a run of elements to another, `gap` between them."""
    if elements and more:
        _add(elements, {"type": "text", "text": gap})
    for element in more:
        _add(elements, element)


def trimmed(elements: list[Json]) -> list[Json]:
    """Elements without line ends around them. A full-width space at the start is the author's indent and stays."""
    while elements and not (text := elements[0]["text"].lstrip(" \t\n")):
        elements = elements[1:]
    if elements:
        elements = [elements[0] | {"text": text}, *elements[1:]]
    while elements and not (text := elements[-1]["text"].rstrip()):
        elements = elements[:-1]
    return [*elements[:-1], elements[-1] | {"text": text}] if elements else []


def _hanging(elements: Iterable[Json], sign: str) -> list[Json]:
    """Elements with `sign` at the start of each further line."""
    return [one | {"text": one["text"].replace("\n", f"\n{sign}")} for one in elements]


def text_only(text: str) -> list[Json]:
    return [{"type": "text", "text": text}] if text else []


# --- blocks ---


def within(one: Block) -> list[Json]:
    """A block as elements of a section; what would be a part of its own there is drawn with signs."""
    match one:
        case Paragraph():
            return trimmed(inline(one.spans))
        case Heading():
            return trimmed(inline(tuple(replace(span, bold=True) for span in one.spans)))
        case List():
            return joined((_item(item.marker, item.blocks) for item in one.items), "\n")
        case Quote():
            inner = all_within(one.blocks)
            return joined([text_only("> "), _hanging(inner, "> ")]) if inner else []
        case Cited():
            return trimmed(inline(spans(f"[{one.title}]", link=one.url)))
        case Table():
            return trimmed(text_only("\n".join(" | ".join(row) for row in cells(one))))
        case Image():
            return trimmed(inline(spans(one.alt)))
        case Code():
            return trimmed(inline(spans(one.text, code=True)))
        case Break():
            return []


def all_within(blocks: Iterable[Block]) -> list[Json]:
    return joined(map(within, blocks), "\n")


def _item(marker: str, blocks: Sequence[Block]) -> list[Json]:
    """A list item with its own marker, as text: Slack would count anew. Further lines are indented."""
    return trimmed(joined([text_only(f"{tidy(marker)} "), _hanging(all_within(blocks), "\u2003")]))


def cells(table: Table) -> list[list[str]]:
    """The words of a table, each cell on one line."""
    return [[" ".join(tidy(words_of(cell)).split()) for cell in row] for row in table.rows]
