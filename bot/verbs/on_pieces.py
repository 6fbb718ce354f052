"""Verbs on pieces: bringing them in, looking at them, asking as somebody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import export as exporting
from bot import folders, owner
from bot import why as explaining
from bot.verbs.on_places import place_id
from bot.verbs.registry import Args, verb
from commands.reading import piece_meant
from core.chat import Caller, Person, Role
from core.document import words_of
from core.errors import Refusal
from core.message import Reply, links_of, to_text
from core.pieces import Outline, Piece
from storage import postings

if TYPE_CHECKING:
    from bot.house import House

ROLES: dict[str, frozenset[Role]] = {
    "reader": frozenset({"reader"}),
    "author": frozenset({"reader", "author"}),
    "moderator": frozenset({"reader", "moderator"}),
    "admin": frozenset({"reader", "moderator", "admin"}),
}


@verb("import")
async def import_(house: House, args: Args, progress: owner.Progress) -> list[dict[str, Any]]:
    """Read files and folders; one entry a piece, and one with `error` for each file that can't be read."""
    read, errors = await folders.read_files([Path(one) for one in args["paths"]])
    result: list[dict[str, Any]] = []
    for number, (path, found) in enumerate(read, 1):
        if number % 20 == 0:
            progress(f"{number} of {len(read)} files")
        result += [
            {
                "piece": one.piece,
                "title": one.title,
                "state": one.state,
                "new": one.outcome in ("new", "held"),
                "outcome": one.outcome,
                "path": str(path),
            }
            for one in await folders.take(house, [found])
        ]
    unread = {"piece": None, "title": None, "state": "error", "new": False}
    return result + [{**unread, "error": str(error)} for error in errors]


@verb("outline")
async def outline(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """What was understood of a piece."""
    piece = await piece_meant(house.tools, _shell("admin", "en", house), args["piece"])
    return outline_json(piece)


def outline_json(piece: Piece) -> dict[str, Any]:
    """The outline as the command line prints it."""
    understood: Outline = piece.outline
    return {
        "piece": piece.number,
        "title": piece.title,
        "language": piece.language,
        "cited": [{"title": one.title, "url": one.url} for one in understood.cited],
        "parts": [
            {
                "remarks": [words_of(remark.spans) for remark in part.remarks],
                "sections": [
                    {
                        "level": section.level,
                        "heading": section.heading,
                        "voice": section.voice,
                        "paragraphs": section.paragraphs,
                        "items": section.items,
                    }
                    for section in part.sections
                ],
            }
            for part in understood.parts
        ],
        "topics": [topic.name(piece.language) for topic in piece.topics],
    }


@verb("why")
async def why(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Why an item was or was not posted at each place."""
    story = await explaining.why(house, args["asked"])
    return {**story.to_json(), "text": story.text()}


@verb("export")
async def export(house: House, args: Args, progress: owner.Progress) -> dict[str, int]:
    """Everything: to a file, one JSON object a line, or to a folder in every form."""
    await house.collector.fold_all()
    write = exporting.export_all if args.get("whole") else exporting.export
    return await write(house, Path(args["path"]), progress)


@verb("ask")
async def ask(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """Any command through the desk, as somebody with a role."""
    reply = await house.desk.ask(_shell(args["role"], args["lang"] or house.settings.lang, house), args["line"])
    return reply_json(reply)


def reply_json(reply: Reply) -> dict[str, Any]:
    """An answer as the command line prints it."""
    text = to_text(reply.message)
    links = list(links_of(reply.message))
    return {
        "ok": reply.ok, "private": reply.private, "text": text, "links": links, "error": None if reply.ok else text,
    }  # fmt: skip


def _shell(role: str, language: str, house: House) -> Caller:
    return Caller(
        platform="shell",
        person=Person(id="shell", name="shell"),
        language=language,
        roles=ROLES[role],
        zone=house.settings.zone,
    )


@verb("repost")
async def repost(house: House, args: Args, progress: owner.Progress) -> list[str]:
    """Show a piece again where it was withdrawn, stuck or rolled up, at one place or at all; gives the places."""
    piece = await piece_meant(house.tools, _shell("admin", "en", house), args["piece"])
    only = await place_id(house, args["place"]) if args.get("place") else None
    again = await house.db.write(lambda tx: postings.again(tx, "piece", piece.number, only, house.clock()))
    if not again:
        raise Refusal(f"#{piece.number} is shown wherever it should be; `rondan why {piece.number}` says where")
    house.publisher.wake()
    return again
