"""All rows of an SQLite file, brought into an empty database on a PostgreSQL server.

The target has a table that says how far each table is, written with the rows themselves: whoever dies in it is followed
by one that goes on. While that table is there nobody else uses the target. At the end both sides are read again, and
must hold the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError, Refusal
from storage import disk, indexing, server, whole
from storage.db import Reader, StorageError
from storage.sqlite import SQLITE

if TYPE_CHECKING:
    from storage.postgres import PgDb  # its driver is an extra

MARK = "moving"  # the table in the target; its row '' names the file, the row 'indexed' says that all rows are there
TURN = 0x526F6E65  # the advisory lock of who moves something here
ANEW = {"schema_version", "indexed", "passage", "comment_day"}
"""Tables that the target makes itself."""
ROWS, SIZE = 5_000, 4_000_000  # a batch has so many rows, or so many bytes of text
PATIENCE = 86_400.0  # seconds that the server may take to tidy up
TOLD = 100_000  # rows between two lines of progress

Progress = Callable[[str], None]
Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One table. `mended`: texts with something that PostgreSQL does not take, which is U+FFFD there."""

    rows: int
    mended: int
    checksum: str


@dataclass(slots=True)
class _Sum:
    """Adds up hashes of rows, since with mended keys the two sides may have another order."""

    rows: int = 0
    total: int = 0

    def add(self, row: Values) -> None:
        self.rows += 1
        self.total += int.from_bytes(blake2b(repr(row).encode(), digest_size=16).digest(), "big")

    def checksum(self) -> str:
        return f"{self.total % (1 << 128):032x}"


@dataclass(slots=True)
class _Texts:
    """Makes texts of the file's bytes. PostgreSQL takes no NUL; what is no UTF-8 could not be read at all."""

    size: int = 0
    mended: int = 0

    def __call__(self, raw: bytes) -> str:
        self.size += len(raw)
        text = raw.decode(errors="replace").replace("\0", "\ufffd")
        if "\ufffd" in text and text.encode() != raw:
            self.mended += 1
        return text


@dataclass(slots=True)
class Source:
    """The file, which is only read. It implements `Reader`."""

    connection: sqlite3.Connection
    path: Path
    texts: _Texts = field(default_factory=_Texts)
    dialect = SQLITE

    async def read(self, sql: str, *args: Any) -> list[Any]:
        return self.connection.execute(sql, args).fetchall()

    def batches(self, table: str, columns: list[str], key: list[str], after: int) -> Iterator[list[Values]]:
        """The rows behind so many, in the order of the key."""
        cursor = self.connection.cursor()
        cursor.row_factory = None
        batch, self.texts.size = [], 0
        sql = f"select {_listed(columns)} from {table} order by {_listed(key)} limit -1 offset {after}"
        for row in cursor.execute(sql):
            batch.append(row)
            if len(batch) == ROWS or self.texts.size > SIZE:
                yield batch
                batch, self.texts.size = [], 0
        if batch:
            yield batch

    def summed(self, table: str, columns: list[str]) -> _Sum:
        cursor, summed = self.connection.cursor(), _Sum()
        self.texts.size = 0
        cursor.row_factory = None
        for row in cursor.execute(f"select {_listed(columns)} from {table}"):
            summed.add(row)
        return summed


@contextmanager
def source(path: Path) -> Iterator[Source]:
    """Open the file. StorageError if it can't be read."""
    try:
        with closing(disk.read_only(path)) as connection:
            texts = _Texts()
            connection.row_factory = sqlite3.Row
            connection.text_factory = texts
            yield Source(connection, path, texts)
    except sqlite3.Error as error:
        raise StorageError(f"{path} can't be read ({error}): `rondan doctor` says what to do") from error


async def refuse_unfinished(db: Reader) -> None:
    """ConfigError if a database is being moved here, or that was cut off."""
    if any(row["name"] == MARK for row in await db.read(db.dialect.tables)):
        raise ConfigError(
            "moving into this database is not finished: set RONDAN_DATABASE to the SQLite file again and run "
            "`rondan migrate-to` with this address, which goes on where it was"
        )


def _state(path: Path) -> str:
    """Tells a file from what it was before anybody wrote to it."""
    parts = [path.stat()]
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:  # an empty one comes with reading
        parts.append(log.stat())
    return " ".join(f"{one.st_size}:{one.st_mtime_ns}" for one in parts)


async def begin(db: PgDb, connection: Any, path: Path) -> bool:
    """Mark the target as ours; whether that was done before. Refusal if it is not for us."""
    name = db.name
    if not await connection.fetchval(f"select pg_try_advisory_lock({TURN})"):
        raise Refusal(f"another `rondan migrate-to` is at work on {name}: let it end")
    there = {row["name"] for row in await connection.fetch(db.dialect.tables)}
    if MARK not in there:
        if there:
            raise Refusal(f"{name} is not empty: create a new database for this")
        if connection.get_server_version() < (server.OLDEST,):
            version = connection.get_server_version().major
            raise Refusal(f"{name} is on PostgreSQL {version}: {server.OLDEST} or newer is needed")
        if connection.get_settings().server_encoding != "UTF8":
            raise Refusal(f"{name} does not hold UTF-8: create it with encoding 'UTF8' template template0")
        async with connection.transaction():
            await connection.execute(
                f"create table {MARK}(name text primary key, state text, rows bigint not null, mended bigint not null)"
            )
            await connection.execute(f"insert into {MARK} values('', $1, 0, 0)", _state(path))
        return False
    if await connection.fetchval(f"select state from {MARK} where name=''") != _state(path):
        raise Refusal(
            f"{path} is not what it was when moving it to {name} was begun: create that database anew, and begin again"
        )
    return True


async def move(file: Source, db: PgDb, connection: Any, progress: Progress) -> dict[str, Moved]:
    """Bring over what is not there yet, compare, and index. The target has its tables and the mark."""
    names = await whole.ordered(file, ANEW)
    tables = {name: await whole.columns_of(file, name) for name in names}
    mended: dict[str, int] = {}
    for name, (columns, key) in tables.items():
        mended[name] = await _copy(file, connection, name, columns, key, progress)
    moved = {}
    differ = []
    for name, (columns, _) in tables.items():
        ours = file.summed(name, columns)
        theirs = await _summed(connection, name, columns, 1 + SIZE * ours.rows // (file.texts.size + 1))
        if ours != theirs:
            differ.append(f"{name} ({ours.rows} rows in the file, {theirs.rows} in the database)")
        if ours.rows >= TOLD:
            progress(f"{name}: {ours.rows} rows compared")
        moved[name] = Moved(rows=ours.rows, mended=mended[name], checksum=ours.checksum())
    if differ:
        raise StorageError(f"not the same on both sides: {', '.join(differ)}; create {db.name} anew, and begin again")
    trace("compared")
    progress(f"{len(moved)} tables are the same on both sides; now the index for search")
    await _finish(db, connection)
    return moved


async def _copy(
    file: Source, connection: Any, name: str, columns: list[str], key: list[str], progress: Progress
) -> int:
    """The rest of one table; gives how many texts were mended in all."""
    row = await connection.fetchrow(f"select rows, mended from {MARK} where name=$1", name)
    done, before = (0, 0) if row is None else row
    (counted,) = await file.read(f"select count(*) as n from {name}")
    file.texts.mended, told = 0, done
    if row is None and name == "fact":  # the target had noted whose key fits it
        await connection.execute("delete from fact")
    for batch in file.batches(name, columns, key, done):
        done += len(batch)
        async with connection.transaction():
            await connection.copy_records_to_table(name, columns=columns, records=batch)
            await connection.execute(
                f"""insert into {MARK}(name, rows, mended) values($1,$2,$3)
                    on conflict(name) do update set rows=excluded.rows, mended=excluded.mended""",
                name, done, before + file.texts.mended,
            )  # fmt: skip
        trace(f"{name} {done}")
        if done - told >= TOLD or done == counted["n"]:
            progress(f"{name}: {done} of {counted['n']} rows")
            told = done
    return before + file.texts.mended


async def _summed(connection: Any, name: str, columns: list[str], page: int) -> _Sum:
    """`page`: rows that have about as much text as is read at a time."""
    summed = _Sum()
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(f"select {_listed(columns)} from {name}")
        while rows := await cursor.fetch(min(page, ROWS)):
            for row in rows:
                summed.add(tuple(row))
    return summed


async def _finish(db: PgDb, connection: Any) -> None:
    """All rows are there. What is left can be done again."""
    if not await connection.fetchval(f"select 1 from {MARK} where name='indexed'"):
        async with connection.transaction():
            await connection.execute("delete from indexed")  # the empty database was indexed
            await connection.execute(f"insert into {MARK} values('indexed', null, 0, 0)")
    trace("indexing")
    await indexing.renew(db)
    trace("indexed")
    await whole.number_on(db)
    await connection.execute("vacuum analyze", timeout=PATIENCE)
    trace("tidied")
    async with connection.transaction():
        await connection.execute("delete from memo where platform='' and key='check'")  # how the file was at night
        await connection.execute(f"drop table {MARK}")


def _listed(columns: list[str]) -> str:
    return ", ".join(f'"{one}"' for one in columns)


def trace(_stage: str) -> None:
    """Called between every two steps with the name of the point; tests kill the process here."""
