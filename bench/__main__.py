"""`python -m bench [--quick] [NAME…]`: run the benches (all, or those named) and print one JSON line a figure.

`--comments N` is how many comments `search` looks through, `--engine postgres` where. `desk` and `soak` take long,
so they run only when they are named: `desk --seconds 60 --rate 500`, `soak --minutes 60 --rate 200`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import sys

import structlog

BENCHES = ("events", "lanes", "feeds", "digest", "reading", "start", "discord", "slack", "search", "picture")
LONG = ("desk", "soak", "pipeline", "growth")
OPTIONS = {
    "search": ("comments", "engine"),
    "digest": ("engine",),
    "desk": ("seconds", "rate"),
    "soak": ("minutes", "rate"),
}


def main() -> None:
    """Run what is asked for."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES + LONG))
    parser.add_argument("--quick", action="store_true")
    for option in ("comments", "seconds", "minutes", "rate"):
        parser.add_argument(f"--{option}", type=int)
    parser.add_argument("--engine", choices=("sqlite", "postgres"))
    asked = parser.parse_args()
    for name in asked.names or BENCHES:
        if name not in BENCHES + LONG:
            sys.exit(f"there is no bench {name!r}; there are: {', '.join(BENCHES + LONG)}")
        given = {option: getattr(asked, option) for option in OPTIONS.get(name, ())}
        more = {option: value for option, value in given.items() if value is not None}
        for line in asyncio.run(importlib.import_module(f"bench.{name}").measure(asked.quick, **more)):
            print(json.dumps(line, ensure_ascii=False), flush=True)


main()
