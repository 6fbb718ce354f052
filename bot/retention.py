"""What the night does: erases what is too old and what was left, proves recent days, and clears traces of erasures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from bot.alarms import Alarm
from bot.collect import Collector
from bot.settings import Settings
from commands.tools import Keeps
from core.times import Clock
from storage import copies, erasing, health
from storage.db import Db
from storage.erasing import Old
from storage.memos import Memos
from storage.sqlite import SqliteDb

log = structlog.get_logger()

LOOK_EVERY = 20.0  # seconds: what is deleted in the chat leaves no traces here within a minute
REST = 100  # times as long as clearing traces took nothing is cleared again: a large index takes a while
QUIET_HOUR = 4  # of the publication's local day, when the night's work is done
DAMAGED = {
    "en": (
        "The database is damaged",
        "The nightly check found damage: {reason} Whoever runs Rondan should look now: rondan doctor says what to do.",
        "The database is sound again",
        "The last check of the database found no damage.",
    ),
    "ja": (
        "データベースが壊れています",
        "夜の検査で損傷が見つかりました（{reason}）。運用担当者は確認してください。rondan doctorが対処を示します。",
        "データベースは正常に戻りました",
        "最後の検査では損傷が見つかりませんでした。",
    ),
}


def keeps(settings: Settings) -> Keeps:
    """How long what is kept, for who asks."""
    return Keeps(
        comments=settings.keep_comments,
        reactions=settings.keep_reactions,
        left=settings.leave_days,
        operator=settings.operator,
    )


def recalled(settings: Settings) -> int:
    """Days that are looked back: no further than reactions are kept, or those that were counted would count twice."""
    return min(settings.recall_days, settings.keep_reactions or settings.recall_days)


class Keeper:
    """Keeps no more than was promised. Once a day every platform is recalled, whether or not anything was missed: that
    proves recent days.
    """

    def __init__(
        self,
        db: Db,
        collector: Collector,
        settings: Settings,
        clock: Clock,
        wake: Callable[[], None],
        platforms: Iterable[str],
    ) -> None:
        self._db = db
        self._collector = collector
        self._settings = settings
        self._clock = clock
        self._wake = wake
        self._platforms = tuple(platforms)
        self._memos = Memos(db, "")
        self.alarm = Alarm(db, "damage", DAMAGED, clock, settings.zone)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        rested = loop.time()
        while True:
            await self.nightly()
            if loop.time() >= rested:
                began = loop.time()
                if await erasing.clear_traces(self._db):
                    rested = loop.time() + REST * (loop.time() - began)
            await asyncio.sleep(LOOK_EVERY)

    async def nightly(self) -> bool:
        """The day's work, if it is due: once a local day, from the quiet hour on. What died half-way is done again."""
        local = self._clock().astimezone(ZoneInfo(self._settings.zone))
        if local.hour < QUIET_HOUR or await self._memos.get("nightly") == f"{local:%Y-%m-%d}":
            return False
        checked = await health.last_check(self._db)  # first, and once: on a damaged file the rest may fail
        if checked is None or checked[0].astimezone(local.tzinfo).date() != local.date():
            await self.check()
        await self.erase_old()
        await copies.believe(self._db, self._clock())
        for platform in self._platforms:
            self._collector.prove(platform)
        await self._memos.put("nightly", f"{local:%Y-%m-%d}")
        return True

    async def check(self) -> str | None:
        """Whether the file is sound, read from its first page to its last; what is wrong, if something is. A server's
        files are not ours to read, and it has checksums.
        """
        found = None
        if isinstance(self._db, SqliteDb):
            found = await health.quick_check(self._db.path)
            await health.note_check(self._memos, found, self._clock())
        if found is None:
            await health.optimize(self._db)
        else:
            log.error("database.damaged", found=found, mend="rondan doctor says what to do")
        await self.alarm.look(found)
        self._wake()
        return found

    async def plan(self) -> Old:
        """What would be erased now."""
        settings, now = self._settings, self._clock()
        return await erasing.old(
            self._db,
            _before(now, settings.keep_comments),
            _before(now, settings.keep_reactions),
            now - timedelta(days=settings.leave_days),
        )

    async def erase_old(self) -> Old:
        """Erase it; gives what it was."""
        settings, now = self._settings, self._clock()
        old = await self.plan()
        await erasing.erase_comments(self._db, old.comments, now)
        if (before := _before(now, settings.keep_reactions)) is not None:
            await erasing.to_counts(self._db, old.pieces, before)
        left = now - timedelta(days=settings.leave_days)
        for place in old.places:
            if await erasing.purge_place(self._db, place, left, self._collector.stance_of, now):
                log.info("retention.purged", place=place, reason="the bot was removed from there")
        await self._collector.outside.compact(_before(now, settings.keep_comments))
        if old.comments or old.reactions:
            log.info("retention.erased", comments=len(old.comments), reactions=old.reactions)
        self._wake()
        return old


def _before(now: datetime, days: int) -> datetime | None:
    return now - timedelta(days=days) if days else None
