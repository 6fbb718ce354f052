"""The publication's feeds as people handle them: adding, trying, removing. The shell and the chats share this."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.polling import Polled, Poller
from bot.sources.discover import discover
from bot.sources.fetch import Fetcher
from bot.sources.parser_pool import ParserPool
from commands.tools import FeedAdded, FeedTrial
from core.errors import Refusal, SourceError
from core.pieces import TextMode
from core.times import Clock
from storage import sources
from storage.db import Db, Tx
from storage.sources import Source


class Feeds:
    """`commands.tools.Feeds` over a database, with what reads feeds."""

    def __init__(self, db: Db, fetcher: Fetcher, pool: ParserPool, poller: Poller, clock: Clock) -> None:
        self._db = db
        self._fetcher = fetcher
        self._pool = pool
        self._poller = poller
        self._clock = clock

    async def add(self, address: str) -> FeedAdded:
        notes: list[str] = []
        feed, polled = await self.take(address, tell=notes.append)
        return FeedAdded(address=feed.address, title=feed.title, seen=polled.seen, error=polled.error)

    async def take(
        self,
        address: str,
        *,
        text_mode: TextMode = "excerpt",
        review: bool = False,
        places: Sequence[int] = (),
        tell: Callable[[str], None],
    ) -> tuple[Source, Polled]:
        """Add the feed at an address, or the one that a page there names, and take its first look.

        A feed that can't be read is added too: it is tried again. Refusal for what is no address, or is a source
        already. `tell` hears what was found on the way.
        """
        check_address(address)
        found, title = address, ""
        try:
            named = await discover(self._fetcher, self._pool, address)
            if named:
                found, title = named[0]
                if found != address:
                    tell(f"found the feed {found}")
        except SourceError as error:
            tell(f"can't read it yet: {error}")

        async def work(tx: Tx) -> Source:
            return await sources.add_source(
                tx, kind="feed", address=found, title=title, text_mode=text_mode, review=review, places=places,
                now=self._clock(),
            )  # fmt: skip

        feed = await self._db.write(work)
        polled = await self._poller.poll(feed)
        self._poller.wake()
        return await sources.source(self._db, feed.id), polled

    async def test(self, address: str) -> FeedTrial:
        check_address(address)
        named = await discover(self._fetcher, self._pool, address)
        found = named[0][0] if named else address
        fetched = await self._fetcher.fetch(found)
        ours = await sources.source_at(self._db, found)
        known = await sources.fingerprints(self._db, ours.id) if ours is not None else {}
        shown = await self._pool.parse(fetched.body, fetched.content_type, fetched.final_url, known)
        return FeedTrial(
            address=found,
            title=shown.title,
            items=shown.entries,
            known=len(shown.unchanged),
            ours=ours is not None,
            problems=shown.problems,
        )

    async def remove(self, address: str) -> bool:
        feed = await self.find(address)
        if feed is None:
            return False
        await self._db.write(lambda tx: sources.retire(tx, feed.id))
        return True

    async def find(self, address: str) -> Source | None:
        """The feed of ours with this address."""
        feed = await sources.source_at(self._db, address)
        return feed if feed is not None and feed.kind == "feed" else None

    async def list(self) -> Sequence[Source]:
        return await sources.sources(self._db, "feed")


def check_address(address: str) -> None:
    """Refusal for what no request can be made of."""
    if not address.lower().startswith(("http://", "https://")):
        raise Refusal(f"{address!r} is no address: it must begin with http:// or https://")
