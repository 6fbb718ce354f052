"""Socket Mode: tickets, connections, envelopes, acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets

import aiohttp
from aiohttp import WSMsgType, web

from tests.standins.slack.basics import Raw
from tests.standins.slack.delivery import Attempt, Delivery, Outbox

MOST = 10


class Connection:
    """One WebSocket of the bot. What is put in `out` is written in order."""

    def __init__(self, number: int, socket: web.WebSocketResponse) -> None:
        self.number, self.socket = number, socket
        self.out: asyncio.Queue[Raw | None] = asyncio.Queue()
        self.acks: list[Raw] = []
        self.leaving = False  # told to go: gets nothing new

    async def write(self) -> None:
        while (frame := await self.out.get()) is not None:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await self.socket.send_str(json.dumps(frame, ensure_ascii=False))


class Sockets:
    """`live` are the connections that get envelopes, each to any one of them."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.outbox = Outbox(self)
        self.live: list[Connection] = []
        self.all: list[Connection] = []
        self.tickets: dict[str, bool] = {}  # to whether it leads anywhere
        self.opened = self.handshakes = self.refused = 0
        self.dead = 0  # so many of the next tickets lead nowhere
        self.refusing = 0  # so many handshakes fail
        self.hanging = 0  # so many are never answered
        self.out = False
        self.deaf = False  # pings are not answered
        self.unknown_acks = 0
        self.acknowledged: list[Raw] = []
        self._attempts: dict[str, Attempt] = {}

    def ticket(self) -> str:
        self.opened += 1
        ticket = secrets.token_urlsafe(12)
        self.tickets[ticket] = self.dead == 0
        self.dead = max(0, self.dead - 1)
        return ticket

    def send(self, delivery: Delivery, attempt: Attempt) -> None:
        ready = [one for one in self.live if not one.leaving]
        if not ready:
            attempt.end("connection_failed")
            return
        chosen = self.outbox.random.choice(ready)
        attempt.via = chosen.number
        self._attempts[attempt.envelope] = attempt
        frame: Raw = {
            "envelope_id": attempt.envelope,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            frame |= {"retry_attempt": attempt.number, "retry_reason": attempt.reason}
        chosen.out.put_nowait(frame)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """A handshake and all that follows."""
        self.handshakes += 1
        if self.hanging:
            self.hanging -= 1
            await asyncio.sleep(3600)
        ticket = request.query.get("ticket", "")
        if self.out or self.refusing or not self.tickets.get(ticket):
            self.refusing = max(0, self.refusing - 1)
            self.refused += 1
            return web.Response(status=503 if self.out else 408, text="refused")
        self.tickets[ticket] = False  # a ticket lets one in, once
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        connection = Connection(len(self.all) + 1, socket)
        self.all.append(connection)
        writer = asyncio.create_task(connection.write())
        try:
            if len(self.live) >= MOST:
                self.tell_to_go(connection, "too_many_websockets")
            else:
                self.live.append(connection)
                connection.out.put_nowait(self._hello())
            async for frame in socket:
                await self._read(connection, frame)
        finally:
            connection.leaving = True
            if connection in self.live:
                self.live.remove(connection)
            connection.out.put_nowait(None)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return socket

    def _hello(self) -> Raw:
        return {
            "type": "hello",
            "num_connections": len(self.live),
            "debug_info": {"host": "applink-loopback", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self.app},
        }

    async def _read(self, connection: Connection, frame: aiohttp.WSMessage) -> None:
        if frame.type == WSMsgType.PING and not self.deaf:
            await connection.socket.pong(frame.data)
        elif frame.type == WSMsgType.TEXT:
            ack = json.loads(frame.data)
            connection.acks.append(ack)
            self.acknowledged.append(ack)
            attempt = self._attempts.pop(ack.get("envelope_id", ""), None)
            if attempt is None:
                self.unknown_acks += 1
            elif not attempt.end(None, ack.get("payload")):
                self.outbox.late += 1

    def tell_to_go(self, connection: Connection, reason: str) -> None:
        """Reasons: `warning` (stays for a while), `refresh_requested`, `too_many_websockets`, `link_disabled`."""
        connection.leaving = connection.leaving or reason != "warning"
        connection.out.put_nowait({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-loopback"}})

    async def cut(self, connections: list[Connection], polite: bool) -> None:
        for one in connections:
            one.leaving = True
            if polite:
                await one.socket.close()
            elif one.socket._req is not None and one.socket._req.transport is not None:
                one.socket._req.transport.abort()

    async def close(self) -> None:
        for one in self.all:
            if not one.socket.closed:
                await one.socket.close()
