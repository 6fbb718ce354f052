"""How well and how fast search finds, beside a scan of all texts by LIKE: `python -m bench search [--comments N]
[--engine postgres]`.

Comments of made-up Japanese and English sentences with Zipf's words, in twenty places, and a piece for each five
hundred of them. What is asked is taken at random from the texts, so common words are asked for often; truth is the
substring of the folded text, for English the whole word. Latencies are measured while comments are edited. The database
is kept in the temporary folder for as long as the schema and this file are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import re
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import asyncpg

from bench.engines import engines, opened
from bench.texts import Writer
from core.document import Document, Heading, Paragraph, spans
from core.outline import outline
from core.pieces import outline_to_json
from core.query import parse_query
from core.times import DAY, micros
from core.tokens import RULES, plain
from storage import schema, tables
from storage.audience import Audience
from storage.db import Db, Tx
from storage.indexing import index_comments
from storage.search import RANKED, search
from storage.sqlite import SqliteDb
from tests.standins import postgres as pg

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLACES = 20
QUERIES = 60  # a length
JUDGED = 15  # of these whose recall is measured where there are very many comments: each reads all that it finds
SCANS = 8  # of these that LIKE is asked too
AIMS = {100_000: 30, 1_000_000: 50}  # p95 in ms up to so many comments
EDITS = 20  # a transaction of five edited comments so many times a second

ALL = Audience(everything=True)
MANY = Audience(place=2, platform="web", community="c2")  # seven of ten comments
FEW = Audience(place=1, platform="web", community="c1")  # one of a thousand

# --- the database ---


def place_of(dice: random.Random) -> int:
    """1 has one comment of a thousand, 2 seven of ten, the others share the rest."""
    where = dice.random()
    return 1 if where < 0.001 else 2 if where < 0.701 else dice.randint(3, PLACES)


def fill(path: Path, comments: int) -> None:
    """Put it all into a migrated database; the index is made by the program itself."""
    writer, dice = Writer(2026), random.Random(7)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("pragma synchronous = off; pragma temp_store = memory;")
    connection.execute("begin")
    many = connection.executemany
    many("insert into source(id, kind, address, text_mode, created_at) values(1, 'feed', 'x', 'full', ?)", [(0,)])
    many(
        "insert into place(id, platform, channel, community, audience, created_at) values(?,'web',?,?,'place',0)",
        [(number, f"c{number}", f"c{number}") for number in range(1, PLACES + 1)],
    )
    pieces = max(20, comments // 500)
    many(
        """insert into piece(id, uid, source_id, state, title, title_key, language, published_at, found_at, changed_at,
               outline) values(?,?,1,'published',?,'','ja',?,0,0,?)""",
        piece_rows(writer, pieces),
    )
    rows = (
        (
            number,
            dice.randint(1, pieces),
            place_of(dice),
            number,
            writer.text(),
            micros(NOW) - (comments - number) * 30_000_000,
        )
        for number in range(1, comments + 1)
    )
    many("insert into comment(id, piece_id, place_id, anchor_id, text, at, source) values(?,?,?,?,?,?,'reply')", rows)
    connection.execute(
        """insert into anchor(id, platform, channel, anchor, place_id, piece_id, comment_id)
           select anchor_id, 'web', 'c', id, place_id, piece_id, id from comment"""
    )
    connection.execute("delete from indexed")
    connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def piece_rows(writer: Writer, count: int) -> Iterator[tuple[Any, ...]]:
    """Pieces of six sections."""
    for number in range(1, count + 1):
        blocks: list[Heading | Paragraph] = []
        for _ in range(6):
            heading, text = " ".join(writer.some(writer.nouns, 2)), "".join(writer.text() for _ in range(4))
            blocks += [Heading(level=2, spans=spans(heading)), Paragraph(spans=spans(text))]
        title = "と".join(writer.some(writer.nouns, 3))
        understood = outline(Document(blocks=tuple(blocks)), title=title, default_language="ja")
        at = micros(NOW) - (count - number) * DAY // 10
        yield number, f"{number:012x}", title, at, json.dumps(outline_to_json(understood), ensure_ascii=False)


@asynccontextmanager
async def database(engine: str, comments: int) -> AsyncIterator[tuple[Db, dict[str, Any]]]:
    """The database, and what making it took and takes."""
    path, figures = await kept(comments)
    if engine == "sqlite":
        db = await SqliteDb.open(path)
        try:
            size = await db.read("select sum(length(block)) as n from comment_words_data")
            yield db, figures | {"mb_per_100k": round(size[0]["n"] / comments / 10, 1)}
        finally:
            await db.close()
        return
    with engines() as addresses, tempfile.TemporaryDirectory() as folder:
        address = addresses["postgres"]
        assert address is not None
        async with opened(address, Path(folder), "search") as other:
            address = pg.at(address, "search")
            await copy(path, address)
            began, cpu = time.perf_counter(), time.process_time()
            await schema.migrate(other, NOW)
            took = {"index_s": round(time.perf_counter() - began), "index_cpu_s": round(time.process_time() - cpu)}
            await pg.execute(address, "vacuum analyze")
            size = await other.read("select pg_total_relation_size('comment_words') as n")
            yield other, took | {"mb_per_100k": round(size[0]["n"] / comments / 10, 1)}


async def copy(path: Path, address: str) -> None:
    """What was made up goes over as it is; nothing of it is indexed there yet."""
    ours, theirs = sqlite3.connect(path), await asyncpg.connect(address)
    try:
        for table in ("source", "place", "piece", "comment", "anchor"):
            rows = ours.execute(f"select * from {table}")
            columns = [one[0] for one in rows.description]
            await theirs.copy_records_to_table(table, records=rows, columns=columns)
        await theirs.execute("delete from indexed")
    finally:
        await theirs.close()
        ours.close()


async def kept(comments: int) -> tuple[Path, dict[str, Any]]:
    """The database, made if it is not there, and what making it took."""
    made_from = hashlib.sha256(f"{tables.MIGRATIONS}{tables.FRAGMENTS}{RULES}".encode() + Path(__file__).read_bytes())
    folder = Path(tempfile.gettempdir()) / "rondan-bench"
    path = folder / f"search-{comments}-{made_from.hexdigest()[:8]}.db"
    figures = path.with_suffix(".json")
    if not path.exists():
        folder.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        db = await SqliteDb.open(unfinished)
        await schema.migrate(db, NOW)
        await db.close()
        await asyncio.to_thread(fill, unfinished, comments)
        began, cpu = time.perf_counter(), time.process_time()
        db = await SqliteDb.open(unfinished)
        await schema.migrate(db, NOW)
        await db.close()
        took = {"index_s": round(time.perf_counter() - began), "index_cpu_s": round(time.process_time() - cpu)}
        figures.write_text(json.dumps(took))
        unfinished.rename(path)
    return path, json.loads(figures.read_text())


# --- questions ---


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries of one kind."""

    name: str
    queries: list[str]


def questions(texts: Sequence[str]) -> list[Asked]:
    """Queries by length from the texts themselves, and the commonest there are."""
    dice = random.Random(11)
    lengths: dict[int, list[str]] = {1: [], 2: [], 3: [], 4: [], 6: [], 9: []}
    words: list[str] = []
    while min(map(len, lengths.values())) < QUERIES or len(words) < QUERIES:
        text = dice.choice(texts)
        runs = re.findall("[ぁ-んァ-ヶー一-龠]{9,}", text)
        for length, found in lengths.items():
            if runs and len(found) < QUERIES:
                run = dice.choice(runs)
                at = dice.randrange(len(run) - length + 1)
                found.append(run[at : at + length])
        if not runs and text.isascii() and len(words) < QUERIES:
            words.append(dice.choice(re.findall("[a-z]+", text.lower())))
    return [
        *(Asked(f"{length} character{'s' if length > 1 else ''}", found) for length, found in lengths.items()),
        Asked("an English word", words),
        Asked("the commonest", ["の", "は", "で", "い", "す", "た", "です", "ます", "思います", "ている", "the", "of"]),
        Asked("two words", [f"{dice.choice(lengths[2])} {dice.choice(lengths[1])}" for _ in range(QUERIES)]),
        Asked("a word without another", [f"{one} -{two}" for one, two in zip(lengths[2], lengths[1], strict=True)]),
    ]


def holds(text: str, query: str) -> bool:
    """The scan: every word a substring of the folded text, an English one a whole word; `-` before what must not be."""
    for word in query.split():
        wanted = word.removeprefix("-")
        there = f" {wanted} " in f" {re.sub('[^a-z0-9]+', ' ', text)} " if wanted.isascii() else wanted in text
        if there is (word != wanted):
            return False
    return True


async def measure(
    quick: bool, comments: int | None = None, engine: Literal["sqlite", "postgres"] = "sqlite"
) -> list[dict[str, Any]]:
    """All figures of this file, for one number of comments; by default two, unless it must be quick."""
    sizes = [comments] if comments else [20_000] if quick else [100_000, 1_000_000]
    return [line for size in sizes for line in await _measured(engine, size)]


async def _measured(engine: str, comments: int) -> list[dict[str, Any]]:
    async with database(engine, comments) as (db, figures):
        rows = await db.read("select text from comment order by id")
        texts = [plain(row["text"]) for row in rows]
        common = {"comments": comments, "engine": engine, "load": round(os.getloadavg()[0], 1)}
        lines = [{"bench": "search index", **figures, **common}]
        lines += [await _line(db, asked, texts) | common for asked in questions(texts)]
        for who, audience in (("by who sees 7 of 10 comments", MANY), ("by who sees 1 of 1000", FEW)):
            for asked in questions(texts):
                if asked.name in ("1 character", "2 characters", "the commonest"):
                    took = await _latencies(db, asked.queries, audience)
                    lines.append({"bench": f"search for {asked.name}, {who}", **took, **common})
        return [
            {**line, "aim_p95_ms": next((ms for most, ms in AIMS.items() if comments <= most), None)} for line in lines
        ]


async def _line(db: Db, asked: Asked, texts: Sequence[str]) -> dict[str, Any]:
    """Recall and precision over all that is found, and latencies of what is answered."""
    hits = found = right = 0
    judged = asked.queries[: JUDGED if len(texts) > 200_000 else QUERIES]
    for query in judged:
        truth = {number for number, text in enumerate(texts, 1) if holds(text, query)}
        results = await search(db, parse_query(f"{query} in:comments"), ALL, NOW, ranked=len(texts))
        ours = {hit.id for hit in results.hits}
        hits, found, right = hits + len(truth), found + len(ours), right + len(truth & ours)
    return {
        "bench": f"search for {asked.name}",
        "queries": len(asked.queries),
        "judged": len(judged),
        "recall": right / hits if hits else 1.0,
        "precision": right / found if found else 1.0,
        **await _latencies(db, asked.queries, ALL),
        "like_p50_ms": await _like(db, asked.queries[:SCANS]),
    }


async def _latencies(db: Db, queries: Sequence[str], audience: Audience) -> dict[str, float]:
    """Of pieces and comments together, while others write; and the processor time of each alone, whatever the load (on
    PostgreSQL ours without the server's).
    """
    took: dict[str, list[float]] = {"cpu_": [], "": []}
    for name, clock in (("cpu_", time.process_time), ("", time.perf_counter)):
        writing = asyncio.create_task(_edit(db) if name == "" else asyncio.sleep(0))
        try:
            for query in queries:
                asked = parse_query(query)
                began = clock()
                results = await search(db, asked, audience, NOW)
                took[name].append((clock() - began) * 1000)
                assert len(results.hits) <= 2 * RANKED
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
    return {f"{name}p{share}_ms": _share(values, share) for name, values in took.items() for share in (50, 95, 99)}


def _share(values: Sequence[float], percent: int) -> float:
    """A percentile, the next value up."""
    return round(sorted(values)[min(len(values) - 1, len(values) * percent // 100)], 1)


async def _edit(db: Db) -> None:
    """Comments are edited, to the same words again: the index forgets and learns them."""
    dice = random.Random(3)

    async def work(tx: Tx) -> None:
        newest = await tx.one("select max(id) as id from comment")
        assert newest is not None
        for _ in range(5):
            row = await tx.one("select id, place_id, text from comment where id=?", dice.randint(1, newest["id"]))
            assert row is not None
            await index_comments(tx, [(row["id"], row["place_id"], row["text"], row["text"])])

    while True:
        await db.write(work)
        await asyncio.sleep(1 / EDITS)


async def _like(db: Db, queries: Sequence[str]) -> float:
    """The scan as the engine does it, in ms."""
    took = []
    for query in queries:
        condition = " and ".join(f"text {'not ' if word[0] == '-' else ''}like ?" for word in query.split())
        began = time.perf_counter()
        words = [f"%{word.removeprefix('-')}%" for word in query.split()]
        await db.read(f"select count(*) as n from comment where {condition}", *words)
        took.append((time.perf_counter() - began) * 1000)
    return _share(took, 50)
