"""Parsing outside text from the event loop: in other processes, bounded in time, started on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from bot.sources.answers import Feed, feed_from_json
from core.errors import SourceError

_BIG = 256_000  # bytes of an answer that is read in a thread, not to hold up the loop
_ROOT = str(Path(__file__).parents[2])


class _Job:
    __slots__ = ("answer", "body", "head", "taken")

    def __init__(self, head: bytes, body: bytes, answer: asyncio.Future[bytes]) -> None:
        self.head = head
        self.body = body
        self.answer = answer
        self.taken = False


class ParserPool:
    """One parsing process in the normal case, a few while some parse hangs, none while there is nothing to do.

    All in seconds: `limit` is what a parse may take before its process is killed; `patience` what a job waits before
    another process is started (a second one for a backlog, up to `most` when every one is stuck); after `idle` without
    work a process ends.
    """

    def __init__(self, *, limit: float = 10, patience: float = 0.5, idle: float = 60, most: int = 4) -> None:
        self._limit = limit
        self._patience = patience
        self._idle = idle
        self._most = most
        self._jobs: deque[_Job] = deque()
        self._wake: deque[asyncio.Future[None]] = deque()  # of workers without work
        self._workers: set[asyncio.Task[None]] = set()
        self._pids: set[int] = set()
        self._since: dict[_Job, float] = {}  # parses under way, and when they began

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End all processes. Parses under way fail with SourceError `parse-stopped`."""
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        while self._jobs:
            _fail(self._jobs.popleft(), "parse-stopped", "Rondan is stopping; the feed is read at the next start.")

    async def parse(
        self,
        body: bytes,
        content_type: str,
        url: str,
        known: Mapping[str, str] | None = None,
        *,
        documents: bool = True,
    ) -> Feed:
        """`feeds.parse_feed` elsewhere. SourceError also `parse-timeout`, `parse-crash`."""
        head = {"do": "feed", "type": content_type, "url": url, "known": dict(known or {}), "documents": documents}
        answer = await self._ask(head, body)
        if len(answer) > _BIG:
            return await asyncio.to_thread(lambda: feed_from_json(_opened(answer)))
        return feed_from_json(_opened(answer))

    async def links(self, body: bytes, content_type: str, url: str) -> list[tuple[str, str]]:
        """`alternates.feed_links` elsewhere: (address, title) of the feeds that a page names."""
        answer = await self._ask({"do": "links", "type": content_type, "url": url}, body)
        return [(link, title) for link, title in _opened(answer)["links"]]

    @property
    def processes(self) -> int:
        """How many there are now."""
        return len(self._workers)

    @property
    def pids(self) -> list[int]:
        """The process ids of those that have started."""
        return sorted(self._pids)

    async def _ask(self, head: dict[str, Any], body: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        job = _Job(json.dumps(head).encode(), body, loop.create_future())
        self._jobs.append(job)
        self._rouse()
        late = loop.call_later(self._patience, self._help, job)
        try:
            return await job.answer
        finally:
            late.cancel()

    def _rouse(self) -> None:
        while self._wake:
            waiting = self._wake.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        if not self._workers:
            self._start()

    def _help(self, job: _Job) -> None:
        """A job has waited long: something hangs, so others get a process beside it."""
        if not job.taken and not job.answer.done():
            now = asyncio.get_running_loop().time()
            stuck = all(now - since > self._patience for since in self._since.values())
            if len(self._workers) < (self._most if stuck else 2):
                self._start()
            asyncio.get_running_loop().call_later(self._patience, self._help, job)

    def _start(self) -> None:
        worker = asyncio.create_task(self._work())
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        """Take jobs one after another; one process serves until it has to be killed."""
        async with contextlib.AsyncExitStack() as stack:
            process: _Process | None = None
            while (job := await self._next()) is not None:
                if process is not None and process.ended:  # killed from outside: no feed's fault
                    await stack.aclose()
                    process = None
                if process is None:
                    process = await _Process.start()
                    self._pids.add(process.pid)
                    stack.push_async_callback(self._end, process)
                if not await self._serve(process, job):
                    await stack.aclose()
                    process = None

    async def _end(self, process: _Process) -> None:
        await process.kill()
        self._pids.discard(process.pid)

    async def _serve(self, process: _Process, job: _Job) -> bool:
        """One parse. False when the process can't be used again."""
        self._since[job] = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._limit):
                answer = await process.ask(job)
        except TimeoutError:
            _fail(
                job, "parse-timeout", f"Parsing took over {self._limit:g} seconds and was stopped. Tell the publisher."
            )
            return False
        except OSError:
            _fail(job, "parse-crash", "The parser broke on this feed; other feeds are not touched. Tell the publisher.")
            return False
        except asyncio.CancelledError:
            _fail(job, "parse-stopped", "Rondan is stopping; the feed is read at the next start.")
            raise
        finally:
            del self._since[job]
        if not job.answer.done():
            job.answer.set_result(answer)
        return True

    async def _next(self) -> _Job | None:
        """The next job, or None when there was none for long enough."""
        while True:
            while self._jobs:
                job = self._jobs.popleft()
                if not job.answer.done():  # its caller may have gone
                    job.taken = True
                    return job
            waiting = asyncio.get_running_loop().create_future()
            self._wake.append(waiting)
            spare = len(self._workers) > 1
            try:
                await asyncio.wait_for(waiting, self._idle / 10 if spare else self._idle)
            except TimeoutError:
                with contextlib.suppress(ValueError):
                    self._wake.remove(waiting)
                if not self._jobs:
                    return None


class _Process:
    """A running `parser_process` and the socket to it."""

    def __init__(self, process: asyncio.subprocess.Process, line: socket.socket) -> None:
        self._process = process
        self._line = line
        self.pid = process.pid

    @classmethod
    async def start(cls) -> Self:
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            # Only what Python needs: the settings hold tokens, which are no business of what parses strangers' text.
            environment = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "bot.sources.parser_process", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**environment, "PYTHONPATH": _ROOT, "PYTHONUTF8": "1"},
            )
        return cls(process, ours)

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def ask(self, job: _Job) -> bytes:
        """Send a job and wait for the bytes of its answer. ConnectionError if the process ends meanwhile."""
        loop = asyncio.get_running_loop()
        sizes = b"".join(len(part).to_bytes(4, "big") for part in (job.head, job.body))
        await loop.sock_sendall(self._line, b"".join((sizes, job.head, job.body)))
        size = int.from_bytes(await self._receive(4), "big")
        return bytes(await self._receive(size))

    async def _receive(self, size: int) -> bytearray:
        loop = asyncio.get_running_loop()
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            count = await loop.sock_recv_into(self._line, view[got:])
            if not count:
                raise ConnectionResetError("the parser process ended")
            got += count
        return data

    async def kill(self) -> None:
        self._line.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def _fail(job: _Job, code: str, sentence: str) -> None:
    if not job.answer.done():
        job.answer.set_exception(SourceError(code, sentence))


def _opened(answer: bytes) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(answer)
    if "error" in data:
        code, sentence = data["error"]
        raise SourceError(code, sentence)
    return data
