"""Whatever the order, and however often each arrives, the same events give the same rows and the same counts."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot import ingest
from bot.collect import Collector
from core.chat import Cleared, Commented, Heard, Person, Place, Reacted, Ref, Removed
from core.folding import ReactionState, fold_comment, fold_reaction
from core.identity import whose
from core.stances import DEFAULT
from storage import counts, hearing, journal, places, postings, sources
from storage.db import Db, Tx
from tests.conftest import SetClock, found, opened

T0 = datetime(2026, 11, 20, 8, tzinfo=UTC)


def reacted(person: int, emoji: str, added: bool, at: float, **more: Any) -> Reacted:
    values: dict[str, Any] = {"platform": "web", "channel": "general", "anchor": "w1", **more}
    return Reacted(person=Person(id=f"p{person}"), emoji=emoji, added=added, at=T0 + timedelta(minutes=at), **values)


def commented(name: str, text: str | None, at: float, *, edited: float | None = None, person: int = 1) -> Commented:
    return Commented(
        platform="web", channel="general", anchor=name, person=Person(id=f"p{person}"), text=text,
        at=T0 + timedelta(minutes=at), reply_to="w1", thread="w1",
        edited=None if edited is None else T0 + timedelta(minutes=edited),
    )  # fmt: skip


REACTIONS = st.builds(
    reacted,
    st.integers(0, 2),
    st.sampled_from(["👍", "👎", "🎉"]),
    st.booleans(),
    st.integers(0, 300),
    anchor=st.sampled_from(["w1", "w2"]),
)


@given(st.lists(REACTIONS, max_size=8), st.randoms())
def test_folding_a_reaction_is_a_maximum(events: list[Reacted], rnd: random.Random) -> None:
    def folded(order: list[Reacted]) -> ReactionState | None:
        state = None
        for event in order:
            state = fold_reaction(state, event)
        return state

    shuffled = events * 2
    rnd.shuffle(shuffled)
    assert folded(events) == folded(shuffled)


def test_of_two_events_at_the_same_instant_the_removal_wins() -> None:
    on, off = reacted(1, "👍", True, 5), reacted(1, "👍", False, 5)
    assert not fold_reaction(fold_reaction(None, on), off).present
    assert not fold_reaction(fold_reaction(None, off), on).present


def test_a_recalled_event_only_fills_a_gap() -> None:
    standing = fold_reaction(None, reacted(1, "👍", True, 5))
    assert fold_reaction(standing, reacted(1, "👍", True, 90, recalled=True)) is standing
    assert not fold_reaction(standing, reacted(1, "👍", False, 90, recalled=True)).present


def test_the_newest_wording_of_a_comment_wins_and_a_withheld_text_replaces_nothing() -> None:
    first, second = commented("w9", "first", 1), commented("w9", "second", 1, edited=2)
    state = fold_comment(fold_comment(None, second), first)
    assert (state.text, state.at) == ("second", fold_comment(None, first).at)
    assert fold_comment(state, commented("w9", None, 1, edited=3)).text == "second"


async def rows_after(batches: list[list[Heard]], engine: str | None) -> dict[str, list[tuple[Any, ...]]]:
    """Every table that events make, after folding batches one after the other; ids replaced by names."""
    clock = SetClock()
    with TemporaryDirectory() as folder:
        (Path(folder) / "rondan.db.key").write_text("00" * 32)  # the same hashes every time
        async with opened(engine, Path(folder), clock) as db:
            await _publication(db, clock)
            collector = Collector(db, DEFAULT, clock)
            for batch in batches:
                await asyncio.gather(*(collector.keep(event) for event in batch))
                await collector.fold_all()
            assert await counts.recount(db) == []
            return {name: [tuple(row) for row in await db.read(sql)] for name, sql in QUERIES.items()}


QUERIES = {
    "reaction": """select p.hash, a.anchor, e.name, r.present, r.at from reaction r join person p on p.id=r.person_id
        join anchor a on a.id=r.anchor_id join emoji e on e.id=r.emoji_id order by 1, 2, 3""",
    "stance": "select p.hash, s.stance, s.at from stance s join person p on p.id=s.person_id order by 1",
    "emoji_hour": """select h.hour, e.name, h.n from emoji_hour h join emoji e on e.id=h.emoji_id
        where n<>0 order by 1, 2""",
    "stance_hour": "select hour, stance, n from stance_hour where n<>0 order by 1, 2",
    "comment": """select a.anchor, c.text, c.at, c.edited_at, c.state from comment c join anchor a on a.id=c.anchor_id
        order by 1""",
    "comment_score": """select a.anchor, s.agree, s.disagree, s.n from comment_score s
        join comment c on c.id=s.comment_id join anchor a on a.id=c.anchor_id where s.n<>0 order by 1""",
}


async def _publication(db: Db, clock: SetClock) -> None:
    place = await places.add_place(
        db, Place(id=0, platform="web", channel="general", community="web"), "place", clock()
    )

    async def work(tx: Tx) -> None:
        source = await sources.ensure_source(tx, kind="file", address="files", title="", text_mode="full", now=clock())
        taken = await ingest.take(tx, source, found(), now=clock())
        assert taken.piece is not None
        posting = await postings.at_place(tx, place.id, "piece", taken.piece)
        assert posting is not None
        await postings.place_leaves(tx, posting.id, [("card", 0), ("section:x:0", 1)])
        for name, ref, section in (("card", "w1", None), ("section:x:0", "w2", "x")):
            await postings.shown(
                tx, place, posting, name, Ref(id=ref), "d", clock(), piece=taken.piece, section=section
            )

    await db.write(work)


EVENTS = st.lists(
    st.one_of(
        REACTIONS,
        st.builds(
            reacted,
            st.integers(0, 2),
            st.sampled_from(["👍", "👎"]),
            st.booleans(),
            st.integers(0, 300),
            anchor=st.just("w9"),
        ),
        st.sampled_from(
            [commented("w9", "first", 1), commented("w9", "second", 1, edited=2), commented("w8", "other", 3, person=2)]
        ),
    ),
    max_size=10,
)


@settings(max_examples=25, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_any_order_duplication_and_batching_gives_the_same_rows(events: list[Heard], rnd: random.Random) -> None:
    _check_order(events, rnd, None)


@settings(max_examples=5, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_rows_on_postgres(postgres: str, events: list[Heard], rnd: random.Random) -> None:
    _check_order(events, rnd, postgres)


def _check_order(events: list[Heard], rnd: random.Random, engine: str | None) -> None:
    once = asyncio.run(rows_after([events], engine))
    mixed = events + rnd.sample(events, len(events) // 2)
    rnd.shuffle(mixed)
    batches = [mixed[:3], mixed[3:5], mixed[5:]]
    assert asyncio.run(rows_after(batches, engine)) == once


def test_people_are_counted_once_whatever_they_press(engine: str | None) -> None:
    events: list[Heard] = [
        reacted(1, "👍", True, 1),
        reacted(1, "👎", True, 2),
        reacted(1, "👍", True, 3, anchor="w2"),
        reacted(2, "👎", True, 4),
        reacted(2, "👎", False, 5),
        reacted(2, "🎉", True, 6),
    ]
    rows = asyncio.run(rows_after([events], engine))
    assert [(who, stance) for who, stance, _ in rows["stance"]] == [(whose(bytes(32))("web", "p1"), "agree")]
    assert [(name, n) for _, name, n in rows["emoji_hour"]] == [("🎉", 1), ("👍", 2), ("👎", 1)]


def test_a_removed_comment_is_erased_even_when_the_removal_comes_first(engine: str | None) -> None:
    gone = Removed(platform="web", channel="general", anchors=("w9",), at=T0 + timedelta(minutes=9))
    late = asyncio.run(rows_after([[gone], [commented("w9", "secret", 1)]], engine))
    assert late["comment"] == []
    batches: list[list[Heard]] = [
        [commented("w9", "secret", 1)],
        [gone],
        [commented("w9", "again", 1, edited=2)],
    ]
    known = asyncio.run(rows_after(batches, engine))
    assert [(anchor, text, state) for anchor, text, _, _, state in known["comment"]] == [("w9", "", "erased")]


def test_clearing_a_message_takes_its_emoji_off(engine: str | None) -> None:
    events: list[Heard] = [reacted(1, "👍", True, 1), reacted(2, "🎉", True, 1)]
    clear = Cleared(platform="web", channel="general", anchor="w1", at=T0 + timedelta(minutes=5))
    rows = asyncio.run(rows_after([events, [clear]], engine))
    assert rows["emoji_hour"] == []
    assert rows["stance"] == []
    one = Cleared(platform="web", channel="general", anchor="w1", at=T0 + timedelta(minutes=5), emoji="👍")
    rows = asyncio.run(rows_after([events, [one]], engine))
    assert [(name, n) for _, name, n in rows["emoji_hour"]] == [("🎉", 1)]


async def test_an_event_before_its_message_is_known_waits_for_it(db: Db, clock: SetClock) -> None:
    collector = Collector(db, DEFAULT, clock)
    await collector.keep(reacted(1, "👍", True, 1))
    await collector.fold_all()
    assert (await db.read("select count(*) as n from parked"))[0]["n"] == 1
    await _publication(db, clock)
    await collector.fold_all()
    assert (await db.read("select count(*) as n from parked"))[0]["n"] == 0
    assert (await db.read("select stance from stance"))[0]["stance"] == "agree"


async def test_who_opted_out_leaves_no_trace(db: Db, clock: SetClock) -> None:
    await _publication(db, clock)
    await db.put("insert into person(hash, platform, opted_out) values(?, 'web', 1)", (db.whose("web", "p1"),))
    collector = Collector(db, DEFAULT, clock)
    await collector.keep(reacted(1, "👍", True, 1))
    await collector.keep(commented("w9", "words", 1))
    await collector.fold_all()
    assert not await db.read("select 1 from reaction")
    assert not await db.read("select 1 from comment")
    assert not await db.read("select 1 from heard")


async def test_what_was_parked_is_dropped_after_a_day(db: Db, clock: SetClock) -> None:
    collector = Collector(db, DEFAULT, clock)
    await collector.keep(reacted(1, "👍", True, 1))
    await collector.fold_all()
    assert await hearing.sweep(db, clock.move(hours=23)) == 0
    assert await hearing.sweep(db, clock.move(hours=2)) == 1


def test_events_survive_the_journal() -> None:
    for event in (
        reacted(1, "👍", True, 1),
        commented("w9", "「はい」", 1, edited=2),
        Removed(platform="web", channel="c", anchors=("a", "b"), at=T0, by="m"),
        Cleared(platform="web", channel="c", anchor="a", at=T0, emoji="👍"),
    ):
        assert journal.decode(journal.encode(event)) == event
