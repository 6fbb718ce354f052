"""The whole way on Discord: a real House with the real desk and discord.py over TCP, people on the other side."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from bot.environment import load
from bot.house import House
from bot.platforms.discord import client
from bot.platforms.discord.chat import DiscordChat
from bot.verbs import VERBS
from core.chat import Place
from core.speech import say
from storage import places
from tests.far_discord import caught_up
from tests.standins.discord import Answer, Channel, Discord, Guild, Message, NotOffered, P, User
from tests.standins.discord.markdown import plain
from tests.standins.discord.message import walk
from tests.standins.feeds import FeedServer

client.GUILDS_WITHIN = 0.1  # the stand-in tells its servers at once

ESSAY = {
    "en": """---
title: The Quiet Cost of Free Parking
author: L. Ames
tags: cities
---

> [Cities rethink the kerb](https://example.org/kerb)

I drive, so take this with salt.

## What the report says

According to the report, a third of downtown land is parking. Most of it is empty at night.

## What follows

A space costs as much as a small flat. The city pays, and nobody sees the bill.

### Who pays

Those who walk pay as much as those who drive.
""",
    "ja": """---
title: 立ち食い蕎麦の値上げ
author: 山田
tags: 食
---

> [蕎麦一杯六百円時代へ](https://example.com/soba)

私も週に三度は立ち食い蕎麦に寄ります。

## 報道の内容

経済紙の記事によると、老舗三店は今春そろって八十円の値上げに踏み切ったと報じられています。

## 検討

値段の適正さは、原価と手間だけでは決まりません。

### 早さに払う価格

駅の蕎麦は三分で食べ終わることに価値があります。
""",
}

FEED = """<rss version="2.0"><channel><title>A paper</title><link>https://a.example</link>
<item><title>The night bus</title><guid>1</guid><description>It runs at last.</description></item></channel></rss>"""


@dataclass
class Work:
    """A publication at work on Discord: its house, its server with a channel and a forum, and people there."""

    far: Discord
    path: Path
    guild: Guild
    channel: Channel
    mika: User
    ria: User
    mo: User
    ada: User
    settings: dict[str, str] = field(default_factory=dict)
    house: House = field(init=False)

    @contextlib.asynccontextmanager
    async def open(self, **settings: str) -> AsyncIterator[House]:
        """The house, connected; again after a restart. Publishing and folding are done by `settle`."""
        given = {
            "RONDAN_DATABASE": str(self.path / "r.db"), "RONDAN_DISCORD_TOKEN": self.far.token,
            "RONDAN_DISCORD_API": self.far.api, "RONDAN_DISCORD_GATEWAY": self.far.gateway,
            "RONDAN_DISCORD_RATE": "500", "RONDAN_FEED_ALLOW_PRIVATE": "1", **settings,
        }  # fmt: skip
        async with House(load(given, self.path / ".env")) as self.house:
            began = asyncio.Event()
            told = self.house.collector.missed

            def missed(platform: str) -> None:
                told(platform)
                began.set()

            self.house.collector.missed = missed  # type: ignore[method-assign]
            await self.house.furnish()
            chat = asyncio.create_task(self.chat.run(self.house.desk, self.house.collector))
            try:
                await asyncio.wait_for(began.wait(), 15)
                yield self.house
            finally:
                chat.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await chat

    @property
    def chat(self) -> DiscordChat:
        chat = self.house.chats["discord"]
        assert isinstance(chat, DiscordChat)
        return chat

    async def settle(self) -> None:
        """What people did becomes rows, and rows become messages."""
        await caught_up(self.far, self.chat)
        await self.house.collector.fold_all()
        await self.house.publisher.settle_all()
        await self.far.delivered()

    async def place(self, channel: Channel | None = None, **settings: Any) -> None:
        """Add a place by the shell."""
        address = f"discord:{(channel or self.channel).id}"
        await VERBS["place add"](self.house, {"address": address, **settings}, lambda _text: None)

    async def publish(self, language: str = "en") -> Message:
        """A piece that everybody takes; gives its card in the channel, if one stands there."""
        file = self.path / f"{language}.md"
        file.write_text(ESSAY[language], "utf-8")
        [row] = await VERBS["import"](self.house, {"paths": [str(file)]}, lambda _text: None)
        assert row["piece"], row
        await self.settle()
        return await self.card()

    async def card(self) -> Message:
        """The newest card in the channel."""
        return [one for one in self.channel if one.author is self.far.me and one.buttons][-1]

    async def ask(self, user: User, line: str, where: Channel | None = None, /, **options: Any) -> Answer:
        """A command, answered."""
        await self.settle()
        answer = await self.far.command(user, where or self.channel, line, options)
        return await answer.settled()

    async def press(self, user: User, on: Message | Answer, what: str) -> Answer:
        answer = await self.far.press(user, on, what)
        return answer if answer.modal else await answer.settled()

    async def comments(self) -> list[tuple[str, str, str | None, str]]:
        """(person, text, section, source) of each comment that stands."""
        await self.settle()
        rows = await self.house.db.read(
            """select p.name, c.text, c.section, c.source from comment c join person p on p.id=c.person_id
               where c.state <> 'erased' order by c.id"""
        )
        return [(row["name"], row["text"], row["section"], row["source"]) for row in rows]


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[Work]:
    """Checks at the end that nobody was pinged."""
    async with Discord() as far:
        far.buckets = False
        guild = far.guild("Publication")
        channel = guild.text("general")
        mika, ria = far.user("mika", locale="ja"), far.user("ria")
        mo, ada = far.user("mo"), far.user("ada")
        guild.grant(mo, P.MANAGE_MESSAGES)
        guild.grant(ada, administrator=True)
        yield Work(far, tmp_path, guild, channel, mika, ria, mo, ada)
        assert far.pings == []
        assert far.unguarded == []


def seen(answer: Answer) -> str:
    """What a reader sees of an answer's message: plain text, as Discord draws it."""
    assert answer.message is not None
    return plain({"components": answer.message.components, "embeds": answer.message.embeds})


def walk_buttons(message: Message) -> Iterator[dict[str, Any]]:
    """Its buttons, to be changed."""
    return (one for one in walk(message.components) if one.get("type") == 2)


def labels(on: Message | Answer) -> list[str]:
    message = on.message if isinstance(on, Answer) else on
    assert message is not None
    return [one["label"] for one in message.buttons]


# --- reading and answering ---


async def test_read_pages_privately_through_the_sections_and_offers_the_next_by_name(w: Work) -> None:
    async with w.open():
        await w.place()
        card = await w.publish("ja")
        before = [one.text for one in w.channel]
        page = await w.press(w.mika, card, "Read")
        assert page.ephemeral
        texts, offered = [seen(page)], []
        while following := next((one for one in labels(page) if one.startswith("次へ: ")), None):
            offered.append(following)
            turned = await w.press(w.mika, page, following)
            assert turned.type == 7
            assert turned.message is page.message
            texts.append(seen(page))
        assert offered == ["次へ: 検討", "次へ: 早さに払う価格"]
        for heading, text in zip(("検討", "早さに払う価格", "記事はここまでです。"), texts, strict=True):
            assert heading in text.split("―――")[1]
        assert "私も週に三度は" in texts[0]
        assert "老舗三店" in texts[0]
        assert labels(page) == ["最初へ", "コメント"]
        await w.press(w.mika, page, "最初へ")
        assert seen(page) == texts[0]
        assert [one.text for one in w.channel] == before
        assert len([one for one in w.far.messages(w.channel) if one.interaction]) == 0


async def test_a_comment_by_form_is_kept_with_the_section_at_which_it_was_pressed(w: Work) -> None:
    async with w.open():
        await w.place(layout="thread")
        card = await w.publish("en")
        assert card.thread is not None
        [section] = [one for one in card.thread if "Who pays" in one.text]
        pages = await w.press(w.mika, await w.press(w.mika, card, "Read"), "次へ: What follows")
        for on, user, text in (
            (card, w.ria, "On *all* of it <@1> @everyone"),
            (section, w.ria, "On who pays"),
            (pages, w.mika, "料金について"),
        ):  # fmt: skip
            form = await w.press(user, on, "コメント" if on is pages else "Comment")
            assert form.modal is not None
            assert form.modal["title"] == say("ja" if user is w.mika else "en", "comment.title")
            kept = await w.far.submit(user, form, {"text": text})
            assert kept.ephemeral
            assert seen(kept) == say(
                "ja" if user is w.mika else "en", "comment.kept", title="The Quiet Cost of Free Parking"
            )
        keys = {row[1]: row[2] for row in await w.comments()}
        assert keys["On *all* of it <@1> @everyone"] is None
        assert keys["On who pays"] is not None
        assert keys["料金について"] not in (None, keys["On who pays"])
        found = await w.ask(w.ria, "search", query="everyone")
        assert "On *all* of it <@1> @everyone" in seen(found).replace("\u200b", "")


async def test_a_comment_on_a_piece_that_was_asked_for_elsewhere_is_kept_where_it_is_posted(w: Work) -> None:
    async with w.open():
        await w.place()
        await w.publish("en")
        lobby, abroad = w.guild.text("lobby"), w.far.guild("Elsewhere").text("general")
        shown = await w.ask(w.ria, "piece", lobby, piece="#1")
        form = await w.press(w.ria, shown, "Comment")
        await w.far.submit(w.ria, form, {"text": "From the lobby"})
        await w.press(w.ria, shown, "👍 Agree")
        assert [row[1] for row in await w.comments()] == ["From the lobby"]
        assert "1 reader responded" in seen(await w.ask(w.ria, "digest"))
        shown = await w.ask(w.ria, "piece", abroad, piece="#1")
        for label in ("Comment", "👍 Agree"):
            refused = await w.press(w.ria, shown, label)
            assert "is not posted in this community" in seen(refused), "before anything was written"


async def test_links_lead_to_where_the_reader_is_before_anywhere_else(w: Work) -> None:
    abroad = w.far.guild("Elsewhere")
    theirs, forum, lobby = abroad.text("general"), abroad.forum("books"), abroad.text("lobby")
    async with w.open():
        await w.place()
        await w.settle()
        for channel, settings in ((theirs, {}), (forum, {"layout": "forum"})):
            await w.place(channel, **settings)
        await w.settle()
        await w.publish("en")
        for where, servers in ((w.channel, {w.guild.id}), (lobby, {abroad.id}), (theirs, {abroad.id})):
            for line, options in (("piece", {"piece": "#1"}), ("search", {"query": "parking"}), ("digest", {})):
                text = seen(await w.ask(w.ria, line, where, **options))
                found = re.findall(r"discord.com/channels/(\d+)/(\d+)/", text)
                assert {int(guild) for guild, _ in found} == servers
                if where is theirs:
                    assert int(found[0][1]) == theirs.id
                if line != "digest":  # whose every line leads to what it stands on
                    assert len(set(found)) == len(found)
        form = await w.press(w.ria, next(one for one in theirs if one.buttons), "Comment")
        await w.far.submit(w.ria, form, {"text": "From elsewhere"})
        listed = seen(await w.ask(w.mo, "mod comments", piece="#1"))
        assert f"From elsewhere <https://discord.com/channels/{abroad.id}/{theirs.id}/" in listed


async def test_stances_by_button_and_by_reaction_are_one_a_person(w: Work) -> None:
    async def counts() -> dict[str, int]:
        await w.settle()
        rows = await w.house.db.read(
            "select stance, count(*) as n from stance where stance is not null group by stance"
        )
        return {row["stance"]: row["n"] for row in rows}

    async with w.open():
        await w.place()
        card = await w.publish("en")
        assert seen(await w.press(w.ria, card, "👍 Agree")) == say(
            "en", "stance.kept", stance="👍 Agree", title="The Quiet Cost of Free Parking"
        )
        assert await counts() == {"agree": 1}
        await w.press(w.ria, card, "👎 Disagree")
        assert await counts() == {"disagree": 1}
        await w.far.react(w.mika, card, "👍")
        assert await counts() == {"agree": 1, "disagree": 1}
        await w.far.react(w.ria, card, "👍")  # the latest counts
        assert await counts() == {"agree": 2}
        await w.far.react(w.ria, card, "👍", added=False)
        assert await counts() == {"agree": 1, "disagree": 1}
        await w.press(w.ria, card, "👎 Disagree")
        assert await counts() == {"agree": 1}, "pressed again it is taken back"
        text = seen(await w.ask(w.mika, "digest"))
        assert "1人の読者が反応しました。" in text


async def test_every_button_works_after_a_restart(w: Work) -> None:
    forum = w.guild.forum("books", tags=["cities"])
    async with w.open():
        await w.place(layout="thread")
        await w.place(forum, layout="forum")
        await w.publish("en")
        page = await w.press(w.ria, await w.card(), "Read")
        form = await w.press(w.ria, await w.card(), "Comment")
    async with w.open():
        assert w.far.syncs == 1
        messages = [await w.card(), *(one for thread in w.guild.threads.values() for one in thread)]
        pressed = 0
        for message in messages:
            for button in message.buttons:
                answer = await w.press(w.mika, message, button["custom_id"])
                text = say("ja", "comment.title") if answer.modal else seen(answer)
                assert text != say("ja", "refused.stale")
                assert "こちらの問題" not in text
                assert answer.ephemeral or answer.modal
                pressed += 1
        assert pressed == 6 + 3 + 6 + 3
        assert (await w.press(w.ria, page, "Read on: What follows")).type == 7
        assert (await w.press(w.ria, page, "Comment")).modal
        await w.far.submit(w.ria, form, {"text": "Begun before, sent after"})
        assert [row[1] for row in await w.comments()] == ["Begun before, sent after"]


@pytest.mark.parametrize(
    "custom_id",
    ["v1:read:000000000000:-", "v0:read:x:y", "v9:new:x:y", "x", "v1:", "v1:page:{uid}:s9", "v1:stance:{uid}:purple",
     "v1:comment:", "more:gone:1"],
)  # fmt: skip
async def test_a_button_that_nobody_knows_any_more_is_answered_kindly(w: Work, custom_id: str) -> None:
    async with w.open():
        await w.place()
        card = await w.publish("en")
        [uid] = {one["custom_id"].split(":")[2] for one in card.buttons}
        next(walk_buttons(card))["custom_id"] = custom_id.format(uid=uid)
        answer = await w.press(w.mika, card, custom_id.format(uid=uid))
        assert seen(answer) == say("ja", "page.gone" if custom_id.startswith("more") else "refused.stale")
        assert answer.ephemeral


async def test_buttons_of_a_piece_that_was_withdrawn_are_answered_kindly(w: Work) -> None:
    async with w.open():
        await w.place()
        card = await w.publish("en")
        page = await w.press(w.ria, card, "Read")
        form = await w.press(w.ria, card, "Comment")
        await w.ask(w.mo, "mod retract", piece="#1", reason="mistaken", sure=True)
        await w.settle()
        assert labels(card) == []
        assert "Reason: mistaken" in plain({"components": card.components})
        for what in ("Read on: What follows", "Comment"):
            assert seen(await w.press(w.ria, page, what)) == say("en", "refused.stale")
        refused = seen(await w.far.submit(w.ria, form, {"text": "too *late*\nand long"}))
        assert refused == say("en", "refused.stale") + "\n> too *late*\n> and long", "what was written is given back"
        await w.ask(w.mo, "mod restore", piece="#1")
        await w.settle()
        assert "Read" in labels(card)
        assert (await w.press(w.ria, page, "Read on: What follows")).type == 7


# --- the menu of a message ---


@pytest.mark.parametrize("granted", [True, False])
async def test_a_message_is_saved_as_a_comment_by_who_wrote_it_or_a_moderator(w: Work, granted: bool) -> None:
    w.far.application_flags = 1 << 19 if granted else 0
    async with w.open():
        await w.place(layout="thread")
        card = await w.publish("en")
        assert card.thread is not None
        inside = await w.far.say(w.ria, card.thread, "Said *in* the thread")
        answer = await w.far.say(w.ria, w.channel, "Answered without a ping", reply_to=card, ping=False)
        to_that = await w.far.say(w.mika, w.channel, "返信への返信", reply_to=answer, ping=False)
        before = await w.comments()
        assert ("ria", "Said *in* the thread" if granted else "", None, "reply") in before
        for message, who in ((inside, w.ria), (inside, w.ria), (answer, w.mo), (to_that, w.mika)):
            saved = await w.far.message_command(who, "Save as comment", message)
            assert seen(await saved.settled()) == say(
                "ja" if who is w.mika else "en", "save.kept", title="The Quiet Cost of Free Parking"
            )
            assert saved.ephemeral
        assert sorted(row[:2] for row in await w.comments()) == [
            ("mika", "返信への返信"), ("ria", "Answered without a ping"), ("ria", "Said *in* the thread"),
        ]  # fmt: skip
        assert "Answered without a ping" in seen(await w.ask(w.ria, "search", query="ping"))


async def test_what_was_saved_is_heard_from_then_on(w: Work) -> None:
    w.far.application_flags = 1 << 19
    async with w.open():
        await w.place()
        card = await w.publish("en")
        answer = await w.far.say(w.ria, w.channel, "", reply_to=card, ping=False)
        answer.attachments = [{"id": "1", "filename": "chart.png"}]
    w.far.application_flags = 0
    async with w.open():  # which knows of no messages but by their anchors
        saved = await w.far.message_command(w.ria, "Save as comment", answer)
        assert (await saved.settled()).text.startswith("Kept as a comment")
        await w.far.say(w.mika, w.channel, "と言うと？", reply_to=answer, ping=False)
        await w.far.edit(w.ria, answer, f"{w.far.me.mention} See the chart")
        comments = await w.comments()
        assert comments[0][:2] == ("ria", "@rondan See the chart [chart.png]")
        assert [row[0] for row in comments] == ["ria", "mika"]
        await w.far.delete(answer)
        assert [row[0] for row in await w.comments()] == ["mika"]


async def test_what_is_no_answer_to_a_piece_or_not_theirs_is_not_saved(w: Work) -> None:
    async with w.open():
        await w.place()
        card = await w.publish("en")
        talk = await w.far.say(w.ria, w.channel, "By the way")
        about = await w.far.say(w.ria, w.channel, "Yes", reply_to=talk)
        elsewhere = w.guild.text("lobby")
        there = await w.far.say(w.ria, elsewhere, "In the lobby")
        thread = await w.far.start_thread(w.ria, talk, "chat")
        chat = await w.far.say(w.ria, thread, "In a thread of theirs")
        answer = await w.far.say(w.ria, w.channel, "On the piece", reply_to=card)
        for message in (talk, about, there, chat):
            refused = await w.far.message_command(w.ria, "Save as comment", message)
            assert seen(await refused.settled()) == say("en", "save.no-answer")
        refused = await w.far.message_command(w.mika, "Save as comment", answer)
        assert seen(await refused.settled()) == say("ja", "save.not-yours")
        refused = await w.far.message_command(w.ada, "Save as comment", card)
        assert seen(await refused.settled()) == say("en", "save.no-answer")
        assert [row[:2] for row in await w.comments()] == [("ria", "On the piece")]
        assert await w.house.db.read("select * from parked") == []


async def test_a_moderator_features_and_hides_and_a_reader_reports_from_the_menu(w: Work) -> None:
    async with w.open():
        await w.place(layout="thread")
        card = await w.publish("en")
        assert card.thread is not None
        said = await w.far.say(w.ria, w.channel, "Well said", reply_to=card)
        spam = await w.far.say(w.mika, w.channel, "Buy watches", reply_to=card)
        section = next(one for one in card.thread if one.buttons)
        await w.settle()

        async def pick(user: User, name: str, message: Message) -> str:
            answer = await w.far.message_command(user, name, message)
            assert answer.ephemeral
            return seen(await answer.settled())

        assert await pick(w.mo, "Feature", said) == "Featured: comment 1"
        assert await pick(w.mo, "Hide", spam) == "Comment 2 is hidden from digests, search and exports."
        assert await pick(w.ada, "Feature", section) == "Featured: #1 The Quiet Cost of Free Parking"
        assert "/mod retract 1" in await pick(w.mo, "Hide", card)
        assert await pick(w.mika, "Report", said) == say("ja", "point.reported", ticket=1)
        assert await pick(w.ria, "Report", card) == say("en", "point.reported", ticket=2)
        unrelated = await w.far.say(w.ria, w.guild.text("lobby"), "hello")
        assert await pick(w.mika, "Report", unrelated) == say("ja", "point.nothing")
        for name in ("Feature", "Hide"):
            with pytest.raises(NotOffered):
                await w.far.message_command(w.ria, name, said)
        digest = seen(await w.ask(w.ria, "digest"))
        assert "Well said" in digest
        assert "watches" not in digest
        log = seen(await w.ask(w.mo, "mod log"))
        assert re.search(r"4\. .* a reader report comment 1", log)


# --- commands through the real desk ---


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_readers_ask_and_are_answered_privately_in_their_language(w: Work, language: str) -> None:
    user = w.mika if language == "ja" else w.ria
    async with w.open():
        await w.place()
        for name in ESSAY:
            await w.publish(name)
        card = await w.card()
        await w.far.say(w.ria, w.channel, "Six hundred is fair", reply_to=card)
        before = len(list(w.channel))
        expected = {
            "topics": ({}, say(language, "topics.title", period="").strip("（）, ")),
            "search": ({"query": "fair"}, say(language, "search.comment", title="立ち食い蕎麦の値上げ")),
            "piece": ({"piece": "#1"}, "The Quiet Cost of Free Parking"),
            "digest": ({"topic": "食", "period": "day"}, say(language, "digest.people", people=1)),
            "follow": ({"topic": "食"}, say(language, "follow.done", topic="食")),
            "unfollow": ({"topic": "食"}, say(language, "unfollow.done", topic="食")),
            "help": ({}, say(language, "help.title")),
        }
        for line, (options, text) in expected.items():
            answer = await w.ask(user, line, **options)
            assert text in seen(answer)
            assert answer.ephemeral
        refusals = (
            ("digest", {"topic": "gone"}, say(language, "topic.none", name="gone")),
            ("piece", {"piece": "#99"}, say(language, "piece.none", words="#99")),
        )
        for line, options, text in refusals:
            answer = await w.ask(user, line, **options)
            assert seen(answer) == text
            assert answer.ephemeral
        assert len(list(w.channel)) == before


async def test_topics_pieces_and_comments_are_completed(w: Work) -> None:
    async with w.open():
        await w.place()
        for name in ESSAY:
            await w.publish(name)
        await w.far.say(w.ria, w.channel, "Six hundred is fair", reply_to=await w.card())
        await w.settle()

        async def offered(user: User, line: str, option: str, typed: str = "") -> list[tuple[str, str]]:
            found = await w.far.complete(user, w.channel, line, option, typed)
            return [(one["value"], one["name"]) for one in found]

        assert ("食", "食 (1)") in await offered(w.mika, "digest", "topic", "食")
        assert await offered(w.mika, "piece", "piece", "蕎麦") == [("#2", "#2 立ち食い蕎麦の値上げ")]
        assert await offered(w.mo, "mod hide", "comment", "fair") == [("1", "1 ria: Six hundred is fair")]
        assert ("week", "week") in await offered(w.ria, "digest", "period", "")
        assert await offered(w.ria, "digest", "topic", "zzz") == []
        w.guild.grant(w.ria, P.MANAGE_MESSAGES | P.VIEW_CHANNEL)
        assert len(await offered(w.ria, "mod hide", "comment")) == 1
        abroad = w.far.guild("Elsewhere")
        abroad.grant(w.ria, administrator=True)
        found = await w.far.complete(w.ria, abroad.text("general"), "mod hide", "comment", "")
        assert found == [], "a moderator elsewhere is none here"


async def test_a_host_of_another_server_manages_the_places_there_only(w: Work) -> None:
    abroad = w.far.guild("Elsewhere")
    theirs, forum = abroad.text("general"), abroad.forum("books", tags=["cities"])
    host = w.far.user("host")
    abroad.grant(host, administrator=True)
    async with w.open():
        await w.place()
        added = seen(await w.ask(host, "place add", theirs))
        assert added.startswith(f"New pieces will be posted to #general (discord:{theirs.id}).")
        added = seen(await w.ask(host, "place add", theirs, channel=forum, layout="forum", topics="cities", cap=3))
        assert "forum, en, UTC, only topic:" in added
        assert "at most 3 a day" in added
        ours = seen(await w.ask(host, "place list", theirs))
        assert str(theirs.id) in ours
        assert str(w.channel.id) not in ours
        for line in ("mod log", "feed list"):
            assert "Only admins" in seen(await w.ask(host, line, theirs))
        assert "is no place" in seen(await w.ask(host, "place remove", abroad.text("other")))
        everything = seen(await w.ask(w.ada, "place list"))
        assert all(str(one.id) in everything for one in (theirs, forum, w.channel))
        assert f"#general (discord:{w.channel.id})" in everything, "an operator's place is called by its name too"
        await w.publish("en")
        assert [one.text for one in theirs]
        assert [one.name for one in abroad.threads.values()] == ["The Quiet Cost of Free Parking"]
        abroad.grant(host, 0)  # and it is looked at each time
        with pytest.raises(NotOffered):
            await w.ask(host, "place list", theirs)
        w.far.commands[1, "place"]["default_member_permissions"] = None  # as an admin there may set it
        assert "Only admins" in seen(await w.ask(host, "place list", theirs))


async def test_a_fault_of_ours_is_told_with_a_number_that_the_log_has(w: Work) -> None:
    async with w.open() as house:
        await w.place()
        card = await w.publish("en")
        form = await w.press(w.mika, card, "Comment")
        capture = LogCapture()
        structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(40))
        await house.db.write(lambda tx: tx.run("alter table piece rename to lost"))
        answers = [
            await w.far.command(w.mika, w.channel, "topics"),
            await w.far.press(w.mika, card, "Read"),
            await w.far.submit(w.mika, form, {"text": "長い意見"}),
            await w.far.message_command(w.mika, "Report", card),
        ]
        failed = [one for one in capture.entries if one["event"] == "desk.failed"]
        for answer, entry in zip(answers, failed, strict=True):
            assert say("ja", "failed", number=entry["number"]) in seen(answer)
            assert answer.ephemeral
        assert seen(answers[2]).endswith("> 長い意見")


async def test_a_list_of_300_places_is_paged(w: Work) -> None:
    async with w.open():
        await w.place()
        for n in range(300):
            await places.add_place(
                w.house.db,
                Place(id=0, platform="discord", channel=str(10**18 + n), community=str(w.guild.id), name=f"#room-{n}"),
                "place", w.house.clock(),
            )  # fmt: skip
        answer = await w.ask(w.ada, "place list")
        text, pages = seen(answer), 1
        while turn := next((one for one in labels(answer) if one.startswith("Page ")), None):
            await w.press(w.ada, answer, turn)
            text, pages = f"{text}\n{seen(answer)}", pages + 1
        assert re.findall(r"#room-(\d+) ", text) == [str(n) for n in range(300)]
        assert pages > 3
        assert labels(answer) == ["Back"]


async def test_feeds_are_tried_added_listed_and_removed(w: Work) -> None:
    async with w.open(), FeedServer() as web:
        web.put("/feed", FEED)
        await w.place()
        tried = seen(await w.ask(w.ada, "feed test", address=web.url("/feed")))
        assert "1 item can be read." in tried
        assert "The night bus" in tried
        assert "is followed now" in seen(await w.ask(w.ada, "feed add", address=web.url("/feed")))
        assert "A paper" in seen(await w.ask(w.ada, "feed list"))
        assert "404" in seen(await w.ask(w.ada, "feed test", address=web.url("/nothing")))
        assert "no longer" in seen(await w.ask(w.ada, "feed remove", address=web.url("/feed")))
        with pytest.raises(NotOffered):
            await w.ask(w.ria, "feed list")
