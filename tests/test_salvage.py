"""Pages of the file are overwritten at random: what does not stand on them comes out whole."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from bot import restoring
from bot.settings import Settings
from core.errors import Refusal
from storage import copies, keyfile, schema
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, found, on_sqlite
from tests.newsroom import Newsroom

pytestmark = on_sqlite
SIZE = 4096
COMMENTS = 4_000


async def written(room: Newsroom) -> Path:
    """A sound file with a few thousand comments, and nobody who has it open."""
    for n in range(3):
        await room.publish(found(f"p{n}", title=f"Piece {n}", url=f"https://pub.example/{n}"))

    async def talk(tx: object) -> None:
        await tx.many(  # type: ignore[attr-defined]
            "insert into comment(id, piece_id, place_id, anchor_id, text, at, source) values(?,1,1,?,?,?,'thread')",
            [(n, 10_000 + n, f"Comment {n} " + "word " * 20, n) for n in range(1, COMMENTS + 1)],
        )

    await room.db.write(talk)
    assert isinstance(room.db, SqliteDb)
    path = room.db.path.with_name("damaged.db")
    copies.copy_verified(room.db.path, path)
    keyfile.beside(path).write_bytes(room.db.keys.read_bytes())
    return path


def pages_of(path: Path, table: str) -> list[int]:
    """The pages of the leaves of a table; what is above them and the schema are not hit, so that the test is sure."""
    with sqlite3.connect(path) as file:
        (root,) = file.execute("select rootpage from sqlite_schema where name=?", (table,)).fetchone()
    file.close()
    body = path.read_bytes()

    def below(page: int) -> list[int]:
        start = (page - 1) * SIZE
        if body[start] == 13:
            return [page]
        assert body[start] == 5
        cells = int.from_bytes(body[start + 3 : start + 5], "big")
        pointers = [int.from_bytes(body[start + 12 + 2 * n : start + 14 + 2 * n], "big") + start for n in range(cells)]
        children = [int.from_bytes(body[at : at + 4], "big") for at in pointers]
        children.append(int.from_bytes(body[start + 8 : start + 12], "big"))
        return [leaf for child in children for leaf in below(child)]

    return below(root)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_stands_on_other_pages_is_saved(room: Newsroom, clock: SetClock, seed: int) -> None:
    path = await written(room)
    pages = pages_of(path, "comment")
    chance = random.Random(seed)
    hit = chance.sample(pages, 5)
    if seed == 1:
        hit[0] = pages[-1]  # the end of the table can't be read: nobody knows its highest number
    body = bytearray(path.read_bytes())
    for page in hit:
        body[(page - 1) * SIZE : page * SIZE] = chance.randbytes(1) * SIZE
    path.write_bytes(body)
    new = path.with_name("new.db")
    saved = await restoring.salvage(Settings(database=path), path, new, clock)
    rows = copies.verify(new)
    assert rows["comment"] == saved["comment"].rows
    assert COMMENTS - 5 * 40 < rows["comment"] < COMMENTS
    assert saved["comment"].lost in (None, COMMENTS - rows["comment"])
    assert rows["piece"] == 3
    assert saved["piece"].lost == 0
    db = await SqliteDb.open(new, keyfile.beside(path))
    try:
        await schema.migrate(db, clock())
        assert await db.read("select 1 from comment_words where comment_words match 'word'")
        assert await db.read("select 1 from source where doubted_at is not null")
        (row,) = await db.read("select count(*) as n from item where identity like 'link:%'")
        assert row["n"] == 3
    finally:
        await db.close()


async def test_what_can_not_be_salvaged_is_said(room: Newsroom, clock: SetClock, tmp_path: Path) -> None:
    path = await written(room)
    keyfile.beside(path).unlink()
    with pytest.raises(Refusal, match="there is no key"):
        await restoring.salvage(Settings(database=path), path, tmp_path / "new.db", clock)
    keyfile.beside(path).write_bytes(room.db.keys.read_bytes())
    body = bytearray(path.read_bytes())
    body[:SIZE] = b"\xff" * SIZE
    path.write_bytes(body)
    with pytest.raises(Refusal, match="nothing can be read"):
        await restoring.salvage(Settings(database=path), path, tmp_path / "new.db", clock)
    assert not (tmp_path / "new.db").exists()
