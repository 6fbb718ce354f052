"""From what the core shows to what Slack takes: messages, modals, the Home tab, options.

Pure: dicts in, dicts out. Text from outside stands in rich text or plain text, where Slack reads no signs, and once
more in the fallback, where they are escaped and parted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from bot.platforms.slack.budget import ROOM, fits, paged, smaller, too_long, weigh
from bot.platforms.slack.layout import checked, label, message_blocks, told_apart
from bot.platforms.slack.richtext import ZWSP, Json, escape, plain_text, tidy
from core.chat import Choice
from core.errors import Poison
from core.message import Field, Form, Message, without_pictures
from core.paging import words
from core.text import cut, graphemes, length, shorten

__all__ = ["carries", "escape", "fits", "home", "modal", "option", "paged", "posted", "smaller", "view"]

EVENT = "rondan_post"
"""The name under which our key rides in a message's metadata."""
FALLBACK = 2900
"""UTF-16 units of the fallback text after escaping: `chat.update` takes 4,000."""
VIEW_BLOCKS = 100
TITLE = 24  # also of buttons that submit
VIEW_SIZE = 200_000
"""Bytes of the JSON of a view's blocks; Slack takes 250 KB of the whole."""

_SPARKS = re.compile(r"(?<=[@#:])(?=\S)|(?<=www)(?=\.)", re.IGNORECASE)  # @here #general https:// :smile:


# --- messages ---


def posted(message: Message, key: str | None = None, ids: Mapping[str, str] | None = None) -> Json:
    """The body that posts or updates a message; the channel and `ts` are the caller's.

    `key` (24 hex digits) rides as metadata; an update without it keeps the one that is there. `ids` are those of the
    pictures' files; without it their places are kept. Raises `Poison` for a message that does not fit.
    """
    blocks = message_blocks(message, ids=ids)
    weight = weigh(blocks)
    if not weight.within(ROOM):
        raise too_long(message, weight)
    return {
        "blocks": blocks,
        "text": _fallback(message),
        "unfurl_links": False,
        "unfurl_media": False,
        **({"metadata": {"event_type": EVENT, "event_payload": {"k": key}}} if key is not None else {}),
    }


def carries(message_object: Json, key: str) -> bool:
    """Whether a message object, read with its metadata, was made with this key."""
    metadata = message_object.get("metadata") or {}
    return metadata.get("event_type") == EVENT and (metadata.get("event_payload") or {}).get("k") == key


def _fallback(message: Message) -> str:
    """What notifications and screen readers get, on one line: the title, and as much as there is room for."""
    title = " ".join(message.title.split())
    said = [line for one in message.blocks if (line := " ".join(words(one).split()))]
    if said[:1] == [title]:
        said = said[1:]
    line = " ".join([title, "―", *said] if title and said else [title, *said])
    line = tidy(_SPARKS.sub(ZWSP, line)).strip()
    if length(text := escape(line)) <= FALLBACK:
        return text or "…"
    kept, left = "", FALLBACK - 1
    for unit in graphemes(line[:FALLBACK]):
        left -= length(escape(unit))
        if left < 0:
            break
        kept += escape(unit)
    return f"{kept}…"


# --- views ---


def view(message: Message, title: str, private_metadata: str = "", callback_id: str = "") -> Json:
    """A message as a modal without fields, for private reading, its pictures left out: a view must stand at once.

    `title` is cut to 24 characters; Slack itself labels the button that closes it. Raises `Poison` for more than a view
    holds; what `fits` a message fits here.
    """
    blocks = message_blocks(without_pictures(message), tables=False)
    if len(blocks) > VIEW_BLOCKS or _size(blocks) > VIEW_SIZE:
        raise Poison(
            f"“{shorten(message.title, 60)}” is too long for a view of Slack: {len(blocks)} of {VIEW_BLOCKS} blocks, "
            f"{_size(blocks):,} of {VIEW_SIZE:,} bytes. Split it with `paged`."
        )
    return _modal(title, blocks, private_metadata, callback_id)


def home(messages: Sequence[Message]) -> Json:
    """Messages under each other on the Home tab. The last ones are left out if it does not hold all."""
    blocks: list[Json] = []
    taken: set[str] = set()
    for message in messages:
        line: list[Json] = [{"type": "divider"}] if blocks else []
        more = [*blocks, *line, *message_blocks(without_pictures(message), tables=False)]
        if len(more) > VIEW_BLOCKS or _size(more) > VIEW_SIZE:
            break
        for one in more[len(blocks) :]:
            if one["type"] == "actions":
                one["elements"] = told_apart(one["elements"], taken)
        blocks = more
    return {"type": "home", "blocks": blocks}


def modal(form: Form, private_metadata: str = "") -> Json:
    """A form as a modal; `callback_id` is its id, and each field's key its `block_id` and `action_id`.

    ValueError for what Slack refuses.
    """
    if not 1 <= len(form.fields) <= VIEW_BLOCKS:
        raise ValueError(f"form {form.id!r} has {len(form.fields)} fields, Slack takes 1 to {VIEW_BLOCKS}")
    made = _modal(form.title, [_input(field) for field in form.fields], private_metadata, checked("id", form.id, 255))
    return made | {"submit": plain_text(label(form.submit, TITLE))}


def _modal(title: str, blocks: list[Json], private_metadata: str, callback_id: str) -> Json:
    if length(private_metadata) > 3000:
        raise ValueError(f"private_metadata has {length(private_metadata)} characters, Slack takes at most 3,000")
    return {
        "type": "modal",
        "title": plain_text(label(title, TITLE)),
        "blocks": blocks,
        **({"private_metadata": private_metadata} if private_metadata else {}),
        **({"callback_id": checked("callback_id", callback_id, 255)} if callback_id else {}),
    }


def _size(blocks: list[Json]) -> int:
    return len(json.dumps(blocks))  # every Japanese letter as six bytes, which is how the SDK sends it


def _input(field: Field) -> Json:
    key = checked("key", field.key, 255)
    return {
        "type": "input",
        "block_id": key,
        "label": plain_text(label(field.label, 2000)),
        "optional": not field.required,
        "element": _element(field, key),
    }


def _element(field: Field, key: str) -> Json:
    if field.kind == "file":
        return {"type": "file_input", "action_id": key, "max_files": 1}
    return _choices(field, key) if field.kind == "choice" else _line(field, key)


def _line(field: Field, key: str) -> Json:
    most = min(max(field.limit, 1), 3000)
    value = next(iter(cut(tidy(field.value), most)), "")
    return {
        "type": "plain_text_input",
        "action_id": key,
        "multiline": field.kind == "text",
        "max_length": most,
        **({"initial_value": value} if 0 < length(value) <= most else {}),
    }


def _choices(field: Field, key: str) -> Json:
    options = [option(Choice(value=value, label=shown)) for value, shown in field.choices]
    if not 1 <= len(options) <= 100:
        raise ValueError(f"field {field.key!r} offers {len(options)} choices, Slack takes 1 to 100")
    chosen = next((made for made in options if made["value"] == field.value), None)
    return {
        "type": "static_select",
        "action_id": key,
        "options": options,
        **({"initial_option": chosen} if chosen else {}),
    }


def option(choice: Choice) -> Json:
    """A completion as an option of a menu. ValueError for a value that Slack refuses (1 to 150 characters)."""
    return {"text": plain_text(label(choice.label, 75)), "value": checked("value", choice.value, 150)}
