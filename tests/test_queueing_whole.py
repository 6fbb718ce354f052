"""The moderators' queue on Discord and on Slack: real houses and adapters over TCP, moderators who press buttons."""

from __future__ import annotations

from typing import Any

from bot import ingest
from bot.house import House
from storage import sources
from storage.db import Tx
from tests import test_discord_whole as discord
from tests import test_slack_whole as slack
from tests.conftest import found
from tests.test_discord_whole import w as on_discord  # noqa: F401 - fixtures are found by their names
from tests.test_slack_whole import w as on_slack  # noqa: F401

TEXT = "It runs at last."


async def hold(house: House, *names: str) -> None:
    async def work(tx: Tx) -> None:
        source = await sources.add_source(
            tx, kind="feed", address="http://feed", title="The feed", text_mode="full", review=True, places=(),
            now=house.clock(),
        )  # fmt: skip
        for name in names:
            await ingest.take(tx, source, found(name, title=f"The {name}", text=TEXT), now=house.clock())

    await house.db.write(work)


async def test_on_discord_cards_are_decided_by_moderators_and_change_for_all(on_discord: discord.Work) -> None:  # noqa: F811
    w = on_discord
    desk = w.guild.text("desk")
    async with w.open():
        await w.place()
        await w.place(desk, layout="queue")
        await hold(w.house, "bus", "tram")
        await w.settle()

        def card(name: str) -> Any:
            (one,) = [one for one in desk if f"The {name}" in one.text]
            return one

        assert discord.labels(card("bus")) == ["Approve", "Edit topics", "Schedule", "Reject"]
        assert "Only" in discord.seen(await w.press(w.ria, card("bus"), "Approve"))
        assert "goes out to 1 place" in discord.seen(await w.press(w.mo, card("bus"), "Approve"))
        form = await w.press(w.mo, card("tram"), "Reject")
        assert form.modal is not None
        rejected = await w.far.submit(w.mo, form, {"reason": "off topic"})
        assert "will not be posted" in discord.seen(rejected)
        late = await w.far.submit(w.mo, form, {"reason": "again"})
        assert "Rejected by" in discord.seen(late)
        await w.settle()
        assert "Approved by mo" in card("bus").text
        assert "Rejected by mo" in card("tram").text
        assert "off topic" in card("tram").text
        assert not [one for one in desk if one.buttons]
        assert [one.text for one in w.channel if "The bus" in one.text]
        assert not [one.text for one in w.channel if "The tram" in one.text]


async def test_on_slack_cards_are_decided_by_moderators_and_change_for_all(on_slack: slack.Work) -> None:  # noqa: F811
    w = on_slack
    desk = w.far.channel("desk", w.mo, w.ria)
    async with w.open():
        await w.place()
        await w.place(desk, layout="queue")
        await hold(w.house, "bus", "tram")
        await w.settle()

        def card(name: str) -> Any:
            (one,) = [one for one in w.far.messages(desk) if f"The {name}" in w.far.plain(one)]
            return one

        assert slack.labels(card("bus")) == ["Approve", "Edit topics", "Schedule", "Reject"]
        assert "Only" in (await w.press(w.ria, card("bus"), "Approve")).text
        assert "goes out to 1 place" in (await w.press(w.mo, card("bus"), "Approve")).text
        form = await w.press(w.mo, card("tram"), "Edit topics")
        await w.far.submit(w.mo, form, {"topics": "Transport"})
        await w.settle()
        assert "Transport" in w.far.plain(card("tram"))
        form = await w.press(w.mo, card("tram"), "Schedule")
        scheduled = await w.far.submit(w.mo, form, {"when": "2099-01-01 09:00"})
        assert "1 Jan 2099 09:00" in scheduled.text
        await w.settle()
        assert "Approved by mo" in w.far.plain(card("bus"))
        assert "Scheduled by mo" in w.far.plain(card("tram"))
        assert not [one for one in w.far.messages(desk) if slack.labels(one)]
        assert not [one for one in w.far.messages(w.channel) if "The tram" in w.far.plain(one)]
