"""The thinking process: on demand, one job after the other, never in the way of the loop, gone when it misbehaves."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest

from bot.thinker import Thinker
from core.errors import ThinkError
from tests.waiting import until

MODULE = "tests.slow_worker"


@pytest.fixture
async def thinker() -> AsyncIterator[Thinker]:
    async with Thinker(limit=5, idle=60, module=MODULE) as made:
        yield made


def runs(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


async def test_it_starts_with_the_first_job_and_serves_the_next(thinker: Thinker) -> None:
    assert thinker.pid is None
    assert await thinker("echo", {"論壇": [1, "二"]}) == {"論壇": [1, "二"]}
    first = thinker.pid
    assert await thinker("echo", 2) == 2
    assert thinker.pid == first


async def test_what_was_read_is_not_read_again(thinker: Thinker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.thinker.KEPT", 2)
    asked = [{"texts": 1}, {"texts": 2}, {"texts": 3}]
    assert await asyncio.gather(*(thinker("read", one) for one in asked)) == asked
    await thinker.close()
    assert [await thinker("read", one) for one in asked[1:]] == asked[1:]
    assert thinker.pid is None  # nobody was asked
    assert await thinker("echo", asked[1]) == asked[1]
    assert thinker.pid is not None  # other jobs are done each time
    await thinker.close()
    assert await thinker("read", asked[0]) == asked[0]
    assert thinker.pid is not None  # only the last ones are kept


async def test_it_ends_when_idle_and_starts_again() -> None:
    async with Thinker(idle=0.1, module=MODULE) as thinker:
        await thinker("read", 1)
        first = thinker.pid
        assert first is not None
        await until(lambda: thinker.pid is None and not runs(first))
        assert await thinker("read", 1) == 1
        assert thinker.pid not in (None, first)  # what was read is kept no longer than the process


async def test_a_job_that_takes_too_long_is_stopped_with_its_process() -> None:
    async with Thinker(limit=0.5, module=MODULE) as thinker:
        await thinker("echo", 1)
        pid = thinker.pid
        assert pid is not None
        with pytest.raises(ThinkError, match=r"took over 0\.5 seconds"):
            await thinker("hang", None)
        assert not runs(pid)


async def test_a_crash_costs_one_job(thinker: Thinker) -> None:
    with pytest.raises(ThinkError, match="broke"):
        await thinker("die", None)
    assert await thinker("echo", 1) == 1


async def test_a_process_killed_between_two_jobs_costs_none(thinker: Thinker) -> None:
    await thinker("echo", 1)
    assert thinker.pid is not None
    os.kill(thinker.pid, signal.SIGKILL)
    await asyncio.sleep(0.2)
    assert await thinker("echo", 2) == 2


async def test_a_fault_in_a_job_is_told_and_the_process_goes_on(thinker: Thinker) -> None:
    await thinker("echo", 1)
    first = thinker.pid
    with pytest.raises(ThinkError, match="ValueError: no"):
        await thinker("fail", None)
    assert await thinker("echo", 1) == 1
    assert thinker.pid == first


async def test_who_goes_away_leaves_the_next_the_right_answer(thinker: Thinker) -> None:
    await thinker("echo", 0)
    asked = asyncio.create_task(thinker("slow", 0.3))
    await asyncio.sleep(0.1)
    asked.cancel()
    assert await thinker("echo", "mine") == "mine"


async def test_who_waits_too_long_for_a_turn_is_told(thinker: Thinker) -> None:
    async with Thinker(limit=2, module=MODULE) as busy:
        await busy("echo", 0)
        first = [asyncio.create_task(busy("slow", 1.5)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ThinkError, match="others"):
            await busy("echo", 1)
        assert await asyncio.gather(*first) == [1.5, 1.5]


async def test_closing_stops_what_is_thought() -> None:
    thinker = Thinker(module=MODULE)
    await thinker("echo", 1)
    asked = asyncio.create_task(thinker("hang", None))
    await asyncio.sleep(0.1)
    pid = thinker.pid
    assert pid is not None
    await thinker.close()
    with pytest.raises(ThinkError, match="stopped"):
        await asked
    assert not runs(pid)


async def test_no_token_gets_to_it(thinker: Thinker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RONDAN_DISCORD_TOKEN", "secret")
    assert not any("RONDAN" in name for name in await thinker("environment", None))


async def test_a_process_that_can_not_start_fails_one_job(thinker: Thinker, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("sys.executable", "/nonexistent")
        with pytest.raises(ThinkError):
            await thinker("echo", 1)
    assert await thinker("echo", 1) == 1


async def test_the_loop_is_not_held_up_by_a_long_question(thinker: Thinker) -> None:
    await thinker("echo", 1)
    data = ["夜行バスは走るべきか。" * 200] * 500  # three megabytes
    longest, last, done = 0.0, time.perf_counter(), False

    async def watch() -> None:
        nonlocal longest, last
        while not done:
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()

    watching = asyncio.create_task(watch())
    assert await thinker("echo", data) == data
    done = True
    await watching
    assert longest < 0.2  # a quiet machine takes 20 ms, see docs/benchmarks.md
