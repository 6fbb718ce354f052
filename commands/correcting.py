"""`/mod correct`: the last edit of a piece is a correction, with a note for readers; or it is none."""

from __future__ import annotations

from typing import Annotated

from commands.moderating import PieceOption, actor
from commands.registry import MODERATORS, Words, command
from commands.saying import said
from commands.tools import Tools
from core.chat import Caller
from core.corrections import changes
from core.errors import Refusal
from core.message import Reply
from core.speech import say
from storage import acts, corrections, pieces, postings
from storage.db import Tx


@command(
    "mod correct",
    japanese="訂正",
    summary="記事の最後の編集を、注記つきの訂正として示します。",
    roles=MODERATORS,
    local="whole",
)
async def correct(
    tools: Tools,
    caller: Caller,
    *,
    piece: PieceOption,
    note: Annotated[Words | None, "What was wrong, for readers.", "読者に示す訂正の説明。"] = None,
    undo: Annotated[bool, "yes: the last edit was no correction.", "yes で、最後の編集の訂正表示を外します。"] = False,
) -> Reply:
    """Mark a piece's last edit as a correction, with a note on its card; or take the mark off."""
    now = tools.clock()

    async def work(tx: Tx) -> int:
        today = await pieces.piece(tx, piece.number)
        (revision, new), *older = await corrections.wordings(tx, piece.number)
        assert today is not None
        before = today.corrections[0].note if today.corrections else ""
        if undo:
            if not await corrections.drop(tx, piece.number, revision):
                raise Refusal(say(caller.language, "mod.not-corrected", number=piece.number))
        else:
            found = changes(older[0][1], new, slips=True) if older else ()
            await corrections.keep(tx, piece.number, revision, note=note or "", changes=found, now=now)
        await acts.record(
            tx, actor=actor(caller), act="uncorrect" if undo else "correct", target=f"#{piece.number}", before=before,
            after="" if undo else note or "", now=now,
        )  # fmt: skip
        return await postings.subject_changed(tx, "piece", piece.number, now)

    places = await tools.db.write(work)
    tools.wake()
    if undo:
        return said(caller, say(caller.language, "mod.uncorrected", number=piece.number))
    return said(caller, say(caller.language, "mod.corrected", number=piece.number, n=places))
