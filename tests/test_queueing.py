"""The moderators' queue: cards with buttons, decisions that are made once, whoever presses when."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot import ingest, timers
from bot.ingest import Taken
from core.chat import Person
from core.message import Form, Message, Reply, to_text
from core.pieces import Found
from storage import acts, pieces, places, sources
from storage.db import Tx
from tests.conftest import add_place, found
from tests.newsroom import MODERATOR, READER, Newsroom

DESK = "desk"
MO = replace(MODERATOR, channel=DESK)
KIM = replace(MO, person=Person(id="m2", name="Kim"))


async def hold(room: Newsroom, item: Found) -> int:
    async def work(tx: Tx) -> Taken:
        source = await sources.source_at(tx, "http://feed") or await sources.add_source(
            tx, kind="feed", address="http://feed", title="The feed", text_mode="full", review=True, places=(),
            now=room.clock(),
        )  # fmt: skip
        return await ingest.take(tx, source, item, now=room.clock())

    taken = await room.db.write(work)
    await room.publisher.settle_all()
    assert taken.piece is not None
    return taken.piece


def cards(room: Newsroom, channel: str = DESK) -> list[Message]:
    return [one.message for one in room.chat.room.entries(channel) if one.message is not None]


def button(message: Message, what: str) -> str:
    return next(one.id for one in message.actions if one.id.endswith(f":{what}"))


async def press(room: Newsroom, what: str, by: object = MO, at: int = 0) -> Reply | Form:
    reply = await room.desk.press(by, button(cards(room)[at], what), None)  # type: ignore[arg-type]
    await room.publisher.settle_all()
    return reply


async def fill_in(room: Newsroom, what: str, values: dict[str, str]) -> Reply:
    form = await press(room, what)
    assert isinstance(form, Form), to_text(form.message)
    assert set(values) == {field.key for field in form.fields}
    reply = await room.desk.submit(MO, form.id, values, None)
    await room.publisher.settle_all()
    return reply


async def done(room: Newsroom, number: int) -> list[str]:
    return [one.act for one in await acts.acts(room.db, f"#{number}")]


async def test_what_is_held_comes_to_the_moderators_with_its_outline_and_previews(room: Newsroom) -> None:
    await add_place(room.db, room.clock, DESK, layout="queue")
    await add_place(room.db, room.clock, "threads", layout="thread", filter="topic:Transport")
    await hold(room, found(tags=("Transport",)))
    assert not cards(room, "general")
    text = to_text(cards(room)[0])
    assert "#1 · 20 Nov 2026 · The feed" in text
    assert "Opens with: “It runs at last.”" in text
    assert "• Costs · summary · 42 characters" in text or "• Costs ·" in text
    assert "Web, card: 1 message at 1 place" in text
    assert "Web, thread: 3 messages at 1 place" in text
    assert "Topics: Transport" in text
    assert [one.label for one in cards(room)[0].actions] == ["Approve", "Edit topics", "Schedule", "Reject"]
    assert all(len(one.id) <= 100 and one.id.isascii() for one in cards(room)[0].actions)


async def test_an_approval_publishes_and_the_card_says_who_for_everybody(room: Newsroom) -> None:
    await add_place(room.db, room.clock, DESK, layout="queue")
    await add_place(room.db, room.clock, "desk2", layout="queue", language="ja")
    await hold(room, found())
    reply = await press(room, "approve")
    assert isinstance(reply, Reply)
    assert "goes out to 1 place" in to_text(reply.message)
    assert "Approved by Mo on 20 Nov 2026 09:00" in to_text(cards(room)[0])
    assert "2026年11月20日 09:00にMoが承認" in to_text(cards(room, "desk2")[0])
    assert not cards(room)[0].actions
    assert "The night bus" in to_text(cards(room, "general")[0])
    assert await done(room, 1) == ["approve"]


async def test_who_comes_second_is_told_who_was_first(room: Newsroom) -> None:
    await add_place(room.db, room.clock, DESK, layout="queue")
    await hold(room, found())
    old = cards(room)[0]
    await press(room, "approve")
    for what in ("approve", "reject", "schedule"):
        late = await room.desk.press(KIM, button(old, what), None)
        assert isinstance(late, Reply)
        assert not late.ok
        assert to_text(late.message) == "#1: Approved by Mo on 20 Nov 2026 09:00."
    assert await done(room, 1) == ["approve"]


async def test_two_who_press_at_once_leave_one_act_and_one_truthful_answer_a_thousand_times(room: Newsroom) -> None:
    """Ten pieces at a time, a hundred times."""
    await add_place(room.db, room.clock, DESK, layout="queue")
    numbers = [await hold(room, found(f"p{n}", title=f"Piece {n}")) for n in range(10)]
    for turn in range(100):
        await asyncio.gather(*(_race(room, number, turn) for number in numbers))
        told = await room.db.read("select count(*) from act")
        assert told[0][0] == 10 * (turn + 1)
        await room.db.write(lambda tx: tx.run("update piece set state='held'"))


async def _race(room: Newsroom, number: int, turn: int) -> None:
    piece = await pieces.piece(room.db, number)
    assert piece is not None
    approve, reject = (f"v1:queue:{piece.uid}:{what}" for what in ("approve", "reject"))
    answers = await asyncio.gather(
        room.desk.press(MO, approve, None) if turn % 2 else room.desk.submit(MO, reject, {"reason": "thin"}, None),
        room.desk.press(KIM, approve, None),
    )
    (won,) = [one for one in answers if isinstance(one, Reply) and one.ok]
    (lost,) = [one for one in answers if isinstance(one, Reply) and not one.ok]
    (act,) = await acts.acts(room.db, f"#{number}", limit=1)
    after = await pieces.piece(room.db, number)
    assert after is not None
    assert after.state == ("published" if act.act == "approve" else "rejected")
    assert won is answers[("Mo", "Kim").index(act.name)]
    told = "Approved" if act.act == "approve" else "Rejected"
    assert to_text(lost.message).startswith(f"#{number}: {told} by {act.name}")


async def test_readers_can_press_nothing_of_it(room: Newsroom) -> None:
    await add_place(room.db, room.clock, DESK, layout="queue")
    await hold(room, found())
    for what in ("approve", "reject", "topics", "schedule"):
        reply = await room.desk.press(replace(READER, channel=DESK), button(cards(room)[0], what), None)
        assert isinstance(reply, Reply)
        assert to_text(reply.message) == "Only admins and moderators can do that."
    reply = await room.desk.submit(READER, button(cards(room)[0], "reject"), {"reason": "no"}, None)
    assert not reply.ok
    assert await done(room, 1) == []


async def test_a_rejection_is_never_posted_and_can_be_taken_back(room: Newsroom) -> None:
    await add_place(room.db, room.clock, DESK, layout="queue")
    number = await hold(room, found())
    assert "will not be posted" in to_text((await fill_in(room, "reject", {"reason": "off topic"})).message)
    text = to_text(cards(room)[0])
    assert "Rejected by Mo on 20 Nov 2026 09:00 Reason: off topic" in text
    assert not cards(room)[0].actions
    await hold(room, found(text="It runs at last, the paper says."))  # the feed edits it meanwhile
    assert not cards(room, "general")
    assert "There is no piece" in to_text((await room.ask(f"/piece {number}")).message)
    assert "waits for approval again" in await room.text(f"/mod restore {number}", MODERATOR)
    await press(room, "approve")
    assert len(cards(room, "general")) == 1
    assert len(cards(room)) == 1
    assert await done(room, number) == ["approve", "restore", "reject"]


async def test_a_schedule_is_in_the_zone_of_the_place_and_comes_by_itself(room: Newsroom) -> None:
    await add_place(room.db, room.clock, DESK, layout="queue", zone="Asia/Tokyo")
    number = await hold(room, found())
    for wrong, sentence in (("soon", "is no time"), ("2026-11-20 17:00", "is past")):  # 08:00 UTC
        refused = await fill_in(room, "schedule", {"when": wrong})
        assert not refused.ok
        assert sentence in to_text(refused.message)
    reply = await fill_in(room, "schedule", {"when": "2026年11月20日 20時"})
    assert "comes out on 20 Nov 2026 20:00 (Asia/Tokyo)" in to_text(reply.message)
    text = to_text(cards(room)[0])
    assert "Scheduled by Mo on 20 Nov 2026 18:00" in text
    assert "(comes out on 20 Nov 2026 20:00)" in text
    assert not cards(room)[0].actions
    assert not cards(room, "general")
    assert "19:30" in await room.text(f'/mod schedule {number} "2026-11-20 19:30"', MO)  # another time
    room.clock.move(hours=1)
    assert await timers.release(room.db, room.clock) == []
    room.clock.move(minutes=31)
    assert await timers.release(room.db, room.clock) == [number]
    await room.publisher.settle_all()
    assert len(cards(room, "general")) == 1


async def test_topics_are_edited_before_it_is_posted(room: Newsroom) -> None:
    await add_place(room.db, room.clock, DESK, layout="queue")
    await add_place(room.db, room.clock, "books", filter="topic:Books")
    await hold(room, found(tags=("Transport",)))
    form = await press(room, "topics")
    assert isinstance(form, Form)
    assert form.fields[0].value == "Transport"
    await fill_in(room, "topics", {"topics": "Books、Night"})
    assert "Topics: Books, Night" in to_text(cards(room)[0])
    await press(room, "approve")
    assert len(cards(room, "books")) == 1


async def test_the_queue_lists_ages_oldest_first(room: Newsroom) -> None:
    await hold(room, found())
    room.clock.move(days=3)
    await hold(room, found("tram", title="The tram"))
    room.clock.move(minutes=5)
    text = await room.text("/mod queue", MODERATOR)
    assert text.index("The night bus") < text.index("The tram")
    assert "waits since 20 Nov 2026 09:00 (3 days)" in text
    assert "(5 minutes)" in text


async def test_a_desk_that_is_added_later_gets_what_waits(room: Newsroom) -> None:
    await hold(room, found())
    admin = replace(MODERATOR, roles=frozenset({"admin"}), channel=DESK)
    await room.text("/place add layout:queue", admin)
    assert len(cards(room)) == 1
    assert len(cards(room, "general")) == 0
    await room.publish(found("tram", title="The tram"))
    assert len(cards(room)) == 1  # pieces are not for it


async def test_a_host_can_make_no_channel_the_queue(room: Newsroom) -> None:
    host = replace(READER, roles=frozenset({"reader", "host"}), channel="hosted")
    reply = await room.ask("/place add layout:queue", host)
    assert to_text(reply.message) == "Only admins of the publication can make a channel the moderators' queue."
    await room.text("/place add", host)
    assert not (await room.ask("/place set layout:queue", host)).ok


async def test_a_place_on_review_waits_alone(room: Newsroom) -> None:
    await add_place(room.db, room.clock, DESK, layout="queue")
    await add_place(room.db, room.clock, "careful", review=True)
    number = await room.publish(found())
    assert len(cards(room, "general")) == 1
    assert not cards(room, "careful")
    assert "Waits only for: web:careful" in to_text(cards(room)[0])
    assert "Waits only for: web:careful" in await room.text("/mod queue", MODERATOR)
    await room.text(f"/mod tag {number} add:Transport", MODERATOR)  # what changes it lets nothing out
    assert not cards(room, "careful")
    await press(room, "approve")
    assert len(cards(room, "careful")) == 1
    assert "Approved by Mo" in to_text(cards(room)[0])
    other = await room.publish(found("tram", title="The tram"))
    reply = await room.ask(f"/mod reject {other} thin", MODERATOR)
    assert "will not be posted at 1 place where it waited" in to_text(reply.message)
    assert len(cards(room, "careful")) == 1
    assert len(cards(room, "general")) == 2
    await hold(room, found("bees", title="Bees"))
    await press(room, "approve", at=2)
    assert len(cards(room, "careful")) == 2  # approved once is approved for it too


async def test_what_is_overdue_by_a_day_still_comes_to_the_moderators(room: Newsroom) -> None:
    await add_place(room.db, room.clock, DESK, layout="queue")
    desk = await places.place_at(room.db, "web", DESK)
    assert desk is not None
    await room.db.write(lambda tx: places.pause(tx, desk, "for a day"))
    await hold(room, found())
    room.clock.move(days=1)
    await room.db.write(lambda tx: places.change(tx, ("web", DESK), paused=None))
    await room.publisher.settle_all()
    assert len(cards(room)) == 1


@pytest.mark.parametrize("kind", ["retract", "approve"])
async def test_a_piece_that_moved_meanwhile_is_moved_once(room: Newsroom, kind: str) -> None:
    number = await room.publish(found()) if kind == "retract" else await hold(room, found())
    lines = [room.desk.ask(who, f"/mod {kind} {number}{' sure:yes' * (kind == 'retract')}") for who in (MO, KIM)]
    answers = await asyncio.gather(*lines)
    assert sorted(one.ok for one in answers) == [False, True]
    assert await done(room, number) == [kind]


async def test_the_bound_of_an_embargo_is_kept_when_it_is_approved(room: Newsroom) -> None:
    number = await hold(room, found(embargo=room.clock() + timedelta(hours=3)))
    assert "comes out on 20 Nov 2026 12:00" in await room.text(f"/mod approve {number}", MODERATOR)
    assert not cards(room, "general")


async def test_what_was_rejected_just_before_its_time_is_not_let_out(room: Newsroom) -> None:
    number = await hold(room, found())
    await room.text(f"/mod reject {number}", MODERATOR)
    assert await room.db.write(lambda tx: ingest.let_out(tx, number, room.clock())) == []  # it was read as due before
    await room.publisher.settle_all()
    assert not cards(room, "general")
    assert not (await room.ask(f"/piece {number}")).ok
