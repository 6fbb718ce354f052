"""Which process parses what: a feed comes back to the one that remembers it, and waits there for no one that hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from bot.sources.parser_pool import ParserPool

GOOD = (
    '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>論壇</title>'
    "<item><title>朝の論壇</title><link>https://p.example/1</link></item></channel></rss>"
).encode()


def feeds_of(home: int, count: int) -> list[str]:
    """Addresses of feeds with this home."""
    urls = (f"https://p.example/{number}" for number in range(1000))
    return [url for url in urls if hash(url) % 2 == home][:count]


async def parse(pool: ParserPool, url: str) -> None:
    assert (await pool.parse(GOOD, "", url)).title == "論壇"


async def both(pool: ParserPool) -> tuple[int, int]:
    """The process ids of the two homes, first 0, then 1: a second one starts when there was always something to do."""
    await parse(pool, feeds_of(0, 1)[0])
    (first,) = pool.pids
    second: set[int] = set()  # kept when it is seen: it may have ended again before the last of us looks

    async def until_two(url: str) -> None:
        while not second:
            await parse(pool, url)
            second.update(set(pool.pids) - {first})

    await asyncio.gather(*(until_two(url) for home in (0, 1) for url in feeds_of(home, 8)))
    return first, second.pop()


async def test_a_lasting_backlog_gets_a_second_process() -> None:
    async with ParserPool(patience=0.1) as pool:
        await both(pool)
        assert pool.processes == 2


async def test_the_second_process_ends_soon_and_one_stays() -> None:
    async with ParserPool(patience=0.1, idle=3) as pool:
        await both(pool)
        await asyncio.sleep(0.6)
        assert pool.processes == 1
        await parse(pool, feeds_of(1, 1)[0])
        await parse(pool, feeds_of(0, 1)[0])
        assert pool.processes == 1


async def test_one_after_another_needs_one_process() -> None:
    async with ParserPool(patience=0.05) as pool:
        began = time.monotonic()
        while time.monotonic() - began < 0.5:
            await parse(pool, feeds_of(0, 1)[0])
        assert pool.processes == 1


async def test_a_feed_comes_back_to_its_process() -> None:
    async with ParserPool(patience=0.1) as pool:
        first, second = await both(pool)
        for stopped, home in ((first, 1), (second, 0)):
            os.kill(stopped, signal.SIGSTOP)  # whoever is not asked is not missed
            for url in feeds_of(home, 20):
                await asyncio.wait_for(parse(pool, url), 0.5)
            os.kill(stopped, signal.SIGCONT)


async def test_who_waits_for_long_at_home_goes_to_the_other() -> None:
    async with ParserPool(limit=5, patience=0.1) as pool:
        first, second = await both(pool)
        os.kill(first, signal.SIGSTOP)
        hanging, *others = feeds_of(0, 11)
        doomed = asyncio.create_task(parse(pool, hanging))
        await asyncio.sleep(0.01)
        took = []
        for _ in range(4):
            began = time.monotonic()
            await asyncio.gather(*(parse(pool, url) for url in others))
            took.append(time.monotonic() - began)
        assert took[0] > 0.05
        assert min(took[1:]) < 0.1, "now it is known that nobody is at home"
        assert not doomed.done()
        os.kill(first, signal.SIGCONT)
        await doomed
        assert pool.pids == sorted((first, second))


async def test_all_stuck_gets_a_third() -> None:
    async with ParserPool(limit=5, patience=0.1) as pool:
        stuck = await both(pool)
        for pid in stuck:
            os.kill(pid, signal.SIGSTOP)
        hanging = [asyncio.create_task(parse(pool, feeds_of(home, 1)[0])) for home in (0, 1)]
        await asyncio.sleep(0.01)
        await asyncio.gather(*(parse(pool, url) for home in (0, 1) for url in feeds_of(home, 6)[1:]))
        assert pool.processes in (3, 4)  # the first work of a third takes its time too
        for pid in stuck:
            os.kill(pid, signal.SIGCONT)
        await asyncio.gather(*hanging)


async def test_a_process_that_can_not_start_fails_one_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ParserPool() as pool:
        with monkeypatch.context() as broken:
            broken.setattr("sys.executable", "/nonexistent")
            with pytest.raises(Exception, match="No process for parsing could be started"):
                await parse(pool, feeds_of(0, 1)[0])
        await parse(pool, feeds_of(0, 1)[0])
