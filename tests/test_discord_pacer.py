"""One pacer for every request: never over the limit, the urgent first, and silence after too many refusals."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from discord.http import HTTPClient
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from bot.platforms.discord import chat as chat_module
from bot.platforms.discord.client import Connection, at_most_every
from bot.platforms.discord.pacer import BANNED, PATIENCE, REST, STOP_AT, WINDOW, Pacer, Priority, Resting
from core.errors import Busy, Unknown
from tests.conftest import found
from tests.discord_stage import CREATE, stage
from tests.standins.discord import Discord


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer, `late` seconds after it: a night passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.late = iter(())  # type: Any

    @override
    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        if not self._ready and scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, scheduled[0].when() + next(self.late, 0.0))
        super()._run_once()  # type: ignore[misc]


def run(work: Coroutine[Any, Any, Any], late: list[float] | None = None) -> Any:
    loop = JumpingLoop()
    loop.late = iter(late or [])
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def now() -> float:
    return asyncio.get_running_loop().time()


def most_in_a_second(times: list[float]) -> int:
    times = sorted(times)
    return max((sum(start <= one < start + 1 for one in times) for start in times), default=0)


Arrivals = st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 5), st.integers(1, 40)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    allowed=st.one_of(st.integers(1, 60), st.sampled_from([100, 500]), st.floats(0.5, 60)),
    arrivals=Arrivals,
    late=st.lists(st.floats(0, 2), max_size=60),
)
def test_no_second_holds_more_than_is_allowed(allowed: float, arrivals: Any, late: list[float]) -> None:
    sent: list[float] = []

    async def play() -> None:
        pacer = Pacer(allowed)

        async def ask(priority: int) -> None:
            await pacer.turn(Priority(priority))
            sent.append(now())

        async with asyncio.TaskGroup() as group:
            for pause, priority, count in arrivals:
                await asyncio.sleep(pause)
                for _ in range(count):
                    group.create_task(ask(priority))

    run(play(), late)
    assert len(sent) == sum(count for _, _, count in arrivals)
    assert most_in_a_second(sent) <= max(1, math.ceil(allowed))


@pytest.mark.parametrize("allowed", [10, 50, 500])
def test_ten_thousand_requests_take_no_more_than_a_twentieth_over_the_floor(allowed: int) -> None:
    async def play() -> float:
        pacer = Pacer(allowed)
        began = now()
        await asyncio.gather(*(pacer.turn(Priority.POST) for _ in range(10_000)))
        return now() - began

    assert run(play(), [0.003] * 10_000) <= 10_000 / allowed * 1.05


def test_the_urgent_go_first_and_equals_in_their_order() -> None:
    order: list[tuple[int, int]] = []

    async def play() -> None:
        pacer = Pacer(10)

        async def ask(priority: Priority, number: int) -> None:
            await pacer.turn(priority)
            order.append((priority, number))

        await pacer.turn(Priority.RECALL)  # the next must wait
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                for priority in reversed(Priority):
                    group.create_task(ask(priority, number))

    run(play())
    assert order == sorted(order)


def test_an_urgent_request_overtakes_thousands() -> None:
    async def play() -> float:
        pacer = Pacer(50)
        crowd = [asyncio.create_task(pacer.turn(Priority.POST)) for _ in range(5000)]
        await asyncio.sleep(1)
        began = now()
        await pacer.turn(Priority.MODERATE)
        waited = now() - began
        assert pacer.waiting > 4900
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        assert pacer.waiting == 0
        return waited

    assert run(play()) <= 0.03


def test_who_gives_up_waiting_costs_nobody_a_turn() -> None:
    async def play() -> float:
        pacer = Pacer(50)
        crowd = [asyncio.create_task(pacer.turn(Priority.POST)) for _ in range(1000)]
        await asyncio.sleep(0)
        for task in crowd[::2]:
            task.cancel()
        began = now()
        await asyncio.gather(*crowd, return_exceptions=True)
        return now() - began

    assert run(play()) <= 500 / 50 * 1.05


def test_the_loop_is_not_starved_by_a_crowd() -> None:
    async def play() -> list[int]:
        pacer = Pacer(500)
        done = 0
        steps: list[int] = []

        async def ask() -> None:
            nonlocal done
            await pacer.turn(Priority.POST)
            done += 1

        crowd = asyncio.gather(*(ask() for _ in range(5000)))
        while done < 5000:
            before = done
            await asyncio.sleep(0.001)
            steps.append(done - before)
        await crowd
        return steps

    assert max(run(play(), [5.0])) <= 12, "even after the loop stood still for seconds"


def test_a_short_rest_is_waited_for_and_a_long_one_told() -> None:
    async def play() -> None:
        pacer = Pacer(50)
        pacer.answered(429, scope="global", retry_after=2.0)
        began = now()
        await pacer.turn(Priority.POST)
        assert 2.0 <= now() - began < 2.1
        waiting = [asyncio.create_task(pacer.turn(Priority.POST)) for _ in range(5)]
        await asyncio.sleep(0)
        pacer.answered(429, by_discord=False)
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(one, Resting) for one in told) >= 4
        with pytest.raises(Resting) as rest:
            await pacer.turn(Priority.MODERATE)
        assert rest.value.seconds == pytest.approx(BANNED)
        await asyncio.sleep(BANNED - PATIENCE)
        began = now()
        await pacer.turn(Priority.POST)
        assert now() - began == pytest.approx(PATIENCE)

    run(play())


def test_many_refusals_stop_the_flow_long_before_a_ban() -> None:
    async def play() -> None:
        pacer = Pacer(50)
        spent = 0
        began = now()
        while now() - began < WINDOW:
            try:
                await pacer.turn(Priority.POST)
            except Resting as rest:
                assert pacer.invalid >= STOP_AT
                await asyncio.sleep(rest.seconds)
                continue
            pacer.answered(403)
            spent += 1
        assert spent <= STOP_AT + WINDOW / REST + 1
        await asyncio.sleep(WINDOW)
        assert pacer.invalid == 0
        await pacer.turn(Priority.POST)

    run(play())


def test_what_discord_does_not_count_is_not_counted() -> None:
    async def play() -> int:
        pacer = Pacer(50)
        for status, scope in ((200, None), (404, None), (400, None), (500, None), (429, "shared")):
            pacer.answered(status, scope=scope, retry_after=60)
        await pacer.turn(Priority.POST)
        pacer.answered(401)
        pacer.answered(403)
        pacer.answered(429, scope="user")
        return pacer.invalid

    assert run(play()) == 3


# --- over the connection ---


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Pacer]:
    """The pacers of the connections. One rests after an answer of the status `rest_after`."""
    made: list[Pacer] = []

    class Kept(Pacer):
        rest_after = 0

        def __init__(self, allowed: float) -> None:
            super().__init__(allowed)
            made.append(self)

        @override
        def answered(self, status: int, **more: Any) -> None:
            super().answered(status, **more)
            if status == self.rest_after:
                self.hold(60)

    monkeypatch.setattr(chat_module, "Pacer", Kept)
    return made


class Counting(Pacer):
    """`turns` taken."""

    turns = 0

    @override
    async def turn(self, priority: Priority) -> None:
        Counting.turns += 1
        await super().turn(priority)


async def test_every_request_takes_a_turn_repetitions_too_and_answers_to_people_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(chat_module, "Pacer", Counting)
    Counting.turns = 0
    async with Discord() as far:
        far.buckets = False
        channel = far.guild("Town").text("news")
        mika = far.user("mika")
        async with stage(far, tmp_path) as here:
            await here.place(channel)
            far.shared(CREATE, after=0.01)
            await here.publish()
            far.fail(CREATE, how="500-after")
            await here.publish(found("other", title="Other"))
            assert [far.count(CREATE, status) for status in (429, 500, 200)] == [1, 1, 2]
            for _ in range(3):
                await far.press(mika, far.messages(channel)[0], "Comment")
            answers = sum(one.route.split(" ")[1].startswith(("/interactions/", "/webhooks/")) for one in far.log)
            assert answers >= 3
            assert Counting.turns == len(far.log) - answers
            assert len(far.messages(channel)) == 2


async def test_a_ban_that_discord_did_not_say_silences_everything_and_nothing_is_lost(tmp_path: Path) -> None:
    async with Discord() as far:
        far.buckets = False
        channel = far.guild("Town").text("news")
        async with stage(far, tmp_path) as here:
            place = await here.place(channel)
            far.fail("*", how="ban")
            piece = await here.publish()
            before = len(far.log)
            await here.settle(times=3, minutes=2)
            assert len(far.log) == before, "not one request meanwhile"
            assert (await here.state(piece, place))[0] == "waiting"
            with pytest.raises(Busy, match="nothing is sent to Discord for"):
                await here.chat.ask("GET", "/users/@me", priority=Priority.MODERATE)


async def test_a_rest_between_two_attempts_leaves_the_outcome_open(kept: list[Pacer], tmp_path: Path) -> None:
    async with Discord() as far:
        far.buckets = False
        channel = far.guild("Town").text("news")
        async with stage(far, tmp_path) as here:
            place = await here.place(channel)
            far.fail(CREATE, how="500-after")
            kept[0].rest_after = 500  # type: ignore[attr-defined]
            with pytest.raises(Unknown, match="an earlier attempt may have been carried out"):
                await here.chat.ask(
                    "POST", "/channels/{channel_id}/messages",
                    {"content": "x", "allowed_mentions": {"parse": []}}, priority=Priority.POST, place=place,
                    repeats=1, channel_id=channel.id,
                )  # fmt: skip
            assert len(far.messages(channel)) == 1


def test_the_limits_of_routes_are_swept_now_and_then_only() -> None:
    swept: list[int] = []
    sweep = at_most_every(1000, lambda: swept.append(1))
    for _ in range(10_000):
        sweep()
    assert swept == [1]
    always = at_most_every(0, lambda: swept.append(2))
    always()
    always()
    assert swept == [1, 2, 2]


async def test_a_thousand_new_channels_sweep_once(monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[int] = []
    monkeypatch.setattr(HTTPClient, "_try_clear_expired_ratelimits", lambda self: swept.append(len(self._buckets)))
    connection = Connection(Pacer(), lambda _event, _data: None, lambda: None, lambda: None)
    for channel in range(1000):
        connection.http.get_ratelimit(f"POST messages:{channel}")
    assert swept == [1]
