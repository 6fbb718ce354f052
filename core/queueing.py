"""What moderators see of a piece that waits: its card with outline, topics, previews and buttons. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from core.document import Cited, Heading, Image, Paragraph, Table, bullets, plain_all, spans, walk
from core.faces import action, lede
from core.message import Action, Message, MessageBlock, Small
from core.pieces import Outline, Piece, Section
from core.speech import say, say_date, say_list
from core.text import shorten

KIND = "queue"
"""Of the buttons and forms on the card."""
LINES = 16
"""Most sections that the card names."""
_NAME = 60
_LEDE = 160
_PREVIEWS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How a piece comes out on a platform: in how many messages, at how many places with that layout."""

    platform: str
    layout: str
    messages: int
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a moderator did with it: `act` is `approve`, `schedule`, `reject`, `restore` or `retract`;
    `approve here` and `reject here` were for single places.
    """

    act: str
    who: str
    at: datetime
    reason: str = ""


def queue_card(
    piece: Piece,
    language: str,
    zone: str,
    *,
    source: str,
    waits: bool,
    waits_at: Sequence[str] = (),
    previews: Sequence[Preview] = (),
    decided: Decided | None = None,
) -> Message:
    """The card of a piece for moderators; with buttons while it waits, and afterwards with who decided what."""
    blocks: list[MessageBlock] = [
        Heading(level=1, spans=spans(piece.title, link=piece.url)),
        Small(
            spans=spans(
                " · ".join(filter(None, (f"#{piece.number}", piece.author, _day(piece, language, zone), source)))
            )
        ),
    ]
    if waits_at:
        blocks.append(Paragraph(spans=spans(say(language, "queue.waits-at", places=", ".join(waits_at)))))
    if decided is not None:
        blocks.append(Paragraph(spans=spans(told(piece, decided, language, zone), bold=True)))
    elif not waits:
        blocks.append(Paragraph(spans=spans(say(language, f"queue.state.{piece.state}"), bold=True)))
    if waits:
        blocks += _inside(piece, language, previews)
    about = say_list(language, (topic.name(language) for topic in piece.topics))
    blocks.append(Small(spans=spans(say(language, "card.topics", topics=about or say(language, "none")))))
    title = say(language, "queue.title", title=piece.title)
    return Message(
        title=title, blocks=tuple(blocks), actions=_actions(piece, language) if waits else (), language=language
    )


def told(piece: Piece, decided: Decided, language: str, zone: str) -> str:
    """Who decided what, when: `Approved by Mo on 20 Nov 2026 at 09:00`."""
    when = moment_said(decided.at, language, zone)
    text = say(language, f"queue.did.{decided.act}", who=decided.who, when=when)
    if decided.act == "schedule" and piece.embargo is not None:
        text += " " + say(language, "queue.comes", when=moment_said(piece.embargo, language, zone))
    return text + (" " + say(language, "reason", reason=decided.reason) if decided.reason else "")


def moment_said(moment: datetime, language: str, zone: str) -> str:
    """A time as people at a place write it."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{say_date(language, local.date())} {local:%H:%M}"


def _day(piece: Piece, language: str, zone: str) -> str:
    return say_date(language, piece.published.astimezone(ZoneInfo(zone)).date())


def _inside(piece: Piece, language: str, previews: Sequence[Preview]) -> Iterator[MessageBlock]:
    """What is in it, and what becomes of it."""
    for one in piece.outline.cited[:3]:
        yield Cited(title=one.title, url=one.url)
    if opening := lede(piece):
        yield Paragraph(spans=spans(say(language, "queue.opens", words=shorten(opening, _LEDE))))
    lines = list(_outlined(piece.outline, language))
    more = len(lines) - LINES
    if more > 0:
        lines = [*lines[:LINES], say(language, "digest.more-pieces", n=more)]
    if lines:
        yield bullets(lines)
    for preview in previews[:_PREVIEWS]:
        yield Small(spans=spans(_previewed(piece, preview, language)))


def _outlined(outline: Outline, language: str) -> Iterator[str]:
    """A line a section: its heading, who speaks, how long it is; and the remarks above a part."""
    for part in outline.parts:
        if part.remarks:
            length = sum(len(plain_all((remark,))) for remark in part.remarks)
            yield _line(say(language, "queue.voice.remark"), "", length, language)
        for section in part.sections:
            if section.blocks or section.heading:
                name = shorten(section.heading or say(language, "queue.untitled"), _NAME)
                yield _line(name, say(language, f"queue.voice.{section.voice}"), _length(section), language)


def _length(section: Section) -> int:
    return len(plain_all(section.blocks))


def _line(name: str, voice: str, length: int, language: str) -> str:
    return " · ".join(filter(None, (name, voice, say(language, "queue.length", n=length))))


def _previewed(piece: Piece, preview: Preview, language: str) -> str:
    text = say(
        language, "queue.preview", platform=preview.platform.capitalize(),
        layout=say(language, f"queue.layout.{preview.layout}"), messages=preview.messages, places=preview.places,
    )  # fmt: skip
    kinds = {type(block) for section in piece.outline.sections() for block in walk(section.blocks)}
    flat = [name for kind, name in ((Table, "queue.flat.table"), (Image, "queue.flat.image")) if kind in kinds]
    return " · ".join([text, *(say(language, name) for name in flat if preview.platform != "web")])


def _actions(piece: Piece, language: str) -> tuple[Action, ...]:
    return (
        Action(id=action(KIND, piece.uid, "approve"), label=say(language, "queue.approve"), style="primary"),
        Action(id=action(KIND, piece.uid, "topics"), label=say(language, "queue.topics")),
        *(
            (Action(id=action(KIND, piece.uid, "schedule"), label=say(language, "queue.schedule")),)
            if piece.state == "held"
            else ()
        ),
        Action(id=action(KIND, piece.uid, "reject"), label=say(language, "queue.reject"), style="danger"),
    )
