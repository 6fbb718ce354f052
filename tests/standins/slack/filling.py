"""What Slack's client makes of a press, a choice, a filled form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.standins.slack.answer import NotOffered
from tests.standins.slack.basics import Raw, units


def chosen(element: Raw, values: Sequence[str], ts: str) -> Raw:
    """An item of `actions`. `values`: of the options chosen, or the words typed."""
    kind = element["type"]
    action: Raw = {"type": kind, "action_id": element["action_id"], "block_id": element["block_id"], "action_ts": ts}
    if kind == "button":
        kept = {key: element[key] for key in ("text", "value", "style", "url") if key in element}
        return action | kept
    return action | _value(element, list(values) if "multi" in kind or kind == "checkboxes" else values[0])


def _options(element: Raw) -> dict[str, Raw]:
    groups = [element.get("options", []), *(one["options"] for one in element.get("option_groups", []))]
    return {one["value"]: one for group in groups for one in group}


def _option(element: Raw, value: str | Raw) -> Raw:
    if isinstance(value, dict):  # as `suggest` gave it
        return value
    if "external" in element["type"]:
        return {"text": {"type": "plain_text", "text": value, "emoji": True}, "value": value}
    offered = _options(element)
    if value not in offered:
        raise NotOffered(f"{value!r} is not among {sorted(offered)}")
    return offered[value]


def _value(element: Raw, value: Any) -> Raw:
    kind = element["type"]
    if kind == "plain_text_input":
        return {"value": value}
    if kind == "file_input":
        return {"files": list(value or ())}
    if kind in ("multi_static_select", "multi_external_select", "checkboxes"):
        return {"selected_options": [_option(element, one) for one in value]}
    if kind in ("static_select", "external_select", "radio_buttons", "overflow"):
        return {"selected_option": None if value is None else _option(element, value)}
    what = kind.removesuffix("_select").removesuffix("s").removeprefix("multi_")
    if kind.startswith("multi_"):
        return {f"selected_{what}s": list(value)}
    if kind.endswith("picker"):
        return {f"selected_{kind.removesuffix('picker')}": value}
    return {f"selected_{what}": value}


def _usual(element: Raw) -> Any:
    """What stands in an element that nobody touched."""
    for key in ("initial_value", "initial_option", "initial_options", "initial_date"):
        if key in element:
            return element[key]
    multiple = element["type"].startswith("multi_") or element["type"] == "checkboxes"
    return [] if multiple else None


def filled(blocks: Sequence[Raw], values: Mapping[str, Any]) -> Raw:
    """`state.values` of a submission; raises `NotOffered` for what the client would hold back."""
    state: Raw = {}
    left = set(values)
    for block in blocks:
        if block.get("type") != "input":
            continue
        element = block["element"]
        name = element["action_id"] if element["action_id"] in values else block["block_id"]
        value = values.get(name, _usual(element))
        left.discard(name)
        if value in (None, "", []) and not block.get("optional"):
            raise NotOffered(f"{name} must be filled in")
        if element["type"] == "plain_text_input":
            _fits(element, name, value)
            value = value or None
        state.setdefault(block["block_id"], {})[element["action_id"]] = {
            "type": element["type"],
            **_value(element, value),
        }
    if left:
        raise NotOffered(f"the form has no {sorted(left)}")
    return state


def _fits(element: Raw, name: str, value: Any) -> None:
    text = value or ""
    if not isinstance(text, str):
        raise NotOffered(f"{name} takes text")
    if units(text) > element.get("max_length", 3000):
        raise NotOffered(f"{name} is too long")
    if text and len(text) < element.get("min_length", 0):
        raise NotOffered(f"{name} is too short")
    if "\n" in text and not element.get("multiline"):
        raise NotOffered(f"{name} has one line")
