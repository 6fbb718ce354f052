"""The console as a chat platform: posts are printed, and where somebody types, lines are answered.

Useful to see a bot work without any account. Its memory is a `Room`, so that a restart posts nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TextIO

from bot.platforms.room import Entry, Room
from bot.platforms.roomchat import RoomChat
from core.chat import Caller, Desk, Ears, Place
from core.errors import Refusal, RondanError
from core.message import Action, Form, Message, Reply, to_text

ME = "console"  # whoever sits at the terminal that runs the bot may do everything
HELP = """\
/digest …            ask Rondan (try /help)
press w12 1          press a button of a message; `press 1` presses one of the last answer
react w12 👍         react; `unreact w12 👍` takes it back
reply w12 words      comment under a message
edit w13 words       say your comment differently
delete w13           delete a message
show [CHANNEL]       print what stands in the channels
"""


class Console(RoomChat):
    """Prints to `output`; answers lines from `source` (by default the terminal, when there is one)."""

    def __init__(
        self,
        room: Room,
        *,
        language: str = "en",
        zone: str = "UTC",
        output: TextIO | None = None,
        source: TextIO | None = None,
    ) -> None:
        super().__init__("console", room)
        self.language = language
        self.zone = zone
        self._output = output or sys.stdout
        self._source = source
        self._last: Sequence[Action] = ()  # the buttons of the last answer
        room.listeners.append(self._heard)

    def link(self, place: Place, anchor: str) -> str | None:
        return None

    async def run(self, desk: Desk, ears: Ears) -> None:
        self.desk, self.ears = desk, ears
        ears.missed(self.name)
        source = self._source or (sys.stdin if sys.stdin is not None and sys.stdin.isatty() else None)
        try:
            if source is not None:
                lines = read_lines(source)
                async with contextlib.aclosing(lines):
                    async for line in lines:
                        await self._line(line, desk, lines)
            await asyncio.Event().wait()  # end of input is no end of the bot
        finally:
            self.desk = self.ears = None

    # --- what is typed ---

    async def _line(self, line: str, desk: Desk, more: AsyncIterator[str]) -> None:
        verb, _, rest = line.partition(" ")
        anchor, _, words = rest.strip().partition(" ")
        try:
            match verb:
                case "":
                    return
                case _ if line.startswith("/"):
                    self._answer(await desk.ask(self._caller(None), line))
                case "press":
                    await self._press(anchor, words, desk, more)
                case "react" | "unreact":
                    await self.react(ME, anchor, words, added=verb == "react")
                case "reply":
                    await self.comment(ME, anchor, words)
                case "edit":
                    await self.reword(ME, anchor, words)
                case "delete":
                    await self.remove(ME, anchor, moderator=True)
                case "show":
                    for channel in self.room.channels:
                        if anchor in ("", channel):
                            self._show(channel, None)
                case _:
                    self._print(HELP)
        except RondanError as error:
            self._print(f"! {error}\n")

    async def _press(self, anchor: str, number: str, desk: Desk, more: AsyncIterator[str]) -> None:
        if number:
            entry = self.living(anchor)
            where, actions = entry.id, entry.message.actions if entry.message else ()
            caller = self._caller(entry.channel)
        else:
            where, actions, caller, number = None, tuple(self._last), self._caller(None), anchor
        if not number.isdecimal() or not 0 < int(number) <= len(actions):
            raise Refusal("There is no button with that number.")
        action = actions[int(number) - 1]
        if action.url:
            self._print(f"{action.url}\n")
            return
        answer = await desk.press(caller, action.id, where)
        if isinstance(answer, Form):
            values = await self._fill(answer, more)
            if values is None:
                return
            answer = await desk.submit(caller, answer.id, values, where)
        self._answer(answer)

    async def _fill(self, form: Form, more: AsyncIterator[str]) -> dict[str, str] | None:
        """Asks each field in turn. An empty line keeps what stands in it; `cancel` gives up."""
        self._print(f"── {form.title} (`cancel` gives up)\n")
        values: dict[str, str] = {}
        for field in form.fields:
            if field.kind == "file":
                continue
            choices = f" ({', '.join(value for value, _ in field.choices)})" if field.choices else ""
            self._print(f"{field.label}{choices}{f' [{field.value}]' if field.value else ''}:\n")
            text = (await anext(more, "cancel")).strip()
            if text == "cancel":
                return None
            values[field.key] = text or field.value
        return values

    def _caller(self, channel: str | None) -> Caller:
        return Caller(
            platform=self.name,
            person=self.person(ME),
            channel=channel,
            community=self.community(channel),
            language=self.language,
            zone=self.zone,
            roles=frozenset({"reader", "author", "moderator", "admin"}),
        )

    # --- what is printed ---

    def _answer(self, reply: Reply) -> None:
        self._last = reply.message.actions
        self._print("\n" + indent(_shown(reply.message), "» " if reply.ok else "! "))

    def _heard(self, op: str, anchor: str) -> None:
        note = {"post": "", "comment": "", "edit": " (edited)", "delete": " (deleted)"}.get(op)
        entry = self.room.entry(anchor)
        if entry is not None and note is not None:
            self._print("\n" + self._entry(entry, note))

    def _show(self, channel: str, root: str | None) -> None:
        for entry in self.room.entries(channel, root):
            if not entry.deleted:
                self._print("\n" + self._entry(entry, ""))
                self._show(channel, entry.id)

    def _entry(self, entry: Entry, note: str) -> str:
        who = self.person(entry.person).name if entry.person else "Rondan"
        under = f" under {entry.reply_to or entry.under}" if entry.under else ""
        counts = "  ".join(f"{emoji} {len(people)}" for emoji, people in entry.reactions.items())
        head = f"#{entry.channel} {entry.id}{under} · {who}{note}{'  ' + counts if counts else ''}\n"
        body = entry.text or (_shown(entry.message) if entry.message else "")
        return head + indent(body, "    " if entry.under else "  ")

    def _print(self, text: str) -> None:
        self._output.write(plain(text))
        self._output.flush()


def _shown(message: Message) -> str:
    buttons = "  ".join(f"[{number}] {action.label}" for number, action in enumerate(message.actions, start=1))
    return "\n".join(filter(None, (to_text(message), buttons)))


def indent(text: str, mark: str) -> str:
    return "".join(f"{mark}{line}\n" for line in text.splitlines())


_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Text that can't steer a terminal: control signs and direction overrides become visible, line ends stay."""
    text = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text).encode("utf-8", "replace").decode()
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text
    )


async def read_lines(source: TextIO) -> AsyncGenerator[str, None]:
    """Lines of a terminal or pipe until its end, without a thread that would outlive the loop."""
    loop, rest = asyncio.get_running_loop(), b""
    while True:
        await _readable(loop, source.fileno())
        data = os.read(source.fileno(), 65536)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines if data else [rest]:
            yield line.decode("utf-8", "replace").strip()
        if not data:
            return


async def _readable(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    """Waits for one look to be worth it; the reader goes at once, or a second one would find the pipe empty."""
    ready = loop.create_future()

    def look() -> None:
        loop.remove_reader(descriptor)
        ready.set_result(None)

    loop.add_reader(descriptor, look)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
