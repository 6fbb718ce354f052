"""What authors answered to readers' questions: shown under the piece at its places, and beside them in digests."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from core.times import micros
from storage.db import Reader, Tx, marks
from storage.editions import quotes_changed
from storage.postings import subject_changed
from storage.readers import Who, named


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a comment; `name` is who wrote it down."""

    comment: int
    text: str
    person: int
    name: str


async def give(tx: Tx, comment: int, text: str, by: Who, now: datetime) -> None:
    """Keep an answer to a comment, in place of an earlier one. Digests that quote the comment show it."""
    await tx.run(
        """insert into answer(comment_id, text, person_id, at) values(?,?,?,?)
           on conflict(comment_id) do update set text=excluded.text, person_id=excluded.person_id, at=excluded.at""",
        comment, text, await named(tx, by), micros(now),
    )  # fmt: skip
    await quotes_changed(tx, [comment], now)
    await comments_changed(tx, [comment], now)


async def take_back(tx: Tx, comment: int, now: datetime) -> bool:
    """Forget an answer; false if there was none."""
    await comments_changed(tx, [comment], now)
    gone = bool(await tx.run("delete from answer where comment_id=?", comment))
    if gone:
        await quotes_changed(tx, [comment], now)
    return gone


async def to_comments(db: Reader, comments: Collection[int]) -> dict[int, str]:
    """The answers to these comments, by comment."""
    if not comments:
        return {}
    numbers = sorted(comments)
    rows = await db.read(f"select comment_id, text from answer where comment_id in ({marks(len(numbers))})", *numbers)
    return {row["comment_id"]: row["text"] for row in rows}


async def of_comment(db: Reader, comment: int) -> Answer | None:
    """The answer to a comment."""
    rows = await db.read(
        """select a.*, coalesce(nullif(p.name, ''), p.account, '') as name
           from answer a join person p on p.id=a.person_id where a.comment_id=?""",
        comment,
    )
    return (
        Answer(comment=comment, text=rows[0]["text"], person=rows[0]["person_id"], name=rows[0]["name"])
        if rows
        else None
    )


async def forget(tx: Tx, person: int, now: datetime) -> None:
    """What somebody answered is taken back."""
    for row in await tx.read("select comment_id from answer where person_id=?", person):
        await take_back(tx, row["comment_id"], now)


async def of_piece(db: Reader, piece: int) -> dict[int, str]:
    """The answers to comments on a piece, by comment, oldest first."""
    rows = await db.read(
        """select a.comment_id, a.text from answer a join comment c on c.id=a.comment_id where c.piece_id=?
           order by a.comment_id""",
        piece,
    )
    return {row["comment_id"]: row["text"] for row in rows}


async def comments_changed(tx: Tx, comments: Collection[int], now: datetime) -> None:
    """Comments were hidden, shown, reworded or erased: pieces under which they are answered are looked at."""
    numbers = sorted(comments)
    for at in range(0, len(numbers), 400):
        some = numbers[at : at + 400]
        for row in await tx.read(
            f"""select distinct c.piece_id from answer a join comment c on c.id=a.comment_id
                where a.comment_id in ({marks(len(some))})""",
            *some,
        ):  # fmt: skip
            await subject_changed(tx, "piece", row["piece_id"], now)
