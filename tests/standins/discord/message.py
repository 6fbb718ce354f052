"""A message with its components and reactions, and the object that Discord shows of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tests.standins.discord.basics import Raw, User, iso, stamp

if TYPE_CHECKING:
    from tests.standins.discord.world import Channel


class Message:
    """A message. `author` wrote it; `components` carry the ids that Discord gave them.

    `reactions` are user ids by (emoji, kind): an emoji is its name, or `name:id` of a custom one; 0 normal, 1 burst.
    """

    __slots__ = (
        "addressed",
        "application",
        "attachments",
        "author",
        "channel",
        "components",
        "content",
        "copies",
        "edited",
        "embeds",
        "everyone",
        "flags",
        "id",
        "interaction",
        "mentions",
        "reactions",
        "reference",
        "replied",
        "roles",
        "source",
        "thread",
        "type",
        "webhook",
    )

    def __init__(self, ident: int, channel: Channel, author: User, content: str = "", kind: int = 0) -> None:
        self.id, self.channel, self.author, self.content, self.type = ident, channel, author, content, kind
        self.components: list[Raw] = []
        self.embeds: list[Raw] = []
        self.attachments: list[Raw] = []
        self.flags = 0
        self.mentions: list[User] = []
        self.roles: list[int] = []
        self.everyone = False
        self.reactions: dict[tuple[str, int], set[int]] = {}
        self.edited: float | None = None
        self.addressed = False  # to the bot, so that it is told the content
        self.reference: Raw | None = None
        self.replied: Message | None = None  # a reply's target
        self.thread: Channel | None = None
        self.webhook: int | None = None
        self.application: int | None = None
        self.interaction: Raw | None = None  # set if it answers an interaction
        self.copies: list[Message] = []  # crossposts of it
        self.source: Message | None = None  # what it is a crosspost of

    @property
    def text(self) -> str:
        """All text that a reader sees: content, embeds, TextDisplays, by lines."""
        embedded = [str(one.get(key, "")) for one in self.embeds for key in ("title", "description")]
        shown = [str(one["content"]) for one in walk(self.components) if one.get("type") == 10]
        return "\n".join(part for part in (self.content, *embedded, *shown) if part)

    @property
    def buttons(self) -> list[Raw]:
        return [one for one in walk(self.components) if one.get("type") == 2]

    def raw(self, me: User, told: bool = True, nested: bool = False) -> Raw:
        """The object as the bot `me` gets it; not `told`: without message content."""
        raw: Raw = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "type": self.type,
            "author": self.author.raw(),
            "content": self.content if told else "",
            "components": self.components if told else [],
            "embeds": self.embeds if told else [],
            "attachments": self.attachments if told else [],
            "timestamp": stamp(self.id),
            "edited_timestamp": None if self.edited is None else iso(self.edited),
            "flags": self.flags,
            "mentions": [one.raw() for one in self.mentions],
            "mention_roles": [str(one) for one in self.roles],
            "mention_everyone": self.everyone,
            "pinned": False,
            "tts": False,
        }
        if self.reactions:
            raw["reactions"] = self._raw_reactions(me)
        if self.reference is not None:
            raw["message_reference"] = self.reference
        if self.webhook is not None:
            raw["webhook_id"] = str(self.webhook)
        if self.application is not None:
            raw["application_id"] = str(self.application)
        if self.interaction is not None:
            raw["interaction_metadata"] = self.interaction
        if self.thread is not None and not self.thread.gone:
            raw["thread"] = self.thread.raw(me)
        if self.type in (19, 21) and not nested:
            old = self.replied
            there = old is not None and old.id in old.channel.messages
            raw["referenced_message"] = (
                old.raw(me, told=told or old.author is me, nested=True) if old and there else None
            )
        return raw

    def _raw_reactions(self, me: User) -> list[Raw]:
        by_emoji: dict[str, dict[int, set[int]]] = {}
        for (emoji, kind), users in self.reactions.items():
            by_emoji.setdefault(emoji, {})[kind] = users
        rows = []
        for emoji, kinds in by_emoji.items():
            normal, burst = kinds.get(0, set()), kinds.get(1, set())
            if normal or burst:
                rows.append(
                    {
                        "emoji": emoji_raw(emoji),
                        "count": len(normal) + len(burst),
                        "count_details": {"normal": len(normal), "burst": len(burst)},
                        "me": me.id in normal,
                        "me_burst": me.id in burst,
                        "burst_colors": [],
                    }
                )
        return rows


def walk(components: Sequence[Raw]) -> Iterator[Raw]:
    """All components, those inside others after their parent."""
    for one in components:
        yield one
        inside = [one.get("component"), one.get("accessory"), *(one.get("components") or ())]
        yield from walk([part for part in inside if isinstance(part, dict)])


def number(components: list[Raw]) -> list[Raw]:
    """Gives every component without an `id` the next free one, as Discord does; changes and returns them."""
    taken = {one.get("id") for one in walk(components)}
    free = (one for one in itertools.count(1) if one not in taken)
    for one in walk(components):
        if not one.get("id"):
            one["id"] = next(free)
    return components


def emoji_raw(emoji: str) -> Raw:
    name, _, ident = emoji.partition(":")
    return {"id": ident or None, "name": name}


MENTION = re.compile(r"<@!?(\d+)>")
ROLE_MENTION = re.compile(r"<@&(\d+)>")
