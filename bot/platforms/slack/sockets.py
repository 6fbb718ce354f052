"""Socket Mode: two connections to Slack, each watched, and what they bring handed to Bolt."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from typing_extensions import override

from bot.platforms.slack.api import Api
from bot.platforms.slack.refusals import fatal, refused
from core.errors import Busy
from core.times import Clock

log = structlog.get_logger()

CONNECTIONS = 2  # one may be renewed while the other hears
PING = 10.0  # seconds between two questions whether the other end is there; four without an answer: it is not
HANDSHAKE = 15.0  # seconds within which a connection stands, or is given up
APART = 5.0  # seconds between two addresses for one connection: whoever is told "too many" is told so each time
LOOK_EVERY = 5.0  # seconds between two looks at the connections
STALE = 20.0  # seconds after which a connection that is down gets a new address: its client would try the old for ever
CLOSES = 3.0  # seconds at the end for what is being taken, and for Slack's goodbye
PROBE_EVERY = 5.0  # seconds between two questions whether the app token is good, while Slack can't be reached


class Connection(SocketModeClient):
    """One connection. Bolt's client asks Slack for an address, connects, and does so again when it is told or cut off.

    Here it gives up a handshake that does not end, asks for addresses without hurry, and ends when it has acknowledged
    what it took. `address`: the first one, if there is one already.
    """

    def __init__(self, app: AsyncApp, token: str, address: str | None = None) -> None:
        super().__init__(token, app.logger, app.client, ping_interval=PING)
        self.proxy = None  # as for every other call: the client would take one from the environment, for any address
        self.aiohttp_client_session.detach()
        self.aiohttp_client_session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HANDSHAKE))
        self.wss_uri = address
        self.socket_mode_request_listeners.append(self._pass_on)
        self._app = app
        self._taking: set[asyncio.Task[None]] = set()
        self._leaving = False
        self._next_address = 0.0  # loop time

    @override
    async def issue_new_wss_url(self) -> str:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._next_address - loop.time()))
        self._next_address = loop.time() + APART
        return await super().issue_new_wss_url()

    async def _pass_on(self, _client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        task = asyncio.current_task()
        if task is None or self._leaving:
            return
        self._taking.add(task)  # the SDK keeps no hold of it
        try:
            response = await run_async_bolt_app(self._app, request)
            await send_async_response(self, request, response, time.time())
        finally:
            self._taking.discard(task)

    async def leave(self) -> None:
        """Acknowledge what is being taken, then go. What comes meanwhile is not acknowledged: Slack sends it again."""
        self._leaving = True
        if self._taking:
            await asyncio.wait(set(self._taking), timeout=CLOSES)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSES):
                await self.disconnect()  # type: ignore[no-untyped-call]
        await self.close()  # type: ignore[no-untyped-call]


async def serve(app: AsyncApp, api: Api, token: str, clock: Clock, connected: Callable[[int], None]) -> None:
    """Be connected until cancelled. `connected` is told with how many connections whenever there was none before, and
    with 0 when there is none any more.

    ConfigError when Slack refuses the app token.
    """
    first = await _probe(api, token, clock)
    connections = [Connection(app, token, first if number == 0 else None) for number in range(CONNECTIONS)]
    connecting = [asyncio.create_task(_connect(one)) for one in connections]
    try:
        await _watch(connections, connected)
    finally:
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        await asyncio.gather(*(one.leave() for one in connections))


async def _connect(connection: Connection) -> None:
    await connection.connect()  # type: ignore[no-untyped-call]


async def _watch(connections: list[Connection], connected: Callable[[int], None]) -> None:
    loop = asyncio.get_running_loop()
    heard = dict.fromkeys(range(len(connections)), loop.time())
    away = True
    while True:
        up = [await one.is_connected() for one in connections]
        now = loop.time()
        for number, connection in enumerate(connections):
            if up[number]:
                heard[number] = now
            elif now - heard[number] > STALE:
                log.warning("slack.stale-connection", connection=number)
                connection.wss_uri = None
                heard[number] = now
        if any(up) and away:
            connected(sum(up))
        elif not any(up) and not away:
            log.warning("slack.disconnected")
            connected(0)
        away = not any(up)
        await asyncio.sleep(LOOK_EVERY if all(up) else 0.1)


async def _probe(api: Api, token: str, clock: Clock) -> str:
    """The first address. Whether the app token is good must be asked here: its client would never say so."""
    while True:
        pause = PROBE_EVERY
        try:
            answer = await api.client.apps_connections_open(app_token=token)
            if address := answer.get("url"):
                return str(address)
            log.warning("slack.unreachable", error="Slack gave no address to connect to", again_in=pause)
        except Exception as error:
            known = refused(error, "apps.connections.open", None, clock())
            known.__cause__ = error
            if (end := fatal(known, "RONDAN_SLACK_APP_TOKEN")) is not None:
                raise end from error
            if isinstance(known, Busy):
                pause = max(pause, (known.until - clock()).total_seconds())
            log.warning("slack.unreachable", error=str(known), again_in=pause)
        await asyncio.sleep(pause)
