"""Asking the thinking process (`digest.worker`): started on demand, ended when idle, killed when it takes too long."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from typing import Any, Self

import structlog

from bot.apart import Process
from core.errors import ThinkError

log = structlog.get_logger()

MODULE = "digest.worker"
READ = "read"  # the job whose answers are kept: the same texts are asked about again and again, for a second each time
KEPT = 16  # of them, by what was asked; as long as the process, since single words of readers are in them


class Thinker:
    """`commands.tools.Think`. One process, one job at a time, in the order in which they were asked.

    In seconds: `limit` is what a job may take before its process is killed, and what may be waited for a turn; after
    `idle` without a job the process ends.
    """

    def __init__(self, *, limit: float = 20, idle: float = 60, module: str = MODULE) -> None:
        self._limit = limit
        self._idle = idle
        self._module = module
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._process: Process | None = None
        self._jobs: set[asyncio.Task[Any]] = set()
        self._ending: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    async def close(self) -> None:
        """End the process. Jobs under way fail with ThinkError."""
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        await self._end()

    async def __call__(self, job: str, data: Any) -> Any:
        # Who asked may go away; the job goes on, or its answer would be taken for that of the next.
        task = asyncio.create_task(self._ask(job, data), name=f"think {job}")
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise ThinkError(f"stopped while thinking ({job})") from None
            raise

    async def _ask(self, job: str, data: Any) -> Any:
        # Neither is short for a long digest, and the loop has other things to do.
        name, body = await asyncio.to_thread(_written, data)
        try:
            async with asyncio.timeout(self._limit):
                await self._turn.acquire()
        except TimeoutError:
            raise ThinkError(f"others were still being thought for ({job})") from None
        began = time.perf_counter()
        try:
            answer = (self._kept.get(name) if job == READ else None) or await self._serve(
                job, json.dumps({"do": job}).encode(), body
            )
        finally:
            self._turn.release()
        found = await asyncio.to_thread(json.loads, answer)
        log.debug("think.done", job=job, ms=round((time.perf_counter() - began) * 1000), bytes=len(body))
        if "error" in found:
            log.error("think.failed", job=job, error=found["error"])
            raise ThinkError(f"{job}: {found['error']}")
        if job == READ:
            self._keep(name, answer)
        return found["is"]

    def _keep(self, name: bytes, answer: bytes) -> None:
        self._kept[name] = answer
        self._kept.move_to_end(name)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    async def _serve(self, job: str, head: bytes, body: bytes) -> bytes:
        if self._ending is not None:
            self._ending.cancel()
        done = False
        try:
            if self._process is not None and self._process.ended:  # killed from outside: no job's fault
                await self._end()
            if self._process is None:
                self._process = await Process.start(self._module)
            async with asyncio.timeout(self._limit):
                answer = await self._process.ask(head, body)
            done = True
        except TimeoutError:
            log.error("think.too-long", job=job, seconds=self._limit)
            raise ThinkError(f"{job} took over {self._limit:g} seconds and was stopped") from None
        except OSError as error:
            log.error("think.broke", job=job, error=str(error))
            raise ThinkError(f"{job}: the thinking process broke ({error})") from error
        finally:
            if not done:
                await self._end()
        self._ending = asyncio.get_running_loop().call_later(self._idle, self._leave)
        return answer

    def _leave(self) -> None:
        """Nobody asked for long. A job that begins this very moment finds no process, and starts another."""
        self._kept.clear()
        if self._process is not None and not self._turn.locked():
            task = asyncio.create_task(self._process.kill(), name="end of thinking")
            self._process = None
            self._jobs.add(task)
            task.add_done_callback(self._jobs.discard)

    async def _end(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        process, self._process = self._process, None
        if process is not None:
            await process.kill()


def _written(data: Any) -> tuple[bytes, bytes]:
    """What is asked, and its name, under which the answer is kept."""
    body = json.dumps(data, ensure_ascii=False).encode()
    return hashlib.blake2b(body).digest(), body
