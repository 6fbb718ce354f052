"""Requests to the addresses of interactions, which every command makes at least one of: on a straight way.

They count in no limit of the bot's, and each has a bucket of its own that is used once or twice: here is neither
discord.py's bookkeeping of routes nor the pacer's look at every request.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import aiohttp
import discord
import discord.http
import yarl
from discord.utils import _to_json

PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
"""Of the socket alone: aiohttp's limit for the whole begins before the wait for a turn, and a long wait loses it."""
LONGEST = 60.0  # seconds that Discord may have us wait before we give up
AT_ONCE = {"first": 300, "later": 100}
"""Requests at a time: what comes after a promise never stands in the way of another promise."""
ATTEMPTS = 5  # while Discord asks to wait


When = Literal["first", "later"]


class Hooks:
    """With the token of discord.py's client, once it has logged in, and connections of its own."""

    def __init__(self, http: discord.http.HTTPClient) -> None:
        self._http = http
        self._sessions: dict[When, aiohttp.ClientSession] = {}

    async def request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        form: list[dict[str, Any]] | None = None,
        *,
        when: When,
        repeats: int,
    ) -> None:
        """Errors are as discord.py's `request` raises them. `form`: the body and files, as its parts. `repeats`: how
        often it may be sent again after a server error.
        """
        url = yarl.URL(discord.http.Route.BASE + path, encoded=True)
        attempt = 0
        while True:
            made = _form(form) if form else None if body is None else _json(body)
            async with self._session(when).request(method, url, data=made) as response:
                if response.status < 300:
                    await response.read()  # for the connection's sake: what it shows is known
                    return
                pause = _pause(response, await discord.http.json_or_text(response), attempt, repeats)
            await asyncio.sleep(pause)
            attempt += 1

    async def close(self) -> None:
        """Ends its connections."""
        for session in self._sessions.values():
            await session.close()

    def _session(self, when: When) -> aiohttp.ClientSession:
        if when not in self._sessions:
            self._sessions[when] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=AT_ONCE[when]),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=PATIENCE,
                headers={"User-Agent": self._http.user_agent, "Authorization": f"Bot {self._http.token}"},
            )
        return self._sessions[when]


def _json(body: dict[str, Any]) -> aiohttp.BytesPayload:
    return aiohttp.BytesPayload(_to_json(body).encode(), content_type="application/json")


def _form(parts: list[dict[str, Any]]) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)  # Discord takes no escaped brackets in names
    for part in parts:
        form.add_field(**part)
    return form


def _pause(response: aiohttp.ClientResponse, said: Any, attempt: int, repeats: int) -> float:
    """Seconds until it is tried again; what discord.py raises, if it is not."""
    status = response.status
    if status == 429 and response.headers.get("Via") and isinstance(said, dict) and attempt + 1 < ATTEMPTS:
        seconds = float(said["retry_after"])
        if seconds > LONGEST:
            raise discord.RateLimited(seconds)
        return seconds
    if status >= 500:
        if attempt < repeats:
            return 1.0
        raise discord.DiscordServerError(response, said)
    kind = {403: discord.Forbidden, 404: discord.NotFound}.get(status, discord.HTTPException)
    raise kind(response, said)
