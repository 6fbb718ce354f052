"""`/place …`: who may set up which channel, what is checked, and what removing leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.house import House
from core.chat import Caller, Person, Place
from core.errors import Refusal
from core.message import to_text
from core.placing import check_place, quiet_hours
from storage import acts, places, postings, queueing, sources
from storage.db import Db, Tx
from tests.conftest import SetClock, add_place, found
from tests.newsroom import MODERATOR, READER, Newsroom, meanwhile
from tests.test_why import house, take, verb  # noqa: F401

HOST = Caller(
    platform="discord", person=Person(id="h1", name="Hana"), channel="11", community="g1",
    roles=frozenset({"reader", "host"}),
)  # fmt: skip
ADMIN = replace(HOST, person=Person(id="a1", name="Ada"), community="g9", channel="91", roles=frozenset({"admin"}))
SHELL = Caller(platform="shell", person=Person(id="shell"), roles=frozenset({"admin"}))


async def place(db: Db, channel: str, platform: str = "discord") -> Place | None:
    return await places.place_at(db, platform, channel)


async def test_a_host_adds_their_own_channel_and_sets_it(room: Newsroom) -> None:
    text = await room.text('/place add topics:"OpenAI、地方" layout:thread language:ja quiet:22:00-07:00 cap:3', HOST)
    assert text.split("\n") == [
        "New pieces will be posted to discord:11.",
        'thread, ja, UTC, only topic:"OpenAI" OR topic:"地方", quiet 22:00-07:00, at most 3 a day',
        "There is no topic “OpenAI” yet; pieces come as soon as there is.",
        "There is no topic “地方” yet; pieces come as soon as there is.",
    ]
    added = await place(room.db, "11")
    assert added is not None
    assert (added.community, added.mention, added.quiet, added.cap) == ("g1", "", ("22:00", "07:00"), 3)
    changed = await room.text("/place set topics:all quiet:off cap:1000 mention:<@&77> name:news paused:yes", HOST)
    assert changed.split("\n") == [
        "Changed: news (discord:11).",
        "thread, ja, UTC, mentions a role, PAUSED: by hand",
    ]
    changed = await room.text("/place set mention:g1 paused:no", HOST)  # the server's own id is @everyone
    assert changed.endswith("thread, ja, UTC")
    assert "news (discord:11): thread, ja, UTC" in await room.text("/place list", HOST)
    log = await room.text("/mod log", MODERATOR)
    assert "discord:h1 (Hana) place add discord:11" in log
    assert "discord:h1 (Hana) place set discord:11" in log


async def test_a_host_keeps_to_their_community(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "21", platform="discord", community="g2")
    await add_place(room.db, room.clock, "31", platform="discord", community="")
    nowhere = replace(HOST, community="")
    for caller, line in (
        (HOST, "/place add channel:21"),
        (HOST, "/place set channel:21 cap:1"),
        (HOST, "/place remove channel:21"),
        (HOST, "/place set channel:discord:21 cap:1"),
        (HOST, "/place add channel:discord:22"),
        (HOST, "/place add channel:web:general"),
        (HOST, "/place remove channel:31"),
        (nowhere, "/place add channel:12"),
        (nowhere, "/place remove channel:31"),
    ):
        reply = await room.ask(line, caller)
        assert not reply.ok, line
        assert to_text(reply.message).endswith("is not of this community."), line
    assert "21" not in await room.text("/place list", HOST)
    for caller in (READER, MODERATOR):
        refused = to_text((await room.ask("/place list", caller)).message)
        assert refused == "Only admins and those who run this community can use `/place list`."


async def test_an_admin_of_the_publication_sets_up_any_place(room: Newsroom) -> None:
    await room.text("/place add", HOST)
    assert "at most 2 a day" in await room.text("/place set channel:11 cap:2", ADMIN)
    assert "web:board" in await room.text("/place add channel:web:board name:Board", SHELL)
    board = await place(room.db, "board", "web")
    assert board is not None
    assert board.community == "web"
    listed = await room.text("/place list", SHELL)
    assert "discord:11" in listed
    assert "Board (web:board): card, en, UTC" in listed
    refused = await room.ask("/place add", SHELL)
    assert to_text(refused.message) == "Which channel? Ask there, or name it with channel."


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/place add channel:web:x layout:forum", "layout 'forum': choose one of card, thread"),
        ("/place add channel:fax:x", "there is no platform 'fax'; there are: web, console, discord"),
        ("/place add zone:Asia/Tokio", "use an IANA name such as Asia/Tokyo"),
        ("/place add quiet:night", "quiet hours 'night': write FROM-TO"),
        ("/place add quiet:25:00-26:00", "'25:00' is no time of day"),
        ("/place add cap:-1", "cap: “-1” is less than 0"),
        ("/place add cap:1001", "cap: “1001” is more than 1000"),
        ("/place add language:fr", "“fr” is none of: en, ja"),
        ("/place add channel:web:x mention:5", "web has no roles to mention"),
        ('/place add topics:a"「b」『“＂', "Position 13"),
        ("/place set channel:99 cap:1", "discord:99 is no place. `/place add` makes it one."),
        ("/place remove channel:99", "discord:99 is no place."),
        ("/place add channel:taken", "discord:taken is a place already. `/place set` changes it."),
        ("/place set channel:taken", "Nothing to change"),
    ],
)
async def test_what_can_not_be_is_refused(room: Newsroom, line: str, sentence: str) -> None:
    await add_place(room.db, room.clock, "taken", platform="discord", community="g9")
    reply = await room.ask(line, ADMIN)
    assert not reply.ok
    assert sentence in to_text(reply.message)
    japanese = await room.ask(line, replace(ADMIN, language="ja"))
    assert not japanese.ok
    assert sentence not in to_text(japanese.message)


async def test_what_another_set_meanwhile_stands(room: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    await room.text("/place add channel:11 quiet:22:00-07:00", HOST)
    others = {"name": "news", "filter": "word:bus", "paused": "no permission", "quiet_from": "23:00", "cap": 2}
    meanwhile(monkeypatch, room.db, lambda tx: places.change(tx, ("discord", "11"), **others))
    reply = await room.desk.ask(HOST, "/place set cap:3 language:ja")
    told = "ja, UTC, only word:bus, quiet 23:00-07:00, at most 3 a day, PAUSED: no permission"
    assert to_text(reply.message).split("\n") == ["Changed: news (discord:11).", f"card, {told}"]
    changed = await place(room.db, "11")
    assert changed is not None
    assert (changed.name, changed.filter, changed.paused, changed.quiet, changed.cap, changed.language) == (
        "news", "word:bus", "no permission", ("23:00", "07:00"), 3, "ja",
    )  # fmt: skip
    (act, _) = await acts.acts(room.db, "discord:11")
    assert (act.act, act.before) == ("place set", f"card, {told.replace('ja', 'en').replace('3 a day', '2 a day')}")


async def test_the_shell_sets_what_is_given_and_nothing_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    await verb(house, "place add", address="web:general", quiet="22:00-07:00")
    held = await take(house, found(), state="held")
    units: list[Tx] = []

    async def other(tx: Tx) -> None:
        units.append(tx)
        await places.change(tx, ("web", "general"), name="news", cap=2)

    meanwhile(monkeypatch, house.db, other)
    for wrong, sentence in (({}, "nothing to change"), ({"layout": "forum"}, "choose one of card")):
        with pytest.raises(Refusal, match=sentence):
            await verb(house, "place set", address="web:general", **wrong)
    units.clear()
    more = {"layout": "queue", "review": True, "quiet": "off", "audience": "community"}
    changed = await verb(house, "place set", address="web:general", **more)
    assert {key: changed[key] for key in ("name", "cap", "layout", "review", "quiet")} == {
        "name": "news", "cap": 2, "layout": "queue", "review": True, "quiet": None,
    }  # fmt: skip
    assert len(units) == 1, "who dies leaves all or nothing"
    assert len(await postings.of_subject(house.db, queueing.SUBJECT, held)) == 1
    assert [row["audience"] for row in await house.db.read("select audience from place")] == ["community"]


@pytest.mark.parametrize(
    ("other", "line", "sentence"),
    [
        ({"community": "g2"}, "cap:3", "is not of this community"),
        ({"layout": "card"}, "layout:queue", "queue"),
        ({"paused": "removed"}, "cap:3", "is no place"),
        ({"cap": 3}, "cap:3", "Nothing to change"),
    ],
)
async def test_what_may_be_set_is_asked_of_the_place_as_it_is_then(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any], line: str, sentence: str
) -> None:
    await add_place(room.db, room.clock, "11", platform="discord", community="g1", layout="queue")
    meanwhile(monkeypatch, room.db, lambda tx: places.change(tx, ("discord", "11"), **other))
    reply = await room.desk.ask(HOST, f"/place set {line}")
    assert not reply.ok
    assert sentence in to_text(reply.message)


async def test_who_was_away_is_purged_though_another_thing_was_set(room: Newsroom) -> None:
    """That the bot was removed there is taken back by whoever says that it goes on, and by nothing else."""
    await room.text("/place add channel:11", HOST)
    await room.db.write(lambda tx: tx.run("update place set left_at=7"))
    for line, left in (("cap:3", 7), ("paused:yes", None)):
        await room.text(f"/place set {line}", HOST)
        rows = await room.db.read("select left_at from place where channel='11'")
        assert rows[0]["left_at"] == left


async def test_a_place_that_showed_nothing_is_forgotten(room: Newsroom) -> None:
    await room.text("/place add", HOST)
    assert "nothing is left behind" in await room.text("/place remove", HOST)
    assert await place(room.db, "11") is None
    assert "There is no place here yet" in await room.text("/place list", HOST)
    assert "New pieces will be posted" in await room.text("/place add", HOST)


async def test_what_was_posted_stays_when_its_place_is_removed_and_taken_up_again(room: Newsroom) -> None:
    web = replace(SHELL, platform="web", channel="general", community="web")
    bus = await room.publish(found())
    assert "stays as it is" in await room.text("/place remove", web)
    await room.publish(found("library", title="The library"))
    assert len(room.chat.room.entries("general")) == 1
    assert not (await room.ask("/place set cap:1", web)).ok
    assert "general" not in await room.text("/place list", web)
    await room.text(f"/mod retract {bus} sure:yes", MODERATOR)
    again = await room.text("/place add cap:5", web)
    assert again.split("\n") == [
        "web:general is a place again. What was posted there before is kept up to date; new pieces follow.",
        "card, en, UTC, at most 5 a day",
    ]
    (entry,) = room.chat.room.entries("general")  # the library came meanwhile, and is not news any more
    assert entry.message is not None
    assert to_text(entry.message).startswith("Withdrawn: The night bus")
    await room.publish(found("tram", title="The tram"))
    assert len(room.chat.room.entries("general")) == 2


async def test_what_waited_at_a_removed_place_is_not_posted_later(room: Newsroom) -> None:
    await room.text("/place add channel:web:late", SHELL)
    await room.text("/place set channel:web:late paused:yes", SHELL)
    await room.publish(found())
    await room.db.write(
        lambda tx: tx.run("update place set lease_until=1e18 where channel='late'")
    )  # somebody is at it
    await room.text("/place remove channel:web:late", SHELL)
    await room.db.write(lambda tx: tx.run("update place set lease_until=0 where channel='late'"))
    assert "is a place again" in await room.text("/place add channel:web:late", SHELL)
    await room.publisher.settle_all()
    assert not room.chat.room.entries("late")


async def test_a_source_that_is_limited_to_a_removed_place_does_not_post_everywhere(room: Newsroom) -> None:
    await room.text("/place add channel:web:only", SHELL)
    only = await place(room.db, "only", "web")
    assert only is not None

    async def work(tx: Tx) -> None:
        await sources.add_source(
            tx, kind="feed", address="http://feed", title="", text_mode="full", review=False, places=(only.id,),
            now=room.clock(),
        )  # fmt: skip

    await room.db.write(work)
    await room.text("/place remove channel:web:only", SHELL)
    assert await place(room.db, "only", "web") is not None


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("22:00-07:00", ("22:00", "07:00")),
        ("２２：００～０７：００", ("22:00", "07:00")),
        ("off", None),
        ("", None),
    ],
)
def test_quiet_hours(text: str, hours: tuple[str, str] | None) -> None:
    assert quiet_hours(text) == hours


def test_layouts_by_platform(clock: SetClock) -> None:
    def at(platform: str, layout: Any) -> Place:
        return Place(id=0, platform=platform, channel="x", layout=layout)

    for layout in ("card", "thread", "forum", "follow"):
        check_place(at("discord", layout))
    for platform in ("web", "console"):
        check_place(at(platform, "card"))
        check_place(at(platform, "thread"))
        for layout in ("forum", "follow"):
            with pytest.raises(Refusal, match="choose one of card, thread"):
                check_place(at(platform, layout))
