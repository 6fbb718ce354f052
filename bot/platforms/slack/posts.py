"""Posting to Slack: sending, looking up, editing, deleting. Layouts: `card`, and `thread` with sections as replies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.platforms.slack import encode
from bot.platforms.slack.api import Api
from bot.platforms.slack.pictures import Ids, Pictures
from bot.platforms.slack.refusals import name_of
from core.chat import Absent, CannotTell, Lookup, Place, Present, Ref
from core.errors import Busy, ChatError, Gone, Poison, Unknown
from core.message import Message
from core.times import Clock

log = structlog.get_logger()

Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

PAGE = 200  # messages a page of a look-up
TOO_BIG = {"msg_blocks_too_long", "msg_too_long"}
REMEMBERED = 20_000  # messages of ours under which answers count
CUTS = 4  # attempts to show the beginning of what is too long


class Posts:
    """The half of the adapter that the publishing loop drives. `page` messages are asked for at a time."""

    def __init__(self, clock: Clock, *, page: int = PAGE) -> None:
        self._clock = clock
        self.page = page
        self.open: Api | None = None
        self.pictures = Pictures()
        self.ours: dict[str, None] = {}  # roots that surely stand, oldest first
        self.me = self.bot = self.team = self.enterprise = self.address = ""
        self._too_long: dict[str, None] = {}  # digests of messages that Slack refused for their length

    @property
    def api(self) -> Api:
        """The open connection. Busy when there is none."""
        if self.open is None:
            raise Busy("Rondan is not connected to Slack yet", until=self._clock() + timedelta(seconds=5))
        return self.open

    def stands(self, ts: str) -> None:
        """A message of ours stands in a channel: what is said under it counts."""
        self.ours[ts] = None
        if len(self.ours) > REMEMBERED:
            del self.ours[next(iter(self.ours))]

    def gone(self, ts: str) -> None:
        """A message was deleted."""
        self.ours.pop(ts, None)

    # --- the port ---

    def fits(self, message: Message) -> bool:
        return encode.fits(message) and (not self._too_long or message.digest() not in self._too_long)

    def resend_within(self, place: Place) -> float:
        return 0.0  # Slack has no key by which it would tell a repetition

    async def send(self, place: Place, message: Message, key: str, *, under: Ref | None = None) -> Ref:
        if under is not None and under.id not in self.ours:
            await self._look_at(place, under)
        target = {"channel": place.channel, "thread_ts": under.id if under else None, "parse": "none"}
        answer = await self._fitting(message, key, lambda body: self.api.post(target | body, place=place))
        ts = str(answer.get("ts") or "")
        if not ts:
            raise Unknown(f"Slack did not say where it put a message in {place.address}")
        if under is None:
            self.stands(ts)
        return Ref(id=ts)

    async def _look_at(self, place: Place, root: Ref) -> None:
        """Slack may take an answer to a message that is gone, and then shows it to nobody."""
        body = {"channel": place.channel, "ts": root.id, "limit": 1}
        found = await self.api.call("conversations.replies", body, place=place)
        if not any(one["ts"] == root.id and not is_tombstone(one) for one in found.get("messages") or ()):
            raise Gone(f"There is no message {root.id} in {place.address} any more.", what="message")
        self.stands(root.id)

    async def _fitting(self, message: Message, key: str, ask: Ask) -> dict[str, Any]:
        """Ask with the message, its pictures uploaded before."""
        return await self.pictures.show(self.api, message, lambda one, ids: self._asking(one, key, ids, ask))

    async def _asking(self, message: Message, key: str, ids: Ids, ask: Ask) -> dict[str, Any]:
        """Ask with the message. Where Slack's unwritten limits are narrower than ours, it is to be split: `fits` says
        no to it from now on. One that comes again could not be, and is shown cut, as is what never did fit.
        """
        digest = message.digest()
        for attempt in range(CUTS):
            if not encode.fits(message):
                message = _beginning(message, encode.paged)
            try:
                return await ask(encode.posted(message, key, ids))
            except Poison as error:
                if name_of(error.__cause__) not in TOO_BIG or attempt == CUTS - 1:
                    raise
                log.warning("slack.too-long", title=message.title, attempt=attempt)
                if digest not in self._too_long:
                    self._too_long[digest] = None
                    if len(self._too_long) > REMEMBERED:
                        del self._too_long[next(iter(self._too_long))]
                    raise Busy("Slack finds a message too long: it is split", until=self._clock()) from error
                message = _beginning(message, encode.smaller)
        raise AssertionError("unreachable")

    async def find(self, place: Place, key: str, *, under: Ref | None = None, since: datetime) -> Lookup:
        if under is None:
            method, where = "conversations.history", {"channel": place.channel}
        else:
            method, where = "conversations.replies", {"channel": place.channel, "ts": under.id}
        oldest = f"{since.timestamp():.6f}"
        body = {**where, "oldest": oldest, "inclusive": True, "include_all_metadata": True, "limit": self.page}
        found: list[str] = []
        try:
            async for one in self.api.pages(method, body, "messages"):
                if self.is_mine(one) and encode.carries(one, key):
                    found.append(str(one["ts"]))  # noqa: PERF401 - kept if a later page fails
        except ChatError as error:
            if not found:
                if isinstance(error, Gone) and error.what == "message":
                    return Absent()
                return CannotTell(str(error), error.until if isinstance(error, Busy) else None)
        if not found:
            return Absent()
        first, *copies = sorted(found)  # all of one length
        await self._remove(place, copies)
        return Present(Ref(id=first))

    async def _remove(self, place: Place, copies: list[str]) -> None:
        """The first was late to be seen, and another was sent in its place."""
        for copy in copies:
            log.warning("slack.twice-there", place=place.address, ts=copy)
            try:
                await self.delete(place, Ref(id=copy))
            except ChatError as error:
                log.warning("slack.copy-stays", place=place.address, ts=copy, error=str(error))

    def is_mine(self, message: dict[str, Any]) -> bool:
        """Whether a message was posted by us."""
        return (bool(self.bot) and message.get("bot_id") == self.bot) or (
            bool(self.me) and message.get("user") == self.me
        )

    async def edit(self, place: Place, ref: Ref, message: Message, key: str) -> None:
        target = {"channel": place.channel, "ts": ref.id, "parse": "none"}
        await self._fitting(message, key, lambda body: self.api.call("chat.update", target | body, place=place))

    async def delete(self, place: Place, ref: Ref) -> None:
        try:
            await self.api.call("chat.delete", {"channel": place.channel, "ts": ref.id}, place=place)
        except Gone as error:
            if error.what != "message":
                raise
        self.gone(ref.id)

    def link(self, place: Place, anchor: str) -> str | None:
        """The address at which a person finds this message; needs no connection."""
        if not self.address or not anchor.replace(".", "").isdecimal():
            return None
        return f"{self.address.rstrip('/')}/archives/{place.channel}/p{anchor.replace('.', '')}"


def is_tombstone(message: Mapping[str, Any]) -> bool:
    """Whether a message is only what is left of one that was deleted while answers stood under it."""
    return message.get("subtype") == "tombstone"


def _beginning(message: Message, split: Callable[[Message], list[Message]]) -> Message:
    """As much as goes on the first page, with the buttons: each page has room for them."""
    return replace(split(message)[0], actions=message.actions)
