"""Pictures as files of the workspace: uploaded once, then named by their ids in the blocks of messages.

A file is uploaded without a channel, so nobody sees it before a message shows it: what dies on the way leaves nothing
that a person could find.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog

from bot.platforms.slack import files
from bot.platforms.slack.api import Api
from core.errors import ChatError, Poison
from core.message import Message, Picture, pictures_of, without_pictures
from core.text import shorten

log = structlog.get_logger()

T = TypeVar("T")
Ids = Mapping[str, str]
"""What a picture is drawn from → the id of its file."""

KEPT = 200  # files that are not uploaded again
LOOKED_AT = (1.0, 2.0, 4.0)
"""Seconds between attempts: Slack looks through a file before a message may show it, and says so to nobody."""
ALT = 1000  # characters of what a file is said to show


class Pictures:
    """The files of one run."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, str] = OrderedDict()
        self._uploading = asyncio.Lock()  # the same digest goes to many channels at once

    async def show(self, api: Api, message: Message, ask: Callable[[Message, Ids], Awaitable[T]]) -> T:
        """Ask with the message and the ids of its files; without its pictures where they are not to be had."""
        pictures = pictures_of(message)
        if pictures:
            try:
                return await self._with_files(api, message, pictures, ask)
            except _NotShown as error:
                log.warning("slack.no-picture", title=message.title, error=str(error.__cause__))
        return await ask(without_pictures(message), {})

    async def _with_files(
        self, api: Api, message: Message, pictures: tuple[Picture, ...], ask: Callable[[Message, Ids], Awaitable[T]]
    ) -> T:
        try:
            ids = {one.of: await self._file(api, one) for one in pictures}
        except ChatError as error:
            raise _NotShown from error
        for pause in (*LOOKED_AT, None):
            try:
                return await ask(message, ids)
            except Poison as error:
                if "invalid_blocks" not in str(error):
                    raise
                if pause is None:
                    for of in ids:  # somebody may have deleted it
                        self._ids.pop(of, None)
                    raise _NotShown from error
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def _file(self, api: Api, picture: Picture) -> str:
        async with self._uploading:
            if picture.of not in self._ids:
                self._ids[picture.of] = await _upload(api, picture)
                while len(self._ids) > KEPT:
                    self._ids.popitem(last=False)
            self._ids.move_to_end(picture.of)
            return self._ids[picture.of]


class _NotShown(Exception):
    """The cause says why a picture can't be shown; its message can."""


async def _upload(api: Api, picture: Picture) -> str:
    """Give a picture to Slack; its id."""
    name = "rondan.png"
    file = await files.put(api, name, picture.png, shorten(picture.alt, ALT))
    await api.call("files.completeUploadExternal", {"files": [{"id": file, "title": name}]})
    return file
