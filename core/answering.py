"""How an author's answer to a reader is shown: the question quoted, the answer said to be the author's. Pure."""

from __future__ import annotations

from core.document import Paragraph, Quote, spans
from core.faces import Wanted
from core.message import Message, MessageBlock
from core.responses import Voice
from core.speech import say
from core.text import shorten

MOST = 1200
"""Characters of an answer, as the form takes it: with the question it fits one message everywhere, in Japanese too."""
QUESTION = 300


def answer_leaf(asked: Voice, answer: str, language: str) -> Wanted:
    """The message under a piece's card with what the author answered to a comment."""
    title = say(language, "answer.title")
    blocks: tuple[MessageBlock, ...] = (
        Quote(blocks=(Paragraph(spans=spans(shorten(" ".join(asked.text.split()), QUESTION))),)),
        Paragraph(spans=spans(title, bold=True)),
        *(Paragraph(spans=spans(" ".join(part.split()))) for part in answer.splitlines() if part.strip()),
    )
    message = Message(title=title, blocks=blocks, language=language)
    return Wanted(f"answer:{asked.comment}", message, under="card", section=asked.section)
