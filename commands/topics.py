"""`/topics`: what was written about. `/mod tag`: a moderator corrects it, and the correction is learned."""

from __future__ import annotations

from typing import Annotated

from commands.moderating import PieceOption, actor, names_in
from commands.registry import MODERATORS, SpanOption, command
from commands.saying import listed, said
from commands.tools import Tools
from core.chat import Caller
from core.errors import Refusal
from core.message import Reply
from core.period import Period
from core.pieces import Piece, Topic
from core.speech import say
from storage import acts, pieces, postings, topics
from storage.db import Tx
from storage.indexing import index_piece


@command("topics", japanese="話題一覧", summary="期間ごとに、話題と記事の数を示します。")
async def count(
    tools: Tools,
    caller: Caller,
    *,
    period: SpanOption = Period("month"),  # noqa: B008 - immutable
) -> Reply:
    """List the topics of a time and how many pieces each has."""
    key = ("topics", caller.language, caller.zone, period.text)
    return await tools.together(key, lambda: _counts(tools, caller, period))


async def _counts(tools: Tools, caller: Caller, period: Period) -> Reply:
    """The same for all who ask it in that language and time zone."""
    window = period.window(tools.clock(), caller.zone, None)
    found, without = await topics.counted(tools.db, window.start, window.end)
    label = period.label(caller.language)
    if not found:
        return said(caller, say(caller.language, "topics.none", period=label))
    lines = [_counted(caller, _name(one.topic, caller), one.pieces) for one in found]
    if without:
        lines.append(_counted(caller, say(caller.language, "topics.without"), without))
    title = say(caller.language, "topics.title", period=label)
    return listed(caller, title, lines)


def _counted(caller: Caller, name: str, n: int) -> str:
    return f"{name} ({say(caller.language, 'topics.count', n=n)})"


def _name(topic: Topic, caller: Caller) -> str:
    """A topic's name, with what it is unless it is a theme."""
    name = topic.name(caller.language)
    return name if topic.kind == "theme" else f"{name} [{say(caller.language, f'topic.{topic.kind}')}]"


@command("mod tag", japanese="タグ", summary="記事の話題を付け外しします。", roles=MODERATORS)
async def tag(
    tools: Tools,
    caller: Caller,
    *,
    piece: PieceOption,
    add: Annotated[str | None, "Topics to add, separated by commas.", "付ける話題（「、」か , で区切る）。"] = None,
    remove: Annotated[str | None, "Topics to take off, separated by commas.", "外す話題。"] = None,
) -> Reply:
    """Put topics on a piece or take them off; new topics are made. A correction may teach a topic a name."""
    tagged, learned = await tools.db.write(
        lambda tx: correct(tools, caller, tx, piece, names_in(add), names_in(remove))
    )
    tools.wake()
    return corrected(caller, tagged, learned)


def corrected(caller: Caller, tagged: Piece, learned: list[str]) -> Reply:
    """What a piece is about after a correction, and what that taught."""
    names = about(tagged, caller) or say(caller.language, "none")
    return said(caller, " ".join([say(caller.language, "mod.tagged", number=tagged.number, topics=names), *learned]))


async def correct(
    tools: Tools,
    caller: Caller,
    tx: Tx,
    piece: Piece,
    add: list[str],
    remove: list[str],
    *,
    act: str = "tag",
    reason: str = "",
) -> tuple[Piece, list[str]]:
    """Do it and write it down; gives the piece as it is then, and sentences that say what was learned or forgotten."""
    now = tools.clock()
    said: list[str] = []
    today = await pieces.piece(tx, piece.number)  # as it is in the transaction: another may have been quicker
    assert today is not None
    for name in remove:
        topic = await pieces.topic_named(tx, name)
        if topic is None:
            raise Refusal(say(caller.language, "topic.none", name=name))
        for old in await topics.take_off(tx, piece.number, topic.id, now):
            said.append(say(caller.language, "mod.forgotten", alias=old, topic=topic.name(caller.language)))
            await acts.record(tx, actor=actor(caller), act="forget", target=f"topic {topic.key}", before=old, now=now)
    for name in add:
        number = await pieces.ensure_topic(tx, name, caller.language, now)
        new = await topics.put_on(tx, piece.number, number, topics.BY_HAND)
        # Of several topics at once nobody could say which the term means.
        alias = await topics.learn(tx, piece.number, number, piece.title, now) if new and len(add) == 1 else None
        if alias is not None:
            said.append(say(caller.language, "mod.learned", alias=alias, topic=name, number=piece.number))
            await acts.record(tx, actor=actor(caller), act="learn", target=f"topic {name}", after=alias, now=now)
    tagged = await pieces.piece(tx, piece.number)
    assert tagged is not None
    before, after = about(today, caller), about(tagged, caller)
    if before != after:  # two who do the same at once did it once
        await acts.record(
            tx, actor=actor(caller), act=act, target=f"#{piece.number}", before=before, after=after, reason=reason,
            now=now,
        )  # fmt: skip
    await shown_anew(tools, tx, tagged)
    return tagged, said


async def shown_anew(tools: Tools, tx: Tx, piece: Piece) -> None:
    """A piece is about other topics: it is found by them, shows them, and places may want it now."""
    now = tools.clock()
    await index_piece(tx, piece)
    await postings.subject_changed(tx, "piece", piece.number, now)
    if piece.state == "published":
        await tools.place(tx, piece, now)


def about(piece: Piece, caller: Caller) -> str:
    """The names of its topics."""
    return ", ".join(topic.name(caller.language) for topic in piece.topics)
