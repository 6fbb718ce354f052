"""Commands on Slack: what was typed as a line for the desk, the form of a command, and the app's manifest. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.commands import COMPLETED, GROUPS, CommandSpec, Option
from core.document import Span
from core.errors import ConfigError
from core.message import Message
from core.placing import LAYOUTS
from core.speech import say
from core.text import fold, shorten

ROOT = "/rondan"
ALIASES = ("digest", "search")
SCOPES = {
    "chat:write": "to post, edit and delete its own messages",
    "commands": "for /rondan and the menu of a message",
    "channels:read": "to know the public channels that it is in",
    "groups:read": "to know the private channels that it is in",
    "channels:history": "to hear answers in public channels, and find its posts again",
    "groups:history": "to hear answers in private channels",
    "reactions:read": "to hear reactions",
    "users:read": "for names, languages, time zones, and who is an admin",
    "usergroups:read": "for user groups that moderate",
}
"""What the app may do, and what for."""
YES = {"en": {"yes": "yes", "no": "no"}, "ja": {"yes": "はい", "no": "いいえ"}}
OPTIONAL = {
    "files:write": "for the pictures of digests and the files of my-data; without it their text stands alone",
    "files:read": "to read a file that somebody puts into the form of `/rondan mod submit`",
    "im:write": "to hand people the files of my-data where nobody else sees them",
    "metadata.message:read": "to read the marks on its own messages, if Slack asks for it",
}
EVENTS = (
    "app_home_opened", "app_uninstalled", "channel_archive", "channel_deleted", "channel_id_changed", "channel_rename",
    "group_archive", "group_deleted", "group_rename", "member_left_channel", "message.channels", "message.groups",
    "reaction_added", "reaction_removed", "subteam_members_changed", "tokens_revoked",
)  # fmt: skip

_TOKEN = re.compile(r"<(?:@|#|!subteam\^)(?P<id>\w+)(?:\|[^<>]*)?>")
_LINK = re.compile(r"<(?:mailto:(?P<mail>[^<>|]+)|(?P<url>https?://[^<>|]+))(?:\|[^<>]*)?>")
_TICKED = re.compile(r"`(/[^`]+)`")
_IN_HELP = re.compile(r" /\S.* — ")
_CHANNEL = re.compile(r"(?:^|[\s:：])(?:slack:)?(?P<id>[CDG][A-Z0-9]{6,})(?=\s|$)")


def line(command: str, text: str, names: Iterable[str]) -> str:
    """What was typed after a command, as a line for the desk. People and channels become their ids.

    A command that is none of our `names` is what the operator calls `/rondan`.
    """
    tokens = _LINK.sub(lambda found: found["url"] or found["mail"], _TOKEN.sub(lambda found: found["id"], text))
    words = html.unescape(tokens).strip()
    if (alias := command.lstrip("/")) in names:
        words = f"{alias} {words}"
    return f"/{words.lstrip('/／').strip() or 'help'}"


def meant(typed: str, specs: Iterable[CommandSpec]) -> tuple[CommandSpec | None, str]:
    """The command with which a line begins, by its English or Japanese name, and what follows it."""
    words = typed.lstrip("/／").replace("？", "?").split()
    names = {fold(name): spec for spec in specs for name in (spec.name, spec.japanese_name)}
    for count in (2, 1):
        if len(words) >= count and (spec := names.get(fold(" ".join(words[:count]).rstrip("?")))):
            asked = " ?" if words[count - 1].endswith("?") else ""
            return spec, (" ".join(words[count:]) + asked).strip()
    return None, ""


def is_group(typed: str) -> bool:
    """Whether a line is the first word of several commands, and nothing else."""
    word = fold(typed.lstrip("/／").rstrip("?？"))
    return any(word in (fold(group.name), fold(group.japanese)) for group in GROUPS.values())


def channel_in(rest: str) -> str | None:
    """The channel that is named in what follows a command."""
    found = _CHANNEL.search(rest)
    return found["id"] if found else None


def callback(spec: CommandSpec) -> str:
    """The id under which a command on a message comes back."""
    return "point_" + re.sub(r"\W+", "_", spec.name.lower())


# --- the form of a command ---


def asked_of(spec: CommandSpec) -> list[Option]:
    """The options that a form asks for: Slack has no roles."""
    return [option for option in spec.options if option.kind != "role"]


def form(spec: CommandSpec, language: str, private_metadata: str = "") -> dict[str, Any]:
    """A view that asks for the options of a command; for what can be completed Slack asks us as it is typed."""
    meaning = _TICKED.sub(lambda found: f"{ROOT} {found[1][1:]}", spec.meaning(language))
    blocks: list[dict[str, Any]] = [{"type": "context", "elements": [_plain(meaning)]}]
    blocks += [_input(spec, option, language) for option in asked_of(spec)]
    return {
        "type": "modal",
        "callback_id": f"command:{spec.name}",
        "private_metadata": private_metadata,
        "title": _plain(shorten(spec.japanese_name if language == "ja" else spec.name, 24)),
        "submit": _plain(say(language, "comment.submit")),
        "blocks": blocks,
    }


def _input(spec: CommandSpec, option: Option, language: str) -> dict[str, Any]:
    name = option.japanese if language == "ja" else option.name
    return {
        "type": "input",
        "block_id": option.name,
        "optional": not option.required,
        "label": _plain(name),
        "hint": _plain(_TICKED.sub(lambda found: f"{ROOT} {found[1][1:]}", option.meaning(language))),
        "element": _element(spec, option, language),
    }


def _element(spec: CommandSpec, option: Option, language: str) -> dict[str, Any]:
    action = {"action_id": f"fill:{spec.name}:{option.name}"}
    if option.kind == "yes":
        return {
            "type": "static_select",
            **action,
            "options": [_choice(one, YES[language][one]) for one in ("yes", "no")],
        }
    if option.choices:
        there = [one for one in option.choices if option.name != "layout" or one in LAYOUTS["slack"]]
        return {"type": "static_select", **action, "options": [_choice(one, one) for one in there]}
    if option.kind in COMPLETED:
        return {"type": "external_select", **action, "min_query_length": 1}  # a Japanese word may be one sign
    if option.kind == "file":
        return {"type": "file_input", **action, "max_files": 1}
    if option.kind == "channel":
        return {"type": "conversations_select", **action, "filter": {"include": ["public", "private"]}}
    return {"type": "plain_text_input", **action}


def _choice(value: str, shown: str) -> dict[str, Any]:
    return {"text": _plain(shown), "value": value}


def filled(view: Mapping[str, Any]) -> dict[str, str]:
    """What was filled into a form, by the names of its blocks."""
    found: dict[str, str] = {}
    for block, actions in ((view.get("state") or {}).get("values") or {}).items():
        for given in actions.values():
            chosen = given.get("selected_option") or {}
            value = given.get("value") or chosen.get("value") or given.get("selected_conversation")
            if value:
                found[block] = str(value)
    return found


def files(view: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The file that was put into each field for one, as Slack describes it."""
    found: dict[str, Mapping[str, Any]] = {}
    for block, actions in ((view.get("state") or {}).get("values") or {}).items():
        for given in actions.values():
            for one in given.get("files") or ():
                found[block] = one
    return found


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def at_fault(sentence: str, given: Mapping[str, str], fields: Sequence[str]) -> str:
    """The field that a refusal is about: that whose value or name it says, else the first."""
    told = [field for field in fields if given.get(field) and given[field] in sentence]
    return max(told, key=lambda field: len(given[field]), default=None) or next(
        (field for field in fields if re.search(rf"\b{re.escape(field)}\b", sentence)), fields[0]
    )


# --- what we say of commands ---


def typeable(message: Message, specs: Iterable[CommandSpec]) -> Message:
    """An answer that says `/digest`, saying it as it is typed here: `/rondan digest`."""
    name = _slashed(specs)

    def told(one: Any) -> Any:
        if run := getattr(one, "spans", None):
            return replace(one, spans=tuple(span for each in run for span in _typed(each, name)))
        if inside := getattr(one, "blocks", None):
            return replace(one, blocks=tuple(map(told, inside)))
        if items := getattr(one, "items", None):
            return replace(one, items=tuple(map(told, items)))
        return one

    return replace(message, title=_rooted(message.title, name), blocks=tuple(map(told, message.blocks)))


def _slashed(specs: Iterable[CommandSpec]) -> re.Pattern[str]:
    firsts = {word.partition(" ")[0] for spec in specs for word in (spec.name, spec.japanese_name)}
    either = "|".join(re.escape(word) for word in sorted(firsts, key=len, reverse=True))
    return re.compile(rf"/(?=(?:{either})(?![\w/]))")


def _rooted(text: str, name: re.Pattern[str]) -> str:
    return _TICKED.sub(lambda found: f"`{name.sub(f'{ROOT} ', found[1], count=1)}`", text)


def _typed(span: Span, name: re.Pattern[str]) -> Iterator[Span]:
    """Only what is surely said of a command: code, what stands in backticks, and the names in help."""
    if span.code or _IN_HELP.fullmatch(span.text):
        known = name.match(span.text.strip())
        yield replace(span, text=span.text.replace("/", f"{ROOT} ", 1)) if known else span
        return
    for number, part in enumerate(_TICKED.split(span.text)):
        if number % 2:
            yield replace(span, code=True, text=name.sub(f"{ROOT} ", part, count=1))
        elif part:
            yield replace(span, text=part)


# --- the manifest ---


def manifest(
    specs: Sequence[CommandSpec], *, url: str | None = None, aliases: Sequence[str] = ALIASES
) -> dict[str, Any]:
    """The app as Slack makes it from. `url`: where Slack sends events by HTTP; None for Socket Mode.

    ConfigError for an alias that is no command.
    """
    there = {} if url is None else {"url": url}
    named = {spec.name: spec for spec in specs}
    commands: list[dict[str, Any]] = [
        {
            "command": ROOT,
            "description": "Digests, search, pieces, moderation: /rondan help",
            "usage_hint": "help | digest | search WORDS | piece 12",
            "should_escape": True,
            **there,
        }
    ]
    for alias in dict.fromkeys(one.lstrip("/") for one in aliases):
        if (spec := named.get(alias)) is None or " " in alias or spec.on != "line":
            there_are = ", ".join(one.name for one in specs if one.on == "line" and " " not in one.name)
            raise ConfigError(f"RONDAN_SLACK_ALIASES: {alias!r} is no command of one word; there are: {there_are}")
        hint = spec.usage.partition(" ")[2]
        commands.append(
            {
                "command": f"/{alias}",
                "description": spec.meaning("en"),
                **({"usage_hint": hint} if hint else {}),
                "should_escape": True,
                **there,
            }
        )
    shortcuts = [
        {
            "name": spec.name[:24], "type": "message", "callback_id": callback(spec),
            "description": spec.meaning("en")[:150],
        }
        for spec in specs
        if spec.on == "message"
    ]  # fmt: skip
    settings: dict[str, Any] = {
        "event_subscriptions": {**({} if url is None else {"request_url": url}), "bot_events": list(EVENTS)},
        "interactivity": {
            "is_enabled": True,
            **({} if url is None else {"request_url": url, "message_menu_options_url": url}),
        },
        "org_deploy_enabled": False,
        "socket_mode_enabled": url is None,
        "token_rotation_enabled": False,
    }
    return {
        "_metadata": {"major_version": 2},
        "display_information": {
            "name": "Rondan",
            "description": "New pieces, readers' answers, digests",
            "background_color": "#1f2937",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "rondan", "always_online": True},
            "slash_commands": commands,
            "shortcuts": shortcuts,
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES), "bot_optional": list(OPTIONAL)}},
        "settings": settings,
    }


def as_text(made: Mapping[str, Any]) -> str:
    """A manifest as the JSON that is pasted into Slack's form."""
    return json.dumps(made, ensure_ascii=False, indent=2) + "\n"
