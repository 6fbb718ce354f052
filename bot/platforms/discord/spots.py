"""Which messages are ours to listen on: places, their threads and the copies of our posts; anchors from ids and back.

An anchor is the id of a message in a place's own channel, and `THREAD-MESSAGE` in a thread. The first message of a
forum's post has the id of its thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import discord

from core.chat import Place, Ref


@dataclass(frozen=True, slots=True)
class Spot:
    """A channel or thread that belongs to a place. `thread` is None in the channel itself."""

    channel: int
    thread: int | None = None

    @property
    def container(self) -> int:
        """The id under which the platform keeps its messages."""
        return self.thread or self.channel

    def anchor(self, message: int | str) -> str:
        """The anchor of a message here."""
        return f"{self.thread}-{message}" if self.thread else str(message)


REMEMBERED = 50_000  # messages that may be answered without pinging us; threads of ours

Guild = int | str | None


def channel_in(client: discord.Client, guild: Guild, number: int) -> object | None:
    """discord.py's channel or thread, if it has it. Without the server it looks through all of them."""
    there = client.get_guild(int(guild)) if guild and str(guild).isdecimal() else None
    return client.get_channel(number) if there is None else there.get_channel_or_thread(number)


class Spots:
    """`channel_of` gives discord.py's channel or thread with an id in a server, if it has it; `me` our own user id."""

    def __init__(self, channel_of: Callable[[int, Guild], object | None], me: Callable[[], int]) -> None:
        self._channel_of = channel_of
        self._me = me
        self.ours: dict[int, None] = {}  # messages in channels under which answers count, oldest first
        self.places: Mapping[int, Place] = {}
        self.first: Place | None = None  # the oldest of them
        self.copies: set[int] = set()  # channels of others that follow one of ours
        self._threads: dict[int, int] = {}  # thread -> channel, where discord.py may not have it in its cache

    def furnish(self, places: Iterable[Place]) -> None:
        """These are our places."""
        self.places = {int(place.channel): place for place in places if place.channel.isdecimal()}
        self.first = min(self.places.values(), key=lambda place: place.id, default=None)

    def stands(self, message: int) -> None:
        """A message that may be answered stands in a channel: a post of ours, a copy, an answer."""
        self.ours[message] = None
        if len(self.ours) > REMEMBERED:
            del self.ours[next(iter(self.ours))]

    def learn(self, thread: int, channel: int) -> None:
        """A thread of ours is in that channel."""
        self._threads[thread] = channel
        if len(self._threads) > REMEMBERED:
            del self._threads[next(iter(self._threads))]

    def at(self, container: int, guild: Guild = None) -> Spot | None:
        """Where a channel or thread belongs; None if it is no business of ours.

        Give the server too if it is known: this is asked for every message of every server.
        """
        if container in self.places or container in self.copies:
            return Spot(container)
        parent = self._threads.get(container)
        if parent is None:
            known = self._channel_of(container, guild)
            if not isinstance(known, discord.Thread) or known.parent_id not in self.places:
                return None
            if known.owner_id != self._me() and container not in self.ours:
                return None  # people talk of something else there
            parent = known.parent_id
            self.learn(container, parent)
        return Spot(parent, container)


def where(place_channel: str, anchor: str) -> tuple[int, int]:
    """The channel or thread and the message that an anchor means."""
    thread, dash, message = anchor.partition("-")
    return (int(thread), int(message)) if dash else (int(place_channel), int(anchor))


def thread_of(ref: Ref) -> int:
    """The thread that is, or would be, under a card: on Discord it has the id of its first message."""
    return int(ref.id.rpartition("-")[2])


def ref_of(place: Place, container: int, message: int) -> Ref:
    """The reference of a message of ours."""
    if place.layout == "forum" and container == message:
        return Ref(id=f"{container}-{message}", also=(str(container),))
    return Ref(id=Spot(int(place.channel), None if container == int(place.channel) else container).anchor(message))
