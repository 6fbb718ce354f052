"""Why something was or was not posted: one sentence a place, from the rules that the real run uses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import ingest
from bot.environment import load
from bot.house import House
from bot.sample import load_sample
from bot.verbs import VERBS
from bot.why import why
from core.chat import Place
from core.errors import Refusal
from core.pieces import Found, PieceState
from storage import places, sources
from storage.db import Tx
from tests.conftest import SetClock, found


@pytest.fixture
async def house(tmp_path: Path, clock: SetClock) -> AsyncIterator[House]:
    settings = load({"RONDAN_DATABASE": str(tmp_path / "r.db"), "RONDAN_FEED_ALLOW_PRIVATE": "1"}, tmp_path / ".env")
    async with House(settings, clock) as open_:
        yield open_


async def verb(house: House, name: str, **args: Any) -> Any:
    return await VERBS[name](house, args, lambda _text: None)


async def take(
    house: House, item: Found, *, feed: str = "https://pub.example/feed", state: PieceState = "published"
) -> int:
    """An item of a feed that was looked at before."""

    async def work(tx: Tx) -> int:
        source = await sources.ensure_source(
            tx, kind="feed", address=feed, title="", text_mode="full", now=house.clock()
        )
        return (await ingest.take(tx, source, item, now=house.clock(), state=state)).piece or 0

    return await house.db.write(work)


async def said(house: House, asked: str, channel: str = "general") -> tuple[str, str]:
    """The verdict and its reason for one place."""
    story = await why(house, asked)
    (entry,) = [one for one in story.places if one["place"].endswith(f":{channel}")]
    return entry["verdict"], entry["because"]


async def test_posted_waiting_filtered_capped_and_too_late(house: House, clock: SetClock) -> None:
    await verb(house, "place add", address="web:general")
    await verb(house, "place add", address="web:japanese", filter="language:ja")
    await verb(house, "place add", address="web:quiet", quiet="08:00-10:00")
    await verb(house, "place add", address="web:none", cap=0)
    await take(house, found(url="https://pub.example/bus"))
    assert await said(house, "1") == ("due", "it is posted as soon as the bot runs")
    await house.publisher.settle_all()
    await verb(house, "place add", address="web:later")
    for asked in ("1", "#1", "night bus", "https://pub.example/bus/?utm_source=x"):
        assert await said(house, asked) == ("posted", "shown in 1 message")
    assert await said(house, "1", "japanese") == ("filtered", "language:ja does not match (en)")
    assert await said(house, "1", "quiet") == ("waiting", "quiet hours until 10:00 UTC")
    verdict, because = await said(house, "1", "none")
    assert (verdict, because[:24]) == ("skipped", "over the cap of 0 a day:")
    assert await said(house, "1", "later") == (
        "not posted", "the place was added later; `rondan backfill --place web:later` posts the newest there",
    )  # fmt: skip
    await verb(house, "backfill", place="web:later", last=3)
    assert (await said(house, "1", "later"))[0] == "due"
    clock.move(hours=2)
    await house.publisher.settle_all()
    assert await said(house, "1", "quiet") == ("posted", "shown in 1 message")


async def test_before_it_was_tried_the_rules_are_asked(house: House, clock: SetClock) -> None:
    await verb(house, "place add", address="web:quiet", quiet="08:00-10:00")
    await verb(house, "place add", address="web:none", cap=0)
    await take(house, found(embargo=None))
    assert await said(house, "1", "quiet") == ("waiting", "quiet hours until 10:00 UTC")
    assert await said(house, "1", "none") == ("capped", "over the cap of 0 a day; it comes with others in one message")
    await take(house, found("second", embargo=clock() + timedelta(days=1)))
    assert await said(house, "2", "quiet") == ("waiting", "under embargo until 2026-11-21 09:00 UTC")


async def test_held_retracted_paused_and_off(house: House, clock: SetClock) -> None:
    await verb(house, "place add", address="web:general")
    held = await take(house, found("held", title="A held piece"), state="held")
    assert await said(house, str(held)) == ("held", "the piece is held")
    assert "a moderator must approve it" in (await why(house, "held piece")).text()
    assert await verb(house, "feed release", address="https://pub.example/feed") == {
        "feed": "https://pub.example/feed", "released": 1,
    }  # fmt: skip
    await verb(house, "place set", address="web:general", paused="renovation")
    assert (await said(house, "1"))[1].endswith("; the place is paused: renovation")
    await verb(house, "place set", address="web:general", paused="")
    await house.publisher.settle_all()
    assert (await verb(house, "ask", line="/mod retract 1 sure:yes", role="moderator", lang="en"))["ok"]
    await house.publisher.settle_all()
    assert (await why(house, "1")).what == "#1 “A held piece”: retracted, revision 3"
    await places.add_place(house.db, Place(id=0, platform="fax", channel="office"), "place", clock())
    await take(house, found("b", title="B"))
    assert (await said(house, "2", "office"))[1].endswith("; fax is off in these settings")


async def test_the_sample_is_for_the_playground_and_the_console_only(house: House, clock: SetClock) -> None:
    assert len(await load_sample(house)) == 6
    assert await load_sample(house) == []
    await places.add_place(house.db, Place(id=0, platform="fax", channel="office"), "place", clock())
    for number in range(1, 7):
        assert await said(house, str(number), "office") == (
            "filtered", "the sample publication is shown in the playground and the console only",
        )  # fmt: skip
    assert await verb(house, "backfill", place="fax:office", last=9) == []
    rows = await house.db.read("select distinct p.platform from posting o join place p on p.id=o.place_id")
    assert [row["platform"] for row in rows] == ["web"]


async def test_a_feed_that_can_not_be_read(house: House) -> None:
    address = "http://127.0.0.1:9/feed"
    added = await verb(house, "feed add", address=address)
    assert (added["error_code"], added["failures"], added["baseline"]) == ("refused", 1, None)
    assert "could not be connected to" in added["text"]
    story = (await why(house, address)).text()
    assert f"{address}: feed, no title yet" in story
    assert "last error (1 in a row): http://127.0.0.1:9/feed could not be connected to." in story
    assert "next look: 2026-11-20 09:" in story
    unseen = await why(house, "https://pub.example/unseen")
    assert unseen.what == "https://pub.example/unseen: never seen"
    assert unseen.lines == [f"feed {address} has an error: {added['error']}"]
    await verb(house, "feed set", address=address, paused="summer")
    assert "paused: summer" in (await why(house, address)).text()
    assert (await verb(house, "status"))["errors"] == [{"feed": address, "error": added["error"]}]


async def test_what_was_there_at_the_first_look(house: House, clock: SetClock) -> None:
    async def seen(tx: Tx) -> None:
        source = await sources.add_source(
            tx, kind="feed", address="https://pub.example/feed", title="The feed", text_mode="full", review=False,
            places=(), now=clock(),
        )  # fmt: skip
        await sources.mark_seen(tx, source.id, ["guid:7", "link:pub.example/old"], "1:x", None, clock())

    await house.db.write(seen)
    story = await why(house, "https://pub.example/old")
    assert story.what == "https://pub.example/old: seen before, not posted"
    assert "The feed showed it when it was first looked at" in story.lines[0]


async def test_a_piece_is_found_by_an_address_that_it_no_longer_has(house: House) -> None:
    await take(house, found(url="https://pub.example/old", identities=("guid:7", "link:pub.example/old")))
    moved = found(title="Moved", url="https://pub.example/new", identities=("guid:7", "link:pub.example/new"))
    await take(house, moved)
    for path in ("old", "new"):
        assert (await why(house, f"https://pub.example/{path}")).piece == 1


async def test_what_can_not_be_meant(house: House) -> None:
    await take(house, found("a", title="The night bus"))
    await take(house, found("b", title="The night train"))
    with pytest.raises(Refusal, match="there is no piece 99"):
        await why(house, "99")
    with pytest.raises(Refusal, match="#2 The night train"):
        await why(house, "night")
    assert (await why(house, "no such words")).what == "no such words: never seen"
    story = await why(house, "1")
    assert story.lines[-1] == "there is no place yet: `rondan place add web:general` makes one"
