"""Which topics a text names by itself: what is told from names, aliases and rules alone, exactly and with its reason.

A person or company is named by one mention. A theme is what a text is about, not what it touches on: its name stands
in the title or a heading, or `MENTIONS` times in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from core.document import Paragraph, plain
from core.errors import Refusal
from core.faces import body_text, shareable
from core.filters import Subject, parse_filter
from core.pieces import Piece, Topic
from core.text import fold, shorten

GIST = 600
"""UTF-16 units of a piece that are compared with topics and other pieces."""
MENTIONS = 3
SHORTEST = 2
"""Characters of a name that is looked for in texts: one alone stands in too many words."""


_folded = lru_cache(20_000)(fold)  # the names of all topics are asked for every piece


def names_of(topic: Topic) -> list[str]:
    """Every name and alias of a topic, folded, the longest first."""
    folded = {_folded(one) for one in (topic.key, *topic.names.values(), *topic.aliases)}
    return sorted(folded - {""}, key=lambda one: (-len(one), one))


@lru_cache(2_000)
def _pattern(name: str) -> re.Pattern[str]:
    """What finds a folded name in a folded text: Latin words and runs of katakana only as wholes."""
    part = re.escape(name)
    for letters in ("a-z0-9", "ァ-ヶー"):
        part = (f"(?<![{letters}])" if re.match(f"[{letters}]", name) else "") + part
        part += f"(?![{letters}])" if re.search(f"[{letters}]$", name) else ""
    return re.compile(part)


def own_words(piece: Piece) -> str:
    """What a piece itself says and may show: its title, what it is on, its text; not its author and topics."""
    cited = (one.title for one in shareable(piece.outline, piece.text_mode).cited)
    return "\n".join(filter(None, (piece.title, *cited, body_text(piece))))


def headings(piece: Piece) -> list[str]:
    """What tells at a glance what a piece is about: its title, what it is on, its headings."""
    outline = shareable(piece.outline, piece.text_mode)
    sections = [section.heading for section in outline.sections() if section.heading and section.voice != "offer"]
    return [piece.title, *(one.title for one in outline.cited), *sections]


def gist(piece: Piece) -> str:
    """What stands for a piece where it is compared: its headings, then the author's remarks and first words."""
    outline = shareable(piece.outline, piece.text_mode)
    blocks = [block for section in outline.sections() if section.voice != "offer" for block in section.blocks]
    said = [*outline.remarks(), *(block for block in blocks if isinstance(block, Paragraph))]
    return shorten("\n".join([*headings(piece), *map(plain, said)]), GIST, "")


def told(piece: Piece, subject: Subject, topics: Iterable[Topic]) -> dict[int, str]:
    """The topics that a piece is about by rule or name: topic → why (`rule`, `alias:NAME`). Rules see `subject`."""
    text = fold(own_words(piece))
    first = "\n".join(map(fold, headings(piece)))
    found: dict[int, str] = {}
    for topic in topics:
        if topic.rule and _takes(topic.rule, subject):
            found[topic.id] = "rule"
        elif name := _named(topic, first, text):
            found[topic.id] = f"alias:{name}"
    return found


def _named(topic: Topic, first: str, text: str) -> str | None:
    """The name by which a topic is named in a text."""
    enough = MENTIONS if topic.kind == "theme" else 1
    for name in names_of(topic):
        if len(name) < SHORTEST or name not in text:  # most are not: no pattern is made for them
            continue
        pattern = _pattern(name)
        if pattern.search(first) or sum(1 for _ in pattern.finditer(text)) >= enough:
            return name
    return None


def _takes(rule: str, subject: Subject) -> bool:
    try:
        return parse_filter(rule).matches(subject).ok
    except Refusal:  # written for another version of the language: it takes nothing, and is shown as it is
        return False
