"""What people asked for, outside the database: erasures and opt-outs as keyed hashes, which a restored backup follows.

A file of JSON lines that only grows. A line is on the disk before the database says the same, so the file never knows
less; it may be read any number of times.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import structlog

from core.errors import ConfigError
from storage.db import StorageError

log = structlog.get_logger()

Wish = Literal["forget", "out", "in"]


@dataclass(slots=True)
class Wishes:
    """What stands of one person. `forgotten`: when they last asked for it, in microseconds."""

    platform: str
    out: bool | None = None
    forgotten: int | None = None


class Ledger:
    """The file at a path; made with the first line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, hashed: str, platform: str, wish: Wish, at: int) -> None:
        """Append one line; returns when it is on the disk. StorageError if that can't be: then nothing may be done."""
        line = json.dumps({"hash": hashed, "platform": platform, "wish": wish, "at": at}) + "\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = not self._path.exists()
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, f"\n{line}".encode())  # a line that a crash cut short stays by itself
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                folder = os.open(self._path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except OSError as error:
            raise StorageError(f"can't write {self._path}: {error.strerror}; nothing was changed") from error

    def read(self) -> dict[str, Wishes]:
        """What stands of everybody, by hash. ConfigError if the file is there and can't be read."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"can't read {self._path}: {error.strerror}") from error
        found: dict[str, Wishes] = {}
        for line in filter(str.strip, lines):
            if (read := _read(line)) is None:
                log.warning("ledger.odd-line", path=str(self._path))
                continue
            hashed, platform, wish, at = read
            stands = found.setdefault(hashed, Wishes(platform=platform))
            if wish == "forget":
                stands.forgotten = max(at, stands.forgotten or 0)
            else:
                stands.out = wish == "out"
        return found


def _read(line: str) -> tuple[str, str, Any, int] | None:
    try:
        row = json.loads(line)
        return str(row["hash"]), str(row["platform"]), row["wish"], int(row["at"])
    except (ValueError, KeyError, TypeError):
        return None
