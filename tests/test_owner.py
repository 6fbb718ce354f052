"""One process owns a database, the others ask it: through a socket that only its user may use."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot import owner
from core.errors import ConfigError, Refusal, RondanError
from tests.waiting import until


async def echo(args: Mapping[str, Any], progress: owner.Progress) -> Any:
    progress("at work")
    return dict(args)


async def refuse(args: Mapping[str, Any], progress: owner.Progress) -> Any:
    raise Refusal("not that")


async def fail(args: Mapping[str, Any], progress: owner.Progress) -> Any:
    raise ZeroDivisionError("of ours")


async def hang(args: Mapping[str, Any], progress: owner.Progress) -> Any:
    await asyncio.Event().wait()


@asynccontextmanager
async def serving(database: Path) -> AsyncIterator[None]:
    verbs = {"echo": echo, "refuse": refuse, "fail": fail, "hang": hang}
    task = asyncio.create_task(owner.serve(database, verbs))
    try:
        await until(lambda: owner.answers(database))
        yield
    finally:
        task.cancel()
        async with asyncio.timeout(2):
            await asyncio.gather(task, return_exceptions=True)


def silent(text: str) -> None:
    """Progress that nobody reads."""


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    first, second = owner.Lock(tmp_path / "new" / "r.db"), owner.Lock(tmp_path / "new" / "r.db")
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()


def test_where_no_file_can_be_the_settings_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="set RONDAN_DATABASE to a file in a folder of yours"):
        owner.Lock(tmp_path / "file" / "r.db").take()


@pytest.mark.parametrize(
    "name", ["r.db", "d" * 120 + "/r.db", "n" * 150 + ".db"], ids=["short", "long path", "long name"]
)
async def test_asking_the_owner(tmp_path: Path, name: str) -> None:
    database = tmp_path / name
    database.parent.mkdir(exist_ok=True)
    assert not owner.answers(database)
    told: list[str] = []
    async with serving(database):
        assert await owner.call(database, "echo", {"論": ["壇", None, 3]}, told.append) == {"論": ["壇", None, 3]}
        assert told == ["at work"]
        (path,) = (one for one in database.parent.iterdir() if one.suffix == ".sock")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(Refusal, match="not that"):
            await owner.call(database, "refuse", {}, silent)
        with pytest.raises(RondanError, match="the running Rondan failed: of ours; its log says more"):
            await owner.call(database, "fail", {}, silent)
        with pytest.raises(RondanError, match="it is another version; restart it"):
            await owner.call(database, "new verb", {}, silent)
    assert not owner.answers(database)
    assert not path.exists()


async def test_a_large_answer_comes_whole(tmp_path: Path) -> None:
    async with serving(tmp_path / "r.db"):
        text = "論" * 1_000_000
        assert await owner.call(tmp_path / "r.db", "echo", {"text": text}, silent) == {"text": text}


async def test_a_socket_of_a_dead_owner_is_taken_over(tmp_path: Path) -> None:
    database = tmp_path / "r.db"
    database.with_name("r.db.sock").touch()
    with pytest.raises(ConfigError, match="does not answer"):
        await owner.call(database, "echo", {}, silent)
    async with serving(database):
        assert await owner.call(database, "echo", {}, silent) == {}


async def test_who_hangs_or_talks_nonsense_disturbs_nobody(tmp_path: Path) -> None:
    database = tmp_path / "r.db"
    async with serving(database):
        waiting = asyncio.create_task(owner.call(database, "hang", {}, silent))
        _, silent_one = await asyncio.open_unix_connection(str(database) + ".sock")
        _, loud_one = await asyncio.open_unix_connection(str(database) + ".sock")
        loud_one.write(os.urandom(1000) + b"\n")
        await loud_one.drain()
        assert await owner.call(database, "echo", {"x": 1}, silent) == {"x": 1}
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    for one in (silent_one, loud_one):
        one.close()
