"""The watched folders, and what ties the house's parts together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot import folders
from bot.house import House
from bot.settings import Settings
from storage.db import StorageError, Tx
from tests.conftest import SetClock


async def test_a_file_that_could_not_be_kept_is_taken_at_the_next_look(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bus.md").write_text("# The night bus\n\nIt runs.\n")
    monkeypatch.setattr(folders, "SETTLED", -1e12)  # the clock of tests is not the file's
    known: dict[Path, tuple[int, int]] = {}
    async with House(Settings(database=tmp_path / "r.db", web="off", pictures=False), clock) as house:
        write = house.db.write

        async def full(_work: Callable[[Tx], Awaitable[Any]]) -> Any:
            raise StorageError("the disk is full")

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(house.db, "write", full)
            await folders._look(house, tmp_path, known, set())
        assert await house.db.read("select 1 from piece") == []
        assert house.db.write == write
        await folders._look(house, tmp_path, known, set())
        assert [row["title"] for row in await house.db.read("select title from piece")] == ["The night bus"]
        assert house.publisher.surfaced == house.collector.again
