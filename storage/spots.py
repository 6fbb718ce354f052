"""Looking up what events name: messages, people and emoji by what platforms call them, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from core.chat import Person
from core.times import micros
from storage.db import Reader, Tx, marks

T = TypeVar("T")
PARK = 24 * 3600 * 1_000_000  # µs an event on an unknown message waits for it
CHUNK = 400  # values in one IN list


@dataclass(slots=True)
class Folded:
    """What a fold did. `pieces` had something change; `moved`: a channel has another id now."""

    events: int = 0
    parked: int = 0
    dropped: int = 0
    moved: bool = False
    pieces: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Anchor:
    id: int
    place: int
    piece: int | None
    section: str | None
    leaf: int | None
    comment: int | None


Spot = tuple[str, str, str]  # platform, channel, anchor


def chunks(values: Sequence[T]) -> Iterable[Sequence[T]]:
    """Values in runs that fit into one IN list."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


async def anchors_at(db: Reader, spots: Iterable[Spot]) -> dict[Spot, Anchor]:
    wanted = set(spots)
    names = sorted({anchor for _, _, anchor in wanted})
    found: dict[Spot, Anchor] = {}
    for some in chunks(names):
        for row in await db.read(f"select * from anchor where anchor in ({marks(len(some))})", *some):
            spot = (row["platform"], row["channel"], row["anchor"])
            if spot in wanted:
                found[spot] = Anchor(
                    row["id"], row["place_id"], row["piece_id"], row["section"], row["leaf_id"], row["comment_id"]
                )
    return found


async def people_ids(tx: Tx, people: Iterable[tuple[str, Person]]) -> dict[tuple[str, str], int]:
    """Ids of people by (platform, account), made where new. Names follow what was told last."""
    named: dict[tuple[str, str], str] = {}
    for platform, person in people:
        named[platform, person.id] = person.name or named.get((platform, person.id), "")
    renamed: dict[int, str] = {}
    found: dict[tuple[str, str], int] = {}
    accounts = sorted({account for _, account in named})

    async def look() -> None:
        for some in chunks(accounts):
            sql = f"select id, platform, account, name from person where account in ({marks(len(some))})"
            for row in await tx.read(sql, *some):
                key = (row["platform"], row["account"])
                if key in named:
                    found[key] = row["id"]
                    if named[key] and named[key] != row["name"]:
                        renamed[row["id"]] = named[key]

    await look()
    missing = [
        (platform, account, named[platform, account]) for platform, account in named if (platform, account) not in found
    ]
    if missing:
        await tx.many("insert into person(platform, account, name) values(?,?,?) on conflict do nothing", missing)
        await look()
    if renamed:
        await tx.many("update person set name=? where id=?", [(name, number) for number, name in renamed.items()])
    return found


async def emoji_ids(tx: Tx, names: Iterable[str]) -> dict[str, int]:
    wanted = sorted(set(names))
    found: dict[str, int] = {}

    async def look() -> None:
        for some in chunks(wanted):
            for row in await tx.read(f"select id, name from emoji where name in ({marks(len(some))})", *some):
                found[row["name"]] = row["id"]

    await look()
    missing = [(name,) for name in wanted if name not in found]
    if missing:
        await tx.many("insert into emoji(name) values(?) on conflict do nothing", missing)
        await look()
    return found


async def park(tx: Tx, spot: Spot, body: str, now: datetime, done: Folded) -> None:
    """Keep an event whose message is not known yet; a send in flight makes it known within seconds."""
    platform, channel, anchor = spot
    done.parked += 1
    await tx.run(
        "insert into parked(anchor, channel, platform, body, until) values(?,?,?,?,?)",
        anchor, channel, platform, body, micros(now) + PARK,
    )  # fmt: skip
