"""`/help`: made from the commands themselves."""

from __future__ import annotations

from typing import Annotated

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
        return _one(caller, command)
    title = say(caller.language, "help.title")
    mine = [one for one in COMMANDS.values() if caller.roles & one.roles]
    return listed(caller, title, (_line(caller, one) for one in mine))


def _line(caller: Caller, one: CommandSpec) -> tuple[Span, ...]:
    name = f"/{one.japanese_name}" if caller.language == "ja" else ""
    return (
        Span(text=one.usage, code=True),
        Span(text=f" {name} — " if name else " — "),
        Span(text=one.meaning(caller.language)),
    )


def _one(caller: Caller, name: str) -> Reply:
    found = command_named(name)
    if found is None or not caller.roles & found.roles:
        raise Refusal(say(caller.language, "help.unknown", name=name))
    lines = []
    for option in found.options:
        japanese = f" ({option.japanese})" if caller.language == "ja" else ""
        lines.append(f"{option.name}{japanese} — {option.meaning(caller.language)}")
    blocks: tuple[Block, ...] = (Paragraph(spans=_line(caller, found)), bullets(lines))
    return Reply(message=Message(title=found.usage, blocks=blocks, language=caller.language))
