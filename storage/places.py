"""Places: the channels of the publication. A place's row is also its lane: when it is due, and who works on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from core.chat import Place
from core.errors import Refusal
from core.placing import REMOVED
from core.times import micros
from storage.db import Db, Reader, Row, Tx, marks
from storage.leases import Share, places_of

_STANDS = f"coalesce(paused, '') <> '{REMOVED}'"


def _place(row: Row) -> Place:
    return Place(
        id=row["id"],
        platform=row["platform"],
        channel=row["channel"],
        name=row["name"],
        community=row["community"],
        layout=row["layout"],
        language=row["language"],
        zone=row["zone"],
        filter=row["filter"],
        quiet=(row["quiet_from"], row["quiet_to"]) if row["quiet_from"] else None,
        cap=row["cap"],
        mention=row["mention"],
        review=bool(row["review"]),
        moderators=tuple(row["moderators"].split()),
        paused=row["paused"],
    )


async def all_places(db: Reader) -> list[Place]:
    """Every place, oldest first, with the ids that its channel had."""
    former: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in await db.read("select platform, channel, former from moved order by at"):
        former[row["platform"], row["channel"]].append(row["former"])
    found = [_place(row) for row in await db.read("select * from place order by id")]
    return [replace(one, former=tuple(former.get((one.platform, one.channel), ()))) for one in found]


async def in_tx(tx: Tx) -> list[Place]:
    """Every place that takes new pieces, as of this transaction."""
    return [_place(row) for row in await tx.read(f"select * from place where {_STANDS} order by id")]


async def by_id(db: Reader, number: int) -> Place | None:
    """A place by its number."""
    rows = await db.read("select * from place where id=?", number)
    return _place(rows[0]) if rows else None


async def place_at(db: Db, platform: str, channel: str) -> Place | None:
    rows = await db.read("select * from place where platform=? and channel=?", platform, channel)
    return _place(rows[0]) if rows else None


async def moderated(db: Reader, platform: str, community: str, ids: Collection[str]) -> frozenset[int]:
    """The places of a community that name any of these ids as a moderator of theirs, as of now."""
    rows = await db.read(
        f"select id, moderators from place where platform=? and community=? and moderators <> '' and {_STANDS}",
        platform, community,
    )  # fmt: skip
    return frozenset(row["id"] for row in rows if not set(ids).isdisjoint(row["moderators"].split()))


async def add_place(db: Db, place: Place, audience: str, now: datetime) -> Place:
    """Keep a new place (`place.id` is ignored). Refusal if that channel is a place already."""
    return await db.write(lambda tx: add(tx, place, audience, now))


async def add(tx: Tx, place: Place, audience: str, now: datetime) -> Place:
    """The same within a transaction. A place that was removed stands again, with these settings and what it showed."""
    names = (
        "platform", "channel", "name", "community", "layout", "language", "zone", "filter", "quiet_from", "quiet_to",
        "cap", "mention", "review", "moderators", "audience", "created_at",
    )  # fmt: skip
    rows = await tx.read(
        f"""insert into place({", ".join(names)}) values({marks(len(names))})
            on conflict(platform, channel) do update
            set {", ".join(f"{name}=excluded.{name}" for name in names[2:])}, paused=null
            where place.paused=? returning *""",
        place.platform, place.channel, place.name, place.community, place.layout, place.language, place.zone,
        place.filter, *(place.quiet or (None, None)), place.cap, place.mention, int(place.review),
        " ".join(place.moderators), audience, micros(now), REMOVED,
    )  # fmt: skip
    if not rows:
        raise Refusal(
            f"{place.address} is a place already: `rondan place list` shows it, `rondan place set` changes it"
        )
    await tx.run(  # what waited there when it was removed is not news any more
        """update posting set state='skipped', reason='the place was removed then', due_at=null, changed_at=?
           where place_id=? and due_at is not null
             and not exists(select 1 from leaf l where l.posting_id=posting.id)""",
        micros(now), rows[0]["id"],
    )  # fmt: skip
    return _place(rows[0])


async def change_place(db: Db, address: tuple[str, str], **changes: object) -> Place:
    """Set columns of a place. Refusal if there is no such place."""
    return await db.write(lambda tx: change(tx, address, **changes))


async def change(tx: Tx, address: tuple[str, str], **changes: object) -> Place:
    """The same within a transaction."""
    columns = ", ".join(f"{name}=?" for name in changes)
    if "paused" in changes:  # somebody decided, so what was said there is not purged for the bot's being away
        columns += ", left_at=null"
    rows = await tx.read(
        f"update place set {columns} where platform=? and channel=? and {_STANDS} returning *",
        *changes.values(), *address,
    )  # fmt: skip
    if not rows:
        raise Refusal(f"{address[0]}:{address[1]} is no place: `rondan place list` shows what there is")
    return _place(rows[0])


async def remove(tx: Tx, place: int, now: datetime) -> bool:
    """Take a place away. True if nothing is left of it; false if it showed something: that stays, nothing new comes.

    A place that is being worked on, or that a source is limited to, is kept as removed too: without it the source would
    post everywhere.
    """
    await tx.run("delete from schedule where place_id=?", place)
    kept = await tx.one(
        """select 1 as kept from place p where p.id=? and (p.lease_until > ?
             or exists(select 1 from anchor where place_id=p.id)
             or exists(select 1 from source_place where place_id=p.id)
             or exists(select 1 from leaf l join posting o on o.id=l.posting_id where o.place_id=p.id))""",
        place, micros(now),
    )  # fmt: skip
    if kept is not None:
        await tx.run("update place set paused=? where id=?", REMOVED, place)
        return False
    await tx.run("delete from catchup_piece where catchup_id in (select id from catchup where place_id=?)", place)
    await tx.run("delete from catchup where place_id=?", place)
    await tx.run("delete from posting where place_id=?", place)
    await tx.run("delete from place where id=?", place)
    return True


async def pause(tx: Tx, place: Place, reason: str) -> bool:
    """Stop a place with a reason; true the first time, so that an admin is told once. Not if its channel has another
    id by now: the reason was of the old one.
    """
    return bool(
        await tx.run(
            "update place set paused=? where id=? and channel=? and paused is null", reason, place.id, place.channel
        )
    )


# --- lanes ---


async def claim_lanes(
    db: Db, owner: str, now: datetime, lease: int, limit: int, shares: Mapping[str, Share] | None = None
) -> list[Place]:
    """Take up to `limit` places that are due and that nobody works on, most overdue first. `lease` in microseconds.
    Only those of our shares, by platform.
    """
    at = micros(now)
    ours, parts = places_of(shares)

    async def work(tx: Tx) -> list[Place]:
        rows = await tx.read(
            f"""update place set lease_until=?, owner=? where id in (
                    select id from place where due_at <= ? and lease_until <= ? and paused is null {ours}
                    order by due_at limit ? {db.dialect.claim})
                returning *""",
            at + lease, owner, at, at, *parts, limit,
        )  # fmt: skip
        return [_place(row) for row in rows]

    return await db.write(work)


async def release_lane(tx: Tx, place_id: int, owner: str) -> None:
    """Give a lane back; it is due again when its earliest open posting is."""
    await tx.run(
        """update place set lease_until=0, owner=null,
               due_at=(select min(due_at) from posting where place_id=place.id and due_at is not null)
           where id=? and owner=?""",
        place_id, owner,
    )  # fmt: skip


async def postpone_lane(tx: Tx, place_id: int, until: datetime) -> None:
    """Give a lane back and leave it alone for a while, whatever is due there."""
    await tx.run("update place set lease_until=0, owner=null, due_at=? where id=?", micros(until), place_id)


async def free_lanes(db: Db) -> None:
    """Forget every lease: called once at start by the process that owns the database."""
    await db.write(lambda tx: tx.run("update place set lease_until=0, owner=null where owner is not null"))


async def wake_lanes(tx: Tx, place_ids: Iterable[int], due: int) -> None:
    """Make lanes due not later than `due`."""
    await tx.many(
        "update place set due_at=case when due_at is null or due_at > ? then ? else due_at end where id=?",
        [(due, due, place_id) for place_id in place_ids],
    )


async def next_due(db: Db, shares: Mapping[str, Share] | None = None) -> int | None:
    """When the next lane that runs is due, in microseconds."""
    ours, parts = places_of(shares)
    rows = await db.read(f"select min(due_at) as due from place where paused is null and lease_until=0 {ours}", *parts)
    due: int | None = rows[0]["due"]
    return due
