"""The console as somebody sees it who sits at it: what is printed, what may be typed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.platforms.console import Console
from bot.platforms.room import Room
from core.chat import Caller, Choice, Commented, Heard, Place
from core.commands import CommandSpec
from core.document import Paragraph, spans
from core.message import Action, Field, Form, Message, Reply
from tests import waiting

PLACE = Place(id=1, platform="console", channel="general")
CARD = Message(
    title="A card",
    blocks=(Paragraph(spans=spans("words of a card")),),
    actions=(Action(id="read", label="Read"), Action(id="form", label="Comment")),
)


@dataclass
class Echo:
    """A desk and ears that repeat what they were given."""

    heard: list[Heard] = field(default_factory=list)
    filled: list[Mapping[str, str]] = field(default_factory=list)

    def note(self, event: Heard) -> None:
        self.heard.append(event)

    def missed(self, platform: str) -> None:
        pass

    async def keep(self, event: Heard) -> None:
        self.heard.append(event)

    async def ask(self, caller: Caller, line: str) -> Reply:
        return _say(f"asked {line} as {','.join(sorted(caller.roles))}")

    async def call(self, caller: Caller, command: str, options: Mapping[str, str]) -> Reply:
        raise NotImplementedError

    def commands(self) -> Sequence[CommandSpec]:
        return ()

    async def point(self, caller: Caller, name: str, anchor: str) -> Reply:
        raise NotImplementedError

    async def press(self, caller: Caller, action: str, anchor: str | None) -> Reply | Form:
        if action == "form":
            fields = (Field(key="text", label="Your words"), Field(key="more", label="More", value="as before"))
            return Form(id="f", title="Say it", submit="Send", fields=fields)
        message = _say(f"pressed {action} at {anchor}").message
        return Reply(message=Message(title="", blocks=message.blocks, actions=(Action(id="next", label="Next"),)))

    def opens(self, action: str) -> bool:
        raise NotImplementedError

    async def submit(self, caller: Caller, form: str, values: Mapping[str, str], anchor: str | None) -> Reply:
        self.filled.append(values)
        return _say(f"submitted at {anchor}")

    async def complete(self, caller: Caller, command: str, option: str, text: str) -> Sequence[Choice]:
        return ()


def _say(text: str) -> Reply:
    return Reply(message=Message(title=text, blocks=(Paragraph(spans=spans(text)),)))


@dataclass
class Terminal:
    chat: Console
    echo: Echo
    output: io.StringIO
    keys: int

    async def type(self, *lines: str, until: str) -> str:
        """What was printed since, once `until` is part of it."""
        start = len(self.output.getvalue())
        os.write(self.keys, "".join(f"{line}\n" for line in lines).encode())
        await waiting.until(lambda: until in self.output.getvalue()[start:], every=0.002)
        return self.output.getvalue()[start:]


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    room, echo, output = Room(tmp_path / "room.jsonl"), Echo(), io.StringIO()
    read, write = os.pipe()
    with open(read) as source:  # noqa: ASYNC230 - a pipe
        chat = Console(room, output=output, source=source)
        running = asyncio.create_task(chat.run(echo, echo))
        yield Terminal(chat, echo, output, write)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        os.close(write)
        await room.close()


async def test_a_post_is_printed_with_its_channel_id_and_buttons(terminal: Terminal) -> None:
    card = await terminal.chat.send(PLACE, CARD, "0" * 24)
    await terminal.chat.send(PLACE, _say("a section").message, "1" * 24, under=card)
    assert terminal.output.getvalue() == (
        "\n#general w1 · Rondan\n  words of a card\n  [1] Read  [2] Comment\n"
        "\n#general w2 under w1 · Rondan\n    a section\n"
    )
    await terminal.chat.edit(PLACE, card, _say("other words").message, "0" * 24)
    assert "#general w1 · Rondan (edited)\n  other words\n" in terminal.output.getvalue()
    await terminal.chat.delete(PLACE, card)
    assert "#general w1 · Rondan (deleted)\n" in terminal.output.getvalue()


async def test_lines_buttons_and_forms(terminal: Terminal) -> None:
    await terminal.chat.send(PLACE, CARD, "0" * 24)
    assert "» asked /topics as admin,author,moderator,reader" in await terminal.type("/topics", until="asked")
    assert "[1] Next" in await terminal.type("press w1 1", until="pressed read at w1")
    await terminal.type("press 1", until="pressed next at None")
    asked = await terminal.type("press w1 2", "my words", "", until="submitted at w1")
    assert "Your words:\nMore [as before]:\n" in asked
    assert terminal.echo.filled == [{"text": "my words", "more": "as before"}]
    await terminal.type("press w1 2", "cancel", "help", until="react w12")
    assert len(terminal.echo.filled) == 1
    await terminal.type("press w1 3", until="! There is no button with that number.")


async def test_comments_and_reactions(terminal: Terminal) -> None:
    await terminal.chat.send(PLACE, CARD, "0" * 24)
    await terminal.type("reply w1 いい話でした", until="いい話でした")
    await terminal.type("react w1 👍", "show", until="w1 · Rondan  👍 1")
    await terminal.type("react w1 thumbs", until="! That is not an emoji.")
    await terminal.type("react w9 👍", until="! That message is not there any more.")
    said, liked = terminal.echo.heard
    assert isinstance(said, Commented)
    assert (said.text, said.person.id) == ("いい話でした", "console")
    assert type(liked).__name__ == "Reacted"


async def test_text_can_not_steer_the_terminal(terminal: Terminal) -> None:
    evil = "red \x1b[31m bell \x07 c1 \x9b2J back \u202eabc\u202c\rover\ttab"
    await terminal.chat.send(PLACE, _say(evil).message, "0" * 24)
    printed = terminal.output.getvalue()
    assert not set(printed) & set("\x1b\x07\x9b\u202e\u202c\r")
    assert "red \ufffd[31m bell" in printed
