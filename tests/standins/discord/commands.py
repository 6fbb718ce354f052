"""What Discord accepts as application commands in a bulk overwrite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import regex  # type: ignore[import-untyped]  # ships no types

from tests.standins.discord.basics import Raw
from tests.standins.discord.errors import Form

NAME = regex.compile(r"[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}")
LOCALES = frozenset(
    {
        "id",
        "da",
        "de",
        "en-GB",
        "en-US",
        "es-ES",
        "es-419",
        "fr",
        "hr",
        "it",
        "lt",
        "hu",
        "nl",
        "no",
        "pl",
        "pt-BR",
        "ro",
        "fi",
        "sv-SE",
        "vi",
        "tr",
        "cs",
        "el",
        "bg",
        "ru",
        "uk",
        "hi",
        "th",
        "zh-CN",
        "ja",
        "zh-TW",
        "ko",
    }
)
MOST: Mapping[int, int] = {1: 100, 2: 15, 3: 15}
COMMAND = frozenset(
    {
        "id",
        "name",
        "name_localizations",
        "description",
        "description_localizations",
        "options",
        "default_member_permissions",
        "dm_permission",
        "default_permission",
        "type",
        "nsfw",
        "integration_types",
        "contexts",
        "handler",
    }
)
OPTION = frozenset(
    {
        "type",
        "name",
        "name_localizations",
        "description",
        "description_localizations",
        "required",
        "choices",
        "options",
        "channel_types",
        "min_value",
        "max_value",
        "min_length",
        "max_length",
        "autocomplete",
    }
)
Path = Sequence[str | int]


def check(body: object) -> None:
    """Raises 50035 with all that is wrong."""
    form = Form()
    if not isinstance(body, list):
        form.bad([], "Must be an array.")
        form.done()
        return
    for kind, count in Counter(one.get("type", 1) for one in body).items():
        if count > MOST.get(kind, 0):
            form.bad(
                [],
                f"Maximum number of application commands reached ({MOST.get(kind, 0)}).",
                "APPLICATION_COMMANDS_LIMIT",
            )
    twice = Counter((one.get("type", 1), one.get("name")) for one in body)
    for at, one in enumerate(body):
        if twice[one.get("type", 1), one.get("name")] > 1:
            form.bad([at, "name"], "Application command names must be unique", "APPLICATION_COMMANDS_DUPLICATE_NAME")
        _command(one, [at], form)
    form.done()


def _command(one: Raw, path: Path, form: Form) -> None:
    for key in one.keys() - COMMAND:
        form.bad([*path, key], "Unknown key.", "UNKNOWN_KEY")
    kind = one.get("type", 1)
    gate = one.get("default_member_permissions")
    if gate is not None and not (isinstance(gate, str) and gate.isdigit()):
        form.bad([*path, "default_member_permissions"], "Must be a string of digits.", "BITFIELD_TYPE_CONVERT")
    for key, possible in (("contexts", {0, 1, 2}), ("integration_types", {0, 1})):
        if one.get(key) is not None and (not set(one[key]) <= possible or not one[key]):
            form.bad([*path, key], f"Value must be one of {possible}.", "BASE_TYPE_CHOICES")
    if kind == 1:
        _texts(one, path, form)
        _options(one, path, form, depth=0)
        if _size(one) > 8000:
            form.bad(path, "Command exceeds maximum size (8000)", "APPLICATION_COMMAND_TOO_LARGE")
        return
    form.length([*path, "name"], one.get("name"), 1, 32)
    for locale, text in _localised(one, "name", path, form).items():
        form.length([*path, "name_localizations", locale], text, 1, 32)
    if one.get("description"):
        form.bad(
            [*path, "description"], "Context menu commands cannot have description", "APPLICATION_COMMAND_DESCRIPTION"
        )
    if one.get("options"):
        form.bad([*path, "options"], "Context menu commands cannot have options", "APPLICATION_COMMAND_OPTIONS")


def _texts(one: Raw, path: Path, form: Form) -> None:
    """Name and description of a command or option, in all languages."""
    _name(one.get("name"), [*path, "name"], form)
    form.length([*path, "description"], one.get("description"), 1, 100)
    for locale, text in _localised(one, "name", path, form).items():
        _name(text, [*path, "name_localizations", locale], form)
    for locale, text in _localised(one, "description", path, form).items():
        form.length([*path, "description_localizations", locale], text, 1, 100)


def _localised(one: Raw, what: str, path: Path, form: Form) -> Mapping[str, str]:
    texts = one.get(f"{what}_localizations") or {}
    for locale in texts.keys() - LOCALES:
        form.bad([*path, f"{what}_localizations", locale], "Locale is not supported.", "APPLICATION_COMMAND_LOCALE")
    return {locale: text for locale, text in texts.items() if locale in LOCALES}


def _name(name: object, path: Path, form: Form) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name) or name != name.lower():
        form.bad(path, "Command name is invalid", "APPLICATION_COMMAND_INVALID_NAME")


def _options(one: Raw, path: Path, form: Form, depth: int) -> None:
    options = one.get("options") or []
    where = [*path, "options"]
    if len(options) > 25:
        form.bad(where, "Must be 25 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    kinds = {option.get("type") in (1, 2) for option in options}
    if len(kinds) > 1:
        form.bad(
            where, "Sub-command option types cannot be mixed with others", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"
        )
    _distinct(options, where, form)
    optional = False
    for at, option in enumerate(options):
        if option.get("required") and optional:
            form.bad(
                [*where, at],
                "Required options must be placed before non-required options",
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
            )
        optional = optional or not option.get("required")
        _option(option, [*where, at], form, depth)


def _distinct(options: Sequence[Raw], path: Path, form: Form) -> None:
    """Option names are unique, in each language too."""
    for locale in ("", *LOCALES):
        names = [(option.get("name_localizations") or {}).get(locale, option.get("name")) for option in options]
        if len(set(names)) != len(names):
            form.bad(path, f"Option name is not unique {locale}".strip(), "APPLICATION_COMMAND_OPTIONS_NAME_INVALID")
            return


def _option(option: Raw, path: Path, form: Form, depth: int) -> None:
    for key in option.keys() - OPTION:
        form.bad([*path, key], "Unknown key.", "UNKNOWN_KEY")
    kind = option.get("type")
    if kind not in range(1, 12):
        form.bad([*path, "type"], "Value must be one of 1 to 11.", "BASE_TYPE_CHOICES")
        return
    _texts(option, path, form)
    if kind in (1, 2):
        if depth > (1 if kind == 1 else 0):
            form.bad([*path, "type"], "Nested too deeply.", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID")
        if kind == 2 and any(inner.get("type") != 1 for inner in option.get("options") or []):
            form.bad([*path, "options"], "A group holds sub-commands.", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID")
        _options(option, path, form, depth + 1)
        return
    if option.get("options"):
        form.bad([*path, "options"], "Only sub-commands have options.", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID")
    _bounds(option, path, form)
    _choices(option, path, form)


def _bounds(option: Raw, path: Path, form: Form) -> None:
    kind = option["type"]
    for keys, kinds in (
        (("min_value", "max_value"), (4, 10)),
        (("min_length", "max_length"), (3,)),
        (("channel_types",), (7,)),
    ):
        for key in keys:
            if option.get(key) is not None and kind not in kinds:
                form.bad([*path, key], f"Not for an option of type {kind}.", "APPLICATION_COMMAND_OPTION_TYPE")
    for key, least in (("min_length", 0), ("max_length", 1)):
        if option.get(key) is not None and not least <= option[key] <= 6000:
            form.bad([*path, key], f"int value should be between {least} and 6000.", "NUMBER_TYPE_MAX")


def _choices(option: Raw, path: Path, form: Form) -> None:
    choices = option.get("choices") or []
    if option.get("autocomplete") and (choices or option["type"] not in (3, 4, 10)):
        form.bad(
            [*path, "autocomplete"], "Autocomplete cannot be used here.", "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID"
        )
    if len(choices) > 25:
        form.bad([*path, "choices"], "Must be 25 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    for at, choice in enumerate(choices):
        form.length([*path, "choices", at, "name"], choice.get("name"), 1, 100)
        for locale, text in _localised(choice, "name", [*path, "choices", at], form).items():
            form.length([*path, "choices", at, "name_localizations", locale], text, 1, 100)
        if option["type"] == 3:
            form.length([*path, "choices", at, "value"], choice.get("value"), 1, 100)
        elif not isinstance(choice.get("value"), int | float):
            form.bad([*path, "choices", at, "value"], "Value is not a number.", "NUMBER_TYPE_COERCE")


def _size(one: Raw) -> int:
    """Names, descriptions and values together; of each text the longest language counts."""
    total = len(str(one.get("value", "")))
    for key in ("name", "description"):
        texts = [one.get(key) or "", *(one.get(f"{key}_localizations") or {}).values()]
        total += max(map(len, texts))
    return total + sum(_size(inner) for inner in (*(one.get("options") or ()), *(one.get("choices") or ())))
