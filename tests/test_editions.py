"""Digests by schedule: made once for each time, never too late, never twice, and true to the rows while they stand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.editions import Editions
from bot.platforms.room import Room
from commands.tools import Tools
from core.chat import Caller, Removed
from core.message import Message, Reply, to_text
from storage import editions, postings
from storage.db import Db
from tests.conftest import QuietRoom, SetClock, add_place, change_place, found
from tests.newsroom import MODERATOR, READER, Newsroom

HOST = replace(READER, roles=frozenset({"reader", "host"}))


class Press:
    """A publication whose place has schedules; its clock stands at 09:00 UTC of a Friday."""

    def __init__(self, room: Newsroom) -> None:
        self.room = room
        self.tools: Tools = room.desk._tools
        self.restart()

    def restart(self) -> None:
        self.editions = Editions(self.tools)
        self.room.publisher.shows[editions.SUBJECT] = self.editions.show

    async def work(self) -> list[int]:
        """What the services do at one look."""
        await self.room.ears.fold_all()
        made = await self.editions.make_due()
        await self.room.publisher.settle_all()
        return made

    def shown(self, channel: str = "general") -> list[str]:
        """The digests that stand in a channel."""
        return [to_text(one) for one in self.messages(channel)]

    def messages(self, channel: str = "general") -> list[Message]:
        entries = self.room.chat.room.entries(channel)
        stand = [one.message for one in entries if one.message is not None and not one.deleted]
        return [one for one in stand if one.title.startswith(("Digest", "ダイジェスト"))]


@pytest.fixture
async def press(db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Press]:
    memory = Room(tmp_path / "press.jsonl")
    await add_place(db, clock)
    yield Press(Newsroom(db, clock, QuietRoom("web", memory)))
    await memory.close()


async def test_a_digest_comes_at_its_time_once(press: Press) -> None:
    room = press.room
    answer = await room.text("/digest-schedule add hour:18 days:daily", MODERATOR)
    assert "daily 18:00 (UTC)" in answer
    assert "Next: 2026-11-20 18:00 UTC" in answer
    await room.publish(found())
    assert await press.work() == []
    room.clock.at = datetime(2026, 11, 20, 18, 0, 11, tzinfo=UTC)
    assert len(await press.work()) == 1
    assert await press.work() == []
    press.restart()
    assert await press.work() == []
    (text,) = press.shown()
    assert "The night bus" in text
    assert text.startswith("Digest: all topics, Nov 19 – 20, 2026")


async def test_what_was_told_is_not_told_again_and_nothing_is_left_out(press: Press) -> None:
    room = press.room
    await room.text("/digest-schedule add hour:18", MODERATOR)
    await room.publish(found())
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    await press.work()
    await room.publish(found("tram", title="The tram", published=room.clock()))
    room.clock.move(days=1)
    await press.work()
    first, second = press.shown()
    assert "The tram" not in first
    assert "The tram" in second
    assert "The night bus" not in second


async def test_an_empty_window_is_not_posted_and_the_next_one_follows_on(press: Press) -> None:
    room = press.room
    await room.text("/digest-schedule add hour:18", MODERATOR)
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    assert await press.work() == []
    assert press.shown() == []
    rows = await room.db.read("select sketch from edition")
    assert [row["sketch"] for row in rows] == [None]
    await room.publish(found("tram", title="The tram", published=room.clock()))
    room.clock.move(days=1)
    assert len(await press.work()) == 1


async def test_a_missed_one_comes_late_but_not_after_twelve_hours(press: Press) -> None:
    room = press.room
    await room.text("/digest-schedule add hour:18", MODERATOR)
    await room.publish(found())
    room.clock.at = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
    assert len(await press.work()) == 1
    await room.publish(found("tram", title="The tram", published=datetime(2026, 11, 21, 12, tzinfo=UTC)))
    room.clock.at = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
    assert await press.work() == []
    room.clock.at = datetime(2026, 11, 22, 18, 1, tzinfo=UTC)
    assert len(await press.work()) == 1
    assert "The tram" in press.shown()[-1]


async def test_one_that_was_made_and_not_sent_is_not_sent_too_late(press: Press) -> None:
    room = press.room
    await room.text("/digest-schedule add hour:18", MODERATOR)
    await room.publish(found())
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    (number,) = await press.editions.make_due()
    room.clock.move(hours=13)
    await room.publisher.settle_all()
    assert press.shown() == []
    (posting,) = await postings.of_subject(room.db, "digest", number)
    assert (posting.state, posting.reason) == ("skipped", "more than 12 hours late")


async def test_after_days_of_absence_one_digest_tells_of_all_of_them(press: Press) -> None:
    room = press.room
    await room.text("/digest-schedule add hour:18", MODERATOR)
    await room.publish(found())
    room.clock.at = datetime(2026, 11, 25, 19, 0, tzinfo=UTC)
    assert len(await press.work()) == 1
    assert len(press.shown()) == 1


async def test_a_clock_that_jumps_makes_none_twice(press: Press) -> None:
    room = press.room
    await room.text("/digest-schedule add hour:18", MODERATOR)
    await room.publish(found())
    for at in (20, 25, 20, 21, 25):  # forward and back
        room.clock.at = datetime(2026, 11, at, 18, 1, tzinfo=UTC)
        await press.work()
    nominals = [row["nominal"] for row in await room.db.read("select nominal from edition order by id")]
    assert len(nominals) == len(set(nominals)) == 2
    assert len(press.shown()) == 1  # nothing was new on the 25th


async def test_quiet_hours_are_kept(press: Press) -> None:
    room = press.room
    await change_place(room.db, ("web", "general"), quiet_from="17:00", quiet_to="20:00")
    await room.text("/digest-schedule add hour:18", MODERATOR)
    await room.publish(found())
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    (number,) = await press.work()
    assert press.shown() == []
    (posting,) = await postings.of_subject(room.db, "digest", number)
    assert posting.reason == "quiet hours until 20:00 UTC"
    room.clock.move(hours=2)
    await press.work()
    assert len(press.shown()) == 1


async def quoted(press: Press) -> int:
    """A digest that quotes a comment; gives the comment's number."""
    room = press.room
    await room.text("/digest-schedule add hour:18", MODERATOR)
    bus = await room.publish(found())
    await room.say("a", await room.anchor(bus), "A voice to be heard.", name="c90")
    await room.react("b", "c90", "👍")
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    await press.work()
    assert "A voice to be heard." in press.shown()[0]
    return int((await room.db.read("select id from comment"))[0]["id"])


async def test_an_edition_keeps_no_word_of_a_reader(press: Press) -> None:
    await quoted(press)
    (row,) = await press.room.db.read("select sketch from edition")
    assert "voice" not in row["sketch"]
    assert json.loads(row["sketch"])["endorsed"]


async def test_a_comment_that_is_hidden_leaves_the_chat_too_and_comes_back(press: Press) -> None:
    number = await quoted(press)
    await press.room.text(f"/mod hide {number}", MODERATOR)
    assert "A voice" not in press.shown()[0]
    await press.room.text(f"/mod hide {number} undo:yes", MODERATOR)
    assert "A voice to be heard." in press.shown()[0]


async def test_a_comment_that_is_deleted_in_the_chat_leaves_the_digest(press: Press) -> None:
    await quoted(press)
    room = press.room
    await room.ears.keep(Removed(platform="web", channel="general", anchors=("c90",), at=room.clock()))
    await press.work()
    assert "A voice" not in press.shown()[0]


async def test_a_comment_that_is_reworded_is_quoted_anew_after_a_while(press: Press) -> None:
    await quoted(press)
    room = press.room
    from core.chat import Commented, Person

    await room.ears.keep(
        Commented(
            platform="web", channel="general", anchor="c90", person=Person(id="a"), text="Said better.",
            at=room.clock() - timedelta(hours=5), edited=room.clock(),
        )
    )  # fmt: skip
    await press.work()
    assert "A voice to be heard." in press.shown()[0]
    room.clock.move(minutes=11)
    await press.work()
    assert "Said better." in press.shown()[0]


async def test_an_old_digest_is_not_edited_for_a_new_wording_but_for_a_removal(press: Press) -> None:
    number = await quoted(press)
    room = press.room
    room.clock.move(days=31)
    await room.db.write(lambda tx: editions.quotes_changed(tx, [number], room.clock(), due=room.clock()))
    (posting,) = await postings.of_subject(room.db, "digest", 1)
    assert posting.state == "done"
    await room.text(f"/mod hide {number}", MODERATOR)
    assert "A voice" not in press.shown()[0]


async def test_what_can_wait_does_not_hold_up_what_can_not(press: Press) -> None:
    number = await quoted(press)
    room = press.room
    now = room.clock()
    await room.db.write(lambda tx: editions.quotes_changed(tx, [number], now))
    await room.db.write(lambda tx: editions.quotes_changed(tx, [number], now, due=now + timedelta(minutes=10)))
    (posting,) = await postings.of_subject(room.db, "digest", 1)
    assert posting.due == now


async def test_a_piece_that_is_withdrawn_leaves_the_digest_and_comes_back(press: Press) -> None:
    await quoted(press)
    await press.room.text("/mod retract 1 sure:yes", MODERATOR)
    assert "The night bus" not in press.shown()[0]
    assert "A voice" not in press.shown()[0]
    await press.room.text("/mod restore 1", MODERATOR)
    assert "The night bus" in press.shown()[0]


async def test_the_whole_is_behind_the_button_for_the_community_only(press: Press) -> None:
    room = press.room
    await room.text("/digest-schedule add hour:18", MODERATOR)
    for n in range(12):
        await room.publish(found(f"p{n}", title=f"Piece {n}"))
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    await press.work()
    (message,) = press.messages()
    (action,) = message.actions

    async def pressed(caller: Caller) -> Reply:
        reply = await room.desk.press(caller, action.id, None)
        assert isinstance(reply, Reply)
        return reply

    assert "Piece 0" not in to_text(message)
    whole = await pressed(READER)
    assert whole.private
    assert "Piece 0" in to_text(whole.message)
    assert not (await pressed(replace(READER, community="other", channel="else"))).ok
    assert not (await pressed(replace(READER, platform="discord"))).ok


async def test_a_digest_speaks_the_language_and_zone_of_its_place(press: Press) -> None:
    room = press.room
    await change_place(room.db, ("web", "general"), language="ja", zone="Asia/Tokyo")
    answer = await room.text("/定期ダイジェスト 追加 時刻:21 曜日:金", replace(MODERATOR, language="ja"))
    assert "金 21:00（Asia/Tokyo）" in answer
    await room.publish(found())
    room.clock.at = datetime(2026, 11, 20, 12, 1, tzinfo=UTC)
    await press.work()
    assert press.shown()[0].startswith("ダイジェスト: すべての話題、2026年11月13日〜20日")


async def test_topics_limit_it_and_follow_a_new_name(press: Press) -> None:
    room = press.room
    await room.publish(found(tags=("Transport",)))
    await room.publish(found("library", title="The library", tags=("Books",)))
    await room.text("/digest-schedule add hour:18 topics:transport", MODERATOR)
    assert "Transport" in await room.text("/digest-schedule list", MODERATOR)
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    await press.work()
    assert "The night bus" in press.shown()[0]
    assert "The library" not in press.shown()[0]


async def test_schedules_are_listed_and_ended(press: Press) -> None:
    room = press.room
    assert "No digest comes" in await room.text("/digest-schedule list", HOST)
    await room.text("/digest-schedule add hour:18 days:平日", HOST)
    assert "1. Mon, Tue, Wed, Thu, Fri 18:00 (UTC): all topics." in await room.text("/digest-schedule list", HOST)
    assert not (await room.ask("/digest-schedule remove 2", HOST)).ok
    await room.text("/digest-schedule remove 1", HOST)
    await room.publish(found())
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    assert await press.work() == []
    log = await room.text("/mod log", MODERATOR)
    assert "digest-schedule add web:general" in log
    assert "digest-schedule remove web:general" in log


async def test_a_place_that_is_removed_takes_its_schedules_along(press: Press) -> None:
    room = press.room
    await room.publish(found())
    await room.text("/digest-schedule add hour:18", HOST)
    await room.text("/place remove", HOST)
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    assert await press.work() == []
    await add_place(room.db, room.clock, "board")
    await room.text("/digest-schedule add hour:18 channel:board", HOST)
    assert "nothing is left behind" in await room.text("/place remove channel:board", HOST)


@pytest.mark.parametrize(
    ("line", "caller", "said"),
    [
        ("hour:18", READER, "Only"),
        ("hour:18 channel:nowhere", MODERATOR, "is no place"),
        ("hour:18", replace(HOST, community="other"), "is not of this community"),
        ("hour:18", replace(MODERATOR, community="other"), "is not of this community"),
        ("hour:25", MODERATOR, "no time of day"),
        ("hour:18 days:someday", MODERATOR, "weekdays"),
        ("hour:18 zone:Mars/Olympus", MODERATOR, "time zone"),
        ("hour:18 topics:Nonsense", MODERATOR, "There is no topic"),
    ],
)
async def test_what_can_not_be_scheduled_is_refused(press: Press, line: str, caller: Caller, said: str) -> None:
    reply = await press.room.ask(f"/digest-schedule add {line}", caller)
    assert not reply.ok
    assert said in to_text(reply.message)


async def test_one_that_fails_is_tried_again_and_keeps_no_other_waiting(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = press.room
    await room.text("/digest-schedule add hour:17", MODERATOR)
    await room.text("/digest-schedule add hour:18", MODERATOR)
    await room.publish(found())
    room.clock.at = datetime(2026, 11, 20, 18, 1, tzinfo=UTC)
    strikes = iter([True, False, False, False])

    def strike(stage: str) -> None:
        if stage == "sketched" and next(strikes):
            raise RuntimeError("broken")

    monkeypatch.setattr("bot.editions.trace", strike)
    assert len(await press.work()) == 1
    assert len(await press.work()) == 1
    assert len(press.shown()) == 2
