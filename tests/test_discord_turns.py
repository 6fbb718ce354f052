"""Who is served first when more is asked of Rondan on Discord than it can do at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from bot.platforms.discord import answers, encode, hooks, talk, turns
from bot.platforms.discord.once import Once
from bot.platforms.discord.turns import Turns
from core.message import Message, Reply
from core.speech import say as sentence
from tests.far import say
from tests.standins.discord import Answer, NoAnswer
from tests.test_discord_talk import CALLBACK, EDIT, World, after, events, long_answer, w
from tests.waiting import until

__all__ = ["w"]


class Gates:
    """Work that begins when its turn comes, and ends when its gate is opened."""

    def __init__(self, turns_: Turns) -> None:
        self._turns = turns_
        self.begun: list[str] = []
        self.promised: set[str] = set()
        self._gates: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[str]] = {}
        self.last: Callable[[], object] = lambda: None  # done at the end of each

    def ask(self, *names: str) -> None:
        for name in names:
            self.tasks[name] = asyncio.create_task(
                self._turns(lambda name=name: self._work(name), lambda name=name: name in self.promised)  # type: ignore[misc]
            )

    async def _work(self, name: str) -> str:
        self.begun.append(name)
        await self._gates.setdefault(name, asyncio.Event()).wait()
        self.last()
        return name

    async def end(self, name: str) -> None:
        self._gates[name].set()
        assert await self.tasks[name] == name
        await asyncio.sleep(0)


async def test_so_many_are_worked_on_at_a_time_and_who_came_last_is_next() -> None:
    gates = Gates(Turns(2, hold=60))
    gates.ask("a", "b", "c", "d", "e")
    await asyncio.sleep(0)
    assert gates.begun == ["a", "b"]
    await gates.end("a")
    assert gates.begun == ["a", "b", "e"]
    for name in ("e", "d", "b", "c"):
        await gates.end(name)
    assert gates.begun == ["a", "b", "e", "d", "c"]


async def test_who_was_promised_an_answer_gets_every_fourth_turn_the_oldest_first() -> None:
    gates = Gates(Turns(1, hold=60))
    old, new = [f"old{n}" for n in range(3)], [f"new{n}" for n in range(7)]
    gates.ask("first", *old)
    await asyncio.sleep(0)
    gates.promised.update(old)
    gates.ask(*new)
    await asyncio.sleep(0)
    while len(gates.begun) < 11:
        await gates.end(gates.begun[-1])
    await gates.end(gates.begun[-1])
    served = gates.begun[1:]
    assert [served.index(name) for name in old] == sorted(served.index(name) for name in old)
    assert [at for at, name in enumerate(served) if name in old] == [turns.SHARE - 1, 2 * turns.SHARE - 1, 9]


async def test_who_waits_for_something_else_is_in_nobodys_way() -> None:
    gates = Gates(Turns(1, hold=0.05))
    gates.ask("slow", "quick")
    await until(lambda: len(gates.begun) == 2, 5)
    await gates.end("quick")
    gates.ask("next", "last")
    await asyncio.sleep(0)
    assert gates.begun == ["slow", "quick", "next"], "its turn was given on once"
    await gates.end("slow")
    assert gates.begun == ["slow", "quick", "next"]
    await gates.end("next")
    await gates.end("last")


async def test_so_many_begin_in_one_round_of_the_loop_and_the_others_in_the_next() -> None:
    gates = Gates(Turns(1000, hold=60))
    names = [str(number) for number in range(turns.ROUND * 2 + 3)]
    gates.ask(*names)
    begun = []
    for _ in range(6):
        await asyncio.sleep(0)
        begun.append(len(gates.begun))
    assert begun[0] == turns.ROUND
    assert begun[-1] == len(names)
    assert max(after - before for before, after in pairwise(begun)) == turns.ROUND
    for name in names:
        await gates.end(name)


@pytest.mark.parametrize("when", ["in the line", "as its turn comes", "at work"])
async def test_who_goes_away_takes_no_turn_with_them(when: str) -> None:
    gates = Gates(Turns(1, hold=60))
    gates.ask("a", "b", "gone")
    await asyncio.sleep(0)
    if when == "in the line":
        gates.tasks["gone"].cancel()
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    gates._gates["a"].set()
    if when == "as its turn comes":
        gates.last = lambda: loop.call_soon(gates.tasks["gone"].cancel)  # before it hears of its turn
    await gates.tasks["a"]
    if when == "at work":
        await until(lambda: "gone" in gates.begun)
        gates.tasks["gone"].cancel()
    await until(lambda: "b" in gates.begun)
    await gates.end("b")


# --- over the adapter ---


def slowly(open_: asyncio.Event) -> Callable[[], Any]:
    async def answering() -> Reply:
        await open_.wait()
        return Reply(message=say("At last."))

    return answering


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thing at a time, and little patience."""
    monkeypatch.setattr(talk, "AT_ONCE", 1)
    monkeypatch.setattr(talk, "HOLD", 60)
    monkeypatch.setattr(talk, "DEFER_AFTER", 0.1)


async def test_all_are_promised_an_answer_before_it_is_their_turn(busy: None, w: World) -> None:
    open_ = asyncio.Event()
    w.desk.answers["topics"] = slowly(open_)
    asked = [await w.far.command(w.ria, w.channel, "topics") for _ in range(20)]
    await until(lambda: w.far.count(CALLBACK) == 20, 2.5)
    assert len(w.desk.asked) == 1, "the others were not begun"
    open_.set()
    for one in asked:
        assert (await one.settled(10)).text == "At last."
    assert w.far.count(CALLBACK) == w.far.count(EDIT) == 20


@pytest.mark.parametrize("user", ["ria", "mika"])
async def test_what_can_not_be_done_in_time_is_not_begun_and_said(
    busy: None, w: World, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    monkeypatch.setattr(talk, "LATEST", 0.3)
    open_ = asyncio.Event()
    w.desk.answers["topics"] = slowly(open_)
    first, second = [await w.far.command(getattr(w, user), w.channel, "topics") for _ in range(2)]
    await asyncio.sleep(0.4)
    open_.set()
    assert (await first.settled(5)).text == "At last."
    assert (await second.settled(5)).text == sentence("ja" if user == "mika" else "en", "busy")
    assert len(w.desk.asked) == 1


async def test_no_promise_is_made_too_late(busy: None, w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "TOO_OLD", 0.05)  # before the time of a promise
    open_ = asyncio.Event()
    w.desk.answers["topics"] = slowly(open_)
    asking = [asyncio.create_task(w.far.command(w.ria, w.channel, "topics")) for _ in range(2)]
    await asyncio.sleep(0.3)
    assert w.far.count(CALLBACK) == 0
    open_.set()
    first, second = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(first, Answer)
    assert isinstance(second, NoAnswer), "nor is it begun"
    assert len(w.desk.asked) == 1


async def test_what_was_promised_in_vain_is_not_begun(busy: None, w: World, logged: list[Any]) -> None:
    w.far.patience = 0.05  # shorter than until the promise
    open_ = asyncio.Event()
    w.desk.answers["topics"] = slowly(open_)
    for _ in range(2):
        with pytest.raises(NoAnswer):
            await w.far.command(w.ria, w.channel, "topics")
    await until(lambda: events(logged).count("discord.not-deferred") == 2)
    open_.set()
    await until(lambda: len(events(logged)) == 4)
    assert sorted(events(logged)[2:]) == ["discord.not-answered", "discord.too-late"]
    assert len(w.desk.asked) == 1


async def test_a_promise_waits_for_no_answer_that_is_under_way(
    busy: None, w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hooks.AT_ONCE, "later", 1)
    monkeypatch.setitem(hooks.AT_ONCE, "first", 2)
    monkeypatch.setattr(talk, "AT_ONCE", 3)
    w.far.fail(EDIT, times=3, how="slow", delay=0.7)
    w.desk.answers["topics"] = after(0.2, Reply(message=say("At last.")))
    asked = [await w.far.command(w.ria, w.channel, "topics") for _ in range(3)]
    await until(lambda: len(w.desk.asked) == 3)
    await asyncio.sleep(0.3)  # now they are being given, one after the other
    began = asyncio.get_running_loop().time()
    asked.append(await w.far.command(w.ria, w.channel, "topics"))
    assert asyncio.get_running_loop().time() - began < 0.6
    for one in asked:
        await one.settled(10)


async def test_an_answer_that_is_there_at_once_is_one_request(w: World) -> None:
    before = len(w.far.log)
    assert (await w.ask()).text == "…"
    assert [one.route for one in list(w.far.log)[before:]] == [CALLBACK]


async def test_a_long_answer_that_many_get_is_cut_and_kept_once(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "KEPT", 1)
    same = long_answer()
    w.desk.answers["topics"] = lambda: same

    async def names(user: Any) -> set[str]:
        answer: Answer = await w.ask(user)
        assert answer.message is not None
        return {one["custom_id"] for one in answer.message.buttons if one["custom_id"].startswith("more:")}

    assert await names(w.ria) == await names(w.ria) == await names(w.ada)
    w.desk.answers["topics"] = long_answer
    assert await names(w.ria) != await names(w.ria)


async def test_a_message_that_many_get_is_written_once(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    posted = encode.posted

    def noted(message: Message, *args: Any, **more: Any) -> Any:
        written.append(message)
        return posted(message, *args, **more)

    monkeypatch.setattr(encode, "posted", noted)
    same = Reply(message=say("The same."))
    w.desk.answers["topics"] = lambda: same
    texts = [(await w.ask(user)).text for user in (w.ria, w.mika, w.ada)]
    assert texts == ["The same."] * 3
    assert written == [same.message]


def test_what_is_made_once_is_made_of_this_very_value() -> None:
    made: list[list[int]] = []

    def make(value: list[int]) -> int:
        made.append(value)
        return len(made)

    once, values = Once(make, 2), [[0], [0], [0]]
    assert [once(values[n]) for n in (0, 0, 1, 0, 2, 0, 1)] == [1, 1, 2, 1, 3, 1, 4]
