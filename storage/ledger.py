"""What must not come back, outside the database: erasures, opt-outs and what moderators hid, as keyed hashes, which a
restored backup follows.

A file of JSON lines. A line is on the disk before the database says the same, so the file never knows less; it may be
read any number of times. It only grows, but that at night of each comment its last line stays (`compact`).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import structlog

from core.errors import ConfigError
from storage.db import StorageError
from storage.disk import sync
from storage.fates import Fate

log = structlog.get_logger()

Wish = Literal["forget", "out", "in"]


@dataclass(slots=True)
class Wishes:
    """What stands of one person. `forgotten`: when they last asked for it, in microseconds."""

    platform: str
    out: bool | None = None
    forgotten: int | None = None


def beside(key: Path) -> Path:
    """Where the ledger is if nothing else was said."""
    return key.with_name(f"{key.stem}.erasures")


class Ledger:
    """The file at a path; made with the first line. Called from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changing = threading.Lock()

    def write(self, hashed: str, platform: str, wish: Wish, at: int) -> None:
        """Append what a person wants; returns when it is on the disk. StorageError as in `append`."""
        self.append([json.dumps({"hash": hashed, "platform": platform, "wish": wish, "at": at})])

    def append(self, lines: Sequence[str]) -> None:
        """Returns when they are on the disk. StorageError if that can't be: then nothing may be done."""
        # Each begins with an end of line: a line that a crash cut short stays by itself.
        text = "".join(f"\n{line}\n" for line in lines)
        try:
            with self._changing:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                new = not self._path.exists()
                self._put(self._path, text, os.O_APPEND)
                if new:
                    sync(self._path.parent)
        except OSError as error:
            raise StorageError(f"can't write {self._path}: {error.strerror}; nothing was changed") from error

    def compact(self, before: int | None) -> None:
        """Keep one line a comment, the last, and none from before a time: such comments are erased by now."""
        with self._changing:
            lines = self._lines()
            fates = [_fate(line) for line in lines]
            last = {fate.hashed: at for at, fate in enumerate(fates) if fate is not None}
            kept = [
                line
                for at, (line, fate) in enumerate(zip(lines, fates, strict=True))
                if fate is None or (last[fate.hashed] == at and (before is None or fate.at >= before))
            ]
            if len(kept) == len(lines):
                return
            aside = self._path.with_name(f"{self._path.name}.new")
            try:
                aside.unlink(missing_ok=True)  # of one that a crash cut short
                self._put(aside, "".join(f"{line}\n" for line in kept), os.O_EXCL)
                aside.replace(self._path)
                sync(self._path.parent)
            except OSError as error:
                raise StorageError(f"can't write {self._path}: {error.strerror}; it is as it was") from error

    def _put(self, path: Path, text: str, flags: int) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
        try:
            left = text.encode()
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)

    def _lines(self) -> list[str]:
        try:
            return list(filter(str.strip, self._path.read_text(encoding="utf-8", errors="replace").splitlines()))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(f"can't read {self._path}: {error.strerror}") from error

    def read(self) -> dict[str, Wishes]:
        """What stands of everybody, by hash. ConfigError if the file is there and can't be read."""
        found: dict[str, Wishes] = {}
        for line in self._lines():
            if _fate(line) is not None:
                continue
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

    def fates(self) -> list[Fate]:
        """What became of comments, in order."""
        return [fate for fate in map(_fate, self._lines()) if fate is not None]


def _read(line: str) -> tuple[str, str, Any, int] | None:
    try:
        row = json.loads(line)
        return str(row["hash"]), str(row["platform"]), row["wish"], int(row["at"])
    except (ValueError, KeyError, TypeError):
        return None


def _fate(line: str) -> Fate | None:
    return Fate.read(line) if '"comment"' in line else None
