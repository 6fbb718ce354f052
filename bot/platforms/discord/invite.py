"""Before the first start: the address at which an administrator adds the bot, and the channels that it then sees."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import discord

from bot.platforms.discord.client import mend
from bot.platforms.discord.permissions import NEEDED
from core.errors import ConfigError, RondanError

MOST = 10  # servers whose channels are listed


@contextlib.asynccontextmanager
async def _asking(token: str, api: str) -> AsyncIterator[discord.Client]:
    """Discord, asked as the bot without connecting it. ConfigError for a token that is refused."""
    mend(api)
    client = discord.Client(intents=discord.Intents(guilds=True))
    try:
        await client.login(token)
        yield client
    except discord.LoginFailure as error:
        raise ConfigError(
            "Discord refuses RONDAN_DISCORD_TOKEN: copy the token again from the Bot page of the developer portal"
        ) from error
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise RondanError(f"can't ask {api}: {error}") from error
    finally:
        await client.close()


async def invite(token: str, api: str) -> str:
    """Ask Discord who the token belongs to, and make the address."""
    async with _asking(token, api) as client:
        return address(client.application_id or 0)


def address(application: int) -> str:
    """The invitation of an application."""
    permissions = discord.Permissions(**dict.fromkeys(NEEDED, True))
    return discord.utils.oauth_url(application, permissions=permissions, scopes=("bot", "applications.commands"))


async def channels(token: str, api: str) -> list[tuple[str, str]]:
    """Text channels that the bot sees: the address of each as a place, and its name."""
    found = []
    async with _asking(token, api) as client:
        assert client.user is not None
        for number in [one.id async for one in client.fetch_guilds(limit=MOST, with_counts=False)]:
            guild = await client.fetch_guild(number, with_counts=False)  # with the roles that permissions come from
            me = await guild.fetch_member(client.user.id)
            found += [
                (f"discord:{channel.id}", f"#{channel.name} of {guild.name}")
                for channel in sorted(await guild.fetch_channels(), key=lambda one: one.position)
                if isinstance(channel, discord.TextChannel) and channel.permissions_for(me).view_channel
            ]
    return found
