"""Bringing a copy of the database back. A process that dies anywhere in it is followed by one that ends the same.

The copy is made ready aside: whole, of today's tables, everything in doubt that may have been posted since it was made
(`storage.copies.doubt`). Then it has the name `NAME.restoring`, from which the rest goes on without looking back: the
database that was there is put aside, never overwritten, and what was made ready takes its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot import backup, owner
from bot.settings import Settings
from core.errors import ConfigError, Refusal
from core.times import Clock
from storage import copies, disk, keyfile, leases, schema
from storage import salvage as salvaging
from storage.db import Db, StorageError
from storage.indexing import renew
from storage.salvage import Saved
from storage.sqlite import SqliteDb

ASIDE = ("", "-wal", "-shm")  # what belongs to a database, the file itself first


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A copy that was looked at. `lack` says what is wrong with it, if something is."""

    path: Path
    pieces: int = 0
    lack: str | None = None


def look(settings: Settings, only: Path | None) -> Iterator[Looked]:
    """The copies there are, the newest first, each read from its first page to its last; or only that one."""
    paths = [only] if only is not None else backup.kept(settings)
    for path in paths:
        if not path.is_file():
            yield Looked(path=path, lack=f"there is no file {path}")
            continue
        try:
            yield Looked(path=path, pieces=copies.verify(path).get("piece", 0))
        except StorageError as error:
            yield Looked(path=path, lack=str(error))


def sound(settings: Settings, only: Path | None) -> Looked:
    """The newest copy that is sound. Refusal if there is none."""
    lacks = []
    for one in look(settings, only):
        if one.lack is None:
            return one
        lacks.append(one.lack)
    where = backup.folder(settings)
    raise Refusal("; ".join(lacks) or f"there are no copies in {where}: name the file, or set RONDAN_BACKUP_DIR")


def begun(database: Path) -> Path:
    """The file that is there while a restore was begun and not ended."""
    return database.with_name(f"{database.name}.restoring")


def refuse_begun(database: Path) -> None:
    """ConfigError if a restore was cut off: what is under the database's name is not what it should be."""
    if begun(database).exists():
        raise ConfigError(f"bringing a copy back to {database} was cut off: run `rondan restore` again to finish it")


async def restore(settings: Settings, copy: Path, clock: Clock) -> Path | None:
    """Bring a copy back; gives where the database is that was there. One that was begun is finished instead.

    Refusal if a running Rondan owns the database.
    """
    lock = owner.Lock(settings.database)
    if not lock.take():
        raise Refusal(f"a running Rondan owns {settings.database}: stop it first")
    try:
        if not begun(settings.database).exists():
            await _make_ready(settings, copy, clock)
        return await asyncio.to_thread(_swap, settings.database)
    finally:
        lock.release()


async def _make_ready(settings: Settings, copy: Path, clock: Clock) -> None:
    database = settings.database
    unready = database.with_name(f"{database.name}.restoring.unready")
    for end in ASIDE:  # of one that was cut off
        unready.with_name(unready.name + end).unlink(missing_ok=True)
    await asyncio.to_thread(copies.copy_verified, copy, unready)
    db = await SqliteDb.open(unready, settings.key)
    try:
        await schema.migrate(db, clock())
        await db.write(lambda tx: copies.doubt(tx, clock()))
    finally:
        await db.close()
    trace("ready")
    disk.sync(unready)
    unready.rename(begun(database))
    disk.sync(database.parent)
    trace("begun")


async def doubt(db: Db, clock: Clock) -> None:
    """A server's own tools brought an older state back: from now on look before posting. Refusal while anybody runs."""
    if living := await leases.owners(db):
        raise Refusal(f"{', '.join(living)} run on {db.name}: stop them first")
    await db.write(lambda tx: copies.doubt(tx, clock()))


async def salvage(settings: Settings, damaged: Path, new: Path, clock: Clock) -> dict[str, Saved]:
    """Bring what can be read of a damaged file into a new one, which has its name when it is whole."""
    if new.exists():
        raise Refusal(f"{new} is there already: name another file")
    unfinished = new.with_name(f"{new.name}.unfinished")
    for end in ASIDE:
        unfinished.with_name(unfinished.name + end).unlink(missing_ok=True)
    keys = settings.key_file or keyfile.beside(damaged)
    if not keys.exists():
        raise Refusal(f"there is no key {keys}: people could not be told apart; set RONDAN_KEY_FILE to where it is")
    db = await SqliteDb.open(unfinished, keys)
    try:
        await schema.migrate(db, clock())
    finally:
        await db.close()
    try:
        saved = await asyncio.to_thread(salvaging.salvage, damaged, unfinished)
    except StorageError as error:
        raise Refusal(f"{error}: `rondan restore` brings a copy back") from error
    db = await SqliteDb.open(unfinished, keys)
    try:
        await db.write(lambda tx: salvaging.mend(tx, clock()))
        await renew(db)
    finally:
        await db.close()
    await asyncio.to_thread(copies.verify, unfinished)
    disk.sync(unfinished)
    unfinished.rename(new)
    disk.sync(new.parent)
    return saved


def _swap(database: Path) -> Path | None:
    ready = begun(database)
    at = datetime.fromtimestamp(ready.stat().st_mtime, UTC)  # the same whenever this is done again
    aside = database.with_name(f"{database.name}.replaced-{at:%Y%m%dT%H%M%SZ}")
    for end in ASIDE:
        there = database.with_name(database.name + end)
        if there.exists():
            there.rename(aside.with_name(aside.name + end))
            trace(f"aside{end}")
    disk.sync(database.parent)
    ready.rename(database)
    trace("in place")
    disk.sync(database.parent)
    return aside if aside.exists() else None


def trace(_stage: str) -> None:
    """Called between every two steps with the name of the point; tests kill the process here."""
