"""Files that come along with a body: the parts of a form, what must go together in it, what stands afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.standins.discord.basics import P, Raw
from tests.standins.discord.errors import Form, Refusal
from tests.standins.discord.message import Message, walk
from tests.standins.discord.world import Channel

if TYPE_CHECKING:
    from tests.standins.discord.server import Discord

MOST_FILES, MOST_BYTES = 10, 10 << 20
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a request."""

    name: str
    content: bytes
    kind: str


Files = Mapping[int, Upload]
"""By the number in `files[n]`."""


async def parts(request: web.Request) -> tuple[str, Files]:
    """`payload_json` and the files of a multipart request; 50035 for any other part."""
    form = await request.post()
    files: dict[int, Upload] = {}
    for name, value in form.items():
        number = re.fullmatch(r"files\[(\d+)\]", name)
        if number is None:
            if name != "payload_json":
                raise Refusal(50035)
        elif not isinstance(value, web.FileField) or not re.fullmatch(r"[\w.-]{1,260}", value.filename):
            raise Refusal(50035)
        else:
            files[int(number[1])] = Upload(value.filename, value.file.read(), value.content_type)
    if any(len(one.content) > MOST_BYTES for one in files.values()):
        raise Refusal(40005)
    payload = form.get("payload_json", "{}")
    return payload.decode() if isinstance(payload, bytes | bytearray) else str(payload), files


def attach(
    discord: Discord, body: Raw, files: Files, channel: Channel, old: Message | None, form: Form
) -> list[tuple[Raw, bytes]]:
    """The attachments that the message will have, with their content: those kept, then those that came."""
    if files:
        discord.need(channel, P.ATTACH_FILES)
    if len(files) > MOST_FILES:
        form.bad(["attachments"], "Must be 10 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    had = {one["id"]: one for one in (old.attachments if old else [])}
    listed = body.get("attachments")
    if listed is None:  # all stay; what comes is shown, but of an edit's components not found (discord-api-docs #7529)
        listed = [*({"id": one} for one in had), *([{"id": number} for number in files] if old is None else [])]
    found: list[tuple[Raw, bytes]] = []
    for at, one in enumerate(listed):
        path: Sequence[str | int] = ["attachments", at]
        for key in one.keys() - {"id", "filename", "description", "title", "duration_secs", "waveform"}:
            form.bad([*path, key], "Unknown key.", "UNKNOWN_KEY")
        if one.get("description") is not None:
            form.length([*path, "description"], one["description"], 0, 1024)
        if str(one.get("id")) in had:
            kept = had[str(one["id"])]
            found.append((kept, discord.files[kept["id"]]))
        elif isinstance(one.get("id"), int) and one["id"] in files:
            found.append(_new(discord, one, files[one["id"]], [*path, "filename"], form))
        else:
            form.bad([*path, "id"], "Attachment not found.", "ATTACHMENT_NOT_FOUND")
    return found


def _new(discord: Discord, said: Raw, file: Upload, path: Sequence[str | int], form: Form) -> tuple[Raw, bytes]:
    if said.get("filename", file.name) != file.name:
        form.bad(path, "The name is not that of the file.", "ATTACHMENT_NAME")
    raw: Raw = {
        "id": str(discord.fresh()), "filename": file.name, "size": len(file.content), "content_type": file.kind,
        "url": f"https://cdn.discordapp.example/attachments/{file.name}?ex=1", "proxy_url": "",
    }  # fmt: skip
    if said.get("description"):
        raw["description"] = said["description"]
    if file.content.startswith(PNG) and file.kind == "image/png":
        width, height = (int.from_bytes(file.content[at : at + 4], "big") for at in (16, 20))
        raw |= {"width": width, "height": height}
    return raw, file.content


def resolve(parts: Sequence[Raw], embeds: Sequence[Raw], attachments: Sequence[Raw], form: Form) -> None:
    """Put the files in the place of `attachment://…`; notes each that is not there or is no picture."""
    for path, media in _media(parts, embeds):
        address = str(media.get("url", ""))
        if not address.startswith("attachment://"):
            continue
        named = [one for one in attachments if one["filename"] == address.removeprefix("attachment://")]
        if not named:
            form.bad(
                path, f"The referenced attachment {address} was not found.",
                "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
            )  # fmt: skip
        elif "width" not in named[0]:
            form.bad(path, "The file is no picture.", "UNFURLED_MEDIA_ITEM_NOT_MEDIA")
        else:
            media |= {"url": named[0]["url"], "attachment_id": named[0]["id"]}


def _media(parts: Sequence[Raw], embeds: Sequence[Raw]) -> Iterator[tuple[list[str | int], Raw]]:
    for at, one in enumerate(walk(parts)):
        for item in one.get("items") or ([one] if "media" in one else ()):
            yield ["components", at, "items", "media", "url"], item["media"]
    for at, one in enumerate(embeds):
        for key in ("image", "thumbnail"):
            if isinstance(one.get(key), dict):
                yield ["embeds", at, key, "url"], one[key]


def pictures(discord: Discord, message: Message) -> list[tuple[bytes, str]]:
    """What a reader sees of pictures: (content, alternative text) of those in galleries and embeds, in order."""
    said = {one["id"]: str(one.get("description", "")) for one in message.attachments}
    alternative = {
        item["media"]["attachment_id"]: str(item.get("description", ""))
        for one in walk(message.components)
        for item in one.get("items") or ()
    }
    shown: list[Any] = [media["attachment_id"] for _, media in _media(message.components, message.embeds)]
    return [(discord.files[one], alternative.get(one) or said[one]) for one in shown if one in said]
