"""Feeds polled a second: nothing new, one item new or edited, and with the database; beside plain loops in the run.

The feeds come from a server of our own in another process on loopback, gzip'd, about 170 kB and 40 items each; one
connection is used again and again, which real feeds of a thousand hosts don't allow. The machine's other work shows in
every figure, so the CPU time of one feed is given beside the rate.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from bench.feed_server import ITEMS, feed_xml, serving
from bot.polling import Poller
from bot.sources.answers import Feed
from bot.sources.fetch import Fetched, Fetcher
from bot.sources.parser_pool import ParserPool
from core.chat import Place
from core.times import micros, now
from storage import places, schema, sources
from storage.db import Tx
from storage.sqlite import SqliteDb

AT_ONCE = 50
AIM_UNCHANGED, AIM_CHANGED = 8_000, 800  # a second


class _Cost:
    """Wall and CPU time of a stretch, our process and the parsers' apart."""

    def __init__(self, pool: ParserPool | None = None) -> None:
        self._pool = pool
        self._began = (time.perf_counter(), time.process_time(), self._parsers())

    def _parsers(self) -> float:
        ticks = 0
        for pid in self._pool.pids if self._pool else ():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def of(self, count: int) -> dict[str, float]:
        """Figures for `count` feeds."""
        wall, ours, parsers = self._began
        took = time.perf_counter() - wall
        figures = {
            "feeds_per_s": round(count / took),
            "cpu_ms": round((time.process_time() - ours) / count * 1000, 3),
        }
        if self._pool:
            figures["parser_cpu_ms"] = round((self._parsers() - parsers) / count * 1000, 3)
        return figures


def _medians(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(run[name] for run in runs), 3) for name in runs[0]}


async def _sweep(feeds: Sequence[int], work: Callable[[int], Awaitable[None]]) -> None:
    """Every feed once, 50 at the same time."""
    waiting = iter(feeds)

    async def worker() -> None:
        for feed in waiting:
            await work(feed)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


class _Client:
    """The real fetcher and pool over one server, and what they know of each feed."""

    def __init__(self, base: str, fetcher: Fetcher, pool: ParserPool, bare: aiohttp.ClientSession) -> None:
        self.base = base
        self.fetcher = fetcher
        self.pool = pool
        self.bare = bare
        self.fetched: dict[int, Fetched] = {}
        self.known: dict[int, dict[str, str]] = {}

    def url(self, feed: int) -> str:
        return f"{self.base}/f/{feed}"

    async def version(self, number: int) -> None:
        async with self.bare.get(f"{self.base}/version/{number}") as answer:
            await answer.read()

    async def unchanged(self, feed: int) -> None:
        before = self.fetched[feed]
        assert (await self.fetcher.fetch(self.url(feed), etag=before.etag, body_hash=before.hash)).not_modified

    async def unchanged_barely(self, feed: int) -> None:
        async with self.bare.get(self.url(feed), headers={"If-None-Match": self.fetched[feed].etag or ""}) as answer:
            await answer.read()
            assert answer.status == 304

    async def changed(self, feed: int) -> Feed:
        before = self.fetched.get(feed)
        fetched = await self.fetcher.fetch(
            self.url(feed), etag=before.etag if before else None, body_hash=before.hash if before else None
        )
        known = self.known.setdefault(feed, {})
        shown = await self.pool.parse(fetched.body, fetched.content_type, fetched.final_url, known)
        self.fetched[feed] = replace(fetched, body=b"")
        for found in shown.entries:
            known.update((identity, found.fingerprint) for identity in found.identities)
        return shown

    async def one_new(self, feed: int) -> None:
        shown = await self.changed(feed)
        assert (len(shown.entries), len(shown.unchanged)) == (1, ITEMS - 1), (feed, shown.entries[:2])

    async def first_look(self, feed: int) -> None:
        assert len((await self.changed(feed)).entries) == ITEMS

    async def changed_barely(self, feed: int) -> None:
        async with self.bare.get(self.url(feed)) as answer:
            assert len(await answer.read()) > 100_000

    async def changed_by_feedparser(self, feed: int) -> None:
        """The plain loop: the same fetcher, feedparser in the loop."""
        import feedparser

        fetched = await self.fetcher.fetch(self.url(feed))
        assert len(feedparser.parse(io.BytesIO(fetched.body)).entries) == ITEMS


async def _unchanged(client: _Client, feeds: range, rounds: int) -> dict[str, Any]:
    ours, bare = [], []
    for _ in range(rounds):  # one after the other, so that both see the same weather
        cost = _Cost()
        await _sweep([*feeds] * 4, client.unchanged)
        ours.append(cost.of(len(feeds) * 4))
        cost = _Cost()
        await _sweep([*feeds] * 4, client.unchanged_barely)
        bare.append(cost.of(len(feeds) * 4))
    mine, limit = _medians(ours), _medians(bare)
    return {
        "bench": "feeds unchanged", **mine, "bare_aiohttp_per_s": limit["feeds_per_s"],
        "bare_aiohttp_cpu_ms": limit["cpu_ms"],
        "ratio_to_bare": round(mine["feeds_per_s"] / limit["feeds_per_s"], 3),
        "ratio_to_aim": round(mine["feeds_per_s"] / AIM_UNCHANGED, 2),
    }  # fmt: skip


async def _changed(client: _Client, feeds: range, versions: int) -> dict[str, Any]:
    """After one change that isn't counted: with it the second process starts and reads the feeds of its own."""
    ours, bare, plain = [], [], []
    await client.version(1)
    cold = _Cost(client.pool)
    await _sweep(feeds, client.one_new)
    first = cold.of(len(feeds))
    sample = feeds[:: max(1, len(feeds) // 25)]
    for version in range(2, versions):
        await client.version(version)
        cost = _Cost(client.pool)
        await _sweep(feeds, client.one_new)
        ours.append(cost.of(len(feeds)))
        cost = _Cost()
        await _sweep(feeds, client.changed_barely)
        bare.append(cost.of(len(feeds)))
        cost = _Cost()
        await _sweep(sample, client.changed_by_feedparser)
        plain.append(cost.of(len(sample)))
    mine, limit, peer = _medians(ours), _medians(bare), _medians(plain)
    return {
        "bench": "feeds changed", **mine, "processes": client.pool.processes,
        "first_per_s": first["feeds_per_s"], "first_parser_cpu_ms": first["parser_cpu_ms"],
        "bare_aiohttp_per_s": limit["feeds_per_s"],
        "ratio_to_bare": round(mine["feeds_per_s"] / limit["feeds_per_s"], 3),
        "feedparser_per_s": peer["feeds_per_s"],
        "ratio_to_feedparser": round(mine["feeds_per_s"] / max(peer["feeds_per_s"], 1), 1),
        "ratio_to_aim": round(mine["feeds_per_s"] / AIM_CHANGED, 2),
    }  # fmt: skip


async def _kept(base: str, feeds: range, versions: int, folder: Path) -> list[dict[str, Any]]:
    """The real poller on its schedule over the real database. Every feed is a place's."""
    db = await SqliteDb.open(folder / "feeds.db")
    async with (
        Fetcher(allow_private=True, per_host=AT_ONCE) as fetcher,
        ParserPool() as pool,
        aiohttp.ClientSession() as bare,
    ):
        try:
            await schema.migrate(db, now())
            await places.add_place(db, Place(id=0, platform="web", channel="general"), "place", now())
            client = _Client(base, fetcher, pool, bare)
            await db.write(lambda tx: _add_feeds(tx, [client.url(feed) for feed in feeds]))
            poller = Poller(db, fetcher, pool, now, lambda: None)
            costs: dict[str, list[dict[str, float]]] = {"first look": [], "new": [], "edited": [], "unchanged": []}
            for version in range(versions):
                await client.version(version)
                cost = _Cost(pool)
                await _poll_all(db, poller, version)
                # As in `_changed`, the first change isn't counted. An edit of what was only seen stays unposted.
                if version != 1:
                    what = "first look" if version == 0 else "new" if version % 2 else "edited"
                    costs[what].append(cost.of(len(feeds)))
                assert [row["n"] for row in await db.read("select count(*) as n from piece")] == [
                    len(feeds) * ((version + 1) // 2)
                ]
                cost = _Cost()
                await _poll_all(db, poller, version)
                costs["unchanged"].append(cost.of(len(feeds)))
            lines = []
            for what, runs in costs.items():
                figures = _medians(runs)
                aim = AIM_UNCHANGED if what == "unchanged" else AIM_CHANGED
                ratio = round(figures["feeds_per_s"] / aim, 2)
                lines.append({"bench": f"feeds {what}, kept", **figures, "ratio_to_aim": ratio})
            return lines
        finally:
            await db.close()


async def _add_feeds(tx: Tx, addresses: Sequence[str]) -> None:
    for address in addresses:
        await sources.add_source(
            tx, kind="feed", address=address, title="", text_mode="excerpt", review=False, places=(), now=now()
        )


async def _poll_all(db: SqliteDb, poller: Poller, version: int) -> None:
    """Make every feed due and have the poller ask them all."""
    began = now()
    await db.write(lambda tx: tx.run("update source set next_check_at=?", micros(began)))
    running = asyncio.create_task(poller.run())
    while (await sources.next_poll(db) or began) <= began:  # noqa: ASYNC110 - the poller tells nobody
        await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for feed in await sources.sources(db, "feed"):
        number = feed.address.rpartition("/")[2]
        assert (feed.error, feed.etag) == (None, f'"{number}-{version}"'), feed  # written with what the feed brought


def _resident(*pids: int) -> float:
    """MB that these processes have in memory."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def memory(base: str, feeds: int) -> None:
    """MB before and after polling so many feeds, in a process of its own; prints one number each."""
    async with (
        Fetcher(allow_private=True, per_host=AT_ONCE) as fetcher,
        ParserPool() as pool,
        aiohttp.ClientSession() as bare,
    ):
        client = _Client(base, fetcher, pool, bare)
        await client.version(0)
        start = _resident(os.getpid())
        await client.first_look(0)
        one = _resident(os.getpid(), *pool.pids)
        await _sweep(range(1, feeds), client.first_look)
        await client.version(1)
        await _sweep(range(feeds), client.one_new)
        print(start, one, _resident(os.getpid()), _resident(*pool.pids), len(pool.pids))


async def _memory(base: str, feeds: int) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.feeds", "memory", base, str(feeds)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    start, one, ours, parsers, count = map(float, (await process.stdout.read()).split())
    await process.wait()
    return {
        "bench": f"memory of {feeds} feeds", "before_mb": round(start), "after_one_mb": round(one),
        "after_mb": round(ours + parsers), "parsers_mb": round(parsers), "parsers": int(count),
        "growth_mb": round(ours + parsers - one), "growth_kb_per_feed": round((ours + parsers - one) * 1000 / feeds, 1),
    }  # fmt: skip


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    count, versions, rounds = (100, 5, 3) if quick else (1000, 6, 5)
    feeds = range(count)
    with TemporaryDirectory() as name:
        async with serving(count, versions) as base:
            async with (
                Fetcher(allow_private=True, per_host=AT_ONCE) as fetcher,
                ParserPool() as pool,
                aiohttp.ClientSession() as bare,
            ):
                client = _Client(base, fetcher, pool, bare)
                await _sweep(feeds, client.first_look)
                lines = [await _unchanged(client, feeds, rounds), await _changed(client, feeds, versions)]
            lines += await _kept(base, feeds, versions, Path(name))
            lines.append(await _memory(base, count))
    size = sum(len(feed_xml(feed, 0)) for feed in range(4)) / 4
    weather = {"load": round(os.getloadavg()[0], 1), "body_kb": round(size / 1000)}
    return [{**line, **weather} for line in lines]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["memory", base_, feeds_]:
            asyncio.run(memory(base_, int(feeds_)))
