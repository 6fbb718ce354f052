"""What of a piece can be searched: its head and its sections, each as the words that its source allows to be shown."""

from __future__ import annotations

from dataclasses import dataclass

from core.document import plain, words_of
from core.faces import shareable
from core.pieces import Piece

HEAD = ""
"""The section key of what stands on the card: title, author, topics, what it is on, the author's opening remarks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One section by its key, or the head. `body` are its words without a heading, for quoting."""

    section: str
    heading: str = ""
    body: str = ""

    @property
    def text(self) -> str:
        return f"{self.heading}\n{self.body}"


def passages(piece: Piece) -> list[Passage]:
    """The head, then every section that has words, in reading order. Remarks stand where readers see them: those of the
    first part on the card, those of a later one above its first section.
    """
    outline = shareable(piece.outline, piece.text_mode)
    names = dict.fromkeys(name for topic in piece.topics for name in (*topic.names.values(), *topic.aliases))
    about = (piece.author or "", *names, *(one.title for one in outline.cited))
    opening: list[str] = []
    found: list[Passage] = []
    for number, part in enumerate(outline.parts):
        lead = [words_of(remark.spans) for remark in part.remarks]
        if number == 0 or not part.sections:
            opening += lead
            lead = []
        for section in part.sections:
            if section.voice == "offer":
                continue
            lines = [*lead, *(plain(block) for block in section.blocks)]
            one = Passage(section=section.key, heading=section.heading or "", body=_lines(lines))
            lead = []
            if one.text.strip():
                found.append(one)
        opening += lead  # nothing but an offer came after it
    head = Passage(section=HEAD, heading=_lines((piece.title, *about)), body=_lines(opening))
    return [head, *found]


def _lines(texts: list[str] | tuple[str, ...]) -> str:
    return "\n".join(text for text in texts if text)
