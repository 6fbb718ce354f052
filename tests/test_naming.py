"""Topics are made, named, merged and re-tagged from chat; what can't be undone is shown and confirmed first."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.sorting import Sorter
from core.chat import Person
from core.message import Reply, to_text
from storage import acts, editions, pieces, places, topics
from tests.conftest import add_place, found
from tests.newsroom import MODERATOR, READER, Newsroom, thoughtless

KIM = replace(MODERATOR, person=Person(id="m2", name="Kim"))


async def about(room: Newsroom, number: int) -> list[str]:
    piece = await pieces.piece(room.db, number)
    assert piece is not None
    return sorted(one.name("en") for one in piece.topics)


async def press(room: Newsroom, line: str, who: object = MODERATOR) -> Reply:
    reply = await room.ask(line, MODERATOR)
    assert reply.ok, to_text(reply.message)
    (button,) = reply.message.actions
    assert len(button.id) <= 100
    assert button.id.isascii()
    pressed = await room.desk.press(who, button.id, None)  # type: ignore[arg-type]
    assert isinstance(pressed, Reply)
    await room.publisher.settle_all()
    return pressed


async def test_topics_are_made_named_and_described(room: Newsroom) -> None:
    for line in (
        "/topic create Buses text:\"What runs at night\"", "/topic rename Buses バス language:ja",
        "/topic alias Buses Coach", "/topic describe Coach Night buses", "/topic rule バス word:bus OR author:Mo",
    ):  # fmt: skip
        await room.text(line, MODERATOR)
    listed = await room.text("/topic list", MODERATOR)
    assert "Buses (0) · Coach, バス · Night buses · word:bus OR author:Mo" in listed
    await room.text("/topic alias Buses Coach off:yes", MODERATOR)
    assert "Coach" not in await room.text("/topic list", MODERATOR)
    log = [(one.act, one.before, one.after) for one in await acts.acts(room.db, "topic buses")]
    assert log == [
        ("topic alias", "Coach", ""), ("topic rule", "", "word:bus OR author:Mo"),
        ("topic describe", "What runs at night", "Night buses"), ("topic alias", "", "Coach"),
        ("topic rename", "Buses", "バス"), ("topic create", "", "Buses"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["/topic create Buses", "/topic create バス", "/topic create a,b", "/topic alias Books Buses",
     "/topic create \" \"", "/topic rename Books BUSES", "/topic rule Buses (word:", "/topic merge Buses バス",
     "/topic retag Buses Books",
     "/topic alias Buses Buses off:yes", f"/topic create {'x' * 61}"],
)  # fmt: skip
async def test_what_can_not_be_is_refused_and_leaves_nothing(room: Newsroom, line: str) -> None:
    for made in ("/topic create Buses", "/topic alias Buses バス", "/topic create Books"):
        await room.text(made, MODERATOR)
    before = len(await acts.acts(room.db))
    assert not (await room.ask(line, MODERATOR)).ok
    assert len(await acts.acts(room.db)) == before


async def test_two_topics_become_one_after_a_look(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "buses", filter="topic:Buses")
    await room.text("/topic create Buses", MODERATOR)
    bus = await room.publish(found(tags=("Coaches",)))
    await room.text("/follow Coaches")
    assert not room.chat.room.entries("buses")
    await room.text("/digest-schedule add hour:9 topics:Coaches,Buses", MODERATOR)
    asked = await room.ask("/topic merge Coaches Buses", MODERATOR)
    assert "1 piece and 1 follower" in to_text(asked.message)
    assert await about(room, bus) == ["Coaches"]  # only asked yet
    assert not (await press(room, "/topic merge Coaches Buses", READER)).ok
    assert (await press(room, "/topic merge Coaches Buses")).ok
    assert await about(room, bus) == ["Buses"]
    assert len(room.chat.room.entries("buses")) == 1
    assert "The night bus" in await room.text("/digest topic:Coaches")
    (schedule,) = await editions.of_place(room.db, 1)
    assert schedule.topics == ("buses",)
    again = await room.desk.press(MODERATOR, asked.message.actions[0].id, None)
    assert isinstance(again, Reply)
    assert not again.ok
    assert [one.act for one in await acts.acts(room.db, "topic buses")] == ["topic merge", "topic create"]


async def filter_of(room: Newsroom, channel: str) -> str:
    place = await places.place_at(room.db, "web", channel)
    assert place is not None
    return place.filter


async def test_places_say_a_topic_by_the_name_that_it_has_now(room: Newsroom) -> None:
    for name in ("Buses", "Coaches", "Trams"):
        await room.text(f"/topic create {name}", MODERATOR)
    await room.text("/topic alias Coaches 高速バス", MODERATOR)
    await room.text('/topic rule Trams text:"topic:Coaches OR word:tram"', MODERATOR)
    filters = {
        "both": "topic:Coaches OR topic:Buses", "alias": "（トピック：「高速バス」 -word:Coaches） OR author:Coaches",
        "other": "topic:Trams",
    }  # fmt: skip
    for channel, filter_ in filters.items():
        await add_place(room.db, room.clock, channel, filter=filter_)
    assert (await press(room, "/topic merge Coaches Buses")).ok
    assert {name: await filter_of(room, name) for name in filters} == filters | {
        "both": "topic:Buses", "alias": '（トピック："Buses" -word:Coaches） OR author:Coaches',
    }  # fmt: skip
    assert 'topic:"Buses" OR word:tram' in await room.text("/topic list", MODERATOR)
    (act,) = await acts.acts(room.db, "web:both")
    assert (act.act, act.before, act.after) == ("place set", filters["both"], "topic:Buses")
    assert (act.name, act.reason) == ("Mo", "/topic merge")
    await room.text('/topic rename Buses 「Night "owls"」', MODERATOR)
    assert await filter_of(room, "both") == 'topic:「Night "owls"」'
    await room.text("/topic rename Buses バス language:ja", MODERATOR)
    assert await filter_of(room, "both") == 'topic:「Night "owls"」', "it had no name in that language"
    await room.publish(found(tags=("Coaches",)))
    assert len(room.chat.room.entries("both")) == 1


async def test_what_a_topic_took_by_its_rule_comes_to_the_one_that_it_became(room: Newsroom) -> None:
    for name, rule in (("Buses", "word:bus"), ("Coaches", "word:coach -word:trainer"), ("Night", "")):
        await room.text(f"/topic create {name}", MODERATOR)
        await room.text(f"/topic rule {name} {rule}", MODERATOR)
    coach = await room.publish(found("c", title="The coach is late"))
    asked = await room.ask("/topic merge Coaches Buses", replace(MODERATOR, language="ja"))
    assert "その規則に当てはまる記事も、そこに入ります。word:coach -word:trainer" in to_text(asked.message)
    asked = await room.ask("/topic merge Coaches Buses", MODERATOR)
    assert "What its rule takes goes there too: word:coach -word:trainer" in to_text(asked.message)
    await room.text("/topic rule Coaches word:coach", MODERATOR)  # which counts, not what was shown
    assert (await room.desk.press(MODERATOR, asked.message.actions[0].id, None)).ok  # type: ignore[union-attr]
    assert "Buses (1) · Coaches · word:bus OR word:coach" in await room.text("/topic list", MODERATOR)
    act = next(one for one in await acts.acts(room.db, "topic buses") if one.act == "topic rule")
    assert (act.before, act.after, act.reason) == ("word:bus", "word:bus OR word:coach", "/topic merge")
    new = await room.publish(found("d", title="Another coach"))
    while await Sorter(room.db, thoughtless, room.clock, room.publisher.wake).some():
        room.clock.move(days=1)
    assert [await about(room, one) for one in (coach, new)] == [["Buses"], ["Buses"]]
    assert (await press(room, "/topic merge Buses Night")).ok
    assert "Night (2) · Buses, Coaches · word:bus OR word:coach" in await room.text("/topic list", MODERATOR)
    await room.text("/topic create Trams", MODERATOR)
    assert "rule" not in to_text((await room.ask("/topic merge Trams Night", MODERATOR)).message)
    assert (await press(room, "/topic merge Trams Night")).ok
    assert "word:bus OR word:coach" in await room.text("/topic list", MODERATOR)


async def test_topics_whose_rules_are_too_long_together_stay_two(room: Newsroom) -> None:
    for name in ("Buses", "Coaches"):
        await room.text(f"/topic create {name}", MODERATOR)
        await room.text(f"/topic rule {name} {' OR '.join(f'word:{name}{n}' for n in range(99))}", MODERATOR)
    assert "at most 2000 characters" in to_text((await room.ask("/topic merge Coaches Buses", MODERATOR)).message)
    ids = [await topics.owner(room.db, name) for name in ("Coaches", "Buses")]
    pressed = await room.desk.press(MODERATOR, f"v1:topic-merge:{ids[0]}:{ids[1]}", None)
    assert isinstance(pressed, Reply)
    assert not pressed.ok
    assert await topics.owner(room.db, "Coaches") == ids[0]


async def test_many_pieces_are_retagged_as_the_preview_said(room: Newsroom) -> None:
    await room.text("/topic create Transit", MODERATOR)
    numbers = [await room.publish(found(f"p{n}", title=f"Piece {n}", tags=("Buses", "Night"))) for n in range(14)]
    shown = await room.ask("/topic retag Buses Transit", MODERATOR)
    assert "#14 Piece 13: Buses, Night → Night, Transit" in to_text(shown.message)
    assert [one.label for one in shown.message.actions] == ["Apply to 14 pieces"]
    late = await room.publish(found("late", title="Late", tags=("Buses",)))
    stale = await room.desk.press(MODERATOR, shown.message.actions[0].id, None)
    assert isinstance(stale, Reply)
    assert "changed meanwhile" in to_text(stale.message)  # what was not shown is not done
    assert await about(room, numbers[0]) == ["Buses", "Night"]
    shown = await room.ask("/topic retag Buses Transit", MODERATOR)
    both = await asyncio.gather(*(room.desk.press(who, shown.message.actions[0].id, None) for who in (MODERATOR, KIM)))
    assert sorted(one.ok for one in both if isinstance(one, Reply)) == [False, True]
    assert await about(room, numbers[0]) == ["Night", "Transit"]
    assert await about(room, late) == ["Transit"]
    (act,) = await acts.acts(room.db, f"#{numbers[0]}")
    assert (act.before, act.after) == ("Buses, Night", "Night, Transit")
    await room.text(f"/mod undo {act.number}", MODERATOR)
    assert await about(room, numbers[0]) == ["Buses", "Night"]
