"""What is counted of each piece, emoji and stances, by hour and by day: read instead of the rows it stands for.

A digest's window begins and ends at any hour, so there are hours; it is mostly whole days, so there are days, which are
a tenth of the rows. The tables are `emoji_hour`, `emoji_day`, `stance_hour` and `stance_day`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Literal

from core.times import DAY, HOUR, micros
from storage.db import Db, Tx, marks

What = Literal["emoji", "stance"]
COUNTED: dict[What, str] = {"emoji": "emoji_id", "stance": "stance"}
"""The column that tells one from another."""
SPANS = {"hour": HOUR, "day": DAY}
"""In microseconds; the tables number them since 1970."""


def first_hour(at: datetime) -> int:
    """The hour that a moment falls into."""
    return micros(at) // HOUR


def hour_after(at: datetime) -> int:
    """The first hour after a window: the one that its end falls into still counts."""
    return -(-micros(at) // HOUR)


def within(what: What, pieces: Sequence[int], start: datetime, end: datetime) -> tuple[str, list[int]]:
    """A select of (piece_id, emoji_id or stance, n) in a window's hours, with its values: by days where they are whole,
    by hours at both ends. Not for an empty window.
    """
    first, last = first_hour(start), hour_after(end)
    day, until = -(-first // 24), last // 24
    spans = [("hour", first, day * 24), ("day", day, until), ("hour", until * 24, last)]
    if day >= until:
        spans = [("hour", first, last)]
    parts: list[str] = []
    args: list[int] = []
    for span, begin, after in spans:
        if begin < after:
            parts.append(
                f"""select piece_id, {COUNTED[what]}, n from {what}_{span}
                    where piece_id in ({marks(len(pieces))}) and {span} >= ? and {span} < ?"""
            )
            args += [*pieces, begin, after]
    return " union all ".join(parts), args


async def add(tx: Tx, what: What, changes: Mapping[tuple[int, int, Any], int]) -> None:
    """Move the counts, by (piece, microsecond, emoji or stance).

    Keys sorted: on PostgreSQL, several writers that upsert hot rows in one order never deadlock.
    """
    column = COUNTED[what]
    for span, micro in SPANS.items():
        moved: defaultdict[tuple[int, int, Any], int] = defaultdict(int)
        for (piece, at, which), n in changes.items():
            moved[piece, at // micro, which] += n
        rows = [(*key, n) for key, n in sorted(moved.items()) if n]
        if rows:
            await tx.many(
                f"""insert into {what}_{span}(piece_id, {span}, {column}, n) values(?,?,?,?)
                    on conflict(piece_id, {span}, {column}) do update set n={what}_{span}.n+excluded.n""",
                rows,
            )


async def move(tx: Tx, gone: int, kept: int) -> None:
    """What was counted of one piece is counted of another."""
    for (what, column), span in product(COUNTED.items(), SPANS):
        table = f"{what}_{span}"
        await tx.run(
            f"""insert into {table}(piece_id, {span}, {column}, n)
                select cast(? as bigint), {span}, {column}, n from {table} where piece_id=?
                on conflict(piece_id, {span}, {column}) do update set n={table}.n+excluded.n""",
            kept, gone,
        )  # fmt: skip
        await tx.run(f"delete from {table} where piece_id=?", gone)


async def recount(db: Db) -> list[str]:
    """Compare the counts with the rows they stand for; one sentence a difference, none if all is right."""
    reacted = await db.read(
        """select r.piece_id, r.at, r.emoji_id as which from reaction r join anchor a on a.id=r.anchor_id
           where r.present=1 and a.comment_id is null"""
    )
    standing = await db.read("select piece_id, at, stance as which from stance")
    rows: dict[What, Sequence[Any]] = {"emoji": reacted, "stance": standing}
    wrong: list[str] = []
    for (what, column), (span, micro) in product(COUNTED.items(), SPANS.items()):
        expected = Counter((row["piece_id"], row["at"] // micro, row["which"]) for row in rows[what])
        kept = {
            (row["piece_id"], row[span], row[column]): row["n"]
            for row in await db.read(f"select * from {what}_{span} where n <> 0")
        }
        wrong += [
            f"piece {key[0]}, {span} {key[1]}, {what} {key[2]}: counted {kept.get(key, 0)}, rows say {expected[key]}"
            for key in sorted(expected.keys() | kept.keys())
            if kept.get(key, 0) != expected[key]
        ]
    return wrong
