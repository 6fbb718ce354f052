"""What became of comments after a copy was made becomes of them again when the copy comes back."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.collect import Collector
from core.chat import Commented, Person, Removed
from core.stances import DEFAULT
from core.times import micros
from storage import acts, comments, schema
from storage.copies import copy_verified
from storage.db import Db, StorageError, Tx
from storage.ledger import Ledger
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, found, on_sqlite
from tests.newsroom import MODERATOR, Newsroom


async def states(db: Db) -> dict[str, tuple[str, str]]:
    rows = await db.read("select a.anchor, c.state, c.text from comment c join anchor a on a.id=c.anchor_id")
    return {row["anchor"]: (row["state"], row["text"]) for row in rows}


@asynccontextmanager
async def brought_back(copy: Path, room: Newsroom, clock: SetClock) -> AsyncIterator[tuple[SqliteDb, Collector]]:
    """The copy, with the key and the ledger of today."""
    path = copy.with_name("again") / "rondan.db"
    path.parent.mkdir(exist_ok=True)
    shutil.copy(copy, path)
    shutil.copy(room.db.keys, path.with_name("rondan.db.key"))
    db = await SqliteDb.open(path)
    try:
        await schema.migrate(db, clock())
        yield db, Collector(db, DEFAULT, clock, ledger=Ledger(room.db.keys.with_name("rondan.erasures")))
    finally:
        await db.close()


async def ask(room: Newsroom, line: str) -> None:
    reply = await room.desk.ask(MODERATOR, line)
    assert reply.ok, reply


@on_sqlite
async def test_a_copy_brings_nothing_back_that_was_hidden_or_deleted_since(
    room: Newsroom, tmp_path: Path, clock: SetClock
) -> None:
    card = await room.anchor(await room.publish(found()))

    def said(name: str) -> Commented:
        person = Person(id=f"by-{name}", name=name)
        return Commented(
            platform="web", channel="general", anchor=name, person=person, text=f"words of {name}", at=clock(),
            reply_to=card, thread=card,
        )  # fmt: skip

    for name in ("hidden", "shown", "gone", "plain"):
        await room.ears.keep(said(name))
    await room.ears.fold_all()
    copy = tmp_path / "copy"
    assert isinstance(room.db, SqliteDb)
    copy_verified(room.db.path, copy)
    later, soon_gone = said("later"), said("soon-gone")
    await room.ears.keep(later)
    await room.ears.keep(soon_gone)
    await room.ears.fold_all()
    number = {row["anchor"]: row["comment_id"] for row in await room.db.read("select * from anchor")}
    await ask(room, f"/mod hide {number['hidden']}")
    await ask(room, f"/mod hide {number['shown']}")
    await ask(room, f"/mod hide {number['shown']} undo:yes")
    await ask(room, f"/mod hide {number['later']}")
    await room.ears.keep(Removed(platform="web", channel="general", anchors=("gone", "soon-gone"), at=clock()))
    await room.ears.fold_all()
    text = room.db.keys.with_name("rondan.erasures").read_text()
    assert "words" not in text
    assert "general" not in text
    now = await states(room.db)

    async with brought_back(copy, room, clock) as (db, ears):
        assert {state for state, _ in (await states(db)).values()} == {"visible"}
        assert await ears.outside.replay_comments(clock()) == 2
        for event in (later, soon_gone, said("gone")):  # what a look back finds, and the platform tells late
            await ears.keep(event)
        await ears.fold_all()
        assert await states(db) == now
        assert await states(db) == {
            "hidden": ("hidden", "words of hidden"),
            "shown": ("visible", "words of shown"),
            "gone": ("erased", ""),
            "plain": ("visible", "words of plain"),
            "later": ("hidden", "words of later"),
            "soon-gone": ("erased", ""),
        }
        assert await acts.decided(db, number["hidden"]), "no rule shows it again"
        assert await ears.outside.replay_comments(clock()) == 0, "once"
        await db.write(lambda tx: comments.set_state(tx, number["hidden"], "visible", clock()))
        assert await ears.outside.replay_comments(clock()) == 0
    async with brought_back(copy, room, clock) as (db, ears):
        await ears.outside.replay_comments(clock())
        assert (await states(db))["hidden"][0] == "visible", "the last word counts, of whichever life"


async def test_the_ledger_says_it_first_or_nothing_is_done(room: Newsroom, clock: SetClock) -> None:
    await room.say("r1", await room.anchor(await room.publish(found())), "Too dear.", name="c1")
    await room.ears.fold_all()
    path = room.db.keys.with_name("rondan.erasures")

    async def refused(tx: Tx) -> None:
        await comments.set_state(tx, 1, "hidden", clock())
        raise LookupError

    with pytest.raises(LookupError):
        await room.db.write(refused)
    assert not path.exists(), "what was undone is not noted"
    path.mkdir()
    with pytest.raises(StorageError):
        await room.db.write(lambda tx: comments.set_state(tx, 1, "hidden", clock()))
    assert (await states(room.db))["c1"][0] == "visible"
    path.rmdir()
    await room.db.write(lambda tx: comments.set_state(tx, 1, "hidden", clock()))
    assert (await states(room.db))["c1"][0] == "hidden"
    assert len(Ledger(path).fates()) == 1


async def test_at_night_the_ledger_keeps_one_line_a_comment_and_all_of_people(room: Newsroom, clock: SetClock) -> None:
    card = await room.anchor(await room.publish(found()))
    for name in ("c1", "c2"):
        await room.say("r1", card, f"Words of {name}.", name=name)
    await room.ears.fold_all()
    outside = room.ears.outside
    await outside.opt_out("web", "r9", clock())
    await room.db.write(lambda tx: comments.set_state(tx, 2, "hidden", clock()))
    clock.move(days=10)
    await room.db.write(lambda tx: comments.set_state(tx, 1, "hidden", clock()))
    await room.db.write(lambda tx: comments.set_state(tx, 1, "visible", clock()))
    await room.db.write(lambda tx: comments.set_state(tx, 1, "featured", clock()))
    path = room.db.keys.with_name("rondan.erasures")
    ledger = Ledger(path)
    await outside.compact(None)
    assert [(one.number, one.state) for one in ledger.fates()] == [(1, "hidden"), (4, "featured")]
    await outside.compact(clock() - timedelta(days=5))
    assert [(one.number, one.at) for one in ledger.fates()] == [(4, micros(clock()))]
    assert [one.out for one in ledger.read().values()] == [True]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line).get("n") for line in path.read_text().split("\n") if line] == [None, 4]
    await room.db.write(lambda tx: comments.set_state(tx, 1, "hidden", clock()))
    assert [one.number for one in ledger.fates()] == [4, 5], "numbers go on"
