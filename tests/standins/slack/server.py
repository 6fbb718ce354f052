"""The doors: the Web API, response URLs, the WebSocket; with faults, tokens, limits and a log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web
from typing_extensions import override

from tests.standins.slack import files
from tests.standins.slack.answer import Answer
from tests.standins.slack.ask import Ask, read
from tests.standins.slack.basics import Raw, Refusal
from tests.standins.slack.connection import Connecting
from tests.standins.slack.faults import Fault, Faults
from tests.standins.slack.limits import Limits
from tests.standins.slack.methods import KINDS, METHODS
from tests.standins.slack.pings import Ping
from tests.standins.slack.posting import Addresses, Posting, sign
from tests.standins.slack.reader import plain
from tests.standins.slack.replying import Replying
from tests.standins.slack.views import View
from tests.standins.slack.world import Channel, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A call. `status` 0: the connection was cut. `error` "" for ok. `at` is Unix time, `took` seconds."""

    method: str
    status: int
    error: str
    at: float
    took: float
    args: Raw


class Slack(Replying, Connecting):
    """`async with Slack() as slack:`; see the package for what it can do."""

    def __init__(self) -> None:
        super().__init__()
        self.bot_token, self.app_token = "xoxb-loopback-good", "xapp-loopback-good"
        self.signing_secret = "f0f0f0f0loopback"
        self.limits = Limits()
        self.faults = Faults()
        self.log: list[Entry] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.pings: list[Ping] = []
        self.unfurling: list[Raw] = []
        self.files: dict[str, files.File] = {}
        self.file_delay = 0.0  # seconds that Slack looks through a file before a message may show it
        self.text_budget, self.json_budget = 10_000, 16_000
        self.people_shown = 50  # of a reaction, in anything but reactions.get with `full`
        self.orphans = "thread_not_found"  # what an answer to nothing gets; "": it is accepted and nobody sees it
        self.json_everywhere = False  # True: methods that only read take JSON too, which Slack's do not
        self.free = False  # a plan without user groups
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._cuts: set[str] = set()

    @property
    @override
    def slack(self) -> Slack:
        return self

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=25 << 20)
        app.router.add_get("/link/", self.sockets.serve)
        app.router.add_post("/response/{token}", self._response)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_get("/files-pri/{file}", self._file)
        app.router.add_route("*", "/api/{method}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.outbox.open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.outbox.close()
        await self.sockets.close()
        if isinstance(self.outbox.transport, Posting):
            await self.outbox.transport.close()
        if self._runner:
            await self._runner.cleanup()

    @property
    def api(self) -> str:
        """What `base_url` of the client should be."""
        return f"http://127.0.0.1:{self.port}/api/"

    async def post_to(self, url: str, *, verify: bool = True, options: str = "", commands: str = "") -> None:
        """Turns Socket Mode off: from now on the bot is told by signed requests to `url` (others, if they differ).

        Asks `url_verification` first; RuntimeError if it is answered wrongly.
        """
        to = Addresses(events=url, interactivity=url, commands=commands or url, options=options or url)
        posting = Posting(self.outbox, self.signing_secret, to)
        try:
            if verify:
                await posting.verify()
        except BaseException:
            await posting.close()
            raise
        if isinstance(self.outbox.transport, Posting):
            await self.outbox.transport.close()
        self.outbox.transport = posting

    def sign(self, body: str, at: float | None = None, secret: str | None = None) -> dict[str, str]:
        """Headers for a request of the test's own."""
        return sign(self.signing_secret if secret is None else secret, body, at)

    # --- reading ---

    def count(self, method: str, error: str | None = None) -> int:
        """How many calls a method answered: all, or those with that error ("" for ok)."""
        return sum(n for (one, code), n in self.counts.items() if one == method and error in (None, code))

    def messages(self, channel: Channel | str) -> list[Message]:
        """What stands in a channel, oldest first, answers in between; without what Slack itself says of joining."""
        found = self.channels[channel] if isinstance(channel, str) else channel
        return [one for one in found if one.subtype not in ("channel_join", "tombstone")]

    def pictures(self, shown: Message) -> list[tuple[bytes, str]]:
        """What a reader sees of pictures, each with its alternative text."""
        return files.pictures(self, shown.blocks)

    def link(self, message: Message) -> str:
        """Where a person finds a message."""
        root = f"?thread_ts={message.thread}&cid={message.channel.id}" if message.thread else ""
        where = f"{message.channel.id}/p{message.ts.replace('.', '')}"
        return f"https://{self.team_domain}.slack.com/archives/{where}{root}"

    def plain(self, shown: Message | View | Raw) -> str:
        """What a reader sees, as plain text. Raises `Unintended` for what is drawn as something that it was not."""
        names = {one.id: one.name for one in self.people.values()}
        names |= {one.id: one.handle for one in self.groups.values()}
        names |= {one.id: one.name for one in self.channels.values()}
        if isinstance(shown, View):
            return plain(shown.body, names, title=shown.title)
        if isinstance(shown, Message):
            return plain({"text": shown.text, "blocks": shown.blocks, "parse": shown.parse}, names)
        return plain(shown, names)

    # --- limits and faults ---

    @property
    def limited(self) -> bool:
        return self.limits.on

    @limited.setter
    def limited(self, on: bool) -> None:
        self.limits.on = on

    def fail(
        self, method: str, times: int = 1, how: str | int = 500, *, channel: Channel | None = None, delay: float = 0
    ) -> Fault:
        """The next `times` calls of a method (in one channel) fail. See `faults` for `how`."""
        return self.faults.add(method, times, how, None if channel is None else channel.id, delay)

    @contextlib.contextmanager
    def burst(self, *, shuffled: bool = True, doubled: float = 0.0) -> Iterator[None]:
        """The events of the block go out at its end, in random order, a share of them twice."""
        with self.outbox.burst(shuffled, doubled):
            yield

    # --- the Web API ---

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        began, clock = time.time(), time.monotonic()
        method = request.match_info["method"]
        ask = Ask(method=method, args={}, token="")
        error, answer = "", None
        try:
            ask = await read(request, method, self.json_everywhere)
            data = await self._call(ask)
            answer = web.Response(
                body=json.dumps({"ok": True, **data}, ensure_ascii=False).encode(),
                headers=self._headers(ask),
            )
        except Refusal as no:
            error, answer = no.error or str(no.status), self._refused(no, request, ask)
        status = 0 if answer is None else answer.status
        took = time.monotonic() - clock
        self.log.append(Entry(method=method, status=status, error=error, at=began, took=took, args=ask.args))
        self.counts[method, error] += 1
        return web.Response() if answer is None else answer

    async def _call(self, ask: Ask) -> Raw:
        channel = str(ask.args.get("channel", ""))
        fault = self.faults.take(ask.method, channel)
        if fault and fault.before:
            await asyncio.sleep(0 if fault.what == "ratelimited" else fault.delay)
            raise fault.refusal()
        if ask.method not in METHODS:
            raise Refusal("unknown_method", req_method=ask.method)
        function, scope = METHODS[ask.method]
        self._admit(ask, scope)
        self.limits.take(ask.method, channel)
        data = await function(self, ask)
        if fault:
            await asyncio.sleep(fault.delay)
            if not fault.slow:
                raise fault.refusal()
        return data

    def _admit(self, ask: Ask, scope: str) -> None:
        if not ask.token:
            raise Refusal("not_authed")
        if ask.token not in (self.bot_token, self.app_token):
            raise Refusal("invalid_auth")
        if (ask.token == self.app_token) != (ask.method == "apps.connections.open"):
            raise Refusal("not_allowed_token_type")
        if self.uninstalled:
            raise Refusal("account_inactive")
        if scope.startswith("*"):
            channel = self.channels.get(str(ask.args.get("channel", "")))
            scope = scope.replace("*", KINDS[channel.kind if channel else "public"])
        if scope and scope != "connections:write" and scope not in self.scopes:
            raise Refusal("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def _headers(self, ask: Ask) -> dict[str, str]:
        scopes = "connections:write" if ask.token == self.app_token else ",".join(sorted(self.scopes))
        return {"Content-Type": "application/json; charset=utf-8", "x-oauth-scopes": scopes, "x-slack-req-id": "1"}

    def _refused(self, no: Refusal, request: web.Request, ask: Ask) -> web.Response | None:
        """The answer; None: there is none, the connection is cut."""
        if no.cut:
            if request.transport:
                request.transport.abort()
            return None
        if no.html is not None:
            return web.Response(status=no.status, text=no.html, content_type="text/html")
        if ask.unread:  # Slack leaves one to find that out
            no.body["hint"] = f"{ask.method} takes a form or a query; its JSON body was not read"
        return web.Response(
            status=no.status, body=json.dumps(no.body).encode(), headers={**self._headers(ask), **no.headers}
        )

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        return await files.put(self, request)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return await files.get(self, request)

    async def _response(self, request: web.Request) -> web.StreamResponse:
        began, clock = time.time(), time.monotonic()
        error, status, body = "", 200, {}
        try:
            fault = self.faults.take("response_url", "")
            if fault and fault.before:
                raise fault.refusal()
            body = await _body(request)
            self.response(request.match_info["token"], body)
            if fault:
                await asyncio.sleep(fault.delay)
                if not fault.slow:
                    raise fault.refusal()
        except Refusal as no:
            error, status = no.error or str(no.status), 0 if no.cut else no.status
            if no.cut and request.transport:
                request.transport.abort()
            status = 400 if status == 200 else status
        took = time.monotonic() - clock
        self.log.append(Entry(method="response_url", status=status, error=error, at=began, took=took, args=body))
        self.counts["response_url", error] += 1
        return web.Response(status=status or 500, text=error or "ok", content_type="text/html")

    @override
    def respond(self, answer: Answer, body: Raw) -> None:
        self.show(answer, body)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except ValueError:
        raise Refusal("invalid_payload") from None
    if not isinstance(body, dict):
        raise Refusal("invalid_payload")
    return body
