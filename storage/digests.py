"""The numbers under a digest, from the counts and the folded rows. Windows are half open: [start, end)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.responses import Change, PieceNumbers, Spoken, Voice
from core.times import HOUR, micros, moment
from storage import counts
from storage.audience import Audience
from storage.comments import VOICE, voice
from storage.db import Reader, Row, marks

MOST_SAID = 10_000
"""Stances and comments, each, among which different people are told apart."""
SPOKEN = 1000
"""Comments that are read for a digest."""
STANDING = 200
"""Of these, answered ones: more never stand out."""
FAR = 10_000
"""Answered comments that are looked at for somebody who may see few of them."""


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
    newer = "select id from piece where state='published' and published_at >= ?"
    if topic:
        older, args = f"select piece_id as id from piece_topic where topic_id=? and piece_id not in ({newer})", [topic]
    else:
        older, args = "select id from piece where state='published' and published_at < ?", []
    most = 4 * limit
    while True:
        # Piece by piece: a join would be read from the hours' side, all of them, when there is no topic.
        rows = await db.read(
            f"""with answered as materialized (
                    select older.id, (select sum(h.n) from emoji_hour h
                        where h.piece_id=older.id and h.hour >= ? and h.hour < ?) as n
                    from ({older}) as older)
                select id from answered where n > 0 order by n desc, id desc limit ?""",
            counts.first_hour(start), counts.hour_after(end), *args, micros(start), most,
        )  # fmt: skip
        # Looked at last, and few of them: a piece's row is long. Some are withdrawn, or not out yet.
        numbers = [row["id"] for row in rows]
        found = await db.read(
            f"select id from piece where id in ({marks(len(numbers))}) and state='published' and published_at < ?",
            *numbers, micros(start),
        )  # fmt: skip
        standing = {row["id"] for row in found}
        if len(standing) >= limit or len(numbers) < most:
            return [one for one in numbers if one in standing][:limit]
        most *= 8


async def numbers(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience
) -> dict[int, PieceNumbers]:
    """Stances, reactions and comments of a few pieces in a window (whole hours for the first two)."""
    places = marks(len(pieces))
    rows = await db.read(f"select id, published_at from piece where id in ({places})", *pieces)
    found = {row["id"]: PieceNumbers(piece=row["id"], published=moment(row["published_at"])) for row in rows}
    if not found or start >= end:
        return found
    counted, args = counts.within("stance", pieces, start, end)
    for row in await db.read(
        f"""select piece_id, stance, sum(n) as n from ({counted}) as counted
            group by piece_id, stance having sum(n) > 0""",
        *args,
    ):  # fmt: skip
        found[row["piece_id"]].stances[row["stance"]] = int(row["n"])
    counted, args = counts.within("emoji", pieces, start, end)
    for row in await db.read(
        f"""select t.piece_id, e.name, t.n from (
                select piece_id, emoji_id, sum(n) as n from ({counted}) as counted
                group by piece_id, emoji_id having sum(n) > 0) as t
            join emoji e on e.id=t.emoji_id order by t.n desc, e.name""",
        *args,
    ):  # fmt: skip
        found[row["piece_id"]].reactions[row["name"]] = int(row["n"])
    shown, seen = _shown(start, end, audience)
    for row in await db.read(
        f"""select c.piece_id, count(*) as n, count(distinct c.person_id) as people
            from comment c join place pl on pl.id=c.place_id
            where c.piece_id in ({places}) and {shown} group by c.piece_id""",
        *pieces, *seen,
    ):  # fmt: skip
        found[row["piece_id"]].comments = row["n"]
        found[row["piece_id"]].commenters = row["people"]
    return found


@dataclass(frozen=True, slots=True)
class Readers:
    """Who responded to pieces in a window: different people, and by their stances, each counted once a stance; in
    `by_piece` once a piece. `more`: there are at least so many, and only `by_piece` has all of them.
    """

    people: int = 0
    more: bool = False
    stances: Mapping[str, int] = field(default_factory=dict)
    by_piece: Mapping[str, int] = field(default_factory=dict)


async def readers(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience, commented: int
) -> Readers:
    """Who took a stance on or commented any of the pieces in the window, in which there were so many comments.

    To tell people apart each response is looked at. Of more than `MOST_SAID` stances or comments only so many are:
    exactness would cost seconds and tell nobody more.
    """
    if not pieces or start >= end:
        return Readers()
    counted, args = counts.within("stance", pieces, start, end)
    rows = await db.read(
        f"select stance, sum(n) as n from ({counted}) as counted group by stance having sum(n) > 0", *args
    )
    by_piece = {row["stance"]: int(row["n"]) for row in rows}
    places = marks(len(pieces))
    shown, seen = _shown(start, end, audience)
    rows = await db.read(
        f"""with said as (
                select distinct person_id, stance from (
                    select person_id, stance from (
                        select person_id, stance from stance where piece_id in ({places}) and at >= ? and at < ?
                        limit {MOST_SAID}) as reacted
                    union all
                    select person_id, '' from (
                        select c.person_id from comment c join place pl on pl.id=c.place_id
                        where c.piece_id in ({places}) and c.person_id is not null and {shown}
                        limit {MOST_SAID}) as commented) as everyone)
            select stance, count(*) as n from said where stance <> '' group by stance
            union all select '', count(distinct person_id) from said""",
        *pieces, micros(start), micros(end), *pieces, *seen,
    )  # fmt: skip
    found = {row["stance"]: int(row["n"]) for row in rows}
    people = found.pop("")
    more = max(sum(by_piece.values()), commented) > MOST_SAID
    rough = 10 ** max(0, len(str(people)) - 2) if more else 1  # its first two digits say enough
    return Readers(people // rough * rough, more, found, by_piece)


async def spoken(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience, limit: int = SPOKEN
) -> list[Spoken]:
    """Comments on pieces in a window, cut to 1,000 characters: featured, most answered, newest; at most `limit`."""
    if not pieces:
        return []
    shown, seen = _shown(start, end, audience)
    # Chosen first, then read: of thousands only these. The newest come from an index that holds all that is asked.
    chosen = set(await most_answered(db, pieces, start, end, audience, STANDING))
    for also in ("c.state='featured' and", ""):
        rows = await db.read(
            f"""select c.id from comment c join place pl on pl.id=c.place_id
                where {also} c.piece_id in ({marks(len(pieces))}) and {shown} order by c.at desc, c.id desc limit ?""",
            *pieces, *seen, limit,
        )  # fmt: skip
        chosen.update(row["id"] for row in rows)
    rows = await db.read(
        f"""select c.id, c.piece_id, c.person_id, substr(c.text, 1, 1000) as text, c.at, c.section, c.state,
                coalesce(s.agree, 0) as agree, coalesce(s.disagree, 0) as disagree, coalesce(s.n, 0) as n
            from comment c left join comment_score s on s.comment_id=c.id where c.id in ({marks(len(chosen))})
            order by case when c.state='featured' then 0 else 1 end, n desc, c.at desc, c.id desc limit ?""",
        *sorted(chosen), limit,
    )  # fmt: skip
    return [_spoken(row) for row in rows]


async def most_answered(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience, limit: int
) -> list[int]:
    """The comments on the pieces in the window that most people answered, of those that may be seen.

    Others, of another place or time, may stand before them: then more are looked at, up to `FAR`.
    """
    shown, seen = _shown(start, end, audience)
    most = 4 * limit
    while True:
        rows = await db.read(
            f"""select comment_id from comment_score where piece_id in ({marks(len(pieces))}) and n > 0
                order by n desc, comment_id desc limit ?""",
            *pieces, most,
        )  # fmt: skip
        answered = json.dumps([row["comment_id"] for row in rows])
        found = await db.read(
            f"""select c.id from {db.dialect.numbers} as one join comment c on c.id=one.value
                join place pl on pl.id=c.place_id join comment_score s on s.comment_id=c.id
                where {shown} order by s.n desc, c.at desc, c.id desc limit ?""",
            answered, *seen, limit,
        )  # fmt: skip
        if len(found) == limit or len(rows) < most or most >= FAR:
            return [row["id"] for row in found]
        most = min(8 * most, FAR)


def _shown(start: datetime, end: datetime, audience: Audience) -> tuple[str, tuple[object, ...]]:
    """The condition on a comment of a window that it may be seen, and its values."""
    clause, args = audience.clause()
    shown = f"c.at >= ? and c.at < ? and c.state in ('visible', 'featured') and c.text <> '' and {clause}"
    return shown, (micros(start), micros(end), *args)


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


async def reactions(db: Reader, pieces: Sequence[int], start: datetime, end: datetime) -> dict[str, int]:
    """How often each emoji stands under the pieces, the most first (whole hours)."""
    if not pieces or start >= end:
        return {}
    counted, args = counts.within("emoji", pieces, start, end)
    rows = await db.read(
        f"""select e.name, t.n from (
                select emoji_id, sum(n) as n from ({counted}) as counted group by emoji_id having sum(n) > 0) as t
            join emoji e on e.id=t.emoji_id order by t.n desc, e.name limit 20""",
        *args,
    )  # fmt: skip
    return {row["name"]: int(row["n"]) for row in rows}


async def heat(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience, least: int, limit: int
) -> list[tuple[int, str, int]]:
    """(piece, section, people) of the sections that drew most: by comments and reactions that name it by a sign."""
    if not pieces:
        return []
    shown, seen = _shown(start, end, audience)
    # Most have no messages for their sections: of these no reaction is looked at.
    rows = await db.read(
        f"""select distinct piece_id from anchor
            where piece_id in ({marks(len(pieces))}) and section is not null and comment_id is null""",
        *pieces,
    )  # fmt: skip
    cut = [row["piece_id"] for row in rows]
    rows = await db.read(
        f"""select piece_id, section, count(distinct person_id) as people from (
                select c.piece_id, c.section, c.person_id from comment c join place pl on pl.id=c.place_id
                where c.piece_id in ({marks(len(pieces))}) and c.section is not null and {shown}
                union all
                select r.piece_id, a.section, r.person_id from reaction r join anchor a on a.id=r.anchor_id
                where r.piece_id in ({marks(len(cut))}) and r.present=1 and r.at >= ? and r.at < ?
                  and a.section is not null and a.comment_id is null) as signs
            group by piece_id, section having count(distinct person_id) >= ?
            order by people desc, piece_id desc, section limit ?""",
        *pieces, *seen, *cut, micros(start), micros(end), max(least, 1), limit,
    )  # fmt: skip
    return [(row["piece_id"], row["section"], int(row["people"])) for row in rows]


async def comments(db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience) -> int:
    """How many comments were made on the pieces in the window."""
    if not pieces:
        return 0
    shown, seen = _shown(start, end, audience)
    rows = await db.read(
        f"""select count(*) as n from comment c join place pl on pl.id=c.place_id
            where c.piece_id in ({marks(len(pieces))}) and {shown}""",
        *pieces, *seen,
    )  # fmt: skip
    return int(rows[0]["n"])


async def comments_by_hour(
    db: Reader, pieces: Sequence[int], start: datetime, end: datetime, audience: Audience
) -> dict[datetime, int]:
    """How many comments were made in each hour that has any, by its begin."""
    if not pieces:
        return {}
    shown, seen = _shown(start, end, audience)
    rows = await db.read(
        f"""select c.at / {HOUR} as hour, count(*) as n from comment c join place pl on pl.id=c.place_id
            where c.piece_id in ({marks(len(pieces))}) and {shown} group by 1 order by 1""",
        *pieces, *seen,
    )  # fmt: skip
    return {moment(row["hour"] * HOUR): int(row["n"]) for row in rows}


async def changes(db: Reader, start: datetime, end: datetime, topic: int | None, limit: int = 20) -> list[Change]:
    """What was corrected or withdrawn in the window, newest first; a piece once for each."""
    # From the few that were changed on, never from all pieces there are.
    join, args = ("cross join piece_topic pt on pt.piece_id=p.id and pt.topic_id=?", (topic,)) if topic else ("", ())
    rows = await db.read(
        f"""select r.piece_id, r.at, r.reason, r.title, (
                select b.title from revision b where b.piece_id=r.piece_id and b.number < r.number
                order by b.number desc limit 1) as before
            from (select piece_id, number, at, reason, title from revision
                  where at >= ? and at < ? and number > 1 order by at desc limit 500) as r
            cross join piece p on p.id=r.piece_id {join} where p.state='published' order by r.at desc limit ?""",
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
