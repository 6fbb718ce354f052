"""Threads and forums: tags by topics, and threads that are put away, locked, deleted or too many."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from bot.platforms.discord.titles import name_of, title_shown
from core.document import Heading, spans
from core.message import Message
from storage import pieces
from storage.db import Tx
from tests.conftest import change_place, found
from tests.discord_stage import (
    CREATE,
    POST,
    THREAD,
    Stage,
    essay,
    lines,
    shown,
    stage,
    text_of,
)
from tests.standins.discord import Discord, P

SECTIONS = (("Costs", "Less than feared."), ("Riders", "Nurses, bakers and one owl."))
NIGHT = essay(*SECTIONS)
STANDS = ["The night bus", "  It runs at last.", "  Costs", "  Riders"]


@pytest.fixture
async def far() -> AsyncIterator[Discord]:
    async with Discord() as far:
        far.buckets = False
        yield far
        assert far.unguarded == []
        assert far.statuses[403] == 0


@pytest.fixture
async def here(far: Discord, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(far, tmp_path) as here:
        yield here


@pytest.fixture
def logs() -> LogCapture:
    capture = LogCapture()
    structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0))
    return capture


# --- the tags of forums ---


async def topics(here: Stage, **named: str) -> None:
    """Topics with an English name and a Japanese one."""

    async def work(tx: Tx) -> None:
        for english, japanese in named.items():
            number = await pieces.ensure_topic(tx, english, "en", here.clock())
            names = json.dumps({"en": english, "ja": japanese})
            await tx.run("update topic set names=? where id=?", names, number)

    await here.db.write(work)


def tags(forum: object) -> list[set[str]]:
    """Names of the tags of each post."""
    guild, known = forum.guild, forum.tags  # type: ignore[attr-defined]
    return [{known[tag] for tag in one.applied} for one in guild.threads.values()]


async def test_topics_find_the_tags_of_their_name_in_any_language(here: Stage, far: Discord) -> None:
    await topics(here, Transport="交通", Town="町")
    forum = far.guild("Town").forum("pieces", tags=("Ｔｒａｎｓｐｏｒｔ", "町", "Other"))
    await here.place(forum, "forum")
    await here.publish(found(tags=("transport", "Town", "Unheard of")))
    assert tags(forum) == [{"Ｔｒａｎｓｐｏｒｔ", "町"}]


async def test_an_edit_renames_and_tags_anew_and_leaves_moderators_tags(here: Stage, far: Discord) -> None:
    forum = far.guild("Town").forum("pieces", tags=("Transport", "Money", "Pinned"))
    forum.moderated = {forum.tag("Pinned")}
    far.update(forum)
    await here.place(forum, "forum")
    await here.publish(found(tags=("Transport", "Pinned")))
    assert tags(forum) == [{"Transport"}], "a tag of the moderators is theirs"
    post = next(iter(forum.guild.threads.values()))  # type: ignore[union-attr]
    post.applied.append(forum.tag("Pinned"))
    far.update(post)
    await here.hear()
    await here.publish(found(title="The night bus runs", tags=("Money",)))
    assert post.name == "The night bus runs"
    assert tags(forum) == [{"Transport", "Money", "Pinned"}], "no topic of a piece is taken off by its source"
    assert here.asked("PATCH /channels/{}", "GET /channels/{}") == [1, 0], "one request for both"


async def test_where_a_tag_is_required_any_will_do(here: Stage, far: Discord) -> None:
    forum = far.guild("Town").forum("pieces", tags=("Moderators only", "General"), require_tag=True)
    forum.moderated = {forum.tag("Moderators only")}
    far.update(forum)
    await here.place(forum, "forum")
    await here.publish(NIGHT)
    assert tags(forum) == [{"General"}]
    assert far.statuses[400] == 0


async def test_a_forum_whose_required_tags_are_all_for_moderators_pauses_its_place(here: Stage, far: Discord) -> None:
    forum = far.guild("Town").forum("pieces", tags=("Moderators only",), require_tag=True)
    forum.moderated = {forum.tag("Moderators only")}
    far.update(forum)
    place = await here.place(forum, "forum")
    await here.publish(NIGHT)
    assert shown(forum) == []
    assert here.asked(POST) == [0]
    assert "is for its moderators: make one that all may use" in (await here.paused(place) or "")


async def test_no_more_than_five_tags(here: Stage, far: Discord) -> None:
    names = [f"Topic {n}" for n in range(7)]
    forum = far.guild("Town").forum("pieces", tags=names)
    await here.place(forum, "forum")
    await here.publish(found(tags=tuple(names)))
    assert [len(one) for one in tags(forum)] == [5]


# --- archived, locked, deleted threads, and too many of them ---


@pytest.mark.parametrize("layout", ["thread", "forum"])
async def test_what_is_archived_is_opened_edited_and_put_away_again(here: Stage, far: Discord, layout: str) -> None:
    guild = far.guild("Town")
    channel = guild.text("news") if layout == "thread" else guild.forum("pieces")
    await here.place(channel, layout)
    await here.publish(NIGHT)
    thread = next(iter(guild.threads.values()))
    far.archive(thread)
    await here.hear()
    before = far.count("PATCH /channels/{}")
    await here.publish(essay(("Costs", "More than feared."), SECTIONS[1], title="The night bus runs"))
    assert any("More than feared." in text_of(one) for one in thread)
    assert thread.archived
    if layout == "forum":
        assert thread.name == "The night bus runs"
        assert far.count("PATCH /channels/{}") - before == 7, "open, name, close; open and close for two sections"
    else:
        assert far.count("PATCH /channels/{}") - before == 4


async def test_a_new_section_opens_an_archived_thread_by_itself(here: Stage, far: Discord) -> None:
    guild = far.guild("Town")
    channel = guild.text("news")
    await here.place(channel, "thread")
    await here.publish(NIGHT)
    far.archive(next(iter(guild.threads.values())))
    await here.hear()
    await here.publish(essay(*SECTIONS, ("Noise", "Little.")))
    assert shown(channel) == [*STANDS, "  Noise"]


async def test_a_locked_thread_stops_its_piece_there_and_nothing_else(here: Stage, far: Discord) -> None:
    guild = far.guild("Town")
    channel = guild.text("news")
    place = await here.place(channel, "thread")
    number = await here.publish(NIGHT)
    far.archive(next(iter(guild.threads.values())), False, locked=True)
    await here.hear()
    await here.publish(essay(*SECTIONS, ("Noise", "Little.")))
    state, reason = await here.state(number, place)
    assert state == "stuck"
    assert reason.startswith("the thread is locked")
    assert await here.paused(place) is None
    await here.publish(found("other", title="Other"))
    assert "Other" in shown(channel)
    await here.retract(number)
    assert shown(channel)[0] == "Withdrawn: The night bus", "its card can still be withdrawn"
    far.statuses[403] = 0  # Discord alone knows of the lock


async def test_a_server_with_all_its_threads_gets_the_sections_as_answers(
    here: Stage, far: Discord, logs: LogCapture
) -> None:
    guild = far.guild("Town")
    guild.thread_cap = 0
    channel = guild.text("news")
    place = await here.place(channel, "thread")
    number = await here.publish(NIGHT)
    assert [line.strip() for line in shown(channel)] == [line.strip() for line in STANDS]
    assert {one.reference["message_id"] for one in far.messages(channel)[1:] if one.reference} == {
        str(far.messages(channel)[0].id)
    }
    assert (await here.state(number, place))[0] == "done"
    assert here.asked(CREATE, THREAD) == [4, 1], "it is asked once a card"
    assert [one["log_level"] for one in logs.entries if one["event"] == "discord.thread-cap"] == ["warning"]


async def test_where_rondan_may_not_read_they_come_without_being_answers(here: Stage, far: Discord) -> None:
    guild = far.guild("Town")
    guild.thread_cap = 0
    channel = guild.text("news")
    await here.place(channel, "thread")
    far.permissions(channel, deny=P.READ_MESSAGE_HISTORY)
    await here.hear()
    await here.publish(NIGHT)
    assert [line.strip() for line in shown(channel)] == [line.strip() for line in STANDS]
    assert far.statuses[400] == 1, "the one that tells of the threads"


async def test_a_forum_in_a_server_with_all_its_threads_waits(here: Stage, far: Discord) -> None:
    guild = far.guild("Town")
    guild.thread_cap = 0
    forum = guild.forum("pieces")
    place = await here.place(forum, "forum")
    number = await here.publish(NIGHT)
    assert (await here.state(number, place))[0] == "waiting"
    guild.thread_cap = 10
    await here.settle(minutes=31)
    assert len(guild.threads) == 1


async def test_a_thread_deleted_between_two_sections_is_a_withdrawal_and_no_end_of_the_place(
    here: Stage, far: Discord
) -> None:
    guild = far.guild("Town")
    channel = guild.text("news")
    place = await here.place(channel, "thread")
    number = await here.publish(NIGHT)
    thread = next(iter(guild.threads.values()))
    far.drop(thread)
    await here.publish(essay(*SECTIONS, ("Noise", "Little.")))
    assert (await here.state(number, place))[0] == "withdrawn"
    assert await here.paused(place) is None
    await here.publish(found("other", title="Other"))
    assert shown(channel)[-3:] == ["Other", "  It runs at last.", "  Costs"]


async def test_an_edit_in_a_deleted_thread_does_not_pause_the_place(here: Stage, far: Discord) -> None:
    guild = far.guild("Town")
    channel = guild.text("news")
    place = await here.place(channel, "thread")
    number = await here.publish(NIGHT)
    far.drop(next(iter(guild.threads.values())))
    await here.publish(essay(("Costs", "More than feared."), SECTIONS[1]))
    assert (await here.state(number, place))[0] == "withdrawn"
    assert await here.paused(place) is None


async def test_a_thread_that_somebody_opened_already_is_used(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    mika = far.user("mika")
    place = await here.place(channel, "card")
    await here.publish(NIGHT)
    thread = await far.start_thread(mika, far.messages(channel)[0], "talk")
    await change_place(here.db, ("discord", place.channel), layout="thread")
    await here.publish(essay(*SECTIONS, title="The night bus runs"))
    assert lines(thread) == ["It runs at last.", "Costs", "Riders"]


async def test_a_thread_is_named_like_its_card_after_a_restart_too(far: Discord, tmp_path: Path) -> None:
    channel = far.guild("Town").text("news")
    title = "The [night] bus *runs* # 1"
    async with stage(far, tmp_path) as here:
        await here.place(channel, "thread")
        far.fail(THREAD, how=503, times=9)
        await here.publish(essay(*SECTIONS, title=title))
    far.faults.clear()
    async with stage(far, tmp_path, clock=here.clock) as again:
        await again.settle(minutes=2)
        await again.settle(minutes=2)
    [thread] = [one.thread for one in far.messages(channel) if one.thread]
    assert thread.name == title
    assert lines(thread) == ["It runs at last.", "Costs", "Riders"]


def test_titles_are_read_back_from_what_shows_them() -> None:
    from bot.platforms.discord.encode import embedded, posted

    for title in ("Plain", "With [brackets] and *stars*", "論点「A」は？", "1. a_b_c `x` <@1> #2", "a @everyone"):
        for link in (None, "https://a.example/x?y=(1)"):
            message = Message(title=title, blocks=(Heading(level=1, spans=spans(title, link=link)),))
            for body in (posted(message, "0" * 24), embedded(message, "0" * 24)):
                assert title_shown(body) == title
    assert title_shown({}) == ""
    assert name_of("\n") == "…"
    assert name_of("a\nb" * 200).startswith("a ba b")
    assert len(name_of("字" * 200)) == 100
