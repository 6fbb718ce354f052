"""Readers' comments: looking at them one by one, and what moderators set of them."""

from __future__ import annotations

from typing import Literal

from core.responses import Voice
from core.times import moment
from storage.db import Reader, Row, Tx

CommentState = Literal["visible", "held", "hidden", "featured"]

VOICE = """select c.id, c.piece_id, c.text, c.at, c.section, c.state, coalesce(s.agree, 0) as agree,
        coalesce(s.disagree, 0) as disagree, coalesce(s.n, 0) as n, a.platform, a.channel, a.anchor, p.name
    from comment c join place pl on pl.id=c.place_id join anchor a on a.id=c.anchor_id
    left join comment_score s on s.comment_id=c.id left join person p on p.id=c.person_id"""
"""A select of comments with their scores and where they stand; a condition follows."""


def voice(row: Row) -> Voice:
    """A row of `VOICE` as a core type."""
    return Voice(
        comment=row["id"],
        piece=row["piece_id"],
        text=row["text"],
        at=moment(row["at"]),
        agree=row["agree"],
        disagree=row["disagree"],
        n=row["n"],
        section=row["section"],
        platform=row["platform"],
        channel=row["channel"],
        anchor=row["anchor"],
        state=row["state"],
        person=row["name"] or "",
    )


async def comment(db: Reader, number: int) -> Voice:
    """One comment."""
    return voice((await db.read(f"{VOICE} where c.id=?", number))[0])


async def of_piece(db: Reader, piece: int, limit: int = 50) -> list[Voice]:
    """Comments on a piece in every state but erased, newest first."""
    rows = await db.read(
        f"{VOICE} where c.piece_id=? and c.state <> 'erased' order by c.at desc, c.id desc limit ?", piece, limit
    )
    return [voice(row) for row in rows]


async def set_state(tx: Tx, number: int, state: CommentState) -> str | None:
    """Set a comment's state; gives the one before, None if there is no such comment."""
    row = await tx.one("select state from comment where id=? and state <> 'erased'", number)
    if row is None:
        return None
    await tx.run("update comment set state=? where id=?", state, number)
    return str(row["state"])
