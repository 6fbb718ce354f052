"""`/mod draft`: a held piece from an article that it cites, in the article's sentences, with the author's remarks."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import structlog

from commands.moderating import actor
from commands.registry import WRITERS, Words, command
from commands.saying import said
from commands.tools import Tools
from core import drafting
from core.chat import Caller
from core.document import Cited
from core.drafting import PART, Said
from core.errors import Refusal, SourceError, ThinkError
from core.message import Reply
from core.pieces import Found, Outline, Piece, Voice
from core.speech import say
from core.text import fold
from digest import abstract
from digest.packing import pack
from storage import acts, drafts, pieces, postings
from storage.db import Tx
from storage.indexing import index_piece

log = structlog.get_logger()

_VOICES: tuple[Voice, ...] = ("summary", "analysis")
_MORE = ("continue", "続き")


@command("mod draft", japanese="下書き", summary="記事を引用した下書きを作るか、続きを足します。", roles=WRITERS)
async def draft(
    tools: Tools,
    caller: Caller,
    *,
    address: Annotated[str, "The article's address, or #12 to go on.", "記事のアドレス。続きは #12 でも。"],
    step: Annotated[
        Literal["start", "continue"] | None, "continue adds the next part.", "continue で続きの部分を足します。"
    ] = None,
    remark: Annotated[Words | None, "What you say to this part.", "この部分についての一言。"] = None,
) -> Reply:
    """Draft a piece from an article that it cites, or add its next part, with your remark."""
    where, *rest = address.split()
    more = step == "continue" or (len(rest) == 1 and fold(rest[0]) in _MORE)
    if rest and not (more and len(rest) == 1):
        raise Refusal(say(caller.language, "draft.address", value=address))
    if where.startswith(("#", "＃")) or more:
        return await _continue(tools, caller, where, remark or "")
    return await _begin(tools, caller, where, remark or "")


async def _begin(tools: Tools, caller: Caller, address: str, remark: str) -> Reply:
    known = await drafts.at(tools.db, tools.drafts.name_of(address))
    if known is not None:
        raise Refusal(say(caller.language, "draft.known", number=known.piece))
    try:
        article = await tools.drafts.read(address)
    except SourceError as error:
        raise Refusal(say(caller.language, "mod.unreadable", why=str(error))) from error
    whole = drafting.read(article)
    if not whole:
        raise Refusal(say(caller.language, "mod.not-article"))
    language = drafting.language_in(article)
    picked = drafting.bounded(await _picked(tools, article, whole, language))
    title = say(language, "draft.title", title=article.title)
    written = await _by_model(tools, whole, language)
    cited = Cited(title=article.title, url=article.url)
    understood = drafting.drafted(title, cited, language, picked, remark, written)
    name = tools.drafts.name_of(article.url or address)
    author = caller.person.name if "author" in caller.roles else ""
    item = Found(
        identities=(f"guid:draft:{name}",), title=title, author=author or None, language=language, fingerprint="1:draft"
    )
    now = tools.clock()

    async def work(tx: Tx) -> int:
        number, new = await tools.drafts.hold(tx, item, "full", now, understood)
        if not new:
            raise Refusal(say(caller.language, "draft.known", number=number))
        await drafts.begin(tx, number, name, article.title, picked, PART)
        await acts.record(
            tx, actor=actor(caller), act="draft", target=f"#{number}", after="held", reason=article.url or "", now=now
        )
        return number

    number = await tools.db.write(work)
    tools.wake()
    return _told(caller, number, title, len(picked) - PART)


async def _picked(tools: Tools, article: Found, whole: list[Said], language: str) -> list[Said]:
    """The sentences that say best what each section says; its first where nothing thinks."""
    asked = {
        "title": article.title, "language": language, "most": drafting.MOST,
        "sections": [list(one.sentences) for one in whole],
    }  # fmt: skip
    try:
        places = await tools.think("pick", asked)
    except ThinkError:
        places = [range(min(drafting.MOST, len(one.sentences))) for one in whole]
    return [
        replace(one, sentences=tuple(one.sentences[at] for at in chosen))
        for one, chosen in zip(whole, places, strict=True)
    ]


async def _by_model(tools: Tools, whole: list[Said], language: str) -> dict[Voice, list[str]]:
    """A summary and an analysis by a language model, if there is one: the sentences that the article bears out."""
    if tools.writer is None:
        return {}
    cited = abstract.sources([(one.heading or "", " ".join(one.sentences)) for one in whole])
    try:
        answer = await tools.writer.write(*abstract.ask(cited, language), hurry=False)
        found: dict[Voice, list[str]] = {}
        for voice, text in zip(_VOICES, abstract.parts(answer), strict=True):
            told = await tools.think("told", {"answer": text, "sources": pack(cited), "language": language})
            found[voice] = [one["text"] for one in told if one["text"]]
    except ThinkError as error:
        log.info("draft.untold", why=str(error))
        return {}
    return found


async def _continue(tools: Tools, caller: Caller, where: str, remark: str) -> Reply:
    digits = fold(where).lstrip("#")
    if digits.isdecimal() and len(digits) < 19:
        known = await drafts.of_piece(tools.db, int(digits))
    else:
        known = await drafts.at(tools.db, tools.drafts.name_of(where))
    if known is None:
        raise Refusal(say(caller.language, "draft.none", value=where))
    now = tools.clock()

    async def work(tx: Tx) -> Piece:
        piece = await pieces.piece(tx, known.piece)
        today = await drafts.of_piece(tx, known.piece)
        assert piece is not None
        assert today is not None
        if piece.state != "held":  # what moderators approved is not added to behind them
            raise Refusal(say(caller.language, "draft.not-held", number=piece.number))
        if today.upto >= len(today.sections):
            raise Refusal(say(caller.language, "draft.whole", number=piece.number))
        if today.upto != known.upto:
            raise Refusal(say(caller.language, "mod.moved-meanwhile", number=piece.number))
        longer: Outline = drafting.continued(piece.outline, today.sections, today.upto, remark)
        await drafts.advance(tx, piece.number, today.upto + PART)
        await pieces.revise_piece(
            tx, piece.number, title=piece.title, author=None, outline=longer, reason="draft continued", now=now
        )
        await acts.record(
            tx, actor=actor(caller), act="draft", target=f"#{piece.number}", before=str(today.upto),
            after=str(today.upto + PART), now=now,
        )  # fmt: skip
        grown = await pieces.piece(tx, piece.number)
        assert grown is not None
        await index_piece(tx, grown)
        await postings.subject_changed(tx, "piece", piece.number, now)
        return grown

    piece = await tools.db.write(work)
    tools.wake()
    return _told(caller, piece.number, piece.title, len(known.sections) - known.upto - PART)


def _told(caller: Caller, number: int, title: str, left: int) -> Reply:
    name = "draft.more-left" if left > 0 else "draft.all-in"
    held = say(caller.language, "mod.submitted", number=number, title=title)
    return said(caller, f"{held} {say(caller.language, name, number=number, n=left)}")
