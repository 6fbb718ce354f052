"""The playground in a real Chromium: what readers and moderators do, with the mouse, by keyboard, on a phone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, Route, async_playwright, expect

from bot.platforms.room import Room
from bot.platforms.web.server import WebChat
from core import attached
from core.chat import Caller, Choice, Commented, Heard, Place, Reacted, Ref, Removed
from core.commands import CommandSpec
from core.document import Cited, Code, Heading, Item, List, Paragraph, Quote, Span, Table, spans
from core.message import Action, Divider, Field, Form, Message, MessageBlock, Reply, Small
from tests.waiting import until

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
if CHROMIUM is None:
    sys.__stderr__ and sys.__stderr__.write(
        "\n!! No chromium here: the page is NOT tested (apt-get install chromium).\n"
    )

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

# --- a small publication ---

TITLE = "夜行バスが消えた町で、足の値段を考える"
PAGES = (
    ("赤字の数え方", "路線の収支は切符の売上だけで数えられる。しかし乗客が町で使うお金は、どの帳簿にも載らない。"),
    ("代わりの足", "乗合タクシーは予約の電話から始まる。電話に出る人の給料が、いちばん大きな費用になる。"),
    ("むすび", "足の値段とは、出かけることをあきらめた回数の値段である。"),
)
LOBBY = Place(id=1, platform="web", channel="lobby", name="ロビー", language="ja", layout="card")
ESSAYS = Place(id=2, platform="web", channel="essays", name="Essays", language="en", layout="thread")
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def words(text: str) -> Paragraph:
    return Paragraph(spans=spans(text))


def card() -> Message:
    blocks: tuple[MessageBlock, ...] = (
        Heading(level=1, spans=spans(TITLE, link="https://example.org/bus")),
        Small(spans=spans("#1 · 佐伯 みなと · 2026年11月20日")),
        Cited(title="最後の夜行バス、今月末で運行終了", url="https://example.com/last-bus"),
        words("便利さの値段は、なくなった翌朝にしか分からない。三つの町で聞いた話を、順番に書いておきます。"),
        Small(spans=spans("話題：交通、地方")),
    )
    return Message(
        title=TITLE,
        language="ja",
        blocks=blocks,
        actions=(
            Action(id="v1:read:1:0", label="読む", style="primary"),
            Action(id="v1:comment:1", label="コメントする"),
            Action(id="v1:stance:1:agree", label="👍 賛成"),
            Action(id="v1:stance:1:disagree", label="👎 反対"),
            Action(id="v1:open:1", label="元の記事", url="https://example.org/bus"),
        ),
    )


def section(number: int) -> Message:
    heading, text = PAGES[number]
    action = Action(id=f"v1:comment:1:{number}", label="コメントする")
    blocks = (Heading(level=2, spans=spans(heading)), words(text))
    return Message(title=heading, language="ja", blocks=blocks, actions=(action,))


def rich() -> Message:
    """One of everything that a message can hold."""
    blocks: tuple[MessageBlock, ...] = (
        Heading(level=1, spans=spans("What a village learns from its drones")),
        Small(spans=spans("#2 · R. Halloran · 21 November 2026")),
        Paragraph(
            spans=(
                Span(text="The machines arrived in "),
                Span(text="March", bold=True),
                Span(text=", and the first thing they delivered was "),
                Span(text="an argument", italic=True),
                Span(text=". The council calls it a "),
                Span(text="pilot", strike=True),
                Span(text=" "),
                Span(text="論壇", ruby="ろんだん"),
                Span(text="; see "),
                Span(text="the minutes", link="https://example.org/minutes"),
                Span(text="."),
            )
        ),
        Quote(blocks=(words("We did not vote for the noise. We voted for the medicine."),)),
        List(
            ordered=True,
            items=(
                Item(marker="1.", blocks=(words("Who may fly over a garden?"),)),
                Item(marker="2.", blocks=(words("Who answers the telephone when one falls?"),)),
                Item(marker="（３）", blocks=(words("そして、誰が雪の日に飛ばすのか。"),)),
            ),
        ),
        Table(
            header=True,
            rows=(
                (spans("Month"), spans("Flights"), spans("Complaints")),
                (spans("April"), spans("112"), spans("31")),
                (spans("May"), spans("240"), spans("18")),
            ),
        ),
        Code(text="if wind > 9:\n    stay_home()", language="python"),
        Divider(),
        Small(spans=spans("Topics: Drones, Villages")),
    )
    read = Action(id="v1:read:2:0", label="Read", style="primary")
    return Message(title="What a village learns from its drones", blocks=blocks, actions=(read,))


def hostile() -> Message:
    blocks = (words(EVIL), Paragraph(spans=(Span(text="click me", link="javascript:document.title='owned'"),)))
    return Message(title=EVIL, blocks=blocks, actions=(Action(id="v1:x", label=EVIL, url="javascript:alert(1)"),))


@dataclass
class Library:
    """A desk with one piece to read: what the page needs of the real one, and no more."""

    comments: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)

    async def ask(self, caller: Caller, line: str) -> Reply:
        self.callers.append(caller)
        if line.startswith("/digest"):
            title = "今週のまとめ" if caller.language == "ja" else "This week"
            items = tuple(
                Item(marker=f"{n}.", blocks=(Paragraph(spans=(Span(text=f"{what}", bold=True), Span(text=tail))),))
                for n, (what, tail) in enumerate(
                    ((TITLE, " — 👍 12 · 👎 3 · 💬 5"), ("村の小型機", " — 👍 4 · 💬 9")), 1
                )
            )
            blocks = (Heading(level=2, spans=spans(title)), words(line), List(ordered=True, items=items))
            return Reply(message=Message(title=title, blocks=blocks, language=caller.language))
        if line.startswith("/mod"):
            done = "moderator" in caller.roles
            return Reply(message=Message(title="mod", blocks=(words("done" if done else "moderators only"),)), ok=done)
        return Reply(message=Message(title="?", blocks=(words(f"unknown: {line}"),)), ok=False)

    async def call(self, caller: Caller, command: str, options: Mapping[str, str]) -> Reply:
        raise NotImplementedError

    def commands(self) -> Sequence[CommandSpec]:
        return ()

    async def point(self, caller: Caller, name: str, anchor: str) -> Reply:
        raise NotImplementedError

    async def press(self, caller: Caller, action: str, anchor: str | None) -> Reply | Form:
        self.callers.append(caller)
        kind, _, number = action.removeprefix("v1:").partition(":1:")
        if kind in ("read", "page"):
            return Reply(message=_page(int(number)), replace=kind == "page")
        if action.startswith("v1:comment"):
            line = Field(key="text", label="ご意見", limit=3000)
            stance = Field(key="stance", label="立場", kind="choice", choices=(("agree", "賛成"), ("disagree", "反対")))
            file = Field(key="file", label="ファイル", kind="file", required=False, limit=100)
            return Form(id="v1:comment", title="コメントする", submit="送信する", fields=(line, stance, file))
        return Reply(message=Message(title="ok", language="ja", blocks=(words("受け取りました。"),)))

    def opens(self, action: str) -> bool:
        raise NotImplementedError

    async def submit(self, caller: Caller, form: str, values: Mapping[str, str], anchor: str | None) -> Reply:
        self.comments.append((values["text"], values["stance"]))
        self.files.append(values["file"])
        return Reply(message=Message(title="ok", language="ja", blocks=(words("コメントを受け取りました。"),)))

    async def complete(self, caller: Caller, command: str, option: str, text: str) -> Sequence[Choice]:
        if not command:
            known = {
                "/digest": "What was written and said",
                "/mod retract": "Withdraw a piece",
                "/search": "Find words",
            }
            typed = text.strip()
            return [
                Choice(value=name, label=f"{name} — {what}") for name, what in known.items() if name.startswith(typed)
            ]
        if not option:
            options = (
                {"topic": "only this topic", "period": "how far back"} if command == "digest" else {"piece": "number"}
            )
            return [
                Choice(value=name, label=f"{name} — {what}") for name, what in options.items() if name.startswith(text)
            ]
        known_values = {"topic": ("OpenAI", "地方 交通"), "period": ("day", "week", "30d")}.get(option, ())
        return [
            Choice(value=value, label=value) for value in known_values if value.casefold().startswith(text.casefold())
        ]


def _page(number: int) -> Message:
    heading, text = PAGES[number]
    blocks: tuple[MessageBlock, ...] = (
        Small(spans=spans(f"{TITLE} · {number + 1}/{len(PAGES)}")),
        Heading(level=2, spans=spans(heading)),
        words(text),
        Divider(),
    )
    actions: tuple[Action, ...] = (Action(id=f"v1:comment:1:{number}", label="コメントする"),)
    if number + 1 < len(PAGES):
        following = PAGES[number + 1][0]
        actions = (Action(id=f"v1:page:1:{number + 1}", label=f"次は「{following}」", style="primary"), *actions)
    return Message(title=TITLE, language="ja", blocks=blocks, actions=actions)


# --- the playground under test ---


@dataclass
class Kept:
    """Ears that remember."""

    heard: list[Heard] = field(default_factory=list)

    def note(self, event: Heard) -> None:
        self.heard.append(event)

    def missed(self, platform: str) -> None:
        pass

    async def keep(self, event: Heard) -> None:
        self.heard.append(event)


@dataclass
class Ground:
    chat: WebChat
    desk: Library
    ears: Kept
    card: Ref

    async def post(self, message: Message, key: int, place: Place = LOBBY, under: Ref | None = None) -> Ref:
        return await self.chat.send(place, message, f"{key:024x}", under=under)


@contextlib.asynccontextmanager
async def playground(path: Path, port: int = 0) -> AsyncIterator[Ground]:
    room, ready = Room(path / "room.jsonl"), asyncio.Event()
    encoders = {"Discord": lambda one: {"flags": 32768, "content": one.title}}
    chat = WebChat(room, port=port, encoders=encoders, ready=lambda _: ready.set())
    desk, ears = Library(), Kept()
    running = asyncio.create_task(chat.run(desk, ears))
    try:
        await asyncio.wait_for(ready.wait(), 10)
        ref = await chat.send(LOBBY, card(), f"{1:024x}")
        essay = await chat.send(ESSAYS, rich(), f"{2:024x}")
        for number in range(len(PAGES)):
            await chat.send(ESSAYS, section(number), f"{3 + number:024x}", under=essay)
        yield Ground(chat, desk, ears, ref)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await room.close()


@contextlib.asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A browser, for as long as it is wanted."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with playground(tmp_path) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@contextlib.asynccontextmanager
async def opened(
    browser: Browser,
    ground: Ground,
    path: str = "/#/lobby",
    *,
    locale: str = "en-GB",
    width: int = 1280,
    forgive: str = "nothing",
) -> AsyncIterator[Page]:
    """A page of one person. Whatever the browser complains about fails the test."""
    context = await browser.new_context(
        locale=locale, timezone_id="Asia/Tokyo", viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    context.set_default_timeout(5000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    await page.goto(ground.chat.address + path)
    await page.wait_for_selector("article, .empty")
    yield page
    await context.close()
    assert [one for one in complaints if forgive not in one] == []


# --- what readers do ---


async def test_read_a_piece_page_by_page(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground, locale="ja-JP") as page:
        await page.get_by_role("button", name="読む").click()
        note = page.locator(".note")
        await expect(note).to_contain_text("あなたにだけ表示")
        await expect(note).to_contain_text("赤字の数え方")
        await expect(note).to_be_focused()
        await note.get_by_role("button", name="次は「代わりの足」").click()
        await expect(note).to_contain_text("乗合タクシー")
        await note.get_by_role("button", name="次は「むすび」").click()
        await expect(page.locator(".note")).to_have_count(1)
        await expect(note).to_contain_text("3/3")
        await note.get_by_role("button", name="閉じる").click()
        await expect(page.locator(".note")).to_have_count(0)
    async with opened(chromium, ground) as other:
        await expect(other.locator(".note")).to_have_count(0)


async def test_react_with_a_stance_and_with_any_emoji(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground) as page:
        post = page.locator("article").first
        await post.get_by_role("button", name="React", exact=True).click()
        await post.get_by_role("button", name="React with 💡").click()
        chip = post.get_by_role("button", name="💡 1")
        await expect(chip).to_have_attribute("aria-pressed", "true")
        await post.get_by_role("button", name="React", exact=True).click()
        await post.get_by_role("textbox").fill("🦉")
        await page.keyboard.press("Enter")
        await expect(post.get_by_role("button", name="🦉 1")).to_be_visible()
        await chip.click()
        await expect(chip).to_have_count(0)
        await until(lambda: len(ground.ears.heard) >= 3)
    done = [(one.emoji, one.added) for one in ground.ears.heard if isinstance(one, Reacted)]
    assert done == [("💡", True), ("🦉", True), ("💡", False)]


@pytest.mark.parametrize("content", ["# 随筆\n\n電話".encode(), b"x" * 101])
async def test_comment_by_form(chromium: Browser, ground: Ground, content: bytes) -> None:
    async with opened(chromium, ground) as page:
        await page.get_by_role("button", name="コメントする").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("ご意見").fill("電話の話がよかった。")
        await dialog.get_by_label("立場").select_option("disagree")
        essay = FilePayload(name="随筆 1;a.md", mimeType="text/markdown", buffer=content)
        await dialog.get_by_label("ファイル").set_input_files(essay)
        await dialog.get_by_role("button", name="送信する").click()
        await expect(page.locator(".note")).to_contain_text("コメントを受け取りました。")
        await expect(dialog).to_have_count(0)
    assert ground.desk.comments == [("電話の話がよかった。", "disagree")]
    (given,) = ground.desk.files
    file = attached.read(given)
    assert (file is None) == (len(content) > 100), "what is too large is no file"
    assert file is None or (file.name, file.content) == ("随筆 1;a.md", content)


async def test_answer_a_section_in_its_thread_then_edit_and_delete(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground, "/#/essays") as page:
        await page.get_by_role("button", name=re.compile("3 replies")).click()
        thread = page.get_by_role("complementary")
        await expect(thread.locator("article")).to_have_count(4)
        await thread.locator("article", has_text="乗合タクシー").get_by_role("button", name="Reply").click()
        await expect(thread).to_contain_text("Answering: 代わりの足")
        await page.keyboard.type("電話こそが要です")
        await page.keyboard.press("Enter")
        comment = thread.locator("article.comment")
        await expect(comment).to_contain_text("代わりの足")
        await comment.get_by_role("button", name="Edit").click()
        await page.keyboard.press("End")
        await page.keyboard.type("。")
        await page.keyboard.press("Enter")
        await expect(comment).to_contain_text("edited")
        await expect(comment).to_contain_text("電話こそが要です。")
        await comment.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(comment).to_have_count(0)
        await page.keyboard.press("Escape")
        await expect(thread).to_be_hidden()
    said, anew, gone = ground.ears.heard
    assert isinstance(said, Commented)
    assert isinstance(anew, Commented)
    assert isinstance(gone, Removed)
    assert (said.thread, said.reply_to, anew.text) == ("w2", "w4", "電話こそが要です。")


async def test_slash_line_by_keyboard_alone(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground) as page:
        line = page.get_by_role("combobox", name="Ask Rondan")
        await line.focus()
        await page.keyboard.type("/di")
        await expect(page.get_by_role("option")).to_have_text(["/digest — What was written and said"])
        await page.keyboard.press("Tab")
        await expect(line).to_have_value("/digest ")
        await expect(page.get_by_role("option")).to_have_count(2)
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_role("option", selected=True)).to_contain_text("topic")
        await page.keyboard.press("Enter")
        await expect(line).to_have_value("/digest topic:")
        await page.keyboard.type("地")
        await expect(page.get_by_role("option")).to_have_text(["地方 交通"])
        await page.keyboard.press("Tab")
        await expect(line).to_have_value('/digest topic:"地方 交通" ')
        await expect(page.get_by_role("option")).to_have_text(["period — how far back"])
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("option")).to_have_count(0)
        await page.keyboard.press("Enter")
        await expect(page.locator(".note")).to_contain_text('/digest topic:"地方 交通"')
        await expect(line).to_have_value("")


async def test_everything_is_reached_by_tab(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground) as page:
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the messages")).to_be_focused()
        await page.keyboard.press("Enter")
        reached: list[str] = []
        for _ in range(14):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate(
                    "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
                )
            )
        assert {"読む", "コメントする", "React", "Reply", "Copy link", "See as other platforms get it"} <= set(reached)
        assert "Ask Rondan" in reached


async def test_tabs_show_the_message_as_others_get_it(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground) as page:
        post = page.locator("article").first
        await post.get_by_role("button", name="See as other platforms get it").click()
        await expect(post.get_by_role("tab")).to_have_text(["Message", "Plain text", "Discord"])
        await page.keyboard.press("ArrowRight")
        await expect(post.get_by_role("tabpanel")).to_contain_text("<https://example.org/bus>")
        await post.get_by_role("tab", name="Discord").click()
        await expect(post.get_by_role("tabpanel")).to_contain_text('"flags": 32768')


# --- what moderators do ---


async def test_switch_to_moderator(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground) as page:
        line = page.get_by_role("combobox", name="Ask Rondan")
        await expect(page.locator("article").get_by_role("button", name="Delete")).to_have_count(0)
        await line.fill("/mod retract")
        await line.press("Enter")
        await expect(page.locator(".note")).to_contain_text("moderators only")
        await page.get_by_role("radio", name="Moderator").check()
        await expect(page.locator("article").get_by_role("button", name="Delete")).to_have_count(1)
        await line.fill("/mod retract")
        await line.press("Enter")
        await expect(page.locator(".note").last).to_contain_text("done")
        await page.locator("article").get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page.locator("article")).to_have_count(0)
    [gone] = ground.ears.heard
    assert isinstance(gone, Removed)
    assert gone.anchors == (ground.card.id,)


async def test_what_is_typed_and_what_arrives_outlive_a_change_of_role(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground) as page:
        fetched, lists = asyncio.Event(), asyncio.Event()

        async def slow(route: Route) -> None:
            answer = await route.fetch()  # what stood there when it was asked for
            fetched.set()
            await lists.wait()
            await route.fulfill(response=answer)

        await page.route("**/messages", slow)
        line = page.get_by_role("combobox", name="Ask Rondan")
        await page.get_by_role("radio", name="Moderator").check()
        await fetched.wait()
        await line.fill("/mod retract")
        await ground.chat.edit(
            LOBBY, ground.card, replace(card(), title="Changed meanwhile", blocks=(words("Other words."),)), "1" * 24
        )
        await asyncio.sleep(0.2)  # the page hears of the edit before it gets the older list
        lists.set()
        await expect(page.locator("article")).to_contain_text("Other words.")
        await expect(line).to_have_value("/mod retract")
        await line.press("Enter")
        await expect(page.locator(".note").last).to_contain_text("done")
        await expect(line).to_have_value("")


# --- what arrives, from whom ---


async def test_text_is_never_markup(chromium: Browser, ground: Ground) -> None:
    await ground.post(hostile(), 20)
    async with opened(chromium, ground) as page:
        post = page.locator("article").last
        await expect(post).to_contain_text(EVIL)
        assert await post.locator("script, img:not(.face)").count() == 0
        assert await page.locator("a[href^='javascript']").count() == 0
        await post.get_by_text("click me").click()
        await page.get_by_label("Name").fill(EVIL[:40])
        await page.keyboard.press("Enter")
        await post.get_by_role("button", name="Reply").click()
        await page.get_by_role("textbox", name="Comment").fill(EVIL)
        await page.keyboard.press("Enter")
        comment = page.get_by_role("complementary").locator("article.comment")
        await expect(comment).to_contain_text(EVIL)
        assert await page.locator(".thread script, .thread img:not(.face)").count() == 0
        assert "owned" not in await page.title()


async def test_a_second_page_sees_it_live(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground) as one, opened(chromium, ground) as two:
        post = two.locator("article").first
        await one.locator("article").first.get_by_role("button", name="React", exact=True).click()
        await one.get_by_role("button", name="React with 👍").click()
        await expect(post.get_by_role("button", name="👍 1")).to_have_attribute("aria-pressed", "false")
        await one.locator("article").first.get_by_role("button", name="Reply").click()
        await one.get_by_role("textbox", name="Comment").fill("二人目です")
        await one.keyboard.press("Enter")
        await expect(post).to_contain_text("1 reply")
        new = await ground.post(section(0), 30)
        await expect(two.locator("article")).to_have_count(2)
        await ground.chat.edit(LOBBY, new, section(2), f"{30:024x}")
        await expect(two.locator("article").last).to_contain_text("むすび")
        await ground.chat.delete(LOBBY, new)
        await expect(two.locator("article")).to_have_count(1)
        await ground.post(section(1), 31, ESSAYS)
        await expect(two.get_by_role("link", name="Essays")).to_have_class("unread")


async def test_a_page_survives_a_restart(chromium: Browser, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with playground(tmp_path) as ground:
            page = await stack.enter_async_context(opened(chromium, ground, forgive="ERR_"))
            await page.get_by_role("radio", name="Moderator").check()
            await expect(page.locator("article").get_by_role("button", name="Delete")).to_have_count(1)
            port = int(ground.chat.address.rpartition(":")[2])
        await expect(page.get_by_text("Trying again")).to_be_visible()
        async with playground(tmp_path, port) as ground:
            await expect(page.get_by_text("Trying again")).to_be_hidden()
            await ground.post(section(1), 40)
            await expect(page.locator("article")).to_have_count(2)
            await expect(page.get_by_role("radio", name="Moderator")).to_be_checked()
            await page.get_by_role("button", name="読む").click()
            await expect(page.locator(".note")).to_contain_text("赤字の数え方")


async def test_an_empty_room_says_what_to_do(chromium: Browser, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        room, ready = Room(tmp_path / "room.jsonl"), asyncio.Event()
        stack.push_async_callback(room.close)
        chat, desk, ears = WebChat(room, port=0, ready=lambda _: ready.set()), Library(), Kept()
        running = asyncio.create_task(chat.run(desk, ears))
        await asyncio.wait_for(ready.wait(), 10)
        async with opened(chromium, Ground(chat, desk, ears, Ref(id="-")), "/") as page:
            await expect(page.locator(".empty")).to_contain_text("rondan place add web:lobby")
            await chat.furnish([LOBBY])
            await expect(page.get_by_role("heading", name="ロビー")).to_be_visible()
            await expect(page.locator(".empty")).to_contain_text("rondan import")
            await chat.send(LOBBY, card(), f"{1:024x}")
            await expect(page.locator("article")).to_have_count(1)
            await expect(page.locator(".empty")).to_have_count(0)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_link_leads_to_the_message(chromium: Browser, ground: Ground) -> None:
    for number in range(60):
        await ground.post(section(number % 3), 100 + number)
    address = ground.chat.link(LOBBY, ground.card.id) or ""
    async with opened(chromium, ground, address.removeprefix(ground.chat.address)) as page:
        target = page.locator(f"[data-id={ground.card.id}]")
        await expect(target).to_be_in_viewport()
        await expect(target).to_be_focused()
        await page.goto(f"{ground.chat.address}/#/essays/w4")
        await expect(page.get_by_role("complementary").locator("[data-id=w4]")).to_be_focused()


# --- where it is looked at ---


async def test_a_phone_has_all_of_it(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground, locale="ja-JP", width=360) as page:
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        channels = page.get_by_role("navigation", name="チャンネル")
        await expect(channels).to_be_hidden()
        await page.get_by_role("button", name="チャンネル").click()
        await expect(channels.get_by_role("link", name="ロビー")).to_be_focused()
        await channels.get_by_role("link", name="Essays").click()
        await expect(channels).to_be_hidden()
        await expect(page.get_by_role("heading", name="Essays", exact=True)).to_be_visible()
        await page.get_by_role("button", name=re.compile("返信 3 件")).click()
        await expect(page.get_by_role("complementary")).to_be_in_viewport()
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        await page.go_back()
        await expect(page.get_by_role("complementary")).to_be_hidden()


@pytest.mark.parametrize("width", [360, 1300])
async def test_a_thread_with_a_long_title_and_all_tools_is_no_wider_than_its_room(
    chromium: Browser, ground: Ground, width: int
) -> None:
    long = await ground.post(replace(card(), title=TITLE * 4), 50)
    async with opened(chromium, ground, f"/#/lobby/{long.id}/thread", width=width) as page:
        await page.get_by_role("textbox", name="Comment").fill("一言だけ")
        await page.keyboard.press("Enter")
        await page.evaluate(
            """fetch("/api/me", {method: "POST", body: '{"role": "moderator"}',
                                 headers: {"Content-Type": "application/json"}})"""
        )
        await page.reload()
        comment = page.get_by_role("complementary").locator("article.comment")
        await comment.hover()
        await expect(comment.get_by_role("button", name="Feature")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        assert await page.evaluate("document.querySelector('#thread').scrollWidth") <= width


async def test_language_and_appearance_are_kept(chromium: Browser, ground: Ground) -> None:
    async with opened(chromium, ground) as page:
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.get_by_role("radio", name="日本語").check()
        await expect(page.get_by_role("combobox", name="論壇に尋ねる")).to_be_visible()
        await page.get_by_role("radio", name="ダーク").check()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await page.reload()
        await expect(page.get_by_role("combobox", name="論壇に尋ねる")).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await page.get_by_role("combobox").fill("/digest")
        await page.keyboard.press("Enter")
        await expect(page.locator(".note")).to_contain_text("今週のまとめ")
    caller = ground.desk.callers[-1]
    assert (caller.language, caller.zone) == ("ja", "Asia/Tokyo")
