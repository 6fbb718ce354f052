"""A message body that the bot sends: what Discord refuses in it, and the fields of the message that comes of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tests.standins.discord import components
from tests.standins.discord.basics import EPHEMERAL, V2, Raw, User
from tests.standins.discord.errors import Form, Refusal
from tests.standins.discord.message import Message, walk
from tests.standins.discord.pings import Woken, woken
from tests.standins.discord.uploads import Files, attach, resolve
from tests.standins.discord.world import Channel

if TYPE_CHECKING:
    from tests.standins.discord.server import Discord

KNOWN = frozenset(
    {
        "content",
        "tts",
        "embeds",
        "components",
        "flags",
        "allowed_mentions",
        "attachments",
        "sticker_ids",
        "poll",
        "nonce",
        "enforce_nonce",
        "message_reference",
    }
)
SETTABLE = 1 << 2 | EPHEMERAL | 1 << 12 | V2
REGULAR = ("users", "roles", "everyone")
"""What a regular message parses without `allowed_mentions`; answers to interactions parse users only."""
EMBED: Mapping[str, int] = {"title": 256, "description": 4096, "url": 2048, "timestamp": 100, "type": 20}


class Draft:
    """`fields` are for `State.post` or `State.change`; `pings` whom it wakes."""

    def __init__(self, fields: dict[str, Any], pings: Woken) -> None:
        self.fields, self.pings = fields, pings


def draft(
    discord: Discord,
    body: object,
    channel: Channel,
    route: str,
    *,
    old: Message | None = None,
    usual: tuple[str, ...] = REGULAR,
    replied: User | None = None,
    more: frozenset[str] = frozenset(),
    files: Files = MappingProxyType({}),
) -> Draft:
    """Reads a body for a new message, or for an edit of `old`. `more` are keys that the route knows besides."""
    form = Form()
    if not isinstance(body, dict):
        raise Refusal(50035)
    for key in body.keys() - KNOWN - more:
        form.bad([key], "Unknown key.", "UNKNOWN_KEY")
    if body.get("allowed_mentions") is None:
        discord.unguarded.append({"route": route, "body": body})
    else:
        _allowed(body["allowed_mentions"], form)
    flags = _flags(body, old, form)
    content = body.get("content", old.content if old else "") or ""
    embeds = body.get("embeds", old.embeds if old else []) or []
    parts = body.get("components", old.components if old else []) or []
    form.length(["content"], content, 0, 2000)
    if flags & V2 and not discord.components_v2:
        form.bad(["components", 0, "type"], "Value must be one of (1,).", "BASE_TYPE_CHOICES")
    elif flags & V2:
        for key, value in (
            ("content", content),
            ("embeds", embeds),
            ("poll", body.get("poll")),
            ("sticker_ids", body.get("sticker_ids")),
        ):
            if value:
                form.bad(
                    [key],
                    f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
                    "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                )
    _embeds(embeds, form)
    form.done()
    components.check(parts, flags, form)
    form.done()
    if not (content or embeds or parts or body.get("attachments") or body.get("poll")):
        raise Refusal(50006)
    parts, embeds = copy.deepcopy(parts), copy.deepcopy(embeds)
    attachments = attach(discord, body, files, channel, old, form)
    resolve(parts, embeds, [raw for raw, _ in attachments], form)
    form.done()
    discord.files |= {raw["id"]: content for raw, content in attachments}
    text = "\n".join([content, *(str(one["content"]) for one in walk(parts) if one["type"] == 10)])
    pings = woken(
        text,
        body.get("allowed_mentions"),
        usual=usual,
        users=discord.users,
        channel=channel,
        mine=discord.mine(channel),
        replied=replied,
    )
    fields: dict[str, Any] = {
        "content": content,
        "embeds": [_shown(one) for one in embeds],
        "components": parts,
        "attachments": [raw for raw, _ in attachments],
        "flags": flags,
        "mentions": list(pings.users),
        "roles": list(pings.roles),
        "everyone": pings.everyone,
    }
    return Draft(fields, pings)


def _flags(body: Raw, old: Message | None, form: Form) -> int:
    given = body.get("flags")
    if given is None:
        return old.flags if old else 0
    if not isinstance(given, int) or isinstance(given, bool):
        form.bad(["flags"], "Value is not int.", "NUMBER_TYPE_COERCE")
        return 0
    if old is None:
        return given & SETTABLE
    if old.flags & V2 and not given & V2:
        form.bad(["flags"], "The IS_COMPONENTS_V2 flag cannot be removed.", "MESSAGE_FLAGS_CANNOT_REMOVE_V2")
    return old.flags & ~(1 << 2) | given & (1 << 2 | V2)


def _allowed(allowed: object, form: Form) -> None:
    path = ["allowed_mentions"]
    if not isinstance(allowed, dict):
        form.bad(path, "Only dictionaries may be used.", "DICT_TYPE_CONVERT")
        return
    for key in allowed.keys() - {"parse", "users", "roles", "replied_user"}:
        form.bad([*path, key], "Unknown key.", "UNKNOWN_KEY")
    for kind in allowed.get("parse") or ():
        if kind not in REGULAR:
            form.bad([*path, "parse"], f"Value must be one of {REGULAR}.", "BASE_TYPE_CHOICES")
        elif allowed.get(kind):
            form.bad(
                path,
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
            )
    for kind in ("users", "roles"):
        if len(allowed.get(kind) or ()) > 100:
            form.bad([*path, kind], "Must be 100 or fewer in length.", "BASE_TYPE_MAX_LENGTH")


def _embeds(embeds: object, form: Form) -> None:
    if not isinstance(embeds, list) or len(embeds) > 10:
        form.bad(["embeds"], "Must be 10 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
        return
    total = 0
    for at, one in enumerate(embeds):
        path: Sequence[str | int] = ["embeds", at]
        for key, most in EMBED.items():
            if one.get(key) is not None:
                form.length([*path, key], one[key].strip() if isinstance(one[key], str) else one[key], 0, most)
        fields = one.get("fields") or []
        if len(fields) > 25:
            form.bad([*path, "fields"], "Must be 25 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
        for number, field in enumerate(fields):
            form.length([*path, "fields", number, "name"], field.get("name"), 1, 256)
            form.length([*path, "fields", number, "value"], field.get("value"), 1, 1024)
        footer, author = (one.get("footer") or {}).get("text", ""), (one.get("author") or {}).get("name", "")
        form.length([*path, "footer", "text"], footer, 0, 2048)
        form.length([*path, "author", "name"], author, 0, 256)
        colour = one.get("color")
        if colour is not None and not (isinstance(colour, int) and 0 <= colour <= 0xFFFFFF):
            form.bad([*path, "color"], "int value should be between 0 and 16777215.", "NUMBER_TYPE_MAX")
        url = one.get("url")
        if url and not str(url).startswith(("http://", "https://")):
            form.bad([*path, "url"], "Scheme must be one of ('http', 'https').", "URL_TYPE_INVALID_SCHEME")
        texts = [one.get("title"), one.get("description"), footer, author]
        texts += [field.get(key) for field in fields for key in ("name", "value")]
        total += sum(len(text.strip()) for text in texts if isinstance(text, str))
    if total > 6000:
        form.bad(["embeds"], "Embed size exceeds maximum size of 6000", "MAX_EMBED_SIZE_EXCEEDED")


def _shown(embed: Raw) -> Raw:
    """An embed as it comes back: trimmed, of type rich."""
    trimmed = {key: value.strip() if isinstance(value, str) else value for key, value in embed.items()}
    return {"type": "rich"} | trimmed
