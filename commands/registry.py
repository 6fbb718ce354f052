"""A command is a function: its signature and docstring are the specification from which every door is made.

Discord options, Slack's parser and usage hint, the console line, the web form, `/help` and the table in the docs all
read the `Command` that `@command` makes of a function. An option is a keyword-only parameter annotated with what it
is and what it is for, in English and Japanese:

    topic: Annotated[Topic | None, "Only this topic.", "この話題だけ。"] = None
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, NewType, Protocol, get_args, get_origin, get_type_hints

from core.chat import Caller, Ears, Place, Role
from core.message import Form, Reply
from core.period import Period
from core.pieces import Piece, Topic
from core.stances import Scale
from core.text import fold
from storage.db import Db, Tx

Words = NewType("Words", str)
"""Free text: takes the rest of a typed line."""

Kind = Literal["topic", "piece", "period", "words", "text", "number", "choice", "yes"]


class Links(Protocol):
    """Gives the address of a message, whatever its platform; None if there is none."""

    def __call__(self, platform: str, channel: str, anchor: str) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a command works with.

    `wake` tells the publisher that rows have changed; `place` makes the postings of a piece, `let_out` publishes one
    that was held; both give the new places.
    """

    db: Db
    ears: Ears
    scale: Scale
    zone: str
    link: Links
    clock: Callable[[], datetime]
    wake: Callable[[], None]
    place: Callable[[Tx, Piece, datetime], Awaitable[Sequence[Place]]]
    let_out: Callable[[Tx, int, datetime], Awaitable[Sequence[Place]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a command. `help` and `names` by language; `choices` for a closed list."""

    name: str
    kind: Kind
    help: Mapping[str, str]
    required: bool
    default: Any = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as every door sees it. `roles`: who may use it, any of them."""

    name: str
    japanese: str
    help: Mapping[str, str]
    roles: frozenset[Role]
    options: tuple[Option, ...]
    run: Callable[..., Awaitable[Reply]]

    @property
    def usage(self) -> str:
        """`/digest [topic] [period]`, as a hint."""
        parts = [option.name if option.required else f"[{option.name}]" for option in self.options]
        return " ".join(["/" + self.name, *parts])


COMMANDS: dict[str, Command] = {}


def command_named(name: str) -> Command | None:
    """A command by its English or Japanese name, with or without a slash."""
    wanted = fold(name.lstrip("/／"))
    return next((one for one in COMMANDS.values() if wanted in (one.name, fold(one.japanese))), None)


OPTION_NAMES = {
    "topic": "話題", "period": "期間", "query": "言葉", "piece": "記事", "command": "コマンド", "reason": "理由",
    "add": "追加", "remove": "外す", "comment": "コメント", "off": "解除", "undo": "取り消す",
}  # fmt: skip
"""Japanese names of options; a typed line may use either."""

_KINDS: dict[Any, Kind] = {
    Topic: "topic", Piece: "piece", Period: "period", Words: "words", str: "text", int: "number", bool: "yes",
}  # fmt: skip

EVERYONE: frozenset[Role] = frozenset({"reader", "author", "moderator", "admin"})
MODERATORS: frozenset[Role] = frozenset({"moderator", "admin"})


def command(
    name: str, *, japanese: str, summary: str, roles: frozenset[Role] = EVERYONE
) -> Callable[[Callable[..., Awaitable[Reply]]], Callable[..., Awaitable[Reply]]]:
    """Register a function as a command; `japanese` is its name and `summary` its docstring in Japanese."""

    def register(function: Callable[..., Awaitable[Reply]]) -> Callable[..., Awaitable[Reply]]:
        english = (inspect.getdoc(function) or "").split("\n")[0]
        if not english:
            raise TypeError(f"command {name!r} needs a docstring: it is what people read in /help")
        COMMANDS[name] = Command(
            name=name,
            japanese=japanese,
            help={"en": english, "ja": summary},
            roles=roles,
            options=_options(function),
            run=function,
        )
        return function

    return register


def _options(function: Callable[..., Any]) -> tuple[Option, ...]:
    hints = get_type_hints(function, include_extras=True)
    options = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        hint = hints[parameter.name]
        if get_origin(hint) is not Annotated:
            raise TypeError(f"option {parameter.name!r} needs Annotated[type, English help, Japanese help]")
        what, english, japanese = get_args(hint)
        kind, choices = _kind(what)
        required = parameter.default is inspect.Parameter.empty
        options.append(
            Option(
                name=parameter.name,
                kind=kind,
                help={"en": english, "ja": japanese},
                required=required,
                default=None if required else parameter.default,
                choices=choices,
            )
        )
    return tuple(options)


def _kind(what: Any) -> tuple[Kind, tuple[str, ...]]:
    """What a parameter's type means; `X | None` is X."""
    if get_origin(what) in (typing.Union, typing.get_origin(int | None)):
        what = next(one for one in get_args(what) if one is not type(None))
    if get_origin(what) is Literal:
        return "choice", tuple(get_args(what))
    return _KINDS[what], ()


# --- buttons and forms: their ids are `v1:kind:uid:what` (`core.faces.action`) ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A pressed button or submitted form: on which piece, with what, on which message, with which form values."""

    piece: Piece
    what: str
    anchor: str | None
    values: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Tools, Caller, Press], Awaitable[Reply | Form]]
PRESSES: dict[str, Handler] = {}
FORMS: dict[str, Handler] = {}


def press(kind: str) -> Callable[[Handler], Handler]:
    """Register what a button of this kind does."""

    def register(handler: Handler) -> Handler:
        PRESSES[kind] = handler
        return handler

    return register


def form(kind: str) -> Callable[[Handler], Handler]:
    """Register what a submitted form of this kind does."""

    def register(handler: Handler) -> Handler:
        FORMS[kind] = handler
        return handler

    return register
