"""What a message takes of Slack's limits, and how one that takes too much is split. Texts count as escaped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.platforms.slack.layout import blocks_of, message_blocks
from bot.platforms.slack.richtext import Json
from core.document import Code, Heading, Paragraph, Table, plain, spans, words_of
from core.errors import Poison
from core.message import Divider, Message, MessageBlock, Small
from core.splitting import cut_spans, split_blocks
from core.text import cut, length, shorten

Fit = Callable[[Sequence[MessageBlock]], bool]


@dataclass(frozen=True, slots=True)
class Weight:
    """What a message takes, or may take: blocks, UTF-16 units of escaped text, UTF-16 units of JSON."""

    blocks: int
    units: int
    size: int

    def within(self, room: Weight) -> bool:
        return self.blocks <= room.blocks and self.units <= room.units and self.size <= room.size


ROOM = Weight(45, 9_500, 15_000)
"""Slack's own limits are 50 blocks and a total of text that it does not publish."""


def weigh(blocks: list[Json]) -> Weight:
    """What blocks take. Their JSON counts as Slack reads it, not as it is sent: a Japanese letter is one."""
    size = _units(json.dumps(blocks, ensure_ascii=False))
    return Weight(len(blocks), sum(_units(text) + _escapes(text) for text in _texts(blocks)), size)


def _texts(data: Any) -> Iterator[str]:
    """Every text and address."""
    if isinstance(data, list):
        for one in data:
            yield from _texts(one)
    elif isinstance(data, dict):
        for name, value in data.items():
            if not isinstance(value, str):
                yield from _texts(value)
            elif name in ("text", "url"):
                yield value


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2  # as `length` counts, faster; what is no character is out already


def _escapes(text: str) -> int:
    """How much longer the text is as Slack keeps it, escaped."""
    return 4 * text.count("&") + 3 * (text.count("<") + text.count(">"))


def too_long(message: Message, weight: Weight, room: Weight = ROOM) -> Poison:
    return Poison(
        f"“{shorten(message.title, 60)}” is too long for Slack: {weight.units:,} of {room.units:,} characters, "
        f"{weight.size:,} of {room.size:,} with all marks, {weight.blocks} of {room.blocks} blocks. "
        "Split it with `paged`."
    )


def fits(message: Message) -> bool:
    """Whether `encode.posted` takes the message."""
    return weigh(message_blocks(message)).within(ROOM)


def paged(message: Message) -> list[Message]:
    """The message as one or more that each fit, buttons on the last; no character that a reader sees is broken.

    Every page has room for the buttons. Raises `Poison` if these alone are too many.
    """
    return [message] if fits(message) else _pages(message, ROOM)


def smaller(message: Message) -> list[Message]:
    """The message as two or more, for when Slack finds it too long all the same. `Poison` if it can't be split."""
    whole, spare = weigh(message_blocks(message)), weigh(message_blocks(replace(message, title="", blocks=())))
    for share in (0.6, 0.4, 0.2, 0.1):
        units = spare.units + int((whole.units - spare.units) * share)
        size = spare.size + int((whole.size - spare.size) * share)
        if not spare.within(room := Weight(ROOM.blocks, min(units, ROOM.units), min(size, ROOM.size))):
            break
        if len(pages := _pages(message, room)) > 1:
            return pages
    raise Poison(f"“{shorten(message.title, 60)}” is too long for Slack and can't be split any further.")


def _pages(message: Message, room: Weight) -> list[Message]:
    spare = weigh(message_blocks(replace(message, title="", blocks=())))
    if not spare.within(room):
        raise too_long(message, spare, room)

    def fit(blocks: Sequence[MessageBlock]) -> bool:
        return weigh(message_blocks(replace(message, blocks=tuple(blocks)))).within(room)

    blocks = [part for one in message.blocks for part in _smaller_blocks(one, fit)]
    pages: list[tuple[MessageBlock, ...]] = []
    start = 0
    while start < len(blocks):
        taken = _longest(blocks, start, fit)
        while start + taken < len(blocks) and taken > 1 and isinstance(blocks[start + taken - 1], Heading):
            taken -= 1  # a heading goes with what it heads
        pages.append(_trimmed(blocks[start : start + taken]))
        start += taken
    kept = [page for page in pages if blocks_of(page)] or [()]
    return [
        *(replace(message, blocks=page, actions=()) for page in kept[:-1]),
        replace(message, blocks=kept[-1]),
    ]


def _longest(blocks: Sequence[MessageBlock], start: int, fit: Fit) -> int:
    """How many blocks from `start` on make a page, at least one: doubled until they don't, then halved between."""
    fitting, most = 1, 2
    while start + most <= len(blocks) and fit(blocks[start : start + most]):
        fitting, most = most, most * 2
    most = min(most, len(blocks) - start + 1)
    while most - fitting > 1:
        middle = (fitting + most) // 2
        fitting, most = (middle, most) if fit(blocks[start : start + middle]) else (fitting, middle)
    return fitting


def _trimmed(page: Sequence[MessageBlock]) -> tuple[MessageBlock, ...]:
    """A page without dividers at its ends."""
    while page and isinstance(page[0], Divider):
        page = page[1:]
    while page and isinstance(page[-1], Divider):
        page = page[:-1]
    return tuple(page)


def _smaller_blocks(one: MessageBlock, fit: Fit) -> Iterator[MessageBlock]:
    """A block, or if it is too big to be a message with these buttons, parts that are not."""
    if fit([one]):
        yield one
        return
    for limit in (7000, 4500, 2800, 2000, 1400, 700, 350, 175, 90, 50):
        parts = list(_cut_block(one, limit))
        if all(fit([part]) for part in parts):
            break
    for part in parts:
        yield from [part] if fit([part]) else _as_bare_text(part)


def _as_bare_text(one: MessageBlock) -> Iterator[MessageBlock]:
    """What no cut makes fit (a letter with a thousand accents, an address on every letter): its words, cut anywhere."""
    for text in cut(words(one), 400):
        yield from (Paragraph(spans=spans(text[at : at + 400])) for at in range(0, len(text), 400))


def words(one: MessageBlock) -> str:
    """The words of a block, without style, reading and links."""
    return words_of(one.spans) if isinstance(one, Small) else "" if isinstance(one, Divider) else plain(one)


def _cut_block(one: MessageBlock, limit: int) -> Iterator[MessageBlock]:
    """A block in parts of at most `limit` UTF-16 units of words each."""
    match one:
        case Small():
            yield from (Small(spans=run) for run in cut_spans(one.spans, limit))
        case Divider():
            yield one
        case Code():
            yield from (Code(text=text, language=one.language) for text in cut(one.text, limit))
        case Table():
            yield from _cut_table(one, limit)
        case _:
            yield from (part for group in split_blocks([one], limit) for part in group)


def _cut_table(table: Table, limit: int) -> Iterator[Table]:
    """A table by rows; one that is too long stays whole."""
    start, used = 0, 0
    for number, row in enumerate(table.rows):
        size = sum(length(words_of(cell)) + 3 for cell in row)
        if number > start and used + size > limit:
            yield Table(header=table.header and start == 0, rows=table.rows[start:number])
            start, used = number, 0
        used += size
    yield Table(header=table.header and start == 0, rows=table.rows[start:])
