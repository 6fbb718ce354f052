"""The rules that hold comments back, and which comments they hold: in the transaction that takes these in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from core.holding import Kind, Rule, Said, held_for, reach
from core.times import micros, moment
from storage import acts, tickets
from storage.db import Reader, Row, Tx, marks
from storage.spots import chunks

MOST = 500  # comments of one person that are looked at, the newest
STATES = ("visible", "held")
"""Between which rules move a comment; the others are moderators' doing."""
Community = tuple[str, str]
"""Platform and community."""


async def rules(db: Reader, community: Community) -> list[Rule]:
    """The rules of a community, by kind."""
    rows = await db.read(
        "select * from hold_rule where platform=? and community=? order by kind, created_at, value", *community
    )
    return [Rule(kind=row["kind"], value=row["value"], since=moment(row["created_at"])) for row in rows]


async def add(tx: Tx, community: Community, kind: Kind, value: str, now: datetime) -> bool:
    """Set a rule; false if it is there. There is one flood rule at a time."""
    if kind == "flood":
        await tx.run(
            "delete from hold_rule where platform=? and community=? and kind=? and value <> ?", *community, kind, value
        )
    return bool(
        await tx.run(
            """insert into hold_rule(platform, community, kind, value, created_at) values(?,?,?,?,?)
               on conflict do nothing""",
            *community, kind, value, micros(now),
        )
    )  # fmt: skip


async def remove(tx: Tx, community: Community, kind: Kind, value: str | None) -> list[str]:
    """End a rule, or with no value all of a kind; gives the values. What they held stays held."""
    rows = await tx.read(
        """delete from hold_rule where platform=? and community=? and kind=? and (?=1 or value=?) returning value""",
        *community, kind, int(value is None), value or "",
    )  # fmt: skip
    return sorted(row["value"] for row in rows)


async def judge(tx: Tx, comments: Collection[int], now: datetime) -> list[int]:
    """Hold those of these new or reworded comments that a rule is for; gives all comments whose state changed.

    Others of the same people are judged again where the new ones matter for them, so that the order in which they were
    heard does not. What a moderator decided stays.
    """
    if not comments or await tx.one("select kind from hold_rule limit 1") is None:
        return []
    fresh: dict[tuple[Community, int], list[Row]] = defaultdict(list)
    for some in chunks(sorted(comments)):
        sql = f"""select c.id, c.person_id, c.at, pl.platform, pl.community from comment c
                  join place pl on pl.id=c.place_id where c.person_id is not null and c.id in ({marks(len(some))})"""
        for row in await tx.read(sql, *some):
            fresh[(row["platform"], row["community"]), row["person_id"]].append(row)
    known = {community: await rules(tx, community) for community, _ in fresh}
    changed: list[int] = []
    for (community, person), rows in fresh.items():
        if known[community]:
            changed += await _judge_person(tx, community, person, known[community], rows, now)
    return changed


async def _judge_person(
    tx: Tx, community: Community, person: int, valid: Sequence[Rule], fresh: Sequence[Row], now: datetime
) -> list[int]:
    theirs = """select c.id, c.piece_id, c.text, c.at, c.state, c.held_for, a.anchor from comment c
        join place pl on pl.id=c.place_id join anchor a on a.id=c.anchor_id
        where c.person_id=? and pl.platform=? and pl.community=?"""
    span = reach(valid) // timedelta(microseconds=1)
    since, until = min(row["at"] for row in fresh), max(row["at"] for row in fresh)
    near = await tx.read(
        f"{theirs} and (c.at between ? and ? or c.held_for='first') order by c.at desc, a.anchor desc limit ?",
        person, *community, since - span, until + span, MOST,
    )  # fmt: skip
    (oldest,) = await tx.read(f"{theirs} order by c.at, a.anchor limit 1", person, *community)
    said = {row["id"]: _said(row) for row in near}
    changed = []
    for row in near:
        if row["at"] < since and row["held_for"] != "first":
            continue  # what came later is nothing to it
        one = said[row["id"]]
        kind = held_for(valid, one, list(said.values()), first=row["id"] == oldest["id"])
        if (row["state"], row["held_for"]) == ("held" if kind else "visible", kind) or row["state"] not in STATES:
            continue
        if await acts.decided(tx, one.comment):
            continue
        await tx.run(
            "update comment set state=?, held_for=? where id=?", "held" if kind else "visible", kind, one.comment
        )
        if kind is None:
            await tickets.settle(tx, [one.comment], "shown", None, now)
        else:
            await tickets.hold(tx, row["piece_id"], one.comment, kind, now)
        changed.append(one.comment)
    return changed


def _said(row: Row) -> Said:
    return Said(comment=row["id"], text=row["text"], at=moment(row["at"]), order=(row["at"], row["anchor"]))
