"""Events as text: a short list each, since a journal row is written for every event before it is acknowledged."""

from __future__ import annotations

import json
from typing import Any

import orjson

from core.chat import Cleared, Commented, Copied, Heard, Left, Located, Moved, Person, Reacted, Read, Removed
from core.times import micros, moment

KEEP = "insert into heard(body) values(?)"
"""Keeps one event; `Db.put` returns after it is durable."""


def encode(event: Heard) -> str:
    """An event as one line of JSON."""
    match event:
        case Reacted():
            row: list[Any] = [
                "r", event.platform, event.channel, event.anchor, event.person.id, event.person.name, event.emoji,
                event.added, micros(event.at), event.source, event.kind, event.recalled,
            ]  # fmt: skip
        case Commented():
            edited = None if event.edited is None else micros(event.edited)
            row = [
                "c", event.platform, event.channel, event.anchor, event.person.id, event.person.name, event.text,
                micros(event.at), event.thread, event.reply_to, event.section, edited, event.source,
            ]  # fmt: skip
        case Removed():
            row = ["d", event.platform, event.channel, list(event.anchors), micros(event.at), event.by, event.thread]
        case Cleared():
            row = ["x", event.platform, event.channel, event.anchor, micros(event.at), event.emoji]
        case Left():
            row = ["l", event.platform, micros(event.at), event.channel, event.community]
        case Copied():
            row = [
                "o", event.platform, event.channel, event.anchor, event.of_channel, event.of_anchor, micros(event.at),
            ]  # fmt: skip
        case Located():
            row = ["p", event.platform, event.channel, event.community, event.name]
        case Moved():
            row = ["m", event.platform, event.channel, event.to, micros(event.at)]
        case Read():
            row = ["w", event.platform, event.where, event.newest]
    try:
        return orjson.dumps(row).decode()
    except TypeError:  # half of a surrogate pair, which is no text and which no database takes
        return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace").decode()


def decode(body: str) -> Heard:
    """The reverse of `encode`."""
    row = orjson.loads(body)
    match row[0]:
        case "r":
            return Reacted(
                platform=row[1], channel=row[2], anchor=row[3], person=Person(id=row[4], name=row[5]), emoji=row[6],
                added=row[7], at=moment(row[8]), source=row[9], kind=row[10], recalled=row[11],
            )  # fmt: skip
        case "c":
            return Commented(
                platform=row[1], channel=row[2], anchor=row[3], person=Person(id=row[4], name=row[5]), text=row[6],
                at=moment(row[7]), thread=row[8], reply_to=row[9], section=row[10],
                edited=None if row[11] is None else moment(row[11]), source=row[12],
            )  # fmt: skip
        case "d":
            return Removed(
                platform=row[1], channel=row[2], anchors=tuple(row[3]), at=moment(row[4]), by=row[5], thread=row[6]
            )
        case "x":
            return Cleared(platform=row[1], channel=row[2], anchor=row[3], at=moment(row[4]), emoji=row[5])
        case "l":
            return Left(platform=row[1], at=moment(row[2]), channel=row[3], community=row[4])
        case "o":
            return Copied(
                platform=row[1], channel=row[2], anchor=row[3], of_channel=row[4], of_anchor=row[5], at=moment(row[6])
            )
        case "p":
            return Located(platform=row[1], channel=row[2], community=row[3], name=row[4])
        case "m":
            return Moved(platform=row[1], channel=row[2], to=row[3], at=moment(row[4]))
        case "w":
            return Read(platform=row[1], where=row[2], newest=row[3])
        case other:
            raise ValueError(f"unknown event kind {other!r} in the journal")
