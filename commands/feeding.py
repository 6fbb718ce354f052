"""`/feed …`: where pieces come from, for the publication's admins."""

from __future__ import annotations

from typing import Annotated

from commands.moderating import actor
from commands.registry import command
from commands.saying import said
from commands.tools import Tools
from core.chat import Caller, Role
from core.document import Block, Heading, Paragraph, bullets, spans
from core.errors import Refusal, SourceError
from core.message import Message, Reply
from core.pieces import Found
from core.speech import say, say_date
from storage import acts
from storage.sources import Source

ADMINS: frozenset[Role] = frozenset({"admin"})
LISTED = 40  # feeds in a list; those in trouble come first
SHOWN = 5  # items of a feed that is tried

Address = Annotated[
    str, "Address of the feed, or of a page that names it.", "フィード、またはそれを示すページのアドレス。"
]
OurAddress = Annotated[str, "Address of the feed, as listed.", "フィードのアドレス（一覧の通り）。"]


@command("feed add", japanese="追加", summary="フィードを追加します。今ある記事は載せません。", roles=ADMINS)
async def add(tools: Tools, caller: Caller, *, address: Address) -> Reply:
    """Follow a feed: what it shows now counts as seen, what comes later is posted."""
    _check(caller, address)
    if any(feed.address == address for feed in await tools.feeds.list()):
        raise Refusal(say(caller.language, "feed.known", address=address))
    added = await tools.feeds.add(address)
    await _note(tools, caller, "feed add", added.address)
    name = added.title or added.address
    if added.error:
        return said(caller, say(caller.language, "feed.added-unread", feed=name), added.error)
    return said(caller, say(caller.language, "feed.added", feed=name, n=added.seen), added.address)


@command("feed remove", japanese="削除", summary="フィードを外します。記事は残ります。", roles=ADMINS)
async def remove(tools: Tools, caller: Caller, *, address: OurAddress) -> Reply:
    """Follow a feed no longer; its pieces stay."""
    if not await tools.feeds.remove(address):
        raise Refusal(say(caller.language, "feed.none-there", address=address))
    await _note(tools, caller, "feed remove", address)
    return said(caller, say(caller.language, "feed.removed", feed=address))


@command("feed list", japanese="一覧", summary="フィードとその状態を示します。", roles=ADMINS)
async def list_(tools: Tools, caller: Caller) -> Reply:
    """List the feeds and how they are doing, those in trouble first."""
    feeds = sorted(await tools.feeds.list(), key=lambda feed: (not feed.paused, not feed.error, not feed.held))
    if not feeds:
        return said(caller, say(caller.language, "feed.list-empty"))
    title = say(caller.language, "feed.list")
    lines = (
        spans(f"{feed.title or feed.address} — {_health(feed, caller)}", link=feed.address) for feed in feeds[:LISTED]
    )
    blocks: list[Block] = [Heading(level=2, spans=spans(title)), bullets(lines)]
    if len(feeds) > LISTED:
        blocks.append(Paragraph(spans=spans(say(caller.language, "feed.more", n=len(feeds) - LISTED))))
    return Reply(message=Message(title=title, blocks=tuple(blocks), language=caller.language))


@command(
    "feed test", japanese="試す", summary="フィードを一度読み、何が取れるかを示します。何も残しません。", roles=ADMINS
)
async def test(tools: Tools, caller: Caller, *, address: Address) -> Reply:
    """Read a feed once and show what it would bring; nothing is kept."""
    _check(caller, address)
    try:
        tried = await tools.feeds.test(address)
    except SourceError as error:
        raise Refusal(str(error)) from error
    title = tried.title or tried.address
    name = "feed.tried-ours" if tried.ours else "feed.tried"
    blocks: list[Block] = [
        Heading(level=2, spans=spans(title, link=tried.address)),
        Paragraph(spans=spans(say(caller.language, name, n=len(tried.items), known=tried.known))),
    ]
    if tried.items:
        blocks.append(bullets(spans(_found(one, caller), link=one.url) for one in tried.items[:SHOWN]))
    blocks += [Paragraph(spans=spans(problem)) for problem in tried.problems]
    return Reply(message=Message(title=title, blocks=tuple(blocks), language=caller.language))


def _health(feed: Source, caller: Caller) -> str:
    """How a feed is doing, in a few words."""
    parts = []
    if feed.paused:
        parts.append(say(caller.language, "place.paused", reason=feed.paused))
    elif feed.error:
        parts.append(say(caller.language, "feed.failing", n=feed.failures, error=feed.error))
    elif feed.checked is None:
        parts.append(say(caller.language, "feed.unread"))
    else:
        parts.append(say(caller.language, "feed.well", at=f"{feed.checked:%Y-%m-%d %H:%M} UTC"))
    if feed.held:
        parts.append(say(caller.language, "feed.held", n=feed.held))
    return ", ".join(parts)


def _found(one: Found, caller: Caller) -> str:
    return one.title + (f" ({say_date(caller.language, one.published.date())})" if one.published else "")


def _check(caller: Caller, address: str) -> None:
    if not address.lower().startswith(("http://", "https://")):
        raise Refusal(say(caller.language, "feed.no-address", address=address))


async def _note(tools: Tools, caller: Caller, act: str, address: str) -> None:
    now = tools.clock()
    await tools.db.write(lambda tx: acts.record(tx, actor=actor(caller), act=act, target=address, now=now))
