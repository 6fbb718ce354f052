"""Curating topics: their names, kinds, descriptions and rules, and what is learned from corrections.

A name, folded, belongs to one topic. What changes which pieces a topic takes has all pieces sorted again, in the
background (`storage.sorting`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.filters import renamed
from core.pieces import Topic, TopicKind
from core.text import fold
from core.times import micros
from storage import editions, sorting
from storage.db import Reader, Tx
from storage.pieces import topics

LEARNED = 20
"""Most names that a topic learns by itself."""
COMMON = 0.05
"""A term that stands in more than this share of the pieces (and in more than three) is too common to mean a topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many pieces of a time are about a topic."""

    topic: Topic
    pieces: int


async def create(
    tx: Tx, name: str, language: str, now: datetime, *, kind: TopicKind = "theme", description: str = "", rule: str = ""
) -> int | None:
    """A new topic; gives its id, or None if the name is taken."""
    if await owner(tx, name) is not None:
        return None
    row = await tx.one(
        "insert into topic(key, names, kind, description, rule, created_at) values(?,?,?,?,?,?) returning id",
        fold(name), json.dumps({language: name}, ensure_ascii=False), kind, description, rule, micros(now),
    )  # fmt: skip
    assert row is not None
    await tx.run("insert into topic_name(folded, topic_id, name) values(?,?,?)", fold(name), row["id"], name)
    await sorting.all_again(tx, now)
    return int(row["id"])


async def owner(db: Reader, name: str) -> int | None:
    """The topic that a name means."""
    rows = await db.read("select topic_id from topic_name where folded=?", fold(name))
    return int(rows[0]["topic_id"]) if rows else None


async def rename(tx: Tx, topic: int, language: str, name: str, now: datetime) -> int | None:
    """Its name in a language; the old one goes on meaning it. Gives the other topic that has the name already."""
    taken = await add_alias(tx, topic, name, now)
    if taken is None:
        row = await tx.one("select names from topic where id=?", topic)
        assert row is not None
        names = {**json.loads(row["names"]), language: name}
        await tx.run("update topic set names=? where id=?", json.dumps(names, ensure_ascii=False), topic)
    return taken


async def say_in_filters(tx: Tx, names: Collection[str], name: str) -> list[tuple[str, str, str]]:
    """Filters of places and rules of topics that say one of these (folded) names say another from now on; gives what
    was changed: `PLATFORM:CHANNEL` or `topic KEY`, before, after.
    """
    changed = []
    for row in await tx.read("select id, platform, channel, filter from place where filter <> ''"):
        if (new := renamed(row["filter"], names, name)) != row["filter"]:
            await tx.run("update place set filter=? where id=?", new, row["id"])
            changed.append((f"{row['platform']}:{row['channel']}", row["filter"], new))
    for row in await tx.read("select id, key, rule from topic where rule <> ''"):
        if (new := renamed(row["rule"], names, name)) != row["rule"]:
            await tx.run("update topic set rule=? where id=?", new, row["id"])
            changed.append((f"topic {row['key']}", row["rule"], new))
    return changed


async def add_alias(tx: Tx, topic: int, alias: str, now: datetime, *, learned_from: int | None = None) -> int | None:
    """Another name; gives the other topic that has it already. A name that was learned and is now given stays."""
    taken = await owner(tx, alias)
    if taken is not None and taken != topic:
        return taken
    if taken is None:
        await tx.run(
            "insert into topic_name(folded, topic_id, name, learned_from) values(?,?,?,?)",
            fold(alias), topic, alias, learned_from,
        )  # fmt: skip
        await sorting.all_again(tx, now)
    elif learned_from is None:
        await tx.run("update topic_name set learned_from=null where folded=?", fold(alias))
    if learned_from is None:
        await tx.run("delete from name_off where topic_id=? and folded=?", topic, fold(alias))
    return None


async def drop_alias(tx: Tx, topic: int, alias: str, now: datetime) -> bool:
    """A name means the topic no longer, and is not learned again. False for one that it has not, or is called by."""
    row = await tx.one("select key, names from topic where id=?", topic)
    if row is None or fold(alias) in {row["key"], *map(fold, json.loads(row["names"]).values())}:
        return False
    if not await tx.run("delete from topic_name where folded=? and topic_id=?", fold(alias), topic):
        return False
    await tx.run("insert into name_off(topic_id, folded) values(?,?) on conflict do nothing", topic, fold(alias))
    await sorting.all_again(tx, now)
    return True


async def describe(tx: Tx, topic: int, description: str, now: datetime) -> None:
    """One line that tells it from other topics; empty for none."""
    await tx.run("update topic set description=? where id=?", description, topic)
    await sorting.all_again(tx, now)


async def set_rule(tx: Tx, topic: int, rule: str, now: datetime) -> None:
    """A filter that was parsed; what it takes is about the topic. Empty for none."""
    await tx.run("update topic set rule=? where id=?", rule, topic)
    await sorting.all_again(tx, now)


async def set_kind(tx: Tx, topic: int, kind: TopicKind, now: datetime) -> None:
    await tx.run("update topic set kind=? where id=?", kind, topic)
    await sorting.all_again(tx, now)


async def merge(tx: Tx, gone: int, into: int, now: datetime) -> None:
    """All that is about `gone` is about `into`, by whatever name; who followed it follows that. `gone` is no more."""
    if gone == into:
        return
    await tx.run(
        """insert into piece_topic(topic_id, piece_id, added_by)
           select cast(? as bigint), piece_id, added_by from piece_topic where topic_id=?
             and piece_id not in (select piece_id from piece_topic where topic_id=?)""",
        into, gone, into,
    )  # fmt: skip
    await tx.run(
        """insert into follow(person_id, topic_id, at)
           select person_id, cast(? as bigint), at from follow where topic_id=?
             and person_id not in (select person_id from follow where topic_id=?)""",
        into, gone, into,
    )  # fmt: skip
    await tx.run("update topic_name set topic_id=? where topic_id=?", into, gone)
    keys = {row["id"]: row["key"] for row in await tx.read("select id, key from topic where id in (?,?)", gone, into)}
    await editions.rename_topic(tx, keys[gone], keys[into])
    for table in ("piece_topic", "follow", "topic_off", "name_off"):
        await tx.run(f"delete from {table} where topic_id=?", gone)
    await tx.run("delete from topic where id=?", gone)
    await sorting.all_again(tx, now)


# --- corrections ---

BY_HAND = "moderator"
"""What put a topic on a piece, if it was a person; who, says the log."""


async def put_on(tx: Tx, piece: int, topic: int, by: str) -> bool:
    """A person puts a topic on a piece, whatever put it there before; false if a person or the source had."""
    await tx.run("delete from topic_off where piece_id=? and topic_id=?", piece, topic)
    row = await tx.one("select added_by from piece_topic where piece_id=? and topic_id=?", piece, topic)
    if row is None:
        await tx.run("insert into piece_topic(topic_id, piece_id, added_by) values(?,?,?)", topic, piece, by)
        return True
    if sorting.by_itself(row["added_by"]):
        await tx.run("update piece_topic set added_by=? where piece_id=? and topic_id=?", by, piece, topic)
    return False


async def take_off(tx: Tx, piece: int, topic: int, now: datetime) -> list[str]:
    """A person takes a topic off a piece: it is not put on again by itself. Gives the names that are forgotten by it.

    Forgotten is a name that was learned, if it put the topic on this piece or was learned from it.
    """
    row = await tx.one("select added_by from piece_topic where piece_id=? and topic_id=?", piece, topic)
    await tx.run("delete from piece_topic where piece_id=? and topic_id=?", piece, topic)
    await tx.run("insert into topic_off(piece_id, topic_id) values(?,?) on conflict do nothing", piece, topic)
    cause = row["added_by"].partition(":")[2] if row is not None and sorting.by_itself(row["added_by"]) else ""
    rows = await tx.read(
        """select name from topic_name where topic_id=? and learned_from is not null and (learned_from=? or folded=?)
           order by folded""",
        topic, piece, cause,
    )  # fmt: skip
    return [one["name"] for one in rows if await drop_alias(tx, topic, one["name"], now)]


async def learn(tx: Tx, piece: int, topic: int, title: str, now: datetime) -> str | None:
    """What may be learned from a person's putting a topic on a piece: its best key term that stands in the title.

    It becomes a name of the topic, unless it means one already, was refused before, or is common. A person or a company
    learns nothing: those have names, not guesses. Gives the name.
    """
    counts = await tx.one(
        """select (select count(*) from sorted) as pieces, t.kind,
               (select count(*) from topic_name n where n.topic_id=t.id and n.learned_from is not null) as learned
           from topic t where t.id=?""",
        topic,
    )
    if counts is None or counts["kind"] != "theme" or counts["learned"] >= LEARNED:
        return None
    rows = await tx.read(
        """select p.folded, p.term from piece_term p left join term_count c on c.folded=p.folded
           where p.piece_id=? and coalesce(c.n, 0) <= ? and p.folded not in (select folded from topic_name)
             and p.folded not in (select folded from name_off where topic_id=?) order by p.weight desc, p.folded""",
        piece, max(3, int(COMMON * counts["pieces"])), topic,
    )  # fmt: skip
    term = next((row["term"] for row in rows if len(row["folded"]) > 1 and row["folded"] in fold(title)), None)
    if term is not None:
        await add_alias(tx, topic, term, now, learned_from=piece)
    return term


# --- looking ---


async def counted(db: Reader, start: datetime, end: datetime) -> tuple[list[Count], int]:
    """Topics by their pieces published in [start, end), most first; and how many of the pieces have no topic."""
    window = (micros(start), micros(end))
    rows = await db.read(
        """select pt.topic_id, count(*) as n from piece p join piece_topic pt on pt.piece_id=p.id
           where p.state='published' and p.published_at >= ? and p.published_at < ?
           group by pt.topic_id order by n desc""",
        *window,
    )
    known = {topic.id: topic for topic in await topics(db, [row["topic_id"] for row in rows])}
    found = [Count(topic=known[row["topic_id"]], pieces=row["n"]) for row in rows]
    without = await db.read(
        """select count(*) as n from piece p where p.state='published' and p.published_at >= ? and p.published_at < ?
             and not exists(select 1 from piece_topic pt where pt.piece_id=p.id)""",
        *window,
    )
    return sorted(found, key=lambda one: (-one.pieces, one.topic.key)), int(without[0]["n"])


async def described(db: Reader, most: int) -> Sequence[tuple[Topic, list[str]]]:
    """Themes with a description, each with what the `most` newest pieces mean that people or sources put under it."""
    rows = await db.read("select id from topic where description <> '' and kind='theme' order by id")
    found = []
    for topic in await topics(db, [row["id"] for row in rows]):
        examples = await db.read(
            f"""select s.vector from piece_topic pt join sorted s on s.piece_id=pt.piece_id
                where pt.topic_id=? and not ({sorting.BY_ITSELF}) and s.vector <> ''
                order by pt.piece_id desc limit ?""",
            topic.id, most,
        )  # fmt: skip
        found.append((topic, [row["vector"] for row in examples]))
    return found


async def pieces_about(db: Reader, topic: int, limit: int) -> list[int]:
    """The pieces about a topic, newest first, whatever state they are in."""
    rows = await db.read(
        "select piece_id from piece_topic where topic_id=? order by piece_id desc limit ?", topic, limit
    )
    return [row["piece_id"] for row in rows]


async def extent(db: Reader, topic: int) -> tuple[int, int]:
    """How many pieces are about a topic, and how many people follow it."""
    rows = await db.read(
        """select (select count(*) from piece_topic where topic_id=?) as pieces,
               (select count(*) from follow where topic_id=?) as people""",
        topic, topic,
    )  # fmt: skip
    return rows[0]["pieces"], rows[0]["people"]
