"""`/search`: pieces and comments that hold all the words."""

from __future__ import annotations

from typing import Annotated

from commands.reading import audience_of, caller_place, links_to
from commands.registry import Words, command
from commands.tools import Tools
from core.chat import Caller
from core.document import Block, Heading, Item, List, Paragraph, Span, Spans, spans
from core.errors import Refusal
from core.faces import body_text
from core.message import Message, Reply
from core.speech import say
from core.text import fold, search_terms, shorten
from storage import comments, pieces
from storage.search import Hit
from storage.search import search as look

SHOWN = 10
AROUND = 120  # UTF-16 units of text around the first word that was found


@command("search", japanese="検索", summary="すべての言葉を含む記事とコメントを探します。")
async def search(
    tools: Tools,
    caller: Caller,
    *,
    query: Annotated[Words, 'Words that must all occur; "…" for a phrase.', "すべて含むべき言葉。「…」で句。"],
) -> Reply:
    """Find pieces and comments that hold all of your words."""
    terms = search_terms(query)
    if not terms:
        raise Refusal(say(caller.language, "search.empty"))
    audience = audience_of(caller, await caller_place(tools, caller))
    hits = await look(tools.db, terms, audience, SHOWN)
    title = say(caller.language, "search.title", query=query)
    if not hits:
        nothing = say(caller.language, "search.none", query=query)
        return Reply(
            message=Message(title=nothing, blocks=(Paragraph(spans=spans(nothing)),), language=caller.language)
        )
    items = [await _item(tools, caller, hit, query) for hit in hits]
    blocks: tuple[Block, ...] = (Heading(level=2, spans=spans(title)), List(ordered=True, items=_numbered(items)))
    return Reply(message=Message(title=title, blocks=blocks, language=caller.language))


def _numbered(items: list[tuple[Block, ...]]) -> tuple[Item, ...]:
    return tuple(Item(marker=f"{number}.", blocks=blocks) for number, blocks in enumerate(items, 1))


async def _item(tools: Tools, caller: Caller, hit: Hit, query: str) -> tuple[Block, ...]:
    piece = await pieces.piece(tools.db, hit.piece)
    assert piece is not None
    where = await links_to(tools, piece, caller)
    link = where[0] if where else piece.url
    if hit.kind == "piece":
        head: Spans = (Span(text=f"#{piece.number} {piece.title}", bold=True, link=link),)
        return Paragraph(spans=head), Paragraph(spans=spans(_around(body_text(piece), query)))
    voice = await comments.comment(tools.db, hit.id)
    address = tools.link(voice.platform, voice.channel, voice.anchor) or link
    head = (Span(text=say(caller.language, "search.comment", title=piece.title), bold=True, link=address),)
    return Paragraph(spans=head), Paragraph(spans=spans(_around(voice.text, query)))


def _around(text: str, query: str) -> str:
    """A line of text around the first of the words, on the folded text's position where that is the same length."""
    flat = " ".join(text.split())
    words = [word.strip('"“”「」') for word in query.split()]
    folded = fold(flat)
    at = min((position for word in words if (position := folded.find(fold(word))) >= 0), default=0)
    start = max(0, at - AROUND // 3) if len(folded) == len(flat) else 0
    return ("…" if start else "") + shorten(flat[start:], AROUND)
