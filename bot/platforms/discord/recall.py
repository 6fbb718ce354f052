"""What people did while the bot was away: of each channel and thread only the pages that can hold news are read.

Those are the pages with messages that we know, which tell edits, deletions and the counts of reactions; and everything
after what was last heard, if Discord says that something newer stands there. Who reacted is asked only where a count
differs from what we have. That nothing comes back is never taken for "all deleted": a missing permission looks the
same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import discord
from discord.utils import parse_time, snowflake_time

from bot.platforms.discord.client import Connection
from bot.platforms.discord.hearing import Hearing, emoji_key, person
from bot.platforms.discord.pacer import Priority
from bot.platforms.discord.posts import Posts
from bot.platforms.discord.spots import Spot, Spots, channel_in, where
from core.chat import Heard, Known, Left, Reacted, Read, Removed, Unreadable, Window
from core.errors import Busy, ChatError, Gone, Poison, Unknown
from core.times import Clock

AT_ONCE = 16  # channels that are read at the same time; the pacer decides how fast
PAGES = 50  # of 100 messages, of one channel at a time; the rest is read when the others had their turn

Told = Heard | Window | Unreadable


@dataclass(slots=True)
class _Container:
    """A channel or thread to look at, and what we know in it by message id.

    `heard` is the message up to which it was surely heard, `newest` the newest that Discord tells of (None: it does not
    tell).
    """

    spot: Spot
    heard: int | None
    newest: int | None
    known: dict[int, Known] = field(default_factory=dict)

    @property
    def has_news(self) -> bool:
        return self.heard is not None and self.newest is not None and self.newest > self.heard


@dataclass(slots=True)
class _Seen:
    """What reading a container gave. `whole`: nothing that we know or that is new was left out."""

    told: list[Told] = field(default_factory=list)
    said: set[str] = field(default_factory=set)  # anchors of what people said
    reacted: dict[str, frozenset[tuple[str, str, str]]] = field(
        default_factory=dict
    )  # by anchor, where counts differed
    threads: dict[int, int] = field(default_factory=dict)  # under our messages, with the newest message in each
    again: ChatError | None = None
    whole: bool = True


class Recall:
    """One recall over everything that is known. `connection` must be up and know its servers."""

    def __init__(self, posts: Posts, hearing: Hearing, spots: Spots, connection: Connection, clock: Clock) -> None:
        self._posts = posts
        self._hearing = hearing
        self._spots = spots
        self._connection = connection
        self._clock = clock

    async def run(self, known: Iterable[Known], read: Mapping[str, str]) -> AsyncIterator[Told]:
        """Yields as `Chat.recall`."""
        for once in read:
            if once.isdecimal() and int(once) not in self._spots.places:
                self._spots.stands(int(once))  # a thread that was once ours
        cards: list[Known] = []
        found: dict[int, _Container] = {}
        for one in known:
            if one.ref.id.startswith("published:"):
                continue
            if not one.ref.id.replace("-", "").isdecimal() or not one.channel.isdecimal():
                yield Unreadable(channel=one.channel, anchor=one.ref.id, reason="that is no message of Discord's")
                continue
            if self._expect(found, one, read):
                cards.append(one)
        self._expect_news(found, read)
        seen: dict[int, _Seen] = {}
        async for told in self._look_at([one for one in found.values() if one.spot.thread is None], seen):
            yield told
        for channel, result in list(seen.items()):
            for thread, newest in result.threads.items():
                self._expect_thread(found, thread, channel, newest, read)
        async for told in self._look_at([one for one in found.values() if one.spot.thread is not None], seen):
            yield told
        for window in self._windows(cards, found, seen):
            yield window
        if again := [one.again for one in seen.values() if one.again is not None]:
            raise again[0]

    # --- what to look at ---

    def _there(self, channel: int, thread: int | None = None) -> object | None:
        """discord.py's channel, or thread of it, if it has it. Told the server, it need not look through all."""
        place = self._spots.places.get(channel)
        return channel_in(self._connection, place.community if place else None, thread or channel)

    def _container(self, found: dict[int, _Container], spot: Spot, read: Mapping[str, str]) -> _Container:
        number = spot.container
        if number not in found:
            heard = read.get(str(number))
            told = getattr(self._there(spot.channel, number), "last_message_id", None)
            latest = self._hearing.latest.get(number)
            newest = max((one for one in (told, latest) if one is not None), default=None)
            found[number] = _Container(spot, int(heard) if heard is not None else spot.thread, newest)
        return found[number]

    def _expect(self, found: dict[int, _Container], one: Known, read: Mapping[str, str]) -> bool:
        """A message that we know; gives whether answers are gathered under it."""
        container, message = where(one.channel, one.ref.id)
        channel = int(one.channel)
        if container == channel:
            self._spots.stands(message)
            if container not in self._spots.places:
                self._spots.copies.add(container)
        else:
            self._spots.learn(container, channel)
        spot = Spot(channel, None if container == channel else container)
        self._container(found, spot, read).known[message] = one
        return not one.comment and container in (channel, message)

    def _expect_news(self, found: dict[int, _Container], read: Mapping[str, str]) -> None:
        """Where nothing young stands, something new may have been said under what is old."""
        for number in (*self._spots.places, *self._spots.copies):
            self._container(found, Spot(number), read)
        for guild in self._connection.guilds:
            for thread in guild.threads:
                if (spot := self._spots.at(thread.id)) is not None:
                    self._container(found, spot, read)

    def _expect_thread(
        self, found: dict[int, _Container], thread: int, channel: int, newest: int, read: Mapping[str, str]
    ) -> None:
        """A thread under a card, which may be archived and then is in no cache."""
        self._spots.learn(thread, channel)
        there = self._container(found, Spot(channel, thread), read)
        there.newest = max(newest, there.newest or 0)

    # --- looking ---

    async def _look_at(self, containers: list[_Container], seen: dict[int, _Seen]) -> AsyncIterator[Told]:
        wanted = sorted(
            (one for one in containers if one.known or one.has_news), key=lambda there: there.spot.container
        )
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            results = await asyncio.gather(*(self._look(one) for one in some))
            for there, result in zip(some, results, strict=True):
                seen[there.spot.container] = result
                for told in result.told:
                    yield told
                result.told = []

    async def _look(self, there: _Container) -> _Seen:
        """Read what may be new of one channel or thread."""
        seen = _Seen()
        at = self._clock()  # what people do while we read comes later
        read: set[int] = set()
        try:
            sure = self._may_read(there)
            async for page in self._pages(there):
                for message in page:
                    read.add(int(message["id"]))
                    await self._take(there, seen, message, at)
            if not read and not there.known and not sure:
                raise Poison("nothing can be read there")
            await self._look_for_missing(there, seen, read, at)
            newest = max([there.newest or 0, *read])
            if there.heard is None or newest > there.heard:
                seen.told.append(Read(platform="discord", where=str(there.spot.container), newest=str(newest)))
        except ChatError as error:
            if isinstance(error, Busy | Unknown) and max(read, default=0) > (there.heard or 0):
                seen.told.append(Read(platform="discord", where=str(there.spot.container), newest=str(max(read))))
            self._failed(there, seen, error, at)
        except (KeyError, TypeError, ValueError) as error:
            self._failed(there, seen, Poison(f"Discord gave something odd: {error!r}"), at)
        return seen

    def _failed(self, there: _Container, seen: _Seen, error: ChatError, at: datetime) -> None:
        """A channel that could not be read, now or ever; one that is gone is heard as if we had been there."""
        seen.whole = False
        if isinstance(error, Busy | Unknown):
            seen.again = error
        channel, thread = str(there.spot.channel), there.spot.thread
        if getattr(error.__cause__, "code", 0) == 10003:
            if thread is None and there.spot.channel in self._spots.places:
                seen.told.append(Left(platform="discord", channel=channel, at=at))
            elif thread is not None and self._there(there.spot.channel) is not None:
                seen.told.append(Removed(platform="discord", channel=channel, anchors=(), at=at, thread=str(thread)))
                return
        seen.told += [Unreadable(channel=channel, anchor=one.ref.id, reason=str(error)) for one in there.known.values()]

    def _may_read(self, there: _Container) -> bool:
        """Whether we surely may; False if discord.py does not know."""
        channel = self._there(there.spot.channel)
        if not isinstance(channel, discord.abc.GuildChannel) or channel.guild.me is None:
            return False
        has = channel.permissions_for(channel.guild.me)
        if not (has.read_message_history and has.view_channel):
            raise Gone(f"Rondan may not read #{channel.name}: it lacks Read Message History there")
        return True

    async def _pages(self, there: _Container) -> AsyncIterator[list[dict[str, Any]]]:
        """Every page that holds something known, and everything after what was heard; what lies between is left out."""
        known = sorted(there.known)
        first = known[0] - 1 if known else there.heard or 0
        heard = first if there.heard is None else there.heard
        after = min(first, heard)
        for _ in range(PAGES):
            batch = await self._posts.ask(
                "GET", "/channels/{channel_id}/messages", priority=Priority.RECALL,
                params={"after": after, "limit": 100}, channel_id=there.spot.container,
            )  # fmt: skip
            page = sorted(batch, key=lambda one: int(one["id"]))
            yield page
            if len(page) < 100:
                return
            after = int(page[-1]["id"])
            following = next((one - 1 for one in known if one > after), None)
            if following is None and there.newest is not None and there.newest <= max(after, heard):
                return
            after = max(after, heard if following is None else min(heard, following))
        raise Busy("there is more to read", until=self._clock())

    async def _take(self, there: _Container, seen: _Seen, message: dict[str, Any], at: datetime) -> None:
        """What one message says that we do not know yet."""
        known = there.known.get(int(message["id"]))
        if (copy := self._hearing.copy(message)) is not None and known is None:
            seen.told.append(copy)
        if known is not None and not known.comment:
            if (thread := message.get("thread")) is not None and thread.get("last_message_id"):
                seen.threads[int(thread["id"])] = int(thread["last_message_id"])
            await self._reactions(there.spot, seen, message, known, at)
            return
        said = self._hearing.comment(there.spot, message, saved=known is not None)
        if known is None and said is None and copy is None:
            return
        if said is not None:
            seen.said.add(said.anchor)
            if known is None or _is_newer(message, known.since):
                seen.told.append(said)
        await self._reactions(there.spot, seen, message, known, at)

    # --- reactions ---

    async def _reactions(
        self, spot: Spot, seen: _Seen, message: dict[str, Any], known: Known | None, at: datetime
    ) -> None:
        """Who reacts, where the counts are not what we have."""
        there = message.get("reactions") or ()
        counts = {emoji_key(one["emoji"]): _count(one) for one in there}
        if {emoji: count for emoji, count in counts.items() if count} == (dict(known.reactions) if known else {}):
            return
        anchor = known.ref.id if known else spot.anchor(message["id"])
        told: list[Reacted] = []
        try:
            for reaction in there:
                for number, kind in enumerate(("normal", "burst")):
                    if not (reaction.get("count_details") or {"burst": 0, "normal": 1})[kind]:
                        continue
                    told += [
                        Reacted(
                            platform="discord", channel=str(spot.channel), anchor=anchor, person=person(user),
                            emoji=emoji_key(reaction["emoji"]), added=True, at=at, kind=kind, recalled=True,
                        )
                        for user in await self._users(spot.container, int(message["id"]), reaction["emoji"], number)
                    ]  # fmt: skip
        except Gone:
            return  # the message or an emoji went while we looked, which is an event of its own
        seen.told += told
        seen.reacted[anchor] = frozenset((one.person.id, one.emoji, one.kind) for one in told)

    async def _users(self, container: int, message: int, emoji: Mapping[str, Any], kind: int) -> list[dict[str, Any]]:
        name = f"{emoji.get('name') or '_'}:{emoji['id']}" if emoji.get("id") else str(emoji["name"])
        me = self._connection.user
        found: list[dict[str, Any]] = []
        after = 0
        while True:
            batch = await self._posts.ask(
                "GET", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}", priority=Priority.RECALL,
                params={"limit": 100, "after": after, "type": kind},
                channel_id=container, message_id=message, emoji=name,
            )  # fmt: skip
            found += [one for one in batch if not one.get("bot") and (me is None or int(one["id"]) != me.id)]
            if len(batch) < 100:
                return found
            after = max(int(one["id"]) for one in batch)

    # --- what is gone ---

    async def _look_for_missing(self, there: _Container, seen: _Seen, read: set[int], at: datetime) -> None:
        """Our messages that did not come are asked for by name; of readers' one, and only if nothing else came."""
        missing = [number for number in there.known if number not in read]
        theirs = [number for number in missing if there.known[number].comment]
        asked = [number for number in missing if not there.known[number].comment]
        if theirs and not asked and not read:
            asked = theirs[:1]  # nothing at all came back: is it empty, or closed to us?
        gone = [*theirs, *asked]
        for number in asked:
            try:
                await self._posts.ask(
                    "GET", "/channels/{channel_id}/messages/{message_id}", priority=Priority.RECALL,
                    channel_id=there.spot.container, message_id=number,
                )  # fmt: skip
            except Gone as error:
                if error.what != "message":
                    raise
            else:
                raise Poison("messages are there that a look at the channel does not show")
        if gone:
            anchors = tuple(dict.fromkeys(there.known[number].ref.id for number in gone))
            seen.told.append(Removed(platform="discord", channel=str(there.spot.channel), anchors=anchors, at=at))

    # --- conclusions, which only the core may draw ---

    def _windows(
        self, cards: list[Known], found: Mapping[int, _Container], seen: Mapping[int, _Seen]
    ) -> Iterable[Window]:
        """A card's holds all that was said in its channel and threads, if every one of them was read."""
        said: dict[int, set[str]] = {}
        broken: set[int] = set()
        for number, result in seen.items():
            channel = found[number].spot.channel
            said.setdefault(channel, set()).update(result.said)
            if not result.whole:
                broken.add(channel)
        for card in cards:
            container, message = where(card.channel, card.ref.id)
            if seen[container].whole:
                channel = int(card.channel)
                yield Window(
                    channel=card.channel, anchor=card.ref.id, since=snowflake_time(message),
                    comments=None if channel in broken else frozenset(said[channel]),
                    reactions=seen[container].reacted.pop(card.ref.id, None),
                )  # fmt: skip
        for number, result in seen.items():
            channel = found[number].spot.channel
            for anchor, people in result.reacted.items():
                since = snowflake_time(where(str(channel), anchor)[1])
                yield Window(channel=str(channel), anchor=anchor, since=since, comments=None, reactions=people)


def _count(reaction: Mapping[str, Any]) -> int:
    """How many others react so."""
    return int(reaction["count"]) - bool(reaction.get("me")) - bool(reaction.get("me_burst"))


def _is_newer(message: Mapping[str, Any], since: datetime) -> bool:
    edited = message.get("edited_timestamp")
    return edited is not None and parse_time(edited) > since
