"""Chats under test with their far sides: what the contract suite needs of an adapter, for the web page and the console.

An adapter joins with one entry in `HARNESSES`: an async context manager that gives a `Harness`, which is the adapter,
running, with a far side that can be looked at as a reader sees it, acted on as a person, and made to fail.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from bot.platforms.console import Console
from bot.platforms.room import Room
from bot.platforms.web.server import WebChat
from core.chat import (
    Caller,
    Chat,
    Choice,
    Heard,
    Place,
)
from core.commands import CommandSpec
from core.document import Paragraph, spans
from core.errors import RondanError, Unknown
from core.message import Form, Message, Reply, pictures_of, to_text
from tests.waiting import until


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as a reader sees it: plain text, no markup."""

    id: str
    text: str
    under: str | None = None
    pictures: tuple[tuple[bytes, str], ...] = ()  # PNG and alternative text


class Harness(Protocol):
    """What the suite needs of an adapter and its far side."""

    @property
    def chat(self) -> Chat: ...

    @property
    def place(self) -> Place: ...

    @property
    def heard(self) -> list[Heard]:
        """What the ears kept, in order."""
        ...

    async def shown(self) -> list[Shown]:
        """All messages in the place's channel, a thread's after its root."""
        ...

    async def react(self, anchor: str, emoji: str, *, added: bool = True) -> None: ...

    async def comment(self, anchor: str, text: str) -> str:
        """A person answers a message; the id of the answer."""
        ...

    async def reword(self, anchor: str, text: str) -> None: ...

    async def remove(self, anchor: str) -> None:
        """A moderator deletes a message in the chat."""
        ...

    def away(self, gone: bool) -> None:
        """From now on the ears get nothing (true), or get things again."""
        ...

    def blind(self) -> None:
        """From now on the far side can't be read."""
        ...

    def unsure(self) -> None:
        """The next write happens, and its outcome does not come back."""
        ...


# --- what the rooms need ---


class Hearing:
    """Ears that remember; deaf ones fail, as a database that is away."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.deaf = False
        self.on_missed: Callable[[], None] = lambda: None

    def note(self, event: Heard) -> None:
        if not self.deaf:
            self.heard.append(event)

    def missed(self, platform: str) -> None:
        self.on_missed()

    async def keep(self, event: Heard) -> None:
        if self.deaf:
            raise RondanError("The database is away.")
        self.heard.append(event)


class Mute:
    """A desk that nobody asks."""

    async def ask(self, caller: Caller, line: str) -> Reply:
        return Reply(message=say("…"))

    async def call(self, caller: Caller, command: str, options: Mapping[str, str]) -> Reply:
        return Reply(message=say("…"))

    async def press(self, caller: Caller, action: str, anchor: str | None) -> Reply | Form:
        return Reply(message=say("…"))

    def opens(self, action: str) -> bool:
        return False

    async def submit(self, caller: Caller, form: str, values: Mapping[str, str], anchor: str | None) -> Reply:
        return Reply(message=say("…"))

    async def complete(self, caller: Caller, command: str, option: str, text: str) -> Sequence[Choice]:
        return ()

    def commands(self) -> Sequence[CommandSpec]:
        return ()

    async def point(self, caller: Caller, name: str, anchor: str) -> Reply:
        return Reply(message=say("…"))


def say(text: str) -> Message:
    """A message of one paragraph."""
    return Message(title=text[:20], blocks=(Paragraph(spans=spans(text)),))


@dataclass
class InRoom:
    """The half of a harness that web and console share."""

    chat: WebChat | Console
    ears: Hearing
    place: Place
    fault: dict[str, Exception] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.heard = self.ears.heard
        self.chat.room.fault = self._strike

    def _strike(self, stage: str, op: str) -> None:
        if (error := self.fault.get(f"{stage} {op}")) is not None:
            raise error

    def away(self, gone: bool) -> None:
        self.ears.deaf = gone

    def blind(self) -> None:
        self.fault["before find"] = Unknown("The disk is away.")

    def unsure(self) -> None:
        self.fault["after post"] = OSError("The disk went away.")


class WebHarness(InRoom):
    """Acts and looks through the page's own API."""

    session: aiohttp.ClientSession

    async def shown(self) -> list[Shown]:
        out = []
        listing = await self._get(f"channels/{self.place.channel}/messages")
        for one in listing["messages"]:
            thread = (await self._get(f"messages/{one['id']}/thread"))["messages"]
            for each in (one, *thread):
                pictures: list[tuple[bytes, str]] = []
                if each["deleted"]:
                    text = ""
                elif "message" in each:
                    text = (await self._get(f"messages/{each['id']}/views"))["text"]
                    drawn = [block for block in each["message"]["blocks"] if block["kind"] == "picture"]
                    pictures = [(await self._bytes(block["src"]), block["alt"]) for block in drawn]
                else:
                    text = each["text"]
                out.append(Shown(each["id"], text, each["under"], tuple(pictures)))
        return [one for one in out if one.text]

    async def react(self, anchor: str, emoji: str, *, added: bool = True) -> None:
        await self._post(f"messages/{anchor}/react", emoji=emoji, added=added)

    async def comment(self, anchor: str, text: str) -> str:
        await self._post(f"messages/{anchor}/comment", text=text)
        return (await self.shown_under(anchor))[-1].id

    async def shown_under(self, anchor: str) -> list[Shown]:
        thread = await self._get(f"messages/{anchor}/thread")
        return [Shown(each["id"], "", each["under"]) for each in thread["messages"]]

    async def reword(self, anchor: str, text: str) -> None:
        await self._post(f"messages/{anchor}/edit", text=text)

    async def remove(self, anchor: str) -> None:
        await self._post("me", role="moderator")
        await self._post(f"messages/{anchor}/delete")

    async def _get(self, path: str) -> Any:
        async with self.session.get(f"/api/{path}") as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def _bytes(self, address: str) -> bytes:
        async with self.session.get(address) as response:
            assert (response.status, response.content_type) == (200, "image/png")
            return await response.read()

    async def _post(self, path: str, **body: object) -> None:
        async with self.session.post(f"/api/{path}", json=body) as response:
            assert response.status == (503 if self.ears.deaf and path != "me" else 200), await response.text()


class ConsoleHarness(InRoom):
    """Types lines into a pipe, and reads the room's own entries; that they are printed is tested in test_console."""

    typed: int
    output: io.StringIO

    async def shown(self) -> list[Shown]:
        room, out = self.chat.room, []
        for entry in room.entries(self.place.channel):
            for each in (entry, *room.entries(self.place.channel, entry.id)):
                text = each.text or (to_text(each.message) if each.message else "")
                told = [(one.png, one.alt) for one in (pictures_of(each.message) if each.message else ())]
                out.append(Shown(each.id, text, each.under, tuple(told)))
        return [one for one in out if one.text]

    async def react(self, anchor: str, emoji: str, *, added: bool = True) -> None:
        await self._type(f"{'react' if added else 'unreact'} {anchor} {emoji}")

    async def comment(self, anchor: str, text: str) -> str:
        before = {one.id for one in await self.shown()}
        await self._type(f"reply {anchor} {text}")
        return next(one.id for one in await self.shown() if one.id not in before)

    async def reword(self, anchor: str, text: str) -> None:
        await self._type(f"edit {anchor} {text}")

    async def remove(self, anchor: str) -> None:
        await self._type(f"delete {anchor}")

    async def _type(self, line: str) -> None:
        """Types a line and waits until it is heard, or refused."""
        before = len(self.heard), self.output.getvalue().count("! ")
        os.write(self.typed, f"{line}\n".encode())
        await until(lambda: (len(self.heard), self.output.getvalue().count("! ")) != before, every=0.002)


@contextlib.asynccontextmanager
async def running(chat: Chat, ears: Hearing, ready: asyncio.Event | None = None) -> AsyncIterator[None]:
    """The adapter's `run`, from ready to cancelled."""
    task = asyncio.create_task(chat.run(Mute(), ears))
    try:
        if ready is not None:
            started = asyncio.create_task(ready.wait())
            await asyncio.wait({started, task}, return_when=asyncio.FIRST_COMPLETED)
            started.cancel()
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def closing(room: Room) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await room.close()


@contextlib.asynccontextmanager
async def web(path: Path, *, amnesia: bool = False) -> AsyncIterator[Harness]:
    ready, ears = asyncio.Event(), Hearing()
    room = Room(path / "room.jsonl", amnesia=amnesia)
    chat = WebChat(room, port=0, ready=lambda address: ready.set())
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
    async with (
        closing(room),
        running(chat, ears, ready),
        aiohttp.ClientSession(chat.address, cookie_jar=jar, headers={"Origin": chat.address}) as session,
        session.get("/api/me") as response,
    ):
        assert response.status == 200
        harness = WebHarness(chat, ears, Place(id=1, platform="web", channel="general"))
        harness.session = session
        yield harness


@contextlib.asynccontextmanager
async def web_amnesia(path: Path) -> AsyncIterator[Harness]:
    async with web(path, amnesia=True) as harness:
        yield harness


@contextlib.asynccontextmanager
async def console(path: Path) -> AsyncIterator[Harness]:
    room, ears = Room(path / "room.jsonl"), Hearing()
    read, write = os.pipe()
    with open(read) as source:  # noqa: ASYNC230 - a pipe
        output = io.StringIO()
        chat = Console(room, output=output, source=source)
        async with closing(room), running(chat, ears):
            harness = ConsoleHarness(chat, ears, Place(id=2, platform="console", channel="general"))
            harness.typed, harness.output = write, output
            yield harness
        os.close(write)


HARNESSES: dict[str, Callable[[Path], AbstractAsyncContextManager[Harness]]] = {
    "web": web,
    "web-amnesia": web_amnesia,
    "console": console,
}
