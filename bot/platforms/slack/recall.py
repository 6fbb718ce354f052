"""What people did while the bot was away: each channel's history once, then the threads that have answers.

The history of a channel gives its posts with counts of answers and reactions. Under a post that has answers they are
read whole: an edit shows nowhere else. Who reacted is asked only where the counts are not what we have, since Slack's
lists of people may be incomplete there.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from bot.platforms.slack.hearing import Hearing, moment, reaction
from bot.platforms.slack.posts import Posts
from core.chat import Heard, Known, Person, Reacted, Removed, Unreadable, Window
from core.errors import ChatError, Gone
from core.times import Clock

Told = Heard | Window | Unreadable


class Recall:
    """One recall over everything that is known. `pause`: seconds between two calls, for apps that Slack restricts."""

    def __init__(self, posts: Posts, hearing: Hearing, clock: Clock, *, pause: float = 0.0) -> None:
        self._posts = posts
        self._hearing = hearing
        self._clock = clock
        self._pause = pause

    async def run(self, known: Iterable[Known]) -> AsyncIterator[Told]:
        """Yields as `Chat.recall`."""
        channels: defaultdict[str, dict[str, Known]] = defaultdict(dict)
        for one in known:
            if not one.ref.id.replace(".", "").isdecimal():
                yield Unreadable(channel=one.channel, anchor=one.ref.id, reason="that is no message of Slack's")
            else:
                channels[one.channel][one.ref.id] = one
        for channel, there in channels.items():
            try:
                async for told in self._channel(channel, there):
                    yield told
            except ChatError as error:
                for one in there.values():
                    yield Unreadable(channel=channel, anchor=one.ref.id, reason=str(error))

    async def _channel(self, channel: str, known: Mapping[str, Known]) -> AsyncIterator[Told]:
        """Everything that is missing of one channel. Sections stand in the thread of their card."""
        oldest = min(known, key=moment)
        body = {"channel": channel, "oldest": oldest, "inclusive": True, "limit": self._posts.page}
        roots = [one async for one in self._slowly("conversations.history", body)]
        seen = {str(one["ts"]) for one in roots}
        answered = [one for one in roots if str(one["ts"]) in known or self._posts.is_mine(one)]
        for root in answered:
            ts = str(root["ts"])
            self._posts.stands(ts)
            inside: list[dict[str, Any]] = []
            if root.get("reply_count"):
                replies = {"channel": channel, "ts": ts, "limit": self._posts.page}
                inside = [one async for one in self._slowly("conversations.replies", replies) if one["ts"] != ts]
            seen |= {str(one["ts"]) for one in inside}
            async for told in self._thread(channel, root, inside, known):
                yield told
        for ts in sorted(set(known) - seen, key=moment):
            if not known[ts].comment and await self._is_gone(channel, ts):
                yield Removed(platform="slack", channel=channel, anchors=(ts,), at=self._clock())

    async def _slowly(self, method: str, body: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        async for one in self._posts.api.pages(method, body, "messages"):
            yield one
        if self._pause:
            await asyncio.sleep(self._pause)

    async def _thread(
        self, channel: str, root: Mapping[str, Any], inside: list[dict[str, Any]], known: Mapping[str, Known]
    ) -> AsyncIterator[Told]:
        said: set[str] = set()
        for reply in inside:
            comment = self._hearing.comment(reply, channel)
            if comment is None:
                continue
            said.add(comment.anchor)
            before = known.get(comment.anchor)
            if before is None or (comment.edited is not None and comment.edited > before.since):
                yield comment
        everything: list[Mapping[str, Any]] = [root, *inside]
        for message in everything:
            ts = str(message["ts"])
            if ts not in known and ts not in said:
                continue
            people: frozenset[tuple[str, str, str]] | None = None
            if _counts(message) != (dict(known[ts].reactions) if ts in known else {}):
                found = [one async for one in self._reactions(channel, ts)]
                people = frozenset((one.person.id, one.emoji, one.kind) for one in found)
                for one in found:
                    yield one
            is_root = ts == root["ts"]
            if is_root or people is not None:
                comments = frozenset(said) if is_root else None
                yield Window(channel=channel, anchor=ts, since=moment(ts), comments=comments, reactions=people)

    async def _reactions(self, channel: str, ts: str) -> AsyncIterator[Reacted]:
        body = {"channel": channel, "timestamp": ts, "full": True}
        answer = await self._posts.api.call("reactions.get", body)
        for one in (answer.get("message") or {}).get("reactions") or ():
            sign, kind = reaction(str(one["name"]))
            for who in one.get("users") or ():
                if who != self._posts.me:
                    yield Reacted(
                        platform="slack", channel=channel, anchor=ts, person=Person(id=str(who)), emoji=sign,
                        added=True, at=self._clock(), kind=kind, recalled=True,
                    )  # fmt: skip

    async def _is_gone(self, channel: str, ts: str) -> bool:
        """Whether a message of ours is surely not there: a section is not in the history, so its thread is asked."""
        try:
            answer = await self._posts.api.call("conversations.replies", {"channel": channel, "ts": ts, "limit": 1})
        except Gone as error:
            if error.what == "message":
                return True
            raise
        return not any(one["ts"] == ts and one.get("subtype") != "tombstone" for one in answer["messages"])


def _counts(message: Mapping[str, Any]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for one in message.get("reactions") or ():
        counts[reaction(str(one["name"]))[0]] += int(one["count"])
    return {sign: count for sign, count in counts.items() if count}
