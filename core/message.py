"""What a chat shows, free of any platform: blocks, buttons, forms, replies. Each platform encodes it in a function."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from core.document import (
    Block,
    Cited,
    Heading,
    List,
    Paragraph,
    Quote,
    Spans,
    block_from_json,
    block_to_json,
    plain,
    spans,
    spans_from_json,
    spans_to_json,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """A line of small print: date, author, counts."""

    spans: Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Divider:
    """A line between two parts of one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of numbers that stand in the text too. `alt` tells them to whoever does not see it; plain text.

    `of` is what it is drawn from, as JSON: two of the same are the same picture, however they were drawn. `png` is
    empty until it was drawn, and what is not drawn is shown nowhere.
    """

    of: str
    alt: str
    width: int
    height: int
    png: bytes = field(default=b"", repr=False, compare=False)


MessageBlock = Block | Small | Divider | Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button. `id` comes back to `Desk.press`; it is versioned, opaque to platforms and at most 100 ASCII characters.

    A button with `url` opens that address instead and is not reported.
    """

    id: str
    label: str
    style: Literal["plain", "primary", "danger"] = "plain"
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one message shows. `title` names it for notifications, screen readers and lists.

    `tags`: names of what it is about, for platforms that sort posts by tags.
    """

    title: str
    blocks: tuple[MessageBlock, ...] = ()
    actions: tuple[Action, ...] = ()
    language: str = "en"
    tags: tuple[str, ...] = ()

    def digest(self) -> str:
        """16 hex digits that change exactly when what is shown changes; of a picture, what it is drawn from."""
        bare = replace(
            self, blocks=tuple(replace(one, png=b"") if isinstance(one, Picture) else one for one in self.blocks)
        )
        return hashlib.blake2b(
            json.dumps(message_to_json(bare), ensure_ascii=False).encode(), digest_size=8
        ).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a form. `limit` in characters; `choices` are (value, label).

    A `file` is given as `core.attached` writes it; a platform whose forms take none leaves the field out.
    """

    key: str
    label: str
    kind: Literal["text", "line", "choice", "file"] = "text"
    required: bool = True
    value: str = ""
    limit: int = 3000
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form that a person fills in; `id` comes back to `Desk.submit`, like an action's."""

    id: str
    title: str
    submit: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that one person is given. `kind` is its media type."""

    name: str
    kind: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to one person. `ok` is false for a refusal. `replace`: edit the answer whose button was pressed.

    `files` go along where the platform has a private way for them; all that is in them can be read in the message.
    """

    message: Message
    ok: bool = True
    private: bool = True
    replace: bool = False
    files: tuple[File, ...] = ()


def sentences(language: str, *texts: str, actions: tuple[Action, ...] = ()) -> Message:
    """A message that only says something, a paragraph each; the first names it."""
    blocks = tuple(Paragraph(spans=spans(text)) for text in texts)
    return Message(title=texts[0], blocks=blocks, actions=actions, language=language)


def to_text(message: Message) -> str:
    """A message as plain text: what a console, a log and a screen reader get. Links stand behind their words."""
    return "\n".join(line for block in message.blocks if (line := _block_text(block)))


def _block_text(block: MessageBlock) -> str:
    match block:
        case Small() | Heading() | Paragraph():
            return _with_links(block.spans)
        case Divider():
            return "―――"
        case Picture():
            return f"[{block.alt}]" if block.png else ""
        case List():
            return "\n".join(f"{item.marker} {_blocks_text(item.blocks)}".strip() for item in block.items)
        case Quote():
            return "\n".join(f"> {line}" for line in _blocks_text(block.blocks).split("\n"))
        case Cited():
            return f"[{block.title}]" + (f" <{block.url}>" if block.url else "")
        case _:
            return plain(block)


def _blocks_text(blocks: Sequence[Block]) -> str:
    return "\n".join(line for block in blocks if (line := _block_text(block)))


def _with_links(run: Spans) -> str:
    out: list[str] = []
    for position, span in enumerate(run):
        out.append(f"{span.text}（{span.ruby}）" if span.ruby else span.text)
        following = run[position + 1].link if position + 1 < len(run) else None
        if span.link and span.link != following and span.link != span.text:
            out.append(f" <{span.link}>")
    return "".join(out)


def pictures_of(message: Message) -> tuple[Picture, ...]:
    """The pictures that were drawn, in order."""
    return tuple(one for one in message.blocks if isinstance(one, Picture) and one.png)


def as_drawn(message: Message) -> Message:
    """The same with room taken for pictures that are still to be drawn: for measuring."""
    if not any(isinstance(one, Picture) for one in message.blocks):
        return message
    blocks = (replace(one, png=b"-") if isinstance(one, Picture) else one for one in message.blocks)
    return replace(message, blocks=tuple(blocks))


def without_pictures(message: Message) -> Message:
    """The same without its pictures, for where they can't be shown: the text holds the same numbers."""
    kept = tuple(one for one in message.blocks if not isinstance(one, Picture))
    return message if len(kept) == len(message.blocks) else replace(message, blocks=kept)


def links_of(message: Message) -> tuple[str, ...]:
    """Every address that a message points to, in order, each once."""
    found: dict[str, None] = {}

    def look(blocks: Sequence[Any]) -> None:
        for block in blocks:
            for span in getattr(block, "spans", ()):
                if span.link:
                    found[span.link] = None
            look(getattr(block, "blocks", ()))
            look(getattr(block, "items", ()))

    look(message.blocks)
    for action in message.actions:
        if action.url:
            found[action.url] = None
    return tuple(found)


def message_to_json(message: Message) -> dict[str, Any]:
    """A message as JSON-ready dict (used for the digest, the playground's memory and the page)."""
    blocks: list[dict[str, Any]] = []
    for block in message.blocks:
        match block:
            case Small():
                blocks.append({"kind": "small", "spans": spans_to_json(block.spans)})
            case Divider():
                blocks.append({"kind": "divider"})
            case Picture():
                blocks.append(
                    {"kind": "picture", "of": block.of, "alt": block.alt, "width": block.width, "height": block.height,
                     "png": base64.b64encode(block.png).decode()}
                )  # fmt: skip
            case _:
                blocks.append(block_to_json(block))
    actions = [
        {"id": one.id, "label": one.label, "style": one.style, **({"url": one.url} if one.url else {})}
        for one in message.actions
    ]
    tags = {"tags": list(message.tags)} if message.tags else {}
    return {"title": message.title, "language": message.language, "blocks": blocks, "actions": actions, **tags}


def message_from_json(data: dict[str, Any]) -> Message:
    """The reverse of `message_to_json`."""
    blocks: list[MessageBlock] = []
    for one in data["blocks"]:
        if one["kind"] == "small":
            blocks.append(Small(spans=spans_from_json(one["spans"])))
        elif one["kind"] == "divider":
            blocks.append(Divider())
        elif one["kind"] == "picture":
            png = base64.b64decode(one["png"])
            blocks.append(Picture(of=one["of"], alt=one["alt"], width=one["width"], height=one["height"], png=png))
        else:
            blocks.append(block_from_json(one))
    return Message(
        title=data["title"],
        language=data["language"],
        blocks=tuple(blocks),
        actions=tuple(Action(**one) for one in data["actions"]),
        tags=tuple(data.get("tags", ())),
    )
