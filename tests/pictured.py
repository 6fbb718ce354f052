"""Messages with pictures, for tests of those who show them."""

from __future__ import annotations

import struct
import zlib

from core.document import Heading, spans
from core.message import Message, Picture
from tests.far import say


def png(grey: int, width: int = 40, height: int = 30) -> bytes:
    """A picture of one shade."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes([grey]) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pictured(content: bytes, alt: str = "Picture: 41 readers.", of: str = "a", text: str = "Below.") -> Message:
    """A heading, a picture, a paragraph."""
    picture = Picture(of=of, alt=alt, width=40, height=30, png=content)
    return Message(title="Digest", blocks=(Heading(level=1, spans=spans("Digest")), picture, *say(text).blocks))
