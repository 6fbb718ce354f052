"""Articles that are taken up part by part: what was picked of each, and how far its piece has come."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from core.drafting import Said
from storage.db import Reader, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A piece that takes up an article: the sections with what is quoted, and the first that it has not yet."""

    piece: int
    address: str
    sections: tuple[Said, ...]
    upto: int


async def begin(tx: Tx, piece: int, address: str, title: str, sections: Sequence[Said], upto: int) -> None:
    """A piece begins to take up the article at an address (normalised)."""
    quoted = sum(len(line) for one in sections for line in one.sentences)
    body = json.dumps([[one.heading, list(one.sentences)] for one in sections], ensure_ascii=False)
    await tx.run(
        "insert into draft(piece_id, address, title, sections, upto, quoted) values(?,?,?,?,?,?)",
        piece, address, title, body, upto, quoted,
    )  # fmt: skip


async def advance(tx: Tx, piece: int, upto: int) -> None:
    """It has taken up the sections before this one."""
    await tx.run("update draft set upto=? where piece_id=?", upto, piece)


async def at(db: Reader, address: str) -> Draft | None:
    """The draft on the article at an address."""
    rows = await db.read("select * from draft where address=? order by piece_id desc limit 1", address)
    if not rows:
        return None
    row = rows[0]
    sections = tuple(Said(heading=heading, sentences=tuple(lines)) for heading, lines in json.loads(row["sections"]))
    return Draft(piece=row["piece_id"], address=row["address"], sections=sections, upto=row["upto"])


async def of_piece(db: Reader, piece: int) -> Draft | None:
    """The draft that a piece is."""
    rows = await db.read("select address from draft where piece_id=?", piece)
    return await at(db, rows[0]["address"]) if rows else None
