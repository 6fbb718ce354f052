"""Sorting in the background: what it finds, what it edits, what dies and what fails."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import ingest
from bot.sorting import ATTEMPTS, Sorter
from core.errors import ThinkError
from core.message import to_text
from core.pieces import Piece
from digest.worker import JOBS
from storage import pieces, schema, sorting, sources, tables, topics
from storage.db import Tx
from storage.sqlite import SQLITE, SqliteDb
from tests.conftest import SetClock, add_place, found
from tests.newsroom import MODERATOR, Newsroom

HARBOUR = "県は港湾整備計画を公表した。港湾整備計画では、コンテナ埠頭を深くする。港湾整備計画は大きい。"
AGAIN = "港湾整備計画が見直された。コンテナ埠頭の深さは港湾整備計画の要である。"


class Thinking:
    """The jobs of the thinking process, done here, across JSON; fails as often as it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures = 0

    async def __call__(self, job: str, data: Any) -> Any:
        self.asked.append(job)
        if self.failures:
            self.failures -= 1
            raise ThinkError("it crashed")
        return json.loads(json.dumps(JOBS[job](json.loads(json.dumps(data)))))


@pytest.fixture
def think() -> Thinking:
    return Thinking()


@pytest.fixture
async def sorter(room: Newsroom, think: Thinking) -> Sorter:
    return Sorter(room.db, think, room.clock, room.publisher.wake)


async def sort(room: Newsroom, sorter: Sorter) -> None:
    """Sort all that is due and let the publisher follow."""
    while await sorter.some():
        pass
    await room.publisher.settle_all()


async def piece(room: Newsroom, number: int) -> Piece:
    one = await pieces.piece(room.db, number)
    assert one is not None
    return one


async def why(room: Newsroom, number: int) -> list[str]:
    rows = await room.db.read("select added_by from piece_topic where piece_id=? order by added_by", number)
    return [row["added_by"] for row in rows]


async def create(room: Newsroom, name: str, **more: Any) -> int:
    number = await room.db.write(lambda tx: topics.create(tx, name, "ja", room.clock(), **more))
    assert number is not None
    return number


async def shown(room: Newsroom, number: int) -> str:
    rows = await room.db.read(
        "select l.shown from leaf l join posting p on p.id=l.posting_id where p.subject_id=? and l.name='card'", number
    )
    return str(rows[0]["shown"])


async def test_a_key_term_that_is_a_topics_name_puts_it_on(room: Newsroom, sorter: Sorter) -> None:
    await create(room, "コンテナ埠頭")
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    assert await why(room, number) == []  # once said in the text: no name tells it
    before = await shown(room, number)
    await sort(room, sorter)
    assert await why(room, number) == ["term:コンテナ埠頭"]
    assert await shown(room, number) != before  # its card says so
    text = await room.text("/search 埠頭 topic:コンテナ埠頭")
    assert "港の話" in text


async def test_else_the_nearest_description_and_else_none(room: Newsroom, sorter: Sorter) -> None:
    await create(room, "ものづくり", description="港湾の整備を進める")
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    other = await room.publish(found("b", title="試合", text="昨夜の試合は延長戦の末に引き分けた。", language="ja"))
    await sort(room, sorter)
    assert await why(room, number) == ["nearest"]
    assert await why(room, other) == []


async def test_what_a_source_or_a_person_says_is_not_added_to(room: Newsroom, sorter: Sorter) -> None:
    await create(room, "コンテナ埠頭", description="港湾の整備を進める")
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja", tags=("経済",)))
    await sort(room, sorter)
    assert await why(room, number) == ["source"]


async def test_a_company_is_never_guessed(room: Newsroom, sorter: Sorter) -> None:
    await create(room, "みなと建設", kind="company", description="港湾の整備を進める")
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    await sort(room, sorter)
    assert await why(room, number) == []


async def test_sorting_finds_places_that_filter_by_the_topic(room: Newsroom, sorter: Sorter) -> None:
    harbour = await add_place(room.db, room.clock, "harbour", filter="topic:コンテナ埠頭")
    await create(room, "コンテナ埠頭")
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    old = await room.publish(
        found("old", title="昔の港", text=HARBOUR, language="ja", published=room.clock() - timedelta(days=9))
    )
    await sort(room, sorter)
    rows = await room.db.read("select subject_id from posting where place_id=?", harbour.id)
    assert [row["subject_id"] for row in rows] == [number]
    assert await why(room, old) == ["term:コンテナ埠頭"]  # it has its topic, and is posted nowhere for it


async def test_nothing_is_edited_where_nothing_changed(room: Newsroom, sorter: Sorter) -> None:
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    rows = await room.db.read("select revision from posting where subject_id=?", number)
    await sort(room, sorter)
    await room.db.write(lambda tx: sorting.all_again(tx, room.clock()))
    await sort(room, sorter)
    assert [one["revision"] for one in await room.db.read("select revision from posting")] == [rows[0]["revision"]]


async def test_a_text_is_read_once_for_each_of_its_revisions(room: Newsroom, sorter: Sorter, think: Thinking) -> None:
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    await sort(room, sorter)
    await create(room, "コンテナ埠頭")
    await sort(room, sorter)
    assert think.asked == ["terms"]
    assert await why(room, number) == ["term:コンテナ埠頭"]
    counts = await room.db.read("select n from term_count where folded='港湾整備計画'")
    assert [row["n"] for row in counts] == [1]
    await room.publish(found(title="港の話", text="街路樹の剪定が始まった。", language="ja"))
    await sort(room, sorter)
    assert think.asked == ["terms", "terms"]
    assert await why(room, number) == []  # what it was sorted by is no longer there


# --- related pieces ---


async def test_a_new_piece_names_earlier_ones_that_are_like_it(room: Newsroom, sorter: Sorter) -> None:
    first = await room.publish(found(title="港湾整備計画の公表", text=HARBOUR, language="ja"))
    await room.publish(found("b", title="試合", text="昨夜の試合は延長戦の末に引き分けた。", language="ja"))
    await sort(room, sorter)
    number = await room.publish(
        found("c", title="港湾整備計画の見直し", text=AGAIN, language="ja", url="https://a.example/c")
    )
    await sort(room, sorter)
    assert [one.number for one in (await piece(room, number)).related] == [first]
    assert (await piece(room, first)).related == ()  # an older card is not edited for a newer piece
    assert f"Related: #{first} 港湾整備計画の公表" in await room.text(f"/piece {number}")
    entry = room.chat.room.entry(await room.anchor(number))
    assert entry is not None
    assert entry.message is not None
    assert f"Related: #{first}" in to_text(entry.message)


async def test_a_retracted_piece_is_related_to_nothing(room: Newsroom, sorter: Sorter) -> None:
    first = await room.publish(found(title="港湾整備計画の公表", text=HARBOUR, language="ja"))
    await sort(room, sorter)
    number = await room.publish(found("c", title="港湾整備計画の見直し", text=AGAIN, language="ja"))
    await sort(room, sorter)
    before = await shown(room, number)
    await room.ask(f"/mod retract {first} sure:yes", MODERATOR)
    assert (await piece(room, number)).related == ()
    assert await shown(room, number) != before  # its card was edited too


async def test_what_only_some_places_may_show_is_not_named_elsewhere(room: Newsroom, sorter: Sorter) -> None:
    first = await room.publish(found(title="港湾整備計画の公表", text=HARBOUR, language="ja"))

    async def elsewhere(tx: Tx) -> int:
        await tx.run("insert into source_place(source_id, place_id) values(1, 1)")
        other = await sources.ensure_source(
            tx, kind="file", address="other", title="", text_mode="full", now=room.clock()
        )
        item = found("c", title="港湾整備計画の見直し", text=AGAIN, language="ja")
        taken = await ingest.take(tx, other, item, now=room.clock())
        assert taken.piece is not None
        return taken.piece

    number = await room.db.write(elsewhere)
    await sort(room, sorter)
    assert (await piece(room, number)).related == ()
    assert first != number


# --- failing and dying ---


async def test_without_thinking_rules_and_names_stand_and_the_rest_comes_later(
    room: Newsroom, sorter: Sorter, think: Thinking, clock: SetClock
) -> None:
    think.failures = 1
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    await create(room, "コンテナ埠頭")
    await create(room, "港の話")
    await room.db.write(lambda tx: topics.set_kind(tx, 2, "company", clock()))
    await sort(room, sorter)
    assert await why(room, number) == ["alias:港の話"]
    assert await sorting.waiting(room.db, clock(), 9) == []
    clock.move(minutes=1)
    await sort(room, sorter)
    assert think.asked == ["terms", "terms"]
    assert await sorting.waiting(room.db, clock.move(days=9), 9) == []


async def test_a_failure_takes_no_topic_off(room: Newsroom, sorter: Sorter, think: Thinking, clock: SetClock) -> None:
    await create(room, "ものづくり", description="港湾の整備を進める")
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    await sort(room, sorter)
    think.failures = 1
    await room.db.write(lambda tx: sorting.all_again(tx, clock()))
    await sort(room, sorter)
    assert await why(room, number) == ["nearest"]


async def test_one_that_always_fails_stops_nobody_and_is_given_up(
    room: Newsroom, sorter: Sorter, think: Thinking, clock: SetClock
) -> None:
    await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    think.failures = ATTEMPTS
    for _ in range(ATTEMPTS + 2):
        await sort(room, sorter)
        clock.move(days=1)
    assert think.asked == ["terms"] * ATTEMPTS
    assert await room.db.read("select 1 from to_sort") == []


async def test_an_answer_that_is_none_keeps_nobody_waiting(room: Newsroom, think: Thinking, clock: SetClock) -> None:
    await create(room, "コンテナ埠頭")
    first = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))
    await room.publish(found("b", title="試合", text="昨夜の試合は延長戦の末に引き分けた。", language="ja"))

    async def confused(job: str, data: Any) -> Any:
        return {} if "試合" in data["text"] else await think(job, data)

    await sort(room, Sorter(room.db, confused, clock, room.publisher.wake))
    assert await why(room, first) == ["term:コンテナ埠頭"]
    assert len(await sorting.waiting(room.db, clock.move(minutes=1), 9)) == 1


async def test_a_new_reason_while_a_piece_is_sorted_is_not_lost(
    room: Newsroom, think: Thinking, clock: SetClock
) -> None:
    number = await room.publish(found(title="港の話", text=HARBOUR, language="ja"))

    async def slow(job: str, data: Any) -> Any:
        answer = await think(job, data)
        if len(think.asked) == 1:
            await create(room, "コンテナ埠頭")  # meanwhile
        return answer

    sorter = Sorter(room.db, slow, clock, room.publisher.wake)
    assert await sorter.some() == 1
    assert [one for one, _ in await sorting.waiting(room.db, clock(), 9)] == [number]
    await sort(room, sorter)
    assert await why(room, number) == ["term:コンテナ埠頭"]


async def test_pieces_of_an_older_database_are_sorted_at_the_next_start(tmp_path: Path, clock: SetClock) -> None:
    async def old(tx: Tx) -> None:
        await tx.run("create table schema_version(version integer primary key, at text not null)")
        for sql in tables.statements(1, SQLITE):
            await tx.run(sql)
        await tx.run("insert into schema_version(version, at) values(1, '')")
        await tx.run("insert into source(kind, address, created_at) values('file', 'a', 0)")
        await tx.run(
            """insert into piece(uid, source_id, state, title, title_key, language, published_at, found_at, changed_at,
                   outline) values('a', 1, 'published', 'Old', 'old', 'en', 0, 0, 0,
                   '{"title": null, "language": "en", "cited": [], "parts": []}')"""
        )

    db = await SqliteDb.open(tmp_path / "old.db")
    try:
        await db.write(old)
        await schema.migrate(db, clock())
        assert await sorting.waiting(db, clock(), 9) == [(1, 0)]
    finally:
        await db.close()


async def test_the_thinking_process_knows_the_jobs() -> None:
    from bot.thinker import Thinker

    async with Thinker() as thinker:
        answer = await thinker("terms", {"text": HARBOUR, "gist": HARBOUR})
        assert "港湾整備計画" in [one["text"] for one in answer["candidates"]]
        data = {"gist": HARBOUR, "topics": [], "vector": answer["vector"], "others": [answer["vector"]]}
        assert (await thinker("nearest", data)) == {"topic": None, "alike": [pytest.approx(1, abs=1e-3)]}
