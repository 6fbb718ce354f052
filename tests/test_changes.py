"""A database that counts what changes in it: whatever an answer may show, and not what a loop keeps for itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.platforms.room import Room
from core.chat import Commented, Person
from core.times import now
from storage import schema
from storage.changes import CountingDb, changes_of
from storage.db import Db, Tx
from storage.journal import KEEP, encode
from storage.sqlite import SqliteDb
from tests.conftest import QuietRoom, SetClock, add_place, found
from tests.newsroom import Newsroom

EVENT = encode(
    Commented(platform="web", channel="general", anchor="x", person=Person(id="a", name="a"), text="Yes.", at=now())
)


@pytest.fixture
async def counting(tmp_path: Path, clock: SetClock) -> AsyncIterator[CountingDb]:
    db = await CountingDb.open(tmp_path / "counting.db")
    try:
        await schema.migrate(db, clock())
        assert isinstance(db, CountingDb)
        yield db
    finally:
        await db.close()


def note(value: str) -> str:
    return f"insert into fact(name, value) values('{value}', '')"


async def test_what_is_written_counts_and_what_is_read_does_not(counting: CountingDb) -> None:
    before = counting.changes

    async def look(tx: Tx) -> None:
        await tx.read("select * from fact")
        await tx.one("select count(*) from fact")

    await counting.read("select * from fact")
    await counting.write(look)
    assert counting.changes == before

    for number, work in enumerate((
        lambda tx: tx.run(note("a")),
        lambda tx: tx.many("insert into fact(name, value) values(?, '')", [("b",)]),
        lambda tx: tx.one(f"{note('c')} returning name"),
        lambda tx: tx.read(f"{note('d')} returning name"),
    )):  # fmt: skip
        await counting.write(work)
        assert counting.changes == before + number + 1
    await counting.put("insert into fact(name, value) values(?,?)", ("e", ""))
    assert counting.changes == before + 5


async def test_a_piece_on_its_way_and_an_event_that_is_heard_do_not_count_but_what_becomes_of_them(
    counting: CountingDb, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Room(tmp_path / "room.jsonl")
    room = Newsroom(counting, clock, QuietRoom("web", memory))
    for number in range(3):
        await add_place(counting, clock, f"place{number}", layout="thread")
    before = counting.changes
    with monkeypatch.context() as patched:
        patched.setattr(room.publisher, "settle_all", nothing)
        await room.publish(found())
    taken = counting.changes
    assert taken > before
    await room.publisher.settle_all()
    assert len(await counting.read("select 1 from leaf where ref is not null and name='card'")) == 3
    assert counting.changes == taken, "the piece counts, and nothing of its way to the places"

    await counting.put(KEEP, (EVENT,))
    assert counting.changes == taken
    await room.ears.fold_all()
    assert counting.changes > taken
    await memory.close()


async def nothing() -> None:
    pass


async def test_what_is_counted_was_committed_before(counting: CountingDb) -> None:
    """Who takes the number and reads has read that much: else what is old would hold for ever."""
    begun, go_on = threading.Event(), threading.Event()

    async def slow(tx: Tx) -> None:
        await tx.run(note("slow"))
        begun.set()
        assert go_on.wait(10)

    before = counting.changes
    writing = asyncio.create_task(counting.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    assert counting.changes == before
    go_on.set()
    await writing
    assert counting.changes == before + 1
    assert await counting.read("select 1 from fact where name='slow'")


@pytest.mark.parametrize("alone", [False, True])
async def test_who_goes_away_before_it_is_done_does_not_leave_it_uncounted(counting: CountingDb, alone: bool) -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def hold(_: Tx) -> None:
        begun.set()
        assert go_on.wait(10)

    holding = asyncio.create_task(counting.write(hold))
    await asyncio.to_thread(begun.wait, 10)
    row = ("insert into fact(name, value) values(?,?)", ("gone", ""))
    writing = asyncio.create_task(counting.put(*row) if alone else counting.write(lambda tx: tx.run(row[0], *row[1])))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    then = counting.changes
    go_on.set()
    await holding
    await asyncio.gather(*counting._left)
    assert await counting.read("select 1 from fact where name='gone'"), "it was in the line"
    assert counting.changes > then
    assert not counting._left


async def test_where_others_may_write_nothing_is_known(db: Db, tmp_path: Path) -> None:
    assert (changes_of(db) is None) == db.shared
    plain = await SqliteDb.open(tmp_path / "plain.db")
    assert changes_of(plain) is None
    await plain.close()
