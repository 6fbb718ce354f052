"""`/digest-schedule …`: digests that come by themselves, for those who look after the place where they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from commands.moderating import actor, names_in
from commands.placing import ALL, HOSTS, ChannelOption, ZoneOption, called, standing
from commands.registry import Between, command
from commands.saying import listed, said
from commands.tools import Tools
from core.almanac import Times, parse_clock, parse_days
from core.chat import Caller, Place, Role
from core.errors import Refusal
from core.message import Reply
from core.placing import check_place, may_keep
from core.speech import say, say_list
from core.text import fold
from storage import acts, editions, pieces
from storage.db import Tx
from storage.editions import Schedule

KEEPERS: frozenset[Role] = HOSTS | {"moderator"}
MOST = 20  # schedules of one place


@command(
    "digest-schedule add", japanese="追加", summary="このチャンネルに定期的にダイジェストを載せます。", roles=KEEPERS
)
async def add(
    tools: Tools,
    caller: Caller,
    *,
    hour: Annotated[str, "Time of day, such as 9 or 18:30.", "時刻（9 や 18:30 など）。"],
    days: Annotated[str, "Days: daily, weekdays, mon, “mon, thu”.", "曜日: 毎日、平日、月、月木 など。"] = "daily",
    topics: Annotated[str | None, "Only these topics, separated by commas.", "この話題だけ（「、」で区切る）。"] = None,
    zone: ZoneOption = None,
    channel: ChannelOption = None,
) -> Reply:
    """Post a digest to a channel regularly."""
    place = await standing(tools, caller, channel, allowed=_may)
    check_place(replace(place, zone=zone or place.zone), caller.language)
    times = Times(
        days=parse_days(days, caller.language), minute=parse_clock(hour, caller.language), zone=zone or place.zone
    )
    named = await _topics(tools, caller, topics)
    now = tools.clock()

    async def work(tx: Tx) -> int:
        if len(await editions.of_place(tx, place.id)) >= MOST:
            raise Refusal(say(caller.language, "schedule.many", n=MOST))
        number = await editions.add(tx, place.id, times, named, now)
        await acts.record(
            tx, actor=actor(caller), act="digest-schedule add", target=place.address, after=times.label("en"), now=now
        )
        return number

    number = await tools.db.write(work)
    first = times.following(now)
    sentence = say(
        caller.language, "schedule.added", number=number, place=called(place), times=times.label(caller.language)
    )
    return said(caller, sentence, say(caller.language, "schedule.next", at=_at(first, times)))


@command("digest-schedule list", japanese="一覧", summary="定期ダイジェストの予定を示します。", roles=KEEPERS)
async def list_(tools: Tools, caller: Caller, *, channel: ChannelOption = None) -> Reply:
    """List the digests that come to a channel regularly."""
    place = await standing(tools, caller, channel, allowed=_may)
    found = await editions.of_place(tools.db, place.id)
    if not found:
        return said(caller, say(caller.language, "schedule.none", place=called(place)))
    lines = [await _described(tools, caller, one) for one in found]
    return listed(caller, say(caller.language, "schedule.list", place=called(place)), lines)


@command("digest-schedule remove", japanese="削除", summary="定期ダイジェストをやめます。", roles=KEEPERS)
async def remove(
    tools: Tools,
    caller: Caller,
    *,
    number: Annotated[
        int, "Its number (`/digest-schedule list`).", "番号（`/digest-schedule list`）。", Between(1, 10**15)
    ],
    channel: ChannelOption = None,
) -> Reply:
    """Stop a digest that comes regularly; what was posted stays."""
    place = await standing(tools, caller, channel, allowed=_may)
    now = tools.clock()

    async def work(tx: Tx) -> None:
        if not await editions.remove(tx, number, place.id):
            raise Refusal(say(caller.language, "schedule.no-such", number=number, place=called(place)))
        await acts.record(
            tx, actor=actor(caller), act="digest-schedule remove", target=place.address, before=str(number), now=now
        )

    await tools.db.write(work)
    return said(caller, say(caller.language, "schedule.removed", number=number, place=called(place)))


def _may(caller: Caller, place: Place) -> bool:
    """Those who keep the place, and moderators in their own community."""
    own = place.platform == caller.platform and place.community == caller.community
    return may_keep(caller, place) or (own and "moderator" in caller.roles)


async def _topics(tools: Tools, caller: Caller, text: str | None) -> list[str]:
    """The keys of the topics that were named; none for all. Refusal for one that does not exist."""
    if text is None or fold(text) in ALL:
        return []
    found = []
    for name in names_in(text):
        topic = await pieces.topic_named(tools.db, name)
        if topic is None:
            raise Refusal(say(caller.language, "topic.none", name=name))
        found.append(topic.key)
    return list(dict.fromkeys(found))


async def _described(tools: Tools, caller: Caller, schedule: Schedule) -> str:
    named = [(key, await pieces.topic_named(tools.db, key)) for key in schedule.topics]
    names = [key if topic is None else topic.name(caller.language) for key, topic in named]
    topics = say_list(caller.language, names) or say(caller.language, "digest.all")
    following = say(caller.language, "schedule.next", at=_at(schedule.times.following(tools.clock()), schedule.times))
    return f"{schedule.id}. {schedule.times.label(caller.language)}: {topics}. {following}"


def _at(moment: datetime, times: Times) -> str:
    return f"{moment.astimezone(ZoneInfo(times.zone)):%Y-%m-%d %H:%M %Z}"
