"""People who opted out: nothing of them is written, from the moment that they say so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from bot.collect import Collector
from core.chat import Commented, Heard, Person, Reacted, Removed
from core.stances import DEFAULT
from storage import journal, schema
from storage.db import Args, Db, Row, StorageError
from storage.outside import Outside
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, found
from tests.newsroom import Newsroom
from tests.test_rights import stored


def said(room: Newsroom, who: str, under: str, text: str) -> Heard:
    return Commented(
        platform="web", channel="general", anchor=f"c-{text}", person=Person(id=who, name=who), text=text,
        at=room.clock.move(seconds=1), reply_to=under, thread=under,
    )  # fmt: skip


def reacted(room: Newsroom, who: str, under: str) -> Heard:
    person, at = Person(id=who, name=who), room.clock.move(seconds=1)
    return Reacted(platform="web", channel="general", anchor=under, person=person, emoji="👍", added=True, at=at)


async def counts(db: Db) -> dict[str, int]:
    tables = ("heard", "parked", "comment", "reaction")
    return {table: (await db.read(f"select count(*) as n from {table}"))[0]["n"] for table in tables}


@pytest.mark.parametrize("how", ["keep", "note"])
async def test_nothing_is_written_of_who_opted_out(room: Newsroom, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    anchor = await room.anchor(await room.publish(found()))
    assert await room.ears.outside.opt_out("web", "ria")
    written: list[Heard] = []
    encode = journal.encode

    def noticed(event: Heard) -> str:
        written.append(event)
        return encode(event)

    monkeypatch.setattr(journal, "encode", noticed)
    for event in (
        said(room, "ria", anchor, "secret words"),
        reacted(room, "ria", anchor),
        reacted(room, "sam", anchor),
    ):
        if how == "keep":
            await room.ears.keep(event)
        else:
            room.ears.note(event)
    await room.ears.fold_all()
    assert [getattr(one, "person", None) for one in written] == [Person(id="sam", name="sam")]
    assert await counts(room.db) == {"heard": 0, "parked": 0, "comment": 0, "reaction": 1}
    assert b"secret words" not in await stored(room.db)


async def test_it_is_one_account_on_one_platform(room: Newsroom) -> None:
    outside = room.ears.outside
    await outside.opt_out("slack", "ria")
    assert outside.holds("slack", "ria")
    assert not outside.holds("web", "ria")
    assert not outside.holds("slack", "sam")


async def test_what_they_wrote_can_still_be_removed(room: Newsroom) -> None:
    anchor = await room.anchor(await room.publish(found()))
    await room.ears.keep(said(room, "ria", anchor, "before"))
    await room.ears.fold_all()
    await room.ears.outside.opt_out("web", "ria")
    await room.ears.keep(Removed(platform="web", channel="general", anchors=("c-before",), at=room.clock()))
    await room.ears.fold_all()
    assert [row["state"] for row in await room.db.read("select state from comment")] == ["erased"]


async def test_what_waits_in_the_journal_or_for_its_message_is_dropped_when_it_is_folded(room: Newsroom) -> None:
    early = [said(room, "ria", "w1", "early"), reacted(room, "ria", "w1"), reacted(room, "sam", "w1")]
    for event in early:
        await room.ears.keep(event)
    await room.ears.fold_all()
    assert (await counts(room.db))["parked"] == 3
    anchor = await room.anchor(await room.publish(found()))  # which gives what waited back to the journal
    assert anchor == "w1"
    await room.ears.keep(said(room, "ria", anchor, "late"))
    await room.ears.outside.opt_out("web", "ria")
    await room.ears.fold_all()
    assert await counts(room.db) == {"heard": 0, "parked": 0, "comment": 0, "reaction": 1}


async def test_it_outlives_a_restart_and_can_be_taken_back(tmp_path: Path, clock: SetClock) -> None:
    async def ears(work: Callable[[Collector], Awaitable[object]]) -> list[bool]:
        """What each start of the program knows: who is out, before and after it did something."""
        db = await SqliteDb.open(tmp_path / "r.db")
        try:
            await schema.migrate(db, clock())
            collector = Collector(db, DEFAULT, clock)
            await collector.outside.ready()
            before = collector.outside.holds("web", "ria")
            await work(collector)
            return [before, collector.outside.holds("web", "ria")]
        finally:
            await db.close()

    assert await ears(lambda one: one.outside.opt_out("web", "ria")) == [False, True]
    assert await ears(lambda one: one.outside.opt_out("web", "ria")) == [True, True]
    assert await ears(lambda one: one.outside.opt_in("web", "ria")) == [True, False]
    assert await ears(lambda one: one.outside.opt_in("web", "ria")) == [False, False]


async def test_it_says_whether_it_was_so_already_and_keeps_the_row(room: Newsroom) -> None:
    anchor = await room.anchor(await room.publish(found()))
    await room.ears.keep(said(room, "ria", anchor, "words"))
    await room.ears.fold_all()
    outside = room.ears.outside
    done = [
        await outside.opt_in("web", "ria"),
        await outside.opt_out("web", "ria"),
        await outside.opt_out("web", "ria"),
    ]
    assert done == [False, True, False]
    rows = await room.db.read("select p.name, c.text from person p join comment c on c.person_id=p.id")
    assert [(row["name"], row["text"]) for row in rows] == [("ria", "words")], (
        "what stands is for forget-me to take away"
    )


async def test_nobody_is_let_through_before_it_was_read_who_opted_out(db: Db, clock: SetClock) -> None:
    await Collector(db, DEFAULT, clock).outside.opt_out("web", "ria")
    again = Collector(db, DEFAULT, clock)
    with pytest.raises(RuntimeError, match="not read yet"):
        again.outside.holds("web", "ria")
    event = Reacted(
        platform="web", channel="c", anchor="w", person=Person(id="ria"), emoji="👍", added=True, at=clock()
    )
    again.note(event)
    await again.keep(event)
    assert await again.fold_all() == 0


async def test_it_is_read_once_however_many_wait(db: Db) -> None:
    class Counting:
        asked, shared, doze = 0, db.shared, db.doze

        async def read(self, sql: str, *args: Any) -> list[Row]:
            self.asked += 1
            return await db.read(sql, *args)

    counting = Counting()
    outside = Outside(cast("Db", counting))
    await asyncio.gather(*(outside.ready() for _ in range(100)))
    assert counting.asked == 1


class Failing:
    """A database that keeps nothing while `fails` is set; `held` lets a write through."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self.fails = False
        self.held = asyncio.Event()
        self.held.set()

    async def put(self, sql: str, row: Args) -> None:
        await self.held.wait()
        if self.fails:
            raise StorageError("the disk is full")
        await self._db.put(sql, row)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


async def test_the_set_never_lags_behind_the_row(db: Db) -> None:
    moody = Failing(db)
    outside = Outside(cast("Db", moody))
    await outside.ready()
    moody.held.clear()
    going = asyncio.create_task(outside.opt_out("web", "ria"))
    await asyncio.sleep(0.01)
    assert outside.holds("web", "ria"), "from the moment that it is asked for"
    moody.held.set()
    await going
    moody.held.clear()
    coming = asyncio.create_task(outside.opt_in("web", "ria"))
    await asyncio.sleep(0.01)
    assert outside.holds("web", "ria"), "until it is written down"
    moody.held.set()
    await coming
    assert not outside.holds("web", "ria")


async def test_what_could_not_be_written_down_is_not_so(db: Db) -> None:
    moody = Failing(db)
    outside = Outside(cast("Db", moody))
    moody.fails = True
    with pytest.raises(StorageError):
        await outside.opt_out("web", "ria")
    assert not outside.holds("web", "ria")
    moody.fails = False
    await outside.opt_out("web", "ria")
    moody.fails = True
    with pytest.raises(StorageError):
        await outside.opt_in("web", "ria")
    assert outside.holds("web", "ria")


async def test_one_who_cannot_decide_ends_where_the_row_is(db: Db) -> None:
    outside = Outside(db)
    steps = [outside.opt_out("web", "ria") if number % 2 else outside.opt_in("web", "ria") for number in range(50)]
    await asyncio.gather(*steps)
    row = (await db.read("select opted_out from person where hash=?", db.whose("web", "ria")))[0]
    assert bool(row["opted_out"]) == outside.holds("web", "ria")


async def test_a_door_that_is_closed_before_it_opened_leaves_nobody_out_of_sight(db: Db) -> None:
    """Whoever gives up waiting: the row may be there, so the account counts as out."""
    moody = Failing(db)
    outside = Outside(cast("Db", moody))
    await outside.ready()
    moody.held.clear()
    going = asyncio.create_task(outside.opt_out("web", "ria"))
    await asyncio.sleep(0.01)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    assert outside.holds("web", "ria")
