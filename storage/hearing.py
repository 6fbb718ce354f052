"""The fold: a batch of the journal becomes rows and is deleted, in one transaction.

Whatever the order and however often an event comes, the rows come out the same (`core.folding`), and the counts by hour
move with them.
"""

from __future__ import annotations

from datetime import datetime

from core.chat import Cleared, Commented, Copied, Heard, Left, Located, Moved, Reacted, Read, Removed
from core.times import DAY, micros
from storage import fates, moves, postings, recall
from storage.comments import erase_comment, fold_comments
from storage.db import Db, Tx
from storage.journal import decode, encode
from storage.outside import Outside
from storage.reactions import StanceOf, fold_cleared, fold_reactions
from storage.spots import Folded, anchors_at, park, unpark


async def fold(db: Db, stance_of: StanceOf, outside: Outside, now: datetime, limit: int = 1000) -> Folded:
    """Fold up to `limit` journal rows, oldest first. `events` 0 means that the journal is empty."""
    return await db.write(lambda tx: _fold(tx, stance_of, outside, now, limit))


async def _fold(tx: Tx, stance_of: StanceOf, outside: Outside, now: datetime, limit: int) -> Folded:
    # Exactly these, not all up to a number: where many processes write, a lower number may appear after a higher one.
    # Another process may fold meanwhile; units take turns, so that no event is taken twice.
    taken = await tx.read(
        "delete from heard where id in (select id from heard order by id limit ?) returning id, body", limit
    )
    done = Folded(events=len(taken))
    if not taken:
        return done
    await outside.catch_up(tx)
    told = await _today(tx, [row["body"] for row in sorted(taken, key=lambda row: int(row["id"]))], now, done)
    events = [(body, event) for body, event in told if outside.takes(event)]  # who opted out meanwhile
    done.dropped += len(told) - len(events)
    # Kind by kind, since statements for many events at once are far cheaper. The order within a kind does not matter
    # (`core.folding`); copies come before what is said under them, comments before the reactions to them, removals and
    # clearings after what they remove.
    await _fold_copied(tx, [(body, one) for body, one in events if isinstance(one, Copied)], now, done)
    await fold_comments(tx, [(body, one) for body, one in events if isinstance(one, Commented)], now, done)
    await fold_reactions(tx, [(body, one) for body, one in events if isinstance(one, Reacted)], stance_of, now, done)
    for body, event in events:
        match event:
            case Removed():
                await _fold_removed(tx, event, now, done)
            case Cleared():
                await fold_cleared(tx, body, event, stance_of, now, done)
            case Left():
                await _fold_left(tx, event)
            case Located():
                await _fold_located(tx, event)
            case _:
                continue
    await recall.advance(tx, [one for _, one in events if isinstance(one, Read)])
    return done


async def _today(tx: Tx, bodies: list[str], now: datetime, done: Folded) -> list[tuple[str, Heard]]:
    """What was kept, as it would be told today: channels may have got other ids, even in this batch."""
    events = [decode(body) for body in bodies]
    moved = [one for one in events if isinstance(one, Moved)]
    if moved:
        await moves.fold_moved(tx, moved, now)
        done.moved = True
    names = await moves.names(tx)
    if not names:
        return list(zip(bodies, events, strict=True))
    told = [moves.renamed(event, names) for event in events]
    return [
        (body if one is before else encode(one), one) for body, before, one in zip(bodies, events, told, strict=True)
    ]


async def _fold_copied(tx: Tx, run: list[tuple[str, Copied]], now: datetime, done: Folded) -> None:
    """A copy is one more anchor of what it is a copy of."""
    anchors = await anchors_at(tx, [(event.platform, event.of_channel, event.of_anchor) for _, event in run])
    for body, event in run:
        spot = (event.platform, event.of_channel, event.of_anchor)
        source = anchors.get(spot)
        if source is None:
            await park(tx, spot, body, now, done)
            continue
        await tx.run(
            """insert into anchor(platform, channel, anchor, place_id, piece_id, section) values(?,?,?,?,?,?)
               on conflict do nothing""",
            event.platform, event.channel, event.anchor, source.place, source.piece, source.section,
        )  # fmt: skip
        await unpark(tx, {(event.platform, event.channel, event.anchor)})


async def _fold_removed(tx: Tx, event: Removed, now: datetime, done: Folded) -> None:
    gone = (*event.anchors, *await _in_thread(tx, event))
    spots = [(event.platform, event.channel, anchor) for anchor in gone]
    anchors = await anchors_at(tx, spots)
    # A removal may come before its comment; the tombstone keeps a late comment out.
    await tx.many(
        "insert into tombstone(platform, channel, anchor, at) values(?,?,?,?) on conflict do nothing",
        [(*spot, micros(now)) for spot in spots],
    )
    leaves = []
    for anchor in anchors.values():
        if anchor.comment is not None:
            await fates.note(tx, anchor.comment, fates.ERASED, now)
            await erase_comment(tx, anchor.comment, now)
            done.pieces.add(anchor.piece or 0)
        elif anchor.leaf is not None and await _still_ours(tx, anchor.leaf, gone):
            leaves.append(anchor.leaf)
    await postings.withdraw_here(tx, leaves, "removed in the chat", now)
    for platform, channel, name in spots:
        await tx.run("delete from parked where anchor=? and channel=? and platform=?", name, channel, platform)


async def _in_thread(tx: Tx, event: Removed) -> list[str]:
    """Everything that we know of in a thread that is gone: its anchors are `THREAD-…`."""
    if event.thread is None:
        return []
    rows = await tx.read(
        "select anchor from anchor where platform=? and channel=? and anchor > ? and anchor < ?",
        event.platform, event.channel, f"{event.thread}-", f"{event.thread}.",
    )  # fmt: skip
    return [row["anchor"] for row in rows]


async def _still_ours(tx: Tx, leaf: int, anchors: tuple[str, ...]) -> bool:
    """Whether the leaf stands under one of these ids and we are not deleting it ourselves."""
    row = await tx.one("select ref, doing from leaf where id=?", leaf)
    return row is not None and row["doing"] != "delete" and bool(set((row["ref"] or "").split(" ")) & set(anchors))


async def _fold_left(tx: Tx, event: Left) -> None:
    """A channel is gone for the bot: the place pauses; what was said there is purged after some days."""
    column, value = ("channel", event.channel) if event.channel is not None else ("community", event.community)
    await tx.run(
        f"update place set paused=? where platform=? and {column}=? and paused is null",
        moves.LEFT, event.platform, value,
    )  # fmt: skip
    await tx.run(
        f"update place set left_at=coalesce(left_at, ?) where platform=? and {column}=?",
        micros(event.at), event.platform, value,
    )  # fmt: skip


async def _fold_located(tx: Tx, event: Located) -> None:
    await tx.run(
        """update place set community=?, name=case when name='' then ? else name end, left_at=null
           where platform=? and channel=?""",
        event.community, event.name, event.platform, event.channel,
    )  # fmt: skip


async def sweep(db: Db, now: datetime) -> int:
    """Drop events whose message never became known, and tombstones; gives how many events, for the log."""

    async def work(tx: Tx) -> int:
        await tx.run("delete from tombstone where at < ?", micros(now) - 2 * DAY)  # longer than any retry
        return await tx.run("delete from parked where until < ?", micros(now))

    return await db.write(work)
