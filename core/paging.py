"""A message that is too long, as several that each fit; a platform says of each whether it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from core.document import Code, Heading, Paragraph, Table, plain, spans, words_of
from core.errors import Poison
from core.message import Divider, Message, MessageBlock, Picture, Small
from core.splitting import cut_spans, split_blocks
from core.text import cut, length, shorten

LIMITS = (7000, 4500, 2800, 2000, 1400, 700, 350, 175, 90, 50)
"""UTF-16 units of words to which a block is cut, until its parts fit: marks and addresses take room too."""

Fits = Callable[[Message], bool]


def paged(message: Message, fits: Fits) -> list[Message]:
    """The message as one or more that each fit, buttons on the last; no character that a reader sees is broken.

    Every page has room for the buttons. Raises `Poison` if these alone are too many.
    """
    if not fits(replace(message, title="", blocks=())):
        raise Poison(f"“{shorten(message.title, 60)}” has more buttons than one message holds.")

    def fit(blocks: Sequence[MessageBlock]) -> bool:
        return fits(replace(message, blocks=tuple(blocks)))

    blocks = [part for one in message.blocks for part in _smaller_blocks(one, fit)]
    pages: list[tuple[MessageBlock, ...]] = []
    start = 0
    while start < len(blocks):
        taken = _longest(blocks, start, fit)
        while start + taken < len(blocks) and taken > 1 and isinstance(blocks[start + taken - 1], Heading):
            taken -= 1  # a heading goes with what it heads
        pages.append(_trimmed(blocks[start : start + taken]))
        start += taken
    kept = [page for page in pages if any(words(one).strip() for one in page)] or [()]
    return [
        *(replace(message, blocks=page, actions=()) for page in kept[:-1]),
        replace(message, blocks=kept[-1]),
    ]


def words(one: MessageBlock) -> str:
    """The words of a block, without style, reading and links; of a picture what it is said to show."""
    match one:
        case Small():
            return words_of(one.spans)
        case Divider():
            return ""
        case Picture():
            return one.alt if one.png else ""
        case _:
            return plain(one)


def _longest(blocks: Sequence[MessageBlock], start: int, fit: Callable[[Sequence[MessageBlock]], bool]) -> int:
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


def _smaller_blocks(one: MessageBlock, fit: Callable[[Sequence[MessageBlock]], bool]) -> Iterator[MessageBlock]:
    """A block, or if it is too big to be a message with these buttons, parts that are not."""
    if fit([one]):
        yield one
        return
    parts = [one]
    for limit in LIMITS:
        parts = list(_cut_block(one, limit))
        if all(fit([part]) for part in parts):
            break
    for part in parts:
        yield from [part] if fit([part]) else _as_bare_text(part)


def _as_bare_text(one: MessageBlock) -> Iterator[MessageBlock]:
    """What no cut makes fit (a letter with a thousand accents, an address on every letter): its words, cut anywhere."""
    for text in cut(words(one), 400):
        yield from (Paragraph(spans=spans(text[at : at + 400])) for at in range(0, len(text), 400))


def _cut_block(one: MessageBlock, limit: int) -> Iterator[MessageBlock]:
    """A block in parts of at most `limit` UTF-16 units of words each."""
    match one:
        case Small():
            yield from (Small(spans=run) for run in cut_spans(one.spans, limit))
        case Divider() | Picture():
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
