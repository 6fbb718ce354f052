"""The workspace as it stands, and every change of it with the events that tell the bot."""

from __future__ import annotations

import copy
import time
from typing import Any

from tests.standins.slack.basics import Raw, Stamps, ident, moment
from tests.standins.slack.delivery import Delivery
from tests.standins.slack.sockets import Sockets
from tests.standins.slack.world import Channel, Group, Message, Person

SCOPES = frozenset(
    {
        "chat:write", "commands", "channels:read", "groups:read", "channels:history", "groups:history", "channels:join",
        "reactions:read", "reactions:write", "users:read", "usergroups:read", "im:history", "im:read", "im:write",
        "files:read", "files:write",
    }
)  # fmt: skip


class State:
    """One workspace with the app installed. `subscribed`: the names of events that the app asked for; None: all."""

    def __init__(self) -> None:
        self.stamps = Stamps()
        self.team_id, self.team_domain = ident("T"), "reading-room"
        self.enterprise = ""  # of which Enterprise Grid the workspace is
        self.app_id, self.bot_id = ident("A"), ident("B")
        self.me = Person("rondan", self.team_id, bot=True)
        self.people: dict[str, Person] = {self.me.id: self.me}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, Group] = {}
        self.takes_dm = True  # whether people see what the app writes to them alone
        self.scopes: set[str] = set(SCOPES)
        self.subscribed: set[str] | None = None
        self.sockets = Sockets(self.app_id)
        self.outbox = self.sockets.outbox

    @property
    def mine(self) -> tuple[str, str]:
        """Bot id and app id, as the bot's own messages carry them."""
        return self.bot_id, self.app_id

    # --- building ---

    def person(self, name: str, **how: Any) -> Person:
        """`locale="ja-JP"`, `admin=True`, `owner=True`, `guest="multi"`, `bot=True`."""
        person = Person(name, self.team_id, **how)
        self.people[person.id] = person
        return person

    def stranger(self, name: str, **how: Any) -> Person:
        """Somebody of another organisation, met in shared channels only."""
        person = Person(name, "T0ELSEWHERE", stranger=True, **how)
        self.people[person.id] = person
        return person

    def colleague(self, name: str, **how: Any) -> Person:
        """Somebody of another workspace of the same Enterprise Grid."""
        person = Person(name, "T0SISTER", enterprise=self.enterprise, **how)
        self.people[person.id] = person
        return person

    def channel(
        self, name: str, *members: Person, private: bool = False, foreign: bool = False, bot: bool = True
    ) -> Channel:
        """`bot`: it is a member; `foreign`: shared with another organisation (Slack Connect)."""
        channel = Channel(name, self.team_id, "private" if private else "public", foreign)
        channel.members = {one.id: one for one in (*members, *((self.me,) if bot else ()))}
        self.channels[channel.id] = channel
        return channel

    def dm(self, person: Person) -> Channel:
        """The direct messages between a person and the bot; there is one."""
        for one in self.channels.values():
            if one.kind == "im" and person.id in one.members:
                return one
        channel = Channel("", self.team_id, "im")
        channel.members = {person.id: person, self.me.id: self.me}
        self.channels[channel.id] = channel
        return channel

    def group(self, handle: str, *members: Person) -> Group:
        group = Group(handle, list(members))
        self.groups[group.id] = group
        return group

    # --- events ---

    def emit(self, event: Raw, channel: Channel | None = None) -> Delivery | None:
        """Tells the bot, if it may know of the channel."""
        if channel is not None and self.me.id not in channel.members:
            return None
        return self.tell(event, foreign=bool(channel and channel.foreign))

    def tell(self, event: Raw, foreign: bool = False) -> Delivery | None:
        """The same without asking who may know."""
        name = event["type"]
        if name == "message" and "channel_type" in event:
            name = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}[event["channel_type"]]
        if self.subscribed is not None and name not in self.subscribed:
            return None
        event.setdefault("event_ts", self.stamps.next())
        return self.outbox.tell(self.wrapped(event, foreign))

    def wrapped(self, event: Raw, foreign: bool = False) -> Raw:
        """An event in what Slack puts around it."""
        authorization = {
            "enterprise_id": self.enterprise or None, "team_id": self.team_id, "user_id": self.me.id,
            "is_bot": True, "is_enterprise_install": False,
        }  # fmt: skip
        return {
            "token": "legacy",
            "team_id": self.team_id,
            "context_team_id": self.team_id,
            "context_enterprise_id": self.enterprise or None,
            "api_app_id": self.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": ident("Ev"),
            "event_time": int(time.time()),
            "authorizations": [authorization],
            "is_ext_shared_channel": foreign,
            "event_context": "4-loopback",
        }

    # --- messages ---

    def post(self, channel: Channel, author: Person, text: str, ts: str | None = None, **fields: Any) -> Message:
        """A new message. `fields` are those of `Message`."""
        message = Message(channel, author, ts or self.stamps.next(), text)
        for key, value in fields.items():
            setattr(message, key, value)
        old = bool(channel.messages) and ts is not None
        channel.messages[message.ts] = message
        if old:  # made as if long ago
            channel.messages = dict(sorted(channel.messages.items(), key=lambda item: moment(item[0])))
        if message.thread is not None:
            thread = channel.threads.setdefault(message.thread, {})
            thread[message.ts] = message
            if old:
                channel.threads[message.thread] = dict(sorted(thread.items(), key=lambda item: moment(item[0])))
        where = {"channel": channel.id, "channel_type": channel.type, "event_ts": message.ts}
        self.emit(message.raw() | where, channel)
        return message

    def change(self, message: Message, *, edited: bool = True, **fields: Any) -> None:
        """Sets fields of a message and tells. Not `edited`: Slack itself changes it, as when it unfurls a link."""
        before = message.raw()
        for key, value in fields.items():
            setattr(message, key, value)
        if edited:
            message.edited = self.stamps.next()
        self._changed(message, before)

    def _changed(self, message: Message, before: Raw) -> None:
        self._about(message.channel, "message_changed", message=message.raw(), previous_message=before)

    def _about(self, channel: Channel, subtype: str, **more: Any) -> None:
        ts = self.stamps.next()
        event: Raw = {"type": "message", "subtype": subtype, "hidden": True, **more}
        event |= {"channel": channel.id, "ts": ts, "event_ts": ts, "channel_type": channel.type}
        self.emit(event, channel)

    def erase(self, message: Message) -> None:
        """Deletes a message. A root with answers becomes a tombstone."""
        channel = message.channel
        if channel.messages.get(message.ts) is not message or message.subtype == "tombstone":
            return
        before = message.raw()
        if message.replies:
            fields: dict[str, Any] = {"blocks": [], "attachments": [], "reactions": {}, "metadata": None, "text": ""}
            for key, value in fields.items():
                setattr(message, key, copy.copy(value))
            message.subtype = "tombstone"
            self._changed(message, before)
            return
        del channel.messages[message.ts]
        if message.thread is not None:
            channel.threads.get(message.thread, {}).pop(message.ts, None)
        self._about(channel, "message_deleted", deleted_ts=message.ts, previous_message=before)

    # --- reactions ---

    def put_reaction(self, message: Message, person: Person, name: str) -> bool:
        """False if it was there."""
        people = message.reactions.setdefault(name, [])
        if person.id in people:
            return False
        people.append(person.id)
        self._reacted("reaction_added", message, person, name)
        return True

    def take_reaction(self, message: Message, person: Person, name: str) -> bool:
        people = message.reactions.get(name, [])
        if person.id not in people:
            return False
        people.remove(person.id)
        if not people:
            del message.reactions[name]
        self._reacted("reaction_removed", message, person, name)
        return True

    def _reacted(self, kind: str, message: Message, person: Person, name: str) -> None:
        item = {"type": "message", "channel": message.channel.id, "ts": message.ts}
        event: Raw = {"type": kind, "user": person.id, "reaction": name, "item": item, "item_user": message.author.id}
        self.emit(event, message.channel)

    # --- channels ---

    def enter(self, channel: Channel, person: Person) -> None:
        """A person joins; the bot is told if it is there, or if it is the bot."""
        if person.id in channel.members:
            return
        channel.members[person.id] = person
        event: Raw = {"type": "member_joined_channel", "user": person.id, "channel": channel.id}
        event |= {"channel_type": "G" if channel.kind == "private" else "C", "team": self.team_id}
        self.emit(event, channel)
        said = f"<@{person.id}> has joined the channel"
        self.post(channel, person, said, subtype="channel_join", client_id="")

    def go(self, channel: Channel, person: Person) -> None:
        if channel.members.pop(person.id, None) is None:
            return
        event: Raw = {"type": "member_left_channel", "user": person.id, "channel": channel.id}
        event |= {"channel_type": "G" if channel.kind == "private" else "C", "team": self.team_id}
        if person is self.me:
            self.tell(event, channel.foreign)
            self.tell({"type": f"{channel.type}_left", "channel": channel.id}, channel.foreign)
        else:
            self.emit(event, channel)

    def about_channel(self, channel: Channel, what: str, **more: Any) -> None:
        """`channel_rename` and so on; of a private one Slack says `group_rename`."""
        self.emit({"type": f"{channel.type}_{what}", "channel": channel.id, **more}, channel)
