"""A digest as a message: the pieces of a window, what readers did with each, and the voices that stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from core.document import Heading, Item, List, Paragraph, Quote, Span, Spans, spans, words_of
from core.faces import lede
from core.message import Message, MessageBlock, Small
from core.pieces import Piece
from core.responses import PieceNumbers, Voice
from core.speech import say, say_date
from core.stances import Scale
from core.text import shorten
from digest.ranking import contested, endorsed

SHOWN_PIECES = 8
SHOWN_VOICES = 3
QUOTE = 160  # UTF-16 units of one comment


@dataclass(frozen=True, slots=True)
class Standing:
    """The voices that stand out, each comment in one list only."""

    featured: Sequence[Voice]
    endorsed: Sequence[Voice]
    contested: Sequence[Voice]

    def all(self) -> list[Voice]:
        """Each of them once."""
        return [*self.featured, *self.endorsed, *self.contested]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a digest is made of. `numbers` by piece number; links by piece number and by comment id."""

    topic: str | None
    period: str
    pieces: Sequence[Piece]
    total: int
    still: Sequence[Piece]
    numbers: Mapping[int, PieceNumbers]
    people: int
    most_people: int
    voices: Standing
    piece_links: Mapping[int, str] = field(default_factory=dict)
    voice_links: Mapping[int, str] = field(default_factory=dict)


def outstanding(voices: Sequence[Voice]) -> Standing:
    """Picked by moderators; most endorsed by `(a+4)/(n+8)`; most contested by `4(a+1)(d+1)/(a+d+4)²`.

    The shrinkage keeps one happy reader from beating twenty; the formulas did best on 13 public votes (docs).
    """
    featured = [one for one in voices if one.featured][:SHOWN_VOICES]
    rest = [one for one in voices if not one.featured]
    split = [one for one in rest if one.agree and one.disagree]
    split.sort(key=lambda one: (-contested(one.agree, one.disagree), -one.n, one.comment))
    # A comment that half of its readers reject is contested first, endorsed never.
    hot = [one for one in split if min(one.agree, one.disagree) * 3 >= max(one.agree, one.disagree)][:SHOWN_VOICES]
    taken = {one.comment for one in hot}
    liked = [one for one in rest if one.agree > one.disagree and one.comment not in taken]
    liked.sort(key=lambda one: (-endorsed(one.agree, one.n), one.at, one.comment))
    return Standing(featured, liked[:SHOWN_VOICES], hot)


def compose(material: Material, language: str, zone: str, scale: Scale) -> Message:
    """The digest in a language; one line if the window is empty."""
    topic = material.topic or say(language, "digest.all")
    title = say(language, "digest.title", topic=topic, period=material.period)
    if not material.pieces and not material.still:
        nothing = say(language, "digest.empty", topic=topic, period=material.period)
        return Message(title=title, blocks=(Paragraph(spans=spans(nothing)),), language=language)
    blocks: list[MessageBlock] = [Heading(level=1, spans=spans(title))]
    if material.people:
        name = "digest.people" if material.people < material.most_people else "digest.people-more"
        blocks.append(Small(spans=spans(say(language, name, people=material.people))))
    if material.pieces:
        blocks.append(Heading(level=2, spans=spans(say(language, "digest.pieces", n=material.total))))
        blocks.append(_pieces(material, material.pieces, language, zone, scale))
        if material.total > len(material.pieces):
            more = say(language, "digest.more-pieces", n=material.total - len(material.pieces))
            blocks.append(Small(spans=spans(more)))
    if material.still:
        blocks.append(Heading(level=2, spans=spans(say(language, "digest.still"))))
        blocks.append(_pieces(material, material.still, language, zone, scale))
    for name, voices in (
        ("digest.featured", material.voices.featured),
        ("digest.endorsed", material.voices.endorsed),
        ("digest.contested", material.voices.contested),
    ):
        if voices:
            blocks.append(Heading(level=2, spans=spans(say(language, name))))
            blocks += [_voice(material, one, language) for one in voices]
    return Message(title=title, blocks=tuple(blocks), language=language)


def _pieces(material: Material, pieces: Sequence[Piece], language: str, zone: str, scale: Scale) -> List:
    items = []
    for piece in pieces:
        link = material.piece_links.get(piece.number) or piece.url
        day = _day(piece.published, language, zone)
        head: Spans = (Span(text=f"#{piece.number} {piece.title}", bold=True, link=link),)
        author = f" — {piece.author}" if piece.author else ""
        lines = [Paragraph(spans=(*head, Span(text=f"{author} ({day})")))]
        if opening := _opening(piece, language):
            lines.append(Paragraph(spans=spans(opening)))
        if numbers := _numbers(material.numbers.get(piece.number), language, scale):
            lines.append(Paragraph(spans=spans(numbers)))
        items.append(Item(marker="•", blocks=tuple(lines)))
    return List(ordered=False, items=tuple(items))


def _day(at: datetime, language: str, zone: str) -> str:
    return say_date(language, at.astimezone(ZoneInfo(zone)).date())


def _opening(piece: Piece, language: str) -> str:
    """The author's own remark, said to be one; else the first sentence of what may be shown."""
    for remark in piece.outline.remarks():
        return say(language, "digest.remark", remark=shorten(words_of(remark.spans), QUOTE))
    return lede(piece)


def _numbers(numbers: PieceNumbers | None, language: str, scale: Scale) -> str:
    """Stances of people (each once), other emoji, comments: `👍 12 · 👎 3 · 🎉 2 · 5 comments by 4 readers`."""
    if numbers is None:
        return ""
    parts = [
        f"{stance.emoji[0]} {numbers.stances[stance.key]}"
        for stance in scale.stances
        if numbers.stances.get(stance.key)
    ]
    parts += [f"{emoji} {n}" for emoji, n in list(numbers.reactions.items())[:6] if scale.of(emoji) is None]
    if numbers.comments:
        parts.append(say(language, "digest.numbers", comments=numbers.comments, people=numbers.commenters))
    return " · ".join(parts)


def _voice(material: Material, voice: Voice, language: str) -> Quote:
    link = material.voice_links.get(voice.comment) or material.piece_links.get(voice.piece)
    votes = say(language, "digest.votes", agree=voice.agree, disagree=voice.disagree)
    small = f"— #{voice.piece}" + (f", {votes}" if voice.n else "")
    text = shorten(" ".join(voice.text.split()), QUOTE)
    return Quote(blocks=(Paragraph(spans=spans(text)), Paragraph(spans=spans(small, link=link))))
