"""The cards of tickets at the moderators' places, made anew of the rows whenever these change."""

from __future__ import annotations

from commands import reporting
from core.chat import Place
from core.message import Message
from storage.db import Db


class Tickets:
    """Makes the cards."""

    def __init__(self, db: Db) -> None:
        self._db = db

    async def show(self, place: Place, number: int) -> Message | None:
        """The card of a ticket as it is now; None if there is no such ticket."""
        return await reporting.shown(self._db, number, place.language, place.zone)
