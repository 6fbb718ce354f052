"""`python -m bench [--quick] [NAME…]`: run the benches (all, or those named) and print one JSON line a figure.

`--comments N` is how many comments `search` looks through.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import sys

import structlog

BENCHES = ("events", "feeds", "digest", "reading", "start", "discord", "slack", "search", "picture")


def main() -> None:
    """Run what is asked for."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--comments", type=int)
    asked = parser.parse_args()
    for name in asked.names or BENCHES:
        if name not in BENCHES:
            sys.exit(f"there is no bench {name!r}; there are: {', '.join(BENCHES)}")
        more = {"comments": asked.comments} if name == "search" else {}
        for line in asyncio.run(importlib.import_module(f"bench.{name}").measure(asked.quick, **more)):
            print(json.dumps(line, ensure_ascii=False), flush=True)


main()
