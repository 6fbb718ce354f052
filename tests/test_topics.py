"""Topics: what names and rules tell, how they are curated, and what is learned from corrections."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.filters import Subject
from core.message import to_text
from core.pieces import Topic
from core.topics import told
from storage import pieces, readers, sorting, topics
from storage.db import Db, Tx
from tests.conftest import SetClock, found
from tests.newsroom import MODERATOR, READER, Newsroom

# --- what a piece tells by itself ---


def topic(name: str, **more: object) -> Topic:
    values: dict[str, object] = {"id": 1, "key": name.casefold(), "names": {"en": name}, **more}
    return Topic(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("title", "text", "about", "why"),
    [
        ("The night bus", "It runs.", topic("Bus"), "alias:bus"),
        ("The night", "A bus came.", topic("Bus"), None),  # a theme is not what is only touched on
        ("The night", "A bus, a bus, a bus.", topic("Bus"), "alias:bus"),
        ("The night", "Business, bus, busy: buses.", topic("Bus"), None),
        ("The night", "Ms. Bus spoke.", topic("Bus", kind="person"), "alias:bus"),
        ("バスケットの話", "始まった。", topic("バス"), None),  # a part of a word in katakana is another word
        ("夜行バスの話", "始まった。", topic("バス"), "alias:バス"),
        ("学校給食費の話", "始まった。", topic("Meals", aliases=("給食",)), "alias:給食"),
        ("食の話", "始まった。", topic("食"), None),  # one character stands in too many words
        ("ＯｐｅｎＡＩの話", "始まった。", topic("openai"), "alias:openai"),
        ("The night", "It costs 3 pounds.", topic("Money", rule="word:pounds -word:dollars"), "rule"),
        ("The night", "It costs 3 pounds.", topic("Money", rule="((("), None),
    ],
)  # fmt: skip
async def test_names_and_rules_tell_what_a_piece_is_about(
    room: Newsroom, title: str, text: str, about: Topic, why: str | None
) -> None:
    number = await room.publish(found(title=title, text=text))
    piece = await pieces.piece(room.db, number)
    assert piece is not None
    subject = Subject(text=f"{title}\n{text}", language="en")
    assert told(piece, subject, [about]) == ({} if why is None else {1: why})


async def test_a_new_piece_has_the_topics_that_it_names_before_it_is_posted(room: Newsroom, db: Db) -> None:
    await db.write(lambda tx: topics.create(tx, "Transport", "en", room.clock()))
    bus = await made(db, room.clock, "Transport", "バス", "bus")
    await room.publish(found(title="The night bus"))
    assert "Topics: Transport" in await card(room)
    assert await why(db) == {(1, bus): "alias:bus"}


async def test_the_author_and_the_own_topics_name_nothing(room: Newsroom, db: Db) -> None:
    await made(db, room.clock, "Kay", kind="person")
    await room.publish(found(author="Kay"))
    assert await why(db) == {}


# --- curating ---


async def made(db: Db, clock: SetClock, name: str, *aliases: str, **more: str) -> int:
    async def work(tx: Tx) -> int:
        number = await topics.owner(tx, name) or await topics.create(tx, name, "en", clock(), **more)  # type: ignore[arg-type]
        assert number is not None
        for alias in aliases:
            assert await topics.add_alias(tx, number, alias, clock()) is None
        return number

    return await db.write(work)


async def why(db: Db) -> dict[tuple[int, int], str]:
    rows = await db.read("select piece_id, topic_id, added_by from piece_topic")
    return {(row["piece_id"], row["topic_id"]): row["added_by"] for row in rows}


async def card(room: Newsroom) -> str:
    rows = await room.db.read("select id from piece order by id desc limit 1")
    return await room.text(f"/piece {rows[0]['id']}")


async def test_a_name_belongs_to_one_topic_however_it_is_written(db: Db, clock: SetClock) -> None:
    bus, rail = await made(db, clock, "Bus", "バス"), await made(db, clock, "Rail")
    assert await db.write(lambda tx: topics.create(tx, "ＢＵＳ", "en", clock())) is None
    assert await db.write(lambda tx: topics.add_alias(tx, rail, "ﾊﾞｽ", clock())) == bus
    assert await db.write(lambda tx: topics.rename(tx, rail, "ja", "バス", clock())) == bus
    assert await db.write(lambda tx: topics.rename(tx, bus, "ja", "路線バス", clock())) is None
    (topic,) = await pieces.topics(db, [bus])
    assert topic.names == {"en": "Bus", "ja": "路線バス"}
    assert set(topic.aliases) == {"Bus", "バス", "路線バス"}
    assert await pieces.topic_named(db, "路線ﾊﾞｽ") == topic


async def test_names_that_a_topic_is_called_by_are_not_dropped(db: Db, clock: SetClock) -> None:
    bus = await made(db, clock, "Bus", "coach")
    assert not await db.write(lambda tx: topics.drop_alias(tx, bus, "bus", clock()))
    assert await db.write(lambda tx: topics.drop_alias(tx, bus, "Coach", clock()))
    assert not await db.write(lambda tx: topics.drop_alias(tx, bus, "coach", clock()))
    assert await db.write(lambda tx: pieces.ensure_topic(tx, "Bus", "en", clock())) == bus


async def test_merging_leaves_nothing_of_the_one_behind(room: Newsroom, db: Db) -> None:
    await room.publish(found(tags=("Bus", "Rail")))
    await room.publish(found("b", title="Trains", tags=("Rail",)))
    await readers.follow(db, "web", READER.person, 2, room.clock())
    bus, rail = await topics.owner(db, "bus"), await topics.owner(db, "rail")
    assert (bus, rail) == (1, 2)
    await db.write(lambda tx: topics.merge(tx, 2, 1, room.clock()))
    assert await why(db) == {(1, 1): "source", (2, 1): "source"}
    assert await readers.followed(db, "web", READER.person) == [1]
    assert await topics.owner(db, "Rail") == 1
    assert [one.key for one in await pieces.every_topic(db)] == ["bus"]


async def test_every_change_has_all_pieces_sorted_again(room: Newsroom, db: Db) -> None:
    number = await room.publish(found())
    bus = await made(db, room.clock, "Bus")

    now = room.clock()
    for change in (
        lambda tx: topics.describe(tx, bus, "buses at night", now),
        lambda tx: topics.set_rule(tx, bus, "word:bus", now),
        lambda tx: topics.set_kind(tx, bus, "company", now),
        lambda tx: topics.add_alias(tx, bus, "coach", now),
        lambda tx: topics.drop_alias(tx, bus, "coach", now),
    ):
        await db.write(lambda tx: tx.run("delete from to_sort"))
        await db.write(change)
        assert [one for one, _ in await sorting.waiting(db, now, 10)] == [number]


# --- /topics ---


async def test_topics_are_counted_in_a_time_with_their_kind(room: Newsroom, db: Db) -> None:
    await made(db, room.clock, "Kay", kind="person")
    await room.publish(found(text="Kay spoke.", tags=("Transport",)))
    await room.publish(found("b", title="Trains", tags=("Transport",)))
    await room.publish(found("c", title="Nothing"))
    await room.publish(found("d", title="Long ago", tags=("Old",), published=room.clock() - timedelta(days=90)))
    text = await room.text("/topics")
    assert "Topics, past month" in text
    assert text.index("Transport (2 pieces)") < text.index("Kay [person] (1 piece)") < text.index("without a topic (1")
    assert "Old" not in text
    assert "Old (1 piece)" in await room.text("/topics period:all")
    assert "No piece of this time (yesterday) has a topic." in await room.text("/topics yesterday")
    assert "Kay［" not in (japanese := await room.text("/話題一覧", replace(READER, language="ja")))
    assert "Kay [人物] (1本)" in japanese


# --- corrections ---


async def sorted_with(room: Newsroom, number: int, *terms: str) -> None:
    """What the sorter would have found in a piece."""
    weighed = [(term.casefold(), term, 1.0 / place) for place, term in enumerate(terms, 1)]
    await room.db.write(lambda tx: sorting.keep(tx, number, 1, [key for key, _, _ in weighed], weighed, ""))


async def test_a_correction_teaches_the_best_term_of_the_title(room: Newsroom, db: Db) -> None:
    number = await room.publish(found(title="夜行バスの運賃", text="高い。"))
    await sorted_with(room, number, "本文の語", "夜行バス", "運賃")
    text = await room.text(f"/mod tag {number} add:交通", MODERATOR)
    assert "Learned: “夜行バス” means 交通." in text
    await room.publish(found("b", title="夜行バスが増える", text="便利だ。"))
    assert "Topics: 交通" in await card(room)
    log = await room.text("/mod log", MODERATOR)
    assert "learn topic 交通" in log
    # To take it back on the piece from which it was learned forgets it, for good.
    assert "Forgotten: “夜行バス” no longer means 交通." in await room.text(f"/mod tag {number} remove:交通", MODERATOR)
    assert await topics.owner(db, "夜行バス") is None
    assert "Learned: “運賃”" in await room.text(f"/mod tag {number} add:交通", MODERATOR)


async def test_a_wrong_topic_that_a_learned_name_put_on_forgets_the_name(room: Newsroom, db: Db) -> None:
    number = await room.publish(found(title="夜行バスの運賃", text="高い。"))
    await sorted_with(room, number, "夜行バス")
    await room.text(f"/mod tag {number} add:交通", MODERATOR)
    other = await room.publish(found("b", title="夜行バスという映画", text="面白い。"))
    assert "Forgotten: “夜行バス”" in await room.text(f"/mod tag {other} remove:交通", MODERATOR)
    assert [key for key in await why(db) if key[0] == other] == []
    assert (number, 1) in await why(db)  # what a moderator put on stays


async def test_a_name_that_somebody_gave_is_not_forgotten_by_a_correction(room: Newsroom, db: Db) -> None:
    bus = await made(db, room.clock, "Transport", "bus")
    number = await room.publish(found(title="The night bus"))
    assert "Forgotten" not in await room.text(f"/mod tag {number} remove:Transport", MODERATOR)
    assert await topics.owner(db, "bus") == bus
    # And the piece stays without it, though its title still says so.
    assert not await db.write(lambda tx: sorting.put_on(tx, number, {bus: "alias:bus"}))
    assert await why(db) == {}


@pytest.mark.parametrize(
    ("setting", "terms"),
    [
        ({}, ["another", "words"]),  # none stands in the title
        ({"kind": "person"}, ["night bus"]),
        ({"owner": "night bus"}, ["night bus"]),
        ({"common": "night bus"}, ["night bus"]),
    ],
)
async def test_nothing_is_learned_from_what_is_no_sign(
    room: Newsroom, db: Db, setting: dict[str, str], terms: list[str]
) -> None:
    await made(db, room.clock, "Transport", kind=setting.get("kind", "theme"))
    number = await room.publish(found())
    if "owner" in setting:
        await made(db, room.clock, "Nights", setting["owner"])
    if "common" in setting:
        await db.write(lambda tx: tx.run("insert into term_count(folded, n) values(?, 9)", setting["common"]))
    await sorted_with(room, number, *terms)
    assert "Learned" not in await room.text(f"/mod tag {number} add:Transport", MODERATOR)


async def test_of_several_topics_at_once_nothing_is_learned(room: Newsroom) -> None:
    number = await room.publish(found())
    await sorted_with(room, number, "night bus")
    assert "Learned" not in await room.text(f'/mod tag {number} add:"A, B"', MODERATOR)


async def test_a_topic_learns_only_so_many_names(room: Newsroom, db: Db) -> None:
    transport = await made(db, room.clock, "Transport")
    for n in range(topics.LEARNED):
        await db.write(lambda tx, n=n: topics.add_alias(tx, transport, f"name {n}", room.clock(), learned_from=99))  # type: ignore[misc]
    number = await room.publish(found())
    await sorted_with(room, number, "night bus")
    assert "Learned" not in await room.text(f"/mod tag {number} add:Transport", MODERATOR)


async def test_tagging_twice_is_tagging_once(room: Newsroom, db: Db) -> None:
    number = await room.publish(found())
    await sorted_with(room, number, "night bus")
    await room.text(f"/mod tag {number} add:Transport", MODERATOR)
    assert "Learned" not in await room.text(f"/mod tag {number} add:Transport", MODERATOR)
    assert len(await why(db)) == 1
    reply = await room.ask(f"/mod tag {number} remove:Nothing", MODERATOR)
    assert "There is no topic “Nothing”" in to_text(reply.message)
