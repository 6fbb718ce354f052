"""`/mod submit`: a piece is brought in from chat, from an address, a file or a form, and waits for approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from commands.moderating import actor
from commands.registry import WRITERS, alone, alone_form, command
from commands.saying import said
from commands.tools import Tools
from commands.values import file_in
from core import attached
from core.chat import Caller
from core.errors import Refusal, SourceError
from core.message import Action, Field, File, Form, Reply
from core.pieces import Found, TextMode
from core.speech import say
from storage import acts, pieces
from storage.db import Tx

WRITE = "submit"
_TEXT = 3000  # characters of a form's field, on every platform


@command("mod submit", japanese="投稿", summary="アドレス、ファイル、本文から記事を承認待ちに入れます。", roles=WRITERS)
async def submit(
    tools: Tools,
    caller: Caller,
    *,
    address: Annotated[
        str | None, "Where the piece is; without it you get a form.", "記事のアドレス。省くとフォーム。"
    ] = None,
    file: Annotated[
        File | None, "Or a file: Markdown, HTML or text.", "またはファイル（Markdown、HTML、テキスト）。"
    ] = None,
) -> Reply:
    """Bring a piece into the queue: from an address, a file, or as text in a form."""
    if file is not None:
        return await _take_file(tools, caller, file)
    if address is None:
        button = Action(id=f"v1:{WRITE}:-", label=say(caller.language, "mod.write"), style="primary")
        return said(caller, say(caller.language, "mod.submit"), actions=(button,))
    try:
        found = await tools.drafts.read(address)
    except SourceError as error:
        raise Refusal(say(caller.language, "mod.unreadable", why=str(error))) from error
    return await _hold(tools, caller, found, "excerpt")


@alone(WRITE, only=WRITERS)
async def write(tools: Tools, caller: Caller, what: str) -> Form:
    """The form for a text."""
    return Form(
        id=f"v1:{WRITE}:-",
        title=say(caller.language, "mod.form"),
        submit=say(caller.language, "comment.submit"),
        fields=(
            Field(key="title", label=say(caller.language, "mod.form-title"), kind="line", required=False, limit=200),
            Field(key="text", label=say(caller.language, "mod.form-text"), required=False, limit=_TEXT),
            Field(
                key="file",
                label=say(caller.language, "mod.form-file"),
                kind="file",
                required=False,
                limit=attached.MOST,
            ),
        ),
    )


@alone_form(WRITE, only=WRITERS)
async def written(tools: Tools, caller: Caller, what: str, values: Mapping[str, str]) -> Reply:
    """Keep what was written."""
    title, text, file = (values.get(key, "").strip() for key in ("title", "text", "file"))
    if file:
        return await _take_file(tools, caller, file_in(caller.language, file))
    if not title or not text:
        raise Refusal(say(caller.language, "mod.no-text"))
    author = caller.person.name if "author" in caller.roles else ""
    return await _hold(tools, caller, tools.drafts.written(title, text, caller.language, author or None), "full")


async def _take_file(tools: Tools, caller: Caller, file: File) -> Reply:
    try:
        found = await tools.drafts.file(file.name, file.content)
    except SourceError as error:
        raise Refusal(say(caller.language, "mod.unreadable-file", why=str(error))) from error
    author = caller.person.name if "author" in caller.roles else ""
    return await _hold(tools, caller, replace(found, author=found.author or author or None), "full")


async def _hold(tools: Tools, caller: Caller, found: Found, mode: TextMode) -> Reply:
    now = tools.clock()

    async def work(tx: Tx) -> tuple[int, bool, str]:
        number, new = await tools.drafts.hold(tx, found, mode, now)
        piece = await pieces.piece(tx, number)
        assert piece is not None
        if new:
            await acts.record(
                tx,
                actor=actor(caller),
                act="submit",
                target=f"#{number}",
                after="held",
                reason=found.url or "",
                now=now,
            )
        return number, new, piece.title

    number, new, title = await tools.db.write(work)
    tools.wake()
    return said(caller, say(caller.language, "mod.submitted" if new else "mod.known", number=number, title=title))
