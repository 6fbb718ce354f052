"""Periods: every spelling, and windows that are right where the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refusal
from core.period import BEGINNING, Period, parse_period

NOW = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)  # a Wednesday, 12:30 in Tokyo


def at(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        *[(one, one) for one in ("day", "week", "month", "year", "today", "yesterday", "this-week", "last-week")],
        *[(one, one) for one in ("this-month", "last-month", "24h", "7d", "4w", "3m", "new", "all")],
        *[(one, one) for one in ("2026", "2026-11", "2026-11-03", "2026-11-01..2026-11-15")],
        ("Last Week", "last-week"),
        ("７ｄ", "7d"),
        ("1w", "week"),
        ("今日", "today"),
        ("本日", "today"),
        ("昨日", "yesterday"),
        ("今週", "this-week"),
        ("先週", "last-week"),
        ("今月", "this-month"),
        ("先月", "last-month"),
        ("過去7日間", "week"),
        ("直近７日", "7d"),
        ("7日", "7d"),
        ("1週間", "week"),
        ("一週間", "week"),
        ("過去24時間", "day"),
        ("3か月", "3m"),
        ("3ヶ月間", "3m"),
        ("1年間", "year"),
        ("2026年11月", "2026-11"),
        ("２０２６年１１月３日", "2026-11-03"),
        ("2026年", "2026"),
        ("2026/11/3", "2026-11-03"),
        ("2026年11月1日〜2026年11月15日", "2026-11-01..2026-11-15"),
        ("2026-11-01 .. 2026-11-15", "2026-11-01..2026-11-15"),
        ("2026-11-01から2026-11-15まで", "2026-11-01..2026-11-15"),
        ("2026-10..2026-11", "2026-10..2026-11"),
        ("2026-11-03..2026-11-03", "2026-11-03"),
        ("全期間", "all"),
        ("新着", "new"),
    ],
)
def test_spellings(typed: str, text: str) -> None:
    assert parse_period(typed) == Period(text)
    assert parse_period(text) == Period(text)
    assert Period(text).window(NOW).start < NOW


WRONG = "|soon|0d|9999d|2026-13|2026-02-30|1999..|..|2026-11-15..2026-11-01|7x|あす|a..b|2026..2027..2028|0000"


@pytest.mark.parametrize("typed", WRONG.split("|"))
@pytest.mark.parametrize("language", ["en", "ja"])
def test_refused(typed: str, language: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_period(typed, language)
    assert len(str(caught.value)) > 20


def test_refusal_shows_the_grammar() -> None:
    with pytest.raises(Refusal, match=r"2026-11-01\.\.2026-11-15, new, all"):
        parse_period("soon")
    with pytest.raises(Refusal, match=r"先週.*新着、全期間"):
        parse_period("いつか", "ja")
    with pytest.raises(Refusal, match=r"Did you mean 2026-11-01\.\.2026-11-15"):
        parse_period("2026-11-15..2026-11-01")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", "2026-11-25", None),
        ("yesterday", "2026-11-24", "2026-11-25"),
        ("this-week", "2026-11-23", None),
        ("last-week", "2026-11-16", "2026-11-23"),
        ("this-month", "2026-11-01", None),
        ("last-month", "2026-10-01", "2026-11-01"),
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-11", "2026-11-01", "2026-12-01"),
        ("2026-11-03", "2026-11-03", "2026-11-04"),
        ("2026-11-01..2026-11-15", "2026-11-01", "2026-11-16"),
        ("2026-10..2026-11", "2026-10-01", "2026-12-01"),
        ("7d", "2026-11-18T12:30", None),
        ("week", "2026-11-18T12:30", None),
        ("month", "2026-10-25T12:30", None),
        ("3m", "2026-08-25T12:30", None),
    ],
)
def test_windows(text: str, start: str, end: str | None) -> None:
    window = Period(text).window(NOW, "Asia/Tokyo")
    assert window.start == at(start, "Asia/Tokyo")
    assert window.end == (at(end, "Asia/Tokyo") if end else NOW)
    assert window.start in window
    assert window.end not in window


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("last-week", "2026-11-09", "2026-11-16"),
        ("yesterday", "2026-11-23", "2026-11-24"),
        ("last-month", "2026-09-01", "2026-10-01"),
        ("2026-11", "2026-10-01", "2026-11-01"),
        ("2026-10..2026-11", "2026-08-01", "2026-10-01"),
        ("2026", "2025-01-01", "2026-01-01"),
        ("2026-11-01..2026-11-15", "2026-10-17", "2026-11-01"),
        ("7d", "2026-11-11T12:30", "2026-11-18T12:30"),
        ("this-week", "2026-11-16", "2026-11-18T12:30"),
        ("this-month", "2026-10-01", "2026-10-25T12:30"),
        ("today", "2026-11-24", "2026-11-24T12:30"),
    ],
)
def test_before(text: str, start: str, end: str) -> None:
    before = Period(text).window(NOW, "Asia/Tokyo").before()
    assert before is not None
    assert (before.start, before.end) == (at(start, "Asia/Tokyo"), at(end, "Asia/Tokyo"))


def test_new_and_all() -> None:
    since = NOW - timedelta(hours=5)
    window = Period("new").window(NOW, since=since)
    assert (window.start, window.end) == (since, NOW)
    before = window.before()
    assert before is not None
    assert (before.start, before.end) == (since - timedelta(hours=5), since)
    assert Period("new").window(NOW).start == NOW - timedelta(days=7)
    assert Period("new").window(NOW, since=NOW + timedelta(hours=1)).start == NOW
    everything = Period("all").window(NOW, "America/New_York")
    assert (everything.start, everything.end, everything.before()) == (BEGINNING, NOW, None)


def test_where_the_clocks_change() -> None:
    berlin = "Europe/Berlin"  # 2026-03-29 has 23 hours, 2026-10-25 has 25
    short, long = (Period(one).window(NOW, berlin) for one in ("2026-03-29", "2026-10-25"))
    assert (short.end - short.start, long.end - long.start) == (timedelta(hours=23), timedelta(hours=25))
    now = at("2026-03-30T12:00", berlin)
    assert Period("24h").window(now, berlin).start == at("2026-03-29T12:00", berlin)
    assert Period("day").window(at("2026-03-29T12:00", berlin), berlin).start == at("2026-03-28T11:00", berlin)
    assert Period("7d").window(now, berlin).start == at("2026-03-23T11:00", berlin)
    assert Period("month").window(now, berlin).start == at("2026-02-28T12:00", berlin)
    santiago = Period("2026-09-06").window(NOW, "America/Santiago")  # its midnight does not exist
    assert santiago.end - santiago.start == timedelta(hours=23)
    assert Period("2026-09-05").window(NOW, "America/Santiago").end == santiago.start


@given(
    st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe"]),
    st.sampled_from(
        ["day", "week", "month", "year", "today", "yesterday", "this-week", "last-week", "this-month", "3m"]
    ),
)
def test_windows_are_whole(now: datetime, zone: str, text: str) -> None:
    window = Period(text).window(now, zone)
    before = window.before()
    assert before is not None
    assert before.start < window.start <= window.end <= now
    assert before.start <= before.end <= window.end


def test_aware_times_only() -> None:
    with pytest.raises(ValueError, match="aware"):
        Period("day").window(datetime(2026, 11, 25))  # noqa: DTZ001
    with pytest.raises(Refusal):
        Period("soon").window(NOW)


@pytest.mark.parametrize(
    ("text", "en", "ja"),
    [
        ("7d", "last 7 days", "過去7日間"),
        ("1h", "last hour", "過去1時間"),
        ("week", "last 7 days", "過去7日間"),
        ("3m", "last 3 months", "過去3か月"),
        ("last-week", "last week", "先週"),
        ("2026", "2026", "2026年"),
        ("2026-11", "Nov 2026", "2026年11月"),
        ("2026-11-03", "Nov 3, 2026", "2026年11月3日"),
        ("2026-11-01..2026-11-15", "Nov 1, 2026 – Nov 15, 2026", "2026年11月1日〜2026年11月15日"),
        ("all", "all time", "全期間"),
    ],
)
def test_labels(text: str, en: str, ja: str) -> None:
    assert (Period(text).label("en"), Period(text).label("ja")) == (en, ja)


@pytest.mark.parametrize(
    ("text", "en", "ja"),
    [
        ("last-week", "Nov 16 – 22, 2026", "2026年11月16日〜22日"),
        ("last-month", "Oct 1 – 31, 2026", "2026年10月1日〜31日"),
        ("2026-10..2026-11", "Oct 1 – Nov 30, 2026", "2026年10月1日〜11月30日"),
        ("year", "Nov 25, 2025 – Nov 25, 2026", "2025年11月25日〜2026年11月25日"),
        ("today", "Nov 25, 2026", "2026年11月25日"),
        ("all", "all time", "全期間"),
    ],
)
def test_window_labels(text: str, en: str, ja: str) -> None:
    window = Period(text).window(NOW, "Asia/Tokyo")
    assert (window.label("en"), window.label("ja")) == (en, ja)
