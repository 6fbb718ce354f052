"""Digests that are posted: the schedules of places, and the editions that were made.

An edition is what was found and counted (`digest.sketch.Sketch` as JSON), never readers' words: these are read anew
whenever it is shown. What a model told in its own words stands apart, and goes with the first comment that it rests on.
The row of an edition is also the ledger: one for a schedule and its nominal time, ever.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.almanac import Times
from core.times import DAY, micros, moment
from storage import postings
from storage.db import Reader, Row, Tx, marks

SUBJECT = "digest"
"""The subject of an edition's posting."""
OLD = 30 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A digest that comes by itself, `since` it was set up. `topics` by name, none for all. Times until `upto` are
    dealt with.
    """

    id: int
    place: int
    times: Times
    topics: tuple[str, ...]
    since: datetime
    upto: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One digest of a schedule, [.., end). `sketch` None: there was nothing to say."""

    id: int
    place: int
    nominal: datetime
    end: datetime
    sketch: Any


def _schedule(row: Row) -> Schedule:
    return Schedule(
        id=row["id"],
        place=row["place_id"],
        times=Times(days=tuple(map(int, row["days"])), minute=row["minute"], zone=row["zone"]),
        topics=tuple(json.loads(row["topics"])),
        since=moment(row["created_at"]),
        upto=moment(row["upto"]),
    )


async def rename_topic(tx: Tx, gone: str, key: str) -> None:
    """Digests on a topic are on another from now on: the two became one."""
    for row in await tx.read("select id, topics from schedule"):
        names = json.loads(row["topics"])
        if gone in names:
            renamed = list(dict.fromkeys(key if name == gone else name for name in names))
            await tx.run("update schedule set topics=? where id=?", json.dumps(renamed, ensure_ascii=False), row["id"])


async def add(tx: Tx, place: int, times: Times, topics: Sequence[str], now: datetime) -> int:
    """A new schedule, from the next of its times on; gives its number."""
    row = await tx.one(
        """insert into schedule(place_id, days, minute, zone, topics, created_at, upto) values(?,?,?,?,?,?,?)
           returning id""",
        place, "".join(map(str, times.days)), times.minute, times.zone, json.dumps(list(topics), ensure_ascii=False),
        micros(now), micros(now),
    )  # fmt: skip
    assert row is not None
    return int(row["id"])


async def of_place(db: Reader, place: int) -> list[Schedule]:
    """The schedules of a place, oldest first."""
    return [_schedule(row) for row in await db.read("select * from schedule where place_id=? order by id", place)]


async def running(db: Reader) -> list[Schedule]:
    """Every schedule, that which was looked at longest ago first."""
    return [_schedule(row) for row in await db.read("select * from schedule order by upto, id")]


async def remove(tx: Tx, schedule: int, place: int) -> bool:
    """End a schedule of a place; false if it has none such. Its editions stay."""
    return bool(await tx.run("delete from schedule where id=? and place_id=?", schedule, place))


async def pass_over(tx: Tx, schedule: Schedule, nominal: datetime) -> None:
    """Nothing is made for this time: it came too late."""
    await tx.run("update schedule set upto=? where id=? and upto < ?", micros(nominal), schedule.id, micros(nominal))


async def last_end(db: Reader, schedule: int) -> datetime | None:
    """Up to when the schedule's newest edition told; None before the first."""
    rows = await db.read("select max(end_at) as upto from edition where schedule_id=?", schedule)
    return None if rows[0]["upto"] is None else moment(rows[0]["upto"])


async def publish(
    tx: Tx,
    schedule: Schedule,
    nominal: datetime,
    end: datetime,
    sketch: Any,
    pieces: Collection[int],
    quotes: Collection[int],
    now: datetime,
    told: Sequence[tuple[Any, Collection[int]]] = (),
    heard: Mapping[int, str] | None = None,
) -> int | None:
    """Write an edition and have its place show it; None if it was there, or the schedule is gone.

    `sketch` None keeps in the ledger that there was nothing to say, and posts nothing. `told` are sentences with the
    comments that they rest on, `heard` what these said then: of what is gone or reworded since nothing is told.
    """
    taken = await tx.run(
        "update schedule set upto=? where id=? and upto < ?", micros(nominal), schedule.id, micros(nominal)
    )
    rows = await tx.read(
        """insert into edition(schedule_id, place_id, nominal, end_at, sketch, made_at) values(?,?,?,?,?,?)
           on conflict(schedule_id, nominal) do nothing returning id""",
        schedule.id, schedule.place, micros(nominal), micros(end),
        None if sketch is None else json.dumps(sketch, ensure_ascii=False), micros(now),
    ) if taken else []  # fmt: skip
    if not rows:
        return None
    number = int(rows[0]["id"])
    if sketch is not None:
        await tx.many(
            "insert into edition_piece(piece_id, edition_id) values(?,?)", [(one, number) for one in sorted(pieces)]
        )
        await tx.many(
            "insert into edition_quote(comment_id, edition_id) values(?,?)", [(one, number) for one in sorted(quotes)]
        )
        await _keep_told(tx, number, told, heard or {})
        await postings.want(tx, schedule.place, SUBJECT, number, due=now, now=now)
    return number


async def _keep_told(
    tx: Tx, edition: int, told: Sequence[tuple[Any, Collection[int]]], heard: Mapping[int, str]
) -> None:
    rows = await tx.read(
        f"""select id, text from comment
            where state in ('visible', 'featured') and text <> '' and id in ({marks(len(heard))})""",
        *heard,
    ) if heard else []  # fmt: skip
    still = {row["id"] for row in rows if row["text"] == heard[row["id"]]}
    for position, (body, comments) in enumerate(told):
        if still.issuperset(comments):
            await tx.run(
                "insert into told(edition_id, position, body) values(?,?,?)",
                edition, position, json.dumps(body, ensure_ascii=False),
            )  # fmt: skip
            await tx.many(
                "insert into told_of(comment_id, edition_id, position) values(?,?,?)",
                [(comment, edition, position) for comment in sorted(set(comments))],
            )


async def untell(tx: Tx, comments: Collection[int]) -> None:
    """Comments were erased or reworded: what was told of them in other words goes for good."""
    for comment in comments:
        of = "select edition_id, position from told_of where comment_id=?"
        await tx.run(f"delete from told where (edition_id, position) in ({of})", comment)
        await tx.run("delete from told_of where comment_id=?", comment)


async def edition(db: Reader, number: int) -> Edition | None:
    rows = await db.read("select * from edition where id=?", number)
    if not rows:
        return None
    (row,) = rows
    told = await db.read("select body from told where edition_id=? order by position", number)
    return Edition(
        id=row["id"],
        place=row["place_id"],
        nominal=moment(row["nominal"]),
        end=moment(row["end_at"]),
        sketch=None
        if row["sketch"] is None
        else {**json.loads(row["sketch"]), "told": [json.loads(one["body"]) for one in told]},
    )


async def quotes_changed(tx: Tx, comments: Collection[int], now: datetime, due: datetime | None = None) -> None:
    """Comments were hidden, shown, featured, reworded, erased or answered: the digests that quote them are looked at.

    At `due` if it is not now; what can wait is not worth an edit of a digest older than `OLD`.
    """
    since = 0 if due is None else micros(now) - OLD
    numbers = sorted(comments)
    for at in range(0, len(numbers), 400):
        some = numbers[at : at + 400]
        for row in await tx.read(
            f"""select distinct q.edition_id from edition_quote q join edition e on e.id=q.edition_id
                where q.comment_id in ({marks(len(some))}) and e.made_at >= ?""",
            *some, since,
        ):  # fmt: skip
            await postings.subject_changed(tx, SUBJECT, row["edition_id"], now, due=due)
