"""Everything that was published and said, one JSON object a line: for archives, for moving, for other programs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import Refusal
from core.faces import full_text, shareable
from core.pieces import outline_to_json
from core.times import moment
from storage import overview, pieces

if TYPE_CHECKING:
    from bot.house import House


async def export(house: House, path: Path, progress: Callable[[str], None]) -> dict[str, int]:
    """Write the file (0600, renamed into place when it is whole); gives the number of lines by kind."""
    unfinished = path.with_name(path.name + ".unfinished")
    counts: dict[str, int] = {}
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            async for kind, row in _rows(house):
                file.write(json.dumps({"kind": kind, **row}, ensure_ascii=False) + "\n")
                counts[kind] = counts.get(kind, 0) + 1
                if sum(counts.values()) % 10_000 == 0:
                    progress(f"{sum(counts.values())} lines")
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        unfinished.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise Refusal(f"can't write {path}: {error.strerror}") from error
    return counts


async def _rows(house: House) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    db = house.db
    async for number in overview.piece_numbers(db):
        piece = await pieces.piece(db, number)
        assert piece is not None
        shown = shareable(piece.outline, piece.text_mode)
        yield "piece", {
            "piece": piece.number, "uid": piece.uid, "state": piece.state, "revision": piece.revision,
            "title": piece.title, "url": piece.url, "author": piece.author, "language": piece.language,
            "published": piece.published.isoformat(), "topics": [one.name(piece.language) for one in piece.topics],
            "text": full_text(piece), "outline": outline_to_json(shown),
        }  # fmt: skip
    async for row, leaves in overview.all_postings(db):
        yield "posting", {
            "place": f"{row['platform']}:{row['channel']}", "subject": row["subject"],
            "piece": row["subject_id"] if row["subject"] == "piece" else None, "state": row["state"],
            "reason": row["reason"],
            "messages": [
                {"leaf": leaf["name"], "ref": leaf["ref"], "link": _link(house, row, leaf["ref"])}
                for leaf in leaves
                if leaf["ref"]
            ],
        }  # fmt: skip
    async for kind, one in _answers(house):
        yield kind, one


async def _answers(house: House) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Reactions that stand, and comments that may be shown; of the others that they are there, not what they say."""
    async for row in overview.all_reactions(house.db):
        stance = house.settings.stances.of(row["emoji"])
        yield "reaction", {
            "piece": row["piece_id"], "place": f"{row['platform']}:{row['channel']}", "message": row["anchor"],
            "comment": row["comment_id"], "section": row["section"], "person": row["hash"], "emoji": row["emoji"],
            "stance": stance.key if stance else None, "source": row["source"], "at": moment(row["at"]).isoformat(),
        }  # fmt: skip
    async for row in overview.all_comments(house.db):
        shown = row["state"] in ("visible", "featured")
        yield "comment", {
            "comment": row["id"], "piece": row["piece_id"], "place": f"{row['platform']}:{row['channel']}",
            "message": row["anchor"], "link": _link(house, row, row["anchor"]), "section": row["section"],
            "person": row["account"], "name": row["name"], "state": row["state"], "source": row["source"],
            "text": row["text"] if shown else None, "at": moment(row["at"]).isoformat(),
            "edited": moment(row["edited_at"]).isoformat() if row["edited_at"] else None,
            "agree": row["agree"], "disagree": row["disagree"],
        }  # fmt: skip


def _link(house: House, row: Any, ref: str | None) -> str | None:
    return house.link(row["platform"], row["channel"], ref.split(" ")[0]) if ref else None
