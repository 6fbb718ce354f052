"""A channel gets another id: whatever we know of it follows, in whatever order the events come."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from typing_extensions import override

from bot.collect import Collector
from bot.platforms.room import Room
from bot.publish import Publisher
from core.chat import Commented, Heard, Left, Located, Moved, Person, Place, Reacted, Read, Ref, Removed
from core.errors import Gone
from core.message import Message
from core.placing import REMOVED
from core.stances import DEFAULT
from storage import hearing, journal, moves, places
from storage.db import Db
from tests.conftest import QuietRoom, SetClock, add_place, found, opened
from tests.newsroom import Newsroom

OLD, NEW, NEXT = "general", "square", "forum"


def said(at: SetClock, channel: str, name: str, text: str, *, minute: int, edited: int | None = None) -> Heard:
    return Commented(
        platform="web", channel=channel, anchor=name, person=Person(id="ria", name="Ria"), text=text,
        at=at.at + timedelta(minutes=minute), reply_to="w1", thread="w1",
        edited=None if edited is None else at.at + timedelta(minutes=edited),
    )  # fmt: skip


def reacted(at: SetClock, channel: str, who: str, minute: int, *, anchor: str = "w1", added: bool = True) -> Heard:
    return Reacted(
        platform="web", channel=channel, anchor=anchor, person=Person(id=who), emoji="👍", added=added,
        at=at.at + timedelta(minutes=minute),
    )  # fmt: skip


def moved(at: SetClock, old: str, new: str, minute: int = 5) -> Moved:
    return Moved(platform="web", channel=old, to=new, at=at.at + timedelta(minutes=minute))


async def told(db: Db, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await db.read(sql)]


async def rows(db: Db) -> dict[str, list[tuple[object, ...]]]:
    """Everything that names a channel or hangs on one."""
    questions = {
        "place": "select channel, paused from place order by id",
        "anchor": "select channel, anchor from anchor order by anchor, channel",
        "comment": """select a.channel, a.anchor, c.text, c.state from comment c join anchor a on a.id=c.anchor_id
                      order by a.anchor""",
        "reaction": """select a.anchor, p.hash, r.present from reaction r join anchor a on a.id=r.anchor_id
                       join person p on p.id=r.person_id where r.present=1 order by 1, 2""",
        "tombstone": "select channel, anchor from tombstone order by 2",
        "parked": "select channel, anchor from parked",
        "heard": "select body from heard",
        "moved": "select former, channel from moved order by 1",
    }
    found = {name: await told(db, sql) for name, sql in questions.items()}
    names = {db.whose("web", name): name for name in ("ria", "sam", "mo")}
    found["reaction"] = sorted((anchor, names[str(who)], stands) for anchor, who, stands in found["reaction"])
    return found


async def fold(room: Newsroom, *events: Heard) -> None:
    for event in events:
        await room.ears.keep(event)
    await room.ears.fold_all()


# --- everything follows ---


async def test_all_that_stands_under_the_old_id_stands_under_the_new(room: Newsroom) -> None:
    await room.publish(found())
    at = room.clock
    await fold(room, said(at, OLD, "c1", "kept", minute=1), said(at, OLD, "c2", "gone", minute=1))
    await fold(room, Removed(platform="web", channel=OLD, anchors=("c2",), at=at()))
    await fold(room, reacted(at, OLD, "early", 1, anchor="unknown"), Read(platform="web", where=OLD, newest="c2"))
    await fold(room, moved(at, OLD, NEW))
    after = await rows(room.db)
    assert after["place"] == [(NEW, None)]
    assert {channel for channel, _ in (*after["anchor"], *after["tombstone"], *after["parked"])} == {NEW}
    assert after["comment"] == [(NEW, "c1", "kept", "visible"), (NEW, "c2", "", "erased")]
    assert await told(room.db, "select spot, newest from watermark") == [(NEW, "c2")]
    [place] = await places.all_places(room.db)
    assert (place.channel, place.former) == (NEW, (OLD,))


async def test_what_is_shown_is_found_edited_and_removed_there(room: Newsroom) -> None:
    piece = await room.publish(found())
    before = await told(room.db, "select id, ref, shown, epoch from leaf")
    await fold(room, moved(room.clock, OLD, NEW))
    after = await told(room.db, "select id, ref, shown, epoch from leaf")
    assert after == before, "a message keeps its own id"
    assert await room.anchor(piece, NEW) == "w1"
    await fold(room, Removed(platform="web", channel=NEW, anchors=("w1",), at=room.clock()))
    assert [row["state"] for row in await room.db.read("select state from posting")] == ["withdrawn"]


# --- the order ---


class Orders:
    """The same publication again and again, told the same in another order each time."""

    def __init__(self, engine: str | None, folder: Path, clock: SetClock) -> None:
        self._engine, self._folder, self._clock = engine, folder, clock
        self._made = 0

    def some(self, orders: int) -> int:
        """How many orders are tried: a database is sooner made than one on a server."""
        return orders if self._engine is None else orders // 4

    async def after(self, batches: list[list[Heard]]) -> dict[str, list[tuple[object, ...]]]:
        self._made += 1
        path = self._folder / str(self._made)
        path.mkdir()
        memory = Room(path / "room.jsonl")
        try:
            async with opened(self._engine, path, self._clock) as db:
                await add_place(db, self._clock)
                room = Newsroom(db, self._clock, QuietRoom("web", memory))
                await room.publish(found())
                for batch in batches:
                    await fold(room, *batch)
                await hearing.sweep(db, self._clock())
                return await rows(db)
        finally:
            await memory.close()


@pytest.fixture
def orders(engine: str | None, tmp_path: Path, clock: SetClock) -> Orders:
    return Orders(engine, tmp_path, clock)


async def test_any_order_batching_and_repetition_gives_the_same_rows(orders: Orders, clock: SetClock) -> None:
    events = [
        said(clock, OLD, "c1", "first", minute=1),
        said(clock, NEW, "c1", "second", minute=1, edited=7),
        reacted(clock, OLD, "ria", 2),
        reacted(clock, NEW, "ria", 8, added=False),
        reacted(clock, NEW, "sam", 9, anchor="c1"),
        reacted(clock, OLD, "mo", 3),
        said(clock, NEW, "c2", "regretted", minute=6),
        Removed(platform="web", channel=NEW, anchors=("c2",), at=clock.at + timedelta(minutes=10)),
        moved(clock, OLD, NEW, 5),
    ]
    expected = await orders.after([events])
    assert expected["comment"][0] == (NEW, "c1", "second", "visible")
    assert expected["reaction"] == [("c1", "sam", 1), ("w1", "mo", 1)]
    assert expected["heard"] == expected["parked"] == []
    dice = random.Random(11)
    for _ in range(orders.some(25)):
        told = [*events, *dice.sample(events, 4)]
        dice.shuffle(told)
        cuts = sorted(dice.sample(range(len(told)), 3))
        batches = [told[a:b] for a, b in zip([0, *cuts], [*cuts, len(told)], strict=True)]
        got = await orders.after(batches)
        if ("c2", "") not in [(row[1], row[2]) for row in got["comment"]]:  # removed before it was said
            expected_here = {**expected, "comment": expected["comment"][:1], "anchor": got["anchor"]}
            assert (NEW, "c2") not in got["anchor"]
            assert got == expected_here, told
        else:
            assert got == expected, told


async def test_ids_that_change_again_lead_to_the_last_in_any_order(orders: Orders, clock: SetClock) -> None:
    first, second = moved(clock, OLD, NEW, 1), moved(clock, NEW, NEXT, 2)
    events = [first, second, first, said(clock, OLD, "c1", "words", minute=0), reacted(clock, NEW, "ria", 1)]
    for told in random.Random(3).sample(list(permutations(events)), orders.some(12)):
        for batches in ([list(told)], [[one] for one in told]):
            got = await orders.after(batches)
            assert got["place"] == [(NEXT, None)]
            assert got["moved"] == [(OLD, NEXT), (NEW, NEXT)]
            assert got["comment"] == [(NEXT, "c1", "words", "visible")]
            assert got["reaction"] == [("w1", "ria", 1)]


async def test_a_channel_may_be_called_again_as_it_was(orders: Orders, clock: SetClock) -> None:
    there, back = moved(clock, OLD, NEW, 1), moved(clock, NEW, OLD, 2)
    for told in ([there, back], [back, there], [there, back, there], [there, there, back, back]):
        for batches in ([list(told)], [[one] for one in told]):
            got = await orders.after(batches)  # type: ignore[arg-type]
            assert got["place"] == [(OLD, None)]
            assert got["moved"] == [(NEW, OLD)]


async def test_what_is_told_again_late_does_not_turn_it_back(orders: Orders, clock: SetClock) -> None:
    there, back, again = moved(clock, OLD, NEW, 1), moved(clock, NEW, OLD, 2), moved(clock, OLD, NEW, 3)
    got = await orders.after([[one] for one in (there, back, again, there, back)])
    assert got["place"] == [(NEW, None)]
    assert got["moved"] == [(OLD, NEW)]


async def test_a_channel_that_is_no_place_changes_nothing(room: Newsroom) -> None:
    await room.publish(found())
    before = await rows(room.db)
    await fold(room, moved(room.clock, "elsewhere", "somewhere"))
    assert {**(await rows(room.db)), "moved": []} == before


# --- events by the old id ---


async def test_that_the_old_id_is_gone_does_not_pause_the_place(room: Newsroom) -> None:
    gone = Left(platform="web", at=room.clock(), channel=OLD)
    await fold(room, moved(room.clock, OLD, NEW), gone)
    await fold(room, gone)
    assert (await rows(room.db))["place"] == [(NEW, None)]


async def test_a_pause_because_of_the_old_id_is_over(room: Newsroom) -> None:
    await fold(room, Left(platform="web", at=room.clock(), channel=OLD))
    assert (await rows(room.db))["place"] == [(OLD, moves.LEFT)]
    await fold(room, moved(room.clock, OLD, NEW))
    assert (await rows(room.db))["place"] == [(NEW, None)]


@pytest.mark.parametrize("reason", ["by Ada", REMOVED, "holidays"])
async def test_a_pause_of_somebodys_stays(room: Newsroom, reason: str) -> None:
    await room.db.write(lambda tx: tx.run("update place set paused=?", reason))
    await fold(room, moved(room.clock, OLD, NEW))
    assert (await rows(room.db))["place"] == [(NEW, reason)]


async def test_events_of_other_kinds_are_told_with_todays_id() -> None:
    names = {("web", OLD): NEW}
    at = SetClock()()
    for event, told in (
        (
            Removed(platform="web", channel=OLD, anchors=("a",), at=at),
            Removed(platform="web", channel=NEW, anchors=("a",), at=at),
        ),
        (
            Located(platform="web", channel=OLD, community="c", name="n"),
            Located(platform="web", channel=NEW, community="c", name="n"),
        ),
        (Read(platform="web", where=OLD, newest="9"), Read(platform="web", where=NEW, newest="9")),
        (Left(platform="web", channel=OLD, at=at), Left(platform="web", channel=OLD, at=at)),
        (Left(platform="web", community="c", at=at), Left(platform="web", community="c", at=at)),
        (Read(platform="slack", where=OLD, newest="9"), Read(platform="slack", where=OLD, newest="9")),
    ):
        assert moves.renamed(event, names) == told
        assert moves.renamed(event, {}) is event
    move = Moved(platform="web", channel="a", to="b", at=at)
    assert journal.decode(journal.encode(move)) == move


# --- while a post is on its way ---


class Slow(QuietRoom):
    """Its channel gets another id while it is being spoken to, or refuses the old one."""

    db: Db
    ears: Collector
    clock: SetClock
    refuses = False
    is_taken = False  # somebody makes the new id a place at that moment

    @override
    async def send(self, place: Place, message: Message, key: str, *, under: Ref | None = None) -> Ref:
        if place.channel == OLD:
            if not self.refuses:
                sent = await super().send(place, message, key, under=under)
            if self.is_taken:
                await add_place(self.db, self.clock, NEW)
            await self.ears.keep(reacted(self.clock, NEW, "ria", 6))
            await self.ears.keep(moved(self.clock, OLD, NEW))
            await self.ears.fold_all()
            if self.refuses:
                raise Gone(f"the channel is not there ({place.address})")
            return sent
        return await super().send(place, message, key, under=under)


async def _slow(db: Db, clock: SetClock, path: Path) -> tuple[Newsroom, Slow]:
    await add_place(db, clock)
    chat = Slow("web", Room(path / "slow.jsonl"))
    room = Newsroom(db, clock, chat)
    chat.db, chat.ears, chat.clock = db, room.ears, clock
    return room, chat


@pytest.mark.parametrize("is_taken", [False, True])
async def test_a_post_that_was_on_its_way_stands_under_the_new_id(
    db: Db, clock: SetClock, tmp_path: Path, is_taken: bool
) -> None:
    room, chat = await _slow(db, clock, tmp_path)
    chat.is_taken = is_taken
    piece = await room.publish(found())
    await room.ears.fold_all()
    got = await rows(db)
    assert got["anchor"] == [(NEW, await room.anchor(piece, NEW))]
    assert got["place"] == ([(OLD, REMOVED), (NEW, None)] if is_taken else [(NEW, None)])
    assert [row[1] for row in got["reaction"]] == ["ria"], "what was heard early by the new id"
    await chat.room.close()


async def test_a_refusal_of_the_old_id_does_not_pause_what_has_a_new_one(
    db: Db, clock: SetClock, tmp_path: Path
) -> None:
    room, chat = await _slow(db, clock, tmp_path)
    chat.refuses = True
    piece = await room.publish(found())
    clock.move(minutes=2)
    await Publisher(db, {"web": chat}, DEFAULT, clock).settle_all()
    assert (await rows(db))["place"] == [(NEW, None)]
    assert await room.anchor(piece, NEW)
    await chat.room.close()


async def test_a_refusal_before_the_change_was_heard_is_forgotten(room: Newsroom) -> None:
    [place] = await places.all_places(room.db)
    reason = f"the channel is not there ({place.address}) — Slack says channel_not_found"
    assert await room.db.write(lambda tx: places.pause(tx, place, reason))
    await fold(room, moved(room.clock, OLD, NEW))
    assert (await rows(room.db))["place"] == [(NEW, None)]


# --- somebody made the new id a place ---


async def test_a_new_id_that_is_a_place_already_takes_over(room: Newsroom) -> None:
    at = room.clock
    await room.publish(found())
    await fold(room, said(at, OLD, "c1", "words", minute=1))
    await add_place(room.db, at, NEW)
    both = await room.publish(found("both", title="Shown by both"))
    await room.db.write(lambda tx: tx.run("insert into source_place(source_id, place_id) select s.id, 1 from source s"))
    await fold(room, moved(at, OLD, NEW), reacted(at, OLD, "ria", 9))
    got = await rows(room.db)
    assert got["place"] == [(OLD, REMOVED), (NEW, None)]
    assert {channel for channel, _ in got["anchor"]} == {NEW}
    assert got["comment"] == [(NEW, "c1", "words", "visible")]
    assert await told(room.db, "select distinct place_id from comment") == [(2,)]
    assert [row[1] for row in got["reaction"]] == ["ria"]
    shown = await told(room.db, "select subject_id, place_id from posting order by subject_id, place_id")
    assert shown == [(1, 2), (both, 1), (both, 2)]
    assert await told(room.db, "select place_id from source_place order by 1") == [(1,), (2,)]
    late = await room.publish(found("late", title="Later"))
    assert await room.anchor(late, NEW)


# --- what if the program dies here ---


async def test_a_change_that_was_kept_is_carried_out_at_the_next_start(db: Db, clock: SetClock) -> None:
    await add_place(db, clock)
    await Collector(db, DEFAULT, clock).keep(moved(clock, OLD, NEW))
    told: list[list[str]] = []

    async def furnish() -> None:
        told.append([one.channel for one in await places.all_places(db)])

    await Collector(db, DEFAULT, clock, moved=furnish).fold_all()
    assert told == [[NEW]]


async def test_platforms_that_could_not_be_told_are_told_later(db: Db, clock: SetClock) -> None:
    await add_place(db, clock)
    told: list[int] = []

    async def furnish() -> None:
        told.append(1)
        if len(told) == 1:
            raise RuntimeError("odd")

    ears = Collector(db, DEFAULT, clock, moved=furnish)
    await ears.keep(moved(clock, OLD, NEW))
    with pytest.raises(RuntimeError):
        await ears.fold_all()
    await ears.fold_all()
    assert len(told) == 2
    await ears.fold_all()
    assert len(told) == 2
