"""The stand-in for Slack, driven by the real slack-bolt and slack_sdk."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.standins.slack import NoAnswer, NotOffered, Slack
from tests.standins.slack.driving import QUIET, asking, listening, running, world
from tests.standins.slack.posting import Posting


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as server:
        yield server


# --- events ---


async def test_events_come_over_socket_mode(slack: Slack) -> None:
    channel, mika = world(slack)
    private = slack.channel("inner", mika, private=True)
    unheard = slack.channel("elsewhere", mika, bot=False)
    async with running(slack) as bot:
        root = await slack.say(mika, channel, "hello https://example.org 👍")
        answer = await slack.say(mika, root, "loud", broadcast=True)
        await slack.edit(mika, answer, "reworded")
        await slack.unfurl(root)
        await slack.react(mika, root, "👍")
        await slack.unreact(mika, root, "👍")
        await slack.delete(answer)
        await slack.say(mika, private, "inside")
        await slack.say(mika, unheard, "unheard")
        await slack.rename(channel, "news")
        await slack.archive(channel)
        await slack.leave(private)
        await slack.delivered()
        first, second, edited, unfurled, deleted, inside = bot.events("message")
        assert (first["text"], first["channel_type"]) == ("hello <https://example.org> :+1:", "channel")
        assert (second["subtype"], second["thread_ts"], second["root"]["ts"]) == ("thread_broadcast", root.ts, root.ts)
        assert edited["message"]["edited"]["ts"] > edited["previous_message"]["ts"]
        assert "edited" not in unfurled["message"]
        assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", answer.ts)
        assert inside["channel_type"] == "group"
        added, removed = bot.events("reaction_added") + bot.events("reaction_removed")
        assert (added["reaction"], added["item"]["ts"], removed["user"]) == ("+1", root.ts, mika.id)
        assert bot.events("channel_rename")[0]["channel"]["name"] == "news"
        assert bot.events("channel_archive")
        assert bot.events("member_left_channel")[0]["user"] == slack.me.id
        assert not slack.unacked
        envelope = bot.heard[0]
        assert (envelope["team_id"], envelope["authorizations"][0]["user_id"]) == (slack.team_id, slack.me.id)


async def test_what_is_not_acknowledged_comes_again(slack: Slack) -> None:
    channel, mika = world(slack)
    slack.patience, slack.retry_after = 0.2, (0.0, 0.05, 0.05)
    async with running(slack) as bot:
        bot.deaf = 2
        await slack.say(mika, channel, "at the third time")
        await slack.delivered()
        [heard] = bot.heard
        assert bot.retries == [("2", "timeout")]
        assert [one.number for one in slack.deliveries[0].attempts] == [0, 1, 2]
        assert heard["event_id"] == slack.deliveries[0].event_id
        bot.deaf = 9
        await slack.say(mika, channel, "never")
        await slack.delivered()
        assert [one.event["text"] for one in slack.lost] == ["never"]
        assert len(slack.unacked) == 1


async def test_a_burst_over_two_connections_is_shuffled_and_doubled(slack: Slack) -> None:
    channel, mika = world(slack)
    async with running(slack, 2) as bot:
        with slack.burst(doubled=0.2):
            said = [await slack.say(mika, channel, str(n)) for n in range(300)]
        await slack.delivered()
        await asyncio.sleep(0.05)
        texts = [one["text"] for one in bot.events("message")]
        assert set(texts) == {one.text for one in said}
        assert 320 < len(texts) < 400
        assert texts != sorted(texts, key=int)
        assert all(len(one.acks) > 80 for one in slack.connections)
        slack.reorder(2)
        slack.duplicate(1)
        await slack.say(mika, channel, "first")
        await slack.say(mika, channel, "second")
        await slack.delivered()
        assert [one["text"] for one in bot.events("message")[len(texts) :]] == ["second", "first"]
        await slack.say(mika, channel, "twice")
        await slack.delivered()
        await asyncio.sleep(0.05)
        assert [one["text"] for one in bot.events("message")].count("twice") == 2


async def test_connections_refresh_break_and_are_limited(slack: Slack) -> None:
    channel, mika = world(slack)
    async with running(slack, 1) as bot:
        await slack.refresh("warning")
        await asyncio.sleep(0.1)
        await slack.connected()
        await slack.refresh()
        await asyncio.sleep(0.1)
        await slack.connected()
        await slack.cut()
        await asyncio.sleep(0.05)
        assert not slack.connections
        await slack.say(mika, channel, "into the gap")
        await slack.connected()
        await slack.say(mika, channel, "after it")
        await slack.delivered()
        assert "after it" in [one["text"] for one in bot.events("message")]
        assert slack.count("apps.connections.open") == slack.sockets.opened == 4
    slack.retry_after = ()
    await slack.say(mika, channel, "nobody there")
    await slack.delivered()
    assert slack.lost[-1].event["text"] == "nobody there"


async def test_a_dead_url_stays_dead(slack: Slack) -> None:
    slack.dead_urls(1)
    async with running(slack, 0) as bot:
        task = asyncio.create_task(bot.connect(slack))
        await asyncio.sleep(0.7)
        assert slack.count("apps.connections.open") == 1  # the SDK tries the same address for ever
        assert slack.sockets.refused >= 2
        bot.handlers[0].client.wss_uri = None
        await task
        assert slack.count("apps.connections.open") == 2


async def test_the_eleventh_connection_is_sent_away(slack: Slack) -> None:
    async with aiohttp.ClientSession() as session:
        sockets = []
        for number in range(11):
            headers = {"Authorization": f"Bearer {slack.app_token}"}
            async with session.post(slack.api + "apps.connections.open", headers=headers) as answer:
                url = (await answer.json())["url"]
            sockets.append(await session.ws_connect(url))
            told = json.loads((await sockets[-1].receive()).data)
            assert told["type"] == ("hello" if number < 10 else "disconnect")
        assert told["reason"] == "too_many_websockets"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)  # a ticket is good once
        for socket in sockets:
            await socket.close()


async def test_events_come_over_http_signed(slack: Slack) -> None:
    channel, mika = world(slack)
    slack.retry_after = (0.0, 0.05, 0.05)
    async with listening(slack) as bot:
        bot.deaf = 1
        await slack.say(mika, channel, "hello")
        await slack.delivered()
        assert [one["event"]["text"] for one in bot.heard] == ["hello"]
        assert bot.retries == [("1", "http_error")]
        assert not slack.connections

        @bot.app.command("/rondan")
        async def rondan(ack: Any, command: Any, respond: Any) -> None:
            await ack(f"asked: {command['text']}")
            await respond("later")

        answer = await slack.command(mika, channel, "/rondan digest <b> & 「q」 @mika")
        await answer.until(lambda one: one.posts)
        assert answer.ack == {"text": f"asked: digest &lt;b&gt; &amp; 「q」 <@{mika.id}|mika>"}
        assert [one.text for one in answer.ephemerals if one.text == "later"]
        later = [{"type": "actions", "elements": [_menu("topic"), _button("go", "Go")]}]
        pressed: list[Any] = []

        @bot.app.options("topic")
        async def topics(ack: Any, payload: Any) -> None:
            await ack(options=[_option(payload["value"] + "1")])

        @bot.app.action("go")
        async def go(ack: Any, body: Any) -> None:
            pressed.append(body["actions"][0])
            await ack()

        await bot.client.chat_postMessage(channel=channel.id, text="pick", blocks=later, **QUIET)
        message = slack.messages(channel)[-1]
        assert [one["value"] for one in await slack.suggest(mika, message, "topic", "x")] == ["x1"]
        assert (await slack.press(mika, message, "Go")).ack is None
        assert pressed[0]["action_id"] == "go"
        assert isinstance(slack.outbox.transport, Posting)
        url, body = slack.outbox.transport.to.events, '{"type": "event_callback"}'
        async with aiohttp.ClientSession() as session:
            for headers in (slack.sign(body, secret="other"), slack.sign(body, at=time.time() - 600), {}):
                async with session.post(url, data=body, headers=headers) as refused:
                    assert refused.status == 401
        slack.signing_secret = "another"
        with pytest.raises(RuntimeError, match="challenge"):
            await slack.post_to(url)


# --- talk ---


async def test_commands_buttons_and_response_urls(slack: Slack) -> None:
    channel, mika = world(slack)
    async with running(slack) as bot:
        said: list[Any] = []

        @bot.app.command("/rondan")
        async def rondan(ack: Any, command: Any, respond: Any) -> None:
            said.append(command)
            await ack()
            blocks = [
                {"type": "section", "text": {"type": "mrkdwn", "text": "pick", "verbatim": True}},
                {"type": "actions", "elements": [_button("v1:next", "Next")]},
            ]
            await respond(text="pick", blocks=blocks)

        @bot.app.action("v1:next")
        async def next_page(ack: Any, respond: Any, body: Any) -> None:
            await ack()
            said.append(body)
            await respond(text="page 2", replace_original=True)

        answer = await (await slack.command(mika, channel, "/rondan digest #general")).settled()
        assert said[0]["text"] == f"digest <#{channel.id}|general>"
        assert (answer.text, answer.ephemerals[0].to) == ("pick", mika)
        pressed = await (await slack.press(mika, answer, "Next")).settled()
        assert "message" not in said[1]  # an ephemeral one
        assert (pressed.text, answer.text) == ("page 2", "page 2")
        assert not slack.messages(channel)
        url = said[0]["response_url"]
        async with aiohttp.ClientSession() as session:
            codes = []
            for _ in range(5):
                async with session.post(url, json={"text": "more", "response_type": "in_channel", **QUIET}) as reply:
                    codes.append((reply.status, await reply.text()))
        assert codes == [(200, "ok")] * 4 + [(404, "used_url")]
        assert len(slack.messages(channel)) == 4
        with pytest.raises(NotOffered):
            await slack.press(mika, answer, "Next")


async def test_modals_menus_and_the_home_tab(slack: Slack) -> None:
    channel, mika = world(slack)
    async with running(slack) as bot:
        hashes: list[str] = []

        @bot.app.shortcut("feature")
        async def feature(ack: Any, body: Any, client: Any) -> None:
            await ack()
            assert body["message"]["text"] == "a comment"
            opened = await client.views_open(trigger_id=body["trigger_id"], view=_modal("Loading", []))
            hashes.append(opened["view"]["hash"])
            again = {"view_id": opened["view"]["id"], "hash": opened["view"]["hash"]}
            await client.views_update(view=_modal("Feature", _inputs()), **again)

        @bot.app.options("topic")
        async def topics(ack: Any, payload: Any) -> None:
            await ack(options=[_option(f"{payload['value']}{n}") for n in range(3)])

        @bot.app.view("form")
        async def submitted(ack: Any, view: Any) -> None:
            text = view["state"]["values"]["why"]["text"]["value"]
            if text == "bad":
                await ack(response_action="errors", errors={"why": "Not that."})
            elif text == "more":
                await ack(response_action="update", view=_modal("Done", [_section("Thanks")]))
            else:
                await ack()

        @bot.app.event("app_home_opened")
        async def home(_: Any) -> None:
            """Never: it is journaled before."""

        comment = await slack.say(mika, channel, "a comment")
        answer = await slack.shortcut(mika, "feature", comment)
        await answer.until(lambda one: len(one.views) == 2)
        assert answer.view is not None
        assert answer.view.title == "Feature"
        assert await slack.suggest(mika, answer, "topic") == []
        options = await slack.suggest(mika, answer, "topic", "地")
        assert [one["value"] for one in options] == ["地0", "地1", "地2"]
        with pytest.raises(NotOffered):
            await slack.submit(mika, answer, {"topic": options[0]})
        refused = await slack.submit(mika, answer, {"why": "bad", "topic": options[0]})
        assert refused.errors == {"why": "Not that."}
        updated = await slack.submit(mika, answer, {"why": "more", "topic": "地1"})
        assert updated.text == "Done\nThanks"
        async with asking(slack) as ask:
            stale = {"view_id": answer.view.id, "hash": hashes[0]}
            assert (await ask("views.update", view=_modal("x", []), **stale))[1]["error"] == "hash_conflict"
            used = {"trigger_id": answer.trigger}
            assert (await ask("views.open", view=_modal("x", []), **used))[1]["error"] == "exchanged_trigger_id"
            _, body, _ = await ask("views.open", view=_modal("x" * 25, _inputs(), submit=None), **used)
            assert body["error"] == "exchanged_trigger_id"
            opened = await slack.open_home(mika)
            await slack.delivered()
            assert bot.events("app_home_opened")[0]["user"] == mika.id
            await ask("views.publish", user_id=mika.id, view={"type": "home", "blocks": [_section("Latest")]})
            assert (await opened.settled()).text == "Latest"
            late = await slack.shortcut(mika, "feature", comment)
            slack.trigger_life, late.triggered = 0, False
            used = {"trigger_id": late.trigger}
            assert (await ask("views.open", view=_modal("x", []), **used))[1]["error"] == "expired_trigger_id"


async def test_who_gets_no_answer_is_told(slack: Slack) -> None:
    channel, mika = world(slack)
    slack.patience = 0.2
    with pytest.raises(NoAnswer):
        await slack.command(mika, channel, "/rondan")  # nobody is connected
    async with running(slack) as bot:

        @bot.app.command("/rondan")
        async def slow(ack: Any) -> None:
            await asyncio.sleep(0.4)
            await ack()

        with pytest.raises(NoAnswer):
            await slack.command(mika, channel, "/rondan")
        slack.commands = {"/rondan": False}
        with pytest.raises(NotOffered):
            await slack.command(mika, channel, "/other")


def _button(action: str, label: str) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": label, "emoji": False}}


def _menu(action: str) -> dict[str, Any]:
    return {"type": "external_select", "action_id": action, "min_query_length": 1}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _option(value: str) -> dict[str, Any]:
    return {"text": {"type": "plain_text", "text": value, "emoji": False}, "value": value}


def _modal(title: str, blocks: list[Any], submit: str | None = "Send") -> dict[str, Any]:
    view = {"type": "modal", "callback_id": "form", "title": {"type": "plain_text", "text": title}, "blocks": blocks}
    return view | ({"submit": {"type": "plain_text", "text": submit}} if submit else {})


def _inputs() -> list[dict[str, Any]]:
    def block(ident: str, element: dict[str, Any]) -> dict[str, Any]:
        label = {"type": "plain_text", "text": ident, "emoji": False}
        return {"type": "input", "block_id": ident, "label": label, "element": element}

    return [
        block("why", {"type": "plain_text_input", "action_id": "text", "max_length": 100}),
        block("which", _menu("topic")),
    ]
