"""Moderators of one place: what they may do is there, and nowhere else; whatever they were is asked again each time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from commands.registry import CURATING
from core.chat import Caller, Person, Place
from core.errors import Refusal
from core.message import Action, Reply, to_text
from core.pieces import Piece
from core.placing import moderators_in
from storage import comments, pieces, places, postings
from tests.conftest import SetClock, add_place, change_place, found
from tests.newsroom import MODERATOR, READER, Newsroom, meanwhile

LOCAL = replace(READER, person=Person(id="l1", name="Lou"), known_as=frozenset({"l1", "role-7"}))
"""Who moderates `general`, once that names them."""


async def named(room: Newsroom, ids: str = "role-7 role-8", channel: str = "general", **more: Any) -> None:
    await change_place(room.db, ("web", channel), moderators=ids, **more)


async def two_places(room: Newsroom, **settings: Any) -> int:
    """A piece at `general` and at `annex`, a comment at each: 1 and 2. `general` has moderators of its own."""
    await named(room, **settings)
    await add_place(room.db, room.clock, "annex", review=bool(settings))
    number = await room.publish(found())
    if not settings:
        await room.say("r1", await room.anchor(number), "cheap watches", name="w91")
        await room.say("r2", await room.anchor(number, "annex"), "dear watches", name="w92", channel="annex")
        await room.ears.fold_all()
    return number


async def refused(room: Newsroom, line: str, caller: Caller = LOCAL) -> str:
    reply = await room.ask(line, caller)
    assert not reply.ok, to_text(reply.message)
    return to_text(reply.message)


async def test_comments_of_their_place_are_theirs_and_no_others(room: Newsroom) -> None:
    number = await two_places(room)
    assert "cheap" in (listed := await room.text(f"/mod comments {number}", LOCAL))
    assert "dear" not in listed
    await room.text("/mod hide 1", LOCAL)
    await room.text("/mod hide 1 undo:yes", LOCAL)
    await room.text("/mod feature comment:1", LOCAL)
    elsewhere = "That is not only at the places that you moderate."
    assert [await refused(room, line) for line in ("/mod hide 2", "/mod feature comment:2")] == [elsewhere] * 2
    at_annex = replace(LOCAL, channel="annex")  # where they stand gives them nothing, nor takes it away
    assert await refused(room, "/mod hide 2", at_annex) == elsewhere
    assert not (await room.desk.point(at_annex, "Hide", "w92")).ok
    assert (await room.desk.point(LOCAL, "Hide", "w91")).ok
    shown = await comments.shown(room.db, [1, 2])
    assert list(shown) == [2]
    assert "/mod hide" in [one.value for one in await room.desk.complete(LOCAL, "", "", "/mod hi")]
    assert await room.desk.complete(READER, "", "", "/mod hi") == []


async def test_what_came_elsewhere_meanwhile_is_theirs_no_more(
    room: Newsroom, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece gets a second place after it was looked at and before the transaction that does something to it."""
    await named(room)
    number = await room.publish(found())
    annex = await add_place(room.db, clock, "annex", filter="topic:nothing")
    asked = await room.ask(f"/mod retract #{number}", LOCAL)
    (button,) = asked.message.actions
    assert isinstance(button, Action)
    before = await piece(room, number)
    meanwhile(monkeypatch, room.db, lambda tx: postings.want(tx, annex.id, "piece", number, due=clock(), now=clock()))
    for line in (f"feature #{number}", f"correct #{number}", f"retract #{number} sure:yes"):
        assert "not only at the places" in to_text((await room.desk.ask(LOCAL, f"/mod {line}")).message), line
    assert not (await room.desk.submit(LOCAL, button.id, {"reason": "mine"}, None)).ok
    assert not (await room.desk.point(LOCAL, "Feature", await room.anchor(number))).ok
    assert await piece(room, number) == before
    assert (await room.desk.ask(MODERATOR, f"/mod feature #{number}")).ok


async def test_tickets_are_shown_of_their_place(room: Newsroom) -> None:
    await two_places(room)
    for channel, anchor in (("general", "w91"), ("annex", "w92")):
        assert (await room.desk.point(replace(READER, channel=channel), "Report", anchor)).ok
    text = await room.text("/mod tickets", LOCAL)
    assert ("cheap" in text, "dear" in text) == (True, False)
    await room.text("/mod hide 1", LOCAL)  # which closes its ticket
    assert "cheap" not in await room.text("/mod tickets", LOCAL)
    assert "dear" in await room.text("/mod tickets", MODERATOR)


async def test_tickets_of_their_place_are_decided_by_them(room: Newsroom) -> None:
    number = await two_places(room)
    for channel, anchor in (("general", "w91"), ("annex", "w92"), ("general", await room.anchor(number))):
        assert (await room.desk.point(replace(READER, channel=channel), "Report", anchor)).ok
    own = await room.ask("/mod tickets number:1", LOCAL)
    _, dismiss = own.message.actions
    assert "cheap" in to_text(own.message)
    assert isinstance(dismiss, Action)
    for other in (2, 3):  # at another place, and on a piece
        assert "not only at the places" in await refused(room, f"/mod tickets number:{other}")
        for what in ("hide", "dismiss"):
            answer = await room.desk.press(LOCAL, f"v1:ticket:{other}:{what}", None)
            assert isinstance(answer, Reply)
            assert "not only at the places" in to_text(answer.message)
    assert "no ticket 9" in await refused(room, "/mod tickets number:9")
    pressed = await room.desk.press(LOCAL, dismiss.id, None)
    assert isinstance(pressed, Reply)
    assert pressed.ok
    shown = await room.ask("/mod tickets number:1", MODERATOR)
    assert "Dismissed by Lou" in to_text(shown.message)
    assert not shown.message.actions
    assert (await room.ask("/mod tickets number:2", MODERATOR)).message.actions


async def test_help_names_what_they_may_use_there(room: Newsroom) -> None:
    await named(room)
    text = await room.text("/help", LOCAL)
    assert ("/mod hide" in text, "/mod tag" in text) == (True, False)
    assert "undo" in await room.text('/help "mod hide"', LOCAL)
    assert "no command" in await refused(room, '/help "mod tag"')
    assert "/mod hide" not in await room.text("/help")
    assert "no command" in await refused(room, '/help "mod hide"', READER)


async def test_help_asks_once_for_all_commands(room: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    await named(room)
    asked, read = [], room.db.read

    async def counted(sql: str, *args: Any) -> Any:
        asked.append(sql)
        return await read(sql, *args)

    monkeypatch.setattr(room.db, "read", counted)
    assert (await room.desk.ask(LOCAL, "/help")).ok
    assert len([sql for sql in asked if "moderators" in sql]) == 1


async def test_completion_offers_hidden_comments_of_their_place_only(room: Newsroom) -> None:
    await two_places(room)
    for channel in ("general", "annex"):
        await change_place(room.db, ("web", channel), audience="community")
    writer = replace(READER, roles=frozenset({"reader", "author"}))

    async def offered(caller: Caller, command: str) -> list[str]:
        return [one.value for one in await room.desk.complete(caller, command, "comment", "")]

    assert await offered(writer, "mod answer") == ["2", "1"]
    for number in (1, 2):
        await room.text(f"/mod hide {number}", MODERATOR)
    assert await offered(LOCAL, "mod hide") == ["1"]
    assert await offered(writer, "mod answer") == []
    assert await offered(MODERATOR, "mod hide") == ["2", "1"]


async def test_a_piece_is_theirs_if_it_is_nowhere_else(room: Newsroom) -> None:
    both = await two_places(room)
    await change_place(room.db, ("web", "annex"), filter="topic:nothing")
    alone = await room.publish(found("alone", title="Alone"))
    for name in ("retract", "feature", "correct"):
        await refused(room, f"/mod {name} #{both}")
    await room.text(f"/mod feature #{alone}", LOCAL)
    asked = await room.ask(f"/mod retract #{alone}", LOCAL)
    (button,) = asked.message.actions
    assert isinstance(button, Action)
    assert not (await room.desk.submit(READER, button.id, {}, None)).ok
    assert (await room.desk.submit(LOCAL, button.id, {"reason": "mine"}, None)).ok
    await refused(room, f"/piece #{alone}", READER)
    await room.text(f"/mod restore #{alone}", LOCAL)
    other = button.id.replace((await piece(room, alone)).uid, (await piece(room, both)).uid)
    assert not (await room.desk.submit(LOCAL, other, {"reason": "not mine"}, None)).ok
    assert (await piece(room, both)).state == "published"


async def piece(room: Newsroom, number: int) -> Piece:
    one = await pieces.piece(room.db, number)
    assert one is not None
    return one


async def test_who_is_forgotten_moderates_nothing_and_no_log_names_them(room: Newsroom) -> None:
    there = replace(READER, platform="discord", community="123456789012345670", channel="11")
    admin = replace(there, roles=frozenset({"admin"}))
    lou, mia = "223456789012345678", "323456789012345678"
    for channel in ("11", "12"):
        await add_place(room.db, room.clock, channel, platform="discord", community=there.community)
        await room.text(f"/place set channel:{channel} moderators:<@{lou}>,<@{mia}>", admin)
    mine = replace(there, person=Person(id=lou, name="Lou"), known_as=frozenset({lou}))
    assert "discord:11" in await room.text("/my-data", mine)
    assert "discord:11" not in await room.text("/my-data", replace(mine, person=Person(id="423456789012345678")))
    assert (await room.desk.press(replace(mine, platform="slack"), "v1:forget-me:yes", None)) is not None
    assert {place.moderators for place in await places.all_places(room.db)} == {(), (lou, mia)}
    forgotten = await room.desk.press(mine, "v1:forget-me:yes", None)
    assert isinstance(forgotten, Reply)
    assert forgotten.ok
    assert {place.moderators for place in await places.all_places(room.db)} == {(), (mia,)}
    assert "Only" in await refused(room, "/mod queue", mine)
    for table in ("act", "act_of", "person"):
        for row in await room.db.read(f"select * from {table}"):
            assert lou not in repr([*row]), table
    log = await room.text("/mod log", MODERATOR)
    assert f"moderators ~{room.db.whose('discord', lou)[:8]}, ~{room.db.whose('discord', mia)[:8]}" in log


async def test_who_lost_the_role_or_asks_from_elsewhere_does_nothing(room: Newsroom) -> None:
    await two_places(room)
    for nobody in (
        replace(LOCAL, known_as=frozenset()),
        replace(LOCAL, known_as=frozenset({"role-70", "role"})),
        replace(LOCAL, community="other"),
        replace(LOCAL, platform="discord"),
    ):
        assert "Only" in await refused(room, "/mod hide 1", nobody)
    await change_place(room.db, ("web", "general"), moderators="")
    assert "Only" in await refused(room, "/mod hide 1")


async def test_they_decide_what_waits_at_their_place_for_that_place(room: Newsroom) -> None:
    number = await two_places(room, review=1)
    for name in ("gazette", "herald"):
        await add_place(room.db, room.clock, name, review=True, filter="topic:nothing")
    assert await room.text("/mod queue", LOCAL) != await room.text("/mod queue", MODERATOR)
    assert "goes out to 1 place" in await room.text(f"/mod approve {number}", LOCAL)
    states = await room.db.read("select place_id, state from posting where subject='piece' order by place_id")
    assert [row["state"] for row in states] == ["done", "review"]
    assert "Approved for their place by Lou" in await refused(room, f"/mod approve {number}")
    assert "1 place" in await room.text(f"/mod reject {number}", MODERATOR)
    held = await room.publish(found("next", title="Next"))
    await room.text(f"/mod reject {held} reason:late", LOCAL)
    assert "goes out to 1 place" in await room.text(f"/mod approve {held}", MODERATOR)
    assert (await piece(room, held)).state == "published"


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_a_place_that_is_theirs_no_more_is_not_decided_for(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch, decision: str
) -> None:
    number = await two_places(room, review=1)
    await named(room, channel="annex")
    meanwhile(monkeypatch, room.db, lambda tx: places.change(tx, ("web", "annex"), moderators=""))
    assert (await room.desk.ask(LOCAL, f"/mod {decision} {number}")).ok
    waiting = [one.place for one in await postings.of_subject(room.db, "piece", number) if one.state == "review"]
    annex = await places.place_at(room.db, "web", "annex")
    assert annex is not None
    assert waiting == [annex.id]
    log = await room.text(f"/mod log piece:#{number}", MODERATOR)
    assert f"{decision} here #{number}: review → web:general" in log


async def test_not_a_row_of_another_place_changes(room: Newsroom) -> None:
    """Every command and every kind of button, by who moderates another place of the same community."""
    number = await room.publish(found())
    await room.say("r1", await room.anchor(number), "cheap watches", name="w91")
    await room.text(f"/mod tag #{number} add:Transport", MODERATOR)
    assert (await room.desk.point(READER, "Report", "w91")).ok
    await add_place(room.db, room.clock, "annex")
    await named(room, channel="annex")
    uid = (await piece(room, number)).uid
    values = {
        "piece": f"#{number}", "comment": "1", "topic": "Transport", "into": "Transport", "channel": "general",
        "period": "all", "query": "watches", "number": "1", "yes": "yes", "words": "x", "text": "x", "role": "1",
    }  # fmt: skip
    tables = ("piece", "comment", "place", "posting", "topic", "topic_name", "piece_topic", "answer", "ticket",
              "hold_rule", "schedule", "source", "act")  # fmt: skip

    async def rows() -> list[list[tuple[object, ...]]]:
        return [[tuple(row) for row in await room.db.read(f"select * from {one}")] for one in tables]

    before = await rows()
    for spec in room.desk.commands():
        if spec.on == "line" and spec.name not in ("follow", "unfollow", "opt-out", "opt-in", "forget-me"):
            given = {one.name: values.get(one.kind, one.choices[0] if one.choices else "1") for one in spec.options}
            await room.desk.call(LOCAL, spec.name, given)
            some = {one.name: given[one.name] for one in spec.options if one.required or one.name == "channel"}
            await room.desk.call(LOCAL, spec.name, some)
    for kind in CURATING:
        for action in (f"v1:{kind}:{uid}:approve", f"v1:{kind}:1:hide", f"v1:{kind}:1:2", f"v1:{kind}:1"):
            assert not getattr(await room.desk.press(LOCAL, action, None), "ok", False)
            assert not (await room.desk.submit(LOCAL, action, {"text": "x", "reason": "x"}, None)).ok
    for name in ("Feature", "Hide"):
        assert not (await room.desk.point(LOCAL, name, "w91")).ok
    assert await rows() == before


async def test_admins_name_them(room: Newsroom) -> None:
    admin = Caller(
        platform="discord", person=Person(id="a1", name="Ada"), channel="11", community="g1", roles=frozenset({"admin"})
    )
    host = replace(admin, roles=frozenset({"host"}))
    await add_place(room.db, room.clock, "11", platform="discord", community="g1")
    assert "Only admins" in await refused(room, "/place set moderators:123456789012345678", host)
    said = await room.text(
        "/place set moderators:<@&123456789012345678><@223456789012345678>、323456789012345678", admin
    )
    assert "moderators 123456789012345678, 223456789012345678, 323456789012345678" in said
    assert "no person" in await refused(room, "/place set moderators:everyone", admin)
    assert "moderators" not in await room.text("/place set moderators:none", admin)


def test_ids_are_read_as_platforms_write_them() -> None:
    guild = "123456789012345678"
    discord = Place(id=1, platform="discord", channel="1", community=guild)
    slack = replace(discord, platform="slack")
    assert moderators_in("<@U0MIKA123|mika> <!subteam^S0DESK123|@desk>, W0ADA1234", slack) == (
        "U0MIKA123", "S0DESK123", "W0ADA1234",
    )  # fmt: skip
    for place, text in ((discord, guild), (discord, "@everyone"), (slack, "@mika"), (slack, "C0CHANNEL")):
        with pytest.raises(Refusal):
            moderators_in(text, place)
    with pytest.raises(Refusal):
        moderators_in("mika", replace(discord, platform="web"))
