"""`python -m tests.chaos [--seed N] [--kills 200] [--events 100000]`: one run, one line of JSON; 1 if it is wrong."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.run import Run
from tests.standins import postgres as pg
from tests.standins.postgres import server


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=0, help="end after the round in which they are over")
    parser.add_argument("--processes", type=int, default=1, help="more than one: over a PostgreSQL of their own")
    parser.add_argument("--keep", type=Path, help="a new folder to leave everything in")
    asked = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = asked.keep or Path(name)
        folder.mkdir(exist_ok=True)
        with server() if asked.processes > 1 else nullcontext() as there:
            address = there and asyncio.run(pg.created(there))
            run = Run(asked.seed, folder, address, asked.processes)
            report = asyncio.run(run(kills=asked.kills, events=asked.events, seconds=asked.seconds))
    print(json.dumps(report.to_json(), ensure_ascii=False))
    sys.exit(0 if report.good else 1)


main()
