"""The people of whom nothing is kept, because they opted out. Asked about each event before it is written anywhere."""

from __future__ import annotations

import asyncio

from core.chat import Commented, Heard, Reacted
from storage.db import Db, StorageError


class Outside:
    """Those of one database, in memory. Only this class writes who opted out, so that what it says is what stands
    there; how people are stored is its own business too.
    """

    def __init__(self, db: Db) -> None:
        self._db = db
        self._accounts: set[tuple[str, str]] | None = None
        self._changing = asyncio.Lock()

    async def ready(self) -> None:
        """Read who opted out, once; before that nobody can be told apart."""
        if self._accounts is not None:
            return
        async with self._changing:
            if self._accounts is None:  # many may have waited for the first
                rows = await self._db.read("select platform, account from person where opted_out=1")
                self._accounts = {(row["platform"], row["account"]) for row in rows}

    def holds(self, platform: str, account: str) -> bool:
        """Whether nothing of this account is to be kept. After `ready` only."""
        if self._accounts is None:
            raise RuntimeError("who opted out was not read yet")
        return (platform, account) in self._accounts

    def takes(self, event: Heard) -> bool:
        """Whether an event may be kept."""
        return not isinstance(event, Reacted | Commented) or not self.holds(event.platform, event.person.id)

    async def opt_out(self, platform: str, account: str) -> bool:
        """From now on nothing is kept of this account; false if it is so already. What stands already is left alone."""
        return await self._set(platform, account, True)

    async def opt_in(self, platform: str, account: str) -> bool:
        """From now on what this account says and does is kept again; false if it is so already."""
        return await self._set(platform, account, False)

    async def _set(self, platform: str, account: str, out: bool) -> bool:
        await self.ready()
        async with self._changing:
            if self.holds(platform, account) == out:
                return False
            assert self._accounts is not None
            if out:  # before the row is there: nothing slips in between
                self._accounts.add((platform, account))
            try:
                await self._db.add(
                    """insert into person(platform, account, opted_out) values(?,?,?)
                       on conflict(account, platform) do update set opted_out=excluded.opted_out""",
                    (platform, account, int(out)),
                )
            except StorageError:
                if out:  # it was not kept, and the person is told so
                    self._accounts.discard((platform, account))
                raise
            if not out:
                self._accounts.discard((platform, account))
            return True
