"""Rules that hold comments back: what they hold, whatever the order; tickets, reports, and their cards' buttons."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.chat import Commented, Person
from core.errors import Refusal
from core.holding import Rule, checked, stands
from core.message import Message, Reply, to_text
from storage import acts, comments, tickets
from tests.conftest import add_place, found
from tests.newsroom import MODERATOR, READER, Newsroom

T0 = datetime(2026, 11, 20, 10, tzinfo=UTC)
KIM = replace(MODERATOR, person=Person(id="m2", name="Kim"))


def said(n: int, text: str, under: str, who: str = "a") -> Commented:
    return Commented(
        platform="web", channel="general", anchor=f"c{n}", person=Person(id=who, name=who), text=text,
        at=T0 + timedelta(seconds=n), reply_to=under, thread=under,
    )  # fmt: skip


async def states(room: Newsroom) -> dict[str, str]:
    rows = await room.db.read(
        "select a.anchor, c.state, c.held_for from comment c join anchor a on a.id=c.anchor_id order by c.at"
    )
    return {row["anchor"]: row["held_for"] or row["state"] for row in rows if row["state"] in ("held", "visible")}


def tickets_shown(room: Newsroom) -> list[Message]:
    return [one.message for one in room.chat.room.entries("desk") if one.message is not None]


@pytest.mark.parametrize(
    ("words", "text", "there"),
    [
        ("ass", "A class of its own", False), ("ass", "What an ASS!", True), ("spam", "ｓｐａｍ", True),
        ("広告", "これは広告です", True), ("buy now", "BUY  NOW", True), ("a+b", "a+b", True), ("(", "oh (no", True),
    ],
)  # fmt: skip
def test_words_stand_as_words(words: str, text: str, there: bool) -> None:
    assert stands(words, text) is there


@pytest.mark.parametrize(("kind", "value"), [("flood", "5"), ("flood", "0/60"), ("flood", "5/0"), ("flood", "5/99999"),
                                             ("word", " "), ("word", "x" * 101)])  # fmt: skip
def test_a_rule_that_means_nothing_is_refused(kind: str, value: str) -> None:
    with pytest.raises(Refusal):
        checked(kind, value, "ja")  # type: ignore[arg-type]
    assert Rule(kind="flood", value=checked("flood", "５／６０", "ja"), since=T0).flood() == (5, timedelta(seconds=60))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_what_is_held_does_not_depend_on_the_order_in_which_it_was_heard(
    room: Newsroom, order: tuple[int, ...]
) -> None:
    bus = await room.publish(found())
    for rule in ("first", "flood 2/60", "copies", "links", "word 広告"):
        await room.text(f"/mod rules {rule}", MODERATOR)
    room.clock.at = T0 + timedelta(minutes=5)
    card = await room.anchor(bus)
    events = [
        said(1, "Hello.", card), said(2, "Good day.", card), said(3, "And more.", card), said(200, "Good  DAY.", card),
    ]  # fmt: skip
    for n in (*order, *order):  # each comes twice
        await room.ears.keep(events[n])
        await room.ears.fold_all()
    assert await states(room) == {"c1": "first", "c2": "visible", "c3": "flood", "c200": "copies"}
    open_ = await tickets.waiting(room.db, 9)
    assert sorted((one.comment, one.reason) for one in open_) == sorted(
        (order.index(n) + 1, reason) for n, reason in ((0, "first"), (2, "flood"), (3, "copies"))
    )


async def test_held_comments_are_shown_to_moderators_alone_until_one_decides(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "desk", layout="queue")
    bus = await room.publish(found())
    await room.text("/mod rules links", MODERATOR)
    room.clock.at = T0 + timedelta(minutes=5)
    await room.ears.keep(said(1, "See http://watches.example now", await room.anchor(bus)))
    await room.ears.fold_all()
    await room.publisher.settle_all()
    assert "Nothing holds" in await room.text("/search watches")
    (card,) = tickets_shown(room)
    assert "Held: it has a link." in to_text(card)
    assert "watches.example" in to_text(card)
    assert [one.label for one in card.actions] == ["Show", "Hide"]
    assert all(len(one.id) <= 100 and one.id.isascii() for one in card.actions)
    assert "1. 20 Nov 2026" in await room.text("/mod tickets", MODERATOR)
    denied = await room.desk.press(READER, card.actions[0].id, None)
    assert isinstance(denied, Reply)
    assert not denied.ok
    answers = await asyncio.gather(*(room.desk.press(who, card.actions[0].id, None) for who in (MODERATOR, KIM)))
    (won,), (lost,) = ([to_text(one.message) for one in answers if one.ok is ok] for ok in (True, False))  # type: ignore[union-attr]
    assert won == "Comment 1 is visible again."
    assert "Shown by" in lost
    await room.publisher.settle_all()
    (card,) = tickets_shown(room)
    assert "Shown by" in to_text(card)
    assert not card.actions
    assert len(await acts.acts(room.db, "comment 1")) == 1
    assert "watches.example" in await room.text("/search watches")
    reworded = said(1, "See http://more.example", await room.anchor(bus))
    await room.ears.keep(replace(reworded, edited=T0 + timedelta(seconds=9)))
    await room.ears.fold_all()
    assert [one.state for one in await comments.of_piece(room.db, bus)] == ["visible"]  # what a moderator decided stays
    assert "Nothing was reported" in await room.text("/mod tickets", MODERATOR)


async def test_a_rule_is_of_its_community_and_of_what_is_said_after_it(room: Newsroom) -> None:
    bus = await room.publish(found())
    card = await room.anchor(bus)
    room.clock.at = T0 + timedelta(seconds=2)
    await room.text("/mod rules word watches", replace(MODERATOR, community="elsewhere"))
    await room.ears.keep(said(3, "watches", card))
    await room.ears.fold_all()
    await room.text("/mod rules word watches", MODERATOR)
    await room.ears.keep(said(1, "watches, said before the rule", card))
    await room.ears.keep(said(5, "watches again", card))
    await room.ears.fold_all()
    assert await states(room) == {"c1": "visible", "c3": "visible", "c5": "word"}
    assert "with the word “watches”" in await room.text("/mod rules", MODERATOR)
    assert "already" in to_text((await room.ask("/mod rules word WATCHES", MODERATOR)).message)
    assert "No longer" in await room.text("/mod rules word off:yes", MODERATOR)
    assert "No rule" in await room.text("/mod rules", MODERATOR)
    assert not (await room.ask("/mod rules word off:yes", MODERATOR)).ok
    assert not (await room.ask("/mod rules links", READER)).ok
    log = await room.text("/mod log", MODERATOR)
    assert "rules web:web: word watches → –" in log


async def test_reports_make_one_ticket_with_a_count_and_tell_nobody_who(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "desk", layout="queue")
    bus = await room.publish(found())
    await room.ears.keep(said(1, "Buy cheap watches.", await room.anchor(bus)))
    await room.ears.fold_all()
    for who in ("r1", "r2", "r1"):
        reply = await room.desk.point(replace(READER, person=Person(id=who, name=f"Ria {who}")), "Report", "c1")
        assert "as report 1" in to_text(reply.message)
    await room.publisher.settle_all()
    (card,) = tickets_shown(room)
    assert "Reported by 2 readers." in to_text(card)
    assert "Ria" not in to_text(card)
    assert "Ria" not in await room.text("/mod log", MODERATOR)
    assert "Ria" not in await room.text("/mod tickets", MODERATOR)
    assert [one.label for one in card.actions] == ["Hide", "Dismiss"]
    await room.desk.press(MODERATOR, card.actions[1].id, None)
    assert (await acts.acts(room.db, "comment 1"))[0].act == "dismiss"
    again = await room.desk.point(replace(READER, person=Person(id="r3")), "Report", "c1")
    assert "as report 2" in to_text(again.message)
    await room.text("/mod hide 1", MODERATOR)  # by command: the ticket is closed too
    assert "Hidden by Mo" in to_text(tickets_shown(room)[1])
    for made_up in ("v1:ticket:9:hide", "v1:ticket:x:hide", "v1:ticket:1:burn", f"v1:ticket:{'9' * 40}:hide"):
        reply_ = await room.desk.press(MODERATOR, made_up, None)
        assert isinstance(reply_, Reply)
        assert not reply_.ok


async def test_words_of_a_deleted_comment_leave_the_moderators_card(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "desk", layout="queue")
    bus = await room.publish(found())
    await room.ears.keep(said(1, "Buy cheap watches.", await room.anchor(bus)))
    await room.ears.fold_all()
    await room.desk.point(READER, "Report", "c1")
    await room.publisher.settle_all()
    await room.db.write(lambda tx: comments.erase_comment(tx, 1, room.clock()))
    await room.publisher.settle_all()
    (card,) = tickets_shown(room)
    assert "watches" not in to_text(card)
    assert "Deleted where it was written" in to_text(card)
    assert not card.actions


async def test_a_desk_that_is_added_later_gets_the_open_tickets(room: Newsroom) -> None:
    bus = await room.publish(found())
    await room.ears.keep(said(1, "Buy cheap watches.", await room.anchor(bus)))
    await room.ears.fold_all()
    await room.desk.point(READER, "Report", "c1")
    admin = replace(MODERATOR, roles=frozenset({"admin"}), channel="desk")
    await room.text("/place add layout:queue", admin)
    assert "Ticket 1" in to_text(tickets_shown(room)[0])
