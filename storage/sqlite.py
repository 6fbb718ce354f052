"""`Db` on one SQLite file: one writer with group commit, readers of their own.

Why one writer: SQLite has one write lock, and before 3.51.3 two connections that write or checkpoint at the same
instant can corrupt a WAL file.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiosqlite
import structlog

from core.errors import RondanError
from core.identity import Whose, whose
from storage import keyfile
from storage.db import ROWS, TURN, Args, Dialect, Outcome, Queue, Row, Rows, Step, StorageError, Tx, Unit, settle

T = TypeVar("T")
log = structlog.get_logger()

SQLITE = Dialect(
    name="sqlite",
    key="integer primary key",
    clustered="without rowid",
    claim="",
    numbers="json_each(?)",
    texts="json_each(?)",
    now="cast((julianday('now') - 2440587.5) * 86400000000 as integer)",
    tables="select name from pragma_table_list where schema='main' and type='table' and name not like 'sqlite%'",
    columns="select name, pk from pragma_table_info(?) order by cid",
)


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


class _SqliteTx:
    """Statements of a unit, in the thread of the writer's connection: none of them waits for anything."""

    dialect = SQLITE

    def __init__(self, connection: sqlite3.Connection, hashed: Whose) -> None:
        self._connection = connection
        self.whose = hashed
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


class SqliteDb:
    """`Db` on one SQLite file through aiosqlite. Open with `await SqliteDb.open(path)`, close in a `finally`:
    aiosqlite's threads are not daemons, so a connection that is left open keeps the process alive.
    """

    dialect = SQLITE
    shared = False
    doze = 60.0

    def __init__(self, path: Path, keys: Path) -> None:
        self.path = path
        self.name = str(path)
        self.keys = keys
        self.whose: Whose  # set by `open`
        self.append: Callable[[Sequence[str]], None] | None = None
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._open: list[aiosqlite.Connection] = []
        self._queue = Queue()
        self._writer: asyncio.Task[None] | None = None
        self._connection: aiosqlite.Connection  # the writer's; set by `open`

    @classmethod
    async def open(cls, path: Path, keys: Path | None = None) -> SqliteDb:
        """Open or create the file. StorageError names the path when that can't be done. `keys`: the key's file."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unopened(path, error) from error
        self = cls(path, keys or keyfile.beside(path))
        try:
            # Readers' words are nobody else's business; -wal and -shm take the mode of the file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = await self._connect(f"file:{quote(str(path))}")
            await self._connection.executescript(PRAGMAS)
            for _ in range(READERS):
                self._readers.put_nowait(await self._connect(f"file:{quote(str(path))}?mode=ro"))
            self.whose = whose(await keyfile.key_of(self, self.keys))
        except (OSError, sqlite3.Error) as error:
            await self.close()
            raise _unopened(path, error) from error
        except RondanError:
            await self.close()
            raise
        self._writer = asyncio.create_task(self._write_groups(), name="database writer")
        return self

    async def _connect(self, uri: str) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(uri, uri=True, isolation_level=None, cached_statements=512)
        self._open.append(connection)
        connection.row_factory = sqlite3.Row
        await connection.create_function("whose", 2, lambda *account: self.whose(*account), deterministic=True)
        return connection

    async def close(self) -> None:
        """Write what is queued, then close every connection."""
        self._queue.close()
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
        outcome: T = await self._queue.unit(work)
        return outcome

    async def put(self, sql: str, row: Args, *then: Step) -> None:
        await self._queue.row(sql, row, *then)

    async def shrink_log(self) -> bool:
        """Write the log back into the file and empty it, so that it keeps nothing that was erased; false if readers
        were in the way.
        """
        self._queue.check_open()
        await self._connection.execute("pragma busy_timeout = 200")  # acknowledgements wait meanwhile
        try:
            rows = await self._connection.execute_fetchall("pragma wal_checkpoint(truncate)")
        finally:
            await self._connection.execute("pragma busy_timeout = 5000")
        return not next(iter(rows))[0]

    # --- the writer: everything that queued while the last commit ran goes into the next one ---

    async def _write_groups(self) -> None:
        while await self._queue.some():
            rows, waiting = self._queue.take_rows()
            if rows:  # before the units, which may take long
                settle(waiting, await self._in_thread(_put_all, rows) * len(waiting))
            units = self._queue.take_units()
            if units:
                outcomes = await self._in_thread(partial(_do_all, hashed=self.whose, append=self.append), units)
                self._queue.put_back(units[len(outcomes) :])
                settle([done for _, done in units], outcomes)

    async def _in_thread(self, work: Callable[[sqlite3.Connection, T], list[Outcome]], what: T) -> list[Outcome]:
        # One hop for a whole group. With a hop a statement, a loop that had much else to do held the transaction open
        # for seconds, in which nothing was acknowledged.
        connection = self._connection
        outcomes: list[Outcome] = await connection._execute(lambda: work(connection._conn, what))  # type: ignore[no-untyped-call]  # noqa: SLF001
        return outcomes


def _unopened(path: Path, error: OSError | sqlite3.Error) -> StorageError:
    """Why a file can't be opened, and what to do."""
    if isinstance(error, OSError):
        why, kind = error.strerror or str(error), MENDS.get(error.errno or 0)
    else:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what SQLite adds to tell more exactly
        why, kind = str(error), MENDS.get(_CODES.get(code, 0))
    return StorageError(f"can't open the database {path}: {why}. {kind or '`rondan doctor` says more.'}")


_CODES = {
    sqlite3.SQLITE_PERM: errno.EACCES, sqlite3.SQLITE_CANTOPEN: errno.EACCES, sqlite3.SQLITE_AUTH: errno.EACCES,
    sqlite3.SQLITE_READONLY: errno.EACCES, sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_NOTADB: errno.EBADMSG, sqlite3.SQLITE_CORRUPT: errno.EBADMSG,
    sqlite3.SQLITE_BUSY: errno.EBUSY, sqlite3.SQLITE_LOCKED: errno.EBUSY,
}  # fmt: skip
"""What SQLite says, by what the system says for the same."""
_NO_FOLDER = "A file stands where a folder should be: set RONDAN_DATABASE to a path in a folder."
MENDS = {
    errno.EACCES: "Whoever runs Rondan must own the file and its folder: `chown` both, and the files beside it.",
    errno.EPERM: "Whoever runs Rondan may not write there: set RONDAN_DATABASE to a folder of theirs.",
    errno.EROFS: "The disk is read-only: mount it for writing, or set RONDAN_DATABASE to another one.",
    errno.EISDIR: "It is a folder: set RONDAN_DATABASE to a file in it, such as rondan.db.",
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
    errno.ENOSPC: "The disk is full: make room, and start again.",
    errno.EDQUOT: "The disk is full for this user: make room, and start again.",
    errno.EIO: "The disk fails or is full: look at the system's log, then run `rondan doctor`.",
    errno.EBADMSG: "It is no SQLite database, or a damaged one: `rondan restore` brings a copy back.",
    errno.EBUSY: "Another program holds it: end that one.",
}


# --- in the writer's thread ---


_VALUES = re.compile(r"([^?]*\bvalues\s*)(\([?, ]+\))([^?]*)", re.DOTALL)


def _put_all(connection: sqlite3.Connection, rows: Rows) -> list[Outcome]:
    """All of these in one transaction. Rows that are inserted go many to a step: at each step this thread lets go of
    the interpreter, and afterwards waits for the loop to do so.
    """
    steps: list[Callable[[], object]] = []
    for sql, group in rows:
        match = _VALUES.fullmatch(sql)
        if match is None:
            steps.append(partial(connection.executemany, sql, group))
            continue
        for start in range(0, len(group), ROWS):
            some = group[start : start + ROWS]
            values = ",".join([match[2]] * len(some))
            text, args = f"{match[1]}{values}{match[3]}", [*chain.from_iterable(some)]
            steps.append(partial(connection.execute, text, args))
    try:
        if len(steps) == 1 and match is not None:  # its own transaction
            steps[0]()
        else:
            connection.execute("begin immediate")
            for step in steps:
                step()
            connection.execute("commit")
    except (sqlite3.Error, ValueError) as error:
        return [(None, _undone(connection, error))]
    return [(None, None)]


def _do_all(
    connection: sqlite3.Connection,
    units: Sequence[tuple[Unit, object]],
    hashed: Whose,
    append: Callable[[Sequence[str]], None] | None,
) -> list[Outcome]:
    """The units in one transaction, each in its own savepoint; when their time is up, only the first of them."""
    outcomes: list[Outcome] = []
    until = time.monotonic() + TURN
    tx = _SqliteTx(connection, hashed)
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


def _attempt(connection: sqlite3.Connection, tx: _SqliteTx, work: Unit) -> Outcome:
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
