"""Feeds polled a second: nothing new, one item new or edited, and with the database; beside plain loops in the run.

The feeds come from a server of our own in another process on loopback, gzip'd, about 170 kB and 40 items each; one
connection is used again and again, which real feeds of a thousand hosts don't allow. The machine's other work shows in
every figure, so the CPU time of one feed is given beside the rate.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from html import escape
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from typing_extensions import override

from bot.polling import Polled, Poller
from bot.sources.answers import Feed
from bot.sources.fetch import Fetched, Fetcher
from bot.sources.parser_pool import ParserPool
from core.chat import Place
from core.times import now
from storage import places, schema, sources
from storage.db import SqliteDb, Tx

ITEMS = 40
AT_ONCE = 50
AIM_UNCHANGED, AIM_CHANGED = 8_000, 800  # a second
PARAGRAPHS = {
    "en": "The council voted on the night bus again, and the fare remains what divides its readers most of all. "
    "A commentator may hold both that the line pays for itself and that nobody under twenty can afford it. ",
    "ja": "夜行バスの運賃について、議会は再び採決を行った。路線は採算が取れているという見方と、若い世代には高すぎると"
    "いう見方があり、筆者はどちらにも一理あると考える。",
}

# --- the server ---


def _body(feed: int, item: int, edit: int) -> str:
    """The HTML of one item, about 4 kB."""
    dice = random.Random(feed * 1_000_003 + item)
    text = PARAGRAPHS["ja" if feed % 2 else "en"]
    parts = []
    for number in range(8 if feed % 2 else 9):
        at = dice.randrange(20, len(text) - 20)
        words = f"{text[at:]}<b>{dice.randrange(10**6)}</b> {text[:at]} &amp; {dice.randrange(10**6)}"
        link = f'<a href="https://pub{feed}.example/{dice.randrange(10**6)}?a=1&amp;b=2" rel="nofollow">{number}</a>'
        parts.append(f'<p class="entry-{number}" style="margin: 0">{words} {link}<br>{text[: at // 2]}</p>\n')
    if dice.random() < 0.5:
        parts.append(f'<img src="https://pub{feed}.example/{item}.jpg" width="640" height="480" alt=""/>')
    if edit:
        parts.append(f"<p>Corrected {edit} times.</p>")
    return "".join(parts)


def _item(feed: int, item: int, edit: int) -> str:
    link = f"https://pub{feed}.example/2026/piece-{item}"
    html = _body(feed, item, edit)
    minute = f"{item // 60 % 24:02}:{item % 60:02}:00"
    if feed % 4 == 3:
        return (
            f'<entry><id>tag:pub{feed}.example,2026:{item}</id><title>Piece {item}</title><link href="{link}"/>'
            f"<author><name>Writer {item % 5}</name></author><updated>2026-11-20T{minute}Z</updated>"
            f'<content type="html">{escape(html)}</content></entry>\n'
        )
    text = f"<![CDATA[{html}]]>" if feed % 2 else escape(html)
    return (
        f'<item><title>Piece {item}</title><link>{link}</link><guid isPermaLink="false">{feed}-{item}</guid>'
        f"<pubDate>Fri, 20 Nov 2026 {minute} GMT</pubDate><dc:creator>Writer {item % 5}</dc:creator>"
        f"<category>buses</category><description>{text}</description></item>\n"
    )


def feed_xml(feed: int, version: int) -> bytes:
    """A feed as it stands in a version: every odd one has an item more, every even one an edited item."""
    first = (version + 1) // 2
    edits = {(even + 1) // 2 + 20: even for even in range(2, version + 1, 2)}
    items = "".join(_item(feed, item, edits.get(item, 0)) for item in reversed(range(first, first + ITEMS)))
    prolog = '<?xml version="1.0" encoding="utf-8"?>\n'
    if feed % 4 == 3:
        head = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Publication {feed}</title><id>{feed}</id>'
        return f"{prolog}{head}{items}</feed>".encode()
    head = f"<title>Publication {feed}</title><link>https://pub{feed}.example/</link><language>en</language>"
    spaces = 'version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return f"{prolog}<rss {spaces}><channel>{head}{items}</channel></rss>".encode()


class _Server(asyncio.Protocol):
    """Answers `/f/N` with what is ready; `/version/V` chooses the version for everybody. As bare as can be, so that
    what is measured is the client.
    """

    ready: dict[tuple[int, int], tuple[bytes, bytes]]  # (version, feed) → (ETag, whole answer)
    version = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard = b""

    @override
    def data_received(self, data: bytes) -> None:
        self._heard += data
        while b"\r\n\r\n" in self._heard:
            asked, _, self._heard = self._heard.partition(b"\r\n\r\n")
            self._transport.write(self._answer(asked))

    def _answer(self, asked: bytes) -> bytes:
        kind, number = asked.split(b" ", 2)[1].split(b"/")[1:3]
        if kind == b"version":
            _Server.version = int(number)
            return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        etag, whole = self.ready[_Server.version, int(number)]
        if etag in asked:
            return b"HTTP/1.1 304 Not Modified\r\nETag: " + etag + b"\r\n\r\n"
        return whole


async def serve(feeds: int, versions: int) -> None:
    """Serve until standard input closes; prints the port when ready."""
    ready = {}
    for version in range(versions):
        for feed in range(feeds):
            packed = gzip.compress(feed_xml(feed, version), 1)
            etag = f'"{feed}-{version}"'.encode()
            kind = b"application/atom+xml" if feed % 4 == 3 else b"application/rss+xml"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: %b; charset=utf-8\r\nContent-Encoding: gzip\r\nETag: %b\r\n"
            head = head % (kind, etag) + b"Content-Length: %d\r\n\r\n" % len(packed)
            ready[version, feed] = (etag, head + packed)
    _Server.ready = ready
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


@asynccontextmanager
async def _feeds(feeds: int, versions: int) -> AsyncIterator[str]:
    """The address of a running server, without the number of the feed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.feeds", "serve", str(feeds), str(versions)), stdin=pipe, stdout=pipe
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


# --- measuring ---


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
    ours, bare, plain = [], [], []
    sample = feeds[:: max(1, len(feeds) // 25)]
    for version in range(1, versions):
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
        "bare_aiohttp_per_s": limit["feeds_per_s"],
        "ratio_to_bare": round(mine["feeds_per_s"] / limit["feeds_per_s"], 3),
        "feedparser_per_s": peer["feeds_per_s"],
        "ratio_to_feedparser": round(mine["feeds_per_s"] / max(peer["feeds_per_s"], 1), 1),
        "ratio_to_aim": round(mine["feeds_per_s"] / AIM_CHANGED, 2),
    }  # fmt: skip


async def _kept(base: str, feeds: range, versions: int, folder: Path) -> list[dict[str, Any]]:
    """The real poller over the real database: first look, changed, unchanged. Every feed is a place's."""
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
            await client.version(0)
            await _poll_all(db, poller, feeds, lambda one: one.seen == ITEMS)
            changed, unchanged = [], []
            for version in range(1, versions):
                await client.version(version)
                cost = _Cost(pool)
                # An edit of what was only seen at the first look stays unposted.
                await _poll_all(db, poller, feeds, lambda one: (one.new, one.seen) in ((1, 0), (0, 1)))
                changed.append(cost.of(len(feeds)))
                cost = _Cost()
                await _poll_all(db, poller, feeds, lambda one: one.not_modified)
                unchanged.append(cost.of(len(feeds)))
            return [
                {"bench": f"feeds {what}, kept", **figures, "ratio_to_aim": round(figures["feeds_per_s"] / aim, 2)}
                for what, figures, aim in (
                    ("changed", _medians(changed), AIM_CHANGED),
                    ("unchanged", _medians(unchanged), AIM_UNCHANGED),
                )
            ]
        finally:
            await db.close()


async def _add_feeds(tx: Tx, addresses: Sequence[str]) -> None:
    for address in addresses:
        await sources.add_source(
            tx, kind="feed", address=address, title="", text_mode="excerpt", review=False, places=(), now=now()
        )


async def _poll_all(db: SqliteDb, poller: Poller, feeds: range, right: Callable[[Polled], bool]) -> None:
    by_number = dict(zip(feeds, await sources.sources(db, "feed"), strict=True))

    async def poll(number: int) -> None:
        polled = await poller.poll(by_number[number])
        assert right(polled), polled

    await _sweep(feeds, poll)


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
    count, versions, rounds = (100, 3, 3) if quick else (1000, 6, 5)
    feeds = range(count)
    with TemporaryDirectory() as name:
        async with _feeds(count, versions) as base:
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
        case ["serve", feeds_, versions_]:
            asyncio.run(serve(int(feeds_), int(versions_)))
        case ["memory", base_, feeds_]:
            asyncio.run(memory(base_, int(feeds_)))
