"""Whatever Discord, the network or a moderator does to a request: exactly one message each time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import discord.http
import pytest

from bot.platforms.discord import lookups, requests
from core.chat import Absent, CannotTell, Present
from core.message import Message as Told
from storage import postings
from tests.conftest import change_place, found
from tests.discord_stage import (
    ACTIVE,
    CREATE,
    EDIT,
    LOOK,
    POST,
    PUBLISH,
    PUT_AWAY,
    THREAD,
    Stage,
    essay,
    lines,
    shown,
    stage,
)
from tests.standins.discord import Channel, Discord, P
from tests.standins.discord.limits import Window

SECTIONS = (("Costs", "Less than feared."), ("Riders", "Nurses, bakers and one owl."))
NIGHT = essay(*SECTIONS)
STANDS = ["The night bus", "  It runs at last.", "  Costs", "  Riders"]
FORUM = ["The night bus", "  The night bus", *STANDS[1:]]
FAULTS = (
    "500-after", "500-before", "drop-after", "drop-before", "503-after", "503-before", "502-after", "global", "shared",
    "long", "ban", "odd",
)  # fmt: skip
STEPS = {  # what is asked -> the layout, what stands in the end
    CREATE: ("thread", STANDS),
    THREAD: ("thread", STANDS),
    POST: ("forum", FORUM),
    PUBLISH: ("follow", ["The night bus"]),
    EDIT: ("thread", ["The night bus runs", *STANDS[1:]]),
}


class Hurried:
    """asyncio for discord.py, whose pauses between two attempts are short."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http, "asyncio", Hurried())


@pytest.fixture
async def far() -> AsyncIterator[Discord]:
    async with Discord() as far:
        far.buckets = False
        yield far
        assert far.unguarded == []
        assert far.pings == []


@pytest.fixture
async def here(far: Discord, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(far, tmp_path) as here:
        yield here


def strike(far: Discord, route: str, fault: str) -> None:
    match fault:
        case "global":
            far.buckets, far.limits.rate = True, 10_000
            far.limits.sizes.clear()
            far.limits._second = Window(0, time.time() + 0.3)
        case "shared":
            far.shared(route, after=0.01)
        case "long":
            far.shared(route, after=900)
        case "odd":  # a 429 that tells nothing
            far.fail(route, how=(429, 20028))
        case _:
            far.fail(route, how=fault)


def calm(far: Discord) -> None:
    far.buckets = False
    far.faults.clear()
    far.limits.shared.clear()


def make(far: Discord, layout: str) -> Channel:
    guild = far.guild("Town")
    return {"forum": guild.forum, "follow": guild.announcement}.get(layout, guild.text)("news")


@pytest.mark.parametrize(
    ("route", "fault"),
    [(route, fault) for route in STEPS for fault in FAULTS if fault != "global" or route == CREATE],
    ids=lambda one: one.replace("/channels/{}/", ""),
)
async def test_whatever_happens_to_a_request_there_is_one_message(
    far: Discord, here: Stage, route: str, fault: str
) -> None:
    layout, stands = STEPS[route]
    channel = make(far, layout)
    far.follow(channel, followers := far.guild("Village").text("from-town"))
    await here.place(channel, layout)
    if route == EDIT:
        await here.publish(NIGHT)
    strike(far, route, fault)
    title = "The night bus runs" if route == EDIT else "The night bus"
    await here.publish(essay(*SECTIONS, title=title))
    calm(far)
    for seconds in (12, 12, 30, 60, 120, 700, 700):
        await here.settle(seconds=seconds)
        if fault == "ban":  # the pacer's own clock is not moved: its ten minutes are over
            _forget_the_ban(here)
    assert shown(channel) == stands
    if layout == "follow":
        assert lines(far.messages(followers)) == ["The night bus"]


def _forget_the_ban(here: Stage) -> None:
    live = here.chat._live
    assert live is not None
    trace = live.http.http_trace
    assert trace is not None
    for hook in trace.on_request_start:
        for cell in hook.__closure__ or ():
            if hasattr(cell.cell_contents, "_held_until"):
                cell.cell_contents._held_until = 0.0


@pytest.mark.parametrize("layout", ["thread", "forum"])
@pytest.mark.parametrize("seed", range(8))
async def test_a_bad_hour_ends_with_each_message_once(far: Discord, here: Stage, layout: str, seed: int) -> None:
    dice = random.Random(f"{layout}{seed}")
    channel = make(far, layout)
    await here.place(channel, layout)
    routes = [CREATE, THREAD, POST, EDIT, LOOK, ACTIVE, PUT_AWAY, "GET /channels/{}/messages/{}"]
    how = ["500-after", "500-before", "drop-after", "drop-before", "503-after", "503-before"]
    for _ in range(25):
        far.fail(dice.choice(routes), how=dice.choice(how))
    await here.publish(NIGHT)
    for round_ in range(20):
        if round_ == 4:
            await here.publish(essay(*SECTIONS, ("Noise", "Little."), title="The night bus runs"))
        await here.settle(seconds=dice.choice([6, 11, 40, 200, 4000]))
    calm(far)
    await here.settle(times=6, minutes=61)
    expected = ["The night bus runs", *STANDS[1:], "  Noise"]
    if layout == "forum":
        expected.insert(1, "  The night bus runs")
    assert shown(channel) == expected


# --- how it is done ---


async def test_soon_after_the_nonce_is_trusted_and_nothing_looked_for(far: Discord, here: Stage) -> None:
    channel = make(far, "card")
    await here.place(channel)
    far.fail(CREATE, how="drop-after")
    await here.publish(NIGHT)
    await here.settle(seconds=11)
    assert shown(channel) == ["The night bus"]
    assert here.asked(CREATE, LOOK) == [2, 0]
    assert len({one.body["nonce"] for one in far.log if one.route == CREATE}) == 1


@pytest.mark.parametrize("arrived", [True, False])
async def test_later_it_is_looked_for_before_it_is_sent_again(far: Discord, here: Stage, arrived: bool) -> None:
    channel = make(far, "card")
    await here.place(channel)
    far.fail(CREATE, how="drop-after" if arrived else "drop-before")
    await here.publish(NIGHT)
    await here.settle(minutes=10)
    assert here.asked(CREATE, LOOK) == ([1, 1] if arrived else [2, 2]), "two look-ups that find nothing, then again"
    assert shown(channel) == ["The night bus"]


async def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    far: Discord, here: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PATIENCE", aiohttp.ClientTimeout(total=None, sock_read=0.1))
    channel = make(far, "card")
    place = await here.place(channel)
    far.fail(CREATE, how="slow", delay=0.3)
    number = await here.publish(NIGHT)
    state, reason = await here.state(number, place)
    assert state == "waiting"
    assert reason.startswith("the connection to Discord broke off")
    await asyncio.sleep(0.3)
    await here.settle(seconds=11)
    assert shown(channel) == ["The night bus"]
    assert far.count(CREATE) == 2


async def test_every_part_has_a_nonce_of_its_own(far: Discord, here: Stage) -> None:
    guild = far.guild("Town")
    for name in ("one", "two"):
        await here.place(guild.text(name), "thread")
    await here.publish(NIGHT)
    nonces = [one.body["nonce"] for one in far.log if one.route == CREATE]
    assert len(nonces) == len(set(nonces)) == 8
    assert all(len(one) == 24 for one in nonces)
    assert all(one.body["enforce_nonce"] is True for one in far.log if one.route == CREATE)


async def test_deleted_while_in_doubt_it_is_withdrawn_here(far: Discord, here: Stage) -> None:
    channel = make(far, "card")
    place = await here.place(channel)
    far.fail(CREATE, how="drop-after")
    number = await here.publish(NIGHT)
    await far.delete(far.messages(channel)[0])
    await here.settle(seconds=11)
    assert await here.state(number, place) == ("withdrawn", "removed in the chat")
    await here.settle(times=3, minutes=60)
    assert shown(channel) == []


@pytest.mark.parametrize("then", ["busy", "paused", "refused", "away"])
async def test_a_refusal_of_the_second_attempt_says_nothing_of_the_first(far: Discord, here: Stage, then: str) -> None:
    channel = make(far, "card")
    place = await here.place(channel)
    far.fail(CREATE, how="drop-after")
    number = await here.publish(NIGHT)
    live = here.chat._live
    match then:
        case "busy":
            far.shared(CREATE, after=900)
        case "paused":
            far.fail(CREATE, how=(403, 50013))
        case "refused":
            far.fail(CREATE, times=2, how=(400, 50035))
        case "away":
            here.chat._live = None
    await here.settle(seconds=11)
    here.chat._live = live
    await change_place(here.db, ("discord", place.channel), paused=None)
    await here.settle(minutes=20)
    await here.db.write(lambda tx: postings.again(tx, "piece", number, None, here.clock()))
    await here.settle(times=3, minutes=1)
    assert shown(channel) == ["The night bus"]
    assert (await here.state(number, place))[0] == "done"
    assert far.count(LOOK) == 1


async def test_after_an_outage_what_was_in_doubt_is_settled_soon(far: Discord, here: Stage) -> None:
    channel = make(far, "card")
    await here.place(channel)
    far.fail(CREATE, how="drop-after")
    await here.publish(NIGHT)
    live, here.chat._live = here.chat._live, None
    await here.settle(times=60, minutes=2)
    here.chat._live = live
    await here.settle(minutes=1.1)
    assert here.asked(CREATE, LOOK) == [1, 1]
    assert shown(channel) == ["The night bus"]


async def test_a_forum_post_is_looked_for_at_once(far: Discord, here: Stage) -> None:
    forum = make(far, "forum")
    await here.place(forum, "forum")
    far.fail(POST, how="500-after")
    await here.publish(NIGHT)
    assert here.asked(POST) == [1], "discord.py does not repeat it"
    await here.settle(seconds=11)
    assert here.asked(POST, ACTIVE) == [1, 1]
    assert shown(forum) == FORUM


async def test_a_forum_post_that_was_put_away_meanwhile_is_found(far: Discord, here: Stage) -> None:
    forum = make(far, "forum")
    assert forum.guild is not None
    await here.place(forum, "forum")
    await here.publish(found("older", title="Older"))
    far.fail(POST, how="drop-after")
    await here.publish(NIGHT)
    for post in forum.guild.threads.values():
        far.archive(post)
    await here.settle(times=3, minutes=1)
    assert here.asked(POST, PUT_AWAY) == [2, 1]
    assert shown(forum)[4:] == FORUM


async def test_a_post_of_ours_without_its_first_message_hides_no_other(far: Discord, here: Stage) -> None:
    forum = make(far, "forum")
    assert forum.guild is not None
    await here.place(forum, "forum")
    await here.publish(found("older", title="Older"))
    older = next(iter(forum.guild.threads.values()))
    await far.delete(older.messages[older.id])
    await here.hear()
    far.fail(POST, how="drop-after")
    await here.publish(NIGHT)
    await here.settle(times=3, minutes=1)
    assert here.asked(POST) == [2]
    assert shown(forum)[-5:] == FORUM


async def test_without_the_right_to_look_nothing_is_sent_again(far: Discord, here: Stage) -> None:
    town = far.guild("Town")
    channel, forum = town.text("news"), town.forum("pieces")
    at = [await here.place(channel), await here.place(forum, "forum")]
    for one in (channel, forum):
        far.permissions(one, deny=P.READ_MESSAGE_HISTORY)
    await here.hear()
    far.fail(CREATE, how="drop-before")
    far.fail(POST, how="drop-before")
    number = await here.publish(NIGHT)
    await here.settle(times=6, minutes=30)
    assert here.asked(CREATE, POST, LOOK, ACTIVE) == [1, 1, 0, 0]
    for place in at:
        state, reason = await here.state(number, place)
        assert state == "waiting"
        assert "Rondan lacks Read Message History in #" in reason
    for one in (channel, forum):
        far.permissions(one)
    await here.hear()
    await here.settle(times=6, minutes=61)
    assert shown(channel) == ["The night bus"]
    assert shown(forum) == FORUM
    assert far.statuses[403] == 0


def say() -> Told:
    return Told(title="night")


async def test_a_busy_channel_is_read_as_far_as_it_matters(
    far: Discord, here: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "PAGES", 2)
    channel = make(far, "card")
    place = await here.place(channel)
    mika = far.user("mika")
    since = here.clock()
    for _ in range(250):
        far.post(channel, mika, "talk")
    assert isinstance(await here.chat.find(place, "a" * 24, since=since), CannotTell)
    await far.bulk_delete(far.messages(channel)[100:])
    here.clock.move(hours=2)
    for _ in range(150):
        far.post(channel, mika, "talk")
    assert isinstance(await here.chat.find(place, "a" * 24, since=since), Absent)


async def test_a_look_up_knows_pages_of_exactly_a_hundred_and_clocks_that_are_wrong(far: Discord, here: Stage) -> None:
    channel = make(far, "card")
    place = await here.place(channel)
    mika = far.user("mika")
    for _ in range(99):
        far.post(channel, mika, "talk")
    ref = await here.chat.send(place, say(), "a" * 24)
    here.clock.move(minutes=4)  # ours is before Discord's
    assert await here.chat.find(place, "a" * 24, since=here.clock()) == Present(ref)
    assert await here.chat.find(place, "b" * 24, since=here.clock()) == Absent()
    assert here.asked(LOOK) == [3]


async def test_what_another_bot_copies_is_not_taken_for_ours(far: Discord, here: Stage) -> None:
    channel = make(far, "card")
    place = await here.place(channel)
    since = here.clock()
    await here.chat.send(place, say(), "a" * 24)
    [ours] = far.messages(channel)
    mirror = far.user("mirror")
    far.post(channel, mirror, components=ours.components, flags=ours.flags)
    far.erase(ours)
    assert await here.chat.find(place, "a" * 24, since=since) == Absent()


async def test_before_it_is_connected_everything_waits(far: Discord, here: Stage) -> None:
    channel = make(far, "card")
    place = await here.place(channel)
    live, here.chat._live = here.chat._live, None
    number = await here.publish(NIGHT)
    assert (await here.state(number, place))[0] == "waiting"
    assert isinstance(await here.chat.find(place, "a" * 24, since=here.clock()), CannotTell)
    pauses = []
    for _ in range(8):
        error = here.chat._away()
        pauses.append(round((error.until - here.clock()).total_seconds(), 1))
        here.clock.move(seconds=pauses[-1] + 1)
    assert pauses == sorted(pauses)
    assert pauses[0] < 5
    assert pauses[-1] > 50, "an outage does not make every place ask every second"
    here.chat._live = live
    await here.settle(minutes=1)
    assert shown(channel) == ["The night bus"]
