"""What the night does: what is too old goes, what was left is purged, and a look back proves recent days."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from bot import notice, retention
from bot.environment import load
from bot.retention import Keeper
from bot.settings import Settings
from core.chat import Known, Left, Located, Window
from storage import counts
from storage.db import Db
from tests.conftest import SetClock, add_place, found
from tests.newsroom import Newsroom


def keeper(room: Newsroom, **settings: object) -> Keeper:
    made = Settings.model_construct(**settings)  # type: ignore[arg-type]
    return Keeper(room.db, room.ears, made, room.clock, room.publisher.wake, ["web"])


async def rows(db: Db, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await db.read(sql)]


async def test_old_words_go_and_old_reactions_become_counts(room: Newsroom) -> None:
    anchor = await room.anchor(await room.publish(found()))
    await room.say("ria", anchor, "old words", name="c1")
    await room.react("ria", anchor, "👍")
    await room.react("sam", "c1", "👍")
    await room.ears.fold_all()
    before = await rows(room.db, "select * from stance_hour"), await rows(room.db, "select * from emoji_hour")
    room.clock.move(days=91)
    await room.say("sam", anchor, "young words", name="c2")
    await room.react("sam", anchor, "👎")
    await room.ears.fold_all()
    night = keeper(room)
    assert (await night.plan()).reactions == 2
    assert await rows(room.db, "select count(*) from reaction") == [(3,)], "the plan only says it"
    await night.erase_old()
    assert await rows(room.db, "select count(*) from reaction") == [(1,)]
    after = await rows(room.db, "select * from stance_hour"), await rows(room.db, "select * from emoji_hour")
    assert set(after[0]) >= set(before[0]) and set(after[1]) >= set(before[1]), "what was counted stays counted"  # noqa: PT018
    assert await rows(room.db, "select agree from comment_score") == [(1,)]
    room.clock.move(days=275)
    assert (await night.erase_old()).comments == (1,)
    assert await rows(room.db, "select text from comment order by id") == [("",), ("young words",)]


async def test_after_the_fold_nobody_is_counted_twice_within_the_days_that_reactions_are_kept(room: Newsroom) -> None:
    """Who it was is not known any more: taking it back changes nothing, and it counts again only later."""
    anchor = await room.anchor(await room.publish(found()))
    await room.react("ria", anchor, "👍")
    await room.ears.fold_all()
    room.clock.move(days=91)
    night = keeper(room)
    await night.erase_old()
    for emoji, added in (("👍", False), ("👍", True), ("👍", True), ("👎", True), ("👍", False), ("👍", True)):
        await room.react("ria", anchor, emoji, added=added)
        await room.ears.fold_all()
        assert sum(n for (n,) in await rows(room.db, "select n from stance_hour")) in (1, 2)  # type: ignore[misc]
        recent = "select coalesce(sum(n), 0) from stance_hour where hour > (select min(hour) from stance_hour)"
        assert (await rows(room.db, recent))[0][0] in (0, 1)
    assert await rows(room.db, "select sum(n) from stance_hour") == [(2,)], "once then, once now"


async def test_nought_days_keep_it(room: Newsroom) -> None:
    anchor = await room.anchor(await room.publish(found()))
    await room.say("ria", anchor, "words", name="c1")
    await room.react("ria", anchor, "👍")
    await room.ears.fold_all()
    room.clock.move(days=3000)
    old = await keeper(room, keep_comments=0, keep_reactions=0).erase_old()
    assert (old.comments, old.reactions) == ((), 0)


def test_what_was_counted_is_not_looked_back_for() -> None:
    assert retention.recalled(Settings.model_construct(recall_days=300, keep_reactions=90)) == 90
    assert retention.recalled(Settings.model_construct(recall_days=300, keep_reactions=0)) == 300


async def test_a_night_comes_once_a_day_after_the_quiet_hour(room: Newsroom, clock: SetClock) -> None:
    night = keeper(room, zone="Asia/Tokyo")
    clock.at = clock.at.replace(hour=18)  # three in the morning there
    assert not await night.nightly()
    clock.move(hours=1)
    assert await night.nightly()
    clock.move(hours=10)
    assert not await night.nightly()
    clock.move(hours=14)
    assert await night.nightly()


async def test_the_night_finds_what_was_deleted_unheard(room: Newsroom, clock: SetClock) -> None:
    """Also a reaction for which another came, so that the counts are the same."""
    anchor = await room.anchor(await room.publish(found()))
    for who, emoji in (("ria", "👍"), ("sam", "🎉")):
        await room.react(who, anchor, emoji)
    await room.say("ria", anchor, "never heard to go", name="c1")
    await room.ears.fold_all()
    clock.at = clock.at.replace(hour=23)
    told: list[Known] = []

    class Chat:
        name = "web"

        async def recall(self, known: Iterable[Known], read: object) -> AsyncIterator[Window]:
            told.extend(known)
            there = frozenset({("otto", "👍", "normal"), ("sam", "🎉", "normal")})
            since = clock() - timedelta(days=1)
            yield Window(channel="general", anchor=anchor, since=since, comments=frozenset(), reactions=there)

    night = keeper(room)
    recalling = asyncio.create_task(room.ears.recall_missed({"web": cast("Any", Chat())}))
    try:
        await night.nightly()
        async with asyncio.timeout(5):
            while await rows(room.db, "select count(*) from comment where text<>''") != [(0,)]:
                await asyncio.sleep(0.01)
                await room.ears.fold_all()
    finally:
        recalling.cancel()
        await asyncio.gather(recalling, return_exceptions=True)
    assert {count for one in told for count in one.reactions.values()} == {-1}
    (gone,) = await rows(room.db, "select p.hash from reaction r join person p on p.id=r.person_id where r.present=0")
    assert gone == (room.db.whose("web", "ria"),)


# --- leaving ---


async def left_place(room: Newsroom, clock: SetClock) -> str:
    """A second place of another community, with something said at both, that the bot is removed from."""
    await add_place(room.db, clock, "far", community="other")
    number = await room.publish(found())
    here, there = await room.anchor(number), await room.anchor(number, "far")
    await room.say("ria", here, "said here", name="c1")
    await room.say("ria", there, "said there", name="c2", channel="far")
    await room.react("ria", here, "👍")
    await room.react("sam", there, "👎", channel="far")
    await room.ears.keep(Left(platform="web", community="other", at=clock()))
    await room.ears.fold_all()
    return there


async def test_what_was_said_where_the_bot_was_removed_goes_in_time(room: Newsroom, clock: SetClock) -> None:
    await left_place(room, clock)
    night = keeper(room, leave_days=14)
    clock.move(days=13)
    await night.erase_old()
    assert await rows(room.db, "select count(*) from comment where text<>''") == [(2,)]
    clock.move(days=2)
    await night.erase_old()
    assert await rows(room.db, "select text from comment order by id") == [("said here",), ("",)]
    assert await rows(room.db, "select stance from stance") == [("agree",)]
    assert await counts.recount(room.db) == []
    assert (await night.plan()).places == ()


async def test_who_comes_back_in_time_finds_it(room: Newsroom, clock: SetClock) -> None:
    await left_place(room, clock)
    clock.move(days=10)
    await room.ears.keep(Located(platform="web", channel="far", community="other", name="#far"))
    await room.ears.fold_all()
    clock.move(days=10)
    await keeper(room).erase_old()
    assert await rows(room.db, "select count(*) from comment where text<>''") == [(2,)]


# --- the notice ---


def test_the_notice_tells_these_settings_in_both_languages() -> None:
    settings = load(
        {"RONDAN_OPERATOR": "Mo, mo@example.org", "RONDAN_KEEP_COMMENTS": "30", "RONDAN_KEEP_REACTIONS": "0"},
        Path("/nowhere"),
    )
    for language, days, always in (("en", "30 days", "until it is erased"), ("ja", "30日間", "消すまで")):
        text = notice.notice(settings, language)
        assert "Mo, mo@example.org" in text
        assert f"| {days} |" in text
        assert always in text
    assert "RONDAN_OPERATOR" in notice.page()
