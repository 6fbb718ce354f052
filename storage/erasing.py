"""Erasing what is kept of people: all of one, of a place that was left, and of what has become old.

Texts first: `erase_comment` blanks the text, its index and what quotes it, and leaves a mark without words, so that no
look back brings the comment in again. Reactions are taken back, so that every count moves with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.chat import Commented, Heard, Reacted
from core.times import micros
from storage import acts, answers, queueing, tickets
from storage.comments import TRACES, erase_comment
from storage.db import Db, Reader, Row, Tx, marks
from storage.fulltext import words_of
from storage.journal import decode
from storage.postgres import PgDb
from storage.postings import subject_changed
from storage.reactions import StanceOf, take_back
from storage.spots import chunks
from storage.sqlite import SqliteDb

SAID = ("heard", "parked", "comment", "comment_words", "answer", "act_of", "person", "edition", "told", "ticket_report")
"""Tables with words and names of people, and what was made of them."""
AT_ONCE = 100  # comments, or pieces, that are dealt with in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How much is kept of a person."""

    comments: int = 0
    reactions: int = 0
    follows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """What is beyond its time: numbers of comments, pieces with such reactions, places that were left, and how many
    reactions these are.
    """

    comments: tuple[int, ...]
    pieces: tuple[int, ...]
    places: tuple[int, ...]
    reactions: int


# --- one person ---

# Reactions stand by piece, then person: with a look at each piece a person's are found without an index of their own,
# which would cost 20 bytes a reaction.
_REACTED = "from person p cross join piece its on 1=1 cross join reaction r on r.piece_id=its.id and r.person_id=p.id"


async def of_person(db: Reader, hashed: str) -> Kept:
    """What is kept of one person now."""
    (counts,) = await db.read(
        f"""with one as (select id from person where hash=?)
           select (select count(*) from comment join one on one.id=person_id where state <> 'erased') as comments,
             (select count(*) {_REACTED} where p.id=(select id from one) and r.present=1) as reactions,
             (select count(*) from follow join one on one.id=person_id) as follows""",
        hashed,
    )
    return Kept(comments=counts["comments"], reactions=counts["reactions"], follows=counts["follows"])


async def everything_of(db: Db, platform: str, account: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of one person, JSON-ready but for its times in microseconds."""
    hashed = db.whose(platform, account)
    person = await db.read(
        "select platform, account, name, opted_out, looked_at, forgotten_at from person where hash=?", hashed
    )

    async def hanging(sql: str) -> list[Row]:
        """What hangs on the person's row: nothing where there is none, as of most who ask."""
        return await db.read(sql, hashed) if person else []

    comments = await hanging(
        """select c.id as comment, p.title as piece, a.channel, c.section, c.text, c.at, c.edited_at, c.state, c.source
           from person h join comment c on c.person_id=h.id join anchor a on a.id=c.anchor_id
           join piece p on p.id=c.piece_id where h.hash=? and c.state <> 'erased' order by c.at"""
    )
    reactions = await hanging(
        f"""select its.title as piece, a.channel, a.comment_id as comment, e.name as emoji, r.source, r.at
           {_REACTED} join anchor a on a.id=r.anchor_id join emoji e on e.id=r.emoji_id
           where p.hash=? and r.present=1 order by r.at"""
    )
    follows = await hanging(
        """select t.key as topic, f.at from person h join follow f on f.person_id=h.id join topic t on t.id=f.topic_id
           where h.hash=? order by f.at"""
    )
    reports = await db.read(
        """select t.id as ticket, p.title as piece, t.comment_id as comment, t.state, r.at
           from ticket_report r join ticket t on t.id=r.ticket_id join piece p on p.id=t.piece_id
           where r.hash=? order by r.at""",
        hashed,
    )
    answered = await hanging(
        """select w.comment_id as comment, w.text, w.at from person h join answer w on w.person_id=h.id
           where h.hash=? order by w.at"""
    )
    done = await hanging(
        """select a.id as number, a.at, a.act, a.target, a.before || o.before as before, a.after || o.after as after,
             o.reason from person h join act_of o on o.person_id=h.id join act a on a.id=o.act_id
           where h.hash=? order by a.id"""
    )
    found = {"person": person, "comments": comments, "reactions": reactions, "follows": follows, "reports": reports}
    here = await _moderated(db, hashed, platform)
    found |= {"answers": answered, "acts": done, "moderates": [{"place": place} for _, place, _ in here]}
    rows = {name: [dict(row) for row in some] for name, some in found.items()}
    return rows | {"waiting": await _waiting(db, hashed)}


async def _waiting(db: Db, hashed: str) -> list[dict[str, Any]]:
    """What was heard of a person and is not sorted in yet, or waits for the message that it is on."""
    found = []
    for row in await db.read(
        """select 1 as turn, id, body from heard union all select 2 as turn, id, body from parked order by turn, id"""
    ):
        event = decode(row["body"])
        if isinstance(event, Commented | Reacted) and db.whose(event.platform, event.person.id) == hashed:
            said = event.text if isinstance(event, Commented) else event.emoji
            found.append({"channel": event.channel, "message": event.anchor, "text": said, "at": micros(event.at)})
    return found


async def forget(
    tx: Tx, hashed: str, platform: str, takes: Callable[[Heard], bool], stance_of: StanceOf, now: datetime
) -> None:
    """Erase all of one person but that they asked for it. `takes` refuses what waits of theirs in the journal."""
    for table in ("heard", "parked"):
        waiting = await tx.read(f"select id, body from {table}")
        gone = [(row["id"],) for row in waiting if not takes(decode(row["body"]))]
        await tx.many(f"delete from {table} where id=?", gone)
    row = await tx.one(
        """insert into person(hash, platform, forgotten_at) values(?1, ?2, ?3) on conflict(hash) do update
           set forgotten_at=?3, account=null, name='', looked_at=null returning id""",
        hashed, platform, micros(now),
    )  # fmt: skip
    assert row is not None
    person = row["id"]
    for one in await tx.read("select id from comment where person_id=?", person):
        await erase_comment(tx, one["id"], now)
    await take_back(tx, await tx.read(f"select r.* {_REACTED} where p.id=?", person), stance_of, now)
    await tx.run("delete from follow where person_id=?", person)
    for place, _, ids in await _moderated(tx, hashed, platform):
        left = [one for one in ids if tx.whose(platform, one) != hashed]
        await tx.run("update place set moderators=? where id=?", " ".join(left), place)
    await answers.forget(tx, person, now)
    await tickets.forget(tx, person, hashed, now)
    for target in await acts.forget(tx, person):
        if target.startswith("#"):  # a card tells who decided
            await subject_changed(tx, queueing.SUBJECT, int(target.removeprefix("#")), now)


async def _moderated(db: Db | Tx, hashed: str, platform: str) -> list[tuple[int, str, list[str]]]:
    """The places that name somebody as their moderator: id, address, and all ids that each names."""
    rows = await db.read("select id, channel, moderators from place where platform=? and moderators <> ''", platform)
    named = [(row["id"], f"{platform}:{row['channel']}", row["moderators"].split()) for row in rows]
    return [one for one in named if any(db.whose(platform, each) == hashed for each in one[2])]


# --- what is old, and places that were left ---


async def old(db: Reader, comments: datetime | None, reactions: datetime | None, left: datetime) -> Old:
    """What was said and reacted before these times, and the places left before `left`. None: kept for good."""
    said = await db.read(
        "select id from comment where at < ? and state <> 'erased' and text <> '' order by id",
        -1 if comments is None else micros(comments),
    )
    reacted = await db.read(
        "select piece_id, count(*) as n from reaction where at < ? group by piece_id order by piece_id",
        -1 if reactions is None else micros(reactions),
    )
    places = await db.read("select id from place where left_at < ? order by id", micros(left))
    return Old(
        comments=tuple(row["id"] for row in said),
        pieces=tuple(row["piece_id"] for row in reacted),
        places=tuple(row["id"] for row in places),
        reactions=sum(row["n"] for row in reacted),
    )


async def erase_comments(db: Db, numbers: tuple[int, ...], now: datetime) -> None:
    """Erase these comments, some at a time: others write meanwhile."""
    for at in range(0, len(numbers), AT_ONCE):

        async def work(tx: Tx, some: tuple[int, ...] = numbers[at : at + AT_ONCE]) -> None:
            for number in some:
                await erase_comment(tx, number, now)

        await db.write(work)


async def to_counts(db: Db, pieces: tuple[int, ...], before: datetime) -> None:
    """Who reacted to these pieces before a time is forgotten; the counts by hour, which name nobody, stay."""
    for some in chunks(pieces):

        async def work(tx: Tx, some: tuple[int, ...] = tuple(some)) -> None:
            for table in ("reaction", "stance"):
                await tx.run(
                    f"delete from {table} where piece_id in ({marks(len(some))}) and at < ?", *some, micros(before)
                )

        await db.write(work)


async def purge_place(db: Db, place: int, left: datetime, stance_of: StanceOf, now: datetime) -> bool:
    """Erase what was said and reacted at a place that was left before a time; false if the bot is back there."""

    async def work(tx: Tx) -> bool:
        """The next ones; true while there may be more."""
        if await tx.one("select 1 from place where id=? and left_at < ?", place, micros(left)) is None:
            return False
        said = await tx.read("select id from comment where place_id=? and state <> 'erased' limit ?", place, AT_ONCE)
        for row in said:
            await erase_comment(tx, row["id"], now)
        reacted = await tx.read(
            """select r.* from anchor a join reaction r on r.piece_id=a.piece_id and r.anchor_id=a.id
               where a.place_id=? limit ?""",
            place, AT_ONCE,
        )  # fmt: skip
        await take_back(tx, reacted, stance_of, now)
        if said or reacted:
            return True
        await tx.run("update place set left_at=null, name='' where id=?", place)
        return False

    while await db.write(work):
        pass
    rows = await db.read("select left_at from place where id=?", place)
    return bool(rows) and rows[0]["left_at"] is None


# --- traces ---


async def clear_traces(db: Db) -> bool:
    """After erasures: let the index and the log keep no words of what is gone. False if it is to be done again.

    In a file, a deleted row's tokens stand in the index until its segments are merged, and everything stands in the log
    until that is emptied. Pages that become free are overwritten (`secure_delete`). On a server a row as it was before
    stands beside it until a vacuum; what is then left on its disk, in its log and its copies is its operator's to end:
    see docs/operating.md.
    """
    marked = await db.read("select value from fact where name=?", TRACES)
    if not marked:
        return True
    await words_of(db, "comment_words").tidy(db)
    if isinstance(db, SqliteDb) and not await db.shrink_log():
        return False
    if isinstance(db, PgDb):
        async with db.apart() as connection:
            await connection.execute(f"vacuum {', '.join(SAID)}")
    await db.write(lambda tx: tx.run("delete from fact where name=? and value=?", TRACES, marked[0]["value"]))
    return True
