"""All that is kept goes out and comes in again somewhere else, and is the same."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import export, folders, written
from bot.house import House
from bot.settings import Settings
from bot.sources import files
from core.chat import Commented, Person, Reacted
from core.document import Code, Document, Item, List, Paragraph, Quote, Table, spans
from core.errors import Refusal
from core.faces import body_text
from core.outline import outline
from core.pieces import Piece, PieceNumber, PieceUid
from core.query import parse_query
from storage import whole
from storage.db import Db
from storage.fulltext import words_of
from tests.conftest import SetClock, add_place, found
from tests.standins import postgres as pg


def settings(database: Path) -> Settings:
    return Settings(database=database, web="off", pictures=False)


async def fill(house: House, clock: SetClock) -> None:
    """Pieces, a place, people who say and do things, a rule that holds, a comment that is hidden, one that is held."""
    await add_place(house.db, clock, "general", platform="console")
    await folders.take(house, [found("a", tags=("Buses",), url="https://pub.example/a"), found("b", title="Second")])
    await house.publisher.settle_all()
    (row,) = await house.db.read("select anchor from anchor where piece_id=1 order by id limit 1")
    for n, words in enumerate(("Dear me.", "Rude words.", "See http://spam.example")):
        clock.move(seconds=1)
        await house.collector.keep(
            Commented(
                platform="console", channel="general", anchor=f"c{n}", person=Person(id=f"p{n}", name=f"P{n}"),
                text=words, at=clock(), reply_to=row["anchor"], thread=row["anchor"],
            )
        )  # fmt: skip
        await house.collector.keep(
            Reacted(
                platform="console", channel="general", anchor=row["anchor"], person=Person(id=f"q{n}", name=""),
                emoji="👍", added=True, at=clock(),
            )
        )  # fmt: skip
    await house.collector.fold_all()
    await house.collector.outside.opt_out("console", "gone", clock())
    await house.db.write(lambda tx: tx.run("update comment set state='hidden' where id=2"))
    await house.db.write(lambda tx: tx.run("update comment set state='held', held_for='link' where id=3"))
    await house.db.write(
        lambda tx: tx.run("insert into hold_rule values('console', 'x', 'word', 'rude', ?)", 1_000_000)
    )
    await house.db.write(lambda tx: tx.run("insert into act(at, act, target) values(1, 'hide', 'c2')"))


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def quiet(text: str) -> None:
    """Progress that nobody reads."""


async def publication(engine: str | None, folder: Path) -> Settings:
    """An empty publication, whose key and ledger are in the folder."""
    if engine is None:
        return settings(folder / "r.db")
    address: Any = await pg.created(engine)
    return Settings(database=address, key_file=folder / "r.db.key", web="off", pictures=False)


async def test_what_was_written_out_comes_in_again_the_same(
    engine: str | None, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = tmp_path / "out1", tmp_path / "out2"
    async with House(await publication(engine, tmp_path / "old"), clock) as house:
        await fill(house, clock)
        counts = await export.export_all(house, first, quiet)
        assert counts["comment"] == 3
        with pytest.raises(Refusal, match="is there already"):
            await export.export_all(house, first, quiet)
        with pytest.raises(Refusal, match="an empty database only"):
            await export.import_all(house, first)
    (tmp_path / "new").mkdir()
    for name in ("r.db.key", "r.db.erasures"):
        shutil.copy(tmp_path / "old" / name, tmp_path / "new" / name)
    async with House(await publication(engine, tmp_path / "new"), clock) as house:
        await export.import_all(house, first)
        (last,) = await house.db.read("select max(id) as id from emoji")
        added = await house.db.write(lambda tx: tx.one("insert into emoji(name) values('new') returning id"))
        assert added is not None
        assert added["id"] == last["id"] + 1
        await house.db.write(lambda tx: tx.run("delete from emoji where name='new'"))
        await export.export_all(house, second, quiet)
        assert house.collector.outside.holds("console", "gone")
        terms = parse_query("last").terms
        assert await words_of(house.db, "passage_words").counts(house.db, terms, 10) == [2]  # the index was made again
    assert lines(first / export.LINES) == lines(second / export.LINES)
    assert lines(first / export.ROWS) == lines(second / export.ROWS)
    assert (first / export.FEEDS).read_text() == (second / export.FEEDS).read_text()
    assert {one["table"] for one in lines(first / export.ROWS)[1:]} >= {
        "source", "item", "piece", "piece_topic", "place", "posting", "leaf", "anchor", "person", "reaction", "stance",
        "comment", "hold_rule", "act", "emoji_hour",
    }  # fmt: skip
    texts = [one["row"]["text"] for one in lines(first / export.ROWS)[1:] if one["table"] == "comment"]
    assert texts == ["Dear me.", "", ""]
    assert stat.S_IMODE(first.stat().st_mode) == 0o700
    assert sorted(path.name for path in (first / export.PIECES).iterdir()) == [
        "0001-the-night-bus.md", "0002-second.md",
    ]  # fmt: skip
    assert sorted(path.name for path in first.iterdir()) == sorted(
        [export.LINES, export.ROWS, export.FEEDS, export.PIECES]
    )


async def test_an_import_that_does_not_fit_changes_nothing(
    engine: str | None, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with House(settings(tmp_path / "old" / "r.db"), clock) as house:
        await fill(house, clock)
        await export.export_all(house, tmp_path / "out", quiet)
    path = tmp_path / "out" / export.ROWS
    whole_text = path.read_text(encoding="utf-8")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    for one in (tmp_path / "new").glob("r.db*"):
        if one.name != "r.db.key":
            one.unlink()
    async with House(await publication(engine, tmp_path / "new"), clock) as house:
        for damaged, why in (
            (whole_text[:-9], "is cut short"),
            (whole_text + '{"table": "sqlite_schema", "row": {"sql": "x"}}\n', "does not know"),
            (whole_text + '{"table": "topic", "row": {"id) values(1);--": "x"}}\n', "does not know"),
            (whole_text + '{"other": 1}\n', "is not what Rondan wrote"),
            (whole_text + whole_text.splitlines()[-1], "is not what Rondan wrote"),
            (whole_text.replace('"schema": ', '"schema": 9', 1), "another version"),
            (whole_text.replace('"key": "', '"key": "x', 1), "another key"),
        ):
            path.write_text(damaged, encoding="utf-8")
            with pytest.raises(Refusal, match=why):
                await export.import_all(house, tmp_path / "out")
            assert not await house.db.read("select 1 from piece")


async def test_every_table_is_exported_or_has_a_reason(db: Db) -> None:
    there = {row["name"] for row in await db.read(db.dialect.tables)}
    assert whole.STAYS.keys() - there <= {"passage_words", "comment_words"}
    async for _ in whole.dump(db):
        break


def test_a_piece_as_markdown_is_read_back_the_same(tmp_path: Path, clock: SetClock) -> None:
    blocks = (
        *found(text="1. April is *no* list, [nor] <a tag>.").document.blocks,
        List(ordered=True, items=tuple(Item(marker=f"{n}.", blocks=(Paragraph(spans=spans("x")),)) for n in (1, 2))),
        Quote(blocks=(Paragraph(spans=spans("Said by others.")),)),
        Table(header=True, rows=((spans("a|b"), spans("c")), (spans("1"), spans("2")))),
        Code(text="```\nx"),
    )
    document = Document(blocks=blocks)
    piece = Piece(
        number=PieceNumber(1), uid=PieceUid("u"), source=1, source_kind="file", text_mode="full", state="published",
        revision=1, title='A "title": with signs', url="https://pub.example/a", author="Ann", language="en",
        published=clock(), embargo=None, outline=outline(document, title="x", default_language="en"),
    )  # fmt: skip
    path = tmp_path / written.file_name(piece)
    path.write_text(written.markdown(piece), encoding="utf-8")
    again = files.read(path)
    assert (again.title, again.author, again.url) == (piece.title, piece.author, piece.url)
    back = outline(again.document, title=again.title, default_language="en")
    assert body_text(replace(piece, outline=back)) == body_text(piece)
