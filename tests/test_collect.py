"""After an absence: what was missed is heard, what is gone is concluded, and what can't be read changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from typing_extensions import override

from bot.collect import WAITING, Collector
from bot.platforms.room import Room
from core.chat import Heard, Known, Person, Reacted, Unreadable, Window
from core.stances import DEFAULT
from storage.db import SqliteDb
from tests.conftest import QuietRoom, SetClock, add_place, found
from tests.test_publish import Moody, Stage


class Forum:
    """A thread of one piece in a room whose people speak while Rondan may be away."""

    def __init__(self, stage: Stage, ears: Collector, chat: Moody) -> None:
        self.stage = stage
        self.ears = ears
        self.chat = chat

    def listen(self, listening: bool = True) -> None:
        self.chat.ears = self.ears if listening else None

    async def rows(self, sql: str) -> list[tuple[object, ...]]:
        await self.ears.fold_all()
        return [tuple(row[at] for at in range(len(row.keys()))) for row in await self.stage.db.read(sql)]

    async def comments(self) -> list[tuple[object, ...]]:
        return await self.rows("select text, state from comment order by id")


@pytest.fixture
async def forum(db: SqliteDb, clock: SetClock, tmp_path: Path) -> AsyncIterator[Forum]:
    room = Room(tmp_path / "room.jsonl", clock=clock)
    chat = Moody(room)
    stage = Stage(db, clock, chat)
    await add_place(db, clock, layout="thread")
    await stage.take(found())
    await stage.settle()
    clock.move(minutes=1)
    yield Forum(stage, Collector(db, DEFAULT, clock), chat)
    await room.close()


async def test_what_was_said_while_away_is_heard(forum: Forum) -> None:
    forum.listen(False)
    card, section = "w1", forum.chat.room.entries("general", "w1")[1].id
    await forum.chat.react("ria", card, "👍", added=True)
    await forum.chat.comment("ria", card, "Under the card.")
    await forum.chat.comment("sam", section, "Under a section.")
    assert await forum.comments() == []
    assert await forum.ears.recall(forum.chat) > 0
    assert await forum.comments() == [("Under the card.", "visible"), ("Under a section.", "visible")]
    assert await forum.rows("select stance from stance") == [("agree",)]


async def test_recalling_twice_changes_nothing(forum: Forum) -> None:
    forum.listen()
    section = forum.chat.room.entries("general", "w1")[1].id
    await forum.chat.comment("ria", "w1", "Under the card.")
    await forum.chat.comment("sam", section, "Under a section.")
    await forum.chat.react("ria", section, "👎", added=True)
    before = (
        await forum.comments(),
        await forum.rows("select * from emoji_hour"),
        await forum.rows("select * from reaction"),
    )
    for _ in range(2):
        forum.stage.clock.move(hours=5)
        await forum.ears.recall(forum.chat)
        await forum.ears.fold_all()
    after = (
        await forum.comments(),
        await forum.rows("select * from emoji_hour"),
        await forum.rows("select * from reaction"),
    )
    assert after == before


async def test_what_was_taken_back_while_away_is_concluded(forum: Forum) -> None:
    forum.listen()
    entry = await forum.chat.comment("ria", "w1", "Regretted.")
    await forum.chat.comment("sam", "w1", "Meant.")
    await forum.chat.react("ria", "w1", "👍", added=True)
    await forum.ears.fold_all()
    forum.listen(False)
    forum.stage.clock.move(hours=9)
    await forum.chat.remove("ria", entry.id, moderator=False)
    await forum.chat.react("ria", "w1", "👍", added=False)
    await forum.ears.recall(forum.chat)
    assert await forum.comments() == [("", "erased"), ("Meant.", "visible")]
    assert await forum.rows("select stance from stance") == []


async def test_what_cannot_be_read_is_not_taken_for_gone(forum: Forum) -> None:
    forum.listen()
    await forum.chat.comment("ria", "w1", "Still here.")
    await forum.ears.fold_all()

    class Blind(QuietRoom):
        @override
        async def recall(self, known: Iterable[Known]) -> AsyncIterator[Heard | Window | Unreadable]:
            for one in known:
                yield Unreadable(channel=one.channel, anchor=one.ref.id, reason="missing READ_MESSAGE_HISTORY")

    assert await forum.ears.recall(Blind("web", forum.chat.room)) == 0
    assert await forum.comments() == [("Still here.", "visible")]


async def test_noted_events_are_bounded_and_an_overflow_is_remembered(forum: Forum) -> None:
    event = Reacted(
        platform="web",
        channel="general",
        anchor="w1",
        person=Person(id="r"),
        emoji="👍",
        added=True,
        at=forum.stage.clock(),
    )
    for _ in range(WAITING + 1):
        forum.ears.note(event)
    assert forum.ears.overflowed == {("web", "general")}
    assert await forum.ears.fold_all() == WAITING
    assert await forum.rows("select count(*) from reaction") == [(1,)]
