"""`/mod …`: what moderators do from chat. Every act is written down with its actor, in the transaction that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from commands import allowing
from commands.reading import links_to
from commands.registry import MODERATORS, Press, Words, command, form, press
from commands.saying import listed, said
from commands.tools import Tools
from core.chat import Caller
from core.document import spans
from core.errors import Refusal
from core.faces import action
from core.message import Action, Field, Form, Reply
from core.pieces import Piece, PieceState
from core.queueing import moment_said
from core.responses import Voice
from core.speech import say
from storage import acts, comments, merging, pieces, postings, queueing, tickets
from storage.db import Reader, Tx
from storage.readers import Who

PieceOption = Annotated[Piece, "Its number, or words of its title.", "番号、または題名の言葉。"]


@command(
    "mod retract",
    japanese="取り下げ",
    summary="記事をすべての場所から取り下げます（確認があります）。",
    roles=MODERATORS,
    local="whole",
)
async def retract(
    tools: Tools,
    caller: Caller,
    *,
    piece: PieceOption,
    reason: Annotated[Words | None, "Shown with the note that stays.", "残る知らせに示す理由。"] = None,
    sure: Annotated[bool, "yes to do it without being asked.", "yes で確認を省きます。"] = False,
) -> Reply:
    """Withdraw a piece everywhere once you confirmed it; a note stays, the discussion is kept."""
    if sure:
        return await _retract(tools, caller, piece, reason or "")
    if piece.state != "published":
        raise Refusal(await _otherwise(tools.db, caller, piece))
    button = Action(id=action("retract", piece.uid), label=say(caller.language, "mod.retract"), style="danger")
    asked = say(caller.language, "mod.retract-sure", number=piece.number, title=piece.title)
    return said(caller, asked, actions=(button,))


@press("retract", only=MODERATORS, local="whole")
async def sure_to_retract(tools: Tools, caller: Caller, at: Press) -> Form:
    """The second step: the reason, which readers see."""
    field = Field(
        key="reason", label=say(caller.language, "mod.retract-reason"), kind="line", required=False, limit=300
    )
    title, submit = (
        say(caller.language, "mod.retract-title", number=at.piece.number),
        say(caller.language, "mod.retract"),
    )
    return Form(id=action("retract", at.piece.uid), title=title, submit=submit, fields=(field,))


@form("retract", only=MODERATORS, local="whole")
async def retracted(tools: Tools, caller: Caller, at: Press) -> Reply:
    """It was confirmed."""
    return await _retract(tools, caller, at.piece, at.values.get("reason", "").strip())


async def _retract(tools: Tools, caller: Caller, piece: Piece, reason: str) -> Reply:
    note = f"{reason}\n{tools.clock().isoformat()}"
    _, places = await _move(tools, caller, piece, {"published": "retracted"}, "retract", reason, note)
    return said(caller, say(caller.language, "mod.retracted", number=piece.number, title=piece.title, n=places))


async def _move(
    tools: Tools,
    caller: Caller,
    piece: Piece,
    moves: Mapping[PieceState, PieceState],
    act: str,
    reason: str,
    note: str = "",
) -> tuple[PieceState, int]:
    """Move a piece on from the state that it is in then, write it down, and have every place look again; gives the new
    state and how many places. Refusal with who was quicker, if somebody was.
    """
    now = tools.clock()

    async def work(tx: Tx) -> tuple[PieceState, int]:
        today = await pieces.piece(tx, piece.number)
        if today is None or today.state not in moves:
            raise Refusal(await _otherwise(tx, caller, today or piece))
        return moves[today.state], await move(tx, caller, today, moves[today.state], act, reason, now, note)

    done = await tools.db.write(work)
    tools.wake()
    return done


async def move(
    tx: Tx, caller: Caller, piece: Piece, state: PieceState, act: str, reason: str, now: datetime, note: str = ""
) -> int:
    """The same in a transaction, of the piece as it is in it; gives how many places look again."""
    if state == "published" and (kept := await merging.into(tx, piece.number)) is not None:
        raise Refusal(say(caller.language, "merge.already", gone=piece.number, kept=kept))
    await pieces.set_state(tx, piece.number, state, note=note, now=now)
    if state == "held":
        await queueing.wait(tx, piece.number, now)
    await acts.record(
        tx, actor=actor(caller), act=act, target=f"#{piece.number}", before=piece.state, after=state,
        reason=reason, now=now,
    )  # fmt: skip
    return await postings.subject_changed(tx, "piece", piece.number, now)


async def _otherwise(db: Reader, caller: Caller, piece: Piece) -> str:
    """Why a piece can't be withdrawn or brought back: what it is, and whose doing that was."""
    name = {"retracted": "mod.retracted-already", "published": "mod.not-retracted"}.get(piece.state, "mod.not-out")
    sentence = say(caller.language, name, number=piece.number)
    last = await acts.last(db, f"#{piece.number}", "life")
    return f"{sentence} {done_by(last, caller)}" if last is not None and last.after == piece.state else sentence


def done_by(act: acts.Act, caller: Caller) -> str:
    """Whose doing something was, and when."""
    when = moment_said(act.at, caller.language, caller.zone)
    who = act.name or say(caller.language, "mod.somebody")
    return say(caller.language, "mod.by", who=who, when=when, number=act.number)


@command(
    "mod restore",
    japanese="復元",
    summary="取り下げた記事や却下した記事を元に戻します。",
    roles=MODERATORS,
    local="whole",
)
async def restore(
    tools: Tools,
    caller: Caller,
    *,
    piece: PieceOption,
    reason: Annotated[Words | None, "For the log.", "記録に残す理由。"] = None,
) -> Reply:
    """Bring a withdrawn piece back to where it was, a rejected one back to the queue."""
    state, n = await _move(
        tools, caller, piece, {"rejected": "held", "retracted": "published"}, "restore", reason or ""
    )
    name = "mod.waits-again" if state == "held" else "mod.restored"
    return said(caller, say(caller.language, name, number=piece.number, title=piece.title, n=n))


def names_in(text: str | None) -> list[str]:
    """Names that are separated by commas, Japanese ones too."""
    return [name.strip() for name in (text or "").replace("、", ",").replace("，", ",").split(",") if name.strip()]


@command("mod hide", japanese="隠す", summary="コメントを隠します（解除もできます）。", roles=MODERATORS, local="whole")
async def hide(
    tools: Tools,
    caller: Caller,
    *,
    comment: Annotated[Voice, "The comment's number (`/mod comments`).", "コメントの番号（`/mod comments`）。"],
    undo: Annotated[bool, "yes to show it again.", "yes で再び表示。"] = False,
    reason: Annotated[Words | None, "For the log.", "記録に残す理由。"] = None,
) -> Reply:
    """Hide a reader's comment from digests, search and exports, or show it again."""
    number = comment.comment
    await _set_comment(tools, caller, number, "visible" if undo else "hidden", "show" if undo else "hide", reason or "")
    return said(caller, say(caller.language, "mod.comment-shown" if undo else "mod.hidden", number=number))


@command(
    "mod feature",
    japanese="注目",
    summary="記事かコメントを注目に設定します（解除もできます）。",
    roles=MODERATORS,
    local="whole",
)
async def feature(
    tools: Tools,
    caller: Caller,
    *,
    piece: Annotated[Piece | None, "A piece.", "記事。"] = None,
    comment: Annotated[Voice | None, "Or a comment's number.", "またはコメントの番号。"] = None,
    undo: Annotated[bool, "yes to stop featuring.", "yes で解除。"] = False,
) -> Reply:
    """Feature a piece or a comment in digests, or stop."""
    now = tools.clock()
    name = "mod.unfeatured" if undo else "mod.featured"
    if comment is not None:
        number = comment.comment
        await _set_comment(tools, caller, number, "visible" if undo else "featured", "feature", "")
        return said(caller, say(caller.language, name, target=say(caller.language, "mod.comment", number=number)))
    if piece is None:
        raise Refusal(
            say(caller.language, "refused.missing", command="mod feature", option="piece", help="piece / comment")
        )

    async def work(tx: Tx) -> None:
        today = await pieces.piece(tx, piece.number)
        assert today is not None
        if today.featured is not undo:
            raise Refusal(await _already(tx, caller, f"#{piece.number}", "feature", "plain" if undo else "featured"))
        await set_featured(tx, caller, today.number, "feature", featured=not undo, now=now)

    await tools.db.write(work)
    tools.wake()
    return said(caller, say(caller.language, name, target=f"#{piece.number} {piece.title}"))


async def set_featured(
    tx: Tx, caller: Caller, number: int, act: str, *, featured: bool, now: datetime, reason: str = ""
) -> None:
    """Feature a piece or stop, in a transaction that knows that it was not so."""
    await pieces.set_featured(tx, number, featured, now)
    before, after = ("plain", "featured") if featured else ("featured", "plain")
    await acts.record(
        tx, actor=actor(caller), act=act, target=f"#{number}", before=before, after=after, reason=reason, now=now
    )
    await postings.subject_changed(tx, "piece", number, now)


async def _set_comment(
    tools: Tools, caller: Caller, number: int, state: comments.Visibility, act: str, reason: str
) -> None:
    now = tools.clock()

    async def work(tx: Tx) -> None:
        voice = await comments.find(tx, number)
        if voice is None:
            raise Refusal(say(caller.language, "mod.no-comment", number=number))
        if voice.state == state:
            raise Refusal(await _already(tx, caller, f"comment {number}", "state", state))
        await set_comment(tx, caller, number, state, act, reason, now)

    await tools.db.write(work)
    tools.wake()


async def set_comment(
    tx: Tx, caller: Caller, number: int, state: comments.Visibility, act: str, reason: str, now: datetime
) -> None:
    """Set a comment's state in a transaction that knows there is one, and write it down; its tickets are closed."""
    before = await comments.set_state(tx, number, state, now)
    assert before is not None
    await acts.record(
        tx, actor=actor(caller), act=act, target=f"comment {number}", before=before, after=state, reason=reason, now=now
    )
    if state != "held":
        outcome: tickets.Outcome = "hidden" if state == "hidden" else "shown"
        await tickets.settle(tx, [number], outcome, actor(caller), now)


async def _already(tx: Tx, caller: Caller, target: str, aspect: str, state: str) -> str:
    """What somebody wants is so already: who did that, if a person did."""
    language = caller.language
    name = say(language, "mod.comment", number=target.split(" ")[1]) if target.startswith("comment ") else target
    sentence = say(language, "mod.already", target=name, state=say(language, f"mod.state.{state}"))
    last = await acts.last(tx, target, aspect)
    return f"{sentence} {done_by(last, caller)}" if last is not None and last.after == state else sentence


@command(
    "mod comments",
    japanese="コメント一覧",
    summary="記事へのコメントを番号つきで示します。",
    roles=MODERATORS,
    local="part",
)
async def list_comments(tools: Tools, caller: Caller, *, piece: PieceOption) -> Reply:
    """List the comments on a piece with their numbers, hidden ones too."""
    found = await comments.of_piece(tools.db, piece.number, at=await allowing.moderates(tools.db, caller))
    if not found:
        return said(caller, say(caller.language, "mod.no-comments", number=piece.number, title=piece.title))
    lines = []
    for one in found:
        address = tools.link(one.platform, one.channel, one.anchor)
        if address is None:  # it came by a form: the card there
            there = replace(caller, platform=one.platform, channel=one.channel, community="")
            address = next(iter(await links_to(tools, piece, there)), None)
        text = f"{one.comment} [{one.state}] {one.person or '?'}: {' '.join(one.text.split())[:200]}"
        lines.append(spans(text, link=address))
    return listed(caller, f"#{piece.number} {piece.title}", lines)


def actor(caller: Caller) -> Who:
    """Who did it, as the log keeps it."""
    return caller.platform, caller.person
