"""From an item that appears in a feed to the last of many places that shows it, at the rate that Discord allows.

The feed, its poll, the piece, its postings, the lanes, discord.py and the stand-in for Discord are all there; only the
wait until the feed is due is left out. Beside it the floor: as many posts as there are places, at that rate.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import web

from bench.discord_program import posted, running
from bench.discord_server import serving
from bench.engines import engines
from bench.feed_server import PARAGRAPHS
from tests.standins import postgres as pg

AIM_OVER_FLOOR = 1.05


class _Feed:
    """A feed of one address whose items can be added to."""

    def __init__(self) -> None:
        self.items = 1

    async def answer(self, _request: web.Request) -> web.Response:
        items = "".join(
            f"<item><title>Piece {n}</title><guid isPermaLink='false'>{n}</guid><link>https://pub.example/{n}</link>"
            f"<description>&lt;p&gt;{PARAGRAPHS['en' if n % 2 else 'ja']}&lt;/p&gt;</description></item>"
            for n in reversed(range(self.items))
        )
        body = f"<?xml version='1.0'?><rss version='2.0'><channel><title>Pub</title>{items}</channel></rss>"
        return web.Response(body=body.encode(), content_type="application/rss+xml")

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/feed", self.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/feed"
        finally:
            await runner.cleanup()


async def _run(folder: Path, database: str | None, places: int, rate: int) -> dict[str, Any]:
    feed = _Feed()
    async with serving() as far, feed.served() as address:
        await far("limit", rate=rate, delay=0.1)
        world = await far("world", guilds=max(1, places // 50), channels=min(places, 50), layouts=["card"])
        async with running(far.at, folder, rate, world, database) as house:
            source, _ = await house.feeds.take(address, tell=lambda _said: None)
            await far("tally")
            feed.items += 1
            began, cpu = time.perf_counter(), time.process_time()
            await house.poller.poll(source)
            polled = time.perf_counter() - began
            await posted(house, within=places / rate * 3 + 60)
            took, spent = time.perf_counter() - began, time.process_time() - cpu
        told, shown = await far("tally"), await far("shown")
    floor = places / rate
    return {
        "places": places, "rate": rate, "seconds": round(took, 2), "floor_s": round(floor, 2),
        "ratio_to_floor": round(took / floor, 3), "aim": AIM_OVER_FLOOR, "poll_s": round(polled, 2),
        "cpu_ms_per_place": round(spent / places * 1000, 2), "too_many_429": told["statuses"].get("429", 0), **shown,
    }  # fmt: skip


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    lines = []
    with TemporaryDirectory() as name, engines() as there:
        for engine, address in there.items():
            folder = Path(name) / engine
            folder.mkdir()
            database = None
            if address is not None:
                await pg.execute(address, "create database pipeline")
                database = pg.at(address, "pipeline")
            figures = await _run(folder, database, *((100, 50) if quick else (1_000, 50)))
            lines.append({"bench": "feed to places", "engine": engine, **figures, "load": round(os.getloadavg()[0], 1)})
    return lines
