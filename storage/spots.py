"""Looking up what events name: messages, people and emoji by what platforms call them, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    """Ids of people by (platform, account), made where new: as hashes, since nobody is shown who only reacts. The names
    of those who are shown follow what was told last.
    """
    named: dict[tuple[str, str], str] = {}
    for platform, person in people:
        named[platform, person.id] = person.name or named.get((platform, person.id), "")
    found: dict[tuple[str, str], int] = {}
    renamed: list[tuple[str, int]] = []

    async def look(accounts: Sequence[tuple[str, str]]) -> None:
        for some in chunks(accounts):
            values = ",".join(["(?,?)"] * len(some))
            for row in await tx.read(
                f"""select p.id, p.name, p.account is not null as shown, v.column1 as platform, v.column2 as account
                    from (values {values}) v cross join person p on p.hash=whose(v.column1, v.column2)""",
                *(part for pair in some for part in pair),
            ):
                found[row["platform"], row["account"]] = row["id"]
                name = named[row["platform"], row["account"]]
                if row["shown"] and name and name != row["name"]:
                    renamed.append((name, row["id"]))

    await look(sorted(named))
    missing = [pair for pair in sorted(named) if pair not in found]
    if missing:
        await tx.many("insert into person(hash, platform) values(whose(?1, ?2), ?1) on conflict do nothing", missing)
        await look(missing)
    await tx.many("update person set name=? where id=?", renamed)
    return found


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
