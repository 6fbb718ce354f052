"""What is asked again and again finds its rows by an index: no statement looks at all that there is of what grows."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from core.chat import Cleared, Removed
from storage import digests
from storage.db import Db, Reader, Row
from storage.sqlite import SqliteDb
from tests.conftest import found, on_sqlite
from tests.newsroom import Newsroom

# Looked at from end to end, and small: what a statement gave itself, and tables of which there are few or one row.
SMALL = ("v", "CONSTANT", "json_each", "lane", "found", "place", "p", "moved", "m", "parked", "fate", "source",
         "hold_rule", "topic", "schedule", "fact", "indexed", "heard")  # fmt: skip


def scans(connection: sqlite3.Connection, statements: list[str]) -> set[tuple[str, str]]:
    """(what is looked at from end to end, the statement) of all that were said."""
    seen = set()
    for sql in dict.fromkeys(statements):
        if sql.split(" ", 1)[0].lower() not in ("select", "update", "delete", "insert"):
            continue
        for row in connection.execute(f"explain query plan {sql}"):
            what, *names = str(row[3]).split(" ")
            if what == "SCAN" and names[0] not in SMALL and not names[0].isdigit():
                seen.add((str(row[3]), " ".join(sql.split())[:160]))
    return seen


@on_sqlite
async def test_nothing_that_is_heard_or_posted_is_looked_for_among_everything(room: Newsroom) -> None:
    assert isinstance(room.db, SqliteDb)
    said: list[str] = []
    await room.db._connection.set_trace_callback(said.append)
    try:
        piece = await room.publish(found())
        card = await room.anchor(piece)
        for n in range(30):
            await room.react(f"p{n}", card, "👍")
            await room.say(f"p{n}", card, f"Words {n}", name=f"c{n}")
            await room.react(f"p{n}", "c0", "👎")
        await room.ears.fold_all()
        await room.react("p1", card, "👍", added=False)
        now = room.clock.move(seconds=1)
        await room.ears.keep(Removed(platform="web", channel="general", anchors=("c3",), at=now))
        await room.ears.keep(Cleared(platform="web", channel="general", anchor=card, at=now))
        await room.ears.fold_all()
        await room.publish(found(text="It runs more often now."))
    finally:
        await room.db._connection.set_trace_callback(None)  # type: ignore[arg-type] # as sqlite3 has it
    assert len(said) > 100
    with contextlib.closing(sqlite3.connect(room.db.path)) as connection:
        assert scans(connection, said) == set()


@on_sqlite
@pytest.mark.parametrize("topic", [None, 1])
async def test_what_changed_in_a_window_is_not_looked_for_among_all_pieces(topic: int | None, db: Db) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []

    class Recorded:
        async def read(self, sql: str, *args: object) -> list[Row]:
            asked.append((sql, args))
            return await db.read(sql, *args)

    start = datetime(2026, 11, 1, tzinfo=UTC)
    await digests.changes(cast("Reader", Recorded()), start, start + timedelta(days=1), topic)
    plans = [[str(row[3]) for row in await db.read(f"explain query plan {sql}", *args)] for sql, args in asked]
    edited, withdrawn = (" / ".join(plan) for plan in plans)
    assert "SEARCH p USING INTEGER PRIMARY KEY" in edited
    assert "SEARCH p USING INDEX piece_published (state=?)" in withdrawn
