"""What moderators did and readers reported: append-only (the database refuses anything else), one row an act.

What of it is a person's stands beside it (`act_of`) and goes when they are forgotten: who it was, and what they wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.times import micros, moment
from storage.db import Reader, Row, Tx, marks
from storage.readers import Who, named


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act; `number` counts up. `target` is `#12` for a piece, `comment 12`, `topic KEY`, `rules …`.

    `actor` is `platform:account (name)` and `name` the name, as they are known now; both empty of who is not known.
    """

    number: int
    at: datetime
    actor: str
    name: str
    act: str
    target: str
    before: str
    after: str
    reason: str

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


_ACT = """select act.id, act.at, act.act, act.target, act.before || coalesce(o.before, '') as before,
        act.after || coalesce(o.after, '') as after, coalesce(o.reason, '') as reason, p.platform, p.account, p.name
    from act left join act_of o on o.act_id=act.id left join person p on p.id=o.person_id"""

_NAMED = "(p.platform || ':' || p.account || ' (' || p.name || ')')"


async def record(
    tx: Tx,
    *,
    actor: Who | None,
    act: str,
    target: str,
    before: str = "",
    after: str = "",
    reason: str = "",
    words: bool = False,
    now: datetime,
) -> int:
    """Write an act down, in the transaction that carries it out; gives its number. No `actor`: it is nobody's business.

    `words`: before and after are what somebody wrote, not states or names.
    """
    own, theirs = (("", ""), (before, after)) if words else ((before, after), ("", ""))
    row = await tx.one(
        "insert into act(at, act, target, before, after) values(?,?,?,?,?) returning id",
        micros(now), act, target, *own,
    )  # fmt: skip
    assert row is not None
    await tx.run(
        "insert into act_of(act_id, person_id, before, after, reason) values(?,?,?,?,?)",
        row["id"], None if actor is None else await named(tx, actor), *theirs, reason,
    )  # fmt: skip
    return int(row["id"])


async def erase_words(tx: Tx, target: str) -> None:
    """What was written about this is gone: reasons may quote it, answers answer it."""
    await tx.run(
        "update act_of set before='', after='', reason='' where act_id in (select id from act where target=?)", target
    )


async def forget(tx: Tx, person: int) -> set[str]:
    """What somebody did stays, without them and without their words; gives the targets of it."""
    rows = await tx.read(
        "select distinct target from act where id in (select act_id from act_of where person_id=?)", person
    )
    await tx.run("delete from act_of where person_id=?", person)
    return {row["target"] for row in rows}


async def act(db: Reader, number: int) -> Act | None:
    """One act."""
    rows = await db.read(f"{_ACT} where act.id=?", number)
    return _act(rows[0]) if rows else None


async def acts(db: Reader, target: str | None = None, actor: str | None = None, limit: int = 20) -> list[Act]:
    """The newest acts; of one target, or by whom has this in their name."""
    conditions, args = [], []
    if target:
        conditions, args = ["act.target=?"], [target]
    if actor:
        conditions.append(f"replace({_NAMED}, ?, '') <> {_NAMED}")
        args.append(actor)
    rows = await db.read(
        f"{_ACT} where {' and '.join(conditions) or 'true'} order by act.id desc limit ?", *args, limit
    )
    return [_act(row) for row in rows]


async def last(db: Reader, target: str, aspect: str) -> Act | None:
    """The newest act that changed this of a target."""
    rows = await db.read(f"{_ACT} where act.target=? order by act.id desc", target)
    return next((one for one in map(_act, rows) if one.aspect == aspect), None)


async def last_of(db: Reader, target: str, names: Sequence[str]) -> Act | None:
    """The newest of a target's acts that have one of these names."""
    rows = await db.read(
        f"{_ACT} where act.target=? and act.act in ({marks(len(names))}) order by act.id desc limit 1", target, *names
    )
    return _act(rows[0]) if rows else None


async def decided(db: Reader, comment: int) -> bool:
    """Whether a moderator said what is to become of a comment: rules then leave it alone."""
    return await last(db, f"comment {comment}", "state") is not None


def _act(row: Row) -> Act:
    known = row["account"] is not None
    return Act(
        number=row["id"],
        at=moment(row["at"]),
        actor=f"{row['platform']}:{row['account']}" + (f" ({row['name']})" if row["name"] else "") if known else "",
        name=(row["name"] or row["account"]) if known else "",
        act=row["act"],
        target=row["target"],
        before=row["before"],
        after=row["after"],
        reason=row["reason"],
    )
