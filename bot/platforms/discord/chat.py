"""Discord as a chat of the port: its connection from the first attempt to the end, and what works over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import aiohttp
import discord
import structlog

from bot.platforms.discord import slash
from bot.platforms.discord.client import Connection, Shards, all_shards, mend
from bot.platforms.discord.hearing import Hearing
from bot.platforms.discord.pacer import Pacer, Priority
from bot.platforms.discord.posts import Posts
from bot.platforms.discord.recall import Recall
from bot.platforms.discord.spots import Guild, Spots, channel_in
from bot.platforms.discord.talk import Talk, Talking
from core.chat import Desk, Ears, Heard, Known, Located, Memo, Place, Unreadable, Window
from core.errors import Busy, ChatError, ConfigError
from core.times import Clock

log = structlog.get_logger()

API = "https://discord.com/api/v10"
FATAL = {
    4004: "Discord refuses RONDAN_DISCORD_TOKEN: copy the token again from the Bot page of the developer portal",
    4010: "Discord refuses our shard: another Rondan may use this token with other settings",
    4011: "Discord wants more shards than it told us: start Rondan again",
    4012: "Discord no longer speaks this version of its gateway: install a newer Rondan",
    4013: "Discord does not know the intents that we ask for: install a newer Rondan",
    4014: "Discord refuses intents that every bot may use: look at the Bot page of the developer portal",
}
"""Close codes after which trying again only spends sessions, of which there are 1,000 a day."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0  # seconds between two attempts to connect
HOLDS = 60.0  # seconds after which a session is taken for a good one
KEEP_SESSIONS = 5  # of the day's sessions; below it we wait until Discord counts anew
CLOSING = 5.0  # seconds that the client may take to end


class DiscordChat(Posts):
    """The adapter. `api` and `gateway` point it at a proxy or another server of this interface.

    `allowed` is in requests a second; `home` is the id of the publication's own server. `memo` keeps what must outlive
    the process.
    """

    name = "discord"
    text_limit = 2400

    def __init__(
        self,
        token: str,
        *,
        api: str | None = None,
        gateway: str | None = None,
        allowed: float = 50.0,
        home: str | None = None,
        authors: Sequence[str] = (),
        language: str = "en",
        zone: str = "UTC",
        memo: Memo,
        clock: Clock,
        shards: Shards = all_shards,
        part: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """`shards` says which we listen to, `part` which part of the allowed requests is ours."""
        self._shards, self._part = shards, part
        self._token = token
        self._api = (api or API).rstrip("/")
        self._gateway = gateway
        self._allowed = allowed
        self._memo = memo
        self._live: Connection | None = None
        self._hearing: Hearing | None = None
        self._ears: Ears | None = None
        self._content = True  # ask for the text of messages; Discord may refuse
        super().__init__(Spots(self._channel_of, lambda: self.me), lambda: self._live, clock)
        self._talk = Talk(self, self._spots, home=home, language=language, zone=zone, authors=authors)

    @property
    def me(self) -> int:
        """Our own user id; 0 before we are connected."""
        return self._live.user.id if self._live is not None and self._live.user is not None else 0

    @property
    def connected(self) -> bool:
        return self._live is not None and self._live.is_up

    def _channel_of(self, number: int, guild: Guild) -> object | None:
        return None if self._live is None else channel_in(self._live, guild, number)

    async def furnish(self, places: Iterable[Place]) -> None:
        self._spots.furnish(places)
        if self._live is not None and self._ears is not None:
            self._locate(self._live, self._ears)

    def recall(
        self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[Heard | Window | Unreadable]:
        if self._live is None or self._hearing is None:
            raise Busy("Rondan is not connected to Discord yet", until=self._clock() + timedelta(seconds=30))
        return Recall(self, self._hearing, self._spots, self._live, self._clock).run(known, read)

    # --- from the first attempt to the end ---

    async def run(self, desk: Desk, ears: Ears) -> None:
        """Connect, and connect again with growing pauses that outlive the process. ConfigError when it is of no use."""
        mend(self._api)
        pacer = Pacer(self._allowed * self._part())
        await self._wait_out()
        while True:
            try:
                await self._serve(pacer, desk, ears)
                reason = "the client ended"
            except discord.LoginFailure as error:
                raise ConfigError(FATAL[4004]) from error
            except discord.PrivilegedIntentsRequired as error:
                if not self._content:  # we did not even ask
                    raise ConfigError(f"{FATAL[4014]} (close code 4014)") from error
                log.warning(
                    "discord.no-content", reason="Discord does not grant the text of messages; going on without"
                )
                self._content = False
                continue
            except discord.ConnectionClosed as error:
                if error.code in FATAL:
                    raise ConfigError(f"{FATAL[error.code]} (close code {error.code})") from error
                reason = f"the gateway closed the connection ({error.code})"
            except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, ChatError) as error:
                reason = str(error) or repr(error)
            except Exception as error:  # whatever it is, an attempt a second would spend the day's sessions
                log.exception("discord.failed")
                reason = repr(error)
            await self._pause(reason)

    async def _serve(self, pacer: Pacer, desk: Desk, ears: Ears) -> None:
        """One connection, until it ends."""
        hearing = Hearing(self._spots, ears, self._clock, lambda: self.me, lambda: client.intents.message_content)
        talking = self._talk.opened(desk, ears, hearing)
        tasks: list[asyncio.Task[None]] = []

        def take(event: str, data: dict[str, Any]) -> None:
            if event == "INTERACTION_CREATE":
                talking.take(data)
            else:
                hearing.take(event, data)

        def began() -> None:
            """New sessions have told their servers: what happened before them was missed."""
            log.info("discord.connected", servers=len(client.guilds), user=str(client.user))
            self._locate(client, ears)
            ears.missed(self.name)
            hearing.listen()
            if len(tasks) == 1:
                tasks.append(asyncio.create_task(self._forgive()))

        client = Connection(pacer, take, hearing.gap, began)
        try:
            limits = await client.open(self._token, self._gateway, content=self._content, share=self._shards)
            if limits["remaining"] < KEEP_SESSIONS + len(client.shard_ids or ()):
                wait = max(limits["reset_after"] / 1000, FIRST_PAUSE)
                log.error("discord.sessions-spent", remaining=limits["remaining"], waiting=wait)
                await asyncio.sleep(wait)
            self._live, self._hearing, self._ears = client, hearing, ears
            if 0 in (client.shard_ids or ()):
                await self._register(client, talking)
            tasks.append(asyncio.create_task(client.connect()))
            # Not awaited itself: 2.7.1 may swallow being cancelled, and ends surely when it is closed.
            await asyncio.wait(tasks)
            tasks[0].result()
        finally:
            await self._end(client, talking, tasks)
            hearing.flush()

    async def _end(self, client: Connection, talking: Talking, tasks: list[asyncio.Task[None]]) -> None:
        """Close what a connection had. Raises nothing, since it runs while we are cancelled."""
        for close in (talking.close, client.close):
            try:
                await close()
            except Exception:
                log.exception("discord.close-failed")
            self._live = self._hearing = None
        for task in tasks:
            task.cancel()
        if tasks:
            done, _ = await asyncio.wait(tasks, timeout=CLOSING)
            for task in done:
                if not task.cancelled():
                    task.exception()  # seen

    def _locate(self, client: Connection, ears: Ears) -> None:
        """Tell in which servers our places are: an operator adds them by the channel's id alone."""
        for channel, place in self._spots.places.items():
            known = client.get_channel(channel)
            if not isinstance(known, discord.abc.GuildChannel):
                continue
            if place.community != str(known.guild.id) or not place.name:
                ears.note(
                    Located(
                        platform=self.name, channel=place.channel, community=str(known.guild.id), name=f"#{known.name}"
                    )
                )

    async def _register(self, client: Connection, talking: Talking) -> None:
        """Tell Discord our commands, if they are not what it was told last."""
        commands = talking.commands()
        digest = f"{client.application_id} {self._api} {slash.digest_of(commands)}"
        if await self._memo.get("commands") == digest:
            return
        try:
            await self.ask(
                "PUT", "/applications/{application_id}/commands", commands, priority=Priority.READ,
                application_id=client.application_id or 0,
            )  # fmt: skip
        except ChatError as error:  # posts and buttons need no commands, and other servers may have none
            log.error("discord.commands-refused", error=str(error))
            return
        await self._memo.put("commands", digest)
        log.info("discord.commands-registered", commands=len(commands))

    # --- pauses, which outlive the process: every attempt may spend one of the day's sessions ---

    async def _wait_out(self) -> None:
        failures, _, until = (await self._memo.get("retry") or "").partition(" ")
        if failures:
            left = (datetime.fromisoformat(until) - self._clock()).total_seconds()
            if left > 0:
                log.info("discord.waiting", seconds=round(min(left, LONGEST_PAUSE)), failures=int(failures))
                await asyncio.sleep(min(left, LONGEST_PAUSE))

    async def _pause(self, reason: str) -> None:
        failures = int((await self._memo.get("retry") or "0").split(" ")[0]) + 1
        pause = min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
        until = self._clock() + timedelta(seconds=pause)
        await self._memo.put("retry", f"{failures} {until.isoformat()}")
        log.warning("discord.disconnected", error=reason, failures=failures, again_in=pause)
        await asyncio.sleep(pause)

    async def _forgive(self) -> None:
        """A session that holds for a while ends the counting of failures."""
        await asyncio.sleep(HOLDS)
        if await self._memo.get("retry"):
            await self._memo.put("retry", "")
