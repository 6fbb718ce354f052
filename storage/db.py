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
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import aiosqlite
import structlog

from core.errors import RondanError
from core.identity import Whose, whose
from storage import keyfile

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
    """One transaction. A unit of work awaits nothing but this: it runs in the writer's thread, and others wait behind
    it.
    """

    async def run(self, sql: str, *args: Any) -> int:
        """Execute; gives the number of rows changed."""
        ...

    async def many(self, sql: str, rows: Iterable[Args]) -> None:
        """Execute once a row."""
        ...

    async def one(self, sql: str, *args: Any) -> Row | None:
        """The first row, or None."""
        ...

    def outside(self, line: str) -> None:
        """Have a line on the disk outside the database before this transaction is committed; else it fails."""
        ...


class Db(Reader, Protocol):
    """A database that this process owns. `whose` hashes accounts; statements call it by the same name."""

    dialect: Dialect
    whose: Whose
    append: Callable[[Sequence[str]], None] | None
    """Where lines go that units leave outside (`Tx.outside`); returns when they are on the disk. None: nowhere."""

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
BATCH = 2000  # most queued units that share one commit
TURN = 0.02  # seconds after which units are committed, and rows have their turn: bounds the time to an acknowledgement


class _SqliteTx:
    """Statements of a unit, in the thread of the writer's connection: none of them waits for anything."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.lines: list[str] = []

    def outside(self, line: str) -> None:
        self.lines.append(line)

    async def run(self, sql: str, *args: Any) -> int:
        before = self._connection.total_changes
        self._connection.execute(sql, args).fetchall()
        return self._connection.total_changes - before

    async def many(self, sql: str, rows: Iterable[Args]) -> None:
        self._connection.executemany(sql, rows)

    async def read(self, sql: str, *args: Any) -> list[Row]:
        return list(self._connection.execute(sql, args))

    async def one(self, sql: str, *args: Any) -> Row | None:
        found = await self.read(sql, *args)
        return found[0] if found else None


_Unit = Callable[[Tx], Awaitable[Any]]
_Rows = dict[str, tuple[list[Args], list[asyncio.Future[None]]]]  # by statement: rows, and who waits for each
_Outcome = tuple[Any, Exception | None]


class SqliteDb:
    """`Db` on one SQLite file through aiosqlite. Open with `await SqliteDb.open(path)`, close in a `finally`:
    aiosqlite's threads are not daemons, so a connection that is left open keeps the process alive.
    """

    dialect = SQLITE

    def __init__(self, path: Path, keys: Path) -> None:
        self.path = path
        self.keys = keys
        self.whose = whose(keyfile.key_in(keys))
        self.append: Callable[[Sequence[str]], None] | None = None
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._open: list[aiosqlite.Connection] = []
        self._units: list[tuple[_Unit, asyncio.Future[Any]]] = []
        self._rows: _Rows = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None
        self._connection: aiosqlite.Connection  # the writer's; set by `open`

    @classmethod
    async def open(cls, path: Path, keys: Path | None = None) -> SqliteDb:
        """Open or create the file. StorageError names the path when that can't be done. `keys`: the key's file."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"can't open the database {path}: {error}") from error
        self = cls(path, keys or keyfile.beside(path))
        try:
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
        await connection.create_function("whose", 2, self.whose, deterministic=True)
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

    async def shrink_log(self) -> bool:
        """Write the log back into the file and empty it, so that it keeps nothing that was erased; false if readers
        were in the way.
        """
        self._check_open()
        await self._connection.execute("pragma busy_timeout = 200")  # acknowledgements wait meanwhile
        try:
            rows = await self._connection.execute_fetchall("pragma wal_checkpoint(truncate)")
        finally:
            await self._connection.execute("pragma busy_timeout = 5000")
        return not next(iter(rows))[0]

    def _check_open(self) -> None:
        if self._closing:
            raise StorageError("the database is closed")

    # --- the writer: everything that queued while the last commit ran goes into the next one ---

    async def _write_groups(self) -> None:
        while True:
            if not self._units and not self._rows:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._rows:  # before the units, which may take long: a platform waits for the acknowledgement
                rows, self._rows = self._rows, {}
                waiting = [one for _, group_waiting in rows.values() for one in group_waiting]
                _settle(waiting, await self._in_thread(_add_all, rows))
            if self._units:
                units, self._units = self._units[:BATCH], self._units[BATCH:]
                outcomes = await self._in_thread(partial(_do_all, append=self.append), units)
                self._units = units[len(outcomes) :] + self._units
                _settle([done for _, done in units], outcomes)

    async def _in_thread(self, work: Callable[[sqlite3.Connection, T], list[_Outcome]], what: T) -> list[_Outcome]:
        # One hop for a whole group. With a hop a statement, a loop that had much else to do held the transaction open
        # for seconds, in which nothing was acknowledged.
        connection = self._connection
        outcomes: list[_Outcome] = await connection._execute(lambda: work(connection._conn, what))  # type: ignore[no-untyped-call]  # noqa: SLF001
        return outcomes


def _settle(waiting: Iterable[asyncio.Future[Any]], outcomes: Iterable[_Outcome]) -> None:
    """Tell those who wait, as far as there are outcomes."""
    for done, (result, failure) in zip(waiting, outcomes, strict=False):
        if done.done():  # the caller was cancelled; what was written stays written
            continue
        if failure is None:
            done.set_result(result)
        else:
            done.set_exception(failure)


# --- in the writer's thread ---


def _add_all(connection: sqlite3.Connection, rows: _Rows) -> list[_Outcome]:
    count = sum(len(group) for group, _ in rows.values())
    try:
        connection.execute("begin immediate")
        for sql, (group, _) in rows.items():
            connection.executemany(sql, group)
        connection.execute("commit")
    except (sqlite3.Error, ValueError) as error:
        return [(None, _undone(connection, error))] * count
    return [(None, None)] * count


def _do_all(
    connection: sqlite3.Connection,
    units: Sequence[tuple[_Unit, object]],
    append: Callable[[Sequence[str]], None] | None,
) -> list[_Outcome]:
    """The units in one transaction, each in its own savepoint; when their time is up, only the first of them."""
    outcomes: list[_Outcome] = []
    until = time.monotonic() + TURN
    tx = _SqliteTx(connection)
    try:
        connection.execute("begin immediate")
        for work, _ in units:
            outcomes.append(_attempt(connection, tx, work))
            if time.monotonic() > until:
                break
        if tx.lines and append is not None:
            append(tx.lines)
        connection.execute("commit")
    except (sqlite3.Error, ValueError, StorageError) as error:
        return [(None, _undone(connection, error))] * len(units)
    return outcomes


def _attempt(connection: sqlite3.Connection, tx: _SqliteTx, work: _Unit) -> _Outcome:
    """One unit; its failure leaves its neighbours alone."""
    connection.execute("savepoint unit")
    before = len(tx.lines)
    try:
        outcome = (_driven(work(tx)), None)
    except Exception as error:  # noqa: BLE001 - handed to the caller of `write`, who decides
        del tx.lines[before:]
        connection.execute("rollback to unit")
        connection.execute("release unit")
        return None, error
    connection.execute("release unit")
    return outcome


def _driven(unit: Awaitable[Any]) -> Any:
    """What a unit returns. It has nothing to wait for, so it runs to its end at once."""
    steps = unit.__await__()
    try:
        next(steps)
    except StopIteration as end:
        return end.value
    steps.close()
    raise RuntimeError("a unit of work must await nothing but its transaction")


def _undone(connection: sqlite3.Connection, error: Exception) -> StorageError:
    """Disk full, I/O error, a lock held by a foreign program: nothing of the group is kept, everyone is told."""
    log.error("database.commit-failed", error=str(error))
    if connection.in_transaction:
        try:
            connection.execute("rollback")
        except sqlite3.Error as unable:
            log.error("database.rollback-failed", error=str(unable))
    return StorageError(f"the database could not keep this: {error}")


def marks(count: int) -> str:
    """`?,?,?` for an IN list of `count` values."""
    return ",".join("?" * count)
