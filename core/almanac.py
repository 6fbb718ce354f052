"""When a schedule is due: days of the week and a time of day on the clock of a zone. Pure.

Each local day has the time once: where the clocks skip it, it is as long after the change as it would have been; where
they show it twice, the first counts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.errors import Refusal
from core.speech import say
from core.text import fold

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS_JA = "月火水木金土日"
_EVERY = ("daily", "every day", "everyday", "all", "毎日")
_SPANS = {"weekdays": (0, 1, 2, 3, 4), "平日": (0, 1, 2, 3, 4), "weekends": (5, 6), "週末": (5, 6)}
_CLOCK = re.compile(r"(\d{1,2})(?:[:時](\d{2})?分?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """`days` of the week (0 is Monday), `minute` of the local day, IANA `zone`."""

    days: tuple[int, ...]
    minute: int
    zone: str = "UTC"

    def latest(self, now: datetime) -> datetime:
        """The newest time that is not after `now`."""
        zone = ZoneInfo(self.zone)
        day = now.astimezone(zone).date() + timedelta(days=1)
        while True:
            day -= timedelta(days=1)
            if day.weekday() in self.days and (at := self._on(day, zone)) <= now:
                return at

    def following(self, now: datetime) -> datetime:
        """The next time after `now`."""
        zone = ZoneInfo(self.zone)
        day = now.astimezone(zone).date() - timedelta(days=1)
        while True:
            day += timedelta(days=1)
            if day.weekday() in self.days and (at := self._on(day, zone)) > now:
                return at

    def _on(self, day: date, zone: ZoneInfo) -> datetime:
        return datetime.combine(day, time(*divmod(self.minute, 60)), zone).astimezone(UTC)

    def label(self, language: str) -> str:
        """`daily 09:00 (Asia/Tokyo)`, `月・木 09:00（Asia/Tokyo）`."""
        clock = f"{self.minute // 60:02}:{self.minute % 60:02}"
        if language == "ja":
            days = "毎日" if len(self.days) == 7 else "・".join(DAYS_JA[day] for day in self.days)
            return f"{days} {clock}（{self.zone}）"
        days = "daily" if len(self.days) == 7 else ", ".join(DAYS[day].capitalize() for day in self.days)
        return f"{days} {clock} ({self.zone})"


def parse_days(text: str, language: str = "en") -> tuple[int, ...]:
    """Days as typed: `daily`, `mon`, `Monday, thu`, `月木`, `平日`. Refusal with the mend."""
    plain = fold(text)
    if plain in _EVERY:
        return tuple(range(7))
    if plain in _SPANS:
        return _SPANS[plain]
    found: set[int] = set()
    for word in re.split(r"[\s,、，・/]+", plain.replace("曜日", "").replace("曜", "")):
        if word and all(char in DAYS_JA for char in word):
            found |= {DAYS_JA.index(char) for char in word}
        elif (
            len(word) >= 3 and word[:3] in DAYS and "mondaytuesdaywednesdaythursdayfridaysaturdaysunday".find(word) >= 0
        ):
            found.add(DAYS.index(word[:3]))
        elif word:
            raise Refusal(say(language, "schedule.days", value=text))
    if not found:
        raise Refusal(say(language, "schedule.days", value=text))
    return tuple(sorted(found))


def parse_clock(text: str, language: str = "en") -> int:
    """A time of day as typed (`9`, `09:30`, `21時`), in minutes. Refusal with the mend."""
    match = _CLOCK.fullmatch(unicodedata.normalize("NFKC", text).strip())
    hour, minute = (int(match[1]), int(match[2] or 0)) if match else (24, 0)
    if hour > 23 or minute > 59:
        raise Refusal(say(language, "schedule.hour", value=text))
    return hour * 60 + minute
