"""`/search`: pieces, by section, and comments that hold all the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from commands.reading import audience_of, caller_place, links_to, standpoint
from commands.registry import Phrases, command
from commands.saying import said
from commands.tools import Tools
from core.chat import Caller
from core.document import Block, Heading, Item, List, Paragraph, Span, Spans, spans
from core.errors import Refusal
from core.message import Message, MessageBlock, Reply, Small
from core.passages import HEAD, Passage, passages
from core.pieces import Piece
from core.query import Query, parse_query
from core.responses import Voice
from core.speech import say
from core.text import graphemes, length, shorten
from core.times import micros
from core.tokens import Term, marks, plain
from storage import comments, pieces, postings
from storage.question import Hit, Scope
from storage.search import Results
from storage.search import search as look

Near = Mapping[tuple[int, str | None], tuple[str, str]]  # as `postings.near` gives it
SHOWN = 30  # hits in one answer, which the platforms give page by page
AROUND = 120  # UTF-16 units of text around the first word that was found
BEFORE = 40  # of them before it


@command("search", japanese="検索", summary="すべての言葉を含む記事とコメントを探します。")
async def search(
    tools: Tools,
    caller: Caller,
    *,
    query: Annotated[
        Phrases,
        'Words that must all occur; "…" for a phrase, -word, topic: by: since: in:comments.',
        "すべて含むべき言葉。「…」で句、-で除外、話題: 名前: 期間: 対象:コメント。",
    ],
) -> Reply:
    """Find pieces and comments that hold all of your words."""
    return await tools.together(("search", standpoint(caller), query), lambda: _found(tools, caller, query))


async def _found(tools: Tools, caller: Caller, query: str) -> Reply:
    """The same for all who ask it there, in that language."""
    asked = parse_query(query, caller.language)
    found = await _results(tools, caller, asked)
    title = say(caller.language, "search.title", query=query)
    if not found.hits and (relaxed := asked.relaxed()):
        asked, found = relaxed, await _results(tools, caller, relaxed)
        title = say(caller.language, "search.relaxed", query=query, words=" ".join(one.words for one in asked.terms))
    items = await _items(tools, caller, asked.terms, found.hits[:SHOWN])
    if not items:
        title = say(caller.language, "search.none", query=query)
        return said(caller, title)
    blocks: list[MessageBlock] = [Heading(level=2, spans=spans(title)), List(ordered=True, items=_numbered(items))]
    if len(found.hits) > SHOWN:
        sentence = "search.cut" if found.cut else "search.shown"
        blocks.append(Small(spans=spans(say(caller.language, sentence, shown=SHOWN, n=len(found.hits)))))
    return Reply(message=Message(title=title, blocks=tuple(blocks), language=caller.language))


async def _results(tools: Tools, caller: Caller, query: Query) -> Results:
    topics: list[int] = []
    for name in query.topics:
        topic = await pieces.topic_named(tools.db, name)
        if topic is None:
            raise Refusal(say(caller.language, "topic.none", name=name))
        topics.append(topic.id)
    start = end = None
    if query.since is not None:
        window = query.since.window(tools.clock(), caller.zone)
        start, end = micros(window.start), micros(window.end) if ".." in query.since.text else None
    audience = audience_of(caller, await caller_place(tools, caller))
    scope = Scope(topics=tuple(topics), start=start, end=end)
    found = await look(tools.db, query, audience, tools.clock(), scope=scope)
    if found.crowd:
        raise Refusal(say(caller.language, "search.crowd", name=found.crowd))
    return found


# --- the lines ---


def _numbered(items: Sequence[tuple[Block, ...]]) -> tuple[Item, ...]:
    return tuple(Item(marker=f"{number}.", blocks=blocks) for number, blocks in enumerate(items, 1))


async def _items(tools: Tools, caller: Caller, terms: Sequence[Term], hits: Sequence[Hit]) -> list[tuple[Block, ...]]:
    """A line for each hit that may still be shown: somebody may have hidden one since it was found."""
    numbers = list(dict.fromkeys(hit.piece for hit in hits))
    known = {one.number: one for one in await pieces.pieces(tools.db, numbers) if one.state == "published"}
    voices = await comments.shown(tools.db, [hit.id for hit in hits if hit.kind == "comment"])
    near = await postings.near(tools.db, numbers, caller.platform, caller.channel or "", caller.community)
    items = []
    for hit in hits:
        piece = known.get(hit.piece)  # type: ignore[call-overload]
        if piece is not None and (hit.kind == "piece" or hit.id in voices):
            items.append(await _item(tools, caller, terms, hit, piece, voices, near))
    return items


async def _item(
    tools: Tools,
    caller: Caller,
    terms: Sequence[Term],
    hit: Hit,
    piece: Piece,
    voices: Mapping[int, Voice],
    near: Near,
) -> tuple[Block, ...]:
    if hit.kind == "comment":
        voice = voices[hit.id]
        link = tools.link(voice.platform, voice.channel, voice.anchor)
        head, text = say(caller.language, "search.comment", title=piece.title), voice.text
        section = hit.section
    else:
        link = None
        passage = _passage(piece, terms)
        section = passage.section
        named = section != HEAD and passage.heading
        head = f"#{piece.number} {piece.title}" + (f" – {passage.heading}" if named else "")
        text = passage.body
    link = link or await _link(tools, caller, piece, section, near)
    return Paragraph(spans=(Span(text=head, bold=True, link=link),)), Paragraph(spans=excerpt(text, terms))


def _passage(piece: Piece, terms: Sequence[Term]) -> Passage:
    """The section that speaks of most of the words, and of these most; where none does the head, quoted by the first
    words of the piece if it has none of its own.
    """
    head, *sections = passages(piece)
    speaks = {one.section: [term.count(plain(one.text)) for term in terms] for one in sections}
    best = max(sections, key=lambda one: (sum(map(bool, speaks[one.section])), sum(speaks[one.section])), default=head)
    if best is not head and any(speaks[best.section]):
        return best
    return head if head.body else replace(head, body=next((one.body for one in sections if one.body), ""))


async def _link(tools: Tools, caller: Caller, piece: Piece, section: str, near: Near) -> str | None:
    """Where it stands: the section's message or else the card in the caller's channel, then in their community, then
    anywhere, else the source.
    """
    spot = near.get((piece.number, section)) or near.get((piece.number, None))
    link = None if spot is None else tools.link(caller.platform, *spot)
    return link or next(iter(await links_to(tools, piece, caller)), piece.url)


def excerpt(text: str, terms: Sequence[Term]) -> Spans:
    """A line of text around the first of the words, what was found in bold."""
    flat = " ".join(text.split())
    found = marks(flat, terms)
    start = _before(flat, found[0][0]) if found else 0
    line = shorten(flat[start:], AROUND)
    kept = len(line) if line == flat[start:] else len(line) - 1  # without the mark that stands for the rest
    out: list[Span] = [Span(text="…")] if start else []
    at = 0
    for begin, end in ((begin - start, min(kept, end - start)) for begin, end in found):
        if begin < end:
            out += [*spans(line[at:begin]), Span(text=line[begin:end], bold=True)]
            at = end
    return (*out, *spans(line[at:]))


def _before(text: str, at: int) -> int:
    """Where to begin so that at most `BEFORE` UTF-16 units stand before `at`, nothing torn and no space first."""
    start = at
    for unit in reversed(graphemes(text[max(0, at - 2 * BEFORE) : at])):
        if length(text[start - len(unit) : at]) > BEFORE:
            break
        start -= len(unit)
    return start + len(text[start:at]) - len(text[start:at].lstrip())
