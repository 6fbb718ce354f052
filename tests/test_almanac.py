"""When schedules are due, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.almanac import Times, parse_clock, parse_days
from core.errors import Refusal

ZONES = ("UTC", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("daily", (0, 1, 2, 3, 4, 5, 6)), ("毎日", (0, 1, 2, 3, 4, 5, 6)), ("mon", (0,)), ("Monday, thu", (0, 3)),
        ("月木", (0, 3)), ("月曜日・木曜日", (0, 3)), ("平日", (0, 1, 2, 3, 4)), ("WEEKENDS", (5, 6)), ("日", (6,)),
        ("sat sun", (5, 6)),
    ],
)  # fmt: skip
def test_days_are_typed_in_many_ways(text: str, days: tuple[int, ...]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "someday", "mo", "monkey", "月x", "8", ","])
def test_other_days_are_refused_with_the_mend(text: str) -> None:
    with pytest.raises(Refusal, match="weekdays"):
        parse_days(text)
    with pytest.raises(Refusal, match="毎日"):
        parse_days(text, "ja")


@pytest.mark.parametrize(
    ("text", "minute"),
    [("9", 540), ("09:30", 570), ("０９：３０", 570), ("21時", 1260), ("21時05分", 1265), ("0", 0), ("23:59", 1439)],
)
def test_hours_are_typed_in_many_ways(text: str, minute: int) -> None:
    assert parse_clock(text) == minute


@pytest.mark.parametrize("text", ["", "24", "9:60", "9:5", "noon", "-1", "9:30pm"])
def test_other_hours_are_refused(text: str) -> None:
    with pytest.raises(Refusal, match="18:30"):
        parse_clock(text)


def test_the_local_clock_counts() -> None:
    times = Times(days=(0,), minute=9 * 60, zone="Asia/Tokyo")
    assert times.following(at("2026-11-22T12:00")) == at("2026-11-23T09:00", "Asia/Tokyo")
    assert times.latest(at("2026-11-22T12:00")) == at("2026-11-16T09:00", "Asia/Tokyo")


def test_a_time_that_the_clocks_skip_comes_after_the_change_once() -> None:
    times = Times(days=tuple(range(7)), minute=150, zone="Europe/Berlin")  # 02:30, skipped on 29 March 2026
    due = times.following(at("2026-03-28T12:00"))
    assert due == at("2026-03-29T03:30", "Europe/Berlin")
    assert times.following(due) == at("2026-03-30T02:30", "Europe/Berlin")


def test_a_time_that_the_clocks_show_twice_comes_once() -> None:
    times = Times(days=tuple(range(7)), minute=150, zone="Europe/Berlin")  # 02:30 twice on 25 October 2026
    due = times.following(at("2026-10-24T12:00"))
    assert due == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert times.following(due) == at("2026-10-26T02:30", "Europe/Berlin")


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.sampled_from(ZONES),
    st.integers(0, 20 * 365 * 24 * 60),
)
def test_latest_and_following_are_neighbours(days: set[int], minute: int, zone: str, minutes: int) -> None:
    now = datetime(2010, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    times = Times(days=tuple(sorted(days)), minute=minute, zone=zone)
    before, after = times.latest(now), times.following(now)
    assert before <= now < after
    assert times.following(before) == after
    assert times.latest(after - timedelta(microseconds=1)) == before
