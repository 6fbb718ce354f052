"""Points and voices put into prose by a language model, if there is one: what it is given, and what is taken of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from commands.gathering import Viewer
from commands.tools import Tools
from core.errors import ThinkError
from core.responses import Voice
from core.text import shorten
from digest.packing import pack, unpack
from digest.prose import Source, ask
from digest.sketch import Sketch, Told
from storage import digests, pieces

log = structlog.get_logger()

POINTS = 12
OF_A_THEME = 2  # comments
OF_A_LIST = 3
LONGEST = 600  # UTF-16 units of a source


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Sentences, and the comments that the model was given, as they were worded then."""

    told: tuple[Told, ...] = ()
    heard: Mapping[int, str] = field(default_factory=dict)


async def tell(tools: Tools, sketch: Sketch, viewer: Viewer, *, hurry: bool = False) -> Telling:
    """What a model tells of a sketch; nothing without a model, or when nothing comes of it. `hurry`: somebody waits."""
    if tools.writer is None:
        return Telling()
    voices = await digests.voices(tools.db, _heard(sketch), viewer.audience)
    voices = {number: one for number, one in voices.items() if one.platform != "slack" or tools.writer.slack}
    sources = [*await _of_pieces(tools, sketch), *_of_readers(sketch, voices)]
    if not sources:
        return Telling()
    instructions, data = ask(sources, viewer.language)
    try:
        answer = await tools.writer.write(instructions, data, hurry=hurry)
        found = await tools.think("told", {"answer": answer, "sources": pack(sources), "language": viewer.language})
    except ThinkError as error:
        log.info("digest.untold", why=str(error))
        return Telling()
    told = tuple(unpack(Told, one) for one in found)
    log.info("digest.told", sentences=len(told), verbatim=sum(not one.text for one in told))
    return Telling(told=told, heard={number: one.text for number, one in voices.items()})


async def with_prose(tools: Tools, sketch: Sketch, viewer: Viewer) -> Sketch:
    """A sketch for somebody who waits for it."""
    return replace(sketch, told=(await tell(tools, sketch, viewer, hurry=True)).told)


def _heard(sketch: Sketch) -> list[int]:
    """The comments that are given to a model: of each theme and list the first few."""
    themes = (number for theme in sketch.reading.themes for number in theme.comments[:OF_A_THEME])
    lists = (sketch.featured, sketch.endorsed, sketch.contested, sketch.reading.questions)
    return list(dict.fromkeys([*themes, *(number for one in lists for number in one[:OF_A_LIST])]))


async def _of_pieces(tools: Tools, sketch: Sketch) -> list[Source]:
    points = sketch.reading.points[:POINTS]
    titles = {number: await pieces.piece(tools.db, number) for number in {one.said.piece for one in points}}
    return [
        Source(text=shorten(one.said.text, LONGEST), about=f"{one.label} · {piece.title}", said=one.said)
        for one in points
        if (piece := titles[one.said.piece]) is not None
    ]


def _of_readers(sketch: Sketch, voices: Mapping[int, Voice]) -> Iterable[Source]:
    people = {theme.comments[0]: theme.people for theme in sketch.reading.themes if theme.comments}
    for number in _heard(sketch):
        if number in voices:
            yield Source(text=shorten(voices[number].text, LONGEST), comment=number, people=people.get(number, 0))
