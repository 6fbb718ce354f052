"""When a place may be spoken to: quiet hours, the daily cap, and what to do when we come late. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.chat import Place

LATE_AFTER = timedelta(hours=1)
"""A post that is overdue by more than this is late: we were away."""
LATE_SHOWN = 3
"""Of the pieces that are late at a place, the newest so many are posted; the rest come in one message."""

TOO_LATE = timedelta(hours=12)
"""What belongs to a time, such as a digest, is not posted later than this."""


def local_midnight(place: Place, now: datetime) -> datetime:
    """The start of the place's local day."""
    zone = ZoneInfo(place.zone)
    return datetime.combine(now.astimezone(zone).date(), time(), tzinfo=zone)


def quiet_until(place: Place, now: datetime) -> datetime | None:
    """The end of the quiet hours that `now` falls into, or None. They may span midnight."""
    if place.quiet is None:
        return None
    zone = ZoneInfo(place.zone)
    start, end = (time.fromisoformat(one) for one in place.quiet)
    local = now.astimezone(zone)
    clock = local.timetz().replace(tzinfo=None)
    inside = start <= clock < end if start <= end else clock >= start or clock < end
    if not inside or start == end:
        return None
    day = local.date() if clock < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Go:
    """Post it now."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not before `until`; `reason` is a sentence for people."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RollUp:
    """Show it in one message with others, due at `due`."""

    due: datetime
    reason: str


def manners(place: Place, now: datetime, *, posted_today: int) -> Go | Later | RollUp:
    """What to do with a piece that is due at a place. The publisher and `why` both ask this."""
    until = quiet_until(place, now)
    if until is not None:
        return Later(until, f"quiet hours until {until:%H:%M %Z}")
    if place.cap is not None and posted_today >= place.cap:
        tomorrow = local_midnight(place, now) + timedelta(days=1)
        start = quiet_until(place, tomorrow) or tomorrow
        return RollUp(start, f"over the cap of {place.cap} a day")
    return Go()


def in_time(place: Place, due: datetime | None, now: datetime) -> Go | Later | str:
    """What to do with a digest that was due then: post it, wait for the end of quiet hours, or not at all, with why.

    The daily cap is for pieces.
    """
    if (until := quiet_until(place, now)) is not None:
        return Later(until, f"quiet hours until {until:%H:%M %Z}")
    if due is not None and now - due > TOO_LATE:
        return "more than 12 hours late"
    return Go()
