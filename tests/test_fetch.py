"""Fetching over loopback: validators, redirects, bounds, and the guard against private addresses."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import pytest_asyncio
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from bot.sources import fetch, opml, schedule
from bot.sources.discover import discover
from bot.sources.fetch import Fetched, Fetcher
from bot.sources.parser_pool import ParserPool
from core.errors import SourceError
from tests.standins.feeds import FeedServer

FEED = "<rss version='2.0'><channel><title>論壇</title><item><title>一</title><guid>1</guid></item></channel></rss>"


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with FeedServer() as running:
        yield running


@pytest_asyncio.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Fetcher(allow_private=True, total=2) as open_:
        yield open_


class Names(AbstractResolver):
    """A name server of our own: every name has one address."""

    def __init__(self, address: str) -> None:
        self.address = address

    @override
    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        kind = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        return [ResolveResult(hostname=host, host=self.address, port=port, family=kind, proto=0, flags=0)]

    @override
    async def close(self) -> None:
        return None


async def code_of(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(SourceError) as caught:
        await fetcher.fetch(url)
    assert str(caught.value).endswith((".", "yours."))  # a sentence
    return caught.value.code


# --- answers ---


async def test_an_answer_is_kept_verbatim(server: FeedServer, fetcher: Fetcher) -> None:
    server.put(
        "/feed", FEED, "text/xml; charset=utf-8", etag='W/"a-b"', modified="Sat, 1 Feb 2025 0:00:00 GMT", packed=True
    )
    got = await fetcher.fetch(server.url("/feed"))
    assert got.body.decode() == FEED
    assert got.hash == hashlib.sha256(FEED.encode()).hexdigest()
    assert (got.status, got.not_modified, got.charset) == (200, False, "utf-8")
    assert (got.etag, got.last_modified) == ('W/"a-b"', "Sat, 1 Feb 2025 0:00:00 GMT")
    assert got.final_url == server.url("/feed")
    assert got.permanent_url is None
    sent = server.asked["/feed"][0]
    assert sent["User-Agent"].startswith("Rondan/")
    assert "If-None-Match" not in sent


async def test_validators_come_back_and_give_304(server: FeedServer, fetcher: Fetcher) -> None:
    server.put("/feed", FEED, etag='"x"', modified="yesterday, says the server")
    again = await fetcher.fetch(server.url("/feed"), etag='"x"', modified="yesterday, says the server")
    assert (again.status, again.not_modified, again.body, again.hash) == (304, True, b"", "")
    assert server.asked["/feed"][0]["If-Modified-Since"] == "yesterday, says the server"


async def test_an_equal_hash_counts_as_not_modified(server: FeedServer, fetcher: Fetcher) -> None:
    server.put("/feed", FEED)
    first = await fetcher.fetch(server.url("/feed"))
    again = await fetcher.fetch(server.url("/feed"), body_hash=first.hash)
    assert (again.status, again.not_modified, again.hash) == (200, True, first.hash)


async def test_the_contact_is_told(server: FeedServer) -> None:
    server.put("/feed", FEED)
    async with Fetcher(allow_private=True, contact="https://pub.example/bot") as fetcher:
        await fetcher.fetch(server.url("/feed"))
    assert "(+https://pub.example/bot; " in server.asked["/feed"][0]["User-Agent"]


async def test_nothing_is_carried_from_feed_to_feed(server: FeedServer, fetcher: Fetcher) -> None:
    server.put("/feed", FEED, headers={"Set-Cookie": "who=you"})
    for _ in range(2):
        await fetcher.fetch(server.url("/feed"))
    assert "Cookie" not in server.asked["/feed"][1]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "public, max-age=600"}, 600),
        ({"Cache-Control": "no-cache, max-age=600"}, None),
        # By the server's own clock, which may be years off.
        ({"Date": "Sat, 01 Feb 2020 00:00:00 GMT", "Expires": "Sat, 01 Feb 2020 00:05:00 GMT"}, 300),
        ({"Expires": "-1"}, None),
        ({"Cache-Control": "max-age=x"}, None),
        ({}, None),
    ],
)
async def test_freshness(server: FeedServer, fetcher: Fetcher, headers: dict[str, str], seconds: float | None) -> None:
    server.put("/feed", FEED, headers=headers)
    got = await fetcher.fetch(server.url("/feed"))
    assert got.fresh_for == seconds


@pytest.mark.parametrize("status", [403, 404, 410, 429, 500, 503])
async def test_refusals_have_a_code_and_a_sentence(server: FeedServer, fetcher: Fetcher, status: int) -> None:
    server.put("/feed", status=status, headers={"Retry-After": "120"})
    with pytest.raises(SourceError, match=str(status)) as caught:
        await fetcher.fetch(server.url("/feed").replace("//", "//me:secret@"))
    assert caught.value.code == f"http-{status}"
    assert caught.value.retry_after == 120
    assert "secret" not in str(caught.value)


async def test_retry_after_may_be_a_date(server: FeedServer, fetcher: Fetcher) -> None:
    server.put("/feed", status=503, headers={"Retry-After": format_datetime(datetime.now(UTC) + timedelta(hours=1))})
    with pytest.raises(SourceError) as caught:
        await fetcher.fetch(server.url("/feed"))
    assert caught.value.retry_after == pytest.approx(3600, abs=5)


# --- redirects ---


async def get_chain(server: FeedServer, fetcher: Fetcher, *statuses: int) -> Fetched:
    for step, status in enumerate(statuses):
        server.redirect(f"/{step}", f"{step + 1}", status)  # relative, as many write it
    server.put(f"/{len(statuses)}", FEED)
    return await fetcher.fetch(server.url("/0"))


@pytest.mark.parametrize(
    ("statuses", "moved"),
    [((301,), True), ((308, 301), True), ((302,), False), ((301, 302), False), ((307, 301), False), ((303,), False)],
)
async def test_only_a_wholly_permanent_chain_moves(
    server: FeedServer, fetcher: Fetcher, statuses: tuple[int, ...], moved: bool
) -> None:
    got = await get_chain(server, fetcher, *statuses)
    assert got.final_url == server.url(f"/{len(statuses)}")
    assert got.permanent_url == (got.final_url if moved else None)


async def test_five_redirects_are_enough(server: FeedServer, fetcher: Fetcher) -> None:
    assert (await get_chain(server, fetcher, *[302] * 5)).status == 200
    server.redirect("/a", "/b")
    server.redirect("/b", "/a")
    assert await code_of(fetcher, server.url("/a")) == "redirects"
    assert server.hits["/a"] + server.hits["/b"] == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:1", "gopher://127.0.0.1/"])
async def test_redirects_leave_http_never(server: FeedServer, fetcher: Fetcher, target: str) -> None:
    server.redirect("/feed", target)
    assert await code_of(fetcher, server.url("/feed")) == "bad-scheme"


# --- bounds ---


async def test_trouble_of_servers(server: FeedServer) -> None:
    server.put("/drop", trouble="drop")
    server.put("/cut", FEED, trouble="cut")
    server.put("/endless", trouble="endless")
    server.put("/drip", FEED, trouble="drip")
    server.put("/slow", FEED, delay=5)
    async with Fetcher(allow_private=True, total=0.4, largest=2_000_000) as fetcher:
        assert await code_of(fetcher, server.url("/drop")) == "broken-off"
        assert await code_of(fetcher, server.url("/cut")) == "broken-off"
        assert await code_of(fetcher, server.url("/drip")) == "timeout"
        assert await code_of(fetcher, server.url("/slow")) == "timeout"
        assert await code_of(fetcher, "http://127.0.0.1:1/") == "refused"
        server.put("/feed", FEED)
        assert (await fetcher.fetch(server.url("/feed"))).status == 200
    async with Fetcher(allow_private=True, largest=2_000_000) as fetcher:
        assert await code_of(fetcher, server.url("/endless")) == "too-big"


async def test_waiting_for_ones_turn_is_no_timeout(server: FeedServer) -> None:
    for path in "abcdef":
        server.put(f"/{path}", FEED, delay=0.15)
    async with Fetcher(allow_private=True, total=0.4, per_host=1) as fetcher:
        got = await asyncio.gather(*(fetcher.fetch(server.url(f"/{path}")) for path in "abcdef"))
    assert [one.status for one in got] == [200] * 6


async def test_a_bomb_stops_at_the_limit(server: FeedServer, fetcher: Fetcher) -> None:
    bomb = gzip.compress(b" " * 50_000_000, 9)
    server.put("/bomb", bomb, headers={"Content-Encoding": "gzip"})
    assert len(bomb) < 60_000
    assert await code_of(fetcher, server.url("/bomb")) == "too-big"
    server.put("/exact", b"x" * fetch.LARGEST, packed=True)
    assert len((await fetcher.fetch(server.url("/exact"))).body) == fetch.LARGEST
    server.put("/over", b"x" * (fetch.LARGEST + 1))
    assert await code_of(fetcher, server.url("/over")) == "too-big"


async def test_packings(server: FeedServer, fetcher: Fetcher) -> None:
    bare = zlib.compressobj(wbits=-15)
    for encoding, body in (
        ("gzip", gzip.compress(b"a" * 9) + gzip.compress(b"b" * 9)),  # two members
        ("deflate", zlib.compress(b"a" * 9 + b"b" * 9)),
        ("deflate", bare.compress(b"a" * 9 + b"b" * 9) + bare.flush()),
        ("identity", b"a" * 9 + b"b" * 9),
    ):
        server.put("/feed", body, headers={"Content-Encoding": encoding})
        assert (await fetcher.fetch(server.url("/feed"))).body == b"a" * 9 + b"b" * 9
    for encoding, body in (("br", b"x"), ("gzip", b"no gzip at all")):
        server.put("/feed", body, headers={"Content-Encoding": encoding})
        assert await code_of(fetcher, server.url("/feed")) == "bad-encoding"


# --- the guard ---


# Every way to write an address that is not of the open internet.
LOCAL = """127.0.0.1 2130706433 0x7f.1 0177.0.0.1 127.1 0 0.0.0.0 localhost 10.0.0.1 169.254.169.254 192.168.1.1
    100.64.0.1 224.0.0.1 255.255.255.255 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::7f00:1]
    [2002:7f00:1::] [fe80::1] [fd00::1] [ff02::1]"""


@pytest.mark.parametrize("host", LOCAL.split())
async def test_literals_into_the_own_network_are_refused(server: FeedServer, host: str) -> None:
    server.put("/feed", FEED)
    async with Fetcher(ports=(server.port,), total=2) as fetcher:
        assert await code_of(fetcher, server.url("/feed", host)) in ("private-address", "bad-address")
    assert not server.hits


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "::1", "10.1.2.3", "0.0.0.0"])
async def test_names_into_the_own_network_are_refused(server: FeedServer, address: str) -> None:
    server.put("/feed", FEED)
    async with Fetcher(ports=(server.port,), resolver=Names(address)) as fetcher:
        assert await code_of(fetcher, server.url("/feed", "innocent.example")) == "private-address"
    assert not server.hits
    async with Fetcher(allow_private=True, resolver=Names("127.0.0.1")) as fetcher:
        assert (await fetcher.fetch(server.url("/feed", "innocent.example"))).status == 200


async def test_a_redirect_into_the_own_network_is_refused(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fetch.is_public
    monkeypatch.setattr(fetch, "is_public", lambda host: host == "127.0.0.1" or real(host))  # our server plays abroad
    server.put("/feed", FEED)
    async with Fetcher(ports=(server.port,)) as fetcher:
        assert (await fetcher.fetch(server.url("/feed"))).status == 200
        for host in ("127.0.0.2", "[::ffff:127.0.0.3]", "10.0.0.1", "[::1]"):
            server.redirect("/jump", server.url("/secret", host))
            assert await code_of(fetcher, server.url("/jump")) == "private-address"
        server.redirect("/jump", "http://127.0.0.1:22/")
        assert await code_of(fetcher, server.url("/jump")) == "bad-port"
    assert server.hits["/secret"] == 0


@pytest.mark.parametrize(
    ("host", "public"),
    [
        *(
            (host, True)
            for host in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::")
        ),
        *((host, False) for host in ("2002:7f00:1::", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "fe80::1%eth0")),
        *((host, False) for host in ("192.0.2.1", "nonsense", "")),
    ],
)
def test_is_public(host: str, public: bool) -> None:
    assert fetch.is_public(host) is public


@pytest.mark.parametrize("url", ["", "feed", "http://", "http://[", "http://a:99999/", "https:///x"])
async def test_nonsense_is_refused(fetcher: Fetcher, url: str) -> None:
    assert await code_of(fetcher, url) in ("bad-address", "bad-scheme")


async def test_other_ports_need_permission() -> None:
    async with Fetcher() as fetcher:
        assert await code_of(fetcher, "http://example.com:22/") == "bad-port"


# --- discovery ---


async def test_discover(server: FeedServer, fetcher: Fetcher) -> None:
    page = """<!doctype html><html><head><title>x</title><base href="/blog/">
      <link rel="alternate" type="application/rss+xml" title="Comments" href="comments/feed">
      <link rel='alternate' type='application/atom+xml; charset=utf-8' title=' 論壇 ' href='atom.xml'>
      <link rel="ALTERNATE" type="application/feed+json" href="https://other.example/feed.json">
      <link rel="alternate" hreflang="en" href="/en"><link rel="stylesheet" type="text/css" href="a.css">
      <link rel="alternate" type="application/rss+xml" href="javascript:alert(1)"></head><body>hi</body></html>"""
    server.put("/page", page, "text/html")
    server.put("/feed.here", FEED)
    server.put("/plain", "<html><body>no links</body></html>", "text/html")
    server.put("/rss.xml", FEED)
    async with ParserPool() as pool:
        assert await discover(fetcher, pool, server.url("/feed.here")) == [(server.url("/feed.here"), "論壇")]
        assert await discover(fetcher, pool, server.url("/page")) == [
            (server.url("/blog/atom.xml"), "論壇"),
            ("https://other.example/feed.json", ""),
            (server.url("/blog/comments/feed"), "Comments"),
        ]
        assert await discover(fetcher, pool, server.url("/plain")) == [(server.url("/rss.xml"), "論壇")]
        del server.pages["/rss.xml"]
        assert await discover(fetcher, pool, server.url("/plain")) == []
        with pytest.raises(SourceError, match="not there"):
            await discover(fetcher, pool, server.url("/nowhere"))


# --- when to ask again ---

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def minutes(**how: object) -> float:
    return (schedule.next_check(NOW, **how) - NOW).total_seconds() / 60  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"weekly_entries": 0}, 24 * 60),
        ({"weekly_entries": 7}, 24 * 60),
        ({"weekly_entries": 70}, 144),
        ({"weekly_entries": 100_000}, 5),
        ({"weekly_entries": 100_000, "ttl": 30}, 30),
        ({"weekly_entries": 100_000, "max_age": 1800}, 30),
        ({"weekly_entries": 100_000, "ttl": 10_000}, 60),  # believed for an hour
        ({"weekly_entries": 70, "ttl": 30}, 144),
        ({"weekly_entries": 70, "failures": 1}, 10),
        ({"weekly_entries": 70, "failures": 4}, 80),
        ({"weekly_entries": 70, "failures": 400}, 24 * 60),
    ],
)
def test_next_check(how: dict[str, object], expected: float) -> None:
    waits = [minutes(seed=f"https://{n}.example/feed", **how) for n in range(300)]
    assert min(waits) >= max(expected * 0.9, 5)
    assert max(waits) <= min(expected * 1.1, 24 * 60)
    assert len(set(waits)) > 100  # they drift apart
    assert waits[0] == minutes(seed="https://0.example/feed", **how)


def test_retry_after_is_never_undercut() -> None:
    waits = [minutes(weekly_entries=1000, retry_after=7200, failures=n % 3, seed=str(n)) for n in range(100)]
    assert min(waits) == 120
    assert minutes(weekly_entries=1, retry_after=1e12) <= 7 * 24 * 60


def test_spread() -> None:
    seeds = [f"https://{n}.example/feed" for n in range(100)]
    plan = schedule.spread(NOW, seeds, timedelta(minutes=10))
    assert plan == schedule.spread(NOW, seeds[::-1], timedelta(minutes=10))
    times = sorted(plan.values())
    assert times[0] == NOW
    assert times[-1] < NOW + timedelta(minutes=10)
    assert len(set(times)) == 100
    assert schedule.spread(NOW, [], timedelta(minutes=10)) == {}


def test_decide() -> None:
    assert schedule.decide("https://a").what == "go-on"
    assert schedule.decide("https://a", permanent_url="https://b").url == "https://b"
    assert schedule.decide("https://a", error=SourceError("http-410", "Gone.")).what == "stop"
    assert schedule.decide("https://a", error=SourceError("http-404", "Not there.")).what == "go-on"


# --- lists of feeds ---


def test_opml_there_and_back() -> None:
    feeds = [
        ('論壇 & "more" <x>', "https://a.example/feed?a=1&b=2", "News/日本"),
        ("B", "https://b.example/feed", ""),
        ("C", "https://c.example/feed", "News/日本"),
    ]
    assert sorted(opml.read_opml(opml.write_opml(feeds))) == sorted(feeds)
    assert opml.read_opml(opml.write_opml([])) == []


@pytest.mark.parametrize("encoding", ["utf-8", "shift_jis", "euc-jp", "utf-16"])
def test_opml_of_other_readers(encoding: str) -> None:
    text = f"""<?xml version="1.0" encoding="{encoding}"?><opml version="1.0"><body><outline text="経済">
      <outline title="新聞" type="rss" xmlUrl="https://a.example/feed"/><outline text="x" xmlUrl="file:///etc/passwd"/>
      <outline text="again" xmlUrl="https://a.example/feed"/></outline></body></opml>"""
    assert opml.read_opml(text.encode(encoding)) == [("新聞", "https://a.example/feed", "経済")]


@pytest.mark.parametrize("data", [b"", b"hello", b"<html></html>", b"\xff\xfe\x00"])
def test_no_opml(data: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        opml.read_opml(data)
    assert caught.value.code == "not-opml"
