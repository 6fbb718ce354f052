"""Nobody is shown a comment outside its audience, and who keeps one community touches nothing of another: every command
there is, asked by everybody, and every button that came of it, pressed by everybody.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.platforms.room import Room
from commands.registry import COMMANDS
from core.chat import Caller, Person
from core.commands import CommandSpec, Option
from core.message import Form, Message, Reply, message_to_json
from storage import comments, holding
from storage.db import Db
from tests.conftest import QuietRoom, SetClock, add_place, change_place, found
from tests.newsroom import MODERATOR, READER, Newsroom
from tests.test_digest_whole import think
from tests.test_gone import rows

PLACES = {"general": "web", "board": "web", "town": "x", "hall": "x", "far": "y"}
"""Channels and their communities."""
CALLERS = [
    *(replace(READER, person=Person(id=f"r-{name}"), channel=name, community=of) for name, of in PLACES.items()),
    replace(READER, person=Person(id="stray"), channel="elsewhere", community="x"),
    replace(READER, person=Person(id="nobody"), channel=None, community=""),
    replace(READER, person=Person(id="ana"), channel="town", community="x", roles=frozenset({"reader", "author"})),
    replace(READER, person=Person(id="hana"), channel="town", community="x", roles=frozenset({"reader", "host"})),
    replace(READER, person=Person(id="lou"), channel="hall", community="x", known_as=frozenset({"lou"})),
]
MODERATED = {"lou": "town"}  # by those who moderate one place


@pytest.fixture
async def world(db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Newsroom]:
    """Five places in three communities, a piece at each of them, two comments at each place, one of them hidden."""
    memory = Room(tmp_path / "room.jsonl")
    room = Newsroom(db, clock, QuietRoom("web", memory), think=think)
    for name, community in PLACES.items():
        await add_place(db, clock, name, community=community)
    await change_place(room.db, ("web", "town"), moderators="lou")
    number = await room.publish(found(tags=("Transport",)))
    room.clock.move(minutes=5)  # it was tried at a few places first
    await room.publisher.settle_all()
    for name in PLACES:
        anchor = await room.anchor(number, name)
        for n in range(2):
            text = f"Why does the bus number {said(name, n)} cost so much?"
            await room.say(f"{name}-{n}", anchor, text, name=f"{name}-{n}", channel=name)
        await room.react(f"{name}-0", anchor, "👍", channel=name)
    await room.ears.fold_all()
    for row in await room.db.read("select c.id from comment c where c.text like '%q1 %'"):
        await room.db.write(partial(comments.set_state, number=row["id"], state="hidden", now=clock()))
    yield room
    await memory.close()


def said(place: str, n: int) -> str:
    """A word of nobody else."""
    return f"{place}q{n}"


def lines(spec: CommandSpec) -> Iterator[dict[str, str]]:
    """Options for a command: what is required, and then each other one with each of its values."""
    needed = [option for option in spec.options if option.required]
    for chosen in itertools.product(*(values(option) for option in needed)):
        base = dict(zip((option.name for option in needed), chosen, strict=True))
        yield base
        for option in spec.options:
            if not option.required:
                for value in values(option):
                    yield base | {option.name: value}


def values(option: Option) -> tuple[str, ...]:
    match option.kind:
        case "topic":
            return ("Transport",)
        case "piece":
            return ("1",)
        case "comment":
            return ("1", "5", "10")
        case "period":
            return ("all", "week")
        case "number":
            return ("1", str(option.most or 3))
        case "yes":
            return ("yes",)
        case "choice":
            return option.choices
        case "channel":
            return tuple(PLACES)
        case "query":
            return ("bus", "in:comments number")
        case _:
            return ("18:00",)


async def test_completion_offers_nobody_what_is_not_for_them(world: Newsroom) -> None:
    audience = dict.fromkeys(PLACES, "community")
    for name in PLACES:
        await change_place(world.db, ("web", name), audience="community")
    for spec, caller in itertools.product(COMMANDS.values(), CALLERS):
        may = {word for word in _words() if _may(caller, word, audience)}
        for option in spec.options:
            offered = await world.desk.complete(caller, spec.name, option.name, "")
            told = {word for word in _words() for one in offered if f"number {word}" in one.label}
            assert told <= may, (caller.person.id, spec.name, told - may)
            if option.kind == "comment" and caller.person.id in ("ana", "lou") and offered:
                assert told == may, (caller.person.id, spec.name)


async def everything(room: Newsroom, callers: list[Caller]) -> AsyncIterator[tuple[Caller, str, str]]:
    """Whatever is asked and pressed, and what comes of it."""
    buttons: dict[str, None] = {}
    for spec in COMMANDS.values():
        for options, caller in itertools.product(lines(spec), callers):
            reply = await room.desk.call(caller, spec.name, options)
            buttons |= dict.fromkeys(action.id for action in reply.message.actions)
            yield caller, f"{spec.name} {options}", shown(reply)
    for button, caller in itertools.product(buttons, callers):
        if "forget-me" not in button:
            yield caller, button, shown(await room.desk.press(caller, button, None))


def shown(reply: Reply | Form | Message) -> str:
    if isinstance(reply, Form):
        return repr(reply)
    message = reply.message if isinstance(reply, Reply) else reply
    files = reply.files if isinstance(reply, Reply) else ()
    return json.dumps(message_to_json(message)) + "".join(file.content.decode() for file in files)


async def test_nobody_is_shown_what_is_not_for_them(world: Newsroom) -> None:
    audience = dict(zip(PLACES, ("place", "community", "place", "community", "publication"), strict=True))
    for name in PLACES:
        await change_place(world.db, ("web", name), audience=audience[name])
    seen: dict[str, set[str]] = {caller.person.id: set() for caller in CALLERS}
    may = {caller.person.id: {word for word in _words() if _may(caller, word, audience)} for caller in CALLERS}
    async for caller, asked, text in everything(world, CALLERS):
        who = caller.person.id
        # What somebody typed comes back to them in the title.
        told = {word for word in _words() if f"number {word}" in text}
        assert told <= may[who], (who, asked, told - may[who])
        seen[who] |= told
    assert seen == may, "all that they may see was shown: the commands were answered"


def _words() -> list[str]:
    return [said(name, n) for name in PLACES for n in range(2)]


def _may(caller: Caller, word: str, audience: dict[str, str]) -> bool:
    name, _, n = word.partition("q")
    if MODERATED.get(caller.person.id) == name:
        return True
    shared = audience[name] == "publication" or (audience[name] == "community" and PLACES[name] == caller.community)
    return n == "0" and (name == caller.channel or shared)


FOREIGN = {
    "place": "select * from place where community <> 'x' order by id",
    "schedule": "select s.* from schedule s join place p on p.id=s.place_id where p.community <> 'x' order by s.id",
    "hold_rule": "select * from hold_rule where community <> 'x' order by kind, value",
    "posting": """select o.* from posting o join place p on p.id=o.place_id where p.community <> 'x'
        and o.subject <> 'ticket' order by o.id""",
    "comment": "select * from comment order by id",
    "piece": "select * from piece order by id",
    "topic": "select * from topic order by id",
    "topic_name": "select * from topic_name order by folded",
    "piece_topic": "select * from piece_topic order by 1, 2",
    "source": "select * from source order by id",
    "answer": "select * from answer order by comment_id",
}
"""What whoever keeps the community `x` has no business with."""


async def test_who_keeps_one_community_touches_nothing_of_another(world: Newsroom) -> None:
    host = next(one for one in CALLERS if one.person.id == "hana")
    await world.db.write(lambda tx: holding.add(tx, ("web", "y"), "links", "", world.clock()))
    far = replace(MODERATOR, channel="far", community="y")
    assert (await world.desk.ask(far, "/digest-schedule add hour:18 days:mon")).ok
    before = await _foreign(world.db)
    own = "select * from place where community='x'"
    mine = await rows(world.db, own)
    async for _ in everything(world, [host]):
        pass
    after = await _foreign(world.db)
    for name in FOREIGN:
        assert after[name] == before[name], name
    assert await rows(world.db, own) != mine, "their own they may"


async def _foreign(db: Db) -> dict[str, list[tuple[object, ...]]]:
    return {name: await rows(db, sql) for name, sql in FOREIGN.items()}
