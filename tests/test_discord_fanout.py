"""A piece for many places: at the pace that is allowed, each exactly once, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from core.chat import Place
from storage import places
from storage.db import Tx
from tests.conftest import found
from tests.discord_stage import CREATE, POST, essay, shown, stage
from tests.standins.discord import Channel, Discord
from tests.test_kill import environment
from tests.waiting import until


async def test_a_thousand_places_get_a_piece_once_each_without_a_refusal(tmp_path: Path) -> None:
    async with Discord() as far:
        far.rate = 500
        channels = [far.guild(f"Town {n}").text(f"news-{m}") for n in range(50) for m in range(20)]
        async with stage(far, tmp_path) as here:

            async def work(tx: Tx) -> None:
                for one in channels:
                    assert one.guild is not None
                    place = Place(id=0, platform="discord", channel=str(one.id), community=str(one.guild.id))
                    await places.add(tx, place, "place", here.clock())

            await here.db.write(work)
            await here.chat.furnish(await places.all_places(here.db))
            await here.publish(found())
            await here.settle(minutes=1)
            assert here.asked(CREATE) == [1000]
            assert far.statuses[429] == 0
            assert {len(far.messages(one)) for one in channels} == {1}
            told = [one.body["nonce"] for one in far.log if one.route == CREATE]
            assert len(set(told)) == 1000
            states = await here.db.read("select state, count(*) as n from posting group by state")
            assert [(row["state"], row["n"]) for row in states] == [("done", 1000)]


# --- kill -9 ---

CHILD = """
import sys
from datetime import timedelta
import bot.canary, core.settle
from bot.platforms.discord import client
bot.canary.AGAIN = 0.1  # the pauses of the real program, shorter
core.settle.LOOK_AFTER = timedelta(seconds=0.3)
client.GUILDS_WITHIN = 0.1
sys.argv = ["rondan", "run"]
from bot.cli import main
main()
"""
SECTIONS = (("Costs", "Less than feared."),)
LAYOUTS = {"card": 44, "thread": 8, "forum": 8}


class Program:
    """The real program in a process of its own, against the stand-in of this one."""

    def __init__(self, far: Discord, folder: Path) -> None:
        self.far, self.folder = far, folder
        self.process: asyncio.subprocess.Process | None = None

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.folder) | {
            "RONDAN_DISCORD_TOKEN": self.far.token, "RONDAN_DISCORD_API": self.far.api,
            "RONDAN_DISCORD_GATEWAY": self.far.gateway, "RONDAN_DISCORD_RATE": "500", "RONDAN_WEB": "off",
        }  # fmt: skip

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, env=self.environment, stderr=asyncio.subprocess.PIPE
        )

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        assert await self.process.wait() == -signal.SIGKILL

    async def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        _, errors = await self.process.communicate()
        assert self.process.returncode == 0, errors.decode()

    def posted(self) -> int:
        return self.far.count(CREATE, 200) + self.far.count(POST, 201)

    async def until_posted(self, count: int) -> None:
        process = self.process
        assert process is not None
        await until(lambda: process.returncode is not None or self.posted() >= count, 30, every=0.001)
        assert process.returncode is None, "it ended by itself"

    async def until_done(self) -> None:
        await until(lambda: not self._open(), 40, every=0.05)

    def _open(self) -> int:
        with sqlite3.connect(f"file:{self.folder}/rondan.db?mode=ro", uri=True) as db:
            open_ = db.execute("select count(*) from posting where state <> 'done'").fetchone()[0]
        db.close()
        return int(open_)


async def prepared(far: Discord, folder: Path) -> list[Channel]:
    """A database with a place in each channel, and a piece that is to be posted at all of them."""
    guild = far.guild("Town")
    made = {"card": guild.text, "thread": guild.text, "forum": guild.forum}
    channels = []
    async with stage(far, folder) as here:
        for layout, count in LAYOUTS.items():
            for number in range(count):
                channels.append(made[layout](f"{layout}-{number}"))
                await here.place(channels[-1], layout)
        await here.take(essay(*SECTIONS))
    return channels


@pytest.mark.parametrize("seed", range(2))
async def test_killed_at_any_moment_of_a_fan_out_every_place_has_exactly_one(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    async with Discord() as far:
        far.buckets = False
        channels = await prepared(far, tmp_path)
        program = Program(far, tmp_path)
        far.fail("*", times=1_000_000, how="slow", delay=0.03)  # a dozen requests are on their way at any moment
        messages = LAYOUTS["card"] + 3 * (LAYOUTS["thread"] + LAYOUTS["forum"])
        for moment in sorted(dice.sample(range(1, messages - 5), 3)):
            await program.start()
            await program.until_posted(moment)
            await asyncio.sleep(dice.random() * 0.03)
            await program.kill()
        await program.start()
        await program.until_done()
        await program.stop()
        stands = ["The night bus", "  It runs at last.", "  Costs"]
        expected = {
            "card": stands[:1],
            "thread": stands,
            "forum": ["The night bus", "  The night bus", *stands[1:]],
        }
        assert {one.name: shown(one) for one in channels} == {
            one.name: expected[one.name.partition("-")[0]] for one in channels
        }
        assert far.unguarded == []
