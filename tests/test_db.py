"""The thin layer: group commit, isolation of units, migrations, verified copies."""

from __future__ import annotations

import asyncio
import errno
import re
import sqlite3
import time
from pathlib import Path

import asyncpg
import pytest

from core.errors import ConfigError
from storage import schema, sqlite, tables
from storage.db import ROWS, Args, Db, Queue, StorageError, Tx
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, on_sqlite

INSERT = "insert into memo(platform, key, value) values('test', ?, ?)"


async def test_rows_added_at_once_are_all_kept_and_readable_after_their_await(db: Db) -> None:
    await asyncio.gather(*(db.put(INSERT, (f"k{n}", "v")) for n in range(500)))
    rows = await db.read("select count(*) as n from memo")
    assert rows[0]["n"] == 500


async def test_a_unit_that_fails_is_undone_alone(db: Db) -> None:
    async def good(tx: Tx) -> int:
        return await tx.run(INSERT, "good", "1")

    async def bad(tx: Tx) -> None:
        await tx.run(INSERT, "bad", "1")
        raise LookupError("no")

    results = await asyncio.gather(db.write(good), db.write(bad), db.write(good_named("other")), return_exceptions=True)
    assert results[0] == 1
    assert isinstance(results[1], LookupError)
    keys = [row["key"] for row in await db.read("select key from memo order by key")]
    assert keys == ["good", "other"]


def good_named(name: str):  # type: ignore[no-untyped-def]
    async def work(tx: Tx) -> None:
        await tx.run(INSERT, name, "1")

    return work


async def test_a_row_that_breaks_a_rule_is_told_to_everyone_of_its_group_and_nothing_is_half_kept(db: Db) -> None:
    await db.put(INSERT, ("k", "v"))
    results = await asyncio.gather(db.put(INSERT, ("k", "again")), db.put(INSERT, ("new", "v")), return_exceptions=True)
    assert all(isinstance(one, StorageError) for one in results)
    assert [row["key"] for row in await db.read("select key from memo")] == ["k"]
    await db.put(INSERT, ("later", "v"))  # the writer goes on


async def test_changes_of_one_statement_are_kept_together_or_not_at_all(db: Db) -> None:
    await asyncio.gather(*(db.put(INSERT, (key, "v")) for key in "ab"))
    rename = "update memo set key=? where key=?"
    results = await asyncio.gather(*(db.put(rename, ("c", key)) for key in "ab"), return_exceptions=True)
    assert all(isinstance(one, StorageError) for one in results)
    assert [row["key"] for row in await db.read("select key from memo order by key")] == ["a", "b"]
    await asyncio.gather(*(db.put(rename, (f"new {key}", key)) for key in "ab"))
    assert [row["key"] for row in await db.read("select key from memo order by key")] == ["new a", "new b"]


async def test_statements_that_belong_together_are_done_in_their_order_and_kept_together_or_not_at_all(db: Db) -> None:
    rename = "update memo set key=? where key=?"
    both = [db.put(INSERT, (f"{n}", "v"), (rename, (f"new {n}", f"{n}"))) for n in range(50)]
    alone = [db.put(rename, ("never", f"{n}")) for n in range(50)]
    await asyncio.gather(*both, *alone)
    assert len(await db.read("select key from memo where key like 'new %'")) == 50
    with pytest.raises(StorageError):
        await db.put(INSERT, ("kept", "v"), (rename, ("new 1", "kept")))
    assert await db.read("select key from memo where key='kept'") == []


PLAIN = "insert into memo(platform, key, value) values(?,?,?)"
UPSERT = f"{PLAIN} on conflict(platform, key) do update set value=memo.value || excluded.value"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (PLAIN, [("test", "e", "1"), ("test", "f", "2")]),
        (f"{PLAIN} on conflict do nothing", [("test", "a", "1"), ("test", "f", "2"), ("test", "f", "3")]),
        (
            f"{PLAIN} on conflict(platform, key) do nothing",
            [("test", "a", "1"), ("test", "f", "2"), ("test", "f", "3")],
        ),
        (UPSERT, [("test", "a", "1"), ("test", "b", "2"), ("test", "new", "3")]),
        (UPSERT, [("test", "a", "1"), ("test", "a", "2"), ("test", "new", "3"), ("test", "new", "4")]),
        (
            f"{PLAIN} on conflict(platform, key) do update set value=?",
            [("test", "a", "1", "2"), ("test", "b", "3", "4"), ("test", "new", "5", "6")],
        ),
        ("update memo set value=? where key=?", [("1", "a"), ("2", "b"), ("3", "nobody")]),
        ("update memo set value=value || ? where key=?", [("1", "a"), ("2", "a"), ("3", "b")]),
        ("update memo set value=?2 where key=?1 and platform is not null", [("a", "1"), ("b", "2")]),
        ("update memo set value=?2 where key=?1 and value is null", [("a", "1"), ("b", "2")]),
        (
            "update memo set value=?, platform=? where platform=? and key=?",
            [("1", "x", "test", "a"), ("2", "y", "test", "a")],
        ),
        ("update memo set key=? where key=?", [("z", "a"), ("a", "b"), ("b", "c")]),
        (
            "update memo set value=(select f.value from fact f where f.name=memo.key) where key=? and platform=?",
            [("a", "test"), ("b", "test")],
        ),
        ("delete from memo where key=?", [("a",), ("c",)]),
    ],
)
async def test_a_statement_for_many_rows_does_what_it_does_row_by_row(db: Db, sql: str, rows: list[Args]) -> None:
    async def after(tx: Tx, *, together: bool) -> list[tuple[str, ...]]:
        await tx.run("delete from memo")
        await tx.run("delete from fact where name in ('a', 'b')")
        await tx.many("insert into fact(name, value) values(?,?)", [("a", "A"), ("b", "B")])
        for key in "abcd":
            await tx.run(INSERT, key, f"old {key}")
        if together:
            await tx.many(sql, rows)
        else:
            for row in rows:
                await tx.run(sql, *row)
        return [tuple(row) for row in await tx.read("select platform, key, value from memo order by key")]

    assert await db.write(lambda tx: after(tx, together=True)) == await db.write(lambda tx: after(tx, together=False))


async def test_rows_are_kept_in_their_order_however_many_wait(db: Db) -> None:
    await asyncio.gather(*(db.put("insert into heard(body) values(?)", (str(n),)) for n in range(1000)))
    assert [row["body"] for row in await db.read("select body from heard order by id")] == [*map(str, range(1000))]


async def test_many_rows_of_one_statement_hold_up_no_other() -> None:
    queue = Queue()
    waiting = [asyncio.create_task(queue.row("many", (n,))) for n in range(3 * ROWS)]
    waiting.append(asyncio.create_task(queue.row("other", ("x",))))
    await asyncio.sleep(0)
    first, told = queue.take_rows()
    assert first == [("many", [(n,) for n in range(ROWS)])]
    assert len(told) == ROWS
    (other, rest), _ = queue.take_rows()
    assert other == ("other", [("x",)])
    assert (rest[0], rest[1][0]) == ("many", (ROWS,))
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@on_sqlite
async def test_a_unit_goes_on_while_the_loop_is_busy(db: Db) -> None:
    assert isinstance(db, SqliteDb)

    async def work(tx: Tx) -> None:
        for number in range(50):
            await tx.run(INSERT, f"k{number}", "v")

    writing = asyncio.create_task(db.write(work))
    for _ in range(3):
        await asyncio.sleep(0)
    time.sleep(0.5)  # noqa: ASYNC251 - nobody else has a turn
    connection = sqlite3.connect(db.path)
    assert connection.execute("select count(*) from memo").fetchone() == (50,)
    connection.close()
    await writing


async def test_a_row_does_not_wait_for_all_units(db: Db) -> None:
    done: list[str] = []

    async def slow(tx: Tx) -> None:
        time.sleep(0.05)  # noqa: ASYNC251 - on SQLite in the writer's thread
        await tx.run(INSERT, f"unit {len(done)} {time.monotonic()}", "v")

    async def unit() -> None:
        await db.write(slow)
        done.append("unit")

    async def row() -> None:
        await asyncio.sleep(0.02)
        await db.put(INSERT, ("row", "v"))
        done.append("row")

    await asyncio.gather(*(unit() for _ in range(6)), row())
    assert done.index("row") <= (2 if isinstance(db, SqliteDb) else 4)  # a loop that sleeps keeps both waiting
    assert len(done) == 7


@on_sqlite
async def test_a_unit_that_waits_for_something_else_is_refused_and_undone(db: Db) -> None:
    elsewhere: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work(tx: Tx) -> None:
        await tx.run(INSERT, "k", "v")
        await elsewhere

    with pytest.raises(RuntimeError, match="nothing but its transaction"):
        await db.write(work)
    assert await db.read("select key from memo") == []
    await db.write(good_named("later"))


async def test_reading_sees_the_last_commit_only(db: Db) -> None:
    seen: list[int] = []

    async def work(tx: Tx) -> None:
        await tx.run(INSERT, "k", "v")
        rows = await tx.read("select count(*) as n from memo")
        seen.append(rows[0]["n"])

    await db.write(work)
    assert seen == [1]


@on_sqlite
async def test_a_full_disk_is_a_storage_error_and_what_was_there_stays(db: Db) -> None:
    assert isinstance(db, SqliteDb)
    await db.put(INSERT, ("before", "v"))
    pages = (await db.read("pragma page_count"))[0][0]
    await db._connection.execute(f"pragma max_page_count={pages}")
    with pytest.raises(StorageError, match="full"):
        await asyncio.gather(*(db.put(INSERT, (f"big{n}", "x" * 4000)) for n in range(200)))
    await db._connection.execute("pragma max_page_count=1000000")
    await db.put(INSERT, ("after", "v"))
    keys = {row["key"] for row in await db.read("select key from memo")}
    assert {"before", "after"} <= keys


async def test_closing_writes_what_is_queued(tmp_path: Path, clock: SetClock) -> None:
    db = await SqliteDb.open(tmp_path / "x.db")
    await schema.migrate(db, clock())
    waiting = asyncio.gather(*(db.put(INSERT, (f"k{n}", "v")) for n in range(50)))
    await asyncio.sleep(0)
    await db.close()
    await waiting
    connection = sqlite3.connect(tmp_path / "x.db")
    assert connection.execute("select count(*) from memo").fetchone() == (50,)
    connection.close()


@on_sqlite
async def test_only_its_owner_may_read_the_database(db: Db) -> None:
    assert isinstance(db, SqliteDb)
    await db.put(INSERT, ("k", "v"))
    modes = {path.name: path.stat().st_mode & 0o777 for path in db.path.parent.glob("rondan.db*")}
    assert len(modes) == 4  # with -wal, -shm and the key
    assert set(modes.values()) == {0o600}


async def test_opening_what_is_no_database_names_the_path(tmp_path: Path) -> None:
    path = tmp_path / "rondan.db"
    path.write_text("not a database, just some text that is long enough to be looked at " * 20)
    with pytest.raises(StorageError, match=r"rondan\.db"):
        await SqliteDb.open(path)


async def test_migrations_have_no_gaps_and_run_once(tmp_path: Path, clock: SetClock) -> None:
    db = await SqliteDb.open(tmp_path / "x.db")
    try:
        assert await schema.migrate(db, clock()) == (0, len(tables.MIGRATIONS))
        assert await schema.migrate(db, clock()) == (len(tables.MIGRATIONS),) * 2
        versions = [row["version"] for row in await db.read("select version from schema_version order by version")]
        assert versions == list(range(1, len(tables.MIGRATIONS) + 1))
    finally:
        await db.close()


async def test_a_newer_database_is_refused(db: Db, clock: SetClock) -> None:
    async def work(tx: Tx) -> None:
        await tx.run("insert into schema_version(version, at) values(999, '')")

    await db.write(work)
    with pytest.raises(ConfigError, match="newer Rondan"):
        await schema.migrate(db, clock())


@on_sqlite
async def test_a_migration_of_an_existing_database_leaves_a_sound_copy(
    db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(db, SqliteDb)
    await db.put(INSERT, ("before", "v"))
    monkeypatch.setattr(tables, "MIGRATIONS", (*tables.MIGRATIONS, ("create table more(x integer)",)))
    await schema.migrate(db, clock())
    copies = list(db.path.parent.glob("*.before-v*.db"))
    assert len(copies) == 1
    copy = sqlite3.connect(copies[0])
    assert copy.execute("select value from memo where key='before'").fetchone() == ("v",)
    assert not copy.execute("select 1 from sqlite_master where name='more'").fetchall()
    copy.close()


async def test_a_migration_that_fails_changes_nothing(db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ("create table more(x integer)", "create table more(y integer)")
    monkeypatch.setattr(tables, "MIGRATIONS", (*tables.MIGRATIONS, broken))
    with pytest.raises((sqlite3.OperationalError, asyncpg.PostgresError)):
        await schema.migrate(db, clock())
    assert await schema.version_of(db) == len(tables.MIGRATIONS) - 1
    assert "more" not in {row["name"] for row in await db.read(db.dialect.tables)}


# --- opening ---


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("folder", "Is a directory. It is a folder: set RONDAN_DATABASE to a file in it"),
        ("words", "file is not a database. It is no SQLite database, or a damaged one: `rondan restore`"),
        ("words/rondan.db", "A file stands where a folder should be: set RONDAN_DATABASE"),
    ],
)
async def test_what_can_not_be_opened_is_told_with_its_mend(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "words").write_bytes(b"words" * 1000)
    with pytest.raises(StorageError, match=rf"^can't open the database {re.escape(str(tmp_path / name))}: ") as caught:
        await SqliteDb.open(tmp_path / name, tmp_path / "key")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "must own the file and its folder"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full: make room"),
        (OSError(errno.EROFS, "Read-only file system"), "mount it for writing"),
        (OSError(errno.ELOOP, "Too many levels"), "`rondan doctor` says more"),
        (sqlite3.SQLITE_CANTOPEN, "must own the file and its folder"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "must own the file and its folder"),
        (sqlite3.SQLITE_FULL, "The disk is full"),
        (sqlite3.SQLITE_CORRUPT, "`rondan restore` brings a copy back"),
        (sqlite3.SQLITE_BUSY, "Another program holds it"),
        (sqlite3.SQLITE_ERROR, "`rondan doctor` says more"),
    ],
)
def test_each_cause_has_its_mend(error: OSError | int, says: str) -> None:
    if isinstance(error, OSError):
        cause: OSError | sqlite3.Error = error
    else:
        cause = sqlite3.OperationalError("no")
        cause.sqlite_errorcode = error
    assert says in str(sqlite._unopened(Path("rondan.db"), cause))


async def test_a_key_is_made_for_a_new_database_and_for_no_other(tmp_path: Path, clock: SetClock) -> None:
    path = tmp_path / "new.db"
    first = await SqliteDb.open(path)
    await schema.migrate(first, clock())
    await first.close()
    elsewhere = tmp_path / "lost.key"
    with pytest.raises(ConfigError, match=f"there is no key {elsewhere}.* restore it"):
        await SqliteDb.open(path, elsewhere)
    assert not elsewhere.exists()
    await (await SqliteDb.open(path)).close()
