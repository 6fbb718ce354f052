"""`/privacy`, `/my-data`, `/forget-me`, `/opt-out`, `/opt-in`: what is kept of a person is theirs to see and to end."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from typing import Any

from commands.registry import alone, command
from commands.saying import said
from commands.tools import Tools
from core.chat import Caller
from core.document import Heading, Paragraph, bullets, spans
from core.errors import Refusal
from core.message import Action, File, Message, MessageBlock, Reply
from core.speech import say
from core.times import moment
from storage import erasing

ALWAYS = ("comments", "reactions", "follows")
"""Parts of somebody's data that are named when they are empty, too."""
TIMES = ("at", "edited_at", "looked_at", "forgotten_at")


@command("privacy", japanese="プライバシー", summary="あなたについて何を、なぜ、いつまで残しているかを示します。")
async def privacy(tools: Tools, caller: Caller) -> Reply:
    """Say what is kept about you, why, how long, and who sees it."""
    kept = await erasing.of_person(tools.db, tools.db.whose(caller.platform, caller.person.id))
    await tools.outside.ready()
    out = tools.outside.holds(caller.platform, caller.person.id)
    language, keeps = caller.language, tools.keeps
    lines = [
        say(language, "rights.kept", comments=kept.comments, reactions=kept.reactions, follows=kept.follows),
        say(language, "rights.is-out" if out else "rights.is-in"),
    ]
    about = [
        say(language, "rights.comments", days=_days(language, keeps.comments)),
        say(language, "rights.reactions", days=_days(language, keeps.reactions)),
        say(language, "rights.follows"),
        say(language, "rights.left", days=_days(language, keeps.left)),
        say(language, "rights.deeds"),
        say(language, "rights.seen"),
    ]
    yours = [say(language, f"rights.{name}") for name in ("see", "forget", "out", "deleted")]
    blocks: list[MessageBlock] = [Paragraph(spans=spans(line)) for line in lines]
    for heading, listed in (("rights.what", about), ("rights.yours", yours)):
        blocks += [Heading(level=2, spans=spans(say(language, heading))), bullets(listed)]
    if keeps.operator:
        blocks.append(Paragraph(spans=spans(say(language, "rights.operator", operator=keeps.operator))))
    return Reply(message=Message(title=say(language, "rights.title"), blocks=tuple(blocks), language=language))


@command("my-data", japanese="マイデータ", summary="あなたについて残しているものをすべて渡します。")
async def my_data(tools: Tools, caller: Caller) -> Reply:
    """Give you everything that is kept about you, to read and as files."""
    language = caller.language
    data = await erasing.everything_of(tools.db, caller.platform, caller.person.id)
    for rows in data.values():
        for row in rows:
            row |= {name: moment(row[name]).isoformat() for name in TIMES if row.get(name) is not None}
    title = say(language, "rights.data")
    parts = [(say(language, f"rights.data.{name}"), rows) for name, rows in data.items() if rows or name in ALWAYS]
    blocks: list[MessageBlock] = []
    for heading, rows in parts:
        lines = [_line(row) for row in rows] or [say(language, "none")]
        blocks += [Heading(level=2, spans=spans(f"{heading} ({len(rows)})")), bullets(lines)]
    files = (
        File(name="my-data.json", kind="application/json", content=_json(data)),
        File(name="my-data.html", kind="text/html", content=_page(language, title, parts)),
    )
    return Reply(message=Message(title=title, blocks=tuple(blocks), language=language), files=files)


@command("forget-me", japanese="忘れて", summary="あなたについて残しているものをすべて消します（確認があります）。")
async def forget_me(tools: Tools, caller: Caller) -> Reply:
    """Erase everything that is kept about you, after you confirmed it."""
    kept = await erasing.of_person(tools.db, tools.db.whose(caller.platform, caller.person.id))
    language = caller.language
    asked = say(language, "rights.sure", comments=kept.comments, reactions=kept.reactions, follows=kept.follows)
    button = Action(id="v1:forget-me:yes", label=say(language, "rights.erase"), style="danger")
    return said(caller, asked, actions=(button,))


@alone("forget-me")
async def forget_now(tools: Tools, caller: Caller, what: str) -> Reply:
    """The second step: whoever presses erases what is kept of themselves."""
    if what != "yes":
        raise Refusal(say(caller.language, "refused.stale"))
    await tools.outside.forget(caller.platform, caller.person.id, tools.stance_of, tools.clock())
    tools.wake()
    return replace(said(caller, say(caller.language, "rights.forgotten")), replace=True)


@command("opt-out", japanese="記録しない", summary="これからは、あなたについて何も残しません。")
async def opt_out(tools: Tools, caller: Caller) -> Reply:
    """From now on keep nothing of what you say and react."""
    done = await tools.outside.opt_out(caller.platform, caller.person.id, tools.clock())
    return said(caller, say(caller.language, "rights.out-now" if done else "rights.out-already"))


@command("opt-in", japanese="記録する", summary="これからは、あなたのコメントと反応をまた残します。")
async def opt_in(tools: Tools, caller: Caller) -> Reply:
    """Take an opt-out back."""
    done = await tools.outside.opt_in(caller.platform, caller.person.id, tools.clock())
    return said(caller, say(caller.language, "rights.in-now" if done else "rights.in-already"))


async def must_be_in(tools: Tools, caller: Caller) -> None:
    """Refusal if nothing of the caller may be kept: what they are about to do would leave no trace."""
    await tools.outside.ready()
    if tools.outside.holds(caller.platform, caller.person.id):
        raise Refusal(say(caller.language, "rights.is-out"))


def _days(language: str, days: int) -> str:
    return say(language, "rights.days", n=days) if days else say(language, "rights.for-good")


def _line(row: dict[str, Any]) -> str:
    return " · ".join(f"{value}" for value in row.values() if value is not None and value != "")


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=2).encode()


def _page(language: str, title: str, parts: list[tuple[str, list[dict[str, Any]]]]) -> bytes:
    """The same as a page: tables, nothing that needs a connection."""
    out = [f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{html.escape(title)}</title>']
    out.append(f"<h1>{html.escape(title)}</h1>")
    for heading, rows in parts:
        out.append(f"<h2>{html.escape(heading)} ({len(rows)})</h2><table border=1>")
        if rows:
            out.append("<tr>" + "".join(f"<th>{html.escape(name)}" for name in rows[0]) + "</tr>")
        for row in rows:
            cells = ("" if value is None else html.escape(str(value)) for value in row.values())
            out.append("<tr>" + "".join(f"<td>{cell}" for cell in cells) + "</tr>")
        out.append("</table>")
    return "\n".join(out).encode()
