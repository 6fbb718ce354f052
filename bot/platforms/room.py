"""The playground's memory: what the web page and the console keep of channels, messages, reactions and people.

A `Room` stands for what Discord or Slack keep on their side. It is one append-only file of JSON lines, apart from
Rondan's database; every line is on the disk before the call that wrote it returns. Loading the file, `_apply` sees the
same records as it saw live. At start the file is written anew with what is left, so deleted words are gone for good.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from core.chat import Place
from core.errors import ConfigError, Unknown
from core.message import Message, message_from_json, message_to_json

Record = dict[str, Any]
Fault = Callable[[str, str], None]
"""Called as (`before` or `after`, operation) around each durable write, for tests that end the process there."""


@dataclass(slots=True)
class Channel:
    """A channel and what its place said about itself when it was last seen."""

    id: str
    name: str
    layout: str
    language: str
    community: str = ""


@dataclass(slots=True)
class Entry:
    """One message: a post of the bot (`message`) or a comment of a person (`text`); both None once deleted.

    `under` is the root of the thread it stands in, `reply_to` the message in it that it answers.
    `reactions` maps emoji → person id → when.
    """

    id: str
    channel: str
    at: datetime
    under: str | None = None
    key: str | None = None
    message: Message | None = None
    person: str | None = None
    text: str | None = None
    reply_to: str | None = None
    edited: datetime | None = None
    deleted: datetime | None = None
    by: str | None = None
    reactions: dict[str, dict[str, datetime]] = field(default_factory=dict)


class Room:
    """Channels, messages, reactions and people. Nothing is read before the first use, so an idle one costs nothing.

    `amnesia` makes it forget the keys of posts, as a platform does that can't recognise a repeated one.
    """

    def __init__(
        self,
        path: Path,
        *,
        amnesia: bool = False,
        fault: Fault | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = path
        self.amnesia = amnesia
        self.fault = fault
        self.clock = clock
        self.listeners: list[Callable[[str, str], None]] = []  # called with (operation, id) once it is durable
        self._secret = secrets.token_hex(32)
        self._last = 0
        self._channels: dict[str, Channel] = {}
        self._entries: dict[str, Entry] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._order: dict[tuple[str, str | None], list[Entry]] = {}  # (channel, root or None) → entries as they came
        self._people: dict[str, dict[str, str]] = {}
        self._file: IO[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._waiting: list[tuple[Record, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._torn = False  # a write failed: the file is behind memory and is written anew at the next one

    # --- looking ---

    @property
    def secret(self) -> str:
        """64 hex digits, made once for this file; signs the cookies of its people."""
        self._open()
        return self._secret

    @property
    def channels(self) -> Mapping[str, Channel]:
        self._open()
        return self._channels

    def entry(self, anchor: str) -> Entry | None:
        """The message with that id, deleted or not."""
        self._open()
        return self._entries.get(anchor)

    def entries(self, channel: str, root: str | None = None) -> list[Entry]:
        """What stands in a channel, or in the thread of `root`, oldest first, the deleted ones included."""
        self._open()
        return self._order.get((channel, root), [])

    def with_key(self, channel: str, key: str) -> Entry | None:
        """The newest post with that key, deleted or not."""
        self._open()
        return self._entries.get(self._keys.get((channel, key), ""))

    def profile(self, person: str) -> dict[str, str]:
        """What a person chose for themselves: `name` and whatever else the adapter keeps there."""
        self._open()
        return self._people.get(person, {})

    # --- doing: each returns once it is on the disk ---

    async def open_channel(self, place: Place) -> None:
        """Makes the channel of a place, or brings its name, layout and language up to date."""
        self._open()
        name = place.name or place.channel
        now = Channel(place.channel, name, place.layout, place.language, place.community)
        if self._channels.get(place.channel) != now:
            await self._commit(_channel_out(now))

    async def post(self, channel: str, message: Message, *, key: str | None = None, under: str | None = None) -> Entry:
        """A post of the bot."""
        data = {"op": "post", "channel": channel, "key": key, "under": under, "message": message_to_json(message)}
        return await self._add(data)

    async def comment(self, root: Entry, person: str, text: str, reply_to: str | None) -> Entry:
        """A comment of a person in the thread of `root`."""
        data = {"op": "comment", "channel": root.channel, "under": root.id, "person": person, "text": text}
        return await self._add(data | {"reply_to": reply_to})

    async def edit(self, entry: Entry, new: Message | str) -> None:
        """Replaces what a post or comment says."""
        what = {"text": new} if isinstance(new, str) else {"message": message_to_json(new)}
        await self._commit({"op": "edit", "id": entry.id, "at": self._now(), **what})

    async def delete(self, entry: Entry, by: str | None = None) -> None:
        """Takes a message away; its words are forgotten, its id is never used again."""
        await self._commit({"op": "delete", "id": entry.id, "at": self._now(), "by": by})

    async def react(self, entry: Entry, person: str, emoji: str, added: bool) -> None:
        record = {"op": "react", "id": entry.id, "person": person, "emoji": emoji, "added": added, "at": self._now()}
        await self._commit(record)

    async def set_profile(self, person: str, changes: dict[str, str]) -> None:
        await self._commit({"op": "person", "id": person, "profile": self.profile(person) | changes})

    async def settled(self) -> None:
        """Returns once all that was done so far is on the disk."""
        if self._waiting or self._torn or (self._writer is not None and not self._writer.done()):
            await self._commit({"op": "room", "id": "", "secret": self._secret, "last": self._last})

    async def close(self) -> None:
        """Waits for what is being written, then lets go of the file."""
        if self._writer is not None:
            await self._writer
        for file in (self._file, self._lock):
            if file is not None:
                file.close()
        self._file = self._lock = None

    # --- records ---

    def _now(self) -> str:
        return self.clock().isoformat()

    async def _add(self, record: Record) -> Entry:
        self._open()
        self._strike("before", record["op"])
        self._last += 1
        record |= {"id": f"w{self._last}", "at": self._now()}
        await self._commit(record, struck=True)
        return self._entries[record["id"]]

    def _apply(self, record: Record) -> None:
        """The only place that changes what the room knows, for a record from the file as for one of now."""
        match record["op"]:
            case "room":
                self._secret, self._last = record["secret"], record["last"]
            case "channel":
                self._channels[record["id"]] = Channel(
                    **{name: value for name, value in record.items() if name != "op"}
                )
            case "person":
                self._people[record["id"]] = record["profile"]
            case "post" | "comment":
                self._insert(_entry_in(record))
            case "edit":
                entry = self._entries[record["id"]]
                entry.edited = datetime.fromisoformat(record["at"])
                entry.text = record.get("text")
                entry.message = message_from_json(record["message"]) if "message" in record else None
            case "delete":
                entry = self._entries[record["id"]]
                entry.deleted, entry.by = datetime.fromisoformat(record["at"]), record["by"]
                entry.message = entry.text = None
                entry.reactions.clear()
            case "react":
                people = self._entries[record["id"]].reactions.setdefault(record["emoji"], {})
                if record["added"]:
                    people.setdefault(record["person"], datetime.fromisoformat(record["at"]))
                else:
                    people.pop(record["person"], None)
                if not people:
                    del self._entries[record["id"]].reactions[record["emoji"]]

    def _insert(self, entry: Entry) -> None:
        self._last = max(self._last, int(entry.id[1:]))
        self._entries[entry.id] = entry
        self._order.setdefault((entry.channel, entry.under), []).append(entry)
        if entry.key:
            self._keys[entry.channel, entry.key] = entry.id

    def _records(self) -> Iterator[Record]:
        """The fewest records that make this room again."""
        yield {"op": "room", "secret": self._secret, "last": self._last}
        for channel in self._channels.values():
            yield _channel_out(channel)
        for person, profile in self._people.items():
            yield {"op": "person", "id": person, "profile": profile}
        for entry in self._entries.values():
            yield _entry_out(entry)
            for emoji, people in entry.reactions.items():
                for person, at in people.items():
                    reaction = {"op": "react", "person": person, "emoji": emoji, "added": True, "at": at.isoformat()}
                    yield {"id": entry.id, **reaction}

    # --- the file ---

    def _open(self) -> None:
        if self._file is None:
            try:
                self._load()
            except OSError as error:
                raise ConfigError(f"The playground can't keep {self.path}: {error.strerror or error}.") from error

    def _load(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A lock file of its own, since writing anew replaces the file itself.
        lock = open(os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise ConfigError(
                f"{self.path} is in use by another Rondan: stop that one, or give another path."
            ) from None
        try:
            lines = self.path.read_bytes().split(b"\n") if self.path.exists() else []
            for number, line in enumerate(lines, start=1):
                try:
                    record = json.loads(line) if line else None
                except ValueError:
                    if any(lines[number:]):
                        raise ConfigError(f"{self.path} line {number} is damaged: move the file away.") from None
                    record = None  # torn by a kill; whoever wrote it was never told that it is kept
                if record is not None:
                    self._apply(record)
            self._rewrite(self._snapshot())
        except BaseException:
            lock.close()
            raise
        self._lock = lock

    def _snapshot(self) -> bytes:
        return b"".join(map(_line, self._records()))

    def _rewrite(self, data: bytes) -> None:
        fresh = self.path.with_name(self.path.name + ".new")
        file = open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")  # noqa: SIM115
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            fresh.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except BaseException:
            file.close()
            raise
        if self._file is not None:
            self._file.close()
        self._file = file

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _strike(self, stage: str, op: str) -> None:
        if self.fault is not None:
            try:
                self.fault(stage, op)
            except OSError as error:
                raise Unknown(f"The playground could not write {self.path}: {error}") from error

    async def _commit(self, record: Record, *, struck: bool = False) -> None:
        """Applies a record and returns once it is on the disk. Those who come during a write share the next one."""
        self._open()
        if not struck:
            self._strike("before", record["op"])
        self._apply(record)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done
        self._strike("after", record["op"])

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure: Unknown | None = None
            try:
                if self._torn:
                    await asyncio.to_thread(self._rewrite, self._snapshot())
                else:
                    await asyncio.to_thread(self._append, b"".join(_line(record) for record, _ in batch))
                self._torn = False
            except OSError as error:
                self._torn, failure = True, Unknown(f"The playground could not write {self.path}: {error}")
            for record, done in batch:
                if failure is None:
                    for listener in self.listeners:
                        listener(record["op"], record["id"])
                if not done.done():  # its waiter may have been cancelled
                    done.set_exception(failure) if failure else done.set_result(None)


def _line(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _channel_out(channel: Channel) -> Record:
    return {"op": "channel", **asdict(channel)}


def _entry_out(entry: Entry) -> Record:
    """A message as one record: what is not set is left out, times are ISO 8601."""
    record: Record = {"op": "comment" if entry.person else "post", "at": entry.at.isoformat()}
    for name in ("id", "channel", "under", "key", "person", "text", "reply_to", "by"):
        if (value := getattr(entry, name)) is not None:
            record[name] = value
    if entry.message is not None:
        record["message"] = message_to_json(entry.message)
    for name in ("edited", "deleted"):
        if (when := getattr(entry, name)) is not None:
            record[name] = when.isoformat()
    return record


def _entry_in(record: Record) -> Entry:
    given = {name: value for name, value in record.items() if name != "op"}
    for name in ("at", "edited", "deleted"):
        if name in given:
            given[name] = datetime.fromisoformat(given[name])
    if given.get("message") is not None:
        given["message"] = message_from_json(given["message"])
    return Entry(**given)
