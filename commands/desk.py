"""The desk: one check for every door. Access, then binding, then the function; what was wrong is told to the person."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from commands import (  # noqa: F401 - those that are not used here register commands
    allowing,
    answering,
    chronicle,
    correcting,
    drafting,
    feeding,
    following,
    helping,
    lines,
    merging,
    moderating,
    naming,
    placing,
    pointing,
    queueing,
    reading,
    reporting,
    rights,
    rules,
    scheduling,
    searching,
    stats,
    submitting,
    summing_up,
    topics,
    values,
)
from commands.registry import (
    ALONE,
    ALONE_FORMS,
    COMMANDS,
    CURATING,
    EVERYONE,
    FORMS,
    OPENING,
    POINTED,
    PRESSES,
    Command,
    Handler,
    Local,
    Press,
    command_named,
    names_of,
)
from commands.tools import Tools
from core import tally
from core.chat import Caller, Choice
from core.commands import CommandSpec
from core.errors import Refusal
from core.message import Form, Reply, sentences
from core.speech import say
from core.text import fold, shorten

R = TypeVar("R")
log = structlog.get_logger()


def specs() -> Sequence[CommandSpec]:
    """Every command there is, typed or picked from the menu of a message."""
    return (*COMMANDS.values(), *(pointed.spec for pointed in POINTED.values()))


class Desk:
    """`core.chat.Desk` over a database."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def commands(self) -> Sequence[CommandSpec]:
        return specs()

    async def ask(self, caller: Caller, line: str) -> Reply:
        async def answer() -> Reply:
            return await self._run(caller, *lines.parse(line, caller.language))

        return await _guarded(caller, answer)

    async def call(self, caller: Caller, command: str, options: Mapping[str, str]) -> Reply:
        async def answer() -> Reply:
            known = command_named(command)
            if known is None:
                raise Refusal(say(caller.language, "help.unknown", name=command))
            return await self._run(caller, known, options)

        return await _guarded(caller, answer)

    async def point(self, caller: Caller, name: str, anchor: str) -> Reply:
        async def answer() -> Reply:
            pointed = POINTED.get(fold(name))
            if pointed is None:
                raise Refusal(say(caller.language, "help.unknown", name=name))
            await self._check_use(caller, pointed.spec, pointed.local)
            target = await pointing.target(self._tools, caller, anchor)
            aim = target.comment or target.piece
            tools = await allowing.permit(self._tools, caller, pointed.spec.roles, pointed.local, [aim])
            return await pointed.run(tools, caller, target)

        return await _guarded(caller, answer)

    async def press(self, caller: Caller, action: str, anchor: str | None) -> Reply | Form:
        return await self._act(PRESSES, caller, action, anchor, {})

    def opens(self, action: str) -> bool:
        version, _, rest = action.partition(":")
        return version == "v1" and rest.partition(":")[0] in OPENING

    async def submit(self, caller: Caller, form: str, values: Mapping[str, str], anchor: str | None) -> Reply:
        answer = await self._act(FORMS, caller, form, anchor, values)
        assert isinstance(answer, Reply)
        return answer

    async def _act(
        self,
        handlers: Mapping[str, Handler],
        caller: Caller,
        action: str,
        anchor: str | None,
        values: Mapping[str, str],
    ) -> Reply | Form:
        async def answer() -> Reply | Form:
            version, _, rest = action.partition(":")
            kind, _, rest = rest.partition(":")
            curates = CURATING.get(kind)
            roles, local = curates or (EVERYONE, "")
            if await allowing.reach(self._tools.db, caller, roles, local) == allowing.NOWHERE:
                raise Refusal(say(caller.language, "refused.curating", roles=allowing.names(caller, roles)))
            if version == "v1" and handlers is PRESSES and kind in ALONE:
                alone = await ALONE[kind](self._tools, caller, rest)
                return await self._drawn(alone) if isinstance(alone, Reply) else alone
            if version == "v1" and handlers is FORMS and kind in ALONE_FORMS:
                return await ALONE_FORMS[kind](self._tools, caller, rest, values)
            uid, _, what = rest.partition(":")
            handler = handlers.get(kind) if version == "v1" else None
            piece = await reading.piece_by_uid(self._tools, uid) if handler else None
            if handler is None or piece is None or (piece.state != "published" and curates is None):
                raise Refusal(say(caller.language, "refused.stale"))
            tools = await allowing.permit(self._tools, caller, roles, local, [piece])
            return await handler(tools, caller, Press(piece=piece, what=what, anchor=anchor, values=values))

        return await _guarded(caller, answer)

    async def complete(self, caller: Caller, command: str, option: str, text: str) -> Sequence[Choice]:
        """Values of an option; with `option` empty, option names of a command; with both empty, command names."""
        if not command:
            return await self._command_names(caller, text)
        known = command_named(command)
        if known is None or not await allowing.may(self._tools.db, caller, known, known.local):
            return []
        if not option:
            return _option_names(caller, known, text)
        found = next((one for one in known.options if option in (one.name, one.japanese)), None)
        return [] if found is None else await values.completions(self._tools, caller, found, text)

    async def _command_names(self, caller: Caller, text: str) -> list[Choice]:
        typed = fold(text.lstrip("/／"))
        found = []
        for command in COMMANDS.values():
            english, *japanese = names_of(command)
            names = japanese if caller.language == "ja" and not typed.isascii() else [english]
            name = next((one for one in names if fold(one).startswith(typed)), None)
            if name is not None and await allowing.may(self._tools.db, caller, command, command.local):
                label = shorten(f"/{name} — {command.meaning(caller.language)}", values.LABEL)
                found.append(Choice(value=f"/{name}", label=label))
        return found[: values.CHOICES]

    async def _run(self, caller: Caller, command: Command, options: Mapping[str, str]) -> Reply:
        await self._check_use(caller, command, command.local)
        tally.count("commands", command=command.name, platform=caller.platform)
        bound = await self._bind(caller, command, options)
        tools = await allowing.permit(self._tools, caller, command.roles, command.local, bound.values())
        reply = await command.run(tools, caller, **bound)
        return await self._drawn(reply)

    async def _check_use(self, caller: Caller, command: CommandSpec, local: Local) -> None:
        """Refusal for a command that a caller may use nowhere."""
        if not await allowing.may(self._tools.db, caller, command, local):
            named = f"`/{command.name}`" if command.on == "line" else say(caller.language, "quoted", words=command.name)
            allowed = allowing.names(caller, command.roles)
            raise Refusal(say(caller.language, "refused.roles", command=named, roles=allowed))

    async def _drawn(self, reply: Reply) -> Reply:
        message = await self._tools.draw(reply.message)
        return reply if message is reply.message else replace(reply, message=message)

    async def _bind(self, caller: Caller, command: Command, given: Mapping[str, str]) -> dict[str, Any]:
        """Options from text: unknown ones and bad values are refused. What is not given is left to its default."""
        names = {option.name for option in command.options}
        for name in given:
            if name not in names:
                there = ", ".join(option.name for option in command.options) or say(caller.language, "none")
                raise Refusal(say(caller.language, "refused.option", command=command.name, option=name, options=there))
        bound: dict[str, Any] = {}
        for option in command.options:
            text = given.get(option.name, "").strip()
            if text:
                bound[option.name] = await values.value_of(self._tools, caller, option, text)
            elif option.required:
                help_ = option.meaning(caller.language)
                raise Refusal(
                    say(caller.language, "refused.missing", command=command.name, option=option.name, help=help_)
                )
        return bound


async def _guarded(caller: Caller, answer: Callable[[], Awaitable[R]]) -> R | Reply:
    """An answer whatever happens: a refusal as its sentence, a fault of ours as an apology and a log line."""
    try:
        return await answer()
    except Refusal as declined:
        return refusal(caller.language, str(declined))
    except Exception:
        number = secrets.token_hex(4)
        tally.count("failures", platform=caller.platform)
        log.exception("desk.failed", number=number, platform=caller.platform)
        return refusal(caller.language, say(caller.language, "failed", number=number))


def refusal(language: str, sentence: str) -> Reply:
    """A declined request as a private answer."""
    return Reply(message=sentences(language, sentence), ok=False, private=True)


# --- completion ---


def _option_names(caller: Caller, command: Command, text: str) -> list[Choice]:
    found = []
    for option in command.options:
        if option.name.startswith(fold(text)) or option.japanese.startswith(text):
            label = shorten(f"{option.name} — {option.meaning(caller.language)}", values.LABEL)
            found.append(Choice(value=option.name, label=label))
    return found
