"""Slack's events by HTTP: what is not signed is not read, what can't be read is refused, what is signed arrives."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from typing_extensions import override

from core.chat import Caller, Commented, Heard, Place, Reacted
from core.message import Reply
from tests.far import Hearing, Mute, say
from tests.far_slack import adapter, connected
from tests.standins.slack import Channel, Person, Slack
from tests.waiting import until

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EVENT = json.dumps({"type": "event_callback", "event": {"type": "message", "channel": "C1"}})


class Listening:
    """The adapter on HTTP, and bare requests to it."""

    def __init__(self, far: Slack, address: str, session: aiohttp.ClientSession) -> None:
        self.far, self.address, self.session = far, address, session

    async def post(self, body: bytes | str | io.BytesIO, headers: Mapping[str, str], path: str = "") -> tuple[int, str]:
        url = self.address if not path else self.address.replace("/slack/events", path)
        async with self.session.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    def signed(self, body: str, **how: Any) -> dict[str, str]:
        return JSON | self.far.sign(body, **how)


@contextlib.asynccontextmanager
async def listening(ears: Hearing | None = None) -> AsyncIterator[Listening]:
    async with Slack() as far, aiohttp.ClientSession() as session:
        addresses: asyncio.Queue[str] = asyncio.Queue()
        made = adapter(far, http=True)
        made._ready = addresses.put_nowait
        running = asyncio.create_task(made.run(Mute(), ears or Hearing()))
        try:
            yield Listening(far, await asyncio.wait_for(addresses.get(), 10), session)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


# --- who may speak ---


@pytest.mark.parametrize("body", [EVENT, "{", "", "[]", "payload=%7B", "a" * 1000, "ssl_check=1"])
async def test_what_is_not_signed_is_not_even_read(body: str) -> None:
    async with listening() as here:
        good = here.far.sign(body)
        for headers in (
            {},
            here.far.sign(body, secret="not the secret"),
            here.far.sign(body, at=time.time() - 301),
            here.far.sign(body, at=time.time() + 330),
            here.far.sign(body + " "),
            good | {"X-Slack-Request-Timestamp": "soon"},
            good | {"X-Slack-Request-Timestamp": "9" * 400},
            good | {"X-Slack-Request-Timestamp": ""},
            good | {"X-Slack-Signature": ""},
            good | {"X-Slack-Signature": "v0=été"},
        ):
            assert (await here.post(body, JSON | headers))[0] == 401


async def test_a_clock_that_is_a_little_off_does_not_matter() -> None:
    async with listening() as here:
        for off in (-280, 280):
            body = json.dumps({"type": "url_verification", "challenge": "3eZ"})
            assert (await here.post(body, here.signed(body, at=time.time() + off)))[0] == 200


# --- what can be read ---


@pytest.mark.parametrize(
    "body",
    ["{", "[]", '"text"', "12", "null", "{" * 5000, "[" * 100_000, '{"a":' * 100_000, "payload=%7B", "payload=[]"],
)
async def test_what_can_not_be_read_is_refused_and_logged_nowhere(body: str, caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as here:
        status, told = await here.post(body, (FORM if body.startswith("payload") else JSON) | here.far.sign(body))
        assert (status, told) == (400, "this can't be read")
        assert (await here.post(EVENT, here.signed(EVENT)))[0] == 200
    assert caplog.text == ""


async def test_letters_that_are_none_are_refused() -> None:
    async with listening() as here:
        assert (await here.post(b'{"a":"\xff"}', here.signed('{"a":"\xff"}')))[0] == 401


async def test_a_body_that_is_too_large_is_not_taken() -> None:
    async with listening() as here:
        body = json.dumps({"type": "event_callback", "event": {"text": "あ" * 200_000}})
        assert (await here.post(io.BytesIO(body.encode()), here.signed(body)))[0] == 413


async def test_nothing_else_is_there() -> None:
    async with listening() as here:
        for path in ("/", "/slack", "/slack/events/", "/slack/install", "/slack/oauth_redirect"):
            assert (await here.post(EVENT, here.signed(EVENT), path))[0] == 404
        async with here.session.get(here.address) as answer:
            assert answer.status == 405


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
async def test_it_listens_at_the_address_that_it_was_given_and_at_no_other() -> None:
    async with listening() as here:
        port = urlsplit(here.address).port
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.2", port)


async def test_slacks_question_is_answered_without_asking_slack() -> None:
    async with listening() as here:
        body = json.dumps({"type": "url_verification", "token": "legacy", "challenge": "3eZbrw1aB"})
        asked = here.far.count("auth.test")
        status, told = await here.post(body, here.signed(body))
        assert (status, json.loads(told)) == (200, {"challenge": "3eZbrw1aB"})
        assert here.far.count("auth.test") == asked


# --- what arrives ---


def far_side() -> tuple[Slack, Channel, Person, Place]:
    far = Slack()
    far.limited = False
    far.patience, far.retry_after = 1.0, (0.0, 0.05, 0.1)
    channel = far.channel("general")
    return far, channel, far.person("mika"), Place(id=1, platform="slack", channel=channel.id)


async def test_what_was_not_kept_comes_again_and_counts_once() -> None:
    far, channel, mika, place = far_side()

    class Away(Hearing):
        """Deaf to the first three of whatever they are told while they are deaf."""

        left = 3

        @override
        async def keep(self, event: Heard) -> None:
            self.left -= self.deaf
            self.deaf = self.deaf and self.left >= 0
            await super().keep(event)

    ears, missed = Away(), []
    ears.on_missed = lambda: missed.append(1)
    async with far, connected(far, ears, [place], http=True) as chat:
        await chat.send(place, say("A piece"), "a" * 24)
        await far.delivered()  # what is told next is the reaction
        ears.deaf = True
        await far.react(mika, far.messages(channel)[0], "👍")
        told = far.deliveries[-1]
        await until(lambda: len(told.attempts) >= 4, 30)
        await far.delivered()
        assert [one.number for one in told.attempts] == [0, 1, 2, 3]
        assert told.state == "acked"
        assert len([one for one in ears.heard if isinstance(one, Reacted)]) == 1
        assert len(missed) == 2, "at the start; and since it was Slack's last attempt, it may have given up others"


@pytest.mark.parametrize("words", ["payload", "payload 数", "a payload=b", "&payload=", "x=y&type=event_callback"])
async def test_words_of_a_command_are_only_words(words: str) -> None:
    asked: list[str] = []

    class Asked(Mute):
        @override
        async def ask(self, caller: Caller, line: str) -> Reply:
            asked.append(line)
            return Reply(message=say("…"))

    far, channel, mika, place = far_side()
    async with far, connected(far, Hearing(), [place], Asked(), http=True):
        answer = await far.command(mika, channel, f"/rondan search {words}")
        await answer.settled(5)
    assert asked == [f"/search {words}"]


async def test_a_comment_arrives() -> None:
    far, channel, mika, place = far_side()
    ears = Hearing()
    async with far, connected(far, ears, [place], http=True) as chat:
        await chat.send(place, say("A piece"), "a" * 24)
        await far.say(mika, far.messages(channel)[0], "「payload」も届く")
        await far.delivered()
    assert {one.text for one in ears.heard if isinstance(one, Commented)} == {"「payload」も届く"}
