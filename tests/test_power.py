"""The power fails: sectors that nobody synced are there or not, as it happens. What was acknowledged must be there.

SQLite runs our schema, pragmas and group commit (`storage.db`) on a file system of ours, under apsw, which remembers
what of each file was synced. The control is the same with `synchronous=off`: if that loses nothing, it proves nothing.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from pathlib import Path
from typing import Any

import apsw
import pytest
from typing_extensions import override

from core.identity import whose
from core.times import now
from storage import db, journal, schema

SECTOR = 512
CUTS = 8  # power failures of each kind
COMMITS = 80  # most before one


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
    made = await db.SqliteDb.open(path)
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


def lost(folder: Path, statements: list[str], synchronous: str, seed: int) -> tuple[int, int]:
    """Acknowledged events, and those of them that are gone after the power failed (all, if the file is broken)."""
    dice = random.Random(seed)
    disk = Disk()
    files = Files(f"power-{synchronous}-{seed}", disk)
    name = folder / "rondan.db"
    connection: Any = apsw.Connection(str(name), vfs=f"power-{synchronous}-{seed}")
    hashed = whose(b"k" * 32)
    connection.create_scalar_function("whose", hashed, 2, deterministic=True)
    connection.execute(db.PRAGMAS.replace("synchronous = full", f"synchronous = {synchronous}")).fetchall()
    connection.execute("pragma wal_autocheckpoint = 40")  # so that there are many in a short run
    assert connection.pragma("journal_mode") == "wal"
    for one in statements:
        connection.execute(one)
    if synchronous == "off":
        for path in list(disk.waiting):
            disk.sync(path)  # that the tables are there is not the question
    acknowledged: list[str] = []
    for commit in range(dice.randint(1, COMMITS)):
        bodies = [f"{seed}.{commit}.{number} " + "x" * dice.randint(0, 900) for number in range(dice.randint(1, 9))]
        outcomes = db._add_all(connection, {journal.KEEP: ([(one,) for one in bodies], [])})
        assert all(failure is None for _, failure in outcomes)
        acknowledged += bodies
    after = folder / "after"
    after.mkdir()
    disk.fail(after, dice)
    connection.close()
    del files
    return len(acknowledged), len(acknowledged) - _found(after / name.name, acknowledged)


def _found(path: Path, acknowledged: list[str]) -> int:
    there = sqlite3.connect(path)
    try:
        if there.execute("pragma integrity_check").fetchall() != [("ok",)]:
            return 0
        return len({row[0] for row in there.execute("select body from heard")} & set(acknowledged))
    except sqlite3.DatabaseError:
        return 0
    finally:
        there.close()


@pytest.mark.parametrize("synchronous", ["full", "off"])
async def test_an_acknowledged_event_outlives_the_power(tmp_path: Path, synchronous: str) -> None:
    statements = await schema_of(tmp_path / "model.db")

    def cuts() -> list[tuple[int, int]]:
        out = []
        for seed in range(CUTS):
            folder = tmp_path / f"{seed}"
            folder.mkdir()
            out.append(lost(folder, statements, synchronous, seed))
        return out

    done = await asyncio.to_thread(cuts)
    assert sum(kept for kept, _ in done) > CUTS * 20
    gone = sum(missing for _, missing in done)
    assert (gone > 0) == (synchronous == "off"), f"{gone} of {sum(kept for kept, _ in done)} are gone"
