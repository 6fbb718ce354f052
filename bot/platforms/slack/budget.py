"""What a message takes of Slack's limits, and how one that takes too much is split. Texts count as escaped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from bot.platforms.slack.layout import message_blocks
from bot.platforms.slack.richtext import Json
from core import paging
from core.errors import Poison
from core.message import Message, as_drawn
from core.text import shorten


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
    """Every text and address, and what pictures are said to show."""
    if isinstance(data, list):
        for one in data:
            yield from _texts(one)
    elif isinstance(data, dict):
        for name, value in data.items():
            if not isinstance(value, str):
                yield from _texts(value)
            elif name in ("text", "url", "alt_text"):
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
    """Whether `encode.posted` takes the message, its pictures drawn."""
    return weigh(message_blocks(as_drawn(message))).within(ROOM)


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
    return paging.paged(message, lambda page: weigh(message_blocks(page)).within(room))
