"""`/topic …`: topics are made, named, described, merged; many pieces are re-tagged, after a look at which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal

from commands.moderating import actor
from commands.registry import MODERATORS, Words, alone, command, row_id
from commands.saying import listed, said
from commands.tools import Tools
from commands.topics import about, shown_anew
from core.chat import Caller
from core.document import Paragraph, bullets, spans
from core.errors import Refusal
from core.filters import either, parse_filter
from core.message import Action, Message, MessageBlock, Reply
from core.pieces import Piece, Topic
from core.speech import say
from core.text import fold, shorten
from storage import acts, pieces, topics
from storage.db import Reader, Tx

AT_ONCE = 200
"""Most pieces that are re-tagged by one press."""
SHOWN = 12
LISTED = 50
MERGE = "/topic merge"
LENGTH = 60
"""Most characters of a name; a description may have five times as many."""

TopicOption = Annotated[Topic, "The topic, by any of its names.", "話題（別名でも可）。"]


@command("topic list", japanese="一覧", summary="話題を、名前・別名・説明・規則とともに示します。", roles=MODERATORS)
async def list_topics(tools: Tools, caller: Caller) -> Reply:
    """List the topics with their other names, descriptions and rules."""
    found = (await pieces.all_topics(tools.db))[:LISTED]
    title = say(caller.language, "topic.list" if found else "topic.list-empty")
    return listed(caller, title, (_told(topic, n, caller) for topic, n in found)) if found else said(caller, title)


def _told(topic: Topic, n: int, caller: Caller) -> str:
    own = topic.name(caller.language)
    others = sorted({*topic.names.values(), *topic.aliases} - {own})
    kind = "" if topic.kind == "theme" else say(caller.language, f"topic.{topic.kind}")
    parts = [f"{own} ({n})", kind, ", ".join(others), topic.description, topic.rule]
    return " · ".join(filter(None, parts))


@command("topic create", japanese="作成", summary="話題を作ります。", roles=MODERATORS)
async def create(
    tools: Tools,
    caller: Caller,
    *,
    name: Annotated[str, "Its name.", "名前。"],
    kind: Annotated[
        Literal["theme", "person", "company"] | None, "What it is; a theme unless said.", "種類。省くとテーマ。"
    ] = None,
    text: Annotated[Words | None, "One line that tells it from others.", "ほかと区別する一行の説明。"] = None,
) -> Reply:
    """Make a topic."""
    own, now = _name(caller, name), tools.clock()

    async def work(tx: Tx) -> None:
        line = _description(caller, text or "")
        if await topics.create(tx, own, caller.language, now, kind=kind or "theme", description=line) is None:
            raise Refusal(say(caller.language, "topic.taken", name=own))
        topic = await pieces.topic_named(tx, own)
        assert topic is not None
        await _record(tools, tx, caller, "topic create", topic, "", own)

    return await _done(tools, caller, work, say(caller.language, "topic.created", name=own))


@command("topic rename", japanese="改名", summary="話題の名前を変えます。前の名前は別名に残ります。", roles=MODERATORS)
async def rename(
    tools: Tools,
    caller: Caller,
    *,
    topic: TopicOption,
    name: Annotated[str, "The new name.", "新しい名前。"],
    language: Annotated[
        Literal["en", "ja"] | None, "In which language; yours unless said.", "どの言語での名前か。"
    ] = None,
) -> Reply:
    """Give a topic another name in a language; the old one goes on meaning it."""
    own, tongue = _name(caller, name), language or caller.language

    async def work(tx: Tx) -> None:
        today = await _today(tx, caller, topic)
        await _check_free(tx, caller, own, await topics.rename(tx, topic.id, tongue, own, tools.clock()))
        before = today.names.get(tongue, "")
        await _record(tools, tx, caller, "topic rename", topic, today.name(tongue), own)
        await _say_in_filters(tools, tx, caller, [before], own, "/topic rename")

    return await _done(tools, caller, work, say(caller.language, "topic.renamed", topic=topic.name(tongue), name=own))


@command("topic alias", japanese="別名", summary="話題に別名を加えます（外すこともできます）。", roles=MODERATORS)
async def alias(
    tools: Tools,
    caller: Caller,
    *,
    topic: TopicOption,
    name: Annotated[str, "The other name.", "別名。"],
    off: Annotated[bool, "yes to take the name off.", "yes で外します。"] = False,
) -> Reply:
    """Let another name mean a topic, or no longer."""
    other = _name(caller, name)

    async def work(tx: Tx) -> None:
        await _today(tx, caller, topic)
        if off:
            if not await topics.drop_alias(tx, topic.id, other, tools.clock()):
                raise Refusal(say(caller.language, "topic.no-alias", name=other, topic=topic.name(caller.language)))
        else:
            if await topics.owner(tx, other) == topic.id:
                raise Refusal(say(caller.language, "topic.taken", name=other))
            await _check_free(tx, caller, other, await topics.add_alias(tx, topic.id, other, tools.clock()))
        await _record(tools, tx, caller, "topic alias", topic, other if off else "", "" if off else other)

    name_ = "topic.unaliased" if off else "topic.aliased"
    return await _done(tools, caller, work, say(caller.language, name_, name=other, topic=topic.name(caller.language)))


@command("topic describe", japanese="説明", summary="話題の説明を書きます。", roles=MODERATORS)
async def describe(
    tools: Tools,
    caller: Caller,
    *,
    topic: TopicOption,
    text: Annotated[Words | None, "One line; none to take it off.", "一行の説明。省くと消します。"] = None,
) -> Reply:
    """Say in one line what a topic is about: pieces are sorted by it too."""
    line = _description(caller, text or "")

    async def work(tx: Tx) -> None:
        today = await _today(tx, caller, topic)
        await topics.describe(tx, topic.id, line, tools.clock())
        await _record(tools, tx, caller, "topic describe", topic, today.description, line)

    return await _done(tools, caller, work, _set(caller, topic, line))


@command("topic rule", japanese="規則", summary="話題に入る記事の条件を決めます。", roles=MODERATORS)
async def rule(
    tools: Tools,
    caller: Caller,
    *,
    topic: TopicOption,
    text: Annotated[
        Words | None,
        "A filter such as word:bus OR author:Mo; none to take it off.",
        "word:バス などの条件。省くと消します。",
    ] = None,
) -> Reply:
    """Set which pieces are about a topic without anybody saying so."""
    line = (text or "").strip()
    parse_filter(line, caller.language)  # Refusal with the place that can't be read

    async def work(tx: Tx) -> None:
        today = await _today(tx, caller, topic)
        await topics.set_rule(tx, topic.id, line, tools.clock())
        await _record(tools, tx, caller, "topic rule", topic, today.rule, line)

    return await _done(tools, caller, work, _set(caller, topic, line))


# --- in two steps: what is seen first is what is done then ---


@command("topic merge", japanese="統合", summary="話題を別の話題にまとめます（確認があります）。", roles=MODERATORS)
async def merge(
    tools: Tools,
    caller: Caller,
    *,
    topic: TopicOption,
    into: Annotated[Topic, "The topic that stays.", "残る話題。"],
) -> Reply:
    """Make one topic of two, once you confirmed it: names, rules, pieces, followers go to what stays."""
    if topic.id == into.id:
        raise Refusal(say(caller.language, "topic.same"))
    n, people = await topics.extent(tools.db, topic.id)
    names = _names(topic, into, caller)
    asked = [say(caller.language, "topic.merge-sure", n=n, people=people, **names)]
    if topic.rule:
        either([into.rule, topic.rule], caller.language)  # Refusal if it could not go there
        asked.append(say(caller.language, "topic.merge-rule", rule=topic.rule))
    button = Action(
        id=f"v1:topic-merge:{topic.id}:{into.id}", label=say(caller.language, "topic.merge"), style="danger"
    )
    return said(caller, *asked, actions=(button,))


@alone("topic-merge", only=MODERATORS)
async def merge_now(tools: Tools, caller: Caller, what: str) -> Reply:
    """It was confirmed."""
    gone, into = await _two(tools, caller, what)

    async def work(tx: Tx) -> None:
        names = [gone.key, *gone.names.values(), *gone.aliases]
        await _say_in_filters(tools, tx, caller, names, into.name(caller.language), MERGE)
        theirs, own = await _today(tx, caller, gone), await _today(tx, caller, into)
        moved = await topics.pieces_about(tx, gone.id, 1 << 30)
        await topics.merge(tx, gone.id, into.id, tools.clock())
        if theirs.rule:
            rule = either([own.rule, theirs.rule], caller.language)
            await topics.set_rule(tx, into.id, rule, tools.clock())
            await _record(tools, tx, caller, "topic rule", into, own.rule, rule, MERGE)
        for number in moved:
            piece = await pieces.piece(tx, number)
            assert piece is not None
            await shown_anew(tools, tx, piece)
        before = ", ".join(sorted({*gone.names.values(), *gone.aliases}))
        await _record(tools, tx, caller, "topic merge", into, f"{before} ({len(moved)})", into.key)

    return await _done(tools, caller, work, say(caller.language, "topic.merged", **_names(gone, into, caller)))


@command(
    "topic retag",
    japanese="付け替え",
    summary="話題の記事をまとめて別の話題に移します（確認があります）。",
    roles=MODERATORS,
)
async def retag(
    tools: Tools,
    caller: Caller,
    *,
    topic: TopicOption,
    into: Annotated[Topic, "What they are about instead.", "移す先の話題。"],
) -> Reply:
    """Show which pieces about one topic would be about another instead, and do it once you confirmed."""
    if topic.id == into.id:
        raise Refusal(say(caller.language, "topic.same"))
    numbers = await topics.pieces_about(tools.db, topic.id, AT_ONCE)
    if not numbers:
        raise Refusal(say(caller.language, "topic.no-pieces", topic=topic.name(caller.language)))
    some = await pieces.pieces(tools.db, numbers[:SHOWN])
    lines = [f"#{one.number} {shorten(one.title, 80)}: {_after(one, topic, into, caller)}" for one in some]
    if len(numbers) > SHOWN:
        lines.append(say(caller.language, "digest.more-pieces", n=len(numbers) - SHOWN))
    label = say(caller.language, "topic.apply", n=len(numbers))
    button = Action(id=f"v1:retag:{topic.id}:{into.id}:{max(numbers)}.{len(numbers)}", label=label, style="primary")
    return _asked(caller, say(caller.language, "topic.retag-sure", **_names(topic, into, caller)), lines, button)


def _after(piece: Piece, topic: Topic, into: Topic, caller: Caller) -> str:
    """What a piece is about before and after."""
    before = [one.name(caller.language) for one in piece.topics]
    left = [one.name(caller.language) for one in piece.topics if one.id not in (topic.id, into.id)]
    return f"{', '.join(before)} → {', '.join([*left, into.name(caller.language)])}"


@alone("retag", only=MODERATORS)
async def retag_now(tools: Tools, caller: Caller, what: str) -> Reply:
    """It was confirmed: what was shown is done, or nothing if that changed meanwhile."""
    pair, _, seen = what.rpartition(":")
    topic, into = await _two(tools, caller, pair)
    now = tools.clock()

    async def work(tx: Tx) -> None:
        numbers = await topics.pieces_about(tx, topic.id, AT_ONCE)
        if not numbers or seen != f"{max(numbers)}.{len(numbers)}":
            raise Refusal(say(caller.language, "topic.changed"))
        for number in numbers:
            before = await pieces.piece(tx, number)
            assert before is not None
            await topics.take_off(tx, number, topic.id, now)
            await topics.put_on(tx, number, into.id, topics.BY_HAND)
            after = await pieces.piece(tx, number)
            assert after is not None
            await acts.record(
                tx, actor=actor(caller), act="tag", target=f"#{number}", before=about(before, caller),
                after=about(after, caller), reason="/topic retag", now=now,
            )  # fmt: skip
            await shown_anew(tools, tx, after)

    return await _done(tools, caller, work, say(caller.language, "topic.retagged", **_names(topic, into, caller)))


async def _two(tools: Tools, caller: Caller, what: str) -> tuple[Topic, Topic]:
    """The topics that a button names. Refusal if they are not there any more."""
    numbers = [number for one in what.split(":") if (number := row_id(one)) is not None]
    found = {one.id: one for one in await pieces.topics(tools.db, numbers)}
    if what.count(":") == 1 and len(found) == 2:
        return found[numbers[0]], found[numbers[1]]
    raise Refusal(say(caller.language, "refused.stale"))


# --- what they share ---


async def _today(tx: Reader, caller: Caller, topic: Topic) -> Topic:
    """A topic as it is in the transaction. Refusal if it is gone."""
    found = await pieces.topics(tx, [topic.id])
    if not found:
        raise Refusal(say(caller.language, "topic.none", name=topic.name(caller.language)))
    return found[0]


async def _check_free(tx: Reader, caller: Caller, name: str, taken: int | None) -> None:
    if taken is not None:
        raise Refusal(say(caller.language, "topic.taken", name=name))


def _name(caller: Caller, text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LENGTH or set(name) & set(",、，"):
        raise Refusal(say(caller.language, "topic.bad-name", most=LENGTH))
    return name


def _description(caller: Caller, text: str) -> str:
    line = " ".join(text.split())
    if len(line) > 5 * LENGTH:
        raise Refusal(say(caller.language, "topic.bad-name", most=5 * LENGTH))
    return line


def _names(topic: Topic, into: Topic, caller: Caller) -> dict[str, str]:
    return {"topic": topic.name(caller.language), "into": into.name(caller.language)}


def _set(caller: Caller, topic: Topic, line: str) -> str:
    return say(
        caller.language, "topic.set", topic=topic.name(caller.language), text=line or say(caller.language, "none")
    )


async def _record(
    tools: Tools, tx: Tx, caller: Caller, act: str, topic: Topic, before: str, after: str, reason: str = ""
) -> None:
    target = f"topic {topic.key}"
    if before != after:
        await acts.record(
            tx, actor=actor(caller), act=act, target=target, before=before, after=after, reason=reason,
            now=tools.clock(),
        )  # fmt: skip


async def _say_in_filters(tools: Tools, tx: Tx, caller: Caller, names: Sequence[str], name: str, reason: str) -> None:
    """What places take, and rules, say a topic by the name that it has now."""
    for target, before, after in await topics.say_in_filters(tx, set(map(fold, names)) - {""}, name):
        act = "topic rule" if target.startswith("topic ") else "place set"
        await acts.record(
            tx, actor=actor(caller), act=act, target=target, before=before, after=after, reason=reason,
            now=tools.clock(),
        )  # fmt: skip


async def _done(tools: Tools, caller: Caller, work: Callable[[Tx], Awaitable[None]], sentence: str) -> Reply:
    await tools.db.write(work)
    tools.wake()
    return said(caller, sentence)


def _asked(caller: Caller, asked: str, lines: Sequence[str], button: Action) -> Reply:
    blocks: tuple[MessageBlock, ...] = (Paragraph(spans=spans(asked)), bullets(lines))
    return Reply(message=Message(title=asked, blocks=blocks, actions=(button,), language=caller.language))
