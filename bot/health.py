"""What a monitor asks: /healthz, /readyz and /metrics on a listener of their own, and the ping that must not fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version

import aiohttp
import structlog
from aiohttp import web

from core.chat import Chat
from core.errors import ConfigError, RondanError
from core.tally import TALLY
from core.times import Clock
from storage import health
from storage.db import Db

log = structlog.get_logger()

PING_EVERY = 60.0  # seconds
TRY_AGAIN = 5.0  # seconds until the next attempt, while it does not work or nobody answers
PATIENCE = 10.0  # seconds for the answer to a ping
OVERDUE = 1800.0  # seconds that a feed may wait for its turn before something is wrong with all of them

HELP = {
    "rondan_info": ("gauge", "The version that runs."),
    "rondan_up_seconds": ("gauge", "Since this process began."),
    "rondan_ready": ("gauge", "1 while all works, as /readyz says."),
    "rondan_connected": ("gauge", "1 while a platform's events reach us."),
    "rondan_pieces": ("gauge", "Pieces by state."),
    "rondan_postings": ("gauge", "Postings by platform and state."),
    "rondan_lane_age_seconds": ("gauge", "How long the oldest posting that is due has waited, by platform."),
    "rondan_feeds": ("gauge", "Feeds by state."),
    "rondan_events_waiting": ("gauge", "Events that are kept and not folded yet."),
    "rondan_events_total": ("counter", "Events heard, by platform and kind."),
    "rondan_commands_total": ("counter", "Commands run, by platform and name."),
    "rondan_failures_total": ("counter", "Answers that failed by a fault of ours, by platform."),
    "rondan_too_many_total": ("counter", "Requests that a platform refused as too many (429)."),
}


class Health:
    """`down` tells of services that failed, by name; `ours`, whether this process is to be on a platform."""

    def __init__(
        self,
        db: Db,
        chats: Mapping[str, Chat],
        clock: Clock,
        down: Mapping[str, str],
        ours: Callable[[str], bool] = lambda _platform: True,
    ) -> None:
        self._db = db
        self._ours = ours
        self._chats = chats
        self._clock = clock
        self._down = down
        self._began = time.monotonic()

    async def lacks(self) -> list[str]:
        """Why it does not work as it should, in sentences without names and texts; none if it does."""
        found = [f"{name} is not running: see the log" for name in sorted(self._down)]
        found += [
            f"{name} is not connected"
            for name, chat in self._chats.items()
            if not chat.connected and name not in self._down and self._ours(name)
        ]
        try:
            if await health.poll_overdue(self._db, self._clock()) > OVERDUE:
                found.append("feeds are not being read")
            checked = await health.last_check(self._db)
        except RondanError as error:
            return [*found, f"the database can't be read: {error}"]
        if checked is not None and checked[1]:
            found.append("the database is damaged: see `rondan doctor`")
        return found

    # --- the listener ---

    async def serve(
        self, address: tuple[str, int], *, metrics: bool, ready: Callable[[int], None] | None = None
    ) -> None:
        """Answer until cancelled. `ready` is told the port. ConfigError if nobody can listen there."""
        app = web.Application()
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        if metrics:
            app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, *address).start()
            except OSError as error:
                raise ConfigError(
                    f"can't listen on {address[0]}:{address[1]} ({error.strerror or error}): set RONDAN_HEALTH to "
                    "another address, or to `off`"
                ) from error
            log.info("health.listening", port=runner.addresses[0][1])
            if ready is not None:
                ready(runner.addresses[0][1])
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        lacks = await self.lacks()
        return web.json_response({"ready": not lacks, "reasons": lacks}, status=503 if lacks else 200)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=(await self.metrics()).encode(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def metrics(self) -> str:
        """In Prometheus's text form."""
        counts = [
            health.Count("rondan_info", (("version", version("rondan")),), 1),
            health.Count("rondan_up_seconds", (), round(time.monotonic() - self._began, 1)),
            health.Count("rondan_ready", (), int(not await self.lacks())),
            *(
                health.Count("rondan_connected", (("platform", name),), int(chat.connected))
                for name, chat in self._chats.items()
            ),
            *await health.counts(self._db, self._clock()),
            *(health.Count(f"rondan_{name}_total", labels, number) for (name, labels), number in sorted(TALLY.items())),
        ]
        return written(counts)

    # --- the ping ---

    async def ping(self, address: str) -> None:
        """Ask for the address while all works, until cancelled. Whoever waits for it raises the alarm."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            while True:
                pause = PING_EVERY if await self._pinged(session, address) else TRY_AGAIN
                await asyncio.sleep(pause)

    async def _pinged(self, session: aiohttp.ClientSession, address: str) -> bool:
        if await self.lacks():
            return False
        try:
            async with session.get(address) as answer:
                if answer.status < 400:
                    return True
                log.warning("health.ping-refused", status=answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("health.not-pinged", error=type(error).__name__)  # its text may hold the address, a secret
        return False


def written(counts: Iterable[health.Count]) -> str:
    """Counts as lines, those of one name together under what it means."""
    by_name: dict[str, list[health.Count]] = {}
    for one in counts:
        by_name.setdefault(one.name, []).append(one)
    lines = []
    for name, some in by_name.items():
        kind, help_ = HELP[name]
        lines += [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
        for one in some:
            labels = ",".join(f'{label}="{value}"' for label, value in one.labels)
            lines.append(f"{name}{{{labels}}} {one.value}" if labels else f"{name} {one.value}")
    return "\n".join(lines) + "\n"
