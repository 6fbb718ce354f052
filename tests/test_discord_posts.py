"""Posting on Discord in every layout: what is shown, with how many requests, and what edits make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.platforms.discord.client import Connection
from storage import postings
from tests.conftest import found
from tests.discord_stage import (
    ACTIVE,
    CREATE,
    EDIT,
    LOOK,
    POST,
    PUBLISH,
    THREAD,
    Stage,
    essay,
    lines,
    shown,
    stage,
)
from tests.standins.discord import Discord

SECTIONS = (("Costs", "Less than feared."), ("Riders", "Nurses, bakers and one owl."))
NIGHT = essay(*SECTIONS)
STANDS = ["The night bus", "  It runs at last.", "  Costs", "  Riders"]


@pytest.fixture
async def far() -> AsyncIterator[Discord]:
    async with Discord() as far:
        far.buckets = False
        yield far
        assert far.unguarded == []
        assert far.statuses[403] == 0


@pytest.fixture
async def here(far: Discord, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(far, tmp_path) as here:
        yield here


async def rename(here: Stage, **more: object) -> None:
    await here.publish(essay(*SECTIONS, title="The night bus runs", **more))


# --- each layout, with its requests ---


async def test_a_card_is_one_request_and_its_edit_another(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    await here.place(channel)
    await here.publish(NIGHT)
    assert shown(channel) == ["The night bus"]
    await rename(here)
    assert shown(channel) == ["The night bus runs"]
    assert here.asked(CREATE, EDIT, THREAD, LOOK) == [1, 1, 0, 0]
    assert far.pings == []


async def test_a_thread_is_a_card_a_thread_and_its_sections(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    await here.place(channel, "thread")
    await here.publish(NIGHT)
    assert shown(channel) == STANDS
    thread = far.messages(channel)[0].thread
    assert thread is not None
    assert (thread.name, thread.auto_archive) == ("The night bus", 1440)
    assert here.asked(CREATE, EDIT, THREAD, LOOK) == [4, 0, 1, 0]
    await rename(here)
    assert here.asked(CREATE, EDIT, THREAD, LOOK) == [4, 2, 1, 0], "the card, and the lead, whose name is the piece's"


async def test_a_forum_post_is_its_card_with_the_sections_in_it(here: Stage, far: Discord) -> None:
    forum = far.guild("Town").forum("pieces")
    await here.place(forum, "forum")
    await here.publish(NIGHT)
    assert shown(forum) == ["The night bus", *(f"  {line.strip()}" for line in STANDS)]
    assert here.asked(POST, CREATE, EDIT, THREAD, LOOK, ACTIVE) == [1, 3, 0, 0, 0, 0]
    await rename(here)
    assert shown(forum)[:2] == ["The night bus runs", "  The night bus runs"]
    assert here.asked(POST, CREATE, EDIT, "PATCH /channels/{}") == [1, 3, 2, 1]


async def test_an_announcement_is_posted_and_published_and_its_copies_follow(here: Stage, far: Discord) -> None:
    news = far.guild("Town").announcement("news")
    town, village = far.guild("Village").text("from-town"), far.guild("Hamlet").text("from-town")
    far.follow(news, town)
    far.follow(news, village)
    await here.place(news, "follow")
    await here.publish(NIGHT)
    assert here.asked(CREATE, PUBLISH, EDIT) == [1, 1, 0]
    assert [lines(far.messages(one)) for one in (news, town, village)] == [["The night bus"]] * 3
    await rename(here)
    assert here.asked(CREATE, PUBLISH, EDIT) == [1, 1, 1]
    assert lines(far.messages(town)) == ["The night bus runs"]


async def test_what_people_do_under_a_copy_counts_for_the_piece(here: Stage, far: Discord) -> None:
    news = far.guild("Town").announcement("news")
    village = far.guild("Village").text("from-town")
    far.follow(news, village)
    mika = far.user("mika")
    await here.place(news, "follow")
    number = await here.publish(NIGHT)
    await far.react(mika, far.messages(village)[0], "👍")
    await far.react(mika, far.messages(news)[0], "🤔")
    await far.say(mika, village, "How often?", reply_to=far.messages(village)[0])
    await here.hear()
    rows = await here.db.read("select piece_id, count(*) as n from reaction group by piece_id")
    assert [(row["piece_id"], row["n"]) for row in rows] == [(number, 2)]
    said = await here.db.read("select piece_id from comment")
    assert [row["piece_id"] for row in said] == [number]


async def test_publishing_waits_for_its_hour_and_nothing_is_posted_twice(here: Stage, far: Discord) -> None:
    news = far.guild("Town").announcement("news")
    village = far.guild("Village").text("from-town")
    far.follow(news, village)
    place = await here.place(news, "follow")
    far.buckets = True
    far.limits.hidden[PUBLISH] = (2, 3600.0)
    far.limits.sizes.clear()
    numbers = [await here.publish(found(f"p{n}", title=f"Piece {n}")) for n in range(4)]
    assert lines(far.messages(news)) == [f"Piece {n}" for n in range(4)], "the cards do not wait"
    assert lines(far.messages(village)) == ["Piece 0", "Piece 1"]
    state, reason = await here.state(numbers[3], place)
    assert state == "waiting"
    assert "Discord asks to wait 3600 s" in reason
    before = far.count(PUBLISH)
    await here.settle(times=3, minutes=15)
    assert far.count(PUBLISH) == before, "nothing is asked before the hour is over"
    far.limits._windows.clear()
    await here.settle(minutes=20)
    assert sorted(lines(far.messages(village))) == [f"Piece {n}" for n in range(4)]
    assert far.count(CREATE) == 4
    assert far.count(PUBLISH, 200) == 4


async def test_a_withdrawn_announcement_is_withdrawn_in_its_copies(here: Stage, far: Discord) -> None:
    news = far.guild("Town").announcement("news")
    village = far.guild("Village").text("from-town")
    far.follow(news, village)
    await here.place(news, "follow")
    number = await here.publish(NIGHT)
    await here.retract(number)
    assert lines(far.messages(village)) == ["Withdrawn: The night bus"]


async def test_a_retracted_piece_leaves_a_note_and_takes_its_sections_away(here: Stage, far: Discord) -> None:
    town = far.guild("Town")
    channel, forum = town.text("news"), town.forum("pieces")
    await here.place(channel, "thread")
    await here.place(forum, "forum")
    number = await here.publish(NIGHT)
    await here.retract(number)
    assert shown(channel) == ["Withdrawn: The night bus"]
    assert shown(forum) == ["Withdrawn: The night bus", "  Withdrawn: The night bus"]


# --- pings ---


async def test_the_one_role_is_pinged_once_with_the_first_message(here: Stage, far: Discord) -> None:
    guild = far.guild("Town")
    channel, forum = guild.text("news"), guild.forum("pieces")
    role = guild.role("readers", mentionable=True)
    for where, layout in ((channel, "thread"), (forum, "forum")):
        await here.place(where, layout, mention=str(role.id))
    hostile = (("Hello @everyone", f"<@&{role.id}> @here <@{far.me.id}>"), *SECTIONS)
    number = await here.publish(essay(*hostile, title=f"<@&{role.id}> @everyone"))
    assert sorted((one.roles, one.users, one.everyone) for one in far.pings) == [((role.id,), (), False)] * 2
    assert {one.message.id for one in far.pings} == {
        far.messages(channel)[0].id, next(one.id for one in guild.threads.values() if one.parent is forum),
    }  # fmt: skip
    await here.publish(essay(*hostile, title=f"<@&{role.id}> @here"))
    await here.retract(number)
    assert len(far.pings) == 2


# --- ten thousand servers ---


async def test_nothing_looks_through_all_servers_for_a_channel(
    here: Stage, far: Discord, monkeypatch: pytest.MonkeyPatch
) -> None:
    guild, elsewhere = far.guild("Town"), far.guild("Elsewhere").text("talk")
    channels = [guild.text("card"), guild.text("thread"), guild.forum("forum"), guild.announcement("follow")]
    for channel in channels:
        await here.place(channel, channel.name)
    mika = far.user("mika")

    def scan(_client: Connection, number: int) -> None:
        raise AssertionError(f"all servers were looked through for {number}")

    monkeypatch.setattr(Connection, "get_channel", scan)
    number = await here.publish(NIGHT)
    await rename(here)
    for channel in (*channels[:2], elsewhere):
        await far.say(mika, channel, "hello")
    await far.react(mika, far.messages(channels[0])[0], "👍")
    await here.hear()
    rows = await postings.of_subject(here.db, "piece", number)
    assert {one.state for one in rows} == {"done"}
    assert len(await here.db.read("select 1 from reaction")) == 1
