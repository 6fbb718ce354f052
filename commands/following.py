"""`/topics`, `/follow`, `/unfollow`: what there is to read about, and what a reader wants to hear of."""

from __future__ import annotations

from typing import Annotated

from commands.registry import command
from commands.tools import Tools
from core.chat import Caller
from core.document import Heading, Item, List, Paragraph, spans
from core.message import Message, Reply
from core.pieces import Topic
from core.speech import say
from storage import pieces, readers


@command("topics", japanese="話題一覧", summary="話題の一覧と記事の数を示します。")
async def topics(tools: Tools, caller: Caller) -> Reply:
    """List the topics and how many pieces each has."""
    found = [(topic, n) for topic, n in await pieces.all_topics(tools.db) if n]
    if not found:
        return _line(caller, say(caller.language, "topics.none"))
    title = say(caller.language, "topics.title")
    items = tuple(
        Item(
            marker="•",
            blocks=(
                Paragraph(spans=spans(f"{topic.name(caller.language)} ({say(caller.language, 'topics.count', n=n)})")),
            ),
        )
        for topic, n in found
    )
    blocks = (Heading(level=2, spans=spans(title)), List(ordered=False, items=items))
    return Reply(message=Message(title=title, blocks=blocks, language=caller.language))


@command("follow", japanese="フォロー", summary="話題をフォローします。")
async def follow(
    tools: Tools, caller: Caller, *, topic: Annotated[Topic, "The topic to follow.", "フォローする話題。"]
) -> Reply:
    """Follow a topic: `/digest period:new` then shows what is new there since you last looked."""
    done = await readers.follow(tools.db, caller.platform, caller.person, topic.id, tools.clock())
    name = "follow.done" if done else "follow.already"
    return _line(caller, say(caller.language, name, topic=topic.name(caller.language)))


@command("unfollow", japanese="フォロー解除", summary="話題のフォローをやめます。")
async def unfollow(
    tools: Tools, caller: Caller, *, topic: Annotated[Topic, "The topic to leave.", "フォローをやめる話題。"]
) -> Reply:
    """Stop following a topic."""
    done = await readers.unfollow(tools.db, caller.platform, caller.person, topic.id)
    name = "unfollow.done" if done else "unfollow.not"
    return _line(caller, say(caller.language, name, topic=topic.name(caller.language)))


def _line(caller: Caller, sentence: str) -> Reply:
    return Reply(message=Message(title=sentence, blocks=(Paragraph(spans=spans(sentence)),), language=caller.language))
