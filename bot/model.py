"""The optional language model: one OpenAI-compatible endpoint, asked for text within a time and a budget.

Whatever it does, nothing waits for it long and nothing fails because of it: no answer is a `ThinkError`, the cause is
logged without a word of what was asked or answered, and an endpoint that fails is left alone for a while. The request
itself is made in a process apart (`bot.endpoint`).
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections import OrderedDict
from typing import Self

import structlog

from commands.tools import Think
from core.errors import ConfigError, ThinkError
from core.times import Clock
from storage import budget
from storage.db import Db, Tx

log = structlog.get_logger()

ANSWER = 2000  # tokens of an answer, those a model spends on thinking with them
KEPT, KEPT_FOR = 32, 1800.0  # answers, and for how many seconds: "Show all of it" asks what the card has asked
MODULE = "bot.endpoint"
IDLE = 600.0  # seconds after which that process ends
STARTING = 30.0  # seconds that its process may need before it asks
FIRST_REST, LONGEST_REST = 60.0, 3600.0  # seconds without a request after a failure; doubled from one to the next


class Model:
    """`commands.tools.Writer`. In seconds: `limit` is what an answer may take, `hurry` what somebody waits for it.

    Who waits no longer does not end the request: when they ask the same again its answer is there. `daily` is in
    tokens; `slack`: readers' words from Slack may be sent. `ask` puts a question to `bot.endpoint`.
    """

    def __init__(
        self,
        url: str,
        name: str,
        key: str | None,
        *,
        ask: Think,
        db: Db,
        clock: Clock,
        daily: int,
        slack: bool = False,
        limit: float = 30,
        hurry: float = 4,
        rest: float = FIRST_REST,
    ) -> None:
        """ConfigError if the libraries of the extra are not installed."""
        if any(importlib.util.find_spec(one) is None for one in ("pydantic_ai", "openai", "httpx2")):
            raise ConfigError(
                "RONDAN_MODEL_URL is set, but what speaks to models is not there: pip install rondan[model]"
            )
        self.slack = slack
        self.daily = daily
        self._at = {"url": url, "name": name, "key": key}
        self._ask = ask
        self._db = db
        self._clock = clock
        self._limit = limit
        self._hurry = hurry
        self._first_rest = rest
        self._rest = rest
        self._resting_until = 0.0
        self._answers: OrderedDict[tuple[str, str], asyncio.Task[str]] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End requests under way; who waits for one gets a ThinkError."""
        for task in self._answers.values():
            task.cancel()
        await asyncio.gather(*self._answers.values(), return_exceptions=True)

    @property
    def resting(self) -> bool:
        """Whether it is left alone for a while, because it failed."""
        return time.monotonic() < self._resting_until

    async def spent(self) -> int:
        """Tokens of today."""
        return (await budget.spent(self._db, budget.day_of(self._clock())))[0]

    async def write(self, instructions: str, data: str, *, hurry: bool) -> str:
        """What the model answers. ThinkError when nothing came of it, or not yet."""
        asked = (instructions, data)
        task = self._answers.get(asked)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            if self.resting:
                raise ThinkError("the model is left alone for a while, because it failed")
            task = self._answers[asked] = asyncio.create_task(self._answer(*asked), name="model")
            # Nobody may be waiting when it fails; it was logged then.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            asyncio.get_running_loop().call_later(KEPT_FOR, self._forget, asked, task)
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)[1].cancel()
        try:
            async with asyncio.timeout(self._hurry if hurry else None):
                return await asyncio.shield(task)
        except TimeoutError:
            raise ThinkError("the model has not answered yet") from None
        except asyncio.CancelledError:
            if task.cancelled():
                raise ThinkError("stopped while the model was asked") from None
            raise

    def _forget(self, asked: tuple[str, str], task: asyncio.Task[str]) -> None:
        if self._answers.get(asked) is task:
            del self._answers[asked]

    async def _answer(self, instructions: str, data: str) -> str:
        # A third of its bytes is about one token for a character of Japanese and too many for English.
        taken = len((instructions + data).encode()) // 3 + ANSWER
        day = budget.day_of(self._clock())
        if not await self._db.write(lambda tx: budget.take(tx, day, taken, self.daily)):
            log.warning("model.budget-spent", budget=self.daily, needed=taken)
            raise ThinkError("what the model may cost today is spent")
        began = time.monotonic()
        question = {"instructions": instructions, "data": data, "most": ANSWER, "limit": self._limit}
        try:
            found = await self._ask("complete", {**self._at, **question})
        except ThinkError:
            found = {"failed": "process", "status": None}
        if "failed" in found:
            self._failed(found["failed"], found["status"])
            raise ThinkError("the model gave no answer")
        self._rest = self._first_rest
        used = found["tokens"]
        log.info("model.answered", tokens=used, ms=round((time.monotonic() - began) * 1000))
        if used > 0:  # not every server counts

            async def settle(tx: Tx) -> None:
                await budget.give_back(tx, day, taken - used)

            await self._db.write(settle)
        return str(found["text"])

    def _failed(self, kind: str, status: int | None) -> None:
        """Leave the endpoint alone for a while."""
        self._resting_until = time.monotonic() + self._rest
        log.warning("model.failed", error=kind, status=status, rests=round(self._rest))
        self._rest = min(self._rest * 2, LONGEST_REST)
