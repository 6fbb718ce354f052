"""The whole way in a real browser with the real program: read, react, comment, ask for a digest, moderate."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.test_kill import environment
from tests.test_web_browser import CHROMIUM, FLAGS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]
PIECE = "The Library That Closed at Five"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where a fresh playground with the sample publication listens."""
    child = subprocess.Popen(
        [sys.executable, "-m", "bot", "playground"],
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    try:
        for line in child.stderr:
            if line.startswith("Playground: "):
                yield line.removeprefix("Playground: ").strip()
                break
        else:
            raise AssertionError("the playground did not start")
    finally:
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=30)
    assert child.returncode == 0


async def test_a_reader_and_a_moderator_go_the_whole_way(address: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
        context.set_default_timeout(10_000)
        reader = await context.new_page()
        await reader.goto(f"{address}/#/english")
        card = reader.locator("article", has=reader.get_by_role("heading", name=PIECE)).first
        await expect(card).to_be_visible()

        await card.get_by_role("button", name="Read").click()
        note = reader.locator(".note").last
        await expect(note).to_contain_text("Next:")
        await note.get_by_role("button", name="Read on").click()
        await expect(note).to_contain_text("2/")
        await note.get_by_role("button", name="Dismiss").click()

        await card.get_by_role("button", name="👍 Agree").click()
        await expect(reader.locator(".note").last).to_contain_text("Noted: 👍 Agree")
        await reader.locator(".note").last.get_by_role("button", name="Dismiss").click()

        await card.get_by_role("button", name="Comment", exact=True).click()
        dialog = reader.get_by_role("dialog")
        await dialog.get_by_role("textbox").fill("Open it on Saturdays <b>too</b>.")
        await dialog.get_by_role("button", name="Send").click()
        await expect(reader.locator(".note").last).to_contain_text("Kept.")

        await ask(reader, "/digest period:all")
        digest = reader.locator(".note").last
        await expect(digest).to_contain_text("1 comment by 1 reader")
        await expect(digest).not_to_contain_text("👍 1")  # one reader's stance is not told
        await ask(reader, "/search Saturdays")
        await expect(reader.locator(".note").last).to_contain_text("Open it on Saturdays <b>too</b>.")

        await ask(reader, "/mod retract 4")
        await expect(reader.locator(".note").last).to_contain_text("Only admins and moderators can use")
        await reader.get_by_role("radio", name="Moderator").check()
        await ask(reader, '/mod retract 4 sure:yes reason:"The timetable was wrong"')
        await expect(reader.locator(".note").last).to_contain_text("is being withdrawn")
        withdrawn = reader.get_by_role("heading", name=f"Withdrawn: {PIECE}")
        await expect(withdrawn).to_be_visible()
        await expect(reader.locator("article", has=withdrawn)).to_contain_text("The timetable was wrong")
        await browser.close()


async def ask(page: Page, line: str) -> None:
    """Type a line below and send it."""
    box = page.get_by_role("combobox")
    await box.fill(line)
    await page.keyboard.press("Escape")  # the completion list, if it opened
    await box.press("Enter")
    await asyncio.sleep(0.3)
