"""The world as it stands, and every change of it with the events that tell the bot."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from typing_extensions import override

from tests.standins.discord.basics import (
    BOT,
    CROSSPOSTED,
    DM,
    EPOCH,
    EVERYTHING,
    FORUM,
    IS_CROSSPOST,
    SOURCE_DELETED,
    V2,
    P,
    Raw,
    Role,
    Snowflakes,
    User,
)
from tests.standins.discord.errors import Refusal
from tests.standins.discord.gateway import Gateway
from tests.standins.discord.message import Message, emoji_raw, number
from tests.standins.discord.world import Channel, Guild, Maker

CONTENT_GRANTED = 1 << 18 | 1 << 19


class State(Maker):
    """Guilds, channels, messages. Built at any time; what changes while the bot is connected is told to it."""

    def __init__(self) -> None:
        self._old = Snowflakes(back=90 * 86_400, apart=True)  # of what was there before the bot
        self._new = Snowflakes()
        self._count = itertools.count(1)
        self.me = User(self._old.next(), "rondan", bot=True)
        self.application = self._old.next()
        self.application_flags = 0
        self.components_v2 = True  # False: an older server, which does not know them
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}  # and threads, and direct messages
        self.users: dict[int, User] = {self.me.id: self.me}
        self.hub = Gateway(self)

    def fresh(self) -> int:
        """The id of something that is made now."""
        return self._new.next()

    def past(self, seconds: float) -> int:
        """The id of something that was made so long ago: `post(…, ident=discord.past(7200))`."""
        return int((time.time() - seconds) * 1000 - EPOCH) << 22 | next(self._count) % (1 << 22)

    # --- building ---

    def guild(self, name: str, permissions: int = BOT) -> Guild:
        """A server that the bot is in with these permissions."""
        ident = self._old.next()
        while (ident >> 22) % 16 != len(self.guilds) % 16:  # so that shards get about as many each
            ident = self._old.next()
        guild = Guild(self, ident, name, int(permissions))
        self.guilds[guild.id] = guild
        self.hub.emit(
            "GUILD_CREATE", guild, lambda _: {k: v for k, v in guild.created(self.me).items() if k != "unavailable"}
        )
        return guild

    def user(self, name: str, locale: str = "en-US") -> User:
        user = User(self._old.next(), name, locale)
        self.users[user.id] = user
        return user

    def dm(self, user: User) -> Channel:
        """The channel of direct messages with a user."""
        channel = Channel(self._old.next(), DM, user.name, None)
        self.channels[channel.id] = channel
        return channel

    @override
    def add_channel(self, guild: Guild, kind: int, name: str, tags: Sequence[str] = (), flags: int = 0) -> Channel:
        channel = Channel(self._old.next(), kind, name, guild)
        channel.tags = {self._old.next(): tag for tag in tags}
        channel.flags = flags
        guild.channels[channel.id] = self.channels[channel.id] = channel
        self.hub.emit("CHANNEL_CREATE", guild, lambda _: channel.raw(self.me))
        return channel

    @override
    def add_role(self, guild: Guild, name: str, mentionable: bool) -> Role:
        role = Role(self._old.next(), name, 0, mentionable)
        guild.roles[role.id] = role
        self.hub.emit("GUILD_ROLE_CREATE", guild, lambda _: {"guild_id": str(guild.id), "role": role.raw()})
        return role

    # --- what the bot may do and see ---

    def mine(self, channel: Channel) -> int:
        """The bot's permissions in a channel; 0 if it cannot see it."""
        if channel.guild is None:
            return EVERYTHING
        place = channel.parent or channel
        given = channel.guild.me_role.permissions
        if given & P.ADMINISTRATOR:
            return EVERYTHING
        given = given & ~place.deny | place.allow
        if channel.guild.timed_out:
            given &= P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY
        return given if given & P.VIEW_CHANNEL else 0

    def sees(self, channel: Channel) -> bool:
        return bool(self.mine(channel) & P.VIEW_CHANNEL)

    def need(self, channel: Channel, permission: int) -> None:
        given = self.mine(channel)
        if not given:
            raise Refusal(50001)
        if given & permission != permission:
            raise Refusal(50013)

    def permissions(self, channel: Channel, *, allow: int = 0, deny: int = 0) -> None:
        """The bot's overwrites in a channel, instead of those it had."""
        channel.allow, channel.deny = int(allow), int(deny)
        self.hub.emit("CHANNEL_UPDATE", channel.guild, lambda _: channel.raw(self.me))

    def empower(self, guild: Guild, permissions: int) -> None:
        """What the bot may do in a whole guild, instead of what it might."""
        guild.me_role.permissions = int(permissions)
        self.hub.emit("GUILD_ROLE_UPDATE", guild, lambda _: {"guild_id": str(guild.id), "role": guild.me_role.raw()})

    def time_out(self, guild: Guild, on: bool = True) -> None:
        """A moderator silences the bot for an hour: it may look and read, nothing else."""
        guild.timed_out = on
        told = guild.mine(self.me) | {"guild_id": str(guild.id)}
        self.hub.emit("GUILD_MEMBER_UPDATE", guild, lambda _: told)

    @property
    def granted(self) -> bool:
        """Whether the application may read everybody's messages."""
        return bool(self.application_flags & CONTENT_GRANTED)

    def shown(self, message: Message, granted: bool | None = None) -> Raw:
        """A message as the bot gets it: without content that is none of its business, unless granted."""
        allowed = self.granted if granted is None else granted
        mine = message.author is self.me or message.channel.guild is None or message.addressed
        return message.raw(self.me, told=allowed or mine)

    def _event(self, message: Message, **more: Any) -> Callable[[bool], Raw]:
        guild = message.channel.guild

        def make(granted: bool) -> Raw:
            raw = self.shown(message, granted) | more
            if guild is not None:
                raw["guild_id"] = str(guild.id)
                if message.webhook is None:
                    raw["member"] = guild.member(message.author)
            return raw

        return make

    def _where(self, channel: Channel) -> Raw:
        return {} if channel.guild is None else {"guild_id": str(channel.guild.id)}

    # --- messages ---

    def post(
        self,
        channel: Channel,
        author: User,
        content: str = "",
        kind: int = 0,
        *,
        echo: Raw | None = None,
        **fields: Any,
    ) -> Message:
        """A new message. `fields` are those of `Message`; `echo` is added to the event only (a nonce)."""
        message = Message(fields.pop("ident", None) or self.fresh(), channel, author, content, kind)
        for key, value in fields.items():
            setattr(message, key, value)
        number(message.components)
        if channel.archived:
            self.archive(channel, False)
        channel.messages[message.id] = message
        if message.id < (channel.last or 0):  # made as if long ago
            channel.messages = dict(sorted(channel.messages.items()))
        channel.last = max(message.id, channel.last or 0)
        channel.sent += 1
        self.hub.emit("MESSAGE_CREATE", channel.guild, self._event(message, **(echo or {})), channel)
        return message

    def change(self, message: Message, *, now: bool = True, **fields: Any) -> None:
        """Sets fields of a message and tells; `now`: marks it as edited. Crossposts follow."""
        for key, value in fields.items():
            setattr(message, key, value)
        number(message.components)
        if now:
            message.edited = time.time()
        self.hub.emit("MESSAGE_UPDATE", message.channel.guild, self._event(message), message.channel)
        if not fields.keys() & {"content", "embeds", "components"}:
            return
        for copy in message.copies:
            if copy.id in copy.channel.messages:
                self.change(copy, now=now, **self._copied(message))

    def erase(self, message: Message) -> None:
        """Deletes a message; crossposts stay, marked."""
        if message.channel.messages.pop(message.id, None) is None:
            return
        told = {"id": str(message.id), "channel_id": str(message.channel.id)} | self._where(message.channel)
        self.hub.emit("MESSAGE_DELETE", message.channel.guild, lambda _: told, message.channel)
        self._orphan(message)

    def erase_many(self, channel: Channel, messages: Sequence[Message]) -> None:
        for message in messages:
            channel.messages.pop(message.id, None)
        told = {"ids": [str(one.id) for one in messages], "channel_id": str(channel.id)} | self._where(channel)
        self.hub.emit("MESSAGE_DELETE_BULK", channel.guild, lambda _: told, channel)
        for message in messages:
            self._orphan(message)

    def _orphan(self, message: Message) -> None:
        for copy in message.copies:
            if copy.id in copy.channel.messages:
                self.change(copy, now=False, flags=copy.flags | SOURCE_DELETED)

    @staticmethod
    def _copied(message: Message) -> dict[str, Any]:
        """What followers get: words and embeds, no buttons."""
        kept = [_without_rows(one) for one in message.components if one["type"] != 1]
        return {"content": message.content, "embeds": list(message.embeds), "components": kept}

    def crosspost(self, message: Message) -> None:
        """Copies a message of an announcement channel to all that follow it."""
        source = message.channel
        assert source.guild is not None
        for target in source.followers:
            if target.gone:
                continue
            reference = {
                "type": 0,
                "message_id": str(message.id),
                "channel_id": str(source.id),
                "guild_id": str(source.guild.id),
            }
            hook = User(self._old.next(), f"{source.guild.name} #{source.name}", bot=True)
            flags = IS_CROSSPOST | message.flags & V2
            copy = self.post(
                target, hook, webhook=hook.id, flags=flags, reference=reference, source=message, **self._copied(message)
            )
            message.copies.append(copy)
        self.change(message, now=False, flags=message.flags | CROSSPOSTED)

    # --- reactions ---

    def put_reaction(self, message: Message, user: User, emoji: str, kind: int = 0) -> None:
        users = message.reactions.setdefault((emoji, kind), set())
        if user.id in users:
            return
        users.add(user.id)
        more: Raw = {"message_author_id": str(message.author.id), "burst_colors": []}
        if message.channel.guild is not None:
            more["member"] = message.channel.guild.member(user) | {"user": user.raw()}
        self._reacted("MESSAGE_REACTION_ADD", message, user, emoji, kind, more)

    def take_reaction(self, message: Message, user: User, emoji: str, kind: int = 0) -> None:
        users = message.reactions.get((emoji, kind), set())
        if user.id not in users:
            return
        users.remove(user.id)
        if not users:
            del message.reactions[emoji, kind]
        self._reacted("MESSAGE_REACTION_REMOVE", message, user, emoji, kind, {})

    def _reacted(self, event: str, message: Message, user: User, emoji: str, kind: int, more: Raw) -> None:
        told = self._at(message) | {
            "user_id": str(user.id),
            "emoji": emoji_raw(emoji),
            "burst": kind == 1,
            "type": kind,
        }
        self.hub.emit(event, message.channel.guild, lambda _: told | more, message.channel)

    def clear_reaction(self, message: Message, emoji: str | None) -> None:
        """Takes off all reactions, or all of one emoji."""
        message.reactions = {key: users for key, users in message.reactions.items() if emoji not in (None, key[0])}
        told = self._at(message) | ({} if emoji is None else {"emoji": emoji_raw(emoji)})
        event = "MESSAGE_REACTION_REMOVE_ALL" if emoji is None else "MESSAGE_REACTION_REMOVE_EMOJI"
        self.hub.emit(event, message.channel.guild, lambda _: told, message.channel)

    def _at(self, message: Message) -> Raw:
        return {"message_id": str(message.id), "channel_id": str(message.channel.id)} | self._where(message.channel)

    # --- threads, channels ---

    def open_thread(
        self, parent: Channel, kind: int, name: str, owner: User, ident: int | None = None, **fields: Any
    ) -> Channel:
        """A new thread; raises the refusal of a guild that has too many."""
        guild = parent.guild
        assert guild is not None
        if sum(not one.archived for one in guild.threads.values()) >= guild.thread_cap:
            raise Refusal(160006 if kind != 10 else 160007)
        thread = Channel(ident or self.fresh(), kind, name, guild, parent)
        thread.owner, thread.joined = owner.id, owner is self.me
        for key, value in fields.items():
            setattr(thread, key, value)
        guild.threads[thread.id] = self.channels[thread.id] = thread
        if parent.type == FORUM:
            parent.last = thread.id
        self.hub.emit("THREAD_CREATE", guild, lambda _: thread.raw(self.me) | {"newly_created": True}, parent)
        return thread

    def archive(self, thread: Channel, archived: bool = True, locked: bool | None = None) -> None:
        """Archives a thread, or brings it back."""
        thread.archived, thread.archived_at = archived, time.time()
        if locked is not None:
            thread.locked = locked
        self.update(thread)

    def update(self, channel: Channel) -> None:
        """Tells that a channel or thread changed."""
        event = "THREAD_UPDATE" if channel.is_thread else "CHANNEL_UPDATE"
        self.hub.emit(event, channel.guild, lambda _: channel.raw(self.me), channel if channel.is_thread else None)

    def drop(self, channel: Channel) -> None:
        """Deletes a channel or thread. Its messages and threads go without a word."""
        guild = channel.guild
        assert guild is not None
        raw = channel.raw(self.me)
        below = [one for one in guild.threads.values() if one.parent is channel]
        for one in (channel, *below):
            one.gone = True
            self.channels.pop(one.id, None)
            guild.channels.pop(one.id, None)
            guild.threads.pop(one.id, None)
        if channel.parent is None:
            self.hub.emit("CHANNEL_DELETE", guild, lambda _: raw)
        else:
            kept = {key: raw[key] for key in ("id", "guild_id", "parent_id", "type")}
            self.hub.emit("THREAD_DELETE", guild, lambda _: kept, channel.parent)

    def leave(self, guild: Guild) -> None:
        """The bot is thrown out of a guild."""
        guild.left = True
        self.guilds.pop(guild.id, None)
        for channel in (*guild.channels.values(), *guild.threads.values()):
            channel.gone = True
            self.channels.pop(channel.id, None)
        self.hub.emit("GUILD_DELETE", guild, lambda _: {"id": str(guild.id)})


def _without_rows(component: Raw) -> Raw:
    """A component without the rows of buttons in it."""
    if component["type"] != 17:
        return dict(component)
    return component | {"components": [dict(one) for one in component["components"] if one["type"] != 1]}
