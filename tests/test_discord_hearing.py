"""What people do on Discord becomes rows: from the gateway's events through the ears into a real SQLite."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from bot.platforms.discord import client
from bot.platforms.discord.hearing import Hearing
from bot.platforms.discord.spots import Spots
from core.chat import Place, Reacted, Read
from storage.db import Db
from tests.discord_newsroom import DiscordRoom, Sitting
from tests.far import Hearing as Ears
from tests.far_discord import utc
from tests.standins.discord import Channel, Discord, Message, User
from tests.waiting import until

EMOJI = """select e.name, r.kind, r.present from reaction r join emoji e on e.id=r.emoji_id join person p on
    p.id=r.person_id order by e.name, r.kind, r.present"""
SAID = "select text, state from comment order by id"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GUILDS_WITHIN", 0.03)
    monkeypatch.setattr(client, "IDENTIFY_EVERY", 0.01)


@pytest.fixture
async def far() -> AsyncIterator[Discord]:
    async with Discord() as discord:
        discord.buckets = False
        discord.application_flags = 1 << 19
        yield discord


class Scene:
    """A channel with a piece in it, and readers."""

    def __init__(self, room: DiscordRoom, sitting: Sitting, channel: Channel, posts: list[Message]) -> None:
        self.room, self.sitting, self.channel, self.posts = room, sitting, channel, posts
        self.far = room.far
        self.post = posts[0]
        self.mika, self.sam = self.far.user("mika"), self.far.user("sam")

    async def rows(self, sql: str) -> list[tuple[object, ...]]:
        await self.sitting.heard()
        return await self.room.rows(sql)

    async def count(self, table: str) -> int:
        [[count]] = await self.rows(f"select count(*) from {table}")
        assert isinstance(count, int)
        return count


@pytest.fixture(params=["card"])
async def scene(request: pytest.FixtureRequest, db: Db, far: Discord) -> AsyncIterator[Scene]:
    """`indirect` parameter: the layout."""
    room = DiscordRoom(db, far)
    guild = far.guild("Reading room")
    channel = guild.forum("essays") if request.param == "forum" else guild.text("general")
    await room.add(channel, request.param)
    async with room.sitting() as sitting:
        yield Scene(room, sitting, channel, await sitting.publish("one"))


every_layout = pytest.mark.parametrize("scene", ["card", "thread", "forum"], indirect=True)


# --- reactions ---


@every_layout
async def test_reactions_of_every_kind_become_rows(scene: Scene) -> None:
    far, post = scene.far, scene.posts[-1]
    await far.react(scene.mika, post, "👍")
    await far.react(scene.mika, post, "❤️", burst=True)
    await far.react(scene.sam, post, "blob:77")
    await far.react(scene.sam, post, "💡")
    await far.react(scene.sam, post, "💡", added=False)
    assert await scene.rows(EMOJI) == [
        ("77", "normal", 1), ("❤️", "burst", 1), ("👍", "normal", 1), ("💡", "normal", 0),
    ]  # fmt: skip
    await scene.room.same()


async def test_cleared_reactions_are_off(scene: Scene) -> None:
    for who in (scene.mika, scene.sam):
        for emoji in ("👍", "👎", "blob:77"):
            await scene.far.react(who, scene.post, emoji)
    await scene.far.clear_reactions(scene.post, "blob:77")
    assert [emoji for emoji, _, present in await scene.rows(EMOJI) if not present] == ["77", "77"]
    await scene.far.clear_reactions(scene.post)
    assert [emoji for emoji, _, present in await scene.rows(EMOJI) if present] == []
    await scene.far.react(scene.mika, scene.post, "👍")
    await scene.sitting.heard()
    await scene.room.same()


async def test_bots_and_ourselves_do_not_count(scene: Scene) -> None:
    robot = User(scene.far.fresh(), "robot", bot=True)
    scene.far.users[robot.id] = robot
    await scene.far.react(robot, scene.post, "👍")
    await scene.far.react(scene.far.me, scene.post, "👍")
    await scene.far.say(robot, scene.channel, "beep", scene.post)
    assert await scene.count("reaction") == 0
    assert await scene.count("comment") == 0


# --- words ---


@every_layout
async def test_what_is_said_under_a_post_is_a_comment(scene: Scene) -> None:
    far, post = scene.far, scene.posts[-1]
    first = await far.say(scene.mika, post.channel, "under it", post)
    await far.say(scene.sam, post.channel, "under that", first)
    assert await scene.rows(SAID) == [("under it", "visible"), ("under that", "visible")]
    [[section]] = await scene.rows("select section is not null from comment order by id limit 1")
    assert bool(section) is (scene.channel.type == 15 or post.channel.is_thread)
    await scene.room.same()


@pytest.mark.parametrize("granted", [True, False])
async def test_without_the_text_of_messages_answers_that_ping_us_are_still_read(
    db: Db, far: Discord, granted: bool
) -> None:
    far.application_flags = 1 << 19 if granted else 0
    room = DiscordRoom(db, far)
    channel = far.guild("Reading room").text("general")
    await room.add(channel, "thread")
    async with room.sitting() as sitting:
        posts = await sitting.publish("one")
        mika = far.user("mika")
        await far.say(mika, channel, "with a ping", posts[0])
        await far.say(mika, channel, "without", posts[0], ping=False)
        await far.say(mika, posts[-1].channel, "in the thread")
        await far.say(mika, posts[-1].channel, f"{far.me.mention} by name")
        await sitting.heard()
        said = [text for (text,) in await room.rows("select text from comment order by id")]
    if granted:
        assert said == ["with a ping", "without", "in the thread", "@rondan by name"]
    else:
        assert said == ["with a ping", "", "", "@rondan by name"], "the comments are there, their words are not"


async def test_edits_are_heard_and_previews_of_links_are_not(scene: Scene) -> None:
    said = await scene.far.say(scene.mika, scene.channel, "first https://example.org", scene.post)
    assert await scene.rows(SAID) == [("first https://example.org", "visible")]
    scene.far.change(said, now=False, embeds=[{"title": "a preview"}])
    await scene.sitting.heard()
    assert await scene.rows("select edited_at from comment") == [(None,)]
    await scene.far.edit(scene.mika, said, "second")
    assert await scene.rows(SAID) == [("second", "visible")]
    [[edited]] = await scene.rows("select edited_at from comment")
    assert edited is not None


async def test_deleted_in_the_chat_is_erased_here(scene: Scene) -> None:
    said = [await scene.far.say(scene.mika, scene.channel, str(number), scene.post) for number in range(5)]
    await scene.far.delete(said[0])
    await scene.far.bulk_delete(said[1:4])
    assert await scene.rows(SAID) == [*[("", "erased")] * 4, ("4", "visible")]
    await scene.room.same()


async def test_a_post_of_ours_that_is_deleted_is_withdrawn(scene: Scene) -> None:
    await scene.far.delete(scene.post)
    assert await scene.rows("select state from posting") == [("withdrawn",)]


# --- what is none of our business ---


async def test_talk_of_something_else_is_ignored_and_never_parked(scene: Scene) -> None:
    far, channel = scene.far, scene.channel
    other = await far.say(scene.sam, channel, "something else")
    await far.say(scene.mika, channel, "an answer to that", other)
    thread = await far.start_thread(scene.sam, other, "something else")
    inside = await far.say(scene.mika, thread, "in its thread")
    await far.say(scene.mika, thread, "an answer there", inside)
    await far.react(scene.mika, inside, "👍")
    await far.edit(scene.mika, inside, "edited")
    far.post(
        channel, scene.mika, "", reference={"type": 1, "message_id": str(scene.post.id), "channel_id": str(channel.id)}
    )
    answer = far.post(channel, far.me, "an answer to a command", webhook=far.application, interaction={"id": "1"})
    await far.say(scene.mika, channel, "an answer to an answer", answer)
    elsewhere = far.guild("Elsewhere").text("general")
    await far.say(scene.mika, elsewhere, "elsewhere")
    await far.react(scene.mika, far.post(elsewhere, far.me, "no post"), "👍")
    assert await scene.count("comment") == 0
    assert await scene.count("parked") == 0
    assert await scene.count("heard") == 0


async def test_a_thread_that_a_reader_opens_on_a_post_is_ours(scene: Scene) -> None:
    thread = await scene.far.start_thread(scene.mika, scene.post, "talk")
    await scene.far.say(scene.sam, thread, "in it")
    assert await scene.rows(SAID) == [("in it", "visible")]


# --- what goes as a whole ---


@every_layout
async def test_a_deleted_thread_erases_what_was_said_in_it(scene: Scene) -> None:
    far, post = scene.far, scene.posts[-1]
    thread = post.channel if post.channel.is_thread else await far.start_thread(scene.mika, post, "talk")
    message = await far.say(scene.mika, thread, "in it")
    await far.say(scene.sam, thread, "too", message)
    assert len(await scene.rows(SAID)) == 2
    await far.delete_channel(thread)
    far.hub.emit("MESSAGE_DELETE", thread.guild, lambda _: {"id": str(message.id), "channel_id": str(thread.id)})
    assert await scene.rows(SAID) == [("", "erased")] * 2
    state = "done" if scene.channel.type != 15 and not post.channel.is_thread else "withdrawn"
    assert await scene.rows("select state from posting") == [(state,)]


async def test_an_archived_thread_that_is_deleted_after_a_restart_is_erased_too(db: Db, far: Discord) -> None:
    room = DiscordRoom(db, far)
    channel, mika = far.guild("Reading room").text("general"), far.user("mika")
    await room.add(channel)
    async with room.sitting() as sitting:
        [post] = await sitting.publish("one")
        thread = await far.start_thread(mika, post, "talk")
        await far.say(mika, thread, "in it")
        await sitting.heard()
    far.archive(thread)
    async with room.sitting(days=0) as sitting:
        await far.delete_channel(thread)
        await sitting.heard()
        assert await room.rows(SAID) == [("", "erased")]


async def test_a_channel_that_is_gone_pauses_the_place_and_what_was_said_stays(scene: Scene) -> None:
    said = await scene.far.say(scene.mika, scene.channel, "here", scene.post)
    await scene.sitting.heard()
    guild = scene.channel.guild
    await scene.far.delete_channel(scene.channel)
    gone = {"channel_id": str(scene.channel.id), "message_id": str(said.id)}
    scene.far.hub.emit("MESSAGE_REACTION_REMOVE_ALL", guild, lambda _: gone)
    assert await scene.rows(SAID) == [("here", "visible")]
    assert await scene.rows("select paused is not null from place") == [(1,)]


async def test_a_server_that_throws_us_out_pauses_its_places_and_an_outage_does_not(scene: Scene) -> None:
    guild = scene.channel.guild
    assert guild is not None
    await scene.far.lose_guild(guild)
    assert await scene.rows("select paused from place") == [(None,)]
    await scene.far.lose_guild(guild, lost=False)
    await scene.far.react(scene.mika, scene.post, "👍")
    assert await scene.count("reaction") == 1
    await scene.far.remove_guild(guild)
    scene.far.hub.emit(
        "MESSAGE_DELETE", None, lambda _: {"id": str(scene.post.id), "channel_id": str(scene.channel.id)}
    )
    assert await scene.rows("select paused is not null from place") == [(1,)]


# --- order, repetition, and coming early ---


@pytest.mark.parametrize("seed", range(4))
@every_layout
async def test_events_that_come_twice_or_out_of_order_give_the_same_rows(scene: Scene, seed: int) -> None:
    far, dice = scene.far, random.Random(seed)
    post = scene.posts[-1]
    said: list[Message] = []
    for number in range(12):
        far.duplicate(dice.randint(0, 2))
        far.reorder(dice.choice((0, 3, 4)))
        # Each line makes events that do not undo each other: what is put on and taken off at once has no order left.
        message = await far.say(scene.mika, post.channel, f"{number}", dice.choice([post, *said[-2:]]))
        await far.react(scene.sam, message, "👍")
        await far.react(scene.mika, post, f"emoji:{100 + number}")
        kind = dice.random()
        if kind < 0.3:
            await far.edit(scene.mika, message, f"{number}, edited")
        elif kind < 0.5:
            await far.delete(message)
        if message.id in message.channel.messages:
            said.append(message)
        far.hub.release()
        await far.delivered()
    await scene.sitting.heard()
    await scene.room.same()
    assert await scene.count("comment where state <> 'erased'") == len(said)


async def test_the_order_of_the_socket_is_kept(scene: Scene) -> None:
    for number in range(101):
        scene.far.put_reaction(scene.post, scene.mika, "👍")
        if number < 100:
            scene.far.take_reaction(scene.post, scene.mika, "👍")
    assert await scene.rows(EMOJI) == [("👍", "normal", 1)]


async def test_events_before_the_post_is_known_wait_for_it(scene: Scene) -> None:
    far = scene.far
    far.fail("POST /channels/{}/messages", how="slow", delay=0.3)
    publishing = asyncio.create_task(scene.sitting.publish("two"))
    await until(lambda: len(far.messages(scene.channel)) == 2)
    post = far.messages(scene.channel)[-1]
    said = await far.say(scene.mika, scene.channel, "early", post)
    await far.react(scene.sam, said, "👍")
    await far.react(scene.sam, post, "💡")
    assert await scene.count("parked") == 3
    await publishing
    assert await scene.count("parked") == 0
    assert await scene.rows(SAID) == [("early", "visible")]
    await scene.room.same()


async def test_two_events_never_have_the_same_time_and_reads_follow_what_they_cover() -> None:
    ears = Ears()
    spots = Spots(lambda _number, _guild: None, lambda: 1)
    spots.furnish([Place(id=1, platform="discord", channel="10")])
    now = utc()
    hearing = Hearing(spots, ears, lambda: now, lambda: 1, lambda: True)
    emoji = {"id": None, "name": "👍"}
    for _ in range(5):
        hearing.take("MESSAGE_REACTION_ADD", {"user_id": "2", "channel_id": "10", "message_id": "11", "emoji": emoji})
    times = [one.at for one in ears.heard if isinstance(one, Reacted)]
    assert len(set(times)) == 5
    assert times == sorted(times)
    message = {"id": "12", "channel_id": "10", "author": {"id": "2"}, "content": "x"}
    hearing.take("MESSAGE_CREATE", message)
    hearing.flush()
    assert not any(isinstance(one, Read) for one in ears.heard), "the gap before it is not told yet"
    hearing.listen()
    assert ears.heard[-1] == Read(platform="discord", where="10", newest="12")
    hearing.gap()
    hearing.take("MESSAGE_CREATE", message | {"id": "13"})
    hearing.flush()
    assert ears.heard[-1] == Read(platform="discord", where="10", newest="12")
