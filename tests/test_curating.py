"""What moderators do is done once, written down with before and after, and can be taken back."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace

import asyncpg
import pytest

from commands.registry import CURATING
from core.chat import Caller, Person
from core.message import Form, Reply, to_text
from storage import acts, comments, pieces
from storage.sqlite import SqliteDb
from tests.conftest import found
from tests.newsroom import MODERATOR, READER, Newsroom

KIM = replace(MODERATOR, person=Person(id="m2", name="Kim"))


async def one_comment(room: Newsroom, text: str = "Buy cheap watches.") -> tuple[int, int]:
    """A piece with a comment; gives their numbers."""
    bus = await room.publish(found(tags=("Transport",)))
    await room.say("a", await room.anchor(bus), text, name="w90")
    await room.ears.fold_all()
    return bus, 1


async def state(room: Newsroom, number: int = 1) -> str:
    voice = await comments.find(room.db, number)
    assert voice is not None
    return voice.state


async def refused(room: Newsroom, line: str, caller: Caller = MODERATOR) -> str:
    reply = await room.ask(line, caller)
    assert not reply.ok, to_text(reply.message)
    return to_text(reply.message)


async def test_two_at_once_leave_one_act_and_one_truthful_answer_a_thousand_times(room: Newsroom) -> None:
    """On a server a hundred times."""
    bus, _ = await one_comment(room)
    lines = [
        ("/mod hide 1", "/mod hide 1 undo:yes", "comment 1"),
        ("/mod feature comment:1", "/mod feature comment:1 undo:yes", "comment 1"),
        (f"/mod feature {bus}", f"/mod feature {bus} undo:yes", f"#{bus}"),
        (f"/mod retract {bus} sure:yes", f"/mod restore {bus}", f"#{bus}"),
    ]
    for turn in range(1000 if isinstance(room.db, SqliteDb) else 100):
        there, back, target = lines[turn // 2 % 4]
        line = there if turn % 2 == 0 else back
        answers = await asyncio.gather(room.desk.ask(MODERATOR, line), room.desk.ask(KIM, line))
        number = turn + 1
        (act, *_) = await acts.acts(room.db, limit=1)
        assert (act.number, act.target) == (number, target)  # one act
        (won,) = [at for at, one in enumerate(answers) if one.ok]
        who = ("Mo", "Kim")[won]
        assert act.name == who
        lost = to_text(answers[1 - won].message)
        assert who in lost, lost  # the other is told whose doing it was, or what is so
        assert f"(act {number})" in lost


async def test_the_log_tells_before_and_after_and_filters(room: Newsroom) -> None:
    bus, _ = await one_comment(room)
    await room.text("/mod hide 1 reason:spam", MODERATOR)
    await room.text(f"/mod tag {bus} add:Night remove:Transport", KIM)
    await room.text(f"/mod feature {bus}", KIM)
    log = await room.text("/mod log", MODERATOR)
    assert "web:m1 (Mo) hide comment 1: visible → hidden — spam" in log
    assert f"web:m2 (Kim) tag #{bus}: Transport → Night" in log
    assert f"web:m2 (Kim) feature #{bus}: plain → featured" in log
    assert "hide" not in await room.text("/mod log who:Kim", MODERATOR)
    assert "hide" not in await room.text(f"/mod log {bus}", MODERATOR)
    assert "tag" not in await room.text("/mod log comment:1", MODERATOR)


async def test_hide_feature_tag_and_retract_are_taken_back(room: Newsroom) -> None:
    bus, _ = await one_comment(room)
    await room.text("/mod feature comment:1", MODERATOR)  # 1
    await room.text("/mod hide 1", MODERATOR)  # 2
    assert "was overtaken" in await refused(room, "/mod undo 1")
    assert "Taken back: act 2 (hide, comment 1)" in await room.text("/mod undo 2", KIM)  # 3
    assert await state(room) == "featured"  # as it was, not merely visible
    assert "Kim did that on" in await refused(room, "/mod undo 2")
    await room.text(f"/mod retract {bus} sure:yes", MODERATOR)  # 4
    await room.text(f"/mod tag {bus} add:Night", MODERATOR)  # 5: not the same of it
    await room.text("/mod undo 4", MODERATOR)  # 6
    await room.text("/mod undo 5", MODERATOR)  # 7
    await room.text(f"/mod feature {bus}", MODERATOR)  # 8
    await room.text("/mod undo 8", MODERATOR)
    piece = await pieces.piece(room.db, bus)
    assert piece is not None
    assert (piece.state, piece.featured) == ("published", False)
    assert [one.key for one in piece.topics] == ["transport"]
    newest = (await acts.acts(room.db, f"#{bus}"))[0]
    assert (newest.act, newest.before, newest.after, newest.reason) == (
        "undo feature", "featured", "plain", "/mod undo 8",
    )  # fmt: skip
    for line in ("/mod undo 99", "/mod undo 3"):
        assert "can be taken back" in await refused(room, line)


async def test_two_who_take_back_at_once_take_it_back_once(room: Newsroom) -> None:
    await one_comment(room)
    await room.text("/mod hide 1", MODERATOR)
    answers = await asyncio.gather(*(room.desk.ask(who, "/mod undo 1") for who in (MODERATOR, KIM)))
    assert sorted(one.ok for one in answers) == [False, True]
    assert [one.act for one in await acts.acts(room.db, "comment 1")] == ["undo hide", "hide"]
    assert await state(room) == "visible"


async def test_the_log_is_append_only(room: Newsroom) -> None:
    await one_comment(room)
    await room.text("/mod hide 1", MODERATOR)
    for sql in ("update act set target='x'", "delete from act"):
        with pytest.raises((sqlite3.Error, asyncpg.PostgresError), match="append-only"):
            await room.db.write(lambda tx, sql=sql: tx.run(sql))  # type: ignore[misc]
    assert len(await acts.acts(room.db)) == 1


async def test_a_piece_is_withdrawn_in_two_steps(room: Newsroom) -> None:
    bus, _ = await one_comment(room)
    reply = await room.ask(f"/mod retract {bus}", MODERATOR)
    assert "Withdraw #1 “The night bus” everywhere?" in to_text(reply.message)
    (button,) = reply.message.actions
    assert (await room.ask("/search night")).ok
    assert await acts.acts(room.db) == []
    denied = await room.desk.press(READER, button.id, None)
    assert isinstance(denied, Reply)
    assert not denied.ok
    form = await room.desk.press(MODERATOR, button.id, None)
    assert isinstance(form, Form)
    assert not (await room.desk.submit(READER, form.id, {"reason": "x"}, None)).ok
    assert (await room.desk.submit(MODERATOR, form.id, {"reason": "the figures were wrong"}, None)).ok
    await room.publisher.settle_all()
    message = room.chat.room.entries("general")[0].message
    assert message is not None
    assert "Reason: the figures were wrong" in to_text(message)
    assert not (await room.desk.submit(MODERATOR, form.id, {"reason": ""}, None)).ok
    assert len(await acts.acts(room.db)) == 1


@pytest.mark.parametrize(
    ("line", "shown"), [("/mod hide 1", False), ("/mod feature comment:1", True), ("held", False), ("", True)]
)
async def test_states_are_honoured_by_digests_search_and_completion(room: Newsroom, line: str, shown: bool) -> None:
    await one_comment(room)
    if line == "held":
        await room.db.write(lambda tx: comments.set_state(tx, 1, "held", room.clock()))
    elif line:
        await room.text(line, MODERATOR)
    assert ("cheap watches" in to_text((await room.ask("/search watches")).message)) is shown
    # Of what was said a digest that nothing was thought for shows what moderators chose.
    quoted = "cheap watches" in to_text((await room.ask("/digest period:week")).message)
    assert quoted is ("feature" in line)


async def test_a_host_of_one_community_touches_nothing_of_another(room: Newsroom) -> None:
    """Every command and every kind of button, by who runs another community: not a row of ours changes."""
    bus, _ = await one_comment(room)
    host = replace(READER, person=Person(id="h", name="Hana"), channel="far", community="other",
                   roles=frozenset({"reader", "host"}))  # fmt: skip
    values = {
        "piece": f"#{bus}", "comment": "1", "topic": "Transport", "into": "Transport", "channel": "general",
        "period": "all", "query": "night", "number": "1", "yes": "yes", "words": "x", "text": "x", "role": "1",
    }  # fmt: skip
    tables = ("piece", "comment", "place", "posting", "topic", "topic_name", "piece_topic", "answer", "ticket",
              "hold_rule", "schedule", "source", "act")  # fmt: skip

    async def rows() -> dict[str, list[tuple[object, ...]]]:
        return {one: [tuple(row) for row in await room.db.read(f"select * from {one}")] for one in tables}

    before = await rows()
    for spec in room.desk.commands():
        if spec.on == "line" and spec.name not in ("follow", "unfollow", "opt-out", "opt-in", "forget-me"):
            for options in ({one.name: values.get(one.kind, one.choices[0] if one.choices else "1")
                             for one in spec.options},
                            {one.name: values.get(one.kind, one.choices[0] if one.choices else "1")
                             for one in spec.options if one.required or one.name == "channel"}):  # fmt: skip
                await room.desk.call(host, spec.name, options)
    piece = await pieces.piece(room.db, bus)
    assert piece is not None
    for kind in CURATING:
        for action in (f"v1:{kind}:{piece.uid}:approve", f"v1:{kind}:1:hide", f"v1:{kind}:1:2", f"v1:{kind}:1"):
            assert not getattr(await room.desk.press(host, action, None), "ok", False)
            assert not (await room.desk.submit(host, action, {"text": "x", "reason": "x"}, None)).ok
    for name in ("Feature", "Hide"):
        assert not (await room.desk.point(replace(host, channel="general"), name, "w90")).ok
    assert await rows() == before
