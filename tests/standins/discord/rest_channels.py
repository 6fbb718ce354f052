"""The routes of channels, threads, guilds and of the application itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.standins.discord.ask import Ask
from tests.standins.discord.basics import (
    ANNOUNCEMENT,
    FORUM,
    HAS_THREAD,
    NEWS_THREAD,
    PUBLIC_THREAD,
    REQUIRE_TAG,
    TEXT,
    P,
    Raw,
    User,
)
from tests.standins.discord.draft import draft
from tests.standins.discord.errors import Form, Refusal
from tests.standins.discord.rest_messages import awake, channel_of, message_of
from tests.standins.discord.world import Channel, Guild

if TYPE_CHECKING:
    from tests.standins.discord.server import Discord

DURATIONS = (60, 1440, 4320, 10080)


async def get(discord: Discord, ask: Ask) -> Raw:
    return channel_of(discord, ask).raw(discord.me)


async def edit(discord: Discord, ask: Ask) -> Raw:
    """Of a thread: name, archived, locked, auto_archive_duration, applied_tags. Of a channel: name."""
    channel, body = channel_of(discord, ask), ask.body or {}
    if not channel.is_thread:
        discord.need(channel, P.MANAGE_CHANNELS)
    elif "locked" in body or (channel.owner != discord.me.id and body.keys() != {"archived"}):
        discord.need(channel, P.MANAGE_THREADS)
    elif channel.archived and channel.locked:
        raise Refusal(160005)
    else:
        discord.need(channel, P.SEND_MESSAGES_IN_THREADS)
    if body.get("archived") is not False:
        awake(channel)
    form = Form()
    _named(body, form, needed=False)
    form.done()
    channel.name = body.get("name", channel.name)
    channel.flags = body.get("flags", channel.flags)
    if channel.is_thread:
        channel.auto_archive = body.get("auto_archive_duration", channel.auto_archive)
        if "applied_tags" in body and channel.parent:
            tags = _tags(channel.parent, body["applied_tags"])
            if (set(channel.applied) ^ set(tags)) & channel.parent.moderated:
                discord.need(channel, P.MANAGE_THREADS)
            channel.applied = tags
        discord.archive(channel, body.get("archived", channel.archived), body.get("locked"))
    else:
        discord.update(channel)
    return channel.raw(discord.me)


async def delete(discord: Discord, ask: Ask) -> Raw:
    channel = channel_of(discord, ask)
    discord.need(channel, P.MANAGE_THREADS if channel.is_thread else P.MANAGE_CHANNELS)
    raw = channel.raw(discord.me)
    discord.drop(channel)
    return raw


def _named(body: Raw, form: Form, needed: bool = True) -> None:
    if needed or "name" in body:
        form.length(["name"], body.get("name"), 1, 100)
    if body.get("auto_archive_duration", 1440) not in DURATIONS:
        form.bad(["auto_archive_duration"], f"Value must be one of {DURATIONS}.", "BASE_TYPE_CHOICES")


def _tags(forum: Channel, given: list[Any]) -> list[int]:
    form = Form()
    tags = [int(one) for one in given]
    if len(tags) > 5:
        form.bad(["applied_tags"], "Must be 5 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    if any(one not in forum.tags for one in tags):
        form.bad(["applied_tags"], "Unknown tag.", "FORUM_TAG_UNKNOWN")
    form.done()
    return tags


async def thread_from(discord: Discord, ask: Ask) -> Raw:
    """A thread under a message: it has the message's id, and a message has one at most."""
    message, body = message_of(discord, ask), ask.body or {}
    channel = message.channel
    if channel.is_thread or channel.type not in (TEXT, ANNOUNCEMENT):
        raise Refusal(50024)
    discord.need(channel, P.CREATE_PUBLIC_THREADS)
    if message.thread is not None:
        raise Refusal(160004)
    form = Form()
    _named(body, form)
    form.done()
    kind = NEWS_THREAD if channel.type == ANNOUNCEMENT else PUBLIC_THREAD
    duration = body.get("auto_archive_duration", 1440)
    thread = discord.open_thread(channel, kind, body["name"], discord.me, message.id, auto_archive=duration)
    reference = {"type": 0, "message_id": str(message.id), "channel_id": str(channel.id)}
    discord.change(message, now=False, thread=thread, flags=message.flags | HAS_THREAD)
    discord.post(thread, discord.me, kind=21, reference=reference, replied=message)
    return thread.raw(discord.me)


async def thread_new(discord: Discord, ask: Ask) -> Raw:
    """A post of a forum with its first message, or a thread without a message."""
    channel, body = channel_of(discord, ask), ask.body or {}
    form = Form()
    _named(body, form)
    if channel.type != FORUM:
        if channel.type not in (TEXT, ANNOUNCEMENT):
            raise Refusal(50024)
        discord.need(channel, P.CREATE_PUBLIC_THREADS)
        form.done()
        duration = body.get("auto_archive_duration", 1440)
        kind = body.get("type", PUBLIC_THREAD)
        return discord.open_thread(channel, kind, body["name"], discord.me, auto_archive=duration).raw(discord.me)
    discord.need(channel, P.SEND_MESSAGES)
    for key in body.keys() - {"name", "auto_archive_duration", "rate_limit_per_user", "message", "applied_tags"}:
        form.bad([key], "Unknown key.", "UNKNOWN_KEY")
    first = body.get("message")
    if not isinstance(first, dict):
        form.bad(["message"], "This field is required.", "BASE_TYPE_REQUIRED")
    else:
        for key in first.keys() & {"nonce", "enforce_nonce", "message_reference"}:
            form.bad(["message", key], "Unknown key.", "UNKNOWN_KEY")
    form.done()
    tags = _tags(channel, body.get("applied_tags") or [])
    if channel.flags & REQUIRE_TAG and not tags:
        raise Refusal(40067)
    if channel.moderated.intersection(tags):
        discord.need(channel, P.MANAGE_THREADS)
    made = draft(discord, first, channel, ask.route, files=ask.files)
    duration = body.get("auto_archive_duration", 1440)
    thread = discord.open_thread(channel, PUBLIC_THREAD, body["name"], discord.me, applied=tags, auto_archive=duration)
    message = discord.post(thread, discord.me, ident=thread.id, **made.fields)
    if made.pings:
        discord.pings.append(made.pings.ping(message))
    return thread.raw(discord.me) | {"message": discord.shown(message)}


async def archived(discord: Discord, ask: Ask) -> Raw:
    """Archived threads of a channel, those archived last first."""
    channel = channel_of(discord, ask)
    discord.need(channel, P.READ_MESSAGE_HISTORY)
    limit = ask.count("limit", 50)
    assert channel.guild is not None
    before = datetime.fromisoformat(ask.query["before"]).timestamp() if "before" in ask.query else float("inf")
    rows = [one for one in channel.guild.threads.values() if one.parent is channel and one.archived]
    rows = sorted((one for one in rows if one.archived_at < before), key=lambda one: -one.archived_at)
    return {"threads": [one.raw(discord.me) for one in rows[:limit]], "members": [], "has_more": len(rows) > limit}


async def join(discord: Discord, ask: Ask) -> None:
    thread = channel_of(discord, ask)
    awake(thread)
    thread.joined = True


async def follow(discord: Discord, ask: Ask) -> Raw:
    source = channel_of(discord, ask)
    target = discord.channels.get(int((ask.body or {}).get("webhook_channel_id", 0)))
    if source.type != ANNOUNCEMENT:
        raise Refusal(50024)
    if target is None:
        raise Refusal(10003)
    discord.need(target, P.MANAGE_WEBHOOKS)
    source.followers.append(target)
    return {"channel_id": str(source.id), "webhook_id": str(target.id)}


def _guild(discord: Discord, ask: Ask) -> Guild:
    guild = discord.guilds.get(ask.snowflake(0))
    if guild is None:
        raise Refusal(10004)
    return guild


async def guild(discord: Discord, ask: Ask) -> Raw:
    return _guild(discord, ask).raw(discord.me)


async def member(discord: Discord, ask: Ask) -> Raw:
    """Only the bot's own: others are behind an intent that it does not have."""
    if ask.snowflake(1) != discord.me.id:
        raise Refusal(10004)
    return _guild(discord, ask).mine(discord.me)


async def guild_channels(discord: Discord, ask: Ask) -> list[Raw]:
    return [one.raw(discord.me) for one in _guild(discord, ask).channels.values()]


async def active(discord: Discord, ask: Ask) -> Raw:
    rows = [one for one in _guild(discord, ask).threads.values() if not one.archived and discord.sees(one)]
    return {"threads": [one.raw(discord.me) for one in rows], "members": []}


async def me(discord: Discord, _: Ask) -> Raw:
    return discord.me.raw() | {"verified": True, "mfa_enabled": False, "email": None, "flags": 0}


async def my_guilds(discord: Discord, _: Ask) -> list[Raw]:
    """In short: without roles and channels."""
    told = ("id", "name", "icon", "features")
    return [
        {name: value for name, value in one.raw(discord.me).items() if name in told}
        | {"owner": False, "permissions": "0"}
        for one in discord.guilds.values()
    ]


async def gateway(discord: Discord, _: Ask) -> Raw:
    shards = discord.shards or max(1, -(-len(discord.guilds) // 1000))
    left = max(0, discord.sessions - discord.hub.identifies)
    reset = int(discord.sessions_reset * 1000)
    limit = {"total": 1000, "remaining": left, "reset_after": reset, "max_concurrency": 1}
    return {"url": discord.gateway, "shards": shards, "session_start_limit": limit}


async def application(discord: Discord, _: Ask) -> Raw:
    return {
        "id": str(discord.application),
        "name": "rondan",
        "description": "",
        "icon": None,
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": User(1, "owner").raw(),
        "team": None,
        "flags": discord.application_flags,
        "approximate_guild_count": len(discord.guilds),
    }
