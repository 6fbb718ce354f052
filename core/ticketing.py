"""What moderators see of a ticket: the comment or piece that it is about, why, and what became of it. Pure.

Nothing on the card tells who reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from core.document import Heading, Paragraph, Quote, spans
from core.message import Action, Message, MessageBlock, Small
from core.pieces import Piece
from core.queueing import moment_said
from core.responses import Voice
from core.speech import say
from core.text import shorten

KIND = "ticket"
"""Of the buttons on the card: `v1:ticket:NUMBER:what`."""
_WORDS = 600


def ticket_card(
    number: int,
    piece: Piece,
    comment: Voice | None,
    language: str,
    zone: str,
    *,
    state: str,
    reason: str,
    reports: int,
    opened: datetime,
    closed: datetime | None,
    by: str,
    about_comment: bool,
) -> Message:
    """The card of a ticket; with buttons while it is open, and afterwards with who decided what."""
    title = say(language, "ticket.title", number=number)
    why = [say(language, "ticket.reported", n=reports)] if reports else []
    if reason != "report":
        why.insert(0, say(language, f"ticket.held.{reason}"))
    small = [f"#{piece.number} {piece.title}", moment_said(opened, language, zone)]
    blocks: list[MessageBlock] = [
        Heading(level=2, spans=spans(title)),
        Paragraph(spans=spans(" ".join(why))),
    ]
    if comment is not None:
        state_said = say(language, f"mod.state.{comment.state}")
        small[:0] = [say(language, "mod.comment", number=comment.comment), state_said, comment.person]
        text = shorten(" ".join(comment.text.split()), _WORDS)
        blocks.append(Quote(blocks=(Paragraph(spans=spans(text)),)))
    elif about_comment:
        blocks.append(Paragraph(spans=spans(say(language, "ticket.gone"))))
    blocks.append(Small(spans=spans(" · ".join(filter(None, small)))))
    if state != "open" and closed is not None:
        when = moment_said(closed, language, zone)
        told = say(language, f"ticket.did.{state}", who=by or say(language, "mod.somebody"), when=when)
        blocks.append(Paragraph(spans=spans(told, bold=True)))
    buttons = _actions(number, comment, language) if state == "open" else ()
    return Message(title=title, blocks=tuple(blocks), actions=tuple(buttons), language=language)


def _actions(number: int, comment: Voice | None, language: str) -> Sequence[Action]:
    found = []
    if comment is not None and comment.state == "held":
        found.append(_action(number, "show", language, style="primary"))
    if comment is not None:
        found.append(_action(number, "hide", language, style="danger"))
    if comment is None or comment.state != "held":
        found.append(_action(number, "dismiss", language))
    return found


def _action(number: int, what: str, language: str, style: Literal["plain", "primary", "danger"] = "plain") -> Action:
    return Action(id=f"v1:{KIND}:{number}:{what}", label=say(language, f"ticket.{what}"), style=style)
