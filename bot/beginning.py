"""Whether a posting may begin at a place now: manners, asked once, before its first message."""

from __future__ import annotations

from datetime import datetime

from core import manners
from core.chat import Place
from core.pieces import Piece
from storage import editions, postings
from storage.db import Db
from storage.postings import Posting


async def may_begin(db: Db, place: Place, posting: Posting, piece: Piece | None, now: datetime) -> bool:
    """True to go on. Otherwise the posting waits, was skipped, or comes in one message with others."""
    if piece is not None:
        return await _piece(db, place, posting, piece, now)
    if posting.subject == editions.SUBJECT:
        return await _in_time(db, place, posting, now)
    return True  # when it is due was decided with it, or moderators wait for it


async def _piece(db: Db, place: Place, posting: Posting, piece: Piece, now: datetime) -> bool:
    if piece.state == "retracted":
        await _skip(db, posting, "retracted before it was posted here", now)
        return False
    since = manners.local_midnight(place, now)
    today = await postings.posted_since(db, place.id, since) if place.cap is not None else 0
    verdict = manners.manners(place, now, posted_today=today)
    match verdict:
        case manners.Later():
            await _wait(db, posting, verdict, now)
            return False
        case manners.RollUp():
            rest = [(one, number) for one, number, _ in await postings.backlog(db, place.id, now)]
            await db.write(lambda tx: postings.roll_up(tx, place.id, rest, verdict.reason, verdict.due, now))
            return False
    if posting.due is not None and now - posting.due > manners.LATE_AFTER:
        return await _catch_up(db, place, posting, now)
    return True


async def _catch_up(db: Db, place: Place, posting: Posting, now: datetime) -> bool:
    """We come late: the newest few pieces are posted, the rest in one message. True if this one is posted."""
    backlog = await postings.backlog(db, place.id, now)
    rest = [(one, number) for one, number, _ in backlog[manners.LATE_SHOWN :]]
    if len(rest) < 2:
        return True
    await db.write(lambda tx: postings.roll_up(tx, place.id, rest, "late after a downtime", now, now))
    return posting.id not in {one for one, _ in rest}


async def _in_time(db: Db, place: Place, posting: Posting, now: datetime) -> bool:
    """What comes at a time of its own: after quiet hours, or never if that is too late."""
    match manners.in_time(place, posting.due, now):
        case manners.Later() as later:
            await _wait(db, posting, later, now)
        case str() as reason:
            await _skip(db, posting, reason, now)
        case _:
            return True
    return False


async def _wait(db: Db, posting: Posting, later: manners.Later, now: datetime) -> None:
    await postings.set_state(db, posting, "waiting", due=later.until, reason=later.reason, now=now)


async def _skip(db: Db, posting: Posting, reason: str, now: datetime) -> None:
    await postings.set_state(db, posting, "skipped", due=None, reason=reason, now=now)
