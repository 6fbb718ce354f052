"""kill -9 of a real `rondan run` between every two steps of a digest that is due: exactly one message each time."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.platforms.room import Room
from core.message import to_text
from tests.test_kill import KILLER, rondan, settled, start
from tests.waiting import until

CODE = KILLER.replace("bot.publish.trace = strike", "bot.editions.trace = bot.publish.trace = strike").replace(
    "import bot.publish\n", "import bot.publish, bot.editions\n"
)
POINTS = ["sketched", "written", "begun", "before post", "after post", "sent", "stored", "released"]


@pytest.fixture(scope="module")
def due(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a piece that is posted, and a digest of it whose time has just come."""
    folder = tmp_path_factory.mktemp("due")
    (folder / "essay.md").write_text("# The night bus\n\nIt runs at last, and nobody knows who will pay for it.\n")
    rondan(folder, "place", "add", "web:general")
    rondan(folder, "import", str(folder / "essay.md"))
    settled(folder)
    clock = datetime.now(UTC) - timedelta(minutes=5)
    line = f"/digest-schedule add hour:{clock:%H:%M} zone:UTC channel:web:general"
    rondan(folder, "ask", line, "--as", "admin")
    with sqlite3.connect(folder / "rondan.db") as db:  # as if both had been there since the day before yesterday
        db.execute("update schedule set upto=0, created_at=0")
        db.execute("update piece set published_at=published_at - 3600000000")
    db.close()
    return folder


async def digests(folder: Path) -> list[str]:
    """The digests that stand in the playground."""
    room = Room(folder / "rondan.db.web.jsonl")
    try:
        shown = [to_text(one.message) for one in room.entries("general") if one.message is not None and not one.deleted]
        return [text for text in shown if text.startswith("Digest")]
    finally:
        await room.close()


@pytest.mark.parametrize("amnesia", [False, True], ids=["knows-keys", "must-look"])
@pytest.mark.parametrize("point", POINTS)
async def test_killed_there_the_digest_still_comes_once(due: Path, tmp_path: Path, point: str, amnesia: bool) -> None:
    for file in due.iterdir():
        if file.is_file() and file.suffix != ".sock":
            shutil.copy(file, tmp_path)
    child = start(tmp_path, "-c", CODE.replace("AMNESIA", str(amnesia)), point, "1")
    try:
        child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == -signal.SIGKILL
    child = start(tmp_path, "-m", "bot", "run")
    try:
        shown = tmp_path / "rondan.db.web.jsonl"
        await until(lambda: "Digest: all" in shown.read_text(), 60, every=0.2)
    finally:
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=30)
    settled(tmp_path)
    (text,) = await digests(tmp_path)
    assert "The night bus" in text
