"""Search over pieces (`storage.passages`) and comments: what the index holds (`storage.indexing`), best first.

The index tells which rows hold what was asked, at most the newest `RANKED` of each kind that may be shown; their texts
are weighed (`storage.question`). The engine's own rank would read every row that holds a word before it gives the
first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.passages import HEAD
from core.query import Query
from core.text import fold
from core.times import DAY, micros
from core.tokens import plain
from storage.audience import Audience
from storage.db import Reader, Row
from storage.fulltext import NUMBER, called, words_of
from storage.passages import pieces_that_hold
from storage.question import Ask, Hit, Scope, bm25, counts_of, freshness, weights_of, with_times

RANKED = 200  # most pieces, and most comments, that are weighed for one search
FEW = 2_000  # comments that are rather read one by one, where a topic or an author leaves no more
PEOPLE = 1_000  # most people that one name may mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Hits, best first. `cut`: there are older ones that were not weighed. `crowd`: a name of too many people."""

    hits: tuple[Hit, ...] = ()
    cut: bool = False
    crowd: str = ""


async def search(
    db: Reader,
    query: Query,
    audience: Audience,
    now: datetime,
    *,
    scope: Scope = Scope(),  # noqa: B008 - frozen
    ranked: int = RANKED,
) -> Results:
    """Published pieces, and comments that the audience may see, which hold every term and satisfy every field.

    Of what is found more often only the newest `ranked` of each kind are weighed.
    """
    ask = Ask(db, query, scope, audience, micros(now), ranked)
    in_pieces = [] if query.where == "comments" else await pieces_that_hold(ask)
    in_comments: list[Hit] = []
    if query.where != "pieces":
        people = await _people(ask)
        if people is None:
            return Results(crowd=" ".join(query.by))
        if people or not query.by:
            in_comments = await _comments(ask, people)
    hits = sorted(in_pieces + in_comments, key=lambda hit: (-hit.score, hit.kind, -hit.id))
    return Results(hits=tuple(hits), cut=max(len(in_pieces), len(in_comments)) >= ranked)


# --- comments ---

_SEEN = "c.state in ('visible', 'featured') and c.text <> '' and p.state='published' and coalesce(h.opted_out, 0)=0"


async def _comments(ask: Ask, people: Sequence[int]) -> list[Hit]:
    ask = await _within(ask)
    rows = await _few_comments(ask, people)
    if rows is None:
        rows = await (_indexed_comments(ask, people) if ask.query.terms else _newest_comments(ask, people))
    weights = await weights_of(ask, "comment_words") if rows else []
    texts = [plain(row["text"]) for row in rows]
    usual = sum(map(len, texts)) / max(1, len(texts))
    return [
        Hit(
            kind="comment",
            id=row["id"],
            piece=row["piece_id"],
            section=row["section"] or HEAD,
            score=bm25(weights, counts_of(ask, text), len(text) / usual) * freshness(ask, row["at"]),
        )
        for row, text in zip(rows, texts, strict=True)
    ]


async def _within(ask: Ask) -> Ask:
    """The question with the numbers between which all comments of its time lie: late arrivals have high numbers too."""
    if ask.scope.start is None and ask.scope.end is None:
        return ask
    end = "" if ask.scope.end is None else f"and day <= {ask.scope.end // DAY}"
    rows = await ask.db.read(
        f"select min(first) as first, max(last) as last from comment_day where day >= ? {end}",
        (ask.scope.start or 0) // DAY,
    )
    return replace(ask, first=rows[0]["first"] or NUMBER, last=rows[0]["last"] or 0)


async def _few_comments(ask: Ask, people: Sequence[int]) -> list[Row] | None:
    """The newest comments that hold it, by reading all that people or a topic leave; None where these are too many."""
    args: list[Any]
    if people:
        theirs = f"{ask.db.dialect.numbers} as one cross join comment c on c.person_id=one.value"
        args = [json.dumps(people)]
    elif ask.scope.topics:
        theirs = "piece_topic one cross join comment c on c.piece_id=one.piece_id and one.topic_id=?"
        args = [ask.scope.topics[0]]
    else:
        return None
    some = await ask.db.read(f"select count(*) as n from (select 1 from {theirs} limit ?) theirs", *args, FEW + 1)
    if some[0]["n"] > FEW:
        return None
    rows = await _read_comments(ask, theirs, args, people, FEW)
    return [row for row in rows if ask.query.holds(plain(row["text"]))][: ask.ranked]


async def _newest_comments(ask: Ask, people: Sequence[int]) -> list[Row]:
    """The newest where no word is asked for."""
    source = "(select * from comment where id between ? and ?) c"
    return await _read_comments(ask, source, [ask.first, ask.last], people, ask.ranked)


async def _indexed_comments(ask: Ask, people: Sequence[int]) -> list[Row]:
    """The newest comments that hold it, by the index: the newest of each shelf that may be seen, then those of them
    that satisfy everything else. If too few do, further down.
    """
    found = f"{ask.db.dialect.numbers} as found cross join comment c on c.id=found.value"
    words, shelves = words_of(ask.db, "comment_words"), await _shelves(ask)
    deep = ask.ranked * 4 // 3
    while True:
        numbers, floor = await words.newest(ask.db, ask.query, shelves, ask.first, ask.last, deep)
        rows = await _read_comments(ask, found, [json.dumps(numbers)], people, ask.ranked)
        if floor == 0 or len(rows) == ask.ranked:
            return rows
        deep *= 8


async def _read_comments(ask: Ask, source: str, args: Sequence[Any], people: Sequence[int], limit: int) -> list[Row]:
    """Of the comments `c` of a source the newest that may be shown and satisfy the fields. (A + keeps the engine from
    leaving the source for an index.)
    """
    seen, of_seen = ask.audience.clause()
    condition = " and +c.piece_id in (select piece_id from piece_topic where topic_id=?)" * len(ask.scope.topics)
    more: list[Any] = [*ask.scope.topics]
    if people:
        condition += f" and +c.person_id in (select value from {ask.db.dialect.numbers} as one)"
        more.append(json.dumps(people))
    if not ask.query.terms:
        for one in ask.query.without:
            holding, values = words_of(ask.db, "comment_words").holding(Query(terms=(one,)))
            condition += f" and c.id not in (select w.id & {NUMBER} from ({holding}) w)"
            more += values
    condition, more = with_times(ask, condition, more, "c.at")
    return await ask.db.read(
        f"""select c.id, c.piece_id, c.section, c.text, c.at from {source}
            cross join place pl on pl.id=c.place_id cross join piece p on p.id=c.piece_id
            left join person h on h.id=c.person_id
            where {seen} and {_SEEN} {condition} order by c.id desc limit ?""",
        *args, *of_seen, *more, limit,
    )  # fmt: skip


async def _shelves(ask: Ask) -> list[int]:
    """Where comments stand that may be seen; a shelf may hold some that may not."""
    places, args = ask.audience.places()
    rows = await ask.db.read(
        f"""select pl.id as shelf from place pl where {places}
            union select s.shelf from shelf s join place pl on pl.id=s.place_id where {places}""",
        *args, *args,
    )  # fmt: skip
    return [row["shelf"] for row in rows]


async def _people(ask: Ask) -> list[int] | None:
    """Whoever of those who commented is called so, in whole or in part; None where these are too many."""
    found: set[int] = set()
    for name in ask.query.by:
        folded = fold(name)
        condition, value = called(ask.db, folded)
        rows = await ask.db.read(
            f"""select id, name from person where {condition}
                and exists(select 1 from comment where person_id=person.id) limit ?""",
            value, PEOPLE + 1,
        )  # fmt: skip
        if len(rows) > PEOPLE:
            return None
        found |= {row["id"] for row in rows if folded in fold(row["name"])}
    return sorted(found)
