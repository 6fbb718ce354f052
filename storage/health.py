"""How a database file is, looked at from aside: whoever owns it, and also when it is damaged."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.times import micros, moment
from storage.db import Db, Reader, Row, StorageError
from storage.disk import read_only
from storage.fulltext import TABLES, words_of
from storage.memos import Memos
from storage.sqlite import SQLITE, SqliteDb

CHECK = "check"  # the memo that tells how the last check ended
COMPLAINTS = 5  # lines of a damaged file's report: the first tell enough


class Aside:
    """`Reader` over a file that may be another process's. Changes nothing. StorageError with what SQLite says.

    Each reading opens and closes a connection of its own, in its thread: who is cancelled leaves nothing half closed.
    """

    dialect = SQLITE

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self, sql: str, *args: Any) -> list[Row]:
        try:
            return await asyncio.to_thread(self._read, sql, args)
        except sqlite3.Error as error:
            raise StorageError(str(error)) from error

    def _read(self, sql: str, args: tuple[Any, ...]) -> list[Row]:
        with contextlib.closing(read_only(self._path)) as connection:
            connection.row_factory = sqlite3.Row
            return list(connection.execute(sql, args))


async def quick_check(path: Path) -> str | None:
    """What is wrong with a file, None if nothing. Takes about a second for each 500 MB; nobody waits for it."""
    try:
        rows = await Aside(path).read(f"pragma quick_check({COMPLAINTS})")
    except StorageError as error:
        return str(error)
    said = "; ".join(" ".join(str(row[0]).split()) for row in rows)
    return None if said == "ok" else said


async def note_check(db: Memos, found: str | None, now: datetime) -> None:
    """Write down when the file was checked, and what was wrong with it."""
    await db.put(CHECK, f"{now.isoformat()} {found or ''}".rstrip())


async def last_check(db: Reader) -> tuple[datetime, str] | None:
    """When the file was checked last, and what was wrong ("" if nothing); None before the first time."""
    rows = await db.read("select value from memo where platform='' and key=?", CHECK)
    if not rows:
        return None
    at, _, found = str(rows[0]["value"]).partition(" ")
    return datetime.fromisoformat(at), found


async def version(db: Reader) -> int:
    """The version of its tables."""
    return int((await db.read("select max(version) as version from schema_version"))[0]["version"] or 0)


async def optimize(db: Db) -> None:
    """Bring the index of words together, and a file's statistics up to date; a server sees to its own."""
    if isinstance(db, SqliteDb):
        await db.write(lambda tx: tx.run("pragma optimize"))
    for table in TABLES.values():
        await words_of(db, table).tidy(db)


async def newest(db: Reader) -> datetime | None:
    """When anything was last changed, by the clock of then."""
    rows = await db.read("select max(changed_at) as at from posting")
    return None if rows[0]["at"] is None else moment(rows[0]["at"])


@dataclass(frozen=True, slots=True)
class Count:
    """A number for `/metrics`, with the words that tell it apart."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


async def counts(db: Reader, now: datetime) -> list[Count]:
    """What stands in the rows: pieces and postings by state, how long lanes have waited, feeds, events not folded."""
    pieces = await db.read("select state, count(*) as n from piece group by state")
    found = [Count("rondan_pieces", (("state", row["state"]),), row["n"]) for row in pieces]
    for row in await db.read(
        """select p.platform, o.state, count(*) as n from posting o join place p on p.id=o.place_id
           group by p.platform, o.state"""
    ):
        labels = (("platform", row["platform"]), ("state", row["state"]))
        found.append(Count("rondan_postings", labels, row["n"]))
    for row in await db.read(
        """select p.platform, min(o.due_at) as due from place p
           left join posting o on o.place_id=p.id and o.due_at <= ? and p.paused is null group by p.platform""",
        micros(now),
    ):
        age = 0.0 if row["due"] is None else (now - moment(row["due"])).total_seconds()
        found.append(Count("rondan_lane_age_seconds", (("platform", row["platform"]),), age))
    feeds = await db.read(
        """select case when paused is not null then 'paused' when failures > 0 then 'failing' else 'ok' end as state,
             count(*) as n from source where kind='feed' group by 1"""
    )
    found += [Count("rondan_feeds", (("state", row["state"]),), row["n"]) for row in feeds]
    (row,) = await db.read("select (select count(*) from heard) as journal, (select count(*) from parked) as parked")
    found.append(Count("rondan_events_waiting", (("where", "journal"),), row["journal"]))
    found.append(Count("rondan_events_waiting", (("where", "parked"),), row["parked"]))
    return found


async def poll_overdue(db: Reader, now: datetime) -> float:
    """Seconds for which the feed that waits longest has been due."""
    (row,) = await db.read("select min(next_check_at) as due from source where kind='feed' and paused is null")
    return 0.0 if row["due"] is None else max(0.0, (now - moment(row["due"])).total_seconds())
