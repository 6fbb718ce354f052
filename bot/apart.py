"""A process apart, asked over a socket: what may hang, crash or eat memory there costs one question (`bot.child`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Self

from bot.child import ANSWER, REQUEST

_ROOT = str(Path(__file__).parents[1])
_LONGEST = 64_000_000  # bytes of an answer; no honest one comes near


class Process:
    """A running child and the socket to it. One question at a time."""

    def __init__(self, process: asyncio.subprocess.Process, line: socket.socket) -> None:
        self._process = process
        self._line = line
        self.pid = process.pid

    @classmethod
    async def start(cls, module: str) -> Self:
        """Start a child that answers by a module. OSError if it can't be."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        # Only what Python needs: the settings hold tokens, which are no business of what reads strangers' text.
        environment = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
        with contextlib.ExitStack() as stack:
            stack.enter_context(ours)
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "bot.child", module, str(theirs.fileno())),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={**environment, "PYTHONPATH": _ROOT, "PYTHONUTF8": "1"},
                )
            stack.pop_all()  # from here on it is closed with the process
        return cls(process, ours)

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def ask(self, head: bytes, body: bytes) -> bytes:
        """Send a question (`head` in JSON) and wait for its answer. ConnectionError if the process ends meanwhile."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._line, b"".join((REQUEST.pack(len(head), len(body)), head, body)))
        (size,) = ANSWER.unpack(await self._receive(ANSWER.size))
        if size > _LONGEST:
            raise ConnectionAbortedError("the process answers nonsense")
        return bytes(await self._receive(size))

    async def _receive(self, size: int) -> bytearray:
        loop = asyncio.get_running_loop()
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            count = await loop.sock_recv_into(self._line, view[got:])
            if not count:
                raise ConnectionResetError("the process ended")
            got += count
        return data

    async def kill(self) -> None:
        """End it whatever it does. What is asked meanwhile never comes back."""
        self._line.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
