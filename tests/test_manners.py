"""Quiet hours and caps, over midnight and through the change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.chat import Place
from core.manners import Go, Later, RollUp, local_midnight, manners, quiet_until


def place(zone: str = "UTC", quiet: tuple[str, str] | None = None, cap: int | None = None) -> Place:
    return Place(id=1, platform="web", channel="general", zone=zone, quiet=quiet, cap=cap)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "quiet", "now", "until"),
    [
        ("UTC", ("22:00", "07:00"), "2026-11-20T23:00", "2026-11-21T07:00"),
        ("UTC", ("22:00", "07:00"), "2026-11-20T03:00", "2026-11-20T07:00"),
        ("UTC", ("22:00", "07:00"), "2026-11-20T07:00", None),
        ("UTC", ("22:00", "07:00"), "2026-11-20T21:59", None),
        ("UTC", ("12:00", "13:00"), "2026-11-20T12:30", "2026-11-20T13:00"),
        ("UTC", ("08:00", "08:00"), "2026-11-20T08:00", None),  # no hours at all
        ("Asia/Tokyo", ("22:00", "07:00"), "2026-11-20T14:00", "2026-11-20T22:00"),
        # Clocks go back on 25 October 2026 in Berlin: 07:00 comes an hour later in UTC than the day before.
        ("Europe/Berlin", ("22:00", "07:00"), "2026-10-24T23:00", "2026-10-25T06:00"),
        ("Europe/Berlin", ("22:00", "07:00"), "2026-10-23T23:00", "2026-10-24T05:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_of_the_place(
    zone: str, quiet: tuple[str, str], now: str, until: str | None
) -> None:
    found = quiet_until(place(zone, quiet), at(now))
    assert (found and found.astimezone(UTC)) == (until and at(until))


def test_quiet_hours_come_before_the_cap() -> None:
    busy = place(quiet=("22:00", "07:00"), cap=1)
    quiet = manners(busy, at("2026-11-20T23:00"), posted_today=9)
    assert quiet == Later(at("2026-11-21T07:00"), "quiet hours until 07:00 UTC")
    rolled = manners(busy, at("2026-11-20T12:00"), posted_today=1)
    assert rolled == RollUp(at("2026-11-21T07:00"), "over the cap of 1 a day")
    assert manners(busy, at("2026-11-20T12:00"), posted_today=0) == Go()


def test_a_day_begins_at_local_midnight() -> None:
    assert local_midnight(place("Asia/Tokyo"), at("2026-11-20T16:00")).astimezone(UTC) == at("2026-11-20T15:00")
