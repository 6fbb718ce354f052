"""`/mod merge`: two pieces that are the same article become one, in two steps; it can't be undone."""

from __future__ import annotations

from typing import Annotated

from commands.moderating import PieceOption, actor
from commands.registry import MODERATORS, Press, command, press
from commands.saying import said
from commands.tools import Tools
from core.chat import Caller
from core.errors import Refusal
from core.faces import action
from core.message import Action, Reply
from core.pieces import Piece
from core.speech import say
from storage import acts, merging, pieces
from storage.db import Reader, Tx
from storage.indexing import index_piece

KIND = "merge"


@command("mod merge", japanese="統合", summary="同じ記事の二つの記録を一つにまとめます。", roles=MODERATORS)
async def merge(
    tools: Tools,
    caller: Caller,
    *,
    piece: PieceOption,
    into: Annotated[Piece, "The piece that stays.", "残すほうの記事。"],
) -> Reply:
    """Merge a piece into another that is the same article: one record, both discussions. Asks first."""
    await _both(tools.db, caller, piece.number, into.number)
    sentence = say(
        caller.language, "merge.ask", gone=piece.number, gone_title=piece.title, kept=into.number, title=into.title
    )
    button = Action(id=action(KIND, piece.uid, into.uid), label=say(caller.language, "merge.do"), style="danger")
    return said(caller, sentence, actions=(button,))


async def _both(db: Reader, caller: Caller, gone: int, kept: int) -> tuple[Piece, Piece]:
    """The two as they are now. Refusal unless both are published and not the same."""
    if gone == kept:
        raise Refusal(say(caller.language, "merge.same", number=gone))
    if (before := await merging.into(db, gone)) is not None:
        raise Refusal(say(caller.language, "merge.already", gone=gone, kept=before))
    found = await pieces.piece(db, gone), await pieces.piece(db, kept)
    for number, one in zip((gone, kept), found, strict=True):
        if one is None or one.state != "published":
            raise Refusal(say(caller.language, "mod.not-out", number=number))
    one, other = found
    assert one is not None
    assert other is not None
    return one, other


@press(KIND, only=MODERATORS)
async def merged(tools: Tools, caller: Caller, at: Press) -> Reply:
    """Do it: the second step."""
    into = await pieces.piece_by_uid(tools.db, at.what)
    if into is None:
        raise Refusal(say(caller.language, "refused.stale"))
    now = tools.clock()

    async def work(tx: Tx) -> tuple[Piece, Piece]:
        gone, kept = await _both(tx, caller, at.piece.number, into.number)
        await merging.merge(tx, gone, kept, now)
        reason = say(kept.language, "merge.note", kept=kept.number, title=kept.title)
        await pieces.set_state(tx, gone.number, "retracted", note=f"{reason}\n{now.isoformat()}", now=now)
        for number in (gone.number, kept.number):
            today = await pieces.piece(tx, number)
            assert today is not None
            await index_piece(tx, today)
        await acts.record(
            tx, actor=actor(caller), act="merge", target=f"#{gone.number}", before=gone.state,
            after=f"#{kept.number}", now=now,
        )  # fmt: skip
        return gone, kept

    gone, kept = await tools.db.write(work)
    tools.wake()
    return said(caller, say(caller.language, "merge.done", gone=gone.number, kept=kept.number, title=kept.title))
