"""Copies of the database: made while it is used, sound, few; and what happens when none can be made."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from bot import backup
from bot.backup import Backups
from bot.settings import Settings
from core.errors import Refusal
from core.message import to_text
from storage import copies
from storage.db import Db, StorageError
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, add_place, found, on_sqlite
from tests.newsroom import Newsroom
from tests.test_cli import ESSAY, Shell, start, until


@pytest.fixture
def backups(room: Newsroom) -> Backups:
    assert isinstance(room.db, SqliteDb)
    made = Backups(room.db, Settings(database=room.db.path, backup_keep=2), room.clock)
    room.publisher.shows[made.alarm.subject] = made.alarm.show
    return made


@on_sqlite
async def test_a_day_has_one_copy_from_its_hour_on_and_the_newest_are_kept(room: Newsroom, backups: Backups) -> None:
    assert isinstance(room.db, SqliteDb)
    await room.publish(found())
    room.clock.at = room.clock.at.replace(hour=2)
    assert not await backups.daily()
    for _ in range(3):
        room.clock.move(hours=1)
        assert await backups.daily()
        assert not await backups.daily()
        room.clock.move(hours=23)
    folder = room.db.path.with_name("backups")
    other = folder / "notes.db"
    other.touch()
    (folder / "rondan.20261120T030000Z.db.unfinished").touch()  # of a process that was killed in it
    room.clock.move(hours=1)
    assert await backups.daily()
    assert sorted(path.name for path in folder.iterdir()) == [
        "notes.db", "rondan.20261122T030000Z.db", "rondan.20261123T030000Z.db",
    ]  # fmt: skip
    newest = backup.kept(Settings(database=room.db.path))[0]
    assert stat.S_IMODE(newest.stat().st_mode) == 0o600
    assert copies.verify(newest)["piece"] == 1
    assert str(backup.made_at(newest)) == "2026-11-23 03:00:00+00:00"


@on_sqlite
async def test_a_copy_made_while_rows_are_written_is_of_one_moment(room: Newsroom, backups: Backups) -> None:
    assert isinstance(room.db, SqliteDb)
    insert = "insert into memo(platform, key, value) values(?,?,?)"
    going = True

    async def write() -> int:
        n = 0
        while going:
            await room.db.put(insert, ("x", str(n), "v"))
            n += 1
        return n

    writing = asyncio.create_task(write())
    copy = await backups.make(room.db.path.with_name("copy.db"))
    going = False
    assert 0 <= copy.rows["memo"] <= await writing
    assert copies.verify(copy.path)["memo"] == copy.rows["memo"]
    with pytest.raises(Refusal, match="is there already"):
        await backups.make(copy.path)


@on_sqlite
async def test_a_failure_is_told_once_to_moderators_and_so_is_its_end(
    room: Newsroom, backups: Backups, logged: list[Any]
) -> None:
    assert isinstance(room.db, SqliteDb)
    await add_place(room.db, room.clock, "desk", layout="queue")
    blocked = room.db.path.with_name("backups")
    blocked.write_text("in the way")
    for _ in range(2):
        assert await backups.daily()
        room.clock.move(hours=24)
    assert [one["event"] for one in logged].count("backup.failed") == 2
    await room.publisher.settle_all()

    def cards() -> list[str]:
        return [to_text(one.message) for one in room.chat.room.entries("desk") if one.message is not None]

    (card,) = cards()
    assert "No backup could be made" in card
    assert "can't make" in card
    blocked.unlink()
    assert await backups.daily()
    await room.publisher.settle_all()
    assert "Backups are made again" in cards()[0]
    assert len(cards()) == 1


@on_sqlite
async def test_what_is_damaged_is_not_kept(db: Db, clock: SetClock, tmp_path: Path) -> None:
    assert isinstance(db, SqliteDb)
    await db.write(lambda tx: tx.run("insert into topic(key, names, created_at) values(?, '{}', 0)", "k" * 9000))
    await db.shrink_log()
    source, damaged = tmp_path / "whole.db", tmp_path / "damaged.db"
    copies.copy_verified(db.path, source)
    body = bytearray(source.read_bytes())
    with sqlite3.connect(source) as file:
        (page,) = file.execute("select rootpage from sqlite_schema where name='topic'").fetchone()
    body[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    damaged.write_bytes(body)
    with pytest.raises(StorageError, match=r"damaged|can't copy"):
        copies.copy_verified(damaged, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy.db*"))
    sqlite3.connect(tmp_path / "other.db").execute("create table x(y)").connection.close()
    with pytest.raises(StorageError, match="is no database of Rondan"):
        copies.verify(tmp_path / "other.db")


def test_by_the_shell_beside_a_running_bot_and_without(tmp_path: Path) -> None:
    """One bot for all: a copy and an export while it runs, a restore when it does not, an import somewhere else."""
    shell, out = Shell(tmp_path / "old" / "rondan.db"), tmp_path / "all"
    shell.database.parent.mkdir()
    (tmp_path / "pieces").mkdir()
    (tmp_path / "pieces" / "bus.md").write_text(ESSAY)
    os.utime(tmp_path / "pieces" / "bus.md", (1, 1))
    bot = start(shell.database, RONDAN_BACKUP_KEEP="0", RONDAN_FOLDERS=str(tmp_path / "pieces"))
    try:
        until(lambda: copies.rows_of(shell.database)["piece"] == 1)
        made = shell.json("backup")
        assert made["tables"]["piece"] == 1
        assert Path(made["path"]).parent == tmp_path / "old" / "backups"
        assert "1 pieces" in shell("export", str(out))
        assert "stop it first" in shell.refused("restore", "--yes")
    finally:
        bot.stop()
    back = shell.json("restore", "--yes")
    assert back["from"] == made["path"]
    assert copies.rows_of(Path(back["aside"]))["piece"] == 1
    other = Shell(tmp_path / "new" / "rondan.db")
    other.database.parent.mkdir()
    other.database.with_name("rondan.db.key").write_bytes(shell.database.with_name("rondan.db.key").read_bytes())
    other("import", str(out))
    assert copies.rows_of(other.database)["piece"] == 1
