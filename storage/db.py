"""The thin layer under every statement: one writer with group commit, read-only readers, two dialects.

Shape after `Db` of mautrix-python's `async_db` and Synapse's storage engines: SQL is written by hand, portable between
SQLite and PostgreSQL; what is not portable is one of the few named fragments in `Dialect`. Rows are read by name.

Why one writer: SQLite has one write lock, and before 3.51.3 two connections that write or checkpoint at the same
instant can corrupt a WAL file. Why no timer in the group commit: while one commit waits for the disk, the next group
queues up by itself; a timer only adds its own delay (measured, see docs/architecture.md).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import aiosqlite
import structlog

from core.errors import RondanError

T = TypeVar("T")
Args = Sequence[Any]
log = structlog.get_logger()


class StorageError(RondanError):
    """The database refused: nothing of the unit was kept."""


class Row(Protocol):
    """One row, read by column name or position."""

    def __getitem__(self, key: str | int, /) -> Any: ...
    def keys(self) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What is written differently on the two engines; everything else is the same text."""

    name: str
    key: str  # the type of a primary key that numbers itself
    clustered: str  # put behind a table whose rows live in the primary key
    claim: str  # put behind a select of rows that several processes want


SQLITE = Dialect(name="sqlite", key="integer primary key", clustered="without rowid", claim="")


class Reader(Protocol):
    """What can be asked: the database as of the last commit, or a transaction's own view."""

    async def read(self, sql: str, *args: Any) -> list[Row]:
        """All rows of a select (in a transaction also of a statement with RETURNING)."""
        ...


class Tx(Reader, Protocol):
    """One transaction. A unit of work awaits nothing but this: others wait behind it."""

    async def run(self, sql: str, *args: Any) -> int:
        """Execute; gives the number of rows changed."""
        ...

    async def many(self, sql: str, rows: Iterable[Args]) -> None:
        """Execute once a row."""
        ...

    async def one(self, sql: str, *args: Any) -> Row | None:
        """The first row, or None."""
        ...


class Db(Reader, Protocol):
    """A database that this process owns."""

    dialect: Dialect

    async def write(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run a unit of work in one transaction; returns after the commit. What it raises undoes it alone."""
        ...

    async def add(self, sql: str, row: Args) -> None:
        """Insert one row; returns after it is durable. Rows that wait at the same time share one commit."""
        ...

    async def close(self) -> None: ...


PRAGMAS = """
pragma journal_mode = wal;
pragma synchronous = full;
pragma busy_timeout = 5000;
pragma foreign_keys = on;
pragma cache_size = -65536;
pragma temp_store = memory;
pragma secure_delete = on;
pragma journal_size_limit = 67108864;
"""
READERS = 2
BATCH = 2000  # most queued units and rows that share one commit: bounds the time to an acknowledgement


class _SqliteTx:
    """Statements on the writer's connection; one hop to its thread each."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def run(self, sql: str, *args: Any) -> int:
        # A cursor's `rowcount` would cost a second hop, to close it; nobody else writes on this connection.
        before = self._connection.total_changes
        await self._connection.execute_fetchall(sql, args)
        return self._connection.total_changes - before

    async def many(self, sql: str, rows: Iterable[Args]) -> None:
        async with self._connection.executemany(sql, rows):
            return

    async def read(self, sql: str, *args: Any) -> list[Row]:
        return list(await self._connection.execute_fetchall(sql, args))

    async def one(self, sql: str, *args: Any) -> Row | None:
        found = await self.read(sql, *args)
        return found[0] if found else None


_Unit = Callable[[Tx], Awaitable[Any]]


class SqliteDb:
    """`Db` on one SQLite file through aiosqlite. Open with `await SqliteDb.open(path)`, close in a `finally`:
    aiosqlite's threads are not daemons, so a connection that is left open keeps the process alive.
    """

    dialect = SQLITE

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._open: list[aiosqlite.Connection] = []
        self._units: list[tuple[_Unit, asyncio.Future[Any]]] = []
        self._rows: dict[str, tuple[list[Args], list[asyncio.Future[None]]]] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None
        self._connection: aiosqlite.Connection  # the writer's; set by `open`

    @classmethod
    async def open(cls, path: Path) -> SqliteDb:
        """Open or create the file. StorageError names the path when that can't be done."""
        self = cls(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Readers' words are nobody else's business; -wal and -shm take the mode of the file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = await self._connect(f"file:{quote(str(path))}")
            await self._connection.executescript(PRAGMAS)
            for _ in range(READERS):
                self._readers.put_nowait(await self._connect(f"file:{quote(str(path))}?mode=ro"))
        except (OSError, sqlite3.Error) as error:
            await self.close()
            raise StorageError(f"can't open the database {path}: {error}") from error
        self._writer = asyncio.create_task(self._write_groups(), name="database writer")
        return self

    async def _connect(self, uri: str) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(uri, uri=True, isolation_level=None)
        self._open.append(connection)
        connection.row_factory = sqlite3.Row
        return connection

    async def close(self) -> None:
        """Write what is queued, then close every connection."""
        self._closing = True
        self._wake.set()
        if self._writer:
            await self._writer
        for connection in reversed(self._open):
            await connection.close()
        self._open.clear()

    async def read(self, sql: str, *args: Any) -> list[Row]:
        connection = await self._readers.get()
        try:
            return list(await connection.execute_fetchall(sql, args))
        finally:
            self._readers.put_nowait(connection)

    async def write(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._check_open()
        self._units.append((work, done))
        self._wake.set()
        return await done

    async def add(self, sql: str, row: Args) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._check_open()
        group = self._rows.get(sql)
        if group is None:
            group = self._rows[sql] = ([], [])
        group[0].append(row)
        group[1].append(done)
        self._wake.set()
        await done

    def _check_open(self) -> None:
        if self._closing:
            raise StorageError("the database is closed")

    # --- the writer: everything that queued while the last commit ran goes into the next one ---

    async def _write_groups(self) -> None:
        tx = _SqliteTx(self._connection)
        while True:
            if not self._units and not self._rows:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            units, self._units = self._units[:BATCH], self._units[BATCH:]
            rows, self._rows = self._rows, {}
            await self._write_group(tx, units, rows)

    async def _write_group(
        self,
        tx: _SqliteTx,
        units: list[tuple[_Unit, asyncio.Future[Any]]],
        rows: dict[str, tuple[list[Args], list[asyncio.Future[None]]]],
    ) -> None:
        settled: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        try:
            await tx.run("begin immediate")
            for sql, (group, waiting) in rows.items():
                await tx.many(sql, group)
                settled += [(one, None, None) for one in waiting]
            for work, done in units:
                settled.append((done, *await self._attempt(tx, work)))
            await tx.run("commit")
        except (sqlite3.Error, ValueError) as error:
            # Disk full, I/O error, a lock held by a foreign program: nothing of the group is kept, everyone is told.
            log.error("database.commit-failed", error=str(error))
            await self._undo(tx)
            failed = StorageError(f"the database could not keep this: {error}")
            waiting_all = [one for _, group_waiting in rows.values() for one in group_waiting]
            settled = [(one, None, failed) for one in waiting_all + [done for _, done in units]]
        for done, result, failure in settled:
            if done.done():  # the caller was cancelled; what was written stays written
                continue
            if failure is None:
                done.set_result(result)
            else:
                done.set_exception(failure)

    async def _attempt(self, tx: _SqliteTx, work: _Unit) -> tuple[Any, BaseException | None]:
        """One unit in its own savepoint, so that its failure leaves its neighbours alone."""
        await tx.run("savepoint unit")
        try:
            result = await work(tx)
        except Exception as error:  # noqa: BLE001 - handed to the caller of `write`, who decides
            await tx.run("rollback to unit")
            await tx.run("release unit")
            return None, error
        await tx.run("release unit")
        return result, None

    async def _undo(self, tx: _SqliteTx) -> None:
        if self._connection.in_transaction:
            try:
                await tx.run("rollback")
            except sqlite3.Error as error:
                log.error("database.rollback-failed", error=str(error))


def marks(count: int) -> str:
    """`?,?,?` for an IN list of `count` values."""
    return ",".join("?" * count)
