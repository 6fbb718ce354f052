"""Reports by readers and held comments as numbered tickets: `/mod tickets`, and the buttons on their cards."""

from __future__ import annotations

from typing import Annotated

from commands import allowing
from commands.moderating import actor, set_comment
from commands.registry import MODERATORS, Between, Target, alone, command, row_id
from commands.saying import listed, said
from commands.tools import Tools
from core.chat import Caller
from core.errors import Refusal
from core.message import Message, Reply
from core.queueing import moment_said
from core.responses import Voice
from core.speech import say
from core.text import shorten
from core.ticketing import KIND, ticket_card
from storage import acts, comments, pieces, tickets
from storage.db import Reader, Tx
from storage.tickets import Ticket

MOST = 25
_WORDS = 120


@command(
    "mod tickets",
    japanese="通報一覧",
    summary="通報されたものと保留中のコメントを示します。",
    roles=MODERATORS,
    local="part",
)
async def list_tickets(
    tools: Tools,
    caller: Caller,
    *,
    number: Annotated[
        int | None, "Only this one, with its buttons.", "この番号だけを、ボタンつきで。", Between(1)
    ] = None,
) -> Reply:
    """List what readers reported and which comments are held back, oldest first; or show one."""
    if number is not None:
        await _known(tools.db, caller, number)
        card = await shown(tools.db, number, caller.language, caller.zone)
        assert card is not None
        return Reply(message=card)
    found = await tickets.waiting(tools.db, MOST, at=await allowing.moderates(tools.db, caller))
    title = say(caller.language, "tickets.title" if found else "tickets.none")
    lines = [await _line(tools, caller, one) for one in found]
    return listed(caller, title, lines) if found else said(caller, title)


async def _line(tools: Tools, caller: Caller, one: Ticket) -> str:
    """Its number, age and reason; what it is about."""
    language = caller.language
    why = say(language, "ticket.reported", n=one.reports) if one.reports else say(language, f"ticket.held.{one.reason}")
    parts = [f"{one.number}. {moment_said(one.opened, language, caller.zone)}", why]
    voice = None if one.comment is None else await comments.find(tools.db, one.comment)
    piece = await pieces.piece(tools.db, one.piece)
    if voice is not None:
        parts.append(say(language, "mod.comment", number=voice.comment))
        parts.append(shorten(" ".join(voice.text.split()), _WORDS))
    parts.append(f"#{one.piece} {'' if piece is None else piece.title}")
    return " · ".join(parts)


async def shown(db: Reader, number: int, language: str, zone: str) -> Message | None:
    """The card of a ticket as it is now; None if there is no such ticket."""
    ticket = await tickets.ticket(db, number)
    piece = None if ticket is None else await pieces.piece(db, ticket.piece)
    if ticket is None or piece is None:
        return None
    return ticket_card(
        number,
        piece,
        None if ticket.comment is None else await comments.find(db, ticket.comment),
        language,
        zone,
        state=ticket.state,
        reason=ticket.reason,
        reports=ticket.reports,
        opened=ticket.opened,
        closed=ticket.closed,
        by=ticket.by,
        about_comment=ticket.comment is not None,
    )


async def _known(db: Reader, caller: Caller, number: int) -> tuple[Ticket, Voice | None]:
    """A ticket and its comment. Refusal if there is none, or it is not for this moderator."""
    ticket = await tickets.ticket(db, number)
    piece = None if ticket is None else await pieces.piece(db, ticket.piece)
    if ticket is None or piece is None:
        raise Refusal(say(caller.language, "ticket.unknown", number=number))
    voice = None if ticket.comment is None else await comments.find(db, ticket.comment)
    where = await allowing.reach(db, caller, MODERATORS, "whole")
    if where is not None and voice is None:  # their list has none such
        raise Refusal(say(caller.language, "refused.elsewhere"))
    await allowing.check(db, caller, where, "whole", [voice])
    return ticket, voice


async def report(tools: Tools, caller: Caller, at: Target) -> Reply:
    """A reader tells the moderators; told twice is told once, and several readers make one ticket."""
    comment = None if at.comment is None else at.comment.comment
    who = tools.db.whose(caller.platform, caller.person.id)
    now = tools.clock()

    async def work(tx: Tx) -> int:
        number, new = await tickets.report(tx, at.piece.number, comment, who, now)
        if new:
            target = f"#{at.piece.number}" if comment is None else f"comment {comment}"
            await acts.record(tx, actor=None, act="report", target=target, reason=f"ticket {number}", now=now)
        return number

    number = await tools.db.write(work)
    tools.wake()
    return said(caller, say(caller.language, "point.reported", ticket=number))


@alone(KIND, only=MODERATORS, local="whole")
async def pressed(tools: Tools, caller: Caller, what: str) -> Reply:
    """Show, Hide or Dismiss on a ticket's card; whoever comes second is told who was first."""
    digits, _, wish = what.partition(":")
    number, now, language = row_id(digits), tools.clock(), caller.language
    if number is None or wish not in ("show", "hide", "dismiss"):
        raise Refusal(say(language, "refused.stale"))

    async def work(tx: Tx) -> str:
        ticket, voice = await _known(tx, caller, number)
        if ticket.state != "open":
            when = "" if ticket.closed is None else moment_said(ticket.closed, language, caller.zone)
            who = ticket.by or say(language, "mod.somebody")
            told = say(language, f"ticket.did.{ticket.state}", who=who, when=when)
            raise Refusal(say(language, "ticket.closed", number=number, told=told))
        reason = f"ticket {number}"
        if wish == "dismiss":
            target = f"#{ticket.piece}" if ticket.comment is None else f"comment {ticket.comment}"
            await acts.record(tx, actor=actor(caller), act="dismiss", target=target, reason=reason, now=now)
            await tickets.close(tx, number, "dismissed", actor(caller), now)
            return say(language, "ticket.dismissed", number=number)
        if voice is None:
            raise Refusal(say(language, "ticket.gone"))
        state: comments.Visibility = "hidden" if wish == "hide" else "visible"
        if voice.state == state:  # by a command, before there was a ticket
            name, said = say(language, "mod.comment", number=voice.comment), say(language, f"mod.state.{state}")
            raise Refusal(say(language, "mod.already", target=name, state=said))
        await set_comment(tx, caller, voice.comment, state, wish, reason, now)
        return say(language, "mod.hidden" if wish == "hide" else "mod.comment-shown", number=voice.comment)

    sentence = await tools.db.write(work)
    tools.wake()
    return said(caller, sentence)
