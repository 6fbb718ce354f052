"""Numbers and small things of Discord: permissions, flags, ids that carry their time, accounts, roles."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import IntFlag
from typing import Any

Raw = dict[str, Any]
"""A JSON object as it goes over the wire."""

EPOCH = 1_420_070_400_000
TEXT, DM, ANNOUNCEMENT, NEWS_THREAD, PUBLIC_THREAD, PRIVATE_THREAD, FORUM = 0, 1, 5, 10, 11, 12, 15
CROSSPOSTED, IS_CROSSPOST, SOURCE_DELETED, HAS_THREAD, EPHEMERAL, LOADING, V2 = 1, 2, 8, 1 << 5, 1 << 6, 1 << 7, 1 << 15
REQUIRE_TAG = 1 << 4  # a forum's flag


class P(IntFlag):
    """Permissions that the stand-in looks at, by Discord's names."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    MANAGE_WEBHOOKS = 1 << 29
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


EVERYTHING = (1 << 53) - 1
PEOPLE = (
    P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.SEND_MESSAGES_IN_THREADS
    | P.READ_MESSAGE_HISTORY
    | P.ADD_REACTIONS
    | P.CREATE_PUBLIC_THREADS
    | P.USE_APPLICATION_COMMANDS
)
"""What anybody may do in a guild, unless granted otherwise."""
BOT = PEOPLE | P.EMBED_LINKS | P.ATTACH_FILES
"""What the bot may do in a guild, unless told otherwise."""


class Snowflakes:
    """Ids that grow with time, never the same twice. `back` seconds behind the clock; `apart`: each its millisecond."""

    def __init__(self, back: float = 0, apart: bool = False) -> None:
        self._back = int(back * 1000)
        self._step = 1 << 22 if apart else 1
        self._last = 0

    def next(self) -> int:
        now = (int(time.time() * 1000) - self._back - EPOCH) << 22
        self._last = max(now, self._last + self._step)
        return self._last


def stamp(snowflake: int) -> str:
    """The time of an id as Discord writes it."""
    return iso(((snowflake >> 22) + EPOCH) / 1000)


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


class User:
    """An account. `bot` for applications and webhooks."""

    __slots__ = ("bot", "id", "locale", "name")

    def __init__(self, ident: int, name: str, locale: str = "en-US", bot: bool = False) -> None:
        self.id, self.name, self.locale, self.bot = ident, name, locale, bot

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def raw(self) -> Raw:
        return {
            "id": str(self.id),
            "username": self.name,
            "global_name": None if self.bot else self.name,
            "discriminator": "0000" if self.bot else "0",
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
        }


class Role:
    __slots__ = ("id", "mentionable", "name", "permissions")

    def __init__(self, ident: int, name: str, permissions: int = 0, mentionable: bool = False) -> None:
        self.id, self.name, self.permissions, self.mentionable = ident, name, permissions, mentionable

    def raw(self) -> Raw:
        return {
            "id": str(self.id),
            "name": self.name,
            "permissions": str(int(self.permissions)),
            "position": 0 if self.name == "@everyone" else 1,
            "mentionable": self.mentionable,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "flags": 0,
        }
