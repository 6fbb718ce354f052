"""The thin layer under every statement: what a database is to the rest, and the queue in front of its writer.

Shape after `Db` of mautrix-python's `async_db` and Synapse's storage engines: SQL is written by hand, portable between
SQLite (`storage.sqlite`) and PostgreSQL (`storage.postgres`); what is not portable is one of the few named fragments in
`Dialect`. Rows are read by name.

Why no timer in the group commit: while one commit waits for the disk, the next group queues up by itself; a timer only
adds its own delay (measured, see docs/architecture.md).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from core.errors import RondanError
from core.identity import Whose

T = TypeVar("T")
Args = Sequence[Any]
Step = tuple[str, Args]
"""A statement with its values."""


class StorageError(RondanError):
    """The database refused: nothing of the unit was kept."""


class Row(Protocol):
    """One row, read by column name or position."""

    def __getitem__(self, key: str | int, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def keys(self) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What is written differently on the two engines; everything else is the same text."""

    name: Literal["sqlite", "postgres"]
    key: str  # the type of a primary key that numbers itself
    clustered: str  # put behind a table whose rows live in the primary key
    claim: str  # put behind a select of rows that several processes want
    numbers: str  # stands where a table may: the numbers of one JSON list, each a `value`; it needs an alias
    texts: str  # the same for texts
    now: str  # microseconds since 1970 by the database's own clock, the same for all processes
    tables: str  # a statement that gives the `name` of every table
    columns: str  # one that gives of a table the `name` of every column, and as `pk` its position in the key, or 0


class Reader(Protocol):
    """What can be asked: the database as of the last commit, or a transaction's own view."""

    @property
    def dialect(self) -> Dialect: ...

    async def read(self, sql: str, *args: Any) -> list[Row]:
        """All rows of a select (in a transaction also of a statement with RETURNING)."""
        ...


class Tx(Reader, Protocol):
    """One transaction. A unit of work awaits nothing but this: it runs in the writer's thread, and others wait behind
    it.
    """

    whose: Whose

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
    """A database, open."""

    whose: Whose
    """Hashes accounts with the key of this database."""
    name: str
    """Where it is, as people may see it."""
    keys: Path
    """The file with the key of `whose`."""
    shared: bool
    """Whether other processes may write too."""
    doze: float
    """Seconds after which a loop looks again though nobody woke it: who else may write is not known to us."""
    append: Callable[[Sequence[str]], None] | None
    """Where lines go that units leave outside (`Tx.outside`); returns when they are on the disk. None: nowhere."""

    async def write(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run a unit of work in one transaction; returns after the commit. What it raises undoes it alone."""
        ...

    async def put(self, sql: str, row: Args, *then: Step) -> None:
        """One statement that stands alone, such as an event's row, or it and others that stand or fall with it; returns
        after it is durable. Those that wait at the same time share one commit, and what one of them breaks is not kept
        of any.
        """
        ...

    async def close(self) -> None: ...


BATCH = 2000  # most queued units that share one commit
ROWS = 128  # most queued rows that share one while no unit waits: who was told goes on while the next are written
TURN = 0.02  # seconds after which units are committed, and rows have their turn: bounds the time to an acknowledgement


Unit = Callable[[Tx], Awaitable[Any]]
Rows = list[tuple[str, list[Args]]]  # by statement, in the order in which they are done
Outcome = tuple[Any, Exception | None]
Waiting = list[asyncio.Future[Any]]


class Queue:
    """What waits for a commit: units of work, and rows that are only added, each with who waits for it.

    Rows and units are taken apart: rows are acknowledgements that a platform waits for, and a unit may take long.
    """

    def __init__(self) -> None:
        self._units: list[tuple[Unit, asyncio.Future[Any]]] = []
        self._rows: dict[tuple[str, ...], tuple[list[tuple[Args, ...]], Waiting]] = {}
        self._change = asyncio.Event()
        self._closed = False

    async def unit(self, work: Unit) -> Any:
        """Returns what the unit did, once it is committed."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.check_open()
        self._units.append((work, done))
        self._change.set()
        return await done

    async def row(self, sql: str, row: Args, *then: Step) -> None:
        """Returns once the row is durable, and with it what stands or falls with it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.check_open()
        texts = (sql, *(text for text, _ in then)) if then else (sql,)
        group = self._rows.get(texts)
        if group is None:
            group = self._rows[texts] = ([], [])
        group[0].append((row, *(args for _, args in then)) if then else (row,))
        group[1].append(done)
        self._change.set()
        await done

    def close(self) -> None:
        """Take nothing more; what is queued is still done."""
        self._closed = True
        self._change.set()

    def check_open(self) -> None:
        if self._closed:
            raise StorageError("the database is closed")

    async def some(self, *, rows: bool = True, units: bool = True) -> bool:
        """Wait until there is something of these; false when nothing more will come."""
        while not ((rows and self._rows) or (units and self._units)):
            if self._closed:
                return False
            self._change.clear()
            await self._change.wait()
        return True

    def take_rows(self) -> tuple[Rows, Waiting]:
        """The rows that share the next commit, and who waits for them in the same order."""
        left = ROWS if not self._units else sys.maxsize
        taken: Rows = []
        waiting: Waiting = []
        while self._rows and left:
            texts = next(iter(self._rows))
            rows, told = self._rows.pop(texts)
            if len(rows) > left:  # behind the other statements, so that each has its turn
                self._rows[texts] = (rows[left:], told[left:])
                rows, told = rows[:left], told[:left]
            taken += zip(texts, map(list, zip(*rows, strict=True)), strict=True)
            waiting += told
            left -= len(rows)
        return taken, waiting

    def take_units(self) -> list[tuple[Unit, asyncio.Future[Any]]]:
        """As many units as may share one commit."""
        taken, self._units = self._units[:BATCH], self._units[BATCH:]
        return taken

    def put_back(self, units: list[tuple[Unit, asyncio.Future[Any]]]) -> None:
        """These were not begun."""
        self._units = units + self._units


def settle(waiting: Iterable[asyncio.Future[Any]], outcomes: Iterable[Outcome]) -> None:
    """Tell those who wait, as far as there are outcomes."""
    for done, (result, failure) in zip(waiting, outcomes, strict=False):
        if done.done():  # the caller was cancelled; what was written stays written
            continue
        if failure is None:
            done.set_result(result)
        else:
            done.set_exception(failure)


def marks(count: int) -> str:
    """`?,?,?` for an IN list of `count` values."""
    return ",".join("?" * count)
