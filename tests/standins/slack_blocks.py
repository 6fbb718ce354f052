"""What a reader of Slack sees of blocks: a renderer of its own after Slack's reference, no inverse of our encoder.

Rich text is drawn as it is. Text objects are read by Slack's rules: `mrkdwn` with its tokens, styles and automatic
links, `plain_text` with its emoji. What acts or is drawn as more than its characters raises `Unintended`, since the bot
sends no mention, emoji or date at all, and a link only as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any


class Unintended(AssertionError):
    """Something would act, or look other than its text, that the sender never meant."""


_TOKEN = re.compile(r"<([^<>]*)>")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_EMOJI = re.compile(r":[a-z0-9_+'-]+(?:::skin-tone-[2-6])?:", re.IGNORECASE)
_CALL = re.compile(r"@(?:here|channel|everyone)\b", re.IGNORECASE)
_NAMED = re.compile(r"(?<![\w&])[@#][\w.-]+")
_BARE = re.compile(r"\b[a-z][a-z0-9+.-]*://\S|\b(?:mailto|tel):\w|\bwww\.\w", re.IGNORECASE)
_STYLED = re.compile(r"([*_~`])(?=\S)(?:(?!\1).)*\S?\1")
_QUOTED = re.compile(r"^\s*&gt;", re.MULTILINE)
_STYLES = {"bold", "italic", "strike", "code"}


def plain(payload: Mapping[str, Any]) -> str:
    """The text of a message, view or Home tab, links as `text <url>`; buttons and fields are not part of it."""
    shown = [_block(one) for one in payload["blocks"]]
    return "\n".join(text for text in shown if text is not None)


def fallback(payload: Mapping[str, Any]) -> str:
    """What notifications show of the top-level `text`. It is read as if every automatism were on."""
    text = str(payload["text"])
    if "\n" in text:
        raise Unintended(f"more than one line: {text!r}")
    return _mrkdwn(text, verbatim=False, styles=False)


def _only(one: Mapping[str, Any], *keys: str) -> None:
    if more := set(one) - {"type", *keys}:
        raise Unintended(f"unknown keys {more} of {one['type']}")


def _block(block: Mapping[str, Any]) -> str | None:
    match block["type"]:
        case "divider":
            _only(block)
            return "―――"
        case "header":
            _only(block, "text")
            return _object(block["text"], plain_only=True)
        case "context":
            _only(block, "elements")
            return " ".join(map(_object, block["elements"]))
        case "rich_text":
            _only(block, "elements")
            return _rich(block)
        case "table":
            _only(block, "rows")
            return "\n".join(" | ".join(map(_cell, row)) for row in block["rows"])
        case "actions":
            _only(block, "elements")
            for one in block["elements"]:
                _only(one, "text", "action_id", "value", "url", "style")
                _object(one["text"], plain_only=True)
            return None
        case "input":
            _only(block, "block_id", "label", "optional", "element")
            _object(block["label"], plain_only=True)
            for one in block["element"].get("options", ()):
                _object(one["text"], plain_only=True)
            return None
        case other:
            raise Unintended(f"a block of kind {other}")


# --- text objects ---


def _object(one: Mapping[str, Any], *, plain_only: bool = False) -> str:
    text = str(one["text"])
    if not text:
        raise Unintended("an empty text object")
    if one["type"] == "plain_text":
        _only(one, "text", "emoji")
        if one.get("emoji", True) and _EMOJI.search(text):
            raise Unintended(f"an emoji in {text!r}")
        if any(entity in text for entity in _ENTITIES):
            raise Unintended(f"an entity that Slack may show as its sign in {text!r}")
        return text
    if plain_only or one["type"] != "mrkdwn":
        raise Unintended(f"a text object of kind {one['type']}")
    _only(one, "text", "verbatim")
    return _mrkdwn(text, verbatim=bool(one.get("verbatim", False)))


def _mrkdwn(text: str, *, verbatim: bool, styles: bool = True) -> str:
    bare = _TOKEN.sub("\ufffc", text)
    if "<" in bare or ">" in bare:
        raise Unintended(f"an unpaired sign of a token in {text!r}")
    if not verbatim:
        for rule in (_CALL, _NAMED, _BARE):
            if found := rule.search(bare):
                raise Unintended(f"{found[0]!r} acts in {text!r}")
    if found := _EMOJI.search(bare):
        raise Unintended(f"{found[0]!r} is drawn as an emoji")
    if styles and (found := _STYLED.search(bare) or _QUOTED.search(bare)):
        raise Unintended(f"{found[0]!r} is drawn as style in {text!r}")
    return _unescaped(_TOKEN.sub(_token, text))


def _token(match: re.Match[str]) -> str:
    if match[1][:1] in tuple("@#!"):
        raise Unintended(f"{match[0]!r} is a mention")
    url, _, label = match[1].partition("|")
    return _link(_web(_unescaped(url)), label)


def _unescaped(text: str) -> str:
    return re.sub("&(?:lt|gt|amp);", lambda match: _ENTITIES[match[0]], text)


def _link(url: str, text: str) -> str:
    return url if text in ("", url) else f"{text} <{url}>"


def _web(url: str) -> str:
    if not re.match(r"https?://[^\s<>|]+\Z", url):
        raise Unintended(f"a link to {url!r}")
    return url


# --- rich text ---


def _rich(block: Mapping[str, Any]) -> str:
    _only(block, "elements")
    return "\n".join(map(_part, block["elements"]))


def _part(part: Mapping[str, Any]) -> str:
    _only(part, "elements")
    if not part["elements"]:
        raise Unintended("an empty part of rich text")
    match part["type"]:
        case "rich_text_section" | "rich_text_preformatted":
            return _inline(part["elements"])
        case "rich_text_quote":
            return "\n".join(f"> {line}" for line in _inline(part["elements"]).split("\n"))
        case other:  # a list would be numbered by Slack
            raise Unintended(f"a part of rich text of kind {other}")


def _inline(elements: Iterable[Mapping[str, Any]]) -> str:
    out = ""
    before: Mapping[str, Any] | None = None
    for one in (*elements, None):
        if before is not None and before["type"] == "link" and (one is None or one.get("url") != before["url"]):
            out = out.removesuffix(before["text"]) + _link(before["url"], before["text"])
        if one is not None:
            out += _element(one)
        before = one
    return out


def _element(one: Mapping[str, Any]) -> str:
    if one["type"] not in ("text", "link"):  # user, usergroup, channel, broadcast, emoji, date, color
        raise Unintended(f"an element of kind {one['type']}")
    _only(one, "text", "style", *(["url"] if one["type"] == "link" else []))
    if one["type"] == "link":
        _web(one["url"])
    if set(one.get("style", ())) - _STYLES or ("style" in one and not all(one["style"].values())):
        raise Unintended(f"a style {one['style']}")
    if not one["text"]:
        raise Unintended("an element without text")
    return str(one["text"])


def _cell(cell: Mapping[str, Any]) -> str:
    draw: Mapping[str, Callable[[], str]] = {"raw_text": lambda: str(cell["text"]), "rich_text": lambda: _rich(cell)}
    text = draw[cell["type"]]()
    if not text or "\n" in text:
        raise Unintended(f"a cell {text!r}")
    return text
