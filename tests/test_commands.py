"""What people ask, through the desk: right numbers, clear refusals, both languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from bot import ingest, timers
from commands.registry import ALONE, COMMANDS, PRESSES
from core.message import Form, Reply, links_of, to_text
from core.speech import LANGUAGES, SENTENCES
from storage import sources
from storage.db import Tx
from tests.conftest import add_place, found
from tests.newsroom import MODERATOR, READER, Newsroom


async def test_a_digest_counts_each_person_once_and_links_to_the_messages(room: Newsroom) -> None:
    bus = await room.publish(found(tags=("Transport",)))
    library = await room.publish(found("library", title="The library", tags=("Books",)))
    anchor = await room.anchor(bus)
    for who, emoji in (("a", "👍"), ("a", "👎"), ("a", "👍"), ("b", "👍"), ("c", "👎"), ("d", "🎉")):
        await room.react(who, anchor, emoji)
    await room.say("a", anchor, "It saves my night shift.", name="w90")
    await room.say("a", anchor, "And my shoes.", name="w91")
    await room.say("b", anchor, "Too dear.", name="w92")
    reply = await room.ask("/digest topic:Transport period:30d")
    text = to_text(reply.message)
    assert "Pieces (1)" in text
    assert "👍 2 · 👎 1 · 🎉 1 · 3 comments by 2 readers" in text
    assert "3 readers responded." in text  # a, b, c; an emoji without a meaning is no answer
    assert f"http://chat/general/{anchor}" in links_of(reply.message)
    assert "The library" not in text
    everything = await room.text("/digest period:30d")
    assert f"#{library} The library" in everything
    assert f"#{bus} The night bus" in everything


async def test_endorsed_and_contested_voices_stand_with_their_votes(room: Newsroom) -> None:
    bus = await room.publish(found())
    anchor = await room.anchor(bus)
    await room.say("a", anchor, "Everyone agrees with this.", name="w90")
    await room.say("b", anchor, "This one divides.", name="w91")
    await room.say("c", anchor, "Nobody cares.", name="w92")
    for n in range(5):
        await room.react(f"x{n}", "w90", "👍")
    for n in range(3):
        await room.react(f"x{n}", "w91", "👍")
        await room.react(f"y{n}", "w91", "👎")
    text = await room.text("/digest")
    assert text.index("Most endorsed") < text.index("Everyone agrees") < text.index("5 agree, 0 disagree")
    assert text.index("Most contested") < text.index("This one divides.") < text.index("3 agree, 3 disagree")
    assert "Nobody cares." not in text
    assert "👍" not in text.split("Most endorsed")[0].split("The night bus")[1]  # votes on comments are not the piece's


async def test_people_and_voices_are_those_of_every_piece_of_the_window(room: Newsroom) -> None:
    numbers = [await room.publish(found(f"p{n}", title=f"Piece {n}")) for n in range(12)]
    for n, number in enumerate(numbers):
        await room.react(f"reader{n}", await room.anchor(number), "👍")
    oldest = await room.anchor(numbers[0])
    await room.say("ria", oldest, "A voice under the oldest piece.", name="w900")
    await room.react("x", "w900", "👍")
    text = await room.text("/digest")
    assert "13 readers responded." in text
    assert "and 6 more" in text
    assert "A voice under the oldest piece." in text


async def test_an_empty_window_says_so_in_one_line(room: Newsroom) -> None:
    await room.publish(found(published=room.clock() - timedelta(days=40)))
    text = await room.text("/digest period:7d")
    assert text == "Nothing was published or said about all topics in this time (last 7 days)."
    japanese = await room.text("/ダイジェスト 期間:7日", replace(READER, language="ja"))
    assert japanese == "この期間（過去7日間）にすべての話題の記事や反応はありませんでした。"


async def test_an_older_piece_that_is_answered_now_is_still_discussed(room: Newsroom) -> None:
    bus = await room.publish(found(published=room.clock() - timedelta(days=40)))
    await room.react("a", await room.anchor(bus), "👍")
    text = await room.text("/digest period:7d")
    assert text.index("Still discussed") < text.index("The night bus") < text.index("👍 1")


async def test_comments_of_another_place_are_not_for_this_one(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "board")
    bus = await room.publish(found())
    await room.say("a", await room.anchor(bus, "board"), "Between us: too dear.", name="w90", channel="board")
    assert "comments" not in await room.text("/digest")
    assert "Nothing holds" in await room.text("/search dear")
    board = replace(READER, channel="board")
    assert "1 comment by 1 reader" in await room.text("/digest", board)
    assert "too dear" in await room.text("/search dear", board)


async def test_hidden_comments_are_nowhere_and_featured_ones_come_first(room: Newsroom) -> None:
    bus = await room.publish(found())
    anchor = await room.anchor(bus)
    await room.say("a", anchor, "Buy cheap watches.", name="w90")
    await room.say("b", anchor, "A thoughtful remark.", name="w91")
    listed = await room.text(f"/mod comments {bus}", MODERATOR)
    number = next(line.split()[1] for line in listed.split("\n") if "watches" in line)
    other = next(line.split()[1] for line in listed.split("\n") if "thoughtful" in line)
    await room.text(f"/mod hide {number} reason:spam", MODERATOR)
    await room.text(f"/mod feature comment:{other}", MODERATOR)
    text = await room.text("/digest")
    assert "1 comment by 1 reader" in text
    assert text.index("Picked by the editors") < text.index("A thoughtful remark.")
    assert "Nothing holds" in await room.text("/search watches")
    await room.text(f"/mod hide {number} undo:yes", MODERATOR)
    assert "watches" in await room.text("/search watches")
    log = await room.text("/mod log", MODERATOR)
    assert "web:m1 (Mo) hide comment" in log
    assert "spam" in log


async def test_search_finds_japanese_words_of_one_and_two_characters(room: Newsroom) -> None:
    await room.publish(found("a", title="株価の危機", text="市場は揺れた。", language="ja"))
    for query in ("株", "危機", "市場は", "株 揺れ"):
        assert "株価の危機" in await room.text(f"/search {query}")
    assert "Nothing holds" in await room.text("/search 機危")


async def test_a_source_that_allows_a_link_only_gives_no_text_away(room: Newsroom) -> None:
    bus = await room.publish(found(text="A secret sentence."), text_mode="link")
    assert "secret" not in await room.text("/digest")
    assert "Nothing holds" in await room.text("/search secret")
    assert "secret" not in await room.text(f"/piece {bus}")
    card = room.chat.room.entries("general")[0].message
    assert card is not None
    assert "secret" not in to_text(card)
    assert not any(":read:" in action.id for action in card.actions)


async def test_reading_goes_on_by_name_to_the_end(room: Newsroom) -> None:
    await room.publish(found())
    card = room.chat.room.entries("general")[0]
    assert card.message is not None
    read = next(action for action in card.message.actions if ":read:" in action.id)
    first = await room.desk.press(READER, read.id, card.id)
    assert isinstance(first, Reply)
    assert first.private
    assert "Next: Costs" in to_text(first.message)
    turn = next(action for action in first.message.actions if ":page:" in action.id)
    assert "Costs" in turn.label
    second = await room.desk.press(READER, turn.id, None)
    assert isinstance(second, Reply)
    assert second.replace
    assert "The town pays." in to_text(second.message)
    assert "End of the piece." in to_text(second.message)


async def test_comment_pressed_at_a_section_belongs_to_it(room: Newsroom) -> None:
    bus = await room.publish(found())
    card = room.chat.room.entries("general")[0]
    assert card.message is not None
    press = next(action for action in card.message.actions if ":comment:" in action.id)
    form = await room.desk.press(READER, press.id.replace(":-", ":abcd"), card.id)
    assert isinstance(form, Form)
    empty = await room.desk.submit(READER, form.id, {"text": "  "}, card.id)
    assert not empty.ok
    kept = await room.desk.submit(READER, form.id, {"text": "いい考えです"}, card.id)
    assert kept.ok
    await room.ears.fold_all()
    rows = await room.db.read("select piece_id, section, text, source from comment")
    assert [tuple(cast("Sequence[Any]", row)) for row in rows] == [(bus, "abcd", "いい考えです", "form")]


async def test_the_desk_says_which_buttons_open_forms(room: Newsroom) -> None:
    await room.publish(found())
    card = room.chat.room.entries("general")[0]
    assert card.message is not None
    kinds = {kind for kind in (*PRESSES, *ALONE) if room.desk.opens(f"v1:{kind}:x")}
    assert kinds == {"comment", "retract", "queue", "answer", "submit"}
    for action in card.message.actions:
        pressed = await room.desk.press(READER, action.id, card.id)
        assert room.desk.opens(action.id) is isinstance(pressed, Form), action.id
    assert not any(map(room.desk.opens, ("", "v2:comment:x", "more:a:1", "comment")))


async def test_a_stance_button_is_one_voice_and_can_be_taken_back(room: Newsroom) -> None:
    await room.publish(found())
    card = room.chat.room.entries("general")[0]
    assert card.message is not None
    agree, disagree = (
        next(action.id for action in card.message.actions if action.id.endswith(f":{key}"))
        for key in ("agree", "disagree")
    )

    async def stances() -> list[str]:
        await room.ears.fold_all()
        room.clock.move(seconds=1)
        return [row["stance"] for row in await room.db.read("select stance from stance")]

    await room.desk.press(READER, agree, card.id)
    assert await stances() == ["agree"]
    await room.desk.press(READER, disagree, card.id)
    assert await stances() == ["disagree"]
    assert "👎 1" in await room.text("/digest")
    assert "👍" not in await room.text("/digest")
    await room.desk.press(READER, disagree, card.id)
    assert await stances() == []


async def test_following_shows_what_is_new_since_the_last_look(room: Newsroom) -> None:
    await room.publish(found(tags=("Transport",)))
    await room.publish(found("library", title="The library", tags=("Books",)))
    assert "You follow Transport" in await room.text("/follow Transport")
    assert "already" in await room.text("/follow transport")
    first = await room.text("/digest period:new")
    assert "The night bus" in first
    assert "The library" not in first
    room.clock.move(hours=1)
    assert "Nothing was published" in await room.text("/digest period:new")
    room.clock.move(hours=1)
    await room.publish(found("tram", title="The tram", tags=("Transport",), published=room.clock()))
    assert "The tram" in await room.text("/digest period:new")
    assert "no longer" in await room.text("/unfollow Transport")


async def test_moderators_retract_restore_and_tag(room: Newsroom) -> None:
    bus = await room.publish(found())
    await room.text(f'/mod retract {bus} sure:yes reason:"the figures were wrong"', MODERATOR)
    message = room.chat.room.entries("general")[0].message
    assert message is not None
    assert to_text(message).startswith("Withdrawn: The night bus")
    assert "Reason: the figures were wrong" in to_text(message)
    assert "Nothing holds" in await room.text("/search night")
    again = await room.ask(f"/mod retract {bus} sure:yes", MODERATOR)
    assert to_text(again.message) == f"#{bus} is withdrawn already. Mo did that on 20 Nov 2026 09:00 (act 1)."
    await room.text(f"/mod restore {bus}", MODERATOR)
    message = room.chat.room.entries("general")[0].message
    assert message is not None
    assert to_text(message).startswith("The night bus")
    assert "topics are now" in await room.text(f"/mod tag {bus} add:Transport,夜", MODERATOR)
    assert "The night bus" in await room.text("/digest topic:夜")
    await room.text(f"/mod tag {bus} remove:夜", MODERATOR)
    assert "Nothing was published" in await room.text("/digest topic:夜")


async def test_a_held_piece_waits_in_the_queue_until_it_is_approved(room: Newsroom) -> None:
    assert "Nothing waits" in await room.text("/mod queue", MODERATOR)

    async def work(tx: Tx) -> None:
        source = await sources.add_source(
            tx, kind="feed", address="http://feed", title="", text_mode="full", review=True, places=(), now=room.clock()
        )
        await ingest.take(tx, source, found(), now=room.clock())

    await room.db.write(work)
    await room.publisher.settle_all()
    assert not room.chat.room.entries("general")
    assert "There is no piece" in to_text((await room.ask("/piece 1")).message)
    assert "#1 The night bus" in await room.text("/mod queue", MODERATOR)
    assert "goes out to 1 place." in await room.text("/mod approve 1", MODERATOR)
    assert len(room.chat.room.entries("general")) == 1
    assert not (await room.ask("/mod approve 1", MODERATOR)).ok


async def test_a_piece_that_gets_a_topic_goes_to_the_places_of_that_topic(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "transport", filter="topic:Transport")
    bus = await room.publish(found())
    assert not room.chat.room.entries("transport")
    await room.text(f"/mod tag {bus} add:Transport", MODERATOR)
    assert len(room.chat.room.entries("transport")) == 1


async def test_a_piece_under_embargo_is_nowhere_before_its_time(room: Newsroom) -> None:
    number = await room.publish(found(tags=("Transport",), embargo=room.clock() + timedelta(hours=3)))
    assert not room.chat.room.entries("general")
    for line in ("/digest", "/search night", "/topics"):
        assert "The night bus" not in to_text((await room.ask(line)).message)
    assert not (await room.ask(f"/piece {number}")).ok
    room.clock.move(hours=4)
    assert await timers.release(room.db, room.clock) == [number]
    assert "The night bus" in await room.text("/search night")
    assert len(room.chat.room.entries("general")) == 1


async def test_readers_may_not_moderate_at_any_door(room: Newsroom) -> None:
    bus = await room.publish(found())
    refused = await room.ask(f"/mod retract {bus}")
    assert not refused.ok
    assert to_text(refused.message) == "Only admins and moderators can use `/mod retract`."
    refused = await room.ask(f"/mod retract {bus}", replace(READER, language="ja"))
    assert to_text(refused.message) == "`/mod retract`を使えるのは管理者とモデレーターだけです。"
    called = await room.desk.call(READER, "mod retract", {"piece": str(bus)})
    assert not called.ok
    assert not any("mod" in choice.value for choice in await room.desk.complete(READER, "", "", "/m"))
    assert any("mod" in choice.value for choice in await room.desk.complete(MODERATOR, "", "", "/m"))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/dijest", "There is no command “dijest”. `/help` lists them."),
        ("/digest topic:Nonsense", "There is no topic “Nonsense”. `/topics` lists them."),
        ("/digest colour:red", "`/digest` has no option “colour”. It takes: topic, period."),
        ("/piece", "`/piece` needs piece: Its number, or words of its title."),
        ("/piece 999", "There is no piece “999”. Try `/search 999`."),
        (f"/piece {2**64}", f"There is no piece “{2**64}”. Try `/search {2**64}`."),
        ('/search "open', 'A quotation is opened and not closed: "open'),
        ("/follow", "`/follow` needs topic: The topic to follow."),
    ],
)
async def test_what_is_wrong_is_said_with_its_mend(room: Newsroom, line: str, sentence: str) -> None:
    reply = await room.ask(line)
    assert not reply.ok
    assert reply.private
    assert to_text(reply.message) == sentence


async def test_a_bad_period_names_the_grammar(room: Newsroom) -> None:
    reply = await room.ask("/digest period:sometimes")
    assert not reply.ok
    assert "7d" in to_text(reply.message)


@pytest.mark.parametrize(
    "line",
    [
        "/digest topic:Night buses period:7d",
        "/digest Night buses 7d",
        '/digest "Night buses" 7d',
        "/digest topic:「Night buses」 period:７d",
        "／digest　topic：「Night buses」　period：7d",
        "/ダイジェスト 話題:「Night buses」 期間:7日",
    ],
)
async def test_a_line_may_be_typed_in_many_ways(room: Newsroom, line: str) -> None:
    await room.publish(found(tags=("Night buses",)))
    reply = await room.ask(line)
    if line.count("「") + line.count('"') == 0:  # words without quotes belong to the option before them only if free
        assert not reply.ok
        return
    assert "The night bus" in to_text(reply.message)


async def test_old_buttons_of_unknown_kinds_say_so(room: Newsroom) -> None:
    for action in ("v1:read:000000000000:-", "v9:read:x:-", "nonsense", "v1:nothing:x:y"):
        reply = await room.desk.press(READER, action, None)
        assert isinstance(reply, Reply)
        assert not reply.ok


async def test_completion_offers_commands_options_and_topics(room: Newsroom) -> None:
    await room.publish(found(tags=("Transport",)))
    assert [one.value for one in await room.desk.complete(READER, "", "", "/di")] == ["/digest"]
    assert [one.value for one in await room.desk.complete(READER, "digest", "", "")] == ["topic", "period"]
    assert [one.value for one in await room.desk.complete(READER, "digest", "topic", "tra")] == ["Transport"]
    assert "30d" in [one.value for one in await room.desk.complete(READER, "digest", "period", "3")]
    japanese = replace(READER, language="ja")
    assert [one.value for one in await room.desk.complete(japanese, "ダイジェスト", "話題", "tra")] == ["Transport"]
    pieces = await room.desk.complete(READER, "piece", "piece", "night")
    assert pieces[0].label == "#1 The night bus"


async def test_help_lists_what_a_caller_may_use_in_their_language(room: Newsroom) -> None:
    text = await room.text("/help")
    assert "/digest [topic] [period]" in text
    assert "/mod" not in text
    assert "/mod retract" in await room.text("/help", MODERATOR)
    assert "ダイジェスト" in await room.text("/help", replace(READER, language="ja"))
    assert "period" in await room.text("/help digest")


async def test_a_fault_of_ours_is_an_apology_and_not_a_traceback(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Reply:
        raise RuntimeError("a secret detail")

    monkeypatch.setitem(COMMANDS, "topics", replace(COMMANDS["topics"], run=broken))
    reply = await room.ask("/topics")
    assert not reply.ok
    assert "secret" not in to_text(reply.message)


def test_every_sentence_is_said_in_every_language_with_the_same_values() -> None:
    import string

    for name, versions in SENTENCES.items():
        assert len(versions) == len(LANGUAGES), name
        fields = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in versions]
        assert fields[0] == fields[1], name


def test_every_command_and_option_is_explained_in_both_languages() -> None:
    for command in COMMANDS.values():
        assert command.help["en"].endswith((".", "!", "?"))
        assert command.help["ja"]
        for option in command.options:
            assert option.japanese, option.name
            assert option.help["en"]
            assert option.help["ja"]
