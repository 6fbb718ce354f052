"""What people do on Discord, from the gateway's events to `Heard`: in the order of the socket, without awaiting."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from discord.utils import parse_time, snowflake_time

from bot.platforms.discord.spots import Spot, Spots
from core.chat import Cleared, Commented, Copied, Ears, Left, Person, Reacted, Read, Removed
from core.times import Clock

log = structlog.get_logger()

SAID = (0, 19)  # types of messages that a person wrote: plain, and a reply
IS_CROSSPOST = 1 << 1
FORWARD = 1  # the type of a reference that only shows a message
READ_EVERY = 5.0  # seconds between two notes of how far a channel was heard

_MENTION = re.compile(r"<(?P<kind>@!?|@&|#|a?:)(?P<name>\w+:)?(?P<id>\d+)>")


class Hearing:
    """`me` gives our own user id, `granted` tells whether we may read every message's text."""

    name = "discord"

    def __init__(
        self, spots: Spots, ears: Ears, clock: Clock, me: Callable[[], int], granted: Callable[[], bool]
    ) -> None:
        self._spots = spots
        self._ears = ears
        self._clock = clock
        self._me = me
        self._granted = granted
        self._last = datetime.min.replace(tzinfo=UTC)
        self.latest: dict[int, int] = {}  # the newest message that each channel and thread told us of
        self._unnoted: set[int] = set()  # channels that were heard further since this was last noted
        self._timer: asyncio.TimerHandle | None = None
        self._listening = False  # without a gap that nobody was told of
        self._takers: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "MESSAGE_CREATE": self._message,
            "MESSAGE_UPDATE": self._edited,
            "MESSAGE_DELETE": lambda data: self._removed(data, (data["id"],)),
            "MESSAGE_DELETE_BULK": lambda data: self._removed(data, data["ids"]),
            "MESSAGE_REACTION_ADD": lambda data: self._reacted(data, added=True),
            "MESSAGE_REACTION_REMOVE": lambda data: self._reacted(data, added=False),
            "MESSAGE_REACTION_REMOVE_ALL": self._cleared,
            "MESSAGE_REACTION_REMOVE_EMOJI": self._cleared,
            "THREAD_DELETE": self._thread_gone,
            "CHANNEL_DELETE": self._channel_gone,
            "GUILD_DELETE": self._guild_gone,
        }

    def take(self, event: str, data: dict[str, Any]) -> None:
        """One event of the gateway. What is wrong with one never touches the others."""
        try:
            self._takers[event](data)
        except (KeyError, TypeError, ValueError) as error:
            log.warning("discord.odd-event", kind=event, error=repr(error))

    # --- messages ---

    def _message(self, data: dict[str, Any]) -> None:
        event: Commented | Copied | None = self.copy(data)
        spot = self._spots.at(int(data["channel_id"]), data.get("guild_id"))
        if spot is None:
            return
        if (event := event or self.comment(spot, data)) is not None:
            self._ears.note(event)
        self._read(spot.container, int(data["id"]))

    def _edited(self, data: dict[str, Any]) -> None:
        spot = self._spots.at(int(data["channel_id"]), data.get("guild_id"))
        if spot is None or data.get("edited_timestamp") is None:  # without: a preview of a link was added
            return
        event = self.comment(spot, data)
        if event is not None:
            self._ears.note(event)

    def comment(self, spot: Spot, data: dict[str, Any], *, saved: bool = False) -> Commented | None:
        """What a reader said under a piece, from a message as Discord gives it; None if it is no answer to one."""
        author = data.get("author") or {}
        if not author or author.get("bot") or data.get("webhook_id") or data.get("type", 0) not in SAID:
            return None
        message = int(data["id"])
        reference = data.get("message_reference") or {}
        if reference.get("type", 0) == FORWARD and not saved:
            return None
        here = int(reference.get("channel_id") or spot.container) == spot.container
        answered = reference.get("message_id") if here else None
        if spot.thread is None and not saved:
            if answered is None or not self._is_under_ours(data, int(answered)):
                return None
            self._spots.stands(message)  # an answer to this answer counts too
        edited = data.get("edited_timestamp")
        return Commented(
            platform=self.name,
            channel=str(spot.channel),
            anchor=spot.anchor(message),
            person=person(author, data.get("member")),
            text=self._text(data, told=saved),
            at=snowflake_time(message),
            thread=str(spot.thread) if spot.thread else None,
            reply_to=None if answered is None else spot.anchor(answered),
            edited=None if edited is None else parse_time(edited),
            source="saved" if saved else "reply",
        )

    def _is_under_ours(self, data: dict[str, Any], answered: int) -> bool:
        if answered in self._spots.ours:
            return True
        target = data.get("referenced_message") or {}
        is_answer = "webhook_id" in target  # of ours to a command: no piece stands there
        return not is_answer and int((target.get("author") or {}).get("id", 0)) == self._me()

    def _text(self, data: dict[str, Any], *, told: bool) -> str | None:
        """The words, with mentions as names. None where Discord keeps them from us; not where it surely `told` them."""
        content: str = data.get("content") or ""
        if not told and not content and not self._granted() and not self._addresses_us(data):
            return None
        names = {str(one["id"]): person(one, one.get("member")).name for one in data.get("mentions") or ()}

        def named(found: re.Match[str]) -> str:
            kind = found["kind"]
            if kind.endswith(":"):
                return f":{found['name'] or ''}".rstrip(":") + ":"
            return f"{kind[0]}{names.get(found['id'], '…')}"

        words = _MENTION.sub(named, content).replace("\0", "").strip()
        files = [f"[{one.get('filename', 'file')}]" for one in data.get("attachments") or ()]
        return " ".join(part for part in (words, *files) if part)

    def _addresses_us(self, data: dict[str, Any]) -> bool:
        return any(int(one["id"]) == self._me() for one in data.get("mentions") or ())

    def copy(self, data: dict[str, Any]) -> Copied | None:
        """A channel that follows one of ours got its copy: the bot sees it where it is in that server too."""
        reference = data.get("message_reference") or {}
        if not data.get("flags", 0) & IS_CROSSPOST or int(reference.get("channel_id", 0)) not in self._spots.places:
            return None
        self._spots.copies.add(int(data["channel_id"]))
        self._spots.stands(int(data["id"]))
        return Copied(
            platform=self.name,
            channel=str(data["channel_id"]),
            anchor=str(data["id"]),
            of_channel=str(reference["channel_id"]),
            of_anchor=str(reference["message_id"]),
            at=self._now(),
        )

    def _removed(self, data: dict[str, Any], ids: tuple[str, ...] | list[str]) -> None:
        if (spot := self._spots.at(int(data["channel_id"]), data.get("guild_id"))) is not None:
            anchors = tuple(spot.anchor(one) for one in ids)
            self._ears.note(Removed(platform=self.name, channel=str(spot.channel), anchors=anchors, at=self._now()))

    # --- reactions ---

    def _reacted(self, data: dict[str, Any], *, added: bool) -> None:
        spot = self._spots.at(int(data["channel_id"]), data.get("guild_id"))
        if spot is None or int(data["user_id"]) == self._me():
            return
        member = data.get("member") or {}
        if (member.get("user") or {}).get("bot"):
            return
        self._ears.note(
            Reacted(
                platform=self.name,
                channel=str(spot.channel),
                anchor=spot.anchor(data["message_id"]),
                person=person(member.get("user") or {"id": data["user_id"]}, member),
                emoji=emoji_key(data["emoji"]),
                added=added,
                at=self._now(),
                kind="burst" if data.get("burst") else "normal",
            )
        )

    def _cleared(self, data: dict[str, Any]) -> None:
        if (spot := self._spots.at(int(data["channel_id"]), data.get("guild_id"))) is not None:
            emoji = emoji_key(data["emoji"]) if "emoji" in data else None
            anchor = spot.anchor(data["message_id"])
            self._ears.note(
                Cleared(platform=self.name, channel=str(spot.channel), anchor=anchor, at=self._now(), emoji=emoji)
            )

    # --- what is gone as a whole: Discord tells no single messages then ---

    def _thread_gone(self, data: dict[str, Any]) -> None:
        """Whether anything of ours was in it, the rows know: an archived thread is in no cache."""
        spot = self._spots.at(int(data["id"]), data.get("guild_id"))
        channel = spot.channel if spot is not None else int(data.get("parent_id") or 0)
        if channel in self._spots.places or channel in self._spots.copies:
            thread = str(data["id"])
            self._ears.note(
                Removed(platform=self.name, channel=str(channel), anchors=(), at=self._now(), thread=thread)
            )

    def _channel_gone(self, data: dict[str, Any]) -> None:
        if int(data["id"]) in self._spots.places:
            self._ears.note(Left(platform=self.name, at=self._now(), channel=str(data["id"])))

    def _guild_gone(self, data: dict[str, Any]) -> None:
        if not data.get("unavailable"):  # else it is an outage
            self._ears.note(Left(platform=self.name, at=self._now(), community=str(data["id"])))

    # --- between the lines ---

    def _now(self) -> datetime:
        """The time of an event that tells none; never the same twice, so that their order is kept."""
        self._last = max(self._clock(), self._last + timedelta(microseconds=1))
        return self._last

    def _read(self, container: int, message: int) -> None:
        self.latest[container] = max(message, self.latest.get(container, 0))
        self._unnoted.add(container)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(READ_EVERY, self.flush)

    def gap(self) -> None:
        """A new session begins: how far channels were heard is noted again only when the ears know of the gap."""
        self.flush()
        self._listening = False

    def listen(self) -> None:
        """The ears were told of every gap there was."""
        self._listening = True
        self.flush()

    def flush(self) -> None:
        """Note how far every channel was heard; everything before it has been noted already."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._listening:
            return
        unnoted, self._unnoted = self._unnoted, set()
        for container in unnoted:
            self._ears.note(Read(platform=self.name, where=str(container), newest=str(self.latest[container])))


def person(user: Mapping[str, Any], member: Mapping[str, Any] | None = None) -> Person:
    """A person as Discord shows them: the name in the server, else their own."""
    name = (member or {}).get("nick") or user.get("global_name") or user.get("username") or ""
    return Person(id=str(user["id"]), name=str(name))


def emoji_key(emoji: Mapping[str, Any]) -> str:
    """The sign itself, or the id of a server's own emoji, whose name may change."""
    return str(emoji["id"]) if emoji.get("id") else str(emoji["name"])
