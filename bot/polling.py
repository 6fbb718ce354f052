"""Feeds are asked on their own schedules; what they show is kept, validators and all, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from bot import ingest
from bot.sources.answers import Feed
from bot.sources.fetch import Fetched, Fetcher
from bot.sources.parser_pool import ParserPool
from bot.sources.schedule import decide, next_check
from core.errors import SourceError
from core.pieces import Found
from core.times import EPOCH, Clock
from storage import sources
from storage.db import Db, Tx
from storage.sources import Source

log = structlog.get_logger()

AT_ONCE = 50  # feeds under way
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
        counts = f"new {self.new}, edited {self.edited}, unchanged {self.unchanged}"
        held = (
            f", held {self.held} (a flood of new items: `rondan feed release ADDRESS` posts them)" if self.held else ""
        )
        return f"{self.address}: {counts}{held}"


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

    def wake(self) -> None:
        """A feed was added or changed."""
        self._wake.set()

    async def run(self) -> None:
        """Poll what is due until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                due = await sources.due_feeds(self._db, self._clock(), AT_ONCE * 2)
                free = [feed for feed in due if feed.id not in self._busy][: AT_ONCE - len(self._busy)]
                for feed in free:
                    self._busy.add(feed.id)
                    group.create_task(self._poll_and_note(feed), name=f"poll {feed.address}")
                if not free:
                    await self._sleep()

    async def _sleep(self) -> None:
        at = await sources.next_poll(self._db)
        pause = 60.0 if at is None else (at - self._clock()).total_seconds()
        try:
            await asyncio.wait_for(self._wake.wait(), timeout=min(max(pause, 0.5), 60))
        except TimeoutError:
            return

    async def _poll_and_note(self, feed: Source) -> None:
        try:
            result = await self.poll(feed)
            if result.error or result.new or result.edited or result.held:
                log.info("feed.polled", **result.to_json())
        except Exception:
            # A fault of ours in one feed must not end the others; it is tried again like a failed one.
            log.exception("feed.poll-failed", feed=feed.address)
            await self._note_failure(feed, SourceError("internal", "Rondan failed on this feed; its log says more"))
        finally:
            self._busy.discard(feed.id)
            self._wake.set()

    async def poll(self, feed: Source) -> Polled:
        """Ask one feed now."""
        try:
            fetched = await self._fetcher.fetch(
                feed.address, etag=feed.etag, modified=feed.modified, body_hash=feed.body_hash
            )
            if fetched.not_modified:
                await self._note_unchanged(feed, fetched)
                return Polled(address=feed.address, not_modified=True)
            known = await sources.fingerprints(self._db, feed.id)
            shown = await self._pool.parse(fetched.body, fetched.content_type, fetched.final_url, known)
        except SourceError as error:
            await self._note_failure(feed, error)
            return Polled(address=feed.address, error_code=error.code, error=str(error))
        now = self._clock()
        weekly = await sources.weekly_entries(self._db, feed.id, now)
        result = await self._db.write(lambda tx: self._keep(tx, feed, fetched, shown, weekly, now))
        if result.new or result.edited:
            self._publish()
        return result

    async def _keep(self, tx: Tx, feed: Source, fetched: Fetched, shown: Feed, weekly: int, now: datetime) -> Polled:
        """Everything of one poll in one transaction; the validators go in with it, so they can't run ahead."""
        baseline = feed.baseline is None
        fresh = [found for found in shown.entries if await ingest.known(tx, feed, found) is None]
        flood = not baseline and len(fresh) > FLOOD and len(fresh) * 2 > len(shown.entries) + len(shown.unchanged)
        result = Polled(
            address=feed.address, unchanged=len(shown.unchanged), baseline=baseline, problems=shown.problems
        )
        for found in reversed(shown.entries):  # oldest first, as feeds show the newest first
            if baseline:
                await sources.mark_seen(tx, feed.id, found.identities, found.fingerprint, None, now)
                result.seen += 1
                continue
            due = _due(feed, found, now)
            taken = await ingest.take(tx, feed, found, now=now, state="held" if flood else "published", due=due)
            result.count(taken.outcome)
        moved = decide(feed.address, fetched.permanent_url)
        await sources.polled(
            tx,
            feed.id,
            etag=fetched.etag,
            modified=fetched.last_modified,
            body_hash=fetched.hash,
            address=moved.url if moved.what == "move" and not await _taken(tx, moved.url) else None,
            title=shown.title,
            next_check=next_check(
                now,
                weekly_entries=weekly,
                ttl=shown.ttl_minutes,
                max_age=fetched.fresh_for,
                retry_after=fetched.retry_after,
                seed=feed.address,
            ),
            baseline=baseline,
            held=result.held,
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

    async def _note_unchanged(self, feed: Source, fetched: Fetched) -> None:
        now = self._clock()
        weekly = await sources.weekly_entries(self._db, feed.id, now)
        at = next_check(
            now,
            weekly_entries=weekly,
            max_age=fetched.fresh_for,
            retry_after=fetched.retry_after,
            seed=feed.address,
        )
        await self._db.write(lambda tx: sources.unchanged(tx, feed.id, at, now))

    async def _note_failure(self, feed: Source, error: SourceError) -> None:
        """The feed keeps all it has; it is asked later, or (410) not any more."""
        now = self._clock()
        stop = decide(feed.address, error=error).what == "stop"
        at = next_check(
            now, weekly_entries=0, retry_after=error.retry_after, failures=feed.failures + 1, seed=feed.address
        )
        await self._db.write(lambda tx: sources.failed(tx, feed.id, error.code, str(error), None if stop else at, now))


def _due(feed: Source, found: Found, now: datetime) -> datetime:
    """When an item would have been posted had we been here: after a downtime it is late from its first moment."""
    if feed.checked is None:
        return now
    appeared = max(found.published or feed.checked, feed.checked)
    return min(now, appeared)


def _newest(entries: Sequence[Found], last: int) -> list[Found]:
    """The newest entries, oldest first; by date where all have one, else in the feed's own order."""
    if all(found.published is not None for found in entries):
        return sorted(entries, key=lambda found: found.published or EPOCH)[-last:]
    return list(reversed(entries[:last]))


async def _taken(tx: Tx, address: str | None) -> bool:
    return address is None or await sources.source_at(tx, address) is not None
