"""`rondan run` as it is, with shorter pauses and a clock that the harness can move.

The program takes its time from `core.times.now` alone, so that is what is set, before anything else is imported: the
real time and what stands in the file that CHAOS_CLOCK names.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core import settle, times

CLOCK = Path(os.environ["CHAOS_CLOCK"])


def moved() -> datetime:
    """The real time, moved."""
    return datetime.now(UTC) + timedelta(seconds=float(CLOCK.read_text()))


def soon(attempts: int) -> timedelta:
    """As `back_off`, without its hours."""
    return timedelta(seconds=min(0.2 * 2 ** min(attempts, 12), 2))


times.now, settle.back_off, settle.LOOK_AFTER = moved, soon, timedelta(seconds=0.3)

from bot import cli, collect, folders, polling, roles, supervision  # noqa: E402 - after the clock is set
from bot.platforms.discord import client  # noqa: E402
from bot.platforms.slack import api, sockets  # noqa: E402
from bot.sources import schedule  # noqa: E402

schedule.SHORTEST, schedule.LONGEST = timedelta(seconds=0.5), timedelta(seconds=2)
polling.UNKEPT = 1.0
folders.LOOK_EVERY, folders.SETTLED = 0.3, 0.1
collect.RECALL_AGAIN, collect.LONGEST_AGAIN = 0.3, 2.0
supervision.FIRST_PAUSE, supervision.LONGEST_PAUSE = 0.2, 2.0
client.IDENTIFY_EVERY, client.LAUNCH_AGAIN, client.LONGEST_WAIT, client.LONGEST_REST = 0.05, 0.2, 0.3, 0.3
client.GUILDS_WITHIN = 0.1
roles.BEAT, roles.LEASE, roles.MARGIN = 0.3, 4.0, 1.5
api.POST_EVERY = 0.01
sockets.STALE, sockets.APART, sockets.LOOK_EVERY, sockets.PROBE_EVERY = 1.0, 0.1, 0.1, 0.3

sys.argv = ["rondan", "run"]
cli.main()
