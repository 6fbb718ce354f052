"""What is asked of the disk itself, beside the database that a process owns."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote


def sync(path: Path) -> None:
    """Wait until a file, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_only(path: Path, patience: float = 5) -> sqlite3.Connection:
    """A connection that changes nothing of a file, whoever owns it; waits so many seconds for a lock."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=patience)
