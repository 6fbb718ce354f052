"""What Discord accepts as components, in messages and in modals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.standins.discord.basics import V2, Raw
from tests.standins.discord.errors import Form, Refusal
from tests.standins.discord.message import walk

ROW, BUTTON, SELECT, INPUT, SECTION, DISPLAY, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER, LABEL = (
    1,
    2,
    3,
    4,
    9,
    10,
    11,
    12,
    13,
    14,
    17,
    18,
)
SELECTS = frozenset({3, 5, 6, 7, 8})
_SELECT = "custom_id placeholder min_values max_values required disabled"
KEYS: Mapping[int, frozenset[str]] = {
    kind: frozenset(f"type id {keys}".split())
    for kind, keys in {
        ROW: "components",
        BUTTON: "style label emoji custom_id sku_id url disabled",
        SELECT: f"options {_SELECT}",
        INPUT: "custom_id style label min_length max_length required value placeholder",
        5: f"default_values {_SELECT}",
        6: f"default_values {_SELECT}",
        7: f"default_values {_SELECT}",
        8: f"default_values channel_types {_SELECT}",
        SECTION: "components accessory",
        DISPLAY: "content",
        THUMBNAIL: "media description spoiler",
        GALLERY: "items",
        FILE: "file spoiler",
        SEPARATOR: "divider spacing",
        CONTAINER: "components accent_color spoiler",
        LABEL: "label description component",
        19: "custom_id min_values max_values required file_types",
        21: "custom_id options required",
        22: "custom_id options min_values max_values required",
        23: "custom_id default",
    }.items()
}
TOP = frozenset({ROW, SECTION, DISPLAY, GALLERY, FILE, SEPARATOR, CONTAINER})
INSIDE: Mapping[int, frozenset[int]] = {
    ROW: SELECTS | {BUTTON},
    SECTION: frozenset({DISPLAY}),
    CONTAINER: TOP - {CONTAINER},
}
IN_LABEL = SELECTS | {INPUT, 19, 21, 22, 23}
BYTES = 10_170
"""Undocumented: more in TextDisplays (12 for each) is an HTTP 500."""


def check(components: object, flags: int, form: Form) -> None:
    """Notes what is wrong with the components of a message; raises a 500 for too many bytes."""
    top = ["components"]
    if not isinstance(components, list):
        form.bad(top, "Must be an array.")
        return
    if not flags & V2:
        if len(components) > 5:
            form.bad(top, "Must be 5 or fewer in length.", "BASE_TYPE_BAD_LENGTH")
        _each(components, top, frozenset({ROW}), form)
    else:
        _each(components, top, TOP, form)
    if form.errors:
        return
    every = list(walk(components))
    if len(every) > 40:
        form.bad(top, "The total number of components must be 40 or fewer.", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED")
    _unique(every, top, form)
    texts = [str(one["content"]) for one in every if one["type"] == DISPLAY]
    if sum(map(len, texts)) > 4000:
        form.bad(top, "The total length of text must be 4000 or fewer.", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED")
    if not form.errors and sum(len(text.encode()) + 12 for text in texts) > BYTES:
        raise Refusal(0, 500, body={"message": "500: Internal Server Error", "code": 0})


def check_modal(data: Raw, form: Form) -> None:
    """Notes what is wrong with a modal (the `data` of callback type 9)."""
    top = ["data"]
    for key in data.keys() - {"title", "custom_id", "components"}:
        form.bad([*top, key], "Unknown key.", "UNKNOWN_KEY")
    form.length([*top, "title"], data.get("title"), 1, 45)
    form.length([*top, "custom_id"], data.get("custom_id"), 1, 100)
    components = data.get("components")
    path = [*top, "components"]
    if not isinstance(components, list) or not 1 <= len(components) <= 5:
        form.bad(path, "Must be between 1 and 5 in length.", "BASE_TYPE_BAD_LENGTH")
        return
    _each(components, path, frozenset({LABEL, DISPLAY, ROW}), form, modal=True)
    if not form.errors:
        _unique(list(walk(components)), path, form)


def _each(
    components: object, path: Sequence[str | int], allowed: frozenset[int], form: Form, modal: bool = False
) -> None:
    if not isinstance(components, list) or not components:
        if len(path) > 1:
            form.bad(path, "This field is required.", "BASE_TYPE_REQUIRED")
        return
    for at, one in enumerate(components):
        _one(one, [*path, at], allowed, form, modal)


def _one(one: object, path: Sequence[str | int], allowed: frozenset[int], form: Form, modal: bool) -> None:
    if not isinstance(one, dict) or one.get("type") not in KEYS or one["type"] not in allowed:
        form.bad(
            [*path, "type"], f'Value of field "type" must be one of {tuple(sorted(allowed))}.', "UNION_TYPE_CHOICES"
        )
        return
    kind = one["type"]
    for key in one.keys() - KEYS[kind]:
        form.bad([*path, key], "Unknown key.", "UNKNOWN_KEY")
    ident = one.get("id")
    if ident is not None and not (isinstance(ident, int) and 0 <= ident < 1 << 31):
        form.bad([*path, "id"], "int32 value should be between 0 and 2147483647.", "NUMBER_TYPE_MAX")
    if kind == BUTTON:
        _button(one, path, form)
    elif kind in SELECTS:
        _select(one, path, form)
    elif kind == INPUT:
        _input(one, path, form)
    elif kind == DISPLAY:
        form.length([*path, "content"], one.get("content"), 1, 4000)
    elif kind == LABEL:
        _label(one, path, form, modal)
    elif kind == SECTION:
        _section(one, path, form)
    elif kind in (ROW, CONTAINER):
        _group(one, path, form, modal)
    elif kind == GALLERY:
        _gallery(one, path, form)
    elif kind == SEPARATOR and one.get("spacing", 1) not in (1, 2):
        form.bad([*path, "spacing"], "Value must be one of {1, 2}.", "BASE_TYPE_CHOICES")


def _group(one: Raw, path: Sequence[str | int], form: Form, modal: bool) -> None:
    inside = INSIDE[one["type"]]
    if one["type"] == CONTAINER:
        colour = one.get("accent_color")
        if colour is not None and not (isinstance(colour, int) and 0 <= colour <= 0xFFFFFF):
            form.bad([*path, "accent_color"], "int value should be between 0 and 16777215.", "NUMBER_TYPE_MAX")
    elif modal:
        inside = frozenset({INPUT})
    parts = one.get("components")
    _each(parts, [*path, "components"], inside, form, modal)
    if one["type"] == ROW and isinstance(parts, list):
        width = sum(1 if isinstance(part, dict) and part.get("type") == BUTTON else 5 for part in parts)
        if width > 5:
            form.bad([*path, "components"], "Must be between 1 and 5 in length.", "BASE_TYPE_BAD_LENGTH")


def _gallery(one: Raw, path: Sequence[str | int], form: Form) -> None:
    items = one.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= 10:
        form.bad([*path, "items"], "Must be between 1 and 10 in length.", "BASE_TYPE_BAD_LENGTH")
        return
    for at, item in enumerate(items):
        for key in item.keys() - {"media", "description", "spoiler"}:
            form.bad([*path, "items", at, key], "Unknown key.", "UNKNOWN_KEY")
        if item.get("description") is not None:
            form.length([*path, "items", at, "description"], item["description"], 1, 1024)
        address = (item.get("media") or {}).get("url")
        if not isinstance(address, str) or not address.startswith(("attachment://", "https://", "http://")):
            form.bad([*path, "items", at, "media", "url"], "Scheme is not supported.", "URL_TYPE_INVALID_SCHEME")


def _section(one: Raw, path: Sequence[str | int], form: Form) -> None:
    parts = one.get("components")
    _each(parts, [*path, "components"], INSIDE[SECTION], form)
    if isinstance(parts, list) and len(parts) > 3:
        form.bad([*path, "components"], "Must be between 1 and 3 in length.", "BASE_TYPE_BAD_LENGTH")
    _one(one.get("accessory"), [*path, "accessory"], frozenset({BUTTON, THUMBNAIL}), form, False)


def _label(one: Raw, path: Sequence[str | int], form: Form, modal: bool) -> None:
    if not modal:
        form.bad([*path, "type"], "A label is for modals.", "UNION_TYPE_CHOICES")
    form.length([*path, "label"], one.get("label"), 1, 45)
    if one.get("description") is not None:
        form.length([*path, "description"], one["description"], 1, 100)
    _one(one.get("component"), [*path, "component"], IN_LABEL, form, modal)


def _button(one: Raw, path: Sequence[str | int], form: Form) -> None:
    style = one.get("style")
    if style not in (1, 2, 3, 4, 5):
        form.bad([*path, "style"], "Value must be one of {1, 2, 3, 4, 5, 6}.", "BASE_TYPE_CHOICES")
    if one.get("label") is not None:
        form.length([*path, "label"], one["label"], 1, 80)
    elif one.get("emoji") is None:
        form.bad([*path, "label"], "A button needs a label or an emoji.", "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED")
    if style == 5:
        url = one.get("url")
        form.length([*path, "url"], url, 1, 512)
        if isinstance(url, str) and not url.startswith(("http://", "https://", "discord://")):
            form.bad([*path, "url"], "Scheme must be one of ('discord', 'https', 'http').", "URL_TYPE_INVALID_SCHEME")
        if "custom_id" in one:
            form.bad(
                [*path, "custom_id"],
                "A link button has no custom id.",
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
            )
    else:
        form.length([*path, "custom_id"], one.get("custom_id"), 1, 100)
        if "url" in one:
            form.bad([*path, "url"], "Only a link button has a url.", "BUTTON_COMPONENT_INVALID_STYLE")


def _select(one: Raw, path: Sequence[str | int], form: Form) -> None:
    form.length([*path, "custom_id"], one.get("custom_id"), 1, 100)
    if one.get("placeholder") is not None:
        form.length([*path, "placeholder"], one["placeholder"], 1, 150)
    if one["type"] != SELECT:
        return
    options = one.get("options")
    if not isinstance(options, list) or not 1 <= len(options) <= 25:
        form.bad([*path, "options"], "Must be between 1 and 25 in length.", "BASE_TYPE_BAD_LENGTH")
        return
    for at, option in enumerate(options):
        for key in option.keys() - {"label", "value", "description", "emoji", "default"}:
            form.bad([*path, "options", at, key], "Unknown key.", "UNKNOWN_KEY")
        for key in ("label", "value", *(["description"] if option.get("description") is not None else [])):
            form.length([*path, "options", at, key], option.get(key), 1, 100)
    if len({option.get("value") for option in options}) != len(options):
        form.bad(
            [*path, "options"], "The specified option value is already used", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED"
        )


def _input(one: Raw, path: Sequence[str | int], form: Form) -> None:
    form.length([*path, "custom_id"], one.get("custom_id"), 1, 100)
    if one.get("style") not in (1, 2):
        form.bad([*path, "style"], "Value must be one of {1, 2}.", "BASE_TYPE_CHOICES")
    if one.get("value") is not None:
        form.length([*path, "value"], one["value"], 0, one.get("max_length") or 4000)
    if one.get("placeholder") is not None:
        form.length([*path, "placeholder"], one["placeholder"], 0, 100)
    for key, least in (("min_length", 0), ("max_length", 1)):
        bound = one.get(key)
        if bound is not None and not (isinstance(bound, int) and least <= bound <= 4000):
            form.bad([*path, key], f"int value should be between {least} and 4000.", "NUMBER_TYPE_MAX")


def _unique(every: Sequence[Raw], path: Sequence[str | int], form: Form) -> None:
    for key, code in (("custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED"), ("id", "COMPONENT_ID_DUPLICATED")):
        values = [one[key] for one in every if one.get(key)]
        if len(set(values)) != len(values):
            form.bad(path, f"Component {key} cannot be duplicated", code)
