"""Completion of a slash line: what stands at its end, and which question to the desk that is.

`Desk.complete` is asked in three ways:

    command=""        option=""       text="/di"   names of commands; a group's member is `/mod retract`
    command="digest"  option=""       text="to"    names of that command's options
    command="digest"  option="topic"  text="Op"    values of that option
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.chat import Caller, Choice, Desk

LINE_LIMIT = 2000  # characters

_WORD = re.compile(r'(?:[^\s"]|"[^"]*(?:"|\Z))*')  # up to a space that is not inside quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One completion: `line` is the whole line with it taken."""

    line: str
    label: str


async def offers(desk: Desk, caller: Caller, line: str) -> Sequence[Offer]:
    """Completions of a line whose caret is at its end."""
    line = line[:LINE_LIMIT].lstrip()
    if not line.startswith(("/", "／")):  # typed with a Japanese keyboard, both slash and colon may be wide
        return ()
    line = "/" + line[1:].replace("：", ":")
    before, last = _cut(line)
    words = before[1:].split()
    if not words:
        return [_command(choice) for choice in await desk.complete(caller, "", "", last)]
    command = words[0]
    members = await _members(desk, caller, command)
    if members:
        if len(words) == 1:
            return [_command(choice) for choice in await desk.complete(caller, "", "", f"/{command} {last}")]
        command = f"{command} {words[1]}"
    option, colon, text = last.partition(":")
    if colon:
        values = await desk.complete(caller, command, option, text.strip('"'))
        return [Offer(line=f"{before}{option}:{_quoted(one.value)} ", label=one.label) for one in values]
    taken = {word.partition(":")[0] for word in words}
    options: Sequence[Choice] = await desk.complete(caller, command, "", last)
    return [Offer(line=f"{before}{one.value}:", label=one.label) for one in options if one.value not in taken]


def _cut(line: str) -> tuple[str, str]:
    """The line up to the word at its end, and that word, which is empty after a space."""
    start = 0
    for found in _WORD.finditer(line):
        if found.end() == len(line):
            start = found.start()
            break
    return line[:start], line[start:]


async def _members(desk: Desk, caller: Caller, group: str) -> bool:
    """Whether a word names a group of commands."""
    found = await desk.complete(caller, "", "", f"/{group} ")
    return any(one.value.lstrip("/").startswith(f"{group} ") for one in found)


def _command(choice: Choice) -> Offer:
    return Offer(line=f"/{choice.value.lstrip('/')} ", label=choice.label)


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"\s", value) and '"' not in value else value
