"""Places: the channels of the publication. A place's row is also its lane, see `storage.lanes`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from core.chat import Place
from core.errors import Refusal
from core.placing import REMOVED
from core.times import micros
from storage.db import Db, Reader, Row, Tx, marks

_STANDS = f"coalesce(paused, '') <> '{REMOVED}'"


def from_row(row: Row) -> Place:
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
    found = [from_row(row) for row in await db.read("select * from place order by id")]
    return [replace(one, former=tuple(former.get((one.platform, one.channel), ()))) for one in found]


async def in_tx(tx: Tx) -> list[Place]:
    """Every place that takes new pieces, as of this transaction."""
    return [from_row(row) for row in await tx.read(f"select * from place where {_STANDS} order by id")]


async def by_id(db: Reader, number: int) -> Place | None:
    """A place by its number."""
    rows = await db.read("select * from place where id=?", number)
    return from_row(rows[0]) if rows else None


async def place_at(db: Db, platform: str, channel: str) -> Place | None:
    rows = await db.read("select * from place where platform=? and channel=?", platform, channel)
    return from_row(rows[0]) if rows else None


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
    return from_row(rows[0])


async def change(tx: Tx, address: tuple[str, str], **changes: object) -> Place:
    """Set columns of a place. Refusal if there is no such place."""
    columns = ", ".join(f"{name}=?" for name in changes)
    if "paused" in changes:  # somebody decided, so what was said there is not purged for the bot's being away
        columns += ", left_at=null"
    rows = await tx.read(
        f"update place set {columns} where platform=? and channel=? and {_STANDS} returning *",
        *changes.values(), *address,
    )  # fmt: skip
    if not rows:
        raise Refusal(f"{address[0]}:{address[1]} is no place: `rondan place list` shows what there is")
    return from_row(rows[0])


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


async def wake_lanes(tx: Tx, place_ids: Iterable[int], due: int) -> None:
    """Make lanes due not later than `due`."""
    await tx.many(
        "update place set due_at=case when due_at is null or due_at > ? then ? else due_at end where id=?",
        [(due, due, place_id) for place_id in place_ids],
    )
