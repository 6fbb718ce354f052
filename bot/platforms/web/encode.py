"""From what the core shows to what the page draws: JSON whose text is only text and whose links are only http(s)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from bot.platforms.room import Entry
from core.errors import RondanError
from core.message import Form, Message, Reply, message_to_json, pictures_of, to_text

Encoders = Mapping[str, Callable[[Message], object]]
"""Name of a platform → its encoder, for the tabs that show how a message would look there."""


def message(one: Message) -> dict[str, Any]:
    """A message for the page: as the core writes it, without addresses that are not web addresses.

    What a picture is drawn from stays here, and one that was not drawn too.
    """
    data: dict[str, Any] = _only_web_links(message_to_json(one))
    data["blocks"] = [
        {name: value for name, value in block.items() if name != "of"}
        for block in data["blocks"]
        if block["kind"] != "picture" or block["png"]
    ]
    return data


def kept(one: Message, anchor: str) -> dict[str, Any]:
    """The same of a message that stands in the room: its pictures are named, not told again with each change."""
    data = message(one)
    pictures = [block for block in data["blocks"] if block["kind"] == "picture"]
    for number, (block, picture) in enumerate(zip(pictures, pictures_of(one), strict=True)):
        version = hashlib.blake2b(picture.png, digest_size=8).hexdigest()
        block["src"] = f"/api/messages/{anchor}/pictures/{number}?v={version}"
        del block["png"]
    return data


def _only_web_links(data: Any) -> Any:
    """The same JSON, every `link` and `url` that is not http(s) dropped."""
    if isinstance(data, list):
        return [_only_web_links(one) for one in data]
    if isinstance(data, dict):
        return {
            name: _only_web_links(value)
            for name, value in data.items()
            if name not in ("link", "url") or value is None or is_web(value)
        }
    return data


def is_web(address: object) -> bool:
    return isinstance(address, str) and address.lower().startswith(("http://", "https://"))


def entry(one: Entry, *, viewer: str, author: str, replies: int, newest: str | None) -> dict[str, Any]:
    """A message of the room as `viewer` sees it. A deleted one keeps its place and nothing else."""
    data: dict[str, Any] = {
        "id": one.id,
        "channel": one.channel,
        "under": one.under,
        "at": one.at.isoformat(),
        "deleted": one.deleted is not None,
        "replies": replies,
        "newest": newest,
    }
    if one.deleted is not None:
        return data
    data |= {
        "edited": one.edited and one.edited.isoformat(),
        "reply_to": one.reply_to,
        "mine": one.person == viewer,
        "author": author if one.person else None,
        "reactions": [
            {"emoji": emoji, "count": len(people), "mine": viewer in people} for emoji, people in one.reactions.items()
        ],
    }
    if one.message is not None:
        data["message"] = kept(one.message, one.id)
    else:
        data["text"] = one.text
    return data


def form(one: Form) -> dict[str, Any]:
    """A form for the page's dialog."""
    return {
        "id": one.id,
        "title": one.title,
        "submit": one.submit,
        "fields": [
            {
                "key": each.key,
                "label": each.label,
                "kind": each.kind,
                "required": each.required,
                "value": each.value,
                "limit": each.limit,
                "choices": each.choices,
            }
            for each in one.fields
        ],
    }


def reply(one: Reply, encoders: Encoders) -> dict[str, Any]:
    """A private answer. Its views ride along, since the server forgets it."""
    return {
        "message": message(one.message),
        "ok": one.ok,
        "replace": one.replace,
        "views": views(one.message, encoders),
        "files": [
            {"name": each.name, "kind": each.kind, "content": base64.b64encode(each.content).decode()}
            for each in one.files
        ],
    }


def views(one: Message, encoders: Encoders) -> dict[str, str]:
    """The same message as other platforms would get it, `text` first; JSON is laid out for reading."""
    shown = {"text": to_text(one)}
    for name, encode in encoders.items():
        try:
            shown[name] = json.dumps(encode(one), ensure_ascii=False, indent=2, default=str)
        except RondanError as error:  # a platform that can't show this message says why
            shown[name] = str(error)
    return shown
