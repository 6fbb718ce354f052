"""The real program on Slack: killed at any moment it loses and doubles nothing; wrong settings end it at once."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from core.chat import Place
from storage import places, schema
from storage.sqlite import SqliteDb
from tests.far_slack import utc
from tests.standins.slack import Channel, Message, Slack
from tests.test_kill import environment
from tests.waiting import until

CHILD = """
import sys
from datetime import timedelta
import core.settle
from bot.platforms.slack import api, sockets
core.settle.LOOK_AFTER = timedelta(seconds=0.3)  # the pauses of the real program, shorter
api.POST_EVERY = 0.02
sockets.STALE = 1.0
sys.argv = ["rondan", "run"]
from bot.cli import main
main()
"""
STANDS = ["The night bus", "  It runs at last.", "  Costs"]
ESSAY = "# The night bus\n\nIt runs at last.\n\n## Costs\n\nIt costs less than feared. The town pays.\n"


class Program:
    """The real program in a process of its own, against the stand-in of this one."""

    def __init__(self, far: Slack, folder: Path) -> None:
        self.far, self.folder = far, folder
        self.pieces = folder / "pieces"
        self.pieces.mkdir()
        self.settings = {
            "RONDAN_SLACK_BOT_TOKEN": far.bot_token, "RONDAN_SLACK_APP_TOKEN": far.app_token,
            "RONDAN_SLACK_API": far.api, "RONDAN_WEB": "off", "RONDAN_FOLDERS": str(self.pieces),
        }  # fmt: skip
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, env=environment(self.folder) | self.settings, stderr=asyncio.subprocess.PIPE
        )

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        assert await self.process.wait() == -signal.SIGKILL

    async def stop(self) -> str:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        _, errors = await self.process.communicate()
        assert self.process.returncode == 0, errors.decode()
        return errors.decode()

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(f"file:{self.folder / 'rondan.db'}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()


async def prepared(far: Slack, folder: Path, count: int) -> list[Channel]:
    """Places in the layout `thread`, in a new database."""
    channels = [far.channel(f"c{number}") for number in range(count)]
    db = await SqliteDb.open(folder / "rondan.db")
    await schema.migrate(db, utc())
    for one in channels:
        await places.add_place(db, Place(id=0, platform="slack", channel=one.id, layout="thread"), "place", utc())
    await db.close()
    return channels


def shown(far: Slack, channel: Channel) -> list[str]:
    """First lines of what stands in a channel, answers indented."""

    def line(message: Message) -> str:
        return far.plain(message).strip().split("\n")[0].split(" <")[0]

    there = far.messages(channel)
    roots = [one for one in there if not one.thread or one.thread == one.ts]
    return [
        text
        for root in roots
        for text in (
            line(root),
            *(f"  {line(one)}" for one in there if one.thread == root.ts and one is not root),
        )
    ]


@pytest.mark.parametrize("seed", [0, 1])
async def test_killed_at_any_moment_of_posting_every_place_has_exactly_one(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    far = Slack()
    far.limited = False
    async with far:
        channels = await prepared(far, tmp_path, 8)
        program = Program(far, tmp_path)
        (program.pieces / "bus.md").write_text(ESSAY)
        far.fail("chat.postMessage", times=1_000_000, how="slow", delay=0.03)
        for moment in sorted(dice.sample(range(1, 20), 2)):
            await program.start()
            await until(lambda moment=moment: far.count("chat.postMessage") >= moment, 40)  # type: ignore[misc]
            await asyncio.sleep(dice.random() * 0.03)
            await program.kill()
        await program.start()
        done = "select count(*) from posting where state='done'"
        await until(lambda: program.rows(done) == [(len(channels),)], 40)
        await program.stop()
        assert [shown(far, one) for one in channels] == [STANDS] * len(channels)
        assert (far.pings, far.unfurling) == ([], [])


async def test_killed_in_an_event_storm_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    far = Slack()
    far.limited = False
    far.patience, far.retry_after = 1.0, (0, 0.5, 2.0)
    async with far:
        [channel] = await prepared(far, tmp_path, 1)
        mika = far.person("mika")
        program = Program(far, tmp_path)
        (program.pieces / "bus.md").write_text(ESSAY)
        await program.start()
        await until(lambda: len(far.messages(channel)) == 3, 40)
        card = far.messages(channel)[0]
        await far.connected()
        said = [await far.say(mika, card, f"words {number}") for number in range(300)]
        await until(lambda: len(far.acks) > 60, 40)
        await program.kill()
        await program.start()
        await until(lambda: len(program.rows("select 1 from comment")) == len(said), 40)
        assert {row[0] for row in program.rows("select text from comment")} == {one.text for one in said}
        await program.stop()


@pytest.mark.parametrize("which", ["RONDAN_SLACK_BOT_TOKEN", "RONDAN_SLACK_APP_TOKEN"])
async def test_a_token_that_is_refused_ends_it_with_one_sentence_and_is_told_nowhere(
    tmp_path: Path, which: str
) -> None:
    async with Slack() as far:
        program = Program(far, tmp_path)
        secret = "xoxb-not-mine-0123456789" if "BOT" in which else "xapp-not-mine-0123456789"
        program.settings[which] = secret
        await program.start()
        assert program.process is not None
        _, errors = await asyncio.wait_for(program.process.communicate(), 30)
        told = errors.decode()
        assert program.process.returncode == 78, told
        assert f"Slack refuses {which}" in told
        assert "Traceback" not in told
        for token in (secret, far.bot_token, far.app_token):
            assert token not in told


async def test_a_port_in_use_ends_it_with_its_mend(tmp_path: Path) -> None:
    async with Slack() as far:
        program = Program(far, tmp_path)
        del program.settings["RONDAN_SLACK_APP_TOKEN"]
        program.settings |= {
            "RONDAN_SLACK_SIGNING_SECRET": far.signing_secret, "RONDAN_SLACK_LISTEN": f"127.0.0.1:{far.port}",
        }  # fmt: skip
        await program.start()
        assert program.process is not None
        _, errors = await asyncio.wait_for(program.process.communicate(), 30)
        assert program.process.returncode == 78
        assert "set RONDAN_SLACK_LISTEN to another address" in errors.decode()


async def test_a_bot_token_alone_is_refused_at_once(tmp_path: Path) -> None:
    async with Slack() as far:
        program = Program(far, tmp_path)
        del program.settings["RONDAN_SLACK_APP_TOKEN"]
        await program.start()
        assert program.process is not None
        _, errors = await asyncio.wait_for(program.process.communicate(), 30)
        assert program.process.returncode == 78
        assert "hears nothing" in errors.decode()
