"""Pictures on Slack: uploaded as files, shown by messages and answers, and what stands where they can't be had."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from bot.platforms.slack import encode, pictures
from core.document import Paragraph, spans
from core.message import Action, Message, Reply, pictures_of
from tests.pictured import pictured, png
from tests.test_slack_talk import World, world

KEY = "0123456789abcdef01234567"
DARK, LIGHT = png(10), png(240)
PLACE, UPLOADED, POST = "files.getUploadURLExternal", "files.completeUploadExternal", "chat.postMessage"


@pytest.fixture
async def w(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(pictures, "LOOKED_AT", (0.05, 0.1, 0.2))
    async with world() as made:
        yield made


@pytest.fixture
def logged() -> list[Any]:
    capture = LogCapture()
    structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(30))
    return capture.entries


async def test_a_file_is_uploaded_once_for_all(w: World) -> None:
    first = await w.chat.send(w.place, pictured(DARK, "Dark."), KEY)
    second = await w.chat.send(w.place, pictured(DARK, "Dark."), KEY[::-1])
    await w.chat.edit(w.place, first, pictured(LIGHT, "Light.", "b"), KEY)
    shown = {one.ts: w.far.pictures(one) for one in w.far.messages(w.channel)}
    assert shown == {first.id: [(LIGHT, "Light.")], second.id: [(DARK, "Dark.")]}
    assert (w.far.count(PLACE), w.far.count(UPLOADED)) == (2, 2)
    assert [one.alt for one in w.far.files.values()] == ["Dark.", "Light."]


async def test_slack_may_look_through_a_file_first(w: World) -> None:
    w.far.file_delay = 0.12
    await w.chat.send(w.place, pictured(DARK, "Dark."), KEY)
    [one] = w.far.messages(w.channel)
    assert w.far.pictures(one) == [(DARK, "Dark.")]
    assert w.far.count(POST, "invalid_blocks") >= 1
    assert w.far.count(POST, "") == 1


async def test_a_file_that_slack_never_shows_costs_no_post(w: World, logged: list[Any]) -> None:
    w.far.file_delay = 60
    ref = await w.chat.send(w.place, pictured(DARK), KEY)
    [one] = w.far.messages(w.channel)
    assert (one.ts, w.far.pictures(one)) == (ref.id, [])
    assert "Below." in w.far.plain(one)
    assert [one["event"] for one in logged] == ["slack.no-picture"]
    w.far.file_delay = 0
    await w.chat.edit(w.place, ref, pictured(DARK), KEY)
    assert w.far.pictures(w.far.messages(w.channel)[0]) == [(DARK, "Picture: 41 readers.")], "uploaded anew"


@pytest.mark.parametrize(
    ("method", "how"),
    [(PLACE, "missing_scope"), (PLACE, "file_uploads_disabled"), ("upload", 500), (UPLOADED, "internal_error")],
)
async def test_without_the_file_the_text_stands(w: World, logged: list[Any], method: str, how: str | int) -> None:
    w.far.fail(method, times=9, how=how)
    await w.chat.send(w.place, pictured(DARK), KEY)
    [one] = w.far.messages(w.channel)
    assert w.far.pictures(one) == []
    assert "Below." in w.far.plain(one)
    assert [one["event"] for one in logged] == ["slack.no-picture"]
    assert w.far.count(POST) == 1


async def test_what_dies_on_the_way_leaves_nothing_that_is_seen(w: World) -> None:
    w.far.fail(UPLOADED, times=9, how="drop-after")
    await w.chat.send(w.place, pictured(DARK), KEY)
    assert [w.far.pictures(one) for one in w.far.messages(w.channel)] == [[]]
    [file] = w.far.files.values()
    assert file.content == DARK


@pytest.mark.parametrize("private", [True, False])
async def test_an_answer_shows_its_picture(w: World, private: bool) -> None:
    w.far.file_delay = 0.03
    w.desk.answers["/topics"] = lambda: Reply(message=pictured(DARK, "Dark."), private=private)
    answer = await w.ask("/rondan topics")
    [shown] = answer.ephemerals if private else answer.said
    assert w.far.pictures(shown) == [(DARK, "Dark.")]


async def test_an_answer_whose_picture_is_refused_is_text(w: World) -> None:
    w.far.file_delay = 60
    w.desk.answers["/topics"] = lambda: Reply(message=pictured(DARK))
    answer = await w.ask("/rondan topics")
    [shown] = answer.ephemerals
    assert w.far.pictures(shown) == []
    assert "Below." in w.far.plain(shown)


def test_views_have_no_pictures() -> None:
    """They must stand at once, and an upload takes its time."""
    view = encode.view(pictured(DARK), "Digest")
    home = encode.home([pictured(DARK)])
    assert not [one for each in (view, home) for one in each["blocks"] if one["type"] == "image"]


def test_a_long_message_has_its_picture_on_one_page() -> None:
    long = pictured(DARK, text="これは長い話です。" * 2000)
    pages = encode.paged(replace(long, actions=(Action(id="v1:x", label="More"),)))
    assert len(pages) > 1
    assert [len(pictures_of(page)) for page in pages] == [1, *[0] * (len(pages) - 1)]
    assert all(encode.posted(page) for page in pages)


def test_what_a_picture_shows_takes_room_before_it_is_drawn() -> None:
    def with_text(content: bytes, letters: int) -> Message:
        return pictured(content, "図" * 2000, text="字" * letters)

    assert encode.fits(Message(title="t", blocks=(Paragraph(spans=spans("字" * 9000)),)))
    assert not encode.fits(with_text(b"", 9000))
    assert not encode.fits(with_text(DARK, 9000))
    assert encode.fits(with_text(b"", 7000))
    assert (
        encode.posted(with_text(DARK, 7000), ids={"a": "F123456789"})["blocks"][1]["slack_file"]["id"] == "F123456789"
    )
