"""Events kept a second, and how long one waits for its acknowledgement, beside a bare `executemany` in the same run."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot import ingest
from bot.collect import Collector
from core.chat import Commented, Heard, Person, Place, Reacted, Ref
from core.document import Document, Paragraph, spans
from core.pieces import Found
from core.stances import DEFAULT
from core.times import now
from storage import journal, places, postings, schema, sources
from storage.db import PRAGMAS, SqliteDb, Tx

T0 = datetime(2026, 11, 20, tzinfo=UTC)
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


async def kept(folder: Path, producers: int, seconds: float) -> dict[str, Any]:
    """`producers` tasks that each wait for the acknowledgement of one event before they give the next."""
    db = await SqliteDb.open(folder / f"kept{producers}.db")
    try:
        await schema.migrate(db, now())
        ears = Collector(db, DEFAULT, now)
        events: Iterator[Heard] = (event(n) for n in count())
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
        assert rows == len(waits)
        waits.sort()
        return {
            "producers": producers, "events_per_s": round(len(waits) / took),
            "ack_p50_ms": round(waits[len(waits) // 2] * 1000, 2),
            "ack_p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 2),
        }  # fmt: skip
    finally:
        await db.close()


def bare(folder: Path, rows: int = 200_000) -> float:
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


async def folded(folder: Path, events: int = 40_000) -> dict[str, Any]:
    """Events a second from the journal to unique rows, stances, counts by hour and the search index."""
    db = await SqliteDb.open(folder / "folded.db")
    try:
        await schema.migrate(db, now())
        await publication(db)
        ears = Collector(db, DEFAULT, now)
        for start in range(0, events, 5000):
            await asyncio.gather(*(ears.keep(event(n)) for n in range(start, start + 5000)))
        began = time.perf_counter()
        done = await ears.fold_all()
        took = time.perf_counter() - began
        assert done == events
        return {"events": events, "folded_per_s": round(events / took)}
    finally:
        await db.close()


async def publication(db: SqliteDb, pieces: int = 10) -> None:
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
    with TemporaryDirectory() as name:
        folder = Path(name)
        limit = bare(folder)
        lines = []
        for producers in (1, 16, 256):
            figures = await kept(folder, producers, 1 if quick else 4)
            lines.append(
                {"bench": "events kept", **figures, "bare_per_s": round(limit),
                 "ratio_to_bare": round(figures["events_per_s"] / limit, 3)}
            )  # fmt: skip
        lines.append({"bench": "events folded", **await folded(folder, 10_000 if quick else 40_000)})
        return lines
