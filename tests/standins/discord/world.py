"""Guilds, their channels and threads, and the objects that Discord shows of them.

Plain slotted classes, so that 1,000 guilds with 50 channels each are made in a second. Nothing here sends anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from tests.standins.discord.basics import (
    ANNOUNCEMENT,
    EVERYTHING,
    FORUM,
    PEOPLE,
    REQUIRE_TAG,
    TEXT,
    Raw,
    Role,
    User,
    iso,
    stamp,
)
from tests.standins.discord.message import Message


class Channel:
    """A channel or a thread (`parent` set). `messages` by id, oldest first. `gone` once it was deleted."""

    __slots__ = (
        "allow",
        "applied",
        "archived",
        "archived_at",
        "auto_archive",
        "deny",
        "flags",
        "followers",
        "gone",
        "guild",
        "id",
        "joined",
        "last",
        "locked",
        "messages",
        "moderated",
        "name",
        "owner",
        "parent",
        "sent",
        "tags",
        "type",
    )

    def __init__(self, ident: int, kind: int, name: str, guild: Guild | None, parent: Channel | None = None) -> None:
        self.id, self.type, self.name, self.guild, self.parent = ident, kind, name, guild, parent
        self.messages: dict[int, Message] = {}
        self.last: int | None = None
        self.allow = self.deny = 0  # the bot's own overwrites here
        self.tags: dict[int, str] = {}  # of a forum
        self.moderated: set[int] = set()  # those of them that need MANAGE_THREADS
        self.flags = 0
        self.followers: list[Channel] = []
        self.gone = False
        self.owner = 0
        self.archived = self.locked = self.joined = False
        self.archived_at = time.time()
        self.auto_archive = 1440
        self.applied: list[int] = []
        self.sent = 0

    @property
    def is_thread(self) -> bool:
        return self.parent is not None

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    def tag(self, name: str) -> int:
        """The id of a forum's tag."""
        return next(ident for ident, one in self.tags.items() if one == name)

    def __iter__(self) -> Iterator[Message]:
        return iter(list(self.messages.values()))

    def raw(self, me: User) -> Raw:
        """The object as REST and GUILD_CREATE show it to the bot `me`."""
        raw: Raw = {
            "id": str(self.id),
            "type": self.type,
            "name": self.name,
            "last_message_id": None if self.last is None else str(self.last),
            "flags": self.flags,
        }
        if self.guild is None:
            return raw | {"recipients": [], "name": None}
        raw |= {"guild_id": str(self.guild.id), "rate_limit_per_user": 0}
        if self.parent is not None:
            return raw | self._raw_thread(me)
        raw |= {"parent_id": None, "position": 0, "topic": None, "nsfw": False, "permission_overwrites": []}
        if self.allow or self.deny:
            raw["permission_overwrites"] = [
                {"id": str(me.id), "type": 1, "allow": str(int(self.allow)), "deny": str(int(self.deny))}
            ]
        if self.type == FORUM:
            raw |= {
                "available_tags": [
                    {
                        "id": str(ident),
                        "name": name,
                        "moderated": ident in self.moderated,
                        "emoji_id": None,
                        "emoji_name": None,
                    }
                    for ident, name in self.tags.items()
                ],
                "default_reaction_emoji": None,
                "default_sort_order": None,
                "default_forum_layout": 0,
            }
        return raw

    def _raw_thread(self, me: User) -> Raw:
        assert self.parent is not None
        raw: Raw = {
            "parent_id": str(self.parent.id),
            "owner_id": str(self.owner),
            "message_count": min(50, len(self.messages)),
            "total_message_sent": self.sent,
            "member_count": 1,
            "thread_metadata": {
                "archived": self.archived,
                "archive_timestamp": iso(self.archived_at),
                "auto_archive_duration": self.auto_archive,
                "locked": self.locked,
                "create_timestamp": stamp(self.id),
            },
            "applied_tags": [str(one) for one in self.applied],
        }
        if self.joined:
            raw["member"] = {
                "id": str(self.id),
                "user_id": str(me.id),
                "join_timestamp": stamp(self.id),
                "flags": 1,
            }
        return raw


class Guild:
    """A server. Its channels are made by `text`, `announcement` and `forum`; see `Discord`."""

    __slots__ = (
        "channels",
        "granted",
        "id",
        "left",
        "me_role",
        "members",
        "name",
        "roles",
        "thread_cap",
        "threads",
        "timed_out",
        "world",
    )

    def __init__(self, world: Maker, ident: int, name: str, permissions: int) -> None:
        self.world, self.id, self.name = world, ident, name
        self.channels: dict[int, Channel] = {}
        self.threads: dict[int, Channel] = {}
        self.me_role = Role(ident + 1, "rondan", permissions)
        self.roles: dict[int, Role] = {ident: Role(ident, "@everyone"), ident + 1: self.me_role}
        self.granted: dict[int, int] = {}
        self.members: dict[int, list[int]] = {}  # the roles of people
        self.thread_cap = 1000
        self.left = self.timed_out = False

    def text(self, name: str) -> Channel:
        return self.world.add_channel(self, TEXT, name)

    def announcement(self, name: str) -> Channel:
        return self.world.add_channel(self, ANNOUNCEMENT, name)

    def forum(self, name: str, tags: Sequence[str] = (), require_tag: bool = False) -> Channel:
        return self.world.add_channel(self, FORUM, name, tags, REQUIRE_TAG if require_tag else 0)

    def role(self, name: str, mentionable: bool = False) -> Role:
        return self.world.add_role(self, name, mentionable)

    def grant(
        self, user: User, permissions: int | None = None, *, administrator: bool = False, roles: Sequence[Role] = ()
    ) -> None:
        """What a user may do here, instead of `PEOPLE`; and which roles they have."""
        given = PEOPLE if permissions is None else permissions
        self.granted[user.id] = EVERYTHING if administrator else int(given)
        self.members[user.id] = [role.id for role in roles]

    def may(self, user: User) -> int:
        """A user's permissions here."""
        return self.granted.get(user.id, int(PEOPLE))

    def member(self, user: User) -> Raw:
        """A member object without `user`."""
        return {
            "roles": [str(one) for one in self.members.get(user.id, [])],
            "nick": None,
            "avatar": None,
            "joined_at": "2026-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
            "pending": False,
        }

    def mine(self, me: User) -> Raw:
        """The bot's own member object."""
        until = iso(time.time() + 3600) if self.timed_out else None
        roles = [str(self.me_role.id)]
        return self.member(me) | {"user": me.raw(), "roles": roles, "communication_disabled_until": until}

    def raw(self, me: User) -> Raw:
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": "1",
            "icon": None,
            "features": [],
            "preferred_locale": "en-US",
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "system_channel_flags": 0,
            "roles": [role.raw() for role in self.roles.values()],
            "emojis": [],
            "stickers": [],
        }

    def created(self, me: User) -> Raw:
        """What GUILD_CREATE says."""
        return self.raw(me) | {
            "unavailable": False,
            "large": False,
            "member_count": 100,
            "joined_at": "2026-01-01T00:00:00+00:00",
            "members": [self.mine(me)],
            "channels": [one.raw(me) for one in self.channels.values()],
            "threads": [one.raw(me) for one in self.threads.values() if not one.archived],
            "presences": [],
            "voice_states": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
        }


class Maker:
    """Who makes the parts of a guild, so that they are known everywhere and announced."""

    def add_channel(self, guild: Guild, kind: int, name: str, tags: Sequence[str] = (), flags: int = 0) -> Channel:
        raise NotImplementedError

    def add_role(self, guild: Guild, name: str, mentionable: bool) -> Role:
        raise NotImplementedError
