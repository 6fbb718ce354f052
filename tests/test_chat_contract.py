"""The contract of `core.chat.Chat`, clause by clause, against every adapter.

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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest

from bot.platforms.console import Console
from bot.platforms.room import Room
from bot.platforms.web.server import WebChat
from core.chat import (
    Absent,
    Caller,
    CannotTell,
    Chat,
    Choice,
    Commented,
    Heard,
    Known,
    Place,
    Present,
    Reacted,
    Ref,
    Removed,
    Unreadable,
    Window,
)
from core.document import Cited, Heading, Paragraph, Span, spans
from core.errors import Gone, RondanError, Unknown
from core.message import Action, Form, Message, Reply, to_text

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as a reader sees it: plain text, no markup."""

    id: str
    text: str
    under: str | None = None


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

    def note(self, event: Heard) -> None:
        self.heard.append(event)

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

    async def submit(self, caller: Caller, form: str, values: Mapping[str, str], anchor: str | None) -> Reply:
        return Reply(message=say("…"))

    async def complete(self, caller: Caller, command: str, option: str, text: str) -> Sequence[Choice]:
        return ()


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
                if each["deleted"]:
                    text = ""
                elif "message" in each:
                    text = (await self._get(f"messages/{each['id']}/views"))["text"]
                else:
                    text = each["text"]
                out.append(Shown(each["id"], text, each["under"]))
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
                out.append(Shown(each.id, text, each.under))
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
        async with asyncio.timeout(5):
            while (len(self.heard), self.output.getvalue().count("! ")) == before:  # noqa: ASYNC110 - a pipe has no event
                await asyncio.sleep(0.002)


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


@pytest.fixture(params=HARNESSES)
async def far(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    async with HARNESSES[request.param](tmp_path) as harness:
        yield harness


# --- the clauses ---


def say(text: str) -> Message:
    return Message(title=text[:20], blocks=(Paragraph(spans=spans(text)),))


def key(number: int) -> str:
    return f"{number:024x}"


async def test_1_a_message_is_shown_once(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("ひとつ"), key(1))
    assert await far.shown() == [Shown(ref.id, "ひとつ")]
    assert ref.id in ref.anchors
    assert Ref.parse(ref.text()) == ref


async def test_1_the_same_key_shows_nothing_new(far: Harness) -> None:
    if far.chat.resend_within == 0:
        pytest.skip("this platform does not recognise a repeated key")
    first = await far.chat.send(far.place, say("once"), key(1))
    assert await far.chat.send(far.place, say("once"), key(1)) == first
    both = await asyncio.gather(*(far.chat.send(far.place, say("at once"), key(2)) for _ in range(4)))
    assert len(set(both)) == 1
    assert [one.text for one in await far.shown()] == ["once", "at once"]


async def test_2_a_thread_keeps_the_order_of_the_calls(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    for number in range(2, 7):
        await far.chat.send(far.place, say(f"section {number}"), key(number), under=card)
    other = await far.chat.send(far.place, say("other"), key(9))
    shown = await far.shown()
    assert [one.text for one in shown] == ["card", *(f"section {number}" for number in range(2, 7)), "other"]
    assert {one.under for one in shown[1:6]} == {card.id}
    assert shown[6] == Shown(other.id, "other")


async def test_2_a_thread_whose_head_is_gone_is_gone(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    await far.chat.delete(far.place, card)
    with pytest.raises(Gone) as caught:
        await far.chat.send(far.place, say("section"), key(2), under=card)
    assert caught.value.what == "message"


async def test_3_a_write_of_unsure_outcome_says_so_and_is_found(far: Harness) -> None:
    far.unsure()
    with pytest.raises(Unknown):
        await far.chat.send(far.place, say("did it?"), key(1))
    found = await far.chat.find(far.place, key(1), since=LONG_AGO)
    assert [one.text for one in await far.shown()] == ["did it?"]
    assert isinstance(found, Present)


async def test_4_find_tells_present_absent_and_cannot_tell(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("here"), key(1))
    leaf = await far.chat.send(far.place, say("there"), key(2), under=ref)
    await far.comment(ref.id, f"a comment that holds {key(3)}")
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert await far.chat.find(far.place, key(1), since=since) == Present(ref)
    assert await far.chat.find(far.place, key(2), under=ref, since=since) == Present(leaf)
    assert await far.chat.find(far.place, key(3), since=since) == Absent()
    await far.chat.delete(far.place, ref)
    assert await far.chat.find(far.place, key(1), since=since) == Absent()
    far.blind()
    assert isinstance(await far.chat.find(far.place, key(2), under=ref, since=since), CannotTell)


async def test_5_an_edit_replaces_what_is_shown(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("before"), key(1))
    await far.chat.edit(far.place, ref, say("after"))
    await far.chat.edit(far.place, ref, say("after"))
    assert await far.shown() == [Shown(ref.id, "after")]
    assert await far.chat.find(far.place, key(1), since=LONG_AGO) == Present(ref)


async def test_5_what_is_gone_can_not_be_edited(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("before"), key(1))
    await far.remove(ref.id)
    with pytest.raises(Gone) as caught:
        await far.chat.edit(far.place, ref, say("after"))
    assert caught.value.what == "message"


async def test_6_deleting_twice_is_fine(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("short-lived"), key(1))
    await far.chat.delete(far.place, ref)
    await far.chat.delete(far.place, ref)
    assert await far.shown() == []


HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> &lt;b&gt;",
    "**bold** _it_ `code` ```\nfence\n``` > quote # head [a](https://evil.example) ||spoiler||",
    "@everyone @here <@1> <!channel> <!here> <#C1> <@U1|you> &amp; <https://evil.example|click> :smile:",
    "これは**「論点」**である。~~取消~~ 《るび》 ｜漢字《かんじ》",
)


@pytest.mark.parametrize("text", HOSTILE)
async def test_7_text_is_only_text(far: Harness, text: str) -> None:
    message = Message(
        title=text,
        blocks=(
            Heading(level=2, spans=spans(text)),
            Paragraph(spans=(Span(text=text, bold=True),)),
            Cited(title=text, url=None),
        ),
        actions=(Action(id="v1:x", label=text[:20]),),
    )
    await far.chat.send(far.place, message, key(1))
    [one] = await far.shown()
    assert one.text == to_text(message)


async def test_8_the_ears_hear_what_people_do(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    section = await far.chat.send(far.place, say("section"), key(2), under=card)
    await far.chat.edit(far.place, section, say("section, edited"))
    assert far.heard == [], "our own doings are no news"

    await far.react(card.id, "👍")
    await far.react(card.id, "👍", added=False)
    answer = await far.comment(section.id, "賛成です")
    await far.reword(answer, "やはり反対です")
    await far.react(answer, "💡")
    await far.remove(answer)
    await far.remove(card.id)

    on, off, said, said_anew, liked, erased, withdrawn = far.heard
    assert isinstance(on, Reacted)
    assert isinstance(off, Reacted)
    assert (on.anchor, on.emoji, on.added, off.added) == (card.id, "👍", True, False)
    assert on.platform == far.chat.name
    assert on.channel == far.place.channel
    assert isinstance(said, Commented)
    assert isinstance(said_anew, Commented)
    assert (said.anchor, said.text, said.thread, said.reply_to) == (answer, "賛成です", card.id, section.id)
    assert (said_anew.anchor, said_anew.text) == (answer, "やはり反対です")
    assert said.edited is None
    assert said_anew.edited is not None
    assert said.at.tzinfo is not None
    assert said.person.id == on.person.id
    assert isinstance(liked, Reacted)
    assert liked.anchor == answer
    assert isinstance(erased, Removed)
    assert isinstance(withdrawn, Removed)
    assert (erased.anchors, withdrawn.anchors) == ((answer,), (card.id,))
    assert withdrawn.by is not None


async def test_8_an_answer_to_the_card_answers_no_section(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    await far.comment(card.id, "first")
    [said] = far.heard
    assert isinstance(said, Commented)
    assert said.thread == card.id
    assert said.reply_to in (None, card.id)


async def test_9_recall_yields_what_was_missed(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    since = datetime.now(UTC)
    await far.react(card.id, "👎")
    far.away(True)
    await far.react(card.id, "👍")
    await far.react(card.id, "👎", added=False)
    kept, lost = await far.comment(card.id, "kept"), await far.comment(card.id, "lost")
    await far.reword(kept, "kept, edited")
    await far.remove(lost)
    far.away(False)

    known = Known(channel=far.place.channel, ref=card, since=since, reactions={"👎": 1})
    news = [one async for one in far.chat.recall([known])]
    [window] = [one for one in news if isinstance(one, Window)]
    [said] = [one for one in news if isinstance(one, Commented)]
    reacted = [one for one in news if isinstance(one, Reacted)]
    assert (said.anchor, said.text, said.thread) == (kept, "kept, edited", card.id)
    assert [(one.emoji, one.recalled) for one in reacted] == [("👍", True)]
    assert window.comments == {kept}
    assert window.reactions == {(reacted[0].person.id, "👍")}


async def test_9_what_can_not_be_read_concludes_nothing(far: Harness) -> None:
    nowhere = Known(channel=far.place.channel, ref=Ref(id="w999999"), since=LONG_AGO)
    news = [one async for one in far.chat.recall([nowhere])]
    assert [type(one) for one in news] == [Unreadable]
