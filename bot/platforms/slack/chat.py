"""Slack as a chat of the port: its connection, by Socket Mode or HTTP, and what works over it.

Every envelope passes one function before Bolt authorizes or dispatches anything (`before_authorize`): Bolt would
acknowledge an event before its listener has run, and also when its own `auth.test` fails. There an event is kept, and
only then acknowledged; what can't be kept is not acknowledged, so Slack sends it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import aiohttp
import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackClientError
from typing_extensions import override

from bot.platforms.slack import listener, sockets
from bot.platforms.slack.api import Api
from bot.platforms.slack.hearing import Hearing
from bot.platforms.slack.people import People
from bot.platforms.slack.posts import PAGE, Posts
from bot.platforms.slack.recall import Recall
from bot.platforms.slack.refusals import fatal
from bot.platforms.slack.talk import Talk
from core.chat import Commented, Desk, Ears, Heard, Known, Located, Moved, Place, Reacted, Unreadable, Window
from core.errors import Busy, ChatError, RondanError
from core.times import Clock

log = structlog.get_logger()

API = "https://slack.com/api/"
SECRET = re.compile(r"xox[a-z]-[\w-]+|xapp-[\w-]+|(?<=ticket=)[^&\s'\"]+")
LOOKS_UP = 1.5  # seconds that an event of a shared channel waits until it is known who somebody is: Slack waits three
LEARNING = 2_000  # people whose names wait to be asked for (about 100 a minute); of others they come with further words
LAST_ATTEMPT = 3  # Slack sends an event again at once, after one minute and after five
DOUBT_EVERY = 600.0  # seconds between two recalls that such an attempt is the reason of


class SlackChat(Posts):
    """The adapter of one workspace. With `app_token` Socket Mode, else `signing_secret` and HTTP at `listen`."""

    name = "slack"
    text_limit = 2800

    def __init__(
        self,
        token: str,
        *,
        app_token: str | None = None,
        signing_secret: str | None = None,
        listen: tuple[str, int] = ("127.0.0.1", 3000),
        api: str | None = None,
        moderators: Sequence[str] = (),
        authors: Sequence[str] = (),
        language: str = "en",
        zone: str = "UTC",
        page: int = PAGE,
        pause: float = 0.0,
        clock: Clock,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(clock, page=page)
        self._token = token
        self._app_token = app_token
        self._secret = signing_secret
        self._listen = listen
        self._base = (api or API).rstrip("/") + "/"
        self._language, self._zone = language, zone
        self._pause = pause
        self._ready = ready
        self._people = People(self, moderators, clock, authors)
        self._hearing = Hearing(self, self._people.name)
        self._ears: Ears | None = None
        self._up = False
        self._nameless: dict[str, Commented] = {}  # who spoke and has no name yet, with what they said
        self._names_wanted = asyncio.Event()
        self._doubted = -DOUBT_EVERY  # loop time when we last took Slack to have given something up

    @property
    def connected(self) -> bool:
        return self._up

    async def furnish(self, places: Iterable[Place]) -> None:
        ours = list(places)
        self._hearing.furnish(ours)
        self._people.of_places = frozenset(one for place in ours for one in place.moderators)
        self._locate()

    def recall(
        self, known: Iterable[Known], read: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[Heard | Window | Unreadable]:
        if self.open is None:
            raise Busy("Rondan is not connected to Slack yet", until=self._clock() + timedelta(seconds=30))
        return self._recalled(known)

    async def _recalled(self, known: Iterable[Known]) -> AsyncIterator[Heard | Window | Unreadable]:
        async for told in Recall(self, self._hearing, self._people, self._clock).run(known):
            yield told
            if not isinstance(told, Window | Unreadable):
                self._name(told)

    # --- from the first call to the end ---

    async def run(self, desk: Desk, ears: Ears) -> None:
        """Serve until cancelled. ConfigError when Slack refuses a token for good."""
        async with Api(self._token, self._base, self._clock, pause=self._pause) as api:
            talk = Talk(self, self._people, self._hearing, desk, ears, language=self._language, zone=self._zone)
            await self._meet(api)
            self.open = api
            app = self._bolt(api, self._receiver(talk, ears))
            learning = asyncio.create_task(self._learn(ears))
            try:
                self._ears = ears
                self._locate()
                if self._app_token is not None:
                    await sockets.serve(
                        app, api, self._app_token, self._clock, lambda up: self._hears(ears, sockets=up)
                    )
                else:
                    secret = self._secret or ""
                    await listener.serve(app, secret, self._listen, lambda at: self._hears(ears, address=at))
            finally:
                await talk.close()
                await self._people.close()
                learning.cancel()
                await asyncio.gather(learning, return_exceptions=True)
                self.open = self._ears = None
                self._up = False

    def _hears(self, ears: Ears, **how: object) -> None:
        """From now on; what was before, was missed. No sockets: not any more."""
        self._up = how.get("sockets") != 0
        if not self._up:
            return
        log.info("slack.connected", workspace=self.address, **how)
        if self._ready is not None:
            self._ready(str(how.get("address") or self.address))
            self._ready = None
        ears.missed(self.name)

    async def _meet(self, api: Api) -> None:
        """Find out who we are; waits for as long as Slack can't be reached."""
        pause = 1.0
        while True:
            try:
                me = await api.call("auth.test", {})
                break
            except ChatError as error:
                if (end := fatal(error, "RONDAN_SLACK_BOT_TOKEN")) is not None:
                    raise end from error
                log.warning("slack.unreachable", error=str(error), again_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 60)
        self.me, self.bot = str(me.get("user_id") or ""), str(me.get("bot_id") or "")
        self.team, self.address = str(me.get("team_id") or ""), str(me.get("url") or "")
        self.enterprise = str(me.get("enterprise_id") or "")

    def _locate(self) -> None:
        """Tell in which workspace our places are: an operator adds them by the channel's id alone."""
        if self._ears is None:
            return
        for place in set(self._hearing.places.values()):
            if place.community != self.team:
                self._ears.note(
                    Located(platform=self.name, channel=place.channel, community=self.team, name=place.name)
                )

    def _bolt(self, api: Api, receive: Callable[..., Awaitable[BoltResponse]]) -> AsyncApp:
        with _quiet_environment():
            return AsyncApp(
                client=api.client,
                signing_secret=self._secret or "unused in socket mode",
                before_authorize=receive,
                request_verification_enabled=False,  # the listener has done it, before it read anything
                logger=_logger(),
            )

    def _receiver(self, talk: Talk, ears: Ears) -> Callable[..., Awaitable[BoltResponse]]:
        """What every envelope passes. Nothing goes on to Bolt's own checks, which would ask Slack who we are."""

        async def receive(request: AsyncBoltRequest) -> BoltResponse:
            body = request.body
            self._mind_repetition(request, ears)
            try:
                match body.get("type"):
                    case "url_verification":
                        return BoltResponse(status=200, body={"challenge": body.get("challenge")})
                    case "app_rate_limited":
                        log.error("slack.events-limited", minute=body.get("minute_rate_limited"))
                        ears.missed(self.name)
                        return BoltResponse(status=200)
                    case "event_callback":
                        await self._hear(body, talk, ears)
                        return BoltResponse(status=200)
                answer = await talk.take(body)
                return BoltResponse(status=200) if answer is None else BoltResponse(status=200, body=answer)
            except RondanError as error:
                log.error("slack.not-kept", error=str(error))
            except Exception:
                log.exception("slack.not-taken", kind=body.get("type"))
            return BoltResponse(status=500)  # which is no acknowledgement, by Socket Mode either: it comes again

        return receive

    def _mind_repetition(self, request: AsyncBoltRequest, ears: Ears) -> None:
        """Slack's last attempt with an event means that for six minutes nothing arrived or nothing could be kept; what
        was older it has given up, whether or not a connection broke.
        """
        number, now = request.headers.get("x-slack-retry-num", ["0"])[0], asyncio.get_running_loop().time()
        if number.isdecimal() and int(number) >= LAST_ATTEMPT and now > self._doubted + DOUBT_EVERY:
            self._doubted = now
            log.warning("slack.given-up")
            ears.missed(self.name)

    async def _hear(self, body: Mapping[str, Any], talk: Talk, ears: Ears) -> None:
        """Keep what an event tells; returns after it is durable."""
        event = body.get("event") or {}
        match event.get("type"):
            case "app_home_opened":
                talk.open_home(event, str(body.get("team_id") or ""))
                return
            case "subteam_members_changed":
                self._people.forget_groups()
                return
        try:
            heard = self._hearing.events(body)
        except (LookupError, TypeError, ValueError, AttributeError):
            log.exception("slack.not-understood", kind=event.get("type"))  # nor would it be if it came again
            return
        for told in heard:
            if body.get("is_ext_shared_channel") and not await self._may_keep(told, event):
                continue
            await ears.keep(told)
            self._name(told)
            if isinstance(told, Moved):  # what came by the new id before is looked for
                ears.missed(self.name)

    async def _may_keep(self, told: Heard, event: Mapping[str, Any]) -> bool:
        """In a shared channel: nothing is kept of other organisations' people. Busy if Slack does not say in time who
        somebody is: then it sends the event again. `team` is not asked, it may be the channel's.
        """
        if not isinstance(told, Commented | Reacted):
            return True
        team = str((event.get("message") or event).get("user_team") or "")
        return await self._people.is_ours(told.person.id, team, within=LOOKS_UP)

    # --- names ---

    def _name(self, told: Heard) -> None:
        """Somebody without a name spoke: Slack is asked for it later, and not kept waiting for our acknowledgement."""
        if isinstance(told, Commented) and not told.person.name and len(self._nameless) < LEARNING:
            self._nameless.setdefault(told.person.id, told)
            self._names_wanted.set()

    async def _learn(self, ears: Ears) -> None:
        """Find out what people are called, one after the other, and tell their words once more with it."""
        while True:
            await self._names_wanted.wait()
            while self._nameless:
                who, told = next(iter(self._nameless.items()))
                try:
                    if name := (await self._people.profile(who)).name:
                        await ears.keep(replace(told, person=replace(told.person, name=name)))
                except Exception as error:
                    log.warning("slack.not-named", error=str(error), exc_info=not isinstance(error, RondanError))
                del self._nameless[who]
            self._names_wanted.clear()


@contextlib.contextmanager
def _quiet_environment() -> Iterator[None]:
    """Bolt changes its mode by what it finds in the environment (SLACK_CLIENT_ID makes it forget its token)."""
    found = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(found)


class _Discreet(logging.Filter):
    """Lets nothing through by which somebody else could get in: the address of a connection holds a ticket. That Slack
    can't be reached takes one line.
    """

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = SECRET.sub("…", record.getMessage()), ()
        if record.exc_info and isinstance(record.exc_info[1], aiohttp.ClientError | OSError | SlackClientError):
            record.exc_info = None
        return True


def _logger() -> logging.Logger:
    """Bolt's and the SDK's log. At DEBUG they print whole payloads, with people's words: never that far."""
    logger = logging.getLogger("slack")
    logger.setLevel(logging.WARNING)
    if not logger.filters:
        logger.addFilter(_Discreet())
    return logger
