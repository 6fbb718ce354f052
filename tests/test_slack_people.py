"""Shared channels on Slack: nothing is kept of other organisations' people, and nothing of ours is lost by it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.platforms.slack import chat, people, talk
from bot.platforms.slack.people import Profile, _profile
from core.errors import ChatError
from core.speech import say
from tests.slack_stage import Stage, stage
from tests.standins.slack import Channel, Message, Person, Slack
from tests.test_rights import stored
from tests.test_slack_talk import BUTTON, COMMENT, FORM, READ, World, reply, world

SECRET = "words of somebody else's"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here Slack waits 0.6 s instead of three."""
    monkeypatch.setattr(chat, "LOOKS_UP", 0.3)


@dataclass
class Shared:
    """A channel shared with another organisation, a piece in it, two of ours and one of theirs."""

    far: Slack
    here: Stage
    channel: Channel
    mika: Person
    ria: Person
    stranger: Person

    @property
    def card(self) -> Message:
        return next(one for one in self.far.messages(self.channel) if one.author is self.far.me)

    async def kept(self) -> tuple[list[str], list[str]]:
        """Whose words, and whose reactions."""
        said = await self.here.rows(
            "select p.account from comment c join person p on p.id=c.person_id where c.state <> 'erased' order by c.at"
        )
        reacted = await self.here.rows(
            "select p.hash from reaction r join person p on p.id=r.person_id where r.present=1"
        )
        names = {self.here.db.whose("slack", one): one for one in self.far.people}
        return [str(row[0]) for row in said], sorted(names[str(row[0])] for row in reacted)

    async def nothing_of_theirs(self) -> None:
        hashes = [row[0] for row in await self.here.rows("select hash from person")]
        assert self.here.db.whose("slack", self.stranger.id) not in hashes
        on_disk = await stored(self.here.db)
        assert SECRET.encode() not in on_disk
        assert self.stranger.id.encode() not in on_disk
        assert self.stranger.name.encode() not in on_disk


@contextlib.asynccontextmanager
async def shared(
    folder: Path, *, foreign: bool = True, enterprise: str = "", http: bool = False
) -> AsyncIterator[Shared]:
    far = Slack()
    far.limited = False
    far.retry_after, far.patience, far.enterprise = (0, 0.3, 1.2), 0.6, enterprise
    mika, ria, stranger = far.person("mika", locale="ja-JP"), far.person("ria"), far.stranger("farandaway")
    channel = far.channel("with-others", mika, ria, stranger, foreign=foreign)
    async with far, stage(far, folder, http=http) as here:
        await here.place(channel)
        await here.publish()
        yield Shared(far, here, channel, mika, ria, stranger)
        assert (far.pings, far.unfurling) == ([], [])


# --- who is of which organisation ---


def user(team: str, **more: Any) -> dict[str, Any]:
    return {"id": "U1", "team_id": team, "is_admin": True, "profile": {"display_name": "x"}, "locale": "ja-JP", **more}


@pytest.mark.parametrize(
    ("said", "enterprise", "ours", "admin"),
    [
        (user("T1"), "", True, True),
        (user("T2"), "", False, False),  # Slack says `is_stranger` only of people with whom no channel is shared
        (user("T1", is_stranger=True), "", False, False),
        (user("T1", is_restricted=True), "", True, True),  # a guest of ours is ours
        (user("T1"), "E1", True, True),
        (user("T2", enterprise_user={"enterprise_id": "E1", "teams": ["T1", "T2"]}), "E1", True, True),
        (user("T2", enterprise_user={"enterprise_id": "E1", "teams": ["T2"]}), "E1", True, False),
        (user("E1", enterprise_user={"enterprise_id": "E1", "teams": []}), "E1", True, False),
        (user("E2", enterprise_user={"enterprise_id": "E2", "teams": ["T9"]}), "E1", False, False),
        (user("T2", enterprise_user={"enterprise_id": "E2", "teams": ["T2"]}), "", False, False),
    ],
)
def test_our_organisation_is_the_workspace_or_the_enterprise(
    said: dict[str, Any], enterprise: str, ours: bool, admin: bool
) -> None:
    profile = _profile(said, "T1", enterprise)
    assert (profile.ours, profile.admin, bool(profile.name)) == (ours, admin, ours)
    assert profile.language == "ja"


# --- what is kept ---


@pytest.mark.parametrize("http", [False, True])
async def test_words_and_reactions_of_strangers_are_not_kept_and_ours_are(tmp_path: Path, http: bool) -> None:
    async with shared(tmp_path, http=http) as s:
        theirs = await s.far.say(s.stranger, s.card, SECRET)
        await s.far.react(s.stranger, s.card, "👍")
        await s.far.edit(s.stranger, theirs, f"{SECRET}, edited")
        await s.far.react(s.stranger, s.card, "👍", added=False)
        await s.far.react(s.mika, theirs, "👍")
        await s.far.say(s.mika, s.card, "words of ours")
        await s.far.react(s.mika, s.card, "👍")
        await s.far.say(s.mika, theirs, "an answer of ours to theirs")
        assert await s.kept() == ([s.mika.id, s.mika.id], [s.mika.id])
        assert s.far.unacked == []
        await s.far.delete(theirs)
        await s.here.rows("select 1")
        await s.nothing_of_theirs()


async def test_each_person_is_asked_about_once(tmp_path: Path) -> None:
    async with shared(tmp_path) as s:
        before = s.far.count("users.info")
        for number in range(5):
            await s.far.say(s.mika, s.card, f"words {number}")
            await s.far.react(s.stranger, s.card, ("👍", "👎", "💡", "🎉", "😀")[number])
        assert await s.kept() == ([s.mika.id] * 5, [])
        assert s.far.count("users.info") - before == 2


async def test_in_channels_of_our_own_nobody_is_asked_about(tmp_path: Path) -> None:
    async with shared(tmp_path, foreign=False) as s:
        s.far.fail("users.info", times=99, how="internal_error")
        for who in (s.mika, s.ria):
            await s.far.react(who, s.card, "👍")
        assert await s.kept() == ([], sorted([s.mika.id, s.ria.id]))
        assert s.far.count("users.info") == s.far.count("conversations.info") == 0


async def test_who_slack_does_not_show_is_a_stranger(tmp_path: Path) -> None:
    async with shared(tmp_path) as s:
        del s.channel.members[s.stranger.id]  # left, and Slack says `user_not_visible`
        await s.far.react(s.stranger, s.card, "👍")
        assert await s.kept() == ([], [])
        assert s.far.unacked == []
        await s.nothing_of_theirs()


async def test_another_workspace_of_our_enterprise_is_ours(tmp_path: Path) -> None:
    async with shared(tmp_path, enterprise="E0OURS") as s:
        kin = s.far.colleague("kin")
        s.channel.members[kin.id] = kin
        await s.far.say(kin, s.card, "words of kin")
        await s.far.react(kin, s.card, "👍")
        await s.far.say(s.stranger, s.card, SECRET)
        assert await s.kept() == ([kin.id], [kin.id])
        await s.nothing_of_theirs()


# --- when Slack does not say who somebody is ---


@pytest.mark.parametrize("how", ["internal_error", 503, "invalid_auth"])
async def test_while_it_cannot_be_learnt_nothing_is_acknowledged_and_it_comes_again(
    tmp_path: Path, how: str | int
) -> None:
    async with shared(tmp_path) as s:
        s.far.fail("users.info", times=2, how=how)
        await s.far.react(s.mika, s.card, "👍")
        await s.far.react(s.stranger, s.card, "👎")
        assert await s.kept() == ([], [s.mika.id])
        told = [one for one in s.far.deliveries if one.event.get("type") == "reaction_added"]
        assert sorted(len(one.attempts) for one in told) in ([1, 3], [2, 2])
        await s.nothing_of_theirs()


@pytest.mark.parametrize("how", ["slow", "ratelimited"])
async def test_an_answer_that_takes_long_keeps_slack_waiting_no_longer_than_it_waits(tmp_path: Path, how: str) -> None:
    """What was asked is found out all the same, so that the repetition is kept at once: Slack is asked once more only
    where it had refused."""
    async with shared(tmp_path) as s:
        s.far.fail("users.info", times=9 if how == "slow" else 1, how=how, delay=1)
        asked = s.far.count("users.info")
        await s.far.react(s.mika, s.card, "👍")
        assert await s.kept() == ([], [s.mika.id])
        [told] = [one for one in s.far.deliveries if one.event.get("type") == "reaction_added"]
        assert len(told.attempts) > 1
        assert told.attempts[-1].took < 0.3
        assert s.far.count("users.info") - asked == (1 if how == "slow" else 2)


async def test_a_crowd_of_unknown_people_is_asked_about_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "ASKED", 5)
    async with shared(tmp_path) as s:
        s.far.retry_after = (0, 0.2, 0.4, 0.8)
        crowd = [s.far.person(f"p{number}") for number in range(12)]
        s.far.fail("users.info", times=5, how="slow", delay=0.1)
        with s.far.burst(shuffled=False):
            for who in crowd:
                await s.far.react(who, s.card, "👍")
        assert await s.kept() == ([], sorted(one.id for one in crowd))
        assert s.far.count("users.info") == len(crowd)
        assert len(s.far.deliveries[-1].attempts) > 1


async def test_what_slack_gives_up_is_recalled_without_strangers(tmp_path: Path) -> None:
    async with shared(tmp_path) as s:
        s.far.retry_after = ()
        s.far.fail("users.info", times=2, how="internal_error")
        await s.far.react(s.mika, s.card, "👍")
        await s.far.react(s.stranger, s.card, "👍")
        await s.far.delivered()
        assert len(s.far.lost) == 2
        await s.here.ears.recall(s.here.chat)
        assert await s.kept() == ([], [s.mika.id])
        await s.nothing_of_theirs()


# --- after an absence ---


async def test_recall_brings_ours_and_not_theirs(tmp_path: Path) -> None:
    async with shared(tmp_path) as s:
        s.far.outbox.open = False
        theirs = await s.far.say(s.stranger, s.card, SECRET)
        await s.far.say(s.mika, s.card, "words of ours")
        for who in (s.stranger, s.mika):
            await s.far.react(who, s.card, "👍")
            await s.far.react(who, theirs, "👎")
        s.far.outbox.open = True
        for _ in range(2):
            await s.here.ears.recall(s.here.chat)
            assert await s.kept() == ([s.mika.id], [s.mika.id])
        await s.nothing_of_theirs()


async def test_recall_concludes_nothing_while_it_cannot_be_learnt_who_somebody_is(tmp_path: Path) -> None:
    async with shared(tmp_path) as s:
        await s.far.react(s.mika, s.card, "👍")
        assert await s.kept() == ([], [s.mika.id])
        s.far.outbox.open = False
        await s.far.say(s.ria, s.card, "words of ours")
        await s.far.react(s.ria, s.card, "👍")
        s.far.outbox.open = True
        s.far.fail("users.info", times=99, how="internal_error")
        with pytest.raises(ChatError):
            await s.here.ears.recall(s.here.chat)
        assert await s.kept() == ([], [s.mika.id])
        s.far.faults.clear()
        await s.here.ears.recall(s.here.chat)
        assert await s.kept() == ([s.ria.id], sorted([s.mika.id, s.ria.id]))


async def test_recall_asks_about_channels_only_where_there_is_news(tmp_path: Path) -> None:
    async with shared(tmp_path, foreign=False) as s:
        await s.here.ears.recall(s.here.chat)
        assert s.far.count("conversations.info") == 0
        s.far.outbox.open = False
        for who in (s.mika, s.ria):
            await s.far.react(who, s.card, "👍")
        s.far.outbox.open = True
        await s.here.ears.recall(s.here.chat)
        assert (s.far.count("conversations.info"), s.far.count("users.info")) == (1, 0)
        assert await s.kept() == ([], sorted([s.mika.id, s.ria.id]))


# --- what strangers ask ---


@pytest.fixture
async def w() -> AsyncIterator[World]:
    async with world() as made:
        made.channel.foreign = True
        yield made


def stranger(w: World) -> Person:
    person = w.far.stranger("farandaway", admin=True, locale="ja-JP")
    w.channel.members[person.id] = person
    w.chat._people._moderators = (person.id,)
    return person


async def test_strangers_are_told_that_nothing_is_kept_of_them(w: World) -> None:
    theirs = stranger(w)
    card = await w.posted(BUTTON, COMMENT)
    for answer in (
        await w.ask("/rondan digest", theirs),
        await w.ask("/rondan digest ?", theirs),
        await (await w.far.press(theirs, card, "Agree")).settled(),
        await (await w.far.press(theirs, card, "Comment")).settled(),
        await (await w.far.shortcut(theirs, "point_report", card)).settled(),
        await (await w.far.shortcut(theirs, "point_save_as_comment", card)).settled(),
    ):
        assert answer.text.strip() == say("en", "foreign")
        assert (len(answer.ephemerals), answer.said, answer.view) == (1, [], None)
    assert w.desk.asked == []
    assert w.ears.heard == []


async def test_strangers_may_read_on(w: World) -> None:
    theirs = stranger(w)
    w.desk.answers[READ.id] = lambda: reply("The whole text")
    answer = await (await w.far.press(theirs, await w.posted(READ), "Read")).settled()
    assert answer.view is not None
    assert "The whole text" in answer.view.text
    assert [(one.person.name, set(one.roles)) for one in w.desk.callers] == [("", {"reader"})]


async def test_a_form_that_a_stranger_sends_is_not_taken(w: World) -> None:
    """Who opened it and left our organisation since."""
    w.desk.answers[COMMENT.id] = lambda: FORM
    form = await (await w.far.press(w.ria, await w.posted(COMMENT), "Comment")).settled()
    w.chat._people._profiles[w.ria.id] = (asyncio.get_running_loop().time(), Profile(ours=False))
    refused = await w.far.submit(w.ria, form, {"text": SECRET})
    assert refused.errors == {"text": say("en", "foreign")}
    assert [name for name, _ in w.desk.asked] == [COMMENT.id]


async def test_what_a_stranger_wrote_is_not_saved_by_one_of_ours(w: World) -> None:
    theirs = stranger(w)
    card = await w.posted(BUTTON)
    said = await w.far.say(theirs, card, SECRET)
    for language, person in (("en", w.ada),):
        answer = await (await w.far.shortcut(person, "point_save_as_comment", said)).settled()
        assert answer.text.strip() == say(language, "save.foreign")
    w.far.fail("users.info", times=9, how="internal_error")
    unknown = await w.far.say(w.far.person("new"), card, "who?")
    answer = await (await w.far.shortcut(w.ada, "point_save_as_comment", unknown)).settled()
    assert answer.text.strip() == say("en", "slow")
    assert w.ears.heard == []


async def test_who_cannot_be_placed_votes_later_and_ours_vote_while_slack_is_silent(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A press says of which workspace somebody is."""
    monkeypatch.setattr(talk, "AGAIN", 0.0)
    card = await w.posted(BUTTON)
    w.far.fail("users.info", times=99, how="internal_error")
    await (await w.far.press(w.ria, card, "Agree")).settled()
    assert [name for name, _ in w.desk.asked] == [BUTTON.id]
    w.far.enterprise = w.chat.enterprise = "E0OURS"
    kin = w.far.colleague("kin")  # of another workspace: it must be asked whether that is ours
    answer = await (await w.far.press(kin, card, "Agree")).settled()
    assert answer.text.strip() == say("en", "slow")
    w.far.faults.clear()
    await (await w.far.press(kin, card, "Agree")).settled()
    assert len(w.desk.asked) == 2
    assert {one.community for one in w.desk.callers} == {w.far.team_id}
