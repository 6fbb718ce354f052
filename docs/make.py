"""Writes the pages that are made from the code: `python -m docs.make`; with `--check` it only says which are old.

docs/settings.md, .env.example   from `bot.settings.Settings`
docs/commands.md                 from `commands.registry.COMMANDS` and `POINTED`
PRIVACY.md                       from `bot.notice`
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import commands.desk  # noqa: F401 - its imports register every command
from bot import notice
from bot.platforms.slack.slash import as_text, manifest
from bot.settings import PREFIX, Settings
from commands.desk import specs
from commands.registry import COMMANDS, EVERYONE, POINTED
from core.commands import CommandSpec, Option
from core.stances import Scale

ROOT = Path(__file__).parents[1]
MADE = "Made by `python -m docs.make`; change the code, not this page."
ROLES = ("reader", "author", "moderator", "host", "admin")


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def scale_text(scale: Scale) -> str:
    """A scale as it is written in a setting."""
    return " ".join(f"{stance.key}={','.join(stance.emoji)}" for stance in scale.stances)


def default(field: FieldInfo) -> str:
    """The default as it would be written in `.env`; empty if the setting is unset."""
    value: Any = field.default
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return scale_text(value) if isinstance(value, Scale) else str(value)


def values(field: FieldInfo) -> str:
    """The closed list of values, if there is one."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(field.annotation))
    return "`0`, `1`" if field.annotation is bool else ""


def cell(text: str) -> str:
    """Text that can stand in a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def settings_page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        f"<!-- {MADE} -->",
        "",
        "Rondan reads the environment and the file `.env` in the folder that it is started in; the environment wins.",
        "An empty value is the default. Names are `RONDAN_…`; other names in `.env` are left to other programs. A name",
        "that Rondan does not know and a value that it can't use are errors: all of them are reported at once, each",
        "with its mend, and the exit code is 78, which a supervisor should not answer with a restart",
        "(see [operating](operating.md)). [`.env.example`](../.env.example) holds every setting with its default.",
        "",
        "| variable | default | values | what it does |",
        "| --- | --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        shown = f"`{default(field)}`" if default(field) else "–"
        row = (f"`{variable(name)}`", shown, values(field) or "–", field.description or "")
        lines.append("| " + " | ".join(map(cell, row)) + " |")
    lines += [
        "",
        "How each channel is spoken to (layout, language, zone, filter, quiet hours, daily cap) is no setting but kept",
        "in the database: `rondan place add`, `rondan place set`. So are feeds: `rondan feed add`, `rondan feed set`.",
        "",
    ]
    return "\n".join(lines)


def example() -> str:
    """`.env.example`: every setting commented out, so that a copy of it changes nothing."""
    lines = [
        f"# {MADE.replace('page', 'file')}",
        "# Copy it to `.env` and take the # off the lines that you change. The environment wins over the file.",
    ]
    for name, field in Settings.model_fields.items():
        value = default(field)
        quoted = f'"{value}"' if " " in value else value
        lines += ["", f"# {field.description}", f"#{variable(name)}={quoted}"]
    return "\n".join(lines) + "\n"


COMMANDS_HEAD = """# Commands

<!-- MADE -->

Picked from Discord's command menu, or typed in the playground, on the console, or on the shell: `rondan ask
'/digest period:30d'`, with `--as moderator` for another role and `--lang ja` for another language. Only who asked sees
the answer.

* Options are `name:value` in any order, or without names in the order of the table. A value with spaces goes in
  quotation marks: `topic:"machine learning"`, `話題:「機械学習」`.
* Names may be Japanese: `/ダイジェスト 期間:先週` is `/digest period:last-week`. Full-width colons and spaces count.
* A piece is meant by its number (`12`, `#12`) or by words of its title.
* A period is `day`, `week`, `month`, `year`, `today`, `yesterday`, `this-week`, `last-week`, `this-month`,
  `last-month`, a length (`24h`, `7d`, `4w`, `3m`), a date (`2026`, `2026-11`, `2026-11-03`), a span
  (`2026-11-01..2026-11-15`), `new` (since you last asked for it), or `all`.
* A comment is meant by its number, which `/mod comments` shows, or by `@` and the id of its message in the chat.
* A host runs one community (a Discord server) and is not of the publication: `/place` takes them to the channels of
  their own community only. An admin of the publication may name any channel as `PLATFORM:CHANNEL`.

| command | who | options | what it does | 日本語 |
| --- | --- | --- | --- | --- |
"""


def who(command: CommandSpec) -> str:
    """Who may use a command."""
    if command.roles >= EVERYONE:
        return "everyone"
    return ", ".join(f"{role}s" for role in ROLES if role in command.roles)


def option_text(option: Option) -> str:
    """One option: its names, what it is for, in both languages."""
    names = f"`{option.name}` (`{option.japanese}`)"
    must = "" if option.required else ", optional"
    return f"{names}{must}: {option.help['en']} {option.help.get('ja', '')}".strip()


def commands_page() -> str:
    """docs/commands.md."""
    lines = []
    for command in sorted(COMMANDS.values(), key=lambda one: (" " in one.name, one.name)):
        options = "<br>".join(map(option_text, command.options)) or "–"
        row = (
            f"`/{command.name}`",
            who(command),
            options,
            command.help["en"],
            f"`/{command.japanese_name}` {command.help['ja']}",
        )
        lines.append("| " + " | ".join(map(cell, row)) + " |")
    return COMMANDS_HEAD.replace("MADE", MADE) + "\n".join([*lines, *_on_messages()]) + "\n"


def _on_messages() -> list[str]:
    """What is picked from a message's menu."""
    specs = [pointed.spec for pointed in POINTED.values()]
    return [
        "",
        "## On a message",
        "",
        "On Discord these stand in the menu of a message, under Apps.",
        "",
        "| in the menu | who | what it does | 日本語 |",
        "| --- | --- | --- | --- |",
        *(f"| {one.name} | {who(one)} | {one.help['en']} | {one.japanese} {one.help['ja']} |" for one in specs),
    ]


def slack_manifest() -> str:
    """What `rondan slack manifest` prints with no settings."""
    return as_text(manifest(specs()))


PAGES: dict[str, Callable[[], str]] = {
    "docs/settings.md": settings_page,
    "docs/commands.md": commands_page,
    "docs/slack-manifest.json": slack_manifest,
    ".env.example": example,
    "PRIVACY.md": notice.page,
}


def stale(root: Path = ROOT) -> list[str]:
    """The pages that are missing or not as the code would make them."""
    return [
        name
        for name, make in PAGES.items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != make()
    ]


def main() -> None:
    """Write what is old, or with `--check` name it and exit 1."""
    old = stale()
    if "--check" in sys.argv[1:]:
        for name in old:
            print(f"{name} is not current: run `python -m docs.make`", file=sys.stderr)
        sys.exit(1 if old else 0)
    for name in old:
        (ROOT / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote {name}")


if __name__ == "__main__":
    main()
