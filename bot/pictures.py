"""The pictures of a message, drawn before it is shown: by the thinking process, each once for all who get it."""

from __future__ import annotations

import base64
from collections import OrderedDict
from dataclasses import replace

import structlog

from commands.tools import Think
from core.errors import ThinkError
from core.message import Message, Picture
from digest import fonts

log = structlog.get_logger()

KEPT = 32  # drawn pictures, of about 50 KB each


class Pictures:
    """`on`: whether pictures are wanted at all; afterwards, whether any are drawn: `missing` fonts forbid it, too."""

    def __init__(self, think: Think, *, on: bool = True) -> None:
        self._think = think
        self._drawn: OrderedDict[str, bytes] = OrderedDict()
        self.missing = fonts.missing() if on else []
        self.on = on and not self.missing
        if self.missing:
            log.warning("pictures.no-fonts", missing=self.missing)

    async def __call__(self, message: Message) -> Message:
        """The message with its pictures drawn. One that can't be stays as it is, and is shown by nobody."""
        if not self.on or not any(isinstance(one, Picture) and not one.png for one in message.blocks):
            return message
        blocks = [
            replace(one, png=await self._png(one.of)) if isinstance(one, Picture) and not one.png else one
            for one in message.blocks
        ]
        return replace(message, blocks=tuple(blocks))

    async def _png(self, of: str) -> bytes:
        if of not in self._drawn:
            try:
                self._drawn[of] = base64.b64decode((await self._think("picture", {"of": of}))["png"])
            except ThinkError as error:
                log.warning("pictures.not-drawn", error=str(error))
                return b""
            while len(self._drawn) > KEPT:
                self._drawn.popitem(last=False)
        self._drawn.move_to_end(of)
        return self._drawn[of]
