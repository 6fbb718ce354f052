"""Commands on Slack: what was typed as a line for the desk, the form of a command, and the app's manifest. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.commands import COMPLETED, CommandSpec, Option
from core.speech import say

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
OPTIONAL = {"metadata.message:read": "to read the marks on its own messages, if Slack asks for it"}
EVENTS = (
    "app_home_opened", "app_uninstalled", "channel_archive", "channel_deleted", "channel_rename", "group_archive",
    "group_deleted", "group_rename", "member_left_channel", "message.channels", "message.groups", "reaction_added",
    "reaction_removed", "subteam_members_changed", "tokens_revoked",
)  # fmt: skip

_TOKEN = re.compile(r"<(?:@|#|!subteam\^)(?P<id>\w+)(?:\|[^<>]*)?>")
_LINK = re.compile(r"<(?P<url>https?://[^<>|]+)(?:\|[^<>]*)?>")


def line(command: str, text: str) -> str:
    """What was typed after a command, as a line for the desk. People and channels become their ids."""
    words = html.unescape(_LINK.sub(lambda found: found["url"], _TOKEN.sub(lambda found: found["id"], text))).strip()
    if command != ROOT:
        words = f"{command.lstrip('/')} {words}"
    return f"/{words.lstrip('/／').strip() or 'help'}"


def callback(spec: CommandSpec) -> str:
    """The id under which a command on a message comes back."""
    return "point_" + re.sub(r"\W+", "_", spec.name.lower())


# --- the form of a command ---


def form(spec: CommandSpec, language: str, note: str = "", private_metadata: str = "") -> dict[str, Any]:
    """A view that asks for the options of a command; for what can be completed Slack asks us as it is typed."""
    blocks: list[dict[str, Any]] = []
    if note:
        blocks.append({"type": "context", "elements": [_plain(note)]})
    blocks += [_input(spec, option, language) for option in spec.options]
    return {
        "type": "modal",
        "callback_id": f"command:{spec.name}",
        "private_metadata": private_metadata,
        "title": _plain(f"/{spec.name}"[:24]),
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
        "hint": _plain(option.meaning(language)),
        "element": _element(spec, option),
    }


def _element(spec: CommandSpec, option: Option) -> dict[str, Any]:
    action = {"action_id": f"fill:{spec.name}:{option.name}"}
    if option.choices or option.kind == "yes":
        values = option.choices or ("yes",)
        return {"type": "static_select", **action, "options": [{"text": _plain(one), "value": one} for one in values]}
    if option.kind in COMPLETED:
        return {"type": "external_select", **action, "min_query_length": 1}  # a Japanese word may be one sign
    if option.kind == "channel":
        return {"type": "conversations_select", **action, "filter": {"include": ["public", "private"]}}
    return {"type": "plain_text_input", **action, "multiline": option.kind == "words"}


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


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


# --- the manifest ---


def manifest(
    specs: Sequence[CommandSpec], *, url: str | None = None, aliases: Sequence[str] = ALIASES
) -> dict[str, Any]:
    """The app as Slack makes it from. `url`: where Slack sends events by HTTP; None for Socket Mode."""
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
    for alias in aliases:
        spec = named[alias]
        hint = spec.usage.partition(" ")[2]
        commands.append(
            {
                "command": f"/{alias}", "description": spec.meaning("en"), "usage_hint": hint, "should_escape": True,
                **there,
            }
        )  # fmt: skip
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
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": False},
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
