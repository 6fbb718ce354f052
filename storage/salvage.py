"""What can still be read of a damaged file, brought into a whole one.

A damaged page makes every statement fail that touches it, so a table is read by ranges of its key, and a range that
fails is halved until only the rows of that page are missing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.copies import TABLES, doubt
from storage.db import StorageError, Tx, marks
from storage.disk import read_only
from storage.whole import STAYS

SPAN = 20_000  # keys asked for at a time
END = 3  # spans without any row after which a table whose end can't be read is taken to be over
MADE_AGAIN = {name for name, why in STAYS.items() if why in ("made again", "of the file")}

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """Of one table: rows that were read, and rows that are lost (None: nobody knows how many there were)."""

    rows: int
    lost: int | None


def salvage(damaged: Path, new: Path) -> dict[str, Saved]:
    """Fill a new, empty database of today's tables from a damaged file, which is only read. StorageError if not even
    its list of tables can be read.
    """
    found: dict[str, Saved] = {}
    with closing(read_only(damaged)) as source, closing(sqlite3.connect(new)) as target:
        source.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            source.execute("select count(*) from sqlite_schema").fetchone()
        except sqlite3.DatabaseError as error:
            raise StorageError(f"nothing can be read of {damaged} ({error})") from error
        for (table,) in target.execute(TABLES).fetchall():
            if table not in MADE_AGAIN:
                found[table] = _table(source, target, table)
                target.commit()
    return found


def _table(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> Saved:
    ours = target.execute("select name, pk, type from pragma_table_info(?)", (table,)).fetchall()
    try:
        theirs = {name for (name,) in source.execute("select name from pragma_table_info(?)", (table,))}
    except sqlite3.DatabaseError:
        theirs = set()
    columns = [name for name, _, _ in ours if name in theirs]
    if not columns:
        return Saved(rows=0, lost=None)
    key = next((name, kind) for name, pk, kind in ours if pk == 1) if any(pk for _, pk, _ in ours) else ("rowid", "int")
    names = ", ".join(f'"{one}"' for one in columns)
    by_number = "int" in key[1].lower()
    read = _by_ranges(source, table, names, key[0]) if by_number else _from_both_ends(source, table, names, key[0])
    insert = f'insert or ignore into "{table}"({names}) values({marks(len(columns))})'
    for rows in read:
        target.executemany(insert, rows)
    (saved,) = target.execute(f'select count(*) from "{table}"').fetchone()
    return Saved(rows=saved, lost=_lost(source, table, saved))


def _lost(source: sqlite3.Connection, table: str, saved: int) -> int | None:
    try:
        (there,) = source.execute(f'select count(*) from "{table}"').fetchone()  # an index that is whole knows
    except sqlite3.DatabaseError:
        return None
    return max(0, int(there) - saved)


def _by_ranges(source: sqlite3.Connection, table: str, names: str, key: str) -> Iterator[list[Row]]:
    try:
        first, last = source.execute(f'select min("{key}"), max("{key}") from "{table}"').fetchone()
    except sqlite3.DatabaseError:
        first, last = 0, None
    if first is None:
        return
    sql = f'select {names} from "{table}" where "{key}" between ? and ?'
    empty, at = 0, first
    while at <= last if last is not None else empty < END:
        count = 0
        todo = [(at, at + SPAN - 1)]
        while todo:
            low, high = todo.pop()
            try:
                rows = source.execute(sql, (low, high)).fetchall()
            except sqlite3.DatabaseError:
                if low < high:
                    middle = (low + high) // 2
                    todo += [(middle + 1, high), (low, middle)]
                continue
            if rows:
                count += len(rows)
                yield rows
        empty = 0 if count else empty + 1
        at += SPAN


def _from_both_ends(source: sqlite3.Connection, table: str, names: str, key: str) -> Iterator[list[Row]]:
    """Of a table whose key is text: what stands before the first damage, and behind the last."""
    for order in ("", " desc"):
        rows: list[Row] = []
        try:
            for row in source.execute(f'select {names} from "{table}" order by "{key}"{order}'):
                rows.append(row)  # noqa: PERF402 - what came before the error counts
        except sqlite3.DatabaseError:
            yield rows
            continue
        yield rows
        return


async def mend(tx: Tx, now: datetime) -> None:
    """After `salvage`: what is lost may stand in the chats from any time on, so everything is looked up before it is
    posted; what was seen of sources is told from the pieces there are; the index is made again.
    """
    await doubt(tx, now)
    await tx.run("update fact set value='1' where name='doubted'")
    await tx.run("update source set doubted_at=created_at")
    await tx.run("update piece set doubted_at=found_at")
    await tx.run("update posting set doubted_at=created_at where doubted_at is not null")
    await tx.run(
        """insert into item(source_id, identity, fingerprint, piece_id, seen_at)
           select source_id, 'link:' || link_key, '0:', id, found_at from piece where link_key is not null
           on conflict do nothing"""
    )
    await tx.run("delete from indexed")
    await tx.run("delete from to_sort")
    await tx.run("insert into to_sort(piece_id, due_at) select id, 0 from piece")
