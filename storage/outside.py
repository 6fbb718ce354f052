"""Whose doings are not kept: of who opted out nothing, of who was forgotten nothing from before. Asked about each event
before it is written anywhere.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from core.chat import Commented, Heard, Reacted
from core.times import micros, moment
from storage import comments, erasing, fates
from storage.db import Db, Reader, StorageError, Tx
from storage.ledger import Ledger
from storage.reactions import StanceOf


class Outside:
    """Those of one database, in memory, as keyed hashes. Only this class writes who opted out and who was forgotten, so
    that what it says is what stands there. With a `ledger` it stands there too, first, so that a restored backup
    follows it.
    """

    def __init__(self, db: Db, ledger: Ledger | None = None) -> None:
        self._db = db
        self._ledger = ledger
        if ledger is not None:
            db.append = ledger.append
        self._out: set[str] | None = None
        self._going: set[str] = set()  # who is being opted out at this moment
        self._read = 0.0  # when, by the loop's clock
        self._forgotten: dict[str, int] = {}
        self._changing = asyncio.Lock()

    async def ready(self) -> None:
        """Read who it is: once, and again from time to time where other processes write too. Before that nobody can be
        told apart.
        """
        if not self._is_old():
            return
        async with self._changing:
            if self._is_old():  # many may have waited for the first
                await self._read_again(self._db)

    def _is_old(self) -> bool:
        late = self._db.shared and asyncio.get_running_loop().time() > self._read + self._db.doze
        return self._out is None or late

    async def catch_up(self, tx: Tx) -> None:
        """What another process wrote counts for all that this transaction does."""
        if self._db.shared:
            await self._read_again(tx)

    async def _read_again(self, db: Reader) -> None:
        self._read = asyncio.get_running_loop().time()
        rows = await db.read(
            "select hash, opted_out, forgotten_at from person where opted_out=1 or forgotten_at is not null"
        )
        self._forgotten = {row["hash"]: row["forgotten_at"] for row in rows if row["forgotten_at"] is not None}
        self._out = {row["hash"] for row in rows if row["opted_out"]} | self._going

    def holds(self, platform: str, account: str) -> bool:
        """Whether nothing of this account is to be kept. After `ready` only."""
        if self._out is None:
            raise RuntimeError("who opted out was not read yet")
        return self._db.whose(platform, account) in self._out

    def takes(self, event: Heard) -> bool:
        """Whether an event may be kept."""
        if not isinstance(event, Reacted | Commented):
            return True
        if self._out is None:
            raise RuntimeError("who opted out was not read yet")
        if not self._out and not self._forgotten:
            return True
        whose = self._db.whose(event.platform, event.person.id)
        forgotten = self._forgotten.get(whose)
        if whose in self._out:
            return False
        # What a look back finds has the time of the looking: it may be of before, so it counts as that.
        recalled = isinstance(event, Reacted) and event.recalled
        return forgotten is None or not (recalled or micros(event.at) <= forgotten)

    async def opt_out(self, platform: str, account: str, now: datetime | None = None) -> bool:
        """From now on nothing is kept of this account; false if it is so already. What stands already is left alone."""
        return await self._set(platform, account, True, now)

    async def opt_in(self, platform: str, account: str, now: datetime | None = None) -> bool:
        """From now on what this account says and does is kept again; false if it is so already."""
        return await self._set(platform, account, False, now)

    async def _set(self, platform: str, account: str, out: bool, now: datetime | None) -> bool:
        await self.ready()
        async with self._changing:
            if self.holds(platform, account) == out:
                return False
            assert self._out is not None
            whose = self._db.whose(platform, account)
            if out:  # before the row is there: nothing slips in between
                self._going.add(whose)
                self._out.add(whose)
            try:
                if self._ledger is not None:
                    at = 0 if now is None else micros(now)
                    await asyncio.to_thread(self._ledger.write, whose, platform, "out" if out else "in", at)
                await self._keep(whose, platform, out)
            except StorageError:
                if out:  # it was not kept, and the person is told so
                    self._out.discard(whose)
                raise
            finally:
                self._going.discard(whose)
            if not out:
                self._out.discard(whose)
            return True

    async def _keep(self, whose: str, platform: str, out: bool) -> None:
        await self._db.put(
            """insert into person(hash, platform, opted_out) values(?,?,?)
               on conflict(hash) do update set opted_out=excluded.opted_out""",
            (whose, platform, int(out)),
        )

    async def forget(self, platform: str, account: str, stance_of: StanceOf, now: datetime) -> None:
        """Erase everything of an account, and take in nothing that it did before now."""
        await self.ready()
        whose = self._db.whose(platform, account)
        async with self._changing:
            if self._ledger is not None:
                await asyncio.to_thread(self._ledger.write, whose, platform, "forget", micros(now))
            await self._forget(whose, platform, stance_of, now)

    async def _forget(self, whose: str, platform: str, stance_of: StanceOf, now: datetime) -> None:
        """If it fails what was done before is still kept out: the ledger knows, and the next start goes on."""
        self._forgotten[whose] = max(micros(now), self._forgotten.get(whose, 0))

        def takes(event: Heard) -> bool:
            return not isinstance(event, Reacted | Commented) or (
                self._db.whose(event.platform, event.person.id) != whose or self.takes(event)
            )

        async def work(tx: Tx) -> None:
            await erasing.forget(tx, whose, platform, takes, stance_of, now)

        await self._db.write(work)

    async def replay(self, stance_of: StanceOf) -> int:
        """Do again what the ledger knows and the database does not, as after a restore; gives for how many people."""
        if self._ledger is None:
            return 0
        await self.ready()
        assert self._out is not None
        again = set()
        for whose, wishes in self._ledger.read().items():
            if wishes.forgotten is not None and self._forgotten.get(whose, -1) < wishes.forgotten:
                await self._forget(whose, wishes.platform, stance_of, moment(wishes.forgotten))
                again.add(whose)
            if wishes.out is not None and (whose in self._out) != wishes.out:
                await self._keep(whose, wishes.platform, wishes.out)
                (self._out.add if wishes.out else self._out.discard)(whose)
                again.add(whose)
        return len(again)

    async def replay_comments(self, now: datetime) -> int:
        """As `replay`, what became of comments; gives of how many. Of those that are heard again later, too."""
        if self._ledger is None:
            return 0
        noted = await asyncio.to_thread(self._ledger.fates)

        async def work(tx: Tx) -> int:
            known = await fates.done(tx)
            if not (missed := [one for one in noted if one.number > known]):
                return 0
            await fates.remember(tx, missed)
            return await comments.follow_ledger(tx, None, now)

        return await self._db.write(work)

    async def compact(self, before: datetime | None) -> None:
        """The ledger keeps one line a comment, and none of comments from before a time, which are erased by now."""
        if self._ledger is None:
            return
        old = None if before is None else micros(before)
        await asyncio.to_thread(self._ledger.compact, old)
        if old is not None:
            await self._db.write(lambda tx: fates.drop_old(tx, old))
