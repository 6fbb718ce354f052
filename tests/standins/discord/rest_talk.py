"""The routes of interactions: the first response, its edits, follow-ups; and the list of commands."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING

from tests.standins.discord import components
from tests.standins.discord.ask import Ask
from tests.standins.discord.basics import EPHEMERAL, LOADING, Raw
from tests.standins.discord.commands import check
from tests.standins.discord.draft import Draft, draft
from tests.standins.discord.errors import Form, Refusal
from tests.standins.discord.message import Message, number
from tests.standins.discord.pings import Woken
from tests.standins.discord.talk import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Answer

if TYPE_CHECKING:
    from tests.standins.discord.server import Discord

POSSIBLE = {COMMAND: {4, 5, 9}, COMPONENT: {4, 5, 6, 7, 9}, AUTOCOMPLETE: {8}, MODAL: {4, 5, 6, 7}}
USERS = ("users",)
HOOK_KEYS = frozenset({"username", "avatar_url", "thread_name", "applied_tags"})


async def callback(discord: Discord, ask: Ask) -> Raw | None:
    """The first response. Late or unknown 10062, twice 40060."""
    answer = discord.answers.get(ask.args[0])
    if answer is None or answer.token != ask.args[1] or time.monotonic() - answer.began > discord.patience:
        raise Refusal(10062)
    if answer.type is not None:
        raise Refusal(40060)
    body = ask.body or {}
    kind, data = body.get("type"), body.get("data") or {}
    if kind not in POSSIBLE[answer.kind] or (kind in (6, 7) and answer.on is None):
        form = Form()
        form.bad(["type"], f"Value must be one of {POSSIBLE[answer.kind]}.", "BASE_TYPE_CHOICES")
        form.done()
    if kind == 4:
        _say(discord, ask, answer, data)
    elif kind == 5:
        _think(discord, answer, data)
    elif kind == 7:
        assert answer.on is not None
        _edit(
            discord,
            answer.on,
            draft(discord, data, answer.channel, ask.route, old=answer.on, usual=USERS, files=ask.files),
        )
    elif kind == 8:
        _choices(data)
    elif kind == 9:
        data = copy.deepcopy(data)
        form = Form()
        components.check_modal(data, form)
        form.done()
        number(data["components"])
    if kind in (6, 7):
        answer.message = answer.on
    answer.type, answer.data = kind, data
    answer.responded.set()
    if kind not in (5, 6):
        answer.final.set()
    return _said(discord, answer) if ask.query.get("with_response") in ("1", "true", "True") else None


def _said(discord: Discord, answer: Answer) -> Raw:
    raw: Raw = {"interaction": {"id": str(answer.id), "type": answer.kind}, "resource": {"type": answer.type}}
    if answer.message is not None and answer.type in (4, 5, 7):
        raw["interaction"] |= {
            "response_message_id": str(answer.message.id),
            "response_message_loading": answer.type == 5,
            "response_message_ephemeral": answer.ephemeral,
        }
        if answer.type != 5:
            raw["resource"]["message"] = answer.message.raw(discord.me)
    return raw


def _say(discord: Discord, ask: Ask, answer: Answer, data: Raw) -> None:
    made = draft(discord, data, answer.channel, ask.route, usual=USERS, files=ask.files)
    answer.ephemeral = bool(made.fields["flags"] & EPHEMERAL)
    answer.message = _send(discord, answer, made, 20 if answer.kind == COMMAND else 0)


def _think(discord: Discord, answer: Answer, data: Raw) -> None:
    flags = data.get("flags", 0)
    if flags & ~EPHEMERAL or data.keys() - {"flags"}:
        form = Form()
        form.bad(["data", "flags"], "Only EPHEMERAL can be set.", "BASE_TYPE_INVALID")
        form.done()
    answer.ephemeral = bool(flags & EPHEMERAL)
    made = Draft({"flags": flags | LOADING}, Woken())
    answer.message = _send(discord, answer, made, 20 if answer.kind == COMMAND else 0)


def _send(discord: Discord, answer: Answer, made: Draft, kind: int) -> Message:
    """A reply: in the channel, or to one person only, and then in no channel."""
    fields = made.fields | {
        "interaction": discord.metadata(answer),
        "application": discord.application,
        "webhook": discord.application,
    }
    if not fields["flags"] & EPHEMERAL:
        message = discord.post(answer.channel, discord.me, kind=kind, **fields)
        if made.pings:
            discord.pings.append(made.pings.ping(message))
        return message
    message = Message(discord.fresh(), answer.channel, discord.me, kind=kind)
    for key, value in fields.items():
        setattr(message, key, value)
    number(message.components)
    return message


def _edit(discord: Discord, message: Message, made: Draft) -> None:
    made.fields["flags"] &= ~LOADING
    if discord.standing(message):
        discord.change(message, **made.fields)
        if made.pings:
            discord.pings.append(made.pings.ping(message))
        return
    for key, value in made.fields.items():
        setattr(message, key, value)
    number(message.components)
    message.edited = time.time()


def _choices(data: Raw) -> None:
    form = Form()
    choices = data.get("choices")
    path = ["data", "choices"]
    if not isinstance(choices, list) or len(choices) > 25:
        form.bad(path, "Must be 25 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    else:
        for at, one in enumerate(choices):
            form.length([*path, at, "name"], one.get("name"), 1, 100)
            if isinstance(one.get("value"), str):
                form.length([*path, at, "value"], one["value"], 1, 100)
    form.done()


# --- afterwards ---


def _hook(discord: Discord, ask: Ask) -> Answer:
    answer = discord.answers.get(ask.args[1])
    if ask.args[0] != str(discord.application) or answer is None or answer.type is None:
        raise Refusal(10015)
    if time.monotonic() - answer.began > discord.token_life:
        raise Refusal(50027)
    return answer


def _which(answer: Answer, ask: Ask) -> Message:
    """The reply (`@original`) or a follow-up by its id."""
    wanted = ask.args[2] if len(ask.args) > 2 else "@original"
    for one in (answer.message, *answer.followups):
        if one is not None and wanted in ("@original", str(one.id)):
            return one
    raise Refusal(10008)


async def get_reply(discord: Discord, ask: Ask) -> Raw:
    return _which(_hook(discord, ask), ask).raw(discord.me)


async def edit_reply(discord: Discord, ask: Ask) -> Raw:
    answer = _hook(discord, ask)
    message = _which(answer, ask)
    if answer.type in (8, 9):
        raise Refusal(10015)
    _edit(
        discord, message, draft(discord, ask.body, answer.channel, ask.route, old=message, usual=USERS, files=ask.files)
    )
    answer.edits.append(ask.body)
    answer.final.set()
    return message.raw(discord.me)


async def delete_reply(discord: Discord, ask: Ask) -> None:
    answer = _hook(discord, ask)
    message = _which(answer, ask)
    discord.erase(message)
    if message is answer.message:
        answer.message = None
    else:
        answer.followups.remove(message)
    answer.final.set()


async def follow_up(discord: Discord, ask: Ask) -> Raw:
    """A further message. The first one after a type 5 takes the place of "is thinking"."""
    answer = _hook(discord, ask)
    thinking = answer.message if answer.type == 5 and answer.message and answer.message.flags & LOADING else None
    made = draft(
        discord, ask.body, answer.channel, ask.route, old=thinking, usual=USERS, more=HOOK_KEYS, files=ask.files
    )
    if thinking is not None:
        _edit(discord, thinking, made)
        answer.edits.append(ask.body)
        message = thinking
    else:
        message = _send(discord, answer, made, 0)
        answer.followups.append(message)
    answer.final.set()
    return message.raw(discord.me)


# --- commands ---


async def commands(discord: Discord, ask: Ask) -> list[Raw]:
    _own(discord, ask)
    return list(discord.commands.values())


async def sync(discord: Discord, ask: Ask) -> list[Raw]:
    """Replaces all commands. Those that stay keep their id."""
    _own(discord, ask)
    check(ask.body)
    before = discord.commands
    discord.commands = {}
    for one in ask.body:
        key = (one.get("type", 1), one["name"])
        ident = before[key]["id"] if key in before else str(discord.fresh())
        discord.creates += key not in before
        base = {"type": 1, "description": "", "options": [], "default_member_permissions": None, "nsfw": False}
        discord.commands[key] = (
            base
            | copy.deepcopy(one)
            | {
                "id": ident,
                "application_id": str(discord.application),
                "version": str(discord.fresh()),
            }
        )
    discord.syncs += 1
    return list(discord.commands.values())


def _own(discord: Discord, ask: Ask) -> None:
    if ask.args[0] != str(discord.application):
        raise Refusal(20012)
