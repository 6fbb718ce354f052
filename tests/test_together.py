"""Many who ask the same get one answer, which is never older than their question but where nothing changed; others
get their own.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.platforms.room import Room
from commands.together import MOST, Same, Together
from core.chat import Person
from core.errors import Refusal
from core.message import Reply, to_text
from storage import pieces
from storage.db import Db, Row
from storage.sqlite import SqliteDb
from tests.conftest import QuietRoom, SetClock, add_place, found, on_sqlite
from tests.newsroom import MODERATOR, READER, Newsroom
from tests.test_digest_whole import think


class Oven:
    """Gives numbered answers, one at a time when it is opened."""

    def __init__(self) -> None:
        self.made = 0
        self.open = asyncio.Event()

    async def __call__(self) -> int:
        self.made += 1
        mine = self.made
        await self.open.wait()
        return mine


async def test_those_who_ask_while_it_is_made_share_the_next_one() -> None:
    together, oven = Together(), Oven()
    first = [asyncio.create_task(together("a", oven)) for _ in range(3)]
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(together("a", oven)) for _ in range(50)]
    await asyncio.sleep(0.01)
    assert oven.made == 1  # the next one has not begun
    oven.open.set()
    assert await asyncio.gather(*first) == [1, 1, 1]
    assert await asyncio.gather(*later) == [2] * 50
    assert await together("a", oven) == 3
    assert (together._begun, together._next) == ({}, {})


async def test_another_key_is_another_answer() -> None:
    together, oven = Together(), Oven()
    oven.open.set()
    assert sorted(await asyncio.gather(together("a", oven), together("b", oven))) == [1, 2]


async def test_who_goes_away_takes_nothing_from_the_others_and_a_refusal_is_for_all() -> None:
    together, oven = Together(), Oven()
    gone, stays = (asyncio.create_task(together("a", oven)) for _ in range(2))
    await asyncio.sleep(0.01)
    gone.cancel()
    oven.open.set()
    assert await stays == 1

    async def refuse() -> int:
        raise Refusal("no")

    asked = [asyncio.create_task(together("a", refuse)) for _ in range(2)]
    with pytest.raises(Refusal):
        await asked[0]
    with pytest.raises(Refusal):
        await asked[1]
    assert await together("a", oven) == 2


async def test_an_answer_holds_while_nothing_changed_and_for_some_seconds_at_most(clock: SetClock) -> None:
    changes = 1
    together, oven = Together(lambda: changes, clock), Oven()
    oven.open.set()
    assert [await together("a", oven) for _ in range(3)] == [1, 1, 1]
    assert await together("b", oven) == 2
    changes = 2
    assert await together("a", oven) == 3
    clock.move(seconds=9)
    assert await together("a", oven) == 3
    clock.move(seconds=1)
    assert await together("a", oven) == 4
    clock.move(seconds=-1)  # who set the clock back has not made it younger
    assert await together("a", oven) == 5
    assert list(together._kept) == ["a"], "what holds no more is not kept"


async def test_who_came_while_it_was_made_gets_it_unless_something_changed_since(clock: SetClock) -> None:
    changes = 1
    together, oven = Together(lambda: changes, clock), Oven()
    for same, told in ((True, 1), (False, 3)):
        clock.move(minutes=1)
        oven.open.clear()
        first = asyncio.create_task(together("a", oven))
        await asyncio.sleep(0.01)
        later = [asyncio.create_task(together("a", oven)) for _ in range(3)]
        await asyncio.sleep(0.01)
        changes += not same
        oven.open.set()
        assert await first == (1 if same else 2)
        assert await asyncio.gather(*later) == [told] * 3
        assert (together._begun, together._next) == ({}, {})


async def test_what_is_kept_is_bounded_and_a_refusal_is_not_kept(clock: SetClock) -> None:
    together, oven = Together(lambda: 1, clock), Oven()
    oven.open.set()
    for number in range(MOST + 5):
        await together(number, oven)
    assert list(together._kept) == list(range(5, MOST + 5))

    async def refuse() -> int:
        raise Refusal("no")

    with pytest.raises(Refusal):
        await together("no", refuse)
    assert await together("no", oven) > MOST


async def test_a_value_may_be_part_of_a_key_as_itself_alone() -> None:
    one, equal = [1], [1]
    assert Same(one) == Same(one) != Same(equal)
    assert hash(Same(one)) == hash(Same(one))


@on_sqlite
@pytest.mark.parametrize(
    ("line", "again"),
    [("/help", 1), ("/topics", 0), ("/piece 1", 0), ("/piece bus", 1), ("/search bus", 0), ("/digest", 0)],
)
async def test_what_was_asked_a_moment_ago_costs_no_reads(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch, line: str, again: int
) -> None:
    await room.publish(found("bus", title="The night bus"))
    room.clock.move(minutes=1)
    asked = 0
    read = SqliteDb.read

    async def counted(self: SqliteDb, sql: str, *args: object) -> list[Row]:
        nonlocal asked
        asked += 1
        return await read(self, sql, *args)

    monkeypatch.setattr(SqliteDb, "read", counted)
    first = await room.ask(line, replace(READER, known_as=frozenset({"r1"})))
    assert asked > again
    asked = 0
    other = replace(READER, person=Person(id="r2", name="Rio"), known_as=frozenset({"r2"}))
    second = await room.ask(line, other)
    assert asked == again
    assert second.message is first.message, "so that it is written down once"
    await room.publish(found("tram", title="The early tram bus"))
    assert to_text((await room.ask(line, other)).message) is not to_text(first.message)
    assert asked > again


@on_sqlite
async def test_a_button_that_was_pressed_a_moment_ago_costs_no_reads(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.publish(found("bus", title="The night bus"))
    (uid,) = [row["uid"] for row in await room.db.read("select uid from piece")]
    pages = [await room.desk.press(READER, f"v1:read:{uid}:-", None) for _ in range(2)]
    monkeypatch.setattr(SqliteDb, "read", None)
    pages.append(await room.desk.press(replace(READER, person=Person(id="r2", name="Rio")), f"v1:read:{uid}:-", None))
    assert len({id(one.message) for one in pages if isinstance(one, Reply)}) == 1


async def test_what_a_moderator_sees_is_not_kept_for_readers(room: Newsroom) -> None:
    await room.publish(found("bus", title="The night bus"))
    await room.db.write(lambda tx: pieces.set_state(tx, 1, "held", now=room.clock()))
    for _ in range(2):
        assert (await room.ask("/piece 1", MODERATOR)).ok
        assert not (await room.ask("/piece 1", READER)).ok


@on_sqlite
async def test_of_who_left_nothing_here_little_is_read(room: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/my-data` is the one answer that nobody shares."""
    reads = []
    read = SqliteDb.read

    async def counted(self: SqliteDb, sql: str, *args: object) -> list[Row]:
        reads.append(sql)
        return await read(self, sql, *args)

    monkeypatch.setattr(SqliteDb, "read", counted)
    await room.ask("/my-data", READER)
    reads.clear()
    await room.ask("/my-data", READER)
    assert len(reads) == 4


async def test_a_hundred_digests_are_made_once_and_each_language_and_place_has_its_own(
    db: Db, clock: SetClock, tmp_path: Path
) -> None:
    jobs = 0
    memory = Room(tmp_path / "many.jsonl")
    await add_place(db, clock)

    async def counted(job: str, data: object) -> object:
        nonlocal jobs
        jobs += job == "read"
        return await think(job, data)

    room = Newsroom(db, clock, QuietRoom("web", memory), think=counted)
    await room.publish(found("bus", title="The night bus"))
    clock.move(minutes=1)
    japanese = replace(READER, language="ja", person=Person(id="r2", name="Rio"))
    elsewhere = replace(READER, channel="elsewhere", person=Person(id="r3", name="Ray"))
    people = [READER, *(replace(READER, person=Person(id=f"x{n}", name="X")) for n in range(98)), japanese, elsewhere]
    replies = await asyncio.gather(*(room.desk.call(one, "digest", {}) for one in people))
    assert jobs <= 2 * 3  # of each, the one that was begun and the one that all others waited for
    texts = [to_text(one.message) for one in replies]
    assert len(set(texts[:99])) == 1
    assert "The night bus" in texts[0]
    assert "記事（1本）" in texts[-2]
    await memory.close()


async def test_what_is_personal_is_not_shared(room: Newsroom, clock: SetClock) -> None:
    await room.publish(found("bus", title="The night bus"))
    clock.move(minutes=1)
    other = replace(READER, person=Person(id="r2", name="Rio"))
    await room.desk.call(READER, "digest", {"period": "new"})
    clock.move(hours=2)
    mine, theirs = await asyncio.gather(
        *(room.desk.call(one, "digest", {"period": "new"}) for one in (READER, other))
    )  # the one looked two hours ago, the other never did
    assert "The night bus" not in to_text(mine.message)
    assert "The night bus" in to_text(theirs.message)
