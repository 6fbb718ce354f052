"""The engines that are measured: SQLite on a file, PostgreSQL as a server on loopback that keeps what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from core.times import now
from storage import schema
from storage.db import Db
from storage.postgres import PgDb
from storage.sqlite import SqliteDb
from tests.standins import postgres as pg

DURABLE = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min"}


@contextmanager
def engines() -> Iterator[dict[str, str | None]]:
    """By name where each is: the address of a running server, or None for a file."""
    with pg.server(DURABLE) as address:
        yield {"sqlite": None, "postgres": address}


@asynccontextmanager
async def opened(address: str | None, folder: Path, name: str) -> AsyncIterator[Db]:
    """A new database with our tables."""
    db: Db
    if address is None:
        db = await SqliteDb.open(folder / f"{name}.db")
    else:
        await pg.execute(address, f"create database {name}")
        db = await PgDb.open(pg.at(address, name), folder / f"{name}.key")
    try:
        await schema.migrate(db, now())
        yield db
    finally:
        await db.close()
