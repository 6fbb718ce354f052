"""The desk: one check for every door. Access, then binding, then the function; what was wrong is told to the person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from commands import following, helping, lines, moderating, reading, searching, summing_up  # noqa: F401 - they register
from commands.registry import (
    COMMANDS,
    FORMS,
    OPTION_NAMES,
    PRESSES,
    Command,
    Handler,
    Option,
    Press,
    Tools,
    command_named,
)
from core.chat import Caller, Choice
from core.document import Paragraph, spans
from core.errors import Refusal
from core.message import Form, Message, Reply, links_of
from core.period import parse_period
from core.speech import say
from core.text import fold, shorten
from storage import pieces

R = TypeVar("R")
log = structlog.get_logger()
CHOICES = 25


class Desk:
    """`core.chat.Desk` over a database."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

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

    async def press(self, caller: Caller, action: str, anchor: str | None) -> Reply | Form:
        return await self._act(PRESSES, caller, action, anchor, {})

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
            uid, _, what = rest.partition(":")
            handler = handlers.get(kind) if version == "v1" else None
            piece = await pieces.piece_by_uid(self._tools.db, uid) if handler else None
            if handler is None or piece is None or piece.state != "published":
                raise Refusal(say(caller.language, "refused.stale"))
            return await handler(self._tools, caller, Press(piece=piece, what=what, anchor=anchor, values=values))

        return await _guarded(caller, answer)

    async def complete(self, caller: Caller, command: str, option: str, text: str) -> Sequence[Choice]:
        """Values of an option; with `option` empty, option names of a command; with both empty, command names."""
        if not command:
            return _command_names(caller, text)
        known = command_named(command)
        if known is None or not _allowed(caller, known):
            return []
        if not option:
            return _option_names(caller, known, text)
        found = next((one for one in known.options if option in (one.name, OPTION_NAMES.get(one.name))), None)
        return [] if found is None else (await _values(self._tools, caller, found, text))[:CHOICES]

    async def _run(self, caller: Caller, command: Command, options: Mapping[str, str]) -> Reply:
        if not _allowed(caller, command):
            allowed = ", ".join(say(caller.language, f"role.{role}") for role in sorted(command.roles))
            raise Refusal(say(caller.language, "refused.roles", command=command.name, roles=allowed))
        bound = await self._bind(caller, command, options)
        reply = await command.run(self._tools, caller, **bound)
        return reply if reply.links else _with_links(reply)

    async def _bind(self, caller: Caller, command: Command, given: Mapping[str, str]) -> dict[str, Any]:
        """Options from text: unknown ones and bad values are refused, defaults are put in."""
        names = {option.name for option in command.options}
        for name in given:
            if name not in names:
                there = ", ".join(option.name for option in command.options) or say(caller.language, "none")
                raise Refusal(say(caller.language, "refused.option", command=command.name, option=name, options=there))
        bound: dict[str, Any] = {}
        for option in command.options:
            text = given.get(option.name, "").strip()
            if text:
                bound[option.name] = await self._value(caller, option, text)
            elif option.required:
                help_ = option.help[caller.language if caller.language in option.help else "en"]
                raise Refusal(
                    say(caller.language, "refused.missing", command=command.name, option=option.name, help=help_)
                )
            else:
                bound[option.name] = option.default
        return bound

    async def _value(self, caller: Caller, option: Option, text: str) -> Any:
        match option.kind:
            case "topic":
                topic = await pieces.topic_named(self._tools.db, text)
                if topic is None:
                    raise Refusal(say(caller.language, "topic.none", name=text))
                return topic
            case "piece":
                return await reading.piece_meant(self._tools, caller, text)
            case "period":
                return parse_period(text, caller.language)
            case "number":
                digits = fold(text).lstrip("#")
                if not digits.isdigit():
                    why = say(caller.language, "refused.number", value=text)
                    raise Refusal(say(caller.language, "refused.value", option=option.name, why=why))
                return int(digits)
            case "yes":
                return fold(text) in ("yes", "true", "1", "on", "はい")
            case "choice":
                if fold(text) not in option.choices:
                    choices = ", ".join(option.choices)
                    raise Refusal(say(caller.language, "refused.choice", value=text, choices=choices))
                return fold(text)
            case _:
                return text


def _allowed(caller: Caller, command: Command) -> bool:
    return bool(caller.roles & command.roles)


async def _guarded(caller: Caller, answer: Callable[[], Awaitable[R]]) -> R | Reply:
    """An answer whatever happens: a refusal as its sentence, a fault of ours as an apology and a log line."""
    try:
        return await answer()
    except Refusal as declined:
        return refusal(caller.language, str(declined))
    except Exception:
        log.exception("desk.failed", person=caller.person.id, platform=caller.platform)
        return refusal(caller.language, say(caller.language, "failed"))


def _with_links(reply: Reply) -> Reply:
    return replace(reply, links=links_of(reply.message))


def refusal(language: str, sentence: str) -> Reply:
    """A declined request as a private answer."""
    message = Message(title=sentence, blocks=(Paragraph(spans=spans(sentence)),), language=language)
    return Reply(message=message, ok=False, private=True)


# --- completion ---


def _command_names(caller: Caller, text: str) -> list[Choice]:
    typed = fold(text.lstrip("/／"))
    found = []
    for command in COMMANDS.values():
        name = command.japanese if caller.language == "ja" and not typed.isascii() else command.name
        if _allowed(caller, command) and fold(name).startswith(typed):
            help_ = command.help.get(caller.language, command.help["en"])
            found.append(Choice(value=f"/{name}", label=shorten(f"/{name} — {help_}", 100)))
    return found[:CHOICES]


def _option_names(caller: Caller, command: Command, text: str) -> list[Choice]:
    found = []
    for option in command.options:
        if option.name.startswith(fold(text)) or OPTION_NAMES.get(option.name, "").startswith(text):
            help_ = option.help.get(caller.language, option.help["en"])
            found.append(Choice(value=option.name, label=shorten(f"{option.name} — {help_}", 100)))
    return found


PERIODS = ("day", "week", "month", "30d", "today", "yesterday", "this-week", "last-week", "this-month", "new", "all")


async def _values(tools: Tools, caller: Caller, option: Option, text: str) -> list[Choice]:
    typed = fold(text)
    match option.kind:
        case "topic":
            found = []
            for topic, count in await pieces.all_topics(tools.db):
                names = (topic.key, *topic.names.values(), *topic.aliases)
                if any(typed in fold(name) for name in names):
                    name = topic.name(caller.language)
                    found.append(Choice(value=name, label=shorten(f"{name} ({count})", 100)))
            return found
        case "period":
            return [Choice(value=one, label=one) for one in PERIODS if one.startswith(typed)]
        case "piece":
            hits = await pieces.find_by_words(tools.db, text.lstrip("#"), CHOICES)
            return [Choice(value=f"#{number}", label=shorten(f"#{number} {title}", 100)) for number, title in hits]
        case "choice":
            return [Choice(value=one, label=one) for one in option.choices if one.startswith(typed)]
        case "yes":
            return [Choice(value="yes", label="yes")]
        case _:
            return []
