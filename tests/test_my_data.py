"""`/my-data` holds what somebody reported, did as moderator, and what is not sorted in yet; on Slack it is a file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from core.chat import Commented, Person, Reacted
from core.message import File, Reply, to_text
from tests.conftest import found
from tests.far import say
from tests.newsroom import MODERATOR, READER, Newsroom
from tests.test_slack_talk import World, world

OTHER = replace(READER, person=Person(id="m1 (x)", name="Mo"))
FILES = (File(name="my-data.json", kind="application/json", content=b"{}"),
         File(name="my-data.html", kind="text/html", content=b"<p>"))  # fmt: skip


async def data_of(room: Newsroom, caller: Any) -> dict[str, Any]:
    reply = await room.desk.ask(caller, "/my-data")
    found: dict[str, Any] = json.loads(reply.files[0].content)
    for rows in found.values():  # what the file says is in the message and on the page, too
        for row in rows:
            for text in (str(row.get("text") or ""), str(row.get("before") or "")):
                assert text in to_text(reply.message)
                assert text in reply.files[1].content.decode()
    return found


async def test_reports_acts_and_what_waits_are_in_it(room: Newsroom) -> None:
    number = await room.publish(found())
    card = await room.anchor(number)
    await room.say("r2", card, "cheap watches", name="w90")
    await room.ears.fold_all()
    assert (await room.desk.point(READER, "Report", "w90")).ok
    await room.text("/mod hide 1 reason:spam", MODERATOR)
    said = Commented(platform="web", channel="general", anchor="w91", person=READER.person, text="not yet folded",
                     at=room.clock(), reply_to=card)  # fmt: skip
    liked = Reacted(platform="web", channel="general", anchor="far", person=READER.person, emoji="👍", added=True,
                    at=room.clock())  # fmt: skip
    await room.ears.keep(liked)
    await room.ears.fold_all()  # on a message that is not known: it is parked
    await room.ears.keep(said)
    await room.ears.keep(replace(said, anchor="w92", person=Person(id="r3"), text="of somebody else"))
    mine = await data_of(room, READER)
    assert [(one["ticket"], one["comment"]) for one in mine["reports"]] == [(1, 1)]
    assert [one["text"] for one in mine["waiting"]] == ["not yet folded", "👍"]
    assert mine["acts"] == mine["comments"] == []
    assert [(one["act"], one["reason"]) for one in (await data_of(room, MODERATOR))["acts"]] == [("hide", "spam")]
    assert all(not rows for rows in (await data_of(room, OTHER)).values())


async def files_of(w: World, how: Reply) -> tuple[list[tuple[str, bytes]], str]:
    """The files in the direct messages of who asked, and the answer that they see where they asked."""
    w.desk.answers["/my-data"] = lambda: how
    answer = await w.ask("/rondan my-data")
    names = [one for message in w.far.messages(w.far.dm(w.ria)) for one in message.files]
    assert answer.said == []
    return [(one["name"], w.far.files[one["id"]].content or b"") for one in names], answer.text


async def test_on_slack_it_comes_as_files_to_who_asked(room: Newsroom) -> None:
    async with world() as w:
        given, shown = await files_of(w, Reply(message=say("Your data"), files=FILES))
        assert given == [(one.name, one.content) for one in FILES]
        assert "direct messages" in shown
        assert w.far.messages(w.channel) == []


@pytest.mark.parametrize("lacking", ["files:write", "im:write", "messages tab"])
async def test_without_the_scopes_the_answer_stands_alone(lacking: str) -> None:
    async with world() as w:
        w.far.scopes.discard(lacking)
        w.far.takes_dm = lacking != "messages tab"
        given, shown = await files_of(w, Reply(message=say("Your data"), files=FILES))
        assert given == []
        assert "Your data" in shown
        assert "direct messages" not in shown
