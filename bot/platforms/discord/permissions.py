"""What Rondan must be allowed to do at a place, asked of discord.py's cache before a request would be refused."""

from __future__ import annotations

import discord

from bot.platforms.discord.spots import channel_in
from core.chat import Place

NEEDED = {
    "view_channel": "View Channel: to find the channel",
    "send_messages": "Send Messages: to post pieces",
    "embed_links": "Embed Links: to show cards where buttons and layout are not there",
    "attach_files": "Attach Files: for the pictures of digests; without it their text stands alone",
    "read_message_history": "Read Message History: to find its posts again, and what people did while it was away",
    "create_public_threads": "Create Public Threads: for the layout thread",
    "send_messages_in_threads": "Send Messages in Threads: for the layouts thread and forum",
}
"""Permissions by discord.py's names, as people see them in Discord, with what each is for."""


def lacking(connection: discord.Client, place: Place, *wanted: str) -> str | None:
    """A sentence that names what is missing of `wanted` (and of seeing the channel), or None.

    It also tells of a channel whose type does not go with the layout. What the cache does not know is left to Discord
    to say.
    """
    channel = channel_in(connection, place.community, int(place.channel)) if place.channel.isdecimal() else None
    me = channel.guild.me if isinstance(channel, discord.abc.GuildChannel) else None
    return None if me is None else lacks(channel, me, place, *wanted)


def lacks(channel: object, me: discord.Member, place: Place, *wanted: str) -> str | None:
    """The same of a channel that is at hand."""
    if not isinstance(channel, discord.TextChannel | discord.ForumChannel | discord.VoiceChannel):
        return None
    if (wrong := _wrong_type(channel, place)) is not None:
        return wrong
    has = channel.permissions_for(me)
    asked = wanted if has.view_channel else ("view_channel",)  # without it nothing else is had
    missing = [NEEDED[name].split(":")[0] for name in dict.fromkeys(asked) if not getattr(has, name)]
    if not missing:
        return None
    them = "that permission" if len(missing) == 1 else "these permissions"
    return (
        f"Rondan lacks {', '.join(missing)} in #{channel.name} of {channel.guild.name} ({place.address}): "
        f"give it {them} there, then let the place go on with /place set"
    )


def _wrong_type(channel: discord.TextChannel | discord.ForumChannel | discord.VoiceChannel, place: Place) -> str | None:
    named = f"#{channel.name} ({place.address})"
    if place.layout == "forum" and not isinstance(channel, discord.ForumChannel):
        return f"{named} is no forum: choose the layout card or thread for it"
    if place.layout != "forum" and isinstance(channel, discord.ForumChannel):
        return f"{named} is a forum: choose the layout forum for it"
    if place.layout == "follow" and not (isinstance(channel, discord.TextChannel) and channel.is_news()):
        return f"{named} is no announcement channel: choose the layout card or thread for it"
    if place.layout == "thread" and not isinstance(channel, discord.TextChannel):
        return f"{named} is a voice channel, which has no threads: choose the layout card for it"
    return None
