"""How tests drive the stand-in: a real Bolt app that keeps what it hears, and bare requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import aiohttp.web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.internal_utils import convert_bool_to_0_or_1

from tests.standins.slack.ask import FORM_ONLY
from tests.standins.slack.basics import Raw
from tests.standins.slack.server import Slack
from tests.standins.slack.world import Channel, Person

QUIET: Raw = {"unfurl_links": False, "unfurl_media": False, "parse": "none"}
Next = Callable[[], Awaitable[BoltResponse]]


class Bot:
    """An app that journals events before authorisation; other requests go to the listeners that the test adds."""

    def __init__(self, slack: Slack, session: aiohttp.ClientSession) -> None:
        quiet = logging.getLogger("tests.slack")
        quiet.setLevel(logging.CRITICAL)
        self.client = AsyncWebClient(token=slack.bot_token, base_url=slack.api, session=session, retry_handlers=[])
        self.app = AsyncApp(
            client=self.client,
            signing_secret=slack.signing_secret,
            before_authorize=self._journal,
            logger=quiet,
        )
        self.heard: list[Raw] = []
        self.retries: list[tuple[str, str]] = []
        self.deaf = 0  # so many of the next events are not acknowledged
        self.handlers: list[AsyncSocketModeHandler] = []

    async def _journal(self, req: AsyncBoltRequest, body: Raw, next_: Next) -> BoltResponse:
        if body.get("type") not in ("event_callback", "app_rate_limited"):
            return await next_()
        if self.deaf:
            self.deaf -= 1
            raise RuntimeError("the database is away")
        self.heard.append(body)
        number = req.headers.get("x-slack-retry-num", ["0"])[0]  # Socket Mode says 0 at the first time
        if number != "0":
            self.retries.append((number, req.headers["x-slack-retry-reason"][0]))
        return BoltResponse(status=200)

    def events(self, kind: str) -> list[Raw]:
        return [one["event"] for one in self.heard if one.get("event", {}).get("type") == kind]

    async def connect(self, slack: Slack, connections: int = 1) -> None:
        for _ in range(connections):
            handler = AsyncSocketModeHandler(self.app, slack.app_token, ping_interval=0.2, logger=self.app.logger)
            self.handlers.append(handler)
            await handler.connect_async()  # type: ignore[no-untyped-call]
        await slack.connected(connections)

    async def close(self) -> None:
        for handler in self.handlers:
            await handler.close_async()  # type: ignore[no-untyped-call]


@contextlib.asynccontextmanager
async def running(slack: Slack, connections: int = 1) -> AsyncIterator[Bot]:
    """A bot on Socket Mode; 0 connections: not connected yet."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        bot = Bot(slack, session)
        try:
            await bot.connect(slack, connections)
            yield bot
        finally:
            await bot.close()
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def listening(slack: Slack) -> AsyncIterator[Bot]:
    """A bot on HTTP, as Slack knows it after its address was entered."""
    async with aiohttp.ClientSession() as session:
        bot = Bot(slack, session)
        runner = aiohttp.web.AppRunner(bot.app.web_app("/slack/events"), access_log=None)
        await runner.setup()
        await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            await slack.post_to(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
            yield bot
        finally:
            await runner.cleanup()


@contextlib.asynccontextmanager
async def asking(slack: Slack) -> AsyncIterator[Callable[..., Any]]:
    """Bare calls: `await ask("chat.postMessage", channel=…)` gives status, body, headers.

    As JSON, or as a form where Slack knows nothing else, or where `form` says so.
    """
    async with aiohttp.ClientSession() as session:

        async def ask(
            method: str, *, form: bool | None = None, token: str | None = None, **args: Any
        ) -> tuple[int, Any, Any]:
            headers = {"Authorization": f"Bearer {slack.bot_token if token is None else token}"}
            formed = method in FORM_ONLY if form is None else form
            how: Raw = {"data": convert_bool_to_0_or_1(args) or {}} if formed else {"json": args}
            async with session.post(slack.api + method, headers=headers, **how) as answer:
                body = await answer.json() if answer.content_type == "application/json" else await answer.text()
                return answer.status, body, answer.headers

        yield ask


def world(slack: Slack) -> tuple[Channel, Person]:
    mika = slack.person("mika", locale="ja-JP")
    return slack.channel("general", mika), mika
