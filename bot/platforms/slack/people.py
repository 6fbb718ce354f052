"""Who people are to Slack: name, language, time zone, and whether they moderate. Fails closed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.platforms.slack.posts import Posts
from core.chat import Role
from core.errors import ChatError

log = structlog.get_logger()

FRESH = 300.0  # seconds that an answer about a person or a group is believed
KNOWN = 10_000  # people remembered
NO_READER = ("deleted", "is_bot", "is_stranger")
NO_MODERATOR = (*NO_READER, "is_restricted", "is_ultra_restricted")


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as Slack shows them."""

    name: str = ""
    language: str = ""
    zone: str = ""
    admin: bool = False
    member: bool = False  # of this workspace, with full rights


class People:
    """`moderators`: ids of people (`U…`, `W…`) and of user groups (`S…`); the admins of the workspace moderate too."""

    def __init__(self, posts: Posts, moderators: Sequence[str]) -> None:
        self._posts = posts
        self._moderators = tuple(moderators)
        self._profiles: OrderedDict[str, tuple[float, Profile]] = OrderedDict()
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}

    def name(self, who: str) -> str:
        """The name of a person, if it is known already."""
        return self._profiles[who][1].name if who in self._profiles else ""

    def forget_groups(self) -> None:
        """The members of a group have changed."""
        self._groups.clear()

    async def profile(self, who: str) -> Profile:
        """What Slack says of a person; an empty profile when it says nothing."""
        now = asyncio.get_running_loop().time()
        at, known = self._profiles.get(who, (-FRESH, Profile()))
        if now - at < FRESH:
            return known
        try:
            answer = await self._posts.api.once("users.info", {"user": who, "include_locale": True})
        except ChatError as error:
            log.warning("slack.person-unknown", error=str(error))
            return Profile(name=known.name, language=known.language, zone=known.zone)
        fresh = _profile(answer.get("user") or {})
        self._profiles[who] = (now, fresh)
        self._profiles.move_to_end(who)
        while len(self._profiles) > KNOWN:
            self._profiles.popitem(last=False)
        return fresh

    async def roles(self, who: str) -> frozenset[Role]:
        """What a person may do. Whoever Slack can't vouch for reads."""
        profile = await self.profile(who)
        roles: set[Role] = {"reader"}
        if not profile.member:
            return frozenset(roles)
        if profile.admin:
            roles |= {"host", "moderator", "admin"}
        elif who in self._moderators or await self._is_in_group(who):
            roles |= {"moderator"}
        return frozenset(roles)

    async def _is_in_group(self, who: str) -> bool:
        for group in self._moderators:
            if group.startswith("S") and who in await self._members(group):
                return True
        return False

    async def _members(self, group: str) -> frozenset[str]:
        now = asyncio.get_running_loop().time()
        at, known = self._groups.get(group, (-FRESH, frozenset()))
        if now - at < FRESH:
            return known
        try:
            answer = await self._posts.api.once("usergroups.users.list", {"usergroup": group})
        except ChatError as error:
            log.warning("slack.group-unknown", group=group, error=str(error))
            return frozenset()
        self._groups[group] = (now, frozenset(str(one) for one in answer.get("users") or ()))
        return self._groups[group][1]


def _profile(user: dict[str, Any]) -> Profile:
    shown = user.get("profile") or {}
    return Profile(
        name=str(
            shown.get("display_name") or shown.get("real_name") or user.get("real_name") or user.get("name") or ""
        ),
        language=str(user.get("locale") or "")[:2],
        zone=str(user.get("tz") or ""),
        admin=any(user.get(flag) for flag in ("is_admin", "is_owner", "is_primary_owner")),
        member=not any(user.get(flag) for flag in NO_MODERATOR),
    )
