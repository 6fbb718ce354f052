"""The engine's own index of our tokens: rows with a number on a shelf, found by what they hold.

What is written differently on the two engines stands here and nowhere else. `words_of` gives the index of a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from core.query import Query
from core.tokens import Term, tokens
from storage.db import Db, Reader, Tx, marks

TABLES = {"piece": "passage_words", "comment": "comment_words"}
SHELF = 40  # bits of a row's number; above them is its shelf
NUMBER = (1 << SHELF) - 1

Change = tuple[int, str | None, str | None]
"""A row, its plain text before and after; None where there is none."""


class Words(Protocol):
    """An index. Of a query only the words count: a row holds all of them and none of the unwanted ones."""

    def holding(self, query: Query) -> tuple[str, list[Any]]:
        """A select of the `id` of every row that holds it, and its values."""
        ...

    async def newest(
        self, db: Reader, query: Query, shelves: Sequence[int], first: int, last: int, limit: int
    ) -> tuple[list[int], int]:
        """(numbers, floor): the `limit` highest on the shelves, from first to last, that hold it, highest first; none
        is missing from the floor up. There may be more, and some of other shelves, where that spares a look.
        """
        ...

    async def counts(self, db: Reader, terms: Sequence[Term], limit: int) -> list[int]:
        """About how many rows hold each, up to `limit`."""
        ...

    async def change(self, tx: Tx, changes: Sequence[Change]) -> None:
        """Forget the texts before, learn the texts after."""
        ...

    async def clear(self, tx: Tx) -> None:
        """Forget all."""
        ...

    async def tidy(self, db: Db) -> None:
        """Bring together what lies in pieces as it was written: it is read faster. In small transactions."""
        ...


def words_of(db: Reader, table: str) -> Words:
    """The index `passage_words` or `comment_words`."""
    return SqliteWords(table) if db.dialect.name == "sqlite" else PostgresWords(table)


def called(db: Reader, folded: str) -> tuple[str, str]:
    """A condition on `name` that holds at least where it has these characters, in either case and width; its value."""
    sets = [sorted(_any_width(char)) for char in folded]
    if db.dialect.name == "sqlite":
        return "name glob ?", f"*{''.join(map(_glob, sets))}*"
    parts = ("|".join(f"\\{one}" if one.isascii() and not one.isalnum() else one for one in some) for some in sets)
    return "name ~ ?", "".join(f"(?:{part})" for part in parts)


def _any_width(char: str) -> set[str]:
    both = {char, char.upper()[:1]}
    return both | {"\u3000" if one == " " else chr(ord(one) + 0xFEE0) for one in both if " " <= one <= "~"}


def _glob(some: Sequence[str]) -> str:
    return "[" + "".join(sorted(some, key=lambda one: (one != "]", one == "^", one))) + "]"


# --- SQLite ---

MERGED = 500  # pages that are merged in one transaction
AT_ONCE = 8_000  # rows that are at most looked at before each shelf is
A_LOOK = 50  # rows that are read in the time of one more look at a shelf


class SqliteWords:
    """A contentless table of FTS5: to forget a text it must be given its tokens again."""

    def __init__(self, table: str) -> None:
        self._table = table

    def holding(self, query: Query) -> tuple[str, list[Any]]:
        return f"select rowid as id from {self._table} where {self._table} match ?", [_match(query)]

    async def newest(
        self, db: Reader, query: Query, shelves: Sequence[int], first: int, last: int, limit: int
    ) -> tuple[list[int], int]:
        """Of each shelf a few tell how far down the newest of all go; only one that has more so high is read on.

        If there are no more than a few at all, they are read at once. A look at each shelf would be dearer: it reads
        all lists of a phrase's tokens there, however few rows hold them in a row.
        """
        most = min(AT_ONCE, A_LOOK * len(shelves)) if len(shelves) > 1 else 0
        holding, values = self.holding(query)
        if most and len(rows := await db.read(f"{holding} limit ?", *values, most + 1)) <= most:
            numbers = sorted((row["id"] & NUMBER for row in rows), reverse=True)
            return [number for number in numbers if first <= number <= last], 0
        few = limit if len(shelves) == 1 else 2 * limit // max(1, len(shelves)) + 2
        some = await self._look(db, query, [((one << SHELF) + first, (one << SHELF) + last) for one in shelves], few)
        numbers = sorted((row & NUMBER for rows in some for row in rows), reverse=True)
        floor = numbers[limit - 1] if len(numbers) >= limit else first
        spans = [
            ((rows[-1] & ~NUMBER) + floor, rows[-1] - 1)
            for rows in some
            if len(rows) == few and (rows[-1] & NUMBER) > floor
        ]
        if spans:
            more = await self._look(db, query, spans, limit)
            numbers = sorted(numbers + [row & NUMBER for rows in more for row in rows], reverse=True)
        return numbers[:limit], numbers[limit - 1] if len(numbers) >= limit else 0

    async def _look(self, db: Reader, query: Query, spans: Sequence[tuple[int, int]], limit: int) -> list[list[int]]:
        """Of each span of rows the highest that hold it, highest first."""
        rows = await db.read(
            f"""select (select json_group_array(id) from (
                    select rowid as id from {self._table} where {self._table} match ?
                    and rowid between json_extract(span.value, '$[0]') and json_extract(span.value, '$[1]')
                    order by rowid desc limit ?)) as rows
                from json_each(?) as span""",
            _match(query), limit, json.dumps(spans),
        )  # fmt: skip
        return [json.loads(row["rows"]) for row in rows]

    async def counts(self, db: Reader, terms: Sequence[Term], limit: int) -> list[int]:
        some = f"select count(*) as n from (select 1 from {self._table} where {self._table} match ? limit {limit})"
        rows = await db.read(" union all ".join([some] * len(terms)), *map(phrase, terms))
        return [row["n"] for row in rows]

    async def change(self, tx: Tx, changes: Sequence[Change]) -> None:
        # Rising rows, since the engine begins a new segment whenever a row is lower than the one before.
        table, ordered = self._table, sorted(changes)
        if gone := [(row, tokens(old)) for row, old, _ in ordered if old]:
            await tx.many(f"insert into {table}({table}, rowid, words) values('delete', ?, ?)", gone)
        if come := [(row, tokens(new)) for row, _, new in ordered if new]:
            await tx.many(f"insert into {table}(rowid, words) values(?, ?)", come)

    async def clear(self, tx: Tx) -> None:
        await tx.run(f"insert into {self._table}({self._table}) values('delete-all')")

    async def tidy(self, db: Db) -> None:
        # A search opens each of its tokens in every segment. A deleted row's tokens stay until its segment is merged.
        first = True

        async def merge(tx: Tx) -> bool:
            sql = f"insert into {self._table}({self._table}, rank) values('merge', ?)"
            return await tx.run(sql, -MERGED if first else MERGED) >= 2  # fewer rows changed: nothing is left to do

        while await db.write(merge):
            first = False


def _match(query: Query) -> str:
    return " NOT ".join([f"({' AND '.join(map(phrase, query.terms))})", *map(phrase, query.without)])


def phrase(term: Term) -> str:
    """A term as an FTS5 phrase. Tokens are ours, so nothing in them is syntax."""
    return '"' + " ".join(term.tokens) + ('" *' if term.prefix else '"')


# --- PostgreSQL: whoever changes how a row is made here must change `core.tokens.RULES` too ---

LONGEST = 500  # characters of a token: a longer one is cut, since the engine takes 2046 bytes
PART = 16_000  # tokens of a text that stand in one row: the engine knows no position above 16383
SIZE = 180_000  # and characters: the engine takes a megabyte
SAME = 250  # and of one token: it knows no more than 256 positions
OVERLAP = 220  # tokens that a part has of the one before, so that no phrase is torn; what more one has is not asked
BLOCKS = {"passage_words": (24, 27, 30), "comment_words": (11, 14, 17)}  # bits of the numbers in a block of each size
NUMBERED = {"passage_words": "passage", "comment_words": "comment"}  # the table whose highest id is the highest number
SHELVES = 8  # more are not asked of the index
SAMPLE = 100  # rows in the newest blocks that tell enough of how many there are in all


class PostgresWords:
    """A table of `tsvector` with a GIN index, which gives no order and reads the whole lists of what it is asked. So a
    row has tokens too of the blocks of numbers in which it lies, and of its shelf: the newest are looked for in the
    two newest blocks of each size, small ones first, whose lists are short, and then in all.

    A text that is too long for a row stands in several, each with the token PARTS; what is asked may stand in any.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    def holding(self, query: Query) -> tuple[str, list[Any]]:
        return self._holding(query, [])

    def _holding(self, query: Query, also: list[str]) -> tuple[str, list[Any]]:
        """`also`: what else a row must hold."""
        wanted, unwanted = [_phrase(one) for one in query.terms], [_phrase(one) for one in query.without]
        if len(wanted) == 1 and not unwanted:
            return f"select distinct id from {self._table} where words @@ cast(? as tsquery)", [_all(*also, *wanted)]
        other = f"exists(select 1 from {self._table} o where o.id=w.id and o.words @@ cast(? as tsquery))"
        parted = f" and {other}" * (len(wanted) - 1) + f" and not {other}" * len(unwanted)
        return (
            f"""select distinct id from {self._table} w where words @@ cast(? as tsquery)
                or (words @@ cast(? as tsquery){parted})""",
            [
                _all(*also, *wanted, *(f"!({one})" for one in (*unwanted, PARTS))),
                _all(*also, wanted[0], PARTS),
                *wanted[1:],
                *unwanted,
            ],
        )

    async def newest(
        self, db: Reader, query: Query, shelves: Sequence[int], first: int, last: int, limit: int
    ) -> tuple[list[int], int]:
        if not shelves:
            return [], 0
        top = await db.read(f"select max(id) as id from {NUMBERED[self._table]}")
        last = min(last, top[0]["id"] or 0)
        on_these = f"id >> {SHELF} in ({marks(len(shelves))})"
        on_shelves = [" | ".join(map(_shelf, shelves))] if len(shelves) <= SHELVES else []
        for bits in (*BLOCKS[self._table], 0):
            block = last >> bits
            floor = (block - 1) << bits if bits and block else 0
            in_blocks = [" | ".join(_block(bits, one) for one in (block, block - 1))] if floor > first else []
            holding, values = self._holding(query, on_shelves + in_blocks)
            rows = await db.read(
                f"""select id & {NUMBER} as number from ({holding}) w
                    where {on_these} and id & {NUMBER} between ? and ? order by number desc limit ?""",
                *values, *shelves, max(first, floor), last, limit,
            )  # fmt: skip
            if len(rows) == limit or floor <= first:
                break
        numbers = [row["number"] for row in rows]
        return numbers, numbers[-1] if len(numbers) == limit else 0

    async def counts(self, db: Reader, terms: Sequence[Term], limit: int) -> list[int]:
        """Those in one block tell how many there are of a word that is usual; of a rare one they are counted."""
        top = await db.read(f"select max(id) as id from {NUMBERED[self._table]}")
        bits = BLOCKS[self._table][1]
        block = (top[0]["id"] or 0) >> bits
        phrases = [_phrase(one) for one in terms]
        near = await self._counts(db, [_all(_block(bits, block - 1), one) for one in phrases], limit)
        rare = await self._counts(db, [one for one, n in zip(phrases, near, strict=True) if n < SAMPLE], limit)
        counted = iter(rare)
        return [min(limit, n * block) if n >= SAMPLE else next(counted) for n in near]

    async def _counts(self, db: Reader, queries: Sequence[str], limit: int) -> list[int]:
        if not queries:
            return []
        one = f"(select count(*) from (select 1 from {self._table} where words @@ cast(? as tsquery) limit {limit}) w)"
        row = (await db.read(f"select {', '.join([one] * len(queries))}", *queries))[0]
        return [row[at] for at in range(len(queries))]

    async def change(self, tx: Tx, changes: Sequence[Change]) -> None:
        gone = [(row,) for row, old, _ in changes if old]
        await tx.many(f"delete from {self._table} where id=?", gone)
        come = [
            (row, number, part)
            for row, _, new in sorted(changes)
            if new
            for number, part in enumerate(_parts(row, tokens(new).split(" "), BLOCKS[self._table]))
        ]
        await tx.many(f"insert into {self._table}(id, part, words) values(?, ?, cast(? as tsvector))", come)

    async def clear(self, tx: Tx) -> None:
        await tx.run(f"delete from {self._table}")

    async def tidy(self, db: Db) -> None:
        # What was written lately lies in a heap that every search reads; the server's own upkeep does the rest.
        await db.write(lambda tx: tx.read(f"select gin_clean_pending_list('{self._table}_held')"))


# Tokens of ours have no spaces, so these are never theirs.
PARTS = "' parts'"


def _block(bits: int, number: int) -> str:
    return f"' {bits} {number}'"


def _shelf(shelf: int) -> str:
    return f"' shelf {shelf}'"


def _begins(char: str) -> str:
    """A text with any token that begins so: of one character, the engine would read the lists of all of them."""
    return _quoted(f" {char}")


def _quoted(token: str) -> str:
    return "'" + token[:LONGEST].replace("\\", "\\\\").replace("'", "''") + "'"


def _phrase(term: Term) -> str:
    if term.prefix and len(term.tokens) == 1 and len(term.tokens[0]) == 1:
        return _begins(term.tokens[0])
    return " <-> ".join(map(_quoted, term.tokens[:OVERLAP])) + (":*" if term.prefix else "")


def _all(*queries: str) -> str:
    return " & ".join(f"({one})" for one in queries)


def _parts(row: int, words: Sequence[str], blocks: Sequence[int]) -> Iterator[str]:
    """The `tsvector` of each row of a text's tokens."""
    if words == [""]:
        return
    where = [_shelf(row >> SHELF), *(_block(bits, (row & NUMBER) >> bits) for bits in blocks)]
    start = end = 0
    while end < len(words):
        places: dict[str, list[int]] = {}
        size, end = 0, start
        while end < len(words) and end - start < PART and size < SIZE and len(places.get(words[end], ())) < SAME:
            places.setdefault(words[end], []).append(end - start + 1)
            size += min(len(words[end]), LONGEST)
            end += 1
        if start or end < len(words):
            where = list(dict.fromkeys([*where, PARTS]))
        at = (f"{_quoted(word)}:{','.join(map(str, some))}" for word, some in places.items())
        yield " ".join([*where, *{_begins(word[0]): None for word in places}, *at])
        start = end - OVERLAP
