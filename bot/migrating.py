"""Moving from an SQLite file to a PostgreSQL server. The file stays as it is; key and ledger go on serving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot import owner, restoring
from bot.settings import Settings
from core.errors import Refusal
from core.times import Clock
from storage import keyfile, ledger, moving, schema, tables, whole
from storage.moving import Moved, Source
from storage.server import open_server


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was moved, by table. `name` is the target's, without its password; `key` and `ledger` serve on."""

    name: str
    tables: dict[str, Moved]
    key: Path
    ledger: Path


async def migrate(settings: Settings, address: str, clock: Clock, progress: Callable[[str], None]) -> Result:
    """Move everything, or go on where it was cut off. Refusal says why it can't be begun."""
    if not address.startswith(("postgresql://", "postgres://")):
        raise Refusal("name the server and its empty database: postgresql://USER:PASSWORD@HOST/NAME")
    if settings.server is not None:
        raise Refusal("RONDAN_DATABASE names a server already: set it to the SQLite file that is to be moved")
    database = settings.database
    if not database.is_file():
        raise Refusal(f"there is no file {database}: RONDAN_DATABASE names what is moved")
    lock = owner.Lock(database)
    if not lock.take():
        raise Refusal(f"a running Rondan owns {database}: stop it first")
    try:
        restoring.refuse_begun(database)
        with moving.source(database) as file:
            key = settings.key
            await _check(file, key)
            name, moved = await _move(file, address, key, clock, progress)
            return Result(
                name=name,
                tables=moved,
                key=key.absolute(),
                ledger=settings.erasures or ledger.beside(key.absolute()),
            )
    finally:
        lock.release()


async def _check(file: Source, key: Path) -> None:
    """That the file has today's tables, and the key is its own."""
    head = await whole.head(file)
    if head["schema"] != len(tables.MIGRATIONS):
        raise Refusal(
            f"{file.path} has schema {head['schema']}, this Rondan moves {len(tables.MIGRATIONS)}: "
            "run `rondan status` once, which brings it there"
        )
    if not key.exists():
        raise Refusal(f"there is no key {key}: people could not be told apart; set RONDAN_KEY_FILE to where it is")
    if not keyfile.fits(key, head["key"]):
        raise Refusal(f"the key {key} is not the one of {file.path}: set RONDAN_KEY_FILE to the one that is")


async def _move(
    file: Source, address: str, key: Path, clock: Clock, progress: Callable[[str], None]
) -> tuple[str, dict[str, Moved]]:
    db = await open_server(address, key)
    try:
        async with db.apart() as connection:
            if await moving.begin(db, connection, file.path):
                progress("going on where it was cut off")
            moving.trace("begun")
            await schema.migrate(db, clock())
            return db.name, await moving.move(file, db, connection, progress)
    finally:
        await db.close()


def told(result: Result, settings: Settings) -> str:
    """What was done, and what is to do now, for a person."""
    rows = sum(one.rows for one in result.tables.values())
    lines = [f"done: {rows} rows in {len(result.tables)} tables, the same on both sides"]
    if mended := sum(one.mended for one in result.tables.values()):
        lines.append(f"  {mended} texts had characters that PostgreSQL does not take; they are \ufffd there")
    lines.append(f"Set RONDAN_DATABASE to that address ({result.name}) and start Rondan.")
    lines += [f"  {one}" for one in stays(result, settings)]
    return "\n".join(lines)


def stays(result: Result, settings: Settings) -> list[str]:
    """What beside the database is needed on, and where."""
    found = [f"the key {result.key} and the ledger {result.ledger} stay where they are and serve on"]
    elsewhere = Settings.model_fields["database"].default.absolute()  # what files stand beside when a server is named
    if settings.key_file is None and result.key != keyfile.beside(elsewhere):
        found.append(f"set RONDAN_KEY_FILE to {result.key} too")
    for room in ("web", "console"):
        path = settings.database.absolute()
        memory = path.with_name(f"{path.name}.{room}.jsonl")
        if memory.exists() and path != elsewhere:
            found.append(f"move {memory} to {elsewhere.with_name(f'{elsewhere.name}.{room}.jsonl')}")
    return found
