"""The stand-in for Slack: its Web API, by the real slack_sdk and by bare requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tests.standins.slack import Slack
from tests.standins.slack.driving import QUIET, asking, running, world


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as server:
        yield server


async def test_the_client_posts_reads_edits_and_deletes(slack: Slack) -> None:
    channel, mika = world(slack)
    async with running(slack, 0) as bot:
        who = await bot.client.auth_test()
        assert (who["user_id"], who["bot_id"]) == (slack.me.id, slack.bot_id)
        assert "chat:write" in who.headers["x-oauth-scopes"]
        note = {"event_type": "rondan_post", "event_payload": {"k": "0" * 24}}
        blocks = [{"type": "header", "text": {"type": "plain_text", "text": "見出し", "emoji": False}}]
        sent = await bot.client.chat_postMessage(
            channel=channel.id, text="見出し", blocks=blocks, metadata=note, **QUIET
        )
        [message] = slack.messages(channel)
        assert (message.ts, slack.plain(message)) == (sent["ts"], "見出し")
        await slack.say(mika, message, "an answer <&>")
        for name in ("a", "b"):
            await slack.react(slack.person(name), message, "👍")
        history = await bot.client.conversations_history(channel=channel.id, include_all_metadata=True)
        [root] = history["messages"]
        assert root["metadata"] == note
        assert (root["reply_count"], root["reactions"][0]["count"]) == (1, 2)
        assert "metadata" not in (await bot.client.conversations_history(channel=channel.id))["messages"][0]
        thread = (await bot.client.conversations_replies(channel=channel.id, ts=message.ts))["messages"]
        assert [one["text"] for one in thread] == ["見出し", "an answer &lt;&amp;&gt;"]
        await bot.client.chat_update(channel=channel.id, ts=message.ts, text="other", parse="none")
        assert (message.text, message.metadata, slack.plain(message)) == ("other", note, "見出し")
        await bot.client.chat_update(channel=channel.id, ts=message.ts, text="other", blocks=[], metadata={})
        assert (message.metadata, slack.plain(message)) == (None, "other")
        full = await bot.client.reactions_get(channel=channel.id, timestamp=message.ts, full=True)
        assert len(full["message"]["reactions"][0]["users"]) == 2
        link = await bot.client.chat_getPermalink(channel=channel.id, message_ts=message.ts)
        assert link["permalink"].endswith(f"{channel.id}/p{message.ts.replace('.', '')}")
        await bot.client.chat_delete(channel=channel.id, ts=message.ts)
        assert message.subtype == "tombstone"  # it has an answer
    assert slack.count("chat.postMessage") == slack.count("chat.postMessage", "") == 1
    assert not slack.unfurling


async def test_pages_and_windows(slack: Slack) -> None:
    slack.limited = False
    channel, mika = world(slack)
    said = [await slack.say(mika, channel, str(n)) for n in range(7)]
    async with asking(slack) as ask:
        seen: list[str] = []
        cursor = ""
        while True:
            _, body, _ = await ask("conversations.history", form=True, channel=channel.id, limit="3", cursor=cursor)
            seen += [one["text"] for one in body["messages"]]
            if not body["has_more"]:
                break
            cursor = body["response_metadata"]["next_cursor"]
        assert seen == ["6", "5", "4", "3", "2", "1", "0"]
        window = {"oldest": said[2].ts, "latest": said[5].ts}
        _, body, _ = await ask("conversations.history", channel=channel.id, **window)
        assert [one["text"] for one in body["messages"]] == ["4", "3"]
        _, body, _ = await ask("conversations.history", channel=channel.id, inclusive=True, **window)
        assert [one["text"] for one in body["messages"]] == ["5", "4", "3", "2"]
        root = said[0]
        await slack.say(mika, root, "in")
        await slack.say(mika, root, "loud", broadcast=True)
        _, body, _ = await ask("conversations.replies", channel=channel.id, ts=root.ts, limit=1)
        assert [one["text"] for one in body["messages"]] == ["0", "in"]
        _, body, _ = await ask(
            "conversations.replies", channel=channel.id, ts=root.ts, cursor=body["response_metadata"]["next_cursor"]
        )
        assert [one["text"] for one in body["messages"]] == ["loud"]
        _, body, _ = await ask("conversations.history", channel=channel.id, limit=1)
        assert (body["messages"][0]["subtype"], body["messages"][0]["root"]["text"]) == ("thread_broadcast", "0")
        assert (await ask("conversations.replies", channel=channel.id, ts="1.000001"))[1]["error"] == "thread_not_found"
        slack.limits.restricted = True
        _, body, _ = await ask("conversations.history", channel=channel.id, limit=100)
        assert len(body["messages"]) == 8


async def test_what_is_refused_is_refused_by_name(slack: Slack) -> None:
    slack.limited = False
    channel, mika = world(slack)
    hidden = slack.channel("hidden", private=True, bot=False)
    outside = slack.channel("outside", bot=False)
    old = slack.channel("old")
    old.archived = True
    said = await slack.say(mika, channel, "hers")
    async with asking(slack) as ask:

        async def error(method: str, **args: Any) -> str:
            return str((await ask(method, **args))[1]["error"])

        assert await error("auth.test", token="") == "not_authed"
        assert await error("auth.test", token="xoxb-wrong") == "invalid_auth"
        assert await error("apps.connections.open") == "not_allowed_token_type"
        assert await error("no.such") == "unknown_method"
        for where, expected in (
            ("C0NONE", "channel_not_found"),
            (hidden.id, "channel_not_found"),
            (outside.id, "not_in_channel"),
            (old.id, "is_archived"),
        ):
            assert await error("chat.postMessage", channel=where, text="x") == expected
        assert await error("chat.postMessage", channel=channel.id) == "no_text"
        assert await error("chat.postMessage", channel=channel.id, text="x", thread_ts="0x") == "invalid_thread_ts"
        assert await error("chat.postMessage", channel=channel.id, text="x", thread_ts="1.000001") == "thread_not_found"
        assert await error("chat.update", channel=channel.id, ts=said.ts, text="x") == "cant_update_message"
        assert await error("chat.delete", channel=channel.id, ts=said.ts) == "cant_delete_message"
        assert await error("chat.delete", channel=channel.id, ts="1.000001") == "message_not_found"
        assert await error("conversations.join", channel=hidden.id) == "channel_not_found"
        assert await error("conversations.history", channel=outside.id) == "not_in_channel"
        assert await error("users.info", user="U0") == "user_not_found"
        assert await error("usergroups.users.list", usergroup="S0") == "no_such_subteam"
        assert await error("chat.postEphemeral", channel=channel.id, user="U0", text="x") == "user_not_in_channel"
        slack.scopes.discard("chat:write")
        _, body, _ = await ask("chat.postMessage", channel=channel.id, text="x")
        assert (body["error"], body["needed"]) == ("missing_scope", "chat:write")
        slack.free = True
        assert await error("usergroups.users.list", usergroup="S0") == "plan_upgrade_required"
        await slack.uninstall()
        assert await error("auth.test") == "account_inactive"


async def test_people_channels_and_groups(slack: Slack) -> None:
    channel, mika = world(slack)
    boss, far = slack.person("boss", admin=True), slack.stranger("far")
    slack.channel("with others", mika, far, foreign=True)
    private = slack.channel("inner", mika, private=True)
    group = slack.group("editors", mika, boss)
    async with running(slack, 0) as bot:
        seen = (await bot.client.users_info(user=mika.id, include_locale=True))["user"]
        assert (seen["locale"], seen["is_admin"]) == ("ja-JP", False)
        assert (await bot.client.users_info(user=boss.id))["user"]["is_admin"]
        assert (await bot.client.users_info(user=far.id))["user"]["is_stranger"]
        assert (await bot.client.usergroups_users_list(usergroup=group.id))["users"] == [mika.id, boss.id]
        found = await bot.client.conversations_list(types="public_channel,private_channel", limit=2)
        assert [one["name"] for one in found["channels"]] == ["general", "with others"]
        rest = await bot.client.conversations_list(
            types="public_channel,private_channel", cursor=found["response_metadata"]["next_cursor"]
        )
        assert [(one["id"], one["is_private"]) for one in rest["channels"]] == [(private.id, True)]
        assert found["channels"][1]["is_ext_shared"]
        outside = slack.channel("outside", bot=False)
        assert (await bot.client.conversations_join(channel=outside.id))["channel"]["is_member"]
        assert (await bot.client.conversations_members(channel=channel.id))["members"] == [mika.id, slack.me.id]
        await bot.client.chat_postEphemeral(channel=channel.id, user=mika.id, text="quiet")
        assert [one.text for one in slack.ephemerals] == ["quiet"]


async def test_limits_by_method_and_by_channel(slack: Slack) -> None:
    channel, _ = world(slack)
    other = slack.channel("other")
    async with asking(slack) as ask:
        answers = [await ask("chat.postMessage", channel=channel.id, text="x", **QUIET) for _ in range(6)]
        statuses = [one[0] for one in answers]
        assert statuses[:4] == [200] * 4
        assert 429 in statuses
        _, body, headers = next(one for one in answers if one[0] == 429)
        assert (body["error"], headers["Retry-After"]) == ("ratelimited", "1")
        assert (await ask("chat.postMessage", channel=other.id, text="x", **QUIET))[0] == 200
        slack.limits.minute = 1.0
        slack.limits.sizes["users.info"] = 2
        assert [(await ask("users.info", user=slack.me.id))[0] for _ in range(3)] == [200, 200, 429]
        assert (await ask("auth.test"))[0] == 200
        await asyncio.sleep(1.01)
        assert (await ask("users.info", user=slack.me.id))[0] == 200


async def test_faults_before_and_after_the_deed(slack: Slack) -> None:
    slack.limited = False
    channel, _ = world(slack)
    async with running(slack, 0) as bot:

        async def post() -> Any:
            return await bot.client.chat_postMessage(channel=channel.id, text="x", **QUIET)

        for how, shown in (("500-after", 1), (503, 1), ("internal_error", 1), ("fatal_error-after", 2)):
            slack.fail("chat.postMessage", how=how)
            with pytest.raises(SlackApiError):
                await post()
            assert len(slack.messages(channel)) == shown
        for how, shown in (("drop-before", 2), ("drop-after", 3)):
            slack.fail("chat.postMessage", how=how, channel=channel)
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await post()
            assert len(slack.messages(channel)) == shown
        slack.fail("chat.postMessage", how="ratelimited", delay=7)
        with pytest.raises(SlackApiError) as refused:
            await post()
        assert refused.value.response.headers["Retry-After"] == "7"
        slack.fail("chat.postMessage", how="slow", delay=0.1)
        await post()
        assert slack.log[-1].took > 0.1
    assert [one.method for one in slack.log if one.status == 0] == ["chat.postMessage"] * 2
