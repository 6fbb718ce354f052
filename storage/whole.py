"""Everything that is kept, row by row, to be written out and read in again elsewhere: a database without its engine.

What can be made again from the rest, or is of no use elsewhere, stays out. Comments that are held or hidden go without
their words, as in every export.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from core.errors import Refusal
from storage import fates
from storage.copies import doubt
from storage.db import Reader, StorageError, Tx, marks

STAYS = {
    "schema_version": "of the file",
    "fact": "of the file",
    "fate": "of the file",
    "memo": "of the machine",
    "model_day": "of the machine",
    "heard": "dealt with before an export",
    "parked": "of the minute",
    "indexed": "made again",
    "passage": "made again",
    "comment_day": "made again",
    "to_sort": "made again",
    "sorted": "made again",
    "piece_term": "made again",
    "term_count": "made again",
    "related": "made again",
    "passage_words": "made again",
    "comment_words": "made again",
    "process": "of the minute",
    "lease": "of the minute",
}
"""Tables that no export holds, and why."""
PASSING = {"doubted_at", "lease_until", "owner"}
"""Columns that are of the moment."""
PAGE = 5_000  # rows read, or written, at a time

Row = tuple[str, dict[str, Any]]
"""A table, and a row of it."""


async def head(db: Reader) -> dict[str, Any]:
    """What an import must agree with: the version of the tables, and which key people are hashed with."""
    (row,) = await db.read(
        """select (select max(version) from schema_version) as version,
             (select value from fact where name='key') as key"""
    )
    return {"schema": row["version"], "key": row["key"]}


async def dump(db: Reader) -> AsyncIterator[Row]:
    """Every row of a database that nobody writes to, table by table, in the order of its key."""
    for table in await ordered(db, STAYS):
        columns, key = await columns_of(db, table)
        columns = [one for one in columns if one not in PASSING]
        order = ", ".join(f'"{one}"' for one in key)
        said = ", ".join(_shown(table, one) for one in columns)
        after: list[Any] = []
        while True:
            where = f"where ({order}) > ({marks(len(key))})" if after else ""
            rows = await db.read(f'select {said} from "{table}" {where} order by {order} limit {PAGE}', *after)
            for row in rows:
                yield table, {one: row[one] for one in columns}
            if len(rows) < PAGE:
                break
            after = [rows[-1][one] for one in key]


def _shown(table: str, column: str) -> str:
    if (table, column) == ("comment", "text"):
        return "case when state in ('visible', 'featured') then text else '' end as text"
    return f'"{column}"'


async def load(tx: Tx, rows: Iterable[Row], now: datetime) -> dict[str, int]:
    """Fill an empty database; gives the number of rows by table. What is posted from now on is looked up first, since
    what was written out may have gone on. Refusal if something is there already, or a row does not fit.
    """
    known = {table: set((await columns_of(tx, table))[0]) - PASSING for table in await ordered(tx, STAYS)}
    for table in known.keys() - {"person"}:
        if await tx.one(f'select 1 as n from "{table}" limit 1'):
            raise Refusal("an export is read into an empty database only: set RONDAN_DATABASE to a new one")
    await tx.run("delete from person")  # those whose wishes were read at the start; the next one reads them again
    await fates.know_nothing(tx)
    counts: dict[str, int] = {}
    for (table, columns), group in groupby(rows, key=lambda one: (one[0], tuple(one[1]))):
        if table not in known or not set(columns) <= known[table]:
            raise Refusal(f"the export has a table {table[:60]!r} with columns that this Rondan does not know")
        names = ", ".join(f'"{one}"' for one in columns)
        sql = f'insert into "{table}"({names}) values({marks(len(columns))})'
        batch: list[list[Any]] = []
        for _, row in group:
            batch.append(list(row.values()))
            if len(batch) == PAGE:
                await _put(tx, sql, batch)
                counts[table], batch = counts.get(table, 0) + PAGE, []
        await _put(tx, sql, batch)
        counts[table] = counts.get(table, 0) + len(batch)
    await tx.run("delete from indexed")  # so all is indexed, at once or at the next start
    await tx.run("insert into to_sort(piece_id, due_at) select id, 0 from piece")
    await number_on(tx)
    await doubt(tx, now)
    return counts


async def _put(tx: Tx, sql: str, rows: Iterable[list[Any]]) -> None:
    try:
        await tx.many(sql, rows)
    except Exception as error:  # whatever the engine says of a row that does not fit
        raise StorageError(str(error)) from error


async def number_on(db: Reader) -> None:
    """Keys that number themselves go on behind those that came with their numbers; SQLite sees to it by itself."""
    if db.dialect.name == "sqlite":
        return
    rows = await db.read(
        """select table_name as name, column_name as key from information_schema.columns
           where table_schema=current_schema() and is_identity='YES'"""
    )
    for row in rows:
        table, key = row["name"], row["key"]
        await db.read(
            f"""select setval(pg_get_serial_sequence('{table}', '{key}'), coalesce(max({key}), 0) + 1, false)
                from {table}"""
        )


async def ordered(db: Reader, without: Collection[str]) -> list[str]:
    """All other tables, those that others refer to first."""
    names = {row["name"] for row in await db.read(db.dialect.tables)} - set(without)
    first = [one for one in ("source", "piece", "topic", "place", "posting") if one in names]
    return [*first, *sorted(names - set(first))]


async def columns_of(db: Reader, table: str) -> tuple[list[str], list[str]]:
    """All columns of a table, and those of its key in order."""
    rows = await db.read(db.dialect.columns, table)
    key = [row["name"] for row in sorted(rows, key=lambda row: int(row["pk"])) if row["pk"]]
    return [row["name"] for row in rows], key
