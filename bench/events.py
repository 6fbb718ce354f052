"""Events kept a second, and how long one waits for its acknowledgement; beside the bare engines in the same run."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

from bench.engines import engines, opened
from bot import ingest
from bot.collect import Collector
from core.chat import Commented, Heard, Person, Place, Reacted, Ref
from core.document import Document, Paragraph, spans
from core.pieces import Found
from core.stances import DEFAULT
from core.times import now
from storage import journal, places, postings, sources
from storage.db import Db, Tx
from storage.sqlite import PRAGMAS

MADE = 20_000  # events that are told again and again
T0 = datetime(2026, 11, 20, tzinfo=UTC)
AIM = {"sqlite": 60_000, "postgres": 80_000}  # events kept a second by 256 producers
EMOJI = ("👍", "👎", "💡", "🎉")
WORDS = "これは夜行バスについての読者の意見です。運賃が高いという声もありますが、私は賛成です。町の将来を考えたい。"


def event(n: int) -> Heard:
    """The n-th event of a busy day: four of five are reactions, over 100 messages and 5,000 people."""
    person = Person(id=f"p{n * 7919 % 5000}")
    at = T0 + timedelta(milliseconds=n)
    anchor = f"w{n % 100}"
    if n % 5:
        return Reacted(
            platform="web",
            channel="general",
            anchor=anchor,
            person=person,
            emoji=EMOJI[n % 4],
            added=n % 11 != 0,
            at=at,
        )
    return Commented(
        platform="web", channel="general", anchor=f"c{n}", person=person, text=f"{n}: {WORDS}", at=at, reply_to=anchor
    )


async def kept(db: Db, producers: int, seconds: float) -> dict[str, Any]:
    """`producers` tasks that each wait for the acknowledgement of one event before they give the next."""
    ears = Collector(db, DEFAULT, now)
    before_us = (await db.read("select count(*) as n from heard"))[0]["n"]
    events = cycle([event(n) for n in range(MADE)])  # making one costs as much as keeping it, and is the adapters' work
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def produce() -> None:
        while (before := time.perf_counter()) < end:
            await ears.keep(next(events))
            waits.append(time.perf_counter() - before)

    began = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(producers)))
    took = time.perf_counter() - began
    rows = (await db.read("select count(*) as n from heard"))[0]["n"]
    assert rows == before_us + len(waits)
    waits.sort()
    return {
        "producers": producers, "events_per_s": round(len(waits) / took),
        "ack_p50_ms": round(waits[len(waits) // 2] * 1000, 2),
        "ack_p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 2),
    }  # fmt: skip


def bare_sqlite(folder: Path, rows: int) -> float:
    """Rows a second of one `executemany` in one transaction with the same settings: the limit of the engine."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.executescript(PRAGMAS + "create table heard(id integer primary key, body text not null);")
    bodies = [(journal.encode(event(n)),) for n in range(rows)]
    began = time.perf_counter()
    connection.execute("begin immediate")
    connection.executemany(journal.KEEP, bodies)
    connection.execute("commit")
    took = time.perf_counter() - began
    connection.close()
    return rows / took


async def bare_postgres(address: str, rows: int, batch: int = 500) -> float:
    """Rows a second of bare `unnest` in statements of so many rows, each durable: the limit of that engine."""
    connection = await asyncpg.connect(address)
    try:
        await connection.execute("create table bare(id bigint generated always as identity primary key, body text)")
        bodies = [journal.encode(event(n)) for n in range(rows)]
        began = time.perf_counter()
        for start in range(0, rows, batch):
            await connection.execute(
                "insert into bare(body) select * from unnest($1::text[])", bodies[start : start + batch]
            )
        return rows / (time.perf_counter() - began)
    finally:
        await connection.close()


async def folded(db: Db, events: int) -> dict[str, Any]:
    """Events a second from the journal to unique rows, stances, counts by hour and the search index."""
    await publication(db)
    ears = Collector(db, DEFAULT, now)
    await ears.fold_all()
    for start in range(0, events, 5000):
        await asyncio.gather(*(ears.keep(event(n)) for n in range(start, start + 5000)))
    began = time.perf_counter()
    done = await ears.fold_all()
    took = time.perf_counter() - began
    assert done == events
    return {"events": events, "folded_per_s": round(events / took)}


async def publication(db: Db, pieces: int = 10) -> None:
    """Ten pieces, each with ten messages: the anchors `w0` to `w99`."""
    place = await places.add_place(db, Place(id=0, platform="web", channel="general"), "place", now())

    async def work(tx: Tx) -> None:
        source = await sources.ensure_source(tx, kind="file", address="files", title="", text_mode="full", now=now())
        for number in range(pieces):
            document = Document(blocks=(Paragraph(spans=spans(WORDS)),))
            item = Found(identities=(f"guid:{number}",), title=f"Piece {number}", document=document, fingerprint="1")
            taken = await ingest.take(tx, source, item, now=now())
            assert taken.piece is not None
            posting = await postings.at_place(tx, place.id, "piece", taken.piece)
            assert posting is not None
            names = [("card" if leaf == 0 else f"section:{leaf}:0", leaf) for leaf in range(10)]
            await postings.place_leaves(tx, posting.id, names)
            for name, leaf in names:
                ref = Ref(id=f"w{number * 10 + leaf}")
                await postings.shown(
                    tx, place, posting, name, ref, "d", now(), piece=taken.piece, section=str(leaf) if leaf else None
                )

    await db.write(work)


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    lines = []
    rows = 40_000 if quick else 200_000
    with TemporaryDirectory() as name, engines() as there:
        folder = Path(name)
        for engine, address in there.items():
            limit = bare_sqlite(folder, rows) if address is None else await bare_postgres(address, rows)
            async with opened(address, folder, "kept") as db:
                for producers in (1, 16, 256):
                    figures = await kept(db, producers, 1 if quick else 4)
                    lines.append(
                        {"bench": "events kept", "engine": engine, **figures, "bare_per_s": round(limit),
                         "ratio_to_bare": round(figures["events_per_s"] / limit, 3), "aim_per_s": AIM[engine],
                         "load": round(os.getloadavg()[0], 1)}
                    )  # fmt: skip
            async with opened(address, folder, "folded") as db:
                figures = await folded(db, 10_000 if quick else 40_000)
                lines.append({"bench": "events folded", "engine": engine, **figures})
    return lines
