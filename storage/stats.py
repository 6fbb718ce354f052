"""Topics by weeks: how many pieces, people and comments each had, for moderators."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from core.responses import Counts
from core.times import micros
from storage import counts
from storage.audience import Audience
from storage.db import Reader

_RESPONSES = """
    from (select s.piece_id, s.person_id, s.at, 0 as said
              from piece p join stance s on s.piece_id=p.id
              where p.state='published' and s.at >= ? and s.at < ? and exists (
                  select 1 from emoji_hour h where h.piece_id=p.id and h.hour >= ? and h.hour < ?)
          union all
          select c.piece_id, c.person_id, c.at, 1 as said
              from piece p join comment c on c.piece_id=p.id join place pl on pl.id=c.place_id
              where p.state='published' and c.at >= ? and c.at < ?
                and c.state in ('visible', 'featured') and c.text <> '' and {clause}) as r
"""
"""Stances and visible comments of a span of time. A piece without a count by hour in it has no stance in it either, and
is not looked through."""


async def by_week(db: Reader, weeks: Sequence[datetime], audience: Audience) -> dict[int | None, tuple[Counts, ...]]:
    """Counts of each topic (None: of all pieces) in each week. `weeks`: where they begin, and where the last one ends.

    A person counts once a week and topic, who took a stance on or commented a piece of it; pieces of any age count.
    """
    bounds = [micros(at) for at in weeks]
    first, end = bounds[0], bounds[-1]
    pieces: defaultdict[tuple[int | None, int], set[int]] = defaultdict(set)
    for row in await db.read(
        """select p.id, p.published_at, pt.topic_id from piece p left join piece_topic pt on pt.piece_id=p.id
           where p.state='published' and p.published_at >= ? and p.published_at < ?""",
        first, end,
    ):  # fmt: skip
        week = bisect_right(bounds, row["published_at"]) - 1
        pieces[None, week].add(row["id"])
        if row["topic_id"] is not None:
            pieces[row["topic_id"], week].add(row["id"])
    clause, shown_to = audience.clause()
    responses = _RESPONSES.format(clause=clause)
    hours = (counts.first_hour(weeks[0]), counts.hour_after(weeks[-1]))
    given = (first, end, *hours, first, end, *shown_to)
    week_of = "case " + " ".join(f"when r.at < ? then {number}" for number in range(len(bounds) - 1)) + " end"
    responded: dict[tuple[int | None, int], tuple[int, int]] = {}
    for topic, join in (("null", ""), ("pt.topic_id", "join piece_topic pt on pt.piece_id=r.piece_id")):
        for row in await db.read(
            f"""select {topic} as topic_id, {week_of} as week, count(distinct r.person_id) as people,
                       sum(r.said) as comments
                {responses} {join} group by 1, 2""",
            *bounds[1:], *given,
        ):  # fmt: skip
            responded[row["topic_id"], row["week"]] = (row["people"], row["comments"])
    found: dict[int | None, tuple[Counts, ...]] = {}
    for topic_id in {None, *(topic for topic, _ in (*pieces, *responded))}:
        found[topic_id] = tuple(
            Counts(pieces=len(pieces.get((topic_id, week), ())), people=people, comments=comments)
            for week in range(len(bounds) - 1)
            for people, comments in (responded.get((topic_id, week), (0, 0)),)
        )
    return found
