"""The numbers under a digest, from the counts by hour and the folded rows. Windows are half open: [start, end)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from core.responses import Change, PieceNumbers, Spoken, Voice
from core.times import HOUR, micros, moment
from storage.audience import Audience
from storage.comments import VOICE, voice
from storage.db import Db, Reader, Row, marks

MOST_PEOPLE = 20_000
SPOKEN = 1000
"""Comments that are read for a digest."""
STANDING = 200
"""Of these, featured or answered ones of each 400 pieces: more never stand out."""


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


async def spoken(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience, limit: int = SPOKEN
) -> list[Spoken]:
    """Comments on pieces in a window, cut to 1,000 characters: featured, most answered, newest; at most `limit`."""
    clause, args = audience.clause()
    rows: list[Row] = []
    for at in range(0, len(pieces), 400):
        some = pieces[at : at + 400]
        shown = f"""c.piece_id in ({marks(len(some))}) and c.at >= ? and c.at < ?
            and c.state in ('visible', 'featured') and c.text <> '' and {clause}"""
        own = (*some, micros(start), micros(end), *args)
        # Chosen first, then read: of thousands only these. The newest come from an index that holds all that is asked.
        rows += await db.read(
            f"""select c.id, c.piece_id, c.person_id, substr(c.text, 1, 1000) as text, c.at, c.section, c.state,
                    coalesce(s.agree, 0) as agree, coalesce(s.disagree, 0) as disagree, coalesce(s.n, 0) as n
                from comment c left join comment_score s on s.comment_id=c.id where c.id in (
                    select id from (select c.id from comment c join place pl on pl.id=c.place_id
                        left join comment_score s on s.comment_id=c.id
                        where {shown} and (s.n > 0 or c.state='featured')
                        order by (c.state='featured') desc, coalesce(s.n, 0) desc, c.at desc, c.id desc limit ?) as best
                    union
                    select id from (select c.id from comment c join place pl on pl.id=c.place_id
                        where {shown} order by c.at desc, c.id desc limit ?) as newest)""",
            *own, STANDING, *own, limit,
        )  # fmt: skip
    rows.sort(key=lambda row: (row["state"] == "featured", row["n"], row["at"], row["id"]), reverse=True)
    return [_spoken(row) for row in rows[:limit]]


def _spoken(row: Row) -> Spoken:
    return Spoken(
        comment=row["id"],
        piece=row["piece_id"],
        person=row["person_id"],
        text=row["text"],
        at=moment(row["at"]),
        section=row["section"],
        featured=row["state"] == "featured",
        agree=row["agree"],
        disagree=row["disagree"],
        n=row["n"],
    )


async def voices(db: Reader, comments: Collection[int], audience: Audience) -> dict[int, Voice]:
    """Those of these comments that may be shown now, by number. Nothing of a piece that is not published."""
    if not comments:
        return {}
    clause, args = audience.clause()
    numbers = sorted(comments)
    rows = await db.read(
        f"""{VOICE} join piece on piece.id=c.piece_id and piece.state='published'
            where c.id in ({marks(len(numbers))}) and c.state in ('visible', 'featured') and c.text <> ''
              and {clause}""",
        *numbers, *args,
    )  # fmt: skip
    return {row["id"]: voice(row) for row in rows}


async def stances(db: Reader, pieces: Sequence[int], start: datetime, end: datetime) -> dict[str, int]:
    """People by their stance on any of the pieces, each counted once a stance.

    Beyond `MOST_PEOPLE` in all, each is counted once a piece, from the counts by hour: exactness would cost seconds.
    """
    if not pieces:
        return {}
    places = marks(len(pieces))
    rows = await db.read(
        f"""select stance, count(*) as n from (
                select distinct person_id, stance from stance where piece_id in ({places}) and at >= ? and at < ?
                limit {MOST_PEOPLE}) as counted group by stance""",
        *pieces, micros(start), micros(end),
    )  # fmt: skip
    if sum(row["n"] for row in rows) >= MOST_PEOPLE:
        rows = await db.read(
            f"""select stance, sum(n) as n from stance_hour where piece_id in ({places}) and hour >= ? and hour < ?
                group by stance having sum(n) > 0""",
            *pieces, _hour(start), _hour_end(end),
        )  # fmt: skip
    return {row["stance"]: int(row["n"]) for row in rows}


async def reactions(db: Reader, pieces: Sequence[int], start: datetime, end: datetime) -> dict[str, int]:
    """How often each emoji stands under the pieces, the most first (whole hours)."""
    if not pieces:
        return {}
    rows = await db.read(
        f"""select e.name, t.n from (
                select emoji_id, sum(n) as n from emoji_hour
                where piece_id in ({marks(len(pieces))}) and hour >= ? and hour < ?
                group by emoji_id having sum(n) > 0) as t
            join emoji e on e.id=t.emoji_id order by t.n desc, e.name limit 20""",
        *pieces, _hour(start), _hour_end(end),
    )  # fmt: skip
    return {row["name"]: int(row["n"]) for row in rows}


async def heat(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience, least: int, limit: int
) -> list[tuple[int, str, int]]:
    """(piece, section, people) of the sections that drew most: by comments and reactions that name it by a sign."""
    if not pieces:
        return []
    clause, args = audience.clause()
    places = marks(len(pieces))
    window = (micros(start), micros(end))
    rows = await db.read(
        f"""select piece_id, section, count(distinct person_id) as people from (
                select c.piece_id, c.section, c.person_id from comment c join place pl on pl.id=c.place_id
                where c.piece_id in ({places}) and c.at >= ? and c.at < ? and c.section is not null
                  and c.state in ('visible', 'featured') and c.text <> '' and {clause}
                union all
                select r.piece_id, a.section, r.person_id from reaction r join anchor a on a.id=r.anchor_id
                where r.piece_id in ({places}) and r.present=1 and r.at >= ? and r.at < ?
                  and a.section is not null and a.comment_id is null) as signs
            group by piece_id, section having count(distinct person_id) >= ?
            order by people desc, piece_id desc, section limit ?""",
        *pieces, *window, *args, *pieces, *window, max(least, 1), limit,
    )  # fmt: skip
    return [(row["piece_id"], row["section"], int(row["people"])) for row in rows]


async def comments(db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience) -> int:
    """How many comments were made on the pieces in the window."""
    if not pieces:
        return 0
    clause, args = audience.clause()
    rows = await db.read(
        f"""select count(*) as n from comment c join place pl on pl.id=c.place_id
            where c.piece_id in ({marks(len(pieces))}) and c.at >= ? and c.at < ?
              and c.state in ('visible', 'featured') and c.text <> '' and {clause}""",
        *pieces, micros(start), micros(end), *args,
    )  # fmt: skip
    return int(rows[0]["n"])


async def comments_by_hour(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience
) -> dict[datetime, int]:
    """How many comments were made in each hour that has any, by its begin."""
    if not pieces:
        return {}
    clause, args = audience.clause()
    rows = await db.read(
        f"""select c.at / {HOUR} as hour, count(*) as n from comment c join place pl on pl.id=c.place_id
            where c.piece_id in ({marks(len(pieces))}) and c.at >= ? and c.at < ?
              and c.state in ('visible', 'featured') and c.text <> '' and {clause} group by 1 order by 1""",
        *pieces, micros(start), micros(end), *args,
    )  # fmt: skip
    return {moment(row["hour"] * HOUR): int(row["n"]) for row in rows}


async def changes(db: Reader, start: datetime, end: datetime, topic: int | None, limit: int = 20) -> list[Change]:
    """What was corrected or withdrawn in the window, newest first; a piece once for each."""
    join, args = ("join piece_topic pt on pt.piece_id=p.id and pt.topic_id=?", (topic,)) if topic else ("", ())
    rows = await db.read(
        f"""select r.piece_id, r.at, r.reason, r.title, (
                select b.title from revision b where b.piece_id=r.piece_id and b.number < r.number
                order by b.number desc limit 1) as before
            from (select piece_id, number, at, reason, title from revision
                  where at >= ? and at < ? and number > 1 order by at desc limit 500) as r
            join piece p on p.id=r.piece_id {join} where p.state='published' order by r.at desc limit ?""",
        micros(start), micros(end), *args, limit,
    )  # fmt: skip
    found: dict[tuple[int, str], Change] = {}
    for row in rows:
        edited = row["reason"] == "source edited"
        change = Change(
            piece=row["piece_id"],
            what="edited" if edited else "corrected",
            at=moment(row["at"]),
            note="" if edited else row["reason"],
            before=row["before"] if row["before"] not in (None, row["title"]) else "",
        )
        found.setdefault((change.piece, change.what), change)
    withdrawn = await db.read(
        f"select p.id, p.note from piece p {join} where p.state='retracted' and p.changed_at >= ?",
        *args, micros(start),
    )  # fmt: skip
    for row in withdrawn:
        note, _, at = row["note"].rpartition("\n")
        if at and start <= (when := datetime.fromisoformat(at)) < end:
            found[row["id"], "retracted"] = Change(piece=row["id"], what="retracted", at=when, note=note)
    return sorted(found.values(), key=lambda one: (one.at, one.piece), reverse=True)[:limit]


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
