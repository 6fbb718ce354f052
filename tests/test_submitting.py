"""`/mod submit` with a file: what it may hold, what it may not, and how it comes from Discord, Slack and a form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.drafting import Drafts
from bot.platforms.room import Room
from bot.sources.fetch import Fetcher
from bot.sources.parser_pool import ParserPool
from core import attached
from core.chat import Caller
from core.message import Form, to_text
from storage import pieces
from storage.db import Db
from tests import test_discord_whole as discord
from tests import test_slack_whole as slack
from tests.conftest import QuietRoom, SetClock, add_place
from tests.newsroom import READER, Newsroom
from tests.standins.slack.files import attached as slack_file
from tests.test_discord_whole import w as on_discord  # noqa: F401 - fixtures are found by their names
from tests.test_drafting import AUTHOR
from tests.test_slack_whole import _again  # noqa: F401
from tests.test_slack_whole import w as on_slack  # noqa: F401

ESSAY = "---\nid: 7\ntags: Water\n---\n# The well\n\nIt is deep. <script>alert(1)</script>\n\n## Water\n\nIt is cold.\n"
PAGE = "<html lang=ja><title>井戸</title><body><h1>井戸</h1><p>深い。</p><script>alert(1)</script></body></html>"


@pytest.fixture
async def room(db: Db, clock: SetClock, tmp_path: Path) -> AsyncIterator[Newsroom]:
    memory = Room(tmp_path / "room.jsonl")
    await add_place(db, clock)
    async with Fetcher() as fetcher, ParserPool() as pool:
        yield Newsroom(db, clock, QuietRoom("web", memory), drafts=Drafts(fetcher, pool))
    await memory.close()


async def submitted(room: Newsroom, text: str, caller: Caller = AUTHOR) -> tuple[bool, str]:
    reply = await room.desk.call(caller, "mod submit", {"file": text})
    return reply.ok, to_text(reply.message)


async def test_a_file_waits_for_approval_whole_and_once(room: Newsroom) -> None:
    file = attached.written("../../well.md", ESSAY.encode())
    assert await submitted(room, file) == (True, "#1 “The well” waits for approval.")
    assert await submitted(room, file) == (True, "That is #1 “The well” already.")
    assert not (await submitted(room, file, READER))[0]
    form = await room.desk.press(AUTHOR, "v1:submit:-", None)
    assert isinstance(form, Form)
    page = {"title": "", "text": "", "file": attached.written("井戸.HTM", PAGE.encode("euc-jp"))}
    assert to_text((await room.desk.submit(AUTHOR, form.id, page, None)).message) == "#2 “井戸” waits for approval."
    assert not (await room.desk.submit(AUTHOR, form.id, {"title": "", "text": "", "file": ""}, None)).ok
    piece = await pieces.piece(room.db, 1)
    assert piece is not None
    assert (piece.state, piece.author) == ("held", "Ria")
    assert [one.heading for one in piece.outline.sections()] == [None, "Water"]
    rows = await room.db.read("select identity from item")
    assert all(row["identity"].startswith("guid:file:") for row in rows), "no path, and no id that it gave itself"


async def test_what_is_no_text_is_refused_and_nothing_kept(room: Newsroom) -> None:
    for text, why in (
        (attached.written("run.exe", b"MZ"), "only .md"),
        (attached.written("empty.md", b""), "no text"),
        (attached.written("odd.txt", b"caf\xe9 au lait"), "neither UTF-8"),
        (attached.written("deep.html", b"<div>" * 20_000), ""),
        (attached.written("big.md", b"x" * (attached.MOST + 1)), "is no file"),
        ("data:", "is no file"),
        ("/etc/passwd", "is no file"),
        ("data:;name=a.md;base64,%%%", "is no file"),
        ("data:;base64,QUJD", "is no file"),
    ):
        ok, told = await submitted(room, text)
        assert (ok, why in told, "/work" in told) == (False, True, False), (text[:60], told)
    assert await room.db.read("select id from piece") == []


@given(st.text(min_size=1), st.binary(max_size=300))
def test_a_file_as_text_is_the_file(name: str, content: bytes) -> None:
    file = attached.read(attached.written(name, content))
    assert file is None or (file.content == content and not set("/\\\n\0") & set(file.name))


async def test_on_discord_it_is_attached_to_the_command(on_discord: discord.Work) -> None:  # noqa: F811
    w = on_discord
    async with w.open():
        await w.place()
        told = discord.seen(await w.ask(w.mo, "mod submit", file=w.far.attached("well.md", ESSAY.encode())))
        assert told == "#1 “The well” waits for approval."
        large = w.far.attached("well.md", b"", size=attached.MOST + 1)
        assert "is no file" in discord.seen(await w.ask(w.mo, "mod submit", file=large))
        form = await w.press(w.mo, await w.ask(w.mo, "mod submit"), "Write it")
        assert form.modal is not None
        assert len(form.modal["components"]) == 2, "its forms take no files"


@pytest.mark.parametrize("scope", [True, False])
async def test_on_slack_it_is_put_into_the_form(on_slack: slack.Work, scope: bool) -> None:  # noqa: F811
    w = on_slack
    if not scope:
        w.far.scopes.discard("files:read")
    async with w.open():
        await w.place()
        form = await w.press(w.mo, await w.ask(w.mo, "/rondan mod submit"), "Write it")
        file = slack_file(w.far, "well.md", ESSAY.encode())
        told = (await w.far.submit(w.mo, form, {"file": [file]})).text
        assert ("#1 “The well” waits for approval." in told, "files:read" in told) == (scope, not scope)
        stolen = file | {"url_private": "https://slack.com.example/files-pri/F1"}
        form = await w.press(w.mo, await w.ask(w.mo, "/rondan mod submit"), "Write it")
        assert "did not hand out" in (await w.far.submit(w.mo, form, {"file": [stolen]})).text
