"""`rondan doctor`: each line that warns or fails has a real cause here, and says what to do."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import doctor
from bot.thinker import Thinker
from core.chat import Place
from core.findings import Finding, verdict
from core.times import micros, now
from digest import fonts
from storage import health, places, schema, sources, tables
from storage.db import Db, Tx
from storage.memos import Memos
from storage.sqlite import SqliteDb
from tests.conftest import on_sqlite
from tests.standins.discord import Discord, P
from tests.standins.slack import Slack


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings but the database's; gives the database's path."""
    for name in [one for one in os.environ if one.startswith("RONDAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RONDAN_DATABASE", str(tmp_path / "r.db"))
    return tmp_path / "r.db"


@pytest.fixture
async def owned(alone: Path) -> AsyncIterator[SqliteDb]:
    """A new database, open as the bot has it."""
    db = await SqliteDb.open(alone)
    await schema.migrate(db, now())
    yield db
    await db.close()


async def looked(*, online: bool = False) -> list[Finding]:
    return [one async for one in doctor.examine(now, online=online)]


async def bad(*, online: bool = False) -> dict[str, tuple[str, str, str]]:
    """What is not ok, by subject: state, sentence, mend."""
    return {
        one.subject: (one.state, one.sentence, one.mend) for one in await looked(online=online) if one.state != "ok"
    }


async def test_all_is_well_before_the_first_start_and_with_a_new_database(alone: Path) -> None:
    assert verdict(await looked()) == 0
    db = await SqliteDb.open(alone)
    await schema.migrate(db, now())
    await db.close()
    findings = await looked()
    assert verdict(findings) == 0, findings
    assert {"settings", "file system", "database", "bot", "disk", "worker"} <= {one.subject for one in findings}


async def test_copies_that_are_old_or_missing(alone: Path, owned: SqliteDb) -> None:
    long_ago = (now() - timedelta(days=9)).timestamp()
    os.utime(owned.keys, (long_ago, long_ago))
    assert (await bad())["copies"][1] == "there is none"
    copy = alone.with_name("backups") / f"r.{now():%Y%m%dT%H%M%SZ}.db"
    copy.parent.mkdir()
    copy.write_bytes(b"")
    assert "copies" not in await bad()
    os.utime(copy, (long_ago, long_ago))
    assert "the newest is of" in (await bad())["copies"][1]


async def test_wrong_settings_are_all_named_and_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RONDAN_ZONE", "Mars/Base")
    monkeypatch.setenv("RONDAN_WEBB", "off")
    findings = await looked()
    assert [one.state for one in findings] == ["fail", "fail"]
    assert verdict(findings) == 2


async def test_a_damaged_file_is_found_and_so_is_one_that_is_none(alone: Path, owned: SqliteDb) -> None:
    await owned.write(lambda tx: tx.many("insert into emoji(name) values(?)", [(f"e{n}",) for n in range(20_000)]))
    await owned.shrink_log()
    with alone.open("r+b") as file:
        file.seek(alone.stat().st_size // 2)
        file.write(b"\xff" * 65_536)
    state, sentence, mend = (await bad())["database"]
    assert (state, "damaged" in sentence, "copy" in mend) == ("fail", True, True)
    assert await health.quick_check(alone)
    alone.write_bytes(b"no database at all" * 500)
    assert (await bad())["database"][0] == "fail"


async def test_an_older_and_a_newer_database_are_told_apart(alone: Path, owned: SqliteDb) -> None:
    await owned.write(lambda tx: tx.run("delete from schema_version where version > 1"))
    if len(tables.MIGRATIONS) > 1:
        assert (await bad())["database"][0] == "warn"
    await owned.write(lambda tx: tx.run("insert into schema_version(version, at) values(99, '')"))
    state, sentence, mend = (await bad())["database"]
    assert (state, "schema 99" in sentence, "newer" in mend) == ("fail", True, True)


async def test_the_disk_the_log_modes_and_the_key(
    alone: Path, owned: SqliteDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RONDAN_DISK_LEAST", str(10**9))
    monkeypatch.setattr(doctor, "LARGE_LOG", 0)
    alone.chmod(0o644)
    await owned.write(lambda tx: tx.run("insert into emoji(name) values('a')"))
    found = await bad()
    assert found["disk"][0] == "fail"
    assert "make room" in found["disk"][2]
    assert found["log"][0] == "warn"
    assert found["files"][2] == f"chmod 600 {alone}"
    owned.keys.rename(alone.with_name("elsewhere"))
    assert "could not be told apart" in (await bad())["files"][1]


def test_a_network_drive_is_seen(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /srv/far rw shared:1 - nfs4 host:/x rw\n"
        "3 2 0:6 / /srv/far/near rw - tmpfs tmpfs rw\n"
    )
    kinds = [doctor.file_system(Path(one), table) for one in ("/srv", "/srv/far/data", "/srv/far/near", "/srv/farther")]
    assert kinds == ["ext4", "nfs4", "tmpfs", "ext4"]
    assert kinds[1].startswith(doctor.FAR)


async def test_a_clock_that_went_back_and_what_the_night_found(owned: SqliteDb) -> None:
    later = now() + timedelta(days=3)
    place = await places.add_place(owned, Place(id=0, platform="web", channel="general"), "place", now())
    await owned.write(
        lambda tx: tx.run(
            """insert into posting(place_id, subject, subject_id, want, revision, state, created_at, changed_at)
               values(?, 'piece', 1, 'show', 1, 'done', 0, ?)""",
            place.id, micros(later),
        )
    )  # fmt: skip
    memos = Memos(owned, "")
    await health.note_check(memos, "page 7: wrong", now())
    found = await bad()
    assert found["clock"][0] == "fail"
    assert "page 7: wrong" in found["nightly check"][1]
    await health.note_check(memos, None, datetime(2026, 1, 1, tzinfo=UTC))
    assert "done last on 2026-01-01" in (await bad())["nightly check"][1]


async def test_feeds_and_places_that_stand_still(owned: SqliteDb) -> None:
    async def work(tx: Tx) -> None:
        made = await sources.ensure_source(tx, kind="feed", address="http://f/1", title="", text_mode="full", now=now())
        await sources.failed(tx, made.id, "http-404", "http://f/1 is not there (HTTP 404).", now(), now())
        place = await places.add(tx, Place(id=0, platform="web", channel="general"), "place", now())
        await places.pause(tx, place, "the channel is not there")

    await owned.write(work)
    found = await bad()
    assert "HTTP 404" in found["http://f/1"][1]
    assert found["web:general"][2].endswith("rondan place set web:general --resume")


async def test_fonts_and_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "FOLDERS", ())
    monkeypatch.setattr(doctor, "Thinker", lambda: Thinker(module="no.such.module"))
    found = await bad()
    assert (found["fonts"][0], found["worker"][0]) == ("warn", "fail")
    assert "apt-get install" in found["fonts"][2]


async def test_discord_says_what_is_missing_by_name(owned: SqliteDb, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Discord() as far:
        guild = far.guild("Reading room")
        good, mute, dark, threads = (guild.text(name) for name in ("good", "mute", "dark", "threads"))
        far.permissions(mute, deny=P.SEND_MESSAGES)
        far.permissions(dark, deny=P.VIEW_CHANNEL)
        far.permissions(threads, deny=P.CREATE_PUBLIC_THREADS | P.ATTACH_FILES)
        far.sessions = 50
        monkeypatch.setenv("RONDAN_DISCORD_TOKEN", far.token)
        monkeypatch.setenv("RONDAN_DISCORD_API", far.api)
        for channel, layout in ((good, "card"), (mute, "card"), (dark, "card"), (threads, "thread")):
            place = Place(id=0, platform="discord", channel=str(channel.id), layout=layout)  # type: ignore[arg-type]
            await places.add_place(owned, place, "place", now())
        found = await bad(online=True)
        assert found["discord sessions"][0] == "warn"
        assert f"discord:{good.id}" not in found
        assert "Send Messages" in found[f"discord:{mute.id}"][1]
        assert "View Channel" in found[f"discord:{dark.id}"][1]
        assert "Create Public Threads" in found[f"discord:{threads.id}"][1]
        far.permissions(threads, deny=P.ATTACH_FILES)
        assert found != (again := await bad(online=True))
        assert again[f"discord:{threads.id}"][0] == "warn"
        monkeypatch.setenv("RONDAN_DISCORD_TOKEN", "nonsense")
        assert (await bad(online=True))["discord token"][0] == "fail"
        monkeypatch.setenv("RONDAN_DISCORD_API", "http://127.0.0.1:9/api/v10")
        assert "can't be reached" in (await bad(online=True))["discord"][1]


async def test_slack_says_which_scopes_and_channels_are_missing(
    owned: SqliteDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Slack() as far:
        far.limited = False
        good, out = far.channel("good"), far.channel("out", bot=False)
        old, shared = far.channel("old"), far.channel("shared", foreign=True)
        old.archived = True
        for channel in (good, out, old, shared):
            await places.add_place(owned, Place(id=0, platform="slack", channel=channel.id), "place", now())
        monkeypatch.setenv("RONDAN_SLACK_BOT_TOKEN", far.bot_token)
        monkeypatch.setenv("RONDAN_SLACK_APP_TOKEN", far.app_token)
        monkeypatch.setenv("RONDAN_SLACK_API", far.api)
        found = await bad(online=True)
        assert set(found) == {f"slack:{one.id}" for one in (out, old, shared)}
        assert "/invite" in found[f"slack:{out.id}"][2]
        assert "archived" in found[f"slack:{old.id}"][1]
        assert found[f"slack:{shared.id}"][0] == "warn"
        far.scopes -= {"chat:write", "reactions:read"}
        assert "chat:write, reactions:read" in (await bad(online=True))["slack scopes"][1]
        monkeypatch.setenv("RONDAN_SLACK_APP_TOKEN", "xapp-wrong")
        found = await bad(online=True)
        assert "RONDAN_SLACK_APP_TOKEN" in found["slack socket"][1]
        monkeypatch.setenv("RONDAN_SLACK_BOT_TOKEN", "xoxb-wrong")
        assert "RONDAN_SLACK_BOT_TOKEN" in (await bad(online=True))["slack token"][1]


def test_a_clock_that_is_off_is_told_from_one_that_is_not() -> None:
    states = [doctor._skew(timedelta(seconds=one)).state for one in (2, -60, 400)]
    assert states == ["ok", "warn", "fail"]


def test_the_command_prints_lines_or_json_and_exits_with_the_verdict(alone: Path) -> None:
    connection = sqlite3.connect(alone)  # a file of somebody else
    connection.execute("create table theirs(a)")
    connection.close()
    said, json_said = (
        subprocess.run([sys.executable, "-m", "bot", "doctor", *more], capture_output=True, text=True, timeout=60)
        for more in ((), ("--json",))
    )
    assert (said.returncode, json_said.returncode) == (2, 2), said.stderr
    assert "FAIL  database" in said.stdout
    assert "\x1b" not in said.stdout  # no terminal, no colours
    assert {one["subject"]: one["state"] for one in json.loads(json_said.stdout)}["database"] == "fail"
    assert "\x1b[31mFAIL" in doctor.line(Finding(subject="a", state="fail", sentence="b"), colour=True)
    assert "\x1b" not in doctor.line(Finding(subject="a\x1b[31m", state="ok", sentence="\x1b]0;b"))


@on_sqlite
async def test_who_gives_up_a_long_look_leaves_nothing_half_closed(db: Db) -> None:
    assert isinstance(db, SqliteDb)
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000) select max(i) from n"
    for _ in range(5):
        look = asyncio.create_task(health.Aside(db.path).read(endless))
        await asyncio.sleep(0.02)  # it is in the thread
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
    assert await health.Aside(db.path).read("select 1 as n")
