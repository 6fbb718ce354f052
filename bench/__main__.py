"""`python -m bench [--quick] [NAME…]`: run the benches (all, or those named) and print one JSON line a figure."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys

import structlog

BENCHES = ("events", "feeds", "digest", "start", "discord", "slack")


def main() -> None:
    """Run what is asked for."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    quick = "--quick" in sys.argv
    names = [name for name in sys.argv[1:] if not name.startswith("-")] or list(BENCHES)
    for name in names:
        if name not in BENCHES:
            sys.exit(f"there is no bench {name!r}; there are: {', '.join(BENCHES)}")
        for line in asyncio.run(importlib.import_module(f"bench.{name}").measure(quick)):
            print(json.dumps(line, ensure_ascii=False), flush=True)


main()
