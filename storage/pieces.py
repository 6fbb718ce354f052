"""Pieces, their revisions and their topics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from core.pieces import (
    Correction,
    Outline,
    Piece,
    PieceNumber,
    PieceState,
    PieceUid,
    Related,
    Topic,
    outline_from_json,
    outline_to_json,
)
from core.text import fold
from core.times import micros, moment
from storage import corrections
from storage.db import Db, Reader, Row, Tx, marks

_COLUMNS = """p.id, p.uid, p.source_id, p.state, p.revision, p.title, p.url, p.author, p.language, p.published_at,
    p.embargo_at, p.featured, p.note, p.outline, s.kind as source_kind, s.text_mode"""
_FROM = "from piece p join source s on s.id = p.source_id"
TOGETHER = (
    4  # pieces that are made of their rows at a stretch: a long one takes a while, and the loop has other things to do
)


def _piece(row: Row, topics: Sequence[Topic], related: Sequence[Related], corrected: Sequence[Correction]) -> Piece:
    return Piece(
        number=PieceNumber(row["id"]),
        uid=PieceUid(row["uid"]),
        source=row["source_id"],
        source_kind=row["source_kind"],
        text_mode=row["text_mode"],
        state=row["state"],
        revision=row["revision"],
        title=row["title"],
        url=row["url"],
        author=row["author"],
        language=row["language"],
        published=moment(row["published_at"]),
        embargo=None if row["embargo_at"] is None else moment(row["embargo_at"]),
        outline=outline_from_json(json.loads(row["outline"])),
        topics=tuple(topics),
        featured=bool(row["featured"]),
        note=row["note"],
        related=tuple(related),
        corrections=tuple(corrected),
    )


async def piece(db: Reader, number: int) -> Piece | None:
    """A piece by its number, with its topics."""
    return await _one(db, "p.id=?", number)


async def piece_by_uid(db: Reader, uid: str) -> Piece | None:
    return await _one(db, "p.uid=?", uid)


async def piece_by_link(db: Reader, link_key: str) -> Piece | None:
    """The first piece whose normalised address is this."""
    return await _one(db, "p.link_key=?", link_key)


async def _one(db: Reader, condition: str, value: Any) -> Piece | None:
    rows = await db.read(f"select {_COLUMNS} {_FROM} where {condition} order by p.id limit 1", value)
    if not rows:
        return None
    return next(await _whole(db, rows))


async def _whole(db: Reader, rows: Sequence[Row]) -> Iterator[Piece]:
    """Pieces of their rows, with what stands in other tables, each made when it is asked for."""
    numbers = [row["id"] for row in rows]
    topics, related = await topics_of(db, numbers), await related_to(db, numbers)
    corrected = await corrections.of(db, numbers)
    return (
        _piece(row, topics.get(row["id"], ()), related.get(row["id"], ()), corrected.get(row["id"], ())) for row in rows
    )


async def pieces(db: Db, numbers: Sequence[int]) -> list[Piece]:
    """Pieces by number, in the order given; unknown ones left out."""
    found: dict[int, Row] = {}
    for start in range(0, len(numbers), 500):
        some = numbers[start : start + 500]
        for row in await db.read(f"select {_COLUMNS} {_FROM} where p.id in ({marks(len(some))})", *some):
            found[row["id"]] = row
    made: list[Piece] = []
    for piece in await _whole(db, [found[one] for one in numbers if one in found]):
        made.append(piece)
        if len(made) % TOGETHER == 0:
            await asyncio.sleep(0)
    return made


async def related_to(db: Reader, numbers: Sequence[int]) -> dict[int, list[Related]]:
    """The pieces that each is like and that may be shown, the likest first."""
    found: dict[int, list[Related]] = {}
    for start in range(0, len(numbers), 500):
        some = numbers[start : start + 500]
        rows = await db.read(
            f"""select r.piece_id, p.id, p.title, p.url from related r join piece p on p.id=r.other_id
                where r.piece_id in ({marks(len(some))}) and p.state='published' order by r.piece_id, r.position""",
            *some,
        )
        for row in rows:
            one = Related(number=PieceNumber(row["id"]), title=row["title"], url=row["url"])
            found.setdefault(row["piece_id"], []).append(one)
    return found


async def latest(db: Db, limit: int, *, states: Sequence[str] = ("published",)) -> list[Piece]:
    """The newest pieces, newest first."""
    rows = await db.read(
        f"select id from piece where state in ({marks(len(states))}) order by published_at desc, id desc limit ?",
        *states, limit,
    )  # fmt: skip
    return await pieces(db, [row["id"] for row in rows])


async def add_piece(
    tx: Tx,
    *,
    uid: str,
    source: int,
    state: PieceState,
    title: str,
    url: str | None,
    link_key: str | None,
    author: str | None,
    published: datetime,
    embargo: datetime | None,
    outline: Outline,
    now: datetime,
) -> int:
    """Keep a new piece and its first revision; gives its number."""
    text = json.dumps(outline_to_json(outline), ensure_ascii=False)
    row = await tx.one(
        """insert into piece(uid, source_id, state, title, url, link_key, title_key, author, language, published_at,
               found_at, embargo_at, changed_at, outline)
           values(?,?,?,?,?,?,?,?,?,?,?,?,?,?) returning id""",
        uid, source, state, title, url, link_key, fold(title), author, outline.language, micros(published),
        micros(now), None if embargo is None else micros(embargo), micros(now), text,
    )  # fmt: skip
    assert row is not None
    await _add_revision(tx, row["id"], 1, now, "first", title, text)
    return int(row["id"])


async def revise_piece(
    tx: Tx,
    number: int,
    *,
    title: str,
    author: str | None,
    outline: Outline,
    reason: str,
    now: datetime,
    url: str | None = None,
    link_key: str | None = None,
) -> int:
    """Replace a piece's text; gives the number of the new revision. The old wording stays in `revision`.

    An author or address that is not given stays as it was.
    """
    text = json.dumps(outline_to_json(outline), ensure_ascii=False)
    row = await tx.one(
        """update piece set title=?, title_key=?, author=coalesce(?, author), language=?, outline=?, changed_at=?,
               url=coalesce(?, url), link_key=coalesce(?, link_key), revision=revision+1
           where id=? returning revision""",
        title, fold(title), author, outline.language, text, micros(now), url, link_key, number,
    )  # fmt: skip
    assert row is not None
    await _add_revision(tx, number, row["revision"], now, reason, title, text)
    return int(row["revision"])


async def _add_revision(tx: Tx, number: int, revision: int, now: datetime, reason: str, title: str, text: str) -> None:
    await tx.run(
        "insert into revision(piece_id, number, at, reason, title, outline) values(?,?,?,?,?,?)",
        number, revision, micros(now), reason, title, text,
    )  # fmt: skip


async def doubt(tx: Tx, number: int, since: datetime) -> None:
    """A piece may have been posted since then without our knowing: it is looked up before it is posted anywhere."""
    await tx.run("update piece set doubted_at=? where id=?", micros(since), number)


async def set_state(tx: Tx, number: int, state: PieceState, *, note: str = "", now: datetime) -> None:
    """Move a piece to a state; the revision rises, since what is shown of it changes."""
    await tx.run(
        "update piece set state=?, note=?, changed_at=?, revision=revision+1 where id=?",
        state,
        note,
        micros(now),
        number,
    )


async def set_featured(tx: Tx, number: int, featured: bool, now: datetime) -> None:
    await tx.run(
        "update piece set featured=?, changed_at=?, revision=revision+1 where id=?", int(featured), micros(now), number
    )


async def held_of(db: Db, source: int) -> list[int]:
    """The pieces of a source that wait for a moderator, oldest first."""
    rows = await db.read("select id from piece where source_id=? and state='held' order by id", source)
    return [row["id"] for row in rows]


async def embargo_over(db: Db, now: datetime) -> list[int]:
    """Approved pieces whose embargo has ended."""
    rows = await db.read("select id from piece where state='approved' and embargo_at <= ? order by id", micros(now))
    return [row["id"] for row in rows]


async def find_by_words(
    db: Db, words: str, limit: int = 25, *, states: Sequence[str] = ("published",)
) -> list[tuple[int, str]]:
    """Pieces whose title holds the words (folded), newest first: (number, title)."""
    pattern = "%" + fold(words).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = await db.read(
        f"select id, title from piece where state in ({marks(len(states))}) and title_key like ? escape '\\' "
        "order by published_at desc limit ?",
        *states, pattern, limit,
    )  # fmt: skip
    return [(row["id"], row["title"]) for row in rows]


# --- topics ---


_TOPIC = "t.id, t.key, t.names, t.kind, t.description, t.rule"


def _topic(row: Row, aliases: Iterable[str] = ()) -> Topic:
    return Topic(
        id=row["id"],
        key=row["key"],
        names=json.loads(row["names"]),
        aliases=tuple(aliases),
        kind=row["kind"],
        description=row["description"],
        rule=row["rule"],
    )


async def all_topics(db: Reader) -> list[tuple[Topic, int]]:
    """Every topic with the number of its published pieces, most used first."""
    rows = await db.read(
        f"""select {_TOPIC}, count(p.id) as n from topic t
           left join piece_topic pt on pt.topic_id=t.id left join piece p on p.id=pt.piece_id and p.state='published'
           group by {_TOPIC} order by n desc, t.key"""
    )
    aliases = _aliases(await db.read("select topic_id, name from topic_name order by folded"))
    return [(_topic(row, aliases.get(row["id"], ())), row["n"]) for row in rows]


async def every_topic(db: Reader) -> list[Topic]:
    """Every topic, with its aliases."""
    return await topics(db, [row["id"] for row in await db.read("select id from topic")])


async def topics(db: Reader, ids: Sequence[int]) -> list[Topic]:
    """Topics with their aliases, in the order of their keys; unknown ones left out."""
    found: list[Topic] = []
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        rows = await db.read(f"select {_TOPIC} from topic t where t.id in ({marks(len(some))})", *some)
        names = await db.read(
            f"select topic_id, name from topic_name where topic_id in ({marks(len(some))}) order by folded", *some
        )
        aliases = _aliases(names)
        found += [_topic(row, aliases.get(row["id"], ())) for row in rows]
    return sorted(found, key=lambda topic: topic.key)


def _aliases(rows: Iterable[Row]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row["topic_id"], []).append(row["name"])
    return found


async def topics_of(db: Reader, numbers: Sequence[int]) -> dict[int, list[Topic]]:
    """The topics of pieces, by piece number."""
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(numbers), 500):
        some = numbers[start : start + 500]
        rows = await db.read(
            f"select piece_id, topic_id from piece_topic where piece_id in ({marks(len(some))})", *some
        )
        pairs += [(row["piece_id"], row["topic_id"]) for row in rows]
    found: dict[int, list[Topic]] = {}
    for topic in await topics(db, sorted({topic for _, topic in pairs})):
        for piece in sorted(piece for piece, about in pairs if about == topic.id):
            found.setdefault(piece, []).append(topic)
    return found


async def topic_named(db: Reader, name: str) -> Topic | None:
    """A topic by any of its names."""
    rows = await db.read("select topic_id from topic_name where folded=?", fold(name))
    return (await topics(db, [rows[0]["topic_id"]]))[0] if rows else None


async def ensure_topic(tx: Tx, name: str, language: str, now: datetime) -> int:
    """The id of the topic with this name, made if there is none."""
    row = await tx.one("select topic_id from topic_name where folded=?", fold(name))
    if row is not None:
        return int(row["topic_id"])
    row = await tx.one(
        "insert into topic(key, names, created_at) values(?,?,?) returning id",
        fold(name), json.dumps({language: name}, ensure_ascii=False), micros(now),
    )  # fmt: skip
    assert row is not None
    await tx.run("insert into topic_name(folded, topic_id, name) values(?,?,?)", fold(name), row["id"], name)
    return int(row["id"])


async def tag(tx: Tx, number: int, topic: int, by: str) -> bool:
    """Put a topic on a piece; false if it was there."""
    return bool(
        await tx.run(
            "insert into piece_topic(topic_id, piece_id, added_by) values(?,?,?) on conflict do nothing",
            topic,
            number,
            by,
        )
    )


async def untag(tx: Tx, number: int, topic: int) -> bool:
    """Take a topic off a piece; false if it was not there."""
    return bool(await tx.run("delete from piece_topic where topic_id=? and piece_id=?", topic, number))
