"""What operators and tests do to the connection, and how they wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.standins.slack.basics import Raw
from tests.standins.slack.delivery import Delivery
from tests.standins.slack.sockets import Connection
from tests.standins.slack.state import State


class Connecting(State):
    """`patience` seconds to acknowledge in; `retry_after`: the pauses before each repetition of an event."""

    @property
    def patience(self) -> float:
        return self.outbox.patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self.outbox.patience = seconds

    @property
    def retry_after(self) -> Sequence[float]:
        return self.outbox.retry_after

    @retry_after.setter
    def retry_after(self, pauses: Sequence[float]) -> None:
        self.outbox.retry_after = pauses

    # --- reading ---

    @property
    def deliveries(self) -> list[Delivery]:
        """Everything that the bot was told, in order."""
        return self.outbox.deliveries

    @property
    def unacked(self) -> list[Delivery]:
        """Events that nobody acknowledged (yet)."""
        return [one for one in self.deliveries if one.kind == "events_api" and one.state != "acked"]

    @property
    def lost(self) -> list[Delivery]:
        """Those of them that are not tried again."""
        return [one for one in self.unacked if one.state == "lost"]

    @property
    def acks(self) -> list[Raw]:
        """What came back over the sockets, in order."""
        return self.sockets.acknowledged

    @property
    def connections(self) -> list[Connection]:
        """The sockets that get envelopes now."""
        return list(self.sockets.live)

    async def connected(self, count: int = 1, within: float = 10) -> None:
        """Returns when so many sockets are open; raises TimeoutError."""
        async with asyncio.timeout(within):
            while len(self.sockets.live) < count:  # noqa: ASYNC110 (sockets come and go)
                await asyncio.sleep(0.005)

    async def delivered(self, within: float = 10) -> None:
        """Returns when every event is acknowledged, or lost; raises TimeoutError."""
        async with asyncio.timeout(within):
            for one in list(self.deliveries):
                await one.settled.wait()

    # --- faults ---

    async def cut(self, polite: bool = False) -> None:
        """All sockets break; `polite`: they are closed."""
        await self.sockets.cut(list(self.sockets.live), polite)

    async def refresh(self, reason: str = "refresh_requested", connection: Connection | None = None) -> None:
        """Slack asks one connection, or all, to come back: `warning`, `refresh_requested`, `link_disabled`."""
        for one in [connection] if connection else list(self.sockets.live):
            self.sockets.tell_to_go(one, reason)
        await asyncio.sleep(0)

    def dead_urls(self, count: int = 1) -> None:
        """The next so many of `apps.connections.open` lead nowhere: the handshake fails, however often."""
        self.sockets.dead += count

    def refuse_sockets(self, times: int = 1) -> None:
        """The next handshakes fail; the ticket stays good."""
        self.sockets.refusing += times

    def hang_sockets(self, times: int = 1) -> None:
        """The next handshakes are never answered."""
        self.sockets.hanging += times

    def outage(self, on: bool = True) -> None:
        """Handshakes get 503. (Web API: `fail("*", times=…, how=503)`; open sockets: `cut`.)"""
        self.sockets.out = on

    def deaf(self, on: bool = True) -> None:
        """Pings are not answered: the connection looks dead."""
        self.sockets.deaf = on

    def duplicate(self, events: int = 1) -> None:
        """The next events are sent twice."""
        self.outbox.doubles += events

    def reorder(self, events: int = 2) -> None:
        """The next events are held until there are so many, then sent with the last first."""
        self.outbox.shuffles += events

    def release(self) -> None:
        """Sends what `reorder` still holds."""
        self.outbox.release()
