"""The installation's key: a file beside the database, made at the first start. Without it nobody's rows are found."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from core.errors import ConfigError
from core.identity import whose
from storage.db import Reader
from storage.disk import sync

BYTES = 32


def beside(database: Path) -> Path:
    """Where the key is if nothing else was said."""
    return database.with_name(f"{database.name}.key")


def key_in(path: Path) -> bytes:
    """The key in a file, which is made (0600, synced) if it is missing. ConfigError if it can't be read or is none.

    It is written aside and linked into place: a process that dies leaves a whole key or none.
    """
    try:
        if not path.exists():
            _make(path)
        return _checked(bytes.fromhex(path.read_text(encoding="ascii")), path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what Rondan wrote there"
        raise ConfigError(f"can't read the key {path}: {reason}; restore it from your backup") from error


async def key_of(db: Reader, path: Path) -> bytes:
    """The same for a database that is open. None is made where it has one: ConfigError says that it is missing."""
    known = "fact" in {row["name"] for row in await db.read(db.dialect.tables)}
    if known and not path.exists() and await db.read("select 1 as n from fact where name='key'"):
        raise ConfigError(
            f"there is no key {path}: people could not be told apart; restore it from your backup, or set "
            "RONDAN_KEY_FILE to where it is"
        )
    return key_in(path)


def fits(path: Path, check: str) -> bool:
    """Whether a key is the one of the database that noted this `check` of it. ConfigError as in `key_in`."""
    return whose(key_in(path))("", "check") == check


def _checked(key: bytes, path: Path) -> bytes:
    if len(key) != BYTES:
        raise ConfigError(f"the key {path} is cut short: restore it from your backup")
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, secrets.token_bytes(BYTES).hex().encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(unfinished, path)  # unlike a rename it never replaces a key that another process just made
    except FileExistsError:
        return
    finally:
        unfinished.unlink()
    sync(path.parent)
