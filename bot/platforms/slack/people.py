"""Who people are to Slack: name, language, time zone, and whether they moderate. Fails closed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.platforms.slack.posts import Posts
from core.chat import Role
from core.errors import ChatError

log = structlog.get_logger()

FRESH = 300.0  # seconds that an answer about a person or a group is believed
TRUSTED = 10.0  # the same of one by which somebody may do more than read: Slack takes 20 questions a minute on groups
KNOWN = 10_000  # people remembered
NO_MODERATOR = ("deleted", "is_bot", "is_stranger", "is_restricted", "is_ultra_restricted")
READER: frozenset[Role] = frozenset({"reader"})


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as Slack shows them. `name` is empty for people of other organisations: it would be kept."""

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

    def seen(self, who: str) -> Profile:
        """What is known of a person already."""
        return self._profiles[who][1] if who in self._profiles else Profile()

    def name(self, who: str) -> str:
        """The name of a person, if it is known already."""
        return self.seen(who).name

    def forget_groups(self) -> None:
        """The members of a group have changed."""
        self._groups.clear()

    async def profile(self, who: str, within: float = FRESH) -> Profile:
        """What Slack says of a person, or said `within` seconds; a stranger's profile when it says nothing."""
        now = asyncio.get_running_loop().time()
        at, known = self._profiles.get(who, (-FRESH, Profile()))
        if now - at < within:
            return known
        try:
            answer = await self._posts.api.once("users.info", {"user": who, "include_locale": True})
        except ChatError as error:
            log.warning("slack.person-unknown", error=str(error))
            return Profile(name=known.name, language=known.language, zone=known.zone)
        fresh = _profile(answer.get("user") or {}, self._posts.team)
        self._profiles[who] = (now, fresh)
        self._profiles.move_to_end(who)
        while len(self._profiles) > KNOWN:
            self._profiles.popitem(last=False)
        return fresh

    async def roles(self, who: str) -> frozenset[Role]:
        """What a person may do. Whoever Slack can't vouch for reads; whoever may do more is asked about again."""
        roles = await self._roles(who, FRESH)
        return roles if roles == READER else await self._roles(who, TRUSTED)

    async def _roles(self, who: str, within: float) -> frozenset[Role]:
        profile = await self.profile(who, within)
        if not profile.member:
            return READER
        if profile.admin:
            return READER | {"host", "moderator", "admin"}
        if who in self._moderators or await self._is_in_group(who, within):
            return READER | {"moderator"}
        return READER

    async def _is_in_group(self, who: str, within: float) -> bool:
        for group in self._moderators:
            if group.startswith("S") and who in await self._members(group, within):
                return True
        return False

    async def _members(self, group: str, within: float) -> frozenset[str]:
        now = asyncio.get_running_loop().time()
        at, known = self._groups.get(group, (-FRESH, frozenset()))
        if now - at < within:
            return known
        try:
            answer = await self._posts.api.once("usergroups.users.list", {"usergroup": group})
        except ChatError as error:
            log.warning("slack.group-unknown", group=group, error=str(error))
            return frozenset()
        self._groups[group] = (now, frozenset(str(one) for one in answer.get("users") or ()))
        return self._groups[group][1]


def _profile(user: Mapping[str, Any], team: str) -> Profile:
    """`team`: our workspace. An admin of another one is none of ours; on Grid a person is of several."""
    shown = user.get("profile") or {}
    theirs = {str(user.get("team_id") or team), *((user.get("enterprise_user") or {}).get("teams") or ())}
    ours = team in theirs and not user.get("is_stranger")
    name = shown.get("display_name") or shown.get("real_name") or user.get("real_name") or user.get("name") or ""
    return Profile(
        name=str(name) if ours else "",
        language=str(user.get("locale") or "")[:2],
        zone=str(user.get("tz") or ""),
        admin=ours and any(user.get(flag) for flag in ("is_admin", "is_owner", "is_primary_owner")),
        member=ours and not any(user.get(flag) for flag in NO_MODERATOR),
    )
