"""The composition root: opens the database, puts the rooms together, runs the services. Only this file knows all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

import structlog

from bot import folders, ingest, model, owner, restoring, retention, setup, systemd, timers
from bot.backup import Backups
from bot.collect import Collector
from bot.drafting import Drafts
from bot.editions import Editions
from bot.feeding import Feeds
from bot.health import Health
from bot.model import Model
from bot.pictures import Pictures
from bot.platforms.console import Console
from bot.platforms.discord import encode as discord_encode
from bot.platforms.room import Room
from bot.platforms.slack import encode as slack_encode
from bot.platforms.web.server import WebChat
from bot.polling import Poller
from bot.publish import Publisher
from bot.queueing import Queue
from bot.retention import Keeper
from bot.roles import Alone, Roles, Shared
from bot.settings import Settings, split_address
from bot.sorting import Sorter
from bot.sources.fetch import Fetcher
from bot.sources.parser_pool import ParserPool
from bot.supervision import Service, Supervisor
from bot.thinker import Thinker
from bot.tickets import Tickets
from commands.desk import Desk
from commands.together import Together
from commands.tools import Tools, undrawn
from core.chat import Chat, Place
from core.errors import ConfigError
from core.message import Message
from core.times import Clock, now
from storage import editions, ledger, moving, places, queueing, schema, tickets
from storage.changes import CountingDb, changes_of
from storage.db import Db
from storage.ledger import Ledger
from storage.memos import Memos
from storage.server import open_server
from storage.sqlite import SqliteDb

log = structlog.get_logger()

ENCODERS: dict[str, Callable[[Message], Any]] = {
    "Discord": lambda message: [discord_encode.posted(page) for page in discord_encode.paged(message)],
    "Slack": lambda message: [slack_encode.posted(page) for page in slack_encode.paged(message)],
}
"""What the page shows of a message beside itself: what other platforms would be sent, one payload a message."""
ROLES = {"keeping": 1, "digests": 1, "sorting": 1, "feeds": 8}
"""What several processes over one database share out beside the platforms, and in how many parts."""
HELD = {"folders": "keeping", "retention": "keeping", "timers": "keeping", "digests": "digests", "sorting": "sorting"}
"""Services that are done by who holds a role. Events are folded, and commands run, by whoever hears them."""
FOLDS = 1.5  # seconds at the end for folding what was heard; the rest is folded at the next start


class House:
    """Everything over one database that this process owns. `async with House(settings) as house`."""

    def __init__(self, settings: Settings, clock: Clock = now, ready: Callable[[str], None] | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self._ready = ready
        self._lock = owner.Lock(settings.database)
        self.roles: Roles = Alone()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """ConfigError if another process owns the file, or the database can't be opened. A passing command is waited
        for. A server's database is owned by nobody.
        """
        deadline = asyncio.get_running_loop().time() + owner.PATIENCE
        while self.settings.server is None and not self._lock.take():
            late = asyncio.get_running_loop().time() > deadline
            if late or owner.answers(self.settings.database):
                database = self.settings.database
                raise ConfigError(f"another Rondan owns {database}: stop it first, or use another database")
            await asyncio.sleep(0.1)
        try:
            await self._open()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        self._lock.release()

    async def _open(self) -> None:
        settings = self.settings
        self.db = await self._database()
        self._stack.push_async_callback(self.db.close)
        await moving.refuse_unfinished(self.db)
        await schema.migrate(self.db, self.clock())
        self.fetcher = await self._stack.enter_async_context(Fetcher(allow_private=settings.feed_allow_private))
        self.pool = await self._stack.enter_async_context(ParserPool())
        self.chats: dict[str, Chat] = {chat.name: chat for chat in self._platforms()}
        keys = self.db.keys
        self.collector = Collector(
            self.db,
            settings.stances,
            self.clock,
            days=retention.recalled(settings),
            moved=self.furnish,
            ledger=Ledger(settings.erasures or ledger.beside(keys)),
        )
        again = await self.collector.outside.replay(self.collector.stance_of)  # before anything is posted or shown
        if again:
            log.warning("house.erased-again", people=again, reason="the database is older than what people asked for")
        if again := await self.collector.outside.replay_comments(self.clock()):
            log.warning("house.hidden-again", comments=again, reason="the database is older than what became of them")
        self.thinker = await self._stack.enter_async_context(Thinker(idle=settings.think_idle))
        self.pictures = Pictures(self.thinker, on=settings.pictures)
        self.publisher = Publisher(self.db, self.chats, settings.stances, self.clock, self.pictures)
        self.publisher.surfaced = self.collector.again
        self.poller = Poller(self.db, self.fetcher, self.pool, self.clock, self.publisher.wake)
        self.feeds = Feeds(self.db, self.fetcher, self.pool, self.poller, self.clock)
        self.model = await self._model(settings) if settings.model_url else None
        self.tools = Tools(
            db=self.db,
            ears=self.collector,
            outside=self.collector.outside,
            stance_of=self.collector.stance_of,
            keeps=retention.keeps(settings),
            scale=settings.stances,
            zone=settings.zone,
            link=self.link,
            clock=self.clock,
            wake=self.publisher.wake,
            place=ingest.place,
            let_out=ingest.let_out,
            furnish=self.furnish,
            feeds=self.feeds,
            drafts=Drafts(self.fetcher, self.pool),
            think=self.thinker,
            fits=self._fits,
            least=settings.digest_least,
            draw=self.pictures if self.pictures.on else undrawn,
            writer=self.model,
            together=Together(lambda: changes_of(self.db), self.clock),
        )
        self.desk = Desk(self.tools)
        self.editions = Editions(self.tools)
        self.supervisor = Supervisor(Memos(self.db, ""), self.clock, lambda name: name in self.collector.met)
        self.health = Health(self.db, self.chats, self.clock, self.supervisor.down, self._ours)
        self.keeper = Keeper(self.db, self.collector, settings, self.clock, self.publisher.wake, self.chats)
        self.publisher.shows[self.keeper.alarm.subject] = self.keeper.alarm.show
        self.backups = Backups(self.db, settings, self.clock) if isinstance(self.db, SqliteDb) else None
        if self.backups is not None:  # a server's database is backed up with the server's tools
            self.publisher.shows[self.backups.alarm.subject] = self.backups.alarm.show
        self.publisher.shows[setup.SUBJECT] = setup.show
        self.publisher.shows[editions.SUBJECT] = self.editions.show
        self.publisher.shows[tickets.SUBJECT] = Tickets(self.db).show
        self.publisher.shows[queueing.SUBJECT] = Queue(self.db, self.chats, settings.stances).show

    async def _database(self) -> Db:
        settings = self.settings
        if settings.server is not None:
            return await open_server(settings.server, settings.key)
        restoring.refuse_begun(settings.database)
        return await CountingDb.open(settings.database, settings.key)

    async def _model(self, settings: Settings) -> Model:
        key = settings.model_key
        ask = Thinker(limit=settings.model_limit + model.STARTING, idle=model.IDLE, module=model.MODULE)
        made = Model(
            settings.model_url,
            settings.model_name,
            key.get_secret_value() if key else None,
            ask=await self._stack.enter_async_context(ask),
            db=self.db,
            clock=self.clock,
            daily=settings.model_daily,
            slack=settings.model_slack_text,
            limit=settings.model_limit,
            hurry=settings.model_hurry,
        )
        return await self._stack.enter_async_context(made)

    def _platforms(self) -> list[Chat]:
        """The chats that these settings turn on. Rooms are opened when they are first used."""
        settings = self.settings
        console = Console(self._room("console"), language=settings.lang, zone=settings.zone)
        chats: list[Chat] = [console]
        if settings.web_address is not None:
            host, port = settings.web_address
            token = settings.web_token.get_secret_value() if settings.web_token else None
            self.web = WebChat(
                self._room("web"), host, port, token=token, language=settings.lang, allowed_hosts=settings.web_names,
                encoders=ENCODERS, ready=self._ready,
            )  # fmt: skip
            chats.append(self.web)
        if settings.discord_token is not None:
            chats.append(self._discord(settings.discord_token.get_secret_value()))
        if settings.slack_bot_token is not None:
            chats.append(self._slack(settings.slack_bot_token.get_secret_value()))
        return chats

    def _discord(self, token: str) -> Chat:
        from bot.platforms.discord.chat import DiscordChat  # a second to import, and not everybody is there

        settings = self.settings
        return DiscordChat(
            token,
            api=settings.discord_api,
            gateway=settings.discord_gateway or None,
            allowed=settings.discord_rate,
            home=settings.discord_home or None,
            authors=_ids(settings.authors, "discord"),
            language=settings.lang,
            zone=settings.zone,
            memo=Memos(self.db, "discord"),
            clock=self.clock,
            shards=self._shards,
            part=lambda: 1.0 if (share := self.roles.share("discord")) is None else share.part,
        )

    async def _shards(self, count: int) -> Sequence[int]:
        """Which of Discord's shards this process listens to."""
        await self.roles.size("discord", count)
        share = self.roles.share("discord")
        return range(count) if share is None else share.mine

    def _slack(self, token: str) -> Chat:
        from bot.platforms.slack.chat import SlackChat

        settings = self.settings
        app_token, secret = settings.slack_app_token, settings.slack_signing_secret
        return SlackChat(
            token,
            app_token=app_token.get_secret_value() if app_token else None,
            signing_secret=secret.get_secret_value() if secret else None,
            listen=split_address(settings.slack_listen),
            api=settings.slack_api,
            moderators=settings.slack_moderating,
            authors=_ids(settings.authors, "slack"),
            language=settings.lang,
            zone=settings.zone,
            page=settings.slack_page,
            pause=settings.slack_pause,
            clock=self.clock,
        )

    def _room(self, name: str) -> Room:
        database = self.settings.database
        room = Room(database.with_name(f"{database.name}.{name}.jsonl"))
        self._stack.push_async_callback(room.close)
        return room

    def link(self, platform: str, channel: str, anchor: str) -> str | None:
        """The address of a message; None if it has none: its platform is off, or a comment came by a form."""
        if anchor.startswith("form:"):
            return None
        chat = self.chats.get(platform)
        return None if chat is None else chat.link(Place(id=0, platform=platform, channel=channel), anchor)

    def _fits(self, platform: str, message: Message) -> bool:
        """Whether a message is one on a platform; on one that is off, and at the shell, there is no limit."""
        chat = self.chats.get(platform)
        return chat is None or chat.fits(message)

    def _ours(self, platform: str) -> bool:
        """Whether this process is to be connected to a platform."""
        share = self.roles.share(platform)
        return share is None or bool(share.mine)

    async def furnish(self) -> None:
        """Tell every platform our places on it."""
        everywhere = await places.all_places(self.db)
        for chat in self.chats.values():
            await chat.furnish(place for place in everywhere if place.platform == chat.name)

    # --- running ---

    async def run(self) -> None:
        """Run every service until SIGINT or SIGTERM, then stop them in order: nothing in flight is cut off, unless it
        takes longer than a supervisor waits.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await self.furnish()
        services = self._services()
        if self.settings.server is not None:
            services["roles"] = self._shared().run
        failed = self.supervisor.start({name: self._held(name, one) for name, one in services.items()})
        systemd.tell("READY=1")
        stopped = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {stopped, failed}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        systemd.tell("STOPPING=1")
        log.info("house.stopping")
        # The chats last: requests in flight end by them, and what people do meanwhile is still heard.
        await self.supervisor.stop(last=self.chats)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FOLDS):
                await self.collector.fold_all()
        if isinstance(self.roles, Shared):
            await self.roles.leave()
        if failed.done():
            failed.result()
        failed.cancel()

    def _shared(self) -> Shared:
        """From now on this process does what its leases say. The chats come first: giving them back costs most."""
        sizes = {**dict.fromkeys(self.chats, 1), **ROLES}
        owner_ = f"{socket.gethostname()}:{os.getpid()}"
        self.roles = shared = Shared(self.db, owner_, sizes, Memos(self.db, ""))
        self.publisher.share = self.collector.share = shared.share
        self.publisher.owner = shared.owner
        self.poller.share = lambda: shared.share("feeds")
        return shared

    def _held(self, name: str, work: Service) -> Service:
        """A service as this process does it: while it holds the role, if that is one's."""
        role = name if name in self.chats else HELD.get(name)
        return work if role is None else lambda: self.roles.hold(role, work)

    def _services(self) -> dict[str, Service]:
        from bot.verbs import VERBS, bound

        settings = self.settings
        services: dict[str, Service] = {
            "collect": self.collector.run,
            "recall": lambda: self.collector.recall_missed(self.chats),
            "publish": self.publisher.run,
            "feeds": self.poller.run,
            "folders": lambda: folders.watch(self),
            "digests": self.editions.run,
            "sorting": Sorter(self.db, self.thinker, self.clock, self.publisher.wake).run,
            "retention": self.keeper.run,
            "timers": lambda: timers.run(self.db, self.clock, self.publisher.wake),
            "watchdog": systemd.watch,
        }
        if settings.server is None:  # else every command opens the database itself
            services["shell"] = lambda: owner.serve(settings.database, {name: bound(self, name) for name in VERBS})
        if self.backups is not None:
            services["backup"] = self.backups.run
        if (address := settings.health_address) is not None:
            services["health"] = lambda: self.health.serve(address, metrics=settings.metrics)
        if settings.ping:
            services["ping"] = lambda: self.health.ping(settings.ping)
        for chat in self.chats.values():
            services[chat.name] = lambda chat=chat: chat.run(self.desk, self.collector)  # type: ignore[misc]
        return services


def _ids(listed: str, platform: str) -> list[str]:
    """The ids of one platform in a list of `PLATFORM:ID`."""
    pairs = (one.strip().partition(":") for one in listed.split(","))
    return [number.strip() for name, _, number in pairs if name.strip() == platform and number.strip()]
