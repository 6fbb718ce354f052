"""How tests drive the stand-in: a real client that keeps what it hears, and bare requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import discord as lib
import pytest
import yarl
from discord.http import Route
from typing_extensions import override

from tests.standins.discord.basics import Raw, User
from tests.standins.discord.server import Discord
from tests.standins.discord.world import Channel, Guild

QUIET: Raw = {"parse": [], "replied_user": False}


@contextlib.asynccontextmanager
async def hooked(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Discord]:
    """A stand-in that discord.py takes for Discord."""
    async with Discord() as server:
        monkeypatch.setattr(Route, "BASE", server.api)
        monkeypatch.setattr(lib.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.gateway))
        yield server


class Bot(lib.Client):
    """Keeps what it hears; `on_interaction` answers as the test says."""

    def __init__(self, intents: lib.Intents | None = None, **how: Any) -> None:
        chosen = intents or lib.Intents(guilds=True, guild_messages=True, guild_reactions=True, dm_messages=True)
        super().__init__(intents=chosen, max_messages=None, **how)
        self.heard: list[tuple[str, Any]] = []
        self.on_talk: Callable[[lib.Interaction[Any]], Any] | None = None

    @override
    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        self.heard.append((event, args[0] if args else None))
        super().dispatch(event, *args, **kwargs)

    @override
    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Without the pause of 5 s."""

    async def on_interaction(self, talk: lib.Interaction[Any]) -> None:
        if self.on_talk:
            await self.on_talk(talk)

    def named(self, event: str) -> list[Any]:
        return [what for name, what in self.heard if name == event]

    async def until(self, event: str, count: int = 1) -> list[Any]:
        async with asyncio.timeout(5):
            while len(self.named(event)) < count:  # noqa: ASYNC110 (the client has no event for events)
                await asyncio.sleep(0.005)
        return self.named(event)


@contextlib.asynccontextmanager
async def running(server: Discord, bot: Bot | None = None) -> AsyncIterator[Bot]:
    """A connected bot that knows its guilds."""
    bot = bot or Bot()
    bot._connection.guild_ready_timeout = 0.05
    async with bot:
        await bot.login(server.token)
        task = asyncio.create_task(bot.connect())
        try:
            await server.connected()
            await bot.until("ready")
            yield bot
        finally:
            await bot.close()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, lib.LoginFailure):
                await task


@contextlib.asynccontextmanager
async def asking(server: Discord) -> AsyncIterator[Callable[..., Any]]:
    """Bare requests: `await ask("GET /users/@me", json=…)` gives status, body, headers."""
    headers = {"Authorization": f"Bot {server.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def ask(line: str, **how: Any) -> tuple[int, Any, Any]:
            method, _, path = line.partition(" ")
            async with session.request(method, yarl.URL(server.api + path, encoded=True), **how) as answer:
                body = await answer.json() if answer.content_type == "application/json" else await answer.text()
                return answer.status, body, answer.headers

        yield ask


def v2(*texts: str, **more: Any) -> dict[str, Any]:
    parts = [{"type": 10, "content": text} for text in texts]
    return {"flags": 1 << 15, "components": [{"type": 17, "components": parts}], "allowed_mentions": QUIET} | more


def row(*custom_ids: str) -> dict[str, Any]:
    return {"type": 1, "components": [{"type": 2, "style": 2, "label": one, "custom_id": one} for one in custom_ids]}


def world(server: Discord) -> tuple[Guild, Channel, User]:
    guild = server.guild("Reading room")
    return guild, guild.text("general"), server.user("mika", locale="ja")
