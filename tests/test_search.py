"""Search: all of a rare word, the newest of a common one, the best first; never what may not be shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from core.chat import Commented, Person, Removed
from core.document import Cited, Document, Heading, Paragraph, spans
from core.outline import carry_keys, outline
from core.passages import passages
from core.pieces import Outline, Part, Section, TextMode
from core.query import parse_query
from core.times import DAY, micros
from core.tokens import plain
from storage import fulltext, health, indexing, pieces, schema, tables
from storage import search as searching
from storage.audience import Audience
from storage.comments import erase_comment
from storage.db import Args, Db, Row, Tx
from storage.indexing import index_comments, index_piece, keep_shelves, note_days
from storage.question import Scope
from storage.search import Results, search
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, found, on_sqlite
from tests.newsroom import Newsroom

NOW = datetime(2026, 11, 20, tzinfo=UTC)
EVERYTHING = Audience(everything=True)
HERE = Audience(place=1, platform="web", community="a")
Said = tuple[int, int, str]  # piece, place, text


async def publish(db: Db, texts: Sequence[str], comments: Sequence[Said], days: Sequence[int] = ()) -> None:
    """Pieces with these texts, and comments, each numbered from 1; places 1 to 3. `days` ago each comment was said."""

    async def work(tx: Tx) -> None:
        await tx.run("insert into source(id, kind, address, text_mode, created_at) values(1, 'file', 'x', 'full', 0)")
        await tx.many(
            "insert into place(id, platform, channel, community, audience, created_at) values(?,?,?,?,?,0)",
            [(1, "web", "1", "a", "place"), (2, "web", "2", "b", "place"), (3, "chat", "3", "c", "publication")],
        )
        for number, text in enumerate(texts, 1):
            blocks = tuple(Paragraph(spans=spans(one)) for one in text.split("\n"))
            await pieces.add_piece(
                tx, uid=str(number), source=1, state="published", title="", url=None, link_key=None, author=None,
                published=NOW, embargo=None, outline=outline(Document(blocks=blocks), title="t"), now=NOW,
            )  # fmt: skip
            piece = await pieces.piece(tx, number)
            assert piece is not None
            await index_piece(tx, piece)
        await tx.many(
            "insert into anchor(id, platform, channel, anchor, place_id, piece_id) values(?, 'web', '', ?, ?, ?)",
            [(number, str(number), place, piece) for number, (piece, place, _) in enumerate(comments, 1)],
        )
        at = [micros(NOW) - (days[number] if days else 0) * DAY for number in range(len(comments))]
        await tx.many(
            """insert into comment(id, piece_id, place_id, anchor_id, text, at, source)
               values(?, ?, ?, ?, ?, ?, 'reply')""",
            [
                (number, piece, place, number, text, at[number - 1])
                for number, (piece, place, text) in enumerate(comments, 1)
            ],
        )
        await index_comments(tx, [(number, place, None, text) for number, (_, place, text) in enumerate(comments, 1)])
        await note_days(tx, enumerate(at, 1))

    await db.write(work)


async def set_states(db: Db, table: str, state: str, numbers: Sequence[int]) -> None:
    async def work(tx: Tx) -> None:
        await tx.many(f"update {table} set state=? where id=?", [(state, number) for number in numbers])

    await db.write(work)


async def look(db: Db, query: str, who: Audience = EVERYTHING, **more: object) -> Results:
    return await search(db, parse_query(query), who, NOW, **more)  # type: ignore[arg-type]


async def numbers(
    db: Db, query: str, who: Audience = EVERYTHING, kind: Literal["piece", "comment"] = "comment", **more: object
) -> list[int]:
    return sorted(hit.id for hit in (await look(db, query, who, **more)).hits if hit.kind == kind)


def ranks(results: Results) -> list[tuple[str, int]]:
    return [(hit.kind, hit.id) for hit in results.hits]


# --- which are found ---


async def test_of_a_common_word_the_newest_are_weighed(db: Db) -> None:
    texts = ["tram " + "and so on " * (number % 4) for number in range(1, 41)]
    texts[5] = "tram tram tram"  # the best of all, and too old
    texts[6] = "tram strike"
    await publish(db, texts, [(1, 1, text) for text in texts])
    for kind in ("piece", "comment"):
        assert await numbers(db, "tram", kind=kind, ranked=10) == list(range(31, 41))
        assert await numbers(db, "tram strike", kind=kind, ranked=10) == [7]
    hits = await look(db, "tram", ranked=10)
    assert hits.cut
    assert [number for kind, number in ranks(hits) if kind == "comment"][:3] == [40, 36, 32]
    assert await look(db, "tram", ranked=10) == hits
    assert not (await look(db, "strike", ranked=10)).cut
    assert ranks(await look(db, "tram"))[0] == ("comment", 6)


async def test_the_newest_are_those_of_all_places_together(db: Db) -> None:
    await publish(db, ["x"], [(1, 3 if number % 2 else 1, "a tram") for number in range(1, 21)])
    assert await numbers(db, "tram", HERE, ranked=6) == [15, 16, 17, 18, 19, 20]


async def test_what_may_not_be_seen_takes_no_place_among_the_newest(db: Db) -> None:
    said = [(1, 1, "a tram")] * 3 + [(1, 2, "a tram")] * 20 + [(2, 1, "a tram")] * 20 + [(1, 1, "a tram")] * 30
    await publish(db, ["the bus", "the bus"], said)
    assert await numbers(db, "tram", ranked=5) == [69, 70, 71, 72, 73]
    await set_states(db, "comment", "hidden", range(44, 54))
    await set_states(db, "comment", "held", range(54, 73))
    await db.write(lambda tx: erase_comment(tx, 73, NOW))
    assert await numbers(db, "tram", ranked=5) == [39, 40, 41, 42, 43]
    await set_states(db, "piece", "retracted", [2])
    assert await numbers(db, "tram", ranked=5) == [19, 20, 21, 22, 23]
    assert await numbers(db, "tram", HERE, ranked=5) == [1, 2, 3]
    assert await numbers(db, "tram", Audience(), ranked=5) == []


async def test_pieces_that_are_not_published_take_no_place_among_the_newest(db: Db) -> None:
    await publish(db, ["a tram"] * 9, [])
    await set_states(db, "piece", "retracted", [9, 7])
    await set_states(db, "piece", "held", [8])
    assert await numbers(db, "tram", kind="piece", ranked=2) == [5, 6]


async def test_all_words_may_stand_in_different_sections_of_a_piece(db: Db) -> None:
    await publish(db, ["a tram\nand a bus", "a tram", "a bus -"], [(1, 1, "a tram"), (1, 1, "bus, tram")])
    assert await numbers(db, "tram bus", kind="piece") == [1]
    assert await numbers(db, "tram bus") == [2]
    assert await numbers(db, "tram -bus", kind="piece") == [2]
    assert await numbers(db, "tram -bus") == [1]


async def test_words_that_are_common_each_but_rare_together_are_found_however_old(db: Db) -> None:
    texts = ["a tram\na bus", *["a tram", "a bus"] * 30]
    await publish(db, texts, [(1, 1 + number % 3, text.replace("\n", " ")) for number, text in enumerate(texts)])
    assert await numbers(db, "tram bus", kind="piece", ranked=2) == [1]
    assert await numbers(db, "tram bus", ranked=2) == [1]
    await set_states(db, "comment", "hidden", range(10, 62))
    await set_states(db, "piece", "retracted", range(10, 62))
    assert await numbers(db, "bus", kind="piece", ranked=2) == [7, 9]
    await set_states(db, "piece", "published", range(10, 62))
    assert await numbers(db, "bus", ranked=2) == [7, 9]


@on_sqlite
async def test_a_rare_word_is_found_in_all_places_at_once(db: SqliteDb, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at each place would read all lists of the phrase's tokens anew."""
    await publish(db, ["x"], [(1, 1 + number % 3, "a tram") for number in range(9)])
    looks: list[str] = []
    read = SqliteDb.read

    async def noted(self: SqliteDb, sql: str, *args: object) -> list[Row]:
        looks.extend([sql] * ("from comment_words" in sql and "between" in sql))
        return await read(self, sql, *args)

    monkeypatch.setattr(SqliteDb, "read", noted)
    assert await numbers(db, "tram", HERE) == [1, 3, 4, 6, 7, 9]
    assert looks == []
    monkeypatch.setattr(fulltext, "A_LOOK", 4)  # two places: now it is a common one
    assert await numbers(db, "tram", HERE) == [1, 3, 4, 6, 7, 9]
    assert len(looks) == 1


async def test_since_looks_at_when_it_was_said_not_at_when_it_came(db: Db) -> None:
    """Comments of long ago may come late, by a recall, and have high numbers."""
    await publish(db, ["x"], [(1, 1, "a tram")] * 6, days=[9, 3, 9, 1, 9, 2])
    start = micros(NOW) - 3 * DAY - DAY // 2
    assert await numbers(db, "tram", scope=Scope(start=start)) == [2, 4, 6]
    assert await numbers(db, "tram", scope=Scope(start=start, end=micros(NOW) - DAY)) == [2, 6]
    assert await numbers(db, "tram", scope=Scope(start=micros(NOW) + DAY)) == []
    edited = micros(NOW) - 4 * DAY  # the fold may learn of an earlier time
    await db.write(lambda tx: tx.run("update comment set at=? where id=1", edited))
    await db.write(lambda tx: note_days(tx, [(1, edited)]))
    assert await numbers(db, "tram", scope=Scope(start=edited - 1)) == [1, 2, 4, 6]


async def test_comments_of_a_place_that_became_another_are_found_there(db: Db) -> None:
    await publish(db, ["x"], [(1, 2, "a tram"), (1, 1, "a bus")])

    async def merge(tx: Tx) -> None:
        await keep_shelves(tx, 2, 1)
        await tx.run("update comment set place_id=1 where place_id=2")

    assert await numbers(db, "tram", HERE) == []
    await db.write(merge)
    assert await numbers(db, "tram", HERE) == [1]
    assert await numbers(db, "tram", Audience(place=2, platform="web", community="b")) == []
    await db.write(lambda tx: erase_comment(tx, 1, NOW))
    if db.dialect.name == "sqlite":
        await db.write(lambda tx: tx.run("insert into comment_words(comment_words) values('integrity-check')"))
    assert await vocabulary(db, "comment_words") == {"a", "bus"}


@pytest.mark.parametrize("few", [0, 2_000])
async def test_who_said_it_and_on_what_topic(db: Db, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Whether the comments of a person are few, and read, or many, and looked up."""
    monkeypatch.setattr(searching, "FEW", few)
    await publish(db, ["x", "y"], [(1 + number % 2, 1, "a tram") for number in range(6)])

    async def name(tx: Tx) -> None:
        people = ("Ｒｉａ Ｋ", "山田 太郎", "100%")
        await tx.many(
            "insert into person(id, hash, platform, name) values(?,?,'web',?)",
            [(number, str(number), one) for number, one in enumerate(people, 1)],
        )
        await tx.many("update comment set person_id=? where id=?", [(1, 1), (1, 2), (2, 3), (3, 4)])
        await tx.run("insert into topic(id, key, names, created_at) values(7, 'x', '{}', 0)")
        await tx.run("insert into piece_topic(topic_id, piece_id, added_by) values(7, 2, 'x')")
        await tx.run("update piece set author='山田太郎' where id=2")
        await index_comments(tx, [(4, 1, "a tram", "a bus")])
        await tx.run("update comment set text='a bus' where id=4")

    await db.write(name)
    assert await numbers(db, "tram by:ria") == [1, 2]
    assert await numbers(db, "tram by:RIA by:山田") == [1, 2, 3]
    assert await numbers(db, "by:山田", kind="piece") == [2]
    assert await numbers(db, "by:%") == [4]
    assert await numbers(db, "tram by:100") == []
    assert await numbers(db, "tram by:nobody") == []
    assert await numbers(db, "tram topic:x", scope=Scope(topics=(7,))) == [2, 6]
    assert await numbers(db, "tram topic:x by:ria", scope=Scope(topics=(7,))) == [2]
    assert await numbers(db, "topic:x", scope=Scope(topics=(7,)), kind="piece") == [2]
    assert await numbers(db, "topic:x -y", scope=Scope(topics=(7,)), kind="piece") == []
    assert await numbers(db, "topic:x -tram", scope=Scope(topics=(7,))) == [4]
    assert await numbers(db, "since:week -bus", scope=Scope(start=0)) == [1, 2, 3, 5, 6]
    assert await numbers(db, "topic:x in:comments", scope=Scope(topics=(7,)), kind="piece") == []
    assert await numbers(db, "by:ria -tram") == []
    assert await numbers(db, "tram by:ria", HERE) == [1, 2]
    assert await numbers(db, "tram by:ria", Audience(place=2)) == []
    await db.write(lambda tx: tx.run("update person set opted_out=1 where id=1"))
    assert await numbers(db, "tram by:ria") == []
    assert await numbers(db, "tram") == [3, 5, 6]


async def test_a_name_of_too_many_people_is_said(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "PEOPLE", 2)
    await publish(db, ["x"], [(1, 1, "a tram")] * 3)

    async def name(tx: Tx) -> None:
        people = [(number, str(number)) for number in (1, 2, 3)]
        await tx.many("insert into person(id, hash, platform, name) values(?,?,'web','Anna')", people)
        await tx.run("update comment set person_id=id")

    await db.write(name)
    assert (await look(db, "tram by:ann")).crowd == "ann"


# --- in which order ---


async def test_the_more_the_shorter_and_the_newer_the_better(db: Db) -> None:
    filler = " and so on and so forth"
    said = ["tram" + filler * 8, "tram" + filler, "tram tram" + filler, "tram" + filler]
    await publish(db, ["x"], [(1, 1, text) for text in said], days=[0, 0, 0, 200])
    assert [hit.id for hit in (await look(db, "tram")).hits] == [3, 2, 4, 1]


async def test_the_rarer_of_two_words_weighs_more(db: Db) -> None:
    await publish(db, ["x"], [(1, 1, "tram tram fare"), (1, 1, "tram fare fare"), *[(1, 1, "a tram, a bus")] * 60])
    assert [hit.id for hit in (await look(db, "tram fare")).hits] == [2, 1]


async def test_a_piece_is_better_where_its_title_or_more_sections_say_it(room: Newsroom) -> None:
    await room.publish(found("a", title="On trams", text="It runs at last."))
    await room.publish(found("b", title="On buses", document=sections(a="Like trams.", b="No trams.", c="A bus.")))
    await room.publish(found("c", title="On trains", text="Trams, trams, trams run at last."))
    hits = (await search(room.db, parse_query("trams"), EVERYTHING, room.clock())).hits
    assert [hit.id for hit in hits] == [1, 2, 3]


# --- what of a piece can be found ---


async def test_what_of_a_piece_can_be_found_and_where_it_stands(room: Newsroom) -> None:
    """Remarks stand where readers see them; offers of a continuation are furniture; a source may show less."""
    remark, offer = Paragraph(spans=spans("My own words.")), Paragraph(spans=spans("Shall I go on?"))
    body = Paragraph(spans=spans("The town pays."))
    parts = (
        Part(
            remarks=(remark,), sections=(Section(key="a", level=1, heading="Costs", voice="analysis", blocks=(body,)),)
        ),
        Part(
            remarks=(replace(remark, spans=spans("Later words.")),),
            sections=(
                Section(key="b", level=1, heading=None, voice="offer", blocks=(offer,)),
                Section(key="c", level=1, heading=None, voice="analysis", blocks=(body,)),
            ),
        ),
    )
    await room.publish(found(author="Ria", tags=("Buses",)))
    piece = await pieces.piece(room.db, 1)
    assert piece is not None
    piece = replace(piece, outline=Outline(cited=(Cited(title="An article"),), parts=parts))

    def texts(mode: TextMode) -> dict[str, str]:
        return {one.section: " ".join(one.text.split()) for one in passages(replace(piece, text_mode=mode))}

    head = "The night bus Ria Buses An article"
    assert texts("full") == {
        "": f"{head} My own words.",
        "a": "Costs The town pays.",
        "c": "Later words. The town pays.",
    }
    assert texts("link") == {"": head}


# --- the index follows ---


async def vocabulary(db: Db, table: str) -> set[str]:
    """Every token that the index holds somewhere."""

    async def work(tx: Tx) -> set[str]:
        if tx.dialect.name == "postgres":
            rows = await tx.read(f"select word from ts_stat('select words from {table}') where word not like ' %'")
            return {row["word"] for row in rows}
        await tx.run(f"insert into {table}({table}) values('optimize')")  # what is forgotten goes with a merge
        await tx.run("drop table if exists temp.tokens")
        await tx.run(f"create virtual table temp.tokens using fts5vocab('main', '{table}', 'row')")
        return {row["term"] for row in await tx.read("select term from temp.tokens")}

    return await db.write(work)


class Recording:
    """A transaction that notes which rows of an index are written."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.rows: list[Args] = []
        self.run, self.read, self.one, self.outside = tx.run, tx.read, tx.one, tx.outside
        self.dialect, self.whose = tx.dialect, tx.whose

    async def many(self, sql: str, rows: Iterable[Args]) -> None:
        rows = list(rows)
        self.rows += rows if "passage_words" in sql else []
        await self._tx.many(sql, rows)


async def test_only_a_section_that_changed_is_indexed_again(room: Newsroom) -> None:
    await room.publish(found(document=sections(Costs="Cheap tram.", Noise="Loud bus.", Time="Slow train.")))
    piece = await pieces.piece(room.db, 1)
    assert piece is not None
    old = {row["section"]: row["id"] for row in await room.db.read("select * from passage")}
    assert len(old) == 4
    fresh = outline(sections(Costs="Cheap tram.", Noise="Soft bus.", Extra="New."), title=piece.title)
    revised = replace(piece, outline=carry_keys(piece.outline, fresh))

    async def work(tx: Tx) -> list[Args]:
        recording = Recording(tx)
        await index_piece(recording, revised)
        return recording.rows

    written = await room.db.write(work)
    new = {row["section"]: row["id"] for row in await room.db.read("select * from passage")}
    keys = {section.heading: section.key for section in revised.outline.sections()}
    assert {row: new[row] for row in ("", keys["Costs"], keys["Noise"])} == {
        row: old[row] for row in ("", keys["Costs"], keys["Noise"])
    }
    assert sorted(row[0] for row in written) == sorted(
        [old[keys["Noise"]]] * 2 + [next(row for key, row in old.items() if key not in new), new[keys["Extra"]]]
    )
    assert {"loud", "slow", "train"} & await vocabulary(room.db, "passage_words") == set()
    assert await room.db.write(work) == []


def sections(**texts: str) -> Document:
    blocks: list[Paragraph | Heading] = []
    for name, text in texts.items():
        blocks += [Heading(level=2, spans=spans(name)), Paragraph(spans=spans(text))]
    return Document(blocks=tuple(blocks))


async def test_nothing_of_what_was_erased_or_edited_away_stays_in_the_index(room: Newsroom) -> None:
    anchor = await room.anchor(await room.publish(found()))
    await room.say("a", anchor, "Zeugma was here", name="w90")
    await room.say("b", anchor, "Litotes", name="w91")
    await room.ears.fold_all()
    assert {"zeugma", "litotes"} <= await vocabulary(room.db, "comment_words")
    await room.say("a", anchor, "Chiasmus", name="w90")  # the same message again is nothing new
    await room.ears.keep(Removed(platform="web", channel="general", anchors=("w91",), at=room.clock()))
    await room.ears.fold_all()
    number = (await room.db.read("select id from comment where text like 'Zeugma%'"))[0]["id"]
    edited = Commented(
        platform="web", channel="general", anchor="w90", person=Person(id="a"), text="Chiasmus", at=room.clock(),
        edited=room.clock() + timedelta(hours=1),
    )  # fmt: skip
    await room.ears.keep(edited)
    await room.ears.fold_all()
    assert await vocabulary(room.db, "comment_words") == {"chiasmus"}
    assert await numbers(room.db, "chiasmus") == [number]


# --- all anew ---


async def test_a_database_of_the_first_version_is_indexed_whole(tmp_path: Path, clock: SetClock) -> None:
    """What the first version kept is found by the new index, and its own tables are gone."""
    db = await SqliteDb.open(tmp_path / "rondan.db")
    try:
        await first_version(db, clock)
        await schema.migrate(db, clock())
        assert await numbers(db, "tram", kind="piece") == [1, 2]
        assert await numbers(db, "tram") == list(range(1, 31))
        assert await numbers(db, "tram", scope=Scope(start=0)) == list(range(1, 31))
        assert not await db.read("select 1 from sqlite_master where name='piece_words'")
        assert [row["upto"] for row in await db.read("select upto from indexed")] == [None, None]
    finally:
        await db.close()


async def test_a_broken_off_indexing_goes_on_at_the_next_start(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "AT_ONCE", {"piece": 1, "comment": 7})
    db = await SqliteDb.open(tmp_path / "rondan.db")
    plainly = plain
    calls = 0

    def dying(text: str) -> str:
        nonlocal calls
        calls += 1
        if calls > 20:
            raise RuntimeError("the process dies here")
        return plainly(text)

    try:
        await first_version(db, clock)
        monkeypatch.setattr(indexing, "plain", dying)
        with pytest.raises(RuntimeError, match="dies here"):
            await schema.migrate(db, clock())
    finally:
        await db.close()
    monkeypatch.setattr(indexing, "plain", plainly)
    db = await SqliteDb.open(tmp_path / "rondan.db")
    try:
        upto = {row["what"]: row["upto"] for row in await db.read("select what, upto from indexed")}
        assert (upto["piece"], upto["comment"]) == (None, 14)
        await schema.migrate(db, clock())
        assert await numbers(db, "tram") == list(range(1, 31))
        assert await db.read("select rowid from comment_words where comment_words match 'tram'")
        await db.write(lambda tx: tx.run("insert into comment_words(comment_words) values('integrity-check')"))
    finally:
        await db.close()


@on_sqlite
async def test_the_night_brings_the_index_together(db: SqliteDb, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction leaves a segment, and a search opens its tokens in every one of them."""

    async def segments(table: str) -> int:
        rows = await db.read(f"select count(distinct id >> 37) as n from {table}_data where id > 10")
        return int(rows[0]["n"])

    await publish(db, ["x"], [(1, 1, "a tram")] * 9)
    for number in range(1, 10):
        await db.write(lambda tx, number=number: index_comments(tx, [(number, 1, "a tram", f"a bus {number}")]))  # type: ignore[misc]
    assert await segments("comment_words") > 1
    await health.optimize(db)
    assert await segments("comment_words") == 1
    assert await numbers(db, "bus") == list(range(1, 10))
    monkeypatch.setattr(indexing, "AT_ONCE", {"piece": 1, "comment": 2})
    await db.write(lambda tx: tx.run("delete from indexed"))
    await schema.migrate(db, NOW)
    assert (await segments("comment_words"), await segments("passage_words")) == (1, 1)


async def test_other_rules_index_all_anew(db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    await publish(db, ["a tram"], [(1, 1, "a tram")])
    monkeypatch.setattr(indexing, "RULES", "2/99.0")
    monkeypatch.setattr(fulltext, "tokens", lambda text: f"{text} byotherrules")
    await schema.migrate(db, clock())
    assert await numbers(db, "byotherrules") == [1]
    assert await numbers(db, "byotherrules", kind="piece") == [1]
    assert await numbers(db, "tram") == [1]


async def first_version(db: Db, clock: SetClock) -> None:
    """A database as the first version left it: two pieces, thirty comments."""

    async def work(tx: Tx) -> None:
        await tx.run("create table schema_version(version integer primary key, at text not null)")
        for sql in tables.statements(1, db.dialect):
            await tx.run(sql)
        await tx.run("insert into schema_version(version, at) values(1, ?)", clock().isoformat())
        await tx.run("insert into source(id, kind, address, text_mode, created_at) values(1, 'file', 'x', 'full', 0)")
        await tx.run("insert into place(id, platform, channel, created_at) values(1, 'web', '1', 0)")
        for number in (1, 2):
            text = outline(Document(blocks=(Paragraph(spans=spans("a tram")),)), title="t")
            await pieces.add_piece(
                tx, uid=str(number), source=1, state="published", title="", url=None, link_key=None, author=None,
                published=NOW, embargo=None, outline=text, now=NOW,
            )  # fmt: skip
        for number in range(1, 31):
            await tx.run(
                "insert into anchor(id, platform, channel, anchor, place_id) values(?,'web','1',?,1)", number, number
            )
            await tx.run(
                """insert into comment(id, piece_id, place_id, anchor_id, text, at, source)
                   values(?,1,1,?,'a tram',?,'reply')""",
                number, number, number * DAY,
            )  # fmt: skip
        await tx.run("insert into comment_words(rowid, words) values(1, 'a tram')")

    await db.write(work)
