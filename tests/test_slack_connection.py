"""The connection to Slack: renewed, refused, cut, hanging, closed; nothing that was said meanwhile is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from bot import collect
from bot.platforms.slack import chat, sockets
from core.chat import Commented, Heard, Place
from core.errors import ConfigError, RondanError
from tests.far import Hearing, Mute, say
from tests.far_slack import adapter, connected
from tests.slack_stage import Stage, stage
from tests.standins.slack import Channel, Message, Person, Slack
from tests.standins.slack import sockets as far_sockets
from tests.waiting import until


def far_side() -> tuple[Slack, Channel, Person]:
    far = Slack()
    far.limited = False
    far.patience, far.retry_after = 1.0, (0.05, 0.2, 1.0)
    return far, far.channel("general"), far.person("mika")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "PING", 1.0)  # also the pause after a connection failed


async def shown(here: Stage, channel: Channel) -> Message:
    """A piece that stands in the channel."""
    await here.place(channel)
    await here.publish()
    return here.far.messages(channel)[0]


async def said(here: Stage) -> list[str]:
    return [str(row[0]) for row in await here.rows("select text from comment where state <> 'erased' order by at")]


@contextlib.asynccontextmanager
async def recalling(here: Stage) -> AsyncIterator[None]:
    """With the service that looks back after an absence, as in the program."""
    task = asyncio.create_task(here.ears.recall_missed({"slack": here.chat}))
    try:
        await until(lambda: "slack" in here.ears._whole)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# --- renewed ---


async def test_two_connections_ask_for_two_addresses(tmp_path: Path) -> None:
    far, _, _ = far_side()
    async with far, stage(far, tmp_path):
        await far.connected(2)
        assert far.count("apps.connections.open") == far.sockets.handshakes == 2


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "link_disabled"])
async def test_a_connection_that_is_told_to_go_comes_back_and_nothing_is_lost(tmp_path: Path, reason: str) -> None:
    far, channel, mika = far_side()
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        await far.connected(2)
        first = set(far.connections)
        await far.say(mika, card, "before")
        await far.refresh(reason)
        await far.say(mika, card, "meanwhile")
        await until(lambda: len(far.connections) == 2 and not first & set(far.connections))
        await far.say(mika, card, "after")
        assert await said(here) == ["before", "meanwhile", "after"]
        assert far.lost == []


async def test_too_many_connections_are_not_asked_for_in_a_hurry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(far_sockets, "MOST", 1)
    monkeypatch.setattr(sockets, "APART", 0.4)
    far, channel, mika = far_side()
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        await asyncio.sleep(1.3)
        assert 4 <= far.sockets.opened <= 6  # the first, and about one in 0.4 s
        await far.say(mika, card, "heard by the one that stands")
        assert await said(here) == ["heard by the one that stands"]


# --- broken ---


async def test_a_cut_connection_is_made_again(tmp_path: Path) -> None:
    far, channel, mika = far_side()
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        await far.connected(2)
        await far.cut()
        await far.say(mika, card, "into the gap")
        await far.connected(2)
        assert await said(here) == ["into the gap"]


async def test_a_handshake_that_is_never_answered_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HANDSHAKE", 0.3)
    monkeypatch.setattr(sockets, "STALE", 0.2)
    far, channel, mika = far_side()
    async with far:
        far.hang_sockets(2)
        async with asyncio.timeout(10), stage(far, tmp_path) as here:
            await far.say(mika, await shown(here, channel), "heard")
            assert await said(here) == ["heard"]
            await far.connected(2)


async def test_an_outage_longer_than_slacks_patience_is_looked_up(tmp_path: Path) -> None:
    far, channel, mika = far_side()
    far.retry_after = (0.0, 0.1)
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        async with recalling(here):
            far.outage()
            await far.cut()
            await until(lambda: not far.connections)
            await far.say(mika, card, "nobody heard this")
            await far.react(mika, card, "👍")
            await far.delivered()
            assert len(far.lost) == 2
            far.outage(False)
            await until(lambda: far.count("conversations.history") > 1)
            await until(lambda: far.count("reactions.get") > 0)
            assert await said(here) == ["nobody heard this"]
            assert await here.rows("select stance from stance") == [("agree",)]


async def test_a_link_that_was_disabled_is_tried_until_it_is_there_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "PING", 0.3)
    far, channel, mika = far_side()
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        await far.connected(2)
        before = far.count("apps.connections.open")
        far.fail("apps.connections.open", times=4, how="internal_error")
        await far.refresh("link_disabled")
        await far.cut(polite=True)
        await until(lambda: far.count("apps.connections.open") >= before + 6)
        await far.connected(2)
        await far.say(mika, card, "there again")
        assert await said(here) == ["there again"]


async def test_nobody_who_reads_the_log_can_connect(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    far, _, _ = far_side()
    async with far:
        far.refuse_sockets(2)
        caplog.set_level(logging.INFO)
        async with stage(far, tmp_path):
            await far.connected(2)
    told = caplog.text
    assert "ticket=…" in told, "the refusal is logged"
    for secret in (*far.sockets.tickets, far.bot_token, far.app_token):
        assert secret not in told
    assert "Traceback" not in told


async def test_the_environment_sends_nothing_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    far, _, _ = far_side()
    async with far, stage(far, tmp_path):
        await far.connected(2)


# --- begun and ended ---


@pytest.mark.parametrize(
    ("method", "how", "told"),
    [
        ("apps.connections.open", "missing_scope", "RONDAN_SLACK_APP_TOKEN .* connections:write"),
        ("apps.connections.open", "not_allowed_token_type", "RONDAN_SLACK_APP_TOKEN .*xapp-"),
        ("apps.connections.open", "invalid_auth", "RONDAN_SLACK_APP_TOKEN .* copy it again"),
        ("auth.test", "not_allowed_token_type", "RONDAN_SLACK_BOT_TOKEN .*xoxb-"),
        ("auth.test", "account_inactive", "RONDAN_SLACK_BOT_TOKEN .* copy it again"),
    ],
)
async def test_a_token_that_will_never_do_ends_it_with_the_mend(method: str, how: str, told: str) -> None:
    far, _, _ = far_side()
    async with far:
        far.fail(method, times=99, how=how)
        with pytest.raises(ConfigError, match=told):
            await asyncio.wait_for(adapter(far).run(Mute(), Hearing()), 5)


@pytest.mark.parametrize("how", [503, "drop-before", "internal_error", "ratelimited"])
async def test_it_waits_for_a_slack_that_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str | int
) -> None:
    monkeypatch.setattr(sockets, "PROBE_EVERY", 0.1)
    far, _, _ = far_side()
    async with far:
        far.fail("apps.connections.open", times=2, how=how)
        async with stage(far, tmp_path):
            await far.connected(2)


@pytest.mark.parametrize("http", [False, True])
async def test_what_is_being_kept_at_the_end_is_kept_and_acknowledged(http: bool) -> None:
    far, channel, mika = far_side()
    far.patience, far.retry_after = 3.0, ()
    keeping = asyncio.Event()

    class Slow(Hearing):
        @override
        async def keep(self, event: Heard) -> None:
            keeping.set()
            await asyncio.sleep(0.3)
            await super().keep(event)

    ears = Slow()
    async with far:
        async with connected(far, ears, [Place(id=1, platform="slack", channel=channel.id)], http=http) as made:
            await made.send(Place(id=1, platform="slack", channel=channel.id), say("A piece"), "a" * 24)
            await far.react(mika, far.messages(channel)[0], "👍")
            await asyncio.wait_for(keeping.wait(), 5)
        await far.delivered()
        assert far.lost == []
        assert len([one for one in ears.heard if one.platform == "slack"]) >= 1


async def test_an_end_does_not_wait_for_a_connection_that_does_not_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "CLOSES", 0.2)
    disconnect, stuck = sockets.Connection.disconnect, set()

    async def full(self: sockets.Connection) -> None:
        """As when nothing more can be written, and nobody says that it is over."""
        if self not in stuck:
            stuck.add(self)
            await asyncio.sleep(60)
        await disconnect(self)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(sockets.Connection, "disconnect", full)
    far, _, _ = far_side()
    async with far:
        async with connected(far, Hearing(), []):
            await far.connected(2)
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 2
        assert len(stuck) == 2


# --- what Slack gives up ---


async def test_slacks_last_attempt_makes_us_look_for_what_it_gave_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    monkeypatch.setattr(collect, "RECALL_AGAIN", 0.2)
    far, channel, mika = far_side()
    far.patience, far.retry_after = 1.0, (0.0, 0.05, 0.05)
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        async with recalling(here):
            keep, broken = here.ears.keep, True

            async def moody(event: Heard) -> None:
                if broken:
                    raise RondanError("the disk is full")
                await keep(event)

            here.ears.keep = moody  # type: ignore[method-assign]
            await far.say(mika, card, "lost")
            await far.say(mika, card, "lost too")
            await far.delivered()
            assert len(far.lost) == 2, "four attempts each"
            broken = False
            await until(lambda: here.ears._failures["slack"] == 0 and "slack" in here.ears._whole)
            assert await said(here) == ["lost", "lost too"]
            told = [one["event"] for one in logged]
            assert told.count("slack.given-up") == 1, "one look is enough for both"
            assert told.count("slack.not-kept") == 8


async def test_too_many_events_for_slack_are_looked_up() -> None:
    far, _, _ = far_side()
    ears, missed = Hearing(), []
    ears.on_missed = lambda: missed.append(1)
    async with far, connected(far, ears, []):
        told = await far.too_many_events()
        assert told is not None
        await far.delivered()
        assert told.state == "acked"
        assert len(missed) == 2  # at the start, and now


async def test_an_event_is_kept_though_slack_does_not_say_who_we_are(tmp_path: Path) -> None:
    far, channel, mika = far_side()
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        asked = far.count("auth.test")
        far.fail("auth.test", times=99, how="internal_error")
        await far.say(mika, card, "heard")
        assert await said(here) == ["heard"]
        assert far.count("auth.test") == asked


async def test_an_event_that_nobody_understands_is_acknowledged_and_stops_no_other(
    tmp_path: Path, logged: list[Any]
) -> None:
    far, channel, mika = far_side()
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        for event in (
            {"type": "message", "subtype": "message_changed", "channel": channel.id},
            {"type": "reaction_added", "item": {"type": "message", "channel": channel.id, "ts": "soon"}},
            {},
        ):
            far.outbox.tell(far.wrapped(event))
        await far.say(mika, card, "heard")
        assert await said(here) == ["heard"]
        assert far.lost == []
        assert [one["event"] for one in logged].count("slack.not-understood") == 2


# --- names ---


async def test_many_new_people_at_once_all_get_their_names(tmp_path: Path) -> None:
    far, channel, _ = far_side()
    people = [far.person(f"p{number}") for number in range(150)]
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        for one in people:
            await far.say(one, card, "hello")
        await far.delivered()
        await until(lambda: not here.chat._nameless)
        assert {row[0] for row in await here.rows("select name from person")} == {one.name for one in people}
        assert far.count("users.info") == len(people)
        assert len(await here.rows("select 1 from comment")) == len(people)


async def test_a_name_that_comes_late_changes_no_words(tmp_path: Path) -> None:
    far, channel, mika = far_side()
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        far.fail("users.info", how="slow", delay=0.4)
        first = await far.say(mika, card, "as first written")
        second = await far.say(mika, card, "soon gone")
        await far.edit(mika, first, "as written at last")
        await far.delete(second)
        await far.delivered()
        await until(lambda: not here.chat._nameless)
        assert await said(here) == ["as written at last"]
        assert await here.rows("select name from person") == [("mika",)]


async def test_a_name_that_can_not_be_kept_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far, channel, mika = far_side()
    otto = far.person("otto")
    async with far, stage(far, tmp_path) as here:
        card = await shown(here, channel)
        keep, failures = here.ears.keep, 1

        async def moody(event: Heard) -> None:
            nonlocal failures
            if isinstance(event, Commented) and event.person.name and failures:
                failures -= 1
                raise RondanError("the disk is full")
            await keep(event)

        here.ears.keep = moody  # type: ignore[method-assign]
        await far.say(mika, card, "one")
        await far.say(otto, card, "two")
        await far.delivered()
        await until(lambda: not here.chat._nameless)
        assert await here.rows("select name from person order by name") == [("",), ("otto",)]


async def test_only_so_many_names_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "LEARNING", 2)
    far, channel, _ = far_side()
    place = Place(id=1, platform="slack", channel=channel.id)
    people = [far.person(f"p{number}") for number in range(5)]
    async with far, connected(far, Hearing(), [place]) as made:
        await made.send(place, say("A piece"), "a" * 24)
        far.fail("users.info", times=9, how="slow", delay=0.3)
        for one in people:
            await far.say(one, far.messages(channel)[0], "hello")
        await far.delivered()
        assert len(made._nameless) == 2
