"""Pieces brought in from chat: submissions, and drafts from an article they cite, part by part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.drafting import Drafts
from bot.platforms.room import Room
from bot.sources.article import parse_article
from bot.sources.fetch import Fetcher
from bot.sources.parser_pool import ParserPool
from bot.thinker import Thinker
from core.drafting import MOST, QUOTED, Said, bounded
from core.errors import SourceError
from core.message import Form, Reply, to_text
from core.outline import next_offer
from storage import pieces
from storage.db import Db
from tests.conftest import QuietRoom, SetClock, add_place
from tests.newsroom import MODERATOR, READER, Newsroom
from tests.standins.feeds import FeedServer

AUTHOR = replace(READER, roles=frozenset({"reader", "author"}))
NAMES = ("Money", "People", "Trams", "Nights", "Winter")


def page(*names: str, title: str = "A town and its buses") -> str:
    sections = "".join(
        f"<h2>{name}</h2><p>{name} came first in the long report of the town. "
        f"The council heard about {name.lower()} in May. "
        f"Nobody had asked about {name.lower()} before that day. It was late in the evening when they voted on it.</p>"
        for name in names
    )
    return (
        f'<html lang="en"><head><title>{title} - The Paper</title><meta property="og:title" content="{title}">'
        '<meta name="author" content="Ann Other"><script>alert(1)</script></head>'
        f"<body><nav><a href='/'>Home</a></nav><article><h1>{title}</h1>{sections}</article></body></html>"
    )


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with FeedServer() as server:
        server.put("/town", page(*NAMES), content_type="text/html")
        yield server


@pytest.fixture
async def room(db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Newsroom]:
    memory = Room(tmp_path / "room.jsonl")
    await add_place(db, clock)
    await add_place(db, clock, "desk", layout="queue")
    async with Fetcher(allow_private=True) as fetcher, ParserPool() as pool:
        yield Newsroom(db, clock, QuietRoom("web", memory), drafts=Drafts(fetcher, pool))
    await memory.close()


def shown(room: Newsroom, channel: str = "desk") -> list[str]:
    return [to_text(one.message) for one in room.chat.room.entries(channel) if one.message is not None]


def test_an_article_is_read_from_its_page() -> None:
    found = parse_article(page("Money").encode(), "text/html", "https://paper.example/town?utm_source=x")
    assert (found.title, found.author, found.language) == ("A town and its buses", "Ann Other", "en")
    assert found.identities == ("link:paper.example/town",)
    with pytest.raises(SourceError):
        parse_article(b"<html><body><nav>Home</nav></body></html>", "text/html", "https://paper.example/")
    elsewhere = '<link rel="canonical" href="https://other.example/x"><h1>T</h1><p>Words of it.</p>'
    assert parse_article(elsewhere.encode(), "text/html", "https://paper.example/a").url == "https://paper.example/a"


async def test_a_piece_submitted_by_its_address_is_held(room: Newsroom, server: FeedServer) -> None:
    told = await room.text(f"/mod submit {server.url('/town')}", AUTHOR)
    assert told == "#1 “A town and its buses” waits for approval."
    assert "A town and its buses" in shown(room)[0]
    assert not shown(room, "general")
    again = await room.text(f"/mod submit {server.url('/town')}?utm_source=x", MODERATOR)
    assert again == "That is #1 “A town and its buses” already."
    await room.text("/mod approve 1", MODERATOR)
    assert len(shown(room, "general")) == 1
    for address in (server.url("/none"), "file:///etc/passwd", "nonsense"):
        assert not (await room.ask(f"/mod submit {address}", AUTHOR)).ok
    assert not (await room.ask(f"/mod submit {server.url('/town')}", READER)).ok


async def test_a_text_is_submitted_in_a_form(room: Newsroom) -> None:
    asked = await room.ask("/mod submit", AUTHOR)
    (button,) = asked.message.actions
    form = await room.desk.press(AUTHOR, button.id, None)
    assert isinstance(form, Form)
    refused = await room.desk.press(READER, button.id, None)
    assert isinstance(refused, Reply)
    assert to_text(refused.message) == "Only admins, authors and moderators can do that."
    assert not (await room.desk.submit(READER, form.id, {"title": "T", "text": "Words."}, None)).ok
    assert not (await room.desk.submit(AUTHOR, form.id, {"title": "T", "text": " "}, None)).ok
    values = {"title": "The well", "text": "It is deep.\n\n## Water\n\nIt is cold. <b>Not markup</b>"}
    reply = await room.desk.submit(AUTHOR, form.id, values, None)
    assert to_text(reply.message) == "#1 “The well” waits for approval."
    twice = await room.desk.submit(AUTHOR, form.id, values, None)
    assert "already" in to_text(twice.message)
    piece = await pieces.piece(room.db, 1)
    assert piece is not None
    assert (piece.state, piece.author) == ("held", "Ria")
    assert [one.heading for one in piece.outline.sections()] == [None, "Water"]


async def test_a_draft_quotes_the_article_part_by_part(room: Newsroom, server: FeedServer) -> None:
    address = server.url("/town")
    told = await room.text(f'/mod draft {address} remark:"I read it twice."', AUTHOR)
    assert told.startswith("#1 “On “A town and its buses”” waits for approval. 2 sections left")
    piece = await pieces.piece(room.db, 1)
    assert piece is not None
    assert piece.state == "held"
    assert [(one.title, one.url) for one in piece.outline.cited] == [("A town and its buses", address)]
    (part,) = piece.outline.parts
    assert [one.heading for one in part.sections] == ["Money", "People", "Trams", None]
    assert part.sections[-1].voice == "offer"
    assert next_offer(part.sections[-1]) == "Nights"
    assert "“" not in to_text_of(part.sections[0])
    assert "Money came first in the long report of the town." in to_text_of(part.sections[0])
    assert "I read it twice." in shown(room)[0]
    assert not (await room.ask(f"/mod draft {address}", AUTHOR)).ok
    keys = [one.key for one in part.sections]
    more = await room.text(f'/mod draft {address} continue remark:"And then?"', AUTHOR)
    assert "That was the whole article." in more
    piece = await pieces.piece(room.db, 1)
    assert piece is not None
    first, second = piece.outline.parts
    assert [one.key for one in first.sections] == keys
    assert [one.heading for one in second.sections] == ["Nights", "Winter"]
    assert len({one.key for one in piece.outline.sections()}) == 6
    assert "the whole article" in to_text((await room.ask("/mod draft #1 continue", AUTHOR)).message)
    await room.text("/mod approve 1", MODERATOR)
    assert "I read it twice." in shown(room, "general")[0]
    assert "does not wait" in to_text((await room.ask(f"/mod draft {address} continue", AUTHOR)).message)
    assert not (await room.ask(f"/mod draft {address}", READER)).ok


def to_text_of(section: object) -> str:
    from core.document import plain_all
    from core.pieces import Section

    assert isinstance(section, Section)
    return plain_all(section.blocks)


async def test_the_thinking_process_picks_the_sentences(room: Newsroom, server: FeedServer) -> None:
    sections = [[f"Sentence {n} tells of the buses and the town council." for n in range(9)], ["One only here, it is."]]
    async with Thinker() as thinker:
        picked = await thinker("pick", {"title": "Buses", "language": "en", "most": MOST, "sections": sections})
    assert [len(one) for one in picked] == [MOST, 1]
    assert all(one == sorted(one) for one in picked)


def test_no_more_is_quoted_than_allowed_and_headings_stay() -> None:
    whole = [Said(heading=f"H{n}", sentences=("x" * 200, "y" * 100)) for n in range(30)]
    kept = bounded(whole)
    assert sum(len(line) for one in kept for line in one.sentences) <= QUOTED
    assert [one.heading for one in kept] == [one.heading for one in whole]
    assert bounded(whole[:2]) == whole[:2]


async def test_a_hostile_page_and_address_are_refused_in_words(room: Newsroom, server: FeedServer) -> None:
    server.put("/empty", "<html></html>", content_type="text/html")
    server.put("/deep", "<div>" * 20_000, content_type="text/html")
    for path in ("/empty", "/deep", "/none"):
        reply = await room.ask(f"/mod draft {server.url(path)}", AUTHOR)
        assert not reply.ok
        assert "Something went wrong" not in to_text(reply.message)
    assert not (await room.ask("/mod draft #99 continue", AUTHOR)).ok
    assert not (await room.ask("/mod draft one two three", AUTHOR)).ok
