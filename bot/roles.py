"""What of the work this process does. Alone over a database: all. Several over one: each its share, by leases.

A process that dies is noticed when its leases end; its parts are then taken by the others. One that comes is given
parts by those that have more than is fair: they stop the work first, then give it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from bot.supervision import Service
from core.chat import Memo
from storage import leases
from storage.db import Db, StorageError
from storage.leases import Parts, Share

log = structlog.get_logger()

BEAT = 3.0  # seconds between two looks
LEASE = 15.0  # seconds after which a process that does not look any more has nothing
MARGIN = 4.0  # seconds before that from which we don't count on it ourselves


class Roles(Protocol):
    def share(self, role: str) -> Share | None:
        """What of a role is ours right now; None: all of it, and nobody else is there."""
        ...

    async def hold(self, role: str, work: Service) -> None:
        """Do the work while something of the role is ours; anew when it is another share."""
        ...

    async def size(self, role: str, parts: int) -> None:
        """The role has so many parts. Returns when our share is one of these."""
        ...


class Alone:
    """The only process of a database."""

    def share(self, role: str) -> Share | None:
        return None

    async def hold(self, role: str, work: Service) -> None:
        await work()

    async def size(self, role: str, parts: int) -> None:
        """It is all ours, however many."""


class Shared:
    """One of several processes. `sizes`: the roles, in the order in which they are kept, with their parts.

    `owner` names this process to people too. `memo` keeps sizes that are found out while running.
    """

    def __init__(self, db: Db, owner: str, sizes: Mapping[str, int], memo: Memo) -> None:
        self.owner = owner
        self._db = db
        self._sizes = dict(sizes)
        self._memo = memo
        self._mine: Parts = set()  # that we work on
        self._leaving: Parts = set()  # that we have, and shall give back
        self._working: list[tuple[str, Share]] = []  # of each service that runs
        self._until = 0.0  # by the loop's clock: what we have is ours until then
        self._changed = asyncio.Condition()

    def share(self, role: str) -> Share:
        late = asyncio.get_running_loop().time() > self._until
        mine = () if late else tuple(sorted(part for name, part in self._mine if name == role))
        return Share(self._sizes.get(role, 1), mine)

    async def hold(self, role: str, work: Service) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self.share(role).mine)
            share = self.share(role)
            self._working.append((role, share))
            tasks = {asyncio.create_task(work(), name=role), asyncio.create_task(self._differs(role, share))}
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                self._working.remove((role, share))
            for task in done:
                if task.get_name() == role:
                    task.result()
                    return

    async def _differs(self, role: str, share: Share) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.share(role) != share)

    async def size(self, role: str, parts: int) -> None:
        if self._sizes.get(role) != parts:
            await self._memo.put(f"parts {role}", str(parts))
        async with self._changed:
            await self._changed.wait_for(lambda: self._sizes.get(role) == parts)

    # --- the leases ---

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            try:
                await self._look()
            except StorageError as error:
                log.warning("roles.not-renewed", error=str(error))
            async with self._changed:  # also when time took something from us
                self._changed.notify_all()
            await asyncio.sleep(BEAT)

    async def _look(self) -> None:
        for role in self._sizes:
            if parts := await self._memo.get(f"parts {role}"):
                self._sizes[role] = int(parts)
        began = asyncio.get_running_loop().time()
        working = {(role, part) for role, share in self._working for part in share.mine}
        ended = self._leaving - working
        if ended:
            await leases.give_back(self._db, self.owner, ended)
        mine, self._leaving = await leases.beat(self._db, self.owner, self._sizes, int(LEASE * 1_000_000))
        before, self._mine = self._mine, mine - self._leaving
        self._until = began + LEASE - MARGIN
        if before != self._mine:
            log.info("roles.changed", owner=self.owner, parts=sorted(f"{name}/{part}" for name, part in self._mine))

    async def leave(self) -> None:
        """Give everything back: nothing of it is being worked on."""
        self._until = 0.0
        await leases.give_back(self._db, self.owner, self._mine | self._leaving, leaving=True)
