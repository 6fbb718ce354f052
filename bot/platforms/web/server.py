"""The playground's server: the page, a small JSON API and live updates, on one loopback port.

    GET  /                            the page, and its modules beside it
    POST /api/token                   {token}                            remembers it in the browser
    GET  /api/me                      who I am, channels, views, live cursor; makes the person's cookie
    POST /api/me                      {name, role, language, zone}       what I want to be called, and play
    GET  /api/channels/C/messages     ?before=ID | ?through=ID           newest 50, oldest first
    GET  /api/messages/ID             one message
    GET  /api/messages/ID/thread      the message's root and all under it
    GET  /api/messages/ID/views       as text and as other platforms get it
    GET  /api/messages/ID/pictures/N  a picture in it, the first being 0
    POST /api/messages/ID/react       {emoji, added}
    POST /api/messages/ID/comment     {text}
    POST /api/messages/ID/edit        {text}
    POST /api/messages/ID/delete      {}
    POST /api/ask                     {line, channel}                    → {reply} or {posted}
    POST /api/press                   {action, anchor, channel}          → {reply}, {posted} or {form}
    POST /api/submit                  {form, values, anchor, channel}    → {reply} or {posted}
    POST /api/complete                {line, channel}                    → {offers: [{line, label}]}
    GET  /api/live                    ?after=CURSOR or Last-Event-ID     events message, channel, person, reset

Private answers are in the response to the one who asked and nowhere else. Roles are what the person switched to:
whoever reaches this port (and has the token, if there is one) may play every role.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import available_timezones

from aiohttp import web

from bot.platforms.room import Entry, Room
from bot.platforms.roomchat import RoomChat
from bot.platforms.web import encode
from bot.platforms.web.guard import BODY_LIMIT, Denied, Guard, add_headers, take, take_form
from bot.platforms.web.live import Live
from bot.platforms.web.slash import LINE_LIMIT, offers
from core.chat import Caller, Desk, Ears, Place, Role
from core.errors import ConfigError
from core.message import Form, Reply, pictures_of

PAGE = 50  # messages a load
STREAMS = 16  # open live connections of one person
NAME_LIMIT = 40  # characters
ROLES: dict[str, frozenset[Role]] = {
    "reader": frozenset({"reader"}),
    "author": frozenset({"reader", "author"}),
    "moderator": frozenset({"reader", "moderator"}),
    "admin": frozenset({"reader", "moderator", "admin"}),
}
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class WebChat(RoomChat):
    """The playground. `ready` is called with the real address once it listens; port 0 takes a free one.

    `allowed_hosts` are further values of the Host header (`name` or `name:port`), as behind a proxy; the first one also
    stands in links. `encoders` are those of other platforms, for the tabs that show a message as they get it.
    """

    def __init__(
        self,
        room: Room,
        host: str = "127.0.0.1",
        port: int = 8765,
        *,
        token: str | None = None,
        language: str = "en",
        allowed_hosts: Iterable[str] = (),
        encoders: encode.Encoders | None = None,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__("web", room)
        self._host = host
        self._port = port
        self._language = language
        self._names = tuple(allowed_hosts)
        self._encoders = encoders or {}
        self._ready = ready
        self._guard = Guard(token, self._names)
        self._live = Live(room)
        self._streams: Counter[str] = Counter()
        self._page: dict[str, bytes] = {}

    @property
    def address(self) -> str:
        """Where a browser finds it, without a slash at the end."""
        bound = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{self._names[0] if self._names else f'{bound}:{self._port}'}"

    def link(self, place: Place, anchor: str) -> str | None:
        return f"{self.address}/#/{quote(place.channel, safe='')}/{anchor}"

    async def run(self, desk: Desk, ears: Ears) -> None:
        app = web.Application(middlewares=[self._guard.check], client_max_size=BODY_LIMIT)
        app.on_response_prepare.append(add_headers)
        app.add_routes(self._routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        secret = self.room.secret
        self._page = {file.name: file.read_bytes() for file in (Path(__file__).parent / "page").iterdir()}
        self.desk, self.ears = desk, ears
        self._live.reopen()
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, self._host, self._port).start()
            except OSError as error:
                problem = f"The playground can't listen on {self._host}:{self._port} ({error.strerror or error})"
                raise ConfigError(f"{problem}: set RONDAN_WEB to another address, or to `off`.") from error
            self._port = runner.addresses[0][1]
            self._guard.bind(self._host, self._port, secret)
            ears.missed(self.name)
            if self._ready is not None:
                self._ready(self.address)
            await asyncio.Event().wait()
        finally:
            self._live.close()
            await runner.cleanup()
            self.desk = self.ears = None

    def _routes(self) -> list[web.RouteDef]:
        message = "/api/messages/{id}"
        return [
            web.get("/", self._get_page),
            web.get("/{file:[a-z]+[.](?:js|css|svg)}", self._get_page),
            web.post("/api/token", self._post_token),
            web.get("/api/me", self._get_me),
            web.post("/api/me", self._post_me),
            web.get("/api/channels/{channel}/messages", self._get_messages),
            web.get(message, self._get_message),
            web.get(message + "/thread", self._get_thread),
            web.get(message + "/views", self._get_views),
            web.get(message + "/pictures/{number:[0-9]{1,2}}", self._get_picture),
            web.post(message + "/{doing:react|comment|edit|delete}", self._post_doing),
            web.post("/api/ask", self._post_ask),
            web.post("/api/press", self._post_press),
            web.post("/api/point", self._post_point),
            web.post("/api/submit", self._post_submit),
            web.post("/api/complete", self._post_complete),
            web.get("/api/live", self._get_live),
        ]

    # --- the page, and who looks at it ---

    async def _get_page(self, request: web.Request) -> web.Response:
        name = request.match_info.get("file", "index.html")
        if name not in self._page:
            raise web.HTTPNotFound
        response = web.Response(body=self._page[name], content_type=KINDS[Path(name).suffix], charset="utf-8")
        if token := request.query.get("token"):
            self._guard.take_token(token, response)  # a wrong one: the page finds out from /api/me and asks for it
        return response

    async def _post_token(self, request: web.Request) -> web.Response:
        body = await take(request, token=str)
        response = web.json_response({})
        if not self._guard.take_token(body["token"] or "", response):
            raise Denied(401, "token", "That is not the token.")
        return response

    async def _get_me(self, request: web.Request) -> web.Response:
        response = web.Response(content_type="application/json")
        who = self._guard.person(request) or self._guard.new_person(response)
        profile = self.room.profile(who)
        response.text = json.dumps(
            {
                "name": self.person(who).name,
                "role": profile.get("role", "reader"),
                "language": profile.get("language", self._language),
                "chosen": "language" in profile,
                "zone": profile.get("zone"),
                "roles": list(ROLES),
                "views": ["text", *self._encoders],
                "channels": [self._channel(channel) for channel in self.room.channels],
                "cursor": self._live.cursor,
            }
        )
        return response

    async def _post_me(self, request: web.Request) -> web.Response:
        who = self._who(request)
        body = await take(request, name=str, role=str, language=str, zone=str)
        if body["name"] is not None:
            name = "".join(sign for sign in body["name"] if sign.isprintable()).strip()
            if not 0 < len(name) <= NAME_LIMIT:
                raise Denied(400, "name", f"A name has 1 to {NAME_LIMIT} characters.")
            body["name"] = name
        for field, known in (("role", ROLES), ("language", ("ja", "en")), ("zone", available_timezones())):
            if body[field] is not None and body[field] not in known:
                raise Denied(400, field, f"There is no {field} {body[field]!r}.")
        await self.room.set_profile(who, {name: value for name, value in body.items() if value is not None})
        return web.json_response({"name": self.person(who).name})

    def _who(self, request: web.Request) -> str:
        who = self._guard.person(request)
        if who is None:
            raise Denied(401, "person", "Load the page first: it gives you a name.")
        return who

    def _caller(self, who: str, channel: str | None) -> Caller:
        profile = self.room.profile(who)
        return Caller(
            platform=self.name,
            person=self.person(who),
            channel=channel,
            community=self.community(channel),
            language=profile.get("language", self._language),
            roles=ROLES[profile.get("role", "reader")],
            zone=profile.get("zone", "UTC"),
        )

    # --- what stands in the room ---

    def _channel(self, channel: str) -> dict[str, Any]:
        one = self.room.channels[channel]
        here = self.room.entries(channel)
        return {
            "id": one.id,
            "name": one.name,
            "address": f"{self.name}:{one.id}",
            "layout": one.layout,
            "language": one.language,
            "newest": here[-1].id if here else None,
        }

    def _entry(self, entry: Entry, viewer: str) -> dict[str, Any]:
        replies = [] if entry.under else [one for one in self.room.entries(entry.channel, entry.id) if not one.deleted]
        return encode.entry(
            entry,
            viewer=viewer,
            author=self.person(entry.person).name if entry.person else "",
            replies=len(replies),
            newest=replies[-1].at.isoformat() if replies else None,
        )

    def _find(self, request: web.Request) -> Entry:
        entry = self.room.entry(request.match_info["id"])
        if entry is None:
            raise Denied(404, "gone", "That message is not there any more.")
        return entry

    async def _get_messages(self, request: web.Request) -> web.Response:
        who = self._who(request)
        entries = self.room.entries(request.match_info["channel"])
        place = {entry.id: number for number, entry in enumerate(entries)}
        end = place.get(request.query.get("before", ""), len(entries))
        start = max(0, min(end - PAGE, place.get(request.query.get("through", ""), end)))
        shown = [data for data in (self._entry(one, who) for one in entries[start:end]) if _is_shown(data)]
        return web.json_response({"messages": shown, "start": entries[start].id if start else None})

    async def _get_message(self, request: web.Request) -> web.Response:
        return web.json_response(self._entry(self._find(request), self._who(request)))

    async def _get_thread(self, request: web.Request) -> web.Response:
        who, entry = self._who(request), self._find(request)
        root = self.room.entry(entry.under) if entry.under else entry
        assert root is not None
        under = [self._entry(one, who) for one in self.room.entries(root.channel, root.id) if not one.deleted]
        return web.json_response({"root": self._entry(root, who), "messages": under})

    async def _get_views(self, request: web.Request) -> web.Response:
        entry = self._find(request)
        if entry.message is None:
            raise Denied(404, "gone", "That message is not there any more.")
        return web.json_response(encode.views(entry.message, self._encoders))

    async def _get_picture(self, request: web.Request) -> web.Response:
        self._who(request)
        entry, number = self._find(request), int(request.match_info["number"])
        pictures = pictures_of(entry.message) if entry.message is not None and entry.deleted is None else ()
        if number >= len(pictures):
            raise Denied(404, "gone", "That picture is not there any more.")
        # Its address says which version it is: an edited message has another.
        keep = {"Cache-Control": "private, max-age=86400, immutable"}
        return web.Response(body=pictures[number].png, content_type="image/png", headers=keep)

    async def _get_live(self, request: web.Request) -> web.StreamResponse:
        who = self._who(request)
        if self._streams[who] >= STREAMS:
            raise Denied(429, "slow", "Too many pages of yours are open.")
        cursor = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self._streams[who] += 1
        try:
            await response.write(b"retry: 1000\n\n")
            async for at, change in self._live.watch(cursor):
                if (data := self._news(change, who)) is not None:
                    await response.write(f"id: {at}\nevent: {change[0]}\ndata: {json.dumps(data)}\n\n".encode())
                else:
                    await response.write(b":\n\n")
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._streams[who] -= 1
        return response

    def _news(self, change: tuple[str, str], viewer: str) -> dict[str, Any] | None:
        kind, name = change
        if kind == "message":
            entry = self.room.entry(name)
            return self._entry(entry, viewer) if entry else None
        if kind == "channel":
            return self._channel(name)
        if kind == "person" and name == viewer:
            return {"name": self.person(name).name, **self.room.profile(name)}
        return {} if kind == "reset" else None

    # --- what people do and ask ---

    async def _post_doing(self, request: web.Request) -> web.Response:
        who, anchor = self._who(request), request.match_info["id"]
        match request.match_info["doing"]:
            case "react":
                body = await take(request, emoji=str, added=bool)
                await self.react(who, anchor, body["emoji"] or "", added=body["added"] is not False)
            case "comment":
                entry = await self.comment(who, anchor, (await take(request, text=str))["text"] or "")
                return web.json_response({"id": entry.id})
            case "edit":
                await self.reword(who, anchor, (await take(request, text=str))["text"] or "")
            case _:
                roles = self._caller(who, None).roles
                await self.remove(who, anchor, moderator=not roles.isdisjoint({"moderator", "admin"}))
        return web.json_response({})

    async def _post_ask(self, request: web.Request) -> web.Response:
        body = await take(request, line=str, channel=str)
        line = (body["line"] or "")[:LINE_LIMIT]
        caller = self._caller(self._who(request), body["channel"])
        return await self._answer(await self._asked().ask(caller, line), body["channel"], None)

    async def _post_press(self, request: web.Request) -> web.Response:
        body = await take(request, action=str, anchor=str, channel=str)
        channel, anchor = body["channel"], body["anchor"]
        if anchor is not None:
            channel = self.living(anchor).channel
        answer = await self._asked().press(self._caller(self._who(request), channel), body["action"] or "", anchor)
        return await self._answer(answer, channel, anchor)

    async def _post_point(self, request: web.Request) -> web.Response:
        body = await take(request, command=str, anchor=str)
        entry = self.living(body["anchor"] or "")
        caller = self._caller(self._who(request), entry.channel)
        return await self._answer(await self._asked().point(caller, body["command"] or "", entry.id), None, None)

    async def _post_submit(self, request: web.Request) -> web.Response:
        body = await take_form(request, form=str, values=dict, anchor=str, channel=str)
        values = {str(name): str(value) for name, value in (body["values"] or {}).items()}
        caller = self._caller(self._who(request), body["channel"])
        answer = await self._asked().submit(caller, body["form"] or "", values, body["anchor"])
        return await self._answer(answer, body["channel"], None)

    async def _post_complete(self, request: web.Request) -> web.Response:
        body = await take(request, line=str, channel=str)
        found = await offers(self._asked(), self._caller(self._who(request), body["channel"]), body["line"] or "")
        return web.json_response({"offers": [{"line": one.line, "label": one.label} for one in found]})

    def _asked(self) -> Desk:
        if self.desk is None:
            raise Denied(503, "closed", "The bot is stopping.")
        return self.desk

    async def _answer(self, answer: Reply | Form, channel: str | None, anchor: str | None) -> web.Response:
        """An answer for one stays in the response; one for all becomes a message, or replaces the one pressed."""
        if isinstance(answer, Form):
            return web.json_response({"form": encode.form(answer)})
        if answer.private or channel not in self.room.channels:
            return web.json_response({"reply": encode.reply(answer, self._encoders)})
        pressed = self.room.entry(anchor) if anchor and answer.replace else None
        if pressed is not None and pressed.message is not None and pressed.key is None:  # never a post of the loop
            await self.room.edit(pressed, answer.message)
            return web.json_response({"posted": pressed.id})
        posted = await self.room.post(str(channel), answer.message)
        return web.json_response({"posted": posted.id})


def _is_shown(data: dict[str, Any]) -> bool:
    """A deleted message stays in sight only as the head of a thread that somebody still stands in."""
    return not data["deleted"] or data["replies"] > 0
