"""Who asks, from what an interaction says of them and what Slack knows. People of other organisations may only read."""

from __future__ import annotations

import asyncio

import structlog

from bot.platforms.slack import asked
from bot.platforms.slack.answers import refusal
from bot.platforms.slack.asked import Body
from bot.platforms.slack.hearing import Hearing
from bot.platforms.slack.people import READER, People
from bot.platforms.slack.posts import Posts
from core.chat import Caller, Person
from core.message import Reply

log = structlog.get_logger()

ASKS = 1.2  # seconds that we wait for what Slack knows of a person: a window must be opened within three


class TurnedAway(Exception):
    """Somebody may not ask this; `reply` tells them so."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.message.title)
        self.reply = reply


class Callers:
    """`language` and `zone` stand where a person has none."""

    def __init__(self, posts: Posts, people: People, hearing: Hearing, *, language: str, zone: str) -> None:
        self._posts = posts
        self._people = people
        self._hearing = hearing
        self._language = language
        self._zone = zone

    async def caller(self, body: Body, *, reads: bool = False) -> Caller:
        """Who asks, from where, and what they may do. `reads`: it leaves no trace here, so everybody may; else
        TurnedAway for people of other organisations, and where Slack does not say who somebody is.
        """
        who = asked.who(body)
        try:
            async with asyncio.timeout(ASKS):
                roles = await self._people.roles(who)
                known_as = await self._people.known_as(who)
        except TimeoutError:
            log.warning("slack.person-unknown", error=f"Slack did not say within {ASKS} s who may do what")
            roles, known_as = READER, frozenset()
        profile = self._people.seen(who)
        ours = self._people.by_team(asked.team(body)) if profile.ours is None else profile.ours
        if not reads and not ours:
            raise TurnedAway(refusal(self.language(body), "slow" if ours is None else "foreign"))
        return Caller(
            platform="slack",
            person=Person(id=who, name=profile.name),
            channel=self.channel(body),
            community=self._posts.team,  # not what the body says: in a shared channel that may be the other one
            language=self.language(body),
            roles=roles,
            zone=profile.zone or self._zone,
            known_as=known_as,
        )

    def channel(self, body: Body) -> str | None:
        """Where it was asked; a window may have stood open while the channel got another id."""
        found = asked.channel(body)
        return None if found is None else self._hearing.today(found)

    def language(self, body: Body) -> str:
        """In what language to answer."""
        language = self._people.seen(asked.who(body)).language
        return language if language in ("ja", "en") else self._language
