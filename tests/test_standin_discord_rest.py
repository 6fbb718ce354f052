"""The stand-in for Discord, by bare requests: what it refuses and how it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.standins.discord import EVERYTHING, Answer, Discord, Message, P
from tests.standins.discord.driving import asking, hooked, row, running, v2, world


@pytest.fixture
async def discord(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Discord]:
    async with hooked(monkeypatch) as server:
        yield server


async def test_a_nonce_is_good_for_one_message(discord: Discord) -> None:
    _, channel, _ = world(discord)
    path = f"POST /channels/{channel.id}/messages"
    async with asking(discord) as ask:
        body = v2("piece", nonce="k1", enforce_nonce=True)
        first, again = (await ask(path, json=body))[1], (await ask(path, json=body))[1]
        assert first["id"] == again["id"]
        discord.nonce_window = 0
        assert (await ask(path, json=body))[1]["id"] != first["id"]
        discord.nonce_window = 180
        discord.erase(discord.messages(channel)[-1])
        assert (await ask(path, json=body))[1]["code"] == 10008
        assert (await ask(path, json=v2("x", nonce="k" * 26)))[1]["code"] == 50035
        assert len(discord.messages(channel)) == 1


@pytest.mark.parametrize(
    ("how", "status", "stands"),
    [("500-after", 500, 1), ("500-before", 500, 0), (503, 503, 0), ((403, 50001), 403, 0), ("slow", 200, 1)],
)
async def test_requests_fail_as_told(discord: Discord, how: Any, status: int, stands: int) -> None:
    _, channel, _ = world(discord)
    discord.fail("POST /channels/{}/messages", how=how, channel=channel)
    async with asking(discord) as ask:
        assert (await ask(f"POST /channels/{channel.id}/messages", json=v2("x")))[0] == status
        assert len(discord.messages(channel)) == stands
        assert (await ask(f"POST /channels/{channel.id}/messages", json=v2("x")))[0] == 200
        assert discord.count("POST /channels/{}/messages") == 2


@pytest.mark.parametrize(("how", "stands"), [("drop-after", 1), ("drop-before", 0)])
async def test_connections_break_as_told(discord: Discord, how: str, stands: int) -> None:
    _, channel, _ = world(discord)
    discord.fail("POST /channels/{}/messages", how=how)
    async with asking(discord) as ask:
        with pytest.raises(aiohttp.ClientError):
            await ask(f"POST /channels/{channel.id}/messages", json=v2("x"))
        assert len(discord.messages(channel)) == stands
        assert discord.statuses[0] == 1


async def test_the_global_limit(discord: Discord) -> None:
    async with asking(discord) as ask:
        answers = await asyncio.gather(*(ask("GET /users/@me") for _ in range(60)))
        over = [(body, headers) for status, body, headers in answers if status == 429]
        assert len(over) >= 10
        assert over[0][0]["global"]
        assert over[0][1]["X-RateLimit-Global"] == "true"
        assert over[0][1]["Via"]
        assert over[0][1]["Content-Type"] == "application/json"
        discord.buckets = False
        assert (await ask("GET /users/@me"))[0] == 200


async def test_pages_of_messages_and_reactions(discord: Discord) -> None:
    _, channel, _ = world(discord)
    people = [discord.user(f"u{number}") for number in range(5)]
    rows = [discord.post(channel, people[0], str(number)) for number in range(250)]
    path = f"GET /channels/{channel.id}/messages"
    async with asking(discord) as ask:
        page = (await ask(f"{path}?limit=100&after={rows[9].id}"))[1]
        assert [int(one["id"]) for one in page] == [one.id for one in rows[109:9:-1]]
        page = (await ask(f"{path}?before={rows[60].id}"))[1]
        assert [int(one["id"]) for one in page] == [one.id for one in rows[59:9:-1]]
        assert (await ask(f"{path}?limit=101"))[0] == 400
        assert page[0]["content"] == ""  # not granted
        discord.application_flags = 1 << 19
        assert (await ask(path))[1][0]["content"] == "249"
        for user in people:
            await discord.react(user, rows[0], "👍")
        await discord.react(people[0], rows[0], "👍", burst=True)
        await discord.react(people[0], rows[0], "blob:123")
        seen = (await ask(f"{path}/{rows[0].id}"))[1]["reactions"]
        assert [(one["count"], one["count_details"]) for one in seen] == [
            (6, {"normal": 5, "burst": 1}),
            (1, {"normal": 1, "burst": 0}),
        ]
        reactions = f"{path}/{rows[0].id}/reactions"
        some = (await ask(f"{reactions}/%F0%9F%91%8D?limit=2&after={people[1].id}"))[1]
        assert [int(one["id"]) for one in some] == [people[2].id, people[3].id]
        assert len((await ask(f"{reactions}/%F0%9F%91%8D?type=1"))[1]) == 1
        assert len((await ask(f"{reactions}/blob%3A123"))[1]) == 1
        discord.permissions(channel, deny=P.READ_MESSAGE_HISTORY)
        assert (await ask(path))[:2] == (200, [])
        discord.permissions(channel, deny=P.VIEW_CHANNEL)
        assert (await ask(path))[1]["code"] == 50001


async def test_threads_and_forums(discord: Discord) -> None:
    guild = discord.guild("g", permissions=EVERYTHING)
    channel, forum = guild.text("general"), guild.forum("essays", tags=["a"], require_tag=True)
    message = discord.post(channel, discord.me, "a piece")
    async with running(discord) as bot, asking(discord) as ask:
        under = f"POST /channels/{channel.id}/messages/{message.id}/threads"
        thread = (await ask(under, json={"name": "talk"}))[1]
        assert thread["id"] == str(message.id)
        assert (await ask(under, json={"name": "talk"}))[1]["code"] == 160004
        [one] = await bot.until("thread_create")
        assert one.parent_id == channel.id
        posts = f"POST /channels/{forum.id}/threads"
        assert (await ask(f"POST /channels/{forum.id}/messages", json=v2("x")))[1]["code"] == 40058
        assert (await ask(posts, json={"name": "p", "message": v2("x")}))[1]["code"] == 40067
        tags = [str(forum.tag("a"))]
        post = (await ask(posts, json={"name": "p", "message": v2("x"), "applied_tags": tags}))[1]
        assert post["message"]["id"] == post["id"]
        assert forum.last == int(post["id"])
        place = discord.channels[int(post["id"])]
        discord.archive(place)
        assert (await ask(f"PATCH /channels/{post['id']}/messages/{post['id']}", json=v2("y")))[1]["code"] == 50083
        assert len((await ask(f"GET /guilds/{guild.id}/threads/active"))[1]["threads"]) == 1
        old = (await ask(f"GET /channels/{forum.id}/threads/archived/public"))[1]
        assert [one["id"] for one in old["threads"]] == [post["id"]]
        assert (await ask(f"POST /channels/{post['id']}/messages", json=v2("z")))[0] == 200
        assert not place.archived
        discord.archive(place, archived=True, locked=True)
        assert (await ask(f"POST /channels/{post['id']}/messages", json=v2("z")))[1]["code"] == 160005
        guild.thread_cap = 1
        again = discord.post(channel, discord.me, "another")
        assert (await ask(under.replace(str(message.id), str(again.id)), json={"name": "n"}))[1]["code"] == 160006
        await discord.delete_channel(channel)
        assert (await bot.until("guild_channel_delete"))[0].id == channel.id
        assert (await ask(f"GET /channels/{thread['id']}"))[1]["code"] == 10003


async def test_crossposts_reach_followers(discord: Discord) -> None:
    guild = discord.guild("g", permissions=EVERYTHING)
    news, target = guild.announcement("news"), guild.text("copies")
    discord.follow(news, target)
    async with running(discord) as bot, asking(discord) as ask:
        made = (
            await ask(
                f"POST /channels/{news.id}/messages",
                json=v2("piece", components=[*v2("piece")["components"], row("a")]),
            )
        )[1]
        publish = f"POST /channels/{news.id}/messages/{made['id']}/crosspost"
        assert (await ask(publish))[1]["flags"] & 1
        assert (await ask(publish))[1]["code"] == 40033
        [copy] = discord.messages(target)
        assert (copy.text, copy.buttons, copy.flags & 2) == ("piece", [], 2)
        heard = (await bot.until("message", 2))[1]
        assert (heard.webhook_id, heard.reference.message_id, heard.components) == (copy.author.id, int(made["id"]), [])
        here = f"PATCH /channels/{news.id}/messages/{made['id']}"
        answers = [(await ask(here, json=v2("edited")))[1] for _ in range(4)]
        assert [one.get("code") for one in answers] == [None, None, None, 20022]
        assert copy.text == "edited"
        await ask(f"DELETE /channels/{news.id}/messages/{made['id']}")
        assert copy.flags & 8
        assert (await ask(f"POST /channels/{target.id}/messages/{copy.id}/crosspost"))[1]["code"] == 50024


async def test_events_come_twice_and_out_of_order(discord: Discord) -> None:
    _, channel, mika = world(discord)
    message: Message = discord.post(channel, discord.me, "a piece")
    async with running(discord) as bot:
        discord.duplicate(1)
        await discord.react(mika, message, "👍")
        await bot.until("raw_reaction_add", 2)
        discord.reorder(2)
        await discord.react(mika, message, "🎉")
        await discord.react(mika, message, "🎉", added=False)
        await bot.until("raw_reaction_add", 3)
        assert [name for name, _ in bot.heard if name.startswith("raw_")][-2:] == [
            "raw_reaction_remove",
            "raw_reaction_add",
        ]


async def test_a_big_world_is_made_in_seconds(discord: Discord) -> None:
    began = time.process_time()
    for number in range(1000):
        guild = discord.guild(f"g{number}")
        for name in range(50):
            guild.text(f"c{name}")
    assert time.process_time() - began < 4
    assert len(discord.channels) == 50_000


async def test_the_same_nonce_at_once_makes_one_message(discord: Discord) -> None:
    _, channel, _ = world(discord)
    async with asking(discord) as ask:
        body = v2("piece", nonce="k1", enforce_nonce=True)
        path = f"POST /channels/{channel.id}/messages"
        answers = await asyncio.gather(*(ask(path, json=body) for _ in range(5)))
        assert len({body["id"] for _, body, _ in answers}) == 1
        assert len(discord.messages(channel)) == 1


async def test_old_messages(discord: Discord) -> None:
    guild = discord.guild("g", permissions=EVERYTHING)
    channel, mika = guild.text("general"), discord.user("mika")
    new = await discord.say(mika, channel, "new")
    rows = [discord.post(channel, discord.me, "old", ident=discord.past(days * 86_400)) for days in (1, 15)]
    assert [one.text for one in discord.messages(channel)] == ["old", "old", "new"]
    assert channel.last == new.id
    async with asking(discord) as ask:
        idents = {"messages": [str(one.id) for one in rows]}
        assert (await ask(f"POST /channels/{channel.id}/messages/bulk-delete", json=idents))[1]["code"] == 50034
        path = f"PATCH /channels/{channel.id}/messages/{rows[0].id}"
        codes = [(await ask(path, json=v2("x", content=None, embeds=[])))[1].get("code") for _ in range(4)]
        assert codes == [None, None, None, 30046]
        assert discord.statuses[429] == 1


async def test_reactions_have_one_bucket_and_a_cap(discord: Discord) -> None:
    _, channel, mika = world(discord)
    message = discord.post(channel, discord.me, "a piece")
    async with asking(discord) as ask:
        path = f"/channels/{channel.id}/messages/{message.id}/reactions"
        thumb = f"{path}/%F0%9F%91%8D/@me"
        assert (await ask(f"PUT {thumb}"))[0] == 204
        status, _, headers = await ask(f"DELETE {thumb}")
        assert (status, headers["X-RateLimit-Scope"], headers["X-RateLimit-Remaining"]) == (429, "user", "0")
        discord.buckets = False
        assert (await ask(f"DELETE {thumb}"))[0] == 204
        assert message.reactions == {}
        assert (await ask(f"PUT {path}/smile/@me"))[1]["code"] == 10014
        for number in range(20):
            await discord.react(mika, message, f"e:{number}")
        assert (await ask(f"PUT {thumb}"))[1]["code"] == 30010


async def test_a_deferred_answer_carries_the_secret_flag_only(discord: Discord) -> None:
    _, channel, mika = world(discord)
    answer = Answer(2, discord.fresh(), mika, channel, None)
    discord.answers[str(answer.id)] = discord.answers[answer.token] = answer
    path = f"POST /interactions/{answer.id}/{answer.token}/callback"
    hook = f"/webhooks/{discord.application}/{answer.token}"
    async with asking(discord) as ask:
        assert (await ask(path, json={"type": 5, "data": {"flags": 1 << 15 | 64}}))[1]["code"] == 50035
        said = (await ask(f"{path}?with_response=true", json={"type": 5}))[1]
        assert said["interaction"]["response_message_loading"]
        [thinking] = discord.messages(channel)
        await ask(f"PATCH {hook}/messages/@original", json=v2("done"))
        assert (thinking.text, thinking.flags) == ("done", 1 << 15)
        more = (await ask(f"POST {hook}", json=v2("more")))[1]
        await ask(f"PATCH {hook}/messages/{more['id']}", json=v2("changed"))
        assert answer.text == "done\nchanged"
        assert (await ask(f"DELETE {hook}/messages/@original"))[0] == 204
        assert [one.text for one in discord.messages(channel)] == ["changed"]
        discord.token_life = 0
        assert (await ask(f"POST {hook}", json=v2("late")))[1]["code"] == 50027


async def test_what_the_bot_may_not_do(discord: Discord) -> None:
    guild, channel, mika = world(discord)
    message = discord.post(channel, mika, "hers")
    path = f"/channels/{channel.id}/messages"
    async with asking(discord) as ask:
        discord.permissions(channel, deny=P.SEND_MESSAGES | P.ADD_REACTIONS | P.CREATE_PUBLIC_THREADS)
        for line, body in (
            (f"POST {path}", v2("x")),
            (f"PUT {path}/{message.id}/reactions/%F0%9F%91%8D/@me", None),
            (f"POST {path}/{message.id}/threads", {"name": "n"}),
            (f"DELETE /channels/{channel.id}", None),
        ):
            assert (await ask(line, json=body))[1]["code"] == 50013
        assert discord.invalid == 4
        discord.limits.ban_at = 4
        status, body, headers = await ask(f"GET {path}")
        assert (status, "Via" in headers, "1015" in body) == (429, False, True)
    discord.limits.ban_at = 10_000
    await discord.remove_guild(guild)
    discord.token = "another"
    async with asking(discord) as ask:
        assert (await ask(f"GET {path}"))[1]["code"] == 10003
        discord.token = "a third"
        assert (await ask(f"GET {path}"))[0] == 401
