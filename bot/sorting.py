"""Sorting pieces under topics, after they were posted or not: nothing waits for it, and it edits only what it changes.

What waits to be sorted is rows (`storage.sorting`), so what dies here is sorted at the next start. A piece gets its
topics by the first of these that finds any: rules and names (which ingest has put on already), key terms that are a
theme's name, the theme whose description is nearest. The last two need the thinking process; without it the first
stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot import ingest
from commands.tools import Think
from core.errors import ThinkError
from core.pieces import Piece, Topic
from core.times import Clock
from core.topics import SHORTEST, gist, names_of, own_words
from digest.packing import unpack
from digest.terms import Candidate, Seen, rank
from storage import pieces, postings, sorting, topics
from storage.db import Db, Reader, StorageError, Tx
from storage.indexing import index_piece

log = structlog.get_logger()

LOOK_EVERY = 2.0
"""Seconds: how long a new piece waits to be sorted at most."""
RECENT = timedelta(days=2)
"""An older piece gets its topics, but is not edited in the chats for them, nor posted to other places."""
AT_ONCE = 20
ATTEMPTS = 8
"""After so many failures a piece is sorted by its rules and names alone."""
TERMS = 10  # that may name a topic
KEPT = 20  # that are kept of a piece
EXAMPLES = 5  # pieces of a topic that say what it means beside its description
OTHERS = 50  # earlier pieces that are compared
RELATED = 2
ALIKE = 0.65
"""Likeness by terms and by meaning, together, of a related piece. Of 8 sentences each on one topic, 95 of 100 pairs
have over 0.80; of any two documents, 1 of 1,000 has 0.66."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found in a piece: terms (key, as written, weight), best first, and what it means.

    `counted`: all that is in it, where it was read now.
    """

    terms: Sequence[tuple[str, str, float]]
    vector: str
    counted: Sequence[str] | None = None


class Sorter:
    """The service. `wake` tells the publisher that rows have changed."""

    def __init__(self, db: Db, think: Think, clock: Clock, wake: Callable[[], None]) -> None:
        self._db = db
        self._think = think
        self._clock = clock
        self._wake = wake

    async def run(self) -> None:
        """Sort until cancelled."""
        while True:
            if not await self.some():
                await asyncio.sleep(LOOK_EVERY)

    async def some(self) -> int:
        """Sort pieces that are due; gives how many there were."""
        due = await sorting.waiting(self._db, self._clock(), AT_ONCE)
        for number, round_ in due:
            piece = await pieces.piece(self._db, number)
            assert piece is not None  # pieces are never deleted
            try:
                await self._sort(piece, round_)
            except ThinkError as error:
                await self._later(piece, round_, error)
            except StorageError:
                raise  # nobody can be sorted now
            except Exception as error:  # noqa: BLE001 - one piece that can't be read must not keep the others
                await self._later(piece, round_, error)
        return len(due)

    async def _later(self, piece: Piece, round_: int, error: Exception) -> None:
        """By rules and names it is sorted now, by the rest later."""
        attempts = await self._db.write(lambda tx: self._put_off(tx, piece, round_))
        unknown = not isinstance(error, ThinkError)
        log.warning("sorting.put-off", piece=piece.number, attempts=attempts, error=str(error), exc_info=unknown)

    async def _put_off(self, tx: Tx, piece: Piece, round_: int) -> int:
        if told := await ingest.told_of(tx, piece):
            await self._change(tx, piece, told)
        attempts = await sorting.put_off(tx, piece.number, self._clock())
        if attempts >= ATTEMPTS:
            await sorting.done(tx, piece.number, round_)
        return attempts

    async def _sort(self, piece: Piece, round_: int) -> None:
        found = await self._found(piece)
        others: list[tuple[int, float, str]] = []
        if found.counted is not None:  # of what is read anew only: no card is edited for a newer piece
            seen = [(key, weight) for key, _, weight in found.terms]
            others = await sorting.may_be_like(self._db, piece.number, seen, OTHERS)
        unsorted = await self._told(self._db, piece, found) == {}
        described = await topics.described(self._db, EXAMPLES) if unsorted else []
        nearest, alike = None, list[float]()
        if others or described:
            answer = await self._think(
                "nearest",
                {
                    "gist": gist(piece),
                    "topics": [
                        {"topic": topic.id, "text": _description(topic), "examples": vectors}
                        for topic, vectors in described
                    ],
                    "vector": found.vector,
                    "others": [vector for _, _, vector in others],
                },
            )
            nearest, alike = answer["topic"], answer["alike"]
        likely = [
            (by_terms + by_meaning, number)
            for (number, by_terms, _), by_meaning in zip(others, alike, strict=True)
            if by_terms + by_meaning >= ALIKE
        ]
        related = [number for _, number in sorted(likely, reverse=True)[:RELATED]]
        await self._db.write(lambda tx: self._keep(tx, piece, round_, found, nearest, related))

    async def _found(self, piece: Piece) -> Found:
        """What is in a piece; it is read only where that is not known of this revision."""
        known = await sorting.kept(self._db, piece.number, piece.revision)
        if known is not None:
            return Found(terms=known[0], vector=known[1])
        answer = await self._think("terms", {"text": own_words(piece), "gist": gist(piece)})
        candidates = [unpack(Candidate, one) for one in answer["candidates"]]
        total, holding = await sorting.term_counts(self._db, [one.key for one in candidates])
        ranked = rank(candidates, Seen(texts=total, holding=holding), KEPT)
        return Found(
            terms=[(term.key, term.text, term.weight) for term in ranked],
            vector=answer["vector"],
            counted=[one.key for one in candidates],
        )

    async def _keep(
        self, tx: Tx, read: Piece, round_: int, found: Found, nearest: int | None, related: Sequence[int]
    ) -> None:
        piece = await pieces.piece(tx, read.number)
        assert piece is not None
        if piece.revision != read.revision or not await sorting.done(tx, piece.number, round_):
            return  # it changed meanwhile: it waits still, and is sorted again
        named = [one.number for one in piece.related]
        if found.counted is not None:
            await sorting.keep(tx, piece.number, piece.revision, found.counted, found.terms, found.vector)
            await sorting.relate(tx, piece.number, related)
        told = await self._told(tx, piece, found)
        if told == {} and nearest is not None and await pieces.topics(tx, [nearest]):
            told = {nearest: "nearest"}
        again = found.counted is not None and named != list(related)
        await self._change(tx, piece, told or {}, again=again)

    async def _told(self, db: Reader, piece: Piece, found: Found) -> dict[int, str] | None:
        """The topics that rules and names tell, else key terms; None where a person or the source told some instead."""
        if told := await ingest.told_of(db, piece):
            return told
        if await sorting.has_others(db, piece.number):
            return None
        return _by_terms(found, await pieces.every_topic(db))

    async def _change(self, tx: Tx, piece: Piece, told: Mapping[int, str], *, again: bool = False) -> None:
        """Let a piece have these topics, and have looked at again what that changes; `again`: something else did."""
        now = self._clock()
        changed = await sorting.put_on(tx, piece.number, told)
        after = await pieces.piece(tx, piece.number)
        assert after is not None
        await index_piece(tx, after)  # the names of its topics may have changed too
        if not changed and not again:
            return
        if piece.published < now - RECENT:
            return
        if changed and after.state == "published":
            await ingest.place(tx, after, now)
        if await postings.subject_changed(tx, "piece", piece.number, now):
            self._wake()


def _description(topic: Topic) -> str:
    return "\n".join([*topic.names.values(), topic.description])


def _by_terms(found: Found, known: Sequence[Topic]) -> dict[int, str]:
    """The themes whose name is one of the best terms."""
    named = {name: topic.id for topic in known if topic.kind == "theme" for name in names_of(topic)}
    best = [key for key, _, _ in found.terms[:TERMS] if len(key) >= SHORTEST]
    told: dict[int, str] = {}
    for key in best:
        if key in named:
            told.setdefault(named[key], f"term:{key}")
    return told
