"""Slack as a chat of the port: its connection, by Socket Mode or HTTP, and what works over it.

Every envelope passes one function before Bolt authorizes or dispatches anything (`before_authorize`): Bolt would
acknowledge an event before its listener has run, and also when its own `auth.test` fails. There an event is kept, and
only then acknowledged; what can't be kept is not acknowledged, so Slack sends it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.response import BoltResponse

from bot.platforms.slack.api import Api
from bot.platforms.slack.hearing import Hearing
from bot.platforms.slack.people import People
from bot.platforms.slack.posts import PAGE, Posts
from bot.platforms.slack.recall import Recall
from bot.platforms.slack.refusals import fatal, refused
from bot.platforms.slack.talk import Talk
from core.chat import Commented, Desk, Ears, Heard, Known, Located, Place, Unreadable, Window
from core.errors import Busy, ChatError, ConfigError
from core.times import Clock

log = structlog.get_logger()

API = "https://slack.com/api/"
PATH = "/slack/events"
CONNECTIONS = 2  # of Socket Mode: one may be renewed while the other hears
LOOK_EVERY = 5.0  # seconds between two looks at the connections
STALE = 20.0  # seconds after which a connection that is down gets a new address: its client would try the old for ever
LEARNING = 100  # people whose names are asked for at the same time; of the others they come with their next words


class SlackChat(Posts):
    """The adapter of one workspace. With `app_token` Socket Mode, else `signing_secret` and HTTP at `listen`."""

    name = "slack"
    text_limit = 2800

    def __init__(
        self,
        token: str,
        *,
        app_token: str | None = None,
        signing_secret: str | None = None,
        listen: tuple[str, int] = ("127.0.0.1", 3000),
        api: str | None = None,
        moderators: Sequence[str] = (),
        language: str = "en",
        zone: str = "UTC",
        page: int = PAGE,
        pause: float = 0.0,
        clock: Clock,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(clock, page=page)
        self._token = token
        self._app_token = app_token
        self._secret = signing_secret
        self._listen = listen
        self._base = (api or API).rstrip("/") + "/"
        self._language, self._zone = language, zone
        self._pause = pause
        self._ready = ready
        self._people = People(self, moderators)
        self._hearing = Hearing(self, self._people.name)
        self._ears: Ears | None = None
        self._learning: dict[str, asyncio.Task[None]] = {}  # whose names are being asked for

    async def furnish(self, places: Iterable[Place]) -> None:
        self._hearing.places = {place.channel: place for place in places}
        self._locate()

    def recall(
        self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[Heard | Window | Unreadable]:
        if self.open is None:
            raise Busy("Rondan is not connected to Slack yet", until=self._clock() + timedelta(seconds=30))
        return Recall(self, self._hearing, self._clock, pause=self._pause).run(known)

    # --- from the first call to the end ---

    async def run(self, desk: Desk, ears: Ears) -> None:
        """Serve until cancelled. ConfigError when Slack refuses a token for good."""
        async with Api(self._token, self._base, self._clock) as api:
            talk = Talk(self, self._people, self._hearing, desk, ears, language=self._language, zone=self._zone)
            await self._meet(api)
            self.open = api
            app = self._bolt(api, self._receiver(talk, ears))
            try:
                self._ears = ears
                self._locate()
                if self._app_token is not None:
                    await self._socket(app, api, ears)
                else:
                    await self._http(app, ears)
            finally:
                await talk.close()
                for task in list(self._learning.values()):
                    task.cancel()
                self.open = self._ears = None

    async def _meet(self, api: Api) -> None:
        """Find out who we are; waits for as long as Slack can't be reached."""
        pause = 1.0
        while True:
            try:
                me = await api.call("auth.test", {})
                break
            except ChatError as error:
                if (end := fatal(error, "RONDAN_SLACK_BOT_TOKEN")) is not None:
                    raise end from error
                log.warning("slack.unreachable", error=str(error), again_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 60)
        self.me, self.bot = str(me.get("user_id") or ""), str(me.get("bot_id") or "")
        self.team, self.address = str(me.get("team_id") or ""), str(me.get("url") or "")

    def _locate(self) -> None:
        """Tell in which workspace our places are: an operator adds them by the channel's id alone."""
        if self._ears is None:
            return
        for place in self._hearing.places.values():
            if place.community != self.team:
                self._ears.note(
                    Located(platform=self.name, channel=place.channel, community=self.team, name=place.name)
                )

    def _bolt(self, api: Api, receive: Callable[..., Awaitable[BoltResponse]]) -> AsyncApp:
        with _quiet_environment():
            return AsyncApp(
                client=api.client,
                signing_secret=self._secret or "unused in socket mode",
                before_authorize=receive,
                request_verification_enabled=self._app_token is None,
                logger=_logger(),
            )

    def _receiver(self, talk: Talk, ears: Ears) -> Callable[..., Awaitable[BoltResponse]]:
        """What every envelope passes."""

        async def receive(body: dict[str, Any], next: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:  # noqa: A002
            if body.get("type") == "url_verification":
                return await next()
            if body.get("type") == "app_rate_limited":
                log.error("slack.events-limited", minute=body.get("minute_rate_limited"))
                ears.missed(self.name)
                return BoltResponse(status=200)
            if body.get("type") == "event_callback":
                await self._hear(body, talk, ears)
                return BoltResponse(status=200)
            answer = await talk.take(body)
            return BoltResponse(status=200) if answer is None else BoltResponse(status=200, body=answer)

        return receive

    async def _hear(self, body: Mapping[str, Any], talk: Talk, ears: Ears) -> None:
        """Keep what an event tells; returns after it is durable."""
        event = body["event"]
        match event.get("type"):
            case "app_home_opened":
                talk.open_home(event, str(body.get("team_id") or ""))
                return
            case "subteam_members_changed":
                self._people.forget_groups()
                return
        for told in self._hearing.events(body):
            await ears.keep(told)
            if isinstance(told, Commented) and not told.person.name:
                self._learn(told, ears)

    def _learn(self, told: Commented, ears: Ears) -> None:
        """Find out what somebody is called, and tell their words once more with it: Slack is not kept waiting."""

        async def ask() -> None:
            name = (await self._people.profile(told.person.id)).name
            if name:
                await ears.keep(replace(told, person=replace(told.person, name=name)))

        if told.person.id not in self._learning and len(self._learning) < LEARNING:
            task = self._learning[told.person.id] = asyncio.create_task(ask())
            task.add_done_callback(lambda _done: self._learning.pop(told.person.id, None))

    # --- Socket Mode ---

    async def _socket(self, app: AsyncApp, api: Api, ears: Ears) -> None:
        """Two connections, each watched: a client that was given a dead address would try it for ever."""
        assert self._app_token is not None
        await self._probe(api)
        handlers = [AsyncSocketModeHandler(app, self._app_token) for _ in range(CONNECTIONS)]
        connecting: list[asyncio.Task[None]] = [asyncio.create_task(_connect(one)) for one in handlers]
        loop = asyncio.get_running_loop()
        heard = dict.fromkeys(range(CONNECTIONS), loop.time())
        away_since: float | None = loop.time()
        try:
            while True:
                up = [await one.client.is_connected() for one in handlers]
                now = loop.time()
                for number, handler in enumerate(handlers):
                    if up[number]:
                        heard[number] = now
                    elif now - heard[number] > STALE:
                        log.warning("slack.stale-connection", connection=number)
                        handler.client.wss_uri = None
                        heard[number] = now
                if any(up):
                    if away_since is not None:
                        log.info("slack.connected", connections=sum(up), workspace=self.address)
                        if self._ready is not None:
                            self._ready(self.address)
                            self._ready = None
                        ears.missed(self.name)
                    away_since = None
                elif away_since is None:
                    away_since = now
                await asyncio.sleep(LOOK_EVERY if all(up) else 0.1)
        finally:
            for task in connecting:
                task.cancel()
            await asyncio.gather(*connecting, return_exceptions=True)
            for handler in handlers:
                await handler.client.close()  # type: ignore[no-untyped-call]

    async def _probe(self, api: Api) -> None:
        """Whether the app token is good: its own client would never say so."""
        while True:
            try:
                answer = await api.client.apps_connections_open(app_token=self._app_token or "")
                if answer.get("ok"):
                    return
            except Exception as error:
                known = refused(error, "apps.connections.open", None, self._clock())
                known.__cause__ = error
                if (end := fatal(known, "RONDAN_SLACK_APP_TOKEN")) is not None:
                    raise end from error
                log.warning("slack.unreachable", error=str(known))
            await asyncio.sleep(5)

    # --- HTTP ---

    async def _http(self, app: AsyncApp, ears: Ears) -> None:
        async def events(request: web.Request) -> web.Response:
            return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

        site = web.Application(client_max_size=2**20)
        site.add_routes([web.post(PATH, events)])
        runner = web.AppRunner(site, access_log=None, shutdown_timeout=3)
        await runner.setup()
        try:
            host, port = self._listen
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                problem = f"Slack's events can't be heard at {host}:{port} ({error.strerror or error})"
                raise ConfigError(f"{problem}: set RONDAN_SLACK_LISTEN to another address") from error
            address = f"http://{host}:{runner.addresses[0][1]}{PATH}"
            log.info("slack.listening", address=address, workspace=self.address)
            if self._ready is not None:
                self._ready(address)
            ears.missed(self.name)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


async def _connect(handler: AsyncSocketModeHandler) -> None:
    await handler.connect_async()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _quiet_environment() -> Iterator[None]:
    """Bolt changes its mode by what it finds in the environment (SLACK_CLIENT_ID makes it forget its token)."""
    found = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(found)


def _logger() -> logging.Logger:
    """Bolt's and the SDK's log. At DEBUG they print whole payloads, with people's words: never that far."""
    logger = logging.getLogger("slack")
    logger.setLevel(logging.WARNING)
    return logger
