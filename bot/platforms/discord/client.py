"""The connection: discord.py's client with our settings, and the mends that its release 2.7.1 needs.

What we take from discord.py is the gateway (sharding, heartbeats, resuming), the cache of servers, channels and
permissions, and the REST client with the limits of single routes. Events of messages, reactions and interactions are
handed on as the platform's own JSON, in the order of the socket: its objects are not needed, and its dispatcher makes a
task an event, which may run out of order.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import discord.http
import structlog
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.shard import EventItem, EventType, Shard
from typing_extensions import override

from bot.platforms.discord.hooks import Hooks
from bot.platforms.discord.pacer import Pacer, Priority
from core.errors import Unknown

log = structlog.get_logger()

RAW = (
    "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK",
    "MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE", "MESSAGE_REACTION_REMOVE_ALL", "MESSAGE_REACTION_REMOVE_EMOJI",
    "INTERACTION_CREATE",
)  # fmt: skip
"""Events that are ours alone; discord.py neither parses nor dispatches them."""
SEEN_FIRST = ("THREAD_DELETE", "CHANNEL_DELETE", "GUILD_DELETE")
"""Events that we hear before discord.py takes the channel out of its cache."""

IDENTIFY_EVERY = 5.0  # seconds, divided by the concurrency that Discord allows
FREE_STARTS = 3  # sessions that a shard may start in an hour without a further pause
LONGEST_REST = 600.0  # seconds between two starts of a shard whose sessions don't last
LAUNCHES, LAUNCH_AGAIN = 3, 5.0  # attempts at the first connection of a shard, and the seconds between them
LONGEST_WAIT = 60.0  # seconds between two attempts to resume: Discord keeps a session for minutes only
GUILDS_WITHIN = 2.0  # seconds after which no further server of a new session is waited for
SWEEP_EVERY = 30.0  # seconds; 2.7.1 looks through all limits of routes whenever it meets a new channel
RETRIES = 4  # of a request after a server error, by discord.py


CONNECTING = (
    ReconnectWebSocket, discord.HTTPException, discord.GatewayNotFound, aiohttp.ClientError, OSError, TimeoutError,
)  # fmt: skip
"""What may go wrong when a socket is opened, and may go well the next time."""


@dataclass(slots=True)
class Call:
    """One request as its caller means it. `repeats`: how often it may be sent again after a server error.

    A request whose outcome is unknown must not be repeated where Discord can't tell the repetition.
    """

    priority: Priority
    repeats: int = RETRIES
    sent: int = 0
    status: int = 0
    unsure: bool = False  # an attempt may have been carried out though the server said it failed


_call: ContextVar[Call | None] = ContextVar("call", default=None)


@contextmanager
def calling(priority: Priority, repeats: int = RETRIES) -> Iterator[Call]:
    """Requests in here have this priority, and are repeated at most so often after a server error."""
    call = Call(priority, repeats)
    token = _call.set(call)
    try:
        yield call
    finally:
        _call.reset(token)


def traced(pacer: Pacer) -> aiohttp.TraceConfig:
    """A trace by which every request of discord.py's session, its repetitions too, takes its turn at the pacer."""
    config = aiohttp.TraceConfig()

    async def start(_session: Any, _context: SimpleNamespace, asked: aiohttp.TraceRequestStartParams) -> None:
        call = _call.get()
        if call is not None:
            if call.sent and call.status >= 500 and call.sent > call.repeats:
                raise Unknown(f"Discord answered {call.status}; the request may have been carried out")
            call.sent += 1
        if _is_paced(asked.url):
            await pacer.turn(call.priority if call else Priority.READ)

    async def end(_session: Any, _context: SimpleNamespace, got: aiohttp.TraceRequestEndParams) -> None:
        call = _call.get()
        if call is not None:
            call.status = got.response.status
            call.unsure = call.unsure or call.status >= 500
        if not _is_paced(got.url):
            return
        headers = got.response.headers
        pacer.answered(
            got.response.status,
            scope=headers.get("X-RateLimit-Scope") or ("global" if "X-RateLimit-Global" in headers else None),
            retry_after=_seconds(headers.get("Retry-After")),
            by_discord=headers.get("Content-Type", "").startswith("application/json"),
        )

    config.on_request_start.append(start)
    config.on_request_end.append(end)
    return config


def _is_paced(url: yarl.URL) -> bool:
    """Answers to interactions don't count in the global limit, and nor does the gateway."""
    return url.scheme not in ("ws", "wss") and "/interactions/" not in url.path and "/webhooks/" not in url.path


def _seconds(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


Shards = Callable[[int], Awaitable[Sequence[int]]]
"""Told how many shards there are, gives which of them we listen to."""


async def all_shards(count: int) -> Sequence[int]:
    """Nobody else listens."""
    return range(count)


class Connection(discord.AutoShardedClient):
    """`heard(event, data)` is called for each event of `RAW` and `SEEN_FIRST` in the order of the socket.

    A new session means that there was a gap before it: `gap` is called with its first event, `began` when every shard
    has told its servers.
    """

    def __init__(
        self,
        pacer: Pacer,
        heard: Callable[[str, dict[str, Any]], None],
        gap: Callable[[], None],
        began: Callable[[], None],
    ) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.guild_messages = intents.guild_reactions = intents.dm_messages = True
        super().__init__(
            intents=intents,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=60,
            assume_unsync_clock=True,
            http_trace=traced(pacer),
            guild_ready_timeout=GUILDS_WITHIN,
        )
        self._gap, self._began = gap, began
        self._untold: set[int] = set()  # shards whose servers we don't know yet
        self._gateway: yarl.URL | None = None
        self._identify_every = IDENTIFY_EVERY
        self._starts: dict[int, list[float]] = {}  # when each shard started a session, in the last hour
        self._opened = False
        self.hooks = Hooks(self.http)
        self.http._try_clear_expired_ratelimits = at_most_every(  # type: ignore[method-assign]
            SWEEP_EVERY, self.http._try_clear_expired_ratelimits
        )
        parsers: dict[str, Callable[[Any], None]] = self._connection.parsers
        for name in RAW:
            parsers[name] = partial(heard, name)
        for name in SEEN_FIRST:
            parsers[name] = _both(partial(heard, name), parsers[name])
        for name, parser in parsers.items():
            parsers[name] = partial(_guarded, name, parser)
        parsers["READY"] = _both(self._new_session, parsers["READY"])

    @property
    def is_up(self) -> bool:
        """Whether every shard has its socket and has told its servers."""
        shards = self.shards.values()
        return bool(shards) and not self._untold and not any(one.is_closed() for one in shards)

    def speaks_of_content(self) -> bool:
        """Whether the application was granted the text of messages."""
        flags = self.application_flags
        return flags.gateway_message_content or flags.gateway_message_content_limited

    async def open(self, token: str, gateway: str | None, *, content: bool, share: Shards) -> Mapping[str, int]:
        """Log in and find out the shards; gives the limit of sessions that may be started.

        `content`: ask for the text of messages if the application was granted it. `share` is told how many shards
        there are, and gives those that are ours.
        """
        self._opened = True
        await self.login(token)
        shards, url, limits = await self.http.get_bot_gateway()
        self.shard_count = shards
        ours = await share(shards)
        self.shard_ids = list(ours)
        self._untold = set(ours)
        self._gateway = yarl.URL(gateway) if gateway else None
        DiscordWebSocket.DEFAULT_GATEWAY = self._gateway or yarl.URL(url)
        self._identify_every = IDENTIFY_EVERY / max(1, limits["max_concurrency"])
        if content and self.speaks_of_content():
            self._connection._intents.message_content = True
        return dict(limits)  # type: ignore[arg-type]

    def _new_session(self, data: dict[str, Any]) -> None:
        shard = data["shard"][0]
        self._untold.add(shard)
        self._gap()
        if self._gateway is not None:  # a proxy or another server: Discord's own address for resuming is not ours
            self._connection._get_websocket(shard_id=shard).gateway = self._gateway

    async def on_shard_ready(self, shard: int) -> None:
        self._untold.discard(shard)
        if not self._untold:
            self._began()

    # --- sessions: Discord lets a bot start 1,000 a day, and takes the token away from one that starts more ---

    def rest(self, shard: int) -> float:
        """Seconds to wait before this shard may start a session again: more and more if its sessions don't last."""
        now = asyncio.get_running_loop().time()
        lately = self._starts[shard] = [at for at in self._starts.get(shard, ()) if at > now - 3600]
        if len(lately) < FREE_STARTS:
            return 0.0
        pause: float = min(IDENTIFY_EVERY * 2.0 ** (len(lately) - FREE_STARTS + 1), LONGEST_REST)
        return max(0.0, lately[-1] + pause - now)

    @override
    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        now = self.loop.time()
        pause = (
            max((at[-1] for at in self._starts.values() if at), default=-IDENTIFY_EVERY) + self._identify_every - now
        )
        if pause > 0:
            await asyncio.sleep(pause)
        self._starts.setdefault(shard_id or 0, []).append(self.loop.time())

    @override
    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        """As 2.7.1, which goes on for ever, each attempt inside the one before; here the connection ends at last."""
        parts: Any = self
        for left in reversed(range(LAUNCHES)):
            try:
                opening = DiscordWebSocket.from_client(self, initial=initial, gateway=gateway, shard_id=shard_id)
                socket = await asyncio.wait_for(opening, self.shard_connect_timeout)
                break
            except CONNECTING as error:
                closed = isinstance(error, ReconnectWebSocket)
                reason = "the gateway closed the connection before it began" if closed else str(error) or repr(error)
                if not left:
                    raise ConnectionError(reason) from error
                log.warning("discord.no-gateway", shard=shard_id, error=reason, again_in=LAUNCH_AGAIN)
                await asyncio.sleep(LAUNCH_AGAIN)
        shard = parts._AutoShardedClient__shards[shard_id] = Shard(
            socket, self, parts._AutoShardedClient__queue.put_nowait
        )
        shard.launch()

    @override
    async def close(self) -> None:
        """Leaves no task and no socket behind."""
        if not self._opened:  # 2.7.1 fails here when it never logged in
            return
        await self.hooks.close()
        await super().close()
        parts: Any = self
        state: Any = self._connection
        tasks = [shard._task for shard in parts._AutoShardedClient__shards.values()]
        tasks += [state._ready_task, *state._ready_tasks.values()]
        left = [task for task in tasks if task is not None and not task.done()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def at_most_every(seconds: float, work: Callable[[], None]) -> Callable[[], None]:
    """The same, but not again before so many seconds have passed."""
    last = -seconds

    def now_and_then() -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            work()

    return now_and_then


def _both(first: Callable[[Any], None], second: Callable[[Any], None]) -> Callable[[Any], None]:
    def one_after_the_other(data: Any) -> None:
        first(data)
        second(data)

    return one_after_the_other


def _guarded(name: str, parser: Callable[[Any], None], data: Any) -> None:
    """One event that is not as it should be never ends the connection, as it does in 2.7.1."""
    try:
        parser(data)
    except Exception:
        log.exception("discord.odd-event", kind=name)


# --- mends of discord.py 2.7.1; tests/test_discord_gateway.py fails without them ---


async def _connect_again(self: Shard, exc: ReconnectWebSocket) -> None:
    """A shard that lost its socket goes on trying to resume, whatever fails meanwhile.

    2.7.1 throws the session away after one failed attempt, ends the whole client when the socket closes before HELLO in
    that, lets all shards wait while one pauses, for up to 17 minutes, and swallows being cancelled.
    """
    self._cancel_task()
    resume = exc.resume and self.ws.session_id is not None
    client: Any = self._client
    if not resume and (rest := client.rest(self.id)) > 0:
        log.warning("discord.sessions-do-not-last", shard=self.id, resting=round(rest))
        self._task = asyncio.create_task(_later(self, rest))
        return
    opening = DiscordWebSocket.from_client(
        self._client,
        resume=resume,
        gateway=self.ws.gateway if resume else None,
        shard_id=self.id,
        session=self.ws.session_id if resume else None,
        sequence=self.ws.sequence if resume else None,
    )
    try:
        self.ws = await asyncio.wait_for(opening, timeout=60.0)
    except discord.ConnectionClosed as error:
        await self._handle_disconnect(error)
    except CONNECTING as error:
        pause = min(self._backoff.delay(), LONGEST_WAIT)
        log.info("discord.reconnecting", shard=self.id, error=str(error) or repr(error), again_in=round(pause, 1))
        self._task = asyncio.create_task(_later(self, pause))
    except Exception as error:  # noqa: BLE001 - handed to the loop of the client, which raises it
        self._queue_put(EventItem(EventType.terminate, self, error))
    else:
        self.launch()


async def _later(self: Shard, pause: float) -> None:
    await asyncio.sleep(pause)
    self._queue_put(EventItem(EventType.reconnect, self, None))


async def _reconnect(self: Shard) -> None:
    await _connect_again(self, ReconnectWebSocket(self.id))


async def _json_or_text(response: aiohttp.ClientResponse) -> Any:
    """Proxies and other servers say `application/json; charset=utf-8`, which 2.7.1 takes for text."""
    text = await response.text(encoding="utf-8")
    if response.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json":
        return json.loads(text) if text else None
    return text


def mend(api: str) -> None:
    """Put the mends in, and the address of the REST interface."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # we don't speak
    Shard.reconnect = _reconnect  # type: ignore[method-assign]
    Shard.reidentify = _connect_again  # type: ignore[method-assign]
    discord.http.json_or_text = _json_or_text
    discord.http.Route.BASE = api
