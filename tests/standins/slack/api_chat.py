"""chat.*: posting, changing, deleting; and what is posted to a response_url."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from tests.standins.slack import files
from tests.standins.slack.ask import Ask, bad
from tests.standins.slack.basics import Raw, Refusal, moment
from tests.standins.slack.blocks import check_message, numbered
from tests.standins.slack.pings import woken
from tests.standins.slack.world import Channel, Message

if TYPE_CHECKING:
    from tests.standins.slack.server import Slack

MOST_METADATA = 4096


async def post(slack: Slack, ask: Ask) -> Raw:
    """chat.postMessage"""
    channel = writable(slack, ask.need("channel"))
    fields, warnings = content(slack, ask, 40_000)
    fields["metadata"] = metadata(ask) or None
    thread = _thread(slack, channel, ask)
    loose = {key: ask.flag(key) for key in ("unfurl_links", "unfurl_media")}
    if None in loose.values() or True in loose.values():
        slack.unfurling.append(ask.args)
    message = slack.post(
        channel,
        slack.me,
        fields.pop("text"),
        thread=thread,
        broadcast=bool(ask.flag("reply_broadcast")) and thread is not None,
        app=slack.mine,
        **fields,
    )
    slack.pings += woken(message.text, message.blocks, ask.args, message)
    answer: Raw = {"channel": channel.id, "ts": message.ts, "message": message.raw(metadata=True)}
    return answer | ({"warning": ",".join(warnings), "response_metadata": {"warnings": warnings}} if warnings else {})


async def update(slack: Slack, ask: Ask) -> Raw:
    """chat.update"""
    channel = readable(slack, ask.need("channel"), post=True)
    message = channel.messages.get(ask.need("ts"))
    if message is None or message.subtype == "tombstone":
        raise Refusal("message_not_found")
    if message.app != slack.mine:
        raise Refusal("cant_update_message")
    if channel.archived:
        raise Refusal("is_archived")
    fields, _ = content(slack, ask, 4_000, old=message)
    if (given := metadata(ask)) is not None:
        fields["metadata"] = given or None
    before = {(one.kind, one.whom) for one in woken(message.text, message.blocks, {"parse": "none"}, message)}
    slack.change(message, **fields)
    pings = woken(message.text, message.blocks, ask.args, message)
    slack.pings += [one for one in pings if (one.kind, one.whom) not in before]
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": message.raw(metadata=True)}


async def delete(slack: Slack, ask: Ask) -> Raw:
    """chat.delete"""
    channel = readable(slack, ask.need("channel"), post=True)
    message = channel.messages.get(ask.need("ts"))
    if message is None or message.subtype == "tombstone":
        raise Refusal("message_not_found")
    if message.app != slack.mine:
        raise Refusal("cant_delete_message")
    slack.erase(message)
    return {"channel": channel.id, "ts": message.ts}


async def post_ephemeral(slack: Slack, ask: Ask) -> Raw:
    """chat.postEphemeral"""
    channel = writable(slack, ask.need("channel"))
    person = slack.people.get(ask.need("user"))
    if person is None or person.id not in channel.members:
        raise Refusal("user_not_in_channel")
    fields, _ = content(slack, ask, 40_000)
    if ask.given("metadata"):
        raise Refusal("invalid_metadata_format")
    message = slack.whisper(channel, person, fields)
    message.thread = _thread(slack, channel, ask)
    return {"message_ts": message.ts}


async def permalink(slack: Slack, ask: Ask) -> Raw:
    """chat.getPermalink"""
    channel = readable(slack, ask.need("channel"), member=False)
    message = channel.messages.get(ask.need("message_ts"))
    if message is None:
        raise Refusal("message_not_found")
    return {"channel": channel.id, "permalink": slack.link(message)}


def find(slack: Slack, name: str) -> Channel:
    """A channel that the bot may know of; private ones it is not in do not exist for it."""
    channel = slack.channels.get(name)
    if channel is None and not name.startswith(("C", "D", "G")):
        wanted = name.removeprefix("#")
        channel = next((one for one in slack.channels.values() if one.name == wanted), None)
    if channel is None or (channel.kind != "public" and slack.me.id not in channel.members):
        raise Refusal("channel_not_found")
    return channel


def readable(slack: Slack, name: str, member: bool = True, post: bool = False) -> Channel:
    channel = find(slack, name)
    if member and slack.me.id not in channel.members:
        raise Refusal("channel_not_found" if post else "not_in_channel")
    return channel


def writable(slack: Slack, name: str) -> Channel:
    channel = find(slack, name)
    if slack.me.id not in channel.members and "chat:write.public" not in slack.scopes:
        raise Refusal("not_in_channel")
    if channel.archived:
        raise Refusal("is_archived")
    if channel.refuses:
        raise Refusal(channel.refuses)
    return channel


def _thread(slack: Slack, channel: Channel, ask: Ask) -> str | None:
    value = ask.args.get("thread_ts")
    if value in (None, ""):
        return None
    try:
        moment(str(value))
    except ValueError:
        raise bad(f"{value} is not a valid thread_ts", error="invalid_thread_ts") from None
    root = channel.messages.get(str(value))
    if root is None:
        if slack.orphans:
            raise Refusal(slack.orphans)
        return str(value)
    if root.thread is not None or root.subtype == "channel_join":
        raise Refusal("cannot_reply_to_message")
    return root.ts


def content(slack: Slack, ask: Ask, most: int, old: Message | None = None) -> tuple[dict[str, Any], list[str]]:
    """Text and blocks of a body, checked; what is not said stays as in `old`. And warnings."""
    text = ask.text("text")
    blocks = ask.parsed("blocks", list, "invalid_blocks_format")
    attachments = ask.parsed("attachments", list, "invalid_attachments") or []
    if ask.given("markdown_text"):
        if text or blocks:
            raise Refusal("markdown_text_conflict")
        text = ask.text("markdown_text")
        blocks = [{"type": "markdown", "text": text}]
    if len(attachments) > 100:
        raise Refusal("too_many_attachments")
    parse = ask.text("parse")
    if parse not in ("", "none", "full", "client"):
        raise Refusal("invalid_arguments")
    if not (text or blocks or attachments) and not (old and blocks == []):
        raise Refusal("no_text")
    warnings: list[str] = []
    if len(text) > most:
        if most == 4_000:
            raise Refusal("msg_too_long")
        text, warnings = text[:most], ["message_truncated"]
    check_message(blocks or [], slack.text_budget, slack.json_budget)
    files.shown(slack, blocks or [])
    fields: dict[str, Any] = {"text": text, "parse": parse}
    if blocks is not None or old is None:
        fields["blocks"] = numbered(copy.deepcopy(blocks or []))
    if old is not None and not ask.given("text") and not ask.given("markdown_text"):
        fields["text"] = old.text
    if attachments or old is None:
        fields["attachments"] = attachments
    return fields, warnings


def metadata(ask: Ask) -> Raw | None:
    """Checked; None: not said, {}: to be removed."""
    given: Raw | None = ask.parsed("metadata", dict, "invalid_metadata_format")
    if not given:
        return given
    if given.keys() != {"event_type", "event_payload"}:
        raise Refusal("invalid_metadata_format")
    name, payload = given["event_type"], given["event_payload"]
    if not isinstance(name, str) or not name or not isinstance(payload, dict):
        raise Refusal("invalid_metadata_format")
    if len(json.dumps(given)) > MOST_METADATA:
        raise Refusal("metadata_too_large")
    return copy.deepcopy(given)
