"""Two pieces that are the same article: one record, both discussions, and every count as if they had been one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot import ingest
from core.message import Message, Reply, to_text
from storage import acts, counts, pieces, sources
from storage.db import Tx
from tests.conftest import add_place, found
from tests.newsroom import MODERATOR, READER, Newsroom


def shown(room: Newsroom, channel: str = "general") -> list[Message]:
    return [one.message for one in room.chat.room.entries(channel) if one.message is not None]


async def two(room: Newsroom) -> tuple[int, int]:
    """The same article twice: the first stands at `general`, the second there and at `board`."""
    kept = await room.publish(found())
    await add_place(room.db, room.clock, "board")
    gone = await room.publish(found("again", title="The night bus (again)", tags=("Transport",)))
    return gone, kept


async def merge(room: Newsroom, gone: int, kept: int) -> Reply:
    asked = await room.ask(f"/mod merge {gone} into:{kept}", MODERATOR)
    assert asked.ok, to_text(asked.message)
    assert "can't be undone" in to_text(asked.message)
    (button,) = asked.message.actions
    assert len(button.id) <= 100
    reply = await room.desk.press(MODERATOR, button.id, None)
    assert isinstance(reply, Reply)
    await room.publisher.settle_all()
    return reply


async def test_both_discussions_are_one_and_each_reader_counts_once(room: Newsroom) -> None:
    gone, kept = await two(room)
    old, new = await room.anchor(kept), await room.anchor(gone)
    board = await room.anchor(gone, "board")
    for who, emoji, under in (
        ("a", "👍", old),
        ("b", "👍", old),
        ("b", "👎", new),
        ("c", "👎", new),
        ("d", "🎉", new),
    ):
        await room.react(who, under, emoji)
    await room.react("a", new, "👍")
    await room.say("a", old, "Under the first.", name="w90")
    await room.say("e", new, "Under the second.", name="w91")
    await room.say("e", board, "On the board.", name="w92", channel="board")
    await room.ears.fold_all()
    assert (await merge(room, gone, kept)).ok
    assert await counts.recount(room.db) == []
    stances = await room.db.read("select stance, count(*) as n from stance where piece_id=? group by stance", kept)
    assert {row["stance"]: row["n"] for row in stances} == {"agree": 1, "disagree": 2}
    by_hour = await room.db.read("select stance, sum(n) as n from stance_hour where piece_id=? group by stance", kept)
    assert {row["stance"]: row["n"] for row in by_hour if row["n"]} == {"agree": 1, "disagree": 2}
    for table in ("reaction", "stance", "emoji_hour", "stance_hour", "comment", "anchor", "item"):
        assert not await room.db.read(f"select 1 from {table} where piece_id=?", gone), table
    text = await room.text("/digest")
    assert "2 comments by 2 readers" in text
    assert "4 readers responded" in text or "5 readers responded" in text
    listed = await room.text(f"/mod comments {kept}", MODERATOR)
    assert "Under the first." in listed
    assert "Under the second." in listed


async def test_where_both_stood_one_says_so_and_elsewhere_the_other_stands(room: Newsroom) -> None:
    gone, kept = await two(room)
    await merge(room, gone, kept)
    first, second = shown(room)
    assert to_text(first).startswith("The night bus\n#1")
    assert to_text(second).startswith("Withdrawn: The night bus (again)")
    assert "the same article as #1 “The night bus”" in to_text(second)
    (board,) = shown(room, "board")
    assert to_text(board).startswith("The night bus\n#1")
    assert "Topics: Transport" in to_text(first)
    await room.say("late", await _anchor_of(room, second), "Still under the old card.", name="w95")
    await room.react("late", await _anchor_of(room, second), "👍")
    assert "Still under the old card." in await room.text(f"/mod comments {kept}", MODERATOR)
    assert await counts.recount(room.db) == []


async def _anchor_of(room: Newsroom, message: Message) -> str:
    return next(one.id for one in room.chat.room.entries("general") if one.message == message)


async def test_it_is_asked_first_checked_again_and_done_once(room: Newsroom) -> None:
    gone, kept = await two(room)
    asked = await room.ask(f"/mod merge {gone} into:{kept}", MODERATOR)
    (button,) = asked.message.actions
    assert not await acts.acts(room.db, f"#{gone}")  # nothing is done yet
    refused = await room.desk.press(READER, button.id, None)
    assert isinstance(refused, Reply)
    assert not refused.ok
    other = replace(MODERATOR, person=replace(MODERATOR.person, id="m2"))
    answers = await asyncio.gather(*(room.desk.press(who, button.id, None) for who in (MODERATOR, other)))
    assert sorted(one.ok for one in answers if isinstance(one, Reply)) == [False, True]
    (lost,) = [one for one in answers if isinstance(one, Reply) and not one.ok]
    assert to_text(lost.message) == f"#{gone} was merged into #{kept}."
    assert [one.act for one in await acts.acts(room.db, f"#{gone}")] == ["merge"]
    await room.publisher.settle_all()
    assert not (await room.ask(f"/mod restore {gone}", MODERATOR)).ok
    assert not (await room.ask(f"/mod merge {kept} into:{kept}", MODERATOR)).ok
    assert not (await room.ask(f"/mod merge {kept} into:{gone}", MODERATOR)).ok


async def test_what_the_merged_source_shows_later_changes_nothing(room: Newsroom) -> None:
    async def take(tx: Tx, title: str) -> int | None:
        source = await sources.ensure_source(
            tx, kind="feed", address="http://other", title="", text_mode="full", now=room.clock()
        )
        return (await ingest.take(tx, source, found("other", title=title), now=room.clock())).piece

    kept = await room.publish(found())
    gone = await room.db.write(lambda tx: take(tx, "The night bus, once more"))
    assert gone is not None
    await room.publisher.settle_all()
    await merge(room, gone, kept)
    assert await room.db.write(lambda tx: take(tx, "The night bus, edited")) == kept
    await room.publisher.settle_all()
    piece = await pieces.piece(room.db, kept)
    assert piece is not None
    assert piece.title == "The night bus"
    assert len(shown(room)) == 2
