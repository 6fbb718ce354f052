"""The moderators' queue: what waits, its cards' buttons. State is checked when it is written."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from commands import allowing
from commands.moderating import PieceOption, actor, names_in
from commands.registry import MODERATORS, Press, Words, command, form, press
from commands.saying import listed, said
from commands.tools import Tools
from commands.topics import about, correct, corrected
from core.chat import Caller
from core.document import spans
from core.errors import Refusal
from core.faces import action
from core.message import Field, Form, Reply
from core.pieces import Piece, PieceNumber
from core.queueing import KIND, Decided, moment_said, told
from core.speech import say
from core.text import fold
from storage import acts, pieces, places, postings, queueing
from storage.db import Reader, Tx

MOST = 25
_SHAPES = ("%Y-%m-%d %H:%M", "%Y年%m月%d日%H:%M", "%Y年%m月%d日%H時%M分", "%Y年%m月%d日%H時")

WhenOption = Annotated[str, "Day and time here, such as 2026-11-30 18:00.", "ここの日時（2026-11-30 18:00 など）。"]
ReasonOption = Annotated[Words | None, "For the log and the card.", "記録とカードに残す理由。"]


@command("mod queue", japanese="待ち", summary="承認を待つ記事を古い順に示します。", roles=MODERATORS, local="part")
async def queue(tools: Tools, caller: Caller) -> Reply:
    """List the pieces that wait for approval, oldest first."""
    waiting = await queueing.waiting(tools.db, MOST, at=await allowing.moderates(tools.db, caller))
    if not waiting:
        return said(caller, say(caller.language, "mod.queue-empty"))
    known = {one.number: one for one in await pieces.pieces(tools.db, [one.number for one in waiting])}
    now = tools.clock()
    lines = []
    for one in waiting:
        piece = known[PieceNumber(one.number)]
        when = moment_said(one.since, caller.language, caller.zone)
        age = say(caller.language, "queue.held-for", when=when, age=_age(caller.language, now - one.since))
        only = say(caller.language, "queue.waits-at", places=", ".join(one.at)) if one.at else ""
        more = " · ".join(filter(None, ("", age, only)))
        lines.append((*spans(f"#{piece.number} {piece.title}", link=piece.url), *spans(more)))
    return listed(caller, say(caller.language, "mod.queue"), lines)


def _age(language: str, span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds >= 2 * 86400:
        return say(language, "queue.age.days", n=seconds // 86400)
    if seconds >= 2 * 3600:
        return say(language, "queue.age.hours", n=seconds // 3600)
    return say(language, "queue.age.minutes", n=seconds // 60)


# --- decisions: what a card's button does, a command does too ---


@command("mod approve", japanese="承認", summary="待っている記事を公開します。", roles=MODERATORS, local="part")
async def approve(tools: Tools, caller: Caller, *, piece: PieceOption) -> Reply:
    """Let a piece that waits for approval out to its places."""
    now, zone = tools.clock(), await _zone(tools, caller)

    async def work(tx: Tx) -> tuple[Piece, int, datetime | None]:
        here = await allowing.moderates(tx, caller)
        before = await _waiting(tx, caller, piece, zone, at=here)
        if here is not None:
            return before, await _decide_there(tx, caller, before, "approve", "", here, now), None
        until = before.embargo if before.embargo is not None and before.embargo > now else None
        await acts.record(
            tx,
            actor=actor(caller),
            act="approve",
            target=f"#{before.number}",
            before=before.state,
            after="published" if until is None else "approved",
            now=now,
        )
        released = await queueing.release(tx, before.number, now)
        placed = await tools.let_out(tx, before.number, now) if before.state == "held" else ()
        await postings.subject_changed(tx, queueing.SUBJECT, before.number, now)
        return before, released + len(placed), until

    done, count, until = await tools.db.write(work)
    tools.wake()
    if until is not None:
        return await _scheduled(tools, caller, done, until)
    return said(caller, say(caller.language, "mod.approved", number=done.number, title=done.title, n=count))


@command("mod schedule", japanese="予約", summary="待っている記事の公開日時を決めます。", roles=MODERATORS)
async def schedule(tools: Tools, caller: Caller, *, piece: PieceOption, when: WhenOption) -> Reply:
    """Approve a piece for a later time; again for another time."""
    return await _schedule(tools, caller, piece, when, again=True)


async def _schedule(tools: Tools, caller: Caller, piece: Piece, when: str, *, again: bool = False) -> Reply:
    now, zone = tools.clock(), await _zone(tools, caller)
    until = _moment(caller, when, zone)
    if until <= now:
        raise Refusal(say(caller.language, "mod.when-past", when=moment_said(until, caller.language, zone)))

    async def work(tx: Tx) -> Piece:
        before = await _waiting(tx, caller, piece, zone, also="approved" if again else "", held=True)
        await queueing.set_embargo(tx, before.number, until)
        await acts.record(
            tx, actor=actor(caller), act="schedule", target=f"#{before.number}", before=before.state, after="approved",
            reason=f"{until:%Y-%m-%d %H:%M} UTC", now=now,
        )  # fmt: skip
        await tools.let_out(tx, before.number, now)
        return before

    done = await tools.db.write(work)
    tools.wake()
    return await _scheduled(tools, caller, done, until)


async def _scheduled(tools: Tools, caller: Caller, piece: Piece, until: datetime) -> Reply:
    zone = await _zone(tools, caller)
    when = moment_said(until, caller.language, zone)
    return said(
        caller, say(caller.language, "mod.scheduled", number=piece.number, title=piece.title, when=when, zone=zone)
    )


@command(
    "mod reject", japanese="却下", summary="待っている記事を公開しないことにします。", roles=MODERATORS, local="part"
)
async def reject(tools: Tools, caller: Caller, *, piece: PieceOption, reason: ReasonOption = None) -> Reply:
    """Keep a piece that waits from being posted; it can be brought back."""
    return await _reject(tools, caller, piece, reason or "", again=True)


async def _reject(tools: Tools, caller: Caller, piece: Piece, reason: str, *, again: bool = False) -> Reply:
    now, zone = tools.clock(), await _zone(tools, caller)

    async def work(tx: Tx) -> tuple[Piece, int]:
        here = await allowing.moderates(tx, caller)
        before = await _waiting(tx, caller, piece, zone, also="approved" if again else "", at=here)
        if here is not None:
            return before, await _decide_there(tx, caller, before, "reject", reason, here, now)
        refused = await queueing.release(tx, before.number, now, refused="rejected by a moderator")
        if before.state != "published":
            await pieces.set_state(tx, before.number, "rejected", now=now)
        after = "rejected" if before.state != "published" else before.state
        await acts.record(
            tx, actor=actor(caller), act="reject", target=f"#{before.number}", before=before.state, after=after,
            reason=reason, now=now,
        )  # fmt: skip
        await postings.subject_changed(tx, queueing.SUBJECT, before.number, now)
        return before, refused

    done, refused = await tools.db.write(work)
    tools.wake()
    name = "mod.rejected-at" if done.state == "published" else "mod.rejected"
    return said(caller, say(caller.language, name, number=done.number, title=done.title, n=refused))


async def _decide_there(
    tx: Tx, caller: Caller, piece: Piece, act: str, reason: str, here: Collection[int], now: datetime
) -> int:
    """A moderator of places decides for those only: it says nothing of others, nor of the piece itself."""
    there = ", ".join(await queueing.waiting_at(tx, piece.number, here))
    refused = "rejected by a moderator" if act == "reject" else None
    released = await queueing.release(tx, piece.number, now, refused=refused, at=here)
    await acts.record(
        tx, actor=actor(caller), act=f"{act} here", target=f"#{piece.number}", before="review", after=there,
        reason=reason, now=now,
    )  # fmt: skip
    await postings.subject_changed(tx, queueing.SUBJECT, piece.number, now)
    return released


async def _waiting(
    db: Reader,
    caller: Caller,
    piece: Piece,
    zone: str,
    *,
    also: str = "",
    held: bool = False,
    at: allowing.Reach = None,
) -> Piece:
    """The piece as it is now, in a transaction for sure, if it waits. Refusal with who decided what and when, if not.

    `held`: the whole piece must wait, not only at places on review. `also`: another state that will do. `at`: it must
    wait at one of these places.
    """
    today = await pieces.piece(db, piece.number)
    if today is not None and today.state in ("held", also) and at is None:
        return today
    published = today is not None and today.state == "published"
    if today is not None and published and not held and await queueing.waiting_at(db, piece.number, at):
        return today
    last = await queueing.decision(db, piece.number)
    if today is None or last is None:
        raise Refusal(say(caller.language, "mod.not-held", number=piece.number))
    what = told(today, decided(last, caller.language), caller.language, zone)
    raise Refusal(say(caller.language, "mod.decided", number=piece.number, told=what))


def decided(act: acts.Act, language: str) -> Decided:
    """An act as a card tells of it."""
    return Decided(act=act.act, who=act.name or say(language, "mod.somebody"), at=act.at, reason=act.reason)


async def _zone(tools: Tools, caller: Caller) -> str:
    """The zone of the place where somebody asks, or their own."""
    place = await places.place_at(tools.db, caller.platform, caller.channel or "")
    return caller.zone if place is None else place.zone


def _moment(caller: Caller, text: str, zone: str) -> datetime:
    """A time as people type it, in a zone. Refusal if it is none."""
    plain = unicodedata.normalize("NFKC", text).strip().replace("/", "-").replace("T", " ").replace("日 ", "日")
    for shape in _SHAPES:
        try:
            return datetime.strptime(plain, shape).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise Refusal(say(caller.language, "mod.when", value=text, zone=zone))


# --- the card's buttons and forms ---


@press(KIND, only=MODERATORS)
async def pressed(tools: Tools, caller: Caller, at: Press) -> Reply | Form:
    """Approve at once; the others ask in a form first."""
    zone = await _zone(tools, caller)
    await _waiting(
        tools.db, caller, at.piece, zone
    )  # who is late is told before filling in a form, and again when it is written
    match at.what:
        case "approve":
            return await approve(tools, caller, piece=at.piece)
        case "topics":
            fields = (_field(caller, "topics", "queue.topics-field", value=about(at.piece, caller), required=False),)
            return _form(caller, at, "queue.topics", "queue.save", fields)
        case "schedule":
            return _form(
                caller, at, "queue.schedule", "queue.schedule", (_field(caller, "when", "queue.when-field", zone=zone),)
            )
        case "reject":
            return _form(
                caller,
                at,
                "queue.reject",
                "queue.reject",
                (_field(caller, "reason", "queue.reason-field", required=False),),
            )
    raise Refusal(say(caller.language, "refused.stale"))


def _field(caller: Caller, key: str, label: str, *, value: str = "", required: bool = True, **words: object) -> Field:
    text = say(caller.language, label, **words)
    return Field(key=key, label=text, kind="line", required=required, value=value, limit=300)


def _form(caller: Caller, at: Press, title: str, submit: str, fields: tuple[Field, ...]) -> Form:
    said_title, said_submit = say(caller.language, title), say(caller.language, submit)
    return Form(id=action(KIND, at.piece.uid, at.what), title=said_title, submit=said_submit, fields=fields)


@form(KIND, only=MODERATORS)
async def filled_in(tools: Tools, caller: Caller, at: Press) -> Reply:
    """What was asked in a form."""
    match at.what:
        case "topics":
            return await _retag(tools, caller, at.piece, names_in(at.values.get("topics")))
        case "schedule":
            return await _schedule(tools, caller, at.piece, at.values.get("when", ""))
        case "reject":
            return await _reject(tools, caller, at.piece, at.values.get("reason", "").strip())
    raise Refusal(say(caller.language, "refused.stale"))


async def _retag(tools: Tools, caller: Caller, piece: Piece, names: list[str]) -> Reply:
    """The piece is about these topics and no others."""

    async def work(tx: Tx) -> tuple[Piece, list[str]]:
        today = await pieces.piece(tx, piece.number)
        assert today is not None
        meant = {fold(name) for name in names}
        gone = [
            one.key for one in today.topics if not meant & set(map(fold, (one.key, *one.names.values(), *one.aliases)))
        ]
        return await correct(tools, caller, tx, today, names, gone)

    tagged, learned = await tools.db.write(work)
    tools.wake()
    return corrected(caller, tagged, learned)
