"""The port to a chat platform, and what flows through it: places, references, what people did, what they asked.

An adapter knows this file and its own SDK. The contract is in the docstring of `Chat`; `tests/test_chat_contract.py`
runs every clause of it against every adapter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

from core.message import Form, Message, Reply

if TYPE_CHECKING:  # a command names roles, which are named here
    from core.commands import CommandSpec

Layout = Literal["card", "thread", "forum", "follow", "queue"]
"""How a place shows a piece: one card; a card with its sections under it; a post of a forum; a card that other
communities follow. A `queue` is for moderators: no pieces, but what waits for them. `core.placing.LAYOUTS` says which
platform has which."""
Role = Literal["reader", "author", "moderator", "admin", "host"]
"""`host` runs one community and is not of the publication: may set up the places of `Caller.community`, no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One channel on one platform, and how this publication speaks there.

    `community` is the guild or workspace. `zone` is an IANA name, `quiet` a pair of local `HH:MM` (from, to),
    `cap` the most pieces a local day (None: no cap), `filter` a `core.filters` expression ("" takes all), `mention` the
    id of a role that is pinged once when a piece is first sent ("" pings nobody). `review`: a piece waits there until a
    moderator approves it. `moderators`: ids of people, roles and user groups that moderate there and nowhere else.
    `former`: what the platform called the channel before; events may still come by those ids.
    """

    id: int
    platform: str
    channel: str
    name: str = ""
    community: str = ""
    layout: Layout = "card"
    language: str = "en"
    zone: str = "UTC"
    filter: str = ""
    quiet: tuple[str, str] | None = None
    cap: int | None = None
    mention: str = ""
    review: bool = False
    moderators: tuple[str, ...] = ()
    paused: str | None = None
    former: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """`platform:channel`, as people type it."""
        return f"{self.platform}:{self.channel}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """Where a leaf stands in a chat. `id` is the message; `also` are other ids that mean it (thread, copies).

    All of them are anchors: ids under which an adapter reports what people do. Opaque to the core.
    """

    id: str
    also: tuple[str, ...] = ()

    @property
    def anchors(self) -> tuple[str, ...]:
        return (self.id, *self.also)

    def text(self) -> str:
        """The form in which it is stored; `parse` reads it."""
        return " ".join(self.anchors)

    @classmethod
    def parse(cls, text: str) -> Ref:
        """The reverse of `text`; ids hold no space."""
        first, *rest = text.split(" ")
        return cls(id=first, also=tuple(rest))


# --- what a look-up says ---


@dataclass(frozen=True, slots=True)
class Present:
    ref: Ref


@dataclass(frozen=True, slots=True)
class Absent:
    """Surely not there: the whole window was read."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Could not look (no permission, archived, an outage). Never leads to a resend. `until`: when it may be had."""

    reason: str
    until: datetime | None = None


Lookup = Present | Absent | CannotTell


# --- what people did ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account on one platform. The same human on two platforms is two persons; nobody is matched across."""

    id: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted:
    """A reaction put on (`added`) or taken off a message. `at` is the platform's event time.

    `source` tells how: `emoji` under the message, or `button`. `recalled` marks what a sweep found: it only fills gaps.
    """

    platform: str
    channel: str
    anchor: str
    person: Person
    emoji: str
    added: bool
    at: datetime
    source: Literal["emoji", "button"] = "emoji"
    kind: str = "normal"
    recalled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commented:
    """A reader's words, new or edited (`edited` set). `anchor` is the id of the comment's own message.

    `thread` is the root it stands under; `reply_to` is the message it explicitly answers, if any; `section` is set when
    Comment was pressed at one. `text` None: the platform did not give it to us.
    """

    platform: str
    channel: str
    anchor: str
    person: Person
    text: str | None
    at: datetime
    thread: str | None = None
    reply_to: str | None = None
    section: str | None = None
    edited: datetime | None = None
    source: Literal["reply", "form", "saved"] = "reply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Messages that are gone from a channel: readers' comments are erased here, our posts count as withdrawn there.

    `thread`: and everything in that thread, whose anchors are written `THREAD-MESSAGE`.
    """

    platform: str
    channel: str
    anchors: tuple[str, ...]
    at: datetime
    by: str | None = None
    thread: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """All reactions (or all of one emoji) were removed from a message."""

    platform: str
    channel: str
    anchor: str
    at: datetime
    emoji: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A channel (or with `community`, every channel of one) is gone for the bot."""

    platform: str
    at: datetime
    channel: str | None = None
    community: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """The platform itself made a copy of one of our messages elsewhere: what people do there counts for the piece."""

    platform: str
    channel: str
    anchor: str
    of_channel: str
    of_anchor: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The platform tells in which community (guild, workspace) a channel is, and what it is called."""

    platform: str
    channel: str
    community: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The platform calls a channel by another id from now on, `to`. Whatever we know of it follows."""

    platform: str
    channel: str
    to: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Everything in a channel or thread (`where`) up to the message `newest` was told before this."""

    platform: str
    where: str
    newest: str


Heard = Reacted | Commented | Removed | Cleared | Left | Copied | Located | Moved | Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What we know of an anchor, for `recall`: when it, or its last wording, came; how often each emoji stands on it.

    A count of -1 means that it is to be read anyway.

    `comment` tells a reader's message from one of ours.
    """

    channel: str
    ref: Ref
    since: datetime
    reactions: Mapping[str, int] = field(default_factory=dict)
    comment: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`I read everything of this anchor from `since`: these ids exist, these people react`. Only the core concludes.

    `comments`: of a card everything in its thread, of another message what answers it. None for either: not read, so
    nothing is concluded of it.
    """

    channel: str
    anchor: str
    since: datetime
    comments: frozenset[str] | None
    reactions: frozenset[tuple[str, str, str]] | None  # (person id, emoji, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """This anchor could not be read; nothing may be concluded."""

    channel: str
    anchor: str
    reason: str


# --- who asks, and the two things an adapter is given ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, from where. `roles` are vouched for by the adapter and checked by the desk on every call.

    So is `known_as`: the ids by which a place may name them as its moderator, their own and those of roles and groups
    that they have in `community`. Empty where nobody vouches for them.
    """

    platform: str
    person: Person
    channel: str | None = None
    community: str = ""
    language: str = "en"
    roles: frozenset[Role] = frozenset({"reader"})
    zone: str = "UTC"
    known_as: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A completion: `value` is what is sent, `label` what is shown (at most 100 characters)."""

    value: str
    label: str


class Desk(Protocol):
    """Where questions are answered. Never raises for what a person did wrong: the reply says it (`ok` false)."""

    def commands(self) -> Sequence[CommandSpec]:
        """Every command there is, whoever may use it."""
        ...

    async def ask(self, caller: Caller, line: str) -> Reply:
        """A whole line as typed: `/digest topic:OpenAI period:7d`."""
        ...

    async def call(self, caller: Caller, command: str, options: Mapping[str, str]) -> Reply:
        """A command with named options, as text. A group's command is `mod retract`."""
        ...

    async def point(self, caller: Caller, name: str, anchor: str) -> Reply:
        """A command that is `on="message"`, picked for the message `anchor` of the caller's channel."""
        ...

    async def press(self, caller: Caller, action: str, anchor: str | None) -> Reply | Form:
        """A button with `Action.id` was pressed on the message `anchor`."""
        ...

    def opens(self, action: str) -> bool:
        """Whether such a button may open a form: some platforms take one as the first answer only."""
        ...

    async def submit(self, caller: Caller, form: str, values: Mapping[str, str], anchor: str | None) -> Reply:
        """A form was filled in."""
        ...

    async def complete(self, caller: Caller, command: str, option: str, text: str) -> Sequence[Choice]:
        """At most 25 completions for what was typed so far of an option."""
        ...


class Ears(Protocol):
    """Where an adapter tells what people did. Both forms may be given the same event twice, late, or out of order."""

    def note(self, event: Heard) -> None:
        """Synchronous and bounded; for platforms without acknowledgement. An overflow marks the channel for recall."""
        ...

    async def keep(self, event: Heard) -> None:
        """Returns after the event is durable; acknowledge to the platform only then."""
        ...

    def missed(self, platform: str) -> None:
        """We were away, or begin: what happened meanwhile is to be recalled. Synchronous; `recall` is called soon."""
        ...


class Memo(Protocol):
    """What one adapter must know again after a restart, such as a back-off. Short texts by key."""

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, value: str) -> None: ...


class Chat(Protocol):
    """One chat platform.

    Contract (every clause is a test in the contract suite):

    1. `send` shows `message` once and returns its Ref. `key` (24 hex digits) rides in the message, so that `find`
       can tell it again after a crash of either side. Sending the same key again within `resend_within` seconds
       returns the same Ref and shows nothing new.
    2. `send(under=ref)` puts the message under that message (thread, reply), in the order of the calls.
    3. Errors are only those of `core.errors`; anything whose outcome is not sure is `Unknown`.
    4. `find` says Present only for our own message with that key, Absent only after reading everything since `since`,
       else CannotTell.
    5. `edit` replaces all that is shown and carries the same key on; it never changes the Ref and pings nobody. A
       message that is gone is `Gone(what="message")`.
    6. `delete` of what is gone is fine.
    7. Text of a message is never markup, mention or link on the platform, whatever it holds.
    8. What people do under our messages comes to the ears with the anchors of the Ref; our own doings do not.
    9. `recall` yields what was missed, as events marked `recalled`, and one Window or Unreadable an anchor.
    10. A picture that was drawn is shown with its alternative text, or is told by it; an edit replaces it, too.
    """

    name: str
    text_limit: int
    """UTF-16 units of plain text that one message surely holds."""

    @property
    def connected(self) -> bool:
        """Whether what people do reaches us now."""
        ...

    def fits(self, message: Message) -> bool:
        """Whether one message holds all of it. What does not fit is shown cut; markup and addresses take room too."""
        ...

    async def run(self, desk: Desk, ears: Ears) -> None:
        """Serve until cancelled. Says `ears.missed` when a connection begins that had gaps before it."""
        ...

    async def furnish(self, places: Iterable[Place]) -> None:
        """These are our places on this platform: called before `run` and whenever they change."""
        ...

    async def send(self, place: Place, message: Message, key: str, *, under: Ref | None = None) -> Ref: ...

    async def find(self, place: Place, key: str, *, under: Ref | None = None, since: datetime) -> Lookup: ...

    def resend_within(self, place: Place) -> float:
        """Seconds for which the platform surely recognises a repeated key by itself there; 0 if it never does."""
        ...

    async def edit(self, place: Place, ref: Ref, message: Message, key: str) -> None: ...

    async def delete(self, place: Place, ref: Ref) -> None: ...

    def recall(
        self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[Heard | Window | Unreadable]:
        """`read`: the newest message that was surely heard of each channel and thread, as `Read` told it. Raises
        ChatError at the end if part of it is to be tried again later."""

    def link(self, place: Place, anchor: str) -> str | None:
        """The address at which a person finds this message; needs no connection."""
        ...
