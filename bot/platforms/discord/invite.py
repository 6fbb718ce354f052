"""The address at which an administrator adds the bot to a server, with exactly the permissions that it needs."""

from __future__ import annotations

import aiohttp
import discord

from bot.platforms.discord.client import mend
from bot.platforms.discord.permissions import NEEDED
from core.errors import ConfigError, RondanError


async def invite(token: str, api: str) -> str:
    """Ask Discord who the token belongs to, and make the address. ConfigError for a token that is refused."""
    mend(api)
    client = discord.Client(intents=discord.Intents(guilds=True))
    try:
        await client.login(token)
        return address(client.application_id or 0)
    except discord.LoginFailure as error:
        raise ConfigError(
            "Discord refuses RONDAN_DISCORD_TOKEN: copy the token again from the Bot page of the developer portal"
        ) from error
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise RondanError(f"can't ask {api} whose token this is: {error}") from error
    finally:
        await client.close()


def address(application: int) -> str:
    """The invitation of an application."""
    permissions = discord.Permissions(**dict.fromkeys(NEEDED, True))
    return discord.utils.oauth_url(application, permissions=permissions, scopes=("bot", "applications.commands"))
