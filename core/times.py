"""Time as the store keeps it: whole microseconds since 1970, UTC. Everywhere else a time is an aware datetime."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Gives the time now as aware UTC; passed in, so that tests can set it."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def micros(moment: datetime) -> int:
    """An aware datetime as microseconds since 1970, exact (no float between)."""
    since = moment - EPOCH
    return (since.days * 86400 + since.seconds) * SECOND + since.microseconds


def moment(micros: int) -> datetime:
    """The reverse of `micros`."""
    return EPOCH + timedelta(microseconds=micros)
