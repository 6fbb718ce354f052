"""What Slack's events mean: from the payload to what was heard, without a connection."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.platforms.slack.hearing import Hearing, moment, reaction
from bot.platforms.slack.posts import Posts
from core.chat import Commented, Heard, Left, Located, Moved, Person, Place, Reacted, Removed

ME, BOT, TEAM = "U0RONDAN", "B0RONDAN", "T0OURS"
HERE = "C0PLACE"
CARD = "1767225600.000100"
ROOT = {"thread_ts": CARD, "parent_user_id": ME}
NAMES = {"U1": "mika", "U2": "高橋"}


def moved_on(ts: str, by: int) -> str:
    seconds, _, micro = ts.partition(".")
    return f"{int(seconds) + by}.{micro}"


SAID, EDITED, NOW = (moved_on(CARD, by) for by in (60, 90, 120))


@pytest.fixture
def hearing() -> Hearing:
    posts = Posts(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    posts.me, posts.bot, posts.team = ME, BOT, TEAM
    posts.stands(CARD)
    made = Hearing(posts, lambda who: NAMES.get(who, ""))
    made.furnish([Place(id=1, platform="slack", channel=HERE)])
    return made


def envelope(event: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "event_callback", "team_id": TEAM, "event": {"event_ts": NOW, **event}, **more}


def message(**more: Any) -> dict[str, Any]:
    """A message event: mika's answer under our card, unless said otherwise."""
    return {
        "type": "message", "channel": HERE, "user": "U1", "text": "words", "ts": SAID, "event_ts": SAID, **ROOT, **more,
    }  # fmt: skip


def heard(hearing: Hearing, event: dict[str, Any], **more: Any) -> list[Heard]:
    return hearing.events(envelope(event, **more))


COMMENT = Commented(
    platform="slack", channel=HERE, anchor=SAID, person=Person(id="U1", name="mika"), text="words", at=moment(SAID),
    thread=CARD,
)  # fmt: skip


# --- what is a comment ---


def test_an_answer_in_the_thread_of_a_post_is_a_comment(hearing: Hearing) -> None:
    assert heard(hearing, message()) == [COMMENT]


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share", "me_message"])
def test_an_answer_may_be_sent_to_the_channel_too_bring_files_or_be_an_act(hearing: Hearing, subtype: str) -> None:
    more = {"root": {"ts": CARD, "user": ME}} if subtype == "thread_broadcast" else {}
    assert heard(hearing, message(subtype=subtype, **more)) == [COMMENT]


@pytest.mark.parametrize(
    "event",
    [
        message(thread_ts=None, parent_user_id=None),  # said in the channel
        message(thread_ts=SAID, parent_user_id=None),  # the root of another thread
        message(thread_ts="1767225000.000100", parent_user_id="U2"),  # an answer to somebody else
        message(thread_ts="1767225000.000100", parent_user_id=None),  # the same, where Slack does not say to whom
        message(bot_id="B0OTHER"),
        message(bot_id=BOT, user=ME),
        message(user=ME),
        message(user=None),
        message(subtype="bot_message", bot_id="B0OTHER", user=None),
        message(subtype="channel_join"),
        message(subtype="channel_topic"),
        message(subtype="message_replied"),
        message(subtype="tombstone", user="USLACKBOT"),
        message(channel="C0ELSEWHERE"),
    ],
)
def test_what_is_no_answer_to_us_is_not_heard(hearing: Hearing, event: dict[str, Any]) -> None:
    assert heard(hearing, event) == []


def test_an_answer_to_a_post_that_is_not_remembered_is_told_by_its_author(hearing: Hearing) -> None:
    """As after a restart: Slack says whose message is answered."""
    old = "1767000000.000100"
    [comment] = heard(hearing, message(thread_ts=old))
    assert comment == replace(COMMENT, thread=old)
    assert heard(hearing, message(thread_ts=old, parent_user_id="")) == []


# --- edits and removals ---


def changed(after: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
    inside = {key: value for key, value in message().items() if key not in ("channel", "event_ts")}
    return {
        "type": "message", "subtype": "message_changed", "channel": HERE, "hidden": True, "ts": NOW, "event_ts": NOW,
        "message": {**inside, **after}, "previous_message": {**inside, **(before or {})},
    }  # fmt: skip


def test_an_edit_is_the_comment_with_its_new_words(hearing: Hearing) -> None:
    edit = changed({"text": "other words", "edited": {"user": "U1", "ts": EDITED}})
    assert heard(hearing, edit) == [replace(COMMENT, text="other words", edited=moment(EDITED))]


def test_a_preview_is_no_edit(hearing: Hearing) -> None:
    preview = {"attachments": [{"id": 1, "title": "A page"}]}
    assert heard(hearing, changed(preview)) == []
    edited = {"edited": {"user": "U1", "ts": EDITED}}
    assert heard(hearing, changed({**edited, **preview}, edited)) == [], "nor is one of what was edited before"


def test_an_edit_after_an_edit_counts(hearing: Hearing) -> None:
    twice = changed({"edited": {"user": "U1", "ts": NOW}}, {"edited": {"user": "U1", "ts": EDITED}})
    assert heard(hearing, twice) == [replace(COMMENT, edited=moment(NOW))]


def test_our_own_edits_are_nothing(hearing: Hearing) -> None:
    ours = {"user": ME, "bot_id": BOT, "ts": CARD, "edited": {"user": ME, "ts": EDITED}}
    assert heard(hearing, changed(ours)) == []


def test_a_deleted_message_is_removed(hearing: Hearing) -> None:
    event = {"type": "message", "subtype": "message_deleted", "channel": HERE, "deleted_ts": SAID, "ts": NOW}
    assert heard(hearing, event) == [Removed(platform="slack", channel=HERE, anchors=(SAID,), at=moment(NOW))]


def test_a_post_of_ours_that_somebody_deletes_is_removed_and_no_thread_any_more(hearing: Hearing) -> None:
    before = {"user": ME, "bot_id": BOT, "ts": CARD}
    event = {
        "type": "message", "subtype": "message_deleted", "channel": HERE, "deleted_ts": CARD, "ts": NOW,
        "previous_message": before,
    }  # fmt: skip
    assert heard(hearing, event) == [Removed(platform="slack", channel=HERE, anchors=(CARD,), at=moment(NOW))]
    assert heard(hearing, message(parent_user_id=None)) == []


def test_a_root_under_which_answers_stand_becomes_a_tombstone(hearing: Hearing) -> None:
    tomb = {
        "subtype": "tombstone",
        "user": "USLACKBOT",
        "ts": CARD,
        "text": "This message was deleted.",
        "hidden": True,
    }
    assert heard(hearing, changed(tomb, {"ts": CARD, "user": ME, "bot_id": BOT})) == [
        Removed(platform="slack", channel=HERE, anchors=(CARD,), at=moment(NOW))
    ]


# --- reactions ---


def reacted(name: str = "+1", kind: str = "reaction_added", **more: Any) -> dict[str, Any]:
    item = {"type": "message", "channel": HERE, "ts": CARD}
    return {"type": kind, "user": "U1", "reaction": name, "item": item, "item_user": ME, "event_ts": NOW, **more}


REACTION = Reacted(
    platform="slack", channel=HERE, anchor=CARD, person=Person(id="U1", name="mika"), emoji="👍", added=True,
    at=moment(NOW),
)  # fmt: skip


def test_a_reaction_is_put_on_and_taken_off(hearing: Hearing) -> None:
    assert heard(hearing, reacted()) == [REACTION]
    assert heard(hearing, reacted(kind="reaction_removed")) == [replace(REACTION, added=False)]


@pytest.mark.parametrize(
    ("name", "sign", "kind"),
    [
        ("+1", "👍", "normal"),
        ("thumbsup", "👍", "normal"),
        ("+1::skin-tone-4", "👍", "skin-tone-4"),
        ("wave::skin-tone-2", "👋", "skin-tone-2"),
        ("bulb", "💡", "normal"),
        ("heart", "❤️", "normal"),
        ("party-parrot", "party-parrot", "normal"),  # the workspace's own
        ("なるほど", "なるほど", "normal"),
        ("party-parrot::skin-tone-2", "party-parrot", "skin-tone-2"),
        ("", "", "normal"),
    ],
)
def test_the_name_of_a_reaction_is_its_sign_and_its_tone(hearing: Hearing, name: str, sign: str, kind: str) -> None:
    assert reaction(name) == (sign, kind)
    assert heard(hearing, reacted(name)) == [replace(REACTION, emoji=sign, kind=kind)]


def test_our_own_reactions_and_those_on_files_are_nothing(hearing: Hearing) -> None:
    assert heard(hearing, reacted(user=ME)) == []
    assert heard(hearing, reacted(item={"type": "file", "file": "F1", "channel": HERE})) == []
    assert heard(hearing, reacted(item={"type": "message", "channel": "C0ELSEWHERE", "ts": CARD})) == []


@pytest.mark.parametrize("author", ["U2", ME, None])
def test_a_reaction_on_any_message_of_a_place_is_heard(hearing: Hearing, author: str | None) -> None:
    """It may be on a comment, of which Slack says no more than who wrote it. What it is on is looked up in the rows:
    an event on a message that is never known waits there for a day and is dropped.
    """
    event = reacted(item_user=author, item={"type": "message", "channel": HERE, "ts": SAID})
    assert heard(hearing, event) == [replace(REACTION, anchor=SAID)]


# --- words ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a &amp; b &lt;c&gt; &amp;lt;", "a & b <c> &lt;"),
        ("<@U1> と <@U2>、<@U9>", "@mika と @高橋、@…"),
        ("<@U9|someone>", "@someone"),
        ("<#C1|general> <#C2>", "#general #C2"),
        ("<!here> <!channel|channel> <!subteam^S1|editors> <!subteam^S1>", "@here @channel @editors @S1"),
        ("<https://a.example/?b=1&amp;c=2>", "https://a.example/?b=1&c=2"),
        ("<https://a.example|a.example>", "https://a.example"),
        ("<https://a.example|the bank>", "the bank (https://a.example)"),
        ("<mailto:a@b.example|a@b.example>", "mailto:a@b.example"),
        ("a\0b", "ab"),
        ("  \n", ""),
        (None, ""),
    ],
)
def test_words_are_what_a_reader_sees(hearing: Hearing, text: str | None, words: str) -> None:
    assert hearing.words({"text": text}) == words


def test_files_are_said_by_their_names(hearing: Hearing) -> None:
    files = [{"name": "fare.png"}, {"title": "運賃"}, {"id": "F1", "mode": "hidden_by_limit"}]
    [comment] = heard(hearing, message(subtype="file_share", text="see", files=files))
    assert comment == replace(COMMENT, text="see [fare.png] [運賃] [file]")


# --- channels ---


@pytest.mark.parametrize("kind", ["channel_archive", "group_archive", "channel_deleted", "group_deleted"])
def test_a_channel_that_is_gone_is_left(hearing: Hearing, kind: str) -> None:
    left = [Left(platform="slack", at=moment(NOW), channel=HERE)]
    assert heard(hearing, {"type": kind, "channel": HERE}) == left
    assert heard(hearing, {"type": "member_left_channel", "channel": HERE, "user": ME}) == left
    assert heard(hearing, {"type": "member_left_channel", "channel": HERE, "user": "U1"}) == []


def test_a_renamed_channel_is_ours_whoever_renamed_it(hearing: Hearing) -> None:
    """In a shared channel `team_id` may be the other organisation's."""
    event = {"type": "channel_rename", "channel": {"id": HERE, "name": "広場"}}
    assert heard(hearing, event, team_id="T0ELSEWHERE") == [
        Located(platform="slack", channel=HERE, community=TEAM, name="#広場")
    ]


def test_an_uninstalled_app_leaves_the_workspace(hearing: Hearing) -> None:
    for kind in ("app_uninstalled", "tokens_revoked"):
        assert heard(hearing, {"type": kind}) == [Left(platform="slack", at=moment(NOW), community=TEAM)]


def test_a_channel_may_get_another_id(hearing: Hearing) -> None:
    event = {"type": "channel_id_changed", "old_channel_id": HERE, "new_channel_id": "C0NEW"}
    assert heard(hearing, event) == [Moved(platform="slack", channel=HERE, to="C0NEW", at=moment(NOW))]


def test_events_by_an_id_that_a_channel_had_are_told_with_todays(hearing: Hearing) -> None:
    hearing.furnish([Place(id=1, platform="slack", channel="C0NEW", former=(HERE, "C0FIRST"))])
    for channel in ("C0NEW", HERE, "C0FIRST"):
        assert heard(hearing, message(channel=channel)) == [replace(COMMENT, channel="C0NEW")]
        item = {"type": "message", "channel": channel, "ts": CARD}
        assert heard(hearing, reacted(item=item)) == [replace(REACTION, channel="C0NEW")]
        assert hearing.today(channel) == "C0NEW"
    gone = {"type": "channel_deleted", "channel": HERE}
    assert heard(hearing, gone) == [Left(platform="slack", at=moment(NOW), channel=HERE)], (
        "the id goes, not the channel"
    )
    assert hearing.today("C0ELSEWHERE") == "C0ELSEWHERE"


def test_a_former_id_that_is_a_place_still_leads_to_the_place_of_today(hearing: Hearing) -> None:
    new = Place(id=2, platform="slack", channel="C0NEW", former=(HERE,))
    hearing.furnish([new, Place(id=1, platform="slack", channel=HERE, paused="removed")])
    assert hearing.today(HERE) == "C0NEW"


# --- time ---


@pytest.mark.parametrize("ts", ["1767225600.000001", "1767225600.999999", "1767225600", "1767225600.1"])
def test_times_are_exact_to_the_microsecond(ts: str) -> None:
    seconds, _, micro = ts.partition(".")
    expected = datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(micro.ljust(6, "0") or 0))
    assert moment(ts) == expected
