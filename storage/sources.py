"""Sources: feeds, folders and files, what was seen of each, and how a feed is doing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.errors import Refusal
from core.pieces import TextMode
from core.times import micros, moment
from storage.db import Db, Reader, Row, Tx, marks
from storage.indexing import index_piece
from storage.leases import Share, among
from storage.pieces import piece
from storage.postings import subject_changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source. Validators are kept verbatim; `baseline` is when its first items were marked as seen without posting.

    `places` limits it to some places (none: all). `held` counts its pieces that wait for a moderator. `doubted`: what
    it shows as new may have been posted since then, before a copy was brought back.
    """

    id: int
    kind: str
    address: str
    title: str
    text_mode: TextMode
    review: bool
    paused: str | None
    etag: str | None
    modified: str | None
    body_hash: str | None
    baseline: datetime | None
    next_check: datetime | None
    checked: datetime | None
    failures: int
    error_code: str | None
    error: str | None
    held: int
    doubted: datetime | None


def _when(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


def _source(row: Row) -> Source:
    return Source(
        id=row["id"],
        kind=row["kind"],
        address=row["address"],
        title=row["title"],
        text_mode=row["text_mode"],
        review=bool(row["review"]),
        paused=row["paused"],
        etag=row["etag"],
        modified=row["modified"],
        body_hash=row["body_hash"],
        baseline=_when(row["baseline_at"]),
        next_check=_when(row["next_check_at"]),
        checked=_when(row["checked_at"]),
        failures=row["failures"],
        error_code=row["error_code"],
        error=row["error"],
        held=row["held"],
        doubted=_when(row["doubted_at"]),
    )


async def sources(db: Reader, kind: str | None = None) -> list[Source]:
    where, args = ("where kind=?", (kind,)) if kind else ("", ())
    return [_source(row) for row in await db.read(f"select * from source {where} order by id", *args)]


async def source_at(db: Reader, address: str) -> Source | None:
    rows = await db.read("select * from source where address=?", address)
    return _source(rows[0]) if rows else None


async def source(db: Reader, number: int) -> Source:
    rows = await db.read("select * from source where id=?", number)
    return _source(rows[0])


@dataclass(frozen=True, slots=True)
class Pollable:
    """A feed with all that a poll has to know of it. `weekly`: how many pieces it brought in the last week."""

    feed: Source
    weekly: int


_POLLABLE = "select *, (select count(*) from piece where source_id=source.id and found_at >= ?) as weekly from source"


def _week_ago(now: datetime) -> int:
    return micros(now) - 7 * 86400 * 1_000_000


async def due_feeds(
    db: Reader, now: datetime, limit: int, *, busy: Collection[int] = (), share: Share | None = None
) -> list[Pollable]:
    """Feeds that are to be polled, most overdue first; without those that are `busy`."""
    idle = f"and id not in ({marks(len(busy))})" if busy else ""
    ours, parts = among("id", share)
    rows = await db.read(
        f"""{_POLLABLE} where kind='feed' and paused is null and next_check_at <= ? {idle} {ours}
            order by next_check_at limit ?""",
        _week_ago(now), micros(now), *busy, *parts, limit,
    )  # fmt: skip
    return [Pollable(_source(row), row["weekly"]) for row in rows]


async def pollable(db: Reader, number: int, now: datetime) -> Pollable:
    """A feed as it stands, due or not."""
    rows = await db.read(f"{_POLLABLE} where id=?", _week_ago(now), number)
    return Pollable(_source(rows[0]), rows[0]["weekly"])


async def next_poll(db: Reader, share: Share | None = None) -> datetime | None:
    ours, parts = among("id", share)
    rows = await db.read(
        f"select min(next_check_at) as at from source where kind='feed' and paused is null {ours}", *parts
    )
    return _when(rows[0]["at"])


async def add_source(
    tx: Tx,
    *,
    kind: str,
    address: str,
    title: str,
    text_mode: TextMode,
    review: bool,
    places: Iterable[int],
    now: datetime,
) -> Source:
    """Keep a new source. Refusal if the address is a source already."""
    rows = await tx.read(
        """insert into source(kind, address, title, text_mode, review, created_at, next_check_at, doubted_at)
           values(?,?,?,?,?,?,?, (select cast(value as bigint) from fact where name='doubted'))
           on conflict do nothing returning *""",
        kind, address, title, text_mode, int(review), micros(now), micros(now) if kind == "feed" else None,
    )  # fmt: skip
    if not rows:
        raise Refusal(f"{address} is a source already: `rondan feed list` shows it")
    await tx.many(
        "insert into source_place(source_id, place_id) values(?,?)", [(rows[0]["id"], place) for place in places]
    )
    return _source(rows[0])


async def ensure_source(tx: Tx, *, kind: str, address: str, title: str, text_mode: TextMode, now: datetime) -> Source:
    """The source with this address, made if there is none."""
    found = await source_at(tx, address)
    if found is not None:
        return found
    return await add_source(
        tx, kind=kind, address=address, title=title, text_mode=text_mode, review=False, places=(), now=now
    )


async def places_of(db: Reader, number: int) -> set[int]:
    """The places that a source is limited to; empty means all."""
    rows = await db.read("select place_id from source_place where source_id=?", number)
    return {row["place_id"] for row in rows}


async def showing(db: Reader, number: int, own: int, link_key: str | None) -> list[int]:
    """The sources that showed a piece as new: its own, and others by its address."""
    rows = await db.read(
        "select s.id from source s join item i on i.source_id=s.id and i.identity=? where i.piece_id=? and s.id<>?",
        f"link:{link_key}", number, own,
    )  # fmt: skip
    return [own, *(row["id"] for row in rows)]


async def retire(tx: Tx, number: int) -> None:
    """A feed becomes an address that pieces once came from; adding it again is a new source."""
    await tx.run(
        "update source set kind='retired', address=address || ' (removed ' || id || ')', next_check_at=null where id=?",
        number,
    )


# --- what was seen ---


@dataclass(frozen=True, slots=True)
class Seen:
    """An identity that a source showed before. `piece` None: seen, never made a piece (baseline)."""

    identity: str
    fingerprint: str
    piece: int | None


@dataclass(frozen=True, slots=True)
class Showing:
    """That a source showed an address: which source, and the piece it became, if any."""

    source: str
    piece: int | None


async def showings(db: Reader, link_key: str, guid: str) -> list[Showing]:
    """Every source that showed an address or guid."""
    rows = await db.read(
        """select s.address, s.title, i.piece_id from item i join source s on s.id=i.source_id
           where i.identity in (?, ?)""",
        f"link:{link_key}", f"guid:{guid}",
    )  # fmt: skip
    return [Showing(row["title"] or row["address"], row["piece_id"]) for row in rows]


async def seen(db: Reader, number: int, identities: Sequence[str]) -> dict[str, Seen]:
    """What is known of these identities of a source."""
    found: dict[str, Seen] = {}
    for start in range(0, len(identities), 400):
        some = identities[start : start + 400]
        rows = await db.read(
            f"select * from item where source_id=? and identity in ({marks(len(some))})", number, *some
        )
        for row in rows:
            found[row["identity"]] = Seen(row["identity"], row["fingerprint"], row["piece_id"])
    return found


KNOWN = 2_000
"""Identities that a parser gets to know: more than those of the 500 items that are read of a feed."""


async def fingerprints(db: Reader, number: int) -> dict[str, str]:
    """Fingerprints by identity of what a source showed last: what is equal needs no reading of its text.

    What is missing here costs time only: `seen` knows everything that was ever shown.
    """
    rows = await db.read(
        "select identity, fingerprint from item where source_id=? order by seen_at desc limit ?", number, KNOWN
    )
    return {row["identity"]: row["fingerprint"] for row in rows}


async def mark_seen(
    tx: Tx, number: int, identities: Iterable[str], fingerprint: str, piece: int | None, now: datetime
) -> None:
    """Every identity of an item leads to its piece from now on. A piece once known is never forgotten again."""
    await mark_all_seen(tx, number, [(identity, fingerprint) for identity in identities], piece, now)


async def mark_all_seen(tx: Tx, number: int, seen: Iterable[tuple[str, str]], piece: int | None, now: datetime) -> None:
    """The same for identities with a fingerprint each."""
    await tx.many(
        """insert into item(source_id, identity, fingerprint, piece_id, seen_at) values(?,?,?,?,?)
           on conflict(source_id, identity) do update set fingerprint=excluded.fingerprint,
               piece_id=coalesce(excluded.piece_id, item.piece_id), seen_at=excluded.seen_at""",
        [(number, identity, fingerprint, piece, micros(now)) for identity, fingerprint in seen],
    )


# --- how a feed is doing ---


async def polled(
    tx: Tx,
    number: int,
    *,
    etag: str | None,
    modified: str | None,
    body_hash: str | None,
    address: str | None,
    title: str | None,
    next_check: datetime,
    baseline: bool,
    now: datetime,
) -> None:
    """A poll went well. Written in the transaction that keeps its items: a validator never runs ahead of them."""
    await tx.run(
        """update source set etag=?, modified=?, body_hash=?, address=coalesce(?, address),
               title=case when title='' then coalesce(?, '') else title end,
               next_check_at=?, checked_at=?, failures=0, error_code=null, error=null,
               held=(select count(*) from piece where source_id=source.id and state='held'),
               baseline_at=coalesce(baseline_at, ?), doubted_at=null
           where id=?""",
        etag, modified, body_hash, address, title, micros(next_check), micros(now),
        micros(now) if baseline else None, number,
    )  # fmt: skip


async def unchanged(db: Db, number: int, next_check: datetime, now: datetime) -> None:
    """A poll found nothing new. Many end at the same time, so this goes with the rows that share a statement."""
    await db.put(
        "update source set next_check_at=?, checked_at=?, failures=0, error_code=null, error=null where id=?",
        (micros(next_check), micros(now), number),
    )


async def moved(tx: Tx, number: int, address: str) -> None:
    """A feed is at another address for good."""
    await tx.run("update source set address=? where id=?", address, number)


async def failed(tx: Tx, number: int, code: str, sentence: str, next_check: datetime | None, now: datetime) -> None:
    """A poll failed. Nothing else changes; without a next check the feed is paused with the sentence as its reason."""
    await tx.run(
        """update source set failures=failures+1, error_code=?, error=?, next_check_at=?,
               paused=coalesce(?, paused) where id=?""",
        code, sentence, None if next_check is None else micros(next_check),
        sentence if next_check is None else None, number,
    )  # fmt: skip


async def shown_before(db: Db, number: int) -> int:
    """How many different items a source showed so far."""
    rows = await db.read("select count(distinct fingerprint) as n from item where source_id=?", number)
    return int(rows[0]["n"])


async def change(db: Db, number: int, changes: dict[str, object], now: datetime) -> None:
    """Set columns of a source. How much of its text may be shown may change, so its postings are looked at again."""
    if not changes:
        return
    columns = ", ".join(f"{name}=?" for name in changes)

    async def work(tx: Tx) -> None:
        rows = await tx.read("select id from piece where source_id=?", number) if "text_mode" in changes else []
        await tx.run(f"update source set {columns} where id=?", *changes.values(), number)
        for row in rows:  # the index holds what may be shown
            found = await piece(tx, row["id"])
            assert found is not None
            await index_piece(tx, found)
            await subject_changed(tx, "piece", row["id"], now)

    await db.write(work)
