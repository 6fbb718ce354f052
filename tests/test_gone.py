"""Whatever happened before: what was erased is found nowhere, and what is hidden is shown to nobody.

Readers say, edit, delete, react, report and ask to be forgotten; moderators hide, feature and answer in words of their
own; a copy is made on the way, and brought back in the end.
"""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.collect import Collector
from bot.export import export
from core.chat import Caller, Commented, Person, Removed
from core.message import Reply, message_to_json
from core.stances import DEFAULT
from storage import comments, counts, erasing, schema
from storage.copies import copy_verified
from storage.db import Db
from storage.ledger import Ledger
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, found
from tests.newsroom import MODERATOR, READER, Newsroom
from tests.test_rights import emptied, grams

KIM = replace(MODERATOR, person=Person(id="m2", name="Name-of-m2"))
MO = replace(MODERATOR, person=Person(id="m1", name="Name-of-m1"))
READERS = ("p1", "p2", "p3")
STEPS = 40


async def rows(db: Db, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await db.read(sql)]


class Story:
    """What was said and done, with what should be there after each act."""

    def __init__(self, room: Newsroom, seed: int, anchor: str) -> None:
        self.room, self.seed, self.anchor = room, seed, anchor
        self.dice = random.Random(seed)
        self.texts: dict[str, tuple[str, str]] = {}  # of each comment: whose, and the text
        self.words: list[tuple[str, str, str]] = []  # of moderators: whose, about which comment, and what
        self.answers: dict[str, tuple[str, str]] = {}  # of each comment: who answered, and what
        self.gone: set[str] = set()
        self.forgotten: set[str] = set()  # of what is gone: by people who asked for it after the copy was made
        self.hidden: set[str] = set()
        self.copied: set[str] = set()  # comments that the copy has, by name
        self.out: set[str] = set()

    async def go_on(self, step: int) -> None:
        who = self.dice.choice(READERS)
        text = f"word{self.seed}x{step}q 秘密{step}号{chr(0x4E00 + 37 * step)}{chr(0x5B00 + 41 * step)}"
        doings = ["say"] * 3 + ["forget", "switch", "clear"]
        if self.texts:
            doings += ["edit", "feature", "hide", "delete", "react", "answer", "blame", "report"]
        act = self.dice.choice(doings)
        one = self.dice.choice(sorted(self.texts)) if self.texts else ""
        match act:
            case "say":
                await self.say(who, f"c{step}", text)
            case "forget":
                await self.forget(self.dice.choice((*READERS, "m1", "m2")))
            case "switch" | "clear":
                await getattr(self, act)(who)
            case "edit" | "answer" | "blame":
                await getattr(self, act)(one, text)
            case "react":
                await self.room.react(who, one, self.dice.choice("👍👎"))
            case "report":
                await self.room.ears.fold_all()
                asking = replace(READER, person=Person(id=who, name=f"Name-of-{who}"))
                assert (await self.room.desk.point(asking, "Report", one)).ok
            case _:
                await getattr(self, act)(one)

    async def _tell(self, who: str, name: str, text: str, *, edited: bool = False) -> None:
        at = self.room.clock.move(seconds=1)
        await self.room.ears.keep(
            Commented(
                platform="web", channel="general", anchor=name, person=Person(id=who, name=f"Name-of-{who}"), text=text,
                at=at, edited=at if edited else None, reply_to=self.anchor, thread=self.anchor,
            )
        )  # fmt: skip

    async def say(self, who: str, name: str, text: str) -> None:
        await self._tell(who, name, text)
        if who in self.out:
            self.gone.add(text)
        else:
            self.texts[name] = (who, text)

    async def edit(self, one: str, text: str) -> None:
        who, before = self.texts[one]
        await self._tell(who, one, text, edited=True)
        if who in self.out:
            self.gone.add(text)
        else:
            self.gone.add(before)
            self.texts[one] = (who, text)

    async def _number(self, one: str) -> int:
        await self.room.ears.fold_all()
        ((number,),) = await rows(
            self.room.db, f"select c.id from comment c join anchor a on a.id=c.anchor_id where a.anchor='{one}'"
        )
        assert isinstance(number, int)
        return number

    async def hide(self, one: str) -> None:
        number = await self._number(one)
        await self.room.db.write(lambda tx: comments.set_state(tx, number, "hidden", self.room.clock()))
        self.hidden.add(one)

    async def feature(self, one: str) -> None:
        number = await self._number(one)
        await self.room.db.write(lambda tx: comments.set_state(tx, number, "featured", self.room.clock()))
        self.hidden.discard(one)

    async def blame(self, one: str, text: str) -> None:
        """It is hidden with a reason that quotes it."""
        by = self.dice.choice((MO, KIM))
        if (await self.room.desk.ask(by, f"/mod hide {await self._number(one)} reason:“{text}”")).ok:
            self.hidden.add(one)
            self.words.append((by.person.id, one, text))

    async def answer(self, one: str, text: str) -> None:
        by = self.dice.choice((MO, KIM))
        if (await self.room.desk.ask(by, f"/mod answer {await self._number(one)} On “{text}”: yes.")).ok:
            self.words.append((by.person.id, one, text))
            self.answers[one] = (by.person.id, text)

    async def delete(self, one: str) -> None:
        at = self.room.clock.move(seconds=1)
        await self.room.ears.keep(Removed(platform="web", channel="general", anchors=(one,), at=at))
        before = set(self.gone)
        self.gone.add(self._drop(one))
        self.forgotten |= self.gone - before

    def _drop(self, one: str) -> str:
        """A comment goes, with what moderators wrote about it."""
        self._silence(lambda _, about: about == one)
        self.answers.pop(one, None)
        return self.texts.pop(one)[1]

    def _silence(self, gone: Any) -> None:
        self.gone |= {text for who, about, text in self.words if gone(who, about)}
        self.words = [one for one in self.words if not gone(*one[:2])]

    async def forget(self, who: str) -> None:
        if self.dice.random() < 0.5:  # else some of it waits in the journal
            await self.room.ears.fold_all()
        await self.room.ears.outside.forget("web", who, self.room.ears.stance_of, self.room.clock.move(seconds=1))
        before = set(self.gone)
        for name in [name for name, (whose, _) in self.texts.items() if whose == who]:
            self.gone.add(self._drop(name))
        self._silence(lambda whose, _: whose == who)
        self.answers = {name: one for name, one in self.answers.items() if one[0] != who}
        self.forgotten |= self.gone - before

    async def clear(self, _: str) -> None:
        await erasing.clear_traces(self.room.db)

    async def switch(self, who: str) -> None:
        await self.room.ears.fold_all()
        outside = self.room.ears.outside
        await (outside.opt_in if who in self.out else outside.opt_out)("web", who)
        self.out ^= {who}


async def told(room: Newsroom, caller: Caller, *lines: str) -> str:
    """All that an answer carries: text, pictures with what is said of them, files."""
    found = []
    for line in lines:
        reply = await room.desk.ask(caller, line)
        assert isinstance(reply, Reply)
        found.append(json.dumps(message_to_json(reply.message), ensure_ascii=False))
        found += [file.content.decode() for file in reply.files]
    return "\n".join(found)


async def exported(room: Newsroom, path: Path) -> str:
    house = SimpleNamespace(db=room.db, settings=SimpleNamespace(stances=DEFAULT), link=lambda *_: None)
    await export(cast("Any", house), path, lambda _: None)
    return path.read_text()


def key(text: str) -> str:
    return text.split()[0]


@pytest.mark.parametrize("seed", range(8))
async def test_what_was_erased_is_found_nowhere(
    room: Newsroom, seed: int, tmp_path: Path, clock: SetClock, logged: list[Any]
) -> None:
    story = Story(room, seed, await room.anchor(await room.publish(found())))
    copy, again = tmp_path / "copy", tmp_path / "again"
    for step in range(STEPS):
        if step == STEPS // 2:
            if isinstance(room.db, SqliteDb):
                copy_verified(room.db.path, copy)
            story.forgotten.clear()
            story.copied = set(story.texts)
        await story.go_on(step)
    await room.ears.fold_all()
    await room.publisher.settle_all()
    await erasing.clear_traces(room.db)
    disk = await emptied(room.db)
    assert await counts.recount(room.db) == []
    stands = {text for _, text in story.texts.values()}
    assert {row[0] for row in await rows(room.db, "select text from comment where text<>''")} == stands
    wrote = {text for _, _, text in story.words}
    assert {key(text) for text in wrote} >= {
        key(str(text).partition("“")[2]) for (text,) in await rows(room.db, "select text from answer")
    }
    assert await rows(room.db, "select count(*) from answer") == [(len(story.answers),)]
    _check(disk, story.gone, stands | wrote)
    secret = story.gone | {story.texts[name][1] for name in story.hidden if name in story.texts}
    shown = await told(
        room, READER, "/digest period:all", "/search word* in:comments", "/search 秘密 in:comments", "/piece 1"
    )
    shown += await exported(room, tmp_path / "all.jsonl")
    assert not [text for text in secret if key(text) in shown]
    shown = await told(room, MO, "/mod log", "/mod tickets", "/stats", "/mod comments 1", "/mod queue")
    assert not [text for text in story.gone if key(text) in shown]
    for who in READERS:
        mine = await told(room, replace(READER, person=Person(id=who)), "/my-data")
        assert not [text for text in story.gone if key(text) in mine]
        assert not [text for whose, text in story.texts.values() if whose != who and key(text) in mine]
    assert not [text for text in stands | wrote | story.gone if key(text) in repr(logged)]
    if copy.exists():
        await _brought_back(room, story, copy, again, clock)


def _check(disk: bytes, gone: set[str], stands: set[str]) -> None:
    kept = {gram for text in stands for gram in grams(text)}
    for text in gone:
        for trace in (text.encode(), *(gram for gram in grams(text) if gram not in kept)):
            assert trace not in disk, (text, trace.decode())


async def _brought_back(room: Newsroom, story: Story, copy: Path, again: Path, clock: SetClock) -> None:
    """The copy comes back with the key and the ledger that stand outside: it knows nobody who asked to be forgotten."""
    again.mkdir()
    shutil.copy(copy, again / "rondan.db")
    shutil.copy(room.db.keys, again / "rondan.db.key")
    db = await SqliteDb.open(again / "rondan.db")
    try:
        await schema.migrate(db, clock())
        ears = Collector(db, DEFAULT, clock, ledger=Ledger(room.db.keys.with_name("rondan.erasures")))
        await ears.outside.replay(ears.stance_of)
        await ears.outside.replay_comments(clock())
        await ears.fold_all()
        assert await ears.outside.replay_comments(clock()) == 0
        await erasing.clear_traces(db)
        disk = await emptied(db)
        still = {str(row[0]) for row in await rows(db, "select text from comment where text<>''")}
        assert not story.forgotten & still
        written = {str(row[0]) for row in await rows(db, "select before || after || reason from act_of")}
        _check(disk, story.forgotten, still | written)
        hidden = {str(row[0]) for row in await rows(db, "select text from comment where state='hidden'")}
        assert hidden >= {story.texts[name][1] for name in story.hidden & story.copied & story.texts.keys()} & still
        assert await counts.recount(db) == []
        assert all(ears.outside.holds("web", who) == (who in story.out) for who in READERS)
    finally:
        await db.close()
