"""What a digest is made of: from the rows and the thinking process to a sketch, and with the rows to a message."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from commands.tools import Tools, undrawn
from core.chat import Caller, Place
from core.document import words_of
from core.errors import ThinkError
from core.faces import authored, shareable
from core.message import Message, Picture
from core.period import Window
from core.pieces import Piece, Topic
from core.responses import Spoken
from core.text import shorten
from core.times import HOUR, micros, moment
from digest.compose import Rows, card, title_of, whole
from digest.lead import own_sentences
from digest.packing import pack, unpack
from digest.picture import of_digest
from digest.sketch import Account, Heat, Numbers, Reading, Sketch, Verbatim
from digest.standing import outstanding
from storage import answers, digests, pieces, postings
from storage.audience import Audience

log = structlog.get_logger()

COUNTED = 3000  # newest pieces of a window whose readers and comments are counted
READ = 30  # of these, those that are read and may be shown
STILL = 3
HOT = 8
PLAINLY = 10  # pieces that are told of where nothing was thought
FIRST = 2  # sentences of a piece, where nothing was thought
PLAIN = 300  # UTF-16 units of the author's remark there


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks at a digest, and from where: which comments they may see, and which messages are nearest."""

    platform: str
    channel: str
    community: str
    language: str
    audience: Audience

    @classmethod
    def caller(cls, caller: Caller, place: int | None) -> Viewer:
        """Somebody who asks, in a channel that may be a place."""
        audience = Audience(
            place=place, community=caller.community, platform=caller.platform, everything=caller.platform == "shell"
        )
        return cls(
            platform=caller.platform,
            channel=caller.channel or "",
            community=caller.community,
            language=caller.language,
            audience=audience,
        )

    @classmethod
    def place(cls, place: Place) -> Viewer:
        """Everybody at a place."""
        return cls(
            platform=place.platform,
            channel=place.channel,
            community=place.community,
            language=place.language,
            audience=Audience(place=place.id, community=place.community, platform=place.platform),
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """The pieces of a window: those of it, newest first, how many there are, and older ones that were answered."""

    pieces: Sequence[int]
    total: int
    still: Sequence[int]

    @property
    def all(self) -> list[int]:
        return [*self.pieces, *self.still]


async def gather(
    tools: Tools,
    topics: Sequence[Topic],
    window: Window,
    audience: Audience,
    *,
    period: str = "",
    followed: bool = False,
) -> Sketch:
    """Everything that a digest of a window says on topics (none for all). What can't be thought is left out of it."""
    found = await _pieces(tools, topics, window)
    shown = [*found.pieces[:READ], *found.still]
    texts = await pieces.pieces(tools.db, shown)
    spoken = await digests.spoken(tools.db, found.all, window.start, window.end, audience)
    asked = None
    if texts or spoken:
        # Before the others, not beside them: each of their many short turns would wait for this long one.
        asked = await asyncio.to_thread(_question, texts, spoken, topics[0] if len(topics) == 1 else None)
    reading, numbers, responses, changes = await asyncio.gather(
        _read(tools, asked),
        _numbers(tools, topics, window, audience, found, {piece.number: piece for piece in texts}),
        digests.numbers(tools.db, shown, window.start, window.end, audience),
        _changes(tools, topics, window),
    )
    if reading is None:
        accounts = await asyncio.to_thread(lambda: [_plain(piece) for piece in texts[:PLAINLY]])
        reading = Reading(accounts=tuple(accounts))
    standing = outstanding(spoken)
    for one in responses.values():
        if sum(one.stances.values()) < tools.least:
            one.stances.clear()
    return Sketch(
        start=window.start,
        end=window.end,
        zone=window.zone,
        period=period,
        topics=tuple(topic.key for topic in topics),
        followed=followed,
        pieces=tuple(found.pieces[:READ]),
        total=found.total,
        still=tuple(found.still),
        responses=tuple(responses[number] for number in shown if number in responses),
        numbers=numbers,
        reading=reading,
        featured=standing.featured,
        endorsed=standing.endorsed,
        contested=standing.contested,
        changes=changes,
    )


async def _pieces(tools: Tools, topics: Sequence[Topic], window: Window) -> _Found:
    numbers: dict[int, None] = {}
    still: dict[int, None] = {}
    total = 0
    ids: Sequence[int | None] = [topic.id for topic in topics] or [None]
    for topic in ids:
        some, total = await digests.pieces_between(tools.db, window.start, window.end, topic, COUNTED)
        older = await digests.answered_between(tools.db, window.start, window.end, topic, STILL)
        numbers |= dict.fromkeys(some)
        still |= dict.fromkeys(older)
    if len(ids) > 1:
        total = len(numbers)
    newest = set(sorted(numbers, reverse=True)[:COUNTED])
    return _Found([one for one in numbers if one in newest], total, list(still)[:STILL])


async def _changes(tools: Tools, topics: Sequence[Topic], window: Window) -> tuple[Any, ...]:
    ids: Sequence[int | None] = [topic.id for topic in topics] or [None]
    found = [one for topic in ids for one in await digests.changes(tools.db, window.start, window.end, topic)]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (one.at, one.piece), reverse=True))


# --- reading ---


async def _read(tools: Tools, asked: dict[str, Any] | None) -> Reading | None:
    """What the thinking process makes of a question, if there is one; None when it can't."""
    if asked is None:
        return Reading()
    try:
        return unpack(Reading, await tools.think("read", asked))
    except ThinkError as error:
        log.warning("digest.unread", error=str(error))
        return None


def _question(texts: Sequence[Piece], spoken: Sequence[Spoken], topic: Topic | None) -> dict[str, Any]:
    """What may leave the house of the pieces, and the comments, as the worker is asked for them."""
    shown = [replace(piece, outline=shareable(piece.outline, piece.text_mode), text_mode="full") for piece in texts]
    return {"pieces": pack(shown), "spoken": pack(spoken), "topic": pack(topic)}


def _plain(piece: Piece) -> Account:
    """The author's remark and the first sentences: what can be said without thinking."""
    outline = shareable(piece.outline, piece.text_mode)
    remark = next((words_of(one.spans) for one in outline.remarks()), "")
    said = ((line.strip(), one.key) for one in authored(outline) for line in own_sentences(one.blocks))
    return Account(
        piece=piece.number,
        sentences=tuple(
            Verbatim(piece=piece.number, text=line, section=key) for line, key in islice(said, FIRST) if line
        ),
        remark=shorten(remark, PLAIN),
    )


# --- counting ---


async def _numbers(
    tools: Tools,
    topics: Sequence[Topic],
    window: Window,
    audience: Audience,
    found: _Found,
    texts: Mapping[int, Piece],
) -> Numbers:
    """What readers did, and how much that is against the window before. Too few people are not told apart."""
    db = tools.db
    start, end = window.start, window.end
    hours = await digests.comments_by_hour(db, found.all, start, end, audience)
    now = await digests.readers(db, found.all, start, end, audience, sum(hours.values()))
    hot = await digests.heat(db, list(texts), start, end, audience, tools.least, HOT)
    emoji = await digests.reactions(db, found.all, start, end)
    then, comments_before = digests.Readers(), 0
    if (before := window.before()) is not None:
        earlier = (await _pieces(tools, topics, before)).all
        comments_before = await digests.comments(db, earlier, before.start, before.end, audience)
        then = await digests.readers(db, earlier, before.start, before.end, audience, comments_before)
    by_piece = now.more or then.more  # both are counted alike
    stances, stances_before = (
        counted if sum(counted.values()) >= tools.least else {}
        for counted in (one.by_piece if by_piece else one.stances for one in (now, then))
    )
    return Numbers(
        people=now.people,
        more=now.more,
        compared=before is not None and then.people >= tools.least,
        people_before=then.people,
        more_before=then.more,
        comments=sum(hours.values()),
        comments_before=comments_before,
        stances=tuple(
            (one.key, stances.get(one.key, 0), stances_before.get(one.key, 0))
            for one in tools.scale.stances
            if stances.get(one.key) or (stances and stances_before.get(one.key))
        ),
        reactions=tuple((name, n) for name, n in emoji.items() if tools.scale.of(name) is None),
        heat=tuple(
            Heat(piece=number, section=key, heading=heading, n=n)
            for number, key, n in hot
            if (heading := _heading(texts[number], key))
        ),
        timeline=_timeline(hours, window),
    )


def _heading(piece: Piece, key: str) -> str:
    """What a section is called: one before any heading as the piece; "" for one that is gone."""
    return next((one.heading or piece.title for one in piece.outline.sections() if one.key == key), "")


def _timeline(hours: Mapping[datetime, int], window: Window) -> tuple[tuple[datetime, int], ...]:
    """Comments by hour (of a window up to two days), else by local day; at most 100 bars, the newest."""
    if not hours:
        return ()
    zone = ZoneInfo(window.zone)
    first = max(window.start, min(hours)) if window.end - window.start > timedelta(days=100) else window.start
    bars: dict[datetime, int] = {}
    if window.end - window.start <= timedelta(days=2):
        at = moment(micros(first) // HOUR * HOUR)
        while at < window.end:
            bars[at.astimezone(zone)] = hours.get(at, 0)
            at += timedelta(hours=1)
    else:
        day, last = first.astimezone(zone).date(), (window.end - timedelta(microseconds=1)).astimezone(zone).date()
        by_day: dict[Any, int] = {}
        for at, n in hours.items():
            by_day[at.astimezone(zone).date()] = by_day.get(at.astimezone(zone).date(), 0) + n
        while day <= last:
            bars[datetime(day.year, day.month, day.day, tzinfo=zone)] = by_day.get(day, 0)
            day += timedelta(days=1)
    return tuple(bars.items())[-100:]


# --- showing ---


async def rows_of(tools: Tools, sketch: Sketch, viewer: Viewer) -> Rows:
    """What a sketch speaks of as it is now, as somebody may see it."""
    numbers = sorted(sketch.spoken_of())
    texts = await pieces.pieces(tools.db, numbers)
    voices = await digests.voices(tools.db, sketch.quoted(), viewer.audience)
    links = await piece_links(tools, texts, viewer)
    named = [(key, await pieces.topic_named(tools.db, key)) for key in sketch.topics]
    return Rows(
        pieces={int(piece.number): piece for piece in texts},
        voices=voices,
        answers=await answers.to_comments(tools.db, list(voices)),
        piece_links=links,
        voice_links={
            number: address
            for number, voice in voices.items()
            if (address := tools.link(voice.platform, voice.channel, voice.anchor))
        },
        topics=[key if topic is None else topic.name(viewer.language) for key, topic in named],
    )


async def piece_links(tools: Tools, texts: Collection[Piece], viewer: Viewer) -> dict[tuple[int, str | None], str]:
    """Where pieces and their sections stand, nearest to who looks; a piece that is not near and has no address of its
    own, anywhere.
    """
    near = await postings.near(
        tools.db, [piece.number for piece in texts], viewer.platform, viewer.channel, viewer.community
    )
    links = {
        key: address
        for key, (channel, anchor) in near.items()
        if (address := tools.link(viewer.platform, channel, anchor))
    }
    for piece in texts:
        if (piece.number, None) in links or (viewer.community and piece.url):
            continue  # what is in another community may not be open to them
        for platform, channel, anchor, _ in await postings.cards(
            tools.db, piece.number, (viewer.platform, viewer.channel, "")
        ):
            if address := tools.link(platform, channel, anchor):
                links.setdefault((int(piece.number), None), address)
    return links


def picture_of(tools: Tools, sketch: Sketch, rows: Rows, language: str) -> Picture | None:
    """The numbers of a digest, to be drawn; of what was withdrawn meanwhile nothing is named. None if nobody draws."""
    if tools.draw is undrawn:
        return None
    topic, period = title_of(sketch, rows, language)
    there = {number for number, piece in rows.pieces.items() if piece.state == "published"}
    numbers = replace(sketch.numbers, heat=tuple(one for one in sketch.numbers.heat if one.piece in there))
    return of_digest(numbers, f"{topic} · {period}", language, tools.scale)


async def show(tools: Tools, sketch: Sketch, viewer: Viewer, more: str) -> Message:
    """A digest as one message; `more` is the id of the button behind which all of it is."""
    rows = await rows_of(tools, sketch, viewer)
    picture = picture_of(tools, sketch, rows, viewer.language)

    def fits(message: Message) -> bool:
        return tools.fits(viewer.platform, message)

    # In a thread: what it takes to fit one message may be tried a few times.
    return await asyncio.to_thread(card, sketch, rows, viewer.language, tools.scale, more, fits, picture)


async def show_all(tools: Tools, sketch: Sketch, viewer: Viewer) -> Message:
    """All of a digest; platforms page what is longer than a message."""
    rows = await rows_of(tools, sketch, viewer)
    picture = picture_of(tools, sketch, rows, viewer.language)
    return await asyncio.to_thread(whole, sketch, rows, viewer.language, tools.scale, picture)
