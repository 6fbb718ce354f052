"""Copies of the database: one a day, the newest few are kept; when none can be made, moderators are told once."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from bot.alarms import Alarm
from bot.settings import Settings
from core.errors import Refusal
from core.times import Clock
from storage import copies, ledger
from storage.copies import Rows
from storage.db import StorageError
from storage.memos import Memos
from storage.sqlite import SqliteDb

log = structlog.get_logger()

LOOK_EVERY = 60.0  # seconds
NAME = re.compile(r"\.(\d{8}T\d{6}Z)\.db")
TEXTS = {
    "en": (
        "No backup could be made",
        "The daily copy of the database failed: {reason} It is tried again every day; whoever runs Rondan should look.",
        "Backups are made again",
        "The daily copy of the database works again.",
    ),
    "ja": (
        "バックアップを作れませんでした",
        "データベースの毎日のコピーに失敗しました（{reason}）。毎日やり直しますが、運用担当者の確認が必要です。",
        "バックアップが再開しました",
        "データベースの毎日のコピーが、また作れるようになりました。",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy that was made, and the rows of its tables."""

    path: Path
    size: int
    rows: Rows


def refuse_server(settings: Settings) -> None:
    """Refusal if everything is on a server, whose own tools make copies and bring them back."""
    if settings.server is not None:
        key = settings.key
        noted = settings.erasures or ledger.beside(key)
        raise Refusal(
            "the database is on a PostgreSQL server: pg_dump makes copies of it; pg_restore brings one back, and then "
            f"`rondan restore --doubt` is run; keep the key {key} and the ledger {noted} too, apart from the copies"
        )


def folder(settings: Settings) -> Path:
    """Where copies are kept: said, or beside the database."""
    return settings.backup_dir or settings.database.with_name("backups")


def kept(settings: Settings) -> list[Path]:
    """The copies there are, the newest first. Only files that bear our name: others are nobody's business."""
    stem = settings.database.stem
    found = [
        path
        for path in folder(settings).glob(f"{glob_safe(stem)}.*.db")
        if NAME.fullmatch(path.name.removeprefix(stem))
    ]
    return sorted(found, key=lambda path: path.name, reverse=True)


def glob_safe(text: str) -> str:
    """Text that means itself in a pattern of file names."""
    return re.sub(r"([*?\[])", r"[\1]", text)


class Backups:
    """Makes copies of a database that this process owns."""

    def __init__(self, db: SqliteDb, settings: Settings, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._memos = Memos(db, "")
        self.alarm = Alarm(db, "backup", TEXTS, clock, settings.zone)
        self._one = asyncio.Lock()  # two copies at a time would only be slower

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.daily()
            await asyncio.sleep(LOOK_EVERY)

    async def daily(self) -> bool:
        """The day's copy, if it is due: once a local day, from the hour on. Tried again the next day if it fails."""
        settings = self._settings
        local = self._clock().astimezone(ZoneInfo(settings.zone))
        today = f"{local:%Y-%m-%d}"
        if not settings.backup_keep or local.hour < settings.backup_hour:
            return False
        if await self._memos.get("backup.day") == today:
            return False
        try:
            copy = await self.make()
        except StorageError as error:
            log.error("backup.failed", error=str(error))
            await self.alarm.look(str(error))
        else:
            log.info("backup.made", path=str(copy.path), bytes=copy.size)
            await asyncio.to_thread(self._drop_old)
            await self.alarm.look(None)
        await self._memos.put("backup.day", today)
        return True

    async def make(self, target: Path | None = None) -> Copy:
        """A copy now: in the folder of copies, or at `target`, where no file may be. StorageError if it can't be."""
        async with self._one:
            if target is None:
                now = self._clock().astimezone(UTC)
                target = folder(self._settings) / f"{self._settings.database.stem}.{now:%Y%m%dT%H%M%SZ}.db"
            elif target.exists():
                raise Refusal(f"{target} is there already: name another file")
            return await asyncio.to_thread(_copy, self._db.path, target)

    def _drop_old(self) -> None:
        unfinished = folder(self._settings).glob(f"{glob_safe(self._settings.database.stem)}.*.db.unfinished")
        for path in [*kept(self._settings)[self._settings.backup_keep :], *unfinished]:  # of who was killed meanwhile
            with contextlib.suppress(OSError):  # it is tried again tomorrow
                path.unlink()


def _copy(path: Path, target: Path) -> Copy:
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(f"can't make {target.parent}: {error.strerror}") from error
    rows = copies.copy_verified(path, target)
    return Copy(path=target, size=target.stat().st_size, rows=rows)


def made_at(path: Path) -> datetime | None:
    """When a copy was made, as its name says."""
    found = NAME.search(path.name)
    return None if found is None else datetime.strptime(found[1], "%Y%m%dT%H%M%S%z")
