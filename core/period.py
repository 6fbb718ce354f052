"""Spans of time as people type them (`week`, `2026-11`, `先週`), and the window of time that one means at a moment.

    day week month year            the last 1, 7 days, month, 12 months, up to now
    24h 7d 4w 3m                   the last n hours, days, weeks, months
    today yesterday                calendar days in the zone of the place
    this-week last-week            calendar weeks, from Monday
    this-month last-month
    2026 2026-11 2026-11-03        a year, a month, a day
    2026-11-01..2026-11-15         both included
    new all                        since the last look; everything

Each has Japanese equals. `h`, `d` and `w` are 24-hour days whatever the clocks do; months and calendar words follow the
local clock.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from core.errors import Refusal

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
"""Where `all` starts: before anything, and far enough from year 1 for every zone's arithmetic."""

_WORDS = {
    "day": ("last 24 hours", "過去24時間"),
    "week": ("last 7 days", "過去7日間"),
    "month": ("past month", "過去1か月"),
    "year": ("last 12 months", "過去1年間"),
    "today": ("today", "今日"),
    "yesterday": ("yesterday", "昨日"),
    "this-week": ("this week", "今週"),
    "last-week": ("last week", "先週"),
    "this-month": ("this month", "今月"),
    "last-month": ("last month", "先月"),
    "new": ("since your last look", "新着"),
    "all": ("all time", "全期間"),
}
_JAPANESE = {japanese: word for word, (_, japanese) in _WORDS.items()} | {
    "本日": "today",
    "きょう": "today",
    "きのう": "yesterday",
    "すべて": "all",
    "全て": "all",
    "日": "day",
    "週": "week",
    "月": "month",
    "年": "year",
}
_UNITS = {"h": "hour", "d": "day", "w": "week", "m": "month"}
_UNITS_JA = {"h": "時間", "d": "日間", "w": "週間", "m": "か月"}
_ONE = {"1d": "day", "1w": "week", "1m": "month", "12m": "year"}
_SAME = {word: count for count, word in _ONE.items()}
_MOST = {"h": 24 * 366, "d": 3660, "w": 520, "m": 120}
_ROLLING = re.compile(r"(\d{1,5})([hdwm])")
_ROLLING_JA = re.compile(
    r"(?:過去|直近|ここ|この)?([\d一二三四五六七八九]{1,5})(時間|日間?|週間?|[かヶケカヵ箇]月間?|年間?)"
)
_UNIT_OF = {"時": "h", "日": "d", "週": "w", "年": "y"}
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_DATE_JA = re.compile(r"(\d{4})年(?:(\d{1,2})月(?:(\d{1,2})日)?)?")
_RANGE = re.compile(r"\.{2,3}|~|〜|から")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_GRAMMAR = "day, week, month, year, today, yesterday, this-week, last-week, this-month, last-month, 24h, 7d, 4w, 3m, 2026, 2026-11, 2026-11-03, 2026-11-01..2026-11-15, new, all"  # fmt: skip  # noqa: E501
_GRAMMAR_JA = "今日、昨日、今週、先週、今月、先月、過去7日間、1週間、3か月、2026年、2026年11月、2026-11-01..2026-11-15、新着、全期間"  # noqa: E501

Unit = Literal["seconds", "days", "months"]


@dataclass(frozen=True, slots=True)
class Window:
    """Times from `start` up to, not including, `end` (aware UTC). `step` is how far back its predecessor lies."""

    start: datetime
    end: datetime
    zone: str = "UTC"
    step: tuple[int, Unit] | None = None

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def before(self) -> Window | None:
        """The window to compare with: the one just before, as long on the local clock. None for all time.

        Of a window that runs up to now (`this-week`) it is the same part of the span before.
        """
        if self.step is None:
            return None
        start, end = (_back(one, ZoneInfo(self.zone), *self.step) for one in (self.start, self.end))
        return Window(start, end, self.zone, self.step)

    def label(self, language: str) -> str:
        """Its first and last local day: `2026年11月1日〜15日`, `Nov 1 – 15, 2026`."""
        if self.start <= BEGINNING:
            return _WORDS["all"][language == "ja"]
        zone = ZoneInfo(self.zone)
        first = self.start.astimezone(zone).date()
        last = max(first, (self.end - timedelta(microseconds=1)).astimezone(zone).date())
        return _days_label(first, last, language)


@dataclass(frozen=True, slots=True)
class Period:
    """A span in its one spelling (`parse_period` makes it), which parses to itself."""

    text: str

    def window(self, now: datetime, zone: str = "UTC", since: datetime | None = None) -> Window:
        """What it means at `now` (aware) in an IANA `zone`. `since` is the last look; without one `new` is a week."""
        if now.tzinfo is None:
            raise ValueError("a period needs an aware time")
        now, tz = now.astimezone(UTC), ZoneInfo(zone)
        match self.text:
            case "all":
                return Window(BEGINNING, now, zone)
            case "new":
                start = min(since.astimezone(UTC), now) if since else now - timedelta(days=7)
                return Window(start, now, zone, (int((now - start).total_seconds()) or 1, "seconds"))
        if step := _rolling_step(self.text):
            return Window(_back(now, tz, *step), now, zone, step)
        today = now.astimezone(tz).date()
        if found := _calendar_days(self.text, today):
            first, after, step = found
            ends_now = self.text == "today" or self.text.startswith("this-")
            return Window(_midnight(first, tz), now if ends_now else _midnight(after, tz), zone, step)
        raise _refusal(self.text, "en")

    def label(self, language: str) -> str:
        """Its name for people: `last 7 days`, `2026年11月`."""
        ja = language == "ja"
        if self.text in _WORDS:
            return _WORDS[self.text][ja]
        if rolling := _ROLLING.fullmatch(self.text):
            count, unit = int(rolling[1]), rolling[2]
            if ja:
                return f"過去{count}{_UNITS_JA[unit]}"
            return f"last {count} {_UNITS[unit]}s" if count > 1 else f"last {_UNITS[unit]}"
        ends = [_date_label(one, language) for one in self.text.split("..")]
        return ("〜" if ja else " – ").join(ends)


def parse_period(text: str, language: str = "en") -> Period:
    """A period as typed, in any of its spellings. Refusal, in `language`, with the grammar or what is wrong with it."""
    typed = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).strip().lower())
    close = typed.replace(" ", "")
    if (word := typed.replace(" ", "-")) in _WORDS or (word := _JAPANESE.get(close, "")):
        return Period(word)
    if rolling := _ROLLING.fullmatch(close):
        return _rolling(int(rolling[1]), rolling[2], text, language)
    if (rolling := _ROLLING_JA.fullmatch(close)) and not _canonical_date(close):  # 2026年 is a date
        digits = rolling[1].translate(str.maketrans("一二三四五六七八九", "123456789"))
        count, unit = int(digits), _UNIT_OF.get(rolling[2][0], "m")
        return _rolling(count * 12 if unit == "y" else count, "m" if unit == "y" else unit, text, language)
    ends = [_canonical_date(one) for one in _RANGE.split(re.sub(r"まで$", "", close))]
    if not all(ends) or len(ends) > 2:
        raise _refusal(text, language)
    dates = [one for one in ends if one]
    spans = [span for one in dates if (span := _days_of(one))]
    if len(spans) < len(dates):
        raise Refusal(
            f"「{text}」という日付はありません。2026-11-03 のように書いてください。"
            if language == "ja"
            else f"There is no such date as “{text}”. Write it like 2026-11-03."
        )
    if spans[0][0] > spans[-1][0]:
        swapped = "..".join(reversed(dates))
        raise Refusal(
            f"期間の始まりが終わりより後です。{swapped} ではありませんか。"
            if language == "ja"
            else f"The period ends before it starts. Did you mean {swapped}?"
        )
    return Period("..".join(dict.fromkeys(dates)))


def _rolling(count: int, unit: str, text: str, language: str) -> Period:
    if 1 <= count <= _MOST[unit]:
        return Period(_ONE.get(f"{count}{unit}", f"{count}{unit}"))
    most = f"{_MOST[unit]}{unit}"
    raise Refusal(
        f"「{text}」は使えません。1{unit} から {most} までで指定してください。"
        if language == "ja"
        else f"“{text}” can't be used: give 1{unit} to {most}."
    )


def _refusal(text: str, language: str) -> Refusal:
    if language == "ja":
        return Refusal(f"期間「{text}」が分かりません。使えるのは {_GRAMMAR_JA} です（{_GRAMMAR} も使えます）。")
    return Refusal(f"I don't know the period “{text}”. Use one of: {_GRAMMAR}.")


# --- calendar ---


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The start of a local day. Where the clocks skip midnight it is the moment of the change."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _back(moment: datetime, zone: ZoneInfo, count: int, unit: Unit) -> datetime:
    """`moment` moved back by seconds, or by days or months of the local clock."""
    if unit == "seconds":
        return max(BEGINNING, moment - timedelta(seconds=count))
    local = moment.astimezone(zone)
    day = local.date() - timedelta(days=count) if unit == "days" else _add_months(local.date(), -count)
    return max(BEGINNING, datetime.combine(day, local.timetz()).astimezone(UTC))


def _add_months(day: date, count: int) -> date:
    """The same day of another month, or its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _rolling_step(text: str) -> tuple[int, Unit] | None:
    """How far back `week` or `3m` reaches; None for what is no such span."""
    match = _ROLLING.fullmatch(_SAME.get(text, text))
    if not match:
        return None
    count, unit = int(match[1]), match[2]
    return (count, "months") if unit == "m" else (count * {"h": 3600, "d": 86400, "w": 604800}[unit], "seconds")


def _calendar_days(text: str, today: date) -> tuple[date, date, tuple[int, Unit]] | None:
    """(first day, day after the last, step) of a calendar word or of dates."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    one, week = timedelta(days=1), timedelta(days=7)
    match text:
        case "today":
            return today, today + one, (1, "days")
        case "yesterday":
            return today - one, today, (1, "days")
        case "this-week":
            return monday, monday + week, (7, "days")
        case "last-week":
            return monday - week, monday, (7, "days")
        case "this-month":
            return first, _add_months(first, 1), (1, "months")
        case "last-month":
            return _add_months(first, -1), first, (1, "months")
    ends = text.split("..")
    spans = [span for end in ends if _canonical_date(end) == end and (span := _days_of(end))]
    if len(spans) < len(ends):
        return None
    start, after = spans[0][0], spans[-1][1]
    if all(len(end) < 10 for end in ends):  # whole months or years: compare with as many months
        return start, after, ((after.year - start.year) * 12 + after.month - start.month, "months")
    return start, after, ((after - start).days, "days")


def _canonical_date(text: str) -> str | None:
    """`2026/1/3`, `2026年1月3日` as `2026-01-03`, shorter ones alike; None if it has not that form."""
    match = _DATE.fullmatch(text.replace("/", "-")) or _DATE_JA.fullmatch(text)
    return "-".join(part.zfill(2) for part in match.groups() if part) if match else None


def _days_of(text: str) -> tuple[date, date] | None:
    """(first day, day after the last) of a date in its one spelling; None if the calendar has none such."""
    year, month, day = (*(int(part) for part in text.split("-")), 0, 0)[:3]
    if not 1970 <= year <= 2199:
        return None
    try:
        first = date(year, month or 1, day or 1)
    except ValueError:
        return None
    return first, first + timedelta(days=1) if day else _add_months(first, 1 if month else 12)


# --- labels ---


def _date_label(text: str, language: str) -> str:
    parts = [int(part) for part in text.split("-")]
    if language == "ja":
        return "".join(f"{part}{unit}" for part, unit in zip(parts, "年月日", strict=False))
    year, *rest = parts
    if not rest:
        return str(year)
    return f"{_MONTHS[rest[0] - 1]} {year}" if len(rest) == 1 else f"{_MONTHS[rest[0] - 1]} {rest[1]}, {year}"


def _days_label(first: date, last: date, language: str) -> str:
    """Two days as one span, what they share said once."""
    if first == last:
        return _date_label(first.isoformat(), language)
    same_year, same_month = first.year == last.year, (first.year, first.month) == (last.year, last.month)
    if language == "ja":
        end = f"{last.day}日" if same_month else f"{last.month}月{last.day}日"
        return f"{first.year}年{first.month}月{first.day}日〜{'' if same_year else f'{last.year}年'}{end}"
    start = f"{_MONTHS[first.month - 1]} {first.day}" + ("" if same_year else f", {first.year}")
    end = f"{last.day}" if same_month else f"{_MONTHS[last.month - 1]} {last.day}"
    return f"{start} – {end}, {last.year}"
