"""Many who ask the same get one answer, which is never older than their question; others get their own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.platforms.room import Room
from commands.together import Together
from core.chat import Person
from core.errors import Refusal
from core.message import to_text
from storage.db import Db
from tests.conftest import QuietRoom, SetClock, add_place, found
from tests.newsroom import READER, Newsroom
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
