"""What we know of what stands in a chat, to compare with what a platform says after an absence."""

from __future__ import annotations

from datetime import datetime

from core.chat import Known, Ref, Window
from core.times import micros, moment
from storage.db import Db


async def known(db: Db, platform: str, since: datetime) -> list[Known]:
    """Our messages on a platform that were posted since a time and still stand."""
    rows = await db.read(
        """select a.channel, l.ref, max(l.shown_at) as since from anchor a join leaf l on l.id=a.leaf_id
           where a.platform=? and l.ref is not null and l.shown_at >= ? group by a.channel, l.ref""",
        platform, micros(since),
    )  # fmt: skip
    return [Known(channel=row["channel"], ref=Ref.parse(row["ref"]), since=moment(row["since"])) for row in rows]


async def reactions_not_in(db: Db, platform: str, window: Window) -> list[tuple[str, str]]:
    """(account, emoji) of emoji that stand on a message here and that a whole reading of it did not show."""
    rows = await db.read(
        """select p.account, e.name from anchor a join reaction r on r.piece_id=a.piece_id and r.anchor_id=a.id
           join person p on p.id=r.person_id join emoji e on e.id=r.emoji_id
           where a.platform=? and a.channel=? and a.anchor=? and r.present=1 and r.source='emoji'""",
        platform, window.channel, window.anchor,
    )  # fmt: skip
    return sorted({(row["account"], row["name"]) for row in rows} - window.reactions)


async def comments_not_in(db: Db, platform: str, window: Window) -> list[str]:
    """Comments of ours that a whole reading of their thread no longer shows. Only a card's window is its thread."""
    rows = await db.read(
        """select own.anchor from comment c join anchor own on own.id=c.anchor_id
           join anchor root on root.piece_id=c.piece_id and root.place_id=c.place_id
           join leaf l on l.id=root.leaf_id and l.name='card'
           where root.platform=? and root.channel=? and root.anchor=? and c.state <> 'erased' and c.source='reply'
             and own.platform=? and own.channel=? and c.at >= ?""",
        platform, window.channel, window.anchor, platform, window.channel, micros(window.since),
    )  # fmt: skip
    return sorted(row["anchor"] for row in rows if row["anchor"] not in window.comments)
