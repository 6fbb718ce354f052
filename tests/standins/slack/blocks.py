"""What Slack accepts as the blocks of a message or a view."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.standins.slack import parts, richtext
from tests.standins.slack.basics import Raw, Refusal, ident, units
from tests.standins.slack.form import Form, Path, text_object

BLOCKS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # allowed, needed
    "section": (("block_id", "text", "fields", "accessory", "expand"), ()),
    "header": (("block_id", "text"), ("text",)),
    "divider": (("block_id",), ()),
    "context": (("block_id", "elements"), ("elements",)),
    "actions": (("block_id", "elements"), ("elements",)),
    "input": (("block_id", "label", "element", "dispatch_action", "hint", "optional"), ("label", "element")),
    "rich_text": (("block_id", "elements"), ("elements",)),
    "markdown": (("block_id", "text"), ("text",)),
}
MESSAGES_ONLY = ("table", "markdown")


def check_message(blocks: list[Any], text_budget: int, json_budget: int) -> None:
    """Raises `invalid_blocks` with all that is wrong, or `msg_blocks_too_long`."""
    form = Form()
    _blocks(form, blocks, 50, view=False)
    if form.problems:
        messages = [f"[ERROR] {one}" for one in form.problems]
        raise Refusal("invalid_blocks", errors=form.problems, response_metadata={"messages": messages})
    size = units(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))
    if form.texts > text_budget or size > json_budget:
        raise Refusal("msg_blocks_too_long")


def check_view(form: Form, blocks: Any) -> None:
    """Adds what is wrong with the blocks of a view."""
    _blocks(form, blocks, 100, view=True)


def _blocks(form: Form, blocks: Any, most: int, view: bool) -> None:
    found = form.objects(blocks, ["blocks"], most, least=0)
    if sum(one.get("type") == "table" for _, one in found) > 1:
        form.bad(["blocks"], "only one table allowed")
    markdown = sum(units(str(one.get("text", ""))) for _, one in found if one.get("type") == "markdown")
    if markdown > 12_000:
        form.bad(["blocks"], "the markdown blocks must be less than 12001 characters together")
    for path, one in found:
        if view and one.get("type") in MESSAGES_ONLY:
            form.bad([*path, "type"], f"unsupported type: {one.get('type')}")
        else:
            _block(form, one, path)


def _block(form: Form, one: Raw, path: Path) -> None:
    kind = one.get("type")
    form.id(one, "block_id", path)
    if kind == "image":
        parts.image(form, one, path)
        return
    if kind == "table":
        richtext.table(form, one, path)
        return
    if not isinstance(kind, str) or kind not in BLOCKS:
        form.bad([*path, "type"], f"unsupported type: {kind}")
        return
    form.keys(one, path, *BLOCKS[kind])
    match kind:
        case "section":
            _section(form, one, path)
        case "header":
            text_object(form, one.get("text"), [*path, "text"], 150, plain=True)
        case "context":
            _context(form, one, path)
        case "actions":
            for at, element in form.objects(one.get("elements"), [*path, "elements"], 25):
                parts.check(form, element, at, "actions")
        case "input":
            _input(form, one, path)
        case "rich_text":
            richtext.check(form, one, path)
        case "markdown":
            form.text(one.get("text"), [*path, "text"], 12_000)


def _section(form: Form, one: Raw, path: Path) -> None:
    if "text" not in one and not one.get("fields"):
        form.bad(path, "missing required field: text or fields")
    if "text" in one:
        text_object(form, one["text"], [*path, "text"], 3000)
    if "fields" in one:
        for at, field in form.objects(one["fields"], [*path, "fields"], 10):
            text_object(form, field, at, 2000)
    if isinstance(one.get("accessory"), dict):
        parts.check(form, one["accessory"], [*path, "accessory"], "section")


def _context(form: Form, one: Raw, path: Path) -> None:
    for at, element in form.objects(one.get("elements"), [*path, "elements"], 10):
        if element.get("type") == "image":
            parts.image(form, element, at)
        else:
            text_object(form, element, at, 2000)


def _input(form: Form, one: Raw, path: Path) -> None:
    text_object(form, one.get("label"), [*path, "label"], 2000, plain=True)
    if "hint" in one:
        text_object(form, one["hint"], [*path, "hint"], 2000, plain=True)
    element = one.get("element")
    if isinstance(element, dict):
        parts.check(form, element, [*path, "element"], "input")


def numbered(blocks: list[Raw]) -> list[Raw]:
    """Gives blocks and elements the ids that they lack, as Slack does; changes and returns them."""
    for block in blocks:
        block.setdefault("block_id", ident("")[:5])
        inside = [block.get("accessory"), block.get("element")]
        if block.get("type") == "actions":
            inside += block.get("elements", [])
        for one in inside:
            if isinstance(one, dict) and one.get("type") != "image":
                one.setdefault("action_id", ident("")[:5])
    return blocks
