"""Who people are to Slack: of our organisation or another, name, language, time zone, and whether they moderate.

Fails closed: whom Slack can't vouch for moderates nothing, and where it matters is not taken for one of ours.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog

from bot.platforms.slack.posts import Posts
from bot.platforms.slack.refusals import name_of
from core.chat import Role
from core.errors import Busy, ChatError, Poison, Unknown
from core.times import Clock

log = structlog.get_logger()

FRESH = 300.0  # seconds that an answer about a person or a group is believed
TRUSTED = 10.0  # the same of one by which somebody may do more than read: Slack takes 20 questions a minute on groups
STAYS = 86_400.0  # the same of the organisation that somebody is of
KNOWN = 10_000  # people remembered
ASKED = 100  # people asked about at the same time: a minute's worth of what Slack answers
NOT_SHOWN = {"user_not_found", "user_not_visible"}  # said of people of other organisations, never of ours
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
    ours: bool | None = None  # of our organisation: this workspace, or another of our enterprise; None: not known


class People:
    """`moderators` and `authors`: ids of people (`U…`, `W…`) and of user groups (`S…`); the admins of the workspace
    moderate too. `of_places`: ids that places name as moderators of their own.
    """

    def __init__(self, posts: Posts, moderators: Sequence[str], clock: Clock, authors: Sequence[str] = ()) -> None:
        self._posts = posts
        self._moderators = tuple(moderators)
        self._authors = tuple(authors)
        self.of_places: frozenset[str] = frozenset()
        self._clock = clock
        self._profiles: OrderedDict[str, tuple[float, Profile]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Profile]] = {}
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
        """What Slack says of a person, or said `within` seconds; one without rights when it says nothing."""
        try:
            return await self._told(who, within)
        except ChatError as error:
            log.warning("slack.person-unknown", error=str(error))
            return replace(self.seen(who), admin=False, member=False)

    async def is_ours(self, who: str, team: str = "", *, within: float | None = None) -> bool:
        """Whether somebody is of our organisation. `team`: what Slack said of theirs along with what they did.

        ChatError if that can't be learnt, or not within so many seconds; it is found out all the same, for later.
        """
        if (told := self.by_team(team)) is not None:
            return told
        if len(self._asking) >= ASKED and who not in self._asking and who not in self._profiles:
            until = self._clock() + timedelta(seconds=10)
            raise Busy(f"Slack is being asked about {ASKED} people already", until=until)
        try:
            async with asyncio.timeout(within):
                return bool((await self._told(who, STAYS)).ours)
        except TimeoutError:
            until = self._clock() + timedelta(seconds=within or 0)
            raise Busy(f"Slack did not say within {within} s of which organisation somebody is", until=until) from None

    def by_team(self, team: str) -> bool | None:
        """Whether a workspace or enterprise is of our organisation; None if it must be asked. On an Enterprise Grid
        other workspaces may be ours too.
        """
        if not team:
            return None
        if team in (self._posts.team, self._posts.enterprise):
            return True
        return None if self._posts.enterprise and not team.startswith("E") else False

    async def close(self) -> None:
        """Ask no further."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _told(self, who: str, within: float) -> Profile:
        """What Slack said of a person no more than `within` seconds ago. Who waits may go, the question stays."""
        at, known = self._profiles.get(who, (0.0, None))
        if known is not None and asyncio.get_running_loop().time() - at < within:
            return known
        asking = self._asking.get(who)
        if asking is None:
            asking = self._asking[who] = asyncio.create_task(self._ask(who))
            asking.add_done_callback(lambda done: self._asked(who, done))
        return await asyncio.shield(asking)

    def _asked(self, who: str, done: asyncio.Task[Profile]) -> None:
        del self._asking[who]
        if not done.cancelled() and (error := done.exception()) is not None:
            log.debug("slack.person-unknown", error=str(error))  # nobody may be waiting any more

    async def _ask(self, who: str) -> Profile:
        try:
            answer = await self._posts.api.once("users.info", {"user": who, "include_locale": True})
        except Poison as error:
            if name_of(error) not in NOT_SHOWN:
                raise
            profile = Profile(ours=False)
        else:
            if not answer.get("user"):
                raise Unknown("Slack's answer about a person says nothing of them")
            profile = _profile(answer["user"], self._posts.team, self._posts.enterprise)
        self._profiles[who] = (asyncio.get_running_loop().time(), profile)
        self._profiles.move_to_end(who)
        while len(self._profiles) > KNOWN:
            self._profiles.popitem(last=False)
        return profile

    async def roles(self, who: str) -> frozenset[Role]:
        """What a person may do. Whoever Slack can't vouch for reads; whoever may do more is asked about again."""
        roles = await self._roles(who, FRESH)
        return roles if roles == READER else await self._roles(who, TRUSTED)

    async def _roles(self, who: str, within: float) -> frozenset[Role]:
        profile = await self.profile(who, within)
        if not profile.member:
            return READER
        author: frozenset[Role] = frozenset({"author"} if await self._is_among(self._authors, who, within) else ())
        if profile.admin:
            return READER | author | {"host", "moderator", "admin"}
        if await self._is_among(self._moderators, who, within):
            return READER | author | {"moderator"}
        return READER | author

    async def known_as(self, who: str) -> frozenset[str]:
        """By which of the ids that places name somebody is known; none whom Slack can't vouch for."""
        known = await self._known_as(who, FRESH)
        return known and await self._known_as(who, TRUSTED)

    async def _known_as(self, who: str, within: float) -> frozenset[str]:
        if not self.of_places or not (await self.profile(who, within)).member:
            return frozenset()
        return frozenset([one for one in sorted(self.of_places) if await self._is_among((one,), who, within)])

    async def _is_among(self, listed: Sequence[str], who: str, within: float) -> bool:
        """Whether a list names a person, or a group that they are in."""
        if who in listed:
            return True
        for group in listed:
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


def _profile(user: Mapping[str, Any], team: str, enterprise: str = "") -> Profile:
    """`team`: our workspace. An admin of another one is none of ours; on Grid a person is of several."""
    shown, grid = user.get("profile") or {}, user.get("enterprise_user") or {}
    here = team in {str(user.get("team_id") or team), *(grid.get("teams") or ())} and not user.get("is_stranger")
    ours = here or (enterprise != "" and enterprise in (user.get("team_id"), grid.get("enterprise_id")))
    name = shown.get("display_name") or shown.get("real_name") or user.get("real_name") or user.get("name") or ""
    return Profile(
        name=str(name) if ours else "",
        language=str(user.get("locale") or "")[:2],
        zone=str(user.get("tz") or ""),
        admin=here and any(user.get(flag) for flag in ("is_admin", "is_owner", "is_primary_owner")),
        member=here and not any(user.get(flag) for flag in NO_MODERATOR),
        ours=ours,
    )
