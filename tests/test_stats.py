"""`/stats`: its numbers are those of a plain count, for whoever asks, and they fit a phone."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from commands import stats
from core.chat import Caller, Person
from core.document import Code
from core.message import Message, Picture, to_text
from core.responses import Counts
from core.times import HOUR, micros
from storage.audience import Audience
from storage.db import Db, Tx
from storage.stats import by_week
from tests.conftest import found
from tests.newsroom import MODERATOR, READER, Newsroom

START = datetime(2026, 10, 5, tzinfo=UTC)
WEEKS = [START + timedelta(weeks=n) for n in range(5)]
EDGES = (
    timedelta(0),
    timedelta(weeks=1),
    timedelta(weeks=1, microseconds=-1),
    timedelta(weeks=4),
    -timedelta(microseconds=1),
)


@dataclass(slots=True)
class Rows:
    """Random rows, the same for the same seed: pieces with their topics, stances, comments."""

    dice: random.Random
    pieces: dict[int, tuple[str, datetime, list[int]]] = field(default_factory=dict)
    stances: list[tuple[int, int, datetime]] = field(default_factory=list)
    comments: list[tuple[int, int, int, datetime, str]] = field(default_factory=list)

    @classmethod
    def made(cls, seed: int) -> Rows:
        self = cls(random.Random(seed))
        dice = self.dice
        for piece in range(1, 31):
            state = "retracted" if piece % 7 == 0 else "published"
            self.pieces[piece] = (state, self.moment(), dice.sample((1, 2, 3), dice.randrange(3)))
            self.stances += [(piece, person, self.moment()) for person in dice.sample(range(20), 8)]
            states = ("visible", "visible", "featured", "hidden", "held")
            self.comments += [
                (piece, dice.choice((1, 2)), dice.randrange(30), self.moment(), dice.choice(states)) for _ in range(6)
            ]
        return self

    def moment(self) -> datetime:
        """Some on the very edge of a week, some outside."""
        edge = self.dice.random() < 0.2
        return START + (self.dice.choice(EDGES) if edge else timedelta(hours=self.dice.uniform(-200, 900)))

    async def insert(self, tx: Tx) -> None:
        await tx.run("insert into source(id, kind, address, created_at) values(1, 'file', 'files', 0)")
        for number, audience in ((1, "place"), (2, "publication")):
            await tx.run(
                """insert into place(id, platform, channel, community, audience, created_at)
                   values(?, 'web', ?, 'a', ?, 0)""",
                number, str(number), audience,
            )  # fmt: skip
        for topic in (1, 2, 3):
            await tx.run("insert into topic(id, key, names, created_at) values(?, ?, '{}', 0)", topic, str(topic))
        for piece, (state, at, topics) in self.pieces.items():
            await tx.run(
                """insert into piece(id, uid, source_id, state, title, title_key, language, published_at, found_at,
                                     changed_at, outline) values(?, ?, 1, ?, 't', 't', 'en', ?, 0, 0, '{}')""",
                piece, str(piece), state, micros(at),
            )  # fmt: skip
            for topic in topics:
                await tx.run("insert into piece_topic(topic_id, piece_id, added_by) values(?, ?, 'me')", topic, piece)
        for piece, person, at in self.stances:
            await tx.run(
                "insert into stance(piece_id, person_id, stance, at) values(?, ?, 'agree', ?)",
                piece, person, micros(at),
            )  # fmt: skip
            await tx.run(
                """insert into emoji_hour(piece_id, hour, emoji_id, n) values(?, ?, 1, 1)
                   on conflict(piece_id, hour, emoji_id) do nothing""",
                piece, micros(at) // HOUR,
            )  # fmt: skip
        for number, (piece, place, person, at, state) in enumerate(self.comments):
            await tx.run(
                """insert into comment(piece_id, place_id, anchor_id, person_id, text, at, source, state)
                   values(?, ?, ?, ?, 'words', ?, 'reply', ?)""",
                piece, place, number, person, micros(at), state,
            )  # fmt: skip

    def count(self, topic: int | None, week: int) -> Counts:
        """As a plain count has it, for somebody who sees what is for the whole publication."""

        def of_it(piece: int, at: datetime) -> bool:
            state, _, topics = self.pieces[piece]
            in_week = WEEKS[week] <= at < WEEKS[week + 1]
            return state == "published" and in_week and (topic is None or topic in topics)

        stood = {person for piece, person, at in self.stances if of_it(piece, at)}
        said = [
            person for piece, place, person, at, state in self.comments
            if of_it(piece, at) and place == 2 and state in ("visible", "featured")
        ]  # fmt: skip
        pieces = sum(of_it(piece, at) for piece, (_, at, _) in self.pieces.items())
        return Counts(pieces=pieces, people=len(stood | set(said)), comments=len(said))


@pytest.mark.parametrize("seed", range(4))
async def test_the_numbers_are_those_of_a_plain_count(db: Db, seed: int) -> None:
    rows = Rows.made(seed)
    await db.write(rows.insert)
    given = await by_week(db, WEEKS, Audience(place=9, platform="web", community="b"))
    assert given == {topic: tuple(rows.count(topic, week) for week in range(4)) for topic in (None, 1, 2, 3)}


async def test_nothing_at_all_is_said_in_one_line(db: Db) -> None:
    assert await by_week(db, WEEKS, Audience(everything=True)) == {None: (Counts(),) * 4}


async def test_moderators_see_the_weeks(room: Newsroom) -> None:
    assert await room.text("/stats", MODERATOR) == "Nothing was published or said in these weeks."
    number = await room.publish(found(tags=("AI",)))
    await room.publish(found("b", title="Untagged"))
    anchor = await room.anchor(number)
    for who in ("r1", "r2"):
        await room.react(who, anchor, "👍")
    await room.say("r2", anchor, "Why?", name="c1")
    reply = await room.ask("/stats weeks:3", MODERATOR)
    assert [one.text.split("\n") for one in reply.message.blocks if isinstance(one, Code)] == [
        ["· · 1  AI", "· · 2  All"], ["· · 2  AI", "· · 2  All"], ["· · 1  AI", "· · 1  All"],
    ]  # fmt: skip
    [picture] = [one for one in reply.message.blocks if isinstance(one, Picture)]
    assert "AI: 1 piece, at most 2 readers a week, 1 comment" in picture.alt
    assert "from the one of 2 Nov to that of 16 Nov" in to_text(reply.message)
    refused = await room.ask("/stats", READER)
    assert not refused.ok
    assert not (await room.ask("/stats weeks:9", MODERATOR)).ok


async def test_it_is_said_in_japanese(room: Newsroom) -> None:
    await room.publish(found())
    caller = Caller(
        platform="web", person=Person(id="m", name="M"), channel="general", community="web", language="ja",
        zone="Asia/Tokyo", roles=frozenset({"reader", "moderator"}),
    )  # fmt: skip
    text = await room.text("/統計 週数:2", caller)
    assert "話題と週（11/9から）" in text
    assert "· 1  全体" in text


def test_weeks_begin_on_local_mondays() -> None:
    sunday = datetime(2026, 11, 22, 14, 59, tzinfo=UTC)
    assert [str(one) for one in stats._mondays(sunday, "Asia/Tokyo", 2)] == ["2026-11-09", "2026-11-16", "2026-11-23"]
    later = stats._mondays(sunday + timedelta(minutes=1), "Asia/Tokyo", 2)
    assert later[-1] == datetime(2026, 11, 30, tzinfo=ZoneInfo("Asia/Tokyo")).date()


def wide(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def test_six_topics_by_eight_weeks_fit_a_phone() -> None:
    names = (
        "生成人工知能と編集の現場について",
        "Artificial intelligence and the newsroom",
        "AI",
        "👍" * 20,
        "é" * 50,
        "全体",
    )
    drawn = stats._drawn([(name, [0, 9, 42, 999, 1234, 56789, 7, 100]) for name in names])
    lines = drawn.split("\n")
    assert all(wide(line) <= 42 for line in lines)
    assert len({line[:32] for line in lines}) == 1, "columns stand below each other, whatever the names"
    assert lines[2].endswith("  AI")
    message = Message(title="t", blocks=(Code(text=drawn),))
    assert to_text(message) == drawn
