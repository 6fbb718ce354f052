"""One process owns the database. Others on this machine reach it through a socket beside the file.

The owner holds an `flock` on `NAME.lock`, which the system drops when the process dies, however it dies. A request is
one JSON line `{"verb": …, "args": {…}}`; answers are lines `{"progress": …}` and at last `{"result": …}` or
`{"error": …}`. The socket is readable by its user only (0600), so whoever may use it could as well read the file.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from core.errors import ConfigError, Refusal, RondanError

log = structlog.get_logger()

PATIENCE = 10.0  # seconds that a command waits for an owner that is starting, stopping or busy with another command
LINE_LIMIT = 64 * 1024 * 1024  # bytes in one request or answer; an export goes to a file, never through here

Progress = Callable[[str], None]
Verb = Callable[[Mapping[str, Any], Progress], Awaitable[Any]]


class Lock:
    """The right to write a database. Hold it as long as the database is open."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._handle: int | None = None

    def take(self) -> bool:
        """True if this process is the owner now; false if another one is. ConfigError if there can be no such file."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"can't write {self._path} ({error.strerror}): set RONDAN_DATABASE to a file in a folder of yours"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Let another process own the database."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def answers(database: Path) -> bool:
    """Whether the owner takes requests. A command that works on the database for a moment does not."""
    near = _Near(database)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(near.path)
    except OSError:
        return False
    finally:
        near.close()
    return True


class _Near:
    """A socket path short enough for the system (108 bytes), whatever the length of the database's path."""

    def __init__(self, database: Path) -> None:
        self.name = f"{database.name}.sock"
        if len(os.fsencode(self.name)) > 80:
            self.name = f".rondan-{hashlib.blake2b(os.fsencode(database.name), digest_size=8).hexdigest()}.sock"
        self._folder = os.open(database.parent, os.O_RDONLY | os.O_DIRECTORY)
        self.path = f"/proc/self/fd/{self._folder}/{self.name}"

    def close(self) -> None:
        os.close(self._folder)


async def serve(database: Path, verbs: Mapping[str, Verb]) -> None:
    """Answer requests of other processes until cancelled. Only the owner calls this: an old socket is a dead one's."""
    near = _Near(database)
    path = database.parent / near.name
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            listener.bind(near.path)
        finally:
            os.umask(before)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await _answer(verbs, reader, writer)
            except (ConnectionError, ValueError):  # ValueError: what came was no request
                log.debug("owner.caller-left")
            finally:
                writer.close()

        server = await asyncio.start_unix_server(answer, sock=listener, limit=LINE_LIMIT)
        async with server:
            await server.serve_forever()
    finally:
        listener.close()
        near.close()
        path.unlink(missing_ok=True)


async def _answer(verbs: Mapping[str, Verb], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    def tell(line: dict[str, Any]) -> None:
        writer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")

    request = json.loads(await reader.readline())
    verb = verbs.get(request["verb"])
    if verb is None:
        tell({"error": f"the running Rondan does not know `{request['verb']}`: it is another version; restart it"})
    else:
        try:
            result = await verb(request["args"], lambda text: tell({"progress": text}))
            tell({"result": result})
        except RondanError as error:
            tell({"error": str(error), "kind": "refusal" if isinstance(error, Refusal) else "error"})
        except Exception as error:
            log.exception("owner.verb-failed", verb=request["verb"])
            tell({"error": f"the running Rondan failed: {error}; its log says more"})
    await writer.drain()


async def call(database: Path, verb: str, args: Mapping[str, Any], progress: Progress) -> Any:
    """Ask the owner. Raises Refusal or RondanError as the verb did; ConfigError if the owner does not answer."""
    near = _Near(database)
    try:
        try:
            reader, writer = await asyncio.open_unix_connection(near.path, limit=LINE_LIMIT)
        except OSError as error:
            raise ConfigError(
                f"another Rondan owns {database} but does not answer ({error.strerror}): "
                "it is starting or stopping; try again, or stop it"
            ) from error
    finally:
        near.close()
    try:
        writer.write(json.dumps({"verb": verb, "args": dict(args)}, ensure_ascii=False).encode() + b"\n")
        await writer.drain()
        while line := await reader.readline():
            answer = json.loads(line)
            if "progress" in answer:
                progress(answer["progress"])
            elif "error" in answer:
                raise (Refusal if answer.get("kind") == "refusal" else RondanError)(answer["error"])
            else:
                return answer["result"]
        raise RondanError("the running Rondan stopped before it had answered")
    finally:
        writer.close()
