"""`/follow`, `/unfollow`: what a reader wants to hear of."""

from __future__ import annotations

from typing import Annotated

from commands.registry import command
from commands.rights import must_be_in
from commands.saying import said
from commands.tools import Tools
from core.chat import Caller
from core.message import Reply
from core.pieces import Topic
from core.speech import say
from storage import readers


@command("follow", japanese="フォロー", summary="話題をフォローします。")
async def follow(
    tools: Tools, caller: Caller, *, topic: Annotated[Topic, "The topic to follow.", "フォローする話題。"]
) -> Reply:
    """Follow a topic: `/digest period:new` then shows what is new there since you last looked."""
    await must_be_in(tools, caller)
    done = await readers.follow(tools.db, caller.platform, caller.person, topic.id, tools.clock())
    name = "follow.done" if done else "follow.already"
    return said(caller, say(caller.language, name, topic=topic.name(caller.language)))


@command("unfollow", japanese="フォロー解除", summary="話題のフォローをやめます。")
async def unfollow(
    tools: Tools, caller: Caller, *, topic: Annotated[Topic, "The topic to leave.", "フォローをやめる話題。"]
) -> Reply:
    """Stop following a topic."""
    done = await readers.unfollow(tools.db, caller.platform, caller.person, topic.id)
    name = "unfollow.done" if done else "unfollow.not"
    return said(caller, say(caller.language, name, topic=topic.name(caller.language)))
