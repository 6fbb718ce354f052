"""What moderators' places show: a card of each piece that waits, kept up to date by the publishing loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot import ingest
from commands.queueing import decided
from core.chat import Chat, Place
from core.faces import leaves
from core.message import Message
from core.pieces import Piece
from core.queueing import Preview, queue_card
from core.speech import say
from core.stances import Scale
from storage import pieces, places, queueing, sources
from storage.db import Db


class Queue:
    """Makes the cards. `chats` by platform name: they say what fits into a message."""

    def __init__(self, db: Db, chats: Mapping[str, Chat], scale: Scale) -> None:
        self._db = db
        self._chats = chats
        self._scale = scale

    async def show(self, place: Place, number: int) -> Message | None:
        """The card of a piece at a moderators' place as it is now; None if there is no such piece."""
        piece = await pieces.piece(self._db, number)
        if piece is None:
            return None
        source = await sources.source(self._db, piece.source)
        name = source.title or source.address
        waits_at = await queueing.waiting_at(self._db, number) if piece.state == "published" else []
        waits = piece.state == "held" or bool(waits_at)
        last = None if waits else await queueing.decision(self._db, number)
        return queue_card(
            piece,
            place.language,
            place.zone,
            source=say(place.language, "queue.from-chat") if source.kind == "chat" else name,
            waits=waits,
            waits_at=waits_at,
            previews=await self._previews(piece, name) if waits else (),
            decided=None if last is None else decided(last, place.language),
        )

    async def _previews(self, piece: Piece, source: str) -> list[Preview]:
        """What the piece becomes at the places that it is for, by platform and layout."""
        subject = ingest.subject_of(piece, source)
        limited = await ingest.limits(self._db, piece)
        found: dict[tuple[str, str], Preview] = {}
        shown = replace(piece, state="published")
        for at in await places.all_places(self._db):
            chat = self._chats.get(at.platform)
            if chat is None or at.paused or not ingest.belongs(piece, at, subject, limited).ok:
                continue
            before = found.get((at.platform, at.layout))
            if before is not None:
                found[at.platform, at.layout] = replace(before, places=before.places + 1)
                continue
            wanted = leaves(shown, at.layout, at.language, at.zone, self._scale, chat.text_limit, fits=chat.fits)
            count = sum(one.name != "publish" for one in wanted)
            found[at.platform, at.layout] = Preview(platform=at.platform, layout=at.layout, messages=count, places=1)
        return list(found.values())
