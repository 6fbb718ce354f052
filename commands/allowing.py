"""Who may do what: whoever has the role; moderators of single places, there only. The rows are asked each time.

A place may name people, roles and groups as its own moderators (`Place.moderators`). They may use commands that say so
(`Local`), on comments that were made at their places and on pieces that are there. They are asked about before
anything is done, and again in the transaction that does it: a piece may have come to another place meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from typing_extensions import override

from commands.registry import MODERATORS, Local
from commands.tools import Tools
from core.chat import Caller, Role
from core.commands import CommandSpec
from core.errors import Refusal
from core.pieces import Piece
from core.responses import Voice
from core.speech import say, say_all
from storage import comments, places, postings
from storage.db import Args, Db, Dialect, Reader, Row, Step, Tx

T = TypeVar("T")
Reach = frozenset[int] | None
"""The places at which somebody may do something: none, some, or (None) wherever there is anything."""
NOWHERE: Reach = frozenset()


async def reach(db: Reader, caller: Caller, roles: frozenset[Role], local: Local) -> Reach:
    """Where a caller may do what these roles may."""
    if caller.roles & roles:
        return None
    if not local or not caller.known_as:
        return NOWHERE
    return await places.moderated(db, caller.platform, caller.community, caller.known_as)


async def moderates(db: Reader, caller: Caller) -> Reach:
    """Where a caller moderates, for commands that show or change only what is there."""
    return await reach(db, caller, MODERATORS, "part")


async def permit(
    tools: Tools, caller: Caller, roles: frozenset[Role], local: Local, targets: Iterable[object]
) -> Tools:
    """What a caller does with these targets is done with the tools that this gives; Refusal if they may not."""
    if caller.roles & roles:
        return tools
    aims = tuple(targets)

    async def asked(db: Reader) -> None:
        await check(db, caller, await reach(db, caller, roles, local), local, aims)

    await asked(tools.db)
    return replace(tools, db=_Asking(tools.db, asked))


async def check(db: Reader, caller: Caller, where: Reach, local: Local, targets: Iterable[object]) -> None:
    """Refusal for a piece or comment that is not wholly (of a piece, with `local="part"`, partly) within reach."""
    if where is None:
        return
    for one in targets:
        if isinstance(one, Voice):
            theirs = await comments.place_of(db, one.comment) in where
        elif isinstance(one, Piece):
            theirs = await holds(db, where, local, one)
        else:
            continue
        if not theirs:
            raise Refusal(say(caller.language, "refused.elsewhere"))


async def holds(db: Reader, where: Reach, local: Local, piece: Piece) -> bool:
    """Whether a piece is within reach: posted, or to be posted, there alone or (`part`) there too."""
    if where is None:
        return True
    at = {posting.place for posting in await postings.of_subject(db, "piece", piece.number)}
    return not at.isdisjoint(where) if local == "part" else bool(at) and at <= where


async def may(db: Reader, caller: Caller, spec: CommandSpec, local: Local) -> bool:
    """Whether a caller may use a command anywhere."""
    return await reach(db, caller, spec.roles, local) != NOWHERE


def names(caller: Caller, roles: frozenset[Role]) -> str:
    """Roles, as a caller reads them."""
    return say_all(caller.language, [say(caller.language, f"role.{role}") for role in sorted(roles)])


class _Asking(Db):
    """A database whose every unit of work first asks whether it may be done."""

    def __init__(self, db: Db, asked: Callable[[Reader], Awaitable[None]]) -> None:
        self._db, self._asked = db, asked
        self.whose, self.keys, self.append = db.whose, db.keys, db.append
        self.shared, self.doze, self.name = db.shared, db.doze, db.name

    @property
    @override
    def dialect(self) -> Dialect:
        return self._db.dialect

    @override
    async def read(self, sql: str, *args: Any) -> list[Row]:
        return await self._db.read(sql, *args)

    @override
    async def write(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        async def unit(tx: Tx) -> T:
            await self._asked(tx)
            return await work(tx)

        return await self._db.write(unit)

    @override
    async def put(self, sql: str, row: Args, *then: Step) -> None:
        async def unit(tx: Tx) -> None:
            for text, args in ((sql, row), *then):
                await tx.run(text, *args)

        await self.write(unit)

    @override
    async def close(self) -> None:
        await self._db.close()
