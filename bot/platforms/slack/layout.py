"""A message as Slack's blocks: rich text in one piece where it can be, headers, small print, tables, buttons."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from bot.platforms.slack.richtext import (
    STYLES,
    ZWSP,
    Json,
    address,
    all_within,
    cells,
    escape,
    extend,
    inline,
    plain_text,
    shown,
    text_only,
    tidy,
    trimmed,
    within,
)
from core.document import Break, Code, Heading, List, Paragraph, Quote, Spans, Table, spans
from core.message import Action, Divider, Message, MessageBlock, Picture, Small
from core.text import length, shorten

HEADER = 150  # UTF-16 units
ALT = 2000
NO_FILE = "F0000000000"  # as an id of Slack's looks
SMALL = 2000
"""UTF-16 units of small print; what is longer is shown in the size of the text."""
ROWS, COLUMNS = 100, 20  # of a table
WIDEST = 40
"""Columns of a drawn table are not padded further than this."""

_MRKDWN_SIGN = re.compile(r"[*_~`|>\n]|:[^\s:]+:")
_BLANK = f"{ZWSP} \t\u3000\n"


def _rich(parts: list[Json]) -> Json:
    return {"type": "rich_text", "elements": parts}


def _part(kind: str, elements: list[Json]) -> Json:
    return {"type": f"rich_text_{kind}", "elements": elements}


def blocks_of(
    blocks: Sequence[MessageBlock], *, tables: bool = True, ids: Mapping[str, str] | None = None
) -> list[Json]:
    """What a message shows, as Slack's blocks, without buttons. Neighbours in rich text are one block.

    `tables`: a table may be a block of its own, which only messages take, and each only one. `ids`: the files of
    pictures, by what these are drawn from.
    """
    tables = tables and sum(isinstance(one, Table) for one in blocks) == 1
    out: list[Json] = []
    flow: list[Json] = []  # parts of the rich text that is being written
    before: MessageBlock | None = None
    for one in blocks:
        if isinstance(one, Picture):
            block = _image(one, ids)
        else:
            block = _own_block(one, first=not out and not flow, tables=tables)
        if block is not None:
            out += [_rich(flow), block] if flow else [block]
            flow = []
        elif not _flowed(flow, before, one):
            continue
        before = one
    return [*out, _rich(flow)] if flow else out


def _image(one: Picture, ids: Mapping[str, str] | None) -> Json | None:
    """A picture that was drawn. Where no files are told of, a place is kept for it."""
    if not one.png:
        return None
    alt = shorten(tidy(one.alt), ALT)
    return {"type": "image", "slack_file": {"id": ids[one.of] if ids is not None else NO_FILE}, "alt_text": alt}


def _own_block(one: MessageBlock, *, first: bool, tables: bool) -> Json | None:
    """The block that is no rich text, if this is one that has such a form."""
    match one:
        case Divider():
            return {"type": "divider"}
        case Heading(level=1) if first:
            return _header(one.spans)
        case Small():
            return _context(one.spans)
        case Table() if tables:
            return _grid(one)
        case _:
            return None


def _flowed(flow: list[Json], before: MessageBlock | None, one: MessageBlock) -> bool:
    """Write a block on to the rich text; false if it shows nothing."""
    match one:
        case Break():
            return True  # shows as the distance to what follows
        case Quote():
            kind, elements = "quote", all_within(one.blocks)
        case Code():
            kind, elements = "preformatted", text_only(tidy(one.text).strip("\n").rstrip())
        case Table():
            kind, elements = "preformatted", _drawn(one)
        case Small():
            kind, elements = "section", trimmed(inline(one.spans))
        case Divider() | Picture():
            return False
        case _:
            kind, elements = "section", within(one)
    if not any(element["text"].strip(_BLANK) for element in elements):
        return False
    if flow and kind == "section" and flow[-1]["type"] == "rich_text_section":
        extend(flow[-1]["elements"], elements, _gap(before, one))
    else:
        flow.append(_part(kind, elements))
    return True


def _gap(before: MessageBlock | None, after: MessageBlock) -> str:
    """What stands between two blocks of one section; small print belongs to what is above."""
    if isinstance(before, Break):
        return "\n\n\n"
    close = isinstance(before, Heading) or isinstance(after, Small)
    return "\n" if close or (isinstance(before, List) and isinstance(after, List)) else "\n\n"


def _header(run: Spans) -> Json | None:
    """A heading as a header, which takes 150 letters on one line, without style or link."""
    text = "".join(map(shown, run)).strip()
    styled = any(span.link or any(getattr(span, name) for name in STYLES) for span in run)
    if styled or not text.strip(_BLANK) or "\n" in text or length(header := plain_text(text)["text"]) > HEADER:
        return None
    return {"type": "header", "text": {"type": "plain_text", "text": header, "emoji": False}}


def _context(run: Spans) -> Json | None:
    """Small print, without its styles; None if it holds more than Slack takes, or signs beside a link."""
    text = "".join(map(shown, run)).strip()
    if not text.strip(_BLANK):
        return None
    if not any(address(span.link) for span in run):
        element = plain_text(text)
    elif _MRKDWN_SIGN.search(text):
        return None
    else:
        element = {"type": "mrkdwn", "text": "".join(_marked(run)).strip(), "verbatim": True}
    return {"type": "context", "elements": [element]} if length(element["text"]) <= SMALL else None


def _marked(run: Spans) -> Iterator[str]:
    for at, same in groupby(run, key=lambda span: address(span.link)):
        text = escape("".join(map(shown, same)))
        yield f"<{escape(at)}|{text}>" if at is not None and text.strip() else text


# --- tables ---


def _drawn(table: Table) -> list[Json]:
    """A table as lines of letters of one width, of which Japanese takes two."""
    rows = cells(table)
    widths = [0] * max(map(len, rows), default=0)
    for row in rows:
        widths = [max(wide, min(_width(row[n]), WIDEST)) if n < len(row) else wide for n, wide in enumerate(widths)]
    lines = (
        " | ".join(cell + " " * (wide - _width(cell)) for cell, wide in zip(row, widths, strict=False)) for row in rows
    )
    return trimmed(text_only("\n".join(line.rstrip() for line in lines)))


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _grid(table: Table) -> Json | None:
    """A table as a block of its own; None if it is too large for one."""
    rows = cells(table)
    columns = max(map(len, rows), default=0)
    if not 1 <= len(rows) <= ROWS or not 1 <= columns <= COLUMNS or not any(map(any, rows)):
        return None
    full = [row + [""] * (columns - len(row)) for row in rows]
    return {
        "type": "table",
        "rows": [[_cell(cell, bold=table.header and n == 0) for cell in row] for n, row in enumerate(full)],
    }


def _cell(text: str, *, bold: bool) -> Json:
    if not bold or not text:
        return {"type": "raw_text", "text": text or " "}
    return _rich([_part("section", [{"type": "text", "text": text, "style": {"bold": True}}])])


# --- buttons ---


def message_blocks(message: Message, *, tables: bool = True, ids: Mapping[str, str] | None = None) -> list[Json]:
    """All that is shown: at least one block with text, then the buttons."""
    body = blocks_of(message.blocks, tables=tables, ids=ids)
    if all(block["type"] in ("divider", "image") for block in body):
        nothing = Paragraph(spans=spans(shorten(message.title, 500) or "…"))
        body = blocks_of([nothing, *message.blocks], ids=ids) or blocks_of([Paragraph(spans=spans("…"))])
    return [*body, *_rows(message.actions)]


def _rows(actions: Sequence[Action]) -> list[Json]:
    """Buttons in rows of five. A link that Slack would refuse, and a second button of one id, are left out."""
    buttons: dict[tuple[str, str | None], Json] = {}
    for action in actions:
        checked("action_id", action.id, 255)
        at = address(action.url)
        if action.url is not None and at is None:
            continue
        buttons.setdefault(
            (action.id, at),
            {
                "type": "button",
                "text": plain_text(label(action.label, 75)),
                "action_id": action.id,
                **({"value": action.id} if at is None else {"url": at}),
                **({"style": action.style} if action.style != "plain" else {}),
            },
        )
    all_ = told_apart(list(buttons.values()), set())
    return [{"type": "actions", "elements": all_[at : at + 5]} for at in range(0, len(all_), 5)]


def told_apart(buttons: Iterable[Json], taken: set[str]) -> list[Json]:
    """Buttons whose `action_id`s are unique, these being of use to nobody: what is pressed is told by the `value`."""
    found = []
    for button in buttons:
        action_id, number = button["action_id"], 1
        while action_id in taken:
            number += 1
            action_id = f"{button['action_id'][:245]}~{number}"
        taken.add(action_id)
        found.append(button | {"action_id": action_id})
    return found


def label(text: str, limit: int) -> str:
    """`text` as a label of at most `limit` units; what is parted in it takes room, too."""
    text, most = tidy(text), limit
    while length(plain_text(made := shorten(text, most).strip())["text"]) > limit:
        most -= 1
    return made or "…"


def checked(what: str, text: str, most: int) -> str:
    if not 1 <= len(text) <= most:
        raise ValueError(f"{what} {text[:60]!r} has {len(text)} characters, Slack takes 1 to {most}")
    return text
