"""Tickets, answers, topics and moderators of one place on Discord and on Slack: real houses and adapters over TCP."""

from __future__ import annotations

from typing import Any

from tests import test_discord_whole as discord
from tests import test_slack_whole as slack
from tests.test_discord_whole import w as on_discord  # noqa: F401 - fixtures are found by their names
from tests.test_slack_whole import _again  # noqa: F401
from tests.test_slack_whole import w as on_slack  # noqa: F401


async def test_on_discord_reports_are_dealt_with_answers_stand_and_topics_merge(on_discord: discord.Work) -> None:  # noqa: F811
    w = on_discord
    desk = w.guild.text("desk")
    async with w.open(RONDAN_AUTHORS=f"discord:{w.ada.id}"):
        await w.place(layout="thread")
        await w.place(desk, layout="queue")
        card = await w.publish("en")
        spam = await w.far.say(w.mika, w.channel, "Buy watches", reply_to=card)
        asked = await w.far.say(w.ria, w.channel, "Who pays for it?", reply_to=card)
        await w.settle()
        for reader in (w.ria, w.ada):
            await (await w.far.message_command(reader, "Report", spam)).settled()
        await (await w.far.message_command(w.mika, "Report", asked)).settled()
        await w.settle()

        def ticket(words: str) -> Any:
            (one,) = [one for one in desk if words in one.text]
            return one

        assert discord.labels(ticket("watches")) == ["Hide", "Dismiss"]
        assert "2" in ticket("watches").text
        assert "ria" not in ticket("watches").text
        assert "Only" in discord.seen(await w.press(w.ria, ticket("watches"), "Hide"))
        assert "hidden" in discord.seen(await w.press(w.mo, ticket("watches"), "Hide"))
        await w.press(w.mo, ticket("Who pays"), "Dismiss")
        await w.settle()
        assert not [one for one in desk if one.buttons]
        assert "mo" in ticket("Who pays").text

        form = await w.press(w.mo, await w.ask(w.mo, "mod answer", comment="2"), "Answer")
        assert form.modal is not None
        await w.far.submit(w.mo, form, {"text": "Those who walk. **@everyone**"})
        await w.settle()
        (answer,) = [one for one in card.thread or () if "Those who walk." in one.text]
        assert "Who pays for it?" in answer.text

        await w.ask(w.mo, "topic create", name="Kerbs")
        assert "cities" in discord.seen(await w.ask(w.mo, "topic list")).lower()
        merge = await w.ask(w.mo, "topic merge", topic="cities", into="Kerbs")
        assert "Merge" in "".join(discord.labels(merge))
        await w.press(w.mo, merge, discord.labels(merge)[0])
        assert "Kerbs" in discord.seen(await w.ask(w.ria, "topics"))


async def test_on_slack_reports_are_dealt_with_answers_stand_and_topics_merge(on_slack: slack.Work) -> None:  # noqa: F811
    w = on_slack
    desk = w.far.channel("desk", w.mo, w.ria)
    async with w.open():
        await w.place(layout="thread", moderators=w.ria.id)
        await w.place(desk, layout="queue")
        card = await w.publish("en")
        spam = await w.far.say(w.mika, card, "Buy watches")
        asked = await w.far.say(w.mika, card, "Who pays for it?")
        await w.settle()
        for reader in (w.ria, w.ada):
            await (await w.far.shortcut(reader, "point_report", spam)).settled()
        await (await w.far.shortcut(w.ada, "point_report", asked)).settled()
        await w.settle()

        def ticket(words: str) -> Any:
            (one,) = [one for one in w.far.messages(desk) if words in w.far.plain(one)]
            return one

        assert slack.labels(ticket("watches")) == ["Hide", "Dismiss"]
        assert "だけができます" in (await w.press(w.mika, ticket("watches"), "Hide")).text
        assert "hidden" in (await w.press(w.mo, ticket("watches"), "Hide")).text
        await w.settle()
        assert slack.labels(ticket("watches")) == []

        # Ria moderates this place only: what is said in it is hers to hide, the ticket goes with it.
        assert "Who pays" in (await w.ask(w.ria, "/rondan mod tickets")).text
        view = (await w.ask(w.ria, "/rondan mod hide ?")).view
        assert view is not None
        assert view.title == "mod hide"
        assert (await w.ask(w.mika, "/rondan mod hide ?")).view is None
        assert "is hidden" in (await w.press(w.ria, await w.ask(w.ria, "/rondan mod tickets 2"), "Hide")).text
        assert "だけです" in (await w.ask(w.mika, "/rondan mod hide 2")).text
        assert "Only" in (await w.ask(w.ria, "/rondan mod rules")).text
        await w.settle()
        assert slack.labels(ticket("Who pays")) == []
        assert "visible again" in (await w.ask(w.ria, "/rondan mod hide 2 undo:yes")).text

        form = await w.press(w.mo, await w.ask(w.mo, "/rondan mod answer 2"), "Answer")
        await w.far.submit(w.mo, form, {"text": "Those who walk. <!channel>"})
        await w.settle()
        assert "Who pays for it?" in w.far.plain(w.inside(card, "Those who walk."))

        await w.ask(w.mo, "/rondan topic create Kerbs")
        merge = await w.ask(w.mo, "/rondan topic merge cities Kerbs")
        await w.press(w.mo, merge, slack.labels(merge.message)[0])  # type: ignore[arg-type]
        assert "Kerbs" in (await w.ask(w.ria, "/rondan topics")).text
