"""Who may do what: whoever has the role; moderators of single places, there only. The rows are asked each time.

A place may name people, roles and groups as its own moderators (`Place.moderators`). They may use commands that say so
(`Local`), on comments that were made at their places and on pieces that are there.
"""

from __future__ import annotations

from collections.abc import Iterable

from commands.registry import MODERATORS, Local
from commands.tools import Tools
from core.chat import Caller, Role
from core.errors import Refusal
from core.pieces import Piece
from core.responses import Voice
from core.speech import say, say_all
from storage import comments, places, postings

Reach = frozenset[int] | None
"""The places at which somebody may do something: none, some, or (None) wherever there is anything."""
NOWHERE: Reach = frozenset()


async def reach(tools: Tools, caller: Caller, roles: frozenset[Role], local: Local) -> Reach:
    """Where a caller may do what these roles may."""
    if caller.roles & roles:
        return None
    if not local or not caller.known_as:
        return NOWHERE
    return await places.moderated(tools.db, caller.platform, caller.community, caller.known_as)


async def moderates(tools: Tools, caller: Caller) -> Reach:
    """Where a caller moderates, for commands that show or change only what is there."""
    return await reach(tools, caller, MODERATORS, "part")


async def check(tools: Tools, caller: Caller, where: Reach, local: Local, targets: Iterable[object]) -> None:
    """Refusal for a piece or comment that is not wholly (of a piece, with `local="part"`, partly) within reach."""
    if where is None:
        return
    for one in targets:
        if isinstance(one, Voice):
            theirs = await comments.place_of(tools.db, one.comment) in where
        elif isinstance(one, Piece):
            theirs = await holds(tools, where, local, one)
        else:
            continue
        if not theirs:
            raise Refusal(say(caller.language, "refused.elsewhere"))


async def holds(tools: Tools, where: Reach, local: Local, piece: Piece) -> bool:
    """Whether a piece is within reach: posted, or to be posted, there alone or (`part`) there too."""
    if where is None:
        return True
    at = {posting.place for posting in await postings.of_subject(tools.db, "piece", piece.number)}
    return not at.isdisjoint(where) if local == "part" else bool(at) and at <= where


def names(caller: Caller, roles: frozenset[Role]) -> str:
    """Roles, as a caller reads them."""
    return say_all(caller.language, [say(caller.language, f"role.{role}") for role in sorted(roles)])
