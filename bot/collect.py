"""Ears: what people did is kept durably first, then folded into rows by one worker; after an absence, recalled."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.waking import woken
from core import tally
from core.chat import Chat, Heard, Person, Reacted, Read, Removed, Unreadable, Window
from core.errors import Busy, ChatError
from core.stances import Scale
from core.times import Clock
from storage import hearing, journal, places, recall
from storage.db import Db
from storage.leases import Share, falls
from storage.ledger import Ledger
from storage.outside import Outside

log = structlog.get_logger()

WAITING = 20_000  # events that `note` holds in memory before it marks channels for recall
RECALL_AGAIN, LONGEST_AGAIN = 60.0, 3600.0  # seconds until a recall that failed is tried again; doubled each time
AT_ONCE = 500  # events of a recall that are being kept
SWEEP_EVERY = 3600.0  # seconds between two looks for events whose message never became known


async def _nobody() -> None:
    """Tells no platform anything."""


def _tally(event: Heard) -> None:
    tally.count("events", kind=type(event).__name__.lower(), platform=event.platform)


class Collector:
    """The `Ears` of every platform. `folded` is called with the number of events after each fold, `moved` when a
    channel has got another id: the platforms are to be told their places.
    """

    def __init__(
        self,
        db: Db,
        scale: Scale,
        clock: Clock,
        folded: Callable[[int], None] = lambda _n: None,
        *,
        days: int = 7,
        moved: Callable[[], Awaitable[None]] = _nobody,
        ledger: Ledger | None = None,
    ) -> None:
        """Messages younger than `days` are looked at again after an absence. `ledger`: what people asked for."""
        self._db = db
        self._scale = scale
        self._clock = clock
        self._folded = folded
        self._days = days
        self._moved = moved
        self._has_moved = False
        self.outside = Outside(db, ledger)
        self._wake = asyncio.Event()
        self._noted: list[Heard] = []
        self._folding = asyncio.Lock()
        self._missed: set[str] = set()  # platforms to recall
        self._proving: set[str] = set()  # those of which no count is believed
        self._absences: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)  # by platform, set when missed
        self._failures: Counter[str] = Counter()  # recalls in a row that failed, by platform
        # How far a channel was heard may be written down only where no gap is left behind it: until a recall has ended,
        # these wait.
        self._whole: set[str] = set()
        self._reads: dict[tuple[str, str], Read] = {}

        # What of a platform's places we look back at, where several processes do; None: all.
        self.share: Callable[[str], Share | None] = lambda _platform: None
        self.met: set[str] = set()  # platforms that took us, in this run

    async def keep(self, event: Heard) -> None:
        await self.outside.ready()
        if not self.outside.takes(event):
            return
        _tally(event)
        await self._db.put(journal.KEEP, (journal.encode(event),))
        self._wake.set()

    def note(self, event: Heard) -> None:
        if isinstance(event, Read) and event.platform not in self._whole:
            self._reads[event.platform, event.where] = event
            return
        if len(self._noted) >= WAITING:
            if event.platform not in self._missed:
                log.error("collect.overflow", platform=event.platform, waiting=WAITING)
            self.again(event.platform)
            return
        _tally(event)
        self._noted.append(event)
        self._wake.set()

    def missed(self, platform: str) -> None:
        self.met.add(platform)
        self.again(platform)

    def again(self, platform: str) -> None:
        """Recall this platform, once more if one is going on."""
        self._missed.add(platform)
        self._whole.discard(platform)
        self._absences[platform].set()

    def prove(self, platform: str) -> None:
        """Look at recent days again though nothing was missed, also where the counts of reactions are what we have: one
        that went and one that came are the same count.
        """
        self._proving.add(platform)
        self.again(platform)

    async def run(self) -> None:
        """Fold the journal until cancelled. What a crash leaves in it is folded at the next start."""
        loop = asyncio.get_running_loop()
        swept = loop.time()
        while True:
            self._wake.clear()
            await self.fold_all()
            if loop.time() >= swept + SWEEP_EVERY:
                swept = loop.time()
                dropped = await hearing.sweep(self._db, self._clock())
                if dropped:
                    log.info("collect.dropped", events=dropped, reason="their message never became known")
            await woken(self._wake, min(SWEEP_EVERY, self._db.doze))

    async def fold_all(self) -> int:
        """Keep what was noted, then fold until the journal is empty; gives the number of events."""
        async with self._folding:
            return await self._fold_all()

    async def _fold_all(self) -> int:
        noted = list(self._noted)
        if noted:
            await self.outside.ready()
            taken = filter(self.outside.takes, noted)
            await asyncio.gather(*(self._db.put(journal.KEEP, (journal.encode(event),)) for event in taken))
            del self._noted[: len(noted)]  # only now: what fails, or is cancelled, is tried again
        total = 0
        while True:
            await self.outside.ready()
            done = await hearing.fold(self._db, self.stance_of, self.outside, self._clock())
            self._has_moved |= done.moved
            if self._has_moved:
                await self._moved()
                self._has_moved = False
            if not done.events:
                return total
            total += done.events
            if done.dropped or done.parked:
                log.debug("collect.folded", events=done.events, parked=done.parked, dropped=done.dropped)
            self._folded(done.events)

    def stance_of(self, emoji: str) -> str | None:
        """The stance that an emoji means here, or None."""
        stance = self._scale.of(emoji)
        return None if stance is None else stance.key

    # --- after an absence ---

    async def recall_missed(self, chats: Mapping[str, Chat]) -> None:
        """Recall each platform that says it was away, until cancelled. They don't wait for each other: one may let us
        read a page a minute.
        """
        await asyncio.gather(*(self._recall_when_missed(platform, chat) for platform, chat in chats.items()))

    async def _recall_when_missed(self, platform: str, chat: Chat) -> None:
        """A recall that fails is begun again later."""
        while True:
            await self._absences[platform].wait()
            self._absences[platform].clear()
            self._missed.discard(platform)
            try:
                await self.recall(chat)
                self._failures.pop(platform, None)
                if platform not in self._missed:
                    self._is_whole(platform)
            except Busy as error:  # nothing is wrong: it is not connected yet, or no longer
                again = max((error.until - self._clock()).total_seconds(), 1.0)
                log.info("collect.recall-waits", platform=platform, reason=str(error), again_in=again)
                asyncio.get_running_loop().call_later(again, self.again, platform)
            except Exception as error:  # whatever it is, what was missed is still missed
                pause = min(RECALL_AGAIN * 2 ** self._failures[platform], LONGEST_AGAIN)
                self._failures[platform] += 1
                expected = isinstance(error, ChatError | OSError)
                reason = str(error) or repr(error)
                log.warning(
                    "collect.recall-failed", platform=platform, error=reason, again_in=pause, exc_info=not expected
                )
                asyncio.get_running_loop().call_later(pause, self.again, platform)

    def _is_whole(self, platform: str) -> None:
        """No gap is left: how far channels were heard meanwhile may be written down."""
        self._whole.add(platform)
        for key in [key for key in self._reads if key[0] == platform]:
            self.note(self._reads.pop(key))

    async def recall(self, chat: Chat) -> int:
        """Ask a platform what was missed, for everything young enough; gives the number of events that this made.

        Only what we knew when it began can be concluded to be gone: what is heard meanwhile, a reading may be too early
        for.
        """
        await self.fold_all()  # what was heard already needs no recalling
        began = self._clock()
        known = await recall.known(self._db, chat.name, began - timedelta(days=self._days))
        if (share := self.share(chat.name)) is not None:
            others = {one.channel for one in await places.all_places(self._db) if not falls(one, share)}
            known = [one for one in known if one.channel not in others]
        if chat.name in self._proving:
            known = [replace(one, reactions=dict.fromkeys(one.reactions, -1)) for one in known]
        read = await recall.watermarks(self._db, chat.name)
        comments = {(one.channel, one.ref.id) for one in known if one.comment}
        made = 0
        unreadable: Counter[str] = Counter()
        keeping: list[asyncio.Task[None]] = []  # at the same time, so that they share commits
        try:
            async for told in chat.recall(known, read):
                match told:
                    case Window():
                        events = await self._concluded(chat.name, told, comments, began)
                    case Unreadable():
                        events = []
                        unreadable[told.reason] += 1
                    case _:
                        events = [told]
                if isinstance(told, Read) or len(keeping) >= AT_ONCE:  # before how far it was heard: what was heard
                    await asyncio.gather(*keeping)
                    keeping.clear()
                keeping += [asyncio.create_task(self.keep(event)) for event in events]
                made += len(events)
        finally:
            await asyncio.gather(*keeping)
        self._proving.discard(chat.name)
        for reason, count in unreadable.items():
            log.warning("collect.unreadable", platform=chat.name, messages=count, reason=reason)
        if made:
            log.info("collect.recalled", platform=chat.name, events=made)
        return made

    async def _concluded(
        self, platform: str, window: Window, comments: set[tuple[str, str]], began: datetime
    ) -> list[Heard]:
        """What a complete reading of one anchor means for rows of ours that it does not mention."""
        events: list[Heard] = [
            Reacted(
                platform=platform,
                channel=window.channel,
                anchor=window.anchor,
                person=Person(id=who),
                emoji=emoji,
                added=False,
                at=began,
                kind=kind,
                recalled=True,
            )
            for who, emoji, kind in await recall.reactions_not_in(self._db, platform, window, began)
        ]
        gone = await recall.comments_not_in(self._db, platform, window)
        missing = tuple(one for one in gone if (window.channel, one) in comments)
        if missing:
            events.append(Removed(platform=platform, channel=window.channel, anchors=missing, at=began))
        return events
