"""Whether a message of ours stands somewhere: read what came since, and know it by the key that rides in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from discord.utils import parse_time, time_snowflake

from bot.platforms.discord import encode
from bot.platforms.discord.pacer import Priority
from bot.platforms.discord.requests import Requests, code_of
from bot.platforms.discord.spots import ref_of, thread_of
from core.chat import Absent, CannotTell, Lookup, Place, Present, Ref
from core.errors import Busy, ChatError, Gone, Poison

PAGES = 20  # of 100 messages or threads that one look-up reads
SKEW = timedelta(minutes=5)  # by which our clock may be before Discord's
ARRIVED = timedelta(hours=1)  # after which what was asked at `since` can't have been made any more


async def look(
    requests: Requests, me: int, place: Place, guild: str, key: str, under: Ref | None, since: datetime
) -> Lookup:
    """Look for the message with `key` that was asked for soon after `since`; `me` is our own user id."""
    try:
        if place.layout == "forum" and under is None:
            found = await _post(requests, me, place, guild, key, since)
        else:
            found = await _message(requests, me, place, key, under, since)
    except ChatError as error:
        return cannot_tell(error)
    return Absent() if found is None else Present(found)


def cannot_tell(error: ChatError) -> CannotTell:
    """What a look-up that failed comes to."""
    return CannotTell(str(error), error.until if isinstance(error, Busy) else None)


async def _message(
    requests: Requests, me: int, place: Place, key: str, under: Ref | None, since: datetime
) -> Ref | None:
    channel = int(place.channel)
    # What belongs under a card is in its thread, or in the channel if the server could have no more threads.
    for container in [channel] if under is None else [thread_of(under), channel]:
        if place.layout == "forum" and container == channel:
            continue  # which holds no messages
        newest = 0
        try:
            async for message in requests.pages(
                container, time_snowflake(since - SKEW), priority=Priority.READ, most=PAGES, place=place
            ):
                newest = int(message["id"])
                if int(message["author"]["id"]) == me and encode.carries(message, key):
                    return ref_of(place, container, newest)
        except Poison:
            if newest < time_snowflake(since + ARRIVED):
                raise  # else all was read that it could be among
        except Gone as error:
            if container == channel or code_of(error) != 10003:
                raise  # else there is no thread yet, so nothing stands in it
    return None


async def _post(requests: Requests, me: int, place: Place, guild: str, key: str, since: datetime) -> Ref | None:
    """A forum shows no messages, only posts, each with the time in its id; those put away are listed apart."""
    if not guild:
        raise Poison("the server of this forum is not known")
    oldest = time_snowflake(since - SKEW)
    async for thread in _posts(requests, place, guild, since - SKEW):
        number = int(thread["id"])
        if int(thread.get("owner_id") or 0) != me or number < oldest:
            continue
        try:
            starter = await requests.ask(
                "GET", "/channels/{channel_id}/messages/{message_id}", priority=Priority.READ, place=place,
                channel_id=number, message_id=number,
            )  # fmt: skip
        except Gone as error:
            if code_of(error) not in (10003, 10008):
                raise
            continue  # somebody deleted it
        if encode.carries(starter, key):
            return ref_of(place, number, number)
    return None


async def _posts(requests: Requests, place: Place, guild: str, since: datetime) -> AsyncIterator[dict[str, Any]]:
    active = await requests.ask(
        "GET", "/guilds/{guild_id}/threads/active", priority=Priority.READ, place=place, guild_id=int(guild)
    )
    for thread in active["threads"]:
        if str(thread["parent_id"]) == place.channel:
            yield thread
    params: dict[str, Any] = {"limit": 100}
    for _ in range(PAGES):
        archived = await requests.ask(
            "GET", "/channels/{channel_id}/threads/archived/public", priority=Priority.READ, place=place,
            params=params, channel_id=int(place.channel),
        )  # fmt: skip
        for thread in archived["threads"]:
            yield thread
        last = archived["threads"][-1]["thread_metadata"]["archive_timestamp"] if archived["threads"] else None
        if last is None or not archived["has_more"] or parse_time(last) < since:
            return  # what was put away before can't have been made since
        params["before"] = last
    raise Poison(f"over {PAGES * 100} posts were put away since then")
