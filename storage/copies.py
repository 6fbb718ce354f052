"""Copies of the database: made while it is in use, checked before they have a name; and what a restored one doubts."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import datetime
from pathlib import Path

from core.times import DAY, micros
from storage.db import Db, StorageError, Tx
from storage.disk import read_only, sync

DOUBTED = 30 * DAY  # as long as files that are brought in may be those that were brought in before; feeds are read soon
PATIENCE = 10.0  # seconds that a copy waits for a lock
TRIES = 3  # copies made until one agrees with what is there: rows come and go meanwhile

Rows = dict[str, int]
"""How many rows each table has."""


def copy_verified(path: Path, target: Path) -> Rows:
    """A compact copy of an SQLite file (0600), checked, compared, synced and renamed into place. StorageError if it
    can't be made, or is not sound: then there is none. Blocks: a second or two for half a gigabyte.
    """
    unfinished = target.with_name(target.name + ".unfinished")
    try:
        for _ in range(TRIES):
            before = rows_of(path)
            _copy(path, unfinished)
            copied = verify(unfinished)
            after = rows_of(path)
            if copied.keys() == before.keys() and all(
                min(before[name], after[name]) <= n <= max(before[name], after[name]) for name, n in copied.items()
            ):
                break
        else:
            raise StorageError(f"the copy of {path} has other rows than the database: it was not kept")
        sync(unfinished)
        unfinished.rename(target)
        sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"can't copy {path} to {target}: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return copied


def _copy(path: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))  # before a word is in it
    with contextlib.closing(read_only(path, PATIENCE)) as source:
        source.execute("vacuum into ?", (str(target),))


def verify(path: Path) -> Rows:
    """The rows of a file that is sound. StorageError if it is damaged, or is no database of Rondan."""
    try:
        with contextlib.closing(read_only(path, PATIENCE)) as file:
            (verdict,) = file.execute("pragma quick_check(1)").fetchone()
            found = _rows(file)
    except sqlite3.Error as error:
        raise StorageError(f"{path} is damaged ({error})") from error
    if verdict != "ok":
        raise StorageError(f"{path} is damaged ({verdict})")
    if "schema_version" not in found:
        raise StorageError(f"{path} is no database of Rondan")
    return found


def rows_of(path: Path) -> Rows:
    """How many rows each table has, those of the engine's own left out."""
    with contextlib.closing(read_only(path, PATIENCE)) as file:
        return _rows(file)


def _rows(file: sqlite3.Connection) -> Rows:
    names = [name for (name,) in file.execute(TABLES)]
    return {name: file.execute(f'select count(*) from "{name}"').fetchone()[0] for name in names}


TABLES = "select name from pragma_table_list where schema='main' and type='table' and name not like 'sqlite%'"


async def doubt(tx: Tx, now: datetime) -> None:
    """What this database says stands nowhere may stand in the chats: it was copied, and others went on without it.

    So whatever is posted from now on is looked up first, from the newest time that the copy knows of: what it has not
    sent by then, what sources show as new, and pieces at places that are new to them. Digests whose time came meanwhile
    are not made again.
    """
    newest = await tx.one(
        """select max(at) as at from (select max(checked_at) as at from source union all
             select max(found_at) from piece union all select max(changed_at) from posting union all
             select max(created_at) from source union all select max(created_at) from place) as times"""
    )
    assert newest is not None
    since = newest["at"] or 0
    await tx.many(
        "insert into fact(name, value) values(?,?) on conflict(name) do update set value=excluded.value",
        [("doubted", str(since)), ("restored", str(micros(now)))],  # for sources that it does not know, or not any more
    )
    await tx.run("update source set doubted_at=?", since)
    await tx.run("update piece set doubted_at=?", since)
    await tx.run(
        """update posting set doubted_at=? where state not in ('done', 'withdrawn', 'skipped')
             or not exists(select 1 from leaf where posting_id=posting.id and ref is not null)""",
        since,
    )
    await tx.run(
        "update leaf set doing='send', doing_since=?, doing_digest=null, misses=0 where ref is null and doing is null",
        since,
    )
    await tx.run("update schedule set upto=? where upto < ?", micros(now), micros(now))


async def believe(db: Db, now: datetime) -> None:
    """What sources show as new some weeks after a copy was brought back is new."""
    rows = await db.read("select value from fact where name='restored'")
    if rows and int(rows[0]["value"]) < micros(now) - DOUBTED:

        async def work(tx: Tx) -> None:
            await tx.run("update source set doubted_at=null")
            await tx.run("delete from fact where name in ('doubted', 'restored')")

        await db.write(work)
