"""The stand-in for Slack reproduces the traps of `shared/facts/slack.md`: what was measured there happens here too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import aiohttp.web
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler, async_default_handlers
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.slack import NotOffered, Slack
from tests.standins.slack.driving import QUIET, Bot, asking, running, world
from tests.waiting import until


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as server:
        server.limited = False
        server.patience, server.retry_after = 0.2, (0.0, 0.05)
        yield server


@pytest.fixture
async def naive(slack: Slack) -> AsyncIterator[Bot]:
    """A bot without a journal, not connected yet."""
    async with running(slack, 0) as bot:
        bot.app = AsyncApp(client=bot.client, logger=bot.app.logger)
        yield bot


async def test_an_event_is_acknowledged_before_its_listener_fails(slack: Slack, naive: Bot) -> None:
    channel, mika = world(slack)
    called = asyncio.Event()

    @naive.app.event("message")
    async def failing(event: Any) -> None:
        called.set()
        raise RuntimeError("too late")

    await naive.connect(slack)
    await slack.say(mika, channel, "lost for good")
    await slack.delivered()
    await called.wait()
    assert not slack.unacked


async def test_an_event_is_acknowledged_though_authorisation_failed(slack: Slack, naive: Bot) -> None:
    channel, mika = world(slack)

    @naive.app.event("message")
    async def never(event: Any) -> None:
        raise AssertionError

    await naive.connect(slack)
    slack.fail("auth.test", how="ratelimited")
    await slack.say(mika, channel, "lost for good")
    await slack.delivered()
    assert slack.acks[-1]["payload"]["text"]  # an apology
    assert not slack.unacked


async def test_an_event_without_listener_comes_again(slack: Slack, naive: Bot) -> None:
    channel, mika = world(slack)
    await naive.connect(slack)
    await slack.say(mika, channel, "nobody listens")
    await slack.delivered()
    assert [len(one.attempts) for one in slack.lost] == [3]


async def test_what_happens_to_the_bots_own_posts_is_swallowed(slack: Slack, naive: Bot) -> None:
    channel, mika = world(slack)
    seen: list[str] = []

    @naive.app.event("message")
    async def listener(event: Any) -> None:
        seen.append(event.get("subtype", ""))

    await naive.connect(slack)
    await naive.client.chat_postMessage(channel=channel.id, text="mine", **QUIET)
    comment = await slack.say(mika, channel, "hers")
    await slack.delete(slack.messages(channel)[0])
    await slack.delete(comment)
    await slack.delivered()
    await asyncio.sleep(0.02)
    assert seen == ["", "message_deleted"]


async def test_the_sdk_posts_twice_by_default(slack: Slack) -> None:
    channel, _ = world(slack)
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(
            token=slack.bot_token, base_url=slack.api, session=session, retry_handlers=async_default_handlers()
        )
        slack.fail("chat.postMessage", how="drop-after")
        await client.chat_postMessage(channel=channel.id, text="once", **QUIET)
        assert len(slack.messages(channel)) == 2
        client.retry_handlers = [AsyncRateLimitErrorRetryHandler()]
        slack.fail("users.info", how="ratelimited")
        assert (await client.users_info(user=slack.me.id))["ok"]
        assert slack.count("users.info", "ratelimited") == slack.count("users.info", "") == 1


async def test_what_only_reads_sees_nothing_of_a_json_body(slack: Slack) -> None:
    channel, mika = world(slack)
    said = await slack.say(mika, channel, "hello")
    async with asking(slack) as ask:
        where = {"channel": channel.id, "ts": said.ts}
        _, body, _ = await ask("conversations.replies", form=False, **where)
        assert (body["error"], body["response_metadata"]["messages"]) == (
            "invalid_arguments",
            ["[ERROR] missing required field: channel"],
        )
        assert (await ask("users.info", form=False, user=mika.id))[1]["error"] == "user_not_found"
        assert (await ask("conversations.replies", form=True, **where))[1]["ok"]
        assert (await ask("chat.postMessage", form=True, channel=channel.id, text="x", blocks="[]"))[1]["ok"]
        slack.json_everywhere = True
        assert (await ask("conversations.replies", form=False, **where))[1]["ok"]


async def test_a_wrong_app_token_never_says_so(slack: Slack) -> None:
    slack.app_token = "xapp-another"
    async with running(slack, 0) as bot:
        slack.app_token, wrong = "xapp-good", slack.app_token
        handler = AsyncSocketModeHandler(bot.app, wrong, ping_interval=0.05, logger=bot.app.logger)
        bot.handlers.append(handler)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(handler.connect_async(), 0.3)  # type: ignore[no-untyped-call]
        assert slack.count("apps.connections.open", "invalid_auth") > 1


async def test_a_connection_that_looks_dead_is_left(slack: Slack) -> None:
    async with running(slack) as bot:
        slack.deaf()
        first = slack.connections[0]
        await until(lambda: first not in slack.connections)
        slack.deaf(False)
        await slack.connected()
        channel, mika = world(slack)
        slack.retry_after = (0.1, 0.3, 0.5)
        await slack.say(mika, channel, "back")
        await slack.delivered()
        assert [one["text"] for one in bot.events("message")] == ["back"]


async def test_people_shown_are_not_all(slack: Slack) -> None:
    channel, mika = world(slack)
    slack.people_shown = 2
    message = await slack.say(mika, channel, "much liked")
    for number in range(5):
        await slack.react(slack.person(f"p{number}"), message, "+1::skin-tone-3")
    async with running(slack, 0) as bot:
        [seen] = (await bot.client.conversations_history(channel=channel.id))["messages"]
        assert (len(seen["reactions"][0]["users"]), seen["reactions"][0]["count"]) == (2, 5)
        full = await bot.client.reactions_get(channel=channel.id, timestamp=message.ts, full=True)
        assert len(full["message"]["reactions"][0]["users"]) == 5


async def test_other_apps_files_and_strangers(slack: Slack) -> None:
    far, other = slack.stranger("far"), slack.person("other app", bot=True)
    channel = slack.channel("shared", far, other, foreign=True)
    async with running(slack) as bot:
        await slack.say(far, channel, "from outside")
        posted = await slack.say(other, channel, "from a machine")
        await slack.say(far, posted, "see", subtype="file_share", files=[{"id": "F1", "name": "a.png"}])
        await slack.delivered()
        outside, machine, file = bot.events("message")
        assert (outside["user_team"], bot.heard[0]["is_ext_shared_channel"]) == (far.team, True)
        assert machine["bot_id"] not in ("", slack.bot_id)
        assert (file["subtype"], file["files"][0]["id"]) == ("file_share", "F1")
        await slack.join(channel, slack.person("new"))
        await slack.leave(channel)
        await slack.renumber(channel)
        await slack.too_many_events()
        await slack.uninstall()
        await slack.delivered()
        kinds = [one.get("event", one)["type"] for one in bot.heard[3:]]
        assert kinds == [
            "member_joined_channel", "message", "member_left_channel", "channel_left", "app_rate_limited",
            "tokens_revoked", "app_uninstalled",
        ]  # fmt: skip


async def test_a_manifest_says_what_there_is(slack: Slack) -> None:
    channel, mika = world(slack)
    slack.install(
        {
            "features": {
                "slash_commands": [{"command": "/rondan", "should_escape": False}],
                "shortcuts": [{"callback_id": "hide", "type": "message"}],
            },
            "oauth_config": {"scopes": {"bot": ["chat:write", "commands"], "bot_optional": ["channels:join"]}},
            "settings": {"event_subscriptions": {"bot_events": ["reaction_added", "message.groups"]}},
        }
    )
    async with running(slack) as bot, asking(slack) as ask:
        comment = await slack.say(mika, channel, "unheard")
        await slack.react(mika, comment, "👍")
        await slack.say(mika, slack.channel("inner", mika, private=True), "heard")
        await slack.delivered()
        assert [one["event"]["type"] for one in bot.heard] == ["reaction_added", "message"]
        assert (await ask("users.info", user=mika.id))[1]["needed"] == "users:read"
        for offered in (slack.command(mika, channel, "/other"), slack.shortcut(mika, "feature", comment)):
            with pytest.raises(NotOffered):
                await offered
        typed: list[str] = []

        @bot.app.command("/rondan")
        async def rondan(ack: Any, command: Any) -> None:
            typed.append(command["text"])
            await ack()

        await slack.command(mika, channel, "/rondan digest <a> @mika")
        assert typed == ["digest <a> @mika"]


async def test_over_http_a_bot_may_refuse_repetitions(slack: Slack) -> None:
    channel, mika = world(slack)
    asked: list[str] = []

    async def refuse(request: aiohttp.web.Request) -> aiohttp.web.Response:
        asked.append(request.headers.get("X-Slack-Retry-Num", "0"))
        final = len(asked) == 2
        return aiohttp.web.Response(status=500, headers={"x-slack-no-retry": "1"} if final else {})

    site = aiohttp.web.Application()
    site.router.add_post("/", refuse)
    runner = aiohttp.web.AppRunner(site, access_log=None)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        slack.retry_after = (0.0, 0.0, 0.0)
        await slack.post_to(f"http://127.0.0.1:{runner.addresses[0][1]}/", verify=False)
        await slack.say(mika, channel, "x")
        await slack.delivered()
        assert (asked, len(slack.lost)) == (["0", "1"], 1)
    finally:
        await runner.cleanup()
