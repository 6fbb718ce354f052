"""`/stats`: topics by weeks, for those who moderate. The picture and the text hold the same numbers."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from commands.reading import audience_of, caller_place
from commands.registry import MODERATORS, Between, command
from commands.tools import Tools
from core.chat import Caller
from core.document import Code, Heading, Paragraph, spans
from core.message import Message, MessageBlock, Reply, Small
from core.responses import Counts
from core.speech import say, say_day
from core.text import graphemes
from digest.picture import of_weeks
from storage import pieces
from storage.stats import by_week

SHOWN = 6  # topics
LINE = 38  # columns: what a phone shows of one line of code
COUNTS = ("pieces", "people", "comments")

Row = tuple[str, Sequence[Counts]]


@command(
    "stats", japanese="統計", summary="話題と週ごとに、記事・反応した人・コメントの数を示します。", roles=MODERATORS
)
async def stats(
    tools: Tools,
    caller: Caller,
    *,
    weeks: Annotated[int, "How many weeks, the present one included.", "今週を含めて何週間分か。", Between(2, 8)] = 8,
) -> Reply:
    """Show topics by weeks: pieces, people who responded, comments."""
    starts = _mondays(tools.clock(), caller.zone, weeks)
    bounds = [datetime.combine(day, time(), ZoneInfo(caller.zone)) for day in starts]
    found = await by_week(tools.db, bounds, audience_of(caller, await caller_place(tools, caller)))
    title = say(caller.language, "stats.title", start=say_day(caller.language, starts[0]))
    if not any(each.pieces or each.people for each in found[None]):
        nothing = say(caller.language, "stats.none")
        return Reply(message=Message(title=title, blocks=(Paragraph(spans=spans(nothing)),), language=caller.language))
    names = {topic.id: topic.name(caller.language) for topic, _ in await pieces.all_topics(tools.db)}
    liveliest = sorted((topic for topic in found if topic in names), key=lambda topic: (_weight(found[topic]), topic))
    rows: list[Row] = [(names[topic], found[topic]) for topic in liveliest[:SHOWN]]
    rows.append((say(caller.language, "stats.all"), found[None]))
    span = say(
        caller.language,
        "stats.weeks",
        start=say_day(caller.language, starts[0]),
        end=say_day(caller.language, starts[-2]),
    )
    blocks: list[MessageBlock] = [
        Heading(level=1, spans=spans(title)),
        of_weeks(title, starts[:-1], rows, caller.language),
        Small(spans=spans(span)),
    ]
    for name in COUNTS:
        blocks.append(Heading(level=3, spans=spans(say(caller.language, f"stats.{name}"))))
        blocks.append(Code(text=_drawn([(label, [getattr(one, name) for one in counts]) for label, counts in rows])))
    return Reply(message=Message(title=title, blocks=tuple(blocks), language=caller.language))


def _mondays(now: datetime, zone: str, weeks: int) -> list[date]:
    """The first days of the weeks, and of the one after the last."""
    today = now.astimezone(ZoneInfo(zone)).date()
    monday = today - timedelta(days=today.weekday())
    return [monday + timedelta(weeks=number) for number in range(1 - weeks, 2)]


def _weight(counts: Sequence[Counts]) -> tuple[int, int, int]:
    """Smaller, the more happened."""
    people, comments, found = (sum(getattr(one, name) for one in counts) for name in ("people", "comments", "pieces"))
    return -people, -comments, -found


def _drawn(rows: Sequence[tuple[str, Sequence[int]]]) -> str:
    """A line a topic, a column a week. The names come last: Japanese is not of a width that columns could rely on."""
    shown = [(label, [_short(n) for n in numbers]) for label, numbers in rows]
    wide = max(len(number) for _, numbers in shown for number in numbers)
    lines = []
    for label, numbers in shown:
        left = " ".join(number.rjust(wide) for number in numbers)
        lines.append(f"{left}  {_cut(label, max(LINE - len(left) - 2, 8))}")
    return "\n".join(lines)


def _short(n: int) -> str:
    return "·" if not n else str(n) if n < 1000 else f"{n // 1000}k"


def _cut(text: str, columns: int) -> str:
    """As much of a name as takes so many columns, of which Japanese takes two a letter."""
    kept, left = "", columns
    units = graphemes(" ".join(text.split()))
    for at, unit in enumerate(units):
        left -= 2 if unicodedata.east_asian_width(unit[0]) in "WF" else 1
        if left < (at < len(units) - 1):
            return f"{kept}…"
        kept += unit
    return kept
