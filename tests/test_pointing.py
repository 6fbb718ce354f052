"""Naming a comment by pointing at it: message commands, `@ANCHOR`, and completion."""

from __future__ import annotations

from dataclasses import replace

import pytest

from commands.desk import Desk
from core.message import to_text
from tests.conftest import add_place, found
from tests.newsroom import MODERATOR, READER, Newsroom


async def one_comment(room: Newsroom) -> tuple[int, str]:
    """A piece with a comment, whose message is `w90`; gives the piece and its card."""
    bus = await room.publish(found())
    card = await room.anchor(bus)
    await room.say("a", card, "Buy cheap watches.", name="w90")
    await room.ears.fold_all()
    return bus, card


async def pointed(room: Newsroom, name: str, anchor: str, caller: object = MODERATOR) -> tuple[bool, str]:
    reply = await room.desk.point(caller, name, anchor)  # type: ignore[arg-type]
    assert reply.private
    return reply.ok, to_text(reply.message)


async def test_a_comment_is_hidden_or_featured_from_its_message(room: Newsroom) -> None:
    await one_comment(room)
    assert await pointed(room, "Feature", "w90") == (True, "Featured: comment 1")
    assert "Picked by the editors" in await room.text("/digest")
    assert await pointed(room, "hide", "w90") == (True, "Comment 1 is hidden from digests, search and exports.")
    assert "Nothing holds" in await room.text("/search watches")


async def test_a_piece_is_featured_from_its_card_and_not_hidden(room: Newsroom) -> None:
    bus, card = await one_comment(room)
    assert await pointed(room, "Feature", card) == (True, f"Featured: #{bus} The night bus")
    ok, text = await pointed(room, "Hide", card)
    assert not ok
    assert text == f"Only comments are hidden. `/mod retract {bus}` withdraws “The night bus”."


async def test_a_report_has_a_number_that_moderators_find_in_the_log(room: Newsroom) -> None:
    _, card = await one_comment(room)
    ok, text = await pointed(room, "Report", "w90", READER)
    assert ok
    assert text == "Thank you. The moderators see this as report 1."
    assert await pointed(room, "Report", "w90", READER) == (ok, text)  # told twice is told once
    assert "report 2" in (await pointed(room, "Report", card, READER))[1]
    log = await room.text("/mod log", MODERATOR)
    assert "1. 20 Nov 2026 09:00 a reader report comment 1 — ticket 1" in log
    assert "a reader report #1 — ticket 2" in log
    assert "Ria" not in log  # who reports is told to nobody


@pytest.mark.parametrize("anchor", ["w999", "", "x" * 5000])
async def test_what_is_not_ours_is_refused(room: Newsroom, anchor: str) -> None:
    await one_comment(room)
    ok, text = await pointed(room, "Report", anchor, READER)
    assert not ok
    assert text == "That message is no piece and no comment of ours."
    elsewhere = replace(READER, channel="elsewhere")
    assert not (await room.desk.point(elsewhere, "Report", "w90")).ok


async def test_a_comment_that_was_erased_can_not_be_pointed_at(room: Newsroom) -> None:
    await one_comment(room)
    await room.db.write(lambda tx: tx.run("update comment set state='erased', text=''"))
    assert not (await pointed(room, "Report", "w90", READER))[0]
    assert not (await room.ask("/mod hide 1", MODERATOR)).ok


async def test_readers_point_at_nothing_but_reports(room: Newsroom) -> None:
    await one_comment(room)
    for name in ("Feature", "Hide"):
        ok, text = await pointed(room, name, "w90", READER)
        assert not ok
        assert text == f"Only admins and moderators can use “{name}”."
    for name in ("nonsense", ""):
        assert not (await pointed(room, name, "w90"))[0]


async def test_what_a_saved_message_answers_must_be_ours(room: Newsroom) -> None:
    _, card = await one_comment(room)
    for anchor in (card, "w90"):
        assert await pointed(room, "Save as comment", anchor, READER) == (True, "Kept as a comment on “The night bus”.")
    assert not (await pointed(room, "Save as comment", "w999", READER))[0]


async def test_commands_name_a_comment_by_number_or_by_its_message(room: Newsroom) -> None:
    await one_comment(room)
    for line in ("/mod hide 1", "/mod hide #1 undo:yes", "/mod hide @w90", "/mod feature comment:@w90"):
        assert (await room.ask(line, MODERATOR)).ok
    for line in ("/mod hide 9", "/mod hide nine", f"/mod hide {'9' * 40}", "/mod hide @w9", "/mod hide comment:@"):
        reply = await room.ask(line, MODERATOR)
        assert not reply.ok
        assert "comment" in to_text(reply.message)


async def test_comments_of_the_callers_audience_are_completed(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "board")
    bus = await room.publish(found())
    card = await room.anchor(bus)
    for n in range(30):
        await room.say("a", card, f"Remark number {n}.", name=f"w{n + 100}")
    await room.say("b", await room.anchor(bus, "board"), "Said on the board.", name="w90", channel="board")
    await room.ears.fold_all()
    choices = await room.desk.complete(MODERATOR, "mod hide", "comment", "")
    assert len(choices) == 25
    assert [one.label for one in choices[:2]] == ["30 a: Remark number 29.", "29 a: Remark number 28."]
    found_ = await room.desk.complete(MODERATOR, "mod hide", "comment", "number 7")
    assert [one.value for one in found_] == ["8"]
    board = replace(MODERATOR, channel="board")
    assert [one.label for one in await room.desk.complete(board, "mod hide", "comment", "")] == [
        "31 b: Said on the board."
    ]
    assert await room.desk.complete(READER, "mod hide", "comment", "") == []


async def test_yes_is_yes_and_no_is_no(room: Newsroom) -> None:
    await one_comment(room)
    await room.text("/mod hide 1 undo:no", MODERATOR)
    assert "Nothing holds" in await room.text("/search watches")
    await room.text("/mod hide 1 undo:はい", MODERATOR)
    assert "watches" in await room.text("/search watches")
    assert "“perhaps” is none of: yes, no" in to_text((await room.ask("/mod hide 1 undo:perhaps", MODERATOR)).message)


async def test_the_desk_tells_platforms_of_every_command(room: Newsroom) -> None:
    desk: Desk = room.desk
    named = {one.name: one for one in desk.commands()}
    assert {"digest", "mod retract", "place add"} <= {name for name, one in named.items() if one.on == "line"}
    on_messages = {name: one.japanese for name, one in named.items() if one.on == "message"}
    assert on_messages == {
        "Feature": "注目", "Hide": "隠す", "Report": "通報", "Save as comment": "コメントとして保存",
    }  # fmt: skip
    assert all(one.private for one in named.values())


async def test_members_of_a_group_are_typed_in_japanese_with_the_group_or_without(room: Newsroom) -> None:
    bus = await room.publish(found())
    japanese = replace(MODERATOR, language="ja")
    assert (await room.ask(f"/編集 取り下げ {bus} 確認済み:はい", japanese)).ok
    assert (await room.ask(f"/復元 {bus}", japanese)).ok
    values = [one.value for one in await room.desk.complete(japanese, "", "", "/編集 取")]
    assert values == ["/編集 取り下げ"]
    assert [one.value for one in await room.desk.complete(japanese, "", "", "/取")] == ["/取り下げ"]
