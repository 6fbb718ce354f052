"""Files of a workspace: how one is given to Slack, and how one person is handed some where nobody else sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.platforms.slack.api import Api
from core import attached
from core.errors import Unknown
from core.message import File


async def put(api: Api, name: str, content: bytes, alt: str = "") -> str:
    """Give Slack the bytes of a file; its id. The file is there once the upload is completed."""
    body = {"filename": name, "length": len(content), **({"alt_txt": alt} if alt else {})}
    place = await api.call("files.getUploadURLExternal", body)
    url, file = str(place.get("upload_url") or ""), str(place.get("file_id") or "")
    if not url or not file:
        raise Unknown("Slack did not say where to put a file")
    await api.upload(url, content)
    return file


async def fetch(api: Api, file: Mapping[str, Any]) -> str:
    """A file that somebody put into a form, as `core.attached` writes it; one that is too large as what is no file."""
    if int(file.get("size") or 0) > attached.MOST:
        return "data:"
    return attached.written(str(file.get("name") or ""), await api.download(str(file["url_private"]), attached.MOST))


async def hand(api: Api, person: str, files: Sequence[File]) -> None:
    """Send files to somebody's direct messages with the app. ChatError if they can't be sent, or it is not known."""
    opened = await api.call("conversations.open", {"users": person})
    channel = str((opened.get("channel") or {}).get("id") or "")
    if not channel:
        raise Unknown("Slack did not say where direct messages with somebody are")
    ids = [{"id": await put(api, one.name, one.content), "title": one.name} for one in files]
    await api.once("files.completeUploadExternal", {"files": ids, "channel_id": channel})
