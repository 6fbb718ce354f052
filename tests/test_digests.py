"""The numbers of a digest are those of a plain count over the same rows, whoever asks and whatever the window."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast

import pytest

from commands import gathering
from commands.tools import Tools
from core.period import Window
from core.pieces import Topic
from core.times import micros
from digest.standing import outstanding
from storage import digests
from storage.audience import Audience
from storage.counts import SPANS
from storage.db import Db, Tx
from tests.conftest import SetClock, opened

START = datetime(2026, 11, 1, tzinfo=UTC)
PLACES = {1: ("web", "a", "place"), 2: ("web", "a", "community"), 3: ("chat", "b", "publication")}
AUDIENCES = (
    Audience(everything=True),
    Audience(place=1, platform="web", community="a"),
    Audience(place=3, platform="chat", community="b"),
    Audience(),
)
WINDOWS = ((0, 240), (24, 96), (90, 91), (300, 400))  # hours after START
STANCES = ("agree", "disagree", "question")
Asked = tuple[list[int], datetime, datetime, Audience]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A comment as the plain count sees it."""

    id: int
    piece: int
    place: int
    person: int | None
    text: str
    at: datetime
    state: str
    agree: int
    disagree: int
    n: int
    scored: bool

    def shown_to(self, who: Audience) -> bool:
        platform, community, shared = PLACES[self.place]
        near = shared == "community" and (platform, community) == (who.platform, who.community)
        seen = who.everything or self.place == who.place or shared == "publication" or near
        return seen and self.state in ("visible", "featured") and self.text != ""


@dataclass(slots=True)
class Publication:
    """Random pieces, stances and comments, the same for the same seed."""

    pieces: int
    stances_of: dict[tuple[int, int], tuple[str, datetime]] = field(default_factory=dict)
    comments: list[Said] = field(default_factory=list)

    @classmethod
    def made(cls, seed: int, pieces: int = 12, comments: int = 300) -> Publication:
        dice = random.Random(seed)
        self = cls(pieces)

        def moment() -> datetime:  # some on the very edge of an hour, where a window begins or ends
            return START + timedelta(hours=dice.randrange(240), microseconds=dice.choice((0, dice.randrange(10**9))))

        for _ in range(200):
            self.stances_of[dice.randint(1, pieces), dice.randint(1, 40)] = (dice.choice(STANCES), moment())
        for number in range(1, comments + 1):
            scored = dice.random() < 0.4  # of these some were taken back since: nothing is left
            agree, disagree, other = (dice.choice((0, 0, 1, 2, 9)) if scored else 0 for _ in range(3))
            self.comments.append(
                Said(
                    id=number, piece=dice.randint(1, pieces), place=dice.randint(1, 3),
                    person=dice.choice((None, *range(20, 60))), text=dice.choice(("", "so", "dear", "never")),
                    at=moment(), state=dice.choice(("visible",) * 8 + ("featured", "hidden", "held", "erased")),
                    agree=agree, disagree=disagree, n=agree + disagree + other, scored=scored,
                )
            )  # fmt: skip
        return self

    async def write(self, tx: Tx) -> None:
        await tx.run("insert into source(id, kind, address, created_at) values(1, 'file', 'x', 0)")
        await tx.many("insert into person(id, hash, platform) values(?, ?, 'web')", [(n, str(n)) for n in range(1, 60)])
        await tx.many(
            "insert into place(id, platform, channel, community, audience, created_at) values(?,?,?,?,?,0)",
            [
                (number, platform, str(number), community, shared)
                for number, (platform, community, shared) in PLACES.items()
            ],
        )
        await tx.many(
            """insert into piece(id, uid, source_id, state, title, title_key, language, published_at, found_at,
                   changed_at, outline) values(?,?,1,'published','','','en',?,0,0,'')""",
            [(number, str(number), micros(START)) for number in range(1, self.pieces + 1)],
        )
        await tx.many(
            "insert into stance(piece_id, person_id, stance, at) values(?,?,?,?)",
            [(*key, stance, micros(at)) for key, (stance, at) in self.stances_of.items()],
        )
        for span, micro in SPANS.items():
            counts = Counter((key[0], micros(at) // micro, stance) for key, (stance, at) in self.stances_of.items())
            await tx.many(f"insert into stance_{span} values(?,?,?,?)", [(*key, n) for key, n in counts.items()])
        await tx.many(
            """insert into anchor(id, platform, channel, anchor, place_id, piece_id, comment_id)
               values(?, 'web', 'x', ?, ?, ?, ?)""",
            [(one.id, str(one.id), one.place, one.piece, one.id) for one in self.comments],
        )
        await tx.many(
            """insert into comment(id, piece_id, place_id, anchor_id, person_id, text, at, source, state)
               values(?,?,?,?,?,?,?,'reply',?)""",
            [(one.id, one.piece, one.place, one.id, one.person, one.text, micros(one.at), one.state)
             for one in self.comments],
        )  # fmt: skip
        scores = [(one.id, one.piece, one.agree, one.disagree, one.n) for one in self.comments if one.scored]
        await tx.many("insert into comment_score(comment_id, piece_id, agree, disagree, n) values(?,?,?,?,?)", scores)

    def shown(self, pieces: list[int], start: datetime, end: datetime, who: Audience) -> list[Said]:
        return [one for one in self.comments if one.piece in pieces and start <= one.at < end and one.shown_to(who)]

    def people(self, pieces: list[int], start: datetime, end: datetime, who: Audience) -> int:
        reacted = {
            person for (piece, person), (_, at) in self.stances_of.items() if piece in pieces and start <= at < end
        }
        return len(reacted | {one.person for one in self.shown(pieces, start, end, who) if one.person is not None})

    def spoken(self, pieces: list[int], start: datetime, end: datetime, who: Audience, limit: int) -> list[int]:
        """Featured, most answered, newest; all of what is featured or answered, and the newest of the others."""
        some = self.shown(pieces, start, end, who)
        newest = {one.id for one in sorted(some, key=lambda one: (one.at, one.id), reverse=True)[:limit]}
        some = [one for one in some if one.n or one.state == "featured" or one.id in newest]
        some.sort(key=lambda one: (one.state == "featured", one.n, one.at, one.id), reverse=True)
        return [one.id for one in some[:limit]]

    def stances(self, pieces: list[int], start: datetime, end: datetime) -> Counter[str]:
        people = {
            (person, stance)
            for (piece, person), (stance, at) in self.stances_of.items()
            if piece in pieces and start <= at < end
        }
        return Counter(stance for _, stance in people)


@asynccontextmanager
async def kept(publication: Publication, engine: str | None) -> AsyncIterator[Db]:
    with TemporaryDirectory() as folder:
        async with opened(engine, Path(folder), SetClock()) as db:
            await db.write(publication.write)
            yield db


@pytest.mark.parametrize("seed", range(6))
async def test_people_comments_and_voices_are_those_of_a_plain_count(seed: int, engine: str | None) -> None:
    publication = Publication.made(seed)
    dice = random.Random(seed)
    async with kept(publication, engine) as db:
        for who in AUDIENCES:
            for first, last in WINDOWS:
                pieces = dice.sample(range(1, publication.pieces + 1), dice.choice((0, 1, 5, 12)))
                asked: Asked = (pieces, START + timedelta(hours=first), START + timedelta(hours=last), who)
                readers = await digests.readers(db, *asked, len(publication.shown(*asked)))
                assert (readers.people, readers.more) == (publication.people(*asked), False)
                assert readers.stances == publication.stances(*asked[:3])
                numbers = await digests.numbers(db, *asked)
                assert sorted(numbers) == sorted(pieces)
                for piece, found in numbers.items():
                    said = publication.shown([piece], *asked[1:])
                    assert found.comments == len(said)
                    assert found.commenters == len({one.person for one in said if one.person is not None})
                    stances = Counter(
                        stance
                        for (of, _), (stance, at) in publication.stances_of.items()
                        if of == piece and asked[1] <= at < asked[2]
                    )
                    assert found.stances == stances
                assert readers.by_piece == sum((Counter(one.stances) for one in numbers.values()), Counter())
                shown = publication.shown(*asked)
                assert await digests.comments(db, *asked) == len(shown)
                hours = Counter(one.at.replace(minute=0, second=0, microsecond=0) for one in shown)
                assert await digests.comments_by_hour(db, *asked) == hours
                for limit in (3, 40, 400):
                    spoken = await digests.spoken(db, *asked, limit)
                    assert [one.comment for one in spoken] == publication.spoken(*asked, limit)
                numbers_of = {one.id for one in publication.comments}
                voices = await digests.voices(db, numbers_of, who)
                assert set(voices) == {one.id for one in publication.comments if one.shown_to(who)}


async def test_many_pieces_are_asked_in_parts_and_still_each_person_is_counted_once(engine: str | None) -> None:
    publication = Publication.made(7, pieces=900, comments=1200)
    async with kept(publication, engine) as db:
        asked: Asked = (list(range(1, 901)), START, START + timedelta(hours=200), AUDIENCES[1])
        assert (await digests.readers(db, *asked, 0)).people == publication.people(*asked)
        spoken = await digests.spoken(db, *asked)
        everyone = await digests.spoken(db, *asked, 2000)
        assert outstanding(spoken) == outstanding(everyone)
        assert sorted(one.comment for one in everyone) == sorted(publication.spoken(*asked, 2000))


async def test_among_too_many_responses_people_are_at_least_so_many(
    monkeypatch: pytest.MonkeyPatch, engine: str | None
) -> None:
    publication = Publication.made(3)
    async with kept(publication, engine) as db:
        asked: Asked = (list(range(1, 13)), START, START + timedelta(hours=240), AUDIENCES[0])
        true, commented = publication.people(*asked), len(publication.shown(*asked))
        all_in = await digests.readers(db, *asked, commented)
        monkeypatch.setattr(digests, "MOST_SAID", max(commented, sum(all_in.by_piece.values())))
        assert await digests.readers(db, *asked, commented) == all_in
        monkeypatch.setattr(digests, "MOST_SAID", 30)
        readers = await digests.readers(db, *asked, commented)
        assert readers.more
        assert 15 <= readers.people <= true
        assert readers.by_piece == all_in.by_piece


async def test_who_was_answered_most_stands_out_behind_many_that_may_not_be_seen(
    monkeypatch: pytest.MonkeyPatch, engine: str | None
) -> None:
    monkeypatch.setattr(digests, "STANDING", 1)
    publication = Publication.made(4)
    for one in range(len(publication.comments)):
        loud = publication.comments[one].place == 1
        publication.comments[one] = replace(
            publication.comments[one], state="visible", text="x", scored=True, n=1000 + one if loud else one
        )
    async with kept(publication, engine) as db:
        asked: Asked = (list(range(1, 13)), START, START + timedelta(hours=240), AUDIENCES[2])
        best = max((one for one in publication.shown(*asked)), key=lambda one: one.n)
        assert best.place != 1
        assert [one.comment for one in await digests.spoken(db, *asked, 1)] == [best.id]
        monkeypatch.setattr(digests, "FAR", 4)  # all of them are the loud ones
        assert await digests.most_answered(db, *asked, 1) == []


# Hours at both ends, whole days between, in every position that the ends may have.
@pytest.mark.parametrize("first", [0, 1, 23, 24, 25])
@pytest.mark.parametrize("hours", [1, 22, 24, 25, 47, 48, 49, 96])
async def test_what_is_counted_by_days_is_what_it_is_by_hours(first: int, hours: int, engine: str | None) -> None:
    publication = Publication.made(5)
    async with kept(publication, engine) as db:
        start = START + timedelta(hours=first)
        end = start + timedelta(hours=hours)
        by_hour = Counter(
            stance for (piece, _), (stance, at) in publication.stances_of.items() if piece <= 9 and start <= at < end
        )
        assert (await digests.readers(db, range(1, 10), start, end, AUDIENCES[0], 0)).by_piece == by_hour


@pytest.mark.parametrize("topic", [None, 1])
async def test_older_pieces_that_were_answered_are_found_behind_withdrawn_ones(
    topic: int | None, db: Db, clock: SetClock
) -> None:
    async def work(tx: Tx) -> None:
        await tx.run("insert into source(id, kind, address, created_at) values(1, 'file', 'x', 0)")
        await tx.run("insert into emoji(id, name) values(1, '👍')")
        await tx.run("insert into topic(id, key, names, created_at) values(1, 'a', '{}', 0)")
        state_of = ["retracted"] * 40 + ["published"] * 5 + ["held", "published"]
        for number, state in enumerate(state_of, 1):
            at = START + timedelta(days=2 if number == len(state_of) else -2)
            await tx.run(
                """insert into piece(id, uid, source_id, state, title, title_key, language, published_at, found_at,
                       changed_at, outline) values(?,?,1,?,'','','en',?,0,0,'')""",
                number, str(number), state, micros(at),
            )  # fmt: skip
            await tx.run("insert into piece_topic(topic_id, piece_id, added_by) values(1, ?, 'source')", number)
            hour = micros(START + timedelta(days=1, hours=number % 7)) // 3_600_000_000
            n = 0 if number == 42 else 100 - number  # nobody answered this one
            await tx.run("insert into emoji_hour(piece_id, hour, emoji_id, n) values(?,?,1,?)", number, hour, n)

    await db.write(work)
    asked = (db, START, START + timedelta(days=5), topic)
    assert await digests.answered_between(*asked, 1) == [41]
    assert await digests.answered_between(*asked, 3) == [41, 43, 44]
    assert await digests.answered_between(*asked, 9) == [41, 43, 44, 45]


async def test_of_several_topics_the_newest_pieces_are_counted(
    db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "COUNTED", 4)

    async def work(tx: Tx) -> None:
        await tx.run("insert into source(id, kind, address, created_at) values(1, 'file', 'x', 0)")
        for topic in (1, 2):
            await tx.run("insert into topic(id, key, names, created_at) values(?,?,'{}',0)", topic, str(topic))
        for number in range(1, 7):
            await tx.run(
                """insert into piece(id, uid, source_id, state, title, title_key, language, published_at, found_at,
                       changed_at, outline) values(?,?,1,'published','','','en',?,0,0,'')""",
                number, str(number), micros(START) + number,
            )  # fmt: skip
            await tx.run(
                "insert into piece_topic(topic_id, piece_id, added_by) values(?,?,'source')", 2 - number % 2, number
            )

    await db.write(work)
    topics = [Topic(id=number, key=str(number), names={}) for number in (1, 2)]
    window = Window(START, START + timedelta(days=1), "UTC")
    found = await gathering._pieces(cast("Tools", SimpleNamespace(db=db)), topics, window)
    assert (found.pieces, found.total) == ([5, 3, 6, 4], 6)
