"""`rondan migrate-to`: what was in the file is in the server's database, whoever dies on the way."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bot import migrating, owner
from bot.house import House
from bot.migrating import Result
from bot.settings import Settings
from core.errors import ConfigError, Refusal
from core.query import parse_query
from storage import moving, whole
from storage.db import StorageError
from storage.fulltext import words_of
from tests.conftest import SetClock
from tests.standins import postgres as pg
from tests.test_whole import fill, quiet, settings

ODD = "dear\0 me"


@pytest.fixture
async def old(tmp_path: Path, clock: SetClock) -> Settings:
    """A publication with something of all kinds in a file, and texts that PostgreSQL does not take."""
    made = settings(tmp_path / "r.db")
    async with House(made, clock) as house:
        await fill(house, clock)
        await house.db.write(lambda tx: tx.run("insert into memo values('web', ?, ?)", "odd\0key", ODD))
        await house.db.write(lambda tx: tx.run("insert into memo values('web', 'odd', cast(x'61ff' as text))"))
        await house.db.write(lambda tx: tx.run("insert into memo values('', 'check', '2026-11-20T09:00:00+00:00 bad')"))
        await house.db.write(lambda tx: tx.run("update comment set text=? where id=2", ODD))
        await house.db.write(lambda tx: tx.run("insert into piece_term values(1, 'bus', 'bus', ?)", 0.1))
    return made


@pytest.fixture
async def target(postgres: str) -> str:
    """An empty database on the server."""
    name = f"target_{secrets.token_hex(8)}"
    await pg.execute(postgres, f"create database {name}")
    return pg.at(postgres, name)


@pytest.fixture
async def there(target: str) -> AsyncIterator[Any]:
    """A connection to it."""
    connection = await asyncpg.connect(target)
    yield connection
    await connection.close()


def rows(path: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as file:
        file.text_factory = lambda raw: raw.decode(errors="replace").replace("\0", "\ufffd")
        return sorted(file.execute(f"select {columns} from {table}").fetchall(), key=repr)


async def move(old: Settings, target: str, clock: SetClock, told: list[str] | None = None) -> Result:
    return await migrating.migrate(old, target, clock, quiet if told is None else told.append)


async def same(old: Settings, there: Any) -> set[str]:
    """The tables that were compared, and are not empty."""
    found = set()
    for row in await there.fetch("select tablename as name from pg_tables where schemaname='public'"):
        name = row["name"]
        if name in ("passage_words", "comment_words", "schema_version"):
            continue
        of_it = await there.fetch("select attname from pg_attribute where attrelid=$1::text::regclass and attnum > 0 and not attisdropped order by attnum", name)  # fmt: skip  # noqa: E501
        columns = ", ".join(one["attname"] for one in of_it)
        ours = rows(old.database, name, columns)
        if name == "memo":
            ours = [one for one in ours if one[:2] != ("", "check")]
        assert sorted(map(tuple, await there.fetch(f"select {columns} from {name}")), key=repr) == ours, name
        found |= {name} if ours else set()
    return found


async def test_all_is_there_and_the_same(old: Settings, target: str, there: Any, clock: SetClock) -> None:
    before, told = old.database.read_bytes(), list[str]()
    result = await move(old, target, clock, told)
    assert await same(old, there) >= {
        "source", "item", "piece", "place", "posting", "leaf", "anchor", "person", "reaction", "stance", "comment",
        "hold_rule", "act", "emoji_hour", "memo", "fact", "piece_term", "passage", "comment_day", "indexed",
    }  # fmt: skip
    assert result.tables["comment"].rows == 3
    assert {name: one.mended for name, one in result.tables.items() if one.mended} == {"memo": 3, "comment": 1}
    assert old.database.read_bytes() == before
    assert "comment: 3 of 3 rows" in told
    assert result.key == old.database.with_name("r.db.key")
    assert "4 texts" in migrating.told(result, old)
    assert f"set RONDAN_KEY_FILE to {result.key} too" in migrating.told(result, old)
    with pytest.raises(Refusal, match="is not empty"):  # it is a publication now
        await move(old, target, clock)


async def test_rondan_goes_on_there(
    old: Settings, target: str, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await move(old, target, clock)
    new = Settings(database=target, key_file=old.database.with_name("r.db.key"), web="off", pictures=False)  # type: ignore[arg-type]
    async with House(new, clock) as house:
        assert house.collector.outside.holds("console", "gone")
        query = parse_query("last")
        assert await words_of(house.db, "passage_words").counts(house.db, query.terms, 10) == [2]
        last = (await house.db.read("select max(id) as id from emoji"))[0]["id"]
        added = await house.db.write(lambda tx: tx.one("insert into emoji(name) values('new') returning id"))
        assert added is not None
        assert added["id"] == last + 1


KILLER = """
import asyncio, os, signal, sys
from pathlib import Path
from bot import migrating
from bot.settings import Settings
from core.times import now
from storage import moving

def strike(stage):
    if stage == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

moving.trace, moving.ROWS = strike, 1
settings = Settings(database=Path(sys.argv[1]), web="off", pictures=False)
asyncio.run(migrating.migrate(settings, sys.argv[2], now, print))
"""


@pytest.mark.parametrize("stage", ["begun", "comment 2", "memo 2", "compared", "indexing", "tidied"])
async def test_killed_anywhere_it_goes_on(
    old: Settings, target: str, there: Any, clock: SetClock, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLER, str(old.database), target, stage)
    assert await child.wait() == -signal.SIGKILL
    new = Settings(database=target, key_file=old.database.with_name("r.db.key"), web="off")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is not finished"):
        async with House(new, clock):
            raise AssertionError("nobody may run on it")
    monkeypatch.setattr(moving, "ROWS", 1)
    copied = list[str]()
    monkeypatch.setattr(moving, "trace", copied.append)
    told = list[str]()
    result = await move(old, target, clock, told)
    assert told[0] == "going on where it was cut off"
    if stage == "comment 2":
        assert "comment 3" in copied
        assert "comment 2" not in copied  # what is there is not brought again
    assert {"comment", "passage", "memo"} <= await same(old, there)
    assert sum(one.mended for one in result.tables.values()) == 4


async def test_a_row_that_is_another_is_found(
    old: Settings, target: str, there: Any, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(stage: str) -> None:
        if stage.startswith("leaf"):  # comments and emoji were before
            raise KeyError(stage)

    monkeypatch.setattr(moving, "trace", stop)
    with pytest.raises(KeyError):
        await move(old, target, clock)
    monkeypatch.undo()
    await there.execute("update comment set text='Dear you.' where id=1")
    await there.execute("insert into emoji(id, name) values(99, 'more')")
    with pytest.raises(StorageError, match=r"comment \(3 rows in the file, 3 in the database\), emoji \(1 .* 2 in"):
        await move(old, target, clock)
    assert await there.fetchval("select count(*) from moving") > 0  # nobody may run on it


async def test_what_can_not_be_begun_is_said(
    old: Settings, target: str, there: Any, clock: SetClock, tmp_path: Path
) -> None:
    key = old.database.with_name("r.db.key")
    lock = owner.Lock(old.database)
    assert lock.take()
    with pytest.raises(Refusal, match="a running Rondan owns"):
        await move(old, target, clock)
    lock.release()
    with pytest.raises(Refusal, match="there is no file"):
        await move(settings(tmp_path / "none.db"), target, clock)
    with pytest.raises(Refusal, match="RONDAN_DATABASE names a server already"):
        await move(Settings(database=target), target, clock)  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="name the server"):
        await move(old, "mysql://x", clock)
    right = key.read_text()
    key.unlink()
    with pytest.raises(Refusal, match="there is no key"):
        await move(old, target, clock)
    assert not key.exists()
    key.write_text("00" * 32)
    with pytest.raises(Refusal, match="is not the one of"):
        await move(old, target, clock)
    key.write_text(right)
    with closing(sqlite3.connect(old.database)) as file, file:
        file.execute("insert into schema_version values(99, '')")
    with pytest.raises(Refusal, match="has schema 99"):
        await move(old, target, clock)
    with closing(sqlite3.connect(old.database)) as file, file:
        file.execute("delete from schema_version where version=99")
    await there.execute("create table theirs(x int)")
    with pytest.raises(Refusal, match="is not empty"):
        await move(old, target, clock)
    assert [row[0] for row in await there.fetch("select tablename from pg_tables where schemaname='public'")] == [
        "theirs"
    ]
    await there.execute("drop table theirs")
    await there.execute(f"select pg_advisory_lock({moving.TURN})")
    with pytest.raises(Refusal, match="another `rondan migrate-to` is at work"):
        await move(old, target, clock)


async def test_a_database_that_can_not_hold_all_texts_is_refused(old: Settings, postgres: str, clock: SetClock) -> None:
    name = f"ascii_{secrets.token_hex(8)}"
    await pg.execute(
        postgres, f"create database {name} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0"
    )
    with pytest.raises(Refusal, match="does not hold UTF-8"):
        await move(old, pg.at(postgres, name), clock)


async def test_a_file_that_changed_meanwhile_is_refused(
    old: Settings, target: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(stage: str) -> None:
        if stage == "begun":
            raise KeyError(stage)

    monkeypatch.setattr(moving, "trace", stop)
    with pytest.raises(KeyError):
        await move(old, target, clock)
    monkeypatch.undo()
    async with House(old, clock) as house:
        await house.db.write(lambda tx: tx.run("update comment set text='Dear you.' where id=1"))
    with pytest.raises(Refusal, match="is not what it was"):
        await move(old, target, clock)


async def test_every_table_has_a_key_by_which_it_is_gone_through(old: Settings) -> None:
    with moving.source(old.database) as file:
        for table in await whole.ordered(file, moving.ANEW):
            assert (await whole.columns_of(file, table))[1], table


async def test_on_the_shell(old: Settings, target: str) -> None:
    address = target.replace("postgres@", "postgres:very-secret@")
    given = {name: value for name, value in os.environ.items() if not name.startswith("RONDAN_")}
    environment = given | {"RONDAN_DATABASE": str(old.database), "RONDAN_LOG_LEVEL": "debug"}

    async def run(*arguments: str) -> tuple[int | None, str, str]:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "migrate-to", *arguments, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await child.communicate()
        assert b"very-secret" not in out + err
        return child.returncode, out.decode(), err.decode()

    code, out, err = await run(address, "--json")
    assert code == 0, err
    assert json.loads(out)["tables"]["comment"]["rows"] == 3
    assert "comment: 3 of 3 rows" in err
    code, out, err = await run(address)
    assert (code, out) == (2, "")
    assert "is not empty" in err
    code, _, err = await run(address.rpartition("/")[0] + "/none")
    assert code == 1
    assert err.startswith("rondan: can't open the database")
