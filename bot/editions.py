"""Digests by schedule: made when they are due, shown by the publisher like everything else.

What a schedule's time brings is decided in one transaction: the edition, its ledger, its posting (`editions.publish`).
Dying before it changes nothing, after it the publisher goes on; no restart makes one twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from commands.gathering import Viewer, gather, show
from commands.summing_up import edition_id
from commands.telling import Telling, tell
from commands.tools import Tools
from core.chat import Place
from core.manners import TOO_LATE
from core.message import Message
from core.period import Window
from core.pieces import Topic
from digest.packing import pack, unpack
from digest.sketch import Sketch
from storage import editions, pieces, places
from storage.editions import Schedule

log = structlog.get_logger()

LOOK_EVERY = 15.0  # seconds; a clock that jumps is noticed by then
SETTLED = timedelta(seconds=10)  # after its time, until what people did just before it is in the rows

trace: Callable[[str], None] = lambda _stage: None  # noqa: E731
"""Called between every two steps with the name of the point; tests kill the process here."""


class Editions:
    """Makes what is due, and shows what was made."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.make_due()
            await asyncio.sleep(LOOK_EVERY)

    async def make_due(self) -> list[int]:
        """Make every digest whose time has come; gives the numbers of those that are posted."""
        made = []
        for schedule in await editions.running(self._tools.db):
            try:
                number = await self._make(schedule)
            except Exception:  # the others are not to wait for it; it is tried again at the next look
                log.exception("edition.failed", schedule=schedule.id)
            else:
                made += [number] if number is not None else []
        if made:
            self._tools.wake()
        return made

    async def _make(self, schedule: Schedule) -> int | None:
        db, now = self._tools.db, self._tools.clock()
        nominal = schedule.times.latest(now - SETTLED)
        if nominal <= schedule.upto:
            return None
        if now - nominal > TOO_LATE:  # the next one tells of its time too
            log.info("edition.too-late", schedule=schedule.id, nominal=nominal.isoformat())
            await db.write(lambda tx: editions.pass_over(tx, schedule, nominal))
            return None
        place = await places.by_id(db, schedule.place)
        topics = [one for name in schedule.topics if (one := await self._topic(name)) is not None]
        sketch, telling = None, Telling()
        if place is not None and (topics or not schedule.topics):
            window = await self._window(schedule, nominal)
            found = await gather(self._tools, topics, window, Viewer.place(place).audience)
            if not found.empty:
                sketch, telling = found, await tell(self._tools, found, Viewer.place(place))
        trace("sketched")
        number = await db.write(
            lambda tx: editions.publish(
                tx, schedule, nominal, nominal, None if sketch is None else pack(sketch),
                sketch.spoken_of() if sketch else (), sketch.quoted() if sketch else (), self._tools.clock(),
                [(pack(one), one.comments) for one in telling.told], telling.heard,
            )
        )  # fmt: skip
        trace("written")
        log.info("edition.made", schedule=schedule.id, edition=number, empty=sketch is None)
        return None if sketch is None else number

    async def _topic(self, name: str) -> Topic | None:
        known = await pieces.topic_named(self._tools.db, name)
        return None if known is None else next(iter(await pieces.topics(self._tools.db, [known.id])), None)

    async def _window(self, schedule: Schedule, nominal: datetime) -> Window:
        """From the end of the schedule's last digest. The first tells from its beginning on, at least a usual span."""
        start = await editions.last_end(self._tools.db, schedule.id)
        if start is None or start >= nominal:
            start = min(schedule.since, schedule.times.latest(nominal - timedelta(seconds=1)))
        step = (int((nominal - start).total_seconds()), "seconds")
        return Window(start, nominal, schedule.times.zone, step)  # type: ignore[arg-type]

    # --- the publisher's side ---

    async def show(self, place: Place, number: int) -> Message | None:
        """An edition as it is shown at its place now; None if there is none."""
        edition = await editions.edition(self._tools.db, number)
        if edition is None or edition.sketch is None:
            return None
        return await show(self._tools, unpack(Sketch, edition.sketch), Viewer.place(place), edition_id(number))
