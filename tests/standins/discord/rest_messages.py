"""The routes of messages and reactions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.standins.discord.ask import Ask
from tests.standins.discord.basics import ANNOUNCEMENT, CROSSPOSTED, EPOCH, FORUM, P, Raw
from tests.standins.discord.draft import draft
from tests.standins.discord.errors import Form, Refusal
from tests.standins.discord.message import Message
from tests.standins.discord.world import Channel

if TYPE_CHECKING:
    from tests.standins.discord.server import Discord


def channel_of(discord: Discord, ask: Ask) -> Channel:
    """The channel or thread of the path, which the bot can see."""
    channel = discord.channels.get(ask.snowflake(0))
    if channel is None:
        raise Refusal(10003)
    if not discord.sees(channel):
        raise Refusal(50001)
    return channel


def message_of(discord: Discord, ask: Ask) -> Message:
    """The message of the path."""
    message = channel_of(discord, ask).messages.get(ask.snowflake(1))
    if message is None:
        raise Refusal(10008)
    return message


def awake(channel: Channel) -> None:
    if channel.archived:
        raise Refusal(50083)


async def create(discord: Discord, ask: Ask) -> Raw:
    channel = channel_of(discord, ask)
    if channel.type == FORUM:
        raise Refusal(40058)
    if channel.locked:
        raise Refusal(160005)
    discord.need(channel, P.SEND_MESSAGES_IN_THREADS if channel.is_thread else P.SEND_MESSAGES)
    body = ask.body if isinstance(ask.body, dict) else {}
    replied = _replied(discord, channel, body.get("message_reference"))
    made = draft(discord, ask.body, channel, ask.route, replied=replied.author if replied else None, files=ask.files)
    if made.fields["embeds"]:
        discord.need(channel, P.EMBED_LINKS)
    nonce = _nonce(body)
    earlier = _earlier(discord, nonce) if body.get("enforce_nonce") else None
    if earlier is None:
        if replied is not None:
            reference = {"type": 0, "message_id": str(replied.id), "channel_id": str(channel.id)}
            made.fields |= {"reference": reference, "replied": replied}
        earlier = discord.post(
            channel,
            discord.me,
            kind=19 if replied else 0,
            echo={} if nonce is None else {"nonce": nonce},
            **made.fields,
        )
        if nonce is not None:
            discord.nonces[str(nonce)] = (channel.id, earlier.id, time.monotonic())
        if made.pings:
            discord.pings.append(made.pings.ping(earlier))
    raw = discord.shown(earlier)
    return raw if nonce is None else raw | {"nonce": nonce}


def _nonce(body: Raw) -> str | int | None:
    nonce = body.get("nonce")
    if nonce is None or isinstance(nonce, int) or (isinstance(nonce, str) and len(nonce) <= 25):
        return nonce
    form = Form()
    form.length(["nonce"], nonce, 0, 25)
    form.done()
    return None


def _earlier(discord: Discord, nonce: str | int | None) -> Message | None:
    """What was made with a nonce in the window; it was deleted since: 10008, and nothing is made."""
    where, ident, at = discord.nonces.get(str(nonce), (0, 0, 0.0))
    if nonce is None or not ident or time.monotonic() - at > discord.nonce_window:
        return None
    channel = discord.channels.get(where)
    if channel is None or ident not in channel.messages:
        raise Refusal(10008)
    return channel.messages[ident]


def _replied(discord: Discord, channel: Channel, reference: Raw | None) -> Message | None:
    if not reference:
        return None
    if not discord.mine(channel) & P.READ_MESSAGE_HISTORY:
        raise Refusal(160002)
    found = channel.messages.get(int(reference.get("message_id") or 0))
    if found is None and reference.get("fail_if_not_exists", True):
        form = Form()
        form.bad(["message_reference"], "Unknown message", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE")
        form.done()
    return found


async def listing(discord: Discord, ask: Ask) -> list[Raw]:
    """Newest first. Without READ_MESSAGE_HISTORY: nothing, and no error."""
    channel = channel_of(discord, ask)
    if channel.type == FORUM:
        raise Refusal(50024)
    limit = ask.count("limit", 50)
    asked = [name for name in ("before", "after", "around") if name in ask.query]
    if len(asked) > 1:
        raise Refusal(50035)
    if not discord.mine(channel) & P.READ_MESSAGE_HISTORY:
        return []
    rows = list(channel.messages.values())
    bound = int(ask.query[asked[0]]) if asked else 0
    if not asked:
        rows = rows[-limit:]
    elif asked[0] == "before":
        rows = [one for one in rows if one.id < bound][-limit:]
    elif asked[0] == "after":
        rows = [one for one in rows if one.id > bound][:limit]
    else:
        older = [one for one in rows if one.id <= bound][-(limit // 2 + 1) :]
        rows = older + [one for one in rows if one.id > bound][: limit - len(older)]
    return [discord.shown(one) for one in reversed(rows)]


async def get(discord: Discord, ask: Ask) -> Raw:
    message = message_of(discord, ask)
    discord.need(message.channel, P.READ_MESSAGE_HISTORY)
    return discord.shown(message)


async def edit(discord: Discord, ask: Ask) -> Raw:
    message = message_of(discord, ask)
    awake(message.channel)
    if message.author is not discord.me:
        raise Refusal(50005)
    if message.type not in (0, 19, 20):
        raise Refusal(50068)
    made = draft(discord, ask.body, message.channel, ask.route, old=message, files=ask.files)
    if time.time() - ((message.id >> 22) + EPOCH) / 1000 > 3600:
        discord.limits.old_edit(str(message.channel.id))
    if message.flags & CROSSPOSTED:
        discord.limits.published_edit(str(message.id))
    discord.change(message, **made.fields)
    if made.pings:
        discord.pings.append(made.pings.ping(message))
    return discord.shown(message)


async def delete(discord: Discord, ask: Ask) -> None:
    message = message_of(discord, ask)
    if message.author is not discord.me:
        discord.need(message.channel, P.MANAGE_MESSAGES)
    discord.erase(message)


async def delete_many(discord: Discord, ask: Ask) -> None:
    channel = channel_of(discord, ask)
    discord.need(channel, P.MANAGE_MESSAGES)
    idents = [int(one) for one in (ask.body or {}).get("messages", [])]
    form = Form()
    if not 2 <= len(idents) <= 100:
        form.bad(["messages"], "Must be between 2 and 100 in length.", "BASE_TYPE_BAD_LENGTH")
    form.done()
    if any(time.time() - ((one >> 22) + EPOCH) / 1000 > 14 * 86_400 for one in idents):
        raise Refusal(50034)
    discord.erase_many(channel, [channel.messages[one] for one in idents if one in channel.messages])


async def crosspost(discord: Discord, ask: Ask) -> Raw:
    message = message_of(discord, ask)
    if message.channel.type != ANNOUNCEMENT:
        raise Refusal(50024)
    discord.need(message.channel, P.SEND_MESSAGES if message.author is discord.me else P.MANAGE_MESSAGES)
    if message.flags & CROSSPOSTED:
        raise Refusal(40033)
    discord.crosspost(message)
    return discord.shown(message)


async def reactions(discord: Discord, ask: Ask) -> list[Raw]:
    """Users of one emoji by id, after `after`; `type` 1 for bursts."""
    message = message_of(discord, ask)
    discord.need(message.channel, P.READ_MESSAGE_HISTORY)
    limit, after, kind = ask.count("limit", 25), int(ask.query.get("after", 0)), int(ask.query.get("type", 0))
    users = sorted(one for one in message.reactions.get((_emoji(ask.args[2]), kind), ()) if one > after)
    return [discord.users[one].raw() for one in users[:limit]]


async def react(discord: Discord, ask: Ask) -> None:
    message, emoji = message_of(discord, ask), _emoji(ask.args[2])
    awake(message.channel)
    discord.need(message.channel, P.READ_MESSAGE_HISTORY)
    known = {one for one, _ in message.reactions}
    if emoji not in known:
        discord.need(message.channel, P.ADD_REACTIONS)
        if len(known) >= 20:
            raise Refusal(30010)
    discord.put_reaction(message, discord.me, emoji)


async def unreact(discord: Discord, ask: Ask) -> None:
    message = message_of(discord, ask)
    awake(message.channel)
    discord.take_reaction(message, discord.me, _emoji(ask.args[2]))


def _emoji(text: str) -> str:
    """An emoji of a path; words are none."""
    name, _, ident = text.partition(":")
    if not name or (ident and not ident.isdigit()) or (not ident and (name.isalnum() and name.isascii())):
        raise Refusal(10014)
    return text
