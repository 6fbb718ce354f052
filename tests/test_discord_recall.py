"""After an absence from Discord the rows say what the server shows; it costs little; nothing is concluded blindly."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot import collect
from bot.platforms.discord import client
from storage.db import Db, Tx
from tests.discord_newsroom import DiscordRoom, Sitting
from tests.far_discord import utc
from tests.standins.discord import Channel, Discord, Guild, Message, P, User
from tests.waiting import until

EMOJI = ("👍", "👎", "💡", "❤️", "blob:4242")
HISTORY = "GET /channels/{}/messages"
ONE = "GET /channels/{}/messages/{}"
USERS = "GET /channels/{}/messages/{}/reactions/{}"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GUILDS_WITHIN", 0.05)
    monkeypatch.setattr(client, "IDENTIFY_EVERY", 0.01)
    monkeypatch.setattr(client, "LONGEST_WAIT", 0.02)


@pytest.fixture
async def far() -> AsyncIterator[Discord]:
    async with Discord() as discord:
        discord.buckets = False
        discord.application_flags = 1 << 19
        yield discord


@pytest.fixture
def room(db: Db, far: Discord) -> DiscordRoom:
    return DiscordRoom(db, far)


def channel_of(guild: Guild, layout: str) -> Channel:
    return guild.forum("essays") if layout == "forum" else guild.text("general")


async def away(sitting: Sitting) -> None:
    """The gateway goes, and with it the session."""
    far = sitting.room.far
    far.outage()
    await far.cut()
    far.forget_sessions()


async def back(sitting: Sitting) -> None:
    far = sitting.room.far
    before = far.identifies
    far.outage(False)
    await until(lambda: far.identifies > before)
    await until(lambda: "discord" not in sitting.ears._whole or sitting.ears._missed)
    await sitting.whole()
    await sitting.heard()


class Crowd:
    """People who do at random what people do.

    While nobody listens, one emoji of one message only rises or only falls in number: a swap of people that leaves the
    count as it was can't be seen without asking for everybody (`docs/discord.md`).
    """

    def __init__(self, room: DiscordRoom, channel: Channel, dice: random.Random) -> None:
        self.room, self.far, self.channel, self.dice = room, room.far, channel, dice
        self.people = [self.far.user(f"reader {number}") for number in range(4)]
        self.robot = User(self.far.fresh(), "robot", bot=True)
        self.far.users[self.robot.id] = self.robot
        self.count = 0
        self.unheard = False
        self._course: dict[tuple[int, str], bool] = {}

    def may(self, message: Message, emoji: str, added: bool) -> bool:
        return not self.unheard or self._course.setdefault((message.id, emoji), added) is added

    async def act_unheard(self, times: int) -> None:
        self.unheard = True
        self._course.clear()
        for _ in range(times):
            await self.act()
        self.unheard = False

    def listened(self) -> list[Message]:
        return [message for message, _ in self.room._listened()]

    def comments(self) -> list[Message]:
        """Those that nobody answered, so that no answer is left hanging when they go."""
        answered = {int((one.reference or {}).get("message_id") or 0) for one in self.listened()}
        threads = set(self.far.channels)
        return [
            one for one in self.listened() if not one.author.bot and one.id not in answered and one.id not in threads
        ]

    def words(self) -> str:
        self.count += 1
        return f"words {self.count} {self.dice.choice(('賛成です', 'I disagree', '👍🏽', '<@1> & <b>'))}".replace(
            "<@1> ", ""
        )

    async def act(self) -> None:
        doing = self.dice.choices(
            (self.react, self.unreact, self.clear, self.say, self.chatter, self.edit, self.delete, self.bulk),
            (8, 5, 1, 6, 3, 3, 3, 1),
        )[0]
        await doing()

    async def react(self) -> None:
        if messages := self.listened():
            who, emoji = self.dice.choice(self.people), self.dice.choice(EMOJI)
            if self.dice.random() < 0.1:
                who, emoji = self.robot, "🤖"
            message, burst = self.dice.choice(messages), self.dice.random() < 0.2
            if self.may(message, emoji, True):
                await self.far.react(who, message, emoji, burst=burst)

    async def unreact(self) -> None:
        there = [
            (message, emoji, burst, user)
            for message in self.listened()
            for (emoji, burst), users in message.reactions.items()
            for user in sorted(users)
        ]
        if there:
            message, emoji, burst, user = self.dice.choice(there)
            if self.may(message, emoji, False):
                await self.far.react(self.far.users[user], message, emoji, added=False, burst=bool(burst))

    async def clear(self) -> None:
        if messages := [one for one in self.listened() if one.reactions]:
            message = self.dice.choice(messages)
            emoji = self.dice.choice([None, *(name for name, _ in message.reactions)])
            if all(self.may(message, name, False) for name, _ in message.reactions if emoji in (None, name)):
                await self.far.clear_reactions(message, emoji)

    async def say(self) -> None:
        """In a thread, or as an answer in the channel; sometimes in a thread that a reader opens on a post."""
        if not (messages := self.listened()):
            return
        target = self.dice.choice(messages)
        who = self.dice.choice(self.people)
        where = target.channel
        if not where.is_thread and target.author is self.far.me and self.dice.random() < 0.5:
            where = target.thread or await self.far.start_thread(who, target, "talk")
            if where.gone:
                return
            await self.far.say(who, where, self.words())
        else:
            await self.far.say(who, where, self.words(), target, ping=self.dice.random() < 0.5)

    async def chatter(self) -> None:
        """Talk that is not ours: in the channel, and in answers to it."""
        if self.channel.type == 15:
            return
        who = self.dice.choice(self.people)
        first = await self.far.say(who, self.channel, "something else")
        await self.far.say(who, self.channel, "and its answer", first)

    async def edit(self) -> None:
        if comments := [one for one in self.listened() if not one.author.bot]:
            message = self.dice.choice(comments)
            await self.far.edit(message.author, message, self.words())

    async def delete(self) -> None:
        if comments := self.comments():
            await self.far.delete(self.dice.choice(comments))

    async def bulk(self) -> None:
        comments = self.comments()
        some = [one for one in comments if one.channel is comments[0].channel][:3]
        if len(some) > 1:
            await self.far.bulk_delete(some)

    async def break_something(self) -> None:
        """What is deleted as a whole: a post of ours, or a thread."""
        threads = [one for one in self.far.channels.values() if one.is_thread and one.id in self.room.ever]
        if threads and self.dice.random() < 0.5:
            await self.far.delete_channel(self.dice.choice(threads))
        elif posts := [one for one in self.listened() if one.author is self.far.me and not one.channel.is_thread]:
            await self.far.delete(self.dice.choice(posts))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("layout", ["card", "thread", "forum"])
async def test_after_an_outage_and_a_restart_the_rows_say_what_the_server_shows(
    room: DiscordRoom, far: Discord, layout: str, seed: int
) -> None:
    dice = random.Random(seed)
    channel = channel_of(far.guild("Reading room"), layout)
    await room.add(channel, layout)
    crowd = Crowd(room, channel, dice)
    async with room.sitting() as sitting:
        for name in ("one", "two", "three"):
            assert await sitting.publish(name)
        for _ in range(25):
            await crowd.act()
        await sitting.heard()
        await room.same()
        for broken in (False, True):
            await away(sitting)
            await crowd.act_unheard(25)
            if broken:
                await crowd.break_something()
            await back(sitting)
            await room.same()
        for _ in range(10):
            await crowd.act()
        await sitting.heard()
        await room.same()
    await crowd.act_unheard(25)
    async with room.sitting() as sitting:
        await room.same()
        before = far.count(USERS)
        await sitting.heard()
    async with room.sitting():
        await room.same()
        robots = sum(
            user == crowd.robot.id for message in crowd.listened() for users in message.reactions.values()
            for user in users
        )  # fmt: skip
        if not robots:
            assert far.count(USERS) == before, "nothing new, so nobody is asked who reacts"


# --- what it costs ---


async def many(room: DiscordRoom, far: Discord, count: int, age: timedelta) -> list[Message]:
    """So many places with one post each, `age` old and heard to the end; all by rows, as if posted long ago."""
    people = far.user("mika")
    posts = []
    for number in range(count):
        if number % 50 == 0:
            guild = far.guild(f"server {number}")
        channel = guild.text(f"channel {number}")
        posts.append(far.post(channel, far.me, "a piece", ident=far.past(age.total_seconds()) + number))
        far.put_reaction(posts[-1], people, "👍")
    [piece] = await room.rows("select id from piece")
    shown = int((utc() - age).timestamp() * 1e6)

    async def work(tx: Tx) -> None:
        await tx.many(
            "insert into place(id, platform, channel, community, created_at) values(?,'discord',?,?,0)",
            [(n, str(one.channel.id), str(one.channel.guild.id)) for n, one in enumerate(posts, 1)],  # type: ignore[union-attr]
        )
        await tx.many(
            """insert into posting(id, place_id, subject, subject_id, want, revision, state, created_at, changed_at)
               values(?,?,'piece',?,'show',1,'done',0,0)""",
            [(n, n, piece[0]) for n, _ in enumerate(posts, 1)],
        )
        await tx.many(
            "insert into leaf(id, posting_id, name, position, ref, shown, shown_at) values(?,?,'card',0,?,'',?)",
            [(n, n, str(one.id), shown) for n, one in enumerate(posts, 1)],
        )
        await tx.many(
            """insert into anchor(platform, channel, anchor, place_id, piece_id, leaf_id)
               values('discord',?,?,?,?,?)""",
            [(str(one.channel.id), str(one.id), n, piece[0], n) for n, one in enumerate(posts, 1)],
        )
        await tx.many(
            "insert into watermark(platform, spot, newest) values('discord',?,?)",
            [(str(one.channel.id), str(one.id)) for one in posts],
        )
        hashed = tx.whose("discord", str(people.id))
        # Numbers that the tables don't come to by themselves.
        await tx.run("insert into person(id, hash, platform) values(900001, ?, 'discord')", hashed)
        await tx.run("insert into emoji(id, name) values(900001,'👍')")
        await tx.run(
            """insert into reaction(piece_id, person_id, anchor_id, emoji_id, kind, source, present, at)
               select piece_id, 900001, id, 900001, 'normal', 'emoji', 1, 0 from anchor"""
        )

    await room.db.write(work)
    return posts


def asked(far: Discord) -> tuple[int, int, int]:
    """Pages of messages, single messages, pages of users."""
    return far.count(HISTORY), far.count(ONE), far.count(USERS)


async def test_nothing_new_at_1000_places_with_a_young_post_costs_a_page_each(room: DiscordRoom, far: Discord) -> None:
    async with room.sitting(listen=False) as sitting:
        await sitting.piece("night-bus")
    posts = await many(room, far, 1000, timedelta(days=1))
    async with room.sitting():
        assert asked(far) == (1000, 0, 0)
    for post in posts[::100]:
        await far.react(far.user("sam"), post, "👎")
    async with room.sitting():
        assert asked(far) == (2000, 0, 20), "two emoji on each of ten posts, and nobody asked elsewhere"
        await room.same()


async def test_nothing_new_at_1000_places_without_a_young_post_costs_nothing(room: DiscordRoom, far: Discord) -> None:
    async with room.sitting(listen=False) as sitting:
        await sitting.piece("night-bus")
    posts = await many(room, far, 1000, timedelta(days=8))
    async with room.sitting():
        assert asked(far) == (0, 0, 0)
    for post in posts[::100]:
        await far.say(far.user("sam"), post.channel, "late", post)
    async with room.sitting():
        assert asked(far) == (10, 0, 0)
        assert await room.rows("select count(*) from comment where text='late'") == [(10,)]
    async with room.sitting():
        assert asked(far)[1:] == (0, 0)


async def test_talk_between_two_young_posts_is_not_read_again(room: DiscordRoom, far: Discord) -> None:
    channel = far.guild("Reading room").text("general")
    await room.add(channel)
    mika = far.user("mika")
    async with room.sitting() as sitting:
        [first] = await sitting.publish("one")
        for number in range(450):
            far.post(channel, mika, str(number))
        await sitting.publish("two")
    async with room.sitting():
        assert asked(far) == (2, 0, 0), "one page for each post"
    for number in range(200):
        far.post(channel, mika, str(number))
    await far.say(mika, channel, "an answer, at last", first)
    async with room.sitting():
        assert asked(far) == (2 + 2 + 2, 0, 0), "and what came since"
        await room.same()


# --- pages, permissions, and what must not be concluded ---


@pytest.mark.parametrize("count", [99, 100, 101, 200])
async def test_pages_of_exactly_100_are_read_to_the_end(room: DiscordRoom, far: Discord, count: int) -> None:
    channel = far.guild("Reading room").text("general")
    await room.add(channel)
    mika = far.user("mika")
    async with room.sitting() as sitting:
        [post] = await sitting.publish("one")
    thread = await far.start_thread(mika, post, "talk")
    for number in range(count):
        far.post(thread, mika, str(number))
    for _ in range(count):
        far.put_reaction(post, far.user("reader"), "👍")
    async with room.sitting():
        await room.same()
    await far.bulk_delete(list(thread)[1:])
    async with room.sitting():
        await room.same()
        assert len(room.server()[0]) == 1


@pytest.mark.parametrize("told", [True, False], ids=["the cache knows", "the cache does not know"])
@pytest.mark.parametrize("layout", ["card", "thread", "forum"])
async def test_an_empty_answer_for_want_of_a_permission_concludes_nothing(
    room: DiscordRoom, far: Discord, layout: str, told: bool
) -> None:
    channel = channel_of(far.guild("Reading room"), layout)
    await room.add(channel, layout)
    mika = far.user("mika")
    async with room.sitting() as sitting:
        posts = await sitting.publish("one")
        await far.say(mika, posts[-1].channel, "here", posts[-1])
        await far.react(mika, posts[0], "👍")
        if layout == "card":  # where nothing of ours stands
            await far.say(mika, await far.start_thread(mika, posts[0], "talk"), "there")
        await sitting.heard()
    before = await room.database()
    marks = await room.rows("select * from watermark")
    await far.say(mika, posts[-1].channel, "not to be read", posts[-1])
    if told:
        far.permissions(channel, deny=P.READ_MESSAGE_HISTORY)
    async with room.sitting() as sitting:
        if not told:
            before = await room.database()
            channel.deny = int(P.READ_MESSAGE_HISTORY)  # and nobody is told
            sitting.ears.missed("discord")
            await sitting.whole()
            assert await room.database() == before
            assert await room.rows("select state from posting") == [("done",)]
            return
        assert await room.database() == before
        assert await room.rows("select * from watermark") == marks
        assert await room.rows("select state from posting") == [("done",)]
    far.permissions(channel, deny=0)
    async with room.sitting():
        await room.same()


async def test_with_nothing_young_an_empty_answer_does_not_move_the_watermark(room: DiscordRoom, far: Discord) -> None:
    channel = far.guild("Reading room").text("general")
    await room.add(channel)
    mika = far.user("mika")
    async with room.sitting(days=0) as sitting:
        [post] = await sitting.publish("one")
        await far.say(mika, channel, "first", post)
        await sitting.heard()
    await far.say(mika, channel, "second", post)
    channel.deny = int(P.READ_MESSAGE_HISTORY)
    marks = await room.rows("select * from watermark")
    async with room.sitting(days=0):
        assert await room.rows("select * from watermark") == marks
    channel.deny = 0
    async with room.sitting(days=0):
        assert [text for (text,) in await room.rows("select text from comment order by id")] == ["first", "second"]


async def test_only_messages_younger_than_the_setting_are_looked_at(room: DiscordRoom, far: Discord) -> None:
    async with room.sitting(listen=False) as sitting:
        await sitting.piece("night-bus")
    await many(room, far, 3, timedelta(days=2))
    for days, pages in ((1, 0), (3, 3)):
        async with room.sitting(days=days):
            assert asked(far) == (pages, 0, 0)


async def test_a_place_whose_channel_is_gone_pauses_and_what_was_said_there_stays(
    room: DiscordRoom, far: Discord
) -> None:
    channel = far.guild("Reading room").text("general")
    await room.add(channel, "thread")
    async with room.sitting() as sitting:
        posts = await sitting.publish("one")
        await far.say(far.user("mika"), posts[-1].channel, "here")
        await sitting.heard()
    await far.delete_channel(channel)
    async with room.sitting():
        assert await room.rows("select text from comment") == [("here",)]
        assert [paused is not None for (paused,) in await room.rows("select paused from place")] == [True]


async def test_an_archived_thread_is_read(room: DiscordRoom, far: Discord) -> None:
    channel = far.guild("Reading room").text("general")
    await room.add(channel)
    mika = far.user("mika")
    async with room.sitting() as sitting:
        [post] = await sitting.publish("one")
    thread = await far.start_thread(mika, post, "talk")
    await far.say(mika, thread, "said, and archived")
    far.archive(thread)
    async with room.sitting():
        await room.same()
        assert len(room.server()[0]) == 1


async def test_a_thread_that_was_once_ours_is_ours_when_its_post_is_old(room: DiscordRoom, far: Discord) -> None:
    channel = far.guild("Reading room").text("general")
    await room.add(channel)
    mika = far.user("mika")
    async with room.sitting() as sitting:
        [post] = await sitting.publish("one")
        thread = await far.start_thread(mika, post, "talk")
        await far.say(mika, thread, "first")
        await sitting.heard()
    await far.say(mika, thread, "while away")
    async with room.sitting(days=0) as sitting:
        await far.say(mika, thread, "and after")
        await sitting.heard()
        said = await room.rows("select text from comment order by id")
    assert said == [("first",), ("while away",), ("and after",)]


async def test_reactions_on_copies_are_heard_and_recalled_after_a_restart(room: DiscordRoom, far: Discord) -> None:
    news = far.guild("Reading room").announcement("news")
    copies = far.guild("Elsewhere").text("copies")
    far.follow(news, copies)
    await room.add(news, "follow")
    mika = far.user("mika")
    async with room.sitting() as sitting:
        await sitting.publish("one")
        [copy] = far.messages(copies)
        await far.react(mika, copy, "👍")
        await sitting.heard()
        assert len(await room.rows("select * from reaction where present=1")) == 1
    await far.react(mika, copy, "👍", added=False)
    await far.react(mika, copy, "👎")
    await far.say(mika, copies, "under the copy", copy)
    async with room.sitting() as sitting:
        names = "select e.name from reaction r join emoji e on e.id=r.emoji_id where present=1"
        assert await room.rows(names) == [("👎",)]
        assert await room.rows("select text from comment") == [("under the copy",)]
        await far.react(mika, copy, "💡")
        await sitting.heard()
        assert len(await room.rows(names)) == 2


# --- while it runs ---


async def test_what_is_said_while_a_recall_reads_is_not_taken_for_gone(room: DiscordRoom, far: Discord) -> None:
    channel = far.guild("Reading room").text("general")
    await room.add(channel, "thread")
    mika = far.user("mika")
    async with room.sitting() as sitting:
        posts = await sitting.publish("one")
        far.fail(HISTORY, times=2, how="slow", delay=0.3)
        asked_before = len(far.log)
        sitting.ears.missed("discord")
        await until(lambda: not sitting.ears._missed)
        await until(lambda: len(far.log) > asked_before or not far.faults.waiting)
        message = await far.say(mika, posts[-1].channel, "just now")
        await far.react(mika, posts[0], "👍")
        await sitting.heard()
        await sitting.whole()
        await room.same()
        assert (await room.database())[0] == {(f"{posts[0].id}-{message.id}", str(mika.id), "just now")}


async def test_how_far_we_heard_is_never_ahead_of_what_was_kept(
    room: DiscordRoom, far: Discord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "RECALL_AGAIN", 0.2)
    channel = far.guild("Reading room").text("general")
    await room.add(channel)
    mika = far.user("mika")
    async with room.sitting() as sitting:
        [post] = await sitting.publish("one")
        await sitting.heard()
    marks = await room.rows("select * from watermark")
    missed = await far.say(mika, channel, "missed", post)
    far.fail(HISTORY, times=1, how=503)
    async with room.sitting(listen=False) as sitting:
        await until(lambda: sitting.ears._missed)
        recalling = asyncio.create_task(sitting.ears.recall_missed({"discord": sitting.chat}))
        await until(lambda: sitting.ears._failures)
        late = await far.say(mika, channel, "heard after the gap", post)
        await sitting.heard()
        assert await room.rows("select * from watermark") == marks, "what was missed is not read yet"
        assert await room.rows("select text from comment") == [("heard after the gap",)]
        await sitting.whole()
        assert await room.rows("select newest from watermark") == [(str(late.id),)]
        assert {text for (text,) in await room.rows("select text from comment")} == {missed.content, late.content}
        recalling.cancel()


async def test_absent_again_during_a_recall_recalls_again(room: DiscordRoom, far: Discord) -> None:
    await room.add(far.guild("Reading room").text("general"))
    async with room.sitting() as sitting:
        await sitting.publish("one")
        before = far.count(HISTORY)
        far.fail(HISTORY, times=1, how="slow", delay=0.1)
        sitting.ears.missed("discord")
        await until(lambda: not far.faults.waiting)
        sitting.ears.missed("discord")
        await sitting.whole()
        assert far.count(HISTORY) == before + 2
