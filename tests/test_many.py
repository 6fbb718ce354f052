"""Several real processes over one PostgreSQL: each piece stands everywhere once, and each word is kept once, whoever of
them dies.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot import ingest
from core.chat import Place
from core.times import now
from storage import leases, places, schema, sources
from storage.db import Tx
from storage.postgres import PgDb
from tests.conftest import found
from tests.standins import postgres as pg
from tests.standins.discord import Channel, Discord
from tests.test_kill import environment
from tests.waiting import until

SHARDS, GUILDS = 4, 8


@dataclass
class Town:
    """Processes, their database and their Discord."""

    folder: Path
    db: PgDb
    address: str
    far: Discord
    channels: list[Channel] = field(default_factory=list)
    running: dict[int, Process] = field(default_factory=dict)

    async def start(self, count: int) -> None:
        """So many more processes."""
        set_up = environment(self.folder) | {
            "RONDAN_DATABASE": self.address, "RONDAN_KEY_FILE": str(self.db.keys), "RONDAN_WEB": "off",
            "RONDAN_DISCORD_TOKEN": self.far.token, "RONDAN_DISCORD_API": self.far.api,
            "RONDAN_DISCORD_GATEWAY": self.far.gateway, "RONDAN_DISCORD_RATE": "500", "RONDAN_LOG_LEVEL": "warning",
        }  # fmt: skip
        for _ in range(count):
            one = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.hasty"), env=set_up, stdout=DEVNULL, stderr=DEVNULL
            )
            self.running[one.pid] = one

    async def end(self, pid: int, number: signal.Signals) -> int:
        one = self.running.pop(pid)
        one.send_signal(number)
        return await one.wait()

    async def shared_out(self, among: int) -> None:
        """Every shard is listened to, and everybody has something."""

        async def so() -> bool:
            owners = await leases.owners(self.db)
            held = sorted(part for parts in owners.values() for part in parts if part.startswith("discord/"))
            heard = {one.shard for one in self.far.hub.sessions.values() if one.line is not None}
            return (
                len(owners) == among
                and all(owners.values())
                and held == [f"discord/{n}" for n in range(SHARDS)]
                and heard == set(range(SHARDS))
            )

        await until(so, 60, every=0.1)

    async def publish(self, name: str) -> None:
        async def work(tx: Tx) -> None:
            source = await sources.ensure_source(
                tx, kind="file", address="files", title="", text_mode="full", now=now()
            )
            await ingest.take(tx, source, found(name, title=f"Piece {name}"), now=now())

        await self.db.write(work)

    def stands(self, title: str) -> list[int]:
        """How often, by channel."""
        return [sum(title in one.text for one in channel) for channel in self.channels]

    async def is_everywhere_once(self, title: str) -> None:
        async def so() -> bool:
            return min(self.stands(title)) > 0

        await until(so, 60, every=0.1)
        await asyncio.sleep(0.5)  # a second one would come at once
        assert self.stands(title) == [1] * len(self.channels)


@pytest.fixture
async def town(tmp_path: Path, postgres: str) -> AsyncIterator[Town]:
    address = await pg.created(postgres)
    async with Discord() as far:
        far.buckets, far.shards = False, SHARDS
        db = await PgDb.open(address, tmp_path / "rondan.db.key")
        made = Town(tmp_path, db, address, far)
        try:
            await schema.migrate(db, now())
            for n in range(GUILDS):
                guild = far.guild(f"Guild {n}")
                channel = guild.text("general")
                made.channels.append(channel)
                place = Place(id=0, platform="discord", channel=str(channel.id), community=str(guild.id))
                await places.add_place(db, place, "place", now())
            yield made
        finally:
            for pid in list(made.running):
                await made.end(pid, signal.SIGKILL)
            await db.close()


async def test_a_piece_stands_everywhere_once_whoever_dies(town: Town) -> None:
    await town.start(3)
    await town.shared_out(3)
    await town.publish("first")
    await town.is_everywhere_once("Piece first")

    listens = next(
        owner for owner, parts in (await leases.owners(town.db)).items() if any("discord" in one for one in parts)
    )
    await town.publish("second")
    await town.end(int(listens.rpartition(":")[2]), signal.SIGKILL)
    await town.is_everywhere_once("Piece second")
    await town.shared_out(2)

    reader = town.far.user("mika")
    for channel in town.channels:
        await town.far.react(reader, next(one for one in channel if "Piece first" in one.text), "👍")

    async def counted() -> bool:
        rows = await town.db.read("select count(*) as n from reaction where present=1")
        return bool(rows[0]["n"] == GUILDS)

    await until(counted, 60, every=0.1)

    await town.start(1)
    await town.shared_out(3)
    statuses = [await town.end(pid, signal.SIGTERM) for pid in list(town.running)[:2]]
    assert statuses == [0, 0]
    await town.publish("third")
    await town.is_everywhere_once("Piece third")
    assert town.far.pings == []
