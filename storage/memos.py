"""What an adapter must know again after a restart: short texts by key."""

from __future__ import annotations

from storage.db import Db, Tx


class Memos:
    """`core.chat.Memo` of one platform."""

    def __init__(self, db: Db, platform: str) -> None:
        self._db = db
        self._platform = platform

    async def get(self, key: str) -> str | None:
        rows = await self._db.read("select value from memo where platform=? and key=?", self._platform, key)
        return rows[0]["value"] if rows else None

    async def put(self, key: str, value: str) -> None:
        await self._db.write(lambda tx: put(tx, self._platform, key, value))


async def put(tx: Tx, platform: str, key: str, value: str) -> None:
    """Keep it together with something else."""
    await tx.run(
        """insert into memo(platform, key, value) values(?,?,?)
           on conflict(platform, key) do update set value=excluded.value""",
        platform, key, value,
    )  # fmt: skip
