"""Which pieces wait to be sorted under topics, and what was found in those that were.

`piece_topic.added_by` says who or what put a topic on a piece: `source`, a person (`moderator`), or the
sorting itself: `rule`, `alias:NAME`, `term:NAME`, `nearest`. What the sorting put on it may take off again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from core.times import micros
from storage.db import Reader, Tx, marks

ITSELF = ("rule", "nearest")
BY_ITSELF = "added_by in ('rule', 'nearest') or added_by like 'alias:%' or added_by like 'term:%'"
"""The condition in SQL for which `by_itself` is true."""


def by_itself(added_by: str) -> bool:
    """Whether the sorting put a topic on, not a person or a source."""
    return added_by in ITSELF or added_by.startswith(("alias:", "term:"))


# --- what waits ---


async def again(tx: Tx, piece: int, now: datetime) -> None:
    """A piece is new or was changed: it is to be sorted."""
    await tx.run(
        """insert into to_sort(piece_id, due_at) values(?,?)
           on conflict(piece_id) do update
           set due_at=excluded.due_at, attempts=0, round=to_sort.round+1""",
        piece, micros(now),
    )  # fmt: skip


async def all_again(tx: Tx, now: datetime) -> None:
    """Topics were changed: all pieces are to be sorted, after those that wait already."""
    await tx.run(
        """insert into to_sort(piece_id, due_at) select id, cast(? as bigint) from piece where true
           on conflict(piece_id) do update set attempts=0, round=to_sort.round+1""",
        micros(now),
    )


async def waiting(db: Reader, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Pieces that are due to be sorted, the newest first: (number, round)."""
    rows = await db.read(
        "select piece_id, round from to_sort where due_at <= ? order by piece_id desc limit ?", micros(now), limit
    )
    return [(row["piece_id"], row["round"]) for row in rows]


async def put_off(tx: Tx, piece: int, now: datetime) -> int:
    """A piece could not be sorted: again after 1, 2, 4 … minutes. Gives how often that happened to it."""
    row = await tx.one("update to_sort set attempts=attempts+1 where piece_id=? returning attempts", piece)
    attempts = 0 if row is None else int(row["attempts"])
    pause = timedelta(minutes=2 ** max(0, attempts - 1))
    await tx.run("update to_sort set due_at=? where piece_id=?", micros(now + pause), piece)
    return attempts


async def done(tx: Tx, piece: int, round_: int) -> bool:
    """A piece is sorted; false if there is a new reason to sort it since that round."""
    return bool(await tx.run("delete from to_sort where piece_id=? and round=?", piece, round_))


# --- topics that the sorting puts on ---


async def put_on(tx: Tx, piece: int, found: Mapping[int, str]) -> bool:
    """Let a piece have these topics by the sorting (topic → why) beside what people and sources put on; gives whether
    that changed anything. What a moderator took off stays off.
    """
    rows = await tx.read("select topic_id, added_by from piece_topic where piece_id=?", piece)
    off = {row["topic_id"] for row in await tx.read("select topic_id from topic_off where piece_id=?", piece)}
    own = {row["topic_id"]: row["added_by"] for row in rows if by_itself(row["added_by"])}
    theirs = {row["topic_id"] for row in rows} - own.keys()
    wanted = {topic: why for topic, why in found.items() if topic not in theirs and topic not in off}
    for topic in own.keys() - wanted.keys():
        await tx.run("delete from piece_topic where topic_id=? and piece_id=?", topic, piece)
    for topic, why in wanted.items():
        await tx.run(
            """insert into piece_topic(topic_id, piece_id, added_by) values(?,?,?)
               on conflict(topic_id, piece_id) do update set added_by=excluded.added_by""",
            topic, piece, why,
        )  # fmt: skip
    return own.keys() != wanted.keys()


async def reasons(db: Reader, piece: int) -> dict[int, str]:
    """Who or what put each topic on a piece."""
    rows = await db.read("select topic_id, added_by from piece_topic where piece_id=?", piece)
    return {row["topic_id"]: row["added_by"] for row in rows}


async def has_others(db: Reader, piece: int) -> bool:
    """Whether a person or a source put a topic on a piece."""
    rows = await db.read(f"select 1 from piece_topic where piece_id=? and not ({BY_ITSELF}) limit 1", piece)
    return bool(rows)


# --- what was found in a piece ---


async def term_counts(db: Reader, keys: Sequence[str]) -> tuple[int, dict[str, int]]:
    """How many pieces were counted, and in how many of them each of these terms was found."""
    total = await db.read("select count(*) as n from sorted")
    found: dict[str, int] = {}
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        rows = await db.read(f"select folded, n from term_count where folded in ({marks(len(some))})", *some)
        found.update((row["folded"], row["n"]) for row in rows)
    return int(total[0]["n"]), found


async def kept(db: Reader, piece: int, revision: int) -> tuple[list[tuple[str, str, float]], str] | None:
    """What was found in this revision of a piece: terms (key, as written, weight), best first, and what it means."""
    rows = await db.read("select vector from sorted where piece_id=? and revision=?", piece, revision)
    if not rows:
        return None
    terms = await db.read(
        "select folded, term, weight from piece_term where piece_id=? order by weight desc, folded", piece
    )
    return [(row["folded"], row["term"], row["weight"]) for row in terms], rows[0]["vector"]


async def keep(
    tx: Tx, piece: int, revision: int, counted: Sequence[str], terms: Sequence[tuple[str, str, float]], vector: str
) -> None:
    """Keep what was found in a revision of a piece: its terms (key, as written, weight) and what it means.

    `counted` are the keys of all terms in it; they count once, when a piece is sorted for the first time.
    """
    if await tx.one("select 1 from sorted where piece_id=?", piece) is None:
        await tx.many(
            "insert into term_count(folded, n) values(?,1) on conflict(folded) do update set n=term_count.n+1",
            [(key,) for key in counted],
        )
    await tx.run(
        """insert into sorted(piece_id, revision, vector) values(?,?,?)
           on conflict(piece_id) do update set revision=excluded.revision, vector=excluded.vector""",
        piece, revision, vector,
    )  # fmt: skip
    length = math.sqrt(sum(weight * weight for _, _, weight in terms)) or 1.0
    await tx.run("delete from piece_term where piece_id=?", piece)
    await tx.many(
        "insert into piece_term(piece_id, folded, term, weight) values(?,?,?,?)",
        [(piece, key, term, weight / length) for key, term, weight in terms],
    )


# --- pieces that are alike ---


async def may_be_like(
    db: Reader, piece: int, terms: Sequence[tuple[str, float]], limit: int
) -> list[tuple[int, float, str]]:
    """Earlier pieces that share a topic or key terms with one: (number, likeness by terms from 0 to 1, what it means).

    Only such as may be named wherever the piece is shown: published ones, of a source that is limited to no places or
    is its own, and of the sample only beside the sample.
    """
    length = math.sqrt(sum(weight * weight for _, weight in terms)) or 1.0
    shared: dict[int, float] = {}
    for start in range(0, len(terms), 200):
        some = dict(terms[start : start + 200])
        rows = await db.read(
            f"select folded, piece_id, weight from piece_term where folded in ({marks(len(some))}) and piece_id < ?",
            *some, piece,
        )  # fmt: skip
        for row in rows:
            shared[row["piece_id"]] = shared.get(row["piece_id"], 0.0) + row["weight"] * some[row["folded"]] / length
    same = await db.read(
        """select distinct other.piece_id from piece_topic own join piece_topic other on other.topic_id=own.topic_id
           where own.piece_id=? and other.piece_id < ? order by other.piece_id desc limit ?""",
        piece, piece, limit,
    )  # fmt: skip
    chosen = sorted(shared, key=lambda one: (-shared[one], -one))[:limit] + [row["piece_id"] for row in same]
    chosen = list(dict.fromkeys(chosen))
    if not chosen:
        return []
    rows = await db.read(
        f"""select o.id, s.vector from piece o join sorted s on s.piece_id=o.id join source os on os.id=o.source_id
            join piece p on p.id=? join source ps on ps.id=p.source_id
            where o.id in ({marks(len(chosen))}) and o.state='published' and s.vector <> ''
              and (os.kind='sample')=(ps.kind='sample')
              and (os.id=ps.id or not exists(select 1 from source_place sp where sp.source_id=os.id))
            order by o.id desc""",
        piece, *chosen,
    )  # fmt: skip
    return [(row["id"], shared.get(row["id"], 0.0), row["vector"]) for row in rows]


async def relate(tx: Tx, piece: int, others: Sequence[int]) -> None:
    """The pieces that one is like, the likest first, in place of those of before."""
    await tx.run("delete from related where piece_id=?", piece)
    await tx.many(
        "insert into related(piece_id, other_id, position) values(?,?,?)",
        [(piece, other, position) for position, other in enumerate(others)],
    )
