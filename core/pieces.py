"""The piece and what it is made of: the records that everything else points to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NewType

from core.document import (
    Block,
    Cited,
    Document,
    List,
    Paragraph,
    blocks_from_json,
    blocks_to_json,
    spans_from_json,
    spans_to_json,
    walk,
)

PieceNumber = NewType("PieceNumber", int)
"""The small number that people type: `#12`."""
PieceUid = NewType("PieceUid", str)
"""12 hex digits made from the source's identity of the item; the same after a restore or on another machine."""

Voice = Literal["remark", "summary", "analysis", "conclusion", "offer"]
PieceState = Literal["held", "approved", "published", "retracted", "rejected"]
TextMode = Literal["full", "excerpt", "link"]
TopicKind = Literal["theme", "person", "company"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with what is under it, down to the next heading.

    `key` is stable across revisions (`core.outline.carry_keys`). `level` 1 is a part's own heading, 2 a sub-heading
    or label. `heading` is None for text before any heading and for an offer. `blocks` are its own, without children.
    """

    key: str
    level: int
    heading: str | None
    voice: Voice
    blocks: tuple[Block, ...] = ()

    @property
    def paragraphs(self) -> int:
        """Paragraphs of its own; an offer has none."""
        return 0 if self.voice == "offer" else sum(isinstance(block, Paragraph) for block in self.blocks)

    @property
    def items(self) -> int:
        """List items of its own, nested ones included."""
        return sum(len(block.items) for block in walk(self.blocks) if isinstance(block, List))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The author's remarks and the sections after them, up to where the author speaks again or the text starts anew."""

    remarks: tuple[Paragraph, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What was understood of a document (`core.outline.outline`)."""

    title: str | None = None
    language: str = "en"
    cited: tuple[Cited, ...] = ()
    parts: tuple[Part, ...] = ()

    def sections(self) -> Iterator[Section]:
        """Every section in reading order."""
        for part in self.parts:
            yield from part.sections

    def remarks(self) -> Iterator[Paragraph]:
        """Every remark of the author in reading order."""
        for part in self.parts:
            yield from part.remarks


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An item as a source shows it now, before it is known whether it is new.

    `identities` is the ladder, strongest first: guid, canonical link, title+date; `fingerprint` changes when the
    shown text changes (title, body; never the date). `document` may be only an excerpt of what `url` holds.
    """

    identities: tuple[str, ...]
    title: str
    url: str | None = None
    author: str | None = None
    published: datetime | None = None
    embargo: datetime | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    document: Document = field(default_factory=Document)
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What pieces are about. `names` by language; `aliases` are other spellings that mean it.

    `description` is one line that tells it from others; what `rule`, a filter (`core.filters`), takes is about it.
    """

    id: int
    key: str
    names: dict[str, str]
    aliases: tuple[str, ...] = ()
    kind: TopicKind = "theme"
    description: str = ""
    rule: str = ""

    def name(self, language: str) -> str:
        """Its name in a language, or in any other, or its key."""
        return self.names.get(language) or next(iter(self.names.values()), self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another piece that a piece is like."""

    number: PieceNumber
    title: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A sentence as it was and as it is; nothing where it was taken out."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What one revision changed; `note` is what a moderator says of it."""

    at: datetime
    note: str
    changes: tuple[Changed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One commentary piece: the canonical record that every posted copy points to."""

    number: PieceNumber
    uid: PieceUid
    source: int
    source_kind: str
    text_mode: TextMode
    state: PieceState
    revision: int
    title: str
    url: str | None
    author: str | None
    language: str
    published: datetime
    embargo: datetime | None
    outline: Outline
    topics: tuple[Topic, ...] = ()
    featured: bool = False
    note: str = ""
    related: tuple[Related, ...] = ()
    corrections: tuple[Correction, ...] = ()


# --- JSON: the form in which an outline is stored beside its piece. ---


def outline_to_json(outline: Outline) -> dict[str, Any]:
    """An outline with all its text as JSON-ready dict."""
    return {
        "title": outline.title,
        "language": outline.language,
        "cited": [{"title": one.title, "url": one.url} for one in outline.cited],
        "parts": [
            {
                "remarks": [spans_to_json(remark.spans) for remark in part.remarks],
                "sections": [
                    {
                        "key": section.key,
                        "level": section.level,
                        "heading": section.heading,
                        "voice": section.voice,
                        "blocks": blocks_to_json(section.blocks),
                    }
                    for section in part.sections
                ],
            }
            for part in outline.parts
        ],
    }


def outline_from_json(data: dict[str, Any]) -> Outline:
    """The reverse of `outline_to_json`."""
    return Outline(
        title=data["title"],
        language=data["language"],
        cited=tuple(Cited(title=one["title"], url=one["url"]) for one in data["cited"]),
        parts=tuple(
            Part(
                remarks=tuple(Paragraph(spans=spans_from_json(remark)) for remark in part["remarks"]),
                sections=tuple(
                    Section(
                        key=one["key"],
                        level=one["level"],
                        heading=one["heading"],
                        voice=one["voice"],
                        blocks=blocks_from_json(one["blocks"]),
                    )
                    for one in part["sections"]
                ),
            )
            for part in data["parts"]
        ),
    )
