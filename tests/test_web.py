"""The playground's server: whose page may touch it, what it answers to whom, and what arrives live."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.platforms.room import Room
from bot.platforms.web import encode, guard
from bot.platforms.web.server import WebChat
from bot.platforms.web.slash import offers
from core.chat import Caller, Choice, Commented, Heard, Person, Place, Removed
from core.commands import CommandSpec
from core.document import Cited, Image, Paragraph, Span, spans
from core.errors import ConfigError, Poison, RondanError
from core.message import Action, Form, Message, Reply

PLACE = Place(id=1, platform="web", channel="general", name="General", language="ja", layout="thread", community="c1")


def say(text: str) -> Message:
    return Message(title=text, blocks=(Paragraph(spans=spans(text)),))


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Room]:
    room = Room(path)
    try:
        yield room
    finally:
        await room.close()


# --- the server ---


@dataclass
class House:
    """A desk and ears that remember."""

    heard: list[Heard] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    deaf: bool = False

    def note(self, event: Heard) -> None:
        self.heard.append(event)

    def missed(self, platform: str) -> None:
        pass

    async def keep(self, event: Heard) -> None:
        if self.deaf:
            raise RondanError("The database is away.")
        self.heard.append(event)

    async def ask(self, caller: Caller, line: str) -> Reply:
        self.callers.append(caller)
        again = Action(id="again", label="Again")
        message = Message(title=line, blocks=say(line).blocks, actions=(again,))
        return Reply(message=message, private="public" not in line)

    async def call(self, caller: Caller, command: str, options: Mapping[str, str]) -> Reply:
        raise NotImplementedError

    def commands(self) -> Sequence[CommandSpec]:
        return ()

    async def point(self, caller: Caller, name: str, anchor: str) -> Reply:
        raise NotImplementedError

    async def press(self, caller: Caller, action: str, anchor: str | None) -> Reply | Form:
        self.callers.append(caller)
        if action == "form":
            return Form(id="f1", title="Say", submit="Send", fields=())
        return Reply(message=say(f"{action} at {anchor}"), private=anchor is None, replace=True)

    def opens(self, action: str) -> bool:
        raise NotImplementedError

    async def submit(self, caller: Caller, form: str, values: Mapping[str, str], anchor: str | None) -> Reply:
        return Reply(message=say(f"{form} {dict(values)} at {anchor}"))

    async def complete(self, caller: Caller, command: str, option: str, text: str) -> Sequence[Choice]:
        known = {
            ("", ""): ["/digest", "/mod hide", "/mod log", "/search"],
            ("digest", ""): ["topic", "period"],
            ("digest", "topic"): ["OpenAI", "Sam Altman"],
            ("mod hide", ""): ["piece"],
        }.get((command, option), [])
        return [Choice(value=one, label=one) for one in known if one.casefold().startswith(text.casefold().strip())]


@dataclass
class Visitor:
    """Somebody's browser: cookies kept, the right Origin sent."""

    session: aiohttp.ClientSession
    origin: str

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.session.get(path, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith("{") else text

    async def post(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        sent = {"Origin": self.origin} | headers
        async with self.session.post(f"/api/{path}", json=body or {}, headers=sent) as response:
            return response.status, await response.json()


@dataclass
class Ground:
    chat: WebChat
    house: House

    @contextlib.asynccontextmanager
    async def visitor(self, *, enter: bool = True) -> AsyncIterator[Visitor]:
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
        async with aiohttp.ClientSession(self.chat.address, cookie_jar=jar) as session:
            visitor = Visitor(session, self.chat.address)
            if enter:
                assert (await visitor.get("/api/me"))[0] == 200
            yield visitor


@contextlib.asynccontextmanager
async def playground(path: Path, **options: Any) -> AsyncIterator[Ground]:
    house, ready = House(), asyncio.Event()
    async with opened(path / "room.jsonl") as room:
        chat = WebChat(room, port=0, ready=lambda _: ready.set(), **options)
        running = asyncio.create_task(chat.run(house, house))
        try:
            await asyncio.wait_for(ready.wait(), 5)
            await chat.furnish([PLACE])
            yield Ground(chat, house)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with playground(tmp_path) as made:
        yield made


async def test_only_this_page_may_ask(ground: Ground) -> None:
    evil = "http://evil.example"
    port = ground.chat.address.rpartition(":")[2]
    async with ground.visitor() as me:
        assert (await me.get("/api/me", Host="evil.example"))[0] == 421
        assert (await me.get("/", Host=f"127.0.0.1.evil.example:{port}"))[0] == 421
        assert (await me.get("/", Host=f"localhost:{port}"))[0] == 200
        assert (await me.get("/api/me", Origin=evil))[0] == 403
        assert (await me.get("/api/live", Origin="null"))[0] == 403
        assert (await me.get("/api/me", **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
        assert (await me.post("ask", {"line": "/x"}, Origin=evil))[0] == 403
        assert (await me.post("ask", {"line": "/x"}, Origin=""))[0] == 403
        assert (await me.post("ask", {"line": "/x"}, Origin="http://127.0.0.1:1"))[0] == 403
        headers = {"Origin": me.origin, "Content-Type": "text/plain"}
        async with me.session.post("/api/ask", data='{"line": "/x"}', headers=headers) as response:
            assert response.status == 415
    assert ground.house.callers == []


async def test_what_leaves_carries_its_guards(ground: Ground) -> None:
    async with ground.visitor() as me:
        for path in ("/", "/app.js", "/app.css", "/api/me", "/nothing", "/api/nothing"):
            async with me.session.get(path) as response:
                assert response.headers["Content-Security-Policy"] == guard.HEADERS["Content-Security-Policy"], path
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Referrer-Policy"] == "no-referrer"
        async with ground.visitor(enter=False) as other, other.session.get("/api/me") as response:
            cookie = response.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
    assert "unsafe" not in guard.HEADERS["Content-Security-Policy"]


async def test_the_page_asks_nothing_of_other_hosts() -> None:
    page = Path(encode.__file__).parent / "page"
    for file in page.iterdir():
        text = file.read_text()
        assert "innerHTML" not in text, file
        assert "insertAdjacentHTML" not in text, file
        for address in ("http://www.w3.org/2000/svg", "https://…"):
            text = text.replace(address, "")
        assert "http://" not in text, file
        assert "https://" not in text, file


async def test_a_person_is_their_signed_cookie(ground: Ground) -> None:
    card = await ground.chat.send(PLACE, say("card"), "0" * 24)
    async with ground.visitor(enter=False) as nobody:
        assert (await nobody.post("ask", {"line": "/x"}))[0] == 401
        port = ground.chat.address.rpartition(":")[2]
        nobody.session.cookie_jar.update_cookies({f"rondan_person_{port}": "a1b2." + "0" * 64})
        assert (await nobody.post("ask", {"line": "/x"}))[0] == 401
    async with ground.visitor() as ada, ground.visitor() as bo:
        assert (await ada.post("me", {"name": " Ada\n", "role": "author", "language": "ja", "zone": "Asia/Tokyo"}))[
            0
        ] == 200
        for wrong in (
            {"name": ""},
            {"name": "x" * 41},
            {"role": "owner"},
            {"language": "xx"},
            {"zone": "Mars"},
            {"id": 1},
        ):
            assert (await ada.post("me", wrong))[0] == 400
        await ada.post("ask", {"line": "/x", "channel": "general"})
        _, made = await ada.post(f"messages/{card.id}/comment", {"text": " はい\ud800\0 "})
        assert (await bo.post(f"messages/{made['id']}/edit", {"text": "いいえ"}))[1]["code"] == "not-yours"
        assert (await bo.post(f"messages/{made['id']}/delete"))[1]["code"] == "not-yours"
        assert (await bo.post(f"messages/{card.id}/delete"))[1]["code"] == "not-yours"
        assert (await ada.post(f"messages/{card.id}/edit", {"text": "x"}))[1]["code"] == "not-yours"
        await bo.post("me", {"role": "moderator"})
        assert (await bo.post(f"messages/{made['id']}/delete"))[0] == 200
    [caller] = ground.house.callers
    assert (caller.person.name, caller.language, caller.zone, caller.community) == ("Ada", "ja", "Asia/Tokyo", "c1")
    assert caller.roles == {"reader", "author"}
    said, gone = ground.house.heard
    assert isinstance(said, Commented)
    assert isinstance(gone, Removed)
    assert (said.text, said.person) == ("はい?", caller.person)
    assert gone.by not in (None, caller.person.id)


async def test_bounds(ground: Ground) -> None:
    card = await ground.chat.send(PLACE, say("card"), "0" * 24)
    async with ground.visitor() as me:
        assert (await me.post(f"messages/{card.id}/comment", {"text": "x" * 4001}))[1]["code"] == "too-long"
        assert (await me.post(f"messages/{card.id}/comment", {"text": " \n "}))[1]["code"] == "empty"
        huge = {"text": "x" * (guard.BODY_LIMIT + 1)}
        assert (await me.post(f"messages/{card.id}/comment", huge))[1]["code"] == "too-big"
        for size, fits in ((guard.BODY_LIMIT + 1, True), (guard.FORM_LIMIT + 1, False)):  # a form may carry a file
            _, body = await me.post("submit", {"form": "v1:none", "values": {"file": "x" * size}})
            assert (body.get("code") != "too-big") is fits
        assert (await me.post(f"messages/{card.id}/comment", {"text": 5}))[1]["code"] == "body"
        assert (await me.post(f"messages/{card.id}/comment", [1]))[1]["code"] == "body"
        for emoji in ("", "a", "like", "<b>", "👍 ", "5", "+", "👍" * 20):
            status, _ = await me.post(f"messages/{card.id}/react", {"emoji": emoji, "added": True})
            assert status == (200 if emoji == "👍 " else 409), emoji
    async with ground.visitor() as quick:
        codes = [(await quick.post("complete", {"line": "/"}))[0] for _ in range(60)]
        assert codes[:40] == [200] * 40
        assert 429 in codes[40:]
    async with ground.visitor() as other:
        assert (await other.post("complete", {"line": "/"}))[0] == 200, "one person's pace is not another's"


@pytest.mark.parametrize("emoji", ["👍", "👍🏽", "❤️", "👨‍👩‍👧‍👦", "🇯🇵", "1️⃣", "☑️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"])
async def test_any_emoji_is_an_emoji(ground: Ground, emoji: str) -> None:
    card = await ground.chat.send(PLACE, say("card"), "0" * 24)
    async with ground.visitor() as me:
        assert (await me.post(f"messages/{card.id}/react", {"emoji": emoji, "added": True}))[0] == 200
        _, shown = await me.get(f"/api/messages/{card.id}")
    assert shown["reactions"] == [{"emoji": emoji, "count": 1, "mine": True}]


async def test_what_the_ears_could_not_keep_is_not_confirmed(ground: Ground) -> None:
    card = await ground.chat.send(PLACE, say("card"), "0" * 24)
    ground.house.deaf = True
    async with ground.visitor() as me:
        status, answer = await me.post(f"messages/{card.id}/react", {"emoji": "👍", "added": True})
        assert (status, answer["code"]) == (503, "not-kept")
        ground.house.deaf = False
        assert (await me.post(f"messages/{card.id}/react", {"emoji": "👍", "added": True}))[0] == 200
    assert len(ground.house.heard) == 1, "a second try reaches them, though the room had it"


async def test_a_token_is_asked_for(tmp_path: Path) -> None:
    async with playground(tmp_path, token="s3cret") as ground, ground.visitor(enter=False) as me:
        assert (await me.get("/"))[0] == 200
        assert (await me.get("/api/me"))[0] == 401
        assert (await me.get("/api/me", Authorization="Bearer wrong"))[0] == 401
        assert (await me.get("/api/me", Authorization="Bearer s3cret"))[0] == 200
        assert (await me.get("/?token=wrong"))[0] == 200
        assert (await me.get("/api/me"))[0] == 401
        assert (await me.post("token", {"token": "wrong"}))[0] == 401
        assert (await me.post("token", {"token": "s3cret"}))[0] == 200
        assert (await me.get("/api/me"))[0] == 200
        async with ground.visitor(enter=False) as other:
            await other.get("/?token=s3cret")
            assert (await other.get("/api/me"))[0] == 200


async def test_other_names_and_links(tmp_path: Path) -> None:
    async with playground(tmp_path, allowed_hosts=["forum.example"]) as ground, ground.visitor(enter=False) as me:
        me.session._base_url = None  # the address shown is the proxy's, the port asked is ours
        bound = f"http://127.0.0.1:{ground.chat._port}"
        assert (await me.get(f"{bound}/", Host="forum.example"))[0] == 200
        assert (await me.get(f"{bound}/", Host="evil.example"))[0] == 421
        odd = Place(id=2, platform="web", channel="読書/会")
        assert ground.chat.link(odd, "w3") == "http://forum.example/#/%E8%AA%AD%E6%9B%B8%2F%E4%BC%9A/w3"


async def test_a_taken_port_is_a_setting_to_mend(ground: Ground, tmp_path: Path) -> None:
    async with opened(tmp_path / "other.jsonl") as room:
        second = WebChat(room, port=ground.chat._port)
        with pytest.raises(ConfigError, match="RONDAN_WEB"):
            await second.run(House(), House())


async def test_answers_for_one_and_for_all(ground: Ground) -> None:
    async with ground.visitor() as me, ground.visitor() as other:
        _, private = await me.post("ask", {"line": "/mine", "channel": "general"})
        assert private["reply"]["message"]["title"] == "/mine"
        assert private["reply"]["views"]["text"] == "/mine"
        _, public = await me.post("ask", {"line": "/public", "channel": "general"})
        _, seen = await other.get("/api/channels/general/messages")
        assert [one["message"]["title"] for one in seen["messages"]] == ["/public"]
        _, pressed = await me.post("press", {"action": "again", "anchor": public["posted"], "channel": "general"})
        assert pressed == {"posted": public["posted"]}
        _, edited = await other.get(f"/api/messages/{public['posted']}")
        assert edited["message"]["title"] == f"again at {public['posted']}"
        leaf = await ground.chat.send(PLACE, say("a post of the loop"), "0" * 24)
        _, pressed = await me.post("press", {"action": "again", "anchor": leaf.id, "channel": "general"})
        assert pressed["posted"] != leaf.id, "what the loop posted is edited by the loop alone"
        _, form = await me.post("press", {"action": "form", "anchor": leaf.id})
        assert form["form"]["id"] == "f1"
        _, done = await me.post("submit", {"form": "f1", "values": {"a": "b"}, "anchor": leaf.id, "channel": "general"})
        assert done["reply"]["message"]["title"] == "f1 {'a': 'b'} at " + leaf.id
        assert (await me.post("press", {"action": "again", "anchor": "w99"}))[1]["code"] == "gone"
        _, nowhere = await me.post("ask", {"line": "/public", "channel": "no such"})
        assert "reply" in nowhere


async def test_pages_of_messages(ground: Ground) -> None:
    for number in range(120):
        await ground.chat.send(PLACE, say(f"n{number}"), f"{number:024x}")
    async with ground.visitor() as me:
        _, newest = await me.get("/api/channels/general/messages")
        assert [newest["messages"][at]["id"] for at in (0, -1)] == ["w71", "w120"]
        _, before = await me.get(f"/api/channels/general/messages?before={newest['start']}")
        assert [before["messages"][at]["id"] for at in (0, -1)] == ["w21", "w70"]
        _, through = await me.get("/api/channels/general/messages?through=w5")
        assert [through["messages"][at]["id"] for at in (0, -1)] == ["w5", "w120"]
        _, all_ = await me.get("/api/channels/general/messages?before=w21")
        assert all_["start"] is None


# --- live ---


class Stream:
    """A page's live connection: events as (name, data, cursor)."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> tuple[str, Any, str]:
        async with asyncio.timeout(5):
            while True:
                block = (await self._response.content.readuntil(b"\n\n")).decode()
                lines = dict(line.split(": ", 1) for line in block.strip().splitlines() if not line.startswith(":"))
                if "event" in lines:
                    return lines["event"], json.loads(lines["data"]), lines["id"]


async def test_live_updates_resume_where_they_were(ground: Ground) -> None:
    async with ground.visitor() as me, ground.visitor() as other:
        _, here = await me.get("/api/me")
        async with me.session.get(f"/api/live?after={here['cursor']}") as response:
            stream = Stream(response)
            card = await ground.chat.send(PLACE, say("card"), "0" * 24)
            name, entry, _ = await stream.next()
            assert (name, entry["id"]) == ("message", card.id)
            await other.post(f"messages/{card.id}/react", {"emoji": "👍", "added": True})
            _, entry, cursor = await stream.next()
            assert entry["reactions"] == [{"emoji": "👍", "count": 1, "mine": False}]
        await other.post(f"messages/{card.id}/comment", {"text": "while away"})
        await other.post("me", {"name": "Bo"})
        await me.post("me", {"role": "admin"})
        async with me.session.get("/api/live", headers={"Last-Event-ID": cursor}) as response:
            stream = Stream(response)
            got = [await stream.next() for _ in range(3)]
            assert [name for name, _, _ in got] == ["message", "message", "person"]
            assert [data.get("id") for _, data, _ in got] == ["w2", "w1", None]
            assert got[2][1]["role"] == "admin", "my own, not the other's"
        for lost in ("nonsense", "00000000-3", cursor.partition("-")[0] + "-99999999"):
            async with me.session.get("/api/live", headers={"Last-Event-ID": lost}) as response:
                assert (await Stream(response).next())[0] == "reset"


async def test_stopping_ends_the_streams(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with playground(tmp_path) as ground:
            me = await stack.enter_async_context(ground.visitor())
            _, here = await me.get("/api/me")
            response = await me.session.get(f"/api/live?after={here['cursor']}")
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 1.5
        response.close()


# --- what is shown, what is completed ---


def test_only_web_addresses_leave() -> None:
    message = Message(
        title="x",
        blocks=(
            Paragraph(spans=(Span(text="a", link="javascript:alert(1)"), Span(text="b", link="https://example.org"))),
            Cited(title="c", url="data:text/html,x"),
            Image(url="file:///etc/passwd", alt="d"),
        ),
        actions=(Action(id="1", label="e", url="vbscript:x"), Action(id="2", label="f", url="HTTPS://example.org")),
    )
    text = json.dumps(encode.message(message))
    for scheme in ("javascript:", "data:", "file:", "vbscript:"):
        assert scheme not in text
    assert "https://example.org" in text
    assert "HTTPS://example.org" in text


def test_views_say_why_a_platform_can_not_show_it() -> None:
    def refuse(message: Message) -> object:
        raise Poison("Too many buttons for Slack.")

    shown = encode.views(say("はい"), {"Discord": lambda one: {"content": one.title}, "Slack": refuse})
    assert shown == {"text": "はい", "Discord": '{\n  "content": "はい"\n}', "Slack": "Too many buttons for Slack."}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hello", []),
        ("/di", ["/digest "]),
        ("／di", ["/digest "]),
        ("/", ["/digest ", "/mod hide ", "/mod log ", "/search "]),
        ("/mod h", ["/mod hide "]),
        ("/mod ", ["/mod hide ", "/mod log "]),
        ("/mod hide ", ["/mod hide piece:"]),
        ("/digest ", ["/digest topic:", "/digest period:"]),
        ("/digest to", ["/digest topic:"]),
        ("/digest topic:", ["/digest topic:OpenAI ", '/digest topic:"Sam Altman" ']),
        ("/digest topic：s", ['/digest topic:"Sam Altman" ']),
        ('/digest topic:"sam a', ['/digest topic:"Sam Altman" ']),
        ('/digest topic:"Sam Altman" ', ['/digest topic:"Sam Altman" period:']),
        ("/unknown x", []),
        ("/digest topic:none", []),
    ],
)
async def test_completion(line: str, expected: list[str]) -> None:
    caller = Caller(platform="web", person=Person(id="p"))
    assert [one.line for one in await offers(House(), caller, line)] == expected
