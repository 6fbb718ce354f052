"""`rondan doctor`: looks at everything that Rondan stands on, and says of each what to do.

Works whether the bot runs or not, and on a database that can't be opened: it reads from aside and writes nothing.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bot import backup, environment, owner, serving
from bot.platforms.console import plain
from bot.settings import Settings
from bot.thinker import Thinker
from core.chat import Place
from core.errors import ConfigError, RondanError, ThinkError
from core.findings import Finding, State
from core.times import Clock
from digest import fonts
from storage import health, places, schema, sources, tables
from storage.db import Reader, StorageError
from storage.sources import Source

MEGABYTE = 1024 * 1024
LARGE_LOG = 256 * MEGABYTE  # of the database: it is emptied at 64 MB while nobody is in the way
FAR = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "lustre", "gpfs")
"""Beginnings of the names of file systems that are on another machine."""
SKEW, BAD_SKEW = timedelta(seconds=30), timedelta(minutes=4)  # Slack takes no signature that is five minutes off
CLOCK = "set this machine's clock (timedatectl set-ntp true)"
STALE = timedelta(days=2)  # since the last nightly check, while it should be nightly


async def examine(clock: Clock, *, online: bool = False) -> AsyncIterator[Finding]:
    """One finding after the other, as they are made."""
    try:
        settings = environment.load()
    except ConfigError as error:
        for problem in error.problems:
            yield Finding(subject="settings", state="fail", sentence=problem, mend="docs/settings.md has all of them")
        return
    yield Finding(subject="settings", state="ok", sentence=f"Rondan {version('rondan')} can use all of them")
    for one in _modes(settings):
        yield one
    spots: list[Place] = []
    if settings.server is not None:
        async for one in _on_server(settings.server, settings.key, clock, spots):
            yield one
    else:
        async for one in _on_disk(settings, clock, spots):
            yield one
    for one in _fonts(settings):
        yield one
    yield await _worker()
    if online:
        async for one in _online(settings, clock, spots):
            yield one


# --- files ---


async def _on_disk(settings: Settings, clock: Clock, spots: list[Place]) -> AsyncIterator[Finding]:
    """All that an SQLite file stands on."""
    for one in _files(settings):
        yield one
    async for one in _database(settings, clock, spots):
        yield one
    async for one in _running(settings.database):
        yield one
    yield _disk(settings)
    yield _copies(settings, clock)


def _modes(settings: Settings) -> Iterator[Finding]:
    """Who may read what is nobody else's business."""
    files = (Path(".env"), settings.key, *(() if settings.server else (settings.database,)))
    for path in files:
        if path.exists() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
            yield Finding(
                subject="files", state="warn", sentence=f"others on this machine may use {path} ({mode:04o})",
                mend=f"chmod 600 {path}",
            )  # fmt: skip


def _files(settings: Settings) -> Iterator[Finding]:
    keys = settings.key
    if settings.database.exists() and not keys.exists():
        yield Finding(
            subject="files", state="fail", sentence=f"the key {keys} is missing: people could not be told apart",
            mend="restore it from your backup of the key before you start Rondan",
        )  # fmt: skip
    kind = file_system(settings.database.absolute().parent)
    if kind.startswith(FAR):
        yield Finding(
            subject="file system", state="fail", sentence=f"the database is on {kind}, where locks can't be relied on",
            mend="move the database to a disk of this machine (RONDAN_DATABASE)",
        )  # fmt: skip
    else:
        yield Finding(subject="file system", state="ok", sentence=f"{kind or 'of a kind that is not told'}")


def file_system(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The kind of file system that a folder is on; "" where the machine does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        mount, _, source = line.partition(" - ")
        point = Path(mount.split(" ")[4].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= best:  # of two at one point the later one is on top
            best, kind = len(point.parts), source.split(" ")[0]
    return kind


def _disk(settings: Settings) -> Finding:
    folder = settings.database.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // MEGABYTE
    sentence = f"{free} MB free at {folder}"
    if free >= settings.disk_least:
        return Finding(subject="disk", state="ok", sentence=sentence)
    return Finding(
        subject="disk", state="fail" if free < settings.disk_least // 10 else "warn",
        sentence=f"{sentence}, RONDAN_DISK_LEAST is {settings.disk_least}",
        mend="make room: on a full disk nothing that people say can be kept",
    )  # fmt: skip


def _copies(settings: Settings, clock: Clock) -> Finding:
    """The newest copy, which should be of today or yesterday."""
    copies = backup.kept(settings)
    if not settings.backup_keep or not settings.database.exists():
        return Finding(subject="copies", state="ok", sentence=f"{len(copies)}; none is made by itself now")
    keys = settings.key  # made at the first start, and never changed
    newest = next((one for one in (*copies, keys) if one.exists()), None)
    made = datetime.fromtimestamp(newest.stat().st_mtime, UTC) if newest else None
    if made is not None and clock() - made < STALE:
        sentence = f"{len(copies)}, the newest of {made:%F %R} UTC" if copies else "the first one is made within a day"
        return Finding(subject="copies", state="ok", sentence=sentence)
    if not copies:
        made = None
    sentence = "there is none" if made is None else f"the newest is of {made:%F %R} UTC"
    mend = "Rondan makes one a day while it runs; `rondan backup` makes one now and says what is in the way"
    return Finding(subject="copies", state="warn", sentence=sentence, mend=mend)


# --- the database ---


async def _database(settings: Settings, clock: Clock, spots: list[Place]) -> AsyncIterator[Finding]:
    """`spots` gets the places, if they can be read."""
    path = settings.database
    if not path.exists():
        yield Finding(subject="database", state="ok", sentence=f"{path} is not there yet: the first start makes it")
        return
    if (complaint := await health.quick_check(path)) is not None:
        yield Finding(
            subject="database", state="fail", sentence=f"{path} is damaged or can't be read: {complaint}",
            mend="stop Rondan and look at the disk; `rondan restore` brings back the newest sound copy, `rondan "
            "salvage` rescues what can be read where there is none",
        )  # fmt: skip
        return
    try:
        file = health.Aside(path)
        number = await health.version(file)
        yield _version(path, number)
        if number != len(tables.MIGRATIONS):
            return
        for one in await _contents(path, file, clock):
            yield one
        async for one in _publication(file, clock, spots):
            yield one
    except StorageError as error:
        yield Finding(
            subject="database", state="fail", sentence=f"{path} can't be read: {error}",
            mend="is it a database of Rondan? RONDAN_DATABASE names it",
        )  # fmt: skip


async def _on_server(address: str, key: Path, clock: Clock, spots: list[Place]) -> AsyncIterator[Finding]:
    try:
        async with serving.aside(address) as (name, db):
            async for one in serving.examine(db, name, key):
                yield one
            if await schema.version_of(db) == len(tables.MIGRATIONS):
                async for one in _publication(db, clock, spots):
                    yield one
    except RondanError as error:
        yield Finding(subject="database", state="fail", sentence=str(error), mend="docs/operating.md explains it")


async def _publication(db: Reader, clock: Clock, spots: list[Place]) -> AsyncIterator[Finding]:
    """What only its rows tell."""
    newest = await health.newest(db)
    if newest is not None and newest > clock() + SKEW:
        sentence = f"is before the newest entry, which is of {newest:%F %R} UTC"
        yield Finding(subject="clock", state="fail", sentence=sentence, mend=CLOCK)
    for feed in await sources.sources(db, "feed"):
        yield _feed(feed)
    for place in await places.all_places(db):
        if place.paused is None:
            spots.append(place)
            continue
        yield Finding(
            subject=place.address, state="warn", sentence=f"is paused: {place.paused}",
            mend=f"when that is mended: rondan place set {place.address} --resume",
        )  # fmt: skip


def _version(path: Path, number: int) -> Finding:
    known = len(tables.MIGRATIONS)
    if number > known:
        return Finding(
            subject="database", state="fail", sentence=f"{path} has schema {number}, this Rondan knows {known}",
            mend="start the newer Rondan again, or restore the copy that was made before its migration",
        )  # fmt: skip
    if number < known:
        return Finding(
            subject="database", state="warn", sentence=f"{path} has schema {number}, this Rondan makes {known} of it",
            mend="the next start does so, and copies the file before",
        )  # fmt: skip
    return Finding(subject="database", state="ok", sentence=f"{path} is sound, schema {number}")


async def _contents(path: Path, file: health.Aside, clock: Clock) -> list[Finding]:
    found: list[Finding] = []

    def add(subject: str, state: State, sentence: str, mend: str) -> None:
        found.append(Finding(subject=subject, state=state, sentence=sentence, mend=mend))

    log = path.with_name(f"{path.name}-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > LARGE_LOG:
        mend = "a program that reads the database keeps it from being emptied: end it, or start Rondan again"
        add("log", "warn", f"{log} has {size // MEGABYTE} MB", mend)
    checked = await health.last_check(file)
    if checked is not None and checked[1]:
        mend = "it is sound now; look at the disk (smartctl, dmesg)"
        add("nightly check", "warn", f"found on {checked[0]:%F}: {checked[1]}", mend)
    elif checked is not None and clock() - checked[0] > STALE:
        add(
            "nightly check", "warn", f"was done last on {checked[0]:%F}", "Rondan does it while it runs: is it running?"
        )
    return found


def _feed(feed: Source) -> Finding:
    looked = f"last read {feed.checked:%F %R} UTC" if feed.checked else "not read yet"
    if feed.paused is not None:
        return Finding(
            subject=feed.address, state="warn", sentence=f"is paused: {feed.paused}",
            mend=f"when that is mended: rondan feed set {feed.address} --resume",
        )  # fmt: skip
    if feed.failures:
        return Finding(
            subject=feed.address, state="warn", sentence=f"failed {feed.failures} times in a row: {feed.error}",
            mend="docs/operating.md explains the sentence",
        )  # fmt: skip
    return Finding(subject=feed.address, state="ok", sentence=looked)


# --- the running bot, and what it is helped by ---


async def _running(database: Path) -> AsyncIterator[Finding]:
    if not database.parent.exists() or not owner.answers(database):
        yield Finding(subject="bot", state="ok", sentence="is not running on this database")
        return

    def silent(_text: str) -> None:
        """Nothing is told on the way."""

    try:
        lacks = await owner.call(database, "lacks", {}, silent)
    except RondanError as error:
        yield Finding(subject="bot", state="fail", sentence=str(error), mend="start it again")
        return
    for one in lacks:
        yield Finding(subject="bot", state="warn", sentence=one, mend="its log says more")
    if not lacks:
        yield Finding(subject="bot", state="ok", sentence="is running, and all of it works")


def _fonts(settings: Settings) -> Iterator[Finding]:
    if not settings.pictures:
        return
    lacks = fonts.missing()
    for one in lacks:
        sentence, _, mend = one.partition(": ")
        yield Finding(subject="fonts", state="warn", sentence=f"{sentence}, so digests have no pictures", mend=mend)
    if not lacks:
        yield Finding(subject="fonts", state="ok", sentence="all that pictures need")


async def _worker() -> Finding:
    """The process that reads texts, asked for something small."""
    try:
        async with Thinker() as think:
            await think("pick", {"sections": [], "title": "", "language": "en"})
    except ThinkError as error:
        return Finding(
            subject="worker", state="fail", sentence=f"the process that reads does not answer: {error}",
            mend="look for free memory (it takes 300 MB) and at the log; digests go on with less",
        )  # fmt: skip
    return Finding(subject="worker", state="ok", sentence="starts and answers")


# --- the platforms ---


async def _online(settings: Settings, clock: Clock, spots: list[Place]) -> AsyncIterator[Finding]:
    told: list[datetime] = []

    def at(platform: str) -> list[Place]:
        return [one for one in spots if one.platform == platform]

    if settings.discord_token is not None:
        from bot.platforms.discord.examine import examine as ask_discord  # a second to import

        token = settings.discord_token.get_secret_value()
        async for one in ask_discord(token, settings.discord_api, at("discord"), clock, told):
            yield one
    if settings.slack_bot_token is not None:
        from bot.platforms.slack.examine import examine as ask_slack

        token, app_token = settings.slack_bot_token.get_secret_value(), settings.slack_app_token
        socket = app_token.get_secret_value() if app_token else None
        async for one in ask_slack(token, socket, settings.slack_api, at("slack"), clock, told):
            yield one
    if told:
        yield _skew(clock() - told[-1])


def _skew(off: timedelta) -> Finding:
    seconds = round(abs(off.total_seconds()))
    sentence = f"{seconds} s {'ahead of' if off > timedelta() else 'behind'} the platforms'"
    if abs(off) > BAD_SKEW:
        return Finding(subject="clock", state="fail", sentence=sentence, mend=CLOCK)
    if abs(off) > SKEW:
        return Finding(subject="clock", state="warn", sentence=sentence, mend=CLOCK)
    return Finding(subject="clock", state="ok", sentence=sentence)


# --- how it is shown ---

WIDTH = 18  # of the subject; places and feeds may be longer
MARKS = {"ok": ("ok  ", "32"), "warn": ("warn", "33"), "fail": ("FAIL", "31")}
"""The word of each state, and its colour on a terminal."""


def line(one: Finding, *, colour: bool = False) -> str:
    """A finding as it is printed: what to do stands under it."""
    word, code = MARKS[one.state]
    mark = f"\x1b[{code}m{word}\x1b[0m" if colour else word
    text = f"{mark}  {plain(one.subject):<{WIDTH}}  {plain(one.sentence)}"
    return text if one.state == "ok" or not one.mend else f"{text}\n      {'':<{WIDTH}}  → {plain(one.mend)}"


def coloured(stream: Any) -> bool:
    """Whether whoever reads a stream sees colours."""
    return bool(stream.isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
