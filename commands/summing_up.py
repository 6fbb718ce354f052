"""`/digest`: what was written about a topic and what readers said, right in its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from commands.reading import audience_of, caller_place, links_to
from commands.registry import command
from commands.tools import Tools
from core.chat import Caller
from core.message import Reply
from core.period import Period
from core.pieces import Piece, Topic
from core.speech import say
from digest.compose import SHOWN_PIECES, Material, compose, outstanding
from storage import digests, pieces, readers

COUNTED_PIECES = 3000  # newest pieces of a window whose readers and voices are counted


@command("digest", japanese="ダイジェスト", summary="話題ごとに、書かれたことと読者の声をまとめます。")
async def digest(
    tools: Tools,
    caller: Caller,
    *,
    topic: Annotated[Topic | None, "Only this topic.", "この話題だけ。"] = None,
    period: Annotated[
        Period,
        "How far back: day, week, month, 7d, 2026-11, 2026-11-01..2026-11-15, new, all.",
        "いつから: 今日、今週、7日、2026年11月、2026-11-01..2026-11-15、新着、全期間。",
    ] = Period("week"),  # noqa: B008 - immutable
) -> Reply:
    """Show what was written about a topic and what readers said."""
    now = tools.clock()
    since: datetime | None = None
    topics: Sequence[int | None] = (topic.id if topic else None,)
    if period.text == "new":
        since = await readers.look(tools.db, caller.platform, caller.person, now)
        if topic is None:
            topics = await readers.followed(tools.db, caller.platform, caller.person) or (None,)
    followed = say(caller.language, "digest.followed") if topics[0] is not None and topic is None else None
    window = period.window(now, caller.zone, since)
    place = await caller_place(tools, caller)
    audience = audience_of(caller, place)
    numbers: list[int] = []
    still: list[int] = []
    total = 0
    for one in topics:
        some, count = await digests.pieces_between(tools.db, window.start, window.end, one, COUNTED_PIECES)
        older = await digests.answered_between(tools.db, window.start, window.end, one, 3)
        numbers += [number for number in some if number not in numbers]
        still += [number for number in older if number not in still]
        total = count if len(topics) == 1 else len(numbers)
    still = still[:3]
    # People and voices are those of every piece of the window; only a few pieces are shown one by one.
    everything = [*numbers, *still]
    shown = await pieces.pieces(tools.db, [*numbers[:SHOWN_PIECES], *still])
    voices = outstanding(await digests.voices(tools.db, everything, window.start, window.end, audience))
    spoken = await pieces.pieces(tools.db, sorted({voice.piece for voice in voices.all()}))
    material = Material(
        topic=topic.name(caller.language) if topic else followed,
        period=period.label(caller.language),
        pieces=[piece for piece in shown if piece.number not in still],
        total=total,
        still=[piece for piece in shown if piece.number in still],
        numbers=await digests.numbers(tools.db, [piece.number for piece in shown], window.start, window.end, audience),
        people=await digests.people(tools.db, everything, window.start, window.end, audience),
        most_people=digests.MOST_PEOPLE,
        voices=voices,
        piece_links=await _piece_links(tools, caller, [*shown, *spoken]),
        voice_links={
            voice.comment: address
            for voice in voices.all()
            if (address := tools.link(voice.platform, voice.channel, voice.anchor))
        },
    )
    return Reply(message=compose(material, caller.language, caller.zone, tools.scale))


async def _piece_links(tools: Tools, caller: Caller, shown: Sequence[Piece]) -> dict[int, str]:
    """The message of each piece, in the caller's own channel where there is one."""
    found = {}
    for piece in shown:
        if where := await links_to(tools, piece, caller):
            found[int(piece.number)] = where[0]
    return found
