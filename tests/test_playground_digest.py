"""The picture of a digest on the page: the real program draws it, a real browser shows it, its words say the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from bot.house import House
from bot.sample import load_sample
from bot.settings import Settings
from digest import fonts
from tests.test_playground import PIECE, ask
from tests.test_web_browser import CHROMIUM, launched

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
    pytest.mark.skipif(bool(fonts.missing()), reason="no fonts: apt-get install fonts-noto-cjk fonts-noto-color-emoji"),
]
COLOURS = """
async picture => {
    await picture.decode();
    const canvas = Object.assign(document.createElement("canvas"), {width: 200, height: 200});
    const pen = canvas.getContext("2d");
    pen.drawImage(picture, 0, 0, 200, 200);
    const {data} = pen.getImageData(0, 0, 200, 200);
    return new Set(new Uint32Array(data.buffer)).size;
}
"""


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


async def visit(browser: Browser, address: str, locale: str = "en-GB", width: int = 1280) -> tuple[Page, list[str]]:
    """A page of another person, and what the browser complains about."""
    context = await browser.new_context(locale=locale, timezone_id="UTC", viewport={"width": width, "height": 900})
    context.set_default_timeout(10_000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    await page.goto(f"{address}/#/english")
    return page, complaints


async def respond(page: Page, comment: str) -> None:
    """A reader agrees with the piece and says something."""
    card = page.locator("#messages > article", has_text=PIECE)
    await card.get_by_role("button", name="👍").first.click()
    await expect(page.locator(".note").last).to_contain_text("👍")
    await card.get_by_role("button", name="Comment", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox").fill(comment)
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog).to_have_count(0)


async def shows(picture: Locator, width: int) -> None:
    """It is seen, drawn in more than a few colours, and no wider than the page."""
    await expect(picture).to_be_visible(timeout=30_000)  # the process that draws is started first
    assert await picture.evaluate(COLOURS) > 20, "bars, words and a ground"
    box = await picture.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


@contextlib.asynccontextmanager
async def playing(folder: Path, clock: Callable[[], datetime]) -> AsyncIterator[tuple[House, str]]:
    """The sample publication by the real program, and where its page is. Rows are folded and shown when they should."""
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with House(Settings(database=folder / "rondan.db", web="127.0.0.1:0"), clock, address.set_result) as house:
        await load_sample(house)
        await house.furnish()
        page = asyncio.create_task(house.chats["web"].run(house.desk, house.collector))
        try:
            where = await asyncio.wait_for(address, 15)
            await house.publisher.settle_all()
            yield house, where
        finally:
            page.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await page


async def test_the_picture_of_a_digest_is_shown_on_the_page(chromium: Browser, tmp_path: Path) -> None:
    later = timedelta()
    async with playing(tmp_path, lambda: datetime.now(UTC) + later) as (house, address):
        for comment in ("Open it on Saturdays.", "Saturdays would help.", "Who pays for the light?"):
            page, _ = await visit(chromium, address)
            await respond(page, comment)
        await house.collector.fold_all()

        page, complaints = await visit(chromium, address)
        await ask(page, "/digest period:all")
        note = page.locator(".note").last
        picture = note.get_by_role("img")
        await shows(picture, 1280)
        told = await picture.get_attribute("alt") or ""
        for number in ("3 readers", "3 comments", "Agree 3"):
            assert number in told
        await expect(note).to_contain_text("3 comments by 3 readers")

        await page.get_by_role("radio", name="Admin", exact=True).check()
        due = datetime.now(UTC) + timedelta(minutes=10)
        await ask(page, f"/digest-schedule add hour:{due:%H:%M} zone:UTC")
        await expect(page.locator(".note").last).to_contain_text(f"{due:%H:%M}")
        later = timedelta(minutes=12)
        assert await house.editions.make_due(), "its time has come"
        await house.publisher.settle_all()
        assert complaints == [], "the page's rules let it in"

        phone, complaints = await visit(chromium, address, width=380)
        post = phone.locator("#messages > article", has_text="3 comments by 3 readers")
        await shows(post.get_by_role("img"), 380)
        assert "3 readers" in (await post.get_by_role("img").get_attribute("alt") or "")
        assert complaints == []
