"""Lanes: a place is taken with the posting that is next there, by one at a time, and given back until more is due."""

from __future__ import annotations

from datetime import timedelta

from core.chat import Place
from core.times import SECOND, micros
from storage import lanes, places, postings
from storage.db import Db, Tx
from storage.postings import NOTED, Outcome, Posting
from tests.conftest import SetClock, add_place

LEASE = 60 * SECOND


async def due(db: Db, clock: SetClock, place: Place, *subjects: int, after: float = 0) -> None:
    """These pieces wait there, each due a second after the one before."""

    async def work(tx: Tx) -> None:
        for n, subject in enumerate(subjects):
            at = clock() + timedelta(seconds=after + n)
            await postings.want(tx, place.id, "piece", subject, due=at, now=clock())

    await db.write(work)


async def claim(db: Db, clock: SetClock, owner: str = "us", limit: int = 50) -> list[tuple[Place, Posting]]:
    return await lanes.claim(db, owner, clock(), LEASE, limit)


def told(claimed: list[tuple[Place, Posting]]) -> list[tuple[str, int]]:
    return sorted((place.channel, posting.subject_id) for place, posting in claimed)


async def done(db: Db, clock: SetClock, claimed: list[tuple[Place, Posting]], owner: str = "us") -> None:
    for place, posting in claimed:
        assert posting.place == place.id
        await lanes.release(db, owner, posting, Outcome("done"), clock())


async def test_each_place_gives_one_posting_at_a_time_however_much_waits_there(db: Db, clock: SetClock) -> None:
    hog, other = await add_place(db, clock, "hog"), await add_place(db, clock, "other")
    await due(db, clock, hog, *range(1, 6))
    await due(db, clock, other, 9)
    clock.move(seconds=10)
    first = await claim(db, clock)
    assert told(first) == [("hog", 1), ("other", 9)]
    assert await claim(db, clock, "them") == []
    await done(db, clock, first)
    assert told(await claim(db, clock)) == [("hog", 2)]


async def test_the_most_overdue_place_comes_first(db: Db, clock: SetClock) -> None:
    late, later = await add_place(db, clock, "late"), await add_place(db, clock, "later")
    await due(db, clock, late, 1, after=5)
    await due(db, clock, later, 1, after=2)
    clock.move(seconds=10)
    assert told(await claim(db, clock, limit=1)) == [("later", 1)]


async def test_many_lanes_come_in_the_order_in_which_they_are_due(db: Db, clock: SetClock) -> None:
    after = [n * 7 % 30 for n in range(30)]
    for n, seconds in enumerate(after):
        await due(db, clock, await add_place(db, clock, f"c{n}"), 1, after=seconds)
    clock.move(seconds=40)
    claimed = [place.channel for place, _ in await claim(db, clock)]
    assert claimed == [f"c{after.index(seconds)}" for seconds in range(30)]


async def test_what_is_in_doubt_comes_before_what_is_due_longer(db: Db, clock: SetClock) -> None:
    place = await add_place(db, clock)
    await due(db, clock, place, 1, 2, 3)
    await db.write(lambda tx: tx.run("update posting set doubted_at=1 where subject_id=3"))
    clock.move(seconds=1)  # the third is not due yet
    first = await claim(db, clock)
    assert told(first) == [("general", 1)]
    await done(db, clock, first)
    clock.move(seconds=9)
    assert told(await claim(db, clock)) == [("general", 3)]


async def test_a_lane_where_nothing_is_due_is_given_back_at_once(db: Db, clock: SetClock) -> None:
    place = await add_place(db, clock)
    await due(db, clock, place, 1, after=100)
    await db.write(lambda tx: tx.run("update place set due_at=0"))
    assert await claim(db, clock) == []
    assert await lanes.next_due(db) == micros(clock() + timedelta(seconds=100))


async def test_a_lane_that_is_given_back_is_due_with_its_next_posting(db: Db, clock: SetClock) -> None:
    place = await add_place(db, clock)
    await due(db, clock, place, 1)
    await due(db, clock, place, 2, after=30)
    await done(db, clock, await claim(db, clock))
    assert await lanes.next_due(db) == micros(clock() + timedelta(seconds=30))
    await done(db, clock, await claim(db, clock))
    clock.move(seconds=30)
    await done(db, clock, await claim(db, clock))
    assert await lanes.next_due(db) is None


async def test_a_lane_is_given_back_by_its_owner_alone(db: Db, clock: SetClock) -> None:
    place = await add_place(db, clock)
    await due(db, clock, place, 1, 2)
    await claim(db, clock)
    clock.move(seconds=61)  # they were slow, and it is another's by now
    [(_, posting)] = await claim(db, clock, "them")
    await lanes.release(db, "us", posting, NOTED, clock())
    await lanes.release(db, "us", posting, NOTED, clock(), until=clock())
    assert await claim(db, clock, "third") == []
    await lanes.release(db, "them", posting, NOTED, clock(), until=clock() + timedelta(seconds=5))
    assert await claim(db, clock, "third") == []
    clock.move(seconds=5)
    assert told(await claim(db, clock, "third")) == [("general", 1)]


async def test_a_lane_is_given_back_with_what_became_of_its_posting(db: Db, clock: SetClock) -> None:
    place = await add_place(db, clock)
    await due(db, clock, place, 1)
    [(_, posting)] = await claim(db, clock)
    later = clock() + timedelta(seconds=90)
    await lanes.release(db, "us", posting, Outcome("waiting", "the platform is away", later, 3), clock())
    assert await lanes.next_due(db) == micros(later)
    [waiting] = await postings.of_subject(db, "piece", 1)
    assert (waiting.state, waiting.reason, waiting.due, waiting.attempts) == (
        "waiting", "the platform is away", later, 3,
    )  # fmt: skip


async def test_what_changed_while_it_was_worked_on_stays_due(db: Db, clock: SetClock) -> None:
    place = await add_place(db, clock)
    await due(db, clock, place, 1)
    claimed = await claim(db, clock)
    await db.write(lambda tx: postings.subject_changed(tx, "piece", 1, clock()))
    await done(db, clock, claimed)
    assert told(await claim(db, clock)) == [("general", 1)]


async def test_a_paused_place_gives_nothing(db: Db, clock: SetClock) -> None:
    place = await add_place(db, clock)
    await due(db, clock, place, 1)
    await db.write(lambda tx: places.pause(tx, place, "the channel is gone"))
    assert await claim(db, clock) == []
    assert await lanes.next_due(db) is None
