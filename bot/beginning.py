"""Whether a posting may begin at a place now: manners, asked once, before its first message."""

from __future__ import annotations

from datetime import datetime

from core import manners
from core.chat import Place
from core.pieces import Piece
from storage import editions, postings
from storage.db import Db
from storage.postings import NOTED, Outcome, Posting


async def not_yet(db: Db, place: Place, posting: Posting, piece: Piece | None, now: datetime) -> Outcome | None:
    """None to go on. Otherwise the posting waits, is skipped, or comes in one message with others."""
    if piece is not None:
        return await _piece(db, place, posting, piece, now)
    if posting.subject == editions.SUBJECT:
        return _in_time(place, posting, now)
    return None  # when it is due was decided with it, or moderators wait for it


async def _piece(db: Db, place: Place, posting: Posting, piece: Piece, now: datetime) -> Outcome | None:
    if piece.state == "retracted":
        return Outcome("skipped", "retracted before it was posted here")
    since = manners.local_midnight(place, now)
    today = await postings.posted_since(db, place.id, since) if place.cap is not None else 0
    verdict = manners.manners(place, now, posted_today=today)
    match verdict:
        case manners.Later():
            return _wait(verdict)
        case manners.RollUp():
            rest = [(one, number) for one, number, _ in await postings.backlog(db, place.id, now)]
            await db.write(lambda tx: postings.roll_up(tx, place.id, rest, verdict.reason, verdict.due, now))
            return NOTED
    if posting.due is not None and now - posting.due > manners.LATE_AFTER:
        return await _catch_up(db, place, posting, now)
    return None


async def _catch_up(db: Db, place: Place, posting: Posting, now: datetime) -> Outcome | None:
    """We come late: the newest few pieces are posted, the rest in one message. None if this one is posted."""
    backlog = await postings.backlog(db, place.id, now)
    rest = [(one, number) for one, number, _ in backlog[manners.LATE_SHOWN :]]
    if len(rest) < 2:
        return None
    await db.write(lambda tx: postings.roll_up(tx, place.id, rest, "late after a downtime", now, now))
    return NOTED if posting.id in {one for one, _ in rest} else None


def _in_time(place: Place, posting: Posting, now: datetime) -> Outcome | None:
    """What comes at a time of its own: after quiet hours, or never if that is too late."""
    match manners.in_time(place, posting.due, now):
        case manners.Later() as later:
            return _wait(later)
        case str() as reason:
            return Outcome("skipped", reason)
        case _:
            return None


def _wait(later: manners.Later) -> Outcome:
    return Outcome("waiting", later.reason, later.until)
