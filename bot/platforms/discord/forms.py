"""Which form a message takes: Components V2, or an embed where those are not known; with its pictures or without."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from bot.platforms.discord import encode
from bot.platforms.discord.client import Connection
from bot.platforms.discord.once import Once
from bot.platforms.discord.requests import Requests, code_of
from core.document import spans
from core.errors import Gone, Poison
from core.message import Message, Small, without_pictures
from core.times import Clock

log = structlog.get_logger()

Body = dict[str, Any]
Files = Sequence[tuple[str, bytes]]
Ask = Callable[[Body, Files], Awaitable[Any]]

KEPT = 256  # answers that are kept as they were written
ODD_FORM = (50035, 50006)  # what servers say to components that they do not know
NO_PERMISSION = 50013


class Forms(Requests):
    """Remembers whether the server takes Components V2, once it was seen."""

    def __init__(self, connection: Callable[[], Connection | None], clock: Clock) -> None:
        super().__init__(connection, clock)
        self._rich: bool | None = None
        self._answers = Once(_answer, KEPT)

    @property
    def plain(self) -> bool:
        """Whether this server was found not to take Components V2."""
        return self._rich is False

    async def first(self, message: Message, key: str, mention: str, ask: Ask) -> Any:
        """Send a new message, which tells whether the server takes Components V2."""
        answer, rich = await self.in_a_form(message, key, mention, ask)
        if rich:
            self._rich = True
        elif self._rich is None:
            self._rich = False
            log.warning(
                "discord.no-components", reason="this server refused Components V2; embeds are used from now on"
            )
        return answer

    async def in_a_form(self, message: Message, key: str | None, mention: str, ask: Ask) -> tuple[Any, bool]:
        """Ask with Components V2 or with an embed, and if the server refuses the one, with the other.

        Gives the answer and whether it was Components V2. A message keeps its form when it is edited, whatever the
        server takes now. Pictures are the first to be given up: what they show stands in the text.
        """
        written: Body | None = None
        if key is not None or mention:
            message = message if encode.fits(message) else shortened(message)
        else:
            message, written = self._answers(message)  # as many people are given
        rich, bare = not self.plain, without_pictures(message)
        tries = [(message, rich), *([(bare, rich)] if encode.files(message) else []), (bare, not rich)]
        refusal: Poison | Gone | None = None
        for one, as_components in tries:
            if refusal is not None:
                log.warning(
                    "discord.form-refused", error=str(refusal), now="components" if as_components else "an embed"
                )
            if as_components and written is not None and one is message:
                body = written
            else:
                make = encode.posted if as_components else encode.embedded
                body = make(one, key, mention=mention or None)
            files = encode.files(one)
            try:
                return await ask(body, files), as_components
            except (Poison, Gone) as error:
                code = code_of(error)
                if code not in ODD_FORM and not (files and code == NO_PERMISSION):
                    raise
                refusal = refusal or error
        assert refusal is not None
        raise refusal from refusal.__cause__


def _answer(message: Message) -> tuple[Message, Body]:
    """A message without key and mention, as short as it must be, and its body in Components V2."""
    message = message if encode.fits(message) else shortened(message)
    return message, encode.posted(message)


def shortened(message: Message) -> Message:
    """As much of the beginning of a message as one message holds, with a sign that it goes on."""
    blocks = encode.paged(message)[0].blocks
    while True:
        cut = replace(message, blocks=(*blocks, Small(spans=spans("…"))))
        if not blocks or encode.fits(cut):
            return cut
        blocks = blocks[:-1]
