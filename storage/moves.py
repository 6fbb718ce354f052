"""Channels that the platform gave another id: whatever stands under the old one follows, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.chat import Heard, Left, Moved
from core.placing import REMOVED
from core.times import micros
from storage.db import Reader, Tx
from storage.indexing import keep_shelves
from storage.places import wake_lanes

Names = Mapping[tuple[str, str], str]
"""(platform, former id) -> the id that the channel has now."""

NAMED = ("channel", "of_channel", "where")  # the fields of events that name a channel
LEFT = "the channel is gone, or the bot was removed from it"
"""Why a place paused whose channel was said to be gone."""


async def names(db: Reader) -> Names:
    """Every id that a channel had."""
    return {(row["platform"], row["former"]): row["channel"] for row in await db.read("select * from moved")}


def renamed(event: Heard, names: Names) -> Heard:
    """An event as it would be told with today's ids. That an id is gone says nothing of the channel that had it."""
    if not names or isinstance(event, Left):
        return event
    now = {field: names.get((event.platform, getattr(event, field, ""))) for field in NAMED}
    changes: dict[str, Any] = {field: name for field, name in now.items() if name is not None}
    return replace(event, **changes) if changes else event


async def fold_moved(tx: Tx, events: Iterable[Moved], now: datetime) -> None:
    """Let everything follow, whatever the order of the events, and however often they come."""
    for event in events:
        target = await _target(tx, event)
        if target is not None:
            await tx.run(
                "update moved set channel=? where platform=? and channel=?", target, event.platform, event.channel
            )
            await tx.run(
                """insert into moved(platform, former, channel, at) values(?,?,?,?)
                   on conflict(platform, former) do update set channel=excluded.channel, at=excluded.at""",
                event.platform, event.channel, target, micros(event.at),
            )  # fmt: skip
            await _follow(tx, event.platform, event.channel, target, now)


async def _target(tx: Tx, event: Moved) -> str | None:
    """The id that the channel has by now; None if the event tells nothing new. A later change may have come before."""
    rows = await tx.read(
        "select former, channel, at from moved where platform=? and former in (?,?)",
        event.platform, event.channel, event.to,
    )  # fmt: skip
    before = {row["former"]: row for row in rows}
    if event.channel in before and before[event.channel]["at"] >= micros(event.at):
        return None
    target = event.to
    if (onward := before.get(event.to)) is not None:
        if onward["at"] > micros(event.at):
            target = onward["channel"]
        else:  # the channel is called again as it was once
            await tx.run("delete from moved where platform=? and former=?", event.platform, event.to)
    return None if target == event.channel else target


async def _follow(tx: Tx, platform: str, old: str, new: str, now: datetime) -> None:
    rows = await tx.read("select id, channel from place where platform=? and channel in (?,?)", platform, old, new)
    places = {row["channel"]: row["id"] for row in rows}
    if old in places and new in places:
        await _merge(tx, places[old], places[new], now)
    elif old in places:
        # A pause that speaks of the old id is over.
        await tx.run(
            """update place set channel=?, paused=case when paused=? or paused like ? then null else paused end
               where id=?""",
            new, LEFT, f"%({platform}:{old})%", places[old],
        )  # fmt: skip
    await tx.run(
        """update anchor set channel=? where platform=? and channel=?
             and not exists(select 1 from anchor a where a.anchor=anchor.anchor and a.channel=? and a.platform=?)""",
        new, platform, old, new, platform,
    )  # fmt: skip
    await tx.run(
        """insert into tombstone(anchor, channel, platform, at)
           select anchor, cast(? as text), platform, at from tombstone where platform=? and channel=?
           on conflict do nothing""",
        new, platform, old,
    )  # fmt: skip
    await tx.run("delete from tombstone where platform=? and channel=?", platform, old)
    await tx.run(
        """insert into watermark(platform, spot, newest)
           select platform, cast(? as text), newest from watermark where platform=? and spot=?
           on conflict do nothing""",
        new, platform, old,
    )  # fmt: skip
    await tx.run("delete from watermark where platform=? and spot=?", platform, old)
    # What came early, by either id, is heard again: its message may be known by now.
    parked = await tx.read(
        "delete from parked where platform=? and channel in (?,?) returning body", platform, old, new
    )
    await tx.many("insert into heard(body) values(?)", [(row["body"],) for row in parked])


async def _merge(tx: Tx, old: int, new: int, now: datetime) -> None:
    """Somebody made the new id a place before we heard of the change: it gets what the old one has, and the old one
    counts as removed. A post that is under way there stays, and so does what both show.
    """
    await tx.run(
        """update posting set place_id=? where place_id=?
             and not exists(select 1 from leaf l where l.posting_id=posting.id and l.doing is not null)
             and not exists(select 1 from posting o where o.place_id=? and o.subject=posting.subject
                            and o.subject_id=posting.subject_id)""",
        new, old, new,
    )  # fmt: skip
    await keep_shelves(tx, old, new)
    has_own = await tx.read("select id from schedule where place_id=?", new)
    for table in ("anchor", "comment", "catchup", "edition", *(() if has_own else ("schedule",))):
        await tx.run(f"update {table} set place_id=? where place_id=?", new, old)
    await tx.run(
        """insert into source_place(source_id, place_id) select source_id, cast(? as bigint) from source_place
           where place_id=? on conflict do nothing""",
        new, old,
    )  # fmt: skip
    await tx.run("update place set paused=? where id=?", REMOVED, old)
    await wake_lanes(tx, [new], micros(now))
