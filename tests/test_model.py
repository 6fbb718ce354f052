"""The model's endpoint: nothing that it does costs more than was allowed, or is told to anybody."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bot.environment import load
from bot.house import House
from bot.model import ANSWER, Model
from bot.settings import PREFIX
from core.errors import ConfigError, ThinkError
from storage import budget
from storage.db import Db
from tests.conftest import SetClock
from tests.standins.model import ModelServer, Trouble

pytest.importorskip("pydantic_ai")
from bot import endpoint  # there only where the extra is installed

SECRET = "what a reader wrote"


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as made:
        made.answer = "It is so [1]."
        yield made


async def apart(job: str, data: Any) -> Any:
    """What the process apart does, in a thread: it takes seconds to start."""
    body = json.dumps(data).encode()
    return json.loads(await asyncio.to_thread(endpoint.answer, {"do": job}, body))["is"]


def model(server: ModelServer, db: Db, clock: SetClock, **how: Any) -> Model:
    values: dict[str, Any] = {"ask": apart, "daily": 100_000, "limit": 5, "hurry": 5, "rest": 60, **how}
    return Model(server.url, "m1", "sk-key", db=db, clock=clock, **values)


async def ask(made: Model, data: str = SECRET) -> str:
    return await made.write("Tell.", data, hurry=False)


async def test_it_is_asked_once_with_its_name_and_key(server: ModelServer, db: Db, clock: SetClock) -> None:
    async with model(server, db, clock) as made:
        assert await ask(made) == "It is so [1]."
        assert await ask(made) == "It is so [1]."  # it is known
    (asked,) = server.asked
    assert asked["model"] == "m1"
    assert [one["content"] for one in asked["messages"]] == ["Tell.", SECRET]
    assert (asked["max_tokens"], asked["temperature"], asked["stream"]) == (ANSWER, 0, False)
    assert "tools" not in asked
    assert "response_format" not in asked
    assert server.headers[0]["Authorization"] == "Bearer sk-key"


@pytest.mark.parametrize(
    "trouble", ["drop", "cut", "endless", "drip", "huge", "bomb", "hang", "garbage", "shape", "redirect"]
)
async def test_what_misbehaves_gives_no_answer_in_time_and_without_a_word_of_it(
    server: ModelServer, db: Db, clock: SetClock, trouble: Trouble
) -> None:
    server.trouble = trouble
    structlog.reset_defaults()
    with capture_logs() as lines:
        async with model(server, db, clock, limit=1) as made:
            began = time.monotonic()
            with pytest.raises(ThinkError):
                await ask(made)
            assert time.monotonic() - began < 4
            assert made.resting
    assert len(server.asked) == 1  # no second attempt
    assert server.redirected == 0
    assert [line["event"] for line in lines] == ["model.failed"]
    assert SECRET not in repr(lines)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 500, 503])
async def test_a_refusal_is_not_repeated_and_not_quoted(
    server: ModelServer, db: Db, clock: SetClock, status: int
) -> None:
    server.status = status
    structlog.reset_defaults()
    with capture_logs() as lines:
        async with model(server, db, clock) as made:
            with pytest.raises(ThinkError) as caught:
                await ask(made)
    assert len(server.asked) == 1
    assert [line["status"] for line in lines] == [status]
    assert SECRET not in repr(lines) + str(caught.value)


@pytest.mark.parametrize("answer", ["", "  \n", None, "<think>All day long."])
async def test_an_empty_answer_is_none(server: ModelServer, db: Db, clock: SetClock, answer: str | None) -> None:
    server.answer = answer
    async with model(server, db, clock) as made:
        if answer and answer.strip():
            assert "day" in await ask(made)  # a thought without an end is text; it cites nothing
        else:
            with pytest.raises(ThinkError):
                await ask(made)


async def test_what_it_thinks_is_no_part_of_its_answer(server: ModelServer, db: Db, clock: SetClock) -> None:
    server.answer = "<think>Perhaps it is [2].</think>\nIt is so [1]."
    async with model(server, db, clock) as made:
        assert await ask(made) == "It is so [1]."


async def test_a_dead_endpoint_is_left_alone_and_tried_again_later(
    server: ModelServer, db: Db, clock: SetClock
) -> None:
    server.status = 500
    async with model(server, db, clock, rest=0.2) as made:
        for _ in range(3):
            with pytest.raises(ThinkError):
                await ask(made)
        assert len(server.asked) == 1
        await asyncio.sleep(0.25)
        with pytest.raises(ThinkError):
            await ask(made)
        assert len(server.asked) == 2
        await asyncio.sleep(0.25)
        assert made.resting  # twice as long
        await asyncio.sleep(0.2)
        server.status = 200
        assert await ask(made) == "It is so [1]."
        assert not made.resting


async def test_who_is_in_a_hurry_goes_and_finds_the_answer_when_coming_back(
    server: ModelServer, db: Db, clock: SetClock
) -> None:
    server.delay = 0.5
    async with model(server, db, clock, hurry=0.1) as made:
        with pytest.raises(ThinkError, match="not answered yet"):
            await made.write("Tell.", SECRET, hurry=True)
        assert not made.resting
        assert await ask(made) == "It is so [1]."
        assert await made.write("Tell.", SECRET, hurry=True) == "It is so [1]."
    assert len(server.asked) == 1


async def test_a_crowd_asks_once(server: ModelServer, db: Db, clock: SetClock) -> None:
    async with model(server, db, clock) as made:
        answers = await asyncio.gather(*(ask(made) for _ in range(20)))
    assert set(answers) == {"It is so [1]."}
    assert len(server.asked) == 1


async def test_stopping_ends_what_is_under_way(server: ModelServer, db: Db, clock: SetClock) -> None:
    server.trouble = "hang"
    async with model(server, db, clock, limit=1) as made:
        waiting = asyncio.create_task(ask(made))
        await server.reached.wait()
    with pytest.raises(ThinkError, match="stopped"):
        await waiting


# --- the budget ---


async def test_a_day_costs_no_more_than_allowed_whatever_dies(server: ModelServer, db: Db, clock: SetClock) -> None:
    server.usage = None  # it does not count, so what was taken stays taken
    room = 3 * (ANSWER + 10)
    async with model(server, db, clock, daily=room) as made:
        for n in range(3):
            await ask(made, str(n))
        with pytest.raises(ThinkError, match="spent"):
            await ask(made, "4")
        assert not made.resting
    async with model(server, db, clock, daily=room) as again:  # as after a crash: the rows know
        with pytest.raises(ThinkError, match="spent"):
            await ask(again, "5")
        clock.move(days=1)
        assert await ask(again, "5") == "It is so [1]."
    assert len(server.asked) == 4


async def test_what_was_not_needed_is_given_back(server: ModelServer, db: Db, clock: SetClock) -> None:
    async with model(server, db, clock) as made:
        await ask(made)
        assert await made.spent() == 120
        server.usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        await ask(made, "other")
        assert await made.spent() > 120 + ANSWER
        server.usage = {"prompt_tokens": -(10**9), "completion_tokens": 0, "total_tokens": -(10**9)}
        with pytest.raises(ThinkError):
            await ask(made, "third")
        assert await made.spent() > 120 + 2 * ANSWER


async def test_it_is_taken_before_it_is_spent(server: ModelServer, db: Db, clock: SetClock) -> None:
    server.trouble = "hang"
    async with model(server, db, clock, limit=1) as made:
        task = asyncio.create_task(ask(made))
        await server.reached.wait()
        assert await made.spent() > ANSWER
    with pytest.raises(ThinkError):
        await task
    assert await made.spent() > ANSWER


async def test_many_at_once_take_no_more_than_there_is(db: Db) -> None:
    got = await asyncio.gather(*(db.write(lambda tx: budget.take(tx, 7, 30, 100)) for _ in range(50)))
    assert sum(got) == 3
    assert await budget.spent(db, 7) == (90, 3)


# --- the house ---


def settings(tmp_path: Path, **values: str) -> Any:
    given = {"database": str(tmp_path / "house.db"), "web": "off", **values}
    return load({PREFIX + name.upper(): value for name, value in given.items()}, tmp_path / "none")


async def test_without_the_setting_there_is_none(tmp_path: Path) -> None:
    async with House(settings(tmp_path)) as house:
        assert house.tools.writer is None


async def test_the_extra_is_asked_for_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pydantic_ai" else find(name))
    async with House(settings(tmp_path)):
        pass  # not needed
    with pytest.raises(ConfigError, match=r"pip install rondan\[model\]"):
        async with House(settings(tmp_path, model_url="http://127.0.0.1:1/v1", model_name="m")):
            pass


def test_settings_that_can_not_be(tmp_path: Path) -> None:
    def problem(**values: str) -> str:
        with pytest.raises(ConfigError) as caught:
            settings(tmp_path, **values)
        return "\n".join(caught.value.problems)

    assert "set RONDAN_MODEL_NAME" in problem(model_url="http://x/v1")
    assert "begins with https://" in problem(model_url="ftp://x/v1", model_name="m")
    assert "without a name or password" in problem(model_url="https://me:pw@x/v1", model_name="m")
    loaded = settings(tmp_path, model_url="http://x/v1/", model_name="m", model_key="sk-key")
    assert loaded.model_url == "http://x/v1"
    assert not loaded.model_slack_text
    assert "sk-key" not in repr(loaded)


async def test_status_tells_what_it_costs(server: ModelServer, tmp_path: Path) -> None:
    from bot.verbs import VERBS

    given = settings(tmp_path, model_url=server.url, model_name="m", model_daily="5000", model_slack_text="1")
    async with House(given) as house:
        assert house.tools.writer is not None
        assert house.tools.writer.slack
        await house.tools.writer.write("Tell.", SECRET, hurry=False)
        status = await VERBS["status"](house, {}, lambda _: None)
    assert status["model"] == {"spent": 120, "daily": 5000, "resting": False}
    assert json.dumps(status)
