"""What moderators did and readers reported: append-only (the database refuses anything else), one row an act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.times import micros, moment
from storage.db import Reader, Row, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act; `number` counts up. `target` is `#12` for a piece, `comment 12`, `topic KEY`, `rules …`."""

    number: int
    at: datetime
    actor: str
    act: str
    target: str
    before: str
    after: str
    reason: str

    @property
    def name(self) -> str:
        """Who did it, by name if one is known."""
        return self.actor.partition(" (")[2].removesuffix(")") or self.actor

    @property
    def aspect(self) -> str:
        """What of its target it changes: acts of other aspects leave that alone."""
        act = self.act.removeprefix(UNDO)
        if act == "feature" and self.target.startswith("comment "):
            return "state"
        return ASPECTS.get(act, act)


UNDO = "undo "
"""Before the name of an act: that it was taken back."""
ASPECTS = {
    **dict.fromkeys(("hide", "show"), "state"),
    **dict.fromkeys(("retract", "restore", "approve", "schedule", "reject", "merge"), "life"),
}
"""Acts that change the same thing; any other act changes only what it is named after."""


async def record(
    tx: Tx, *, actor: str, act: str, target: str, before: str = "", after: str = "", reason: str = "", now: datetime
) -> int:
    """Write an act down, in the transaction that carries it out; gives its number."""
    row = await tx.one(
        "insert into act(at, actor, act, target, before, after, reason) values(?,?,?,?,?,?,?) returning id",
        micros(now), actor, act, target, before, after, reason,
    )  # fmt: skip
    assert row is not None
    return int(row["id"])


async def act(db: Reader, number: int) -> Act | None:
    """One act."""
    rows = await db.read("select * from act where id=?", number)
    return _act(rows[0]) if rows else None


async def acts(db: Reader, target: str | None = None, actor: str | None = None, limit: int = 20) -> list[Act]:
    """The newest acts; of one target, or by whom has this in their name."""
    where = "target=?" if target else "1=1"
    args = (target,) if target else ()
    rows = await db.read(
        f"select * from act where {where} and (?='' or instr(actor, ?) > 0) order by id desc limit ?",
        *args, actor or "", actor or "", limit,
    )  # fmt: skip
    return [_act(row) for row in rows]


async def last(db: Reader, target: str, aspect: str) -> Act | None:
    """The newest act that changed this of a target."""
    rows = await db.read("select * from act where target=? order by id desc", target)
    return next((one for one in map(_act, rows) if one.aspect == aspect), None)


async def decided(db: Reader, comment: int) -> bool:
    """Whether a moderator said what is to become of a comment: rules then leave it alone."""
    return await last(db, f"comment {comment}", "state") is not None


def _act(row: Row) -> Act:
    return Act(
        number=row["id"],
        at=moment(row["at"]),
        actor=row["actor"],
        act=row["act"],
        target=row["target"],
        before=row["before"],
        after=row["after"],
        reason=row["reason"],
    )
