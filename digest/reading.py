"""All that is found by reading the pieces and comments of a window, put together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from core.pieces import Piece, Topic
from digest.points import points
from digest.questions import questions
from digest.sketch import Reading, Spoken
from digest.summary import forget, summarize
from digest.themes import Voices

SENTENCES = 3
"""Sentences of a piece, at most."""


def read(pieces: Sequence[Piece], spoken: Sequence[Spoken], topic: Topic | None) -> Reading:
    """What stands in a digest of these pieces and comments, beside the numbers."""
    # What comments mean is mostly sums, which need no Python: the pieces are read meanwhile.
    with ThreadPoolExecutor(1) as beside:
        voices = Voices(spoken, beside)
        try:
            accounts = tuple(summarize(piece, SENTENCES) for piece in pieces)
            only_about = topic is not None and topic.kind in ("person", "company")
            found = tuple(points(pieces, topic, accounts, only_about=only_about))
        finally:
            forget()
        asked = tuple(questions(spoken))
        return Reading(accounts=accounts, points=found, themes=tuple(voices.themes()), questions=asked)
