"""People's rights: what is kept of somebody is shown to them, given to them and erased, and stays erased."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from bot.collect import Collector
from core.chat import Caller, Commented, Person, Reacted, Removed
from core.errors import ConfigError
from core.identity import HASHED, whose
from core.message import Reply, to_text
from core.stances import DEFAULT
from core.tokens import plain, tokens
from storage import acts, counts, erasing, keyfile, schema, tables, tickets
from storage.db import Db, Tx
from storage.indexing import index_comments
from storage.ledger import Ledger
from storage.outside import Outside
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, found
from tests.newsroom import MODERATOR, READER, Newsroom

T = TypeVar("T")
SECRET = "the canal freezes 運河が凍結する"
RIA = replace(READER, person=Person(id="ria", name="Ria Quill"))


async def spoken(room: Newsroom) -> tuple[int, str]:
    """A piece on which Ria and Sam said and did things; gives its number and message."""
    number = await room.publish(found())
    anchor = await room.anchor(number)
    await say(room, "ria", "Ria Quill", anchor, SECRET, "c1")
    await say(room, "sam", "Sam", anchor, "cheap enough", "c2")
    for who, on, emoji in (("ria", anchor, "👍"), ("sam", anchor, "👎"), ("ria", "c2", "👍"), ("sam", "c1", "👍")):
        await room.react(who, on, emoji)
    await room.ears.fold_all()
    return number, anchor


async def say(room: Newsroom, who: str, name: str, under: str, text: str, anchor: str) -> None:
    await room.ears.keep(
        Commented(
            platform="web", channel="general", anchor=anchor, person=Person(id=who, name=name), text=text,
            at=room.clock.move(seconds=1), reply_to=under, thread=under,
        )
    )  # fmt: skip


async def stored(db: Db) -> bytes:
    """Whatever is kept: a file with its log, byte by byte; of a server, every row of every table."""
    if isinstance(db, SqliteDb):
        return b"".join(path.read_bytes() for path in db.path.parent.glob("rondan.db*"))
    tables = [row["name"] for row in await db.read(db.dialect.tables)]
    found = [row["said"] for name in tables for row in await db.read(f"select cast(t as text) as said from {name} t")]
    assert found
    return "\n".join(found).encode()


async def emptied(db: Db) -> bytes:
    """The same when the log of a file was written back."""
    assert not isinstance(db, SqliteDb) or await db.shrink_log()
    return await stored(db)


def grams(text: str) -> list[bytes]:
    """The words and pairs of signs under which the index knows a text, those long enough to tell by chance."""
    return [one.encode() for one in tokens(plain(text)).split() if len(one.encode()) >= 5]


async def press(room: Newsroom, reply: Reply, caller: Caller) -> Reply:
    (action,) = reply.message.actions
    answer = await room.desk.press(caller, action.id, None)
    assert isinstance(answer, Reply)
    await room.publisher.settle_all()
    return answer


async def listed(db: Db, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await db.read(sql)]


async def count(db: Db, sql: str) -> int:
    return int((await db.read(sql))[0][0])


# --- the key ---


async def test_who_only_reacts_is_a_hash(room: Newsroom) -> None:
    anchor = await room.anchor(await room.publish(found()))
    await room.react("ria", anchor, "👍")
    await room.ears.fold_all()
    (row,) = await listed(room.db, "select hash, account, name from person")
    assert row == (room.db.whose("web", "ria"), None, "")
    assert b'"ria"' not in await emptied(room.db)
    await room.react("ria", anchor, "👍", added=False)
    await room.ears.fold_all()
    assert await count(room.db, "select count(*) from reaction where present=1") == 0


async def test_who_says_something_is_named_until_it_is_erased(room: Newsroom) -> None:
    await spoken(room)
    names = "select account, name from person where account is not null order by 1"
    assert await listed(room.db, names) == [("ria", "ria"), ("sam", "sam")], "as they were called last"
    await room.ears.keep(removed(room, "c1"))
    await room.ears.fold_all()
    assert await listed(room.db, names) == [("sam", "sam")]


def removed(room: Newsroom, anchor: str) -> Removed:
    return Removed(platform="web", channel="general", anchors=(anchor,), at=room.clock.move(seconds=1))


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "r.key"
    key = keyfile.key_in(path)
    assert len(key) == 32
    assert keyfile.key_in(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["r.key"]


@pytest.mark.parametrize("text", ["", "zz", "00" * 31])
def test_a_broken_key_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.key").write_text(text)
    with pytest.raises(ConfigError, match=r"r\.key"):
        keyfile.key_in(tmp_path / "r.key")


async def test_another_key_does_not_open_the_database(tmp_path: Path, clock: SetClock) -> None:
    for keys, fits in (("a.key", True), ("a.key", True), ("b.key", False)):
        keyfile.key_in(tmp_path / keys)
        db = await SqliteDb.open(tmp_path / "r.db", tmp_path / keys)
        try:
            if fits:
                await schema.migrate(db, clock())
            else:
                with pytest.raises(ConfigError, match="RONDAN_KEY_FILE"):
                    await schema.migrate(db, clock())
        finally:
            await db.close()


def test_a_hash_stays_a_hash_and_platforms_differ() -> None:
    of = whose(b"k" * 32)
    assert of("slack", HASHED + of("web", "ria")) == of("web", "ria")
    assert of("slack", "ria") != of("web", "ria") != whose(b"l" * 32)("web", "ria")


async def test_people_of_an_older_database_become_hashes(tmp_path: Path, clock: SetClock) -> None:
    path = tmp_path / "rondan.db"
    old = sqlite3.connect(path)
    old.execute("create table schema_version(version integer primary key, at text not null)")
    old.execute("insert into schema_version values(1, '')")
    for sql in tables.statements(1, SqliteDb.dialect):
        old.execute(sql)
    old.executemany(
        "insert into person(id, platform, account, name, opted_out, looked_at) values(?,'web',?,?,?,7)",
        [(1, "ria", "Ria", 0), (2, "sam", "Sam", 0), (3, "otto", "Otto", 1)],
    )
    old.execute(
        "insert into comment(piece_id, place_id, anchor_id, person_id, text, at, source) values(1,1,1,1,'x',1,'')"
    )
    old.execute("insert into follow values(2, 5, 1)")
    old.executemany(
        "insert into act(at, actor, act, target, before, after, reason) values(1, ?, ?, 'comment 1', 'visible', ?, ?)",
        [
            ("web:mo (Mo)", "hide", "hidden", "“x”"),
            ("web:sam (Sam)", "report", "", ""),
            ("web:mo (Mo (2))", "show", "visible", ""),
        ],
    )
    old.commit()
    old.close()
    db = await SqliteDb.open(path)
    try:
        await schema.migrate(db, clock())
        rows = await listed(db, "select id, hash, account, name, opted_out, looked_at from person order by id")
        assert rows == [
            (1, db.whose("web", "ria"), "ria", "Ria", 0, 7),
            (2, db.whose("web", "sam"), None, "", 0, 7),
            (3, db.whose("web", "otto"), None, "", 1, 7),
            (4, db.whose("web", "mo"), "mo", "Mo (2)", 0, None),
        ]
        told = [(one.actor, one.act, one.before, one.after, one.reason) for one in await acts.acts(db)]
        assert told == [
            ("web:mo (Mo (2))", "show", "visible", "visible", ""),
            ("", "report", "visible", "", ""),
            ("web:mo (Mo (2))", "hide", "visible", "hidden", "“x”"),
        ]
        outside = Outside(db)
        await outside.ready()
        assert outside.holds("web", "otto")
    finally:
        await db.close()


# --- seeing it ---


async def test_privacy_says_how_much_is_kept_in_both_languages(room: Newsroom) -> None:
    await spoken(room)
    text = await room.text("/privacy", RIA)
    assert "1 comment, 2 reactions, 0 topics" in text
    assert "365 days" in text
    assert "90 days" in text
    japanese = await room.text("/privacy", replace(RIA, language="ja"))
    assert "コメント1件、反応2件" in japanese
    assert "365日間" in japanese


async def test_my_data_is_all_of_mine_and_nobody_elses(room: Newsroom) -> None:
    await spoken(room)
    reply = await room.ask("/my-data", RIA)
    assert reply.private
    assert SECRET in to_text(reply.message)
    assert "cheap enough" not in to_text(reply.message)
    files = {one.name: one.content.decode() for one in reply.files}
    data = json.loads(files["my-data.json"])
    assert [one["text"] for one in data["comments"]] == [SECRET]
    assert [one["emoji"] for one in data["reactions"]] == ["👍", "👍"]
    assert data["person"][0]["account"] == "ria"
    assert SECRET in files["my-data.html"]
    assert "cheap enough" not in files["my-data.html"]


async def test_the_page_of_my_data_holds_text_not_markup(room: Newsroom) -> None:
    anchor = await room.anchor(await room.publish(found()))
    await say(room, "ria", "Ria", anchor, "<script>alert(1)</script>", "c1")
    (page,) = [one for one in (await room.ask("/my-data", RIA)).files if one.kind == "text/html"]
    assert b"<script" not in page.content
    assert b"&lt;script&gt;" in page.content


# --- ending it ---


async def test_forget_me_asks_first_then_leaves_nothing(room: Newsroom) -> None:
    number, _ = await spoken(room)
    asked = await room.ask("/forget-me", RIA)
    assert await count(room.db, "select count(*) from comment where text<>''") == 2, "the second step is not taken yet"
    done = await press(room, asked, RIA)
    assert done.ok, to_text(done.message)
    assert await counts.recount(room.db) == [], "every count is what the rows say"
    assert [row["text"] for row in await room.db.read("select text from comment order by id")] == ["", "cheap enough"]
    assert await count(room.db, "select count(*) from reaction") == 2
    assert await erasing.of_person(room.db, room.db.whose("web", "ria")) == erasing.Kept()
    assert await erasing.clear_traces(room.db)
    for line in ("/search canal", "/digest period:all", f"/piece {number}"):
        assert "freezes" not in to_text((await room.ask(line)).message)
    disk = await stored(room.db)
    for trace in (SECRET.encode(), b"Ria Quill", *grams(SECRET)):
        assert trace not in disk, trace


async def test_who_presses_erases_only_what_is_theirs(room: Newsroom) -> None:
    await spoken(room)
    asked = await room.ask("/forget-me", RIA)
    await press(room, asked, replace(RIA, person=Person(id="sam")))
    assert [row["text"] for row in await room.db.read("select text from comment order by id")] == [SECRET, ""]


async def test_reports_of_somebody_forgotten_name_nobody(room: Newsroom) -> None:
    await spoken(room)
    await room.desk.point(RIA, "Report", "c2")
    await press(room, await room.ask("/forget-me", RIA), RIA)
    assert await listed(room.db, "select hash from ticket_report") == []
    assert await listed(room.db, "select state from ticket") == [("open",)], "moderators still look at it"


async def test_what_a_moderator_did_stays_without_them(room: Newsroom) -> None:
    """Also where their name stands: in the log, on a card, with an answer. Their words go with it."""
    number, _ = await spoken(room)
    await room.desk.point(RIA, "Report", "c2")
    await room.text("/mod hide 2 reason:“cheap enough”", MODERATOR)
    await room.text(f"/mod retract {number} reason:wrong sure:yes", MODERATOR)
    await room.text("/mod answer 1 Words of Mo.", MODERATOR)
    ticket = await tickets.ticket(room.db, 1)
    assert ticket is not None
    assert ticket.by == "Mo"
    renamed = replace(MODERATOR, person=Person(id="m1", name="Maud"))
    log = await room.text("/mod log", renamed)
    assert "web:m1 (Mo) hide comment 2: visible → hidden — cheap enough" in log
    await room.text(f"/mod restore {number}", renamed)
    assert "web:m1 (Maud) hide" in await room.text("/mod log", MODERATOR), "as they are called now"
    data = json.loads((await room.ask("/my-data", MODERATOR)).files[0].content)
    assert [one["text"] for one in data["answers"]] == ["Words of Mo."]
    await press(room, await room.ask("/forget-me", MODERATOR), MODERATOR)
    log = await room.text("/mod log", MODERATOR)
    assert "somebody hide comment 2: visible → hidden" in log
    assert "a reader report comment 2" in log
    assert "m1" not in log
    assert await count(room.db, "select count(*) from answer") == 0
    assert "(act" in to_text((await room.ask("/mod hide 2", MODERATOR)).message)
    ticket = await tickets.ticket(room.db, 1)
    assert ticket is not None
    assert ticket.by == ""
    await erasing.clear_traces(room.db)
    disk = await emptied(room.db)
    for trace in (b"Maud", b"Words of Mo"):
        assert trace not in disk
    await room.text("/mod hide 2 undo:yes", renamed)
    assert "somebody hide comment 2: visible → hidden" in await room.text("/mod log", renamed), "not known again"


async def test_what_was_forgotten_is_not_taken_in_again(room: Newsroom) -> None:
    """A look back finds in the chat what was erased here; late and repeated events come too."""
    _, anchor = await spoken(room)
    before = room.clock()
    await press(room, await room.ask("/forget-me", RIA), RIA)
    ria = Person(id="ria", name="Ria Quill")
    said = Commented(
        platform="web", channel="general", anchor="late", person=ria, text=SECRET, at=before, reply_to=anchor,
        thread=anchor,
    )  # fmt: skip
    recalled = Reacted(
        platform="web", channel="general", anchor=anchor, person=ria, emoji="👍", added=True,
        at=room.clock.move(hours=1), recalled=True,
    )  # fmt: skip
    for event in (said, replace(said, anchor="c1"), recalled, replace(recalled, recalled=False, at=before)):
        await room.ears.keep(event)
    await room.ears.fold_all()
    assert await erasing.of_person(room.db, room.db.whose("web", "ria")) == erasing.Kept()
    await room.react("ria", anchor, "👍")
    await say(room, "ria", "Ria Quill", anchor, "something new", "c9")
    await room.ears.fold_all()
    assert await erasing.of_person(room.db, room.db.whose("web", "ria")) == erasing.Kept(comments=1, reactions=1)


async def test_what_waits_for_its_message_is_forgotten_too(room: Newsroom) -> None:
    await say(room, "ria", "Ria Quill", "w-unknown", SECRET, "c1")
    await room.ears.fold_all()
    await say(room, "ria", "Ria Quill", "w-unknown", SECRET, "c2")  # in the journal still
    await room.ears.outside.forget("web", "ria", room.ears.stance_of, room.clock())
    assert await count(room.db, "select (select count(*) from parked) + (select count(*) from heard)") == 0
    assert SECRET.encode() not in await emptied(room.db)


async def test_an_opt_out_outlives_forget_me(room: Newsroom) -> None:
    _, anchor = await spoken(room)
    assert "From now on nothing" in await room.text("/opt-out", RIA)
    assert "already" in await room.text("/opt-out", RIA)
    await press(room, await room.ask("/forget-me", RIA), RIA)
    await room.react("ria", anchor, "👍")
    await room.ears.fold_all()
    assert await erasing.of_person(room.db, room.db.whose("web", "ria")) == erasing.Kept()
    again = Outside(room.db)
    await again.ready()
    assert again.holds("web", "ria")
    refused = await room.desk.press(RIA, f"v1:comment:{await uid(room)}:-", anchor)
    assert isinstance(refused, Reply)
    assert "opted out" in to_text(refused.message)
    assert "kept again" in await room.text("/opt-in", RIA)
    await room.react("ria", anchor, "👍")
    await room.ears.fold_all()
    assert (await erasing.of_person(room.db, room.db.whose("web", "ria"))).reactions == 1


async def uid(room: Newsroom) -> str:
    return str((await room.db.read("select uid from piece"))[0]["uid"])


# --- the file beside the database ---


async def test_a_restored_backup_follows_what_people_asked_for(tmp_path: Path, clock: SetClock) -> None:
    async def start(work: Callable[[SqliteDb, Collector], Awaitable[T]]) -> tuple[int, T]:
        db = await SqliteDb.open(tmp_path / "rondan.db")
        try:
            await schema.migrate(db, clock())
            ears = Collector(db, DEFAULT, clock, ledger=Ledger(tmp_path / "rondan.erasures"))
            again = await ears.outside.replay(ears.stance_of)
            return again, await work(db, ears)
        finally:
            await db.close()

    async def fill(db: Db, ears: Collector) -> None:
        async def work(tx: Tx) -> None:
            await tx.run(
                "insert into person(id, hash, platform, name) values(1, ?, 'web', 'Ria')", tx.whose("web", "ria")
            )
            await tx.run(
                """insert into comment(id, piece_id, place_id, anchor_id, person_id, text, at, source)
                   values(1, 1, 1, 1, 1, ?, 1, 'reply')""",
                SECRET,
            )
            await index_comments(tx, [(1, 1, None, SECRET)])

        await db.write(work)

    async def ask(db: Db, ears: Collector) -> None:
        await ears.outside.forget("web", "ria", ears.stance_of, clock())
        await ears.outside.opt_out("web", "sam", clock())

    async def look(db: Db, ears: Collector) -> tuple[str, bool]:
        return (await db.read("select text from comment"))[0]["text"], ears.outside.holds("web", "sam")

    await start(fill)
    shutil.copy(tmp_path / "rondan.db", tmp_path / "backup")
    assert (await start(ask))[0] == 0
    assert await start(look) == (0, ("", True)), "nothing is done twice"
    shutil.copy(tmp_path / "backup", tmp_path / "rondan.db")
    assert await start(look) == (2, ("", True))
    assert await start(look) == (0, ("", True))
    lines = (tmp_path / "rondan.erasures").read_text()
    assert "ria" not in lines
    assert "sam" not in lines
    assert (tmp_path / "rondan.erasures").stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_cut_short_spoils_no_other(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "x.erasures")
    ledger.write("a", "web", "out", 1)
    with (tmp_path / "x.erasures").open("a") as file:
        file.write('{"hash": "b", "wi')
    ledger.write("c", "web", "forget", 3)
    ledger.write("a", "web", "in", 4)
    read = ledger.read()
    assert {name: (one.out, one.forgotten) for name, one in read.items()} == {"a": (False, None), "c": (None, 3)}
