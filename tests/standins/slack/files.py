"""files.*: a place for a file, its bytes, and the end of the upload; and what an image block may speak of."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.standins.slack.ask import Ask, bad
from tests.standins.slack.basics import Raw, Refusal, ident

if TYPE_CHECKING:
    from tests.standins.slack.server import Slack

PNG = b"\x89PNG\r\n\x1a\n"
IDS = re.compile(r"F[A-Z0-9]{8,}")


@dataclass(slots=True)
class File:
    """`ready`: seconds of the monotonic clock from which messages may show it; None while it is being uploaded."""

    id: str
    name: str
    length: int
    alt: str
    content: bytes | None = None
    ready: float | None = None


async def place(slack: Slack, ask: Ask) -> Raw:
    """files.getUploadURLExternal"""
    name, alt = ask.need("filename"), ask.text("alt_txt")
    length = ask.number("length", 0, 1 << 30)
    if not length:
        raise Refusal("missing_argument")
    if len(alt) > 1000:
        raise Refusal("alt_txt_too_large")
    file = File(id=ident("F"), name=name, length=length, alt=alt)
    slack.files[file.id] = file
    return {"upload_url": f"{slack.base}/upload/{file.id}", "file_id": file.id}


def attached(slack: Slack, name: str, content: bytes) -> Raw:
    """A file that a person put into a form, as its submission describes it."""
    file = File(id=ident("F"), name=name, length=len(content), alt="", content=content)
    slack.files[file.id] = file
    return {"id": file.id, "name": name, "size": len(content), "url_private": f"{slack.base}/files-pri/{file.id}"}


async def get(slack: Slack, request: web.Request) -> web.StreamResponse:
    """The bytes for who has the token and the scope; others are led to a page to sign in."""
    file = slack.files.get(request.match_info["file"])
    if request.headers.get("Authorization") != f"Bearer {slack.bot_token}" or "files:read" not in slack.scopes:
        return web.Response(status=302, headers={"Location": f"{slack.base}/signin"})
    return web.Response(status=404) if file is None else web.Response(body=file.content)


async def put(slack: Slack, request: web.Request) -> web.StreamResponse:
    """The bytes, at the address that was given."""
    fault = slack.faults.take("upload", "")
    if fault and fault.before:
        return web.Response(status=500)
    file = slack.files.get(request.match_info["file"])
    content = await request.read()
    if file is None or len(content) != file.length:
        return web.Response(status=400, text="the length is not what was said")
    file.content = content
    return web.Response(text=f"OK - {len(content)}")


async def complete(slack: Slack, ask: Ask) -> Raw:
    """files.completeUploadExternal: without a channel the file is the bot's own, else a message there has it."""
    channel = slack.channels.get(str(ask.args["channel_id"])) if ask.given("channel_id") else None
    if ask.given("channel_id") and (channel is None or slack.me.id not in channel.members):
        raise Refusal("channel_not_found")
    if channel is not None and channel.kind == "im" and not slack.takes_dm:
        raise Refusal("messages_tab_disabled")
    given = ask.parsed("files", list, "invalid_arguments") or []
    if not given:
        raise bad("missing required field: files")
    done: list[File] = []
    for one in given:
        if not isinstance(one, dict) or one.keys() - {"id", "title", "highlight_type"}:
            raise bad("must be objects of id and title [json-pointer:/files]")
        file = slack.files.get(str(one.get("id")))
        if file is None or file.content is None:
            raise Refusal("file_not_found")
        file.ready = time.monotonic() + slack.file_delay
        done.append(file)
    if channel is not None:
        shared = [{"id": file.id, "name": file.name, "title": file.name} for file in done]
        slack.post(channel, slack.me, "", app=slack.mine, files=shared)
    return {"files": [{"id": file.id, "title": file.name, "mimetype": "", "channels": []} for file in done]}


def shown(slack: Slack, blocks: list[Any]) -> None:
    """Raises `invalid_blocks` for a file that is no picture of ours, or that Slack has not looked through yet."""
    problems = []
    for at, one in enumerate(blocks):
        if not isinstance(one, dict) or one.get("type") != "image" or "slack_file" not in one:
            continue
        said, where = one["slack_file"], f"[json-pointer:/blocks/{at}/slack_file]"
        name = said.get("id") if isinstance(said, dict) else None
        if not isinstance(said, dict) or said.keys() != {"id"} or not IDS.fullmatch(str(name)):
            problems.append(f"input must match regex pattern: ^[F][A-Z0-9]{{8,}}$ {where}")
            continue
        file = slack.files.get(str(name))
        looked_at = file is not None and file.ready is not None and time.monotonic() >= file.ready
        if file is None or not looked_at or not (file.content or b"").startswith(PNG):
            problems.append(f"invalid slack file {where}")
    if problems:
        raise Refusal("invalid_blocks", errors=problems, response_metadata={"messages": problems})


def pictures(slack: Slack, blocks: list[Raw]) -> list[tuple[bytes, str]]:
    """What a reader sees of pictures, each with its alternative text."""
    return [
        (slack.files[one["slack_file"]["id"]].content or b"", str(one["alt_text"]))
        for one in blocks
        if one["type"] == "image" and "slack_file" in one
    ]
