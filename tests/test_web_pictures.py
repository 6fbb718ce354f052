"""Pictures on the page: by their own address in the room, along with a private answer, and in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from typing_extensions import override

from bot.platforms.room import Room
from core.chat import Caller
from core.message import Reply
from tests.pictured import pictured, png
from tests.test_web import PLACE, House, playground
from tests.test_web_browser import CHROMIUM, launched

DARK, LIGHT = png(10), png(240)
ALT = 'Picture: "41" <readers> 👍'


class Drawing(House):
    """A desk that answers with a picture."""

    @override
    async def ask(self, caller: Caller, line: str) -> Reply:
        return Reply(message=pictured(DARK, ALT), private="public" not in line)


async def test_a_picture_has_an_address_that_changes_with_it(tmp_path: Path) -> None:
    async with playground(tmp_path) as ground, ground.visitor() as me, ground.visitor(enter=False) as stranger:
        ref = await ground.chat.send(PLACE, pictured(DARK, ALT), "1" * 24)
        _, entry = await me.get(f"/api/messages/{ref.id}")
        [picture] = [one for one in entry["message"]["blocks"] if one["kind"] == "picture"]
        assert picture.keys() == {"kind", "alt", "width", "height", "src"}, "no bytes with every change of a reaction"
        async with me.session.get(picture["src"]) as response:
            assert (response.status, response.content_type, await response.read()) == (200, "image/png", DARK)
            assert "immutable" in response.headers["Cache-Control"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert (await stranger.get(picture["src"]))[0] == 401
        assert (await me.get(f"/api/messages/{ref.id}/pictures/1"))[0] == 404
        await ground.chat.edit(PLACE, ref, pictured(LIGHT, ALT, "b"), "1" * 24)
        _, edited = await me.get(f"/api/messages/{ref.id}")
        assert edited["message"]["blocks"][1]["src"] != picture["src"]
        await ground.chat.delete(PLACE, ref)
        assert (await me.get(picture["src"]))[0] == 404


async def test_a_picture_outlives_a_restart(tmp_path: Path) -> None:
    async with playground(tmp_path) as ground:
        ref = await ground.chat.send(PLACE, pictured(DARK, ALT), "1" * 24)
    room = Room(tmp_path / "room.jsonl")
    try:
        entry = room.entry(ref.id)
        assert entry is not None
        assert entry.message == pictured(DARK, ALT)
    finally:
        await room.close()
    async with (
        playground(tmp_path) as ground,
        ground.visitor() as me,
        me.session.get(f"/api/messages/{ref.id}/pictures/0") as response,
    ):
        assert await response.read() == DARK


async def test_a_private_answer_brings_its_picture_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_web.House", Drawing)
    async with playground(tmp_path) as ground, ground.visitor() as me:
        _, answer = await me.post("ask", {"line": "/digest", "channel": "general"})
        [picture] = [one for one in answer["reply"]["message"]["blocks"] if one["kind"] == "picture"]
        assert picture.keys() == {"kind", "alt", "width", "height", "png"}
        assert answer["reply"]["views"]["text"].split("\n")[1] == f"[{ALT}]"


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
async def test_a_browser_shows_them(chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_web.House", Drawing)
    async with playground(tmp_path) as ground:
        await ground.chat.send(PLACE, pictured(DARK, ALT), "1" * 24)
        page = await chromium.new_page(viewport={"width": 380, "height": 800})
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        await page.goto(f"{ground.chat.address}/#/general")
        posted = page.get_by_role("article").get_by_role("img", name=ALT)
        await expect(posted).to_be_visible()
        line = page.get_by_role("combobox", name="Ask Rondan")
        await line.fill("/digest ")
        await page.keyboard.press("Escape")
        await line.press("Enter")
        both = page.get_by_role("img", name=ALT)
        await expect(both).to_have_count(2)
        for number in range(2):
            shown = await both.nth(number).evaluate("async one => (await one.decode(), [one.naturalWidth, one.width])")
            assert shown[0] == 40
            assert shown[1] <= 380, "no wider than a phone"
        assert complaints == [], "the page's rules let both in"
