"""The process in which outside text is parsed: it may hang, eat memory or crash, and only one parse is lost.

Run by `bot.sources.parser_pool` as `python -m bot.sources.parser_process FD`. On the socket FD come requests, each
eight bytes (length of head, length of body), a JSON head and the body; answers are four bytes of length and JSON.
Only data goes back, never pickles, so a parser taken over by its input can't make the bot run anything.
"""

from __future__ import annotations

import json
import resource
import socket
import struct
import sys
from typing import Any

from bot.sources import alternates, answers, feeds
from core.errors import SourceError

REQUEST = struct.Struct(">II")
ANSWER = struct.Struct(">I")
LONGEST_ANSWER = 16_000_000  # bytes; more is a flood of empty elements
_MEMORY = 1 << 30  # bytes of address space


def main() -> None:
    """Serve until the socket closes."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Closed by the end of the process, not before: a fault of ours prints its trace first, then the bot sees the end.
    line = socket.socket(fileno=int(sys.argv[1]))
    while head := _receive(line, REQUEST.size):
        head_size, body_size = REQUEST.unpack(head)
        asked = json.loads(_receive(line, head_size))
        answer = _answer(asked, _receive(line, body_size))
        try:
            line.sendall(ANSWER.pack(len(answer)) + answer)
        except ConnectionError:
            return


def _answer(asked: dict[str, Any], body: bytes) -> bytes:
    try:
        answer = json.dumps(_do(asked, body)).encode()
    except SourceError as error:
        answer = json.dumps({"error": [error.code, str(error)]}).encode()
    except (MemoryError, RecursionError):
        answer = b""
    if not answer or len(answer) > LONGEST_ANSWER:
        answer = json.dumps({"error": ["too-complex", "Parsing this takes more memory than any honest feed."]}).encode()
    return answer


def _do(asked: dict[str, Any], body: bytes) -> dict[str, Any]:
    kind, url = asked["type"], asked["url"]
    if asked["do"] == "feed":
        return answers.feed_to_json(feeds.parse_feed(body, kind, url, asked["known"], documents=asked["documents"]))
    return {"links": alternates.feed_links(body, kind, url)}


def _receive(line: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes; none at all at the end."""
    parts = []
    while size:
        part = line.recv(size, socket.MSG_WAITALL)  # all at once, unless a signal comes between
        if not part:
            return b""
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    main()
