"""The authors' answers under a piece at a place: to the comments that may be seen there, no others."""

from __future__ import annotations

from core.answering import answer_leaf
from core.chat import Place
from core.faces import Wanted
from core.pieces import Piece
from storage import answers, digests
from storage.audience import Audience
from storage.db import Reader


async def answered(db: Reader, place: Place, piece: Piece) -> list[Wanted]:
    """The messages with answers, in the order of the comments; none under a piece that is not published."""
    given = await answers.of_piece(db, piece.number)
    if not given:
        return []
    audience = Audience(place=place.id, community=place.community, platform=place.platform)
    asked = await digests.voices(db, list(given), audience)
    return [answer_leaf(asked[number], text, place.language) for number, text in given.items() if number in asked]
