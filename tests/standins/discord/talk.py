"""Interactions: what people ask with commands, buttons, menus and modals, and what the bot answers."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.standins.discord.basics import EPHEMERAL, EVERYTHING, Raw, User
from tests.standins.discord.message import Message, walk
from tests.standins.discord.offers import NotOffered, chosen, filled, resolved
from tests.standins.discord.state import State
from tests.standins.discord.world import Channel

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5


class NoAnswer(Exception):
    """The bot did not answer in time: the user reads "The application did not respond"."""


class Answer:
    """What became of one interaction.

    `type` and `data` are the first response's (4 message, 5 thinking, 6 and 7 about the pressed message, 8 choices,
    9 modal; None: none yet). `message` is the reply as it stands, or for 6 and 7 the pressed message; None: there is
    none, or it was deleted. `edits` are the bodies that changed it, `followups` further messages.
    """

    def __init__(self, kind: int, ident: int, user: User, channel: Channel, on: Message | None) -> None:
        self.kind, self.id, self.user, self.channel, self.on = kind, ident, user, channel, on
        self.token = secrets.token_urlsafe(24)
        self.began = time.monotonic()
        self.type: int | None = None
        self.data: Raw = {}
        self.ephemeral = False
        self.message: Message | None = None
        self.edits: list[Raw] = []
        self.followups: list[Message] = []
        self.responded = asyncio.Event()
        self.final = asyncio.Event()

    @property
    def modal(self) -> Raw | None:
        """The modal that was opened, if one was."""
        return self.data if self.type == 9 else None

    @property
    def text(self) -> str:
        """All that was said, follow-ups last."""
        return "\n".join(one.text for one in (self.message, *self.followups) if one is not None)

    async def settled(self, timeout: float = 30) -> Answer:  # noqa: ASYNC109 (it is what the test says)
        """Returns itself when the bot did more than to ask for time; raises `NoAnswer`."""
        try:
            await asyncio.wait_for(self.final.wait(), timeout)
        except TimeoutError:
            raise NoAnswer(f"still thinking after {timeout} s") from None
        return self


class Talk(State):
    """`commands` are those that the bot synced, by (type, name); `syncs` counts the times, `creates` the new
    ones: 200 a day are allowed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.commands: dict[tuple[int, str], Raw] = {}
        self.syncs = self.creates = 0
        self.answers: dict[str, Answer] = {}
        self.patience = 3.0
        self.token_life = 900.0

    async def command(
        self, user: User, channel: Channel, line: str, options: Mapping[str, Any] | None = None
    ) -> Answer:
        """A slash command; `line` is `digest`, or `mod retract`. Channels, roles and users are given as such.

        Raises `NotOffered` if the menu has no such command or would not send these options, `NoAnswer`.
        """
        data = self._offered(user, channel, line, options or {}, None)
        return await self._interact(COMMAND, user, channel, data)

    async def complete(
        self,
        user: User,
        channel: Channel,
        line: str,
        option: str,
        typed: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> list[Raw]:
        """The choices `[{name, value}]` that appear while an option is typed."""
        data = self._offered(user, channel, line, {**(options or {}), option: typed}, option)
        answer = await self._interact(AUTOCOMPLETE, user, channel, data)
        return list(answer.data.get("choices", []))

    async def message_command(self, user: User, name: str, message: Message) -> Answer:
        """A command of a message's menu, under Apps."""
        known = self._known(user, message.channel, 3, name)
        target = {str(message.id): message.raw(self.me)}
        data = {
            "id": known["id"],
            "name": name,
            "type": 3,
            "target_id": str(message.id),
            "resolved": {"messages": target},
        }
        return await self._interact(COMMAND, user, message.channel, data, target=message)

    async def press(self, user: User, on: Message | Answer, what: str, values: Sequence[str] = ()) -> Answer:
        """Presses the button, or chooses in the menu, of that custom_id or label."""
        message = on.message if isinstance(on, Answer) else on
        if message is None:
            raise NotOffered("there is no message")
        if not self.standing(message) and not message.flags & EPHEMERAL:
            raise NotOffered("the message was deleted")
        found = [one for one in walk(message.components) if what in (one.get("custom_id"), one.get("label"))]
        if len(found) != 1 or found[0].get("disabled") or not found[0].get("custom_id"):
            raise NotOffered(f"{len(found)} components are {what!r}, or it cannot be pressed")
        part = found[0]
        data = {"custom_id": part["custom_id"], "component_type": part["type"], "id": part["id"]}
        if part["type"] != 2:
            offered = [one["value"] for one in part.get("options", [])]
            if part["type"] == 3 and set(values) - set(offered):
                raise NotOffered(f"{values} are not all in {offered}")
            data["values"] = list(values)
        return await self._interact(COMPONENT, user, message.channel, data, on=message)

    async def submit(self, user: User, opened: Answer, values: Mapping[str, Any]) -> Answer:
        """Sends the modal of an answer; values by the custom_id of the field, a list of them for a menu."""
        if opened.modal is None:
            raise NotOffered("no modal was opened")
        data = {"custom_id": opened.modal["custom_id"], "components": filled(opened.modal, values), "resolved": {}}
        return await self._interact(MODAL, user, opened.channel, data, on=opened.on)

    # --- how ---

    def _known(self, user: User, channel: Channel, kind: int, name: str) -> Raw:
        known = self.commands.get((kind, name))
        if known is None:
            raise NotOffered(f"{name!r} was not synced")
        gate = known.get("default_member_permissions")
        if gate is not None and channel.guild is not None:
            may, need = channel.guild.may(user), int(gate)
            if not may & 8 and (need == 0 or may & need != need):
                raise NotOffered(f"{user.name} does not see {name!r}")
        contexts = known.get("contexts")
        if contexts is not None and (1 if channel.guild is None else 0) not in contexts:
            raise NotOffered(f"{name!r} is not offered here")
        return known

    def _offered(self, user: User, channel: Channel, line: str, options: Mapping[str, Any], focus: str | None) -> Raw:
        known = self._known(user, channel, 1, line.split(" ")[0])
        data: Raw = {"id": known["id"], "name": known["name"], "type": 1}
        data["options"] = chosen(known, line.split(" ")[1:], options, focus)
        data["resolved"] = resolved(options.values(), channel.guild)
        return data

    async def _interact(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Raw,
        on: Message | None = None,
        target: Message | None = None,
    ) -> Answer:
        answer = Answer(kind, self.fresh(), user, channel, on)
        self.answers[str(answer.id)] = self.answers[answer.token] = answer
        if not self.hub.sessions:
            raise NoAnswer("the bot is not connected")
        raw = self._raw(answer, data)
        self.hub.emit("INTERACTION_CREATE", channel.guild, lambda _: raw)
        try:
            await asyncio.wait_for(answer.responded.wait(), self.patience)
        except TimeoutError:
            raise NoAnswer(f"the bot did not respond within {self.patience} s") from None
        return answer

    def _raw(self, answer: Answer, data: Raw) -> Raw:
        user, channel, guild = answer.user, answer.channel, answer.channel.guild
        raw: Raw = {
            "id": str(answer.id),
            "application_id": str(self.application),
            "type": answer.kind,
            "token": answer.token,
            "version": 1,
            "data": data,
            "channel_id": str(channel.id),
            "channel": channel.raw(self.me) | {"permissions": str(EVERYTHING)},
            "app_permissions": str(int(self.mine(channel))),
            "locale": user.locale,
            "entitlements": [],
            "attachment_size_limit": 10 << 20,
        }
        if guild is None:
            raw |= {"user": user.raw(), "context": 1, "authorizing_integration_owners": {"1": str(user.id)}}
        else:
            member = guild.member(user) | {"user": user.raw(), "permissions": str(int(guild.may(user)))}
            raw |= {
                "guild_id": str(guild.id),
                "guild": {"id": str(guild.id), "locale": "en-US", "features": []},
                "guild_locale": "en-US",
                "member": member,
                "context": 0,
                "authorizing_integration_owners": {"0": str(guild.id)},
            }
        if answer.on is not None:
            raw["message"] = answer.on.raw(self.me) | {"flags": answer.on.flags}
        return raw

    def metadata(self, answer: Answer) -> Raw:
        """`interaction_metadata` of a reply."""
        return {
            "id": str(answer.id),
            "type": answer.kind,
            "user": answer.user.raw(),
            "authorizing_integration_owners": {},
        }

    def standing(self, message: Message) -> bool:
        """Whether a message is in its channel; those that only one person sees are not."""
        return not message.flags & EPHEMERAL and message.id in message.channel.messages
