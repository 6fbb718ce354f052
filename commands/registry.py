"""A command is a function: its signature and docstring are the specification from which every door is made.

Discord options, Slack's parser and usage hint, the console line, the web form, `/help` and the table in the docs all
read the `CommandSpec` that `@command` makes of a function. An option is a keyword-only parameter annotated with what it
is and what it is for, in English and Japanese, and for a number with its bounds:

    topic: Annotated[Topic | None, "Only this topic.", "この話題だけ。"] = None
    cap: Annotated[int | None, "Most pieces a day.", "一日の上限。", Between(1, 1000)] = None

What is not given is not passed: the function's own default stands.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NewType, get_args, get_origin, get_type_hints

from commands.tools import Tools
from core.chat import Caller, Role
from core.commands import GROUPS, CommandSpec, Kind, Option
from core.message import File, Form, Reply
from core.period import Period
from core.pieces import Piece, Topic
from core.responses import Voice
from core.text import fold

Words = NewType("Words", str)
"""Free text: takes the rest of a typed line."""
Phrases = NewType("Phrases", str)
"""The same with its quotes, which mean something there."""
ChannelId = NewType("ChannelId", str)
RoleId = NewType("RoleId", str)


Local = Literal["", "whole", "part"]
"""Whether moderators of a place may use something for what is there. A piece must be at their places alone (`whole`),
or among others (`part`: what is done then touches nothing elsewhere). "": they may not.
"""


class Between(NamedTuple):
    """The bounds of a number, both allowed."""

    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(CommandSpec):
    """A command and the function behind it."""

    run: Callable[..., Awaitable[Reply]]
    local: Local = ""


COMMANDS: dict[str, Command] = {}


def command_named(name: str) -> Command | None:
    """A command by its English or Japanese name, with or without a slash."""
    wanted = fold(name.lstrip("/／"))
    return COMMANDS.get(wanted) or next((one for one in COMMANDS.values() if wanted in map(fold, names_of(one))), None)


def names_of(one: CommandSpec) -> list[str]:
    """What may be typed for a command; a group's member by its own Japanese name only where no other has that too."""
    alone = [other.name for other in COMMANDS.values() if other.japanese == one.japanese] == [one.name]
    return [one.name, one.japanese_name, *([one.japanese] if alone else ())]


OPTION_NAMES = {
    "topic": "話題", "period": "期間", "query": "言葉", "piece": "記事", "command": "コマンド", "reason": "理由",
    "add": "追加", "remove": "外す", "comment": "コメント", "off": "解除", "undo": "取り消す",
    "channel": "チャンネル", "layout": "表示", "topics": "対象話題", "language": "言語", "zone": "タイムゾーン",
    "quiet": "休止時間", "cap": "上限", "mention": "メンション", "name": "名前", "paused": "停止",
    "address": "アドレス", "days": "曜日", "hour": "時刻", "number": "番号", "weeks": "週数",
    "when": "日時", "text": "本文", "title": "題名", "remark": "一言", "step": "続き", "note": "注記", "into": "統合先",
    "review": "確認", "moderators": "モデレーター", "who": "誰", "rule": "規則", "value": "値", "sure": "確認済み",
    "kind": "種類", "file": "ファイル",
}  # fmt: skip
"""Japanese names of options; a typed line may use either."""

_KINDS: dict[Any, Kind] = {
    Topic: "topic", Piece: "piece", Period: "period", Voice: "comment", Words: "words", Phrases: "query", str: "text",
    int: "number", bool: "yes", ChannelId: "channel", RoleId: "role",
    File: "file",
}  # fmt: skip

EVERYONE: frozenset[Role] = frozenset({"reader", "author", "moderator", "admin", "host"})
MODERATORS: frozenset[Role] = frozenset({"moderator", "admin"})
WRITERS: frozenset[Role] = MODERATORS | {"author"}

SpanOption = Annotated[
    Period,
    "How far back: day, week, month, 7d, 2026-11, 2026-11-01..2026-11-15, all.",
    "いつから: 今日、今週、7日、2026年11月、2026-11-01..2026-11-15、全期間。",
]


def command(
    name: str, *, japanese: str, summary: str, roles: frozenset[Role] = EVERYONE, local: Local = ""
) -> Callable[[Callable[..., Awaitable[Reply]]], Callable[..., Awaitable[Reply]]]:
    """Register a function as a command; `japanese` is its name and `summary` its docstring in Japanese."""
    if " " in name and name.partition(" ")[0] not in GROUPS:
        raise TypeError(f"command {name!r} needs its group in core.commands.GROUPS")

    def register(function: Callable[..., Awaitable[Reply]]) -> Callable[..., Awaitable[Reply]]:
        COMMANDS[name] = Command(
            name=name,
            japanese=japanese,
            help={"en": english_help(function, name), "ja": summary},
            roles=roles,
            options=_options(function),
            run=function,
            local=local,
        )
        return function

    return register


def english_help(function: Callable[..., Any], name: str) -> str:
    """The first line of a docstring: it is what people read in /help."""
    english = (inspect.getdoc(function) or "").split("\n")[0]
    if not english:
        raise TypeError(f"command {name!r} needs a docstring: it is what people read in /help")
    return english


def _options(function: Callable[..., Any]) -> tuple[Option, ...]:
    hints = get_type_hints(function, include_extras=True)
    options = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        hint = hints[parameter.name]
        if get_origin(hint) is not Annotated:
            raise TypeError(f"option {parameter.name!r} needs Annotated[type, English help, Japanese help]")
        what, english, japanese, *more = get_args(hint)
        bounds = more[0] if more else Between()
        kind, choices = _kind(what)
        options.append(
            Option(
                name=parameter.name,
                japanese=OPTION_NAMES[parameter.name],
                kind=kind,
                help={"en": english, "ja": japanese},
                required=parameter.default is inspect.Parameter.empty,
                choices=choices,
                least=bounds.least,
                most=bounds.most,
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


# --- what is picked from a message's menu ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a message is to us: a reader's comment, or one of our messages about a piece."""

    piece: Piece
    comment: Voice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointed:
    """A command on a message."""

    spec: CommandSpec
    run: Callable[[Tools, Caller, Target], Awaitable[Reply]]
    local: Local = ""


POINTED: dict[str, Pointed] = {}
"""By the folded name in the menu."""


# --- buttons and forms: their ids are `v1:kind:uid:what` (`core.faces.action`) ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A pressed button or submitted form: on which piece, with what, on which message, with which form values."""

    piece: Piece
    what: str
    anchor: str | None
    values: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Tools, Caller, Press], Awaitable[Reply | Form]]
AloneHandler = Callable[[Tools, Caller, str], Awaitable[Reply | Form]]
AloneForm = Callable[[Tools, Caller, str, Mapping[str, str]], Awaitable[Reply]]
PRESSES: dict[str, Handler] = {}
FORMS: dict[str, Handler] = {}
ALONE: dict[str, AloneHandler] = {}
"""Buttons that belong to no piece: their ids are `v1:kind:what`."""
ALONE_FORMS: dict[str, AloneForm] = {}
"""Forms that belong to no piece; ids alike."""
OPENING: set[str] = set()
"""Kinds of buttons that may open a form, as the signatures of what they do say."""
CURATING: dict[str, tuple[frozenset[Role], Local]] = {}
"""Kinds of buttons and forms that not everybody may use, with who may; their piece may be in any state."""


def row_id(what: str) -> int | None:
    """The number of a row that a button's id names; None if it is none."""
    return int(what) if what.isascii() and what.isdecimal() and len(what) < 19 else None


def press(kind: str, *, only: frozenset[Role] | None = None, local: Local = "") -> Callable[[Handler], Handler]:
    """Register what a button of this kind does; `only` whose, if not everybody's."""

    def register(handler: Handler) -> Handler:
        PRESSES[kind] = handler
        _note_form(kind, handler)
        _keep_to(kind, only, local)
        return handler

    return register


def form(kind: str, *, only: frozenset[Role] | None = None, local: Local = "") -> Callable[[Handler], Handler]:
    """Register what a submitted form of this kind does; `only` whose, if not everybody's."""

    def register(handler: Handler) -> Handler:
        FORMS[kind] = handler
        _keep_to(kind, only, local)
        return handler

    return register


def alone(
    kind: str, *, only: frozenset[Role] | None = None, local: Local = ""
) -> Callable[[AloneHandler], AloneHandler]:
    """Register what a button of this kind does, that belongs to no piece. With `local` it asks `allowing.check` itself:
    nobody else knows what it is about.
    """

    def register(handler: AloneHandler) -> AloneHandler:
        ALONE[kind] = handler
        _note_form(kind, handler)
        _keep_to(kind, only, local)
        return handler

    return register


def alone_form(kind: str, *, only: frozenset[Role] | None = None) -> Callable[[AloneForm], AloneForm]:
    """Register what a submitted form of this kind does, that belongs to no piece."""

    def register(handler: AloneForm) -> AloneForm:
        ALONE_FORMS[kind] = handler
        _keep_to(kind, only)
        return handler

    return register


def _note_form(kind: str, handler: Handler | AloneHandler) -> None:
    given = get_type_hints(handler)["return"]
    if Form in (given, *get_args(given)):
        OPENING.add(kind)


def _keep_to(kind: str, only: frozenset[Role] | None, local: Local = "") -> None:
    if only is not None:
        CURATING[kind] = only, local
