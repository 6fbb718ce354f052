"""Drafts with a summary and an analysis by a model: labelled, held, borne out by the article, never in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.drafting import Drafts
from bot.model import Model
from bot.platforms.room import Room
from bot.sources.fetch import Fetcher
from bot.sources.parser_pool import ParserPool
from core.document import plain_all
from storage import pieces
from storage.db import Db
from tests.conftest import QuietRoom, SetClock, add_place
from tests.newsroom import Newsroom
from tests.standins.feeds import FeedServer
from tests.standins.model import ModelServer, Trouble
from tests.test_digest_whole import think
from tests.test_drafting import AUTHOR, NAMES, page

pytest.importorskip("pydantic_ai")
from tests.test_telling import apart  # there only where the extra is installed

GOOD = "The council heard about money in May [1]."
DOUBT = "Nobody had asked about nights before that day [4]."
BAD = (
    "The council spent 40 million euros on money in May [1].",  # a number that nobody said
    "Mayor Smith heard about money in May [1].",  # a name
    "The council heard about money in May.",  # no source
    "The council heard about money in May [9].",
    "See www.example.org about money in May [1].",
)


class Desk:
    def __init__(self, room: Newsroom, model: ModelServer, writer: Model, address: str) -> None:
        self.room, self.model, self.writer, self.address = room, model, writer, address

    async def drafted(self) -> list[tuple[str | None, str, str]]:
        """(heading, voice, text) of each section of the draft, which is held."""
        await self.room.text(f'/mod draft {self.address} remark:"Mine."', AUTHOR)
        piece = await pieces.piece(self.room.db, 1)
        assert piece is not None
        assert piece.state == "held"
        return [(one.heading, one.voice, plain_all(one.blocks)) for one in piece.outline.sections()]


@pytest.fixture
async def desk(db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Desk]:
    memory = Room(tmp_path / "room.jsonl")
    await add_place(db, clock)
    async with (
        FeedServer() as feeds,
        ModelServer() as server,
        Fetcher(allow_private=True) as fetcher,
        ParserPool() as pool,
        Model(server.url, "m", None, ask=apart, db=db, clock=clock, daily=100_000, limit=5) as model,
    ):
        feeds.put("/town", page(*NAMES), content_type="text/html")
        chat = QuietRoom("web", memory)
        room = Newsroom(db, clock, chat, drafts=Drafts(fetcher, pool), think=think, writer=model)
        yield Desk(room, server, model, feeds.url("/town"))
    await memory.close()


async def test_what_the_article_bears_out_is_labelled_and_held(desk: Desk) -> None:
    desk.model.answer = "\n".join([f"- {GOOD}", *BAD, "---", DOUBT, "It is 900 km long [2]."])
    summary, analysis, *quoted = await desk.drafted()
    assert summary == ("Summary (written by AI)", "summary", "The council heard about money in May.")
    assert analysis == ("Analysis (written by AI)", "analysis", "Nobody had asked about nights before that day.")
    assert [one[0] for one in quoted] == [*NAMES[:3], None]
    asked = desk.model.sources()
    assert [one["about"] for one in asked.values()] == list(NAMES)
    assert {one["by"] for one in asked.values()} == {"piece"}
    await desk.room.text(f"/mod draft {desk.address} continue", AUTHOR)
    assert len(desk.model.asked) == 1


@pytest.mark.parametrize("answer", ["\n".join(BAD), "", "---", "x" * 30_000])
async def test_an_answer_that_does_not_hold_is_left_out(desk: Desk, answer: str) -> None:
    desk.model.answer = answer
    assert [one[0] for one in await desk.drafted()] == [*NAMES[:3], None]


@pytest.mark.parametrize("trouble", ["hang", "garbage", "huge"])
async def test_an_endpoint_that_misbehaves_costs_no_draft(desk: Desk, trouble: Trouble) -> None:
    desk.model.trouble = trouble
    desk.writer._limit = 0.3
    assert [one[0] for one in await desk.drafted()] == [*NAMES[:3], None]
