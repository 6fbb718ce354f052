"""Pictures on Discord: as attachments of posts and answers, and what stands where they can't be had."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.platforms.discord import encode, talk
from core.document import Paragraph, spans
from core.message import Action, File, Message, Reply, pictures_of
from tests.discord_stage import CREATE, EDIT, Stage, stage
from tests.far import say
from tests.pictured import pictured, png
from tests.standins.discord import Discord, P
from tests.test_discord_talk import CALLBACK, World, after, world
from tests.waiting import until

KEY = "0123456789abcdef01234567"
DARK, LIGHT = png(10), png(240)


@pytest.fixture
async def far() -> AsyncIterator[Discord]:
    async with Discord() as far:
        far.buckets = False
        yield far


@pytest.fixture
async def here(far: Discord, tmp_path: Path) -> AsyncIterator[Stage]:
    far.guild("Elsewhere")
    async with stage(far, tmp_path) as here:
        yield here


@pytest.fixture
async def w() -> AsyncIterator[World]:
    async with world() as made:
        yield made


async def test_a_post_of_a_forum_has_its_picture(here: Stage, far: Discord) -> None:
    forum = far.guild("Town").forum("pieces")
    place = await here.place(forum, "forum")
    ref = await here.chat.send(place, pictured(DARK, "Dark."), KEY)
    thread = int(ref.id.partition("-")[0])
    [first] = far.messages(thread)
    assert far.pictures(first) == [(DARK, "Dark.")]
    await here.chat.edit(place, ref, pictured(LIGHT, "Light."), KEY)
    [first] = far.messages(thread)
    assert far.pictures(first) == [(LIGHT, "Light.")]
    assert len(first.attachments) == 1, "the one before is not kept"


async def test_the_same_key_shows_one_picture(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    place = await here.place(channel)
    far.fail(CREATE, how="500-after")
    ref = await here.chat.send(place, pictured(DARK), KEY)
    [one] = far.messages(channel)
    assert (str(one.id), far.pictures(one)) == (ref.id, [(DARK, "Picture: 41 readers.")])


async def test_without_the_permission_the_text_stands(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    place = await here.place(channel)
    channel.deny = P.ATTACH_FILES
    far.hub.emit("CHANNEL_UPDATE", channel.guild, lambda _: channel.raw(far.me))
    await here.hear()
    ref = await here.chat.send(place, pictured(DARK), KEY)
    await here.chat.edit(place, ref, pictured(LIGHT, text="Edited."), KEY)
    [one] = far.messages(channel)
    assert far.pictures(one) == []
    assert "Edited." in one.text
    assert here.asked(CREATE, EDIT) == [1, 1], "nothing was refused"


@pytest.mark.parametrize("how", [(403, 50013), (400, 50035)])
async def test_a_picture_that_is_refused_costs_no_post(here: Stage, far: Discord, how: tuple[int, int]) -> None:
    channel = far.guild("Town").text("news")
    place = await here.place(channel)
    far.fail(CREATE, how=how)
    await here.chat.send(place, pictured(DARK), KEY)
    [one] = far.messages(channel)
    assert far.pictures(one) == []
    assert one.flags & encode.V2, "the form was not at fault"
    assert "Below." in one.text
    await here.chat.send(place, pictured(DARK), KEY[::-1])
    assert far.pictures(far.messages(channel)[1]) == [(DARK, "Picture: 41 readers.")]


async def test_an_older_server_shows_it_in_an_embed(here: Stage, far: Discord) -> None:
    far.components_v2 = False
    channel = far.guild("Town").text("news")
    place = await here.place(channel)
    await here.chat.send(place, say("The first tells us."), KEY)
    ref = await here.chat.send(place, pictured(DARK, "Dark."), KEY[::-1])
    one = far.messages(channel)[1]
    assert far.pictures(one) == [(DARK, "Dark.")]
    assert not one.flags & encode.V2
    await here.chat.edit(place, ref, pictured(LIGHT, "Light."), KEY[::-1])
    assert far.pictures(far.messages(channel)[1]) == [(LIGHT, "Light.")]


def test_a_picture_takes_room_before_it_is_drawn() -> None:
    alt = "図" * 600
    text = "字" * 2650
    assert encode.fits(Message(title="t", blocks=(Paragraph(spans=spans(text)),)))
    for content in (b"", DARK):
        assert not encode.fits(pictured(content, alt, text=text)), "drawn or not"
    assert encode.fits(pictured(b"", alt, text=text[:2000]))
    with pytest.raises(Exception, match="too long for Discord"):
        encode.posted(pictured(DARK, alt, text=text))


def test_a_long_message_has_its_picture_on_one_page() -> None:
    long = pictured(DARK, text="これは長い話です。" * 900)
    pages = encode.paged(replace(long, actions=(Action(id="v1:x", label="More"),)))
    assert len(pages) > 1
    assert [len(pictures_of(page)) for page in pages] == [1, *[0] * (len(pages) - 1)]
    assert all(encode.posted(page) for page in pages)


# --- answers ---


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("slow", [0, 0.1])
async def test_an_answer_shows_its_picture(
    w: World, monkeypatch: pytest.MonkeyPatch, slow: float, private: bool
) -> None:
    monkeypatch.setattr(talk, "DEFER_AFTER", 0.05)
    w.desk.answers["topics"] = after(slow, Reply(message=pictured(DARK, "Dark."), private=private))
    answer = await w.ask()

    def shown() -> list[Any]:
        return [one for one in (answer.message, *answer.followups) if one and "Below." in one.text]

    await until(shown)
    assert w.far.pictures(shown()[0]) == [(DARK, "Dark.")]


async def test_files_come_with_a_private_answer_after_its_picture(w: World) -> None:
    given = (File(name="a.json", kind="application/json", content=b"{}"), File(name="a.html", kind="x", content=b"<p>"))
    w.desk.answers["topics"] = lambda: Reply(message=pictured(DARK, "Dark."), files=given)
    answer = await w.ask()
    assert answer.message is not None
    attached = {one["filename"]: w.far.files[one["id"]] for one in answer.message.attachments}
    assert attached == {"rondan-0.png": DARK, "a.json": b"{}", "a.html": b"<p>"}
    assert w.far.pictures(answer.message) == [(DARK, "Dark.")]


async def test_an_answer_where_rondan_may_not_attach_is_text(w: World) -> None:
    w.channel.deny = P.ATTACH_FILES
    w.desk.answers["topics"] = lambda: Reply(message=pictured(DARK))
    answer = await w.ask()
    assert answer.message is not None
    assert "Below." in answer.text
    assert w.far.pictures(answer.message) == []
    assert w.far.count(CALLBACK) == 1


async def test_an_answer_whose_picture_is_refused_is_text(w: World) -> None:
    w.far.fail(CALLBACK, how=(400, 50035))
    w.desk.answers["topics"] = lambda: Reply(message=pictured(DARK))
    answer = await w.ask()
    assert answer.message is not None
    assert "Below." in answer.text
    assert w.far.pictures(answer.message) == []
    assert answer.message.flags & encode.V2


async def test_turning_pages_takes_the_picture_away_and_brings_it_back(w: World) -> None:
    w.desk.answers["topics"] = lambda: Reply(message=pictured(DARK, text="これは長い話です。" * 900))
    answer = await w.ask()
    assert answer.message is not None
    shown: list[Any] = [w.far.pictures(answer.message)]
    for label in ("Page 2", "Back"):
        button = next(one for one in answer.message.buttons if one["label"].startswith(label))
        turned = await w.far.press(w.ria, answer.message, button["custom_id"])
        await turned.settled(5)
        shown.append(w.far.pictures(answer.message))
    assert shown == [[(DARK, "Picture: 41 readers.")], [], [(DARK, "Picture: 41 readers.")]]
    assert len(answer.message.attachments) == 1
