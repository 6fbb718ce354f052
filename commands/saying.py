"""The two plain shapes of an answer: sentences, and a list under its title."""

from __future__ import annotations

from collections.abc import Iterable

from core.chat import Caller
from core.document import Heading, Spans, bullets, spans
from core.message import Action, Message, Reply, sentences


def said(caller: Caller, *texts: str, actions: tuple[Action, ...] = ()) -> Reply:
    """Sentences as an answer, a paragraph each; the first names it."""
    return Reply(message=sentences(caller.language, *texts, actions=actions))


def listed(caller: Caller, title: str, lines: Iterable[str | Spans]) -> Reply:
    """Lines under a title."""
    blocks = (Heading(level=2, spans=spans(title)), bullets(lines))
    return Reply(message=Message(title=title, blocks=blocks, language=caller.language))
