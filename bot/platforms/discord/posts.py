"""Discord as a chat of the port: posting in four layouts, looking up, editing, deleting.

Layouts: `card` is one message; `thread` a message with a thread of sections; `forum` a post with the sections in it;
`follow` a message in an announcement channel, published to the channels that follow it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import discord
import structlog

from bot.platforms.discord import encode, forum
from bot.platforms.discord.client import Connection
from bot.platforms.discord.forms import Body, Forms
from bot.platforms.discord.lookups import cannot_tell, look
from bot.platforms.discord.pacer import Priority
from bot.platforms.discord.permissions import lacking
from bot.platforms.discord.requests import code_of
from bot.platforms.discord.spots import Spots, channel_in, ref_of, thread_of, where
from bot.platforms.discord.titles import name_of, title_shown
from core.chat import CannotTell, Lookup, Place, Present, Ref
from core.errors import ChatError, Gone, Poison
from core.message import Message, without_pictures
from core.times import Clock

log = structlog.get_logger()

T = TypeVar("T")

SURELY_KNOWN = 60.0  # seconds; Discord recognises a nonce for "a few minutes"
ARCHIVE_AFTER = 1440  # minutes; the fewest active threads, since a server has about 1,000
REMEMBERED = 5000  # cards, for the names and states of their threads

UNKNOWN_CHANNEL, ALREADY_PUBLISHED, ARCHIVED, THREAD_STANDS = 10003, 40033, 50083, 160004
THREADS_SPENT = (160006, 160007)


class Posts(Forms):
    """The half of the adapter that the publishing loop drives. `connection` gives the live one, or None."""

    def __init__(self, spots: Spots, connection: Callable[[], Connection | None], clock: Clock) -> None:
        super().__init__(connection, clock)
        self._spots = spots
        self._titles: dict[int, str] = {}
        self._threads: dict[int, bool] = {}  # under a card: whether it has one, False where none could be had

    # --- sending ---

    def resend_within(self, place: Place) -> float:
        return 0.0 if place.layout == "forum" else SURELY_KNOWN  # a forum post takes no nonce

    def fits(self, message: Message) -> bool:
        return encode.fits(message)

    async def send(self, place: Place, message: Message, key: str, *, under: Ref | None = None) -> Ref:
        if under is not None:
            if place.layout == "follow":
                return await self._publish(place, under)
            return await self._send_under(place, message, key, under)
        if place.layout == "forum":
            return await self._open_post(place, message, key)
        data = await self._create(place, int(place.channel), message, key, mention=place.mention)
        sent = int(data["id"])
        self._spots.stands(sent)
        _remember(self._titles, sent, message.title)
        return ref_of(place, int(place.channel), sent)

    def _may(self, place: Place, *wanted: str) -> None:
        """Raises `Gone` if Discord would refuse: every refusal counts towards a ban of the machine's address."""
        connection = self._connection()
        if connection is None or (self._channel(place) is None and not connection.is_ready()):
            raise self._away()  # its servers are not all told yet
        embeds = ["embed_links"] if self.plain else []
        if (reason := lacking(connection, place, *wanted, *embeds)) is not None:
            raise Gone(reason)

    async def _create(
        self, place: Place, container: int, message: Message, key: str, *, mention: str = "", answers: int | None = None
    ) -> Any:
        inside = container != int(place.channel)
        self._may(place, "send_messages_in_threads" if inside else "send_messages")
        extra: Body = {"nonce": key, "enforce_nonce": True}
        if answers is not None:
            extra["message_reference"] = {"message_id": str(answers), "fail_if_not_exists": False}
        return await self.first(
            self._showable(place, message), key, mention,
            lambda body, files: self.ask(
                "POST", "/channels/{channel_id}/messages", body | extra, files=files, priority=Priority.POST,
                place=place, repeats=1, channel_id=container,
            ),
        )  # fmt: skip

    def _showable(self, place: Place, message: Message) -> Message:
        """The message, without pictures where Rondan may not attach files."""
        connection = self._connection()
        if connection is None or lacking(connection, place, "attach_files") is None:
            return message
        return without_pictures(message)

    # --- sections: under a card, in its thread ---

    async def _send_under(self, place: Place, message: Message, key: str, under: Ref) -> Ref:
        thread = await self._thread(place, under, message.title)
        if thread is None:  # the server has all the threads it may have: an answer in the channel is the lesser form
            connection = self._connection()
            may_answer = connection is not None and lacking(connection, place, "read_message_history") is None
            answers = where(place.channel, under.id)[1] if may_answer else None
            data = await self._create(place, int(place.channel), message, key, answers=answers)
            self._spots.stands(int(data["id"]))
            return ref_of(place, int(place.channel), int(data["id"]))
        try:
            data = await self._create(place, thread, message, key)
        except Gone as error:
            raise self._thread_gone(place, thread, error) from error.__cause__
        return ref_of(place, thread, int(data["id"]))

    def _thread_gone(self, place: Place, thread: int, error: Gone) -> Gone:
        """That a thread is not there does not mean that its channel is gone."""
        if thread == int(place.channel) or code_of(error) != UNKNOWN_CHANNEL:
            return error
        self._threads.pop(thread, None)
        return Gone(f"the thread {thread} was deleted ({place.address})", what="message")

    async def _thread(self, place: Place, under: Ref, title: str) -> int | None:
        """The thread under a card, made if it is not there; None when the server can't have more threads."""
        thread = thread_of(under)
        connection = self._connection()
        if place.layout == "forum":
            return thread
        if connection is not None and isinstance(channel_in(connection, place.community, thread), discord.Thread):
            return thread
        if thread not in self._threads:
            _remember(self._threads, thread, await self._make_thread(place, thread, title))
        return thread if self._threads[thread] else None

    async def _make_thread(self, place: Place, card: int, title: str) -> bool:
        self._may(place, "create_public_threads", "send_messages_in_threads")
        name = name_of(self._titles.get(card) or await self._title(place, card) or title)
        body = {"name": name, "auto_archive_duration": ARCHIVE_AFTER}
        try:
            await self.ask(
                "POST", "/channels/{channel_id}/messages/{message_id}/threads", body, priority=Priority.THREAD,
                place=place, channel_id=int(place.channel), message_id=card,
            )  # fmt: skip
        except ChatError as error:
            if code_of(error) in THREADS_SPENT:
                log.warning("discord.thread-cap", place=place.address, community=place.community)
                return False
            if code_of(error) != THREAD_STANDS:  # there already: as good as made
                raise
        self._spots.learn(card, int(place.channel))
        return True

    async def _title(self, place: Place, card: int) -> str:
        """What a card is called that an earlier process posted; "" if it can't be read."""
        try:
            return title_shown(await self.ask(
                "GET", "/channels/{channel_id}/messages/{message_id}", priority=Priority.THREAD, place=place,
                channel_id=int(place.channel), message_id=card,
            ))  # fmt: skip
        except ChatError as error:
            if isinstance(error, Gone) and error.what == "message":
                raise
            return ""

    # --- forums ---

    async def _open_post(self, place: Place, message: Message, key: str) -> Ref:
        """A post in a forum. Discord knows no nonce here, so it is asked once and looked for if the answer is lost."""
        self._may(place, "send_messages")
        body: Body = {"name": name_of(message.title), "auto_archive_duration": ARCHIVE_AFTER}
        if tags := forum.tags_for(self._channel(place), message, place.address):
            body["applied_tags"] = tags
        data = await self.first(
            self._showable(place, message), key, place.mention,
            lambda starter, files: self.ask(
                "POST", "/channels/{channel_id}/threads", body | {"message": starter}, files=files,
                priority=Priority.POST, place=place, repeats=0, channel_id=int(place.channel),
            ),
        )  # fmt: skip
        thread = int(data["id"])
        self._spots.learn(thread, int(place.channel))
        return ref_of(place, thread, thread)

    def _channel(self, place: Place) -> object | None:
        connection = self._connection()
        return channel_in(connection, place.community, int(place.channel)) if connection else None

    async def _retitle(self, place: Place, thread: int, message: Message, post: Body | None) -> None:
        """Give a post the name and tags that its piece has now, if they changed: renaming is scarce.

        `post` is what Discord said of it just now, if it did.
        """
        connection = self._connection()
        known = channel_in(connection, place.community, thread) if connection else None
        if isinstance(known, discord.Thread):
            post = {"name": known.name, "applied_tags": [tag.id for tag in known.applied_tags]}
        elif post is None:
            post = await self.ask(
                "GET", "/channels/{channel_id}", priority=Priority.EDIT, place=place, channel_id=thread
            )
        if change := forum.changed(post, self._channel(place), message, place.address):
            await self.ask(
                "PATCH", "/channels/{channel_id}", change, priority=Priority.EDIT, place=place, channel_id=thread
            )

    # --- announcement channels ---

    async def _publish(self, place: Place, card: Ref) -> Ref:
        """Send a message of an announcement channel on to its followers; once it was, Discord says so."""
        self._may(place, "send_messages")
        try:
            await self.ask(
                "POST", "/channels/{channel_id}/messages/{message_id}/crosspost", priority=Priority.POST, place=place,
                channel_id=int(place.channel), message_id=int(card.id),
            )  # fmt: skip
        except ChatError as error:
            if code_of(error) != ALREADY_PUBLISHED:
                raise
        return Ref(id=f"published:{card.id}")

    # --- looking, editing, deleting ---

    async def find(self, place: Place, key: str, *, under: Ref | None = None, since: datetime) -> Lookup:
        if place.layout == "follow" and under is not None:
            try:
                return Present(await self._publish(place, under))  # the same however often it is asked
            except ChatError as error:
                return cannot_tell(error)
        connection = self._connection()
        if connection is None or connection.user is None:
            return cannot_tell(self._away())
        if (reason := lacking(connection, place, "read_message_history")) is not None:
            return CannotTell(reason)
        guild = place.community or self.community(place.channel)
        return await look(self, connection.user.id, place, guild, key, under, since)

    async def edit(self, place: Place, ref: Ref, message: Message, key: str) -> None:
        if ref.id.startswith("published:"):
            return  # the copies follow the message by themselves
        container, number = where(place.channel, ref.id)
        starts_post = place.layout == "forum" and container == number
        self._may(place)
        try:
            await self._patch(place, container, number, message, key)
        except Gone as error:
            raise self._thread_gone(place, container, error) from error.__cause__
        except Poison as error:
            if code_of(error) != ARCHIVED:
                raise
            post = await self._unarchive(place, container)
            await self._patch(place, container, number, message, key)
            if starts_post:
                await self._retitle(place, container, message, post)
            await self._archive_again(place, container)
        else:
            if starts_post:
                await self._retitle(place, container, message, None)

    async def _patch(self, place: Place, container: int, number: int, message: Message, key: str) -> None:
        # It may have had an embed, and a picture: what is not said to stay is dropped.
        before: Body = {"content": None, "embeds": [], "attachments": []}
        await self.in_a_form(
            self._showable(place, message), key, "",
            lambda body, files: self.ask(
                "PATCH", "/channels/{channel_id}/messages/{message_id}", before | body, files=files,
                priority=Priority.EDIT, place=place, channel_id=container, message_id=number,
            ),
        )  # fmt: skip

    async def _unarchive(self, place: Place, thread: int) -> Body:
        """What Discord says of the thread then. Nothing in an archived one can be edited."""
        try:
            post: Body = await self.ask(
                "PATCH", "/channels/{channel_id}", {"archived": False}, priority=Priority.EDIT, place=place,
                channel_id=thread,
            )  # fmt: skip
        except (Gone, Poison) as error:
            raise Poison(f"the thread {thread} is archived, and Rondan may not open it: {error}") from error.__cause__
        return post

    async def _archive_again(self, place: Place, thread: int) -> None:
        """As it was; Discord does it by itself too, in a day."""
        try:
            await self.ask(
                "PATCH", "/channels/{channel_id}", {"archived": True}, priority=Priority.EDIT, place=place,
                channel_id=thread,
            )  # fmt: skip
        except ChatError as error:
            log.info("discord.left-open", place=place.address, thread=thread, error=str(error))

    async def delete(self, place: Place, ref: Ref) -> None:
        if ref.id.startswith("published:"):
            return
        container, number = where(place.channel, ref.id)
        self._may(place)
        try:
            await self.ask(
                "DELETE", "/channels/{channel_id}/messages/{message_id}", priority=Priority.MODERATE, place=place,
                channel_id=container, message_id=number,
            )  # fmt: skip
        except Gone as error:
            if error.what != "message" and code_of(error) != UNKNOWN_CHANNEL:
                raise

    # --- for the others ---

    def link(self, place: Place, anchor: str) -> str | None:
        """The address at which a person finds this message; needs no connection."""
        guild = place.community or self.community(place.channel)
        if not guild or anchor.startswith("published:"):
            return None
        container, number = where(place.channel, anchor)
        return f"https://discord.com/channels/{guild}/{container}/{number}"

    def community(self, channel: str) -> str:
        """The server of a channel, from what we know of our places, else from discord.py's cache."""
        known = self._spots.places.get(int(channel)) if channel.isdecimal() else None
        if known is not None and known.community.isdecimal():
            return known.community
        connection = self._connection()
        there = connection.get_channel(int(channel)) if connection and channel.isdecimal() else None
        guild = getattr(there, "guild", None)
        return "" if guild is None else str(guild.id)

    def only_community(self) -> str:
        """The server that we are in, if it is the only one."""
        connection = self._connection()
        told = connection is not None and connection.is_ready()  # else another shard may bring more
        guilds = connection.guilds if connection is not None and told else []
        return str(guilds[0].id) if len(guilds) == 1 else ""


def _remember(known: dict[int, T], number: int, what: T) -> None:
    known[number] = what
    if len(known) > REMEMBERED:
        del known[next(iter(known))]
