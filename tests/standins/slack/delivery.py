"""How something gets to the bot: attempts, acknowledgements, repetitions; whatever the transport is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.standins.slack.basics import Raw


@dataclass(eq=False, kw_only=True)
class Attempt:
    """One try. `outcome`: None for acknowledged, else the reason why not. `via`: the number of the connection."""

    number: int
    reason: str
    envelope: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: float = field(default_factory=time.monotonic)
    via: int | None = None
    took: float = 0
    payload: Raw | None = None
    no_retry: bool = False
    outcome: asyncio.Future[str | None] = field(default_factory=asyncio.Future)

    def end(self, reason: str | None, payload: Raw | None = None) -> bool:
        """False: too late."""
        if self.outcome.done():
            return False
        self.took = time.monotonic() - self.at
        self.payload = payload
        self.outcome.set_result(reason)
        return True


@dataclass(eq=False, kw_only=True)
class Delivery:
    """Something that the bot is told. `kind` is Socket Mode's: `events_api`, `slash_commands`, `interactive`.

    `state`: waiting, acked, or lost after the last attempt.
    """

    kind: str
    payload: Raw
    attempts: list[Attempt] = field(default_factory=list)
    state: str = "waiting"
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def event(self) -> Raw:
        """The inner event; empty for others."""
        return dict(self.payload.get("event") or {})

    @property
    def event_id(self) -> str:
        return str(self.payload.get("event_id", ""))

    def end(self, state: str) -> None:
        self.state = state
        self.settled.set()


class Transport(Protocol):
    """Sends an attempt, and ends it when it knows. Must not wait."""

    def send(self, delivery: Delivery, attempt: Attempt) -> None: ...


class Outbox:
    """What is sent, in order, and sent again when nobody acknowledged it.

    `patience` seconds for an acknowledgement, `retry_after` the seconds before each repetition (Slack's are about 0, 60
    and 300). `doubles` events are sent twice; `shuffles` are held and sent with the last first.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.patience = 3.0
        self.retry_after: Sequence[float] = (0.0, 0.2, 0.5)
        self.deliveries: list[Delivery] = []
        self.late = 0
        self.doubles = self.shuffles = 0
        self.random = random.Random(4)
        self.open = False
        self._held: list[Delivery] = []
        self._holding = False
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, payload: Raw) -> Delivery | None:
        """An event; None while there is no server."""
        if not self.open:
            return None
        delivery = Delivery(kind="events_api", payload=payload)
        self.deliveries.append(delivery)
        if self._holding:
            self._held.append(delivery)
            return delivery
        if self.shuffles:
            self._held.append(delivery)
            self.shuffles -= 1
            if not self.shuffles:
                self.release()
            return delivery
        self._start(delivery)
        if self.doubles:
            self.doubles -= 1
            self._again(delivery)
        return delivery

    def release(self) -> None:
        """Sends what is held, the last first."""
        self.shuffles = 0
        held, self._held = self._held, []
        for one in reversed(held):
            self._start(one)

    @contextlib.contextmanager
    def burst(self, shuffled: bool, doubled: float) -> Iterator[None]:
        """All events of the block go out at its end, in random order, a share of them twice."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            held, self._held = self._held, []
            plan = [(one, False) for one in held]
            plan += [(one, True) for one in held if self.random.random() < doubled]
            if shuffled:
                self.random.shuffle(plan)
            seen: set[Delivery] = set()
            for one, _ in plan:  # whichever of two comes first is the one that counts
                (self._again if one in seen else self._start)(one)
                seen.add(one)

    def ask(self, kind: str, payload: Raw) -> Attempt:
        """Something that a person waits for: tried once, its acknowledgement may say something."""
        delivery = Delivery(kind=kind, payload=payload)
        self.deliveries.append(delivery)
        return self._start(delivery)

    def _send(self, delivery: Delivery, number: int, reason: str) -> Attempt:
        attempt = Attempt(number=number, reason=reason)
        delivery.attempts.append(attempt)
        self.transport.send(delivery, attempt)
        return attempt

    def _start(self, delivery: Delivery) -> Attempt:
        first = self._send(delivery, 0, "")
        task = asyncio.get_running_loop().create_task(self._follow(delivery, first))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return first

    def _again(self, delivery: Delivery) -> None:
        """A copy whose outcome changes nothing."""
        self._send(delivery, 0, "")

    async def _follow(self, delivery: Delivery, attempt: Attempt) -> None:
        waits = list(self.retry_after) if delivery.kind == "events_api" else []
        while True:
            try:
                reason = await asyncio.wait_for(asyncio.shield(attempt.outcome), self.patience)
            except TimeoutError:
                reason = "timeout"
                attempt.end(reason)
            if reason is None:
                delivery.end("acked")
                return
            if not waits or attempt.no_retry:
                delivery.end("lost")
                return
            await asyncio.sleep(waits.pop(0))
            attempt = self._send(delivery, attempt.number + 1, reason)

    async def close(self) -> None:
        self.open = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
