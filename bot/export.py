"""Everything that was published and said: one JSON object a line for other programs, Markdown for people, OPML for
readers of feeds, and every row for another Rondan.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bot import written
from bot.sources import opml
from core.errors import Refusal
from core.faces import full_text, shareable
from core.pieces import outline_to_json
from core.times import moment
from storage import indexing, overview, pieces, sources, whole
from storage.copies import copy_verified
from storage.db import Db, Reader, StorageError
from storage.health import Aside
from storage.sqlite import SqliteDb

if TYPE_CHECKING:
    from bot.house import House
    from storage.postgres import PgDb


LINES, ROWS, FEEDS, PIECES = "publication.jsonl", "rows.jsonl", "feeds.opml", "pieces"
"""What an exported folder holds."""


async def export_all(house: House, folder: Path, progress: Callable[[str], None]) -> dict[str, int]:
    """Write a new folder with all of it, which has its name when it is whole; gives the number of lines by kind."""
    if folder.exists():
        raise Refusal(f"{folder} is there already: name a new folder")
    unfinished = folder.with_name(folder.name + ".unfinished")
    try:
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        (unfinished / PIECES).mkdir()
        counts = await export(house, unfinished / LINES, progress)
        async for number in overview.piece_numbers(house.db):
            piece = await pieces.piece(house.db, number)
            assert piece is not None
            (unfinished / PIECES / written.file_name(piece)).write_text(written.markdown(piece), encoding="utf-8")
        feeds = [(one.title or one.address, one.address, "") for one in await sources.sources(house.db, "feed")]
        (unfinished / FEEDS).write_bytes(opml.write_opml(feeds))
        counts["row"] = await _write_rows(house, unfinished, progress)
        unfinished.rename(folder)
    except OSError as error:
        raise Refusal(f"can't write {unfinished}: {error.strerror}") from error
    finally:
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
    return counts


async def _write_rows(house: House, folder: Path, progress: Callable[[str], None]) -> int:
    """The rows of one moment."""
    count = 0
    handle = os.open(folder / ROWS, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    async with _of_one_moment(house.db, folder) as rows:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(await whole.head(rows)) + "\n")
            async for table, row in whole.dump(rows):
                file.write(json.dumps({"table": table, "row": row}, ensure_ascii=False) + "\n")
                count += 1
                if count % 10_000 == 0:
                    progress(f"{count} rows")
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
    return count


@asynccontextmanager
async def _of_one_moment(db: Db, folder: Path) -> AsyncIterator[Reader]:
    """A server keeps a moment for who reads it; of a file a copy is made, which is not kept."""
    if isinstance(db, SqliteDb):
        copy = folder / "copy.db"
        await asyncio.to_thread(copy_verified, db.path, copy)
        yield Aside(copy)
        copy.unlink()
    else:
        async with cast("PgDb", db).moment() as rows:
            yield rows


def is_export(path: Path) -> bool:
    """Whether a path is a folder that `export_all` wrote."""
    return (path / ROWS).is_file()


async def import_all(house: House, folder: Path) -> dict[str, int]:
    """Read an exported folder into an empty database, all of it or nothing; gives the number of rows by table."""
    try:
        with (folder / ROWS).open(encoding="utf-8") as file:
            head, ours = _json(file.readline(), folder), await whole.head(house.db)
            if head.get("schema") != ours["schema"]:
                raise Refusal(
                    f"{folder} was written by another version of Rondan (tables {head.get('schema')}, here "
                    f"{ours['schema']}): export it again with this one"
                )
            if head.get("key") != ours["key"]:
                raise Refusal(
                    f"{folder} was written with another key, so its people could not be told apart: put the key file "
                    f"of there in the place of {house.db.keys} before the first start, its erasures beside it"
                )
            rows = ((str(one["table"]), dict(one["row"])) for one in (_json(line, folder) for line in file))
            counts = await house.db.write(lambda tx: whole.load(tx, rows, house.clock()))
    except OSError as error:
        raise Refusal(f"can't read {folder}: {error.strerror}") from error
    except (KeyError, TypeError, StorageError) as error:
        raise Refusal(f"{folder / ROWS} is not what Rondan wrote: {error}") from error
    await indexing.renew(house.db)
    return counts


def _json(line: str, folder: Path) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise Refusal(f"{folder / ROWS} is cut short or damaged: {error}") from error


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
