"""After an absence: what was missed is heard, what is gone is concluded, and what can't be read changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import pytest
from typing_extensions import override

from bot import collect
from bot.collect import WAITING, Collector
from bot.platforms.room import Room
from core.chat import Chat, Commented, Heard, Known, Person, Reacted, Read, Unreadable, Window
from core.errors import Busy, Unknown
from core.stances import DEFAULT
from storage import schema
from storage.db import Args, Db, StorageError
from storage.sqlite import SqliteDb, _put_all
from tests.conftest import QuietRoom, SetClock, add_place, found
from tests.test_publish import Moody, Stage
from tests.waiting import until


async def eventually(look: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Returns when a look gives what is wanted."""

    async def shown() -> bool:
        return await look() == wanted

    await until(shown)


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
        return [tuple(row) for row in await self.stage.db.read(sql)]

    async def comments(self) -> list[tuple[object, ...]]:
        return await self.rows("select text, state from comment order by id")


@pytest.fixture
async def forum(db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Forum]:
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


async def test_what_was_done_with_a_post_that_was_in_doubt_is_recalled_when_it_is_found(forum: Forum) -> None:
    asked: list[str] = []
    forum.stage.publisher.surfaced = asked.append
    forum.listen(False)
    forum.chat.after = [Unknown("the answer was lost")]
    await forum.stage.take(found("file:/second.md", title="The day bus"))
    await forum.stage.settle()
    card = forum.chat.room.entries("general")[-1].id
    await forum.chat.react("ria", card, "👍", added=True)
    await forum.ears.recall(forum.chat)  # which does not know that this is a post
    assert (await forum.rows("select 1 from reaction"), asked) == ([], [])
    for _ in range(6):
        await forum.stage.settle(minutes=1)
    assert asked == ["web"]
    await forum.ears.recall(forum.chat)
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
        async def recall(
            self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
        ) -> AsyncIterator[Heard | Window | Unreadable]:
            for one in known:
                yield Unreadable(channel=one.channel, anchor=one.ref.id, reason="missing READ_MESSAGE_HISTORY")

    assert await forum.ears.recall(Blind("web", forum.chat.room)) == 0
    assert await forum.comments() == [("Still here.", "visible")]


async def test_noted_events_are_bounded_and_an_overflow_is_recalled(forum: Forum) -> None:
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
    assert await forum.ears.fold_all() == WAITING
    assert await forum.rows("select count(*) from reaction") == [(1,)]
    # What did not fit is recalled, as after an absence.
    forum.listen(False)
    await forum.chat.comment("ria", "w1", "One too many.")
    recalling = asyncio.create_task(forum.ears.recall_missed({"web": forum.chat}))
    await eventually(forum.comments, [("One too many.", "visible")])
    recalling.cancel()


async def test_what_was_noted_outlives_a_failed_write_and_a_cancelled_fold(db: Db, clock: SetClock) -> None:
    class Moody:
        """Fails once."""

        def __init__(self) -> None:
            self.fails = True

        async def put(self, sql: str, row: Args) -> None:
            if self.fails:
                self.fails = False
                raise StorageError("the disk is full")
            await db.put(sql, row)

        def __getattr__(self, name: str) -> Any:
            return getattr(db, name)

    ears = Collector(cast("Db", Moody()), DEFAULT, clock)
    event = Reacted(platform="web", channel="c", anchor="w1", person=Person(id="r"), emoji="👍", added=True, at=clock())
    ears.note(event)
    with pytest.raises(StorageError):
        await ears.fold_all()
    ears.note(event)
    folding = asyncio.create_task(ears.fold_all())
    await asyncio.sleep(0)
    folding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await folding
    assert await ears.fold_all() >= 2


async def test_a_collector_that_is_woken_and_cancelled_at_once_ends(db: Db, clock: SetClock) -> None:
    ears = Collector(db, DEFAULT, clock)
    for _ in range(20):
        running = asyncio.create_task(ears.run())
        await asyncio.sleep(0.002)
        ears._wake.set()
        await asyncio.sleep(0)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=1)
        assert done


async def test_a_busy_collector_sweeps_too(db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "SWEEP_EVERY", 0.05)
    ears = Collector(db, DEFAULT, clock)
    at = clock()
    event = Reacted(platform="web", channel="c", anchor="nowhere", person=Person(id="r"), emoji="👍", added=True, at=at)
    ears.note(event)
    await ears.fold_all()
    clock.move(hours=25)
    running = asyncio.create_task(ears.run())
    async with asyncio.timeout(5):
        while (await db.read("select count(*) as n from parked"))[0]["n"]:
            await asyncio.sleep(0.01)
            ears._wake.set()
    running.cancel()


async def test_how_far_a_channel_was_heard_waits_for_a_recall_that_is_due(db: Db, clock: SetClock) -> None:
    class Far:
        """A platform whose recall fails at first, oddly."""

        name = "far"
        calls = 0

        async def recall(
            self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
        ) -> AsyncIterator[Heard | Window | Unreadable]:
            self.calls += 1
            if self.calls == 1:
                raise KeyError("odd")
            return
            yield

    async def marks() -> list[tuple[str, str]]:
        await ears.fold_all()
        return [(row["spot"], row["newest"]) for row in await db.read("select * from watermark order by spot")]

    ears, far = Collector(db, DEFAULT, clock), Far()
    ears.note(Read(platform="far", where="a", newest="5"))
    assert await marks() == []
    recalling = asyncio.create_task(ears.recall_missed({"far": cast("Chat", far)}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "RECALL_AGAIN", 0.02)
        ears.missed("far")
        await eventually(marks, [("a", "5")])
    assert far.calls == 2
    ears.note(Read(platform="far", where="b", newest="6"))
    assert await marks() == [("a", "5"), ("b", "6")]
    ears.missed("far")  # as when too many events wait, and some are dropped
    ears.note(Read(platform="far", where="a", newest="9"))
    assert await marks() == [("a", "5"), ("b", "6")]
    await eventually(marks, [("a", "9"), ("b", "6")])
    assert far.calls == 3
    recalling.cancel()


async def test_a_recall_before_the_platform_is_there_waits_without_a_warning(
    db: Db, clock: SetClock, logged: list[Any]
) -> None:
    class Early:
        """A platform that is asked before it is connected, or when it is no longer."""

        name = "far"

        def recall(
            self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
        ) -> AsyncIterator[Heard | Window | Unreadable]:
            raise Busy("not connected yet", until=clock())

    ears = Collector(db, DEFAULT, clock)
    recalling = asyncio.create_task(ears.recall_missed({"far": cast("Chat", Early())}))
    ears.missed("far")
    await until(lambda: logged)
    assert [(one["event"], one["log_level"]) for one in logged] == [("collect.recall-waits", "info")]
    assert not ears._failures, "nothing failed"
    recalling.cancel()


class Told:
    """A platform that tells these events when it is asked what was missed."""

    name = "far"

    def __init__(self, *events: Heard) -> None:
        self.events = events

    async def recall(
        self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[Heard | Window | Unreadable]:
        for event in self.events:
            yield event


class Refusing(SqliteDb):
    """Keeps nothing while it is `full`; `commits` counts how often rows were written down."""

    full = 0
    commits = 0

    @override
    async def _in_thread(self, work: Any, what: Any) -> Any:
        if work is _put_all:
            self.commits += 1
            if self.full:
                self.full -= 1
                return [(None, StorageError("full"))]
        return await super()._in_thread(work, what)


async def test_a_recall_keeps_many_events_at_once_and_how_far_it_heard_after_them(
    clock: SetClock, tmp_path: Path
) -> None:
    said = [
        Commented(
            platform="far", channel="a", anchor=str(one), thread="1", person=Person(id="p"), text="Words.", at=clock()
        )
        for one in range(300)
    ]

    class Paused(Told):
        """Has told something when the first of it is written down."""

        @override
        async def recall(
            self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
        ) -> AsyncIterator[Heard | Window | Unreadable]:
            *first, last = self.events
            for event in first:
                yield event
            await until(lambda: db.commits, every=0.001)
            yield last

    db = cast("Refusing", await Refusing.open(tmp_path / "full.db"))
    try:
        await schema.migrate(db, clock())
        ears = Collector(db, DEFAULT, clock)
        far = cast("Chat", Paused(*said, Read(platform="far", where="a", newest="300")))
        db.full = 1
        with pytest.raises(StorageError):
            await ears.recall(far)
        await ears.fold_all()
        assert await db.read("select 1 from watermark") == [], "what lies before it would never be read again"
        db.commits = 0
        assert await ears.recall(far) == 301
        assert db.commits < 10
        await ears.fold_all()
        assert [row["newest"] for row in await db.read("select newest from watermark")] == ["300"]
    finally:
        await db.close()


async def test_a_platform_that_is_slow_to_tell_keeps_no_other_waiting(db: Db, clock: SetClock) -> None:
    class Slow(Told):
        name = "slow"

        @override
        async def recall(
            self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
        ) -> AsyncIterator[Heard | Window | Unreadable]:
            await asyncio.Event().wait()
            yield self.events[0]

    ears = Collector(db, DEFAULT, clock)
    recalling = asyncio.create_task(
        ears.recall_missed({"slow": cast("Chat", Slow()), "far": cast("Chat", Told())}),
    )
    ears.missed("slow")
    ears.missed("far")
    await until(lambda: "far" in ears._whole)
    assert "slow" not in ears._whole
    recalling.cancel()
