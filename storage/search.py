"""Full-text search over pieces and comments: our bigrams in the engine's own index, kept in step by who writes text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.text import Term, bigrams
from storage.audience import Audience
from storage.db import Db, Tx

RANKED = 5_000  # most pieces, and most comments, that are ranked for one search: each costs several look-ups


@dataclass(frozen=True, slots=True)
class Hit:
    """A piece or comment that was found; a lower `rank` is better (BM25)."""

    kind: Literal["piece", "comment"]
    id: int
    piece: int
    rank: float


def match(terms: Sequence[Term]) -> str:
    """An FTS5 query that asks for every term as a phrase. Tokens are ours, so nothing in them is syntax."""
    phrases = []
    for term in terms:
        phrase = '"' + " ".join(term.tokens) + '"'
        phrases.append(phrase + (" *" if term.prefix else ""))
    return " AND ".join(phrases)


async def search(db: Db, terms: Sequence[Term], audience: Audience, limit: int = 20) -> list[Hit]:
    """Published pieces and visible comments that hold every term, best first.

    Of words that stand in very much only the newest `RANKED` pieces and comments (by number) that may be shown are
    ranked; who may see few of them waits for a look at each, but misses none. Rarer words are ranked everywhere.
    """
    if not terms:
        return []
    query = match(terms)
    # The index gives the newest first without sorting, and works a rank out only for a row that passed every condition.
    hits = [
        Hit("piece", row["id"], row["id"], row["rank"])
        for row in await db.read(
            f"""select id, rank from (
                    select p.id, w.rank from piece_words w join piece p on p.id=w.rowid
                    where piece_words match ? and p.state='published' order by w.rowid desc limit {RANKED}) as newest
                order by rank, id desc limit ?""",
            query,
            limit,
        )
    ]
    clause, args = audience.clause()
    hits += [
        Hit("comment", row["id"], row["piece_id"], row["rank"])
        for row in await db.read(
            f"""select id, piece_id, rank from (
                    select c.id, c.piece_id, w.rank from comment_words w join comment c on c.id=w.rowid
                    join place pl on pl.id=c.place_id join piece p on p.id=c.piece_id
                    where comment_words match ? and c.state in ('visible', 'featured') and p.state='published'
                      and {clause} order by w.rowid desc limit {RANKED}) as newest
                order by rank, id desc limit ?""",
            query,
            *args,
            limit,
        )
    ]
    return sorted(hits, key=lambda hit: (hit.rank, hit.kind, -hit.id))[:limit]


# --- keeping the index ---


async def index_piece(tx: Tx, piece: int, old: str | None, new: str | None) -> None:
    """Keep the search index of a piece in step; None means that there is no text."""
    await index(tx, "piece_words", [(piece, old, new)])


async def index(tx: Tx, table: str, changes: Sequence[tuple[int, str | None, str | None]]) -> None:
    """(rowid, old text, new text) each; a contentless index must be told what it forgets."""
    if gone := [(rowid, bigrams(old)) for rowid, old, _ in changes if old]:
        await tx.many(f"insert into {table}({table}, rowid, words) values('delete', ?, ?)", gone)
    if come := [(rowid, bigrams(new)) for rowid, _, new in changes if new]:
        await tx.many(f"insert into {table}(rowid, words) values(?, ?)", come)
