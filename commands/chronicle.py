"""`/mod log`: who did what, with before and after. `/mod undo`: an act is taken back, if nothing newer stands on it."""

from __future__ import annotations

from typing import Annotated, cast

from commands.moderating import done_by, move, names_in, set_comment, set_featured
from commands.registry import MODERATORS, Between, command
from commands.saying import listed, said
from commands.tools import Tools
from commands.topics import correct
from core.chat import Caller
from core.errors import Refusal
from core.message import Reply
from core.pieces import Piece
from core.queueing import moment_said
from core.responses import Voice
from core.speech import say
from core.text import shorten
from storage import acts, comments, pieces
from storage.acts import UNDO, Act
from storage.db import Tx

UNDOABLE = ("hide", "show", "feature", "tag", "retract")
_VALUE = 80


@command("mod log", japanese="記録", summary="モデレーターの操作と読者の通報の記録を示します。", roles=MODERATORS)
async def log(
    tools: Tools,
    caller: Caller,
    *,
    piece: Annotated[Piece | None, "Only this piece.", "この記事だけ。"] = None,
    comment: Annotated[Voice | None, "Only this comment.", "このコメントだけ。"] = None,
    who: Annotated[str | None, "Only what this person did.", "この人の操作だけ。"] = None,
) -> Reply:
    """Show what moderators did and readers reported, newest first, with what it was before and after."""
    target = f"#{piece.number}" if piece is not None else f"comment {comment.comment}" if comment is not None else None
    found = await acts.acts(tools.db, target, who)
    title = say(caller.language, "mod.log" if found else "mod.log-empty")
    return listed(caller, title, (_told(one, caller) for one in found)) if found else said(caller, title)


def _told(one: Act, caller: Caller) -> str:
    when = moment_said(one.at, caller.language, caller.zone)
    who = one.actor or say(caller.language, "mod.reader" if one.act == "report" else "mod.somebody")
    text = f"{one.number}. {when} {who} {one.act} {one.target}"
    if one.before or one.after:
        before, after = (shorten(value, _VALUE) or "–" for value in (one.before, one.after))
        text += f": {before} → {after}"
    return text + (f" — {one.reason}" if one.reason else "")


@command("mod undo", japanese="元に戻す", summary="記録の番号で、操作を一つ取り消します。", roles=MODERATORS)
async def undo(
    tools: Tools,
    caller: Caller,
    *,
    number: Annotated[int, "The act's number (`/mod log`).", "操作の番号（`/mod log`）。", Between(1)],
) -> Reply:
    """Take back one act: hide, feature, tag or retract, unless somebody changed the same since."""
    language = caller.language

    async def work(tx: Tx) -> Act:
        act = await acts.act(tx, number)
        if act is None or act.act not in UNDOABLE:
            raise Refusal(say(language, "undo.none", number=number, acts=", ".join(UNDOABLE)))
        newest = await acts.last(tx, act.target, act.aspect)
        if newest is not None and newest.number != number:
            raise Refusal(f"{say(language, 'undo.newer', number=number)} {done_by(newest, caller)}")
        if not await _take_back(tools, caller, tx, act):
            raise Refusal(say(language, "undo.newer", number=number))
        return act

    act = await tools.db.write(work)
    tools.wake()
    return said(caller, say(language, "undo.done", number=number, act=act.act, target=act.target))


async def _take_back(tools: Tools, caller: Caller, tx: Tx, act: Act) -> bool:
    """Make it as it was before, and write that down; false if it is not as the act left it."""
    now, name, reason = tools.clock(), f"{UNDO}{act.act}", f"/mod undo {act.number}"
    if act.target.startswith("comment "):
        voice = await comments.find(tx, int(act.target.removeprefix("comment ")))
        if voice is None or voice.state != act.after:
            return False
        await set_comment(tx, caller, voice.comment, cast("comments.Visibility", act.before), name, reason, now)
        return True
    piece = await pieces.piece(tx, int(act.target.removeprefix("#")))
    assert piece is not None
    match act.act:
        case "feature":
            if piece.featured is not (act.after == "featured"):
                return False
            await set_featured(tx, caller, piece.number, name, featured=not piece.featured, now=now, reason=reason)
        case "retract":
            if piece.state != "retracted":
                return False
            await move(tx, caller, piece, "published", name, reason, now)
        case "tag":
            before, after = set(names_in(act.before)), set(names_in(act.after))
            added, removed = sorted(before - after), sorted(after - before)
            known = [one for one in removed if await pieces.topic_named(tx, one) is not None]
            await correct(tools, caller, tx, piece, added, known, act=name, reason=reason)
    return True
