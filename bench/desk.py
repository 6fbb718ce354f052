"""Commands a second at the real desk, while a piece goes out to many places. `--seconds 60 --rate 500`.

`rondan run` is a process of its own and so is the stand-in for Discord, with its limits on. A wait is from the
interaction on the stand-in's side to the first answer there, a promise being one; the stand-in needs a processor too.
Missed is what had no first answer within 3 s; late is what was promised, and not given within 20 s.
"""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.discord_program import kept, posted, publish, running
from bench.discord_server import serving
from bench.program import cpu, family, import_piece, program
from bench.texts import Writer
from core.document import Document, Heading, Paragraph, spans
from core.pieces import Found

SHARED = 50  # requests a second, of which answers to commands are none
PIECES, COMMENTS = 20, 1000
WARM = 10  # seconds of commands that don't count
AIM = 1.0  # seconds until the first answer


def _pieces() -> list[Found]:
    """Three sections each, about a made-up town."""
    writer = Writer(11)
    out = []
    for number in range(PIECES):
        blocks: list[Any] = [Paragraph(spans=spans(writer.text()))]
        for section in range(3):
            blocks.append(Heading(level=2, spans=spans(f"Section {section}")))
            blocks += [Paragraph(spans=spans(writer.text())) for _ in range(3)]
        out.append(
            Found(
                identities=(f"guid:{number}",), title=f"夜行バス {number}", document=Document(blocks=tuple(blocks)),
                language="ja", fingerprint=f"1:{number}",
            )
        )  # fmt: skip
    return out


def _share(waits: list[float], percent: int) -> float:
    return round(waits[len(waits) * percent // 100] * 1000, 1)


async def measure(quick: bool, seconds: int = 60, rate: int = 500) -> list[dict[str, Any]]:
    """One line; `quick`: ten seconds."""
    seconds = 10 if quick else seconds
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with serving() as far:
            await far("limit", rate=0)
            few = await far("world", guilds=1, channels=4, layouts=["thread"])
            async with running(far.at, folder, 500, few) as house:
                for piece in _pieces():
                    await publish(house, piece)
                await posted(house)
                await kept(house, await far("talked", events=COMMENTS))
            many = await far("world", guilds=1 + SHARED * seconds // 50, channels=50, layouts=["card"])
            await far("limit", rate=SHARED)
            async with running(far.at, folder, SHARED, many):
                pass
            async with program(far.at, folder, SHARED) as ours:
                await far("connected")
                await far("ask", seconds=WARM, rate=min(rate, SHARED))
                await import_piece(folder)
                await far("tally")
                used, used_alone = cpu(family(ours.pid)), cpu([ours.pid])
                told = await far("ask", seconds=seconds, rate=rate)
                spent, spent_alone = cpu(family(ours.pid)) - used, cpu([ours.pid]) - used_alone
                fan_out = (await far("tally"))["routes"].get("card", {})
            warnings = ours.warnings()
    waits = sorted(told["waits"])
    p99 = _share(waits, 99)
    return [
        {"bench": f"desk, {rate} commands a second for {seconds} s", "asked": told["asked"],
         "asked_per_s": round(told["asked"] / told["asking_s"], 1),
         "answered_per_s": round(len(waits) / told["answering_s"], 1), "missed": told["missed"],
         "p50_ms": round(median(waits) * 1000, 1), "p99_ms": p99, "max_ms": round(waits[-1] * 1000, 1),
         "p99_to_aim": round(p99 / 1000 / AIM, 2), "promised": told["promised"], "late": told["late"],
         "whole_p99_ms": _share(sorted(told["wholes"]), 99), "p50_ms_by_kind": told["kinds"],
         "cpu_ms_per_command": round(spent / told["asked"] * 1000, 2),
         "of_it_at_the_gateway": round(spent_alone / told["asked"] * 1000, 2),
         "posts_meanwhile": sum(fan_out.values()),
         "warnings": warnings, "load": round(os.getloadavg()[0], 1)}
    ]  # fmt: skip
