"""Commands as Discord wants to be told of them, and what it says of one that was used. Pure: dicts in, dicts out.

A group is one command with subcommands: `mod retract` is `retract` of `mod`. Names and descriptions are given in
English and Japanese; what comes back has the English names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.commands import COMPLETED, CommandSpec, Kind, Option

# Types of application commands and of their options.
_SLASH, _ON_MESSAGE = 1, 3
_SUBCOMMAND = 1
_TYPES: Mapping[Kind, int] = {"number": 4, "yes": 5, "channel": 7, "role": 8, "file": 11}
_STRING = 3
CHANNELS = [0, 5, 15]  # text, announcement, forum: what can be a place
_MANAGE_GUILD, _MANAGE_MESSAGES = 1 << 5, 1 << 13
_GATES: Mapping[str, int] = {"mod": _MANAGE_MESSAGES, "place": _MANAGE_GUILD, "feed": _MANAGE_GUILD}
"""Who sees a group at all, until an admin of the server says otherwise. What they may do is the desk's to check."""


def payload(specs: Sequence[CommandSpec]) -> list[dict[str, Any]]:
    """The body that replaces all commands of the application, in an order that does not depend on that of `specs`."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for spec in sorted(specs, key=lambda one: (one.on, one.name)):
        if spec.on == "message":
            gate = None if "reader" in spec.roles else _MANAGE_MESSAGES
            found[_ON_MESSAGE, spec.name] = _command(_ON_MESSAGE, _names(spec.name, spec.japanese), gate)
        elif spec.group is not None:
            group = spec.group
            words = {**_names(group.name, group.japanese), **_described(group.help)}
            whole = found.setdefault(
                (_SLASH, group.name), {**_command(_SLASH, words, _GATES.get(group.name)), "options": []}
            )
            member = _names(spec.name.partition(" ")[2], spec.japanese)
            whole["options"].append(
                {"type": _SUBCOMMAND, **member, **_described(spec.help), "options": _options(spec.options)}
            )
        else:
            words = {**_names(spec.name, spec.japanese), **_described(spec.help)}
            found[_SLASH, spec.name] = {**_command(_SLASH, words, None), "options": _options(spec.options)}
    return list(found.values())


def _command(kind: int, words: dict[str, Any], gate: int | None) -> dict[str, Any]:
    return {
        "type": kind,
        **words,
        "default_member_permissions": None if gate is None else str(gate),
        "contexts": [0],  # in servers
        "integration_types": [0],  # installed to a server
    }


def _names(name: str, japanese: str) -> dict[str, Any]:
    return {"name": name, "name_localizations": {"en-US": name, "ja": japanese}}


def _described(help_: Mapping[str, str]) -> dict[str, Any]:
    """English is said twice: without an entry of its own, en-US may be shown another language's text."""
    return {
        "description": help_["en"],
        "description_localizations": {"en-US": help_["en"], "ja": help_.get("ja", help_["en"])},
    }


def _options(options: Sequence[Option]) -> list[dict[str, Any]]:
    """Required ones first, as Discord demands; else in the order of the signature."""
    return [_option(one) for one in sorted(options, key=lambda one: not one.required)]


def _option(option: Option) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": _TYPES.get(option.kind, _STRING),
        **_names(option.name, option.japanese),
        **_described(option.help),
        "required": option.required,
    }
    if option.choices:
        made["choices"] = [{"name": one, "value": one} for one in option.choices]
    if option.kind in COMPLETED:
        made["autocomplete"] = True
    if option.kind == "channel":
        made["channel_types"] = CHANNELS
    if option.least is not None:
        made["min_value"] = option.least
    if option.most is not None:
        made["max_value"] = option.most
    return made


def digest_of(commands: Sequence[Mapping[str, Any]]) -> str:
    """32 hex digits that are the same exactly for the same payload, so that it is sent only when it changed."""
    text = json.dumps(commands, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


# --- what comes back ---


def asked(data: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """`data` of a command interaction (or of its completion) -> what `Desk.call` takes: the name, options as text.

    Of a command on a message: its name and no options; the message is `data["target_id"]`.
    """
    name, options = _member(data)
    return name, {one["name"]: _text(one.get("value", "")) for one in options}


def focused(data: Mapping[str, Any]) -> tuple[str, str, str]:
    """`data` of an autocomplete interaction -> (command, option, what was typed of it). The last two may be empty."""
    name, options = _member(data)
    typed = next((one for one in options if one.get("focused")), None)
    return (name, "", "") if typed is None else (name, typed["name"], _text(typed.get("value", "")))


def _member(data: Mapping[str, Any]) -> tuple[str, Sequence[Mapping[str, Any]]]:
    name: str = data["name"]
    options: Sequence[Mapping[str, Any]] = data.get("options") or ()
    if options and options[0]["type"] == _SUBCOMMAND:
        return f"{name} {options[0]['name']}", options[0].get("options") or ()
    return name, options


def _text(value: object) -> str:
    """A value as a person would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
