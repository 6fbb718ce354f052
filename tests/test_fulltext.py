"""Both engines' index of words against a scan: whatever the text, the query, and where the rows stand."""

from __future__ import annotations

import random

import pytest

from core.query import Query, parse_query
from core.tokens import plain, term
from storage import fulltext
from storage.db import Db
from storage.fulltext import NUMBER, SHELF, called, words_of

TABLE = "comment_words"
CHARS = "のはがをー々株価円経済𠮷葛、。 \n「」ab'\\:&|!<>*ж한국👍"


async def learn(db: Db, rows: dict[int, str]) -> None:
    await db.write(lambda tx: words_of(tx, TABLE).change(tx, [(row, None, text) for row, text in rows.items()]))


async def held(db: Db, query: Query) -> list[int]:
    holding, values = words_of(db, TABLE).holding(query)
    return sorted(row["id"] for row in await db.read(holding, *values))


def scan(rows: dict[int, str], query: Query) -> list[int]:
    return sorted(row for row, text in rows.items() if query.holds(text))


def asked(*texts: str) -> Query:
    """Terms; unwanted ones begin with a minus."""
    terms = [(text[0] == "-", term(text.removeprefix("-"))) for text in texts]
    return Query(
        terms=tuple(one for unwanted, one in terms if one and not unwanted),
        without=tuple(one for unwanted, one in terms if one and unwanted),
    )


async def test_every_term_is_found_where_a_scan_finds_it(db: Db) -> None:
    dice = random.Random(5)
    rows = {row: plain("".join(dice.choices(CHARS, k=dice.randint(1, 30)))) for row in range(1, 120)}
    await learn(db, rows)
    queries = 0
    while queries < 120:
        text = dice.choice(list(rows.values()))
        at, length = dice.randrange(len(text)), dice.randint(1, 6)
        one, other = text[at : at + length], "-" * dice.randint(0, 1) + dice.choice(CHARS)
        for query in (asked(one), asked(one, other), asked(one, other, dice.choice(CHARS))):
            if query.terms:
                queries += 1
                assert await held(db, query) == scan(rows, query), query


LONG = {
    "many words": " ".join(f"w{number}" for number in range(40_000)),
    "one character": "あ" * 3_000 + "い終わり",
    "one word": "zebra " * 900 + "crossing",
    "two in turn": "バス電車" * 700 + "鉄道",
    "long words": " ".join(chr(0x430 + number % 30) * 480 + str(number) for number in range(900)),
}


@pytest.mark.parametrize("name", LONG)
async def test_a_long_or_monotonous_text_is_found_by_all_that_it_holds(db: Db, name: str) -> None:
    """PostgreSQL knows 16,383 positions of a text, 256 of one token, and a megabyte."""
    rows = {7: plain(LONG[name]), 8: "a short one"}
    await learn(db, rows)
    dice, text = random.Random(name), rows[7]
    words = text.split() if " " in text else [text[at : at + 9] for at in range(0, len(text), 9)]
    for at in (0, len(words) // 2, len(words) - 3, *(dice.randrange(len(words) - 2) for _ in range(40))):
        two = " ".join(words[at : at + 2])
        for query in (asked(two), asked(words[at], words[-1], words[0]), asked(words[0], f"-{words[-1]}")):
            assert await held(db, query) == scan(rows, query), query
    assert await held(db, asked("short", "-w1")) == [8]
    assert await held(db, asked(words[-1], "short")) == []
    old = rows[7]
    await db.write(lambda tx: words_of(tx, TABLE).change(tx, [(7, old, "ほか")]))
    assert await held(db, asked(words[0])) == []
    assert await held(db, asked("ほ")) == [7]


async def test_the_newest_are_found_shelf_by_shelf_or_block_by_block(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few of the rows hold it, and wherever these stand."""
    monkeypatch.setattr(fulltext, "BLOCKS", {TABLE: (2, 4, 6)})
    monkeypatch.setattr(fulltext, "SHELVES", 2)
    monkeypatch.setattr(fulltext, "A_LOOK", 3)
    monkeypatch.setattr(fulltext, "SAMPLE", 3)
    dice = random.Random(3)
    numbers = range(1, 400)
    shelf = {number: dice.choice((1, 2, 2, 2, 2, 3, 4)) for number in numbers}
    shares = {"rare": 0.02, "usual": 0.3, "common": 0.9}
    text = {
        number: " ".join(word for word, often in shares.items() if dice.random() < often) + " old" * (number < 40)
        for number in numbers
    }
    await learn(db, {(shelf[number] << SHELF) + number: text[number] for number in numbers})

    comment = "insert into comment(id, piece_id, place_id, anchor_id, text, at, source) values(?,1,1,1,'x',0,'reply')"
    await db.write(lambda tx: tx.run(comment, numbers[-1]))
    words = words_of(db, TABLE)
    queries = ("rare", "usual", "common", "old", "common usual", "common -usual", "old rare", "no")
    for _ in range(150):
        query = parse_query(dice.choice(queries))
        shelves = dice.sample((1, 2, 3, 4, 5), dice.randint(1, 5))
        first, last = sorted(dice.sample(range(450), 2)) if dice.random() < 0.5 else (0, NUMBER)
        limit = dice.choice((1, 5, 30))
        truth = [n for n in reversed(numbers) if shelf[n] in shelves and first <= n <= last and query.holds(text[n])]
        found, floor = await words.newest(db, query, shelves, first, last, limit)
        assert found == sorted(found, reverse=True)
        assert [n for n in found if shelf[n] in shelves and n >= floor] == [n for n in truth if n >= floor]
        assert len([n for n in truth if n >= floor]) >= min(limit, len(truth))
        assert all(first <= n <= last and query.holds(text[n]) for n in found)
    assert await words.newest(db, parse_query("common"), [], 0, NUMBER, 5) == ([], 0)
    terms = [one for one in map(term, ("rare", "usual", "common", "no")) if one]
    rare, usual, common, none = await words.counts(db, terms, 250)
    assert none == 0 < rare < usual < common <= 250


async def test_names_are_found_in_either_case_and_width(db: Db) -> None:
    names = ["Ｒｉａ Ｋ", "山田 太郎", "100%", "a[b]c", "x^y", "back\\slash", "que?", "a.c", "dash-ed"]
    await db.write(
        lambda tx: tx.many(
            "insert into person(id, hash, platform, name) values(?,?,'web',?)",
            [(number, str(number), name) for number, name in enumerate(names)],
        )
    )
    for part, expected in [
        ("ria k", [0]), ("山田 太", [1]), ("%", [2]), ("[b]", [3]), ("^", [4]), ("\\", [5]), ("?", [6]),
        (".", [7]), ("-", [8]), ("a.c", [7]),
    ]:  # fmt: skip
        condition, value = called(db, part)
        rows = await db.read(f"select id from person where {condition} order by id", value)
        assert [row["id"] for row in rows] == expected, part
