"""A digest as people get it: five parts in their order, each line with its link, on one card with all behind it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import ingest
from bot.platforms.discord import encode as discord_encode
from bot.platforms.room import Room
from bot.platforms.slack import encode as slack_encode
from core.chat import Person
from core.document import Document, Heading, List, Paragraph, Quote, spans
from core.message import Message, Reply, links_of, message_from_json, message_to_json, to_text
from core.pieces import Found, Outline, Piece, PieceNumber, PieceUid
from core.responses import Change, PieceNumbers, Voice
from core.stances import DEFAULT
from digest import worker
from digest.compose import Rows, card, whole
from digest.packing import pack, unpack
from digest.sketch import Account, Heat, Numbers, Point, Reading, Sketch, Theme, Verbatim
from storage import answers, sources
from storage.db import Db, Tx
from tests.conftest import QuietRoom, SetClock, add_place, found
from tests.newsroom import MODERATOR, READER, Newsroom

PARTS = ["Pieces (2)", "Points", "Readers", "Voices", "Corrected and withdrawn"]


async def think(job: str, data: Any) -> Any:
    """The thinking process's own code, here: what crosses is JSON all the same."""
    body = json.dumps(data, ensure_ascii=False).encode()
    answer = json.loads(worker.answer({"do": job}, body))
    assert "is" in answer, answer
    return answer["is"]


@pytest.fixture
async def reading(db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Newsroom]:
    """A publication whose digests are thought about, with sections posted in a thread."""
    memory = Room(tmp_path / "reading.jsonl")
    await add_place(db, clock, layout="thread")
    yield Newsroom(db, clock, QuietRoom("web", memory), think=think, least=2)
    await memory.close()


def essay(name: str, title: str, **sections: str) -> Found:
    blocks: list[Any] = [Paragraph(spans=spans("The town has argued about this for a year and a day."))]
    for heading, text in sections.items():
        blocks += [Heading(level=2, spans=spans(heading)), Paragraph(spans=spans(text))]
    return found(name, title=title, document=Document(blocks=tuple(blocks)), fingerprint=f"1:{sections}")


BUS = essay(
    "bus", "The night bus", Costs="It costs less than the council had feared. The town pays nine tenths of it.",
    Riders="Nurses and bakers ride it. They would otherwise drive home tired.",
)  # fmt: skip
TRAM = essay(
    "tram", "The tram", Costs="Forty years of repairs were put off, and now they all come at once.",
    Outlook="New cars arrive in two years and will not shake.",
)  # fmt: skip

FARES = (
    "The fares are far too high for nurses.",
    "These fares are too high for people on low wages.",
    "Lower the fares, they are much too high!",
)
NOISE = (
    "The night bus wakes up our whole street.",
    "It is loud and wakes the children in our street.",
    "Our street can't sleep any more, the bus is so loud.",
)


async def discussed(room: Newsroom) -> tuple[int, int]:
    """Two pieces with comments of two kinds, a question, votes, a section that was answered."""
    bus, tram = await room.publish(BUS), await room.publish(TRAM)
    anchor = await room.anchor(bus)
    for n, text in enumerate((*FARES, *NOISE)):
        await room.say(f"p{n}", anchor, text, name=f"c1{n}")
    await room.say("q", anchor, "Dear author, why does it not run on Sundays?", name="c20")
    for n in range(4):
        await room.react(f"x{n}", "c10", "👍")
        await room.react(f"r{n}", anchor, "👍" if n else "👎")
    for n in range(3):
        await room.react(f"x{n}", "c13", "👍")
        await room.react(f"y{n}", "c13", "👎")
    sections = await room.db.read("select anchor from anchor where section is not null and piece_id=? order by id", bus)
    for section in sections[:1]:
        for n in range(3):
            await room.react(f"s{n}", section["anchor"], "💡")
    await room.ears.fold_all()
    return bus, tram


def headings(message: Message, level: int = 2) -> list[str]:
    return [
        "".join(span.text for span in one.spans)
        for one in message.blocks
        if isinstance(one, Heading) and one.level == level
    ]


def quotes(message: Message) -> list[str]:
    return [to_text(Message(title="", blocks=(one,))) for one in message.blocks if isinstance(one, Quote)]


async def all_of(room: Newsroom, reply: Reply, caller: Any = READER) -> Message:
    (action,) = (one for one in reply.message.actions if one.id.startswith("v1:digest:"))
    assert len(action.id) <= 100
    assert action.id.isascii()
    pressed = await room.desk.press(caller, action.id, None)
    assert isinstance(pressed, Reply)
    assert pressed.ok, to_text(pressed.message)
    assert pressed.private
    return pressed.message


async def test_five_parts_in_their_order_each_line_with_its_link(reading: Newsroom) -> None:
    bus, tram = await discussed(reading)
    await reading.text(f"/mod retract {tram} sure:yes reason:wrong", MODERATOR)
    await reading.text(f"/mod restore {tram}", MODERATOR)
    gone = await reading.publish(found("gone", title="The ferry"))
    await reading.text(f'/mod retract {gone} sure:yes reason:"it was a duck"', MODERATOR)
    reply = await reading.ask("/digest period:7d")
    assert headings(reply.message) == PARTS
    text = to_text(reply.message)
    assert "Withdrawn on 20 Nov 2026: #3 The ferry" in text
    assert "it was a duck" in text
    assert "The tram" not in text.split("Corrected and withdrawn")[1]  # it is back
    for one in reply.message.blocks:
        if isinstance(one, List):
            for item in one.items:
                assert links_of(Message(title="", blocks=tuple(item.blocks))), item
        if isinstance(one, Quote):
            assert links_of(Message(title="", blocks=(one,)))
    assert f"#{bus} The night bus" in text
    assert "• Riders: " in text


async def test_points_link_to_the_message_of_their_section(reading: Newsroom) -> None:
    bus, _ = await discussed(reading)
    message = (await reading.ask("/digest period:7d")).message
    rows = await reading.db.read(
        "select anchor from anchor where piece_id=? and section is not null and leaf_id is not null", bus
    )
    links = links_of(message)
    assert any(f"http://chat/general/{row['anchor']}" in links for row in rows)


async def test_readers_are_counted_once_and_sections_by_their_signs(reading: Newsroom) -> None:
    await discussed(reading)
    text = await reading.text("/digest period:7d")
    readers = text.split("Readers\n")[1].split("Voices")[0]
    assert "14 readers responded." in readers  # p0-p5, q, r0-r3, s0-s2
    assert "👍 Agree 3 · 👎 Disagree 1 · 💡 Learned something 3" in readers
    assert "“The night bus” of #1: 3 readers" in readers


async def test_the_window_before_is_compared(reading: Newsroom) -> None:
    reading.clock.move(days=-8)
    old = await reading.publish(found("old", title="The old bridge", published=reading.clock()))
    for n in range(2):
        await reading.react(f"o{n}", await reading.anchor(old), "👍")
    reading.clock.move(days=8)
    await discussed(reading)
    text = await reading.text("/digest period:7d")
    assert "In the span before: 2 readers, 0 comments." in text
    assert "👍 Agree 3 (+1) · 👎 Disagree 1 (+1)" in text


async def test_voices_are_themes_and_each_comment_stands_once(reading: Newsroom) -> None:
    await discussed(reading)
    message = await all_of(reading, await reading.ask("/digest period:7d"))
    said = quotes(message)
    assert len(said) == len({one.split("\n")[0] for one in said})
    text = to_text(message)
    voices = text.split("Voices\n")[1]
    assert "3 readers" in voices.split("Most endorsed")[0]
    assert "> Dear author, why does it not run on Sundays?" in voices.split("Waiting for a reply")[1]


async def test_an_answered_question_shows_the_answer(reading: Newsroom) -> None:
    await discussed(reading)
    number = (await reading.db.read("select id from comment where text like 'Dear author%'"))[0]["id"]
    await reading.ask("/digest")
    author = ("web", Person(id="a1"))
    await reading.db.write(lambda tx: answers.give(tx, number, "From March it will.", author, reading.clock()))
    text = to_text(await all_of(reading, await reading.ask("/digest")))
    assert "Author: From March it will." in text


async def test_a_hidden_comment_is_nowhere_in_it(reading: Newsroom) -> None:
    await discussed(reading)
    reply = await reading.ask("/digest")
    for row in await reading.db.read("select id from comment where text like '%loud%' or text like '%street%'"):
        await reading.text(f"/mod hide {row['id']}", MODERATOR)
    assert "street" not in to_text(await all_of(reading, reply))
    assert "street" not in await reading.text("/digest")


async def test_the_whole_keeps_to_who_may_see_what(reading: Newsroom) -> None:
    await add_place(reading.db, reading.clock, "board", community="other")
    await discussed(reading)
    elsewhere = replace(READER, channel="board", community="other")
    reply = await reading.ask("/digest")
    assert "street" in to_text(await all_of(reading, reply))
    assert "street" not in to_text(await all_of(reading, reply, elsewhere))


async def test_the_button_works_after_a_restart_and_for_the_same_window(reading: Newsroom) -> None:
    await discussed(reading)
    reply = await reading.ask("/digest period:7d")
    reading.clock.move(days=20)
    other = Newsroom(reading.db, reading.clock, reading.chat, think=think, least=2)
    assert "The night bus" in to_text(await all_of(other, reply))
    assert "The night bus" not in await other.text("/digest period:7d")


@pytest.mark.parametrize(
    "what",
    ["", "e", "e9", "x:y", "-:week:1", "-:never:1:-", "999:week:1795000000:-", "-:week:99999999999999999:-", "ee"],
)  # fmt: skip
async def test_a_made_up_button_is_refused(reading: Newsroom, what: str) -> None:
    pressed = await reading.desk.press(READER, f"v1:digest:{what}", None)
    assert isinstance(pressed, Reply)
    assert not pressed.ok
    assert "belongs to something that is no longer there" in to_text(pressed.message)


async def test_numbers_of_too_few_people_are_not_told(db: Db, clock: SetClock, tmp_path: Path) -> None:
    memory = Room(tmp_path / "few.jsonl")
    await add_place(db, clock, layout="thread")
    room = Newsroom(db, clock, QuietRoom("web", memory), think=think, least=3)
    bus = await room.publish(BUS)
    anchor = await room.anchor(bus)
    section = (await db.read("select anchor from anchor where section is not null order by id"))[0]["anchor"]
    for n in range(2):
        await room.react(f"r{n}", anchor, "👎")
        await room.react(f"r{n}", section, "🎉")
    text = await room.text("/digest")
    assert "2 readers responded." in text
    assert "👎" not in text
    assert "Sections that drew most" not in text
    await room.react("r2", anchor, "👎")
    await room.react("r2", section, "🎉")
    text = await room.text("/digest")
    assert "👎 Disagree 3" in text
    assert "of #1: 3 readers" in text
    await memory.close()


async def test_a_corrected_piece_is_quoted_as_it_says_now(reading: Newsroom) -> None:
    number = await reading.publish(BUS)
    sketch = Sketch(
        start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC), zone="UTC", pieces=(number,),
        total=1, reading=Reading(
            accounts=(Account(piece=number, sentences=(Verbatim(piece=number, text="The town pays all of it."),)),),
            points=(Point(label="Costs", said=Verbatim(piece=number, text="The town pays all of it.")),),
        ),
    )  # fmt: skip
    from storage import pieces

    piece = await pieces.piece(reading.db, number)
    assert piece is not None
    text = to_text(whole(sketch, Rows(pieces={number: piece}), "en", DEFAULT))
    assert "all of it" not in text
    assert "The town has argued" in text


async def test_an_edit_by_the_source_is_told_with_the_title_before(reading: Newsroom) -> None:
    await reading.publish(BUS)
    reading.clock.move(days=3)
    edited = replace(BUS, title="The night bus and the day after", fingerprint="1:other")

    async def work(tx: Tx) -> None:
        source = await sources.ensure_source(
            tx, kind="file", address="full", title="", text_mode="full", now=reading.clock()
        )
        await ingest.take(tx, source, edited, now=reading.clock())

    await reading.db.write(work)
    text = await reading.text("/digest period:2d")
    assert "Edited on 23 Nov 2026: #1 The night bus and the day after" in text
    assert "was titled “The night bus”" in text


async def test_without_thinking_the_first_words_stand(room: Newsroom) -> None:
    await discussed(room)
    reply = await room.ask("/digest")
    text = to_text(reply.message)
    assert "The town has argued about this for a year and a day." in text
    assert "Most endorsed" in text
    assert "Points" not in text


async def test_it_speaks_the_callers_language_around_quotations_in_theirs(reading: Newsroom) -> None:
    await discussed(reading)
    reply = await reading.ask("/ダイジェスト 期間:7日", replace(READER, language="ja"))
    assert headings(reply.message)[:4] == ["記事（2本）", "論点", "読者の反応", "読者の声"]
    assert "The night bus" in to_text(reply.message)


# --- the card ---

HOSTILE = "<@everyone> **[x](http://evil)** `code` | <script> " + "改行\u202eなし" * 40


def big(words: str) -> tuple[Sketch, Rows]:
    """A sketch with as much of everything as there may be, of hostile words."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    pieces = {
        n: Piece(
            number=PieceNumber(n), uid=PieceUid(f"{n:012x}"), source=1, source_kind="file", text_mode="full",
            state="published", revision=1, title=words, url="https://example.org/" + "a" * 300, author=words,
            language="ja", published=at, embargo=None, outline=Outline(title=words),
        )
        for n in range(1, 41)
    }  # fmt: skip
    voices = {
        n: Voice(
            comment=n, piece=1 + n % 40, text=words * 9, at=at, agree=9, disagree=8, n=17, section=None, platform="web",
            channel="c", anchor="a", state="featured",
        )
        for n in range(1, 60)
    }  # fmt: skip
    sketch = Sketch(
        start=at - timedelta(days=7), end=at, zone="Asia/Tokyo", pieces=tuple(range(1, 31)), total=3000,
        still=(38, 39, 40),
        responses=tuple(
            PieceNumbers(piece=n, published=at, stances={"agree": 9}, reactions={"🎉" * 9: 8}, comments=7, commenters=6)
            for n in pieces
        ),
        numbers=Numbers(
            people=20000, more=True, compared=True, people_before=5, comments=99, stances=(("agree", 9, 3),),
            reactions=(("🎉", 5),) * 6, heat=tuple(Heat(piece=n, section="s", heading=words, n=9) for n in range(1, 9)),
        ),
        reading=Reading(
            points=tuple(Point(label=words, said=Verbatim(piece=n, text=""), also=(2, 3)) for n in range(1, 25)),
            themes=tuple(Theme(comments=(n,), people=9, size=9, words=(words[:30],) * 4) for n in range(1, 9)),
            questions=tuple(range(10, 20)),
        ),
        featured=tuple(range(20, 25)), endorsed=tuple(range(25, 30)), contested=tuple(range(30, 35)),
        changes=tuple(Change(piece=n, what="corrected", at=at, note=words, before=words) for n in range(1, 20)),
    )  # fmt: skip
    links: dict[tuple[int, str | None], str] = {
        (n, None): f"https://discord.com/channels/{'1' * 19}/{'2' * 19}/{n:019}" for n in pieces
    }
    return sketch, Rows(
        pieces=pieces, voices=voices, answers=dict.fromkeys(range(10, 15), words), piece_links=links,
        voice_links={n: f"https://discord.com/channels/{'1' * 19}/{'2' * 19}/{n:019}" for n in voices},
    )  # fmt: skip


@pytest.mark.parametrize("words", [HOSTILE, "a" * 256, "漢" * 200, "🎉" * 100, "_*~`|>#" * 40], ids=len)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_card_fits_one_message_whatever_there_is(words: str, language: str) -> None:
    sketch, rows = big(words)
    for fits in (discord_encode.fits, slack_encode.fits):
        message = card(sketch, rows, language, DEFAULT, "v1:digest:e1", fits)
        assert fits(message)
        assert [one.id for one in message.actions] == ["v1:digest:e1"]
        assert len(headings(message)) >= 2


def test_what_fits_whole_has_no_button() -> None:
    sketch, rows = big("a word")
    small = Sketch(start=sketch.start, end=sketch.end, zone="UTC", pieces=(1,), total=1)
    message = card(small, rows, "en", DEFAULT, "v1:digest:e1", lambda _message: True)
    assert message.actions == ()


def test_a_sketch_comes_back_from_json_as_it_was() -> None:
    sketch, _ = big(HOSTILE)
    assert unpack(Sketch, json.loads(json.dumps(pack(sketch)))) == sketch


def test_a_sketch_holds_no_word_of_a_reader() -> None:
    fields = {name for name in Sketch.__dataclass_fields__ if name in ("featured", "endorsed", "contested")}
    sketch, rows = big("x")
    kept = json.dumps(pack(sketch))
    assert fields
    assert all(voice.text not in kept for voice in rows.voices.values())


def test_messages_of_digests_survive_their_json() -> None:
    sketch, rows = big("a word")
    message = whole(sketch, rows, "ja", DEFAULT)
    assert message_from_json(message_to_json(message)) == message


def test_names_are_sequences() -> None:
    """Two topics and a long list of pieces are written as one title."""
    sketch, rows = big("a word")
    named: Sequence[str] = ("Night", "Day")
    assert whole(sketch, replace(rows, topics=named), "en", DEFAULT).title.startswith("Digest: Night, Day, ")
