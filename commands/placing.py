"""`/place …`: where pieces are posted, and how. For the publication's admins everywhere, for hosts in their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from commands.moderating import actor, names_in
from commands.registry import Between, ChannelId, RoleId, command
from commands.saying import listed, said
from commands.tools import Tools
from core.chat import Caller, Place, Role
from core.errors import Refusal
from core.identity import HASHED
from core.message import Reply
from core.placing import (
    BY_HAND,
    NOBODY,
    REMOVED,
    WITH_COMMUNITIES,
    check_place,
    may_keep,
    moderators_in,
    quiet_hours,
    split_place,
    topics_filter,
)
from core.speech import say
from core.text import fold
from storage import acts, pieces, places, queueing
from storage.db import Tx

HOSTS: frozenset[Role] = frozenset({"host", "admin"})
NO_CAP = 1000  # as many pieces a day are as good as no limit
ALL = ("all", "すべて", "全部", "全て")

ChannelOption = Annotated[
    ChannelId | None, "The channel; without it, the one you are in.", "チャンネル（省くと今いる所）。"
]
LayoutOption = Annotated[
    Literal["card", "thread", "forum", "follow", "queue"] | None,
    "One message; sections in a thread; a forum post; a card others follow; the moderators' queue.",
    "カード一つ、節をスレッドに、フォーラム投稿、フォローできるカード、承認待ちの一覧。",
]
TopicsOption = Annotated[
    str | None, "Only these topics, separated by commas; all for all.", "この話題だけ（「、」で区切る）。"
]
LanguageOption = Annotated[Literal["en", "ja"] | None, "Language of what is posted there.", "載せるときの言語。"]
ZoneOption = Annotated[str | None, "Time zone there, such as Asia/Tokyo.", "タイムゾーン（Asia/Tokyo など）。"]
QuietOption = Annotated[
    str | None, "Hours without posts, such as 22:00-07:00; or off.", "載せない時間（22:00-07:00 など、または off）。"
]
CapOption = Annotated[
    int | None,
    f"Most pieces a day, the rest in one message; {NO_CAP} for no limit.",
    f"一日の上限。超えた分はまとめて。{NO_CAP} で無制限。",
    Between(0, NO_CAP),
]
MentionOption = Annotated[
    RoleId | None, "Role to mention at new pieces; @everyone for none.", "新しい記事で呼ぶロール（@everyone でなし）。"
]
ReviewOption = Annotated[
    bool | None, "yes: a piece waits here until a moderator approves it.", "yes で、承認されるまでここには載せません。"
]
ModeratorsOption = Annotated[
    str | None,
    "Who moderates only there: people, roles, groups, mentioned or by id; none for nobody.",
    "そこだけのモデレーター。人、ロール、グループをメンションか ID で（none でなし）。",
]
NameOption = Annotated[str | None, "What to call the channel.", "チャンネルの呼び名。"]


@command("place add", japanese="追加", summary="このチャンネルに記事を載せます。", roles=HOSTS)
async def add(
    tools: Tools,
    caller: Caller,
    *,
    channel: ChannelOption = None,
    layout: LayoutOption = None,
    topics: TopicsOption = None,
    language: LanguageOption = None,
    zone: ZoneOption = None,
    quiet: QuietOption = None,
    cap: CapOption = None,
    mention: MentionOption = None,
    review: ReviewOption = None,
    moderators: ModeratorsOption = None,
    name: NameOption = None,
) -> Reply:
    """Post pieces to a channel from now on."""
    platform, where = _where(caller, channel)
    there = Place(id=0, platform=platform, channel=where, community=_community(caller, platform))
    before = await places.place_at(tools.db, platform, where)
    _own(caller, before or there)
    if before is not None and before.paused != REMOVED:
        raise Refusal(say(caller.language, "place.already", place=called(before)))
    base = replace(there, language=caller.language, zone=tools.zone, name=before.name if before else "")
    given = _given(caller, base, layout, topics, language, zone, quiet, cap, mention, review, moderators, name)
    wanted = replace(base, **given)
    check_place(wanted, caller.language)
    now = tools.clock()

    async def work(tx: Tx) -> Place:
        added = await places.add(tx, wanted, "place", now)
        if added.layout == "queue":
            await queueing.fill(tx, added.id, now)
        await acts.record(tx, actor=actor(caller), act="place add", target=wanted.address, now=now)
        return added

    added = await tools.db.write(work)
    await tools.furnish()
    tools.wake()
    name_ = "place.queue" if added.layout == "queue" else "place.added" if before is None else "place.back"
    sentence = say(caller.language, name_, place=called(added))
    return said(caller, sentence, described(added, caller.language), *await _unknown(tools, caller, topics))


@command("place set", japanese="設定", summary="掲載先の設定を変えます。指定したものだけ変わります。", roles=HOSTS)
async def set_(
    tools: Tools,
    caller: Caller,
    *,
    channel: ChannelOption = None,
    layout: LayoutOption = None,
    topics: TopicsOption = None,
    language: LanguageOption = None,
    zone: ZoneOption = None,
    quiet: QuietOption = None,
    cap: CapOption = None,
    mention: MentionOption = None,
    review: ReviewOption = None,
    moderators: ModeratorsOption = None,
    name: NameOption = None,
    paused: Annotated[bool | None, "yes to stop posting there, no to go on.", "yes で停止、no で再開。"] = None,
) -> Reply:
    """Change how a channel is posted to; only what you give."""
    place = await standing(tools, caller, channel)
    now = tools.clock()

    def given(today: Place) -> Mapping[str, Any]:
        _own(caller, today)
        changes = _given(caller, today, layout, topics, language, zone, quiet, cap, mention, review, moderators, name)
        if paused is not None:
            changes["paused"] = BY_HAND if paused else None
        if replace(today, **changes) == today:
            raise Refusal(say(caller.language, "place.nothing"))
        return changes

    async def work(tx: Tx) -> Place:
        before, changed = await change(tx, place, given, now, caller.language)
        await acts.record(
            tx, actor=actor(caller), act="place set", target=before.address, before=_logged(tools, before),
            after=_logged(tools, changed), now=now,
        )  # fmt: skip
        return changed

    changed = await tools.db.write(work)
    await tools.furnish()
    tools.wake()
    sentence = say(caller.language, "place.changed", place=called(changed))
    return said(caller, sentence, described(changed, caller.language), *await _unknown(tools, caller, topics))


async def change(
    tx: Tx,
    place: Place,
    given: Callable[[Place], Mapping[str, Any]],
    now: datetime,
    language: str = "en",
    **columns: object,
) -> tuple[Place, Place]:
    """Set what is given for a place as it is in the transaction, and nothing else: somebody may have set the rest
    meanwhile, with which it must go together. `columns` are those that no `Place` has. Gives it before and after.
    """
    today = await places.by_id(tx, place.id)
    if today is None or today.paused == REMOVED:
        raise Refusal(say(language, "place.none-there", place=place.address))
    changes = dict(given(today))
    check_place(replace(today, **changes), language)
    if "quiet" in changes:
        changes["quiet_from"], changes["quiet_to"] = changes.pop("quiet") or (None, None)
    if "moderators" in changes:
        changes["moderators"] = " ".join(changes["moderators"])
    if "review" in changes:
        changes["review"] = int(changes["review"])
    changed = await places.change(tx, (today.platform, today.channel), **changes, **columns)
    if changed.layout == "queue" != today.layout:
        await queueing.fill(tx, changed.id, now)
    return today, changed


@command("place remove", japanese="削除", summary="掲載をやめます。載せた記事は残ります。", roles=HOSTS)
async def remove(tools: Tools, caller: Caller, *, channel: ChannelOption = None) -> Reply:
    """Post nothing new to a channel; what was posted stays."""
    before = await standing(tools, caller, channel)
    now = tools.clock()

    async def work(tx: Tx) -> bool:
        await acts.record(tx, actor=actor(caller), act="place remove", target=before.address, now=now)
        return await places.remove(tx, before.id, now)

    name = "place.forgotten" if await tools.db.write(work) else "place.removed"
    await tools.furnish()
    return said(caller, say(caller.language, name, place=called(before)))


@command("place list", japanese="一覧", summary="掲載先とその設定を示します。", roles=HOSTS)
async def list_(tools: Tools, caller: Caller) -> Reply:
    """List the channels that are posted to, and how."""
    mine = [one for one in await places.all_places(tools.db) if may_keep(caller, one) and one.paused != REMOVED]
    if not mine:
        return said(caller, say(caller.language, "place.list-empty"))
    lines = (f"{called(one)}: {described(one, caller.language)}" for one in mine)
    return listed(caller, say(caller.language, "place.list"), lines)


def described(place: Place, language: str) -> str:
    """How a place is spoken to, in one line."""
    start, end = place.quiet or ("", "")
    parts = [
        place.layout,
        place.language,
        place.zone,
        say(language, "place.filter", filter=place.filter) if place.filter else "",
        say(language, "place.quiet-from", start=start, end=end) if place.quiet else "",
        say(language, "place.cap-of", n=place.cap) if place.cap is not None else "",
        say(language, "place.pings") if place.mention else "",
        say(language, "place.on-review") if place.review else "",
        say(language, "place.moderated-by", ids=", ".join(place.moderators)) if place.moderators else "",
        say(language, "place.paused", reason=place.paused) if place.paused else "",
    ]
    return ", ".join(part for part in parts if part)


def _logged(tools: Tools, place: Place) -> str:
    """The same for the log, which nothing is ever taken out of: moderators by the beginning of their hashes."""
    hashes = [f"{HASHED}{tools.db.whose(place.platform, one)[:8]}" for one in place.moderators]
    return described(replace(place, moderators=tuple(hashes)), "en")


def called(place: Place) -> str:
    """A place as people know it, with its address."""
    return f"{place.name} ({place.address})" if place.name else place.address


def _where(caller: Caller, channel: ChannelId | None) -> tuple[str, str]:
    """(platform, channel): as named, for admins also `PLATFORM:CHANNEL` from afar, or where the caller is."""
    if channel and ":" in channel:
        if "admin" not in caller.roles:  # nobody vouched for it
            raise Refusal(say(caller.language, "place.not-yours", place=channel))
        return split_place(channel)
    where = channel or caller.channel
    if not where:
        raise Refusal(say(caller.language, "place.where"))
    return caller.platform, where


def _community(caller: Caller, platform: str) -> str:
    """The community of a new place: the one that it is added from."""
    if platform == caller.platform and caller.community:
        return caller.community
    return "" if platform in WITH_COMMUNITIES else platform


def _own(caller: Caller, place: Place) -> None:
    if not may_keep(caller, place):
        raise Refusal(say(caller.language, "place.not-yours", place=called(place)))


async def standing(
    tools: Tools,
    caller: Caller,
    channel: ChannelId | None,
    *,
    allowed: Callable[[Caller, Place], bool] = may_keep,
) -> Place:
    """The place that is meant. Refusal if there is none, or it is not the caller's to set up."""
    platform, where = _where(caller, channel)
    place = await places.place_at(tools.db, platform, where)
    if place is None or place.paused == REMOVED:
        raise Refusal(say(caller.language, "place.none-there", place=f"{platform}:{where}"))
    if not allowed(caller, place):
        raise Refusal(say(caller.language, "place.not-yours", place=called(place)))
    return place


def _given(
    caller: Caller,
    place: Place,
    layout: Any,
    topics: str | None,
    language: str | None,
    zone: str | None,
    quiet: str | None,
    cap: int | None,
    mention: RoleId | None,
    review: bool | None,
    moderators: str | None,
    name: str | None,
) -> dict[str, Any]:
    """What was given, as a place has it."""
    if layout == "queue" != place.layout and "admin" not in caller.roles:  # it shows what nobody approved yet
        raise Refusal(say(caller.language, "place.queue-admins"))
    if moderators is not None and "admin" not in caller.roles:
        raise Refusal(say(caller.language, "place.moderators-admins"))
    given: dict[str, Any] = {"layout": layout, "language": language, "zone": zone, "review": review, "name": name}
    changes = {key: value for key, value in given.items() if value is not None}
    if topics is not None:
        changes["filter"] = "" if fold(topics) in ALL else topics_filter(names_in(topics))
    if quiet is not None:
        changes["quiet"] = quiet_hours(quiet, caller.language)
    if cap is not None:
        changes["cap"] = None if cap >= NO_CAP else cap
    if mention is not None:
        # On Discord the role that everyone has bears the server's own id: nobody wants to be woken by a bot like that.
        nobody = fold(mention) in NOBODY or mention in ("everyone", place.community)
        changes["mention"] = "" if nobody else mention
    if moderators is not None:
        changes["moderators"] = moderators_in(moderators, place, caller.language)
    return changes


async def _unknown(tools: Tools, caller: Caller, topics: str | None) -> Sequence[str]:
    """A sentence for each topic that does not exist yet: it may be mistyped."""
    if topics is None or fold(topics) in ALL:
        return ()
    return [
        say(caller.language, "place.topic-unknown", topic=one)
        for one in names_in(topics)
        if await pieces.topic_named(tools.db, one) is None
    ]
