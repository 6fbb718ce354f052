"""Files as pieces: what `rondan import` reads, and folders that are watched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot import ingest
from bot.ingest import Taken
from bot.sources import files
from core.errors import SourceError
from core.pieces import Found
from storage import sources
from storage.db import Tx

if TYPE_CHECKING:
    from bot.house import House

log = structlog.get_logger()

LOOK_EVERY = 3.0  # seconds between two looks at a watched folder; works on network drives too, unlike inotify
SETTLED = 1.0  # seconds without a change before a file is read: an editor may still be writing


async def read_files(paths: Sequence[Path]) -> tuple[list[tuple[Path, Found]], list[SourceError]]:
    """Every piece under the paths, and what could not be read; each file on its own."""

    def work() -> tuple[list[tuple[Path, Found]], list[SourceError]]:
        found, errors = files.find_files(paths)
        read: list[tuple[Path, Found]] = []
        for path in found:
            try:
                read.append((path, files.read(path)))
            except SourceError as error:
                errors.append(error)
            except Exception:
                log.exception("folder.read-failed", path=str(path))
                errors.append(SourceError("internal", f"{path}: Rondan failed on this file; its log says more"))
        return read, errors

    return await asyncio.to_thread(work)


async def take(house: House, items: Sequence[Found], *, kind: str = "file", address: str = "files") -> list[Taken]:
    """Keep what was read, each piece in a transaction of its own; own files are shown in full."""
    taken: list[Taken] = []
    for found in items:

        async def work(tx: Tx, found: Found = found) -> Taken:
            source = await sources.ensure_source(
                tx, kind=kind, address=address, title="", text_mode="full", now=house.clock()
            )
            return await ingest.take(tx, source, found, now=house.clock())

        taken.append(await house.db.write(work))
    if any(one.outcome in ("new", "edited") for one in taken):
        house.publisher.wake()
    return taken


async def watch(house: House) -> None:
    """Keep what is in the watched folders until cancelled: new and edited files, each when it has settled."""
    folders = house.settings.watched
    known: dict[Path, tuple[int, int]] = {}
    told: set[str] = set()
    if not folders:
        await asyncio.Event().wait()
    while True:
        for folder in folders:
            await _look(house, folder, known, told)
        await asyncio.sleep(LOOK_EVERY)


async def _look(house: House, folder: Path, known: dict[Path, tuple[int, int]], told: set[str]) -> None:
    found, errors = await asyncio.to_thread(files.find_files, [folder])
    now = house.clock().timestamp()
    fresh: list[Path] = []
    for path in found:
        try:
            status = path.stat()
        except OSError:
            continue  # removed since it was listed; a vanished file changes nothing that was published
        mark = (status.st_mtime_ns, status.st_size)
        if known.get(path) != mark and now - status.st_mtime >= SETTLED:
            known[path] = mark
            fresh.append(path)
    read, unreadable = await read_files(fresh)
    for path, found_there in read:
        try:
            (one,) = await take(house, [found_there], kind="folder", address=str(folder.resolve()))
        except Exception:
            log.exception("folder.take-failed", path=str(path))  # the other files are no worse for it
            known.pop(path, None)  # and this one is taken when the disk is free again
            continue
        if one.outcome != "unchanged":
            log.info("folder.taken", piece=one.piece, title=one.title, outcome=one.outcome)
    for error in [*errors, *unreadable]:
        if str(error) not in told:
            told.add(str(error))
            log.warning("folder.unreadable", reason=str(error))
