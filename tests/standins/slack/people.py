"""What people do in a workspace besides talking to the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tests.standins.slack.basics import EMOJI, Raw, ident, typed
from tests.standins.slack.delivery import Delivery
from tests.standins.slack.state import State
from tests.standins.slack.world import Channel, Group, Message, Person


class People(State):
    """Each of these returns when what the bot is told of it was sent, not when it was acknowledged: see `delivered`."""

    async def say(
        self,
        person: Person,
        where: Channel | Message,
        text: str,
        *,
        broadcast: bool = False,
        ago: float = 0,
        **fields: Any,
    ) -> Message:
        """A message in a channel, or a reply to a message; `broadcast`: also sent to the channel.

        `text` as typed: it is escaped as Slack does; tokens (`<@U…>`) stay. `subtype="me_message"`,
        `files=[…]` and the like.
        """
        channel = where if isinstance(where, Channel) else where.channel
        if person.bot:  # of another app
            fields.setdefault("app", (ident("B"), ident("A")))
        thread = None if isinstance(where, Channel) else where.thread or where.ts
        message = self.post(
            channel,
            person,
            typed(text),
            self.stamps.past(ago) if ago else None,
            thread=thread,
            broadcast=broadcast,
            blocks=_written(text),
            **fields,
        )
        if self.me.mention in text:
            event = message.raw() | {"type": "app_mention", "channel": channel.id, "event_ts": message.ts}
            self.emit(event, channel)
        await asyncio.sleep(0)
        return message

    async def edit(self, person: Person, message: Message, text: str) -> None:
        if message.author is not person:
            raise PermissionError("only who wrote a message may edit it")
        self.change(message, text=typed(text), blocks=_written(text))
        await asyncio.sleep(0)

    async def unfurl(self, message: Message, title: str = "A page") -> None:
        """Slack shows a preview of a link: `message_changed`, and nobody edited anything."""
        self.change(message, edited=False, attachments=[{"id": 1, "title": title, "from_url": "https://example.org"}])
        await asyncio.sleep(0)

    async def delete(self, message: Message, by: Person | None = None) -> None:
        """`by` is for the reader of the test: Slack does not tell who deleted."""
        self.erase(message)
        await asyncio.sleep(0)

    async def react(self, person: Person, message: Message, emoji: str, added: bool = True) -> None:
        """`emoji` is a name, with `::skin-tone-3` or not, or one of the signs that are known here."""
        name = EMOJI.get(emoji, emoji)
        (self.put_reaction if added else self.take_reaction)(message, person, name)
        await asyncio.sleep(0)

    async def unreact(self, person: Person, message: Message, emoji: str) -> None:
        await self.react(person, message, emoji, added=False)

    async def join(self, channel: Channel, person: Person | None = None) -> None:
        """Nobody named: the bot is invited."""
        self.enter(channel, person or self.me)
        await asyncio.sleep(0)

    async def leave(self, channel: Channel, person: Person | None = None) -> None:
        """Nobody named: the bot is removed."""
        self.go(channel, person or self.me)
        await asyncio.sleep(0)

    async def rename(self, channel: Channel, name: str) -> None:
        channel.name = name
        told = {"id": channel.id, "name": name, "name_normalized": name, "created": channel.created}
        self.emit({"type": f"{channel.type}_rename", "channel": told}, channel)
        await asyncio.sleep(0)

    async def archive(self, channel: Channel, archived: bool = True, by: Person | None = None) -> None:
        channel.archived = archived
        self.about_channel(channel, "archive" if archived else "unarchive", user=by.id if by else "U0ADMIN")
        await asyncio.sleep(0)

    async def delete_channel(self, channel: Channel) -> None:
        """Its messages go without a word."""
        self.about_channel(channel, "deleted", actor_id="U0ADMIN")
        self.channels.pop(channel.id, None)
        channel.messages.clear()
        await asyncio.sleep(0)

    async def renumber(self, channel: Channel) -> str:
        """Slack gives a channel another id, as when it becomes shared; returns the old one."""
        old, channel.id = channel.id, ident("C")
        self.channels[channel.id] = self.channels.pop(old)
        self.emit({"type": "channel_id_changed", "old_channel_id": old, "new_channel_id": channel.id}, channel)
        await asyncio.sleep(0)
        return old

    async def regroup(self, group: Group, members: Sequence[Person]) -> None:
        """Sets who is in a user group."""
        old, new = {one.id for one in group.members}, {one.id for one in members}
        group.members = list(members)
        event: Raw = {"type": "subteam_members_changed", "subteam_id": group.id, "team_id": self.team_id}
        event |= {"added_users": sorted(new - old), "removed_users": sorted(old - new)}
        self.tell(event)
        await asyncio.sleep(0)

    async def uninstall(self) -> None:
        """The app is removed from the workspace: its tokens are worth nothing, and it is told so."""
        self.uninstalled = True
        self.tell({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self.me.id]}})
        self.tell({"type": "app_uninstalled"})
        await asyncio.sleep(0)

    async def too_many_events(self) -> Delivery | None:
        """`app_rate_limited`, which has no inner event."""
        payload = self.wrapped({})
        kept = {key: payload[key] for key in ("token", "team_id", "api_app_id")}
        told = kept | {"type": "app_rate_limited", "minute_rate_limited": payload["event_time"]}
        return self.outbox.tell(told)

    uninstalled = False


def _written(text: str) -> list[Raw]:
    """The block in which a person's words come along."""
    line = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return [{"type": "rich_text", "block_id": ident("b")[:5], "elements": [line]}] if text else []
