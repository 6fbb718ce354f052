"""Cutting what is too long for one message: blocks in groups that fit, a block into smaller ones that say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.document import Block, Heading, Item, List, Paragraph, Quote, Span, Spans, plain, spans, words_of
from core.message import Divider, MessageBlock, Picture, Small
from core.text import cut, length


def size_of(block: MessageBlock) -> int:
    """UTF-16 units that a block takes, with room for the marks that a platform puts around it."""
    if isinstance(block, Small):
        return length(words_of(block.spans)) + 4
    if isinstance(block, Divider):
        return 4
    if isinstance(block, Picture):
        return length(block.alt) + 8
    return length(plain(block)) + 8


def split_blocks(blocks: Sequence[Block], limit: int) -> list[tuple[Block, ...]]:
    """Blocks in groups that each fit into `limit` UTF-16 units; a block that is longer alone is split inside."""
    limit = max(limit, 50)
    groups: list[tuple[Block, ...]] = []
    group: list[Block] = []
    used = 0
    for block in blocks:
        for piece_of in _smaller(block, limit):
            size = size_of(piece_of)
            if group and used + size > limit:
                groups.append(tuple(group))
                group, used = [], 0
            group.append(piece_of)
            used += size
    if group:
        groups.append(tuple(group))
    return groups


def _smaller(block: Block, limit: int) -> Iterator[Block]:
    """A block, or several that together say the same and each fit. Lists keep their own numbers."""
    if size_of(block) <= limit:
        yield block
        return
    match block:
        case Paragraph():
            for run in cut_spans(block.spans, limit - 8):
                yield Paragraph(spans=run)
        case Heading():
            for run in cut_spans(block.spans, limit - 8):
                yield Heading(level=block.level, spans=run)
        case List():
            for item in block.items:
                yield from _smaller_item(block, item, limit)
        case Quote():
            for inner in block.blocks:
                for small in _smaller(inner, limit - 8):
                    yield Quote(blocks=(small,))
        case _:
            for text in cut(plain(block), limit - 8):
                yield Paragraph(spans=spans(text))


def _smaller_item(whole: List, item: object, limit: int) -> Iterator[Block]:
    assert isinstance(item, Item)
    one = List(ordered=whole.ordered, items=(item,))
    if size_of(one) <= limit:
        yield one
        return
    first = True
    for inner in item.blocks:
        for small in _smaller(inner, limit - length(item.marker) - 16):
            yield List(ordered=whole.ordered, items=(Item(marker=item.marker, blocks=(small,)),)) if first else small
            first = False


def cut_spans(run: Spans, limit: int) -> list[Spans]:
    """Spans cut where `core.text.cut` cuts their text; styles go on over a cut."""
    result: list[Spans] = []
    rest = list(run)
    for text in cut(words_of(run), limit):
        taken: list[Span] = []
        missing = len(text)
        while missing and rest:
            span = rest.pop(0)
            if len(span.text) > missing:
                rest.insert(0, replace(span, text=span.text[missing:]))
                span = replace(span, text=span.text[:missing])
            taken.append(span)
            missing -= len(span.text)
        result.append(tuple(taken))
    return result
