"""One REST request to Discord: in its turn, with what comes back as one of the port's errors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from mimetypes import guess_type
from typing import Any

import aiohttp
import discord
from discord.http import Route

from bot.platforms.discord.client import RETRIES, Connection, calling
from bot.platforms.discord.hooks import PATIENCE, When
from bot.platforms.discord.pacer import Priority
from bot.platforms.discord.refusals import refused
from core.chat import Place
from core.errors import Busy, ChatError, Gone, Poison, Unknown
from core.times import Clock

FAILURES = (
    discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, RuntimeError,
    ValueError, KeyError, TypeError,  # an answer that is not what discord.py takes it for
)  # fmt: skip
SOONEST, LATEST = timedelta(seconds=1), timedelta(seconds=60)  # until what needs a connection is tried again


class Requests:
    """Asks over the live connection, which `connection` gives; None while there is none."""

    def __init__(self, connection: Callable[[], Connection | None], clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._away_since: datetime | None = None

    async def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | list[Any] | None = None,
        *,
        priority: Priority,
        files: Sequence[tuple[str, bytes]] = (),
        place: Place | None = None,
        repeats: int = RETRIES,
        params: dict[str, Any] | None = None,
        **ids: int | str,
    ) -> Any:
        """The answer's JSON. Errors are those of the port; their cause is what discord.py raised, if it did.

        `files`: (name, content) of each file that the body's `attachments` speak of.
        """
        connection = self._connected()
        more: dict[str, Any] = {"timeout": PATIENCE}
        if files:
            more["form"] = _parts(body, files)
        elif body is not None:
            more["json"] = body
        if params:
            more["params"] = params
        route = Route(method, path, metadata=None, **ids)
        with calling(priority, repeats) as call:
            try:
                return await connection.http.request(route, **more)
            except ChatError:
                raise
            except FAILURES as error:
                found = refused(error, place, self._clock())
                # A refusal says nothing of an earlier attempt to which the server had no clear answer. (Except that
                # what it made was deleted meanwhile.)
                if call.unsure and method == "POST" and not (isinstance(found, Gone) and found.what == "message"):
                    found = Unknown(f"an earlier attempt may have been carried out; the last: {found}")
                raise found from error

    async def hook(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        files: Sequence[tuple[str, bytes]] = (),
        *,
        when: When,
        repeats: int = 0,
    ) -> None:
        """The same for the addresses of interactions, which are in nobody's way: `path` is theirs, already quoted."""
        hooks = self._connected().hooks
        try:
            form = _parts(body, files) if files else None
            await hooks.request(method, path, body, form, when=when, repeats=repeats)
        except FAILURES as error:
            raise refused(error, None, self._clock()) from error

    async def attachment(self, url: str) -> bytes:
        """What a person attached, from where Discord keeps it."""
        connection = self._connected()
        try:
            return await connection.http.get_from_cdn(url)
        except FAILURES as error:
            raise refused(error, None, self._clock()) from error

    def _connected(self) -> Connection:
        """`Busy` while there is none."""
        connection = self._connection()
        if connection is None:
            raise self._away()
        self._away_since = None
        return connection

    def _away(self) -> Busy:
        """The longer there was no connection, the longer until the next try: all places come here at once."""
        now = self._clock()
        self._away_since = self._away_since or now
        pause = min(max(now - self._away_since, SOONEST), LATEST)
        return Busy("Rondan is not connected to Discord", until=now + pause)

    async def pages(
        self, container: int, after: int, *, priority: Priority, most: int, place: Place | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Messages of a channel or thread after an id, oldest first. `Poison` when there are over `most` pages."""
        for _ in range(most):
            batch = await self.ask(
                "GET", "/channels/{channel_id}/messages", priority=priority, place=place,
                params={"after": after, "limit": 100}, channel_id=container,
            )  # fmt: skip
            for message in sorted(batch, key=lambda one: int(one["id"])):
                yield message
            if len(batch) < 100:
                return
            after = max(int(one["id"]) for one in batch)
        raise Poison(f"over {most * 100} messages since then")


def _parts(body: object, files: Sequence[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """A body and its files as the parts of a form; discord.py makes the form anew for each attempt."""
    return [
        {"name": "payload_json", "value": json.dumps(body), "content_type": "application/json"},
        *(
            {"name": f"files[{number}]", "value": content, "filename": name, "content_type": guess_type(name)[0]}
            for number, (name, content) in enumerate(files)
        ),
    ]


def code_of(error: BaseException) -> int:
    """Discord's own code for why it refused; 0 if it gave none."""
    cause = error.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else 0
