"""A piece drafted from an article, part by part: the article's own sentences, the author's remarks. Pure.

An article's text is its author's: only sentences that were picked are kept, word for word, `QUOTED` characters in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.document import Cited, Paragraph, Quote, plain, spans
from core.keys import carry_keys, keyed
from core.outline import outline
from core.pieces import Found, Outline, Part, Section, Voice
from core.speech import say
from core.text import language_of, sentences

QUOTED = 1500
"""Most characters that are quoted of one article, all parts together."""
PART = 3
"""Sections of the article that one part takes up."""
MOST = 3
"""Sentences that are quoted of a section."""
SECTIONS = 30
"""Sections of an article that are taken up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A section of an article: its heading, if it has one, and sentences of it."""

    heading: str | None
    sentences: tuple[str, ...]


def read(found: Found) -> list[Said]:
    """The article under its own headings, every sentence of its running text."""
    understood = outline(found.document, title=found.title, default_language=found.language or "en")
    whole: list[Said] = []
    for part in understood.parts:
        if part.remarks:  # an article by one author: what looks like a remark is its text
            whole.append(Said(heading=None, sentences=_lines([*map(plain, part.remarks)], understood.language)))
        for section in part.sections:
            texts = [plain(block) for block in section.blocks if isinstance(block, Paragraph)]
            lines = _lines(texts, understood.language)
            if lines:
                whole.append(Said(heading=section.heading, sentences=lines))
    return whole[:SECTIONS]


def _lines(texts: Sequence[str], language: str) -> tuple[str, ...]:
    return tuple(one.strip() for text in texts for one in sentences(text, language) if one.strip())


def bounded(picked: Sequence[Said]) -> list[Said]:
    """As much as may be quoted in all, a fair share a section; a section keeps its heading without any sentence."""
    left = QUOTED
    kept: list[Said] = []
    for at, one in enumerate(picked):
        share = max(left // (len(picked) - at), 0)
        lines: list[str] = []
        for line in one.sentences:
            if len(line) <= share:
                lines.append(line)
                share -= len(line)
                left -= len(line)
        kept.append(replace(one, sentences=tuple(lines)))
    return kept


def language_in(found: Found) -> str:
    """The language of an article."""
    return language_of(" ".join(plain(block) for block in found.document.blocks)[:20_000], found.language or "en")


def drafted(
    title: str, cited: Cited, language: str, said: Sequence[Said], remark: str, written: Mapping[Voice, Sequence[str]]
) -> Outline:
    """The first part: the card of the article, the author's remark, what a model wrote, sections with quotations, what
    is next.
    """
    empty = Outline(title=title, language=language, cited=(cited,))
    by_model = [_by_model(voice, lines, language) for voice, lines in written.items() if lines]
    return continued(empty, said, 0, remark, by_model)


def continued(before: Outline, said: Sequence[Said], upto: int, remark: str, first: Sequence[Section] = ()) -> Outline:
    """The same with the next part, the `upto`-th section being its first but for those that are given."""
    sections = [*first, *(_section(one) for one in said[upto : upto + PART])]
    following = said[upto + PART :]
    if following:
        name = next((one.heading for one in following if one.heading), None)
        text = say(before.language, "draft.next-named", heading=name) if name else say(before.language, "draft.next")
        sections.append(Section(key="", level=2, heading=None, voice="offer", blocks=(Paragraph(spans=spans(text)),)))
    remarks = tuple(Paragraph(spans=spans(one)) for line in remark.split("\n") if (one := line.strip()))
    part = Part(remarks=remarks, sections=tuple(sections))
    return carry_keys(before, keyed(replace(before, parts=(*before.parts, part))))


def _by_model(voice: Voice, lines: Sequence[str], language: str) -> Section:
    """Sentences of a language model under a heading that says whose they are."""
    heading = say(language, f"draft.by-model.{voice}")
    blocks = (Paragraph(spans=spans((" " if language == "en" else "").join(lines))),)
    return Section(key="", level=2, heading=heading, voice=voice, blocks=blocks)


def _section(one: Said) -> Section:
    quoted = tuple(Quote(blocks=(Paragraph(spans=spans(line)),)) for line in one.sentences)
    return Section(key="", level=2, heading=one.heading, voice="summary", blocks=quoted)
