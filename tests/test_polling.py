"""Feeds as they are in the wild, from a real server to what a place shows: each item once, none lost, none delayed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot import ingest, polling, timers
from bot.platforms.room import Room
from bot.polling import Polled, Poller
from bot.publish import Publisher
from bot.sources.fetch import Fetcher
from bot.sources.parser_pool import ParserPool
from core.faces import full_text
from core.message import to_text
from core.query import parse_query
from core.stances import DEFAULT
from storage import pieces, places, postings, sources
from storage.audience import Audience
from storage.db import Db, StorageError, Tx
from storage.search import search
from storage.sources import Source
from tests.conftest import QuietRoom, SetClock, add_place, found
from tests.standins.feeds import FeedServer, Page
from tests.waiting import until

PUB = "https://pub.example"


def item(
    name: str, *, title: str = "", link: str | None = "", guid: str | None = "", body: str = "", date: str = ""
) -> str:
    """An RSS item. Guid and link follow from the name unless they are given, or None to leave them out."""
    parts = {
        "title": title or f"Piece {name}",
        "link": link if link != "" else f"{PUB}/{name}",
        "guid": guid if guid != "" else f"id-{name}",
        "pubDate": date,
        "description": body or f"The words of {name}.",
    }
    return "<item>" + "".join(f"<{tag}>{value}</{tag}>" for tag, value in parts.items() if value) + "</item>"


def rss(*items: str, prolog: str = '<?xml version="1.0" encoding="utf-8"?>') -> str:
    return f'{prolog}<rss version="2.0"><channel><title>The feed</title>{"".join(items)}</channel></rss>'


class Newsroom:
    """A server with feeds, and everything of ours that reads them and posts what they bring."""

    def __init__(self, db: Db, clock: SetClock, server: FeedServer, poller: Poller, room: Room) -> None:
        self.db = db
        self.clock = clock
        self.server = server
        self.poller = poller
        self.room = room
        self.publisher = Publisher(db, {"web": QuietRoom("web", room)}, DEFAULT, clock)

    def show(self, *items: str, path: str = "/feed", **how: object) -> Page:
        """Serve these items, the newest first; `how` are fields of `Page`."""
        return self.server.put(path, rss(*items), "application/xml", **how)

    async def add(
        self, path: str = "/feed", *, limited: tuple[int, ...] = (), review: bool = False, mode: str = "full"
    ) -> Source:
        async def work(tx: Tx) -> Source:
            return await sources.add_source(
                tx, kind="feed", address=self.server.url(path), title="", text_mode=mode,  # type: ignore[arg-type]
                review=review, places=limited, now=self.clock(),
            )  # fmt: skip

        return await self.db.write(work)

    async def follow(self, path: str = "/feed", *items: str, **how: object) -> Source:
        """A feed past its first look, at which it showed these items (or one that is old)."""
        self.show(*(items or (item("old"),)), path=path)
        feed = await self.add(path, **how)  # type: ignore[arg-type]
        await self.poll(feed)
        return feed

    async def poll(self, feed: Source, **later: float) -> Polled:
        """One poll, some time later (an hour unless said)."""
        self.clock.move(**(later or {"hours": 1}))
        return await self.poller.poll(feed)

    async def now(self, feed: Source) -> Source:
        return await sources.source(self.db, feed.id)

    async def shown(self, channel: str = "general", **later: float) -> list[str]:
        """What the place shows when the publisher has worked: the title of each message."""
        self.clock.move(**(later or {"seconds": 1}))
        await timers.release(self.db, self.clock)
        await self.publisher.settle_all()
        return [
            entry.message.title
            for entry in self.room.entries(channel)
            if entry.message is not None and not entry.deleted
        ]

    async def titles(self) -> list[str]:
        return [row["title"] for row in await self.db.read("select title from piece order by id")]


def counts(polled: Polled) -> tuple[int, int, int, int, int]:
    """(new, edited, unchanged, held, only seen), no error."""
    assert polled.error is None
    return polled.new, polled.edited, polled.unchanged, polled.held, polled.seen


@pytest.fixture
async def pool() -> AsyncIterator[ParserPool]:
    async with ParserPool() as open_:
        yield open_


@pytest.fixture
async def news(db: Db, clock: SetClock, pool: ParserPool, tmp_path: Path) -> AsyncIterator[Newsroom]:
    room = Room(tmp_path / "room.jsonl")
    async with FeedServer() as server, Fetcher(allow_private=True, total=3) as fetcher:
        await add_place(db, clock)
        yield Newsroom(db, clock, server, Poller(db, fetcher, pool, clock, lambda: None), room)
    await room.close()


# --- the first look ---


async def test_the_first_look_posts_nothing_and_says_so(news: Newsroom) -> None:
    news.show(item("a"), item("b"))
    feed = await news.add()
    first = await news.poll(feed)
    assert (first.baseline, first.seen, first.new) == (True, 2, 0)
    assert "first look: seen 2, posted 0; `rondan backfill --last 3`" in first.sentence()
    assert (await news.now(feed)).baseline == news.clock()
    news.show(item("c"), item("a"), item("b"))
    assert counts(await news.poll(feed)) == (1, 0, 2, 0, 0)
    assert await news.shown() == ["Piece c"]


async def test_an_empty_feed_has_had_its_first_look_too(news: Newsroom) -> None:
    news.show()
    feed = await news.add()
    assert (await news.poll(feed)).baseline
    news.show(item("first"))
    assert counts(await news.poll(feed)) == (1, 0, 0, 0, 0)
    assert await news.shown() == ["Piece first"]


async def test_a_failed_first_look_is_no_first_look(news: Newsroom) -> None:
    news.show(status=500)
    feed = await news.add()
    assert (await news.poll(feed)).error_code == "http-500"
    news.show(item("a"))
    assert (await news.poll(feed)).baseline
    assert await news.shown() == []


async def test_what_was_only_seen_stays_unposted_when_it_is_edited(news: Newsroom) -> None:
    feed = await news.follow("/feed", item("a"))
    news.show(item("a", body="Other words."))
    assert counts(await news.poll(feed)) == (0, 0, 0, 0, 1)
    assert await news.titles() == []


async def test_backfill_posts_the_newest_of_what_was_only_seen(news: Newsroom) -> None:
    feed = await news.follow("/feed", *(item(f"n{n}") for n in range(5)))
    assert (await news.poller.backfill(feed, 3)).new == 3
    assert await news.shown() == ["Piece n2", "Piece n1", "Piece n0"]  # the oldest of them first
    assert (await news.poller.backfill(feed, 3)).unchanged == 3
    assert await news.shown() == ["Piece n2", "Piece n1", "Piece n0"]
    dated = [item(f"d{n}", date=f"2026-11-{10 + n}T00:00:00Z") for n in range(5)]  # the oldest on top
    second = await news.follow("/dated", *dated)
    assert (await news.poller.backfill(second, 2)).new == 2
    assert (await news.shown())[3:] == ["Piece d3", "Piece d4"]


# --- which item is which ---


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(item("a", guid="another"), id="new guid, same page"),
        pytest.param(item("a", link=f"{PUB}/moved"), id="same guid, new page"),
        pytest.param(item("a", date="2026-11-21T00:00:00Z"), id="new date"),
        pytest.param(item("a", link=f"{PUB}/a?utm_source=rss"), id="tracking"),
        pytest.param(item("a", guid=None), id="no guid any more"),
        pytest.param(item("a", guid="another", body="Other words."), id="new guid, same page, edited"),
    ],
)
async def test_the_same_item_in_another_dress_is_posted_once(news: Newsroom, again: str) -> None:
    feed = await news.follow()
    news.show(item("a", date="2026-11-20T00:00:00Z"))
    assert (await news.poll(feed)).new == 1
    news.show(again)
    polled = await news.poll(feed)
    assert (polled.new, polled.edited + polled.unchanged) == (0, 1)
    assert await news.shown() == ["Piece a"]
    assert await news.titles() == ["Piece a"]


async def test_a_new_date_is_no_edit(news: Newsroom) -> None:
    feed = await news.follow()
    news.show(item("a", date="2026-11-20T00:00:00Z"))
    await news.poll(feed)
    news.show(item("a", date="2026-11-21T00:00:00Z"))
    assert counts(await news.poll(feed)) == (0, 0, 1, 0, 0)


async def test_guid_then_page_change_one_after_the_other(news: Newsroom) -> None:
    feed = await news.follow()
    for guid, page in (("one", "/1"), ("two", "/1"), ("two", "/2"), ("three", "/2")):
        news.show(item("a", guid=guid, link=PUB + page))
        await news.poll(feed)
    assert await news.titles() == ["Piece a"]


async def test_items_without_guid(news: Newsroom) -> None:
    feed = await news.follow()
    bare = item("a", guid=None, link=None, date="2026-11-20T00:00:00Z")
    news.show(bare, item("b", guid=None))
    assert (await news.poll(feed)).new == 2
    news.show(item("c", guid=None), bare, item("b", guid=None))
    assert counts(await news.poll(feed)) == (1, 0, 2, 0, 0)


async def test_two_items_with_one_guid_are_two_pieces(news: Newsroom) -> None:
    feed = await news.follow()
    news.show(item("b", guid="0"), item("a", guid="0"))
    assert (await news.poll(feed)).new == 2
    news.show(item("c", guid="0"), item("b", guid="0"), item("a", guid="0"))
    assert counts(await news.poll(feed)) == (1, 0, 2, 0, 0)
    assert await news.titles() == ["Piece a", "Piece b", "Piece c"]


async def test_one_article_in_two_feeds_is_one_piece(news: Newsroom) -> None:
    one, two = await news.follow("/one"), await news.follow("/two")
    news.show(item("a", body="The whole text of it."), path="/one")
    news.show(item("a", guid="elsewhere", link=f"{PUB}/a/?utm_medium=x", body="An excerpt."), path="/two")
    assert (await news.poll(one)).new == 1
    assert (await news.poll(two)).new == 0
    news.show(item("a", guid="elsewhere", body="Another excerpt."), path="/two")
    assert counts(await news.poll(two)) == (0, 0, 1, 0, 0)
    assert await news.shown() == ["Piece a"]
    piece = await pieces.piece(news.db, 1)
    assert piece is not None
    assert "The whole text of it." in full_text(piece)


async def test_an_article_of_two_feeds_comes_to_the_places_of_both(news: Newsroom) -> None:
    economy = await add_place(news.db, news.clock, "economy")
    law = await add_place(news.db, news.clock, "law")
    one, two = await news.follow("/one", limited=(economy.id,)), await news.follow("/two", limited=(law.id,))
    news.show(item("a"), path="/one")
    news.show(item("a"), path="/two")
    await news.poll(one)
    assert (await news.shown("economy"), await news.shown("law")) == (["Piece a"], [])
    await news.poll(two)
    assert (await news.shown("economy"), await news.shown("law"), await news.shown()) == (["Piece a"], ["Piece a"], [])


async def test_what_a_parser_is_not_told_of_is_posted_once_too(news: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "KNOWN", 3)  # of one item the identities, of the others none
    feed = await news.follow("/feed", item("old"))
    for shown in (("a",), ("b", "a", "old"), ("c", "b", "a", "old"), ("old", "c", "a")):
        news.show(*map(item, shown))
        await news.poll(feed)
    assert counts(await news.poll(feed)) == (0, 0, 0, 0, 0)
    news.show(item("c"), item("b"), item("a", body="Other words."), item("old"))
    assert (await news.poll(feed)).edited == 1
    assert sorted(await news.shown()) == ["Piece a", "Piece b", "Piece c"]


# --- edits ---


async def test_an_edited_text_edits_the_post(news: Newsroom) -> None:
    feed = await news.follow()
    news.show(item("a"))
    await news.poll(feed)
    assert await news.shown() == ["Piece a"]
    news.show(item("a", title="Piece a, corrected", link=f"{PUB}/corrected"))
    assert counts(await news.poll(feed)) == (0, 1, 0, 0, 0)
    place = (await places.all_places(news.db))[0]
    posting = await postings.at_place(news.db, place.id, "piece", 1)
    assert posting is not None
    assert posting.state == "due"
    assert await news.shown() == ["Piece a, corrected"]
    piece = await pieces.piece(news.db, 1)
    assert piece is not None
    assert (piece.revision, piece.url) == (2, f"{PUB}/corrected")


async def test_a_new_version_of_the_fingerprint_edits_nothing(news: Newsroom) -> None:
    feed = await news.follow("/feed", item("seen"))
    news.show(item("a"), item("b"), item("seen"))
    await news.poll(feed)

    async def older(tx: Tx) -> None:
        await tx.run("update item set fingerprint='0:' || substr(fingerprint, 3)")

    await news.db.write(older)
    news.show(item("c"), item("a"), item("b", body="Edited in the same moment."), item("seen"))
    assert counts(await news.poll(feed)) == (1, 0, 2, 0, 1)
    assert await news.shown() == ["Piece b", "Piece a", "Piece c"]
    assert not await news.db.read("select 1 from item where fingerprint like '0:%'")
    news.show(item("a", body="Edited."), item("b", body="Edited in the same moment."))
    assert counts(await news.poll(feed)) == (0, 1, 1, 0, 0)


# --- what goes over the wire ---


async def test_shift_jis_without_a_header(news: Newsroom) -> None:
    feed = await news.follow()
    body = rss(
        item("a", title="論壇の見通し", body="政策の①まとめ。"), prolog='<?xml version="1.0" encoding="Shift_JIS"?>'
    )
    news.server.put("/feed", body.encode("cp932"), content_type="text/xml")
    await news.poll(feed)
    assert await news.shown() == ["論壇の見通し"]


async def test_validators_go_back_as_they_came(news: Newsroom) -> None:
    etag, modified = 'W/"a b"', "Tue, 24 Nov 2026 12:00:00 JST"
    news.show(item("a"), etag=etag, modified=modified)
    feed = await news.add()
    await news.poll(feed)
    polled = await news.poll(feed)
    assert (polled.not_modified, polled.error) == (True, None)
    asked = news.server.asked["/feed"][-1]
    assert (asked["If-None-Match"], asked["If-Modified-Since"]) == (etag, modified)
    assert (await news.now(feed)).checked == news.clock()


async def test_an_equal_body_is_not_parsed_where_validators_are_ignored(news: Newsroom, pool: ParserPool) -> None:
    feed = await news.follow()
    await pool.close()  # whoever parses now starts a process
    assert (await news.poll(feed)).not_modified
    assert pool.processes == 0


@asynccontextmanager
async def refusing(db: Db, change: str, when: str = "true") -> AsyncIterator[None]:
    """The database refuses such a change of a row."""
    if db.dialect.name == "sqlite":
        begin = [f"create trigger refusing before {change} when {when} begin select raise(abort, 'refused'); end"]
        end = "drop trigger refusing"
    else:
        begin = [
            "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$",
            f"create trigger refusing before {change} for each row when ({when}) execute function refuse()",
        ]
        end = "drop function refuse cascade"

    async def refuse(tx: Tx) -> None:
        for statement in begin:
            await tx.run(statement)

    await db.write(refuse)
    yield
    await db.write(lambda tx: tx.run(end))


async def test_validators_never_run_ahead_of_what_was_kept(news: Newsroom) -> None:
    feed = await news.follow()
    async with refusing(news.db, "update of etag on source"):
        news.show(item("a"), etag='"new"')
        polled = await news.poll(feed)
        assert polled.error_code == "internal"
        assert await news.titles() == []
        assert (await news.now(feed)).etag is None
    assert (await news.poll(feed)).new == 1
    assert await news.shown() == ["Piece a"]
    assert (await news.now(feed)).etag == '"new"'


async def test_one_item_that_fails_ends_neither_the_others_nor_itself(news: Newsroom) -> None:
    feed = await news.follow()
    async with refusing(news.db, "insert on piece", "new.title='Piece b'"):
        news.show(item("c"), item("b"), item("a"), etag='"new"')
        polled = await news.poll(feed)
        assert (polled.new, polled.error) == (2, None)
        assert "1 items could not be kept (“Piece b”)" in polled.sentence()
        assert await news.shown() == ["Piece a", "Piece c"]
    assert counts(await news.poll(feed)) == (1, 0, 2, 0, 0)
    assert await news.shown() == ["Piece a", "Piece c", "Piece b"]


# --- when it does not go well ---


async def test_gone_for_good_pauses_the_feed_with_its_reason(news: Newsroom) -> None:
    feed = await news.follow()
    news.show(status=410)
    assert (await news.poll(feed)).error_code == "http-410"
    after = await news.now(feed)
    assert after.paused is not None
    assert "gone for good" in after.paused
    assert after.next_check is None
    assert await sources.due_feeds(news.db, news.clock.move(days=30), 10) == []


@pytest.mark.parametrize("changed", [True, False])
async def test_a_feed_that_moved_for_good_is_asked_there(news: Newsroom, changed: bool) -> None:
    feed = await news.follow()
    news.server.redirect("/feed", "/new", 301)
    news.show(*([item("a")] if changed else []), item("old"), path="/new")
    await news.poll(feed)
    assert (await news.now(feed)).address == news.server.url("/new")
    await news.poll(feed)
    assert news.server.hits["/feed"] == 2
    assert len(await news.titles()) == int(changed)


async def test_a_feed_that_moved_for_now_or_to_another_of_ours_stays(news: Newsroom) -> None:
    feed, other = await news.follow(), await news.follow("/other")
    for status, target in ((302, "/new"), (301, "/other")):
        news.show(item("old"), path="/new")
        news.server.redirect("/feed", target, status)
        await news.poll(feed)
        assert (await news.now(feed)).address == news.server.url("/feed")
    assert (await news.now(other)).address == news.server.url("/other")


async def test_trouble_is_kept_with_its_sentence_and_forgotten_when_it_ends(news: Newsroom) -> None:
    feed = await news.follow()
    news.show(status=500)
    for failures in (1, 2, 3):
        await news.poll(feed)
        now = await news.now(feed)
        assert (now.failures, now.error_code, now.paused) == (failures, "http-500", None)
        assert now.next_check is not None
        wait = now.next_check - news.clock()
        assert timedelta(minutes=5 * 2**failures) * 0.9 <= wait <= timedelta(minutes=5 * 2**failures) * 1.1
    assert "trouble of its own" in str((await news.now(feed)).error)
    news.show(item("a"), item("old"))
    assert counts(await news.poll(feed)) == (1, 0, 1, 0, 0)
    now = await news.now(feed)
    assert (now.failures, now.error) == (0, None)


@pytest.mark.parametrize("status", [200, 429, 503])
async def test_retry_after_is_honoured(news: Newsroom, status: int) -> None:
    feed = await news.follow()
    news.show(item("a"), status=status, headers={"Retry-After": "200000", "Content-Type": "application/xml"})
    await news.poll(feed)
    now = await news.now(feed)
    assert now.next_check is not None
    assert now.next_check - news.clock() >= timedelta(seconds=200_000)


HOSTILE = {
    "page": ("not-a-feed", b"<!doctype html><p>We are down."),
    "long": ("too-big", b" " * 6_000_000),
    "nothing": ("empty", b""),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_feeds_leave_their_reason_and_lose_nothing(news: Newsroom, name: str) -> None:
    code, body = HOSTILE[name]
    feed = await news.follow()
    news.server.put("/feed", body)
    polled = await news.poll(feed)
    assert polled.error_code == code
    assert polled.error == (await news.now(feed)).error
    news.show(item("a"), item("old"))
    assert counts(await news.poll(feed)) == (1, 0, 1, 0, 0)


async def test_entities_of_a_feed_are_not_expanded(news: Newsroom) -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    feed = await news.follow()
    news.server.put("/feed", f'<!DOCTYPE r [<!ENTITY e0 "lol">{bomb}]>' + rss(item("a", title="&e9;"), prolog=""))
    polled = await news.poll(feed)
    assert polled.error or await news.titles() == ["&e9;"]


async def _looked_at(news: Newsroom, well: Source, failing: Source) -> bool:
    return (await news.now(well)).baseline is not None and (await news.now(failing)).error is not None


async def _gave_up(news: Newsroom, hanging: Source) -> bool:
    return (await news.now(hanging)).error is not None


async def test_a_feed_that_hangs_delays_no_other(news: Newsroom) -> None:
    hanging, failing, well = await news.add("/hanging"), await news.add("/failing"), await news.add("/well")
    news.show(path="/hanging", delay=30)
    news.show(path="/failing", trouble="drop")
    news.show(item("a"), path="/well")
    running = asyncio.create_task(news.poller.run())
    try:
        await until(lambda: _looked_at(news, well, failing), 2.5)
        assert (await news.now(hanging)).error is None
        await until(lambda: _gave_up(news, hanging), 5)
        assert (await news.now(hanging)).error_code == "timeout"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert news.server.hits["/well"] == 1


async def test_a_feed_that_is_asked_twice_at_once_is_asked_one_after_the_other(news: Newsroom) -> None:
    news.show(item("a"), delay=0.1)
    feed = await news.add()
    first, second = await asyncio.gather(news.poller.poll(feed), news.poller.poll(feed))
    assert (first.baseline, second.not_modified) == (True, True)


async def test_the_schedule_sees_what_a_person_s_poll_has_just_done(news: Newsroom) -> None:
    news.show(item("a"), delay=0.3)
    feed = await news.add()
    by_hand = asyncio.create_task(news.poller.poll(feed))
    await asyncio.sleep(0.1)
    running = asyncio.create_task(news.poller.run())  # the feed is still due, as it never was looked at
    try:
        await asyncio.sleep(0.1)
        news.show(item("b"), item("a"))
        assert (await by_hand).baseline
        async with asyncio.timeout(2):
            await until(lambda: _asked_twice(news))
            assert await news.shown() == ["Piece b"]  # not taken for one of the first look
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_feed_whose_answer_cannot_be_kept_is_not_asked_again_at_once(
    news: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "UNKEPT", 0.5)
    news.show(item("a"))
    feed = await news.add()

    async def full(*_: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(news.db, "write", full)
        running = asyncio.create_task(news.poller.run())
        await asyncio.sleep(0.4)
        assert news.server.hits["/feed"] == 1
    try:
        await until(lambda: _is_kept(news, feed))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _is_kept(news: Newsroom, feed: Source) -> bool:
    return (await news.now(feed)).baseline is not None


async def _asked_twice(news: Newsroom) -> bool:
    return news.server.hits["/feed"] == 2 and len(await news.titles()) == 1


# --- floods and downtimes ---


async def test_a_publisher_that_changes_its_ids_posts_nothing_again(news: Newsroom) -> None:
    feed = await news.follow()
    news.show(*(item(f"n{n}") for n in range(10)))
    assert (await news.poll(feed)).new == 10
    news.show(*(item(f"n{n}", guid=f"https://new.example/?p={n}") for n in range(10)))
    assert counts(await news.poll(feed)) == (0, 0, 10, 0, 0)
    assert len(await news.titles()) == 10


async def test_a_flood_is_held_until_it_is_released(news: Newsroom) -> None:
    feed = await news.follow()
    news.show(*(item(f"n{n}") for n in range(11)))
    polled = await news.poll(feed)
    assert counts(polled) == (0, 0, 0, 11, 0)
    assert "held 11 for a moderator (`rondan feed release ADDRESS` posts them)" in polled.sentence()
    news.show(item("fresh"), *(item(f"n{n}") for n in range(11)))
    assert counts(await news.poll(feed)) == (1, 0, 11, 0, 0)
    assert await news.shown() == ["Piece fresh"]
    assert (await news.now(feed)).held == 11
    news.show(item("n3", body="Edited while held."), *(item(f"n{n}") for n in range(3)))
    assert (await news.poll(feed)).edited == 1
    for row in await news.db.read("select id from piece where state='held' order by id"):
        await news.db.write(lambda tx, number=row["id"]: ingest.let_out(tx, number, news.clock()))  # type: ignore[misc]
    assert len(await news.shown()) == 12


async def test_many_old_items_among_more_known_ones_are_no_flood(news: Newsroom) -> None:
    known = [item(f"k{n}") for n in range(15)]
    feed = await news.follow("/feed", *known)
    news.show(*(item(f"n{n}") for n in range(12)), *known)
    assert counts(await news.poll(feed, minutes=10)) == (12, 0, 15, 0, 0)


async def test_after_two_days_away_the_newest_three_come_and_the_rest_in_one_message(news: Newsroom) -> None:
    known = [item(f"k{n}") for n in range(15)]
    feed = await news.follow("/feed", *known)
    fresh = [item(f"n{n:02}", date=f"2026-11-2{2 if n < 6 else 1}T{6 - n % 6:02}:00:00Z") for n in range(12)]
    news.show(*fresh, *known)
    assert (await news.poll(feed, days=2)).new == 12
    shown = await news.shown()
    assert sorted(shown) == ["Also published", "Piece n00", "Piece n01", "Piece n02"]
    rest = next(
        to_text(entry.message)
        for entry in news.room.entries("general")
        if entry.message is not None and to_text(entry.message).startswith("Also published")
    )
    assert all(f"Piece n{n:02}" in rest for n in range(3, 12))
    assert await news.shown(days=1) == shown


async def test_a_feed_that_is_looked_at_once_a_day_brings_nothing_late(news: Newsroom) -> None:
    feed = await news.follow()
    planned = (await news.now(feed)).next_check
    assert planned is not None
    news.show(*(item(f"n{n}", date=(planned - timedelta(hours=9)).isoformat()) for n in range(6)))
    news.clock.at = planned
    assert (await news.poll(feed, seconds=1)).new == 6
    assert len(await news.shown()) == 6


# --- settings of a feed ---


async def test_a_feed_for_one_place_is_shown_there_only(news: Newsroom) -> None:
    only = await add_place(news.db, news.clock, "only")
    feed = await news.follow(limited=(only.id,))
    news.show(item("a"))
    await news.poll(feed)
    assert (await news.shown("only"), await news.shown()) == (["Piece a"], [])


async def test_a_feed_under_review_is_held(news: Newsroom) -> None:
    feed = await news.follow(review=True)
    news.show(item("a"))
    assert counts(await news.poll(feed)) == (0, 0, 0, 1, 0)
    assert await news.shown() == []
    assert (await news.now(feed)).held == 1
    await news.db.write(lambda tx: ingest.let_out(tx, 1, news.clock()))
    assert await news.shown() == ["Piece a"]


async def test_how_much_of_a_text_is_shown_searched_and_found_again(news: Newsroom) -> None:
    body = f"It begins here. {'And goes on. ' * 60}At last comes the zeugma."
    feed = await news.follow(mode="excerpt")
    news.show(item("a", body=body))
    await news.poll(feed)

    async def hits(word: str) -> int:
        return len((await search(news.db, parse_query(word), Audience(everything=True), news.clock())).hits)

    async def text() -> str:
        piece = await pieces.piece(news.db, 1)
        assert piece is not None
        return full_text(piece)

    assert ("It begins here" in await text(), "zeugma" in await text()) == (True, False)
    assert (await hits("begins"), await hits("zeugma")) == (1, 0)
    await sources.change(news.db, feed.id, {"text_mode": "full"}, news.clock())
    assert ("zeugma" in await text(), await hits("zeugma")) == (True, 1)
    await sources.change(news.db, feed.id, {"text_mode": "link"}, news.clock())
    assert ("begins" in await text(), await hits("begins"), await hits("zeugma")) == (False, 0, 0)
    if news.db.dialect.name == "sqlite":  # its index keeps no texts, and must be told what to forget
        await news.db.write(lambda tx: tx.run("insert into passage_words(passage_words) values('integrity-check')"))


async def test_an_embargo_holds_a_piece_back_at_every_place(news: Newsroom) -> None:
    feed = await news.follow()
    until = news.clock() + timedelta(hours=5)
    await news.db.write(lambda tx: ingest.take(tx, feed, found(embargo=until), now=news.clock()))
    assert await news.shown() == []
    assert await news.shown(hours=5) == ["The night bus"]


async def test_a_feed_of_unknown_pace_is_asked_hourly_at_first(news: Newsroom) -> None:
    feed = await news.follow()
    await news.poller.poll(feed)
    first = await sources.source(news.db, feed.id)
    assert first.next_check is not None
    assert timedelta(minutes=50) < first.next_check - news.clock() < timedelta(minutes=70)
    news.clock.move(days=8)
    await news.poller.poll(first)
    later = await sources.source(news.db, feed.id)
    assert later.next_check is not None
    assert later.next_check - news.clock() > timedelta(hours=20)
