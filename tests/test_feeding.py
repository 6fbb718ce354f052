"""`/feed …`: following feeds from chat, against a real server; the shell takes the same path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.feeding import Feeds
from bot.platforms.room import Room
from bot.polling import Poller
from bot.sources.fetch import Fetcher
from bot.sources.parser_pool import ParserPool
from core.chat import Caller, Person
from core.message import to_text
from storage import sources
from storage.db import Db
from tests.conftest import QuietRoom, SetClock, add_place
from tests.newsroom import MODERATOR, READER, Newsroom
from tests.standins.feeds import FeedServer

ADMIN = Caller(platform="web", person=Person(id="a1", name="Ada"), channel="general", roles=frozenset({"admin"}))


def rss(*names: str) -> str:
    items = "".join(
        f"<item><title>Piece {one}</title><link>https://pub.example/{one}</link><guid>{one}</guid>"
        f"<pubDate>Fri, 20 Nov 2026 0{n}:00:00 GMT</pubDate><description>Words of {one}.</description></item>"
        for n, one in enumerate(names)
    )
    return f"<rss version='2.0'><channel><title>The feed</title>{items}</channel></rss>"


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with FeedServer() as server:
        yield server


@pytest.fixture
async def feeds(db: Db, clock: SetClock) -> AsyncIterator[Feeds]:
    async with Fetcher(allow_private=True) as fetcher, ParserPool() as pool:
        yield Feeds(db, fetcher, pool, Poller(db, fetcher, pool, clock, lambda: None), clock)


@pytest.fixture
async def room(db: Db, clock: SetClock, tmp_path: Path, feeds: Feeds) -> AsyncIterator[Newsroom]:
    memory = Room(tmp_path / "room.jsonl")
    await add_place(db, clock)
    yield Newsroom(db, clock, QuietRoom("web", memory), feeds)
    await memory.close()


async def test_a_feed_is_tried_added_listed_and_removed(room: Newsroom, server: FeedServer) -> None:
    server.put("/feed", rss("one", "two"))
    server.put("/", '<html><head><link rel="alternate" type="application/rss+xml" href="/feed"></head></html>',
               content_type="text/html")  # fmt: skip
    address = server.url("/feed")
    tried = await room.text(f"/feed test {server.url('/')}", ADMIN)
    assert tried.split("\n") == [
        f"The feed <{address}>",
        "2 items can be read. Adding it posts none of them now; what comes later is posted.",
        "• Piece one (20 Nov 2026) <https://pub.example/one>",
        "• Piece two (20 Nov 2026) <https://pub.example/two>",
    ]
    assert "There is no feed yet" in await room.text("/feed list", ADMIN)
    added = await room.text(f"/feed add {server.url('/')}", ADMIN)
    assert added.split("\n") == [
        "The feed is followed now. 2 items there count as seen; what comes later is posted.",
        address,
    ]
    server.put("/feed", rss("one", "two", "three"))
    assert "1 item would be taken as new or changed; 2 are known." in await room.text(f"/feed test {address}", ADMIN)
    assert not await room.db.read("select 1 from piece")  # trying keeps nothing
    assert f"The feed — read 2026-11-20 09:00 UTC <{address}>" in await room.text("/feed list", ADMIN)
    known = await room.ask(f"/feed add {address}", ADMIN)
    assert to_text(known.message) == f"{address} is followed already. `/feed list` shows it."
    assert (await room.ask(f"/feed remove {address}", ADMIN)).ok
    assert not (await room.ask(f"/feed remove {address}", ADMIN)).ok
    assert await sources.sources(room.db, "feed") == []
    log = await room.text("/mod log", MODERATOR)
    assert f"web:a1 (Ada) feed add {address}" in log
    assert f"web:a1 (Ada) feed remove {address}" in log


async def test_a_feed_in_trouble_is_said_to_be(room: Newsroom, server: FeedServer) -> None:
    server.put("/sound", rss("one"))
    await room.text(f"/feed add {server.url('/sound')}", ADMIN)
    server.put("/broken", "no feed", status=500)
    broken = server.url("/broken")
    added = await room.text(f"/feed add {broken}", ADMIN)
    assert added.startswith(f"{broken} is followed now but can't be read yet; it is tried again.")
    listed = (await room.text("/feed list", ADMIN)).split("\n")
    assert "FAILING (1 time)" in listed[1]
    assert "The feed — read" in listed[2]
    assert not (await room.ask(f"/feed test {broken}", ADMIN)).ok


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:alert(1)", "pub.example/feed"])
async def test_what_is_no_address_is_refused(room: Newsroom, address: str) -> None:
    for line in ("/feed add", "/feed test"):
        reply = await room.ask(f"{line} address:{address}", ADMIN)
        assert not reply.ok
        assert "must begin with http:// or https://" in to_text(reply.message)
        assert "で始めてください" in to_text(
            (await room.ask(f"{line} address:{address}", replace(ADMIN, language="ja"))).message
        )


async def test_only_admins_of_the_publication_handle_feeds(room: Newsroom, server: FeedServer) -> None:
    host = replace(READER, roles=frozenset({"reader", "host"}))
    for caller in (READER, MODERATOR, host):
        for line in ("/feed list", f"/feed add {server.url('/feed')}", f"/feed test {server.url('/feed')}"):
            assert not (await room.ask(line, caller)).ok
    assert not server.hits
