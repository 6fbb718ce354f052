"""What `rondan doctor --online` asks Discord: the token, what the application was granted, sessions, permissions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord

from bot.platforms.discord.chat import FATAL, KEEP_SESSIONS
from bot.platforms.discord.client import mend
from bot.platforms.discord.permissions import lacks
from bot.platforms.discord.refusals import refused
from core.chat import Layout, Place
from core.findings import Finding
from core.times import Clock

ODDITIES = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, ValueError)
NEEDED: dict[Layout, tuple[str, ...]] = {
    "thread": ("send_messages", "read_message_history", "create_public_threads", "send_messages_in_threads"),
    "forum": ("send_messages", "read_message_history", "send_messages_in_threads"),
}
"""What each layout can't do without; the others, what a card can't."""
CARD = ("send_messages", "read_message_history")
BETTER = ("attach_files", "embed_links")
FEW = 100  # sessions left, of 1,000 a day: so many were hardly started by chance


async def examine(
    token: str, api: str, places: Iterable[Place], clock: Clock, told: list[datetime]
) -> AsyncIterator[Finding]:
    """One finding after the other, as they are made. `told` gets Discord's own clock."""
    mend(api)
    client = discord.Client(intents=discord.Intents(guilds=True), http_trace=_dated(told))
    try:
        try:
            await client.login(token)
        except discord.LoginFailure:
            yield Finding(subject="discord token", state="fail", sentence="Discord refuses the token", mend=FATAL[4004])
            return
        yield Finding(subject="discord token", state="ok", sentence=f"is of {client.user}")
        yield _content(client)
        _, _, limits = await client.http.get_bot_gateway()
        yield _sessions(int(limits["remaining"]), int(limits["total"]))
        seen: dict[int, tuple[discord.Guild, discord.Member]] = {}
        for place in places:
            yield await _place(client, place, seen, clock)
    except ODDITIES as error:
        yield Finding(
            subject="discord", state="fail", sentence=str(refused(error, None, clock())),
            mend="look at the network and at RONDAN_DISCORD_API; while it lasts, Rondan goes on trying",
        )  # fmt: skip
    finally:
        await client.close()


def _dated(told: list[datetime]) -> aiohttp.TraceConfig:
    config = aiohttp.TraceConfig()

    async def end(_session: Any, _context: SimpleNamespace, got: aiohttp.TraceRequestEndParams) -> None:
        if date := got.response.headers.get("Date"):
            told.append(parsedate_to_datetime(date))

    config.on_request_end.append(end)
    return config


def _content(client: discord.Client) -> Finding:
    flags = client.application_flags
    if flags.gateway_message_content or flags.gateway_message_content_limited:
        return Finding(subject="discord intents", state="ok", sentence="the text of messages is granted")
    return Finding(
        subject="discord intents", state="ok",
        sentence="the text of messages is not granted: answers to the bot and forms are heard, other words in threads "
        "are not",
    )  # fmt: skip


def _sessions(left: int, of: int) -> Finding:
    sentence = f"{left} of {of} may still be started today"
    if left <= KEEP_SESSIONS:
        mend = "wait until Discord counts anew; find out what started so often (`discord.disconnected` in the log)"
        return Finding(subject="discord sessions", state="fail", sentence=sentence, mend=mend)
    if left < FEW:
        mend = "find out what starts so often: `discord.disconnected` in the log"
        return Finding(subject="discord sessions", state="warn", sentence=sentence, mend=mend)
    return Finding(subject="discord sessions", state="ok", sentence=sentence)


async def _place(
    client: discord.Client, place: Place, seen: dict[int, tuple[discord.Guild, discord.Member]], clock: Clock
) -> Finding:
    if not place.channel.isdecimal():
        return Finding(
            subject=place.address, state="fail", sentence="is no id of a channel",
            mend=f"`rondan place remove {place.address}`, then add it by its id",
        )  # fmt: skip
    try:
        raw: dict[str, Any] = dict(await client.http.get_channel(int(place.channel)))
        number = int(raw.get("guild_id") or 0)
        if number not in seen:
            guild = await client.fetch_guild(number, with_counts=False)
            assert client.user is not None
            seen[number] = guild, await guild.fetch_member(client.user.id)
        guild, me = seen[number]
        channel = await guild.fetch_channel(int(place.channel))
    except ODDITIES as error:
        return Finding(
            subject=place.address, state="fail", sentence=str(refused(error, None, clock())),
            mend="let Rondan see the channel, or remove the place",
        )  # fmt: skip
    if (missing := lacks(channel, me, place, *NEEDED.get(place.layout, CARD))) is not None:
        return Finding(subject=place.address, state="fail", sentence=missing, mend="change it in Discord")
    if (missing := lacks(channel, me, place, *BETTER)) is not None:
        return Finding(subject=place.address, state="warn", sentence=missing, mend="change it in Discord")
    return Finding(subject=place.address, state="ok", sentence=f"#{channel.name} of {guild.name}: all that is needed")
