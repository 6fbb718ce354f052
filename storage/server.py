"""A PostgreSQL server as a whole: opening a database on it, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigError
from storage.db import Reader

if TYPE_CHECKING:
    from storage.postgres import PgDb

OLDEST = 15  # PostgreSQL that is known to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a server tells of itself and of this database. `room`: connections that it has for us and others, and how
    many of them are taken; `oldest`: seconds that the oldest transaction has lasted.
    """

    version: int
    encoding: str
    lax: tuple[str, ...]
    autovacuum: bool
    room: int
    taken: int
    oldest: int
    bloated: tuple[tuple[str, int], ...]


async def open_server(address: str, keys: Path) -> PgDb:
    """Open a database on a server. ConfigError if its driver is not there."""
    try:
        from storage.postgres import PgDb
    except ImportError as error:
        raise ConfigError(
            "RONDAN_DATABASE names a PostgreSQL server, but what speaks to it is not there: pip install "
            "'rondan[postgres]'"
        ) from error
    return await PgDb.open(address, keys)


async def look(db: Reader) -> Server:
    """Ask it."""
    rows = await db.read(
        """select name, setting from pg_settings where name in ('server_version_num', 'server_encoding', 'autovacuum',
             'max_connections', 'superuser_reserved_connections', 'fsync', 'full_page_writes', 'synchronous_commit')"""
    )
    said = {row["name"]: row["setting"] for row in rows}
    (now,) = await db.read(
        """select count(*) filter (where backend_type='client backend') as taken,
             coalesce(cast(extract(epoch from max(clock_timestamp() - xact_start)
                 filter (where datname=current_database() and pid <> pg_backend_pid())) as bigint), 0) as oldest
           from pg_stat_activity"""
    )
    bloated = await db.read(
        """select relname as name, n_dead_tup as dead from pg_stat_user_tables
           where schemaname=current_schema() and n_dead_tup > 50000 and n_dead_tup > n_live_tup
           order by n_dead_tup desc, relname limit 3"""
    )
    return Server(
        version=int(said["server_version_num"]) // 10_000,
        encoding=said["server_encoding"],
        lax=tuple(one for one in ("fsync", "full_page_writes", "synchronous_commit") if said[one] == "off"),
        autovacuum=said["autovacuum"] == "on",
        room=int(said["max_connections"]) - int(said["superuser_reserved_connections"]),
        taken=now["taken"],
        oldest=now["oldest"],
        bloated=tuple((row["name"], row["dead"]) for row in bloated),
    )
