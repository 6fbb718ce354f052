"""What `rondan doctor` says of a PostgreSQL server, and of the processes over its database."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from core.errors import ConfigError
from core.findings import Finding
from storage import keyfile, leases, moving, schema, server, tables, whole
from storage.db import Reader
from storage.server import Server, open_server

OLD = 600  # seconds: no transaction of ours lasts so long
EACH = 8  # connections that a process opens at most: `storage.postgres`
LOST = {
    "fsync": "when the machine fails, the whole database may be damaged",
    "full_page_writes": "when the machine fails, the whole database may be damaged",
    "synchronous_commit": "when the machine fails, what was said in the last moments is lost",
}
TIDY = "what was erased is still in them"


@asynccontextmanager
async def aside(address: str) -> AsyncIterator[tuple[str, Reader]]:
    """A database, to look into, and its name. Nobody is hashed: the real key may be missing, and any other will do."""
    with TemporaryDirectory() as folder:
        keyfile.key_in(key := Path(folder) / "key")
        db = await open_server(address, key)
        try:
            async with db.moment() as rows:
                yield db.name, rows
        finally:
            await db.close()


async def lives_here(address: str) -> bool:
    """Whether a process of this machine, or this container, takes part."""
    async with aside(address) as (_, db):
        return any(name.rpartition(":")[0] == socket.gethostname() for name in await leases.owners(db))


async def examine(db: Reader, name: str, key: Path) -> AsyncIterator[Finding]:
    """One finding after the other. `name` of the database; `key`: where its key should be."""
    living = await leases.owners(db) if await schema.version_of(db) == len(tables.MIGRATIONS) else {}
    for one in _engine(await server.look(db), len(living)):
        yield one
    yield await _tables(db, name)
    if (lack := await _key(db, key)) is not None:
        yield lack
    for process, parts in living.items():
        yield Finding(subject="process", state="ok", sentence=f"{process}: {', '.join(parts) or 'nothing yet'}")
    if not living:
        yield Finding(subject="bot", state="ok", sentence="is not running on this database")


def _engine(told: Server, living: int) -> Iterator[Finding]:
    if told.version < server.OLDEST:
        yield Finding(
            subject="server", state="fail", sentence=f"PostgreSQL {told.version}; Rondan needs {server.OLDEST}",
            mend="move to a newer server: pg_dump there, pg_restore here",
        )  # fmt: skip
    else:
        yield Finding(subject="server", state="ok", sentence=f"PostgreSQL {told.version}")
    if told.encoding != "UTF8":
        yield Finding(
            subject="encoding", state="fail", sentence=f"is {told.encoding}: not all that people write can be kept",
            mend="make another database: create database … encoding 'UTF8' template template0",
        )  # fmt: skip
    for name in told.lax:
        yield Finding(subject=name, state="warn", sentence=f"is off: {LOST[name]}", mend=f"{name} = on, then reload")
    used = f"{told.taken} of {told.room} are taken; a process opens up to {EACH}"
    if told.room < EACH * max(living, 1) or told.room - told.taken < EACH:
        yield Finding(
            subject="connections", state="warn", sentence=f"{used}, so another one may get none",
            mend="raise max_connections, or end what else is connected",
        )  # fmt: skip
    else:
        yield Finding(subject="connections", state="ok", sentence=used)
    if told.oldest > OLD:
        yield Finding(
            subject="transactions", state="warn",
            sentence=f"the oldest has lasted {told.oldest // 60} minutes: no dead rows are removed meanwhile",
            mend="end it: select pid, query from pg_stat_activity order by xact_start",
        )  # fmt: skip
    if not told.autovacuum:
        yield Finding(
            subject="autovacuum", state="warn", sentence=f"is off: dead rows stay, and {TIDY}",
            mend="autovacuum = on, then reload",
        )  # fmt: skip
    for table, dead in told.bloated:
        yield Finding(
            subject=table, state="warn", sentence=f"has {dead} dead rows, more than others; {TIDY}",
            mend=f"vacuum {table}; does autovacuum come by often enough?",
        )  # fmt: skip


async def _tables(db: Reader, name: str) -> Finding:
    try:
        await moving.refuse_unfinished(db)
    except ConfigError as error:
        return Finding(
            subject="database", state="fail", sentence=f"{name}: {error}", mend="finish it, or make another one"
        )
    number, known = await schema.version_of(db), len(tables.MIGRATIONS)
    if number > known:
        return Finding(
            subject="database", state="fail", sentence=f"{name} has schema {number}, this Rondan knows {known}",
            mend="start the newer Rondan again",
        )  # fmt: skip
    if number == known:
        return Finding(subject="database", state="ok", sentence=f"{name}, schema {number}")
    if number == 0:
        return Finding(subject="database", state="ok", sentence=f"{name} is empty: the first start makes its tables")
    return Finding(
        subject="database", state="warn", sentence=f"{name} has schema {number}, this Rondan makes {known} of it",
        mend="the next start does so: make a copy before (pg_dump)",
    )  # fmt: skip


async def _key(db: Reader, key: Path) -> Finding | None:
    """What is wrong with the key, if the database has one."""
    if await schema.version_of(db) < 2:
        return None
    wanted = (await whole.head(db))["key"]
    if wanted is None:
        return None
    mend = "restore it from your backup of the key before you start Rondan (RONDAN_KEY_FILE names it)"
    if not key.exists():
        sentence = f"the key {key} is missing: people could not be told apart"
        return Finding(subject="files", state="fail", sentence=sentence, mend=mend)
    try:
        if keyfile.fits(key, wanted):
            return None
    except ConfigError as error:
        return Finding(subject="files", state="fail", sentence=str(error), mend=mend)
    return Finding(subject="files", state="fail", sentence=f"the key {key} is another one's", mend=mend)
