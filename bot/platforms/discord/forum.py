"""What a forum wants of a post besides its text: tags, which are its own and told by their names, and a name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import discord

from bot.platforms.discord.titles import name_of
from core.errors import Gone
from core.message import Message
from core.text import fold

MOST_TAGS = 5


def tags_for(forum: object, message: Message, address: str) -> list[str]:
    """Ids of the tags that are named like what the message is about; where one is required and none fits, any.

    `forum`: what discord.py has of the channel; if that is no forum, nothing is known of tags. `Gone` if all are
    for moderators.
    """
    if not isinstance(forum, discord.ForumChannel):
        return []
    named = {fold(tag.name): str(tag.id) for tag in forum.available_tags if not tag.moderated}
    found = [named[fold(name)] for name in message.tags if fold(name) in named]
    if not found and forum.flags.require_tag:
        if not named:
            raise Gone(f"Every tag of the forum {address} is for its moderators: make one that all may use.")
        found = [next(iter(named.values()))]
    return list(dict.fromkeys(found))[:MOST_TAGS]


def changed(post: dict[str, Any], forum: object, message: Message, address: str) -> dict[str, Any]:
    """What to change of a post (`name` and `applied_tags` as Discord gives them) for what it shows now, {} if nothing.

    Tags that only moderators give stay, and all of them where no tag is named like what the message is about.
    """
    change: dict[str, Any] = {}
    if post["name"] != (name := name_of(message.title)):
        change["name"] = name
    has: Collection[str] = [str(tag) for tag in post.get("applied_tags") or ()]
    if wanted := tags_for(forum, message, address):
        assert isinstance(forum, discord.ForumChannel)
        moderated = {str(tag.id) for tag in forum.available_tags if tag.moderated}
        kept = [tag for tag in has if tag in moderated]
        wanted = [*kept, *wanted][:MOST_TAGS]
        if set(has) != set(wanted):
            change["applied_tags"] = wanted
    return change
