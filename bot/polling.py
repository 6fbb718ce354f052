"""Feeds are asked on their own schedules; what they show is kept, validators and all, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bot import ingest
from bot.sources.answers import Feed
from bot.sources.fetch import Fetched, Fetcher
from bot.sources.parser_pool import ParserPool
from bot.sources.schedule import decide, next_check
from bot.waking import woken
from core.errors import SourceError
from core.pieces import Found, PieceState
from core.times import EPOCH, Clock
from storage import sources
from storage.db import Db, Tx
from storage.leases import Share
from storage.sources import Pollable, Source

log = structlog.get_logger()

AT_ONCE = 50  # feeds under way
HOURLY = 7 * 24  # items a week
UNKEPT = 60.0  # seconds until a feed is asked again whose answer could not be kept, nor that it failed
FLOOD = 10
"""More new items than this in one poll, and more than half of what the feed shows, is held for a moderator: a publisher
that changed its ids looks just like that."""


@dataclass(slots=True, kw_only=True)
class Polled:
    """What one poll brought. `error` is a sentence; `baseline` says that items were marked as seen without posting."""

    address: str
    new: int = 0
    edited: int = 0
    unchanged: int = 0
    held: int = 0
    seen: int = 0
    baseline: bool = False
    not_modified: bool = False
    error_code: str | None = None
    error: str | None = None
    problems: tuple[str, ...] = ()

    def count(self, outcome: ingest.Outcome) -> None:
        """One item more with this outcome."""
        setattr(self, outcome, getattr(self, outcome) + 1)

    def to_json(self) -> dict[str, Any]:
        """For `rondan feed check --json`."""
        return {
            "feed": self.address, "new": self.new, "edited": self.edited, "unchanged": self.unchanged,
            "held": self.held, "seen": self.seen, "baseline": self.baseline, "not_modified": self.not_modified,
            "error": self.error, "error_code": self.error_code, "problems": list(self.problems),
        }  # fmt: skip

    def sentence(self) -> str:
        """For people."""
        if self.error:
            return f"{self.address}: {self.error}"
        if self.not_modified:
            return f"{self.address}: unchanged"
        if self.baseline:
            return (
                f"{self.address}: first look: seen {self.seen}, posted 0; `rondan backfill --last 3` posts the newest"
            )
        counts = f"new {self.new}, edited {self.edited}, unchanged {self.unchanged + self.seen}"
        held = f", held {self.held} for a moderator (`rondan feed release ADDRESS` posts them)" if self.held else ""
        return "; ".join([f"{self.address}: {counts}{held}", *self.problems])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What one poll found, before it is kept. `renamed`: known words under a new guid or address."""

    feed: Source
    fetched: Fetched
    shown: Feed
    renamed: Sequence[Sequence[str]]
    weekly: int


class Poller:
    """Polls feeds. One fetch an address, whatever the number of places; a failing feed never delays another."""

    def __init__(self, db: Db, fetcher: Fetcher, pool: ParserPool, clock: Clock, wake: Callable[[], None]) -> None:
        self._db = db
        self._fetcher = fetcher
        self._pool = pool
        self._clock = clock
        self._publish = wake
        self._wake = asyncio.Event()
        self._busy: set[int] = set()
        self._by_hand = 0  # polls that a person asked for and that have ended
        # What of the feeds is ours, where several processes poll; None: all.
        self.share: Callable[[], Share | None] = lambda: None
        self._gates: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def wake(self) -> None:
        """A feed was added or changed."""
        self._wake.set()

    async def run(self) -> None:
        """Poll what is due until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                by_hand = self._by_hand
                room = AT_ONCE - len(self._busy)
                if not room:
                    await self._wake.wait()
                    continue
                due = await sources.due_feeds(self._db, self._clock(), room, busy=self._busy, share=self.share())
                for one in due:
                    self._busy.add(one.feed.id)
                    group.create_task(self._poll_and_note(one, by_hand), name=f"poll {one.feed.address}")
                if not due:
                    await self._sleep()

    async def _sleep(self) -> None:
        at = await sources.next_poll(self._db, self.share())
        pause = 60.0 if at is None else (at - self._clock()).total_seconds()
        await woken(self._wake, min(max(pause, 0.5), self._db.doze))

    async def _poll_and_note(self, due: Pollable, by_hand: int) -> None:
        """Poll what was due when so many polls by hand had ended."""
        feed = due.feed
        try:
            async with self._gate(feed):
                if self._by_hand != by_hand:  # it may be this one, and the row is of before
                    due = await sources.pollable(self._db, feed.id, self._clock())
                result = await self._poll(due)
            if result.error or result.new or result.edited or result.held:
                log.info("feed.polled", **result.to_json())
        except Exception:
            # Not even the failure could be kept (disk full): the others go on, and it is tried again. It is still due:
            # without a pause its server would be asked as fast as it answers.
            log.exception("feed.poll-failed", feed=feed.address)
            await asyncio.sleep(UNKEPT)
        finally:
            self._busy.discard(feed.id)
            self._wake.set()

    async def poll(self, feed: Source) -> Polled:
        """Ask one feed now, because a person wants it."""
        async with self._gate(feed):
            try:
                return await self._poll(await sources.pollable(self._db, feed.id, self._clock()))
            finally:
                self._by_hand += 1

    def _gate(self, feed: Source) -> asyncio.Lock:
        """The schedule and a person may ask at once: one after the other, each from the row as it then stands."""
        gate = self._gates.get(feed.id)
        if gate is None:
            gate = self._gates[feed.id] = asyncio.Lock()
        return gate

    async def _poll(self, one: Pollable) -> Polled:
        """A fault of ours is kept like one of the feed's: it is tried again and others go on."""
        try:
            return await self._ask(one)
        except Exception:
            log.exception("feed.poll-failed", feed=one.feed.address)
            error = SourceError("internal", "Rondan failed on this feed; its log says more. It is tried again.")
            await self._note_failure(one.feed, error)
            return Polled(address=one.feed.address, error_code=error.code, error=str(error))

    async def _ask(self, one: Pollable) -> Polled:
        feed = one.feed
        try:
            fetched = await self._fetcher.fetch(
                feed.address, etag=feed.etag, modified=feed.modified, body_hash=feed.body_hash
            )
            if fetched.not_modified:
                await self._note_unchanged(one, fetched)
                return Polled(address=feed.address, not_modified=True)
            known = await sources.fingerprints(self._db, feed.id)
            shown = await self._pool.parse(
                fetched.body, fetched.content_type, fetched.final_url, known, documents=feed.baseline is not None
            )
        except SourceError as error:
            await self._note_failure(feed, error)
            return Polled(address=feed.address, error_code=error.code, error=str(error))
        now = self._clock()
        weekly = _weekly(one, now)
        renamed = [identities for identities in shown.unchanged if not all(one in known for one in identities)]
        poll = _Shown(feed=feed, fetched=fetched, shown=shown, renamed=renamed, weekly=weekly)
        try:
            result = await self._db.write(lambda tx: self._keep(tx, poll, now))
        except Exception:
            log.exception("feed.item-failed", feed=feed.address)
            result = await self._db.write(lambda tx: self._keep(tx, poll, now, apart=True))
        if shown.entries and not result.baseline:
            self._publish()
        return result

    async def _keep(self, tx: Tx, poll: _Shown, now: datetime, *, apart: bool = False) -> Polled:
        """Everything of one poll in one transaction; the validators go in with it, so they can't run ahead.

        `apart`: one item made it fail before, so each is kept or undone by itself. Then the validators stay away, and
        what failed is looked at again.
        """
        feed, fetched, shown = poll.feed, poll.fetched, poll.shown
        baseline = feed.baseline is None
        # After a copy was brought back much is new that was posted already: it is looked up, which holding would miss.
        flood = not baseline and feed.doubted is None and await _is_flood(tx, feed, shown)
        result = Polled(
            address=feed.address, unchanged=len(shown.unchanged), baseline=baseline, problems=shown.problems
        )
        if baseline:
            result.seen = len(shown.entries)
            seen = [(identity, one.fingerprint) for one in shown.entries for identity in one.identities]
            await sources.mark_all_seen(tx, feed.id, seen, None, now)
        failed = []
        for found in () if baseline else reversed(shown.entries):  # oldest first, as feeds show the newest first
            due = _due(feed, found, now)
            state: PieceState = "held" if flood else "published"
            taken = await _take(tx, feed, found, now, state, due, apart=apart)
            if taken is None:
                failed.append(found.title)
            else:
                result.count(taken.outcome)
        for identities in poll.renamed:
            await ingest.renew(tx, feed, identities, now)
        if failed:
            names = ", ".join(f"“{title}”" for title in failed[:3])
            result.problems += (f"{len(failed)} items could not be kept ({names}); the log says more",)
        await sources.polled(
            tx,
            feed.id,
            etag=None if failed else fetched.etag,
            modified=None if failed else fetched.last_modified,
            body_hash=None if failed else fetched.hash,
            address=await _new_address(tx, feed, fetched),
            title=shown.title,
            next_check=next_check(
                now,
                weekly_entries=poll.weekly,
                ttl=shown.ttl_minutes,
                max_age=fetched.fresh_for,
                retry_after=fetched.retry_after,
                seed=feed.address,
            ),
            baseline=baseline,
            now=now,
        )
        return result

    async def backfill(self, feed: Source, last: int) -> Polled:
        """Make pieces of the newest `last` items that a feed shows, also of those that were only seen so far."""
        fetched = await self._fetcher.fetch(feed.address)
        shown = await self._pool.parse(fetched.body, fetched.content_type, fetched.final_url)
        now = self._clock()
        chosen = _newest(shown.entries, last)

        async def work(tx: Tx) -> Polled:
            result = Polled(address=feed.address)
            for found in chosen:
                result.count((await ingest.take(tx, feed, found, now=now, again=True)).outcome)
            return result

        result = await self._db.write(work)
        self._publish()
        return result

    async def _note_unchanged(self, one: Pollable, fetched: Fetched) -> None:
        feed, now = one.feed, self._clock()
        at = next_check(
            now,
            weekly_entries=_weekly(one, now),
            max_age=fetched.fresh_for,
            retry_after=fetched.retry_after,
            seed=feed.address,
        )

        async def move(tx: Tx) -> None:
            address = await _new_address(tx, feed, fetched)
            if address is not None:
                await sources.moved(tx, feed.id, address)

        if fetched.permanent_url is not None:
            await self._db.write(move)
        await sources.unchanged(self._db, feed.id, at, now)

    async def _note_failure(self, feed: Source, error: SourceError) -> None:
        """The feed keeps all it has; it is asked later, or (410) not any more."""
        now = self._clock()
        stop = decide(feed.address, error=error).what == "stop"
        at = next_check(
            now, weekly_entries=0, retry_after=error.retry_after, failures=feed.failures + 1, seed=feed.address
        )
        await self._db.write(lambda tx: sources.failed(tx, feed.id, error.code, str(error), None if stop else at, now))


def _weekly(one: Pollable, now: datetime) -> int:
    """New items a week. A feed that is known for less than a week counts as hourly: its pace is not known yet."""
    young = one.feed.baseline is None or now - one.feed.baseline < timedelta(days=7)
    return max(one.weekly, HOURLY if young else 0)


async def _is_flood(tx: Tx, feed: Source, shown: Feed) -> bool:
    if len(shown.entries) <= FLOOD:
        return False
    fresh = [found for found in shown.entries if await ingest.known(tx, feed, found) is None]
    return len(fresh) > FLOOD and len(fresh) * 2 > len(shown.entries) + len(shown.unchanged)


async def _take(
    tx: Tx, feed: Source, found: Found, now: datetime, state: PieceState, due: datetime, *, apart: bool
) -> ingest.Taken | None:
    """Keep one item; `apart`: in a savepoint, and None if that fails."""
    if not apart:
        return await ingest.take(tx, feed, found, now=now, state=state, due=due)
    await tx.run("savepoint item")
    try:
        taken = await ingest.take(tx, feed, found, now=now, state=state, due=due)
    except Exception:
        log.exception("feed.item-failed", feed=feed.address, title=found.title)
        await tx.run("rollback to item")
        taken = None
    await tx.run("release item")
    return taken


def _due(feed: Source, found: Found, now: datetime) -> datetime:
    """When an item would have been posted had all gone well: what came while we or the feed were away is late.

    A feed that is looked at once a day as planned brings nothing late, whatever the dates of its items.
    """
    if feed.checked is None:
        return now
    planned = feed.checked if feed.failures else max(feed.checked, feed.next_check or feed.checked)
    return min(now, max(found.published or planned, planned))


def _newest(entries: Sequence[Found], last: int) -> list[Found]:
    """The newest entries, oldest first; by date where all have one, else in the feed's own order."""
    if all(found.published is not None for found in entries):
        return sorted(entries, key=lambda found: found.published or EPOCH)[-last:]
    return list(reversed(entries[:last]))


async def _new_address(tx: Tx, feed: Source, fetched: Fetched) -> str | None:
    """Where a feed moved to for good; None if it did not, or if we have a feed there already."""
    moved = decide(feed.address, fetched.permanent_url)
    if moved.url is None or await sources.source_at(tx, moved.url) is not None:
        return None
    return moved.url
