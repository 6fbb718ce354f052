"""What Slack accepts as rich_text, and as table, whose cells may be it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.standins.slack.basics import Raw
from tests.standins.slack.form import Form, Path

STYLES = ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink")
INLINE: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # allowed, needed
    "text": (("text", "style"), ("text",)),
    "link": (("url", "text", "style", "unsafe"), ("url",)),
    "emoji": (("name", "unicode", "skin_tone", "style"), ("name",)),
    "user": (("user_id", "style"), ("user_id",)),
    "usergroup": (("usergroup_id", "style"), ("usergroup_id",)),
    "channel": (("channel_id", "style"), ("channel_id",)),
    "broadcast": (("range", "style"), ("range",)),
    "date": (("timestamp", "format", "url", "fallback", "style"), ("timestamp", "format")),
    "color": (("value",), ("value",)),
}
OUTER: Mapping[str, tuple[str, ...]] = {
    "rich_text_section": (),
    "rich_text_quote": ("border",),
    "rich_text_preformatted": ("border", "language"),
    "rich_text_list": ("style", "indent", "offset", "border"),
}


def check(form: Form, block: Raw, path: Path) -> None:
    """A block rich_text, without its own keys."""
    for at, one in form.objects(block.get("elements"), [*path, "elements"], 1000):
        _outer(form, one, at)


def _outer(form: Form, one: Raw, path: Path) -> None:
    kind = str(one.get("type"))
    if kind not in OUTER:
        form.bad([*path, "type"], f"unsupported type: {kind}")
        return
    form.keys(one, path, ("elements", *OUTER[kind]), ("elements",))
    inside = form.objects(one.get("elements"), [*path, "elements"], 1000, least=1 if kind == "rich_text_list" else 0)
    if kind == "rich_text_list":
        if one.get("style") not in ("bullet", "ordered"):
            form.bad([*path, "style"], "must be a valid enum value")
        if not 0 <= one.get("indent", 0) <= 8:
            form.bad([*path, "indent"], "must be between 0 and 8")
        for at, item in inside:
            if item.get("type") != "rich_text_section":
                form.bad([*at, "type"], f"unsupported type: {item.get('type')}")
            else:
                _outer(form, item, at)
        return
    for at, part in inside:
        if kind == "rich_text_preformatted" and part.get("type") not in ("text", "link"):
            form.bad([*at, "type"], f"unsupported type: {part.get('type')}")
        else:
            _inline(form, part, at)


def _inline(form: Form, part: Raw, path: Path) -> None:
    kind = str(part.get("type"))
    if kind not in INLINE:
        form.bad([*path, "type"], f"unsupported type: {kind}")
        return
    allowed, needed = INLINE[kind]
    form.keys(part, path, allowed, needed)
    style = part.get("style", {})
    if not isinstance(style, dict) or any(k not in STYLES or not isinstance(v, bool) for k, v in style.items()):
        form.bad([*path, "style"], "must be an object of known styles")
    if kind == "text":
        form.text(part.get("text"), [*path, "text"], 100_000)
    elif kind == "link":
        form.url(part.get("url"), [*path, "url"])
        if "text" in part:
            form.text(part["text"], [*path, "text"], 100_000)
    elif kind == "broadcast" and part.get("range") not in ("here", "channel", "everyone"):
        form.bad([*path, "range"], "must be a valid enum value")


def table(form: Form, block: Raw, path: Path) -> None:
    """At most 100 rows of at most 20 cells."""
    form.keys(block, path, ("block_id", "rows", "column_settings"), ("rows",))
    rows = block.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= 100:
        form.bad([*path, "rows"], "between 1 and 100 rows required")
        return
    for number, row in enumerate(rows):
        for at, cell in form.objects(row, [*path, "rows", number], 20):
            kind = cell.get("type")
            if kind == "raw_text":
                form.keys(cell, at, ("text",), ("text",))
                form.text(cell.get("text"), [*at, "text"], 100_000)
            elif kind == "raw_number":
                form.keys(cell, at, ("number", "text"), ("number",))
            elif kind == "rich_text":
                form.keys(cell, at, ("elements",), ("elements",))
                check(form, cell, at)
            else:
                form.bad([*at, "type"], f"unsupported type: {kind}")
    for at, column in form.objects(block.get("column_settings", []), [*path, "column_settings"], 20, least=0):
        form.keys(column, at, ("align", "is_wrapped"))
