"""A typed line to a command and its options. Japanese quotes, full-width colons and spaces are as good as ASCII."""

from __future__ import annotations

from collections.abc import Mapping

from commands.registry import COMMANDS, Command, names_of
from core.errors import Refusal
from core.speech import say
from core.text import fold

_QUOTES = {'"': '"', "“": "”", "「": "」", "『": "』", "'": "'"}
_SPACES = " \t\n\u3000"
_COLONS = ":："


def parse(line: str, language: str) -> tuple[Command, dict[str, str]]:
    """The command and its options as text. Refusal names what is wrong and what there is."""
    tokens = _tokens(line.strip().lstrip("/／"), language)
    command, used = _find(tokens)
    if command is None:
        raise Refusal(say(language, "help.unknown", name=tokens[0][1] if tokens else line.strip()))
    return command, _bind(command, tokens[used:])


def _find(tokens: list[tuple[str | None, str, str]]) -> tuple[Command | None, int]:
    """The longest command name at the beginning: `mod retract` before `mod`. Japanese names count too."""
    names = {fold(name): command for command in COMMANDS.values() for name in names_of(command)}
    for count in (2, 1):
        words = " ".join(fold(raw) for _, _, raw in tokens[:count])
        if len(tokens) >= count and words in names:
            return names[words], count
    return None, 0


def _bind(command: Command, tokens: list[tuple[str | None, str, str]]) -> dict[str, str]:
    """Named options by name; the others in the order of the signature, free text taking the rest of the line."""
    known = {name: option.name for option in command.options for name in (option.name, option.japanese)}
    named: dict[str, str] = {}
    loose: list[tuple[str, str]] = []
    for key, value, raw in tokens:
        if key is not None and fold(key) in known:
            named[known[fold(key)]] = value
        elif key is not None and not command.options:
            named[key] = value
        elif key is not None and key.isidentifier() and not _takes_words(command) and not value.startswith("//"):
            named[key] = value  # an option that does not exist: the desk says which do
        else:
            loose.append((value if key is None else raw, raw))
    free = [option for option in command.options if option.name not in named]
    for position, option in enumerate(free):
        if not loose:
            break
        if option.kind in ("words", "query", "text") or position == len(free) - 1:
            alone = len(loose) == 1 and option.kind != "query"
            named[option.name] = loose[0][0] if alone else " ".join(raw for _, raw in loose)
            loose = []
        else:
            named[option.name] = loose.pop(0)[0]
    if loose:
        named[loose[0][1]] = ""
    return named


def _takes_words(command: Command) -> bool:
    return any(option.kind in ("words", "query") for option in command.options)


def _tokens(line: str, language: str) -> list[tuple[str | None, str, str]]:
    """(key, value, as written) for each word, `key:value` or quotation; key is None where there is none."""
    found: list[tuple[str | None, str, str]] = []
    at = 0
    while at < len(line):
        if line[at] in _SPACES:
            at += 1
            continue
        start = at
        key: str | None = None
        value = ""
        while at < len(line) and line[at] not in _SPACES:
            char = line[at]
            begins = value == ""
            if begins and char in _QUOTES and (char != "'" or key is not None):
                end = line.find(_QUOTES[char], at + 1)
                if end < 0:
                    if char in '"“':
                        raise Refusal(say(language, "refused.quote", text=line[start:]))
                    value += char
                    at += 1
                    continue
                value += line[at + 1 : end]
                at = end + 1
            elif char in _COLONS and key is None and value and line[start] not in _QUOTES:
                key, value = value, ""
                at += 1
            else:
                value += char
                at += 1
        found.append((key, value, line[start:at]))
    return found


def as_line(command: str, options: Mapping[str, str]) -> str:
    """The line that a person would type for this; used in hints."""
    parts = [f'{name}:"{value}"' if set(value) & set(_SPACES) else f"{name}:{value}" for name, value in options.items()]
    return " ".join([f"/{command}", *parts])
