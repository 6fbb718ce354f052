"""Keeping the index of all text: rows of our tokens in the engine's own index, in step with whoever writes the text.

A comment's row is its *shelf* above its own number. The shelf is the place where it was said, so the comments of one
place stand together, newest last, and who sees few comments never pays for the others. A passage's row is its piece's
number above a slot. To forget a text the index may need its words again (`storage.fulltext`), and nobody but the same
rules gives the same tokens, so what was indexed by other rules (`core.tokens.RULES`) is indexed anew at start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import structlog

from core.passages import passages
from core.pieces import Piece
from core.times import DAY
from core.tokens import RULES, plain
from storage import pieces
from storage.db import Db, Tx
from storage.fulltext import SHELF, TABLES, Change, words_of

log = structlog.get_logger()

SLOT = 16  # bits of a passage's slot in its row
SLOTS = 1 << SLOT  # the first one is the head's
AT_ONCE = {"piece": 200, "comment": 5_000}  # that are indexed anew in one transaction


async def index_piece(tx: Tx, piece: Piece) -> None:
    """Let the index hold what may be shown of a piece now. Only sections that changed are touched."""
    first = piece.number << SLOT
    rows = await tx.read(
        "select id, section, words from passage where id between ? and ? order by id", first, first + SLOTS - 1
    )
    before = {row["section"]: (row["id"], row["words"]) for row in rows}
    after = {one.section: plain(one.text) for one in passages(piece)}
    taken = {row for row, _ in before.values()}
    free = (row for row in range(first, first + SLOTS) if row not in taken)
    changes: list[Change] = []
    new: list[tuple[int, str, str]] = []
    for section in dict.fromkeys([*before, *after]):  # the head comes first and has the first slot, always
        row, old = before.get(section, (None, None))
        words = after.get(section)
        if words == old:
            continue
        row = next(free) if row is None else row
        changes.append((row, old, words))
        if words is not None:
            new.append((row, section, words))
    await tx.many("delete from passage where id=?", [(row,) for row, old, _ in changes if old is not None])
    await tx.many("insert into passage(id, section, words) values(?,?,?)", new)
    await words_of(tx, "passage_words").change(tx, changes)


async def index_comments(tx: Tx, changes: Sequence[tuple[int, int, str | None, str | None]]) -> None:
    """Keep the index in step with comments: (number, shelf, text before, text after) each."""
    await words_of(tx, "comment_words").change(
        tx,
        [
            ((shelf << SHELF) + number, None if old is None else plain(old), None if new is None else plain(new))
            for number, shelf, old, new in changes
        ],
    )


async def note_days(tx: Tx, said: Iterable[tuple[int, int]]) -> None:
    """Remember the lowest and highest number of each day's comments: (number, time in microseconds) each."""
    days: dict[int, tuple[int, int]] = {}
    for number, at in said:
        first, last = days.get(at // DAY, (number, number))
        days[at // DAY] = (min(first, number), max(last, number))
    await tx.many(
        """insert into comment_day(day, first, last) values(?,?,?) on conflict(day) do update
           set first=case when excluded.first < comment_day.first then excluded.first else comment_day.first end,
               last=case when excluded.last > comment_day.last then excluded.last else comment_day.last end""",
        [(day, first, last) for day, (first, last) in days.items()],
    )


async def keep_shelves(tx: Tx, old: int, new: int) -> None:
    """The comments of the place `old` are about to become those of `new`: they stay on their shelves in the index."""
    await tx.run("update comment set shelf=place_id where place_id=? and shelf is null", old)
    await tx.run("update shelf set place_id=? where place_id=?", new, old)
    await tx.run("insert into shelf(place_id, shelf) values(?,?) on conflict do nothing", new, old)


# --- all anew: a table that is new, or rules that changed ---


async def renew(db: Db) -> None:
    """Index whatever is not indexed by today's rules. Goes on where it was broken off; nobody else may write yet."""
    known = {row["what"]: row for row in await db.read("select what, rules, upto from indexed")}
    for what in ("piece", "comment"):
        row = known.get(what)
        if row is None or row["rules"] != RULES:
            await db.write(lambda tx, what=what: _begin(tx, what))  # type: ignore[misc]
        elif row["upto"] is None:
            continue
        total, done = (await db.read(f"select count(*) as n from {what}"))[0]["n"], 0
        while some := await db.write(lambda tx, what=what: _go_on(tx, what)):  # type: ignore[misc]
            done += some
            log.info("search.indexing", what=what, done=done, of=total)
        if done:
            await words_of(db, TABLES[what]).tidy(db)


async def _begin(tx: Tx, what: Literal["piece", "comment"]) -> None:
    await words_of(tx, TABLES[what]).clear(tx)
    await tx.run("delete from passage" if what == "piece" else "delete from comment_day")
    await tx.run(
        """insert into indexed(what, rules, upto) values(?,?,0)
           on conflict(what) do update set rules=excluded.rules, upto=excluded.upto""",
        what, RULES,
    )  # fmt: skip


async def _go_on(tx: Tx, what: Literal["piece", "comment"]) -> int:
    """The next ones; gives how many, 0 at the end."""
    after = await tx.one("select upto from indexed where what=?", what)
    assert after is not None
    if what == "piece":
        rows = await tx.read("select id from piece where id > ? order by id limit ?", after["upto"], AT_ONCE[what])
        for row in rows:
            piece = await pieces.piece(tx, row["id"])
            assert piece is not None
            await index_piece(tx, piece)
    else:
        rows = await tx.read(
            """select id, coalesce(shelf, place_id) as shelf, text, at from comment where id > ?
               order by id limit ?""",
            after["upto"], AT_ONCE[what],
        )  # fmt: skip
        await index_comments(tx, [(row["id"], row["shelf"], None, row["text"]) for row in rows])
        await note_days(tx, [(row["id"], row["at"]) for row in rows])
    await tx.run("update indexed set upto=? where what=?", rows[-1]["id"] if rows else None, what)
    return len(rows)
