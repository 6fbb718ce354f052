"""What was missed on Slack is found again, with names, within Slack's limits; and nothing is made up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.platforms.slack import api
from core.chat import Known, Ref, Unreadable, Window
from core.errors import ChatError
from tests.conftest import found
from tests.slack_stage import Stage, stage
from tests.standins.slack import Channel, Message, Person, Slack, methods
from tests.standins.slack.api_conversations import reactions_get
from tests.waiting import until


def far_side() -> tuple[Slack, Channel, Person, Person]:
    far = Slack()
    far.limited = False
    far.patience, far.retry_after = 1.0, ()
    return far, far.channel("general"), far.person("mika"), far.person("otto")


@asynccontextmanager
async def absent(far: Slack) -> AsyncIterator[None]:
    """What happens meanwhile, Slack has given up telling."""
    far.outbox.open = False
    try:
        yield
    finally:
        far.outbox.open = True


async def shown(here: Stage, channel: Channel, layout: str = "card", pieces: int = 1) -> list[Message]:
    await here.place(channel, layout)
    for number in range(pieces):
        await here.publish(found(str(number), title=f"Piece {number}"))
    return [one for one in here.far.messages(channel) if one.thread is None]


async def said(here: Stage) -> list[str]:
    return [str(row[0]) for row in await here.rows("select text from comment where state <> 'erased' order by at")]


async def reacted(here: Stage) -> int:
    return len(await here.rows("select 1 from reaction where present=1"))


# --- what it costs ---


async def test_what_is_asked_depends_on_what_there_is_and_not_on_what_we_have(tmp_path: Path) -> None:
    far, channel, mika, otto = far_side()
    async with far, stage(far, tmp_path) as here:
        cards = await shown(here, channel, pieces=30)
        for card in cards:
            await far.react(mika, card, "👍")
        for card in cards[:3]:
            await far.say(mika, card, "words")
        assert await reacted(here) == 30
        far.counts.clear()
        await here.ears.recall(here.chat)
        assert {name: far.count(name) for name, _ in far.counts} == {
            "conversations.history": 1, "conversations.replies": 3,
        }  # fmt: skip
        async with absent(far):
            await far.react(otto, cards[7], "👍")
        far.counts.clear()
        await here.ears.recall(here.chat)
        assert far.count("reactions.get") == 1
        assert await reacted(here) == 31


async def test_a_restricted_app_asks_for_little_and_waits(tmp_path: Path) -> None:
    far, channel, mika, _ = far_side()
    async with far, stage(far, tmp_path) as here:
        cards = await shown(here, channel, pieces=20)
        async with absent(far):
            for card in cards[:4]:
                await far.say(mika, card, "missed")
        far.limits.on, far.limits.restricted, far.limits.minute = True, True, 0.2
        here.chat.page = 15
        here.chat.api._pause = 0.22
        far.log.clear()
        began = asyncio.get_running_loop().time()
        await here.ears.recall(here.chat)
        asked = [one for one in far.log if one.method.startswith("conversations.") and one.method[14:] != "info"]
        assert len(asked) == 2 + 4
        assert {one.args["limit"] for one in asked} == {"15"}
        assert not far.limits.hits, "Slack never had to say no"
        assert asyncio.get_running_loop().time() - began > 4 * 0.2
        assert len(await said(here)) == 4


async def test_a_channel_in_which_much_else_is_said_is_read_to_its_end(tmp_path: Path) -> None:
    far, channel, mika, _ = far_side()
    async with far, stage(far, tmp_path) as here:
        [card] = await shown(here, channel)
        async with absent(far):
            for number in range(130):
                await far.say(mika, channel, f"small talk {number}")
            await far.react(mika, card, "👍")
        here.chat.page = 2
        await here.ears.recall(here.chat)
        assert far.count("conversations.history") > 60
        assert await reacted(here) == 1


# --- when Slack says no ---


@pytest.mark.parametrize("method", ["conversations.history", "conversations.replies", "reactions.get"])
async def test_too_many_calls_in_the_middle_are_waited_out(tmp_path: Path, method: str) -> None:
    far, channel, mika, otto = far_side()
    async with far, stage(far, tmp_path) as here:
        cards = await shown(here, channel, pieces=3)
        async with absent(far):
            for card in cards:
                await far.say(mika, card, "missed")
                await far.react(otto, card, "👍")
        far.fail(method, times=2, how="ratelimited", delay=1)
        await here.ears.recall(here.chat)
        assert len(await said(here)) == 3
        assert await reacted(here) == 3
        assert far.count(method, "ratelimited") == 2


@pytest.mark.parametrize("how", [503, "drop-before", "ratelimited"])
async def test_what_could_not_be_read_just_now_is_asked_again_and_others_are_not_kept_waiting(
    tmp_path: Path, how: str | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PATIENCE", 0.5)
    far, channel, mika, _ = far_side()
    other = far.channel("other")
    async with far, stage(far, tmp_path) as here:
        await here.place(other)
        [card] = await shown(here, channel)
        [there] = far.messages(other)
        async with absent(far):
            await far.say(mika, card, "missed")
            await far.say(mika, there, "missed there")
        far.fail("conversations.history", times=9, how=how, channel=channel)
        with pytest.raises(ChatError):
            await here.ears.recall(here.chat)
        assert await said(here) == ["missed there"]
        far.faults.clear()
        here.chat.api._held.clear()
        await here.ears.recall(here.chat)
        assert await said(here) == ["missed", "missed there"]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("missing_scope", "the app lacks a scope: install it again from `rondan slack manifest`"),
        ("not_in_channel", "invite it with /invite @rondan"),
        ("unknown_method", "unknown_method"),
    ],
)
async def test_what_can_not_be_read_at_all_is_said_and_not_asked_again(tmp_path: Path, how: str, told: str) -> None:
    far, channel, mika, _ = far_side()
    async with far, stage(far, tmp_path) as here:
        [card] = await shown(here, channel)
        await far.say(mika, card, "stays")
        assert await said(here) == ["stays"]
        far.fail("conversations.history", times=9, how=how)
        known = [Known(channel=channel.id, ref=Ref(id=card.ts), since=here.clock())]
        heard = [one async for one in here.chat.recall(known)]
        assert [type(one) for one in heard] == [Unreadable]
        assert told in heard[0].reason  # type: ignore[union-attr]
        assert await here.ears.recall(here.chat) == 0
        assert await said(here) == ["stays"]


# --- who ---


async def test_people_found_later_have_names(tmp_path: Path) -> None:
    far, channel, _, _ = far_side()
    people = [far.person(f"p{number}") for number in range(120)]
    async with far, stage(far, tmp_path) as here:
        [card] = await shown(here, channel)
        async with absent(far):
            for one in people:
                await far.say(one, card, "missed")
        await here.ears.recall(here.chat)
        await until(lambda: not here.chat._nameless)
        assert {row[0] for row in await here.rows("select name from person")} == {one.name for one in people}


# --- what is gone, and what is not ---


async def test_a_card_that_was_deleted_over_its_answers_is_gone_and_they_stay(tmp_path: Path) -> None:
    far, channel, mika, otto = far_side()
    async with far, stage(far, tmp_path) as here:
        first, second = await shown(here, channel, pieces=2)
        await far.react(mika, first, "👍")
        await far.say(mika, first, "stays")
        gone = await far.say(mika, first, "goes too")
        assert await said(here) == ["stays", "goes too"]
        async with absent(far):
            await far.delete(gone)
            await far.delete(first, by=otto)
            await far.say(mika, second, "missed")
        assert first.subtype == "tombstone"
        await here.ears.recall(here.chat)
        assert await said(here) == ["stays", "missed"]
        assert await here.rows("select subject_id, state from posting order by subject_id") == [
            (1, "withdrawn"), (2, "done"),
        ]  # fmt: skip
        assert first.ts not in here.chat.ours


@pytest.mark.parametrize("method", ["conversations.replies", "reactions.get"])
async def test_what_is_removed_while_it_is_looked_at_stops_no_other(tmp_path: Path, method: str) -> None:
    far, channel, mika, _ = far_side()
    async with far, stage(far, tmp_path) as here:
        cards = await shown(here, channel, pieces=2)
        async with absent(far):
            for card in cards:
                await far.say(mika, card, "missed")
                await far.react(mika, card, "👍")
        newest_first = 1
        far.fail(method, times=newest_first, how="message_not_found")
        await here.ears.recall(here.chat)
        assert await said(here) == ["missed"] * (1 if method == "conversations.replies" else 2)
        assert await reacted(here) == (2 if method == "conversations.replies" else 1)


async def test_of_a_list_that_is_not_whole_nothing_is_concluded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, channel, mika, otto = far_side()
    lea = far.person("lea")
    async with far, stage(far, tmp_path) as here:
        [card] = await shown(here, channel)
        await far.react(mika, card, "👍")
        await far.react(otto, card, "👍")
        assert await reacted(here) == 2
        async with absent(far):
            await far.react(lea, card, "👍")

        async def short(slack: Slack, ask: Any) -> dict[str, Any]:
            whole: dict[str, Any] = await reactions_get(slack, ask)
            for one in whole["message"]["reactions"]:
                del one["users"][:2]
            return whole

        monkeypatch.setitem(methods.METHODS, "reactions.get", (short, "reactions:read"))
        await here.ears.recall(here.chat)
        assert await reacted(here) == 3, "the new one, and those who are not in the list"


async def test_a_server_that_counts_no_answers_is_asked_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, channel, mika, _ = far_side()

    def bare(method: str) -> Callable[..., Any]:
        whole = methods.METHODS[method][0]

        async def without(slack: Slack, ask: Any) -> dict[str, Any]:
            answer: dict[str, Any] = await whole(slack, ask)
            for one in answer["messages"]:
                for name in ("reply_count", "latest_reply", "reply_users", "reply_users_count"):
                    one.pop(name, None)
            return answer

        return without

    for method in ("conversations.history", "conversations.replies"):
        monkeypatch.setitem(methods.METHODS, method, (bare(method), "*:history"))
    async with far, stage(far, tmp_path) as here:
        [card] = await shown(here, channel, "thread")
        await far.say(mika, card, "stays")
        assert await said(here) == ["stays"]
        async with absent(far):
            await far.say(mika, card, "missed")
        await here.ears.recall(here.chat)
        assert await said(here) == ["stays", "missed"]
        assert await here.rows("select state from posting") == [("done",)]


async def test_under_what_stood_before_a_restart_answers_count_whoever_says_whose_it_is(tmp_path: Path) -> None:
    """Not every server says with an answer who wrote what it answers."""
    far, channel, mika, _ = far_side()
    async with far:
        async with stage(far, tmp_path) as here:
            [card] = await shown(here, channel)
        async with stage(far, tmp_path) as here:
            far.fail("conversations.history", times=9, how="unknown_method")
            await here.ears.recall(here.chat)
            answer = {"type": "message", "channel": channel.id, "user": mika.id, "text": "heard", "thread_ts": card.ts}
            far.outbox.tell(far.wrapped(answer | {"ts": far.stamps.next(), "event_ts": far.stamps.next()}))
            assert await said(here) == ["heard"]


async def test_one_window_for_each_card(tmp_path: Path) -> None:
    far, channel, mika, _ = far_side()
    async with far, stage(far, tmp_path) as here:
        cards = await shown(here, channel, pieces=3)
        await far.say(mika, cards[0], "words")
        await far.delivered()
        known = [Known(channel=channel.id, ref=Ref(id=one.ts), since=here.clock()) for one in cards]
        windows = [one async for one in here.chat.recall(known) if isinstance(one, Window)]
        assert sorted(one.anchor for one in windows) == sorted(one.ts for one in cards)
        assert {len(one.comments or ()) for one in windows} == {0, 1}
