"""What people did while the bot was away: each channel's history once, then the threads that have answers.

The history of a channel gives its posts with counts of answers and reactions. Under a post that has answers they are
read whole: an edit shows nowhere else. Who reacted is asked only where the counts are not what we have, since Slack's
lists of people may be incomplete there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from bot.platforms.slack.hearing import Hearing, moment, reaction
from bot.platforms.slack.people import People
from bot.platforms.slack.posts import Posts, is_tombstone
from core.chat import Heard, Known, Person, Reacted, Removed, Unreadable, Window
from core.errors import Busy, ChatError, Gone, Unknown
from core.times import Clock

Told = Heard | Window | Unreadable
PAGES = 1000  # most of one reading: a channel in which much else is said


class Recall:
    """One recall over everything that is known."""

    def __init__(self, posts: Posts, hearing: Hearing, people: People, clock: Clock) -> None:
        self._posts = posts
        self._hearing = hearing
        self._people = people
        self._clock = clock
        self._shared: dict[str, bool] = {}  # channels with other organisations, as far as it had to be asked

    async def run(self, known: Iterable[Known]) -> AsyncIterator[Told]:
        """Yields as `Chat.recall`. What Slack could not tell just now is to be asked again: raises that at the end."""
        channels: defaultdict[str, dict[str, Known]] = defaultdict(dict)
        for one in known:
            if not one.ref.id.replace(".", "").isdecimal():
                yield Unreadable(channel=one.channel, anchor=one.ref.id, reason="that is no message of Slack's")
                continue
            channels[one.channel][one.ref.id] = one
            if not one.comment:
                self._posts.stands(one.ref.id)
        again: ChatError | None = None
        for channel, there in channels.items():
            try:
                async for told in self._channel(channel, there):
                    yield told
            except ChatError as error:
                again = error if isinstance(error, Busy | Unknown) else again
                for one in there.values():
                    yield Unreadable(channel=channel, anchor=one.ref.id, reason=str(error))
        if again is not None:
            raise again

    async def _channel(self, channel: str, known: Mapping[str, Known]) -> AsyncIterator[Told]:
        """Everything that is missing of one channel. Sections stand in the thread of their card."""
        oldest = min(known, key=moment)
        body = {"channel": channel, "oldest": oldest, "inclusive": True, "limit": self._posts.page}
        roots = [one async for one in self._posts.api.pages("conversations.history", body, "messages", most=PAGES)]
        seen = {str(one["ts"]) for one in roots}
        # A server that never counts answers is asked for them as long as something that we know is not found.
        counted = any("reply_count" in one for one in roots)
        for root in roots:
            ts = str(root["ts"])
            if ts not in known and not self._posts.is_mine(root):
                continue
            inside: list[dict[str, Any]] = []
            if root.get("reply_count") or not (counted or seen.issuperset(known)):
                inside = await self._answers(channel, ts)
            seen |= {str(one["ts"]) for one in inside}
            if is_tombstone(root):
                yield Removed(platform="slack", channel=channel, anchors=(ts,), at=self._clock())
                self._posts.gone(ts)
            else:
                self._posts.stands(ts)
            async for told in self._thread(channel, root, inside, known):
                yield told
        for ts in sorted(set(known) - seen, key=moment):
            if not known[ts].comment and await self._is_gone(channel, ts):
                yield Removed(platform="slack", channel=channel, anchors=(ts,), at=self._clock())
                self._posts.gone(ts)

    async def _answers(self, channel: str, ts: str) -> list[dict[str, Any]]:
        """All that stands under a message; nothing, if it was removed a moment ago."""
        body = {"channel": channel, "ts": ts, "limit": self._posts.page}
        try:
            pages = self._posts.api.pages("conversations.replies", body, "messages", most=PAGES)
            return [one async for one in pages if one["ts"] != ts]
        except Gone as error:
            if error.what != "message":
                raise
            return []

    async def _thread(
        self, channel: str, root: Mapping[str, Any], inside: list[dict[str, Any]], known: Mapping[str, Known]
    ) -> AsyncIterator[Told]:
        said: set[str] = set()
        for reply in inside:
            comment = self._hearing.comment(reply, channel)
            if comment is None:
                continue
            before = known.get(comment.anchor)
            team = str(reply.get("user_team") or "")
            if before is None and not await self._may_keep(channel, comment.person.id, team):
                continue
            said.add(comment.anchor)
            if before is None or (comment.edited is not None and comment.edited > before.since):
                yield comment
        everything: list[Mapping[str, Any]] = [root, *inside]
        for message in everything:
            ts = str(message["ts"])
            if ts not in known and ts not in said:
                continue
            people: frozenset[tuple[str, str, str]] | None = None
            if _counts(message) != _known_counts(known.get(ts)):
                all_of_them, whole = await self._reactions(channel, ts)
                found = [one for one in all_of_them if await self._may_keep(channel, one.person.id)]
                people = frozenset((one.person.id, one.emoji, one.kind) for one in found) if whole else None
                for one in found:
                    yield one
            is_root = ts == root["ts"]
            if is_root or people is not None:
                comments = frozenset(said) if is_root else None
                yield Window(channel=channel, anchor=ts, since=moment(ts), comments=comments, reactions=people)

    async def _may_keep(self, channel: str, who: str, team: str = "") -> bool:
        """Not of people of other organisations, whom one meets in shared channels only; others are not asked about."""
        if channel not in self._shared:
            answer = await self._posts.api.call("conversations.info", {"channel": channel})
            self._shared[channel] = bool((answer.get("channel") or {}).get("is_ext_shared"))
        return not self._shared[channel] or await self._people.is_ours(who, team)

    async def _reactions(self, channel: str, ts: str) -> tuple[list[Reacted], bool]:
        """Who reacts to a message, and whether that are all: Slack's lists of people may be shorter than its count."""
        body = {"channel": channel, "timestamp": ts, "full": True}
        try:
            answer = await self._posts.api.call("reactions.get", body)
        except Gone as error:
            if error.what != "message":
                raise
            return [], False  # removed a moment ago
        given = (answer.get("message") or {}).get("reactions") or ()
        found = [
            Reacted(
                platform="slack", channel=channel, anchor=ts, person=Person(id=str(who)), emoji=sign,
                added=True, at=self._clock(), kind=kind, recalled=True,
            )
            for one in given
            for sign, kind in (reaction(str(one["name"])),)
            for who in one.get("users") or ()
            if who != self._posts.me
        ]  # fmt: skip
        return found, all(len(one.get("users") or ()) == one.get("count") for one in given)

    async def _is_gone(self, channel: str, ts: str) -> bool:
        """Whether a message of ours is surely not there: a section is not in the history, so its thread is asked."""
        try:
            answer = await self._posts.api.call("conversations.replies", {"channel": channel, "ts": ts, "limit": 1})
        except Gone as error:
            if error.what == "message":
                return True
            raise
        return not any(one["ts"] == ts and not is_tombstone(one) for one in answer.get("messages") or ())


def _known_counts(known: Known | None) -> dict[str, int]:
    return {} if known is None else dict(known.reactions)


def _counts(message: Mapping[str, Any]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for one in message.get("reactions") or ():
        counts[reaction(str(one["name"]))[0]] += int(one.get("count") or 0)
    return {sign: count for sign, count in counts.items() if count}
