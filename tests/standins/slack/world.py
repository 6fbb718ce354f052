"""People, channels, messages, user groups, and the objects that Slack shows of them."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Iterator

from tests.standins.slack.basics import Raw, ident


class Person:
    """An account. `guest` is "", "multi" or "single"; `stranger`: of another organisation; `enterprise`: the id of the
    Enterprise Grid that the person is of.
    """

    __slots__ = ("admin", "bot", "deleted", "enterprise", "guest", "id", "locale", "name", "owner", "stranger", "team")

    def __init__(
        self,
        name: str,
        team: str,
        *,
        locale: str = "en-US",
        admin: bool = False,
        owner: bool = False,
        guest: str = "",
        bot: bool = False,
        stranger: bool = False,
        enterprise: str = "",
    ) -> None:
        self.enterprise = enterprise
        self.id, self.name, self.team, self.locale = ident("U"), name, team, locale
        self.admin, self.owner, self.guest, self.bot, self.stranger = admin, owner, guest, bot, stranger
        self.deleted = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def raw(self, locale: bool = False) -> Raw:
        profile = {"real_name": self.name, "display_name": self.name, "team": self.team}
        raw: Raw = {"id": self.id, "team_id": self.team, "name": self.name, "deleted": self.deleted, "profile": profile}
        if self.enterprise:
            raw["enterprise_user"] = {"id": self.id, "enterprise_id": self.enterprise, "teams": [self.team]}
        if self.stranger:
            return raw | {"is_stranger": True, "is_bot": False, "is_app_user": False}
        raw |= {
            "real_name": self.name,
            "tz": "Asia/Tokyo" if self.locale == "ja-JP" else "Europe/London",
            "tz_offset": 32400 if self.locale == "ja-JP" else 0,
            "is_admin": self.admin or self.owner,
            "is_owner": self.owner,
            "is_primary_owner": False,
            "is_restricted": bool(self.guest),
            "is_ultra_restricted": self.guest == "single",
            "is_bot": self.bot,
            "is_app_user": False,
            "updated": 1_767_225_600,
        }
        return raw | ({"locale": self.locale} if locale else {})


class Group:
    """A user group, `@handle`."""

    __slots__ = ("handle", "id", "members")

    def __init__(self, handle: str, members: list[Person]) -> None:
        self.id, self.handle, self.members = ident("S"), handle, members

    @property
    def mention(self) -> str:
        return f"<!subteam^{self.id}>"


class Message:
    """A message as it stands. `thread`: the root's `ts` of a reply. `text` is in Slack's form, escaped.

    `reactions`: names to the ids of people, in order. `app`: written by the bot. `to`: only that person sees it.
    """

    __slots__ = (
        "app", "attachments", "author", "blocks", "broadcast", "channel", "client_id", "edited", "files", "metadata",
        "parse", "reactions", "subtype", "text", "thread", "to", "ts",
    )  # fmt: skip

    def __init__(self, channel: Channel, author: Person, ts: str, text: str = "") -> None:
        self.channel, self.author, self.ts, self.text = channel, author, ts, text
        self.blocks: list[Raw] = []
        self.attachments: list[Raw] = []
        self.files: list[Raw] = []
        self.metadata: Raw | None = None
        self.thread: str | None = None
        self.broadcast = False
        self.edited: str | None = None
        self.reactions: dict[str, list[str]] = {}
        self.subtype: str | None = None
        self.app: tuple[str, str] | None = None  # bot id, app id
        self.parse = ""  # as the body said; "none" keeps names and addresses in `text` from being links
        self.client_id = "" if author.bot else secrets.token_hex(8)
        self.to: Person | None = None

    @property
    def id(self) -> str:
        return self.ts

    @property
    def buttons(self) -> list[Raw]:
        return [one for one in elements(self.blocks) if one.get("type") == "button"]

    @property
    def replies(self) -> list[Message]:
        return list(self.channel.threads.get(self.ts, {}).values())

    def raw(self, *, metadata: bool = False, most: int | None = None, nested: bool = False) -> Raw:
        """The object as the bot gets it; of each reaction at most so many people."""
        raw: Raw = {"type": "message", "user": self.author.id, "text": self.text, "ts": self.ts}
        if self.subtype == "tombstone":
            raw |= {"user": "USLACKBOT", "subtype": "tombstone", "hidden": True, "text": "This message was deleted."}
            return raw | self._thread()
        if self.subtype:
            raw["subtype"] = self.subtype
        raw["team"] = self.author.team
        if self.author.team != self.channel.team:
            raw |= {"user_team": self.author.team, "source_team": self.author.team}
        if self.client_id:
            raw["client_msg_id"] = self.client_id
        if self.app:
            raw |= {"bot_id": self.app[0], "app_id": self.app[1]}
            raw["bot_profile"] = {"id": self.app[0], "app_id": self.app[1], "name": self.author.name}
        if self.blocks:
            raw["blocks"] = copy.deepcopy(self.blocks)
        if self.attachments:
            raw["attachments"] = copy.deepcopy(self.attachments)
        if self.files:
            raw["files"] = copy.deepcopy(self.files)
        if self.edited:
            raw["edited"] = {"user": self.author.id, "ts": self.edited}
        if self.metadata and metadata:
            raw["metadata"] = copy.deepcopy(self.metadata)
        if self.reactions:
            raw["reactions"] = [
                {"name": name, "users": users[:most], "count": len(users)} for name, users in self.reactions.items()
            ]
        raw |= self._thread()
        if self.broadcast and not nested:
            raw["subtype"] = "thread_broadcast"
            if root := self.channel.messages.get(self.thread or ""):
                raw["root"] = root.raw(nested=True)
        return raw

    def _thread(self) -> Raw:
        if self.thread is not None:
            root = self.channel.messages.get(self.thread)
            return {"thread_ts": self.thread} | ({"parent_user_id": root.author.id} if root else {})
        replies = self.replies
        if not replies:
            return {}
        users = list(dict.fromkeys(one.author.id for one in replies))
        return {
            "thread_ts": self.ts,
            "reply_count": len(replies),
            "reply_users_count": len(users),
            "reply_users": users[:5],
            "latest_reply": replies[-1].ts,
            "is_locked": False,
            "subscribed": False,
        }


class Channel:
    """`kind` is "public", "private" or "im". `refuses`: the error for posts there; `foreign`: shared outside."""

    __slots__ = (
        "archived",
        "created",
        "foreign",
        "id",
        "kind",
        "members",
        "messages",
        "name",
        "refuses",
        "team",
        "threads",
    )

    def __init__(self, name: str, team: str, kind: str = "public", foreign: bool = False) -> None:
        self.id, self.name, self.team, self.kind, self.foreign = (
            ident("D" if kind == "im" else "C"),
            name,
            team,
            kind,
            foreign,
        )
        self.members: dict[str, Person] = {}
        self.messages: dict[str, Message] = {}
        self.threads: dict[str, dict[str, Message]] = {}  # answers by the root's ts
        self.archived = False
        self.refuses = ""
        self.created = int(time.time()) - 86_400

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    @property
    def type(self) -> str:
        """What events call it."""
        return {"public": "channel", "private": "group", "im": "im"}[self.kind]

    def __iter__(self) -> Iterator[Message]:
        return iter(list(self.messages.values()))

    def raw(self, me: Person, count: bool = False) -> Raw:
        if self.kind == "im":
            other = next(iter(one for one in self.members if one != me.id), me.id)
            return {"id": self.id, "created": self.created, "is_im": True, "user": other, "is_archived": False}
        raw: Raw = {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": True,
            "is_group": False,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.kind == "private",
            "is_archived": self.archived,
            "is_general": False,
            "is_shared": self.foreign,
            "is_ext_shared": self.foreign,
            "is_org_shared": False,
            "is_pending_ext_shared": False,
            "is_member": me.id in self.members,
            "created": self.created,
            "creator": "U0CREATOR",
            "context_team_id": self.team,
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "previous_names": [],
        }
        return raw | ({"num_members": len(self.members)} if count else {})


def elements(blocks: list[Raw]) -> Iterator[Raw]:
    """Everything in blocks that can be pressed, picked or filled in, with `block_id` of its block added."""
    for block in blocks:
        inside = [block.get("accessory"), block.get("element")]
        if block.get("type") in ("actions", "context_actions"):
            inside += block.get("elements", [])
        for one in inside:
            if isinstance(one, dict) and "action_id" in one:
                yield one | {"block_id": block.get("block_id", "")}
