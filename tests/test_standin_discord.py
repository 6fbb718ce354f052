"""The stand-in for Discord, driven by the real discord.py."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import discord as lib
import pytest
from discord.http import Route
from typing_extensions import override

from tests.standins.discord import Discord, NoAnswer, NotOffered, P
from tests.standins.discord.driving import QUIET, Bot, hooked, row, running, world
from tests.waiting import until


@pytest.fixture
async def discord(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Discord]:
    async with hooked(monkeypatch) as server:
        yield server


async def test_the_client_connects_and_knows_its_guilds(discord: Discord) -> None:
    guild, channel, _ = world(discord)
    forum = guild.forum("essays", tags=["OpenAI", "地方"], require_tag=True)
    discord.permissions(channel, deny=P.ADD_REACTIONS)
    async with running(discord) as bot:
        seen = bot.get_guild(guild.id)
        assert seen is not None
        text = seen.get_channel(channel.id)
        assert isinstance(text, lib.TextChannel)
        mine = text.permissions_for(seen.me)
        assert (mine.send_messages, mine.add_reactions, mine.manage_messages) == (True, False, False)
        essays = seen.get_channel(forum.id)
        assert isinstance(essays, lib.ForumChannel)
        assert [tag.name for tag in essays.available_tags] == ["OpenAI", "地方"]
        assert essays.flags.require_tag
        discord.time_out(guild)
        await bot.until("member_update")
        assert not text.permissions_for(seen.me).send_messages
        discord.time_out(guild, on=False)
        late = guild.text("late")
        await discord.delivered()
        await bot.until("guild_channel_create")
        assert seen.get_channel(late.id) is not None
        assert (await bot.application_info()).id == discord.application
        another = discord.guild("Another")
        await bot.until("guild_join")
        assert bot.get_guild(another.id) is not None
        await discord.remove_guild(another)
        await bot.until("guild_remove")
    assert discord.identifies == 1


async def test_the_client_sends_and_hears(discord: Discord) -> None:
    _, channel, mika = world(discord)
    async with running(discord) as bot:
        sent = await bot.get_partial_messageable(channel.id).send("hello", nonce="n1", silent=True)
        [message] = discord.messages(channel)
        assert (message.id, message.text) == (sent.id, "hello")
        assert (await bot.until("message"))[0].nonce == "n1"
        await discord.react(mika, message, "👍")
        [added] = await bot.until("raw_reaction_add")
        assert (added.user_id, str(added.emoji), added.message_author_id) == (mika.id, "👍", discord.me.id)
        await discord.react(mika, message, "👍", added=False)
        await bot.until("raw_reaction_remove")
        await discord.say(mika, channel, "plain")
        await discord.say(mika, channel, "an answer", reply_to=message)
        reply = await discord.say(mika, channel, "a quiet answer", reply_to=message, ping=False)
        await discord.say(mika, channel, f"{discord.me.mention} look")
        heard = await bot.until("message", 5)
        assert [one.content for one in heard[1:]] == ["", "an answer", "", f"{discord.me.mention} look"]
        assert heard[2].reference.message_id == message.id
        await discord.edit(mika, reply, "edited")
        assert (await bot.until("raw_message_edit"))[-1].message.edited_at is not None
        await discord.delete(reply)
        assert (await bot.until("raw_message_delete"))[0].message_id == reply.id
        await discord.bulk_delete(discord.messages(channel)[1:])
        assert len((await bot.until("raw_bulk_message_delete"))[0].message_ids) == 3
        assert [one.content async for one in bot.get_partial_messageable(channel.id).history()] == ["hello"]


async def test_resume_replays_what_was_missed(discord: Discord) -> None:
    _, channel, mika = world(discord)
    message = discord.post(channel, discord.me, "a piece")
    async with running(discord) as bot:
        discord.outage()
        await discord.cut(4000)
        await discord.react(mika, message, "👍")
        await discord.react(mika, message, "👍", added=False)
        discord.outage(on=False)
        await bot.until("resumed")
        kinds = [name for name, _ in bot.heard if name.startswith("raw_reaction")]
        assert kinds == ["raw_reaction_add", "raw_reaction_remove"]
        assert (discord.identifies, discord.resumes) == (1, 1)


@pytest.mark.parametrize("how", ["op7", "op9 true", "op9 false", "forgotten", "before hello", "broken"])
async def test_the_client_comes_back(discord: Discord, how: str) -> None:
    world(discord)
    async with running(discord) as bot:
        resumed = how not in ("op9 false", "forgotten")
        if how == "op7":
            discord.reconnect()
        elif how.startswith("op9"):
            discord.invalidate(resumable=resumed)
        elif how == "forgotten":
            discord.forget_sessions()
            await discord.cut()
        elif how == "before hello":
            discord.close_before_hello()
            await discord.cut()
        else:
            await discord.cut(None)
        await bot.until("resumed" if resumed else "ready", 1 if resumed else 2)
        assert (discord.identifies, discord.resumes) == ((1, 1) if resumed else (2, 0))


async def test_tokens_and_intents_are_checked(discord: Discord) -> None:
    world(discord)
    bot = Bot()
    with pytest.raises(lib.LoginFailure):
        await bot.start("bad token")
    await bot.close()
    curious = lib.Intents(guilds=True, guild_messages=True, message_content=True)
    for flags, granted in ((0, False), (1 << 19, True)):
        discord.application_flags = flags
        bot = Bot(curious)
        if granted:
            async with running(discord, bot):
                await discord.say(discord.user("jo"), next(iter(discord.channels.values())), "open")
                assert (await bot.until("message"))[0].content == "open"
        else:
            with pytest.raises(lib.PrivilegedIntentsRequired):
                await bot.start(discord.token)
            await bot.close()


async def test_shards_get_their_guilds(discord: Discord) -> None:
    guilds = [discord.guild(f"g{number}") for number in range(6)]

    class Sharded(lib.AutoShardedClient):
        @override
        async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
            pass

    bot = Sharded(intents=lib.Intents(guilds=True), shard_count=2)
    bot._connection.guild_ready_timeout = 0.05
    async with bot:
        await bot.login(discord.token)
        task = asyncio.create_task(bot.connect())
        await discord.connected(2)
        await bot.wait_until_ready()
        assert {guild.id: guild.shard_id for guild in bot.guilds} == {one.id: (one.id >> 22) % 2 for one in guilds}
        assert len({guild.shard_id for guild in bot.guilds}) == 2
        await bot.close()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_client_waits_for_buckets_and_for_429s(discord: Discord) -> None:
    _, channel, _ = world(discord)
    discord.limits.sizes["POST /channels/{}/messages"] = (2, 0.3)
    async with running(discord) as bot:
        target = bot.get_partial_messageable(channel.id)
        began = time.monotonic()
        for number in range(5):
            await target.send(str(number))
        assert time.monotonic() - began > 0.55
        assert discord.statuses[429] == 0
        discord.shared("POST /channels/{}/messages", after=0.1)
        await target.send("shared")
        assert (discord.statuses[429], discord.invalid) == (1, 0)
        discord.fail("POST /channels/{}/messages", how="ban")
        with pytest.raises(lib.HTTPException) as banned:
            await target.send("banned")
        assert banned.value.status == 429
        assert [one.text for one in discord.messages(channel)] == ["0", "1", "2", "3", "4", "shared"]


async def test_talk_with_the_client(discord: Discord) -> None:
    guild, channel, mika = world(discord)
    async with running(discord) as bot:
        bot.on_talk = _talk
        path = f"/applications/{discord.application}/commands"
        await bot.http.request(Route("PUT", path), json=COMMANDS)
        assert discord.syncs == 1
        answer = await discord.command(mika, channel, "digest", {"topic": "x"})
        assert (answer.type, answer.ephemeral) == (5, True)
        await answer.settled()
        assert answer.text == "ja: digest of x"
        assert discord.messages(channel) == []
        assert await discord.complete(mika, channel, "digest", "topic", "Op") == [{"name": "OpenAI", "value": "1"}]
        with pytest.raises(NotOffered):
            await discord.command(mika, channel, "digest", {"colour": "x"})
        with pytest.raises(NotOffered):
            await discord.command(mika, channel, "mod retract", {"piece": 3})
        guild.grant(mika, P.MANAGE_MESSAGES)
        answer = await discord.command(mika, channel, "mod retract", {"piece": 3})
        assert (answer.text, answer.ephemeral) == ("retracted 3", False)
        assert discord.messages(channel) == [answer.message]
        opened = await discord.press(mika, answer, "Comment")
        assert opened.modal
        sent = await discord.submit(mika, opened, {"text": "My words"})
        assert sent.text == "heard My words"
        changed = await discord.press(mika, answer, "again")
        assert (changed.type, changed.text) == (7, "again")
        said = await discord.say(mika, channel, "hidden")
        saved = await discord.message_command(mika, "Save as comment", said)
        assert saved.text == "saved hidden"
        discord.patience = 0.2
        with pytest.raises(NoAnswer):
            await discord.press(mika, answer, "late")
        await asyncio.sleep(0.3)
        assert discord.count("POST /interactions/{}/{}/callback", 404) == 1


COMMANDS: list[dict[str, Any]] = [
    {
        "name": "digest",
        "name_localizations": {"ja": "ダイジェスト"},
        "description": "What people said",
        "type": 1,
        "options": [{"type": 3, "name": "topic", "description": "About", "autocomplete": True}],
    },
    {
        "name": "mod",
        "description": "For moderators",
        "type": 1,
        "default_member_permissions": str(int(P.MANAGE_MESSAGES)),
        "options": [
            {
                "type": 1,
                "name": "retract",
                "description": "Takes back",
                "options": [{"type": 4, "name": "piece", "description": "Its number", "required": True}],
            }
        ],
    },
    {"name": "Save as comment", "type": 3},
]
MODAL: dict[str, Any] = {
    "custom_id": "m",
    "title": "Say",
    "components": [
        {"type": 18, "label": "Words", "component": {"type": 4, "custom_id": "text", "style": 2, "max_length": 100}}
    ],
}


async def _talk(talk: lib.Interaction[Any]) -> None:
    data: Any = talk.data
    kind = 4
    body: dict[str, Any] = {"content": "?", "allowed_mentions": QUIET}
    if talk.type is lib.InteractionType.autocomplete:
        kind, body = 8, {"choices": [{"name": "OpenAI", "value": "1"}]}
    elif data.get("name") == "digest":
        await talk.response.defer(ephemeral=True)
        await talk.edit_original_response(content=f"{talk.locale}: digest of {data['options'][0]['value']}")
        return
    elif data.get("name") == "mod":
        number = data["options"][0]["options"][0]["value"]
        buttons: dict[str, Any] = {
            "type": 1,
            "components": [{"type": 2, "style": 1, "label": "Comment", "custom_id": "v1:comment"}],
        }
        buttons["components"] += row("again", "late")["components"]
        body |= {"content": f"retracted {number}", "components": [buttons]}
    elif data.get("name") == "Save as comment":
        [target] = data["resolved"]["messages"].values()
        body["content"] = f"saved {target['content']}"
    elif data.get("custom_id") == "v1:comment":
        kind, body = 9, MODAL
    elif data.get("custom_id") == "m":
        body["content"] = f"heard {data['components'][0]['component']['value']}"
    elif data.get("custom_id") == "again":
        kind, body["content"] = 7, "again"
    elif data.get("custom_id") == "late":
        await asyncio.sleep(0.3)
    route = Route("POST", "/interactions/{i}/{t}/callback", i=talk.id, t=talk.token)
    with contextlib.suppress(lib.NotFound):
        await talk.client.http.request(route, json={"type": kind, "data": body}, params={"with_response": "1"})


async def test_talk_through_the_library_itself(discord: Discord) -> None:
    _, channel, mika = world(discord)
    async with running(discord) as bot:
        tree = lib.app_commands.CommandTree(bot)

        @tree.command(name="page", description="Pages that one person sees")
        @lib.app_commands.describe(number="Which")
        async def page(talk: lib.Interaction[Bot], number: int) -> None:
            await talk.response.send_message(f"page {number}", ephemeral=True, view=_pages())
            await talk.followup.send("and more", ephemeral=True)

        def _pages() -> lib.ui.View:
            view = lib.ui.View(timeout=None)
            view.add_item(lib.ui.Button(label="Next", custom_id="v1:next"))
            return view

        async def turn(talk: lib.Interaction[Any]) -> None:
            if talk.type is lib.InteractionType.component:
                await talk.response.edit_message(content="page 2")

        bot.on_talk = turn
        [synced] = await tree.sync()
        assert discord.commands[1, "page"]["id"] == str(synced.id)
        await tree.sync()
        assert (discord.syncs, discord.creates) == (2, 1)
        answer = await discord.command(mika, channel, "page", {"number": 1})
        assert (answer.ephemeral, answer.text) == (True, "page 1")
        turned = await discord.press(mika, answer, "Next")
        assert (turned.type, turned.message) == (7, answer.message)
        assert answer.text.startswith("page 2")
        assert [one.text for one in answer.followups] == ["and more"]
        assert discord.messages(channel) == []
        assert len(discord.unguarded) == 3  # the library sends none by itself


async def test_threads_direct_messages_and_lost_guilds(discord: Discord) -> None:
    guild, channel, mika = world(discord)
    forum = guild.forum("essays")
    async with running(discord) as bot:
        piece = discord.post(channel, discord.me, "a piece")
        thread = await discord.start_thread(mika, piece, "talk")
        await discord.say(mika, thread, "in the thread")
        post = await discord.start_thread(mika, forum, "a post", "its words")
        assert [one.id for one in discord.messages(post)] == [post.id]
        letter = discord.dm(mika)
        await discord.say(mika, letter, "a letter")
        heard = await bot.until("message", 4)
        assert [(one.channel.id, one.content) for one in heard[1:]] == [
            (thread.id, ""),
            (post.id, ""),
            (letter.id, "a letter"),
        ]
        await discord.delete_channel(post)
        assert (await bot.until("raw_thread_delete"))[0].thread_id == post.id
        discord.archive(thread)
        await bot.until("raw_thread_update")
        await discord.lose_guild(guild)
        await bot.until("guild_unavailable")
        await discord.lose_guild(guild, lost=False)
        await bot.until("guild_available", 2)
        assert bot.named("guild_remove") == []


async def test_answers_to_commands_do_not_count_as_regular_messages(discord: Discord) -> None:
    _, channel, mika = world(discord)
    reply = discord.post(channel, discord.me, "an answer", webhook=discord.application)
    async with running(discord) as bot:
        await discord.say(mika, channel, "hidden", reply_to=reply)
        assert (await bot.until("message"))[0].content == ""


async def test_a_deaf_gateway_is_left_and_resumed(discord: Discord) -> None:
    world(discord)
    discord.heartbeat = 0.05
    async with running(discord, Bot(heartbeat_timeout=0.3)) as bot:
        await asyncio.sleep(0.4)
        assert discord.hub.connects == 1
        discord.deaf()
        await bot.until("resumed")
        discord.deaf(on=False)


async def test_identifies_may_be_strict(discord: Discord) -> None:
    world(discord)
    discord.strict_identify = True
    async with running(discord):
        discord.hub._identified[0] = time.monotonic() - 4.8
        discord.invalidate(resumable=False)
        await asyncio.sleep(0.1)
        assert discord.identifies == 1
        await until(lambda: discord.identifies >= 2, 5)  # the client tries until it may
