"""The contract of `core.chat.Chat`, clause by clause, against every adapter (`tests/far.py` has them)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.chat import (
    Absent,
    CannotTell,
    Commented,
    Known,
    Present,
    Reacted,
    Ref,
    Removed,
    Unreadable,
    Window,
)
from core.document import Cited, Heading, Paragraph, Span, spans
from core.errors import Gone, Unknown
from core.message import Action, Message, to_text
from tests.far import HARNESSES, Harness, Shown, say
from tests.far_discord import discord_card
from tests.far_slack import slack_http, slack_socket
from tests.pictured import pictured, png

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


EVERY = {**HARNESSES, "discord": discord_card, "slack": slack_socket, "slack-http": slack_http}


@pytest.fixture(params=EVERY)
async def far(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    async with EVERY[request.param](tmp_path) as harness:
        yield harness


# --- the clauses ---


def key(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=12).hexdigest()


async def test_1_a_message_is_shown_once(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("ひとつ"), key(1))
    assert await far.shown() == [Shown(ref.id, "ひとつ")]
    assert ref.id in ref.anchors
    assert Ref.parse(ref.text()) == ref


async def test_1_the_same_key_shows_nothing_new(far: Harness) -> None:
    if far.chat.resend_within(far.place) == 0:
        pytest.skip("this platform does not recognise a repeated key")
    first = await far.chat.send(far.place, say("once"), key(1))
    assert await far.chat.send(far.place, say("once"), key(1)) == first
    both = await asyncio.gather(*(far.chat.send(far.place, say("at once"), key(2)) for _ in range(4)))
    assert len(set(both)) == 1
    assert [one.text for one in await far.shown()] == ["once", "at once"]


async def test_2_a_thread_keeps_the_order_of_the_calls(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    for number in range(2, 7):
        await far.chat.send(far.place, say(f"section {number}"), key(number), under=card)
    other = await far.chat.send(far.place, say("other"), key(9))
    shown = await far.shown()
    assert [one.text for one in shown] == ["card", *(f"section {number}" for number in range(2, 7)), "other"]
    assert {one.under for one in shown[1:6]} == {card.id}
    assert shown[6] == Shown(other.id, "other")


async def test_2_a_thread_whose_head_is_gone_is_gone(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    await far.chat.delete(far.place, card)
    with pytest.raises(Gone) as caught:
        await far.chat.send(far.place, say("section"), key(2), under=card)
    assert caught.value.what == "message"


async def test_3_a_write_of_unsure_outcome_says_so_and_is_found(far: Harness) -> None:
    far.unsure()
    with pytest.raises(Unknown):
        await far.chat.send(far.place, say("did it?"), key(1))
    found = await far.chat.find(far.place, key(1), since=LONG_AGO)
    assert [one.text for one in await far.shown()] == ["did it?"]
    assert isinstance(found, Present)


async def test_4_find_tells_present_absent_and_cannot_tell(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("here"), key(1))
    leaf = await far.chat.send(far.place, say("there"), key(2), under=ref)
    await far.comment(ref.id, f"a comment that holds {key(3)}")
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert await far.chat.find(far.place, key(1), since=since) == Present(ref)
    assert await far.chat.find(far.place, key(2), under=ref, since=since) == Present(leaf)
    assert await far.chat.find(far.place, key(3), since=since) == Absent()
    await far.chat.delete(far.place, ref)
    assert await far.chat.find(far.place, key(1), since=since) == Absent()
    far.blind()
    assert isinstance(await far.chat.find(far.place, key(2), under=ref, since=since), CannotTell)


async def test_5_an_edit_replaces_what_is_shown(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("before"), key(1))
    await far.chat.edit(far.place, ref, say("after"), key(1))
    await far.chat.edit(far.place, ref, say("after"), key(1))
    assert await far.shown() == [Shown(ref.id, "after")]
    assert await far.chat.find(far.place, key(1), since=LONG_AGO) == Present(ref)


async def test_5_what_is_gone_can_not_be_edited(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("before"), key(1))
    await far.remove(ref.id)
    with pytest.raises(Gone) as caught:
        await far.chat.edit(far.place, ref, say("after"), key(1))
    assert caught.value.what == "message"


async def test_6_deleting_twice_is_fine(far: Harness) -> None:
    ref = await far.chat.send(far.place, say("short-lived"), key(1))
    await far.chat.delete(far.place, ref)
    await far.chat.delete(far.place, ref)
    assert await far.shown() == []


HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> &lt;b&gt;",
    "**bold** _it_ `code` ```\nfence\n``` > quote # head [a](https://evil.example) ||spoiler||",
    "@everyone @here <@1> <!channel> <!here> <#C1> <@U1|you> &amp; <https://evil.example|click> :smile:",
    "これは**「論点」**である。~~取消~~ 《るび》 ｜漢字《かんじ》",
)


@pytest.mark.parametrize("text", HOSTILE)
async def test_7_text_is_only_text(far: Harness, text: str) -> None:
    message = Message(
        title=text,
        blocks=(
            Heading(level=2, spans=spans(text)),
            Paragraph(spans=(Span(text=text, bold=True),)),
            Cited(title=text, url=None),
        ),
        actions=(Action(id="v1:x", label=text[:20]),),
    )
    await far.chat.send(far.place, message, key(1))
    [one] = await far.shown()
    assert one.text == to_text(message)


async def test_8_the_ears_hear_what_people_do(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    section = await far.chat.send(far.place, say("section"), key(2), under=card)
    await far.chat.edit(far.place, section, say("section, edited"), key(2))
    assert far.heard == [], "our own doings are no news"

    await far.react(card.id, "👍")
    await far.react(card.id, "👍", added=False)
    answer = await far.comment(section.id, "賛成です")
    await far.reword(answer, "やはり反対です")
    await far.react(answer, "💡")
    await far.remove(answer)
    await far.remove(card.id)

    on, off, said, said_anew, liked, erased, withdrawn = far.heard
    assert isinstance(on, Reacted)
    assert isinstance(off, Reacted)
    assert (on.anchor, on.emoji, on.added, off.added) == (card.id, "👍", True, False)
    assert on.platform == far.chat.name
    assert on.channel == far.place.channel
    assert isinstance(said, Commented)
    assert isinstance(said_anew, Commented)
    assert (said.anchor, said.text, said.thread) == (answer, "賛成です", card.id)
    assert said.reply_to == section.id or far.chat.name == "slack", "on Slack all in a thread answer its root"
    assert (said_anew.anchor, said_anew.text) == (answer, "やはり反対です")
    assert said.edited is None
    assert said_anew.edited is not None
    assert said.at.tzinfo is not None
    assert said.person.id == on.person.id
    assert isinstance(liked, Reacted)
    assert liked.anchor == answer
    assert isinstance(erased, Removed)
    assert isinstance(withdrawn, Removed)
    assert (erased.anchors, withdrawn.anchors) == ((answer,), (card.id,))
    assert withdrawn.by is not None or far.chat.name in ("discord", "slack"), "they do not tell who"


async def test_8_an_answer_to_the_card_answers_no_section(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    await far.comment(card.id, "first")
    [said] = far.heard
    assert isinstance(said, Commented)
    assert said.thread == card.id
    assert said.reply_to in (None, card.id)


async def test_9_recall_yields_what_was_missed(far: Harness) -> None:
    card = await far.chat.send(far.place, say("card"), key(1))
    since = datetime.now(UTC)
    await far.react(card.id, "👎")
    far.away(True)
    await far.react(card.id, "👍")
    await far.react(card.id, "👎", added=False)
    kept, lost = await far.comment(card.id, "kept"), await far.comment(card.id, "lost")
    await far.reword(kept, "kept, edited")
    await far.remove(lost)
    far.away(False)

    known = Known(channel=far.place.channel, ref=card, since=since, reactions={"👎": 1})
    news = [one async for one in far.chat.recall([known])]
    [window] = [one for one in news if isinstance(one, Window)]
    [said] = [one for one in news if isinstance(one, Commented)]
    reacted = [one for one in news if isinstance(one, Reacted)]
    assert (said.anchor, said.text, said.thread) == (kept, "kept, edited", card.id)
    assert [(one.emoji, one.recalled) for one in reacted] == [("👍", True)]
    assert window.comments == frozenset({kept})
    assert window.reactions == frozenset({(reacted[0].person.id, "👍", "normal")})


async def test_9_what_can_not_be_read_concludes_nothing(far: Harness) -> None:
    nowhere = Known(channel=far.place.channel, ref=Ref(id="w999999"), since=LONG_AGO)
    news = [one async for one in far.chat.recall([nowhere])]
    assert [type(one) for one in news] == [Unreadable]


async def test_10_a_picture_is_shown_with_its_words_and_edited(far: Harness) -> None:
    before, after = png(10), png(200)
    alt = "Picture: 読者41人 👍 *28* <b> @everyone"
    ref = await far.chat.send(far.place, pictured(before, alt), key(1))
    [one] = await far.shown()
    assert one.pictures == ((before, alt),)
    assert "Digest" in one.text
    assert "Below." in one.text
    assert await far.chat.find(far.place, key(1), since=LONG_AGO) == Present(ref)
    await far.chat.edit(far.place, ref, pictured(after, "Another.", "b"), key(1))
    assert [one.pictures for one in await far.shown()] == [((after, "Another."),)]
    await far.chat.edit(far.place, ref, say("Nothing to see."), key(1))
    assert await far.shown() == [Shown(ref.id, "Nothing to see.")]
    await far.chat.edit(far.place, ref, pictured(before, alt), key(1))
    assert [one.pictures for one in await far.shown()] == [((before, alt),)]


async def test_10_a_picture_that_was_not_drawn_is_not_shown(far: Harness) -> None:
    await far.chat.send(far.place, pictured(b"", "Not there."), key(1))
    [one] = await far.shown()
    assert one.pictures == ()
    assert "Not there." not in one.text
