"""Hostile feeds, and parsing apart: a parse may hang, crash or flood, and only that one is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from bot.sources.answers import Feed
from bot.sources.fetch import Fetcher
from bot.sources.parser_pool import ParserPool
from core.document import plain_all
from core.errors import SourceError
from tests.standins.feeds import FeedServer
from tests.waiting import until

URL = "https://pub.example/feed"
GOOD = "<rss><channel><title>論壇</title><item><title>一</title><guid>1</guid></item></channel></rss>".encode()


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[ParserPool]:
    async with ParserPool() as open_:
        yield open_


def wrapped(inside: bytes, before: bytes = b"") -> bytes:
    return before + b'<rss version="2.0"><channel><title>x</title><item>' + inside + b"</item></channel></rss>"


def entities() -> bytes:
    levels = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 10))
    return wrapped(b"<title>&e9;</title><guid>1</guid>", b'<!DOCTYPE r [<!ENTITY e0 "lol">' + levels + b"]>")


def quadratic() -> bytes:
    bomb = b'<!DOCTYPE r [<!ENTITY a "' + b"a" * 100_000 + b'">]>'
    return wrapped(b"<title>" + b"&a;" * 30_000 + b"</title><guid>1</guid>", bomb)


def outside() -> bytes:
    return wrapped(b"<title>t &f;</title><guid>1</guid>", b'<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]>')


HOSTILE: dict[str, Callable[[], bytes]] = {
    "entity bomb": entities,
    "quadratic entities": quadratic,
    "outside entity": outside,
    "100k attributes": lambda: wrapped(
        b"<title " + b" ".join(b'a%d="1"' % n for n in range(100_000)) + b">t</title><guid>1</guid>"
    ),
    "100k attributes in HTML": lambda: wrapped(
        b"<title>t</title><description><![CDATA[<p " + b"a='1' " * 100_000 + b">t</p>]]></description>"
    ),
    "200k unclosed tags": lambda: wrapped(b"<title>t</title><guid>1</guid>" + b"<b>" * 200_000),
    "200k unclosed tags in HTML": lambda: wrapped(
        b"<title>t</title><description><![CDATA[" + b"<b><p><ul>" * 200_000 + b"]]></description>"
    ),
    "no feed, only tags": lambda: b"<b>" * 200_000,
    "200k items": lambda: wrapped(
        b"".join(b"<title>t</title></item><item><guid>g%d</guid>" % n for n in range(200_000))
    )[:5_000_000],
    "unclosed comments": lambda: wrapped(b"<title>t</title><description>" + b"&lt;!-- " * 500_000 + b"</description>"),
    "unclosed CDATA": lambda: wrapped(b"<title>t & u</title>" + b"<![CDATA[ " * 400_000),
    "unclosed readings": lambda: wrapped(b"<title>t</title><description>" + b"&lt;rt>" * 500_000 + b"</description>"),
    "half a tag": lambda: wrapped(b"<title>t</title><description>" + b"&lt;a " * 700_000 + b"</description>"),
    "ampersands": lambda: wrapped(b"<title>t</title><description>" + b"&" * 1_000_000 + b"</description>"),
    "brackets": lambda: wrapped(b"<title>t</title><description><![CDATA[" + b"]" * 4_000_000 + b"]]></description>"),
    "noise": lambda: bytes(range(256)) * 19_000,
    "zeros": lambda: b"\0" * 5_000_000,
    "deep JSON": lambda: b'{"items":' + b"[" * 4_000_000,
    "many JSON items": lambda: b'{"items":[' + b",".join([b"{}"] * 1_000_000) + b"]}",
    "long title": lambda: wrapped(b"<title>" + "長".encode() * 1_500_000 + b"</title><guid>1</guid>"),
    "long date": lambda: wrapped(b"<title>t</title><guid>1</guid><pubDate>" + b"1 " * 2_000_000 + b"</pubDate>"),
    "long prolog": lambda: b"<?xml " + b"x" * 4_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_input_gives_a_reason_or_a_result(pool: ParserPool, name: str) -> None:
    (result,) = await asyncio.gather(pool.parse(HOSTILE[name](), "text/xml", URL), return_exceptions=True)
    if isinstance(result, Feed):
        assert len(result.entries) <= 500
        assert not any("root:" in one.title + plain_all(one.document.blocks) for one in result.entries)
        assert all(len(one.title) <= 500 for one in result.entries)
    else:
        assert isinstance(result, SourceError)
        assert result.code in ("not-a-feed", "too-complex", "empty", "parse-timeout")  # the last on a busy machine
        assert str(result).endswith(".")
    assert (await pool.parse(GOOD, "", URL)).entries[0].title == "一"
    assert pool.processes == 1


# --- processes ---


async def started(pool: ParserPool) -> int:
    await pool.parse(GOOD, "", URL)
    (pid,) = pool.pids
    return pid


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until_gone(pid: int) -> None:
    """Wait until a process has ended and been buried; fails after 2 s."""
    await until(lambda: not alive(pid), 2)


async def test_a_hanging_parse_is_killed_and_others_hardly_wait() -> None:
    async with ParserPool(limit=3.2, patience=0.1) as pool:
        pid = await started(pool)
        os.kill(pid, signal.SIGSTOP)  # the purest hang
        hanging = asyncio.create_task(pool.parse(GOOD, "", URL))
        await asyncio.sleep(0.02)
        others = await asyncio.gather(*(pool.parse(GOOD, "", URL) for _ in range(20)))
        assert not hanging.done()
        assert {one.title for one in others} == {"論壇"}
        with pytest.raises(SourceError, match=r"3\.2 seconds") as caught:
            await hanging
        assert caught.value.code == "parse-timeout"
        await until_gone(pid)


async def test_a_crash_loses_one_parse() -> None:
    async with ParserPool() as pool:
        pid = await started(pool)
        os.kill(pid, signal.SIGSTOP)
        doomed = asyncio.create_task(pool.parse(GOOD, "", URL))
        await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(SourceError) as caught:
            await doomed
        assert caught.value.code == "parse-crash"
        assert (await pool.parse(GOOD, "", URL)).title == "論壇"
        assert pool.pids != [pid]


async def test_a_process_that_died_idle_costs_no_feed() -> None:
    async with ParserPool() as pool:
        os.kill(await started(pool), signal.SIGKILL)
        await asyncio.sleep(0.05)
        assert (await pool.parse(GOOD, "", URL)).title == "論壇"


async def test_an_idle_process_ends_and_comes_back() -> None:
    async with ParserPool(idle=0.1) as pool:
        pid = await started(pool)
        await until_gone(pid)
        await asyncio.sleep(0.01)
        assert pool.processes == 0
        assert (await pool.parse(GOOD, "", URL)).title == "論壇"


async def test_a_caller_may_go_away() -> None:
    async with ParserPool() as pool:
        await started(pool)
        gone = [asyncio.create_task(pool.parse(GOOD, "", URL)) for _ in range(5)]
        await asyncio.sleep(0)
        for one in gone:
            one.cancel()
        assert (await pool.parse(GOOD, "", URL)).title == "論壇"


async def test_closing_ends_everything() -> None:
    pool = ParserPool()
    pid = await started(pool)
    os.kill(pid, signal.SIGSTOP)
    waiting = [asyncio.create_task(pool.parse(GOOD, "", URL)) for _ in range(3)]
    await asyncio.sleep(0.05)
    await pool.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {one.code for one in results if isinstance(one, SourceError)} == {"parse-stopped"}
    assert len(results) == 3
    assert not alive(pid)


async def test_the_parser_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RONDAN_DISCORD_TOKEN", "secret")
    async with ParserPool() as pool:
        with open(f"/proc/{await started(pool)}/environ", "rb") as environment:  # noqa: ASYNC230 - not a disk
            assert b"secret" not in environment.read()


# --- the whole way ---


async def test_one_bad_feed_does_not_delay_the_others() -> None:
    async def read(fetcher: Fetcher, pool: ParserPool, url: str) -> Feed:
        got = await fetcher.fetch(url)
        return await pool.parse(got.body, got.content_type, got.final_url)

    async with FeedServer() as server, Fetcher(allow_private=True, total=3) as fetcher, ParserPool() as pool:
        server.put("/slow", delay=5)
        server.put("/endless", trouble="endless")
        server.put("/bad", HOSTILE["100k attributes"]())
        for n in range(20):
            server.put(f"/good{n}", GOOD)
        await started(pool)
        bad = [asyncio.create_task(read(fetcher, pool, server.url(path))) for path in ("/slow", "/endless", "/bad")]
        good = await asyncio.gather(*(read(fetcher, pool, server.url(f"/good{n}")) for n in range(20)))
        assert not bad[0].done()
        assert {one.title for one in good} == {"論壇"}
        results = await asyncio.gather(*bad, return_exceptions=True)
        assert [one.code for one in results if isinstance(one, SourceError)] == ["timeout", "too-big", "too-complex"]
