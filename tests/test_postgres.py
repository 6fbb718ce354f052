"""What is PostgreSQL's own: how statements are told to it, who takes turns, and a server that is away."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import asyncpg
import pytest

from storage import postgres as driver
from storage import schema, tables
from storage.db import StorageError, Tx
from storage.postgres import PgDb, named
from storage.spelling import told
from tests.conftest import SetClock
from tests.standins import postgres as pg

INSERT = "insert into memo(platform, key, value) values('test', ?, ?)"
Open = Callable[..., Awaitable[PgDb]]


@pytest.fixture
async def address(postgres: str) -> str:
    """A database of the test's own, with the tables."""
    return await pg.created(postgres)


@pytest.fixture
async def another(address: str, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the database as one more process would."""
    async with AsyncExitStack() as stack:

        async def open_(at: str = address) -> PgDb:
            one = await PgDb.open(at, tmp_path / "key")
            stack.push_async_callback(one.close)
            return one

        yield open_


@pytest.fixture
async def db(another: Open) -> PgDb:
    return await another()


def adding(key: str, value: str = "") -> Callable[[Tx], Awaitable[int]]:
    return lambda tx: tx.run(INSERT, key, value)


async def keys(db: PgDb) -> list[str]:
    return [row["key"] for row in await db.read("select key from memo order by key")]


# --- how statements are told ---


@pytest.mark.parametrize(
    ("ours", "theirs", "groups"),
    [
        ("select 1", "select 1", None),
        ("where a=? and b=?", "where a=$1 and b=$2", None),
        ("set a=?2 where b=?1 or c=?2", "set a=$2 where b=$1 or c=$2", None),
        ("where a='?' and b=?", "where a='?' and b=$1", None),
        ("where a='it''s ?' and b=?", "where a='it''s ?' and b=$1", None),
        ("where a in (?,?,?) and b=?", "where a = any($1) and b=$2", (3, 0)),
        ("where b=? and a in (?)", "where b=$1 and a = any($2)", (0, 1)),
        ("where a not in (?,?)", "where a <> all($1)", (2,)),
        ("where a in () and b=?", "where a = any($1) and b=$2", (-1, 0)),
        ("where a in ('x', 'y')", "where a in ('x', 'y')", None),
        ("where (a, b) in (select c, d from e where f=?)", "where (a, b) in (select c, d from e where f=$1)", None),
        ("from a cross join b on b.x=a.x", "from a join b on b.x=a.x", None),
        ("where +a.x=? and b.y + 1 > ?", "where a.x=$1 and b.y + 1 > $2", None),
        ("a.n + excluded.n", "a.n + excluded.n", None),
    ],
)
def test_statements_are_told_as_the_server_wants_them(ours: str, theirs: str, groups: tuple[int, ...] | None) -> None:
    assert told(ours) == (theirs, groups)


def test_values_with_and_without_numbers_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="numbers"):
        told("where a=?1 and b in (?,?)")


async def test_lists_of_any_length_find_what_they_name(db: PgDb) -> None:
    for key in ("a", "b", "c"):
        await db.write(adding(key))
    for among, expected in (((), []), (("b",), ["b"]), (("a", "x", "c"), ["a", "c"])):
        sql = f"select key from memo where key in ({','.join('?' * len(among))}) and platform=? order by key"
        assert [row["key"] for row in await db.read(sql, *among, "test")] == expected
        sql = sql.replace("key in", "key not in")
        assert [row["key"] for row in await db.read(sql, *among, "test")] == sorted({*"abc"} - {*among})


async def test_json_lists_are_tables_and_sums_are_whole_numbers(db: PgDb) -> None:
    numbers = await db.read(f"select sum(value) as n from {db.dialect.numbers} as found", json.dumps([1, 2**40]))
    assert numbers[0]["n"] == 1 + 2**40
    assert type(numbers[0]["n"]) is int
    texts = await db.read(f"select value from {db.dialect.texts} as found", json.dumps(["a", "ü"]))
    assert [row["value"] for row in texts] == ["a", "ü"]


async def test_texts_are_in_the_order_of_their_bytes(db: PgDb) -> None:
    for key in ("b", "B", "a", "ä", "_"):
        await db.write(adding(key))
    assert await keys(db) == ["B", "_", "a", "b", "ä"]


async def test_a_nul_is_left_out_wherever_it_is_written_or_asked(db: PgDb) -> None:
    async def work(tx: Tx) -> None:
        await tx.run(INSERT, "run\0", "\0")
        await tx.many(INSERT, [("ma\0ny", "v")])

    await db.write(work)
    await db.put(INSERT, ("\0add", "v"))
    assert await keys(db) == ["add", "many", "run"]
    assert len(await db.read("select key from memo where key in (?,?)", "ad\0d", "x")) == 1


# --- rows and units ---


async def test_many_rows_go_in_the_order_in_which_they_came(db: PgDb) -> None:
    await asyncio.gather(*(db.put("insert into heard(body) values(?)", (str(n),)) for n in range(20_000)))
    assert [int(row["body"]) for row in await db.read("select body from heard order by id")] == [*range(20_000)]


async def test_rows_of_several_statements_are_kept_together_or_not_at_all(db: PgDb) -> None:
    def both(key: str) -> list[Awaitable[None]]:
        memo = "insert into memo(platform, key, value) values(?,?,?)"
        return [db.put("insert into heard(body) values(?)", (key,)), db.put(memo, ("test", key, "v"))]

    await asyncio.gather(*both("first"))
    again = await asyncio.gather(*both("first"), return_exceptions=True)
    assert all(isinstance(one, StorageError) for one in again)
    await asyncio.gather(*both("second"))
    assert await keys(db) == ["first", "second"]
    assert [row["body"] for row in await db.read("select body from heard order by id")] == ["first", "second"]


async def test_a_row_that_is_there_is_left_or_updated_as_often_as_it_comes(db: PgDb) -> None:
    plain = "insert into memo(platform, key, value) values(?,?,?)"
    once = f"{plain} on conflict do nothing"
    await asyncio.gather(*(db.put(once, ("test", "k", str(n))) for n in range(3)))
    assert (await db.read("select value from memo"))[0]["value"] == "0"
    newest = f"{plain} on conflict(platform, key) do update set value=excluded.value"
    await asyncio.gather(*(db.put(newest, ("test", "k", str(n))) for n in range(3)))
    assert (await db.read("select value from memo"))[0]["value"] == "2"


@pytest.mark.parametrize("wrong", ["select 1/0", "select key from memo where platform=7", "select no from memo"])
async def test_a_statement_that_fails_leaves_the_units_beside_it_alone(db: PgDb, wrong: str) -> None:
    async def bad(tx: Tx) -> None:
        await tx.run(INSERT, "bad", "v")
        await tx.read(wrong)

    async def unfit(tx: Tx) -> None:
        await tx.run(INSERT, "unfit", "v")
        await tx.read("select id from piece where id=?", "no number")

    units = [db.write(one) for one in (adding("before"), bad, unfit, adding("after"))]
    outcomes = await asyncio.gather(*units, return_exceptions=True)
    assert [isinstance(one, Exception) for one in outcomes] == [False, True, True, False]
    assert await keys(db) == ["after", "before"]


@pytest.mark.parametrize("beside", [0, 1])
async def test_a_unit_that_makes_light_of_an_error_is_not_told_that_it_was_kept(db: PgDb, beside: int) -> None:
    async def light(tx: Tx) -> None:
        await tx.run(INSERT, "light", "v")
        with suppress(asyncpg.PostgresError):
            await tx.read("select 1/0")

    units = [*(db.write(adding(f"k{n}")) for n in range(beside)), db.write(light)]
    outcomes = await asyncio.gather(*units, return_exceptions=True)
    assert isinstance(outcomes[-1], StorageError)
    kept = {f"k{n}" for n in range(beside) if not isinstance(outcomes[n], Exception)}
    assert {*await keys(db)} == kept
    await db.write(adding("later"))


async def test_what_a_unit_leaves_outside_is_there_before_its_commit_and_else_nothing_is_kept(db: PgDb) -> None:
    lines: list[str] = []

    def append(some: object) -> None:
        assert isinstance(some, list)
        lines.extend(some)
        if "no room" in some:
            raise StorageError("the disk is full")

    db.append = append

    def leaving(line: str) -> Callable[[Tx], Awaitable[None]]:
        async def work(tx: Tx) -> None:
            tx.outside(line)
            await tx.run(INSERT, line, "v")
            if line == "undone":
                raise LookupError(line)

        return work

    outcomes = await asyncio.gather(db.write(leaving("kept")), db.write(leaving("undone")), return_exceptions=True)
    assert isinstance(outcomes[1], LookupError)
    assert lines == ["kept"]
    with pytest.raises(StorageError, match="full"):
        await db.write(leaving("no room"))
    assert await keys(db) == ["kept"]


async def test_rows_wait_for_no_turn(db: PgDb, address: str) -> None:
    elsewhere = await asyncpg.connect(address)
    try:
        await elsewhere.execute(f"select pg_advisory_lock({driver.TURNS})")
        unit = asyncio.create_task(db.write(adding("unit")))
        async with asyncio.timeout(20):
            await asyncio.gather(*(db.put(INSERT, (f"row {n}", "v")) for n in range(100)))
        assert not unit.done()
        assert len(await keys(db)) == 100
    finally:
        await elsewhere.close()
    await unit
    assert len(await keys(db)) == 101


async def test_units_of_all_processes_take_turns(another: Open) -> None:
    processes = [await another() for _ in range(4)]
    await processes[0].write(adding("n", "0"))

    async def one_more(tx: Tx) -> None:
        row = await tx.one("select value from memo where key='n'")
        assert row is not None
        await tx.run("update memo set value=? where key='n'", str(int(row["value"]) + 1))

    async def count(process: PgDb) -> None:
        for _ in range(20):
            await asyncio.gather(*(process.write(one_more) for _ in range(10)))

    await asyncio.gather(*map(count, processes))
    assert (await processes[1].read("select value from memo"))[0]["value"] == "800"


async def test_a_process_that_stands_still_in_its_turn_loses_it(another: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "IDLE", "300ms")
    stuck, free = await another(), await another()
    asleep, awake = asyncio.Event(), asyncio.Event()

    async def stands(tx: Tx) -> None:
        await tx.run(INSERT, "stands", "v")
        asleep.set()
        await awake.wait()

    standing = asyncio.create_task(stuck.write(stands))
    await asleep.wait()
    try:
        async with asyncio.timeout(20):
            await free.write(adding("goes on"))
    finally:
        awake.set()
    with pytest.raises(StorageError):
        await standing
    await stuck.write(adding("again"))
    assert await keys(free) == ["again", "goes on"]


async def test_two_processes_lay_out_the_tables_once(postgres: str, another: Open, clock: SetClock) -> None:
    await pg.execute(postgres, "create database bare")
    bare = pg.at(postgres, "bare")
    both = [await another(bare), await another(bare)]
    await asyncio.gather(*(schema.migrate(one, clock()) for one in both))
    versions = [row["version"] for row in await both[0].read("select version from schema_version order by version")]
    assert versions == [*range(1, len(tables.MIGRATIONS) + 1)]


async def test_closing_writes_what_is_queued(address: str, db: PgDb, tmp_path: Path) -> None:
    leaving = await PgDb.open(address, tmp_path / "key")
    waiting = asyncio.gather(*(leaving.put(INSERT, (f"k{n}", "v")) for n in range(50)), leaving.write(adding("unit")))
    await asyncio.sleep(0)
    await leaving.close()
    await waiting
    assert len(await keys(db)) == 51
    with pytest.raises(StorageError, match="closed"):
        await leaving.put(INSERT, ("late", "v"))


# --- a server that is away ---


class Wire:
    """Stands between a process and its server; can be cut and mended."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._there = parts.hostname, parts.port
        self._parts = parts
        self._open: set[asyncio.StreamWriter] = set()
        self._port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        self._server.close()
        for one in self._open:
            one.transport.abort()
        await asyncio.sleep(0)

    @property
    def address(self) -> str:
        return self._parts._replace(netloc=f"{self._parts.username}@127.0.0.1:{self._port}").geturl()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._there)
        self._open |= {writer, back}
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        self._open -= {writer, back}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # cut
            while some := await reader.read(65536):
                writer.write(some)
                await writer.drain()
        writer.transport.abort()


async def test_a_server_that_goes_and_comes_back_loses_nothing_that_was_acknowledged(
    address: str, another: Open, db: PgDb
) -> None:
    wire = Wire(address)
    await wire.mend()
    away = await another(wire.address)
    acknowledged: set[str] = set()
    refused = 0
    ending = False

    async def writes(name: str, add: bool) -> None:
        nonlocal refused
        number = 0
        while not ending:
            number += 1
            key = f"{name} {number}"
            try:
                await (away.put(INSERT, (key, "v")) if add else away.write(adding(key)))
            except StorageError:
                refused += 1
                await asyncio.sleep(0.01)
            else:
                acknowledged.add(key)

    writing = [asyncio.create_task(writes(f"w{n}", n % 2 == 0)) for n in range(8)]
    for _ in range(5):
        await asyncio.sleep(0.3)
        await wire.cut()
        await asyncio.sleep(0.1)
        with pytest.raises(StorageError, match="away"):
            await away.read("select 1")
        await wire.mend()
    async with asyncio.timeout(20):
        await away.write(adding("at last"))
        await away.put(INSERT, ("at last a row", "v"))
    ending = True
    await asyncio.gather(*writing)
    assert refused
    assert acknowledged <= {*await keys(db)}
    assert await away.read("select 1")
    await away.close()
    await wire.cut()


@pytest.mark.parametrize(
    "error", [asyncpg.InternalClientError("busy"), asyncpg.InterfaceError("closed"), OSError("cut")]
)
async def test_whatever_asyncpg_says_of_a_connection_that_ends_it_is_the_server_that_is_away(
    db: PgDb, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fetch(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(db, "_readers", SimpleNamespace(fetch=fetch))
        with pytest.raises(StorageError, match="is away"):
            await db.read("select 1")
    assert await db.read("select 1")


async def test_a_migration_of_a_big_table_may_take_longer_than_other_statements(
    another: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "STATEMENT", 0.3)
    slow = await another()
    await slow.write(lambda tx: tx.run("do $$ begin perform pg_sleep(0.8); end $$"))
    with pytest.raises((TimeoutError, StorageError)):
        await slow.write(lambda tx: tx.run("select pg_sleep(?)", 0.8))
    assert await slow.write(adding("later")) == 1


async def test_sessions_that_the_server_ends_are_made_anew(db: PgDb, address: str) -> None:
    await db.write(adding("before"))
    await pg.execute(
        address, "select pg_terminate_backend(pid) from pg_stat_activity where application_name='rondan' "
        "and datname=current_database()",
    )  # fmt: skip
    async with asyncio.timeout(20):
        while True:
            try:
                await db.write(adding("after"))
                await db.put(INSERT, ("row", "v"))
                break
            except StorageError:
                await asyncio.sleep(0.05)
    assert await keys(db) == ["after", "before", "row"]


async def _refusal(address: str, tmp_path: Path) -> str:
    with pytest.raises(StorageError) as refusal:
        await PgDb.open(address, tmp_path / "key")
    return str(refusal.value)


async def test_who_is_not_let_in_is_told_in_one_sentence_without_the_password(postgres: str, tmp_path: Path) -> None:
    where = urlsplit(postgres)
    there = f"{where.hostname}:{where.port}"
    said = await _refusal(f"postgresql://who:hemlig@{there}/postgres", tmp_path)
    assert said.startswith(f"can't open the database postgresql://{there}/postgres: ")
    assert 'role "who" does not exist' in said
    assert "hemlig" not in said
    said = await _refusal(f"postgresql://{where.username}:hemlig@{there}/nowhere?sslmode=disable", tmp_path)
    assert 'database "nowhere" does not exist' in said
    assert "hemlig" not in said


async def test_a_server_that_is_not_there_or_does_not_answer_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert f"127.0.0.1:{port}" in await _refusal(f"postgresql://u:hemlig@127.0.0.1:{port}/d", tmp_path)
        one.listen()
        monkeypatch.setattr(driver, "CONNECT", 0.3)
        said = await _refusal(f"postgresql://u:hemlig@127.0.0.1:{port}/d", tmp_path)
        assert "does not answer" in said
        assert "hemlig" not in said


@pytest.mark.parametrize("password", ["hem/lig", "12/hem", "hem#lig", "hem?lig", "[hemlig", "hem@lig/x"])
async def test_a_password_with_signs_that_an_address_does_not_allow_is_not_said(tmp_path: Path, password: str) -> None:
    address = f"postgresql://u:{password}@127.0.0.1:1/d"
    assert "hem" not in named(address)
    said = await _refusal(address, tmp_path)
    assert "hem" not in said
    assert "RONDAN_DATABASE" in said
