"""What people do in a chat besides talking to the bot, and what operators do to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.standins.discord.basics import User
from tests.standins.discord.message import MENTION, Message
from tests.standins.discord.state import State
from tests.standins.discord.world import Channel, Guild


class People(State):
    """Each of these returns when what the bot is told of it was written to its sockets."""

    async def say(
        self,
        user: User,
        channel: Channel,
        text: str,
        reply_to: Message | None = None,
        ping: bool = True,
        ago: float = 0,
    ) -> Message:
        """A message, or a reply. `ping` mentions the one who is answered; `ago` seconds in the past."""
        named = [self.users[int(one)] for one in dict.fromkeys(MENTION.findall(text)) if int(one) in self.users]
        addressed = self.me in named
        if reply_to is not None and ping:
            # The bot is told what answers its regular messages, not what answers its replies to commands.
            addressed = addressed or (reply_to.author is self.me and reply_to.webhook is None)
            if reply_to.author not in named and reply_to.webhook is None:
                named.append(reply_to.author)
        reference = None
        if reply_to is not None:
            reference = {"type": 0, "message_id": str(reply_to.id), "channel_id": str(reply_to.channel.id)}
            if channel.guild is not None:
                reference["guild_id"] = str(channel.guild.id)
        message = self.post(
            channel,
            user,
            text,
            0 if reply_to is None else 19,
            mentions=named,
            addressed=addressed,
            reference=reference,
            replied=reply_to,
            ident=self.past(ago) if ago else None,
        )
        await self.hub.delivered()
        return message

    async def start_thread(self, user: User, on: Message | Channel, name: str, text: str = "") -> Channel:
        """A thread under a message, by a person; or a post of a forum with its first message."""
        if isinstance(on, Message):
            thread = self.open_thread(on.channel, 11, name, user, on.id)
            self.change(on, now=False, thread=thread, flags=on.flags | 1 << 5)
        else:
            thread = self.open_thread(on, 11, name, user)
            self.post(thread, user, text, ident=thread.id)
        await self.hub.delivered()
        return thread

    async def edit(self, user: User, message: Message, text: str) -> None:
        if message.author is not user:
            raise PermissionError("only who wrote a message may edit it")
        named = [self.users[int(one)] for one in dict.fromkeys(MENTION.findall(text)) if int(one) in self.users]
        self.change(message, content=text, mentions=named, addressed=message.addressed or self.me in named)
        await self.hub.delivered()

    async def delete(self, message: Message, by: User | None = None) -> None:
        """`by` is for the reader of the test: Discord does not tell who deleted."""
        self.erase(message)
        await self.hub.delivered()

    async def bulk_delete(self, messages: Sequence[Message]) -> None:
        self.erase_many(messages[0].channel, messages)
        await self.hub.delivered()

    async def react(
        self, user: User, on: Message | tuple[int, int], emoji: str, added: bool = True, burst: bool = False
    ) -> None:
        """Puts a reaction on a message (or channel and message ids), or takes it off."""
        message = on if isinstance(on, Message) else self.channels[on[0]].messages[on[1]]
        (self.put_reaction if added else self.take_reaction)(message, user, emoji, int(burst))
        await self.hub.delivered()

    async def clear_reactions(self, message: Message, emoji: str | None = None) -> None:
        self.clear_reaction(message, emoji)
        await self.hub.delivered()

    async def delete_channel(self, channel: Channel) -> None:
        """Or a thread."""
        self.drop(channel)
        await self.hub.delivered()

    async def remove_guild(self, guild: Guild) -> None:
        self.leave(guild)
        await self.hub.delivered()

    async def lose_guild(self, guild: Guild, lost: bool = True) -> None:
        """An outage of a guild: unavailable, not removed; `lost` False: back."""
        if lost:
            self.hub.emit("GUILD_DELETE", guild, lambda _: {"id": str(guild.id), "unavailable": True})
        else:
            self.hub.emit("GUILD_CREATE", guild, lambda _: guild.created(self.me))
        await self.hub.delivered()

    def follow(self, source: Channel, target: Channel) -> None:
        """An admin lets a text channel follow an announcement channel."""
        source.followers.append(target)

    # --- the connection ---

    async def connected(self, sessions: int = 1, within: float = 10) -> None:
        """Returns when so many sessions have a socket; raises TimeoutError."""
        async with asyncio.timeout(within):
            while sum(one.line is not None for one in self.hub.sessions.values()) < sessions:  # noqa: ASYNC110 (sockets come and go)
                await asyncio.sleep(0.01)
        await self.hub.delivered()

    async def delivered(self) -> None:
        """Returns when all events were written."""
        await self.hub.delivered()

    async def cut(self, code: int | None = 4000) -> None:
        """Closes all sockets with a code, None: without a word. The sessions wait for a resume."""
        await self.hub.close(code)

    def outage(self, on: bool = True) -> None:
        """Refuses connections to the gateway with 503. (REST: `fail("*", times=…, how=503)`.)"""
        self.hub.out = on

    def close_before_hello(self, times: int = 1) -> None:
        self.hub.slams += times

    def forget_sessions(self) -> None:
        """A resume is answered with op 9 false from now on, for the sessions that there are."""
        self.hub.sessions.clear()

    def reconnect(self) -> None:
        """Op 7."""
        self.hub.tell(7, None)

    def invalidate(self, resumable: bool) -> None:
        """Op 9."""
        if not resumable:
            self.forget_sessions()
        self.hub.tell(9, resumable)

    def duplicate(self, events: int) -> None:
        """The next events are sent twice."""
        self.hub.doubles += events

    def reorder(self, events: int) -> None:
        """The next events are held until there are so many, then sent with the last first."""
        self.hub.shuffles += events

    @property
    def heartbeat(self) -> float:
        """Seconds between heartbeats, as HELLO says."""
        return self.hub.heartbeat

    @heartbeat.setter
    def heartbeat(self, seconds: float) -> None:
        self.hub.heartbeat = seconds

    @property
    def strict_identify(self) -> bool:
        """Whether a second IDENTIFY within 5 s is refused (op 9)."""
        return self.hub.strict_identify

    @strict_identify.setter
    def strict_identify(self, on: bool) -> None:
        self.hub.strict_identify = on

    def deaf(self, on: bool = True) -> None:
        """Heartbeats are not acknowledged: the connection looks dead."""
        self.hub.acks = not on

    @property
    def identifies(self) -> int:
        return self.hub.identifies

    @property
    def resumes(self) -> int:
        return self.hub.resumes
