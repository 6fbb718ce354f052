"""Two pieces that are the same article become one record with both discussions. For good: whose was what is lost."""

from __future__ import annotations

from datetime import datetime

from core.pieces import Piece
from core.times import micros
from storage import counts
from storage.db import Reader, Tx, marks
from storage.places import wake_lanes
from storage.postings import subject_changed


async def into(db: Reader, number: int) -> int | None:
    """The piece that a piece was merged into."""
    rows = await db.read("select into_id from merged where piece_id=?", number)
    return int(rows[0]["into_id"]) if rows else None


async def merge(tx: Tx, gone: Piece, kept: Piece, now: datetime) -> int:
    """All that was said of `gone` was said of `kept`; where only `gone` stood, `kept` stands. Gives how many comments
    moved. `gone` itself stays as it is: who calls sets its state.
    """
    await tx.run("update merged set into_id=? where into_id=?", kept.number, gone.number)
    await tx.run("insert into merged(piece_id, into_id) values(?,?)", gone.number, kept.number)
    sections = [section.key for section in kept.outline.sections()]
    for table in ("anchor", "comment"):  # a section that `kept` has not was of the piece as a whole
        await tx.run(
            f"""update {table} set piece_id=?, section=case when section in ({marks(len(sections))}) then section end
                where piece_id=?""",
            kept.number, *sections, gone.number,
        )  # fmt: skip
    await _move_reactions(tx, gone.number, kept.number)
    for table in ("item", "ticket", "comment_score"):
        await tx.run(f"update {table} set piece_id=? where piece_id=?", kept.number, gone.number)
    await tx.run("update piece set link_key=null where id=?", gone.number)  # by its address, `kept` is found
    await tx.run(
        """insert into piece_topic(topic_id, piece_id, added_by)
           select topic_id, cast(? as bigint), added_by from piece_topic where piece_id=?
             and topic_id not in (select topic_id from topic_off where piece_id=?) on conflict do nothing""",
        kept.number, gone.number, kept.number,
    )  # fmt: skip
    await tx.run("delete from related where piece_id=? or other_id=?", gone.number, gone.number)
    await _move_postings(tx, gone.number, kept.number, now)
    for number in (gone.number, kept.number):
        await subject_changed(tx, "piece", number, now)
    row = await tx.one("select count(*) as n from comment where piece_id=? and state <> 'erased'", kept.number)
    assert row is not None
    return int(row["n"])


async def _move_reactions(tx: Tx, gone: int, kept: int) -> None:
    """Rows and counts. Of somebody's two stances the later counts, as if both had been on one piece."""
    await tx.run("update reaction set piece_id=? where piece_id=?", kept, gone)
    rows = await tx.read(
        """select g.person_id, g.stance, g.at, k.stance as other, k.at as other_at from stance g
           left join stance k on k.piece_id=? and k.person_id=g.person_id where g.piece_id=?""",
        kept, gone,
    )  # fmt: skip
    await counts.move(tx, gone, kept)
    for row in rows:
        mine = (row["at"], row["stance"])
        other = None if row["other"] is None else (row["other_at"], row["other"])
        if other is not None:
            at, stance = min(mine, other)
            await counts.add(tx, "stance", {(kept, at, stance): -1})
        at, stance = max(mine, other or mine)
        await tx.run(
            """insert into stance(piece_id, person_id, stance, at) values(?,?,?,?)
               on conflict(piece_id, person_id) do update set stance=excluded.stance, at=excluded.at""",
            kept, row["person_id"], stance, at,
        )  # fmt: skip
    await tx.run("delete from stance where piece_id=?", gone)


async def _move_postings(tx: Tx, gone: int, kept: int, now: datetime) -> None:
    """Where `kept` has no posting it takes that of `gone`, unless the outcome of a request is not known yet."""
    rows = await tx.read(
        """update posting set subject_id=?, revision=revision+1, changed_at=?,
               due_at=case when state='done' then ? else due_at end,
               state=case when state='done' then 'due' else state end
           where subject='piece' and subject_id=?
             and place_id not in (select place_id from posting where subject='piece' and subject_id=?)
             and not exists(select 1 from leaf where posting_id=posting.id and doing is not null)
           returning place_id""",
        kept, micros(now), micros(now), gone, kept,
    )  # fmt: skip
    await wake_lanes(tx, [row["place_id"] for row in rows], micros(now))
