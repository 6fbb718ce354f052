"""Corrections: what a revision changed, for readers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from core.pieces import Changed, Correction, Outline, outline_from_json
from core.times import micros, moment
from storage.db import Reader, Tx, marks


async def keep(tx: Tx, number: int, revision: int, *, note: str, changes: Sequence[Changed], now: datetime) -> None:
    """What a revision of a piece changed; said again, the new note and changes count, and the first time stays."""
    await tx.run(
        """insert into correction(piece_id, revision, at, note, changes) values(?,?,?,?,?)
           on conflict(piece_id, revision) do update set note=excluded.note, changes=excluded.changes""",
        number, revision, micros(now), note,
        json.dumps([[one.before, one.after] for one in changes], ensure_ascii=False),
    )  # fmt: skip
    if note:
        await tx.run("update revision set reason=? where piece_id=? and number=?", note, number, revision)


async def drop(tx: Tx, number: int, revision: int) -> bool:
    """It is no correction; false if it was none."""
    await tx.run(
        "update revision set reason='source edited' where piece_id=? and number=? and number > 1", number, revision
    )
    return bool(await tx.run("delete from correction where piece_id=? and revision=?", number, revision))


async def of(db: Reader, numbers: Sequence[int]) -> dict[int, list[Correction]]:
    """The corrections of pieces, newest first."""
    found: dict[int, list[Correction]] = {}
    for start in range(0, len(numbers), 500):
        some = numbers[start : start + 500]
        rows = await db.read(
            f"select * from correction where piece_id in ({marks(len(some))}) order by piece_id, revision desc", *some
        )
        for row in rows:
            changes = tuple(Changed(before=before, after=after) for before, after in json.loads(row["changes"]))
            one = Correction(at=moment(row["at"]), note=row["note"], changes=changes)
            found.setdefault(row["piece_id"], []).append(one)
    return found


async def wordings(db: Reader, number: int) -> list[tuple[int, Outline]]:
    """The last two wordings of a piece with the numbers of their revisions, the newest first."""
    rows = await db.read("select number, outline from revision where piece_id=? order by number desc limit 2", number)
    return [(row["number"], outline_from_json(json.loads(row["outline"]))) for row in rows]
