"""Whom a message wakes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.standins.slack.basics import Raw

if TYPE_CHECKING:
    from tests.standins.slack.world import Message

BROADCAST = re.compile(r"<!(here|channel|everyone)(?:\|[^>]*)?>")
GROUP = re.compile(r"<!subteam\^(\w+)(?:\|[^>]*)?>")
USER = re.compile(r"<@([UW]\w+)(?:\|[^>]*)?>")
BARE = re.compile(r"(?<![\w@.])@(here|channel|everyone)(?!\w)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """`kind`: broadcast, user or group; `whom`: here, channel, everyone, or an id; `source`: where it stood."""

    kind: str
    whom: str
    source: str
    message: Message


def woken(text: str, blocks: Sequence[Raw], body: Raw, message: Message) -> list[Ping]:
    """`text` counts beside blocks too: a notification shows it. With `parse: "none"` its bare `@here` is text."""
    bare = str(body.get("parse", "")) != "none"
    found = [(*one, "text") for one in _tokens(text, bare)]
    for block in blocks:
        found += [(*one, str(block.get("type"))) for one in _in_block(block)]
    return [Ping(kind=kind, whom=whom, source=source, message=message) for kind, whom, source in dict.fromkeys(found)]


def _tokens(text: str, bare: bool) -> Iterator[tuple[str, str]]:
    yield from (("broadcast", one) for one in BROADCAST.findall(text))
    yield from (("group", one) for one in GROUP.findall(text))
    yield from (("user", one) for one in USER.findall(text))
    if bare:
        yield from (("broadcast", one) for one in BARE.findall(text))


def _in_block(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for one in value:
            yield from _in_block(one)
    if not isinstance(value, dict):
        return
    match value.get("type"):
        case "mrkdwn":
            yield from _tokens(str(value.get("text", "")), bare=not value.get("verbatim"))
        case "markdown":
            yield from _tokens(str(value.get("text", "")), bare=True)
        case "broadcast":
            yield "broadcast", str(value.get("range"))
        case "user":
            yield "user", str(value.get("user_id"))
        case "usergroup":
            yield "group", str(value.get("usergroup_id"))
        case _:
            for one in value.values():
                if isinstance(one, dict | list):
                    yield from _in_block(one)
