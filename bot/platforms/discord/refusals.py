"""What Discord's refusals mean for us: every failure of a request as one of the port's errors, with its mend."""

from __future__ import annotations

from datetime import datetime, timedelta

import aiohttp
import discord

from bot.platforms.discord.pacer import Resting
from core.chat import Place
from core.errors import Busy, ChatError, Gone, Poison, Unknown

# Discord's error codes (topics/opcodes-and-status-codes). What is not listed is judged by its HTTP status.
PLACE_GONE = {
    10003: "the channel is not there any more",
    10004: "the server is not there any more, or Rondan was removed from it",
    50001: "Rondan can't see the channel: give it View Channel there",
    50008: "nobody can write in a channel of this type: choose another channel",
    50013: "Rondan lacks a permission there",
    50024: "that can't be done in a channel of this type: choose another layout for it",
    40058: "the channel is a forum: set its layout to forum",
    40067: "the forum requires a tag",
    40066: "the forum's tags are for its moderators",
}
MESSAGE_GONE = {10008: "the message is not there any more", 50005: "the message is not ours"}
LATER = {
    20016: 30, 20022: 1200, 20028: 5, 20029: 5, 30046: 10, 40004: 300, 40006: 300, 130000: 60,
    160006: 1800, 160007: 1800,  # the server has all the threads that it may have
}  # fmt: skip
"""Seconds until it may go."""
POISON = {
    50035: "the message is refused",
    50006: "the message is refused as empty",
    50083: "the thread is archived",
    160005: "the thread is locked: unlock it, then `rondan repost`",
    200000: "the server's AutoMod refuses the words",
    200001: "the server's AutoMod refuses the title",
    240000: "Discord refuses a link in it",
}
ODD = 300  # seconds until what neither Discord nor we have a word for is tried again


def refused(error: BaseException, place: Place | None, now: datetime) -> ChatError:
    """The port's error for what a request raised. `now` is the time from which waiting is counted."""
    where = f" ({place.address})" if place is not None else ""
    match error:
        case ChatError():
            return error
        case Resting():
            return Busy(str(error), until=now + timedelta(seconds=error.seconds))
        case discord.RateLimited():
            return Busy(
                f"Discord asks to wait {error.retry_after:.0f} s{where}",
                until=now + timedelta(seconds=error.retry_after),
            )
        case discord.HTTPException():
            return _by_code(error, where, now)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Busy(f"Discord can't be reached: {error}", until=now + timedelta(seconds=10))
        case RuntimeError() if "closed" in str(error).lower():
            return Busy("the connection to Discord is being closed", until=now + timedelta(seconds=5))
        case RuntimeError():
            raise error
        case ValueError() | KeyError() | TypeError():
            return Unknown(f"the answer is none of Discord's{where}: {error!r}")
    return Unknown(f"the connection to Discord broke off{where}: {error!r}")


def _by_code(error: discord.HTTPException, where: str, now: datetime) -> ChatError:
    said = f"Discord says {error.status} {error.code}: {' '.join(error.text.split())[:300]}"
    if error.code in MESSAGE_GONE:
        return Gone(f"{MESSAGE_GONE[error.code]}{where}", what="message")
    if error.code in PLACE_GONE:
        return Gone(f"{PLACE_GONE[error.code]}{where} — {said}")
    if error.code in LATER or error.status == 429:
        return Busy(said + where, until=now + timedelta(seconds=LATER.get(error.code, 60)))
    if error.code in POISON:
        return Poison(f"{POISON[error.code]}{where} — {said}")
    if error.status == 401:
        return Busy(f"Discord refuses the token: {said}", until=now + timedelta(seconds=ODD))
    if error.status >= 500:
        return Unknown(said + where)
    if error.status in (400, 413):
        return Poison(said + where)
    if error.code == 0:  # said by something before Discord: no reason to give up a place
        return Busy(said + where, until=now + timedelta(seconds=ODD))
    return Gone(said + where)
