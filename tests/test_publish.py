"""Rows say what should be shown, the loop makes the chat match: whatever fails, exactly one message each time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from typing_extensions import override

from bot import ingest, timers
from bot.ingest import Taken
from bot.platforms.room import Room
from bot.publish import Publisher
from core.chat import Place, Ref
from core.document import Document, Heading, Paragraph, spans
from core.errors import Busy, ChatError, Gone, Poison, Unknown
from core.message import Message, to_text
from core.pieces import Found
from core.stances import DEFAULT
from storage import pieces, places, postings, sources
from storage.db import Args, Db, Step, StorageError, Tx
from tests.conftest import QuietRoom, SetClock, add_place, change_place, found


class Moody(QuietRoom):
    """A room that fails when told to: each entry of `moods` is raised by one request, before or after it is done."""

    def __init__(self, room: Room) -> None:
        super().__init__("web", room)
        self.before: list[ChatError | None] = []
        self.after: list[ChatError | None] = []
        self.calls: list[str] = []

    @override
    async def send(self, place: Place, message: Message, key: str, *, under: Ref | None = None) -> Ref:
        self._strike("send", self.before)
        ref = await super().send(place, message, key, under=under)
        self._fail(self.after)
        return ref

    @override
    async def edit(self, place: Place, ref: Ref, message: Message, key: str) -> None:
        self._strike("edit", self.before)
        await super().edit(place, ref, message, key)
        self._fail(self.after)

    @override
    async def delete(self, place: Place, ref: Ref) -> None:
        self._strike("delete", self.before)
        await super().delete(place, ref)
        self._fail(self.after)

    def _strike(self, name: str, moods: list[ChatError | None]) -> None:
        self.calls.append(name)
        self._fail(moods)

    def _fail(self, moods: list[ChatError | None]) -> None:
        mood = moods.pop(0) if moods else None
        if mood is not None:
            raise mood


class Stage:
    """A publication with one publisher over one room."""

    def __init__(self, db: Db, clock: SetClock, chat: Moody) -> None:
        self.db = db
        self.clock = clock
        self.chat = chat
        self.publisher = Publisher(db, {"web": chat}, DEFAULT, clock)

    async def take(self, item: Found, **more: object) -> Taken:
        async def work(tx: Tx) -> Taken:
            source = await sources.ensure_source(
                tx, kind="file", address="files", title="", text_mode="full", now=self.clock()
            )
            return await ingest.take(tx, source, item, now=self.clock(), **more)  # type: ignore[arg-type]

        return await self.db.write(work)

    async def change(self, work: Callable[[Tx], object]) -> None:
        await self.db.write(work)  # type: ignore[arg-type]

    async def settle(self, *, minutes: float = 0) -> None:
        self.clock.move(minutes=minutes)
        await timers.release(self.db, self.clock)
        await self.publisher.settle_all()

    def shown(self, channel: str = "general") -> list[str]:
        """The first line of each message that stands, replies indented."""
        lines = []
        for root in self.chat.room.entries(channel):
            if root.deleted or root.message is None:
                continue
            lines.append(to_text(root.message).split("\n")[0])
            lines += [
                "  " + to_text(reply.message).split("\n")[0]
                for reply in self.chat.room.entries(channel, root.id)
                if reply.message is not None and not reply.deleted
            ]
        return lines

    async def state(self, piece: int, place: Place) -> tuple[str, str]:
        posting = await postings.at_place(self.db, place.id, "piece", piece)
        assert posting is not None
        return posting.state, posting.reason


@pytest.fixture(params=[False, True], ids=["knows-keys", "must-look"])
async def stage(request: pytest.FixtureRequest, db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Stage]:
    room = Room(tmp_path / "room.jsonl", amnesia=request.param)
    yield Stage(db, clock, Moody(room))
    await room.close()


async def test_a_new_piece_is_shown_once_at_every_place_it_belongs_to(stage: Stage) -> None:
    await add_place(stage.db, stage.clock)
    await add_place(stage.db, stage.clock, "japanese", filter="language:ja")
    await stage.take(found())
    await stage.settle()
    await stage.take(found())
    await stage.settle(minutes=5)
    assert stage.shown() == ["The night bus"]
    assert stage.shown("japanese") == []


async def test_a_thread_shows_the_sections_in_order_under_the_card(stage: Stage) -> None:
    await add_place(stage.db, stage.clock, layout="thread")
    await stage.take(found())
    await stage.settle()
    assert stage.shown() == ["The night bus", "  It runs at last.", "  Costs"]


async def test_an_edited_source_edits_what_was_posted_and_sends_nothing_anew(stage: Stage) -> None:
    await add_place(stage.db, stage.clock, layout="thread")
    await stage.take(found())
    await stage.settle()
    edited = await stage.take(found(title="The night bus runs", fingerprint="1:other"))
    assert edited.outcome == "edited"
    await stage.settle()
    assert stage.shown() == ["The night bus runs", "  It runs at last.", "  Costs"]
    assert stage.chat.calls.count("send") == 3


async def test_a_section_that_a_revision_drops_says_so_and_a_new_one_is_added(stage: Stage) -> None:
    await add_place(stage.db, stage.clock, layout="thread")
    await stage.take(found())
    await stage.settle()
    blocks = (
        Paragraph(spans=spans("It runs at last.")),
        Heading(level=2, spans=spans("Who rides it")),
        Paragraph(spans=spans("Nurses, bakers and one owl.")),
    )
    await stage.take(found(document=Document(blocks=blocks), fingerprint="1:other"))
    await stage.settle()
    assert stage.shown() == [
        "The night bus",
        "  It runs at last.",
        "  This section was removed in a later revision.",
        "  Who rides it",
    ]


async def test_a_retracted_piece_leaves_a_note_and_comes_back_when_restored(stage: Stage) -> None:
    await add_place(stage.db, stage.clock, layout="thread")
    taken = await stage.take(found())
    assert taken.piece is not None
    await stage.settle()
    number = taken.piece

    async def set_state(state: str) -> None:
        async def work(tx: Tx) -> None:
            await pieces.set_state(tx, number, state, note="an error\n2026-11-20T09:00:00+00:00", now=stage.clock())  # type: ignore[arg-type]
            await postings.subject_changed(tx, "piece", number, stage.clock())

        await stage.db.write(work)
        await stage.settle()

    await set_state("retracted")
    assert stage.shown() == ["Withdrawn: The night bus"]
    await set_state("published")
    assert stage.shown() == ["The night bus", "  It runs at last.", "  Costs"]


async def test_an_answer_that_was_lost_makes_no_second_message(stage: Stage) -> None:
    await add_place(stage.db, stage.clock, layout="thread")
    stage.chat.after = [Unknown("the answer was lost"), None, Unknown("again")]
    await stage.take(found())
    for _ in range(6):
        await stage.settle(minutes=1)
    assert stage.shown() == ["The night bus", "  It runs at last.", "  Costs"]


async def test_a_request_that_was_lost_is_made_again(stage: Stage) -> None:
    await add_place(stage.db, stage.clock)
    stage.chat.before = [Unknown("the connection broke")]
    await stage.take(found())
    for _ in range(6):
        await stage.settle(minutes=1)
    assert stage.shown() == ["The night bus"]


async def test_a_piece_edited_while_its_post_is_in_doubt_ends_with_the_new_text_once(stage: Stage) -> None:
    await add_place(stage.db, stage.clock)
    stage.chat.after = [Unknown("the answer was lost")]
    await stage.take(found())
    await stage.settle()
    await stage.take(found(title="The night bus runs", fingerprint="1:other"))
    for _ in range(6):
        await stage.settle(minutes=1)
    assert stage.shown() == ["The night bus runs"]


async def test_a_piece_retracted_before_it_was_posted_is_never_shown(stage: Stage) -> None:
    place = await add_place(stage.db, stage.clock)
    taken = await stage.take(found())
    assert taken.piece is not None
    await stage.change(lambda tx: pieces.set_state(tx, taken.piece or 0, "retracted", now=stage.clock()))
    await stage.settle()
    assert stage.shown() == []
    assert await stage.state(taken.piece, place) == ("skipped", "retracted before it was posted here")


async def test_busy_waits_until_then(stage: Stage) -> None:
    place = await add_place(stage.db, stage.clock)
    stage.chat.before = [Busy("slow down", until=stage.clock() + timedelta(minutes=2))]
    taken = await stage.take(found())
    await stage.settle()
    assert (await stage.state(taken.piece or 0, place))[0] == "waiting"
    await stage.settle(minutes=1)
    assert stage.shown() == []
    await stage.settle(minutes=2)
    assert stage.shown() == ["The night bus"]


async def test_poison_stops_the_piece_and_not_the_place(stage: Stage) -> None:
    place = await add_place(stage.db, stage.clock)
    stage.chat.before = [Poison("invalid form")]
    first = await stage.take(found())
    await stage.take(found("library", title="The library"))
    await stage.settle()
    assert await stage.state(first.piece or 0, place) == ("stuck", "invalid form")
    assert stage.shown() == ["The library"]


async def test_a_channel_that_is_gone_pauses_its_place_and_no_other(stage: Stage) -> None:
    await add_place(stage.db, stage.clock)
    await add_place(stage.db, stage.clock, "second")
    stage.chat.before = [Gone("missing permission SEND_MESSAGES")]
    await stage.take(found())
    await stage.settle()
    paused = [place.paused for place in await places.all_places(stage.db)]
    assert sorted(map(str, paused)) == ["None", "missing permission SEND_MESSAGES"]
    assert len(stage.shown() + stage.shown("second")) == 1


async def test_what_somebody_deletes_in_the_chat_is_not_posted_again(stage: Stage) -> None:
    place = await add_place(stage.db, stage.clock)
    taken = await stage.take(found())
    await stage.settle()
    await stage.chat.room.delete(stage.chat.room.entries("general")[0])
    await stage.take(found(title="The night bus runs", fingerprint="1:other"))
    await stage.settle()
    assert stage.shown() == []
    assert await stage.state(taken.piece or 0, place) == ("withdrawn", "removed in the chat")
    await stage.take(found(title="The night bus stops", fingerprint="1:third"))
    await stage.settle()
    assert stage.shown() == []


async def test_what_was_removed_in_the_chat_can_be_posted_again_on_purpose(stage: Stage) -> None:
    await add_place(stage.db, stage.clock)
    taken = await stage.take(found())
    await stage.settle()
    await stage.chat.room.delete(stage.chat.room.entries("general")[0])
    await stage.take(found(title="The night bus runs", fingerprint="1:other"))
    await stage.settle()
    assert stage.shown() == []
    places_again = await stage.db.write(lambda tx: postings.again(tx, "piece", taken.piece or 0, None, stage.clock()))
    assert places_again == ["web:general"]
    await stage.settle()
    assert stage.shown() == ["The night bus runs"]


async def test_quiet_hours_hold_a_piece_until_they_end(stage: Stage) -> None:
    place = await add_place(stage.db, stage.clock, zone="Asia/Tokyo", quiet=("17:00", "19:00"))
    taken = await stage.take(found())  # 18:00 in Tokyo
    await stage.settle()
    assert stage.shown() == []
    assert await stage.state(taken.piece or 0, place) == ("waiting", "quiet hours until 19:00 JST")
    await stage.settle(minutes=61)
    assert stage.shown() == ["The night bus"]


async def test_an_embargo_is_kept(stage: Stage) -> None:
    await add_place(stage.db, stage.clock)
    await stage.take(found(embargo=stage.clock() + timedelta(hours=3)))
    await stage.settle(minutes=170)
    assert stage.shown() == []
    await stage.settle(minutes=11)
    assert stage.shown() == ["The night bus"]


async def test_over_the_daily_cap_pieces_come_in_one_message_and_none_is_dropped(stage: Stage) -> None:
    place = await add_place(stage.db, stage.clock, cap=2)
    numbers = [(await stage.take(found(f"p{n}", title=f"Piece {n}"))).piece or 0 for n in range(5)]
    await stage.settle()
    assert stage.shown() == ["Piece 0", "Piece 1"]
    state, reason = await stage.state(numbers[4], place)
    assert (state, reason.split(":")[0]) == ("skipped", "over the cap of 2 a day")
    await stage.settle(minutes=15 * 60 + 1)  # midnight in UTC
    assert stage.shown() == ["Piece 0", "Piece 1", "Also published"]
    last = stage.chat.room.entries("general")[-1].message
    assert last is not None
    assert all(f"Piece {n}" in to_text(last) for n in (2, 3, 4))


async def test_a_piece_that_is_retracted_leaves_the_message_it_was_rolled_into(stage: Stage) -> None:
    await add_place(stage.db, stage.clock, cap=1)
    numbers = [(await stage.take(found(f"p{n}", title=f"Piece {n}"))).piece or 0 for n in range(3)]
    await stage.settle(minutes=0)
    await stage.settle(minutes=15 * 60 + 1)

    async def retract(tx: Tx) -> None:
        await pieces.set_state(tx, numbers[2], "retracted", now=stage.clock())
        await postings.subject_changed(tx, "piece", numbers[2], stage.clock())

    await stage.db.write(retract)
    await stage.settle()
    last = stage.chat.room.entries("general")[-1].message
    assert last is not None
    assert "Piece 1" in to_text(last)
    assert "Piece 2" not in to_text(last)


async def test_after_a_downtime_the_newest_few_are_posted_and_the_rest_in_one_message(stage: Stage) -> None:
    await add_place(stage.db, stage.clock)
    for n in range(7):
        await stage.take(found(f"p{n}", title=f"Piece {n}", published=stage.clock.move(minutes=1)))
    await stage.settle(minutes=48 * 60)
    shown = stage.shown()
    assert sorted(shown) == ["Also published", "Piece 4", "Piece 5", "Piece 6"]


async def test_a_place_that_is_paused_keeps_its_posts_for_later(stage: Stage) -> None:
    await add_place(stage.db, stage.clock)
    await change_place(stage.db, ("web", "general"), paused="renovation")
    await stage.take(found())
    await stage.settle()
    assert stage.shown() == []
    await change_place(stage.db, ("web", "general"), paused=None)
    await stage.settle()
    assert stage.shown() == ["The night bus"]


async def test_an_outage_of_days_loses_nothing(stage: Stage) -> None:
    place = await add_place(stage.db, stage.clock)
    stage.chat.before = [Unknown("no connection") for _ in range(20)]
    taken = await stage.take(found())
    for _ in range(20):
        await stage.settle(minutes=70)
    assert await stage.state(taken.piece or 0, place) == ("waiting", "no connection")
    for _ in range(30):
        await stage.settle(minutes=70)
    assert stage.shown() == ["The night bus"]


def test_every_state_of_a_posting_is_told_apart() -> None:
    states: Sequence[str] = postings.PostingState.__args__  # type: ignore[attr-defined]
    assert set(states) == {"due", "done", "waiting", "stuck", "withdrawn", "skipped", "review"}


async def test_a_lane_that_could_not_be_given_back_is_taken_again_and_nothing_comes_twice(stage: Stage) -> None:
    class Full:
        """A database that does not keep what becomes of postings while it is full."""

        full = True

        def __init__(self, db: Db) -> None:
            self._db = db

        async def put(self, sql: str, row: Args, *then: Step) -> None:
            if self.full and any("update place" in text for text, _ in ((sql, row), *then)):
                raise StorageError("the disk is full")
            await self._db.put(sql, row, *then)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._db, name)

    place = await add_place(stage.db, stage.clock)
    full = Full(stage.db)
    stage.publisher = Publisher(cast("Db", full), {"web": stage.chat}, DEFAULT, stage.clock)
    await stage.take(found())
    await stage.settle()
    assert stage.shown() == ["The night bus"]
    assert (await stage.state(1, place))[0] == "due"
    full.full = False
    await stage.settle(minutes=2)
    assert (await stage.state(1, place))[0] == "done"
    assert stage.shown() == ["The night bus"]
    assert stage.chat.calls == ["send"]
