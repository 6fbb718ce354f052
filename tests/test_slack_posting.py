"""Posting to Slack: what is sent, what is waited out, what is looked for, what is too long, what may not be changed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.platforms.slack import api
from bot.platforms.slack.chat import SlackChat
from core.chat import CannotTell, Place, Present, Ref
from core.document import Document, Heading, Paragraph, spans
from core.errors import Busy, ChatError, Gone, Poison, Unknown
from core.message import Action, Message
from tests.conftest import found
from tests.far import Hearing, say
from tests.far_slack import connected
from tests.slack_stage import stage
from tests.standins.slack import Channel, Slack
from tests.waiting import until

KEY, OTHER = "a" * 24, "b" * 24
NOW = datetime(2020, 1, 1, tzinfo=UTC)


def far_side(*names: str) -> tuple[Slack, list[Channel]]:
    far = Slack()
    far.limited = False
    return far, [far.channel(name) for name in names or ("general",)]


def place_in(channel: Channel, number: int = 1) -> Place:
    return Place(id=number, platform="slack", channel=channel.id)


def args(far: Slack, method: str) -> list[dict[str, Any]]:
    return [one.args for one in far.log if one.method == method]


# --- what is sent ---


async def test_nothing_of_any_text_is_parsed(tmp_path: Path) -> None:
    far, (channel,) = far_side()
    async with far, stage(far, tmp_path) as here:
        await here.place(channel, "thread")
        title = "@here <!channel> https://a.example"
        await here.publish(found(title=title, text="<@U123> &amp; #general"))
        piece = await here.publish(found(title=title, text="Other words."))
        await here.retract(piece)
        sent = [*args(far, "chat.postMessage"), *args(far, "chat.update")]
        assert len(sent) >= 4
        assert {one["parse"] for one in sent} == {"none"}
        assert {(one["unfurl_links"], one["unfurl_media"]) for one in sent} == {(False, False)}
        assert not any(one.get("link_names") for one in sent)
        assert (far.pings, far.unfurling) == ([], [])


async def test_an_edit_is_within_the_limit_of_edits_whatever_it_says() -> None:
    far, (channel,) = far_side()
    async with far, connected(far, Hearing(), [place_in(channel)]) as chat:
        ref = await chat.send(place_in(channel), say("short"), KEY)
        for text in ("&<>" * 600, "長い。" * 900, "👩‍👩‍👧‍👦" * 240):
            await chat.edit(place_in(channel), ref, Message(title=text, blocks=say(text).blocks), KEY)
        assert max(len(one["text"]) for one in args(far, "chat.update")) <= 3000
        assert far.count("chat.update", "") == 3


# --- what is waited out ---


async def test_too_many_calls_are_waited_out_by_method_for_all_channels(tmp_path: Path) -> None:
    far, (one, two) = far_side("one", "two")
    here, there = place_in(one), place_in(two, 2)
    async with far, connected(far, Hearing(), [here, there]) as chat:
        ref = await chat.send(here, say("first"), KEY)
        far.fail("chat.postMessage", how="ratelimited", delay=1)
        began = asyncio.get_running_loop().time()
        refused = asyncio.create_task(chat.send(here, say("second"), OTHER))
        await until(lambda: far.count("chat.postMessage", "ratelimited"))
        await chat.edit(here, ref, say("edited meanwhile"), KEY)
        assert asyncio.get_running_loop().time() - began < 0.9, "another method is not held up"
        await asyncio.gather(refused, chat.send(there, say("elsewhere"), "c" * 24))
        assert asyncio.get_running_loop().time() - began >= 1, "the same method is, in every channel"
        assert [one.text for one in far.messages(one)] == ["edited meanwhile", "second"]
        assert far.count("chat.postMessage") == 4, "none was tried before its time"


async def test_a_wait_that_is_too_long_is_the_plans(tmp_path: Path) -> None:
    far, (channel,) = far_side()
    async with far, stage(far, tmp_path) as here:
        place = await here.place(channel)
        far.fail("chat.postMessage", how="ratelimited", delay=90)
        piece = await here.publish()
        state, reason = await here.state(piece, place)
        assert (state, far.count("chat.postMessage")) == ("waiting", 1)
        assert "ratelimited" in reason
        await here.settle(seconds=60)
        assert far.count("chat.postMessage") == 1
        here.chat.api._held.clear()  # the clock of the plan is moved, that of the loop is not
        await here.settle(seconds=31)
        assert await here.state(piece, place) == ("done", "")
        assert len(here.shown(channel)) == 1


async def test_too_many_messages_is_surely_not_done_either(tmp_path: Path) -> None:
    far, (channel,) = far_side()
    async with far, stage(far, tmp_path) as here:
        place = await here.place(channel)
        far.fail("chat.postMessage", how="rate_limited")
        piece = await here.publish()
        await here.settle(seconds=31)
        assert await here.state(piece, place) == ("done", "")
        assert far.count("conversations.history") == 0, "nothing is in doubt"


@pytest.mark.parametrize("said", ["soon", "", "-5", "Wed, 21 Oct 2026 07:28:00 GMT", "1e9", "nan"])
async def test_a_wait_that_can_not_be_read_is_half_a_minute(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PATIENCE", 0.0)
    far, (channel,) = far_side()
    async with far, connected(far, Hearing(), [place_in(channel)]) as chat:
        refusal = far.limits.refusal("x", 1)
        refusal.headers["Retry-After"] = said
        monkeypatch.setattr("tests.standins.slack.faults.Fault.refusal", lambda _self: refusal)
        far.fail("chat.postMessage", how="ratelimited")
        with pytest.raises(Busy) as error:
            await chat.send(place_in(channel), say("x"), KEY)
        assert 25 < (error.value.until - datetime.now(UTC)).total_seconds() < 31


# --- what is looked for ---


@pytest.mark.parametrize(
    "how", ["500-after", "500-before", "drop-after", "internal_error", "fatal_error", 503, 200, 404]
)
async def test_what_is_not_known_is_tried_once_and_then_looked_for(how: str | int) -> None:
    far, (channel,) = far_side()
    async with far, connected(far, Hearing(), [place_in(channel)]) as chat:
        far.fail("chat.postMessage", times=3, how=how)
        with pytest.raises(Unknown):
            await chat.send(place_in(channel), say("once"), KEY)
        assert far.count("chat.postMessage") == 1


@pytest.mark.parametrize("answer", ['{"ok": true}', "[]", '"ok"', "{", "ok", ""])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
async def test_an_answer_that_is_none_leaves_it_in_doubt(
    answer: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiohttp import web

    far, (channel,) = far_side()
    async with far, connected(far, Hearing(), [place_in(channel)]) as chat:
        serve = far._refused
        monkeypatch.setattr(far, "_refused", lambda *given: web.Response(text=answer, content_type=kind))
        far.fail("chat.postMessage", how="anything")
        far.fail("reactions.get", how="anything")
        with pytest.raises(ChatError):
            await chat.send(place_in(channel), say("once"), KEY)
        monkeypatch.setattr(far, "_refused", serve)
        assert await chat.find(place_in(channel), KEY, since=NOW) is not None


async def test_of_two_copies_the_later_is_removed() -> None:
    far, (channel,) = far_side()
    async with far, connected(far, Hearing(), [place_in(channel)]) as chat:
        refs = [await chat.send(place_in(channel), say("twice"), KEY) for _ in range(3)]
        other = await chat.send(place_in(channel), say("another"), OTHER)
        assert await chat.find(place_in(channel), KEY, since=NOW) == Present(refs[0])
        assert [one.ts for one in far.messages(channel)] == [refs[0].id, other.id]


async def test_what_was_found_is_found_whatever_comes_after_it() -> None:
    far, (channel,) = far_side()
    place = place_in(channel)
    async with far, connected(far, Hearing(), [place]) as chat:
        refs = [await chat.send(place, say("twice"), KEY) for _ in range(2)]
        for number in range(3):
            await chat.send(place, say(str(number)), OTHER)
        chat.page = 1
        far.fail("chat.delete", how="cant_delete_message")
        slow = far.fail("conversations.history", times=5, how="slow")
        far.fail("conversations.history", times=9, how="missing_scope")
        assert await chat.find(place, KEY, since=NOW) == Present(refs[0])
        assert far.count("chat.delete") == 1
        assert slow.left == 0
        far.faults.clear()
        for page in range(1, 5):
            far.fail("conversations.history", times=page, how="slow")
            far.fail("conversations.history", times=9, how="missing_scope")
            told = await chat.find(place, KEY, since=NOW)
            assert isinstance(told, CannotTell) if page < 4 else told == Present(refs[1])
            far.faults.clear()


async def test_a_lookup_says_until_when_it_can_not_tell() -> None:
    far, (channel,) = far_side()
    async with far, connected(far, Hearing(), [place_in(channel)]) as chat:
        far.fail("conversations.history", how="ratelimited", delay=300)
        told = await chat.find(place_in(channel), KEY, since=NOW)
        assert isinstance(told, CannotTell)
        assert told.until is not None
        assert timedelta(seconds=250) < told.until - datetime.now(UTC) < timedelta(seconds=301)


# --- order ---


@pytest.mark.parametrize("how", ["internal_error", "drop-after", "ratelimited", "rate_limited", "org_login_required"])
async def test_sections_stand_in_order_whichever_fails_and_whatever_else_is_posted(tmp_path: Path, how: str) -> None:
    far, (channel,) = far_side()
    async with far, stage(far, tmp_path) as here:
        place = await here.place(channel, "thread")
        blocks: list[Any] = []
        for name in "ABCD":
            blocks += [Heading(level=2, spans=spans(name)), Paragraph(spans=spans(f"Words of {name}."))]
        items = [found(str(n), title=f"Piece {n}", document=Document(blocks=tuple(blocks))) for n in range(3)]
        pieces = [await here.take(one) for one in items]
        for skipped in (2, 5, 1):  # a section of the first, one of another, a card
            far.fail("chat.postMessage", times=skipped, how="slow")
            far.fail("chat.postMessage", how=how)
        await here.settle()
        await here.settle(times=40, seconds=15)
        for _ in range(10):
            await here.settle(seconds=100)
        assert [await here.state(one, place) for one in pieces] == [("done", "")] * 3
        there = here.shown(channel)
        for number in range(3):
            at = there.index(f"Piece {number}")
            assert there[at + 1 : at + 5] == ["  A", "  B", "  C", "  D"]
        assert len(there) == 15


# --- what is too long ---


async def test_what_slack_finds_too_long_is_split_and_nothing_is_left_out(tmp_path: Path) -> None:
    far, (channel,) = far_side()
    far.text_budget = 700
    async with far, stage(far, tmp_path) as here:
        place = await here.place(channel, "thread")
        said = [f"Sentence number {number} of this long section." for number in range(50)]
        blocks: tuple[Any, ...] = (
            Heading(level=2, spans=spans("Long")), *(Paragraph(spans=spans(one)) for one in said),
            Heading(level=2, spans=spans("Short")), Paragraph(spans=spans("The end.")),
        )  # fmt: skip
        piece = await here.publish(found(document=Document(blocks=blocks)))
        assert await here.state(piece, place) == ("done", "")
        inside = "\n".join(far.plain(one) for one in far.messages(channel)[1:])
        lines = [line for line in inside.split("\n") if line.startswith(("Sentence", "The end"))]
        assert lines == [*said, "The end."]
        posts = far.count("chat.postMessage", "")
        await here.settle(times=2, seconds=60)
        assert far.count("chat.postMessage", "") == posts == len(far.messages(channel))
        assert far.count("chat.update") == 0


async def test_a_card_that_fits_nowhere_is_shown_cut_with_its_buttons() -> None:
    far, (channel,) = far_side()
    buttons = (Action(id="v1:comment:x:-", label="Comment"), Action(id="v1:read:x:-", label="Read"))
    async with far, connected(far, Hearing(), [place_in(channel)]) as chat:
        long = Message(title="Long", blocks=say("とても長い。" * 3000).blocks, actions=buttons)
        assert not chat.fits(long)
        ref = await chat.send(place_in(channel), long, KEY)
        await chat.edit(place_in(channel), ref, long, KEY)
        [card] = far.messages(channel)
        assert far.plain(card).startswith("とても長い。")
        assert len(card.buttons) == 2


async def test_of_what_was_too_long_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.platforms.slack.posts.REMEMBERED", 2)
    far, (channel,) = far_side()
    far.text_budget = 100
    async with far, connected(far, Hearing(), [place_in(channel)]) as chat:
        for number in range(4):
            with pytest.raises(Busy):
                await chat.send(place_in(channel), say(f"{number}" * 200), KEY)
        assert [chat.fits(say(f"{number}" * 200)) for number in range(4)] == [True, True, False, False]


# --- what may not be changed ---


async def refused(chat: SlackChat, doing: str, place: Place, ref: Ref) -> ChatError:
    with pytest.raises(ChatError) as error:
        await (chat.delete(place, ref) if doing == "delete" else chat.edit(place, ref, say("other"), KEY))
    return error.value


@pytest.mark.parametrize(
    ("doing", "how", "kind", "told"),
    [
        ("edit", "edit_window_closed", Poison, "no longer lets it be edited"),
        ("edit", "cant_update_message", Poison, "did not post it"),
        ("delete", "cant_delete_message", Poison, "did not post it"),
        ("edit", "message_not_found", Gone, "not there any more"),
        ("edit", "is_archived", Gone, "archived"),
        ("edit", "org_login_required", Busy, "org_login_required"),
        ("edit", "external_channel_migrating", Busy, "migrating"),
        ("edit", "update_failed", Unknown, "update_failed"),
        ("delete", "missing_scope", Gone, "rondan slack manifest"),
    ],
)
async def test_what_a_refusal_means(doing: str, how: str, kind: type[ChatError], told: str) -> None:
    far, (channel,) = far_side()
    place = place_in(channel)
    async with far, connected(far, Hearing(), [place]) as chat:
        ref = await chat.send(place, say("A piece"), KEY)
        far.fail("chat.delete" if doing == "delete" else "chat.update", times=9, how=how)
        error = await refused(chat, doing, place, ref)
        assert type(error) is kind
        assert told in str(error)
        if isinstance(error, Gone):
            assert error.what == ("message" if how == "message_not_found" else "place")


async def test_a_message_that_may_not_be_edited_any_more_still_stands(tmp_path: Path) -> None:
    far, (channel,) = far_side()
    async with far, stage(far, tmp_path) as here:
        place = await here.place(channel)
        await here.publish()
        far.fail("chat.update", times=9, how="edit_window_closed")
        piece = await here.publish(found(title="The day bus"))
        state, reason = await here.state(piece, place)
        assert state == "stuck"
        assert "no longer lets it be edited" in reason
