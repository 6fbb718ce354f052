"""What became of comments, for the ledger outside the database: one that was erased or hidden after a copy was made
must not come back with it.

A comment is the keyed hash of its message. Each line has a number, and the database knows the last that it has carried
out, in the same transaction: lines beyond it are what a restored copy lacks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from core.times import micros
from storage.db import Reader, Row, Tx, marks

ERASED = "erased"
PAGE = 5_000  # comments that are looked at by one statement, where all are
_DONE = "ledger"
"""The fact up to which line the ledger was carried out."""
_STANDING = """select c.id, a.platform, a.channel, a.anchor from comment c join anchor a on a.id=c.anchor_id
    where c.state<>'erased'"""
"""A select of comments and their messages; more conditions follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """One line: the state that a comment got."""

    number: int
    hashed: str
    state: str
    at: int

    @classmethod
    def read(cls, line: str) -> Self | None:
        """None for any other line."""
        try:
            row = json.loads(line)
            return cls(number=int(row["n"]), hashed=str(row["comment"]), state=str(row["state"]), at=int(row["at"]))
        except (ValueError, KeyError, TypeError):
            return None


def _hash(tx: Tx, row: Row) -> str:
    """Of a row of `_STANDING`."""
    return tx.whose(row["platform"], f"comment {row['channel']} {row['anchor']}")  # no account has spaces


async def note(tx: Tx, comment: int, state: str, now: datetime) -> None:
    """Have it in the ledger before this transaction is in the database. Called before the comment is erased."""
    row = await tx.one(f"{_STANDING} and c.id=?", comment)
    if row is None:
        return
    number = await tx.one(
        """insert into fact(name, value) values(?,'1') on conflict(name) do update
           set value=cast(cast(fact.value as bigint) + 1 as text) returning value""",
        _DONE,
    )
    assert number is not None
    tx.outside(json.dumps({"n": int(number["value"]), "comment": _hash(tx, row), "state": state, "at": micros(now)}))


async def done(db: Reader) -> int:
    """The number of the last line that the database has carried out."""
    rows = await db.read("select value from fact where name=?", _DONE)
    return int(rows[0]["value"]) if rows else 0


async def remember(tx: Tx, missed: Sequence[Fate]) -> None:
    """Lines that the database lacks, in order; of a comment that comes later, too, each is the last word."""
    await tx.many(
        """insert into fate(hash, state, at) values(?,?,?)
           on conflict(hash) do update set state=excluded.state, at=excluded.at""",
        [(one.hashed, one.state, one.at) for one in missed],
    )
    await tx.run(
        "insert into fact(name, value) values(?,?) on conflict(name) do update set value=excluded.value",
        _DONE, str(max(one.number for one in missed)),
    )  # fmt: skip


async def take(tx: Tx, comments: Sequence[int] | None = None) -> list[tuple[int, str]]:
    """Of these comments (None: of all) those of which the ledger said something that is still to be done, with the
    state that they are to have. It is asked once.
    """
    if await tx.one("select 1 as n from fate limit 1") is None:
        return []
    these = "" if comments is None else f"and c.id in ({marks(len(comments))})"
    page = f"{_STANDING} {these} and c.id > ? order by c.id limit {PAGE}"
    found: list[tuple[int, str]] = []
    after = 0
    while rows := await tx.read(page, *(comments or ()), after):
        numbers = {_hash(tx, row): row["id"] for row in rows}
        fates = await tx.read(
            f"select f.hash, f.state from {tx.dialect.texts} as one join fate f on f.hash=one.value",
            json.dumps(list(numbers)),
        )
        await tx.many("delete from fate where hash=?", [(row["hash"],) for row in fates])
        found += [(numbers[row["hash"]], row["state"]) for row in fates]
        after = rows[-1]["id"]
    return found


async def know_nothing(tx: Tx) -> None:
    """Other comments are here than those for which the ledger was carried out: the next start does it again."""
    await tx.run("delete from fact where name=?", _DONE)


async def drop_old(tx: Tx, before: int) -> None:
    """Comments from before a time are erased by now, whatever became of them."""
    await tx.run("delete from fate where at < ?", before)
