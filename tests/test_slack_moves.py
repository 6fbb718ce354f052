"""Slack gives a channel another id: the place follows, whoever speaks to it by which id, and whatever came early."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.speech import say
from tests.slack_stage import Stage, stage
from tests.standins.slack import Channel, Message, Person, Slack
from tests.test_slack_whole import COST, Work, w  # noqa: F401 - a fixture


@pytest.fixture
async def far() -> AsyncIterator[Slack]:
    async with Slack() as made:
        made.limited = False
        made.retry_after, made.patience = (0, 0.1), 0.5
        yield made


def card(far: Slack, channel: Channel) -> Message:
    return far.messages(channel)[0]


async def told_by(far: Slack, old: str, person: Person, under: Message) -> None:
    """A reaction and an answer whose events still bear the old id."""
    stamp = far.stamps.next()
    item: dict[str, Any] = {"type": "message", "channel": old, "ts": under.ts}
    far.tell({"type": "reaction_added", "user": person.id, "reaction": "+1", "item": item, "event_ts": stamp})
    said: dict[str, Any] = {"type": "message", "channel": old, "channel_type": "channel", "user": person.id}
    said |= {"text": "by the old id", "ts": stamp, "event_ts": stamp, "thread_ts": under.ts}
    far.tell(said | {"parent_user_id": far.me.id})
    await far.delivered()


async def follows(here: Stage, far: Slack, channel: Channel, old: str, person: Person) -> None:
    """The place is the new channel, and what is said by either id counts."""
    await told_by(far, old, person, card(far, channel))
    await far.say(person, card(far, channel), "by the new id")
    assert await here.rows("select channel from place") == [(channel.id,)]
    assert sorted(await here.rows("select text from comment")) == [("by the new id",), ("by the old id",)]
    assert await here.rows("select stance from stance") == [("agree",)]
    assert await here.rows("select distinct channel from anchor") == [(channel.id,)]


async def test_posts_words_and_reactions_follow(far: Slack, tmp_path: Path) -> None:
    mika = far.person("mika")
    channel = far.channel("general", mika)
    async with stage(far, tmp_path) as here:
        place = await here.place(channel)
        piece = await here.publish()
        old = await far.renumber(channel)
        await here.rows("select 1")
        await follows(here, far, channel, old, mika)
        await here.retract(piece)
        assert here.shown(channel)[0] == "Withdrawn: The night bus"
        assert far.log[-1].args["channel"] == channel.id
        assert await here.state(piece, place) == ("done", "")


async def test_what_came_by_the_new_id_too_early_is_recalled(far: Slack, tmp_path: Path) -> None:
    mika = far.person("mika")
    channel = far.channel("general", mika)
    async with stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish()
        await here.ears.recall(here.chat)
        here.ears._missed.clear()
        far.outbox.shuffles = 3  # they are sent with the last first
        await far.renumber(channel)
        await far.say(mika, card(far, channel), "early")
        await far.react(mika, card(far, channel), "👍")
        assert await here.rows("select text from comment") == [], "nobody knew the channel"
        assert list(here.ears._missed) == ["slack"]
        await here.ears.recall(here.chat)
        assert await here.rows("select text from comment") == [("early",)]
        assert await here.rows("select stance from stance") == [("agree",)]


async def test_a_restart_before_it_was_carried_out_and_one_after(far: Slack, tmp_path: Path) -> None:
    mika = far.person("mika")
    channel = far.channel("general", mika)
    async with stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish()
        old = await far.renumber(channel)
        await far.delivered()  # kept, and not folded
    async with stage(far, tmp_path) as here:
        await here.ears.fold_all()
    async with stage(far, tmp_path) as here:
        await follows(here, far, channel, old, mika)


async def test_a_window_that_stood_open_meanwhile_still_works(w: Work) -> None:  # noqa: F811
    async with w.open():
        await w.place()
        there = await w.publish()
        form = await w.press(w.ria, there, "Comment")
        asked = await w.ask(w.mika, "/rondan digest ?")
        await w.far.renumber(w.channel)
        await w.settle()
        kept = await w.far.submit(w.ria, form, {"text": "opened before"})
        assert say("en", "comment.kept", title=COST) in kept.text
        assert [one[1] for one in await w.comments()] == ["opened before"]
        await w.far.say(w.mika, there, "said after")
        assert [one[1] for one in await w.comments()] == ["opened before", "said after"]
        digest = await w.far.submit(w.mika, asked, {})
        view = digest.view
        assert view is not None
        await digest.until(lambda _one: "opened before" in view.text, 30)  # who asks is where the comments are
