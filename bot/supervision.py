"""Keeps services running: one that fails is started again and never ends another; wrong settings end the program."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from datetime import datetime, timedelta
from typing import Any

import structlog

from core.chat import Memo
from core.errors import ConfigError, RondanError
from core.times import Clock

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before a service that failed is started again; doubled each time
HOLDS = 60.0  # seconds of running, or of nothing being wrong, after which the counting begins anew
HOPELESS = 3600.0  # seconds until a platform that refuses us for good, after it had taken us, is asked again
DRAIN, FAREWELL = 5.0, 3.0  # seconds at the end for the work in hand, and then for the platforms to say goodbye

Service = Callable[[], Coroutine[Any, Any, None]]


class Supervisor:
    """`memo` keeps the pauses, so that a crash loop of the whole program does not turn faster than one service's.

    `met` tells whether a platform has once taken us in this run: what it refuses afterwards is its own failure, and the
    others go on. Before, it is a wrong setting, and ends the program.
    """

    def __init__(self, memo: Memo, clock: Clock, met: Callable[[str], bool]) -> None:
        self.down: dict[str, str] = {}
        """Services that wait to be started again, each with what went wrong."""
        self._memo = memo
        self._clock = clock
        self._met = met
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, services: dict[str, Service]) -> asyncio.Future[None]:
        """Run them; gives what raises ConfigError when the program has to end."""
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._keep(name, one, failed), name=name) for name, one in services.items()]
        return failed

    async def stop(self, last: Collection[str]) -> None:
        """End them, those named `last` after the others. Who does not end in time is left: their rows say where they
        were, and the next start goes on from there.
        """
        for some, within in (
            ([task for task in self._tasks if task.get_name() not in last], DRAIN),
            ([task for task in self._tasks if task.get_name() in last], FAREWELL),
        ):
            for task in some:
                task.cancel()
            if some:
                _, late = await asyncio.wait(some, timeout=within)
                if late:
                    log.warning("house.not-ended", services=sorted(task.get_name() for task in late))

    async def _keep(self, name: str, start: Service, failed: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        failures, pause = await self._waited(name)
        while True:
            if pause > 0:
                await asyncio.sleep(pause)
            began = loop.time()
            self.down.pop(name, None)
            try:
                await start()
                return
            except ConfigError as error:
                if not self._met(name):
                    if not failed.done():
                        failed.set_exception(error)
                    return
                self.down[name], pause = str(error), HOPELESS
                log.error("house.service-refused", service=name, error=str(error), again_in=pause)
            except Exception as error:
                failures = 1 if loop.time() - began > HOLDS else failures + 1
                self.down[name], pause = (
                    type(error).__name__,
                    min(FIRST_PAUSE * 2 ** min(failures - 1, 9), LONGEST_PAUSE),
                )
                log.exception("house.service-failed", service=name, failures=failures, restart_in=pause)
                await self._note(name, failures, pause)

    async def _waited(self, name: str) -> tuple[int, float]:
        """How often it failed before this start, and the seconds that are left of its pause."""
        said = await self._memo.get(f"service {name}")
        if not said:
            return 0, 0.0
        failures, _, until = said.partition(" ")
        left = (datetime.fromisoformat(until) - self._clock()).total_seconds()
        return (int(failures), min(max(left, 0.0), LONGEST_PAUSE)) if left > -HOLDS else (0, 0.0)

    async def _note(self, name: str, failures: int, pause: float) -> None:
        try:
            until = self._clock() + timedelta(seconds=pause)
            await self._memo.put(f"service {name}", f"{failures} {until.isoformat()}")
        except RondanError as error:  # the database may be what fails
            log.warning("house.not-noted", service=name, error=str(error))
