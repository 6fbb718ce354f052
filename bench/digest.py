"""How long `/digest` and `/search` take in a big publication, asked through the real desk.

10k pieces over one year, 200 topics of Zipf's popularity, 1M comments, 10M reactions; the rows that follow from others
(stances, counts by hour) are made from them by SQL, so every number is as consistent as if events had been folded.

`python -m bench.digest FOLDER [--quick] [--postgres]` keeps the database in the folder, and asks that one again for as
long as the schema and this file are the same: it takes minutes to make.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, cast

from bench.engines import engines
from bench.start import ready_with
from bot import ingest
from bot.collect import Collector
from bot.migrating import migrate
from bot.settings import Settings
from commands.desk import Desk
from commands.tools import Drafts, Feeds, Tools
from core.chat import Caller, Person
from core.document import Document, Paragraph, spans
from core.errors import ThinkError
from core.outline import outline
from core.pieces import outline_to_json
from core.stances import DEFAULT
from core.text import fold
from core.times import DAY, micros
from core.tokens import RULES
from storage import digests, keyfile, schema, tables
from storage.audience import Audience
from storage.counts import COUNTED
from storage.db import Db
from storage.postgres import PgDb
from storage.sqlite import SqliteDb
from tests.standins import postgres as pg

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
YEAR = 365 * DAY
PERIODS = ("1d", "7d", "30d", "all")
SAMPLES = 120
AIM_MS = 100  # p99 for 30 days
KNOWN_MS: dict[str, dict[str, tuple[tuple[float, float], ...]]] = {
    "most answered pieces": {
        "sqlite": ((0.2, 2.8), (0.38, 4.1), (1.4, 13.5), (16, 153)),
        "postgres": ((0.29, 2.1), (0.32, 2.3), (0.49, 4.8), (3.0, 34)),
    },
    "most answered comments": {
        "sqlite": ((0.07, 0.6), (0.08, 0.6), (0.11, 0.9), (0.44, 4.2)),
        "postgres": ((0.23, 1.9), (0.25, 2.1), (0.39, 3.1), (1.9, 19)),
    },
    "reactions": {
        "sqlite": ((0.09, 0.8), (0.11, 1.1), (0.26, 2.5), (2.8, 42)),
        "postgres": ((0.3, 2.2), (0.27, 2.0), (0.4, 3.0), (2.0, 24)),
    },
}
"""What such questions took on tables like ours when these were designed, by periods: p50 and p99."""
EMOJI = ("👍", "👎", "💡", "❓", "🎉", "❤")
WEIGHTS = tuple(accumulate((50, 15, 8, 4, 15, 8)))
STRANGER = Caller(platform="web", person=Person(id="p2"), channel="elsewhere", community="other")  # sees no comment
CALLER = Caller(platform="web", person=Person(id="p1"), channel="general", community="web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is."""

    pieces: int = 10_000
    topics: int = 200
    comments: int = 1_000_000
    reactions: int = 10_000_000
    people: int = 100_000


QUICK = Size(pieces=1_000, comments=50_000, reactions=300_000, people=10_000)


class _Publication:
    """Rows made up by one seeded die, in the order in which they are kept."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.dice = dice = random.Random(2026)
        end = micros(NOW)
        self.published = sorted(end - 1 - dice.randrange(YEAR) for _ in range(size.pieces))
        fame = [dice.lognormvariate(0, 1) for _ in range(size.pieces)]
        self._fame = list(accumulate(fame))
        self._share = [one / self._fame[-1] for one in fame]
        self.popular = list(accumulate(1 / rank for rank in range(1, size.topics + 1)))
        # Zipf's words in both languages; a comment is a sentence of them.
        self.words = [f"{dice.choice(('bus', 'fare', 'vote', 'city', 'night'))}{n}" for n in range(4000)]
        self.words += ["".join(chr(0x4E00 + dice.randrange(2000)) for _ in range(3)) for _ in range(4000)]
        dice.shuffle(self.words)
        self._frequent = list(accumulate(1 / rank for rank in range(1, len(self.words) + 1)))
        self.texts = [" ".join(self.some_words(12)) for _ in range(20_000)]
        said = sorted(
            (self._later(piece), piece)
            for piece in dice.choices(range(size.pieces), cum_weights=self._fame, k=size.comments)
        )
        self.said = said
        self.of_piece: list[list[int]] = [[] for _ in range(size.pieces)]
        for number, (_, piece) in enumerate(said, 1):
            self.of_piece[piece].append(number)

    def some_words(self, count: int) -> list[str]:
        return self.dice.choices(self.words, cum_weights=self._frequent, k=count)

    def _later(self, piece: int) -> int:
        """A moment after a piece came out: most within days, some much later, none in the future."""
        start = self.published[piece]
        after = self.dice.random() * YEAR if self.dice.random() < 0.1 else self.dice.expovariate(1 / (3 * DAY))
        return start + int(after) % (micros(NOW) - start)

    def piece_rows(self) -> Iterator[tuple[Any, ...]]:
        for number, at in enumerate(self.published, 1):
            words = self.some_words(30)
            paragraphs = [" ".join(self.some_words(60)) + "." for _ in range(8)]
            blocks = tuple(Paragraph(spans=spans(one)) for one in paragraphs)
            title = " ".join(words[:5])
            understood = outline(Document(blocks=blocks), title=title, default_language="en")
            text = json.dumps(outline_to_json(understood), ensure_ascii=False)
            key = f"pub.example/{number}"
            yield number, f"{number:012x}", title, f"https://{key}", key, fold(title), at, at, at, text

    def topic_rows(self) -> Iterator[tuple[int, int]]:
        """1.75 topics a piece on average."""
        for piece in range(1, self.size.pieces + 1):
            count = self.dice.choice((1, 1, 2, 3))
            topics = self.dice.choices(range(1, self.size.topics + 1), cum_weights=self.popular, k=count)
            yield from ((topic, piece) for topic in set(topics))

    def comment_rows(self) -> Iterator[tuple[Any, ...]]:
        for number, (at, piece) in enumerate(self.said, 1):
            text = self.dice.choice(self.texts)
            yield number, piece + 1, self.comment_anchor(number), self.person(), text, at

    def person(self) -> int:
        return 1 + int(self.dice.random() ** 2 * self.size.people)  # some say more than others

    def comment_anchor(self, comment: int) -> int:
        return self.size.pieces + comment  # behind those of the cards, whose ids are their pieces' numbers

    def reaction_rows(self) -> Iterator[tuple[int, int, int, int, int]]:
        """(piece, person, anchor, emoji, at) in the order of the key; one of ten is on a comment."""
        for piece in range(self.size.pieces):
            count = self._share[piece] * self.size.reactions
            emoji = self.dice.choices(range(1, len(EMOJI) + 1), cum_weights=WEIGHTS, k=int(count * 0.9))
            rows = {(self.person(), piece + 1, one) for one in emoji}
            if comments := self.of_piece[piece]:
                rows |= {
                    (self.person(), self.comment_anchor(self.dice.choice(comments)), self.dice.choice((1, 1, 2)))
                    for _ in range(int(count * 0.1))
                }
            yield from ((piece + 1, *row, self._later(piece)) for row in sorted(rows))


def _fill(path: Path, publication: _Publication) -> None:
    """Put it all into a migrated database."""
    size = publication.size
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("pragma synchronous = off; pragma cache_size = -400000; pragma temp_store = memory;")
    connection.execute("begin")
    connection.execute(
        """insert into source(id, kind, address, text_mode, created_at)
           values(1, 'feed', 'https://pub.example', 'full', 0)"""
    )
    connection.execute(
        """insert into place(id, platform, channel, community, audience, created_at)
           values(1, 'web', 'general', 'web', 'place', 0)"""
    )
    many = connection.executemany
    many("insert into emoji(name) values(?)", [(one,) for one in EMOJI])
    many("insert into person(hash, platform) values(?, 'web')", ((f"p{n}",) for n in range(1, size.people + 1)))
    many(
        """insert into piece(id, uid, source_id, state, title, url, link_key, title_key, language, published_at,
               found_at, changed_at, outline) values(?,?,1,'published',?,?,?,?,'en',?,?,?,?)""",
        publication.piece_rows(),
    )
    topics = [(n, f"topic {n}", json.dumps({"en": f"Topic {n}"})) for n in range(1, size.topics + 1)]
    many("insert into topic(id, key, names, created_at) values(?,?,?,0)", topics)
    many("insert into topic_name(folded, topic_id, name) values(?,?,?)", [(key, n, key) for n, key, _ in topics])
    many("insert into piece_topic(topic_id, piece_id, added_by) values(?,?,'source')", publication.topic_rows())
    connection.execute(
        """insert into posting(id, place_id, subject, subject_id, want, revision, state, created_at, changed_at)
           select id, 1, 'piece', id, 'post', 1, 'shown', published_at, published_at from piece"""
    )
    connection.execute(
        "insert into leaf(id, posting_id, name, position, ref) select id, id, 'card', 0, 'w' || id from piece"
    )
    connection.execute(
        """insert into anchor(id, platform, channel, anchor, place_id, piece_id, leaf_id)
           select id, 'web', 'general', 'w' || id, 1, id, id from piece"""
    )
    many(
        """insert into comment(id, piece_id, place_id, anchor_id, person_id, text, at, source)
           values(?,?,1,?,?,?,?,'reply')""",
        publication.comment_rows(),
    )
    connection.execute(
        """insert into anchor(id, platform, channel, anchor, place_id, piece_id, comment_id)
           select anchor_id, 'web', 'general', 'c' || id, 1, piece_id, id from comment"""
    )
    connection.execute("delete from indexed")  # all is, at the next migration
    many(
        """insert into reaction(piece_id, person_id, anchor_id, emoji_id, kind, source, present, at)
           values(?,?,?,?,'emoji','emoji',1,?)""",
        publication.reaction_rows(),
    )
    _follow(connection, size)
    connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def _follow(connection: sqlite3.Connection, size: Size) -> None:
    """What the fold would have kept beside the reactions."""
    connection.execute("create temp table meaning(emoji_id integer primary key, stance text)")
    meanings = [(n, stance.key) for n, one in enumerate(EMOJI, 1) if (stance := DEFAULT.of(one))]
    connection.executemany("insert into meaning values(?,?)", meanings)
    connection.execute(
        """insert into emoji_hour select piece_id, at / 3600000000, emoji_id, count(*) from reaction
           where anchor_id <= ? group by 1, 2, 3""",
        (size.pieces,),
    )
    connection.execute(
        """insert into stance select piece_id, person_id, stance, max(at) from reaction join meaning using(emoji_id)
           where anchor_id <= ? group by 1, 2""",
        (size.pieces,),
    )
    connection.execute(
        "insert into stance_hour select piece_id, at / 3600000000, stance, count(*) from stance group by 1, 2, 3"
    )
    for table in ("emoji", "stance"):
        connection.execute(
            f"""insert into {table}_day
                select piece_id, hour / 24, {COUNTED[table]}, sum(n) from {table}_hour group by 1, 2, 3"""
        )
    connection.execute(
        """insert into comment_score(comment_id, agree, disagree, n, piece_id)
           select anchor_id - ?, sum(stance='agree'), sum(stance='disagree'), count(*), piece_id
           from (select piece_id, anchor_id, person_id, stance, max(at) from reaction join meaning using(emoji_id)
                 where anchor_id > ? group by 1, 2, 3) group by 1""",
        (size.pieces, size.pieces),
    )


async def _nothing() -> None:
    """No platform to tell of places."""


async def _unthought(job: str, data: Any) -> Any:
    """What is read takes as long in any publication (`bench.reading`); here it is the rows that are many."""
    raise ThinkError(f"no {job} here")


async def _ask(desk: Desk, lines: Sequence[str], caller: Caller = CALLER) -> dict[str, float]:
    """p50 and p99 of the answers to these lines, one after the other."""
    took = []
    for line in lines:
        began = time.perf_counter()
        reply = await desk.ask(caller, line)
        took.append((time.perf_counter() - began) * 1000)
        assert reply.ok, reply
    took.sort()
    return {"p50_ms": round(took[len(took) // 2], 1), "p99_ms": round(took[len(took) * 99 // 100], 1)}


@asynccontextmanager
async def big(folder: Path, size: Size) -> AsyncIterator[tuple[SqliteDb, Desk]]:
    """A publication of this size in a folder, made if it is not there, with its desk."""
    publication = await asyncio.to_thread(_Publication, size)
    path = folder / f"big-{size.pieces}-{size.reactions}.db"
    if not path.exists():
        await _make(path, publication)
    db = await SqliteDb.open(path)
    try:
        yield db, _desk(db)
    finally:
        await db.close()


async def measure(
    quick: bool, folder: Path | None = None, engine: Literal["sqlite", "postgres"] = "sqlite"
) -> list[dict[str, Any]]:
    """All figures of this file; the database is kept in the folder, if one is named."""
    size = QUICK if quick else Size()
    with TemporaryDirectory() as name:
        laid_out = f"{tables.MIGRATIONS}{tables.FRAGMENTS}{RULES}".encode()
        made_from = hashlib.sha256(laid_out + Path(__file__).read_bytes()).hexdigest()
        path = (folder or Path(name)) / f"digest-{size.pieces}-{made_from[:8]}.db"
        began = time.perf_counter()
        publication = await asyncio.to_thread(_Publication, size)
        if not path.exists():
            await _make(path, publication)
        about = {
            "pieces": size.pieces, "comments": size.comments, "db_mb": round(path.stat().st_size / 1e6),
            "build_s": round(time.perf_counter() - began),
        }  # fmt: skip
        if engine == "postgres":
            return await _on_a_server(path, publication, about)
        db = await SqliteDb.open(path)
        try:
            lines = await _measured(db, publication, about | {"engine": engine})
        finally:
            await db.close()
        return [*lines, await _start(path, about)]


async def _measured(db: Db, publication: _Publication, about: dict[str, Any]) -> list[dict[str, Any]]:
    about["reactions"] = (await db.read("select count(*) as n from reaction"))[0]["n"]
    return [{**line, **about, "load": round(os.getloadavg()[0], 1)} for line in await _lines(db, publication)]


async def _on_a_server(path: Path, publication: _Publication, about: dict[str, Any]) -> list[dict[str, Any]]:
    """The same rows, moved as an operator moves them."""
    with engines() as there:
        server = there["postgres"]
        assert server is not None
        address = await pg.created(server)
        began = time.perf_counter()
        await migrate(Settings(database=path), address, lambda: NOW, lambda _said: None)
        about |= {"engine": "postgres", "moved_s": round(time.perf_counter() - began)}
        db = await PgDb.open(address, keyfile.beside(path))
        try:
            return await _measured(db, publication, about)
        finally:
            await db.close()


async def _start(path: Path, about: dict[str, Any]) -> dict[str, Any]:
    """How long the program takes from its start until its page stands, with so much in its database."""
    with TemporaryDirectory() as name:
        copy = Path(name) / "rondan.db"
        shutil.copy(path, copy)
        shutil.copy(keyfile.beside(path), keyfile.beside(copy))
        ready = [await ready_with(copy) for _ in range(3)]
    return {"bench": "start to ready, big", "s": round(sorted(ready)[1], 2), **about}


async def _make(path: Path, publication: _Publication) -> None:
    """The database under its name, when all of it is there."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    for fill in (True, False):
        db = await SqliteDb.open(unfinished)
        try:
            await schema.migrate(db, NOW - timedelta(days=365))
        finally:
            await db.close()
        if fill:
            await asyncio.to_thread(_fill, unfinished, publication)
    keyfile.beside(unfinished).rename(keyfile.beside(path))
    unfinished.rename(path)


def _desk(db: Db) -> Desk:
    ears = Collector(db, DEFAULT, lambda: NOW)
    return Desk(
        Tools(
            db=db, ears=ears, outside=ears.outside, stance_of=ears.stance_of,
            scale=DEFAULT, zone="UTC", clock=lambda: NOW,
            link=lambda _platform, channel, anchor: f"http://chat/{channel}/{anchor}", wake=lambda: None,
            place=ingest.place, let_out=ingest.let_out, furnish=_nothing,
            feeds=cast("Feeds", None), drafts=cast("Drafts", None),  # no digest asks for them
            think=_unthought,
        )
    )  # fmt: skip


async def _counted(db: Db, topics: Sequence[int]) -> list[dict[str, Any]]:
    """p50 and p99 of single questions on topics, as they were measured before there was a program around them."""
    lines = []
    for period in PERIODS:
        start = NOW - timedelta(days=int(period[:-1]) if period != "all" else 366)
        took: dict[str, list[float]] = {what: [] for what in KNOWN_MS}
        for topic in topics:
            pieces, _ = await digests.pieces_between(db, start, NOW, topic, 3000)
            questions = (
                digests.answered_between(db, start, NOW, topic, 20),
                digests.most_answered(db, pieces, start, NOW, Audience(everything=True), 10),
                digests.reactions(db, pieces, start, NOW),
            )
            for what, question in zip(KNOWN_MS, questions, strict=True):
                began = time.perf_counter()
                await question
                took[what].append((time.perf_counter() - began) * 1000)
        for what, times in took.items():
            p50, p99 = sorted(times)[len(times) // 2], sorted(times)[len(times) * 99 // 100]
            known = KNOWN_MS[what][db.dialect.name][PERIODS.index(period)]
            lines.append(
                {"bench": f"digest SQL: {what}", "period": period, "p50_ms": round(p50, 2), "p99_ms": round(p99, 2),
                 "known_p50_p99_ms": known, "ratio_to_known": [round(p50 / known[0], 2), round(p99 / known[1], 2)]}
            )  # fmt: skip
    return lines


async def _lines(db: Db, publication: _Publication) -> list[dict[str, Any]]:
    desk = _desk(db)
    topics = range(1, publication.size.topics + 1)
    chosen = random.Random(7).choices(topics, cum_weights=publication.popular, k=SAMPLES)
    lines = await _counted(db, chosen)
    for period in PERIODS:
        for what, asked in (
            ("a topic", [f"/digest topic:'Topic {topic}' period:{period}" for topic in chosen]),
            ("everything", [f"/digest period:{period}"] * (SAMPLES // 4)),
        ):
            figures = await _ask(desk, asked)
            ratio = round(figures["p99_ms"] / AIM_MS, 2)
            lines.append({"bench": f"digest of {what}", "period": period, **figures, "ratio_to_aim": ratio})
    publication.dice.seed(7)  # the same questions, whether the database was made or found
    for count in (1, 2):  # by popularity, as people's words are
        asked = [f"/search {' '.join(publication.some_words(count))}" for _ in range(SAMPLES)]
        lines.append({"bench": f"search for {count} words", **await _ask(desk, asked)})
    for who, caller in (("who sees all", CALLER), ("who sees no comment", STRANGER)):
        asked = [f"/search {publication.words[0]}"] * (SAMPLES // 4)
        lines.append({"bench": f"search for the commonest word by one {who}", **await _ask(desk, asked, caller)})
    return lines


if __name__ == "__main__":
    on: Literal["sqlite", "postgres"] = "postgres" if "--postgres" in sys.argv else "sqlite"
    for figure in asyncio.run(measure("--quick" in sys.argv, Path(sys.argv[1]), on)):
        print(json.dumps(figure, ensure_ascii=False), flush=True)
