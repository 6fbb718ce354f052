"""`/digest`: what was written about a topic and what readers said. One card, and all of it behind its button."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from commands.gathering import Viewer, gather, show, show_all
from commands.reading import caller_place
from commands.registry import alone, command
from commands.telling import with_prose
from commands.tools import Tools
from core.chat import Caller
from core.errors import Refusal
from core.message import Message, Reply
from core.period import Period, parse_period
from core.pieces import Topic
from core.speech import say
from core.times import SECOND, micros, moment
from digest.packing import unpack
from digest.sketch import Sketch
from storage import editions, pieces, places, readers


@command("digest", japanese="ダイジェスト", summary="話題ごとに、書かれたことと読者の声をまとめます。")
async def digest(
    tools: Tools,
    caller: Caller,
    *,
    topic: Annotated[Topic | None, "Only this topic.", "この話題だけ。"] = None,
    period: Annotated[
        Period,
        "How far back: day, week, month, 7d, 2026-11, 2026-11-01..2026-11-15, new, all.",
        "いつから: 今日、今週、7日、2026年11月、2026-11-01..2026-11-15、新着、全期間。",
    ] = Period("week"),  # noqa: B008 - immutable
) -> Reply:
    """Show what was written about a topic and what readers said."""
    now = tools.clock()
    since: datetime | None = None
    topics: Sequence[Topic] = await pieces.topics(tools.db, [topic.id]) if topic is not None else ()
    followed = False
    if period.text == "new":
        await tools.outside.ready()
        if not tools.outside.holds(caller.platform, caller.person.id):
            since = await readers.look(tools.db, caller.platform, caller.person, now)
        if topic is None:
            topics = await _followed(tools, caller)
            followed = bool(topics)
    about = "f" if followed else "-" if topic is None else str(topic.id)

    viewer = await _viewer(tools, caller)

    async def made() -> Message:
        now = tools.clock()
        sketch = await _sketched(tools, viewer, caller.zone, topics, period, now, since, followed=followed)
        return await tools.draw(await show(tools, sketch, viewer, _id(about, period, now, since)))

    asked = (viewer, caller.zone, tuple(one.id for one in topics), about, period, since)
    return Reply(message=await tools.together(("digest", asked), made))


async def _viewer(tools: Tools, caller: Caller) -> Viewer:
    return Viewer.caller(caller, await caller_place(tools, caller))


async def _sketched(
    tools: Tools,
    viewer: Viewer,
    zone: str,
    topics: Sequence[Topic],
    period: Period,
    now: datetime,
    since: datetime | None,
    *,
    followed: bool,
) -> Sketch:
    window = period.window(now, zone, since)
    sketch = await gather(tools, topics, window, viewer.audience, period=period.text, followed=followed)
    return await with_prose(tools, sketch, viewer)


async def _followed(tools: Tools, caller: Caller) -> list[Topic]:
    return await pieces.topics(tools.db, await readers.followed(tools.db, caller.platform, caller.person))


# --- the whole of it: the id of the button says which digest it was, so that it works after a restart too ---


def _id(about: str, period: Period, now: datetime, since: datetime | None) -> str:
    """`v1:digest:TOPIC:PERIOD:NOW:SINCE`, times in seconds since 1970; TOPIC `-` is all, `f` what they follow."""
    times = f"{micros(now) // SECOND}:{'-' if since is None else micros(since) // SECOND}"
    return f"v1:digest:{about}:{period.text}:{times}"


def edition_id(number: int) -> str:
    """The same for a digest that was posted."""
    return f"v1:digest:e{number}"


@alone("digest")
async def all_of_it(tools: Tools, caller: Caller, what: str) -> Reply:
    """All of a digest, privately, page by page."""
    try:
        viewer = await _viewer(tools, caller)
        sketch = await _meant(tools, caller, viewer, what)
    except (Refusal, ValueError, KeyError, TypeError, OverflowError) as error:
        raise Refusal(say(caller.language, "refused.stale")) from error
    return Reply(message=await show_all(tools, sketch, viewer))


async def _meant(tools: Tools, caller: Caller, viewer: Viewer, what: str) -> Sketch:
    if what.startswith("e"):
        return await _edition(tools, caller, int(what[1:]))
    about, period, until, since = what.split(":")
    now = moment(int(until) * SECOND)
    then = None if since == "-" else moment(int(since) * SECOND)
    if about in ("-", "f"):
        topics = await _followed(tools, caller) if about == "f" else []
    else:
        topics = await pieces.topics(tools.db, [int(about)])
        if not topics:
            raise ValueError(about)
    return await _sketched(tools, viewer, caller.zone, topics, parse_period(period), now, then, followed=about == "f")


async def _edition(tools: Tools, caller: Caller, number: int) -> Sketch:
    """A digest that was posted, for those of the community that it was posted in."""
    edition = await editions.edition(tools.db, number)
    if edition is None or edition.sketch is None:
        raise ValueError(number)
    place = await places.by_id(tools.db, edition.place)
    if place is None:
        raise ValueError(number)
    near = place.channel == caller.channel or place.community == caller.community != ""
    if caller.platform != "shell" and not (place.platform == caller.platform and near):
        raise Refusal(say(caller.language, "refused.stale"))
    return unpack(Sketch, edition.sketch)
