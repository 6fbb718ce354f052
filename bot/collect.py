"""Ears: what people did is kept durably first, then folded into rows by one worker; after an absence, recalled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import structlog

from core.chat import Chat, Heard, Known, Person, Reacted, Removed, Unreadable, Window
from core.stances import Scale
from core.times import Clock
from storage import hearing, journal, recall
from storage.db import Db

log = structlog.get_logger()

WAITING = 20_000  # events that `note` holds in memory before it marks channels for recall
RECALL_DAYS = 30  # anchors younger than this are looked at again after an absence


class Collector:
    """The `Ears` of every platform. `folded` is called with the number of events after each fold."""

    def __init__(self, db: Db, scale: Scale, clock: Clock, folded: Callable[[int], None] = lambda _n: None) -> None:
        self._db = db
        self._scale = scale
        self._clock = clock
        self._folded = folded
        self._wake = asyncio.Event()
        self._noted: list[Heard] = []
        self.overflowed: set[tuple[str, str]] = set()

    async def keep(self, event: Heard) -> None:
        await self._db.add(journal.KEEP, (journal.encode(event),))
        self._wake.set()

    def note(self, event: Heard) -> None:
        if len(self._noted) >= WAITING:
            self.overflowed.add((event.platform, getattr(event, "channel", None) or ""))
            return
        self._noted.append(event)
        self._wake.set()

    async def run(self) -> None:
        """Fold the journal until cancelled. What a crash leaves in it is folded at the next start."""
        while True:
            self._wake.clear()
            await self.fold_all()
            try:
                await asyncio.wait_for(self._wake.wait(), timeout=3600)
            except TimeoutError:
                dropped = await hearing.sweep_parked(self._db, self._clock())
                if dropped:
                    log.info("collect.dropped", events=dropped, reason="their message never became known")

    async def fold_all(self) -> int:
        """Keep what was noted, then fold until the journal is empty; gives the number of events."""
        noted, self._noted = self._noted, []
        if noted:
            await asyncio.gather(*(self._db.add(journal.KEEP, (journal.encode(event),)) for event in noted))
        total = 0
        while True:
            done = await hearing.fold(self._db, self._stance, self._clock())
            if not done.events:
                return total
            total += done.events
            if done.dropped or done.parked:
                log.debug("collect.folded", events=done.events, parked=done.parked, dropped=done.dropped)
            self._folded(done.events)

    def _stance(self, emoji: str) -> str | None:
        stance = self._scale.of(emoji)
        return None if stance is None else stance.key

    # --- after an absence ---

    async def recall(self, chat: Chat) -> int:
        """Ask a platform what was missed, for everything young enough; gives the number of events that this made."""
        known = await recall.known(self._db, chat.name, self._clock() - timedelta(days=RECALL_DAYS))
        made = 0
        async for event in self._missed(chat, known):
            await self.keep(event)
            made += 1
        if made:
            log.info("collect.recalled", platform=chat.name, events=made)
        return made

    async def _missed(self, chat: Chat, known: list[Known]) -> AsyncIterator[Heard]:
        async for told in chat.recall(known):
            match told:
                case Window():
                    for event in await self._concluded(chat.name, told):
                        yield event
                case Unreadable():
                    log.warning("collect.unreadable", platform=chat.name, channel=told.channel, reason=told.reason)
                case _:
                    yield told

    async def _concluded(self, platform: str, window: Window) -> list[Heard]:
        """What a complete reading of one anchor means for rows of ours that it does not mention."""
        now = self._clock()
        events: list[Heard] = [
            Reacted(
                platform=platform,
                channel=window.channel,
                anchor=window.anchor,
                person=Person(id=who),
                emoji=emoji,
                added=False,
                at=now,
                recalled=True,
            )
            for who, emoji in await recall.reactions_not_in(self._db, platform, window)
        ]
        missing = await recall.comments_not_in(self._db, platform, window)
        if missing:
            events.append(Removed(platform=platform, channel=window.channel, anchors=tuple(missing), at=now))
        return events
