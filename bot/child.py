"""What runs in a process apart: `python -m bot.child MODULE FD` answers what comes on the socket FD by MODULE.

A request is eight bytes (length of head, length of body), a JSON head and the body; an answer is four bytes of length
and bytes. Only data crosses, never pickles, so a child taken over by its input can't make the bot run anything.
MODULE has `begin()`, which sets what the process may take, and `answer(head, body)`. See `bot.apart` for the other end.
"""

from __future__ import annotations

import importlib
import json
import resource
import socket
import struct
import sys

REQUEST = struct.Struct(">II")
ANSWER = struct.Struct(">I")


def main() -> None:
    """Serve until the socket closes."""
    module = importlib.import_module(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    module.begin()
    # Closed by the end of the process, not before: a fault of ours prints its trace first, then the bot sees the end.
    line = socket.socket(fileno=int(sys.argv[2]))
    while sizes := _receive(line, REQUEST.size):
        head_size, body_size = REQUEST.unpack(sizes)
        head = json.loads(_receive(line, head_size))
        answer: bytes = module.answer(head, _receive(line, body_size))
        try:
            line.sendall(ANSWER.pack(len(answer)) + answer)
        except ConnectionError:
            return


def _receive(line: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes; none at all at the end."""
    parts = []
    while size:
        try:
            part = line.recv(size, socket.MSG_WAITALL)  # all at once, unless a signal comes between
        except ConnectionError:  # the bot was killed before it read our last answer
            return b""
        if not part:
            return b""
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    main()
