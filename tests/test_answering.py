"""The authors' loop: readers' questions, gathered; answers under the piece, in digests, gone with the comment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.chat import Person, Removed
from core.document import Heading, plain
from core.message import Form, to_text
from digest.packing import pack
from digest.sketch import Reading, Theme
from digest.worker import JOBS
from storage import acts
from tests.conftest import add_place, change_place, found
from tests.newsroom import MODERATOR, READER, Newsroom

ANA = replace(READER, person=Person(id="w1", name="Ana"), roles=frozenset({"reader", "author"}))


async def think(job: str, data: Any) -> Any:
    return JOBS[job](data)


async def asked(room: Newsroom) -> int:
    """A piece with three comments, two of which ask."""
    bus = await room.publish(found())
    card = await room.anchor(bus)
    await room.say("a", card, "Could you explain why the night bus costs so much?", name="w90")
    await room.say("b", card, "I like the night bus.", name="w91")
    await room.say("c", card, "筆者に質問です。運賃はいつ決まりますか？", name="w92")
    await room.ears.fold_all()
    return bus


def under(room: Newsroom, channel: str = "general") -> list[str]:
    """What we say under the card."""
    (card,) = room.chat.room.entries(channel)
    return [to_text(one.message) for one in room.chat.room.entries(channel, card.id) if one.message is not None]


async def test_questions_are_gathered_for_authors_and_no_others(room: Newsroom) -> None:
    newsroom = Newsroom(room.db, room.clock, room.chat, think=think)
    bus = await asked(newsroom)
    text = await newsroom.text("/mod questions", ANA)
    assert "Could you explain why the night bus costs so much?" in text
    assert "運賃はいつ決まりますか" in text
    assert "I like" not in text
    await newsroom.text("/mod answer 1 Fuel.", ANA)
    assert "answered" in await newsroom.text(f"/mod questions piece:{bus} period:week", MODERATOR)
    await newsroom.text("/mod hide 1", MODERATOR)
    assert "Could you" not in await newsroom.text("/mod questions", ANA)
    assert not (await newsroom.ask("/mod questions")).ok
    assert "can't be read right now" in to_text((await room.ask("/mod questions", ANA)).message)


async def test_questions_without_words_in_common_stand_under_one_heading(room: Newsroom) -> None:
    themes = [((), (1,)), ((), (2,)), ((), (3, 4)), (("fares",), (5,))]

    async def told(job: str, data: Any) -> Any:
        found = tuple(Theme(words=words, comments=comments, people=1, size=len(comments)) for words, comments in themes)
        return pack(Reading(questions=(1, 2, 3, 4, 5), themes=found))

    newsroom = Newsroom(room.db, room.clock, room.chat, think=told)
    card = await newsroom.anchor(await newsroom.publish(found()))
    for number in range(1, 6):
        await newsroom.say("a", card, f"Why is it {number}?", name=f"w9{number}")
    reply = await newsroom.ask("/mod questions", ANA)
    headings = [plain(one) for one in reply.message.blocks if isinstance(one, Heading)]
    assert headings[1:] == ["2 that ask alike", "fares", "Other questions"]


async def test_authors_hear_whom_they_may_read_where_they_are(room: Newsroom) -> None:
    newsroom = Newsroom(room.db, room.clock, room.chat, think=think)
    for channel, audience, community in (
        ("annex", "place", "web"), ("hall", "community", "web"),
        ("far", "community", "other"), ("open", "publication", "other"),
    ):  # fmt: skip
        await add_place(room.db, room.clock, channel, community=community)
        await change_place(room.db, ("web", channel), audience=audience)
    bus = await asked(newsroom)
    newsroom.clock.move(hours=1)
    await newsroom.publisher.settle_all()  # it was tried at two places first
    for number, channel in enumerate(("annex", "hall", "far", "open")):
        under = await newsroom.anchor(bus, channel)
        await newsroom.say("d", under, f"Why is it late at {channel}?", name=f"w8{number}", channel=channel)
    text = await newsroom.text("/mod questions", ANA)
    assert [one in text for one in ("Could you explain", "annex?", "hall?", "far?", "open?")] == [1, 0, 1, 0, 1]
    at_annex = await newsroom.text("/mod questions", replace(ANA, channel="annex"))
    assert ("annex?" in at_annex, "Could you explain" in at_annex) == (True, False)
    answered = [(await newsroom.ask(f"/mod answer {number} Yes.", ANA)).ok for number in (1, 4, 5, 6, 7)]
    assert answered == [True, False, True, False, True]
    assert not getattr(await newsroom.desk.press(ANA, "v1:answer:4", None), "ok", True)
    assert not (await newsroom.desk.submit(ANA, "v1:answer:4", {"text": "Yes."}, None)).ok
    assert (await newsroom.ask("/mod answer 4 Yes.", MODERATOR)).ok


async def test_an_answer_stands_under_the_piece_and_in_digests_until_it_is_taken_back(room: Newsroom) -> None:
    await asked(room)
    await room.text("/mod answer 1 Fuel, mostly.", ANA)
    (shown,) = under(room)
    assert shown.index("Could you explain") < shown.index("The author's answer") < shown.index("Fuel, mostly.")
    assert "Ana" not in shown
    await room.text("/mod answer 1 Fuel and wages.", ANA)  # one's own is replaced
    assert "Fuel and wages." in under(room)[0]
    assert len(under(room)) == 1
    assert "was answered by Ana already" in to_text((await room.ask("/mod answer 1 No.", MODERATOR)).message)
    await room.text("/mod answer 1 undo:yes", MODERATOR)
    assert under(room) == []
    assert not (await room.ask("/mod answer 1 undo:yes", MODERATOR)).ok
    assert [(one.before, one.after) for one in await acts.acts(room.db, "comment 1")] == [
        ("Fuel and wages.", ""), ("Fuel, mostly.", "Fuel and wages."), ("", "Fuel, mostly."),
    ]  # fmt: skip


async def test_an_answer_goes_with_its_comment(room: Newsroom) -> None:
    await asked(room)
    await room.text("/mod answer 1 Fuel.", ANA)
    await room.text("/mod hide 1", MODERATOR)
    assert under(room) == []
    await room.text("/mod undo 2", MODERATOR)
    assert len(under(room)) == 1
    await room.ears.keep(Removed(platform="web", channel="general", anchors=("w90",), at=room.clock()))
    await room.ears.fold_all()
    await room.publisher.settle_all()
    assert under(room) == []
    assert not (await room.ask("/mod answer 1 Again.", ANA)).ok


async def test_an_answer_is_shown_where_the_comment_may_be_seen(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "far", community="other")
    await asked(room)
    await room.text("/mod answer 1 Fuel.", ANA)
    assert len(under(room)) == 1
    assert under(room, "far") == []  # said at a place that shares with nobody


async def test_an_answer_is_written_in_a_form(room: Newsroom) -> None:
    await asked(room)
    reply = await room.ask("/mod answer 1", ANA)
    (button,) = reply.message.actions
    form = await room.desk.press(ANA, button.id, None)
    assert isinstance(form, Form)
    assert not (await room.desk.submit(READER, form.id, {"text": "x"}, None)).ok
    for wrong in ("", " ", "x" * 1201):
        assert not (await room.desk.submit(ANA, form.id, {"text": wrong}, None)).ok
    assert (await room.desk.submit(ANA, form.id, {"text": "**Fuel** <b>& @everyone\nAnd wages."}, None)).ok
    await room.publisher.settle_all()
    assert "Fuel" in under(room)[0]
    assert "\nAnd wages." in under(room)[0]
    assert not getattr(await room.desk.press(ANA, "v1:answer:9x", None), "ok", True)
