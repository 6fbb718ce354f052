"""The real program over the stand-in for Discord, for the bench; and what a connection holds in memory, measured in a
process of its own: `python -m bench.discord_program ours|bare TOKEN API GATEWAY` prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from pydantic import SecretStr

from bench.discord_server import Address
from bot import ingest
from bot.house import House
from bot.settings import Settings
from core.chat import Place
from core.document import Document, Heading, Paragraph, spans
from core.pieces import Found
from core.times import now
from storage import pieces, places, postings, sources
from storage.db import Tx

WORDS = "The council voted on the night bus again, and the fare remains what divides its readers most of all. "
SETTLED = 2.0  # seconds after a connection stands until its memory is looked at

World = Iterable[tuple[int, int, str]]  # guild, channel, layout


async def until(true: Callable[[], object], within: float = 60.0) -> None:
    """Returns when it is true; TimeoutError when it does not come true."""
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    at: Address, folder: Path, rate: float, world: World = (), database: str | None = None
) -> AsyncIterator[House]:
    """The program with places in these channels, connected and with nothing left to recall; over the PostgreSQL
    database of an address, if one is given.
    """
    async with House(settings(at, folder, rate, database)) as house:
        await house.db.write(lambda tx: _add_places(tx, world))
        async with connected(house):
            yield house


def settings(at: Address, folder: Path, rate: float, database: str | None = None) -> Settings:
    """Discord, and feeds from here."""
    return Settings(
        database=database or folder / "rondan.db",  # type: ignore[arg-type] # an address is taken apart
        key_file=folder / "rondan.db.key", feed_allow_private=True, web="off",
        discord_token=SecretStr(at.token), discord_api=at.api, discord_gateway=at.gateway, discord_rate=rate,
    )  # fmt: skip


@asynccontextmanager
async def connected(house: House) -> AsyncIterator[None]:
    """`House.run` from when everything that was missed is recalled, ended as an operator ends it."""
    task = asyncio.create_task(house.run())
    try:
        await until(lambda: task.done() or _whole(house), within=600)
        yield
    finally:
        if not task.done():
            signal.raise_signal(signal.SIGTERM)
        await task
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)


def _whole(house: House) -> bool:
    """Whether all that was missed is recalled."""
    return "discord" in house.collector._whole and "discord" not in house.collector._missed


async def _add_places(tx: Tx, world: World) -> None:
    for guild, channel, layout in world:
        place = Place(
            id=0, platform="discord", channel=str(channel), community=str(guild), name=f"#{channel}",
            layout=layout,  # type: ignore[arg-type]
        )  # fmt: skip
        await places.add(tx, place, "place", now())


def essay(sections: int, edits: int = 0) -> Found:
    """A piece of a lead and sections; an edit changes the words of the first section."""
    blocks: list[Any] = [Paragraph(spans=spans(WORDS))]
    for number in range(sections):
        blocks.append(Heading(level=2, spans=spans(f"Section {number}")))
        blocks.append(Paragraph(spans=spans(WORDS * 4 + ("Corrected. " * edits if number == 0 else ""))))
    return Found(
        identities=("guid:essay",), title="The night bus", document=Document(blocks=tuple(blocks)), language="en",
        fingerprint=f"1:{sections}:{edits}",
    )  # fmt: skip


async def publish(house: House, item: Found) -> int:
    """A new piece or an edit of it, for all places; returns at once."""

    async def work(tx: Tx) -> ingest.Taken:
        source = await sources.ensure_source(tx, kind="file", address="files", title="", text_mode="full", now=now())
        return await ingest.take(tx, source, item, now=now())

    taken = await house.db.write(work)
    house.publisher.wake()
    assert taken.piece is not None
    return taken.piece


async def retract(house: House, piece: int) -> None:
    async def work(tx: Tx) -> None:
        await pieces.set_state(tx, piece, "retracted", note=f"an error\n{now().isoformat()}", now=now())
        await postings.subject_changed(tx, "piece", piece, now())

    await house.db.write(work)
    house.publisher.wake()


async def posted(house: House, within: float = 300) -> None:
    """Returns when nothing is left to post."""
    async with asyncio.timeout(within):
        while (await house.db.read("select count(*) as n from posting where due_at is not null"))[0]["n"]:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.1)
    states = {
        row["state"]: row["n"] for row in await house.db.read("select state, count(*) as n from posting group by 1")
    }
    assert set(states) == {"done"}, states


async def rows(house: House) -> int:
    """Reactions and comments that are kept."""
    counts = await house.db.read("select (select count(*) from reaction) + (select count(*) from comment) as n")
    return int(counts[0]["n"])


async def kept(house: House, count: int, within: float = 120) -> None:
    """Returns when so many reactions and comments are kept."""
    async with asyncio.timeout(within):
        while await rows(house) < count:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.005)


# --- memory ---


def _resident(what: str = "VmRSS") -> float:
    """MB of this process in memory; `VmHWM`: the most that there ever were."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024 / 1e6


async def _ours(at: Address) -> tuple[float, float, float]:
    """MB before and after connecting, and the seconds that it took."""
    with TemporaryDirectory() as name:
        async with House(settings(at, Path(name), 50)) as house:
            before, began = _resident(), time.perf_counter()
            async with connected(house):
                took = time.perf_counter() - began
                await asyncio.sleep(SETTLED)
                return before, _resident(), took


async def _bare(at: Address) -> tuple[float, float, float]:
    """The same of discord.py as it comes, with its usual intents and caches."""
    import discord
    import yarl
    from discord.gateway import DiscordWebSocket
    from discord.http import Route

    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = at.api, yarl.URL(at.gateway)
    async with discord.AutoShardedClient(intents=discord.Intents.default()) as client:
        before, began = _resident(), time.perf_counter()
        task = asyncio.create_task(client.start(at.token))
        await until(lambda: task.done() or client.is_ready(), within=600)
        took = time.perf_counter() - began
        await asyncio.sleep(SETTLED)
        after = _resident()
        await client.close()
        await asyncio.gather(task, return_exceptions=True)
        return before, after, took


if __name__ == "__main__":
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    before_, after_, took_ = asyncio.run((_ours if sys.argv[1] == "ours" else _bare)(Address(*sys.argv[2:])))
    print(json.dumps({"before": before_, "after": after_, "peak": _resident("VmHWM"), "ready": took_}))
