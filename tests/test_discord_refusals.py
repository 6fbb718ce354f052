"""What Discord would refuse is not asked; what it refuses pauses a place, waits, or stops a piece after three."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from bot.platforms.discord.client import Connection
from bot.platforms.discord.invite import address, invite
from bot.platforms.discord.permissions import NEEDED
from core.errors import ConfigError, RondanError
from storage import postings
from tests.conftest import change_place, found
from tests.discord_stage import (
    CREATE,
    POST,
    Stage,
    essay,
    shown,
    stage,
)
from tests.standins.discord import Channel, Discord, P

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


@pytest.fixture
def logs() -> LogCapture:
    capture = LogCapture()
    structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0))
    return capture


# --- permissions ---


@pytest.mark.parametrize(
    ("layout", "taken", "named"),
    [
        ("card", P.SEND_MESSAGES, "Send Messages"),
        ("card", P.VIEW_CHANNEL, "View Channel"),
        ("thread", P.SEND_MESSAGES_IN_THREADS, "Send Messages in Threads"),
        ("thread", P.CREATE_PUBLIC_THREADS, "Create Public Threads"),
        ("forum", P.SEND_MESSAGES, "Send Messages"),
        ("forum", P.SEND_MESSAGES_IN_THREADS, "Send Messages in Threads"),
        ("follow", P.SEND_MESSAGES, "Send Messages"),
    ],
)
async def test_a_missing_permission_is_named_before_discord_would_refuse(
    here: Stage, far: Discord, logs: LogCapture, layout: str, taken: P, named: str
) -> None:
    guild = far.guild("Town")
    channel = {"forum": guild.forum, "follow": guild.announcement}.get(layout, guild.text)("news")
    place = await here.place(channel, layout)
    far.permissions(channel, deny=taken)
    await here.hear()
    number = await here.publish(NIGHT)
    await here.publish(found("other", title="Other"))
    await here.settle(minutes=10)
    paused = await here.paused(place) or ""
    assert paused.startswith(f"Rondan lacks {named} in #news of Town (discord:")
    told = [one for one in logs.entries if one["event"] == "publish.place-paused"]
    assert [one["reason"] for one in told] == [paused]
    far.permissions(channel)
    await here.hear()
    await change_place(here.db, ("discord", place.channel), paused=None)
    await here.settle(minutes=1)
    assert (await here.state(number, place))[0] == "done"
    assert any("Other" in line for line in shown(channel))


async def test_a_permission_taken_between_two_sections_pauses_and_goes_on(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    place = await here.place(channel, "thread")
    await here.publish(NIGHT)
    far.permissions(channel, deny=P.SEND_MESSAGES_IN_THREADS)
    await here.hear()
    await here.publish(essay(*SECTIONS, ("Noise", "Little.")))
    assert "Send Messages in Threads" in (await here.paused(place) or "")
    far.permissions(channel)
    await here.hear()
    await change_place(here.db, ("discord", place.channel), paused=None)
    await here.settle()
    assert shown(channel) == [*STANDS, "  Noise"]


async def test_embeds_need_their_permission_where_components_are_not_known(here: Stage, far: Discord) -> None:
    far.components_v2 = False
    guild = far.guild("Town")
    channel, closed = guild.text("news"), guild.text("closed")
    await here.place(channel)
    await here.publish(NIGHT)
    place = await here.place(closed)
    far.permissions(closed, deny=P.EMBED_LINKS)
    await here.hear()
    await here.publish(found("other", title="Other"))
    assert "Rondan lacks Embed Links in #closed" in (await here.paused(place) or "")
    assert shown(channel) == ["The night bus", "Other"]


async def test_until_the_servers_are_told_what_is_not_known_is_not_asked_for(
    here: Stage, far: Discord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "is_ready", lambda _client: False)
    guild = far.guild("Town")
    channel, hidden = guild.text("news"), Channel(7, 0, "hidden", guild)
    at = [await here.place(channel), await here.place(hidden)]
    number = await here.publish(NIGHT)
    assert [(await here.state(number, place))[0] for place in at] == ["done", "waiting"]
    assert far.statuses[404] == 0


async def test_making_threads_is_not_needed_where_one_stands(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    await here.place(channel, "thread")
    await here.publish(NIGHT)
    far.permissions(channel, deny=P.CREATE_PUBLIC_THREADS)
    await here.hear()
    await here.publish(essay(*SECTIONS, ("Noise", "Little.")))
    assert shown(channel) == [*STANDS, "  Noise"]


@pytest.mark.parametrize(
    ("kind", "layout", "sentence"),
    [
        ("text", "forum", "is no forum: choose the layout card or thread"),
        ("forum", "card", "is a forum: choose the layout forum"),
        ("text", "follow", "is no announcement channel"),
    ],
)
async def test_a_layout_that_the_channel_can_not_have_is_told(
    here: Stage, far: Discord, kind: str, layout: str, sentence: str
) -> None:
    guild = far.guild("Town")
    place = await here.place(guild.text("news") if kind == "text" else guild.forum("news"), layout)
    await here.publish(NIGHT)
    assert sentence in (await here.paused(place) or "")
    assert here.asked(CREATE, POST) == [0, 0]


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (404, 10003, "the channel is not there any more"),
        (404, 10004, "Rondan was removed from it"),
        (403, 50001, "give it View Channel there"),
        (403, 50013, "Rondan lacks a permission there"),
        (400, 50024, "choose another layout"),
        (400, 40058, "set its layout to forum"),
        (400, 50008, "choose another channel"),
    ],
)
async def test_what_will_not_end_pauses_the_place_and_is_told_once(
    here: Stage, far: Discord, logs: LogCapture, status: int, code: int, sentence: str
) -> None:
    guild = far.guild("Town")
    channel, other = guild.text("news"), guild.text("other")
    place = await here.place(channel)
    await here.place(other)
    far.fail(CREATE, times=99, how=(status, code), channel=channel)
    await here.publish(NIGHT)
    await here.publish(found("other", title="Other"))
    await here.settle(minutes=60)
    assert sentence in (await here.paused(place) or "")
    assert far.count(CREATE, status) == 1
    assert [one["event"] for one in logs.entries].count("publish.place-paused") == 1
    assert sorted(shown(other)) == ["Other", "The night bus"]
    far.statuses[403] = 0


@pytest.mark.parametrize(
    ("status", "code", "minutes"),
    [(403, 40004, 6), (403, 40006, 6), (403, 20016, 1), (429, 20029, 1), (503, 130000, 2), (403, 0, 6), (404, 0, 6)],
)
async def test_what_passes_is_waited_for(here: Stage, far: Discord, status: int, code: int, minutes: int) -> None:
    channel = far.guild("Town").text("news")
    place = await here.place(channel)
    far.fail(CREATE, how=(status, code))
    number = await here.publish(NIGHT)
    if status != 429:  # which discord.py waits for itself
        assert (await here.state(number, place))[0] == "waiting"
    await here.settle(minutes=minutes)
    assert shown(channel) == ["The night bus"]
    assert await here.paused(place) is None
    far.statuses[403] = 0


# --- poison ---


async def test_a_piece_that_discord_refuses_is_asked_of_three_places_and_no_more(here: Stage, far: Discord) -> None:
    channels = [far.guild(f"Town {n}").text("news") for n in range(30)]
    for channel in channels:
        await here.place(channel)
    far.fail(CREATE, times=9999, how=(400, 50035))
    number = await here.publish(NIGHT)
    await here.settle(times=5, minutes=2)
    asked = {one.path.split("/")[2] for one in far.log if one.route == CREATE}
    assert len(asked) == 3
    rows = await postings.of_subject(here.db, "piece", number)
    assert {one.state for one in rows} == {"stuck"}
    assert sum("refused at 3 other places" in one.reason for one in rows) == 27
    far.faults.clear()
    await rename(here)
    await here.settle(times=3, minutes=1)
    assert sum(map(len, map(shown, channels))) == 30, "its next revision is tried anew"


async def test_a_piece_on_which_discord_breaks_waits_at_three_places(here: Stage, far: Discord) -> None:
    channels = [far.guild(f"Town {n}").text("news") for n in range(30)]
    for channel in channels:
        await here.place(channel)
    far.fail(CREATE, times=9999, how=503)
    number = await here.publish(NIGHT)
    await here.settle(times=6, minutes=2)
    asked = {one.path.split("/")[2] for one in far.log if one.route == CREATE}
    assert len(asked) == 3
    assert {one.state for one in await postings.of_subject(here.db, "piece", number)} == {"waiting"}
    far.faults.clear()
    await here.settle(times=12, minutes=10)
    assert [shown(one) for one in channels] == [["The night bus"]] * 30


# --- the invitation, the address ---


async def test_the_invitation_asks_for_what_is_needed_and_no_more(far: Discord) -> None:
    given = await invite(far.token, far.api)
    assert given == address(far.application)
    bits = int(given.split("permissions=")[1].split("&")[0])
    wanted = (
        P.VIEW_CHANNEL | P.SEND_MESSAGES | P.EMBED_LINKS | P.READ_MESSAGE_HISTORY | P.CREATE_PUBLIC_THREADS
        | P.SEND_MESSAGES_IN_THREADS | P.ATTACH_FILES
    )  # fmt: skip
    assert bits == int(wanted)
    assert "scope=bot+applications.commands" in given
    assert len(NEEDED) == 7
    with pytest.raises(ConfigError, match="copy the token again"):
        await invite("bad", far.api)
    with pytest.raises(RondanError, match="can't ask http://127"):
        await invite(far.token, "http://127.0.0.1:9/api/v10")


async def test_a_message_has_an_address_without_a_connection(here: Stage, far: Discord) -> None:
    guild = far.guild("Town")
    channel = guild.text("news")
    place = await here.place(channel)
    assert here.chat.link(place, "12-34") == f"https://discord.com/channels/{guild.id}/12/34"
    assert here.chat.link(replace(place, community=""), "34") == (
        f"https://discord.com/channels/{guild.id}/{channel.id}/34"
    )
    assert here.chat.link(place, "published:34") is None
