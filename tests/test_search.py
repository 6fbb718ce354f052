"""Search ranks what it may show: all of a rare word, the newest of a common one, never what is hidden."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from core.text import search_terms
from storage import search as searching
from storage.audience import Audience
from storage.comments import erase_comment
from storage.db import SqliteDb, Tx
from storage.search import Hit, index, search

EVERYTHING = Audience(everything=True)
HERE = Audience(place=1, platform="web", community="a")


async def publish(db: SqliteDb, pieces: Sequence[str], comments: Sequence[tuple[int, int, str]]) -> None:
    """Pieces with these texts, and comments (piece, place, text), each numbered from 1; places 1 to 3."""

    async def work(tx: Tx) -> None:
        await tx.run("insert into source(id, kind, address, created_at) values(1, 'file', 'x', 0)")
        await tx.many(
            "insert into place(id, platform, channel, community, audience, created_at) values(?,?,?,?,?,0)",
            [(1, "web", "1", "a", "place"), (2, "web", "2", "b", "place"), (3, "chat", "3", "c", "publication")],
        )
        await tx.many(
            """insert into piece(id, uid, source_id, state, title, title_key, language, published_at, found_at,
                   changed_at, outline) values(?,?,1,'published','','','en',0,0,0,'')""",
            [(number, number) for number in range(1, len(pieces) + 1)],
        )
        await index(tx, "piece_words", [(number, None, text) for number, text in enumerate(pieces, 1)])
        await tx.many(
            "insert into anchor(id, platform, channel, anchor, place_id, piece_id) values(?, 'web', '', ?, ?, ?)",
            [(number, number, place, piece) for number, (piece, place, _) in enumerate(comments, 1)],
        )
        await tx.many(
            """insert into comment(id, piece_id, place_id, anchor_id, text, at, source)
               values(?, ?, ?, ?, ?, 0, 'reply')""",
            [(number, piece, place, number, text) for number, (piece, place, text) in enumerate(comments, 1)],
        )
        await index(tx, "comment_words", [(number, None, text) for number, (_, _, text) in enumerate(comments, 1)])

    await db.write(work)


async def set_states(db: SqliteDb, table: str, state: str, numbers: Sequence[int]) -> None:
    async def work(tx: Tx) -> None:
        await tx.many(f"update {table} set state=? where id=?", [(state, number) for number in numbers])

    await db.write(work)


async def look(db: SqliteDb, query: str, who: Audience = EVERYTHING, limit: int = 10) -> list[Hit]:
    return await search(db, search_terms(query), who, limit)


async def numbers(db: SqliteDb, query: str, who: Audience = EVERYTHING, limit: int = 10) -> list[int]:
    return [hit.id for hit in await look(db, query, who, limit)]


@pytest.mark.parametrize("query", ["fare", "night bus", '"night bus"', "株価", "株", "nowhere"])
async def test_a_word_that_stands_in_no_more_than_are_ranked_is_ranked_everywhere(db: SqliteDb, query: str) -> None:
    dice = random.Random(query)
    words = ["fare", "night", "bus", "株価", "株式の危機", "dear", "city"]
    said = [(dice.randint(1, 9), dice.randint(1, 3), " ".join(dice.choices(words, k=6))) for _ in range(200)]
    await publish(db, [" ".join(dice.choices(words, k=20)) for _ in range(9)], said)
    await set_states(db, "comment", "hidden", range(1, 200, 7))
    await set_states(db, "piece", "retracted", [4])
    match = searching.match(search_terms(query))
    plain = [
        Hit("piece", row["id"], row["id"], row["rank"])
        for row in await db.read("select rowid as id, rank from piece_words where piece_words match ?", match)
        if row["id"] != 4
    ]
    for row in await db.read("select rowid as id, rank from comment_words where comment_words match ?", match):
        piece, place, _ = said[row["id"] - 1]
        if piece != 4 and place in (1, 3) and row["id"] % 7 != 1:
            plain.append(Hit("comment", row["id"], piece, row["rank"]))
    plain.sort(key=lambda hit: (hit.rank, hit.kind, -hit.id))
    assert await look(db, query, HERE, 300) == plain
    assert await look(db, query, HERE, 10) == plain[:10]


async def test_of_a_common_word_the_newest_are_ranked(db: SqliteDb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "RANKED", 10)
    texts = ["tram " + "and so on " * (number % 4) for number in range(1, 41)]
    texts[5] = "tram tram tram"  # the best of all, and too old
    texts[6] = "tram strike"
    await publish(db, texts, [(1, 1, text) for text in texts])
    hits = await look(db, "tram", limit=40)
    for kind in ("piece", "comment"):
        assert {hit.id for hit in hits if hit.kind == kind} == set(range(31, 41))
    assert [(hit.kind, hit.id) for hit in hits[:3]] == [("comment", 40), ("comment", 36), ("comment", 32)]
    assert await look(db, "tram", limit=40) == hits
    assert await numbers(db, "tram strike") == [7, 7]  # rare together: found however old


async def test_what_may_not_be_seen_takes_no_place_among_the_newest(
    db: SqliteDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "RANKED", 5)
    said = [(1, 1, "a tram")] * 3 + [(1, 2, "a tram")] * 20 + [(2, 1, "a tram")] * 20 + [(1, 1, "a tram")] * 30
    await publish(db, ["the bus", "the bus"], said)
    assert await numbers(db, "tram") == [73, 72, 71, 70, 69]
    await set_states(db, "comment", "hidden", range(44, 54))
    await set_states(db, "comment", "held", range(54, 73))

    async def erase(tx: Tx) -> None:
        await erase_comment(tx, 73)

    await db.write(erase)
    assert await numbers(db, "tram") == [43, 42, 41, 40, 39]
    await set_states(db, "piece", "retracted", [2])
    assert await numbers(db, "tram") == [23, 22, 21, 20, 19]
    assert await numbers(db, "tram", HERE) == [3, 2, 1]
    assert await numbers(db, "tram", Audience()) == []


async def test_pieces_that_are_not_published_take_no_place_among_the_newest(
    db: SqliteDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "RANKED", 2)
    await publish(db, ["a tram"] * 9, [])
    await set_states(db, "piece", "retracted", [9, 7])
    await set_states(db, "piece", "held", [8])
    assert await numbers(db, "tram") == [6, 5]
