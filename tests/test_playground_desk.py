"""What moderators and authors do, in a real browser with the real program: queue, tickets, answers, topics."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, async_playwright, expect

from tests.test_kill import rondan
from tests.test_playground import PIECE, address, ask  # noqa: F401 - the fixture is found by its name
from tests.test_web_browser import CHROMIUM, FLAGS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]


@pytest.fixture
async def page(address: str) -> AsyncIterator[Page]:  # noqa: F811
    """A page of an admin, in English, with a moderators' channel."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context(locale="en-GB", timezone_id="UTC")
        context.set_default_timeout(10_000)
        page = await context.new_page()
        await page.goto(f"{address}/#/english")
        await role(page, "Admin")
        await told(page, "/place add channel:desk layout:queue language:en", "what waits for them")
        yield page
        await browser.close()


async def role(page: Page, name: str) -> None:
    await page.get_by_role("radio", name=name, exact=True).check()


async def told(page: Page, line: str, words: str) -> Locator:
    """Asks, and gives the answer, which holds these words."""
    await ask(page, line)
    note = page.locator(".note").last
    await expect(note).to_contain_text(words)
    return note


async def go(page: Page, channel: str) -> None:
    await page.get_by_role("link", name=channel).click()
    await expect(page).to_have_url(re.compile(f"#/{channel.lower()}$"))


def post(page: Page, words: str) -> Locator:
    """The message of the channel that holds these words."""
    return page.locator("#messages > article", has_text=words)


async def comment(page: Page, words: str) -> None:
    await post(page, PIECE).get_by_role("button", name="Comment", exact=True).click()
    await fill(page, words, "Send")


async def fill(page: Page, *words: str) -> None:
    """What is written into the fields of the form, and the button that sends it."""
    *texts, send = words
    dialog = page.get_by_role("dialog")
    for n, text in enumerate(texts):
        await dialog.get_by_role("textbox").nth(n).fill(text)
    await dialog.get_by_role("button", name=send, exact=True).click()
    await expect(dialog).to_have_count(0)


async def test_a_piece_is_brought_in_and_decided_on_its_card(page: Page) -> None:
    await (await told(page, "/mod submit", "write the text")).get_by_role("button", name="Write it").click()
    await fill(page, "The bridge", "## The start\n\nIt was built in one summer.", "Send")
    await expect(page.locator(".note").last).to_contain_text("waits for approval")
    await go(page, "desk")
    card = post(page, "The bridge")
    await expect(card).to_contain_text("Opens with: “It was built in one summer.”")
    await expect(card).to_contain_text("Web, thread: 2 messages at 1 place")
    await card.get_by_role("button", name="Edit topics").click()
    await fill(page, "Bridges, Summer", "Save")
    await expect(card).to_contain_text("Topics: Bridges, Summer")
    await role(page, "Reader")
    await card.get_by_role("button", name="Approve").click()
    await expect(page.locator(".note.refused")).to_contain_text("Only admins and moderators")
    await role(page, "Moderator")
    await card.get_by_role("button", name="Approve").click()
    await expect(card).to_contain_text("Approved by guest-")
    await expect(card.locator(".actions")).to_have_count(0)
    await go(page, "English")
    await expect(post(page, "The bridge")).to_contain_text("Topics: Bridges, Summer")


async def test_what_is_held_and_what_is_reported_is_decided_on_tickets(page: Page) -> None:
    await told(page, "/mod rules links", "held back")
    await comment(page, "Cheap watches at https://shop.example")
    await post(page, PIECE).get_by_role("button", name="Reply").click()
    await page.get_by_role("textbox", name="Comment").fill("Nobody asked you, Orla.")
    await page.keyboard.press("Enter")
    other = await page.context.browser.new_page(locale="en-GB")  # type: ignore[union-attr]
    await other.goto(page.url)
    await post(other, PIECE).get_by_role("button", name="1 reply").click()
    rude = other.locator(".thread article", has_text="Nobody asked")
    await rude.hover()
    await rude.get_by_role("button", name="Report").click()
    await expect(other.locator(".note").last).to_contain_text("as report 2")
    await expect(rude.get_by_role("button", name="Hide")).to_have_count(0)

    await go(page, "desk")
    held, reported = post(page, "Ticket 1"), post(page, "Ticket 2")
    await expect(held).to_contain_text("Held: it has a link.")
    await expect(held).to_contain_text("Cheap watches at https://shop.example")
    await expect(reported).to_contain_text("Reported by 1 reader.")
    await held.get_by_role("button", name="Show").click()
    await expect(held).to_contain_text("Shown by guest-")
    await reported.get_by_role("button", name="Hide").click()
    await expect(reported).to_contain_text("Hidden by guest-")
    await expect(page.locator("#messages > article .actions")).to_have_count(0)
    await told(page, "/mod tickets", "Nothing was reported")
    found = await told(page, "/search in:comments watches", "Cheap watches")
    await expect(found).not_to_contain_text("Orla")


async def test_an_answer_stands_under_the_piece(page: Page) -> None:
    await comment(page, "Who pays for the late hours?")
    await role(page, "Author")
    await told(page, "/mod questions period:all", "Who pays for the late hours?")
    asked = await told(page, "/mod answer 1", "The reader wrote: “Who pays for the late hours?”")
    await asked.get_by_role("button", name="Answer").click()
    await fill(page, "The book fund. <b>Still.</b>", "Answer")
    await expect(page.locator(".note").last).to_contain_text("is shown under the piece")
    await post(page, PIECE).get_by_role("button", name="1 reply").click()
    answer = page.locator(".thread article", has_text="The book fund")
    await expect(answer).to_contain_text("The book fund. <b>Still.</b>")
    await expect(answer).to_contain_text("Who pays for the late hours?")
    await told(page, "/mod answer 1 undo:yes", "is withdrawn")
    await expect(answer).to_have_count(0)


async def test_a_correction_is_told_on_the_card(page: Page, tmp_path: Path) -> None:
    text = "---\ntitle: The ferry\nlanguage: en\n---\n\nIt leaves at six in the morning. It is small.\n"
    file = tmp_path / "ferry.md"
    for words in (text, text.replace("six", "seven")):
        file.write_text(words)
        await asyncio.to_thread(rondan, tmp_path, "import", str(file))
    card = post(page, "The ferry")
    await expect(card).to_contain_text("It said “It leaves at six in the morning.”; now it says “It leaves at seven")
    await told(page, '/mod correct ferry note:"An old timetable."', "marked as corrected")
    await expect(card).to_contain_text("An old timetable.")


async def test_topics_are_merged_after_a_look(page: Page) -> None:
    for name in ("Buses", "Coaches"):
        await told(page, f"/topic create {name}", f"{name}")
        await told(page, f"/mod tag 4 add:{name}", f"{name}")
    await told(page, "/place add channel:coaches layout:card topics:Coaches language:en", 'topic:"Coaches"')
    asked = await told(page, "/topic merge Coaches Buses", "1 piece")
    await asked.get_by_role("button", name="Merge").click()
    await expect(page.locator(".note").last).to_contain_text("Buses")
    await expect(post(page, PIECE)).to_contain_text("Buses")
    await expect(post(page, PIECE)).not_to_contain_text("Coaches")
    await told(page, "/place list", 'topic:"Buses"')
