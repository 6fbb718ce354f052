"""Which pieces hold what was asked, by the index of their passages."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from core.text import fold
from storage.indexing import SLOT, SLOTS
from storage.question import Ask, Hit, bm25, freshness, match, weights_of, with_times

HEAD_WEIGHT = 3  # sections that count as much as the head, where the title stands

Spoken = list[Counter[int]]
"""Of each term, in how many of its passages a piece holds it."""


async def pieces_that_hold(ask: Ask) -> list[Hit]:
    """The newest published pieces that hold every term, each anywhere in the piece, and satisfy every field. What is
    spoken of in more sections, and in the title, is better.
    """
    found, spoken = await _found_pieces(ask)
    weights = await weights_of(ask, "passage_words", len(found))
    return [
        Hit(
            kind="piece",
            id=number,
            piece=number,
            score=bm25(weights, [one[number] for one in spoken], 1.0) * freshness(ask, published),
        )
        for number, published in found
    ]


async def _found_pieces(ask: Ask) -> tuple[list[tuple[int, int]], Spoken]:
    """(number, published) of each, and how much they speak of the terms."""
    if not ask.query.terms:
        return await _shown_pieces(ask, "piece p", []), []
    deep = ask.ranked * 8
    while True:
        spoken, floor = await _newest_spoken(ask, deep)
        numbers = set(spoken[0]).intersection(*spoken[1:])
        source = "json_each(?) as found cross join piece p on p.id=found.value"
        found = await _shown_pieces(ask, source, [json.dumps([one for one in numbers if one >= floor])])
        if floor == 0 or len(found) == ask.ranked:
            return found, spoken
        deep *= 8


async def _newest_spoken(ask: Ask, deep: int) -> tuple[Spoken, int]:
    """(what the `deep` newest passages of each term say, floor): nothing is left out from the piece `floor` up."""
    spoken: Spoken = []
    floor = 0
    for one in ask.query.terms:
        rows = await ask.db.read(
            "select rowid as id from passage_words where passage_words match ? order by rowid desc limit ?",
            match(one), deep,
        )  # fmt: skip
        pieces: Counter[int] = Counter()
        for row in rows:
            passage = row["id"]
            pieces[passage >> SLOT] += 1 if passage % SLOTS else HEAD_WEIGHT
        spoken.append(pieces)
        if len(rows) == deep:
            floor = max(floor, rows[-1]["id"] >> SLOT)
    return spoken, floor


async def _shown_pieces(ask: Ask, source: str, args: list[Any]) -> list[tuple[int, int]]:
    """Of the pieces `p` of a source the newest that may be shown and satisfy the fields."""
    condition = " and +p.id in (select piece_id from piece_topic where topic_id=?)" * len(ask.scope.topics)
    more: list[Any] = [*ask.scope.topics]
    if ask.query.by:
        condition += " and +p.author in (select value from json_each(?))"
        more.append(json.dumps(await _authors(ask)))
    unwanted = f" and p.id not in (select rowid >> {SLOT} from passage_words where passage_words match ?)"
    condition += unwanted * len(ask.query.without)
    more += map(match, ask.query.without)
    condition, more = with_times(ask, condition, more, "p.published_at")
    rows = await ask.db.read(
        f"""select p.id, p.published_at from {source} where p.state='published' {condition}
            order by p.id desc limit ?""",
        *args, *more, ask.ranked,
    )  # fmt: skip
    return [(row["id"], row["published_at"]) for row in rows]


async def _authors(ask: Ask) -> list[str]:
    """The authors who are called so, in whole or in part."""
    wanted = [fold(name) for name in ask.query.by]
    rows = await ask.db.read("select distinct author from piece where author is not null")
    return [row["author"] for row in rows if any(name in fold(row["author"]) for name in wanted)]
