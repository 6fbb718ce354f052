"""The REST door: finds the route, applies faults, the token and limits, runs the handler, writes the log."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web

from tests.standins.discord.ask import Ask
from tests.standins.discord.basics import Raw
from tests.standins.discord.errors import Refusal
from tests.standins.discord.faults import Fault, Faults
from tests.standins.discord.limits import Limits
from tests.standins.discord.message import Message
from tests.standins.discord.offers import Attached
from tests.standins.discord.people import People
from tests.standins.discord.pings import Ping
from tests.standins.discord.routes import find
from tests.standins.discord.talk import Talk
from tests.standins.discord.uploads import Files, parts, pictures
from tests.standins.discord.world import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request that was answered. `status` 0: the connection was cut. `at` is Unix time, `took` seconds."""

    method: str
    route: str
    path: str
    status: int
    at: float
    took: float
    body: Any


@dataclass
class Ledger:
    """What the requests were: `log` in order of their answers, `statuses` and `by_route` counted."""

    log: list[Entry] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    by_route: Counter[tuple[str, int]] = field(default_factory=Counter)

    def write(self, entry: Entry) -> None:
        self.log.append(entry)
        self.statuses[entry.status] += 1
        self.by_route[entry.route, entry.status] += 1


class Discord(Talk, People):
    """`async with Discord() as discord:`; see the package for what it can do."""

    def __init__(self) -> None:
        super().__init__()
        self.token = "good-token"
        self.limits = Limits()
        self.faults = Faults()
        self.ledger = Ledger()
        self.pings: list[Ping] = []
        self.unguarded: list[Raw] = []
        self.files: dict[str, bytes] = {}  # what was uploaded, by the ids of attachments
        self.nonce_window = 180.0
        self.shards = 0  # that GET /gateway/bot recommends; 0: one for 1,000 guilds
        self.sessions, self.sessions_reset = 1000, 86_400.0  # that may be started until so many seconds from now
        self.nonces: dict[str, tuple[int, int, float]] = {}  # nonce -> channel, message, when
        self.port = 0
        self._runner: web.AppRunner | None = None

    def attached(self, name: str, content: bytes, size: int | None = None) -> Attached:
        """A file that a person is about to attach; `size`: what Discord says of it, if not the truth."""
        number = 900 + len(self.files)
        self.files[str(number)] = content
        url = f"http://127.0.0.1:{self.port}/cdn/{number}"
        return Attached(number, name, len(content) if size is None else size, url)

    async def _cdn(self, request: web.Request) -> web.StreamResponse:
        content = self.files.get(request.match_info["file"])
        return web.Response(status=404) if content is None else web.Response(body=content)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=25 << 20)
        app.router.add_get("/gateway", self.hub.serve)
        app.router.add_get("/gateway/", self.hub.serve)
        app.router.add_get("/cdn/{file}", self._cdn)
        app.router.add_route("*", "/api/v10/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.hub.url = self.gateway
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hub.close(1001)
        if self._runner:
            await self._runner.cleanup()

    @property
    def api(self) -> str:
        """What `discord.http.Route.BASE` should be."""
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def gateway(self) -> str:
        """What `DiscordWebSocket.DEFAULT_GATEWAY` should be."""
        return f"ws://127.0.0.1:{self.port}/gateway"

    @property
    def token(self) -> str:
        return self.hub.token

    @token.setter
    def token(self, value: str) -> None:
        self.hub.token = value

    # --- reading ---

    @property
    def log(self) -> list[Entry]:
        return self.ledger.log

    @property
    def statuses(self) -> Counter[int]:
        return self.ledger.statuses

    def count(self, route: str, status: int | None = None) -> int:
        """How many requests a route answered, of one status or of all."""
        return sum(n for (one, code), n in self.ledger.by_route.items() if one == route and status in (None, code))

    def messages(self, channel: Channel | int) -> list[Message]:
        """What stands in a channel or thread (or the one of that id), oldest first."""
        return list(self.channels[channel] if isinstance(channel, int) else channel)

    def pictures(self, message: Message) -> list[tuple[bytes, str]]:
        """What a reader sees of pictures in a message, each with its alternative text."""
        return pictures(self, message)

    # --- limits and faults ---

    @property
    def rate(self) -> int:
        return self.limits.rate

    @rate.setter
    def rate(self, value: int) -> None:
        self.limits.rate = value

    @property
    def buckets(self) -> bool:
        return self.limits.on

    @buckets.setter
    def buckets(self, value: bool) -> None:
        self.limits.on = value

    @property
    def invalid(self) -> int:
        """Requests answered 401, 403 or 429 (not shared): 10,000 in 10 minutes get an address banned."""
        return self.limits.invalid

    def shared(self, route: str, times: int = 1, after: float = 0.3) -> None:
        """The next requests of a route hit a limit that is not the bot's own: 429 with code 20028, scope `shared`."""
        self.limits.shared[route] += times
        self.limits.shared_after = after

    def fail(
        self,
        route: str,
        times: int = 1,
        how: str | int | tuple[int, int] = 500,
        *,
        channel: Channel | None = None,
        delay: float = 0,
    ) -> Fault:
        """The next `times` requests of a route (of one channel) fail. See `faults` for `how`."""
        return self.faults.add(route, times, how, None if channel is None else str(channel.id), delay)

    # --- requests ---

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        began, clock = time.time(), time.monotonic()
        path = "/" + request.rel_url.raw_path.removeprefix("/api/v10/")
        found = find(request.method, [unquote(part) for part in path.strip("/").split("/")])
        route, args, status, handler = found or (f"{request.method} {path}", [], 404, None)
        body: Any = None
        answer: web.Response | None
        headers: dict[str, str] = {}
        fault = self.faults.take(route, args[0] if args else "")
        try:
            if fault and fault.before:
                await asyncio.sleep(fault.delay)
                raise fault.refusal()
            headers = self._admit(request, route, args)
            if handler is None:
                raise Refusal(0)
            body, files = await _read(request)
            data = await handler(self, Ask(route=route, args=args, query=request.query, body=body, files=files))
            if fault:
                await asyncio.sleep(fault.delay)
                if not fault.slow:
                    raise fault.refusal()
            answer = _json(204 if data is None else status, data, headers)
        except Refusal as no:
            answer = self._refused(no, request, headers)
        code = 0 if answer is None else answer.status
        took = time.monotonic() - clock
        self.ledger.write(
            Entry(method=request.method, route=route, path=path, status=code, at=began, took=took, body=body)
        )
        return web.Response() if answer is None else answer

    def _admit(self, request: web.Request, route: str, args: list[str]) -> dict[str, str]:
        open_door = route.split(" ")[1].startswith(("/interactions/", "/webhooks/"))
        if not open_door and request.headers.get("Authorization") != f"Bot {self.token}":
            raise Refusal(0, 401, body={"message": "401: Unauthorized", "code": 0})
        return self.limits.take(route, "/".join(args[: 2 if open_door else 1]))

    def _refused(self, no: Refusal, request: web.Request, headers: Mapping[str, str]) -> web.Response | None:
        """The answer; None: there is none, the connection is cut."""
        if no.status == 0:
            if request.transport:
                request.transport.abort()
            return None
        if no.status in (401, 403) or (no.status == 429 and no.headers.get("X-RateLimit-Scope") != "shared"):
            self.limits.invalid += 1
        if isinstance(no.body, str):
            return web.Response(status=no.status, text=no.body, content_type="text/html")
        return _json(no.status, no.body, {**(headers if no.status < 500 else {}), **no.headers})


async def _read(request: web.Request) -> tuple[Any, Files]:
    """The JSON of a request, None without a body; and its files."""
    files: Files = {}
    if request.content_type.startswith("multipart/"):
        text, files = await parts(request)
    else:
        text = await request.text()
        if text and request.content_type != "application/json":
            raise Refusal(50035)
    try:
        return (json.loads(text) if text else None), files
    except ValueError:
        raise Refusal(50109) from None


def _json(status: int, data: object, headers: Mapping[str, str]) -> web.Response:
    """discord.py reads JSON only if the type is exactly this, and takes a 429 without `Via` for a ban by Cloudflare."""
    more = {"Via": "1.1 google", **headers}
    if status == 204:
        return web.Response(status=204, headers=more)
    return web.Response(
        status=status, body=json.dumps(data).encode(), headers={"Content-Type": "application/json", **more}
    )
