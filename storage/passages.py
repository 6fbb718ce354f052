"""Which pieces hold what was asked, by the index of their passages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from core.query import Query
from core.text import fold
from storage.fulltext import NUMBER, words_of
from storage.indexing import SLOT, SLOTS
from storage.question import Ask, Hit, bm25, freshness, weights_of, with_times

HEAD_WEIGHT = 3  # sections that count as much as the head, where the title stands

Spoken = list[Counter[int]]
"""Of each term, in how many of its passages a piece holds it."""


async def pieces_that_hold(ask: Ask) -> list[Hit]:
    """The newest published pieces that hold every term, each anywhere in the piece, and satisfy every field. What is
    spoken of in more sections, and in the title, is better.
    """
    weights = await weights_of(ask, "passage_words")
    found, spoken = await _found_pieces(ask, weights)
    return [
        Hit(
            kind="piece",
            id=number,
            piece=number,
            score=bm25(weights, [one[number] for one in spoken], 1.0) * freshness(ask, published),
        )
        for number, published in found
    ]


async def _found_pieces(ask: Ask, weights: Sequence[float]) -> tuple[list[tuple[int, int]], Spoken]:
    """(number, published) of each, and how much they speak of the terms."""
    if not ask.query.terms:
        return await _shown_pieces(ask, "piece p", [], 0), []
    deep = ask.ranked * 8
    while True:
        spoken, floor = await _newest_spoken(ask, weights, deep)
        numbers = set(spoken[0]).intersection(*spoken[1:])
        source = f"{ask.db.dialect.numbers} as found cross join piece p on p.id=found.value"
        found = await _shown_pieces(ask, source, [json.dumps([one for one in numbers if one >= floor])], floor)
        if floor == 0 or len(found) == ask.ranked:
            return found, spoken
        deep *= 8


async def _newest_spoken(ask: Ask, weights: Sequence[float], deep: int) -> tuple[Spoken, int]:
    """(what the `deep` newest passages of each term say, floor): nothing is left out from the piece `floor` up. The
    rarest word goes deepest down, so it comes first; the others are not read below.
    """
    words, terms = words_of(ask.db, "passage_words"), ask.query.terms
    spoken: Spoken = [Counter()] * len(terms)
    floor = 0
    for number in sorted(range(len(terms)), key=lambda number: -weights[number]):
        asked = Query(terms=(terms[number],))
        found, lowest = await words.newest(ask.db, asked, [0], floor << SLOT, NUMBER, deep)
        spoken[number] = Counter(passage >> SLOT for passage in found)
        for passage in found:
            if passage % SLOTS == 0:
                spoken[number][passage >> SLOT] += HEAD_WEIGHT - 1
        floor = max(floor, lowest >> SLOT)
    return spoken, floor


async def _shown_pieces(ask: Ask, source: str, args: list[Any], floor: int) -> list[tuple[int, int]]:
    """Of the pieces `p` of a source the newest that may be shown and satisfy the fields; none is below the floor."""
    condition = " and +p.id in (select piece_id from piece_topic where topic_id=?)" * len(ask.scope.topics)
    more: list[Any] = [*ask.scope.topics]
    if ask.query.by:
        condition += f" and +p.author in (select value from {ask.db.dialect.texts} as author)"
        more.append(json.dumps(await _authors(ask)))
    for one in ask.query.without:
        holding, values = words_of(ask.db, "passage_words").holding(Query(terms=(one,)))
        condition += f" and p.id not in (select w.id >> {SLOT} from ({holding}) w where w.id >= ?)"
        more += [*values, floor << SLOT]
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
