"""The gateway: sessions that outlive their sockets, events with sequence numbers, resuming, and all that breaks."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from tests.standins.discord.basics import Raw

if TYPE_CHECKING:
    from tests.standins.discord.state import State
    from tests.standins.discord.world import Channel, Guild

CONTENT = 1 << 15
FATAL = frozenset({4004, 4007, 4009, 4010, 4011, 4012, 4013, 4014})
"""Close codes after which the session is over."""
PRIVILEGED = {CONTENT: 1 << 18 | 1 << 19, 1 << 1: 1 << 14 | 1 << 15, 1 << 8: 1 << 12 | 1 << 13}
"""Intents that need one of these flags of the application."""
MAX_INTENTS = 1 << 26
KEPT = 50_000  # events a session keeps for a resume


class Line:
    """A socket and what is to be written to it, in order."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket, self.request = socket, request
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.ours = False  # whether we closed it
        self.writer = asyncio.create_task(self._write())
        self.frames: deque[float] = deque(maxlen=120)

    def send(self, op: int, d: object, s: int | None = None, t: str | None = None) -> None:
        self.queue.put_nowait(json.dumps({"op": op, "d": d, "s": s, "t": t}))

    async def _write(self) -> None:
        while True:
            frame = await self.queue.get()
            try:
                if not self.socket.closed:
                    await self.socket.send_str(frame)
            except (ConnectionError, RuntimeError):
                pass  # it is gone; a resume brings what was missed
            finally:
                self.queue.task_done()

    def end(self) -> None:
        """Stops writing; what is left is not sent, and nobody waits for it."""
        self.writer.cancel()
        while not self.queue.empty():
            self.queue.get_nowait()
            self.queue.task_done()

    async def close(self, code: int | None) -> None:
        """None: the connection breaks without a word."""
        self.ours = True
        if code is None:
            if self.request.transport:
                self.request.transport.abort()
        else:
            await self.socket.close(code=code)


class Session:
    """What one IDENTIFY made: a shard's place in the stream of events. `line` None: away, events are kept."""

    def __init__(self, ident: str, shard: int, of: int, intents: int, line: Line) -> None:
        self.id, self.shard, self.of, self.intents = ident, shard, of, intents
        self.line: Line | None = line
        self.seq = 0
        self.kept: deque[tuple[int, str, Callable[[], Raw]]] = deque(maxlen=KEPT)

    def dispatch(self, event: str, raw: Raw, again: Callable[[], Raw] | None = None) -> None:
        """`again` makes the object for a resume, if it is too big to be kept."""
        self.seq += 1
        self.kept.append((self.seq, event, again or (lambda: raw)))
        if self.line is not None:
            self.line.send(0, raw, self.seq, event)


class Gateway:
    """`sessions` by id. `identifies` and `resumes` count those that were accepted, `refused` resumes that were not."""

    def __init__(self, world: State) -> None:
        self.world = world
        self.sessions: dict[str, Session] = {}
        self.lines: set[Line] = set()
        self.url = ""
        self.token = ""
        self.heartbeat = 41.25
        self.acks = True
        self.out = False
        self.strict_identify = False
        self.identifies = self.resumes = self.refused = self.connects = self.refused_connects = 0
        self.slams = 0  # connections to close before HELLO
        self.refusals: list[int] = []  # codes with which the next IDENTIFYs are refused
        self.doubles = 0  # events to send twice
        self.shuffles = 0  # events to hold and then send in reverse
        self._held: list[tuple[Session, str, Raw]] = []
        self._identified: dict[int, float] = {}

    # --- events ---

    def emit(
        self, event: str, guild: Guild | None, make: Callable[[bool], Raw], channel: Channel | None = None
    ) -> None:
        """To every session whose shard, intents and permissions it concerns. `make` gets whether content is granted."""
        if not self.sessions or (channel is not None and not self.world.sees(channel)):
            return
        for session in list(self.sessions.values()):
            if _concerns(session, event, guild):
                raw = make(bool(session.intents & CONTENT))
                if guild is not None and event.startswith(("CHANNEL_", "THREAD_")):
                    raw = raw | {"guild_id": str(guild.id)}
                self._dispatch(session, event, raw)

    def _dispatch(self, session: Session, event: str, raw: Raw) -> None:
        if self.shuffles:
            self.shuffles -= 1
            self._held.append((session, event, raw))
            if not self.shuffles:
                self.release()
            return
        session.dispatch(event, raw)
        if self.doubles:
            self.doubles -= 1
            session.dispatch(event, raw)

    def release(self) -> None:
        """Sends what is held for reordering, the last first."""
        held, self._held, self.shuffles = self._held[::-1], [], 0
        for session, event, raw in held:
            session.dispatch(event, raw)

    async def delivered(self) -> None:
        """Returns when everything was written to the sockets that are open."""
        await asyncio.gather(*(line.queue.join() for line in self.lines))

    # --- sockets ---

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.out:
            self.refused_connects += 1
            return web.Response(status=503, text="upstream connect error")
        socket = web.WebSocketResponse(max_msg_size=1 << 20, timeout=0.5)
        await socket.prepare(request)
        self.connects += 1
        line = Line(socket, request)
        if self.slams:
            self.slams -= 1
            await line.close(4000)
            line.end()
            return socket
        self.lines.add(line)
        session: Session | None = None
        try:
            line.send(10, {"heartbeat_interval": int(self.heartbeat * 1000), "_trace": []})
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    session = await self._hear(line, session, frame.data)
        finally:
            self.lines.discard(line)
            line.end()
            if session is not None and session.line is line:
                session.line = None
                code = socket.close_code
                if (not line.ours and code in (1000, 1001)) or code in FATAL:
                    self.sessions.pop(session.id, None)
        return socket

    async def _hear(self, line: Line, session: Session | None, data: str) -> Session | None:
        if len(data) > 4096:
            await line.close(4002)
        else:
            try:
                frame = json.loads(data)
                op, d = frame["op"], frame["d"]
            except (ValueError, KeyError, TypeError):
                await line.close(4002)
                return session
            if op == 1:
                if self.acks:
                    line.send(11, None)
                return session
            line.frames.append(time.monotonic())
            if len(line.frames) == 120 and line.frames[-1] - line.frames[0] < 60:
                await line.close(4008)
            elif op in (2, 6):
                if session is not None:
                    await line.close(4005)
                elif d.get("token") != self.token:
                    await line.close(4004)
                else:
                    return await (self._identify if op == 2 else self._resume)(line, d)
            elif session is None:
                await line.close(4003)
        return session

    async def _identify(self, line: Line, d: Raw) -> Session | None:
        shard, of = d.get("shard", (0, 1))
        intents = d.get("intents")
        guilds = [one for one in self.world.guilds.values() if (one.id >> 22) % of == shard]
        if self.refusals:
            await line.close(self.refusals.pop(0))
        elif not 0 <= shard < of:
            await line.close(4010)
        elif len(guilds) > 2500:
            await line.close(4011)
        elif not isinstance(intents, int) or not 0 <= intents < MAX_INTENTS or "properties" not in d:
            await line.close(4013)
        elif any(intents & bit and not self.world.application_flags & flags for bit, flags in PRIVILEGED.items()):
            await line.close(4014)
        elif self.strict_identify and time.monotonic() - self._identified.get(0, -9) < 5:
            line.send(9, False)
        else:
            self._identified[0] = time.monotonic()
            self.identifies += 1
            for old in [one for one in self.sessions.values() if one.line is None and one.shard == shard]:
                del self.sessions[old.id]
            return self._ready(line, shard, of, intents, guilds)
        return None

    def _ready(self, line: Line, shard: int, of: int, intents: int, guilds: list[Guild]) -> Session:
        session = Session(f"session-{self.identifies}-{shard}", shard, of, intents, line)
        self.sessions[session.id] = session
        me = self.world.me
        ready: Raw = {
            "v": 10,
            "user": me.raw() | {"verified": True, "mfa_enabled": False, "email": None, "flags": 0},
            "guilds": [{"id": str(one.id), "unavailable": True} for one in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": [shard, of],
            "application": {"id": str(self.world.application), "flags": self.world.application_flags},
        }
        session.dispatch("READY", ready)
        if intents & 1:
            for guild in guilds:
                session.dispatch("GUILD_CREATE", guild.created(me), partial(guild.created, me))
        return session

    async def _resume(self, line: Line, d: Raw) -> Session | None:
        session = self.sessions.get(d.get("session_id", ""))
        seq = d.get("seq")
        first = session.kept[0][0] if session and session.kept else 1
        if session is None or not isinstance(seq, int) or not first - 1 <= seq <= session.seq:
            self.refused += 1
            line.send(9, False)
            return None
        self.resumes += 1
        if session.line is not None:
            await session.line.close(4000)
        session.line = line
        for at, event, make in session.kept:
            if at > seq:
                line.send(0, make(), at, event)
        session.dispatch("RESUMED", {"_trace": []})
        return session

    async def close(self, code: int | None) -> None:
        """Closes all sockets; the sessions may be resumed if the code allows it."""
        for session in list(self.sessions.values()):
            if code in FATAL:
                del self.sessions[session.id]
        await asyncio.gather(*(line.close(code) for line in list(self.lines)))

    def tell(self, op: int, d: object) -> None:
        """A frame that is no event, to every socket."""
        for line in self.lines:
            line.send(op, d)


def _concerns(session: Session, event: str, guild: Guild | None) -> bool:
    if (0 if guild is None else (guild.id >> 22) % session.of) != session.shard:
        return False
    if event.startswith("MESSAGE_REACTION"):
        need = 1 << 10 if guild else 1 << 13
    elif event.startswith("MESSAGE"):
        need = 1 << 9 if guild else 1 << 12
    else:
        need = 0 if event.startswith("INTERACTION") else 1
    return session.intents & need == need
