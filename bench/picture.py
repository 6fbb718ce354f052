"""What a picture costs: the first and those after it, in a process apart, by our SVG and by Vega-Lite beside it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from core.stances import DEFAULT
from digest.picture import of_digest
from digest.sketch import Heat, Numbers

RUNS = 20
DRAW = """
import json, sys, time
from pathlib import Path
began, busy = time.perf_counter(), time.process_time()
{load}
def now(kind):
    lines = Path("/proc/self/status").read_text().split("\\n")
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(kind))
given = sys.stdin.read()
times = []
for _ in range({runs} + 1):
    png = draw(given)
    times.append([time.perf_counter() - began, time.process_time() - busy])
    began, busy = time.perf_counter(), time.process_time()
print(json.dumps([times, len(png), now("VmHWM")]))
"""
OURS = "from digest.drawing import draw"
VEGA = """
import vl_convert
def draw(given):
    return vl_convert.vegalite_to_png(given)
"""


def numbers() -> Numbers:
    """A full card."""
    day = datetime(2026, 11, 1, tzinfo=UTC)
    return Numbers(
        people=412, people_before=380, compared=True, comments=97, comments_before=120,
        stances=(("agree", 210, 180), ("disagree", 80, 95), ("learned", 60, 40), ("reply", 12, 3)),
        heat=tuple(
            Heat(piece=n, section=str(n), heading=f"第{n}節 編集の現場で何が変わったか 🎉", n=40 - n) for n in range(4)
        ),
        timeline=tuple((day + timedelta(days=n), n * 7 % 23) for n in range(30)),
    )  # fmt: skip


def chart() -> str:
    """The same card as a Vega-Lite chart would have it: three panels of bars with their labels."""
    told = numbers()

    def bars(title: str, rows: list[tuple[str, int]], name: str, count: str) -> dict[str, Any]:
        labels = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 200}}
        return {
            "title": title, "data": {"values": [{"name": one, "n": n} for one, n in rows]}, "mark": "bar",
            "encoding": {name: labels, count: {"field": "n", "type": "quantitative", "title": None}},
        }  # fmt: skip

    stances = [(key, now) for key, now, _ in told.stances]
    heat = [(one.heading, one.n) for one in told.heat]
    days = [(f"{at:%m-%d}", n) for at, n in told.timeline]
    beside = [bars("読者の受け止め", stances, "y", "x"), bars("反響の大きい節", heat, "y", "x")]
    panels = [{"hconcat": beside}, bars("コメントの推移", days, "x", "y")]
    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    return json.dumps({"$schema": schema, "vconcat": panels, "config": {"font": "Noto Sans CJK JP"}})


async def _process(load: str, given: str, runs: int) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DRAW.format(load=load, runs=runs),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate(given.encode())
    times, size, held = json.loads(out)
    cold, warm = times[0], [median(each) for each in zip(*times[1:], strict=True)]
    return {
        "cold_ms": round(cold[0] * 1000), "cold_cpu_ms": round(cold[1] * 1000), "warm_ms": round(warm[0] * 1000),
        "warm_cpu_ms": round(warm[1] * 1000), "kb": round(size / 1000), "resident_mb": round(held),
    }  # fmt: skip


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file. `cold` has the import of the library in it, not the start of Python."""
    picture = of_digest(numbers(), "ダイジェスト: 生成AI、過去30日間", "ja", DEFAULT)
    assert picture is not None
    runs = 3 if quick else RUNS
    lines = [
        {"bench": "picture", "by": "svg (ours)", **await _process(OURS, picture.of, runs)},
        {"bench": "picture", "by": "vega-lite", **await _process(VEGA, chart(), runs)},
    ]
    return [{**line, "load": round(os.getloadavg()[0], 1)} for line in lines]
