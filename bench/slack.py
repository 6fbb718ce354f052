"""Slack: how soon an event is acknowledged, events to rows, calls by layout, what a restart costs.

The stand-in for Slack (`tests/standins/slack`) runs in a process of its own; on this side are the real program
(`House.run`) and the real slack-bolt over TCP, by Socket Mode with two connections.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from bench.discord_program import essay, kept, posted, publish, retract, rows, until
from bench.slack_server import Address, Far, serving
from bot.house import House
from bot.platforms.slack import api
from bot.platforms.slack.sockets import CONNECTIONS
from bot.settings import Settings
from core.chat import Place
from core.times import now
from storage import places
from storage.db import Tx

SECTIONS = 3
AIM_MS = 50  # of an acknowledgement
TIER_3 = 50  # calls a minute of a method that reads
EACH = 50  # pieces in a channel, for a restart

World = Iterable[tuple[str, str]]  # channel, layout


# --- the program ---


@asynccontextmanager
async def running(at: Address, folder: Path, world: World = ()) -> AsyncIterator[House]:
    """The program with places in these channels, connected and with nothing left to recall."""
    settings = Settings(
        database=folder / "rondan.db", web="off", slack_bot_token=SecretStr(at.token),
        slack_app_token=SecretStr(at.app_token), slack_api=at.api,
    )  # fmt: skip
    async with House(settings) as house:
        await house.db.write(lambda tx: _add_places(tx, world))
        task = asyncio.create_task(house.run())
        try:
            await until(lambda: task.done() or _whole(house), within=600)
            yield house
        finally:
            if not task.done():
                signal.raise_signal(signal.SIGTERM)
            await task
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().remove_signal_handler(number)


def _whole(house: House) -> bool:
    """Whether all that was missed is recalled."""
    return "slack" in house.collector._whole and "slack" not in house.collector._missed


async def _add_places(tx: Tx, world: World) -> None:
    for channel, layout in world:
        place = Place(id=0, platform="slack", channel=channel, name=f"#{channel}", layout=layout)  # type: ignore[arg-type]
        await places.add(tx, place, "place", now())


@asynccontextmanager
async def _bare(at: Address) -> AsyncIterator[None]:
    """slack-bolt with two connections and one function that acknowledges everything at once."""
    import aiohttp
    from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.response import BoltResponse
    from slack_sdk.web.async_client import AsyncWebClient

    async def receive(next: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:  # noqa: A002 - Bolt goes by names
        return BoltResponse(status=200)

    quiet = logging.getLogger("bench.slack")
    quiet.setLevel(logging.WARNING)
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(token=at.token, base_url=at.api, session=session, retry_handlers=[])
        app = AsyncApp(client=client, signing_secret="unused", before_authorize=receive, logger=quiet)
        handlers = [AsyncSocketModeHandler(app, at.app_token) for _ in range(CONNECTIONS)]
        try:
            for one in handlers:
                await one.connect_async()  # type: ignore[no-untyped-call]
            yield
        finally:
            for one in handlers:
                await one.client.close()  # type: ignore[no-untyped-call]


# --- events ---


async def _heard(folder: Path, burst: int, rate: int, seconds: int) -> list[dict[str, Any]]:
    """Reactions and comments from the stand-in's envelope to its acknowledgement, and to rows; beside a bare Bolt."""
    async with serving() as far:
        await far("limit", on=False)
        world = await far("world", channels=50, layouts=["card"])
        async with running(far.at, folder, world) as house:
            await far("connected", sockets=CONNECTIONS)
            await publish(house, essay(0))
            await posted(house)
            await far("meet")
            count = await far("people")
            await kept(house, count)
            paced, cpu = await _spent(far("pace", events=rate * seconds, rate=rate))
            count += rate * seconds
            await kept(house, count)
            began = time.process_time()
            asked = asyncio.create_task(far("burst", events=burst))
            await kept(house, count + burst)
            took, spent = time.time(), time.process_time() - began
            told = await asked
            took -= told["began"]
            assert await rows(house) == count + burst, "something is there twice"
            unnamed = await _newcomers(far, house)
        async with _bare(far.at):
            await far("connected", sockets=CONNECTIONS)
            bare, bare_cpu = await _spent(far("pace", events=rate * seconds, rate=rate))
            bare_burst = await far("burst", events=burst)
            bare_took = time.time() - bare_burst["began"]
    ours, peer = _percentiles(paced["waits"]), _percentiles(bare["waits"])
    return [
        {"bench": f"slack acknowledgement, {rate} events a second", "events": rate * seconds, "rate": paced["rate"],
         "sockets": paced["sockets"], **ours, "aim_ms": AIM_MS,
         "over_aim": sum(wait > AIM_MS for wait in paced["waits"]), "sent_again": paced["sent_again"],
         "lost": paced["lost"], "cpu_ms_per_event": round(cpu / rate / seconds * 1000, 3),
         **{f"bare_bolt_{name}": figure for name, figure in peer.items()},
         "bare_cpu_ms": round(bare_cpu / rate / seconds * 1000, 3),
         "ratio_p99_to_bare": round(ours["p99_ms"] / peer["p99_ms"], 2)},
        unnamed,
        {"bench": "slack events to rows, in a burst", "events": burst, "events_per_s": round(burst / took),
         "cpu_ms_per_event": round(spent / burst * 1000, 3), **_percentiles(told["waits"]),
         "sent_again": told["sent_again"], "lost": told["lost"],
         "bare_bolt_acknowledged_per_s": round(burst / bare_took), "ratio_to_bare": round(bare_took / took, 2)},
    ]  # fmt: skip


async def _newcomers(far: Far, house: House) -> dict[str, Any]:
    """Comments only, each of somebody whose name the bot does not know yet, while Slack limits the asking for names."""
    await far("limit", on=True)
    await far("newcomers")
    await far("tally")
    told = await far("pace", events=400, rate=20, comments_only=True)
    await house.collector.fold_all()
    nameless = await house.db.read("select count(*) as n from person where platform='slack' and name=''")
    asked: Counter[str] = Counter()
    for calls in (await far("tally")).values():
        asked.update({name: count for name, count in calls.items() if name.startswith("users.info")})
    await far("limit", on=False)
    return {
        "bench": "slack acknowledgement, 20 comments a second of unknown people", "events": 400,
        **_percentiles(told["waits"]), "aim_ms": AIM_MS, "sent_again": told["sent_again"], "lost": told["lost"],
        "people_kept_without_name": nameless[0]["n"], "calls": dict(asked),
    }  # fmt: skip


async def _spent(work: Awaitable[dict[str, Any]]) -> tuple[dict[str, Any], float]:
    """With the seconds of processor time that this process needed meanwhile."""
    cpu = time.process_time()
    told = await work
    return told, time.process_time() - cpu


def _percentiles(waits: list[float]) -> dict[str, float]:
    at = {"p50_ms": len(waits) // 2, "p99_ms": len(waits) * 99 // 100, "most_ms": -1}
    return {name: round(waits[number], 1) for name, number in at.items()}


# --- calls by layout ---


async def _layouts(folder: Path, each: int = 10) -> list[dict[str, Any]]:
    """Calls per piece and place; beside the fewest there can be, one a message."""
    layouts = ["card", "thread"]
    asked: dict[str, dict[str, Any]] = {}
    async with serving() as far:
        await far("limit", on=False)
        world = await far("world", channels=each * len(layouts), layouts=layouts)
        async with running(far.at, folder, world) as house:
            await far("tally")
            section = essay(SECTIONS, 1)
            steps = {
                "post": essay(SECTIONS), "edited_section": section,
                "edited_title": replace(section, title="The day bus", fingerprint="1:title"),
            }  # fmt: skip
            piece = 0
            for what, item in steps.items():
                piece = await publish(house, item)
                await posted(house)
                asked[what] = await far("tally")
            await retract(house, piece)
            await posted(house)
            asked["retraction"] = await far("tally")
    least = {"card": 1, "thread": 1 + 1 + SECTIONS}  # the card, the lead, the sections
    lines = []
    for layout in layouts:
        figures = {what: sum(calls.get(layout, {}).values()) / each for what, calls in asked.items()}
        methods = {what: {k: n / each for k, n in calls.get(layout, {}).items()} for what, calls in asked.items()}
        lines.append(
            {"bench": f"slack calls, {layout}", "sections": SECTIONS, **figures, "least_post": least[layout],
             "ratio_to_least": round(figures["post"] / least[layout], 2), "methods": methods}
        )  # fmt: skip
    return lines


# --- after a restart ---


async def _recalled(folder: Path, layout: str, count: int, every: int) -> list[dict[str, Any]]:
    """Calls and seconds from a start until nothing is left to recall, with three reactions to each post and two
    comments under every n-th: nothing new, then one post of 100 changed."""
    lines = []
    async with serving() as far:
        await far("limit", on=False)
        world = await far("world", channels=count // EACH, layouts=[layout])
        async with running(far.at, folder, world) as house:
            await far("connected", sockets=CONNECTIONS)
            for number in range(EACH):
                item = essay(1)
                await publish(house, replace(item, identities=(f"guid:{number}",), title=f"Night bus {number}"))
            await posted(house)
            there = await far("crowd", every=1, reactions=3, comments=0)
            there += await far("crowd", every=every, reactions=0, comments=2)
            await kept(house, there)
        for changed in (0, count // 100):
            if changed:
                there += await far("crowd", every=100, reactions=1, comments=1, told=False)
            await far("tally")
            began = time.perf_counter()
            async with running(far.at, folder) as house:
                took = time.perf_counter() - began
                calls = (await far("tally")).get(layout, {})
                await kept(house, there)
                assert await rows(house) == there, "something is there twice"
            total = sum(calls.values())
            lines.append(
                {"bench": f"slack back-fill, {count} posts, {layout}, {changed} changed", "channels": count // EACH,
                 "with_comments": count // every, "calls": total, "calls_per_post": round(total / count, 3),
                 **calls, "seconds": round(took, 2),
                 "minutes_at_slacks_limit": round(max(calls.values()) / TIER_3, 1)}
            )  # fmt: skip
    return lines


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    pace, api.POST_EVERY = api.POST_EVERY, 0.0  # the pace of posting is Slack's own; nothing of it is measured here
    lines: list[dict[str, Any]] = []
    try:
        with TemporaryDirectory() as name:
            folders = iter(Path(name, str(number)) for number in range(9))
            for figures in (
                _heard(next(folders), 1000 if quick else 5000, 500, 3 if quick else 20),
                _layouts(next(folders)),
                _recalled(next(folders), "card", 200 if quick else 1000, 10),
                _recalled(next(folders), "thread", 200 if quick else 1000, 1),
            ):
                measured = await figures
                load = round(os.getloadavg()[0], 1)
                lines += [{**line, "load": load} for line in measured]
    finally:
        api.POST_EVERY = pace
    return lines
