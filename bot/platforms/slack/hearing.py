"""What people do on Slack, from the events of its Events API to `Heard`; pure but for the names it knows."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import emoji
import structlog

from bot.platforms.slack.posts import Posts
from core.chat import Commented, Heard, Left, Located, Moved, Person, Place, Reacted, Removed

log = structlog.get_logger()

SAID = {None, "thread_broadcast", "file_share", "me_message"}  # subtypes of messages that a person wrote
GONE = {"channel_archive", "group_archive", "channel_deleted", "group_deleted"}
UNINSTALLED = {"app_uninstalled", "tokens_revoked"}

_TOKEN = re.compile(r"<(?P<what>[^<>|]+)(?:\|(?P<label>[^<>]*))?>")


class Hearing:
    """`places` are ours by every id that their channel has or had; `name_of` gives the name of a person, if known."""

    def __init__(self, posts: Posts, name_of: Callable[[str], str]) -> None:
        self._posts = posts
        self._name_of = name_of
        self.places: Mapping[str, Place] = {}

    def furnish(self, places: Iterable[Place]) -> None:
        """These are our places. A former id leads to the place that has the channel now."""
        there = list(places)
        now = {place.channel: place for place in there}
        self.places = now | {former: place for place in there for former in place.former}

    def today(self, channel: str) -> str:
        """What a channel is called now: people and Slack may still use an id that it had."""
        return self.places[channel].channel if channel in self.places else channel

    def events(self, body: Mapping[str, Any]) -> list[Heard]:
        """What one envelope tells of our places; nothing for what is no business of ours."""
        event = body["event"]
        kind = event.get("type")
        if kind in UNINSTALLED:
            return [Left(platform="slack", at=_now(event), community=str(body.get("team_id") or self._posts.team))]
        if kind == "channel_id_changed":  # of any channel: it may be one of ours by an id of which we hear later
            old, new = str(event["old_channel_id"]), str(event["new_channel_id"])
            return [Moved(platform="slack", channel=old, to=new, at=_now(event))]
        named = _channel(event)
        if named not in self.places:
            return []
        channel = self.today(named)
        if kind == "message":
            return self._message(event, channel)
        if kind in ("reaction_added", "reaction_removed"):
            return self._reaction(event, channel)
        if kind in GONE or (kind == "member_left_channel" and event.get("user") == self._posts.me):
            return [Left(platform="slack", at=_now(event), channel=named)]  # a former id may go, and the channel stays
        if kind in ("channel_rename", "group_rename"):
            name = f"#{event['channel']['name']}"
            # Not `team_id`: of a shared channel that may be the other organisation's.
            return [Located(platform="slack", channel=channel, community=self._posts.team, name=name)]
        return []

    def _message(self, event: Mapping[str, Any], channel: str) -> list[Heard]:
        match event.get("subtype"):
            case "message_changed":
                return self._changed(event, channel)
            case "message_deleted":
                return [self._removed(channel, str(event["deleted_ts"]), event)]
            case _:
                said = self.comment(event, channel)
                return [said] if said is not None else []

    def _changed(self, event: Mapping[str, Any], channel: str) -> list[Heard]:
        """An edit, if the words changed: Slack says the same of a preview that was added. A root that is deleted while
        answers stand under it becomes a tombstone.
        """
        message, before = event["message"], event.get("previous_message") or {}
        if message.get("subtype") == "tombstone":
            return [self._removed(channel, str(message["ts"]), event)]
        if (message.get("edited") or {}).get("ts") == (before.get("edited") or {}).get("ts"):
            return []
        said = self.comment(message, channel)
        return [said] if said is not None else []

    def comment(self, message: Mapping[str, Any], channel: str, *, saved: bool = False) -> Commented | None:
        """What a reader said under a piece, from a message as Slack gives it; None if it is no answer to one."""
        if message.get("subtype") not in SAID or message.get("bot_id") or self._posts.is_mine(dict(message)):
            return None
        root, ts, who = message.get("thread_ts"), str(message["ts"]), str(message.get("user") or "")
        if not who or root is None or root == ts or not (root in self._posts.ours or self._is_under_ours(message)):
            return None
        edited = (message.get("edited") or {}).get("ts")
        return Commented(
            platform="slack",
            channel=channel,
            anchor=ts,
            person=Person(id=who, name=self._name_of(who)),
            text=self.words(message),
            at=moment(ts),
            thread=str(root),
            edited=None if edited is None else moment(str(edited)),
            source="saved" if saved else "reply",
        )

    def _is_under_ours(self, message: Mapping[str, Any]) -> bool:
        return bool(self._posts.me) and message.get("parent_user_id") == self._posts.me

    def words(self, message: Mapping[str, Any]) -> str:
        """The words of a message: mentions as names, links as addresses, entities undone."""

        def named(found: re.Match[str]) -> str:
            what, label = found["what"], found["label"]
            if what.startswith("@"):
                return f"@{label or self._name_of(what[1:]) or '…'}"
            if what.startswith(("#", "!")):
                return f"{what[0].replace('!', '@')}{label or what[1:].rpartition('^')[2]}"
            return f"{label} ({what})" if label and label not in what else what

        text = html.unescape(_TOKEN.sub(named, str(message.get("text") or ""))).replace("\0", "").strip()
        files = [f"[{one.get('name') or one.get('title') or 'file'}]" for one in message.get("files") or ()]
        return " ".join(part for part in (text, *files) if part)

    def _reaction(self, event: Mapping[str, Any], channel: str) -> list[Heard]:
        if event.get("user") == self._posts.me or (event.get("item") or {}).get("type") != "message":
            return []
        who = str(event["user"])
        sign, kind = reaction(str(event["reaction"]))
        return [
            Reacted(
                platform="slack",
                channel=channel,
                anchor=str(event["item"]["ts"]),
                person=Person(id=who, name=self._name_of(who)),
                emoji=sign,
                added=event["type"] == "reaction_added",
                at=_now(event),
                kind=kind,
            )
        ]

    def _removed(self, channel: str, ts: str, event: Mapping[str, Any]) -> Removed:
        self._posts.gone(ts)
        return Removed(platform="slack", channel=channel, anchors=(ts,), at=_now(event))


def _channel(event: Mapping[str, Any]) -> str:
    where = event.get("channel") or (event.get("item") or {}).get("channel") or ""
    return str(where["id"]) if isinstance(where, Mapping) else str(where)


def _now(event: Mapping[str, Any]) -> datetime:
    return moment(str(event.get("event_ts") or event.get("ts") or "0"))


def moment(ts: str) -> datetime:
    """The time of Slack's `seconds.microseconds`, exact to the microsecond."""
    seconds, _, micro = ts.partition(".")
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(micro.ljust(6, "0")[:6] or 0))


def reaction(name: str) -> tuple[str, str]:
    """(sign, kind) of a reaction's name: the sign itself, or the name of a workspace's own; a skin tone is a kind."""
    base, _, tone = name.partition("::")
    sign = emoji.emojize(f":{base}:", language="alias")
    return (base if sign == f":{base}:" else sign), tone or "normal"
