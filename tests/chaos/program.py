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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg

from storage import keyfile
from storage.spelling import told as spelled
from tests.standins.discord import Discord
from tests.standins.slack import Slack
from tests.test_kill import environment


class Program:
    """One process over a file, or `count` of them over the PostgreSQL database of an address.

    `errors` counts what it logged as errors, by event: faults make some, a finished run is judged by its rows.
    """

    def __init__(
        self, folder: Path, discord: Discord, slack: Slack, address: str | None = None, count: int = 1
    ) -> None:
        self.folder = folder
        self.address, self.count = address, count
        self.database = folder / "rondan.db"
        self.keys = keyfile.beside(self.database)
        self.pieces = folder / "pieces"
        self.pieces.mkdir()
        self.errors: Counter[str] = Counter()
        self.tracebacks: list[str] = []
        self.failure = ""  # of the last command
        self.last = ""  # that a process said in plain words, as one does that can't go on
        self._clock = folder / "clock"
        self._log = folder / "log"  # all that was said, for `--keep`
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
        if address is not None:
            self._environment |= {"RONDAN_DATABASE": address, "RONDAN_KEY_FILE": str(self.keys)}
        self._running: dict[asyncio.subprocess.Process, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """As many as there should be."""
        while len(self._running) < self.count:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.child"), env=self._environment, stderr=asyncio.subprocess.PIPE,
                limit=1 << 22,
            )  # fmt: skip
            self._running[process] = asyncio.create_task(self._read(process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            with self._log.open("ab") as log:
                log.write(line)
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                if told.get("level") == "error":
                    self.errors[str(told.get("event"))] += 1
                self.tracebacks += [_where(one) for one in told.get("exception", ())]
                continue
            self.last = line.decode(errors="replace").strip()[-300:]
            if line.startswith(b"Traceback"):  # what libraries log has no form and is not ours
                self.errors["traceback"] += 1
                self.tracebacks.append("Traceback")

    @property
    def runs(self) -> bool:
        return bool(self._running) and all(one.returncode is None for one in self._running)

    async def end(self, number: signal.Signals = signal.SIGKILL, most: int | None = None) -> int:
        """Kill them, or ask them to end, at most so many; the highest exit status."""
        ending = list(self._running)[:most]
        for process in ending:
            if process.returncode is None:
                process.send_signal(number)
        statuses = []
        for process in ending:
            statuses.append(await process.wait())
            await self._running.pop(process)
        return max(statuses, default=0, key=abs)

    async def command(self, *words: str) -> int:
        """`rondan WORDS` beside it; its exit status. What it says in failing is kept."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *words), env=self._environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await process.communicate()
        self.failure = said.decode(errors="replace")[-300:]
        assert process.returncode is not None
        return process.returncode

    # --- what is taken from it ---

    def move_clock(self, seconds: float) -> None:
        """Its time is so much before (or behind) the real one from now on."""
        self._moved = seconds
        new = self._clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self._clock)  # read at any moment, whole

    def fill_disk(self, full: bool = True) -> None:
        """No write beyond the first pages of a file succeeds: what a full disk does, without the right to mount one."""
        for process in self._running:
            if process.returncode is None:
                _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (8192 if full else most, most))

    async def lock_database(self, seconds: float) -> None:
        """Another program writes, and does not end. Nothing, if that one can't either."""
        if self.address is not None:
            connection = await asyncpg.connect(self.address)
            try:
                await connection.execute("begin; lock table heard, posting, leaf in exclusive mode")
                await asyncio.sleep(seconds)
            finally:
                await connection.close()
            return
        other = sqlite3.connect(self.database, isolation_level=None, timeout=0)
        try:
            with contextlib.suppress(sqlite3.OperationalError):
                other.execute("begin immediate")
                await asyncio.sleep(seconds)
                other.execute("rollback")
        finally:
            other.close()

    async def cut_database(self) -> None:
        """The server ends all of its connections, as when it is started anew. A file has none."""
        if self.address is not None:
            connection = await asyncpg.connect(self.address)
            try:
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname=current_database() and pid <> pg_backend_pid()"
                )
            finally:
                await connection.close()

    # --- what it knows ---

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """As of the last commit."""
        if self.address is not None:
            with ThreadPoolExecutor(1) as apart:
                return apart.submit(asyncio.run, _asked(self.address, spelled(sql)[0], args)).result()
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


async def _asked(address: str, sql: str, args: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(address)
    try:
        return [tuple(row) for row in await connection.fetch(sql, *args)]
    finally:
        await connection.close()
