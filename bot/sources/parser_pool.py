"""Parsing outside text from the event loop: in other processes, bounded in time, started on demand."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Self

from bot.apart import Process
from bot.sources.answers import Feed, feed_from_json, found_from_json
from core.errors import SourceError
from core.pieces import Found

_STOPPED = ("parse-stopped", "Rondan is stopping; the feed is read at the next start.")
_BIG = 256_000  # bytes of an answer that is read in a thread, not to hold up the loop

_HOMES = 2  # processes while nothing hangs; more would only share the memory of what was read before


class _Job:
    __slots__ = ("answer", "asked", "body", "head", "home", "late", "taken")

    def __init__(self, head: bytes, body: bytes, home: int, answer: asyncio.Future[bytes], asked: float) -> None:
        self.head = head
        self.body = body
        self.home = home
        self.answer = answer
        self.asked = asked
        self.late = False
        self.taken = False


class ParserPool:
    """One parsing process in the normal case, a few while some parse hangs, none while there is nothing to do.

    A feed goes to the process that it went to before, its home, since that one remembers its items (see `feeds`); it
    goes to another one when nobody is at home, a parse hangs there, or it has waited for long.

    All in seconds: `limit` is what a parse may take before its process is killed; `patience` what a job waits before
    anybody takes it and another process is started (a second one also when jobs have waited for so long without a
    gap, up to `most` when every one is stuck); after `idle` without work a process ends.
    """

    def __init__(self, *, limit: float = 10, patience: float = 0.5, idle: float = 60, most: int = 4) -> None:
        self._limit = limit
        self._patience = patience
        self._idle = idle
        self._most = most
        self._jobs: tuple[deque[_Job], ...] = tuple(deque() for _ in range(_HOMES))  # by home
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers: set[int] = set()  # by home; those after the last home serve all
        self._idle_ones: dict[int, asyncio.Future[None]] = {}  # workers without work, and what wakes them
        self._since: dict[int, float] = {}  # workers with work, and when they began
        self._pids: set[int] = set()
        self._behind: float | None = None  # since when there always was a job that waited

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End all processes. Parses under way fail with SourceError `parse-stopped`."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for job in itertools.chain(*self._jobs):
            _fail(job, *_STOPPED)

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
        answer = await self._ask(head, body, url)
        if len(answer) > _BIG:
            return await asyncio.to_thread(lambda: feed_from_json(_opened(answer)))
        return feed_from_json(_opened(answer))

    async def links(self, body: bytes, content_type: str, url: str) -> list[tuple[str, str]]:
        """`alternates.feed_links` elsewhere: (address, title) of the feeds that a page names."""
        answer = await self._ask({"do": "links", "type": content_type, "url": url}, body, url)
        return [(link, title) for link, title in _opened(answer)["links"]]

    async def article(self, body: bytes, content_type: str, url: str) -> Found:
        """`article.parse_article` elsewhere: the article on a page."""
        answer = await self._ask({"do": "article", "type": content_type, "url": url}, body, url)
        return found_from_json(_opened(answer)["article"])

    async def file(self, body: bytes, name: str) -> Found:
        """`files.parse` elsewhere: a file that somebody attached."""
        answer = await self._ask({"do": "file", "type": "", "url": name}, body, name)
        return found_from_json(_opened(answer)["article"])

    @property
    def processes(self) -> int:
        """How many there are now."""
        return len(self._tasks)

    @property
    def pids(self) -> list[int]:
        """The process ids of those that have started."""
        return sorted(self._pids)

    async def _ask(self, head: dict[str, Any], body: bytes, url: str) -> bytes:
        loop = asyncio.get_running_loop()
        job = _Job(json.dumps(head).encode(), body, hash(url) % _HOMES, loop.create_future(), loop.time())
        self._jobs[job.home].append(job)
        self._rouse(job)
        late = loop.call_later(self._patience, self._help, job)
        try:
            return await job.answer
        finally:
            late.cancel()

    def _rouse(self, job: _Job) -> None:
        """Have somebody take a job, if anybody is free who may."""
        free = job.home if self._waits_at_home(job) else next(iter(self._idle_ones), job.home)
        waiting = self._idle_ones.pop(free, None)
        if waiting is not None:
            if not waiting.done():  # else it gave up this very moment, and looks once more
                waiting.set_result(None)
        elif not self._workers:
            self._start()
        elif self._behind is None:
            self._behind = job.asked
        elif job.asked - self._behind > self._patience and len(self._workers) < _HOMES:
            self._start()

    def _waits_at_home(self, job: _Job) -> bool:
        """Whether a job is left to the worker at its home: another one would have to read all of the feed."""
        return not job.late and job.home in self._workers and not self._stuck(job.home)

    def _stuck(self, worker: int) -> bool:
        since = self._since.get(worker)
        return since is not None and asyncio.get_running_loop().time() - since > self._patience

    def _help(self, job: _Job) -> None:
        """A job has waited long: something hangs or there is too much, so it is anybody's, and somebody may join."""
        if job.taken or job.answer.done():
            return
        job.late = True
        if not self._idle_ones and len(self._workers) < (
            self._most if all(map(self._stuck, self._workers)) else _HOMES
        ):
            self._start()
        self._rouse(job)
        asyncio.get_running_loop().call_later(self._patience, self._help, job)

    def _start(self) -> None:
        number = next(free for free in itertools.count() if free not in self._workers)
        self._workers.add(number)
        task = asyncio.create_task(self._work(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, number: int) -> None:
        """Take jobs one after another; one process serves until it has to be killed."""
        process: Process | None = None
        try:
            while (job := await self._next(number)) is not None:
                try:
                    if process is not None and process.ended:  # killed from outside: no feed's fault
                        await self._end(process)
                        process = None
                    if process is None:
                        process = await Process.start("bot.sources.parser_process")
                        self._pids.add(process.pid)
                    if not await self._serve(number, process, job):
                        await self._end(process)
                        process = None
                except OSError as error:
                    _fail(job, "parse-crash", f"No process for parsing could be started ({error}). It is tried again.")
                finally:
                    _fail(job, *_STOPPED)  # unless it has its answer
        finally:
            self._workers.discard(number)
            if process is not None:
                await self._end(process)

    async def _end(self, process: Process) -> None:
        self._pids.discard(process.pid)
        await process.kill()

    async def _serve(self, number: int, process: Process, job: _Job) -> bool:
        """One parse. False when the process can't be used again."""
        self._since[number] = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._limit):
                answer = await process.ask(job.head, job.body)
        except TimeoutError:
            _fail(
                job, "parse-timeout", f"Parsing took over {self._limit:g} seconds and was stopped. Tell the publisher."
            )
            return False
        except OSError:
            _fail(job, "parse-crash", "The parser broke on this feed; other feeds are not touched. Tell the publisher.")
            return False
        finally:
            del self._since[number]
        if not job.answer.done():
            job.answer.set_result(answer)
        return True

    async def _next(self, number: int) -> _Job | None:
        """The next job of a worker, or None when there was none for long enough."""
        while (job := self._take(number)) is None:
            self._behind = None
            waiting = self._idle_ones[number] = asyncio.get_running_loop().create_future()
            spare = len(self._workers) > 1
            try:
                await asyncio.wait_for(waiting, self._idle / 10 if spare else self._idle)
            except TimeoutError:
                if not spare or len(self._workers) > 1:  # else the other one ended first, and this one stays
                    return self._take(number)
            finally:
                self._idle_ones.pop(number, None)
        return job

    def _take(self, number: int) -> _Job | None:
        """The oldest job that a worker may take."""
        for queue in self._jobs:
            while queue and queue[0].answer.done():  # its caller has gone
                queue.popleft()
        heads = [queue[0] for queue in self._jobs if queue]
        mine = [job for job in heads if job.home == number or not self._waits_at_home(job)]
        if not mine:
            return None
        job = min(mine, key=lambda one: one.asked)
        self._jobs[job.home].popleft()
        job.taken = True
        return job


def _fail(job: _Job, code: str, sentence: str) -> None:
    if not job.answer.done():
        job.answer.set_exception(SourceError(code, sentence))


def _opened(answer: bytes) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(answer)
    if "error" in data:
        code, sentence = data["error"]
        raise SourceError(code, sentence)
    return data
