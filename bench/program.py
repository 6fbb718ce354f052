"""`rondan run` over the stand-in for Discord, a process of its own; and what processes hold and use."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.discord_server import Address

RONDAN = Path(sys.executable).with_name("rondan")
PATIENCE = 60  # seconds for its end


class Program:
    """The running program, from outside."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process, self._log = process, log

    @property
    def pid(self) -> int:
        assert self._process.returncode is None, f"`rondan run` ended: {self._log.read_text()[-2000:]}"
        return self._process.pid

    def warnings(self) -> int:
        """Lines of its log, which is at the level of warnings."""
        return len(self._log.read_text().splitlines())


def _environment(folder: Path) -> dict[str, str]:
    given = {key: value for key, value in os.environ.items() if not key.startswith("RONDAN_")}
    return given | {"RONDAN_DATABASE": str(folder / "rondan.db")}


async def import_piece(folder: Path) -> None:
    """`rondan import` of a new piece, while the program runs."""
    path = folder / "new.md"
    path.write_text("# 夜行バスの運賃\n\n運賃は上がらない。The town pays.\n\n## Costs\n\nIt costs less than feared.\n")
    process = await asyncio.create_subprocess_exec(
        *(str(RONDAN), "import", str(path)), env=_environment(folder), stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


@asynccontextmanager
async def program(at: Address, folder: Path, rate: float, **more: str) -> AsyncIterator[Program]:
    """It over the database in a folder, ended as an operator ends it. `more` are further settings."""
    environment = _environment(folder) | {
        "RONDAN_WEB": "off", "RONDAN_LOG": "json",
        "RONDAN_LOG_LEVEL": "warning",
        "RONDAN_DISCORD_TOKEN": at.token, "RONDAN_DISCORD_API": at.api, "RONDAN_DISCORD_GATEWAY": at.gateway,
        "RONDAN_DISCORD_RATE": str(rate), **more,
    }  # fmt: skip
    path = folder / "log"
    with path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(RONDAN), "run", env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=log
        )
        try:
            yield Program(process, path)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                await process.wait()


def family(pid: int) -> list[int]:
    """A process and everything that it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def resident(pids: list[int]) -> float:
    """MB in memory, pages that several share counted for each."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu(pids: list[int]) -> float:
    """Seconds of CPU time that they have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def handles(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
