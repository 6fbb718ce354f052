"""The program under test, in a process of its own: started, killed, robbed of its disk, its database and its time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.standins.discord import Discord
from tests.standins.slack import Slack
from tests.test_kill import environment


class Program:
    """`errors` counts what it logged as errors, by event: faults make some, a finished run is judged by its rows."""

    def __init__(self, folder: Path, discord: Discord, slack: Slack) -> None:
        self.folder = folder
        self.database = folder / "rondan.db"
        self.pieces = folder / "pieces"
        self.pieces.mkdir()
        self.errors: Counter[str] = Counter()
        self.tracebacks: list[str] = []
        self._clock = folder / "clock"
        self._moved = 0.0
        self.move_clock(0)
        self._environment = environment(folder) | {
            "CHAOS_CLOCK": str(self._clock), "RONDAN_WEB": "off", "RONDAN_LOG": "json", "RONDAN_LOG_LEVEL": "warning",
            "RONDAN_FOLDERS": str(self.pieces), "RONDAN_FEED_ALLOW_PRIVATE": "1", "RONDAN_PICTURES": "0",
            "RONDAN_DISCORD_TOKEN": discord.token, "RONDAN_DISCORD_API": discord.api,
            "RONDAN_DISCORD_GATEWAY": discord.gateway, "RONDAN_DISCORD_RATE": "5000",
            "RONDAN_SLACK_BOT_TOKEN": slack.bot_token, "RONDAN_SLACK_APP_TOKEN": slack.app_token,
            "RONDAN_SLACK_API": slack.api,
        }  # fmt: skip
        self.process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.child"), env=self._environment, stderr=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                if told.get("level") == "error":
                    self.errors[str(told.get("event"))] += 1
                self.tracebacks += [_where(one) for one in told.get("exception", ())]
                continue
            if line.startswith(b"Traceback"):  # what libraries log has no form and is not ours
                self.errors["traceback"] += 1
                self.tracebacks.append("Traceback")

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Kill it, or ask it to end; its exit status."""
        assert self.process is not None
        assert self._reading is not None
        if self.runs:
            self.process.send_signal(number)
        status = await self.process.wait()
        await self._reading
        return status

    # --- what is taken from it ---

    def move_clock(self, seconds: float) -> None:
        """Its time is so much before (or behind) the real one from now on."""
        self._moved = seconds
        new = self._clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self._clock)  # read at any moment, whole

    def fill_disk(self, full: bool = True) -> None:
        """No write beyond the first pages of a file succeeds: what a full disk does, without the right to mount one."""
        if self.runs:
            assert self.process is not None
            _, most = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (8192 if full else most, most))

    async def lock_database(self, seconds: float) -> None:
        """Another program writes, and does not end. Nothing, if that one can't either."""
        other = sqlite3.connect(self.database, isolation_level=None, timeout=0)
        try:
            with contextlib.suppress(sqlite3.OperationalError):
                other.execute("begin immediate")
                await asyncio.sleep(seconds)
                other.execute("rollback")
        finally:
            other.close()

    # --- what it knows ---

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """As of the last commit."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql, args).fetchall()
        finally:
            connection.close()

    def descendants(self) -> list[int]:
        """Processes that it started and that outlived it."""
        found = []
        for one in Path("/proc").iterdir():
            if one.name.isdigit() and int(one.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if f"CHAOS_CLOCK={self._clock}".encode() in (one / "environ").read_bytes().split(b"\0"):
                        found.append(int(one.name))
        return found


def _where(told: dict[str, Any]) -> str:
    """An exception as `structlog` writes it down, in one line."""
    last = "".join(f" at {one['filename']}:{one['lineno']}" for one in told["frames"][-1:])
    return f"{told['exc_type']}: {told['exc_value']}{last}"
