"""How long the command line takes to answer, how long the bot takes until its page stands, what it holds when idle."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.program import RONDAN, cpu, family, resident

PIECES = Path(__file__).parents[1] / "bot/sample/pieces"
AIM_HELP_MS, AIM_READY_S, AIM_IDLE_MB = 250, 1.5, 110
IDLE_AFTER = 5  # seconds
PATIENCE = 60  # seconds for anything


async def _seconds(*command: str | Path, environment: dict[str, str] | None = None) -> float:
    """How long a command takes that must go well."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *map(str, command), env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return time.perf_counter() - began


async def _help(runs: int) -> dict[str, Any]:
    ours = [await _seconds(RONDAN, "--help") for _ in range(runs)]
    bare = [await _seconds(sys.executable, "-c", "pass") for _ in range(runs)]
    took, least = round(median(ours) * 1000), round(median(bare) * 1000)
    return {
        "bench": "help", "ms": took, "bare_python_ms": least, "ratio_to_bare": round(took / least, 1),
        "ratio_to_aim": round(took / AIM_HELP_MS, 2),
    }  # fmt: skip


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _run(environment: dict[str, str], idle: float) -> tuple[float, float, int, float]:
    """Seconds until ready; then after `idle` seconds MB, processes, and the share of a CPU in that time."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        str(RONDAN), "run", env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while line := await process.stderr.readline():
                if line.startswith(b"Playground:"):
                    break
            else:
                raise RuntimeError("`rondan run` ended before it was ready")
        ready = time.perf_counter() - began
        before = cpu(family(process.pid))
        await asyncio.sleep(idle)
        held = family(process.pid)
        return ready, resident(held), len(held), (cpu(held) - before) / idle if idle else 0
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()


async def ready_with(database: Path) -> float:
    """Seconds from the start to the page, with a database that is there."""
    given = {key: value for key, value in os.environ.items() if not key.startswith("RONDAN_")}
    own = {"RONDAN_DATABASE": str(database), "RONDAN_WEB": f"127.0.0.1:{_free_port()}", "RONDAN_LOG_LEVEL": "warning"}
    return (await _run(given | own | {"RONDAN_BACKUP_KEEP": "0"}, 0))[0]


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    runs = 3 if quick else 9
    lines = [await _help(runs)]
    with TemporaryDirectory() as name:
        given = {key: value for key, value in os.environ.items() if not key.startswith("RONDAN_")}
        environment = given | {
            "RONDAN_DATABASE": f"{name}/rondan.db",
            "RONDAN_WEB": f"127.0.0.1:{_free_port()}",
            "RONDAN_LOG_LEVEL": "warning",
        }
        await _seconds(RONDAN, "place", "add", "web:general", environment=environment)
        await _seconds(RONDAN, "import", PIECES, environment=environment)
        await _run(environment, 1)  # posts the pieces
        starts = [(await _run(environment, 0))[0] for _ in range(runs)]
        ready = round(median(starts), 2)
        lines.append({"bench": "start to ready", "s": ready, "ratio_to_aim": round(ready / AIM_READY_S, 2)})
        _, held, processes, busy = await _run(environment, 1 if quick else IDLE_AFTER)
        lines.append(
            {"bench": "idle", "resident_mb": round(held), "processes": processes, "cpu_share": round(busy, 3),
             "ratio_to_aim": round(held / AIM_IDLE_MB, 2)}
        )  # fmt: skip
    return [{**line, "load": round(os.getloadavg()[0], 1)} for line in lines]
