"""The half of a chat platform that the web page and the console share: the port over a `Room`, and what people may do.

Every doing of a person is first durable in the room, then kept by the ears, then answered.
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from bot.platforms.room import Entry, Room
from core.chat import (
    Absent,
    CannotTell,
    Commented,
    Desk,
    Ears,
    Heard,
    Known,
    Lookup,
    Person,
    Place,
    Present,
    Reacted,
    Ref,
    Removed,
    Unreadable,
    Window,
)
from core.errors import ChatError, ConfigError, Gone, Refusal
from core.message import Message

COMMENT_LIMIT = 4000  # characters
EMOJI_A_MESSAGE = 20  # different ones, as on Discord
FOR_EVER = 1e9  # seconds; the room never forgets a key
GRACE = timedelta(hours=1)  # recall goes back this much further: what the room has, the ears may have missed


class Declined(Refusal):
    """A doing that the room does not take. `code` lets the page say it in the reader's language."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class RoomChat:
    """A chat platform whose far side is a room in the same process. What is left to do: show it, and `run`."""

    def __init__(self, name: str, room: Room) -> None:
        self.name = name
        self.room = room
        self.text_limit = 4000
        self.desk: Desk | None = None
        self.ears: Ears | None = None

    # --- the port ---

    @property
    def connected(self) -> bool:
        return self.ears is not None

    def fits(self, message: Message) -> bool:
        return True  # a page scrolls

    async def send(self, place: Place, message: Message, key: str, *, under: Ref | None = None) -> Ref:
        root = self._thread(place, under)
        await self.room.open_channel(place)
        if not self.room.amnesia and (entry := self.room.with_key(place.channel, key)):
            await self.room.settled()  # the first send of this key may still be on its way to the disk
            return Ref(id=entry.id)
        entry = await self.room.post(place.channel, message, key=key, under=root)
        return Ref(id=entry.id)

    async def find(self, place: Place, key: str, *, under: Ref | None = None, since: datetime) -> Lookup:
        try:
            if self.room.fault is not None:
                self.room.fault("before", "find")
            entry = self.room.with_key(place.channel, key)
            await self.room.settled()
        except (ChatError, ConfigError, OSError) as error:
            return CannotTell(str(error))
        return Present(Ref(id=entry.id)) if entry and not entry.deleted else Absent()

    def resend_within(self, place: Place) -> float:
        return 0.0 if self.room.amnesia else FOR_EVER

    async def edit(self, place: Place, ref: Ref, message: Message, key: str) -> None:
        entry = self._ours(place, ref)
        if entry is None or entry.deleted:
            raise Gone(f"There is no message {ref.id} in {place.address} any more.", what="message")
        await self.room.edit(entry, message)

    async def delete(self, place: Place, ref: Ref) -> None:
        entry = self._ours(place, ref)
        if entry is not None and not entry.deleted:
            await self.room.delete(entry)

    async def furnish(self, places: Iterable[Place]) -> None:
        """Shows channels that nothing was posted to yet."""
        for place in places:
            await self.room.open_channel(place)

    async def recall(
        self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[Heard | Window | Unreadable]:
        for one in known:
            entry = self.room.entry(one.ref.id)
            if entry is None or entry.channel != one.channel:
                reason = f"There was never a message {one.ref.id} here."
                yield Unreadable(channel=one.channel, anchor=one.ref.id, reason=reason)
                continue
            if entry.under is None:
                replies = [each for each in self.room.entries(entry.channel, entry.id) if each.person]
            else:
                thread = self.room.entries(entry.channel, entry.under)
                replies = [each for each in thread if each.person and each.reply_to == entry.id]
            for each in (entry, *replies):
                for at, event in self._past(each):
                    if at >= one.since - GRACE:
                        yield event
            yield Window(
                channel=one.channel,
                anchor=one.ref.id,
                since=one.since,
                comments=frozenset(each.id for each in replies if not each.deleted),
                reactions=frozenset(
                    (who, emoji, "normal") for emoji, people in entry.reactions.items() for who in people
                ),
            )

    # --- what people do ---

    async def react(self, person: str, anchor: str, emoji: str, *, added: bool) -> None:
        """Puts a reaction of a person on a message, or takes it off."""
        entry = self.living(anchor)
        emoji = emoji.strip()
        if not is_emoji(emoji):
            raise Declined("not-emoji", "That is not an emoji.")
        if added and emoji not in entry.reactions and len(entry.reactions) >= EMOJI_A_MESSAGE:
            raise Declined("many-emoji", f"A message takes at most {EMOJI_A_MESSAGE} different emoji.")
        if (person in entry.reactions.get(emoji, {})) != added:
            await self.room.react(entry, person, emoji, added)
        await self._keep(
            Reacted(
                platform=self.name,
                channel=entry.channel,
                anchor=entry.id,
                person=self.person(person),
                emoji=emoji,
                added=added,
                at=entry.reactions[emoji][person] if added else self.room.clock(),
            )
        )

    async def comment(self, person: str, anchor: str, text: str) -> Entry:
        """A comment under a message. In its thread's root it answers nobody in particular, elsewhere that message."""
        target = self.living(anchor)
        root = self.room.entry(target.under) if target.under else target
        assert root is not None
        entry = await self.room.comment(root, person, _words(text), target.id if target is not root else None)
        await self._keep(self._commented(entry))
        return entry

    async def reword(self, person: str, anchor: str, text: str) -> None:
        """A person's own comment, with other words."""
        entry = self.living(anchor)
        if entry.person != person:
            raise Declined("not-yours", "Only the person who wrote a comment can edit it.")
        await self.room.edit(entry, _words(text))
        await self._keep(self._commented(entry))

    async def remove(self, person: str, anchor: str, *, moderator: bool) -> None:
        """Takes away a person's own comment, or as a moderator any message."""
        entry = self.living(anchor)
        if entry.person != person and not moderator:
            raise Declined("not-yours", "Only moderators delete what others wrote.")
        await self.room.delete(entry, by=person)
        await self._keep(self._removed(entry))

    def living(self, anchor: str) -> Entry:
        """The message with that id. Declined when it is not there or no longer."""
        entry = self.room.entry(anchor)
        if entry is None or entry.deleted:
            raise Declined("gone", "That message is not there any more.")
        return entry

    def person(self, who: str) -> Person:
        return Person(id=who, name=self.room.profile(who).get("name", f"guest-{who[:4]}"))

    def community(self, channel: str | None) -> str:
        """The community that a channel's place belongs to; the platform itself where nothing is said."""
        known = self.room.channels.get(channel or "")
        return (known and known.community) or self.name

    # --- between the two ---

    def _ours(self, place: Place, ref: Ref) -> Entry | None:
        """The post of ours that `ref` means."""
        entry = self.room.entry(ref.id)
        return entry if entry and entry.person is None and entry.channel == place.channel else None

    def _thread(self, place: Place, under: Ref | None) -> str | None:
        """The root of the thread to post in: a message of a thread has none of its own, as on Discord and Slack."""
        if under is None:
            return None
        entry = self._ours(place, under)
        if entry is None or entry.deleted:
            raise Gone(f"There is no message {under.id} in {place.address} any more.", what="message")
        return entry.under or entry.id

    async def _keep(self, event: Heard) -> None:
        if self.ears is not None:
            await self.ears.keep(event)

    def _commented(self, entry: Entry) -> Commented:
        return Commented(
            platform=self.name,
            channel=entry.channel,
            anchor=entry.id,
            person=self.person(entry.person or ""),
            text=entry.text,
            at=entry.at,
            thread=entry.under,
            reply_to=entry.reply_to,
            edited=entry.edited,
        )

    def _removed(self, entry: Entry) -> Removed:
        at = entry.deleted or self.room.clock()
        return Removed(platform=self.name, channel=entry.channel, anchors=(entry.id,), at=at, by=entry.by)

    def _past(self, entry: Entry) -> Iterator[tuple[datetime, Heard]]:
        """What happened to a message, each with the time of its last change."""
        if entry.deleted:
            if entry.by or entry.person:  # our own deleting is not news
                yield entry.deleted, self._removed(entry)
            return
        if entry.person:
            yield entry.edited or entry.at, self._commented(entry)
        for emoji, people in entry.reactions.items():
            for who, at in people.items():
                yield (
                    at,
                    Reacted(
                        platform=self.name,
                        channel=entry.channel,
                        anchor=entry.id,
                        person=self.person(who),
                        emoji=emoji,
                        added=True,
                        at=at,
                        recalled=True,
                    ),
                )


def is_emoji(text: str) -> bool:
    """Whether a text can be a reaction: signs only, no letters, digits or spaces, short."""
    if text.endswith("\N{COMBINING ENCLOSING KEYCAP}"):
        return len(text) <= 3
    kinds = [unicodedata.category(sign) for sign in text]
    return len(text) <= 16 and "So" in kinds and not any(k[0] in "LNZ" for k in kinds)


def _words(text: str) -> str:
    """A comment as it is kept: what no database takes (lone surrogates, NUL) replaced, ends trimmed, length checked."""
    text = text.encode("utf-8", "replace").decode().replace("\0", "").strip()
    if not text:
        raise Declined("empty", "A comment needs some words.")
    if len(text) > COMMENT_LIMIT:
        raise Declined("too-long", f"A comment is at most {COMMENT_LIMIT} characters.")
    return text
