"""Pictures: what they show and say, how they are drawn, and that nothing hangs on them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import publish
from bot.pictures import Pictures
from bot.platforms.room import Room
from bot.publish import Publisher
from bot.thinker import Thinker
from commands.desk import Desk
from core.errors import ThinkError
from core.faces import Wanted
from core.message import Message, Picture, message_from_json, message_to_json, pictures_of, to_text
from core.responses import Counts
from core.stances import DEFAULT, parse_scale
from digest import drawing, fonts
from digest.picture import of_digest, of_weeks
from digest.sketch import Heat, Numbers
from storage.db import Db
from tests.conftest import QuietRoom, SetClock, add_place, found
from tests.newsroom import MODERATOR, Newsroom
from tests.pictured import pictured, png

SVG = "{http://www.w3.org/2000/svg}"
DAY = datetime(2026, 11, 3, tzinfo=UTC)
NUMBERS = Numbers(
    people=41,
    compared=True,
    people_before=29,
    comments=35,
    comments_before=38,
    stances=(("agree", 28, 23), ("disagree", 9, 11), ("learned", 12, 12)),
    heat=(
        Heat(piece=1, section="a", heading="課題は何か 🎉", n=14),
        Heat(piece=1, section="b", heading="<script> & “more”", n=5),
    ),
    timeline=tuple((DAY + timedelta(days=n), (2, 9, 0, 4, 12, 6, 2)[n]) for n in range(7)),
)
needs_fonts = pytest.mark.skipif(bool(fonts.missing()), reason="; ".join(fonts.missing()))


def of(numbers: Numbers, title: str = "ダイジェスト: 生成AI", language: str = "ja") -> Picture:
    picture = of_digest(numbers, title, language, DEFAULT)
    assert picture is not None
    return picture


def texts(picture: Picture) -> list[str]:
    """What stands in a picture."""
    return ["".join(one.itertext()) for one in ET.fromstring(drawing.svg(picture.of)).iter(f"{SVG}text")]


# --- what they show and say ---


def test_the_same_numbers_stand_in_the_picture_and_in_its_words() -> None:
    picture = of(NUMBERS)
    shown = texts(picture)
    assert {"ダイジェスト: 生成AI", "👍 賛成", "28（+5）", "9（−2）", "12（±0）", "14", "12", "11/3", "11/9"} <= set(
        shown
    )
    assert "読者41人（+12） · コメント35件（−3）" in shown
    assert "課題は何か 🎉" in shown
    for words in (
        "読者41人（+12）",
        "コメント35件（−3）",
        "👍 賛成 28（+5）",
        "「課題は何か 🎉」に14人",
        "最多は11/7の12件",
    ):
        assert words in picture.alt
    assert "Most comments at once: 12, 7 Nov" in of(NUMBERS, "Digest", "en").alt


def test_a_picture_is_another_when_its_numbers_are() -> None:
    message = Message(title="t", blocks=(of(NUMBERS),))
    assert message.digest() == Message(title="t", blocks=(replace(of(NUMBERS), png=png(1)),)).digest()
    assert message.digest() != Message(title="t", blocks=(of(replace(NUMBERS, comments=36)),)).digest()
    assert of(NUMBERS) == replace(of(NUMBERS), png=png(1)), "however it was drawn"


def test_a_picture_comes_back_from_json() -> None:
    message = pictured(png(7), "図 <b>", "何か")
    [again] = pictures_of(message_from_json(json.loads(json.dumps(message_to_json(message)))))
    assert (again.of, again.alt, again.width, again.png) == ("何か", "図 <b>", 40, png(7))


def test_only_what_was_drawn_is_told_in_text() -> None:
    assert "[Picture: 41 readers.]" in to_text(pictured(png(7)))
    assert "Picture" not in to_text(pictured(b""))


def test_where_nobody_responded_there_is_no_picture() -> None:
    assert of_digest(Numbers(), "Digest", "en", DEFAULT) is None


def test_what_is_not_there_is_said() -> None:
    shown = texts(of(Numbers(people=1, stances=(("agree", 1, 0),), timeline=((DAY, 0),))))
    assert {"読者1人 · コメント0件", "👍 賛成", "1", "節ごとの反響はありません。", "コメントはありません。"} <= set(
        shown
    )
    assert "Nobody took a stance." in texts(of(Numbers(people=1, comments=1, timeline=((DAY, 1),)), "Digest", "en"))


def test_what_was_not_compared_has_not_changed() -> None:
    shown = texts(of(replace(NUMBERS, compared=False, more=True)))
    assert {"読者41人以上 · コメント35件", "28", "9"} <= set(shown)
    root = ET.fromstring(drawing.svg(of(replace(NUMBERS, compared=False)).of))
    assert drawing.BEFORE not in {one.get("fill") for one in root.iter(f"{SVG}rect")}


def test_hours_are_named_as_hours() -> None:
    hourly = tuple((DAY + timedelta(hours=n), n % 5) for n in range(24))
    shown = texts(of(Numbers(people=2, comments=46, timeline=hourly)))
    assert {"00:00", "23:00"} <= set(shown)


def test_an_emoji_that_no_font_knows_is_left_out() -> None:
    scale = parse_scale("agree=:party-parrot: disagree=👎")
    picture = of_digest(replace(NUMBERS, timeline=()), "Digest", "en", scale)
    assert picture is not None
    assert {"Agree", "👎 Disagree"} <= set(texts(picture))


def test_weeks_beside_each_other() -> None:
    weeks = [date(2026, 10, 5) + timedelta(weeks=n) for n in range(8)]
    rows = [
        ("生成AI", [Counts(pieces=n, people=n * 10, comments=n * 100) for n in range(8)]),
        ("全体", [Counts(pieces=9, people=1234, comments=9999)] * 8),
    ]
    picture = of_weeks("話題と週", weeks, rows, "ja")
    shown = texts(picture)
    assert {
        "話題と週",
        "記事",
        "反応した人",
        "コメント",
        "10/5",
        "11/23",
        "生成AI",
        "全体",
        "70",
        "700",
        "1k",
        "9k",
    } <= set(shown)
    assert "0" not in shown
    assert "生成AI: 記事28本、週に最多70人、コメント2800件" in picture.alt


# --- how they are drawn ---

any_text = st.text(max_size=60) | st.sampled_from(
    ["<script>alert(1)</script>", "]]>", "\x00\x1b[31m", "\ud800", "‮abc", "👩‍👩‍👧‍👦" * 30, "﷽" * 40, "&amp;"]
)


@settings(deadline=None, max_examples=60)
@given(title=any_text, headings=st.lists(any_text, max_size=6), counts=st.lists(st.integers(0, 10**6), max_size=70))
def test_any_text_and_any_numbers_can_be_drawn(title: str, headings: Sequence[str], counts: Sequence[int]) -> None:
    numbers = Numbers(
        people=1,
        stances=(("agree", 10**9, 0), ("disagree", 0, 0)),
        heat=tuple(Heat(piece=1, section="s", heading=heading, n=n) for n, heading in enumerate(headings)),
        timeline=tuple((DAY + timedelta(days=n), count) for n, count in enumerate(counts)),
    )
    root = ET.fromstring(drawing.svg(of(numbers, title).of))
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {"svg", "rect", "text", "path"}, "text is only text"
    for one in root.iter(f"{SVG}rect"):
        assert float(one.get("x", "0")) + float(one.get("width", "0")) <= drawing.WIDTH
        assert float(one.get("y", "0")) + float(one.get("height", "0")) <= drawing.HEIGHT


@pytest.mark.parametrize("text", ["記" * 60, "W" * 90, "i" * 300, "👍" * 40, "Ω漢a" * 30, "short"])
def test_text_is_cut_where_its_room_ends(text: str) -> None:
    cut = drawing.cut_to(text, 20)
    assert cut == text if text == "short" else cut.endswith("…")
    assert sum(map(drawing._ems, cut.removesuffix("…"))) <= 20


def test_what_is_none_of_ours_is_not_drawn() -> None:
    for what in ('{"kind":"cat"}', "[]", "nonsense"):
        with pytest.raises(ValueError, match=r"."):
            drawing.draw(what)


def test_the_same_is_drawn_the_same() -> None:
    first = drawing.draw(of(NUMBERS).of)
    assert drawing.draw(of(NUMBERS).of) == first
    assert first.startswith(b"\x89PNG\r\n\x1a\n")
    assert (int.from_bytes(first[16:20], "big"), int.from_bytes(first[20:24], "big")) == (1000, 600)
    assert len(first) < 100_000


@needs_fonts
@pytest.mark.parametrize(("one", "other"), [("賛", "反"), ("👍", "👎"), ("あ", "\u0378"), ("🎉", "\u0378")])
def test_every_sign_is_drawn_as_itself(one: str, other: str) -> None:
    """Where a font is missing, signs become the same box."""
    assert drawing.draw(of(NUMBERS, one).of) != drawing.draw(of(NUMBERS, other).of)


def test_missing_fonts_are_named_with_their_mend(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(fonts, "FOLDERS", (str(tmp_path), str(tmp_path / "not there")))
    assert [one.rpartition(" ")[2] for one in fonts.missing()] == ["fonts-ipaexfont-gothic)", "fonts-noto-color-emoji"]
    assert fonts.stack() == "sans-serif"
    (tmp_path / "opentype").mkdir()
    (tmp_path / "opentype" / "NotoSansCJK-Regular.ttc").touch()
    (tmp_path / "NotoColorEmoji.ttf").touch()
    (tmp_path / "NotoColorEmoji.txt").touch()
    assert fonts.missing() == []
    assert fonts.stack() == "'Noto Sans CJK JP', 'Noto Color Emoji', sans-serif"


# --- nothing hangs on them ---


class Drawer:
    """A thinking process that draws the same for all, or fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False

    async def __call__(self, job: str, data: Any) -> Any:
        assert job == "picture"
        self.asked.append(data["of"])
        if self.broken:
            raise ThinkError("It fell over.")
        return {"png": "iVBORw0KGgo="}


@pytest.fixture
def drawer(monkeypatch: pytest.MonkeyPatch) -> Drawer:
    monkeypatch.setattr(fonts, "missing", list)
    return Drawer()


async def test_a_picture_is_drawn_once_for_all(drawer: Drawer) -> None:
    draw = Pictures(drawer)
    first, second = await draw(pictured(b"")), await draw(pictured(b"", "Other words."))
    assert [one.png for one in (*pictures_of(first), *pictures_of(second))] == [b"\x89PNG\r\n\x1a\n"] * 2
    await draw(first)
    assert drawer.asked == ["a"]
    await draw(pictured(b"", of="b"))
    assert drawer.asked == ["a", "b"]


async def test_what_can_not_be_drawn_is_not_shown(drawer: Drawer) -> None:
    drawer.broken = True
    draw = Pictures(drawer)
    message = pictured(b"")
    assert await draw(message) == message
    assert pictures_of(await draw(message)) == ()
    drawer.broken = False
    assert len(pictures_of(await draw(message))) == 1, "the next time it is tried anew"


async def test_without_fonts_or_wish_nothing_is_drawn(drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pictures_of(await Pictures(drawer, on=False)(pictured(b""))) == ()
    monkeypatch.setattr(fonts, "missing", lambda: ["a font"])
    draw = Pictures(drawer)
    assert draw.missing == ["a font"]
    assert pictures_of(await draw(pictured(b""))) == ()
    assert drawer.asked == []


@needs_fonts
async def test_the_thinking_process_draws() -> None:
    async with Thinker() as think:
        message = await Pictures(think)(Message(title="t", blocks=(of(NUMBERS),)))
    [picture] = pictures_of(message)
    assert picture.png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture.png) > 10_000


async def test_the_desk_draws_what_it_answers(room: Newsroom, drawer: Drawer) -> None:
    await room.publish(found())
    desk = Desk(replace(room.desk._tools, draw=Pictures(drawer)))
    reply = await desk.ask(MODERATOR, "/stats")
    assert reply.ok, to_text(reply.message)
    assert len(pictures_of(reply.message)) == 1


async def test_a_post_is_drawn_before_it_is_begun_and_known_by_its_numbers(
    db: Db, clock: SetClock, tmp_path: Any, drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    monkeypatch.setattr(publish, "trace", lambda stage: begun.append(len(drawer.asked)) if stage == "begun" else None)
    shown = pictured(b"")
    monkeypatch.setattr(publish, "leaves", lambda *_, **__: [Wanted(name="card", message=shown)])
    memory = Room(tmp_path / "drawn.jsonl")
    await add_place(db, clock)
    room = Newsroom(db, clock, QuietRoom("web", memory))
    room.publisher = Publisher(db, {"web": room.chat}, DEFAULT, clock, Pictures(drawer))
    try:
        number = await room.publish(found())
        entry = room.chat.room.entry(await room.anchor(number))
        assert entry is not None
        assert entry.message is not None
        assert [one.png for one in pictures_of(entry.message)] == [b"\x89PNG\r\n\x1a\n"]
        assert begun == [1], "a slow drawing leaves nothing in doubt"
        [leaf] = await db.read("select shown from leaf")
        assert leaf["shown"] == shown.digest()
    finally:
        await memory.close()
