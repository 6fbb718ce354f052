"""The numbers of a digest are those of a plain count over the same rows, whoever asks and whatever the window."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from core.times import micros
from digest.standing import outstanding
from storage import digests
from storage.audience import Audience
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
        hours = Counter((key[0], micros(at) // 3_600_000_000, stance) for key, (stance, at) in self.stances_of.items())
        await tx.many("insert into stance_hour values(?,?,?,?)", [(*key, n) for key, n in hours.items()])
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
        scores = [(one.id, one.agree, one.disagree, one.n) for one in self.comments if one.scored]
        await tx.many("insert into comment_score(comment_id, agree, disagree, n) values(?,?,?,?)", scores)

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
                assert await digests.people(db, *asked) == publication.people(*asked)
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
                assert await digests.stances(db, *asked[:3]) == publication.stances(*asked[:3])
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
        assert await digests.people(db, *asked) == publication.people(*asked)
        spoken = await digests.spoken(db, *asked)
        everyone = await digests.spoken(db, *asked, 2000)
        assert outstanding(spoken) == outstanding(everyone)
        assert sorted(one.comment for one in everyone) == sorted(publication.spoken(*asked, 2000))


async def test_people_are_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch, engine: str | None) -> None:
    publication = Publication.made(3)
    async with kept(publication, engine) as db:
        asked: Asked = (list(range(1, 13)), START, START + timedelta(hours=240), AUDIENCES[0])
        true = publication.people(*asked)
        for limit in (5, true - 1, true, true + 1):
            monkeypatch.setattr(digests, "MOST_PEOPLE", limit)
            assert await digests.people(db, *asked) == min(limit, true)
