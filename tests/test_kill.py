"""kill -9 of a real `rondan run` between every two steps of publishing: exactly one message each time.

The child is the real program; only `bot.publish.trace` and the room's `fault` are set, which are called between steps,
to kill the process there. The parent then starts it again, unharmed, and looks at the playground's memory.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.platforms.room import Room
from core.message import to_text

KILLER = """
import os, signal, sys
import bot.publish
from bot.platforms import room

stage, count = sys.argv[1], int(sys.argv[2])
seen = 0

def strike(name):
    global seen
    if name == stage:
        seen += 1
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

bot.publish.trace = strike
opened = room.Room.__init__

def with_fault(self, *args, **kwargs):
    opened(self, *args, **kwargs)
    self.amnesia = AMNESIA
    self.fault = lambda when, op: strike(f"{when} {op}")

room.Room.__init__ = with_fault
sys.argv = ["rondan", "run"]
from bot.cli import main
main()
"""


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RONDAN_")}
    return {
        **kept,
        "RONDAN_DATABASE": str(folder / "rondan.db"),
        "RONDAN_WEB": "127.0.0.1:0",
        "RONDAN_LOG_LEVEL": "error",
    }


def rondan(folder: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bot", *args], env=environment(folder), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(folder: Path, *code: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, *code]
    return subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def settled(folder: Path) -> None:
    """Run the program unharmed until nothing is left to do."""
    child = start(folder, "-m", "bot", "run")
    assert child.stderr is not None
    try:
        for line in child.stderr:  # it owns the database and listens to signals from here on
            if line.startswith(b"Playground:"):
                break
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.2)
            asked = subprocess.run(
                [sys.executable, "-m", "bot", "place", "list", "--json"], env=environment(folder), capture_output=True,
                text=True, timeout=60,
            )  # fmt: skip
            if asked.returncode == 0 and all(set(one["postings"]) == {"done"} for one in json.loads(asked.stdout)):
                return
        raise AssertionError(f"not settled: {asked.stdout}{asked.stderr}")
    finally:
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate(timeout=30)
        assert child.returncode == 0, errors.decode()


async def shown(folder: Path) -> list[str]:
    """What stands in the playground, first lines, replies indented."""
    room = Room(folder / "rondan.db.web.jsonl")
    try:
        return _lines(room)
    finally:
        await room.close()


def _lines(room: Room) -> list[str]:
    lines = []
    for root in room.entries("general"):
        if root.deleted or root.message is None:
            continue
        lines.append(to_text(root.message).split("\n")[0])
        lines += [
            "  " + to_text(reply.message).split("\n")[0]
            for reply in room.entries("general", root.id)
            if reply.message is not None and not reply.deleted
        ]
    return lines


ESSAY = (
    "# The night bus\n\nIt runs at last.\n\n## Costs\n\nLess than feared.\n\n## Riders\n\nNurses, bakers and one owl.\n"
)
POINTS = ["begun", "before post", "after post", "sent", "stored", "released"]


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a place and a piece that is to be posted there."""
    folder = tmp_path_factory.mktemp("newsroom")
    (folder / "essay.md").write_text(ESSAY)
    rondan(folder, "place", "add", "web:general", "--layout", "thread")
    rondan(folder, "import", str(folder / "essay.md"))
    return folder


@pytest.mark.parametrize("amnesia", [False, True], ids=["knows-keys", "must-look"])
@pytest.mark.parametrize("point", POINTS)
async def test_killed_there_it_still_posts_each_message_once(
    newsroom: Path, tmp_path: Path, point: str, amnesia: bool
) -> None:
    for name in ("rondan.db", "rondan.db.key"):
        shutil.copy(newsroom / name, tmp_path)
    code = KILLER.replace("AMNESIA", str(amnesia))
    # First at the card, then at a section; `done` comes once in a posting.
    for count in (1,) if point == "released" else (1, 2):
        child = start(tmp_path, "-c", code, point, str(count))
        try:
            child.communicate(timeout=40)
        finally:
            child.kill()
        assert child.returncode == -signal.SIGKILL
    settled(tmp_path)
    assert await shown(tmp_path) == ["The night bus", "  It runs at last.", "  Costs", "  Riders"]
