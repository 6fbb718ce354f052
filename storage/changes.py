"""A SQLite database that counts what changes in it, so that what was read of it is known to hold still.

Only where one process writes (`Db.shared`). What a platform's or feed's loop writes to keep its own place does not
count, or nothing would ever hold while a piece goes out: no answer speaks of it but by the address of a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import override

from storage.db import Args, Db, Dialect, Row, Step, StorageError, Tx
from storage.sqlite import SqliteDb

T = TypeVar("T")

_QUIET = re.compile(
    r"""\s*(?:select|pragma
        |(?:insert\s+into|delete\s+from|update)\s+(?:posting|leaf|anchor|heard|parked|watermark|memo|lease|process|item)\b
        |update\s+place\s+set\s+(?:due_at|lease_until)=  # a place's row is its lane too
        |update\s+source\s+set\s+(?:etag|next_check_at|failures)=)""",  # and a feed's row its next poll
    re.VERBOSE,
)


@lru_cache(512)
def counts(sql: str) -> bool:
    """Whether a statement changes what answers are made of. What is not known to be quiet does."""
    return _QUIET.match(sql) is None


class CountingDb(SqliteDb):
    """`changes` is another number after each commit that an answer might show. It is counted after the commit: who
    takes the number and then reads has read that much or more.
    """

    def __init__(self, path: Path, keys: Path) -> None:
        super().__init__(path, keys)
        self.changes: int = 0
        self._left: set[asyncio.Task[None]] = set()

    @override
    async def write(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        changed = False

        async def unit(tx: Tx) -> T:
            nonlocal changed
            noting = _Noting(tx)
            try:
                return await work(noting)
            finally:
                changed = noting.changed

        with self._counted(lambda: changed):
            return await super().write(unit)

    @override
    def put(self, sql: str, row: Args, *then: Step) -> Coroutine[Any, Any, None]:
        changes = counts(sql) or any(counts(text) for text, _ in then)
        return self._put_counted(sql, row, *then) if changes else super().put(sql, row, *then)

    async def _put_counted(self, sql: str, row: Args, *then: Step) -> None:
        with self._counted(lambda: True):
            await super().put(sql, row, *then)

    @contextlib.contextmanager
    def _counted(self, changed: Callable[[], bool]) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            # It is in the line all the same, and may be done later.
            task = asyncio.create_task(self._behind(), name="count of changes")
            self._left.add(task)
            task.add_done_callback(self._left.discard)
            raise
        finally:
            self.changes += changed()

    async def _behind(self) -> None:
        """Count once more when all that is in the line now is done."""
        with contextlib.suppress(StorageError):  # closed: nobody reads any more
            await super().write(_nothing)
        self.changes += 1


def changes_of(db: Db) -> int | None:
    """Another number after each change that answers may show; None where that is not known: others may write too."""
    return db.changes if isinstance(db, CountingDb) else None


async def _nothing(_: Tx) -> None:
    pass


class _Noting(Tx):
    """A transaction that notes whether anything that counts was changed in it."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.whose = tx.whose
        self.changed = False

    @property
    @override
    def dialect(self) -> Dialect:
        return self._tx.dialect

    @override
    def outside(self, line: str) -> None:
        self._tx.outside(line)

    @override
    def run(self, sql: str, *args: Any) -> Coroutine[Any, Any, int]:
        self.changed = self.changed or counts(sql)
        return self._tx.run(sql, *args)

    @override
    def many(self, sql: str, rows: Iterable[Args]) -> Coroutine[Any, Any, None]:
        self.changed = self.changed or counts(sql)
        return self._tx.many(sql, rows)

    @override
    def read(self, sql: str, *args: Any) -> Coroutine[Any, Any, list[Row]]:
        self.changed = self.changed or counts(sql)
        return self._tx.read(sql, *args)

    @override
    def one(self, sql: str, *args: Any) -> Coroutine[Any, Any, Row | None]:
        self.changed = self.changed or counts(sql)
        return self._tx.one(sql, *args)
