"""The playground's memory: nothing told is lost, nothing deleted stays."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.platforms.room import Room
from core.chat import Place
from core.document import Paragraph, spans
from core.errors import ConfigError, Unknown
from core.message import Message

PLACE = Place(id=1, platform="web", channel="general", name="General", language="ja", layout="thread", community="c1")


def say(text: str) -> Message:
    return Message(title=text, blocks=(Paragraph(spans=spans(text)),))


@contextlib.asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[Room]:
    room = Room(path, **options)
    try:
        yield room
    finally:
        await room.close()


async def test_a_room_comes_back_as_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "room.jsonl"
    async with opened(path) as room:
        await room.open_channel(PLACE)
        root = await room.post("general", say("card"), key="k1")
        await room.post("general", say("section"), key="k2", under=root.id)
        comment = await room.comment(root, "p1", "はい", None)
        await room.edit(comment, "いいえ")
        await room.react(root, "p1", "👍", True)
        await room.react(root, "p2", "👎", True)
        await room.react(root, "p2", "👎", False)
        await room.set_profile("p1", {"name": "Ada"})
        await room.set_profile("p1", {"role": "moderator"})
        before = [room.entry(f"w{n}") for n in (1, 2, 3)], room.secret, dict(room.channels)
    for _ in range(2):  # from what was written as it happened, then from what was written anew
        async with opened(path) as room:
            assert ([room.entry(f"w{n}") for n in (1, 2, 3)], room.secret, dict(room.channels)) == before
            assert room.profile("p1") == {"name": "Ada", "role": "moderator"}
            assert [one.id for one in room.entries("general", "w1")] == ["w2", "w3"]
            assert room.channels["general"].community == "c1"


async def test_what_was_deleted_is_gone_from_the_file_and_its_id_is_not_used_again(tmp_path: Path) -> None:
    path = tmp_path / "room.jsonl"
    async with opened(path) as room:
        root = await room.post("general", say("card"), key="k1")
        comment = await room.comment(root, "p1", "a secret", None)
        await room.delete(comment, by="p1")
    async with opened(path) as room:
        entry = room.entry("w2")
        assert "a secret" not in path.read_text()
        assert entry is not None
        assert entry.deleted is not None
        assert (await room.comment(root, "p1", "another", None)).id == "w3"
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_torn_last_line_is_forgotten_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "room.jsonl"
    async with opened(path) as room:
        await room.post("general", say("kept"), key="k1")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op":"post","id":"w2","chan')
    async with opened(path) as room:
        assert (await room.post("general", say("next"), key="k2")).id == "w2"
    path.write_bytes(b"{nonsense\n" + whole)
    with pytest.raises(ConfigError, match="line 1 is damaged"):
        Room(path).entry("w1")


async def test_one_room_has_one_owner(tmp_path: Path) -> None:
    async with opened(tmp_path / "room.jsonl") as room:
        await room.post("general", say("mine"))
        with pytest.raises(ConfigError, match="in use by another"):
            Room(tmp_path / "room.jsonl").entry("w1")


async def test_a_folder_that_can_not_be_written_is_a_setting_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't keep"):
        Room(tmp_path / "file" / "room.jsonl").entry("w1")


async def test_many_writers_share_few_writes(tmp_path: Path) -> None:
    async with opened(tmp_path / "room.jsonl") as room:
        root = await room.post("general", say("card"))
        written = 0
        append = room._append

        def counted(data: bytes) -> None:
            nonlocal written
            written += 1
            append(data)

        room._append = counted  # type: ignore[method-assign]
        await asyncio.gather(*(room.react(root, f"p{n}", "👍", True) for n in range(500)))
        assert len(root.reactions["👍"]) == 500
        assert written < 5


async def test_after_a_failed_write_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "room.jsonl"
    async with opened(path) as room:
        await room.post("general", say("one"), key="k1")
        append = room._append

        def full(data: bytes) -> None:
            append(data[:20])
            raise OSError(28, "No space left on device")

        room._append = full  # type: ignore[method-assign]
        with pytest.raises(Unknown):
            await room.post("general", say("two"), key="k2")
        room._append = append  # type: ignore[method-assign]
        await room.post("general", say("three"), key="k3")
    async with opened(path) as room:
        titles = [one.message.title for one in room.entries("general") if one.message]
        assert titles == ["one", "two", "three"], "memory and file agree again, the unsure one included"


@pytest.mark.parametrize(("stage", "there"), [("before", 0), ("after", 1)])
async def test_a_killed_writer_leaves_all_or_nothing(tmp_path: Path, stage: str, there: int) -> None:
    program = f"""
        import asyncio, os, signal
        from pathlib import Path
        from bot.platforms.room import Room
        from core.message import Message

        def die(stage, op):
            if (stage, op) == ("{stage}", "post"):
                os.kill(os.getpid(), signal.SIGKILL)

        room = Room(Path("{tmp_path}/room.jsonl"), fault=die)
        asyncio.run(room.post("general", Message(title="x"), key="k1"))
    """
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert done.returncode == -signal.SIGKILL
    async with opened(tmp_path / "room.jsonl") as room:
        assert len(room.entries("general")) == there
        assert (room.with_key("general", "k1") is not None) == bool(there)
