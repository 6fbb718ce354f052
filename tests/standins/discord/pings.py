"""Whom a message's text would wake up, by the rules of `allowed_mentions`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.standins.discord.basics import P, User
from tests.standins.discord.message import MENTION, ROLE_MENTION, Message
from tests.standins.discord.world import Channel

EVERYONE = re.compile(r"@(everyone|here)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """A message that woke somebody: user and role ids, or everyone."""

    message: Message
    users: tuple[int, ...]
    roles: tuple[int, ...]
    everyone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """Those whom a text pings."""

    users: tuple[User, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False

    def __bool__(self) -> bool:
        return bool(self.users or self.roles or self.everyone)

    def ping(self, message: Message) -> Ping:
        return Ping(
            message=message, users=tuple(one.id for one in self.users), roles=self.roles, everyone=self.everyone
        )


def woken(
    text: str,
    allowed: Mapping[str, Any] | None,
    *,
    usual: tuple[str, ...],
    users: Mapping[int, User],
    channel: Channel,
    mine: int,
    replied: User | None = None,
) -> Woken:
    """`allowed` None: the default of the kind of message, `usual` ("users", "roles", "everyone")."""
    kinds = usual if allowed is None else allowed.get("parse") or ()
    named = {kind: {int(one) for one in (allowed or {}).get(kind) or ()} for kind in ("users", "roles")}
    found = [int(one) for one in MENTION.findall(text)]
    people = [
        users[one] for one in dict.fromkeys(found) if one in users and ("users" in kinds or one in named["users"])
    ]
    answered = replied is not None and (allowed is None or bool(allowed.get("replied_user")))
    if answered and replied is not None and replied not in people:
        people.append(replied)
    guild = channel.guild
    everybody = bool(mine & P.MENTION_EVERYONE)
    roles = [
        one
        for one in dict.fromkeys(int(one) for one in ROLE_MENTION.findall(text))
        if ("roles" in kinds or one in named["roles"])
        and guild is not None
        and one in guild.roles
        and (guild.roles[one].mentionable or everybody)
    ]
    return Woken(
        users=tuple(people),
        roles=tuple(roles),
        everyone=bool(EVERYONE.search(text)) and "everyone" in kinds and everybody,
    )
