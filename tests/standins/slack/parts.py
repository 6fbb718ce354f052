"""The interactive elements of blocks: buttons, menus, inputs."""

from __future__ import annotations

from collections.abc import Mapping

from tests.standins.slack.basics import Raw
from tests.standins.slack.form import Form, Path, confirm, option, options, text_object

MENUS = (
    "users_select", "conversations_select", "channels_select", "multi_users_select", "multi_conversations_select",
    "multi_channels_select",
)  # fmt: skip
PICKERS = ("datepicker", "timepicker", "datetimepicker")
INPUTS = ("plain_text_input", "number_input", "email_text_input", "url_text_input", "rich_text_input", "file_input")
SELECTS = ("static_select", "external_select", "multi_static_select", "multi_external_select", *MENUS)
CHOICES = ("radio_buttons", "checkboxes")
COMMON = ("action_id", "confirm", "focus_on_load", "placeholder")

WHERE: Mapping[str, tuple[str, ...]] = {
    "actions": ("button", "overflow", *SELECTS, *PICKERS, *CHOICES, "workflow_button"),
    "section": ("button", "overflow", "image", *SELECTS, *PICKERS, *CHOICES, "workflow_button"),
    "input": (*INPUTS, *SELECTS, *PICKERS, *CHOICES),
}


def check(form: Form, one: Raw, path: Path, where: str) -> None:
    """One element of a block `actions`, `section` or `input`."""
    kind = one.get("type")
    if kind not in WHERE[where]:
        form.bad([*path, "type"], f"unsupported type: {kind}")
        return
    if kind == "image":
        image(form, one, path)
        return
    form.id(one, "action_id", path)
    confirm(form, one, path)
    if "placeholder" in one:
        text_object(form, one["placeholder"], [*path, "placeholder"], 150, plain=True)
    if kind == "button":
        _button(form, one, path)
    elif kind == "plain_text_input":
        _input(form, one, path)
    elif kind == "file_input":
        form.keys(one, path, (*COMMON, "filetypes", "max_files"), ())
    elif kind in SELECTS:
        _select(form, one, path, str(kind))
    elif kind in CHOICES:
        initial = "initial_option" if kind == "radio_buttons" else "initial_options"
        form.keys(one, path, (*COMMON, "options", initial), ("options",))
        options(form, one, path, 10, plain=False)
    elif kind == "overflow":
        form.keys(one, path, (*COMMON, "options"), ("options",))
        options(form, one, path, 5)


def _button(form: Form, one: Raw, path: Path) -> None:
    allowed = ("text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
    form.keys(one, path, allowed, ("text",))
    text_object(form, one.get("text"), [*path, "text"], 75, plain=True)
    if "value" in one:
        form.text(one["value"], [*path, "value"], 2000, counted=False)
    if "url" in one:
        form.url(one["url"], [*path, "url"])
    if "accessibility_label" in one:
        form.text(one["accessibility_label"], [*path, "accessibility_label"], 75, counted=False)
    if "style" in one and one["style"] not in ("primary", "danger"):
        form.bad([*path, "style"], "must be a valid enum value")


def _input(form: Form, one: Raw, path: Path) -> None:
    allowed = (*COMMON, "initial_value", "multiline", "min_length", "max_length", "dispatch_action_config")
    form.keys(one, path, allowed)
    if "initial_value" in one:
        form.text(one["initial_value"], [*path, "initial_value"], one.get("max_length") or 3000, least=0)
    for key, least in (("min_length", 0), ("max_length", 1)):
        if key in one and not (isinstance(one[key], int) and least <= one[key] <= 3000):
            form.bad([*path, key], f"must be between {least} and 3000")
    if one.get("min_length", 0) > one.get("max_length", 3000):
        form.bad([*path, "min_length"], "must be less than max_length")


def _select(form: Form, one: Raw, path: Path, kind: str) -> None:
    allowed = [*COMMON, "max_selected_items"]
    many = kind.startswith("multi_")
    if kind.endswith("static_select"):
        allowed += ["options", "option_groups", "initial_options" if many else "initial_option"]
        options(form, one, path, 100)
    elif kind.endswith("external_select"):
        allowed += ["min_query_length", "initial_options" if many else "initial_option"]
        if isinstance(one.get("initial_option"), dict):
            option(form, one["initial_option"], [*path, "initial_option"])
    else:
        what = kind.removeprefix("multi_").removesuffix("_select")
        allowed += [f"initial_{what}" if many else f"initial_{what.removesuffix('s')}", "filter"]
        allowed += ["default_to_current_conversation", "response_url_enabled"]
    form.keys(one, path, allowed)


def image(form: Form, one: Raw, path: Path) -> None:
    """An image, as a block or an element."""
    form.keys(one, path, ("image_url", "slack_file", "alt_text", "title", "block_id"), ("alt_text",))
    if "image_url" in one and "slack_file" in one:
        form.bad(path, "only one of image_url and slack_file")
    elif "image_url" in one:
        form.url(one["image_url"], [*path, "image_url"])
    elif "slack_file" not in one:
        form.bad([*path, "image_url"], "missing required field: image_url")
    form.text(one.get("alt_text"), [*path, "alt_text"], 2000, least=0)
    if "title" in one:
        text_object(form, one["title"], [*path, "title"], 2000, plain=True)
