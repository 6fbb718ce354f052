"""`/help`: made from the commands themselves."""

from __future__ import annotations

from typing import Annotated

from commands import allowing
from commands.registry import COMMANDS, command, command_named
from commands.saying import listed
from commands.tools import Tools
from core.chat import Caller
from core.commands import CommandSpec
from core.document import Block, Paragraph, Span, bullets
from core.errors import Refusal
from core.message import Message, Reply
from core.speech import say


@command("help", japanese="ヘルプ", summary="使えるコマンドを示します。")
async def help_(
    tools: Tools,
    caller: Caller,
    *,
    command: Annotated[str | None, "Only this command, with its options.", "このコマンドだけを詳しく。"] = None,
) -> Reply:
    """Show what you can ask."""
    if command is not None:
        return await _one(tools, caller, command)
    title = say(caller.language, "help.title")
    there = await allowing.reach(tools.db, caller, frozenset(), "part")  # asked once, not for each command
    mine = tuple(name for name, one in COMMANDS.items() if caller.roles & one.roles or (one.local and there))

    async def made() -> Reply:
        return listed(caller, title, (_line(caller, COMMANDS[name]) for name in mine))

    return await tools.together(("help", caller.language, mine), made)


def _line(caller: Caller, one: CommandSpec) -> tuple[Span, ...]:
    name = f"/{one.japanese_name}" if caller.language == "ja" else ""
    return (
        Span(text=one.usage, code=True),
        Span(text=f" {name} — " if name else " — "),
        Span(text=one.meaning(caller.language)),
    )


async def _one(tools: Tools, caller: Caller, name: str) -> Reply:
    found = command_named(name)
    if found is None or not await allowing.may(tools.db, caller, found, found.local):
        raise Refusal(say(caller.language, "help.unknown", name=name))
    lines = []
    for option in found.options:
        japanese = f" ({option.japanese})" if caller.language == "ja" else ""
        lines.append(f"{option.name}{japanese} — {option.meaning(caller.language)}")
    blocks: tuple[Block, ...] = (Paragraph(spans=_line(caller, found)), bullets(lines))
    return Reply(message=Message(title=found.usage, blocks=blocks, language=caller.language))
