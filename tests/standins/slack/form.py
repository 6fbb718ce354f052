"""What is wrong with a payload, gathered with the place where it is; and the small objects of Block Kit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from tests.standins.slack.basics import Raw, units

Path = Sequence[str | int]


class Form:
    """`problems` in Slack's words. `texts`: how long each text was, for the total. `ids`: what must be unique."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.texts = 0
        self.ids: dict[str, set[str]] = {"action_id": set(), "block_id": set()}

    def bad(self, path: Path, what: str) -> None:
        self.problems.append(f"{what} [json-pointer:/{'/'.join(str(one) for one in path)}]")

    def keys(self, one: Raw, path: Path, allowed: Collection[str], needed: Collection[str] = ()) -> None:
        for key in one.keys() - {"type", *allowed}:
            self.bad([*path, key], f"no more than the known fields allowed: {key}")
        for key in needed:
            if one.get(key) is None:
                self.bad([*path, key], f"missing required field: {key}")

    def text(self, value: object, path: Path, most: int, least: int = 1, counted: bool = True) -> None:
        """A string of that many characters."""
        if not isinstance(value, str):
            self.bad(path, "must be provided as a string")
            return
        if counted:
            self.texts += units(value)
        if units(value) > most:
            self.bad(path, f"must be less than {most + 1} characters")
        elif len(value) < least:
            self.bad(path, f"must be more than {least - 1} characters")

    def id(self, one: Raw, key: str, path: Path, unique: bool = True) -> None:
        """An id of at most 255 characters, once in a message or view."""
        value = one.get(key)
        if value is None:
            return
        self.text(value, [*path, key], 255, counted=False)
        if unique and key in self.ids and isinstance(value, str):
            if value in self.ids[key]:
                self.bad([*path, key], f"`{key}` {value!r} already exists for another element")
            self.ids[key].add(value)

    def objects(self, value: object, path: Path, most: int, least: int = 1) -> list[tuple[Path, Raw]]:
        """The items of a list of objects, with their places."""
        if not isinstance(value, list):
            self.bad(path, "must be provided as an array")
            return []
        if len(value) > most:
            self.bad(path, f"no more than {most} items allowed")
        if len(value) < least:
            self.bad(path, f"no fewer than {least} items required")
        found: list[tuple[Path, Raw]] = []
        for at, one in enumerate(value):
            if isinstance(one, dict):
                found.append(([*path, at], one))
            else:
                self.bad([*path, at], "must be an object")
        return found

    def url(self, value: object, path: Path, most: int = 3000) -> None:
        self.text(value, path, most, counted=False)
        if isinstance(value, str) and (
            not value.startswith(("http://", "https://")) or any(c.isspace() for c in value)
        ):
            self.bad(path, f"Invalid URL: {value[:100]}")


def text_object(form: Form, value: Any, path: Path, most: int, *, plain: bool = False, least: int = 1) -> None:
    """A `plain_text` or `mrkdwn` object."""
    if not isinstance(value, dict):
        form.bad(path, "must be an object")
        return
    kind = value.get("type")
    if kind == "plain_text":
        form.keys(value, path, ("text", "emoji"), ("text",))
        _boolean(form, value, "emoji", path)
    elif kind == "mrkdwn" and not plain:
        form.keys(value, path, ("text", "verbatim"), ("text",))
        _boolean(form, value, "verbatim", path)
    else:
        form.bad([*path, "type"], f"unsupported type: {kind}")
    form.text(value.get("text"), [*path, "text"], most, least)


def _boolean(form: Form, one: Raw, key: str, path: Path) -> None:
    if key in one and not isinstance(one[key], bool):
        form.bad([*path, key], "must be a boolean")


def option(form: Form, value: Raw, path: Path, plain: bool = True) -> None:
    form.keys(value, path, ("text", "value", "description", "url"), ("text", "value"))
    text_object(form, value.get("text"), [*path, "text"], 75, plain=plain)
    form.text(value.get("value"), [*path, "value"], 150, counted=False)
    if "description" in value:
        text_object(form, value["description"], [*path, "description"], 75, plain=plain)


def options(form: Form, one: Raw, path: Path, most: int, plain: bool = True) -> None:
    """`options` or `option_groups`."""
    if ("options" in one) == ("option_groups" in one):
        form.bad(path, "either options or option_groups is required")
    if "options" in one:
        for at, value in form.objects(one["options"], [*path, "options"], most):
            option(form, value, at, plain)
    elif "option_groups" in one:
        for at, group in form.objects(one["option_groups"], [*path, "option_groups"], 100):
            form.keys(group, at, ("label", "options"), ("label", "options"))
            text_object(form, group.get("label"), [*at, "label"], 75, plain=True)
            for inner, value in form.objects(group.get("options"), [*at, "options"], most):
                option(form, value, inner, plain)


def confirm(form: Form, one: Raw, path: Path) -> None:
    if "confirm" not in one:
        return
    at: Path = [*path, "confirm"]
    value = one["confirm"]
    if not isinstance(value, dict):
        form.bad(at, "must be an object")
        return
    form.keys(value, at, ("title", "text", "confirm", "deny", "style"), ("title", "text", "confirm", "deny"))
    text_object(form, value.get("title"), [*at, "title"], 100, plain=True)
    text_object(form, value.get("text"), [*at, "text"], 300)
    for key in ("confirm", "deny"):
        text_object(form, value.get(key), [*at, key], 30, plain=True)
