"""Discord: requests by layout, the pace of a fan-out, memory, events to rows, what a restart costs.

The stand-in for Discord (`tests/standins/discord`) runs in a process of its own; on this side are the real program
(`House.run`) and the real discord.py over TCP.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from bench.discord_program import WORDS, essay, kept, posted, publish, retract, rows, running
from bench.discord_server import Far, serving
from bot.house import House
from core.document import Paragraph, spans

SECTIONS = 3
AIM_OVER_FLOOR = 1.05
FAST = 5_000  # requests a second, where the pace is not the subject: more than either side can do
HISTORY, INSIDE = "GET /channels/{}/messages", "GET /threads/{}/messages"


# --- requests by layout ---


async def _layouts(folder: Path, each: int = 10) -> list[dict[str, Any]]:
    """Requests per piece and place; beside the fewest there can be: one a message, and one to make a thread or
    publish."""
    layouts = ["card", "thread", "forum", "follow"]
    async with serving() as far:
        await far("limit", rate=0)
        world = await far("world", guilds=1, channels=each * len(layouts), layouts=layouts)
        async with running(far.at, folder, FAST, world) as house:
            await far("tally")
            asked: dict[str, dict[str, Any]] = {}
            piece = await publish(house, essay(SECTIONS))
            await posted(house)
            asked["post"] = (await far("tally"))["routes"]
            await publish(house, essay(SECTIONS, 1))
            await posted(house)
            asked["edit"] = (await far("tally"))["routes"]
            await retract(house, piece)
            await posted(house)
            asked["retraction"] = (await far("tally"))["routes"]
    messages = 1 + 1 + SECTIONS  # the card, the lead, the sections
    least = {"card": 1, "thread": messages + 1, "forum": messages, "follow": 2}
    lines = []
    for layout in layouts:
        figures = {what: sum(routes.get(layout, {}).values()) / each for what, routes in asked.items()}
        lines.append(
            {"bench": f"discord requests, {layout}", "sections": SECTIONS, **figures, "least_post": least[layout],
             "ratio_to_least": round(figures["post"] / least[layout], 2)}
        )  # fmt: skip
    return lines


# --- fan-out ---


async def _fan_out(folder: Path, count: int, rate: int, delay: float) -> dict[str, Any]:
    """One piece to many places, from the row of the piece to the last row of a posting, at the rate that is allowed."""
    async with serving() as far:
        await far("limit", rate=rate, delay=delay)
        world = await far("world", guilds=count // 50, channels=50, layouts=["card"])
        async with running(far.at, folder, rate, world) as house:
            await far("tally")
            began, cpu = time.perf_counter(), time.process_time()
            await publish(house, essay(SECTIONS))
            await posted(house, within=count / rate * 3 + 60)
            took, spent = time.perf_counter() - began, time.process_time() - cpu
        told, shown = await far("tally"), await far("shown")
    floor = count / rate
    return {
        "bench": f"discord fan-out, {count} places at {rate}/s", "seconds": round(took, 2), "floor_s": round(floor, 2),
        "ratio_to_floor": round(took / floor, 3), "aim": AIM_OVER_FLOOR, "answer_ms": round(delay * 1000),
        "first_to_last_request_s": round(told["seconds"], 2), "requests": told["requests"],
        "too_many_429": told["statuses"].get("429", 0), "refused_at_s": told["refused_at_s"], **shown,
        "cpu_ms_per_place": round(spent / count * 1000, 2),
    }  # fmt: skip


async def _unpaced(folder: Path, count: int) -> dict[str, Any]:
    """How fast posting goes where nothing limits it; beside bare requests of discord.py, as many at the same time."""
    async with serving() as far:
        await far("limit", rate=0)
        world = await far("world", guilds=count // 50, channels=50, layouts=["card"])
        async with running(far.at, folder, FAST, world) as house:
            began, cpu = time.perf_counter(), time.process_time()
            await publish(house, essay(SECTIONS))
            await posted(house)
            took, spent = time.perf_counter() - began, time.process_time() - cpu
        bare, bare_cpu = await _bare_posts(far, [channel for _, channel, _ in world])
    return {
        "bench": f"discord fan-out, {count} places without limits", "posts_per_s": round(count / took),
        "cpu_ms_per_place": round(spent / count * 1000, 2), "bare_discord_py_per_s": round(bare),
        "bare_cpu_ms": round(bare_cpu, 2), "ratio_to_bare": round(count / took / bare, 2),
    }  # fmt: skip


async def _bare_posts(far: Far, channels: list[int], at_once: int = 32) -> tuple[float, float]:
    """Posts a second and milliseconds of processor time a post of discord.py alone."""
    import discord
    from discord.http import Route

    from bot.platforms.discord import encode
    from core.message import Message

    message = Message(title="The night bus", blocks=(Paragraph(spans=spans(WORDS)),))
    body = encode.posted(message, "0" * 24)
    client = discord.Client(intents=discord.Intents.none())
    Route.BASE = far.at.api
    waiting = iter(channels)

    async def worker() -> None:
        for channel in waiting:
            route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel)
            await client.http.request(route, json=body)

    async with client:
        await client.login(far.at.token)
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(worker() for _ in range(at_once)))
        took, spent = time.perf_counter() - began, time.process_time() - cpu
    return len(channels) / took, spent / len(channels) * 1000


# --- events ---


async def _heard(folder: Path, burst: int, pace: int, seconds: int) -> list[dict[str, Any]]:
    """Reactions and comments in threads, from the stand-in's socket to rows; beside a bare socket that reads JSON."""
    async with serving() as far:
        await far("limit", rate=0)
        world = await far("world", guilds=2, channels=50, layouts=["thread"])
        async with running(far.at, folder, FAST, world) as house:
            await publish(house, essay(1))
            await posted(house)
            waits = await _waits(house, far, pace * seconds, pace)
            before, cpu = await rows(house), time.process_time()
            began = await far("burst", events=burst)
            await kept(house, before + burst)
            took, spent = time.time() - began, time.process_time() - cpu
        bare = await _bare_events(far, burst)
    return [
        {"bench": "discord events to rows, in a burst", "events": burst, "events_per_s": round(burst / took),
         "cpu_ms_per_event": round(spent / burst * 1000, 3), "bare_socket_per_s": round(bare),
         "ratio_to_bare": round(burst / took / bare, 2)},
        {"bench": f"discord events to rows, {pace} a second", "events": len(waits),
         "p50_ms": round(waits[len(waits) // 2] * 1000, 1), "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 1)},
    ]  # fmt: skip


async def _waits(house: House, far: Far, events: int, rate: int) -> list[float]:
    """Seconds from the stand-in's socket to the committed row of each event, sorted. Each kind keeps its order, so
    after each fold the counts of rows tell which events are there."""
    database = sqlite3.connect(f"file:{house.settings.database}?mode=ro", uri=True)
    counts: dict[str, list[tuple[float, int]]] = {"reaction": [], "comment": []}
    first = {table: database.execute(f"select count(*) from {table}").fetchone()[0] for table in counts}

    def folded(_events: int) -> None:
        for table, seen in counts.items():
            count = database.execute(f"select count(*) from {table}").fetchone()[0] - first[table]
            seen.append((time.time(), count))

    before = house.collector._folded
    house.collector._folded = folded
    sent = await far("pace", events=events, rate=rate)
    await kept(house, sum(first.values()) + events)
    house.collector._folded = before
    database.close()
    waits = []
    for table, seen in counts.items():
        there = iter(seen)
        at, count = next(there)
        for number, began in enumerate((began for kind, began in sent if kind == table), start=1):
            while count < number:
                at, count = next(there)
            waits.append(at - began)
    return sorted(waits)


async def _bare_events(far: Far, events: int) -> float:
    """Events a second of a socket that only reads them."""
    async with aiohttp.ClientSession() as session, session.ws_connect(far.at.gateway, max_msg_size=0) as socket:
        await socket.receive_json()
        intents = 1 | 1 << 9 | 1 << 10 | 1 << 15
        who = {"token": far.at.token, "intents": intents, "properties": {}}
        await socket.send_json({"op": 2, "d": who})
        while json.loads(await socket.receive_str())["t"] != "READY":
            pass
        names = ("MESSAGE_REACTION_ADD", "MESSAGE_CREATE")
        asked = asyncio.create_task(far("burst", events=events))
        left = events
        while left:
            left -= json.loads(await socket.receive_str())["t"] in names
        ended = time.time()
        return events / (ended - float(await asked))


# --- after a restart ---


async def _recalled(folder: Path, count: int, rate: int) -> list[dict[str, Any]]:
    """Requests and seconds from a start until nothing is left to recall: nothing new, then one place of 100 changed."""
    lines = []
    async with serving() as far:
        await far("limit", rate=0)
        world = await far("world", guilds=count // 50, channels=50, layouts=["thread"])
        async with running(far.at, folder, FAST, world) as house:
            await publish(house, essay(1))
            await posted(house)
            await kept(house, await far("crowd", every=1, reactions=3, comments=2))
            await asyncio.sleep(6)  # how far a channel was heard is noted every five seconds
        await far("limit", rate=rate)
        await far("tally")
        for changed in (0, count // 100):
            before = changed and await far("crowd", every=100, reactions=1, comments=1)
            began = time.perf_counter()
            async with running(far.at, folder, rate) as house:
                took = time.perf_counter() - began
                told = await far("tally")
                await kept(house, count * 5 + before)
            routes = told["routes"].get("thread", {})
            requests = sum(routes.values())
            lines.append(
                {"bench": f"discord recall, {count} places, {changed} changed", "requests": requests,
                 "channel_pages": routes.get(HISTORY, 0), "thread_pages": routes.get(INSIDE, 0),
                 "user_pages": sum(n for route, n in routes.items() if "/reactions/" in route),
                 "requests_per_place": round(requests / count, 2), "seconds": round(took, 2),
                 "floor_s": round(requests / rate, 2), "rate": rate, "too_many_429": told["statuses"].get("429", 0)}
            )  # fmt: skip
    return lines


# --- memory ---


async def _memory(guilds: int, channels: int) -> dict[str, Any]:
    """Resident memory of the connected program, in a process of its own; beside discord.py as it comes."""
    async with serving() as far:
        await far("limit", rate=0)
        await far("world", guilds=guilds, channels=channels, layouts=["card"])
        ours, bare = [await _measured(far, who) for who in ("ours", "bare")]
    growth, bare_growth = ours["after"] - ours["before"], bare["after"] - bare["before"]
    return {
        "bench": f"discord memory, {guilds} servers of {channels} channels", "before_mb": round(ours["before"]),
        "after_mb": round(ours["after"]), "peak_mb": round(ours["peak"]), "growth_mb": round(growth),
        "kb_per_channel": round(growth * 1000 / guilds / channels, 2), "bare_growth_mb": round(bare_growth),
        "ratio_to_bare": round(growth / bare_growth, 2), "ready_s": round(ours["ready"], 2),
        "bare_ready_s": round(bare["ready"], 2), "ratio_ready_to_bare": round(ours["ready"] / bare["ready"], 2),
    }  # fmt: skip


async def _measured(far: Far, who: str) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.discord_program", who, *far.at), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    told: dict[str, float] = json.loads(await process.stdout.read())
    await process.wait()
    return told


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    lines: list[dict[str, Any]] = []
    with TemporaryDirectory() as name:
        folders = iter(Path(name, str(number)) for number in range(9))
        lines += await _layouts(next(folders))
        lines.append(await _unpaced(next(folders), 500 if quick else 2000))
        lines.append(await _fan_out(next(folders), *((1000, 500, 0) if quick else (10_000, 50, 0.1))))
        lines += await _heard(next(folders), 4000 if quick else 10_000, 100, 3 if quick else 20)
        lines += await _recalled(next(folders), 200 if quick else 1000, 500)
        lines.append(await _memory(*((100, 50) if quick else (1000, 50))))
    weather = {"load": round(os.getloadavg()[0], 1)}
    return [{**line, **weather} for line in lines]
