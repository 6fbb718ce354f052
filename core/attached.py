"""A file that a person attached, as text: what stands for it in an option of a command or a field of a form.

It is a `data:` address, as browsers write one, with the name of the file in it.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import quote, unquote

from core.message import File

MOST = 500_000  # bytes of a file
_SHAPE = re.compile(r"data:(?P<head>[^,]*);base64,(?P<content>[A-Za-z0-9+/=]*)")
_NAME = re.compile(r";name=([^;]*)")


def written(name: str, content: bytes) -> str:
    """A file as text."""
    return f"data:;name={quote(name, safe='')};base64,{base64.b64encode(content).decode()}"


def read(text: str) -> File | None:
    """The reverse; None for what is no file, or one that is too large. The name is without any folder."""
    found = _SHAPE.fullmatch(text) if len(text) < 2 * MOST else None
    named = _NAME.search(found["head"]) if found is not None else None
    if found is None or named is None:
        return None
    try:
        content = base64.b64decode(found["content"], validate=True)
    except binascii.Error:
        return None
    name = re.split(r"[/\\]", unquote(named[1]))[-1]
    name = "".join(one for one in name if one.isprintable()).strip()[-100:]
    return File(name=name, kind="", content=content) if name and len(content) <= MOST else None
