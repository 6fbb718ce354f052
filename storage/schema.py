"""Bringing a database to the newest tables (`storage.tables`): each migration in a transaction of its own. A newer
database is refused.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from core.errors import ConfigError
from storage import tables
from storage.copies import copy_verified
from storage.db import Db, Reader, StorageError, Tx
from storage.indexing import renew
from storage.sqlite import SqliteDb

log = structlog.get_logger()


async def version_of(db: Reader) -> int:
    """The version of the database; 0 for an empty one."""
    if not any(row["name"] == "schema_version" for row in await db.read(db.dialect.tables)):
        return 0
    rows = await db.read("select max(version) as version from schema_version")
    return rows[0]["version"] or 0


async def migrate(db: Db, now: datetime) -> tuple[int, int]:
    """Bring the database to the newest version; gives (before, after).

    An existing SQLite file is first copied to `NAME.before-vN-TIME.db` by VACUUM INTO; the copy is checked and synced.
    Text that is not indexed by today's rules is indexed at the end, in many transactions: a broken run goes on.
    ConfigError when the database was written by a newer Rondan.
    """
    before = await version_of(db)
    target = len(tables.MIGRATIONS)
    if before > target:
        raise ConfigError(
            f"the database has schema {before}, this Rondan knows {target}: start the newer Rondan again, "
            "or restore the copy that was made before its migration"
        )
    if 0 < before < target and isinstance(db, SqliteDb):
        copy = db.path.with_name(f"{db.path.stem}.before-v{before + 1}-{now:%Y%m%dT%H%M%S}.db")
        try:
            await asyncio.to_thread(copy_verified, db.path, copy)
        except StorageError as error:
            raise StorageError(f"{error}: nothing was migrated; check the disk") from error
        log.info("database.copied", path=str(copy))
    for version in range(before + 1, target + 1):
        await db.write(lambda tx, version=version: _apply(tx, version, now))  # type: ignore[misc]
    if before < target:
        log.info("database.migrated", before=before, after=target)
    await _check_key(db)
    await renew(db)
    return before, target


async def _check_key(db: Db) -> None:
    """The key must be the one of this database; at the first start it becomes that."""

    async def work(tx: Tx) -> str:
        mine = tx.whose("", "check")
        await tx.run("insert into fact(name, value) values('key', ?) on conflict do nothing", mine)
        row = await tx.one("select value from fact where name='key'")
        assert row is not None
        return str(row["value"])

    if await db.write(work) != db.whose("", "check"):
        raise ConfigError(
            "the key does not fit the database, whose people could not be told apart: restore the file that "
            "RONDAN_KEY_FILE names (by default it is beside the database, NAME.key) from the same backup"
        )


async def _apply(tx: Tx, version: int, now: datetime) -> None:
    if await version_of(tx) >= version:  # another process was faster
        return
    if version == 1:
        await tx.run("create table schema_version(version integer primary key, at text not null)")
    for sql in tables.statements(version, tx.dialect):
        await tx.run(sql)
    await tx.run("insert into schema_version(version, at) values(?, ?)", version, now.isoformat())
