"""The power fails: sectors that nobody synced are there or not, as it happens. What was acknowledged must be there.

SQLite runs our schema, pragmas and group commit (`storage.sqlite`) on a file system of ours, under apsw; it remembers
what of each file was synced. The control is the same with `synchronous=off`: if that loses nothing, it proves nothing.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import apsw
import pytest
from typing_extensions import override

from core.errors import Refusal
from core.identity import whose
from core.times import now
from storage import journal, schema, sqlite
from storage.db import Tx, Unit

SECTOR = 512
CUTS = 8  # power failures of each kind
COMMITS = 80  # most before one
OUTSIDE = "outside"  # the file of `Tx.outside`


class Disk:
    """What is on the platter of each file, and what waits to be written there."""

    def __init__(self) -> None:
        self.synced: dict[str, bytearray] = {}
        self.waiting: dict[str, list[tuple[int, bytes]]] = {}  # a sector's offset and bytes; -1: cut to this length

    def write(self, name: str, data: bytes, offset: int) -> None:
        for start in range(0, len(data), SECTOR):
            self.waiting.setdefault(name, []).append((offset + start, data[start : start + SECTOR]))

    def cut(self, name: str, size: int) -> None:
        self.waiting.setdefault(name, []).append((-1, size.to_bytes(8, "big")))

    def sync(self, name: str) -> None:
        for one in self.waiting.pop(name, []):
            _apply(self.synced.setdefault(name, bytearray()), *one)

    def fail(self, folder: Path, dice: random.Random) -> None:
        """The power is gone: what a machine finds when it starts again."""
        for name in self.synced.keys() | self.waiting.keys():
            content = bytearray(self.synced.get(name, b""))
            for one in self.waiting.get(name, []):
                if dice.random() < 0.5:
                    _apply(content, *one)
            (folder / Path(name).name).write_bytes(content)


def _apply(content: bytearray, offset: int, data: bytes) -> None:
    if offset < 0:
        del content[int.from_bytes(data, "big") :]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class Files(apsw.VFS):
    """The usual file system, with a disk that remembers."""

    def __init__(self, name: str, disk: Disk) -> None:
        self._disk = disk
        super().__init__(name, "", iVersion=2)

    @override
    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        return File(path, name, flags, self._disk)

    @override
    def xDelete(self, name: str, syncdir: bool) -> None:
        super().xDelete(name, syncdir)
        self._disk.synced.pop(name, None)
        self._disk.waiting.pop(name, None)


class File(apsw.VFSFile):
    def __init__(self, path: str, name: Any, flags: list[int], disk: Disk) -> None:
        self._path, self._disk = path, disk
        super().__init__("", name, flags)

    @override
    def xWrite(self, data: Any, offset: int) -> None:
        self._disk.write(self._path, bytes(data), offset)
        super().xWrite(data, offset)

    @override
    def xTruncate(self, size: int) -> None:
        self._disk.cut(self._path, size)
        super().xTruncate(size)

    @override
    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._disk.sync(self._path)


async def schema_of(path: Path) -> list[str]:
    """The statements that make our tables, as a new database holds them."""
    made = await sqlite.SqliteDb.open(path)
    try:
        await schema.migrate(made, now())
        return [
            str(row["sql"])
            for row in await made.read(
                "select sql from sqlite_master where sql is not null and name not glob 'sqlite_*' order by rowid"
            )
            if "fts" not in row["sql"] and "_data'" not in row["sql"]
        ]
    finally:
        await made.close()


class Cut(Exception):
    """The power is gone while we are at it."""


@dataclass(slots=True, kw_only=True)
class Writing:
    """Rows and units, as the writer of `storage.sqlite` commits them, and what of them was acknowledged.

    A unit leaves a line outside (`Tx.outside`), on the same disk, as `storage.ledger` does; one of five fails.
    """

    connection: Any
    disk: Disk
    dice: random.Random
    acknowledged: list[str] = field(default_factory=list)
    by_units: set[str] = field(default_factory=set)  # begun, whatever became of them
    cut: Literal["", "before", "after"] = ""  # the next line is on the disk

    def rows(self, bodies: list[str]) -> None:
        outcomes = sqlite._put_all(self.connection, [(journal.KEEP, [(one,) for one in bodies])])
        assert all(failure is None for _, failure in outcomes)
        self.acknowledged += bodies

    def units(self, bodies: list[str]) -> None:
        self.by_units.update(bodies)
        units: list[tuple[Unit, object]] = [(partial(self._unit, body=body), None) for body in bodies]
        outcomes = sqlite._do_all(self.connection, units, whose(b"k" * 32), self._outside)
        self.acknowledged += [body for body, (_, failure) in zip(bodies, outcomes, strict=False) if failure is None]

    async def _unit(self, tx: Tx, *, body: str) -> None:
        await tx.many(journal.KEEP, [(body,)])
        tx.outside(body)
        if self.dice.random() < 0.2:
            raise Refusal("a unit that leaves nothing")

    def _outside(self, lines: Sequence[str]) -> None:
        if self.cut == "before":
            raise Cut
        self.disk.write(OUTSIDE, "".join(f"{one}\n" for one in lines).encode(), len(self.disk.synced.get(OUTSIDE, b"")))
        self.disk.sync(OUTSIDE)
        if self.cut == "after":
            raise Cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """After one power failure: how much was acknowledged, how much of it is gone (all, if the file is broken), and
    what units wrote that stands in the database and not outside.
    """

    kept: int
    gone: int
    ahead: int


def lost(folder: Path, statements: list[str], synchronous: str, seed: int) -> Outcome:
    """Write for a while, then the power fails: between two commits, or in the middle of one."""
    dice = random.Random(seed)
    disk = Disk()
    files = Files(f"power-{synchronous}-{seed}", disk)
    name = folder / "rondan.db"
    connection: Any = apsw.Connection(str(name), vfs=f"power-{synchronous}-{seed}")
    connection.create_scalar_function("whose", whose(b"k" * 32), 2, deterministic=True)
    connection.execute(sqlite.PRAGMAS.replace("synchronous = full", f"synchronous = {synchronous}")).fetchall()
    connection.execute("pragma wal_autocheckpoint = 40")  # so that there are many in a short run
    assert connection.pragma("journal_mode") == "wal"
    for one in statements:
        connection.execute(one)
    if synchronous == "off":
        for path in list(disk.waiting):
            disk.sync(path)  # that the tables are there is not the question
    writing = Writing(connection=connection, disk=disk, dice=dice)
    for commit in range(dice.randint(1, COMMITS)):
        bodies = [f"{seed}.{commit}.{number} " + "x" * dice.randint(0, 900) for number in range(dice.randint(1, 9))]
        (writing.units if dice.random() < 0.5 else writing.rows)(bodies)
    writing.cut = ("", "before", "after")[seed % 3]
    if writing.cut:
        with suppress(Cut):
            writing.units([f"{seed}.cut {number}" for number in range(5)])
    after = folder / "after"
    after.mkdir()
    disk.fail(after, dice)
    connection.close()
    del files
    there = _found(after / name.name)
    outside = set((after / OUTSIDE).read_text().split("\n")) if (after / OUTSIDE).exists() else set()
    return Outcome(
        kept=len(writing.acknowledged),
        gone=len(set(writing.acknowledged) - there),
        ahead=len((there & writing.by_units) - outside),
    )


def _found(path: Path) -> set[str]:
    there = sqlite3.connect(path)
    try:
        if there.execute("pragma integrity_check").fetchall() != [("ok",)]:
            return set()
        return {row[0] for row in there.execute("select body from heard")}
    except sqlite3.DatabaseError:
        return set()
    finally:
        there.close()


@pytest.mark.parametrize("synchronous", ["full", "off"])
async def test_what_was_acknowledged_outlives_the_power(tmp_path: Path, synchronous: str) -> None:
    statements = await schema_of(tmp_path / "model.db")

    def cuts() -> list[Outcome]:
        out = []
        for seed in range(CUTS):
            folder = tmp_path / f"{seed}"
            folder.mkdir()
            out.append(lost(folder, statements, synchronous, seed))
        return out

    done = await asyncio.to_thread(cuts)
    kept, gone = sum(one.kept for one in done), sum(one.gone for one in done)
    assert kept > CUTS * 20
    assert (gone > 0) == (synchronous == "off"), f"{gone} of {kept} are gone"
    assert sum(one.ahead for one in done) == 0  # what stands outside never knows less
