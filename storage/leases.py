"""Who does what where several processes run over one database: leases on numbered parts of each role.

The clock is the database's, the same for all. A unit decides, so two never get the same part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.chat import Place
from storage.db import Db, Reader, Tx, marks

Parts = set[tuple[str, int]]
"""Roles with the numbers of their parts."""


@dataclass(frozen=True, slots=True)
class Share:
    """The parts of a role that this process has, of `of` that there are."""

    of: int = 1
    mine: tuple[int, ...] = ()

    @property
    def part(self) -> float:
        """How much of the whole it is."""
        return len(self.mine) / self.of


async def beat(db: Db, owner: str, sizes: Mapping[str, int], lease: int) -> tuple[Parts, Parts]:
    """Renew what is ours and take of what is free as much as is fair, for `lease` microseconds; gives (what we have,
    what of it is more than fair, to be given back once nobody works on it).

    `sizes`: the number of parts of each role. Fair is an equal number of parts for each process that lives.
    """

    async def work(tx: Tx) -> tuple[Parts, Parts]:
        now = await _now(tx)
        for dead in await tx.read("delete from process where until < ? returning owner", now):
            await free_lanes(tx, dead["owner"])
        await tx.run(
            "insert into process(owner, until) values(?,?) on conflict(owner) do update set until=excluded.until",
            owner, now + lease,
        )  # fmt: skip
        living = (await tx.read("select count(*) as n from process"))[0]["n"]
        wanted = [(role, part) for role, size in sizes.items() for part in range(size)]
        await tx.run("delete from lease where until < ?", now)
        rows = await tx.read("select role, part, owner from lease")
        held = {(row["role"], row["part"]): row["owner"] for row in rows}
        mine = [one for one in wanted if held.get(one) == owner]
        fair = -(-len(wanted) // living)
        free = [one for one in wanted if one not in held][: max(0, fair - len(mine))]
        await tx.many(
            """insert into lease(role, part, owner, until) values(?,?,?,?)
               on conflict(role, part) do update set owner=excluded.owner, until=excluded.until""",
            [(*one, owner, now + lease) for one in sorted([*mine, *free])],
        )
        return {*mine, *free}, set(mine[fair:])

    return await db.write(work)


async def give_back(db: Db, owner: str, parts: Collection[tuple[str, int]], *, leaving: bool = False) -> None:
    """These are free for others now; `leaving`: the process counts no more."""

    async def work(tx: Tx) -> None:
        await tx.many("delete from lease where role=? and part=? and owner=?", [(*one, owner) for one in sorted(parts)])
        if leaving:
            await tx.run("delete from process where owner=?", owner)
            await free_lanes(tx, owner)

    await db.write(work)


async def _now(tx: Tx) -> int:
    rows = await tx.read(f"select {tx.dialect.now} as now")
    return int(rows[0]["now"])


async def free_lanes(tx: Tx, owner: str) -> None:
    """Nobody works on these places any more. What was being sent there is still in doubt, as their leaves say."""
    await tx.run("update place set lease_until=0, owner=null where owner=?", owner)


def among(column: str, share: Share | None) -> tuple[str, tuple[int, ...]]:
    """A condition, to go behind others, by which rows fall to a share by a whole number, and its values."""
    if share is None:
        return "", ()
    return f"and {column} % ? in ({marks(len(share.mine))})", (share.of, *share.mine)


def places_of(shares: Mapping[str, Share] | None) -> tuple[str, tuple[str | int, ...]]:
    """The same for places, each with its platform's share: those of one community stay together, by the rule of Discord
    for its shards.
    """
    if shares is None:
        return "", ()
    one = """platform=? and case when platform='discord' and community<>''
        then (cast(community as bigint) >> 22) % cast(? as bigint) else 0 end in ({})"""
    conditions = [one.format(marks(len(share.mine))) for share in shares.values()]
    args: list[str | int] = []
    for platform, share in shares.items():
        args += [platform, share.of, *share.mine]
    return f"and ({' or '.join(f'({one})' for one in conditions) or '1=0'})", tuple(args)


def falls(place: Place, share: Share | None) -> bool:
    """Whether a place is of a share, as `places_of` has it."""
    if share is None:
        return True
    spread = place.platform == "discord" and place.community
    return (int(place.community) >> 22) % share.of in share.mine if spread else 0 in share.mine


async def owners(db: Reader) -> dict[str, list[str]]:
    """What each process that lives does, for people."""
    rows = await db.read(
        f"""select p.owner, l.role, l.part from process p left join lease l on l.owner=p.owner
           where p.until >= {db.dialect.now} order by p.owner, l.role, l.part"""
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["owner"], [])
        if row["role"] is not None:
            found[row["owner"]].append(f"{row['role']}/{row['part']}")
    return found
