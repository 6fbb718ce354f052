"""What systemd is told of a service of `Type=notify`: that it is ready, that it stops, that its loop still turns."""

from __future__ import annotations

import asyncio
import os
import socket

import structlog

log = structlog.get_logger()


def tell(state: str) -> None:
    """Send `READY=1` and the like to who started us, if they want to know (`NOTIFY_SOCKET`)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)  # who does not read must not stop our loop
            line.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            line.sendall(state.encode())
    except OSError as error:
        log.warning("systemd.not-told", state=state, error=str(error))


async def watch() -> None:
    """Say twice in each `WATCHDOG_USEC` that the loop turns: systemd starts us anew when it does not hear it."""
    limit = int(os.environ.get("WATCHDOG_USEC") or 0) / 1_000_000
    while limit:
        tell("WATCHDOG=1")
        await asyncio.sleep(limit / 2)
