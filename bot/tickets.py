"""The cards of tickets at the moderators' places, made anew of the rows whenever these change."""

from __future__ import annotations

from core.chat import Place
from core.message import Message
from core.ticketing import ticket_card
from storage import comments, pieces, tickets
from storage.db import Db


class Tickets:
    """Makes the cards."""

    def __init__(self, db: Db) -> None:
        self._db = db

    async def show(self, place: Place, number: int) -> Message | None:
        """The card of a ticket as it is now; None if there is no such ticket."""
        ticket = await tickets.ticket(self._db, number)
        piece = None if ticket is None else await pieces.piece(self._db, ticket.piece)
        if ticket is None or piece is None:
            return None
        return ticket_card(
            number,
            piece,
            None if ticket.comment is None else await comments.find(self._db, ticket.comment),
            place.language,
            place.zone,
            state=ticket.state,
            reason=ticket.reason,
            reports=ticket.reports,
            opened=ticket.opened,
            closed=ticket.closed,
            by=ticket.by,
            about_comment=ticket.comment is not None,
        )
