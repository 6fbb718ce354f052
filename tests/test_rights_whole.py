"""People's rights on Discord and on Slack: real houses and adapters over TCP, people who ask, delete and opt out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot import retention
from storage import erasing
from storage.sqlite import SqliteDb
from tests import test_discord_whole as discord
from tests import test_slack_whole as slack
from tests.test_discord_whole import w as on_discord  # noqa: F401 - fixtures are found by their names
from tests.test_slack_whole import _again  # noqa: F401
from tests.test_slack_whole import w as on_slack  # noqa: F401
from tests.waiting import until

WORDS = ("firstword of mine", "secondword of mine", "thirdword of mine")
EDITED = "editedword of mine"


async def traces(w: Any, *secrets: str) -> list[str]:
    """Which of these stand in the files of the database, or beside it."""
    db = w.house.db
    assert isinstance(db, SqliteDb)
    assert await erasing.clear_traces(db)
    assert await db.shrink_log()
    return found(w, *secrets)


def found(w: Any, *secrets: str) -> list[str]:
    disk = b"".join(path.read_bytes() for path in sorted(w.path.glob("r.db*")))
    return [one for one in secrets if one.encode() in disk]


async def stands(w: Any) -> list[str]:
    return [text for _, text, _, _ in await w.comments()]


async def test_on_discord(on_discord: discord.Work) -> None:  # noqa: F811
    w = on_discord
    async with w.open():
        await w.place()
        card = await w.publish("en")
        one, two, three = [await w.far.say(w.ria, w.channel, text, reply_to=card) for text in WORDS]
        await w.far.say(w.mika, w.channel, "of somebody else", reply_to=card)
        await w.far.react(w.ria, card, "👍")
        assert await stands(w) == [*WORDS, "of somebody else"]
        await w.far.delete(one)
        await w.far.edit(w.ria, two, EDITED)
        assert await stands(w) == [EDITED, WORDS[2], "of somebody else"]
        assert await traces(w, WORDS[0], WORDS[1], WORDS[2]) == [WORDS[2]]

        answer = await w.ask(w.ria, "my-data")
        assert answer.message is not None
        assert sorted(one["filename"] for one in answer.message.attachments) == ["my-data.html", "my-data.json"]
        for file in answer.message.attachments:
            content = w.far.files[file["id"]].decode()
            assert (EDITED in content, "somebody else" in content) == (True, False)
        assert answer.ephemeral

        assert "nothing" in discord.seen(await w.ask(w.ria, "opt-out")).lower()
        await w.far.say(w.ria, w.channel, "unheardword", reply_to=card)
        await w.far.edit(w.ria, three, "unheardedit")
        asked = await w.ask(w.ria, "forget-me")
        assert await stands(w) == [EDITED, WORDS[2], "of somebody else"]
        await w.press(w.ria, asked, discord.labels(asked)[0])
        assert await stands(w) == ["of somebody else"]
        assert await traces(w, *WORDS, EDITED, "unheardword", "unheardedit", str(w.ria.id)) == []
        assert await w.house.db.read("select 1 as one from reaction where present=1") == []
    async with w.open():  # a look back finds what stands in the chat
        await w.house.collector.recall(w.house.chats["discord"])
        assert await stands(w) == ["of somebody else"]
        assert await traces(w, *WORDS, EDITED, "unheardword", "unheardedit") == []


async def test_on_slack(on_slack: slack.Work) -> None:  # noqa: F811
    w = on_slack
    async with w.open():
        await w.place()
        card = await w.publish("en")
        one, two, three = [await w.far.say(w.ria, card, text) for text in WORDS]
        await w.far.say(w.mika, card, "of somebody else")
        await w.far.react(w.ria, card, "+1")
        assert await stands(w) == [*WORDS, "of somebody else"]
        await w.far.delete(one)
        await w.far.edit(w.ria, two, EDITED)
        assert await stands(w) == [EDITED, WORDS[2], "of somebody else"]
        assert await traces(w, WORDS[0], WORDS[1], WORDS[2]) == [WORDS[2]]

        await w.ask(w.ria, "/rondan my-data")
        files = [one for message in w.far.messages(w.far.dm(w.ria)) for one in message.files]
        assert sorted(one["name"] for one in files) == ["my-data.html", "my-data.json"]
        for file in files:
            content = (w.far.files[file["id"]].content or b"").decode()
            assert (EDITED in content, "somebody else" in content) == (True, False)

        assert "nothing" in (await w.ask(w.ria, "/rondan opt-out")).text.lower()
        await w.far.say(w.ria, card, "unheardword")
        await w.far.edit(w.ria, three, "unheardedit")
        asked = await w.ask(w.ria, "/rondan forget-me")
        assert await stands(w) == [EDITED, WORDS[2], "of somebody else"]
        assert asked.message is not None
        await w.press(w.ria, asked, slack.labels(asked.message)[0])
        assert await stands(w) == ["of somebody else"]
        assert await traces(w, *WORDS, EDITED, "unheardword", "unheardedit", w.ria.id) == []
        assert await w.house.db.read("select 1 as one from reaction where present=1") == []
    async with w.open():  # a look back finds what stands in the chat
        await w.house.collector.recall(w.house.chats["slack"])
        assert await stands(w) == ["of somebody else"]
        assert await traces(w, *WORDS, EDITED, "unheardword", "unheardedit") == []


async def test_what_is_deleted_is_off_the_disk_without_being_asked(
    on_discord: discord.Work,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = on_discord
    assert retention.LOOK_EVERY <= 30, "it is looked at twice a minute"
    monkeypatch.setattr(retention, "LOOK_EVERY", 0.02)
    async with w.open():
        await w.place()
        said = await w.far.say(w.ria, w.channel, WORDS[0], reply_to=await w.publish("en"))
        assert await stands(w) == [WORDS[0]]
        await w.far.delete(said)
        await w.settle()
        assert found(w, WORDS[0]) == [WORDS[0]], "in the log still"
        keeping = asyncio.create_task(w.house.keeper.run())
        await until(lambda: not found(w, WORDS[0]))
        keeping.cancel()
