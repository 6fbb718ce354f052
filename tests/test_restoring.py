"""A copy is brought back: nothing that was posted since comes twice, nothing that was not is lost, erasures stand."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import backup, ingest, owner, restoring
from bot.platforms.room import Room
from bot.settings import Settings
from core.errors import ConfigError, Refusal
from core.pieces import Found
from core.stances import DEFAULT
from storage import copies, ledger, schema, sources
from storage.db import Db, Tx
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, add_place, found, on_sqlite
from tests.newsroom import Newsroom
from tests.test_publish import Moody, Stage

pytestmark = on_sqlite


def item(name: str) -> Found:
    return found(name, title=f"Piece {name}")


class Past:
    """A publication that is copied, goes on, and comes back from the copy. `stage` is always the one of now."""

    def __init__(self, stage: Stage, settings: Settings) -> None:
        self.stage = stage
        self.settings = settings
        self.copy = settings.database.with_name("copy.db")

    def copy_now(self) -> None:
        copies.copy_verified(self.settings.database, self.copy)

    async def come_back(self) -> None:
        await self.stage.db.close()
        self.stage.clock.move(hours=5)
        await restoring.restore(self.settings, self.copy, self.stage.clock)
        db = await SqliteDb.open(self.settings.database)
        self.stage = Stage(db, self.stage.clock, self.stage.chat)


@pytest.fixture
async def past(db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Past]:
    assert isinstance(db, SqliteDb)
    room = Room(tmp_path / "room.jsonl", amnesia=True)
    await add_place(db, clock, layout="thread")
    past = Past(Stage(db, clock, Moody(room)), Settings(database=db.path))
    yield past
    await past.stage.db.close()
    await room.close()


async def test_what_was_posted_since_the_copy_is_found_and_not_sent_again(past: Past) -> None:
    before = past.stage
    await before.take(item("old"))
    await before.settle()
    await before.take(item("waits"))
    past.copy_now()
    before.clock.move(minutes=3)
    await before.settle()
    await before.take(item("new"))
    await before.settle(minutes=1)
    shown = before.shown()
    await past.come_back()
    after = past.stage
    sent = after.chat.calls.count("send")
    await after.settle()
    for name in ("old", "waits", "new"):
        await after.take(item(name))
    await after.settle(minutes=1)
    await after.settle(minutes=1)
    assert after.shown() == shown
    assert after.chat.calls.count("send") == sent
    assert {row["state"] for row in await after.db.read("select state from posting")} == {"done"}
    assert not await after.db.read("select 1 from posting where doubted_at is not null")
    known = await after.db.read("select count(*) as n from anchor")
    assert known[0]["n"] == 9  # the messages are ours again: what readers answer there is kept


async def test_what_was_never_posted_is_posted_as_what_comes_late_is(past: Past) -> None:
    await past.stage.take(item("old"))
    await past.stage.settle()
    past.copy_now()
    await past.come_back()
    after = past.stage
    late = after.clock.at
    for n in range(6):
        await after.take(item(f"late{n}"), due=late)
    await after.settle(minutes=90)
    await after.settle(minutes=1)
    shown = [line for line in after.shown() if not line.startswith(" ")]
    assert [line for line in shown if line.startswith("Piece late")] == [f"Piece late{n}" for n in (3, 4, 5)]
    assert len(shown) == 5  # the old one, the three newest, and one message for the rest


async def test_a_piece_that_was_let_out_since_the_copy_is_not_posted_again(past: Past) -> None:
    before = past.stage
    held = await before.take(item("held"), state="held")
    assert held.piece is not None
    number = held.piece
    past.copy_now()
    await before.change(lambda tx: ingest.let_out(tx, number, before.clock()))
    await before.settle()
    shown = before.shown()
    await past.come_back()
    after = past.stage
    await after.change(lambda tx: ingest.let_out(tx, number, after.clock()))
    await after.settle(minutes=1)
    await after.settle(minutes=1)
    assert after.shown() == shown


async def test_where_it_cannot_be_told_nothing_is_sent(past: Past) -> None:
    past.copy_now()
    await past.stage.take(item("new"))
    await past.stage.settle()
    shown = past.stage.shown()
    await past.come_back()

    def blind(when: str, op: str) -> None:
        if op == "find":
            raise OSError("history can't be read")

    past.stage.chat.room.fault = blind
    await past.stage.take(item("new"))
    await past.stage.settle(minutes=1)
    assert past.stage.shown() == shown
    (row,) = await past.stage.db.read("select state, reason from posting")
    assert row["state"] == "waiting"
    assert "can't tell" in row["reason"]


async def test_a_feed_is_in_doubt_until_it_was_read_once(past: Past) -> None:
    async def feed(tx: Tx) -> object:
        return await sources.add_source(
            tx, kind="feed", address="http://f/x", title="", text_mode="full", review=False, places=(),
            now=past.stage.clock(),
        )  # fmt: skip

    await past.stage.db.write(feed)
    past.copy_now()
    await past.come_back()
    db, now = past.stage.db, past.stage.clock()
    (one,) = await sources.sources(db, "feed")
    assert one.doubted is not None
    await db.write(
        lambda tx: sources.polled(
            tx, one.id, etag=None, modified=None, body_hash=None, address=None, title=None, next_check=now,
            baseline=False, now=now,
        )
    )  # fmt: skip
    assert (await sources.source(db, one.id)).doubted is None


async def test_after_some_weeks_what_is_new_is_new(past: Past) -> None:
    past.copy_now()
    await past.come_back()
    db, clock = past.stage.db, past.stage.clock
    await past.stage.take(item("soon"))
    await copies.believe(db, clock())
    clock.move(days=31)
    await copies.believe(db, clock())
    await past.stage.take(item("later"))
    assert [row["doubted_at"] is not None for row in await db.read("select doubted_at from piece order by id")] == [
        True, False,
    ]  # fmt: skip


async def test_digests_of_the_time_between_are_not_made_again(past: Past) -> None:
    await past.stage.db.write(
        lambda tx: tx.run(
            """insert into schedule(place_id, days, minute, zone, topics, created_at, upto)
               values(1, '0123456', 0, 'UTC', '[]', 0, 0)"""
        )
    )
    past.copy_now()
    await past.come_back()
    (row,) = await past.stage.db.read("select upto from schedule")
    assert row["upto"] == int(past.stage.clock().timestamp() * 1_000_000)


async def test_erasures_after_the_copy_are_carried_out_again(room: Newsroom, tmp_path: Path) -> None:
    """The ledger is beside the key, not in the copy; the next start reads it before anything is posted or shown."""
    from bot.collect import Collector

    assert isinstance(room.db, SqliteDb)
    settings = Settings(database=room.db.path)
    await room.publish(found())
    card = await room.anchor(1)
    await room.say("r1", card, "Too dear for nurses.", name="c1")
    await room.react("r1", card, "👍")
    await room.ears.fold_all()
    copy = tmp_path / "copy.db"
    copies.copy_verified(room.db.path, copy)
    noted = ledger.Ledger(tmp_path / "rondan.db.erasures")
    room.clock.move(seconds=5)
    ears = Collector(room.db, DEFAULT, room.clock, ledger=noted)
    await ears.outside.forget("web", "r1", ears.stance_of, room.clock())
    await room.db.close()
    await restoring.restore(settings, copy, room.clock)
    db = await SqliteDb.open(settings.database)
    try:
        assert (await db.read("select text from comment"))[0]["text"] == "Too dear for nurses."
        again = Collector(db, DEFAULT, room.clock, ledger=noted)
        assert await again.outside.replay(again.stance_of) == 1
        assert not await db.read("select 1 from comment where text<>''")
        assert not await db.read("select 1 from reaction where present=1")
    finally:
        await db.close()


# --- the files ---

KILLER = """
import asyncio, os, signal, sys
from pathlib import Path
from bot import restoring
from bot.settings import Settings
from core.times import now

def strike(stage):
    if stage == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

restoring.trace = strike
asyncio.run(restoring.restore(Settings(database=Path(sys.argv[1])), Path(sys.argv[1]).with_name("copy.db"), now))
"""


@pytest.mark.parametrize("stage", ["ready", "begun", "aside", "aside-wal", "in place"])
async def test_killed_anywhere_and_run_again_it_ends_the_same(past: Past, stage: str, clock: SetClock) -> None:
    await past.stage.take(item("old"))
    past.copy_now()
    await past.stage.take(item("new"))
    database = past.settings.database
    # As a process leaves it that was killed: the log beside it.
    with sqlite3.connect(database) as held:
        held.execute("select count(*) from piece").fetchone()
        wal = database.with_name("rondan.db-wal").read_bytes()
    held.close()
    await past.stage.db.close()
    database.with_name("rondan.db-wal").write_bytes(wal)
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLER, str(database), stage)
    assert await child.wait() == -signal.SIGKILL
    if restoring.begun(database).exists():
        with pytest.raises(ConfigError, match="run `rondan restore` again"):
            restoring.refuse_begun(database)
    await restoring.restore(past.settings, past.copy, clock)
    restoring.refuse_begun(database)
    assert copies.verify(database)["piece"] == 1
    aside = [path for path in database.parent.glob("rondan.db.replaced-*") if not path.name.endswith(("-wal", "-shm"))]
    assert 2 in [copies.rows_of(path)["piece"] for path in aside]
    assert not list(database.parent.glob("*.restoring*"))


async def test_a_database_that_is_in_use_is_left_alone(past: Past) -> None:
    past.copy_now()
    lock = owner.Lock(past.settings.database)
    assert lock.take()
    try:
        with pytest.raises(Refusal, match="stop it first"):
            await restoring.restore(past.settings, past.copy, past.stage.clock)
    finally:
        lock.release()


async def test_the_newest_sound_copy_is_taken_and_damaged_ones_are_named(past: Past) -> None:
    settings = past.settings
    folder = backup.folder(settings)
    with pytest.raises(Refusal, match="there are no copies in"):
        restoring.sound(settings, None)
    folder.mkdir()
    copies.copy_verified(settings.database, folder / "rondan.20261101T030000Z.db")
    (folder / "rondan.20261102T030000Z.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
    looked = list(restoring.look(settings, None))
    assert [one.lack is None for one in looked] == [False, True]
    assert restoring.sound(settings, None).path.name == "rondan.20261101T030000Z.db"
    with pytest.raises(Refusal, match="there is no file"):
        restoring.sound(settings, folder / "none.db")


async def test_a_copy_with_another_key_is_refused_and_nothing_is_changed(past: Past, tmp_path: Path) -> None:
    other = await SqliteDb.open(tmp_path / "else" / "rondan.db")
    await schema.migrate(other, past.stage.clock())
    await other.close()
    await past.stage.take(item("mine"))
    await past.stage.db.close()
    with pytest.raises(ConfigError, match="the key does not fit"):
        await restoring.restore(past.settings, tmp_path / "else" / "rondan.db", past.stage.clock)
    restoring.refuse_begun(past.settings.database)
    assert copies.rows_of(past.settings.database)["piece"] == 1
