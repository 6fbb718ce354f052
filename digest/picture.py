"""What a picture shows, written down: the numbers of a digest, or topics by weeks, with the words that tell the same.

Nothing is drawn here (`digest/drawing.py` does), so that a picture can be compared, kept and described at no cost.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from core.message import Picture
from core.responses import Counts
from core.speech import say, say_day
from core.stances import Scale, Stance
from core.text import shorten
from digest.drawing import HEIGHT, WIDTH
from digest.sketch import Numbers

ALT = 600  # characters; it takes room from the text of a message
SHOWN_HEAT = 4


def of_digest(numbers: Numbers, title: str, language: str, scale: Scale) -> Picture | None:
    """The card of a digest: stances, the sections that drew most, comments over time. None where nobody responded."""
    if not numbers.people and not numbers.comments:
        return None

    def changed(what: str, now: int, before: int) -> str:
        return say(language, "picture.changed", what=what, change=_change(now, before)) if numbers.compared else what

    people = say(language, "picture.readers-more" if numbers.more else "picture.readers", n=numbers.people)
    told_apart = not numbers.more and not numbers.more_before
    readers = changed(people, numbers.people, numbers.people_before) if told_apart else people
    comments = say(language, "picture.comments", n=numbers.comments)
    comments = changed(comments, numbers.comments, numbers.comments_before)
    told = {key: (now, before if numbers.compared else 0) for key, now, before in numbers.stances}
    stances = [
        (_named(stance, language), *told[stance.key], changed(str(told[stance.key][0]), *told[stance.key]))
        for stance in scale.stances
        if stance.key in told
    ]
    heat = [(shorten(one.heading, 60), one.n) for one in numbers.heat[:SHOWN_HEAT]]
    starts = [at for at, _ in numbers.timeline]
    hourly = len(starts) > 1 and starts[1] - starts[0] < timedelta(days=1)
    timeline = [(_moment(at, language, hourly=hourly), n) for at, n in numbers.timeline]
    what = {
        "kind": "digest",
        "title": title,
        "readers": f"{readers} · {comments}",
        "stances": _panel(language, "stances", stances),
        "heat": _panel(language, "heat", heat),
        "timeline": _panel(language, "timeline", timeline),
    }
    said = [title, readers, comments]
    said += [f"{name} {count}" for name, _, _, count in stances]
    said += [say(language, "picture.section", heading=heading, n=n) for heading, n in heat]
    at, most = max(timeline, key=lambda one: one[1], default=("", 0))
    if most:
        said.append(say(language, "picture.peak", at=at, n=most))
    return _picture(what, said, language)


def of_weeks(title: str, weeks: Sequence[date], rows: Sequence[tuple[str, Sequence[Counts]]], language: str) -> Picture:
    """Topics by weeks (by their first days): pieces, people, comments beside each other. The last row sums them up."""
    what = {
        "kind": "weeks",
        "title": title,
        "weeks": [say_day(language, week) for week in weeks],
        "panels": [say(language, f"stats.{name}") for name in ("pieces", "people", "comments")],
        "rows": [(name, _by_count(counts)) for name, counts in rows],
    }
    said = [title]
    for name, counts in rows:
        pieces, comments = sum(each.pieces for each in counts), sum(each.comments for each in counts)
        most = max((each.people for each in counts), default=0)
        said.append(say(language, "stats.told", topic=name, pieces=pieces, people=most, comments=comments))
    return _picture(what, said, language)


def _picture(what: dict[str, Any], said: Sequence[str], language: str) -> Picture:
    alt = say(language, "picture.alt", what=("。" if language == "ja" else ". ").join(said))
    of = json.dumps(what, ensure_ascii=False, separators=(",", ":"))
    return Picture(of=of, alt=shorten(alt, ALT), width=WIDTH, height=HEIGHT)


def _by_count(counts: Sequence[Counts]) -> list[list[int]]:
    return [[getattr(each, name) for each in counts] for name in ("pieces", "people", "comments")]


def _panel(language: str, name: str, rows: Sequence[tuple[object, ...]]) -> dict[str, Any]:
    return {
        "name": say(language, f"picture.{name}"), "none": say(language, f"picture.no-{name}"), "rows": rows,
    }  # fmt: skip


def _named(stance: Stance, language: str) -> str:
    """A stance with its emoji, if that is a sign that fonts know: `:party-parrot:` is none."""
    emoji, name = stance.emoji[0], stance.name(language)
    return f"{emoji} {name}" if any(unicodedata.category(sign) == "So" for sign in emoji) else name


def _change(now: int, before: int) -> str:
    return f"+{now - before}" if now > before else f"−{before - now}" if now < before else "±0"


def _moment(at: datetime, language: str, *, hourly: bool) -> str:
    return f"{at:%H:%M}" if hourly else say_day(language, at.date())
