"""What we know of what stands in a chat, to compare with what a platform says after an absence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from core.chat import Known, Read, Ref, Window
from core.identity import HASHED
from core.times import micros, moment
from storage.db import Db, Tx


async def known(db: Db, platform: str, since: datetime) -> list[Known]:
    """Messages on a platform that came since a time and still stand, oldest first: ours, their copies, readers'."""
    ours = await db.read(
        """select a.channel, l.ref, max(l.shown_at) as since from anchor a join leaf l on l.id=a.leaf_id
           where a.platform=? and l.ref is not null and l.shown_at >= ? group by a.channel, l.ref order by since""",
        platform, micros(since),
    )  # fmt: skip
    copies = await db.read(
        """select a.channel, a.anchor as ref, l.shown_at as since from anchor a
           join posting o on o.place_id=a.place_id and o.subject='piece' and o.subject_id=a.piece_id
           join leaf l on l.posting_id=o.id and l.name='card'
           where a.platform=? and a.leaf_id is null and a.comment_id is null and l.shown_at >= ?
             and not exists(select 1 from tombstone t
                            where t.anchor=a.anchor and t.channel=a.channel and t.platform=a.platform)
           order by since""",
        platform, micros(since),
    )  # fmt: skip
    theirs = await db.read(
        """select a.channel, a.anchor as ref, coalesce(c.edited_at, c.at) as since
           from comment c join anchor a on a.id=c.anchor_id
           where a.platform=? and c.source in ('reply', 'saved') and c.state <> 'erased' and c.at >= ?
           order by since""",
        platform, micros(since),
    )  # fmt: skip
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for row in await db.read(
        """select a.channel, a.anchor, e.name, count(*) as n
           from reaction r join anchor a on a.id=r.anchor_id join emoji e on e.id=r.emoji_id
           left join leaf l on l.id=a.leaf_id left join comment c on c.id=a.comment_id
           where a.platform=? and r.present=1 and r.source='emoji' and coalesce(l.shown_at, c.at, ?) >= ?
           group by a.channel, a.anchor, e.name""",
        platform, micros(since), micros(since),
    ):  # fmt: skip
        counts[row["channel"], row["anchor"]][row["name"]] = row["n"]
    return [
        Known(
            channel=row["channel"],
            ref=ref,
            since=moment(row["since"]),
            reactions=counts[row["channel"], ref.id],
            comment=comment,
        )
        for comment, rows in ((False, ours), (False, copies), (True, theirs))
        for row in rows
        for ref in (Ref.parse(row["ref"]),)
    ]


async def watermarks(db: Db, platform: str) -> dict[str, str]:
    """The newest message that was surely heard of each channel and thread, as `Read` told it."""
    rows = await db.read("select spot, newest from watermark where platform=?", platform)
    return {row["spot"]: row["newest"] for row in rows}


async def advance(tx: Tx, events: Iterable[Read]) -> None:
    """Everything up to these messages was heard. Ids of one platform grow in length, then in the order of text."""
    await tx.many(
        """insert into watermark(platform, spot, newest) values(?,?,?)
           on conflict(platform, spot) do update set newest=excluded.newest
           where length(excluded.newest) > length(watermark.newest)
              or length(excluded.newest) = length(watermark.newest) and excluded.newest > watermark.newest""",
        [(event.platform, event.where, event.newest) for event in events],
    )


async def reactions_not_in(db: Db, platform: str, window: Window, before: datetime) -> list[tuple[str, str, str]]:
    """(account, emoji, kind) of emoji that stood on a message here before a time and that a whole reading of it, begun
    after that time, did not show. The account is a hash (`core.identity.HASHED`)."""
    if window.reactions is None:
        return []
    rows = await db.read(
        """select p.hash, e.name, r.kind from anchor a
           join reaction r on r.piece_id=a.piece_id and r.anchor_id=a.id
           join person p on p.id=r.person_id join emoji e on e.id=r.emoji_id
           where a.platform=? and a.channel=? and a.anchor=? and r.present=1 and r.source='emoji' and r.at < ?""",
        platform, window.channel, window.anchor, micros(before),
    )  # fmt: skip
    there = {(HASHED + db.whose(platform, account), emoji, kind) for account, emoji, kind in window.reactions}
    return sorted({(HASHED + row["hash"], row["name"], row["kind"]) for row in rows} - there)


async def comments_not_in(db: Db, platform: str, window: Window) -> list[str]:
    """Comments of ours that a whole reading of their thread no longer shows. Only a card's window is its thread."""
    if window.comments is None:
        return []
    rows = await db.read(
        """select own.anchor from comment c join anchor own on own.id=c.anchor_id
           join anchor root on root.piece_id=c.piece_id and root.place_id=c.place_id
           join leaf l on l.id=root.leaf_id and l.name='card'
           where root.platform=? and root.channel=? and root.anchor=? and c.state <> 'erased' and c.source='reply'
             and own.platform=? and own.channel=? and c.at >= ?""",
        platform, window.channel, window.anchor, platform, window.channel, micros(window.since),
    )  # fmt: skip
    return sorted(row["anchor"] for row in rows if row["anchor"] not in window.comments)
