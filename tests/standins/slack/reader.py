"""What a reader sees of blocks, as plain text; and a cry for what is drawn as something that was not sent as such."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.standins.slack.basics import URL, Raw, unescape
from tests.standins.slack.pings import BARE


class Unintended(AssertionError):
    """Text that Slack would draw as a mention, a link, an emoji or in a style."""


TOKEN = re.compile(r"<([^<>]*)>")
EMOJI = re.compile(r":(?:[a-z0-9_'-]*[a-z_][a-z0-9_'-]*|[+-]1|100|1234)(?:::skin-tone-[2-6])?:")
CHANNEL = re.compile(r"(?<![\w#/&])#[a-z0-9][\w-]*")
STYLED = re.compile(r"(?<![\w*_~`])([*_~`])(?=\S)([^\n]*?\S)\1(?![\w*_~`])")
QUOTED = re.compile(r"^(?:&gt;|>)", re.MULTILINE)


def plain(shown: Raw, names: Mapping[str, str], title: str = "") -> str:
    """`shown` has `blocks`, else `text`; `names` by ids, for what is mentioned. Parts are joined by a newline."""
    blocks = shown.get("blocks") or []
    if not blocks:
        return mrkdwn(str(shown.get("text", "")), verbatim=shown.get("parse") == "none")
    parts = [title, *(_block(one, names) for one in blocks)]
    return "\n".join(part for part in parts if part)


def _block(block: Raw, names: Mapping[str, str]) -> str:
    match block["type"]:
        case "header":
            return _text(block["text"])
        case "section":
            texts = [block["text"]] if "text" in block else []
            return "\n".join(_text(one) for one in [*texts, *block.get("fields", [])])
        case "context":
            return " ".join(_text(one) for one in block["elements"] if one["type"] != "image")
        case "rich_text":
            return "\n".join(_outer(one, names) for one in block["elements"])
        case "table":
            return "\n".join(" | ".join(_cell(cell, names) for cell in row) for row in block["rows"])
        case "image":
            return str(block["alt_text"])
        case "input":
            return _text(block["label"])
        case "markdown":
            return _token_free(str(block["text"]))
        case "video":
            return str(block.get("alt_text", ""))
        case _:
            return ""


def _cell(cell: Raw, names: Mapping[str, str]) -> str:
    if cell["type"] == "rich_text":
        return " ".join(_outer(one, names) for one in cell["elements"])
    return str(cell.get("text", cell.get("number", "")))


def _text(one: Raw) -> str:
    """A text object."""
    text = str(one["text"])
    if one["type"] == "mrkdwn":
        return mrkdwn(text, bool(one.get("verbatim")))
    if one.get("emoji") is not False and (found := EMOJI.search(text)):
        raise Unintended(f"{found[0]} is drawn as an emoji in {text[:200]!r}")
    return text


def mrkdwn(text: str, verbatim: bool) -> str:
    """Links in angle brackets are links; mentions, bare addresses, styles and emoji are unintended."""
    links: list[tuple[int, int]] = []

    def link(match: re.Match[str]) -> str:
        inside = match[1]
        if not inside.startswith(("http://", "https://", "mailto:")):
            raise Unintended(f"{match[0]} is drawn as a mention in {text[:200]!r}")
        address, bar, label = inside.partition("|")
        links.append(match.span())
        return label if bar else address

    bare = TOKEN.sub(" ", text)
    for what, pattern in (("an emoji", EMOJI), ("a style", STYLED), ("a quote", QUOTED)):
        if found := pattern.search(bare):
            raise Unintended(f"{found[0]} is drawn as {what} in {text[:200]!r}")
    if not verbatim:
        for what, pattern in (("a mention", BARE), ("a channel", CHANNEL), ("a link", URL)):
            if found := pattern.search(bare):
                raise Unintended(f"{found[0]} is drawn as {what} in {text[:200]!r}")
    return unescape(TOKEN.sub(link, text))


def _token_free(text: str) -> str:
    if found := TOKEN.search(text):
        raise Unintended(f"{found[0]} in a markdown block: {text[:200]!r}")
    return text


def _outer(one: Raw, names: Mapping[str, str]) -> str:
    inside = one["elements"]
    if one["type"] != "rich_text_list":
        return "".join(_inline(part, names) for part in inside)
    first = int(one.get("offset", 0)) + 1
    marker: Callable[[int], str] = (lambda at: f"{at}. ") if one["style"] == "ordered" else (lambda _: "• ")
    return "\n".join(marker(at) + _outer(item, names) for at, item in enumerate(inside, first))


def _inline(part: Raw, names: Mapping[str, str]) -> str:
    match part["type"]:
        case "text":
            return str(part["text"])
        case "link":
            return str(part.get("text") or part["url"])
        case "user":
            return "@" + names.get(part["user_id"], part["user_id"])
        case "usergroup":
            return "@" + names.get(part["usergroup_id"], part["usergroup_id"])
        case "channel":
            return "#" + names.get(part["channel_id"], part["channel_id"])
        case "broadcast":
            return f"@{part['range']}"
        case "emoji":
            return _emoji(part)
        case "date":
            return str(part.get("fallback", part["timestamp"]))
        case _:
            return str(part.get("value", ""))


def _emoji(part: Any) -> str:
    code = part.get("unicode")
    return "".join(chr(int(one, 16)) for one in code.split("-")) if code else f":{part['name']}:"
