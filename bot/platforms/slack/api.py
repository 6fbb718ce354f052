"""Calls of Slack's Web API: paced by channel and by method, repeated only where a repetition does no harm."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.platforms.slack.refusals import patience, refused
from core import tally
from core.chat import Place
from core.errors import Busy, ChatError, Poison, Unknown
from core.times import Clock

POST_EVERY = 1.1  # seconds between two messages in one channel
TIMEOUT = 30.0  # seconds of one call
PATIENCE = 65.0  # seconds of Retry-After that a call waits out by itself; more is the caller's to plan
READING = {
    "chat.getPermalink", "conversations.history", "conversations.info", "conversations.list", "conversations.members",
    "conversations.replies", "files.getUploadURLExternal", "reactions.get", "team.info", "usergroups.list",
    "usergroups.users.list", "users.info",
}  # fmt: skip
"""Methods that do not read a JSON body: to them its arguments are missing. They are asked as the SDK asks them."""
RESTRICTED = {"conversations.history", "conversations.replies"}
"""Methods that Slack lets some apps call once a minute only."""
TRIES = 3  # of a call that changes nothing, or the same thing again


class Api:
    """A workspace's Web API with one token. Use as a context manager.

    `pause`: seconds between two calls of a method that Slack restricts for some apps.
    """

    def __init__(self, token: str, base: str, clock: Clock, *, pause: float = 0.0) -> None:
        self._token = token
        self._base = base
        self._clock = clock
        self._pause = pause
        self._held: dict[str, float] = {}  # method -> loop time until which it is not called
        self._next: defaultdict[str, float] = defaultdict(float)  # channel -> loop time of its next post
        self._gates: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Api:
        # A client without a session opens a connection a call; one with a session leaves the timeout to it.
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=False)
        self.client = AsyncWebClient(
            token=self._token, base_url=self._base, session=self._session, retry_handlers=[], trust_env_in_session=False
        )
        self.client.proxy = None
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(self, method: str, body: Mapping[str, Any], *, place: Place | None = None) -> dict[str, Any]:
        """A call that may be repeated: it reads, or does the same however often it is done."""
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                return await self.once(method, body, place=place)
            except Unknown:
                if last:
                    raise
                await asyncio.sleep(1)
        raise AssertionError("unreachable")

    async def once(self, method: str, body: Mapping[str, Any], *, place: Place | None = None) -> dict[str, Any]:
        """A call whose repetition would do harm. Only "too many calls" is waited out: then surely nothing was done.

        What the SDK raises for an answer that is none (text, a list, broken JSON) means that the outcome is not known.
        """
        while True:
            await self._turn(method)
            try:
                given = {name: value for name, value in body.items() if value is not None}
                if method in READING:
                    answer = await self.client.api_call(method, http_verb="GET", params=given)
                else:
                    answer = await self.client.api_call(method, json=given)
            except (SlackClientError, aiohttp.ClientError, OSError, ValueError, AttributeError) as error:
                known = refused(error, method, place, self._clock())
                if not isinstance(known, Busy) or not self._hold(method, error):
                    raise known from error
                continue
            return dict(answer.data) if isinstance(answer.data, dict) else {}

    async def _turn(self, method: str) -> None:
        """Wait until a method may be called."""
        now = asyncio.get_running_loop().time
        while (left := self._held.get(method, 0.0) - now()) > 0:  # noqa: ASYNC110 - meanwhile it may become later
            await asyncio.sleep(left)
        if method in RESTRICTED:
            self._held[method] = now() + self._pause

    def _hold(self, method: str, error: BaseException) -> bool:
        """Keep quiet for as long as Slack says; False if that is too long to wait here, or nothing was said."""
        if getattr(getattr(error, "response", None), "status_code", 0) != 429:
            return False
        tally.count("too_many", platform="slack")
        wait = patience(error)
        self._held[method] = max(self._held.get(method, 0.0), asyncio.get_running_loop().time() + wait)
        return wait <= PATIENCE

    async def post(self, body: Mapping[str, Any], *, place: Place) -> dict[str, Any]:
        """`chat.postMessage`, at a channel's own pace and in the order of the calls."""
        loop = asyncio.get_running_loop()
        async with self._gates[place.channel]:
            await asyncio.sleep(max(0.0, self._next[place.channel] - loop.time()))
            try:
                return await self.once("chat.postMessage", body, place=place)
            finally:
                self._next[place.channel] = loop.time() + POST_EVERY

    async def pages(
        self, method: str, body: Mapping[str, Any], key: str, *, most: int = 50
    ) -> AsyncIterator[dict[str, Any]]:
        """Everything of a call that answers page by page. ChatError when it does not end after `most` pages."""
        cursor: str | None = None
        for _ in range(most):
            answer = await self.call(method, {**body, "cursor": cursor})
            for one in answer.get(key) or ():
                yield one
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
        raise ChatError(f"{method} does not come to an end")

    async def answer(self, url: str, body: Mapping[str, Any]) -> None:
        """Post to the address that came with an interaction; it works for 30 minutes and five times."""
        assert self._session is not None
        try:
            async with self._session.post(url, json=body) as response:
                if response.status >= 400:
                    said = f"an answer was refused: {response.status} {(await response.text())[:200]}"
                    raise Poison(said) if "invalid_blocks" in said else Unknown(said)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unknown(f"an answer could not be given: {error!r}") from error

    async def download(self, url: str, most: int) -> bytes:
        """A file of the workspace. Poison for a larger one, and if it is not at Slack's, where the token goes."""
        assert self._session is not None
        where, own = urlsplit(url), urlsplit(self._base)
        if not (where.scheme == "https" and (where.hostname or "").endswith(".slack.com")) and where[:2] != own[:2]:
            raise Poison("a file is not at an address of Slack's")
        try:
            headers = {"Authorization": f"Bearer {self._token}"}
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status != 200:  # without the scope it leads to a page to sign in
                    raise Poison(f"a file may not be read: {response.status} (scope files:read)")
                content = b""
                async for part in response.content.iter_chunked(65_536):
                    content += part
                    if len(content) > most:
                        raise Poison(f"a file has over {most} bytes")
                return content
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unknown(f"a file could not be read: {error!r}") from error

    async def upload(self, url: str, content: bytes) -> None:
        """Put a file where Slack said; what is put twice stands there once."""
        assert self._session is not None
        try:
            async with self._session.post(url, data=content) as response:
                if response.status >= 400:
                    raise Unknown(f"a file was refused: {response.status} {(await response.text())[:200]}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unknown(f"a file could not be given: {error!r}") from error
