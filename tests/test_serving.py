"""A publication on a server, for who operates it: what doctor, status and healthcheck say, and what is refused."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer

from bot import cli, doctor, folders, restoring, serving
from bot.house import House
from bot.settings import Settings
from bot.verbs import VERBS
from core.errors import ConfigError, Refusal
from core.findings import Finding
from core.times import now
from storage import keyfile, leases, postgres
from storage.postgres import PgDb
from storage.server import Server
from tests.conftest import SetClock, found
from tests.standins import postgres as pg
from tests.test_whole import quiet

LAX = {"fsync", "full_page_writes", "synchronous_commit"}  # where the server of the tests is fast


@pytest.fixture
async def address(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty publication on the server, which the settings name."""
    for name in [one for one in os.environ if one.startswith("RONDAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    address = await pg.created(postgres)
    monkeypatch.setenv("RONDAN_DATABASE", address)
    monkeypatch.setenv("RONDAN_KEY_FILE", str(tmp_path / "key"))
    return address


@pytest.fixture
async def there(address: str) -> AsyncIterator[Any]:
    """A connection to it."""
    connection = await asyncpg.connect(address)
    yield connection
    await connection.close()


async def looked() -> list[Finding]:
    return [one async for one in doctor.examine(now)]


async def bad() -> dict[str, tuple[str, str]]:
    """What is not ok, by subject, beside what the server of the tests leaves out to be fast."""
    return {
        one.subject: (one.state, one.sentence) for one in await looked() if one.state != "ok" and one.subject not in LAX
    }


async def test_all_is_well_and_nothing_is_written(address: str, there: Any, tmp_path: Path) -> None:
    findings = await looked()
    assert await bad() == {}
    assert {one.subject for one in findings} >= {"settings", "server", "database", "connections", "bot", "worker"}
    assert not {"disk", "copies", "file system"} & {one.subject for one in findings}
    lax = {one for one in LAX if await there.fetchval(f"show {one}") == "off"}
    assert {one.subject for one in findings if one.state == "warn"} == lax
    name = address.rpartition("/")[2]
    await there.execute(f"alter database {name} set synchronous_commit = on")
    assert {one.subject for one in await looked() if one.state == "warn"} == lax - {"synchronous_commit"}
    assert not (tmp_path / "key").exists()


async def test_an_old_server_another_encoding_and_none(
    address: str, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Server(
        version=14, encoding="UTF8", lax=(), autovacuum=False, room=50, taken=1, oldest=0, bloated=()
    )  # fmt: skip
    assert [(one.subject, one.state) for one in serving._engine(old, 0) if one.state != "ok"] == [
        ("server", "fail"), ("autovacuum", "warn"),
    ]  # fmt: skip
    name = f"ascii_{secrets.token_hex(8)}"
    await pg.execute(
        postgres, f"create database {name} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0"
    )
    monkeypatch.setenv("RONDAN_DATABASE", pg.at(postgres, name))
    assert (await bad())["encoding"] == ("fail", "is SQL_ASCII: not all that people write can be kept")
    monkeypatch.setenv("RONDAN_DATABASE", pg.at(postgres, "none").replace("postgres@", "postgres:very-secret@"))
    state, sentence = (await bad())["database"]
    assert (state, "does not exist" in sentence) == ("fail", True)
    assert "secret" not in sentence


async def test_what_may_not_be_read_is_said(address: str, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"guest_{secrets.token_hex(8)}"
    await pg.execute(postgres, f"create user {name}")
    monkeypatch.setenv("RONDAN_DATABASE", address.replace("postgres@", f"{name}@"))
    state, sentence = (await bad())["database"]
    assert (state, "permission denied" in sentence) == ("fail", True)


async def test_the_tables_and_the_key(address: str, there: Any, tmp_path: Path) -> None:
    await there.execute("insert into fact values('key', 'another')")
    assert "is missing" in (await bad())["files"][1]
    (tmp_path / "key").write_text("00" * 32)
    (tmp_path / "key").chmod(0o600)
    assert "is another one's" in (await bad())["files"][1]
    (tmp_path / "key").write_text("no key")
    assert "restore it" in (await bad())["files"][1]
    await there.execute("delete from fact")
    await there.execute("create table moving()")
    assert "is not finished" in (await bad())["database"][1]
    await there.execute("drop table moving")
    await there.execute("insert into schema_version values(99, '')")
    assert (await bad())["database"][0] == "fail"
    await there.execute("delete from schema_version where version > 2")
    assert (await bad())["database"][0] == "warn"


async def test_a_key_is_made_for_a_new_database_and_for_no_other(
    address: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, lost, wrong = tmp_path / "key", tmp_path / "keys" / "lost", tmp_path / "wrong"
    async with House(Settings(web="off", pictures=False), clock):
        assert keyfile.key_in(key)
    wrong.write_text("00" * 32)
    for path, told in ((lost, f"there is no key {lost}.* restore it"), (wrong, "does not fit .* RONDAN_KEY_FILE")):
        monkeypatch.setenv("RONDAN_KEY_FILE", str(path))
        with pytest.raises(ConfigError, match=told):
            async with House(Settings(web="off", pictures=False), clock):
                pass
    assert sorted(one.name for one in tmp_path.iterdir() if "key" in one.name) == ["key"]
    assert wrong.read_text() == "00" * 32


async def test_what_slows_it_and_what_keeps_erased_text(
    address: str, there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await there.execute("insert into place(platform, channel, created_at, paused) values('web', 'x', 0, 'gone')")
    await there.execute("alter table emoji set (autovacuum_enabled=false)")
    await there.execute("insert into emoji(name) select 'e' || n from generate_series(1, 60000) as n")
    await there.execute("delete from emoji")
    await there.execute("select pg_stat_force_next_flush()")
    warned = await bad()
    assert warned["emoji"][0] == "warn"
    assert "what was erased is still in them" in warned["emoji"][1]
    assert "is paused: gone" in warned["web:x"][1]
    await there.execute("insert into process select 'p' || n, 9e15 from generate_series(1, 1000) as n")
    assert "a process opens up to 8" in (await bad())["connections"][1]
    assert serving.EACH == postgres.READERS + postgres.WRITERS + postgres.APART
    monkeypatch.setattr(serving, "OLD", -1)
    async with there.transaction():
        await there.execute("select 1")
        assert "the oldest has lasted 0 minutes" in (await bad())["transactions"][1]


async def test_processes_are_told(
    address: str, tmp_path: Path, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(web="off", pictures=False)
    async with House(settings, clock) as house:
        assert isinstance(house.db, PgDb)
        mine = f"{socket.gethostname()}:1"
        await leases.beat(house.db, "elsewhere:9", {"feeds": 1}, -1)  # dead
        assert not await serving.lives_here(address)
        await leases.beat(house.db, mine, {"feeds": 2}, 60_000_000)
        assert await serving.lives_here(address)
        status = await VERBS["status"](house, {}, quiet)
        assert status["processes"] == {mine: ["feeds/0", "feeds/1"]}
        assert status["database"] == address.replace("postgres@", "")
        assert f"process {mine}: feeds/0, feeds/1" in cli._status_text(status)
        assert [one.sentence for one in await looked() if one.subject == "process"] == [f"{mine}: feeds/0, feeds/1"]
        with pytest.raises(Refusal, match="pg_dump"):
            await VERBS["backup"](house, {}, quiet)


async def test_a_dump_that_was_brought_back_is_doubted(address: str, clock: SetClock) -> None:
    async with House(Settings(web="off", pictures=False), clock) as house:
        await folders.take(house, [found("a")])
        await leases.beat(house.db, "elsewhere:9", {"feeds": 1}, 60_000_000)
        with pytest.raises(Refusal, match="elsewhere:9 run on"):
            await restoring.doubt(house.db, clock)
        assert not await house.db.read("select id from piece where doubted_at is not null")
        await leases.give_back(house.db, "elsewhere:9", [("feeds", 0)], leaving=True)
    await asyncio.to_thread(cli.restore, doubt=True)
    async with House(Settings(web="off", pictures=False), clock) as house:
        assert await house.db.read("select id from piece where doubted_at is not null")
        assert await house.db.read("select value from fact where name='doubted'")
        clock.move(days=40)
        assert await house.keeper.nightly()  # what sources show is believed again
        assert not await house.db.read("select value from fact where name='doubted'")


async def test_what_is_read_in_one_moment_is_of_one_moment(address: str, there: Any, tmp_path: Path) -> None:
    db = await PgDb.open(address, tmp_path / "key")
    try:
        async with db.moment() as rows:
            assert not await rows.read("select id from emoji")
            await there.execute("insert into emoji(name) values('late')")
            assert not await rows.read("select id from emoji")
        assert await db.read("select id from emoji")
    finally:
        await db.close()


async def test_what_is_about_files_is_refused(address: str, tmp_path: Path) -> None:
    where = r"pg_dump .* pg_restore .* the key .*/key and the ledger .*/key\.erasures"
    with pytest.raises(Refusal, match=where):
        cli.restore(tmp_path / "x")
    with pytest.raises(Refusal, match=where):
        cli.salvage(tmp_path / "x", to=tmp_path / "y")
    assert not (tmp_path / "y").exists()


def test_healthcheck_is_1_while_nobody_lives(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end:
        cli.healthcheck()
    assert end.value.exit_code == 1
    assert "no process of this machine" in capsys.readouterr().err
