"""The numbers under a digest, from the counts by hour and the folded rows. Windows are half open: [start, end)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from core.responses import PieceNumbers, Voice
from core.times import micros, moment
from storage.audience import Audience
from storage.comments import VOICE, voice
from storage.db import Db, Reader, marks

MOST_PEOPLE = 20_000


async def pieces_between(
    db: Reader, start: datetime, end: datetime, topic: int | None, limit: int
) -> tuple[list[int], int]:
    """Published pieces of the window, featured first, then newest; at most `limit`, and how many there are in all."""
    join, args = ("join piece_topic pt on pt.piece_id=p.id and pt.topic_id=?", (topic,)) if topic else ("", ())
    where = "where p.state='published' and p.published_at >= ? and p.published_at < ?"
    window = (micros(start), micros(end))
    rows = await db.read(
        f"select p.id from piece p {join} {where} order by p.featured desc, p.published_at desc, p.id desc limit ?",
        *args, *window, limit,
    )  # fmt: skip
    total = await db.read(f"select count(*) as n from piece p {join} {where}", *args, *window)
    return [row["id"] for row in rows], int(total[0]["n"])


async def answered_between(db: Reader, start: datetime, end: datetime, topic: int | None, limit: int) -> list[int]:
    """Older pieces that readers answered in the window, most people with a stance first."""
    about, args = ("p.id in (select piece_id from piece_topic where topic_id=?) and", (topic,)) if topic else ("", ())
    # Piece by piece: a join would be read from the hours' side, all of them, when there is no topic. The limit inside
    # keeps the sum from being taken twice.
    rows = await db.read(
        f"""select id from (
                select p.id, coalesce((select sum(h.n) from emoji_hour h
                    where h.piece_id=p.id and h.hour >= ? and h.hour < ?), 0) as n
                from piece p where {about} p.state='published' and p.published_at < ?
                order by n desc, p.id desc limit ?) as answered
            where n > 0 order by n desc, id desc""",
        _hour(start), _hour_end(end), *args, micros(start), limit,
    )  # fmt: skip
    return [row["id"] for row in rows]


def _hour(at: datetime) -> int:
    return micros(at) // (3600 * 1_000_000)


def _hour_end(at: datetime) -> int:
    """The first hour bucket after the window: the bucket that `at` falls into still counts."""
    return -(-micros(at) // (3600 * 1_000_000))


async def numbers(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience
) -> dict[int, PieceNumbers]:
    """Stances, reactions and comments of pieces in a window (whole hours for the first two)."""
    found: dict[int, PieceNumbers] = {}
    for at in range(0, len(pieces), 400):
        some = pieces[at : at + 400]
        places = marks(len(some))
        for row in await db.read(f"select id, published_at from piece where id in ({places})", *some):
            found[row["id"]] = PieceNumbers(piece=row["id"], published=moment(row["published_at"]))
        hours = (_hour(start), _hour_end(end))
        for row in await db.read(
            f"""select piece_id, stance, sum(n) as n from stance_hour
                where piece_id in ({places}) and hour >= ? and hour < ? group by piece_id, stance having sum(n) > 0""",
            *some, *hours,
        ):  # fmt: skip
            found[row["piece_id"]].stances[row["stance"]] = row["n"]
        for row in await db.read(
            f"""select t.piece_id, e.name, t.n from (
                    select piece_id, emoji_id, sum(n) as n from emoji_hour
                    where piece_id in ({places}) and hour >= ? and hour < ?
                    group by piece_id, emoji_id having sum(n) > 0) as t
                join emoji e on e.id=t.emoji_id order by t.n desc, e.name""",
            *some, *hours,
        ):  # fmt: skip
            found[row["piece_id"]].reactions[row["name"]] = row["n"]
        clause, args = audience.clause()
        for row in await db.read(
            f"""select c.piece_id, count(*) as n, count(distinct c.person_id) as people
                from comment c join place pl on pl.id=c.place_id
                where c.piece_id in ({places}) and c.at >= ? and c.at < ?
                  and c.state in ('visible', 'featured') and c.text <> '' and {clause}
                group by c.piece_id""",
            *some, micros(start), micros(end), *args,
        ):  # fmt: skip
            found[row["piece_id"]].comments = row["n"]
            found[row["piece_id"]].commenters = row["people"]
    return found


async def people(db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience) -> int:
    """How many different people took a stance on or commented any of the pieces in the window, each counted once.

    Counted up to `MOST_PEOPLE`, which then means "or more": beyond, exactness would cost seconds and tell nobody more.
    """
    if not pieces:
        return 0
    places = marks(len(pieces))
    window = (micros(start), micros(end))
    clause, args = audience.clause()
    # Distinct over "union all", not "union": SQLite ends a distinct at its limit, but a union only when all is read.
    rows = await db.read(
        f"""select count(*) as n from (
                select distinct person_id from (
                    select person_id from stance where piece_id in ({places}) and at >= ? and at < ?
                    union all
                    select c.person_id from comment c join place pl on pl.id=c.place_id
                    where c.piece_id in ({places}) and c.at >= ? and c.at < ? and c.person_id is not null
                      and c.state in ('visible', 'featured') and c.text <> '' and {clause}) as everyone
                limit {MOST_PEOPLE}) as counted""",
        *pieces, *window, *pieces, *window, *args,
    )  # fmt: skip
    return int(rows[0]["n"])


async def voices(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience, limit: int = 200
) -> list[Voice]:
    """Comments that can stand out of pieces in a window: featured, then most answered; `limit` of each 400 pieces.

    One that nobody answered and nobody featured is neither endorsed nor contested, so it is not even sorted.
    """
    clause, args = audience.clause()
    order = "order by (c.state='featured') desc, coalesce(s.n, 0) desc, c.at desc, c.id desc"
    found: list[Voice] = []
    for at in range(0, len(pieces), 400):
        some = pieces[at : at + 400]
        # Chosen first, then joined to where they stand and who said them: of thousands only these.
        rows = await db.read(
            f"""{VOICE} where c.id in (
                    select c.id from comment c join place pl on pl.id=c.place_id
                    left join comment_score s on s.comment_id=c.id
                    where c.piece_id in ({marks(len(some))}) and c.at >= ? and c.at < ?
                      and c.state in ('visible', 'featured') and c.text <> '' and {clause}
                      and (s.n > 0 or c.state='featured') {order} limit ?)
                {order}""",
            *some, micros(start), micros(end), *args, limit,
        )  # fmt: skip
        found += [voice(row) for row in rows]
    return found


async def recount(db: Db) -> list[str]:
    """Compare the counts by hour with the rows they stand for; one sentence a difference, none if all is right."""
    expected: dict[tuple[int, int, int], int] = defaultdict(int)
    rows = await db.read(
        """select r.piece_id, r.at, r.emoji_id from reaction r join anchor a on a.id=r.anchor_id
           where r.present=1 and a.comment_id is null"""
    )
    for row in rows:
        expected[row["piece_id"], row["at"] // 3_600_000_000, row["emoji_id"]] += 1
    kept = {
        (row["piece_id"], row["hour"], row["emoji_id"]): row["n"]
        for row in await db.read("select * from emoji_hour where n <> 0")
    }
    return [
        f"piece {key[0]}, hour {key[1]}, emoji {key[2]}: counted {kept.get(key, 0)}, rows say {expected.get(key, 0)}"
        for key in sorted(expected.keys() | kept.keys())
        if kept.get(key, 0) != expected.get(key, 0)
    ]
