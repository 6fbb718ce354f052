"""The whole way on Slack: a real House with the real desk and slack-bolt over TCP, people on the other side."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import tests.far_slack  # noqa: F401 - sets the pace
from bot.environment import load
from bot.house import House
from bot.platforms.slack import slash, talk
from bot.verbs import VERBS
from commands.desk import specs
from core.chat import Place
from core.message import Action
from core.speech import say
from storage import places
from tests.far import say as sentence
from tests.standins.feeds import FeedServer
from tests.standins.slack import Answer, Channel, Message, Person, Slack, View
from tests.standins.slack.world import elements
from tests.test_discord_whole import ESSAY, FEED
from tests.waiting import until

COST, SOBA = "The Quiet Cost of Free Parking", "立ち食い蕎麦の値上げ"


@dataclass
class Work:
    """A publication at work on Slack: its house, its workspace with a channel, and people there."""

    far: Slack
    path: Path
    channel: Channel
    mika: Person
    ria: Person
    mo: Person
    ada: Person
    house: House = field(init=False)

    @contextlib.asynccontextmanager
    async def open(self, **settings: str) -> AsyncIterator[House]:
        """The house, connected; again after a restart. Publishing and folding are done by `settle`."""
        given = {
            "RONDAN_DATABASE": str(self.path / "r.db"), "RONDAN_SLACK_BOT_TOKEN": self.far.bot_token,
            "RONDAN_SLACK_APP_TOKEN": self.far.app_token, "RONDAN_SLACK_API": self.far.api,
            "RONDAN_SLACK_MODERATORS": self.mo.id, "RONDAN_FEED_ALLOW_PRIVATE": "1", **settings,
        }  # fmt: skip
        async with House(load(given, self.path / ".env")) as self.house:
            began = asyncio.Event()
            told = self.house.collector.missed

            def missed(platform: str) -> None:
                told(platform)
                began.set()

            self.house.collector.missed = missed  # type: ignore[method-assign]
            await self.house.furnish()
            chat = asyncio.create_task(self.house.chats["slack"].run(self.house.desk, self.house.collector))
            try:
                await asyncio.wait_for(began.wait(), 15)
                yield self.house
            finally:
                chat.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await chat

    async def settle(self) -> None:
        """What people did becomes rows, and rows become messages."""
        await self.far.delivered()
        await self.house.collector.fold_all()
        await self.house.publisher.settle_all()
        await self.far.delivered()

    async def place(self, channel: Channel | None = None, **settings: Any) -> None:
        """Add a place by the shell."""
        address = f"slack:{(channel or self.channel).id}"
        await VERBS["place add"](self.house, {"address": address, **settings}, lambda _text: None)

    async def publish(self, language: str = "en") -> Message:
        """A piece that everybody takes; gives its card in the channel."""
        file = self.path / f"{language}.md"
        file.write_text(ESSAY[language], "utf-8")
        [row] = await VERBS["import"](self.house, {"paths": [str(file)]}, lambda _text: None)
        assert row["piece"], row
        await self.settle()
        return [one for one in self.far.messages(self.channel) if one.app and labels(one) and not one.thread][-1]

    def inside(self, card: Message, words: str) -> Message:
        """The message in a card's thread that holds these words."""
        [found] = [
            one for one in self.far.messages(self.channel) if one.thread == card.ts and words in self.far.plain(one)
        ]
        return found

    async def ask(self, person: Person, line: str, where: Channel | None = None) -> Answer:
        """A command, answered."""
        await self.settle()
        return await (await self.far.command(person, where or self.channel, line)).settled()

    async def press(self, person: Person, on: Message | Answer | View, what: str) -> Answer:
        """A press, answered; one that turns a page shows it in the same view."""
        return await (await self.far.press(person, on, what)).settled()

    async def comments(self) -> list[tuple[str, str, str | None, str]]:
        """(person, text, section, source) of each comment that stands."""
        await self.settle()
        rows = await self.house.db.read(
            """select p.name, c.text, c.section, c.source from comment c join person p on p.id=c.person_id
               where c.state <> 'erased' order by c.id"""
        )
        return [(row["name"], row["text"], row["section"], row["source"]) for row in rows]

    async def home(self, person: Person) -> View:
        opened = await self.far.open_home(person)
        await opened.until(lambda one: one.views)
        return self.far.homes[person.id]


def labels(on: Message | Answer | View) -> list[str]:
    return [one["text"]["text"] for one in elements(on.blocks) if one.get("type") == "button"]


@pytest.fixture(autouse=True)
def _again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "AGAIN", 0.0)  # people of a test press fast


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[Work]:
    """Checks at the end that nobody was pinged and nothing unfurled."""
    async with Slack() as far:
        far.limited = False
        far.install(slash.manifest(specs()))
        mika, ria = far.person("mika", locale="ja-JP"), far.person("ria")
        mo, ada = far.person("mo"), far.person("ada", admin=True)
        yield Work(far, tmp_path, far.channel("general", mika, ria, mo, ada), mika, ria, mo, ada)
        assert far.pings == []
        assert far.unfurling == []


# --- reading and answering ---


async def test_read_pages_in_a_window_to_the_end_and_offers_the_next_by_name(w: Work) -> None:
    async with w.open():
        await w.place()
        card = await w.publish("ja")
        before = len(w.far.messages(w.channel))
        page = await w.press(w.mika, card, "Read")
        view = page.view
        assert view is not None
        assert view.title == SOBA
        texts, offered = [view.text], []
        while following := next((one for one in labels(view) if one.startswith("次へ: ")), None):
            offered.append(following)
            turned = await w.press(w.mika, view, following)
            assert [how for how, _ in turned.views] == ["update"]
            texts.append(view.text)
        assert offered == ["次へ: 検討", "次へ: 早さに払う価格"]
        for heading, text in zip(("次: 検討", "次: 早さに払う価格", "記事はここまでです。"), texts, strict=True):
            assert heading in text
        assert "私も週に三度は" in texts[0]
        assert "老舗三店" in texts[0]
        assert labels(view) == ["最初へ", "コメント"]
        await w.press(w.mika, view, "最初へ")
        assert view.text == texts[0]
        assert len(w.far.stacks[w.mika.id]) == 1
        assert len(w.far.messages(w.channel)) == before


async def test_a_comment_by_form_is_kept_with_the_section_at_which_it_was_pressed(w: Work) -> None:
    async with w.open():
        await w.place(layout="thread")
        card = await w.publish("en")
        section = w.inside(card, "Those who walk pay")
        pages = (await w.press(w.mika, card, "Read")).view
        assert pages is not None
        await w.press(w.mika, pages, "次へ: What follows")
        for on, person, text in (
            (card, w.ria, "On *all* of it <!channel> @here & <b>"),
            (section, w.ria, "On who pays"),
            (pages, w.mika, "料金について"),
        ):
            language = "ja" if person is w.mika else "en"
            form = await w.press(person, on, "コメント" if on is pages else "Comment")
            assert [how for how, _ in form.views] == ["push" if on is pages else "open"]
            kept = await w.far.submit(person, form, {"text": text})
            assert say(language, "comment.kept", title=COST) in kept.text
            assert kept.view is not None
            assert kept.view.title == say(language, "comment.title")
        assert pages.open, "the page is still below"
        keys = {row[1]: row[2] for row in await w.comments()}
        assert keys["On *all* of it <!channel> @here & <b>"] is None
        assert keys["On who pays"] is not None
        assert keys["料金について"] not in (None, keys["On who pays"])
        found = await w.ask(w.ria, "/search here")
        assert "On *all* of it <!channel> @here & <b>" in found.text


async def test_an_empty_comment_is_refused_at_its_field(w: Work) -> None:
    async with w.open():
        await w.place()
        form = await w.press(w.ria, await w.publish(), "Comment")
        refused = await w.far.submit(w.ria, form, {"text": "  "})
        assert refused.errors == {"text": say("en", "comment.empty")}
        assert await w.comments() == []


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
        kept = await w.press(w.ria, card, "👍 Agree")
        assert kept.text == say("en", "stance.kept", stance="👍 Agree", title=COST)
        assert kept.ephemerals
        assert await counts() == {"agree": 1}
        await w.press(w.ria, card, "👎 Disagree")
        assert await counts() == {"disagree": 1}
        await w.far.react(w.mika, card, "👍")
        assert await counts() == {"agree": 1, "disagree": 1}
        await w.far.react(w.ria, card, "👍")  # the latest counts
        assert await counts() == {"agree": 2}
        await w.far.unreact(w.ria, card, "👍")
        assert await counts() == {"agree": 1, "disagree": 1}
        await w.press(w.ria, card, "👎 Disagree")
        assert await counts() == {"agree": 1}, "pressed again it is taken back"
        assert "1人の読者が反応しました。" in (await w.ask(w.mika, "/digest")).text


async def test_a_double_click_on_a_stance_does_not_take_it_back(w: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "AGAIN", 0.7)
    async with w.open():
        await w.place()
        card = await w.publish("en")
        one, two = await asyncio.gather(*(w.far.press(w.ria, card, "👍 Agree") for _ in range(2)))
        await until(lambda: one.visible or two.visible)
        await w.settle()
        [row] = await w.house.db.read("select stance from stance")
        assert row["stance"] == "agree"


async def test_every_button_works_after_a_restart(w: Work) -> None:
    async with w.open():
        await w.place(layout="thread")
        card = await w.publish("en")
        shown = await w.ask(w.ria, "/rondan piece 1")
    async with w.open():
        assert (await w.press(w.ria, card, "👍 Agree")).text.startswith("Noted: ")
        page = await w.press(w.ria, card, "Read")
        assert "I drive" in page.text
        form = await w.press(w.ria, w.inside(card, "Those who walk pay"), "Comment")
        await w.far.submit(w.ria, form, {"text": "after the restart"})
        assert (await w.press(w.ria, shown, "👎 Disagree")).text.endswith(f"“{COST}”.")
        [kept] = await w.comments()
        assert kept[1] == "after the restart"
        assert kept[2] is not None


@pytest.mark.parametrize("value", ["v1:read:000000000000:-", "v1:nothing:x", "v0:read:x", "garbage", "more:x:1"])
async def test_a_button_that_nobody_knows_any_more_is_answered_kindly(w: Work, value: str) -> None:
    async with w.open():
        await w.place()
        [place] = await places.all_places(w.house.db)
        old = replace(sentence("An old post"), actions=(Action(id=value, label="Old"),))
        await w.house.chats["slack"].send(place, old, "a" * 24)
        answer = await w.press(w.mika, w.far.messages(w.channel)[-1], "Old")
        assert answer.text == say("ja", "page.gone" if value.startswith("more") else "refused.stale")
        assert answer.ephemerals


# --- the menu of a message ---


@pytest.mark.parametrize("granted", [True, False])
async def test_a_message_is_saved_as_a_comment_by_who_wrote_it_or_a_moderator(w: Work, granted: bool) -> None:
    async with w.open():
        await w.place()
        card = await w.publish("en")
        w.far.outbox.open = False  # what is said meanwhile is not heard
        said = await w.far.say(w.ria, card, "While you were away & <gone>")
        w.far.outbox.deliveries.clear()
        w.far.outbox.open = True
        answer = await (await w.far.shortcut(w.mo if granted else w.mika, "point_save_as_comment", said)).settled()
        if not granted:
            assert answer.text == say("ja", "save.not-yours")
            answer = await (await w.far.shortcut(w.ria, "point_save_as_comment", said)).settled()
        assert answer.text == say("en", "save.kept", title=COST)
        assert ("ria", "While you were away & <gone>", None, "saved") in await w.comments()
        again = await (await w.far.shortcut(w.ria, "point_save_as_comment", said)).settled()
        assert again.text == answer.text
        assert len(await w.comments()) == 1


async def test_what_answers_no_piece_is_not_saved(w: Work) -> None:
    async with w.open():
        await w.place()
        card = await w.publish("en")
        loose = await w.far.say(w.ria, w.channel, "by the way")
        under = await w.far.say(w.ria, loose, "yes")
        for message in (loose, under, card):
            who = w.ada if message is card else w.ria
            answer = await (await w.far.shortcut(who, "point_save_as_comment", message)).settled()
            assert answer.text == say("en", "save.no-answer")
        assert await w.comments() == []


async def test_a_moderator_features_and_hides_and_a_reader_reports_from_the_menu(w: Work) -> None:
    async with w.open():
        await w.place()
        card = await w.publish("en")
        said = await w.far.say(w.ria, card, "Six hundred is fair")
        await w.settle()

        async def pick(person: Person, what: str, on: Message) -> str:
            return (await (await w.far.shortcut(person, f"point_{what}", on)).settled()).text

        assert await pick(w.ria, "feature", said) == "Only admins and moderators can use “Feature”."
        assert say("en", "mod.featured", target="").strip() in await pick(w.mo, "feature", said)
        assert say("en", "mod.featured", target="").strip() in await pick(w.mo, "feature", card)
        assert "Thank you." in await pick(w.ria, "report", said)
        assert "`" not in await pick(w.mo, "hide", card)
        assert "/rondan mod retract 1" in await pick(w.mo, "hide", card)
        assert "hidden" in await pick(w.mo, "hide", said)
        assert "Six hundred" not in (await w.ask(w.mika, "/search fair")).text
        log = (await w.ask(w.mo, "/rondan mod log")).text
        assert "report" in log
        assert "hide" in log
        loose = await w.far.say(w.ria, w.channel, "by the way")
        assert await pick(w.mo, "hide", loose) == say("en", "point.nothing")


# --- commands through the real desk ---


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_readers_ask_and_are_answered_privately_in_their_language(w: Work, language: str) -> None:
    person = w.mika if language == "ja" else w.ria
    async with w.open():
        await w.place()
        for name in ESSAY:
            card = await w.publish(name)
        await w.far.say(w.ria, card, "Six hundred is fair")
        before = len(w.far.messages(w.channel))
        expected = {
            "/rondan topics": say(language, "topics.title", period="").strip("（）, "),
            "/rondan search fair": say(language, "search.comment", title=SOBA),
            "/search 「fair」": say(language, "search.comment", title=SOBA),
            "/rondan piece #1": COST,
            "/rondan digest topic:食 period:day": say(language, "digest.people", people=1),
            "/digest 話題：「食」　期間：7d": say(language, "digest.people", people=1),
            "/rondan ダイジェスト　食": say(language, "digest.people", people=1),
            "/rondan follow 食": say(language, "follow.done", topic="食").replace("`/", "/rondan ").replace("`", ""),
            "/rondan unfollow 食": say(language, "unfollow.done", topic="食"),
            "/rondan": say(language, "help.title"),
            "/rondan ?": say(language, "help.title"),
            "/rondan place": say(language, "help.title"),
            "/rondan 掲載先": say(language, "help.title"),
            "/rondan help digest": "/rondan digest [topic] [period]",
            "/rondan digest gone": say(language, "topic.none", name="gone").replace("`/", "/rondan ").replace("`", ""),
            "/rondan piece 99": say(language, "piece.none", words="99").replace("`/", "/rondan ").replace("`", ""),
            "/rondan 「x": say(language, "help.unknown", name="「x").replace("`/", "/rondan ").replace("`", ""),
        }  # fmt: skip
        for line, text in expected.items():
            answer = await w.ask(person, line)
            assert text in answer.text, line
            assert answer.ephemerals
            assert "`" not in answer.text
        assert len(w.far.messages(w.channel)) == before


async def test_all_that_help_names_can_be_typed_here(w: Work) -> None:
    async with w.open():
        await w.place()
        for person in (w.ada, w.mika):
            text = (await w.ask(person, "/rondan help")).text
            named = re.findall(r"• (/\S+(?: \w+)*)", text)
            assert named
            assert all(one.startswith("/rondan ") for one in named)
            assert not re.search(r"(?<![\w/])/(?!rondan )\w", text), text
        japanese = re.findall(r"/rondan ([^\x00-\x7f]+(?: [^\x00-\x7f—]+)?) — ", text)
        assert "ダイジェスト" in japanese
        for name in japanese:
            spec, _ = slash.meant(f"/{name}", [one for one in specs() if one.on == "line"])
            assert spec is not None, name


async def test_topics_pieces_and_comments_are_completed_in_japanese_too(w: Work) -> None:
    async with w.open():
        await w.place()
        for name in ESSAY:
            card = await w.publish(name)
        await w.far.say(w.mika, card, "六百円は妥当")
        form = await w.ask(w.mika, "/rondan digest ?")
        assert [one["value"] for one in await w.far.suggest(w.mika, form, "fill:digest:topic", "食")] == ["食"]
        periods = await w.far.suggest(w.mika, form, "fill:digest:period", "先週")
        answer = await w.far.submit(w.mika, form, {"topic": "食", "period": periods[-1]["value"]})
        assert "先週" in answer.text
        form = await w.ask(w.mika, "/rondan piece ?")
        [found, _] = await w.far.suggest(w.mika, form, "fill:piece:piece", "蕎麦")
        shown = await w.far.submit(w.mika, form, {"piece": found["value"]})
        assert SOBA in shown.text
        assert "老舗三店" in (await w.press(w.mika, shown, "読む")).text, "a page upon the answer"
        form = await w.ask(w.mo, "/rondan mod hide ?")
        [comment] = await w.far.suggest(w.mo, form, "fill:mod hide:comment", "妥当")
        refused = await w.far.submit(w.mika, form, {"comment": comment["value"]})
        assert "comment" in refused.errors, "who opened the form is not who sends it"
        hidden = await w.far.submit(w.mo, form, {"comment": comment["value"]}, resubmit=True)
        assert "hidden" in hidden.text


async def test_refused_values_stand_at_their_fields(w: Work) -> None:
    async with w.open():
        await w.place()
        await w.publish("en")
        form = await w.ask(w.ria, "/rondan digest ?")
        assert list((await w.far.submit(w.ria, form, {"topic": "cities", "period": "soonish"})).errors) == ["period"]
        assert list((await w.far.submit(w.ria, form, {"topic": "gone", "period": "week"})).errors) == ["topic"]
        form = await w.ask(w.ada, "/rondan place set ?")
        assert list((await w.far.submit(w.ada, form, {"cap": "many"})).errors) == ["cap"]
        assert list((await w.far.submit(w.ada, form, {"quiet": "noon"})).errors) == ["quiet"]


async def test_places_are_kept_from_the_channel_by_admins_only(w: Work) -> None:
    async def stored() -> list[Place]:
        return list(await places.all_places(w.house.db))

    async with w.open():
        for person in (w.ria, w.mo):
            assert "Only admins and those who run this community" in (await w.ask(person, "/rondan place add")).text
        assert await stored() == []
        added = await w.ask(w.ada, "/rondan place add layout:thread")
        assert added.text.startswith(say("en", "place.added", place=f"#general (slack:{w.channel.id})"))
        [place] = await stored()
        assert (place.channel, place.name, place.layout, place.community) == (
            w.channel.id, "#general", "thread", w.far.team_id,
        )  # fmt: skip
        await w.publish("en")
        there = w.far.channel("news", w.ada)
        assert "#news" in (await w.ask(w.ada, "/rondan place add channel:#news")).text
        assert "Changed" in (await w.ask(w.ada, "/rondan place set quiet:22:00-07:00")).text
        listed = (await w.ask(w.ada, "/rondan place list")).text
        assert "#general" in listed
        assert "#news" in listed
        removed = await w.ask(w.ada, "/rondan place remove", there)
        assert removed.text == say("en", "place.forgotten", place=f"#news (slack:{there.id})")
        refused = await w.ask(w.ada, "/rondan place add layout:forum", w.far.channel("x", w.ada))
        assert "forum" in refused.text
        private = w.far.channel("rooms", w.ada, private=True)
        form = await w.ask(w.ada, "/rondan place add ?", private)
        assert "#rooms" in (await w.far.submit(w.ada, form, {"layout": "card", "cap": "3"})).text, "where it was opened"


async def test_feeds_are_tried_added_listed_and_removed(w: Work) -> None:
    async with w.open(), FeedServer() as web:
        web.put("/feed", FEED)
        await w.place()
        address = web.url("/feed")
        tried = (await w.ask(w.ada, f"/rondan feed test {address}")).text
        assert "1 item can be read." in tried
        assert "is followed now" in (await w.ask(w.ada, f"/rondan feed add {address}")).text
        assert "A paper" in (await w.ask(w.ada, "/rondan feed list")).text
        assert "no longer" in (await w.ask(w.ada, f"/rondan feed remove {address}")).text
        for person in (w.ria, w.mo):
            assert (await w.ask(person, "/rondan feed list")).text == "Only admins can use /rondan feed list."


async def test_a_list_of_300_places_is_paged(w: Work) -> None:
    async with w.open():
        for number in range(300):
            await w.place(Channel(f"c{number}", w.far.team_id, "public", False), name=f"#channel-{number}")
        answer = await w.ask(w.ada, "/rondan place list")
        seen = [answer.text]
        while following := next((one for one in labels(answer) if one.startswith("Page ")), None):
            answer = await w.press(w.ada, answer, following)
            seen.append(w.far.plain(answer.ephemerals[-1]))
        numbers = re.findall(r"#channel-(\d+)", "\n".join(seen))
        assert sorted(map(int, numbers)) == list(range(300))
        assert len(seen) > 1


async def test_a_fault_of_ours_is_told_with_a_number_that_the_log_has(w: Work, logged: list[Any]) -> None:
    async with w.open():
        await w.place()
        card = await w.publish("en")
        await w.house.db.write(lambda tx: tx.run("alter table piece rename to piece_away"))
        for answering in (w.far.command(w.mika, w.channel, "/digest"), w.far.press(w.mika, card, "Read")):
            answer = await (await answering).settled()
            assert answer.text == say("ja", "failed", number=logged[-1]["number"])
        await w.house.db.write(lambda tx: tx.run("alter table piece_away rename to piece"))


# --- App Home ---


async def test_home_shows_what_is_new_of_what_is_followed_and_a_digest_on_demand(w: Work) -> None:
    async with w.open():
        await w.place()
        for name in ESSAY:
            await w.publish(name)
        await w.ask(w.mika, "/rondan follow 食")
        home = await w.home(w.mika)
        first = home.text
        assert first.startswith("ダイジェスト: フォロー中の話題、新着")
        assert SOBA in first
        assert COST not in first, "not followed"
        assert say("ja", "topics.title", period="").strip("（）") in first
        assert (await w.home(w.mika)).text == first, "looking twice does not make it empty"
        assert labels(home)[:3] == ["新着", "今週", "今月"]
        await w.press(w.mika, home, "今週")
        assert COST in home.text
        await w.press(w.mika, home, "新着")
        assert SOBA not in home.text.split(say("ja", "topics.title", period="").strip("（）"))[0]
        english = await w.home(w.ria)
        assert say("en", "topics.title", period="").strip(", ") in english.text
        assert COST in english.text


async def test_home_of_a_large_publication_stays_within_slacks_limits(w: Work) -> None:
    async with w.open():
        await w.place()
        for number in range(130):
            file = w.path / f"p{number}.md"
            file.write_text(
                f"---\ntitle: Piece {number} {'長い題名' * 15}\ntags: topic-{number}\n---\n\ntext\n", "utf-8"
            )
        await VERBS["import"](w.house, {"paths": [str(w.path)]}, lambda _text: None)
        home = await w.home(w.mika)
        assert len(home.blocks) <= 100
        assert "topic-7" in home.text
