"""Looking up what events name: messages, people and emoji by what platforms call them, many at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from core.chat import Person
from core.times import micros
from storage.db import Reader, Row, Tx, marks

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
    """Ids of people by (platform, account), made where new: as hashes, since nobody is shown who only reacts. The names
    of those who are shown follow what was told last.
    """
    named: dict[tuple[str, str], str] = {}
    for platform, person in people:
        named[platform, person.id] = person.name or named.get((platform, person.id), "")
    hashes = {pair: tx.whose(*pair) for pair in sorted(named)}
    found: dict[str, Row] = {}

    async def look() -> None:
        for some in chunks([hashed for hashed in hashes.values() if hashed not in found]):
            sql = f"select id, hash, name, account from person where hash in ({marks(len(some))})"
            found.update({row["hash"]: row for row in await tx.read(sql, *some)})

    await look()
    missing = [(hashed, pair[0]) for pair, hashed in hashes.items() if hashed not in found]
    if missing:
        await tx.many("insert into person(hash, platform) values(?,?) on conflict(hash) do nothing", missing)
        await look()
    people_found = {pair: found[hashed] for pair, hashed in hashes.items()}
    await tx.many(
        "update person set name=? where id=?",
        [
            (named[pair], row["id"])
            for pair, row in people_found.items()
            if row["account"] is not None and named[pair] not in ("", row["name"])
        ],
    )
    return {pair: row["id"] for pair, row in people_found.items()}


async def name_people(tx: Tx, people: Mapping[int, Person]) -> None:
    """These are shown from now on, with what they said: keep who they are."""
    await tx.many(
        "update person set account=?1, name=?2 where id=?3 and account is null",
        [(person.id, person.name, number) for number, person in people.items()],
    )


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
        await tx.many("insert into emoji(name) values(?) on conflict(name) do nothing", missing)
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


async def unpark(tx: Tx, spots: Collection[Spot]) -> None:
    """Give events that came before these messages were known back to the journal."""
    if await tx.one("select 1 as some from parked limit 1") is None:
        return
    for some in chunks(sorted(spots)):
        rows = await tx.read(
            f"select * from parked where anchor in ({marks(len(some))}) order by id", *(anchor for _, _, anchor in some)
        )
        known = [row for row in rows if (row["platform"], row["channel"], row["anchor"]) in spots]
        await tx.many("insert into heard(body) values(?)", [(row["body"],) for row in known])
        await tx.many("delete from parked where id=?", [(row["id"],) for row in known])
