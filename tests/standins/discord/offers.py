"""What Discord's client lets people send: options as the synced command has them, modals as they were opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.standins.discord.basics import Raw, Role, User
from tests.standins.discord.errors import Form
from tests.standins.discord.world import Channel, Guild

PYTHON: Mapping[int, type | tuple[type, ...]] = {3: str, 4: int, 5: bool, 10: (int, float)}


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that a person attached to a command, and where Discord keeps it."""

    id: int
    name: str
    size: int
    url: str


class NotOffered(Exception):
    """A person could not do this: the client shows no such command, button or field, or would not send it."""


def chosen(known: Raw, words: Sequence[str], given: Mapping[str, Any], focus: str | None) -> list[Raw]:
    """The `options` of an interaction. `words` name the subcommand; `focus` is the option being typed."""
    specs = known.get("options") or []
    if words:
        inner = next((one for one in specs if one["name"] == words[0] and one["type"] in (1, 2)), None)
        if inner is None:
            raise NotOffered(f"{known['name']} has no subcommand {words[0]!r}")
        return [{"name": words[0], "type": inner["type"], "options": chosen(inner, words[1:], given, focus)}]
    if any(one["type"] in (1, 2) for one in specs):
        raise NotOffered(f"{known['name']} needs a subcommand")
    by_name = {one["name"]: one for one in specs}
    if strange := given.keys() - by_name.keys():
        raise NotOffered(f"{known['name']} has no option {strange}")
    if missing := [one["name"] for one in specs if one.get("required") and one["name"] not in given and focus is None]:
        raise NotOffered(f"{known['name']} needs {missing}")
    rows = []
    for name, value in given.items():
        spec = by_name[name]
        row = {"name": name, "type": spec["type"]}
        if name == focus:
            if not spec.get("autocomplete"):
                raise NotOffered(f"{name} completes nothing")
            row |= {"value": str(value), "focused": True}
        else:
            row["value"] = _value(spec, value)
        rows.append(row)
    return rows


def _value(spec: Raw, value: Any) -> Any:
    kind, name = spec["type"], spec["name"]
    if kind == 11:
        return str(value.id)
    if kind in (6, 7, 8, 9):
        if not isinstance(value, User | Channel | Role):
            raise NotOffered(f"{name} wants a user, channel or role")
        if kind == 7 and isinstance(value, Channel) and value.type not in spec.get("channel_types", [value.type]):
            raise NotOffered(f"{name} does not offer such a channel")
        return str(value.id)
    python = PYTHON[kind]
    if not isinstance(value, python) or (kind == 4 and isinstance(value, bool)):
        raise NotOffered(f"{name} wants {python}, not {value!r}")
    if spec.get("choices") and value not in [one["value"] for one in spec["choices"]]:
        raise NotOffered(f"{name} does not offer {value!r}")
    if isinstance(value, str) and not spec.get("min_length", 0) <= len(value) <= spec.get("max_length", 6000):
        raise NotOffered(f"{name}: {value!r} is too long or too short")
    if kind in (4, 10) and not spec.get("min_value", value) <= value <= spec.get("max_value", value):
        raise NotOffered(f"{name}: {value!r} is too much or too little")
    return value


def resolved(values: Iterable[Any], guild: Guild | None) -> Raw:
    """The objects behind the ids among the options."""
    found: Raw = {}
    for value in values:
        if isinstance(value, Channel):
            row = {"id": str(value.id), "name": value.name, "type": value.type, "permissions": "0"}
            if value.parent:
                row |= {"parent_id": str(value.parent.id), "thread_metadata": None}
            found.setdefault("channels", {})[str(value.id)] = row
        elif isinstance(value, Attached):
            row = {"id": str(value.id), "filename": value.name, "size": value.size, "url": value.url}
            found.setdefault("attachments", {})[str(value.id)] = row
        elif isinstance(value, Role):
            found.setdefault("roles", {})[str(value.id)] = value.raw()
        elif isinstance(value, User):
            found.setdefault("users", {})[str(value.id)] = value.raw()
            if guild is not None:
                found.setdefault("members", {})[str(value.id)] = guild.member(value) | {"permissions": "0"}
    return found


def filled(modal: Raw, values: Mapping[str, Any]) -> list[Raw]:
    """The components of a submitted modal."""
    left = dict(values)
    rows = []
    for one in modal["components"]:
        row = {"type": one["type"], "id": one["id"]}
        if one["type"] == 18:
            row["component"] = _field(one["component"], left)
        elif one["type"] == 1:
            row["components"] = [_field(part, left) for part in one["components"]]
        rows.append(row)
    if left:
        raise NotOffered(f"the modal has no field {list(left)}")
    return rows


def _field(part: Raw, left: dict[str, Any]) -> Raw:
    name = part["custom_id"]
    row = {"type": part["type"], "id": part["id"], "custom_id": name}
    if part["type"] != 4:
        picked = list(left.pop(name, []))
        if part["type"] == 3:
            offered = [one["value"] for one in part["options"]]
            if len(picked) < part.get("min_values", 1 if part.get("required", True) else 0) or set(picked) - set(
                offered
            ):
                raise NotOffered(f"{name}: {picked} of {offered}")
        return row | {"values": picked}
    value = str(left.pop(name, part.get("value") or ""))
    form = Form()
    if value or part.get("required", True):
        form.length([name], value, max(1, part.get("min_length") or 0), part.get("max_length") or 4000)
    if form.errors:
        raise NotOffered(f"{name}: {form.errors}")
    return row | {"value": value}
