"""How long a digest takes of which nothing is known yet: 20 pieces of 2,000 characters, 500 comments, the real process.

Asked through the real desk with the real thinking process: once when that must start ("cold"), then again and again
("warm"; a comment comes before each, so that all is read anew). While it is asked, how long the event loop was ever
busy at a stretch. Then once more with comments of people, if the labelled data of `make eval` is at hand: a die's words
repeat themselves, people's hold twenty times as many different ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from bot import ingest
from bot.collect import Collector
from bot.thinker import Thinker
from commands.desk import Desk
from commands.tools import Drafts, Feeds, Tools
from core.chat import Caller, Commented, Person, Place, Ref
from core.document import Block, Document, Heading, Paragraph, spans
from core.message import to_text
from core.pieces import Found
from core.stances import DEFAULT
from storage import places, postings, schema, sources
from storage.db import Tx
from storage.sqlite import SqliteDb

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CALLER = Caller(platform="web", person=Person(id="p1"), channel="general", community="web", language="ja")
AIM_S, AIM_MB, AIM_BLOCK_MS = 1.0, 350, 50
PIECES, CHARACTERS, COMMENTS = 20, 2000, 500
RUNS = 7

# Own sentences, put together by a seeded die: enough different words that nothing is a copy of anything.
_WHO = ["市", "県", "議会", "運営会社", "住民の会", "商店街", "研究者", "図書館", "病院", "学校", "組合", "審議会"]
_WHAT = [
    "夜行バスの運賃",
    "路面電車の更新",
    "図書館の開館時間",
    "中学校の統合",
    "除雪の分担",
    "空き家の解体",
    "水道料金の改定",
    "観光客の受け入れ",
    "農業用ドローンの規制",
    "自転車専用レーン",
    "給食の無償化",
    "公園の樹木の伐採",
]
_HOW = [
    "をめぐって意見が割れている",
    "について三度目の説明会を開いた",
    "の費用を来年度の予算に盛り込んだ",
    "に反対する署名を集めた",
    "を五年かけて見直すと発表した",
    "の効果を疑う報告書をまとめた",
    "の影響を受けるのは高齢者だと指摘した",
    "を支持する声が若い世代に多いと述べた",
    "の前例を隣の町に求めた",
    "を急ぐ必要はないと結論づけた",
]
_WHY = [
    "財源が足りないため",
    "事故が続いたこともあり",
    "人手が減るなかで",
    "国の方針が変わり",
    "冬を前にして",
    "世論に押されて",
]
_SAY = [
    "もっと早く説明してほしかった",
    "賛成だが費用が心配だ",
    "子どもの通学路を先に考えてほしい",
    "数字の根拠が分からない",
    "ほかの町の失敗から学ぶべきだ",
    "高齢者には使いにくいと思う",
    "このまま続けてほしい",
    "税金の無駄づかいではないか",
    "働く人の声を聞いていない",
    "いつから始まるのか教えてほしい",
]


def _sentence(dice: random.Random) -> str:
    return f"{dice.choice(_WHY)}、{dice.choice(_WHO)}は{dice.choice(_WHAT)}{dice.choice(_HOW)}。"


def _piece(number: int, dice: random.Random) -> Found:
    blocks: list[Block] = []
    for label in ("課題", "経緯", "優位性", "結論"):
        text = ""
        while len(text) < CHARACTERS // 4:
            text += _sentence(dice)
        half = text.index("。", len(text) // 2) + 1
        blocks += [Heading(level=2, spans=spans(label))]
        blocks += [Paragraph(spans=spans(part)) for part in (text[:half], text[half:])]
    return Found(
        identities=(f"guid:{number}",), title=f"{dice.choice(_WHAT)}を考える {number}", author="論説委員",
        published=NOW - timedelta(hours=number), language="ja", document=Document(blocks=tuple(blocks)),
        fingerprint=f"1:{number}",
    )  # fmt: skip


def _comment(number: int, dice: random.Random, said: Sequence[str] = ()) -> Commented:
    """One in the words of `said`, if there are any."""
    text = f"{dice.choice(_WHAT)}は{dice.choice(_SAY)}。{dice.choice(_WHAT)}も{dice.choice(_SAY)}。"
    return Commented(
        platform="web", channel="general", anchor=f"c{number}", person=Person(id=f"r{number % 300}"),
        text=said[number % len(said)] if said else text,
        at=NOW - timedelta(minutes=number), reply_to=f"w{number % PIECES + 1}",
    )  # fmt: skip


def _people() -> list[str]:
    """As many characters of utterances as a die's comments have; none where the labelled data is absent."""
    file = Path(os.environ.get("RONDAN_EVAL") or "../shared/eval") / "topic_utterances_ja.jsonl"
    if not file.is_file():
        return []
    texts = [json.loads(line)["text"][:45] for line in file.read_text("utf-8").splitlines()]
    random.Random(2026).shuffle(texts)
    return texts


@asynccontextmanager
async def _publication(said: Sequence[str]) -> AsyncIterator[SqliteDb]:
    """A database with the pieces, posted at one place, and the comments under them."""
    dice = random.Random(2026)
    with TemporaryDirectory() as folder:
        db = await SqliteDb.open(Path(folder) / "rondan.db")
        try:
            await schema.migrate(db, NOW)
            place = await places.add_place(
                db, Place(id=0, platform="web", channel="general", community="web"), "place", NOW
            )

            async def fill(tx: Tx) -> None:
                source = await sources.ensure_source(
                    tx, kind="file", address="bench", title="", text_mode="full", now=NOW
                )
                for number in range(1, PIECES + 1):
                    await ingest.take(tx, source, _piece(number, dice), now=NOW)
                    (posting,) = await postings.of_subject(tx, "piece", number)
                    await postings.place_leaves(tx, posting.id, [("card", 0)])
                    ref = Ref(id=f"w{number}")
                    await postings.shown(tx, place, posting, "card", ref, "x", NOW, piece=number, section=None)

            await db.write(fill)
            ears = Collector(db, DEFAULT, lambda: NOW)
            for number in range(COMMENTS):
                await ears.keep(_comment(number, dice, said))
            await ears.fold_all()
            yield db
        finally:
            await db.close()


class _Watch:
    """How long the loop was ever busy at a stretch, in milliseconds."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest = max(self.longest, (now - last) * 1000 - 1)
            last = now


def _peak_mb(pid: int | None) -> int:
    """The most memory that a process ever had at once."""
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.split("VmHWM:")[1].split()[0]) / 1000)


def _cpu_s(pid: int | None) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _nothing() -> None:
    """No platform to tell of places."""


async def measure(quick: bool) -> list[dict[str, Any]]:
    """All figures of this file."""
    bench = f"digest of {PIECES} pieces and {COMMENTS} comments"
    found = await _measured(bench, quick, ())
    people = _people()
    return [*found, *(await _measured(f"{bench} of people", quick, people) if people else ())]


async def _measured(bench: str, quick: bool, said: Sequence[str]) -> list[dict[str, Any]]:
    async with _publication(said) as db, Thinker() as thinker:
        ears = Collector(db, DEFAULT, lambda: NOW)
        desk = Desk(
            Tools(
                db=db, ears=ears, outside=ears.outside, stance_of=ears.stance_of,
                scale=DEFAULT, zone="UTC", clock=lambda: NOW,
                link=lambda _platform, channel, anchor: f"http://chat/{channel}/{anchor}", wake=lambda: None,
                place=ingest.place, let_out=ingest.let_out, furnish=_nothing, think=thinker,
                feeds=cast("Feeds", None), drafts=cast("Drafts", None),  # no digest asks for them
            )
        )  # fmt: skip
        watch = _Watch()
        watching = asyncio.create_task(watch.run())
        took, spent = [], [0.0]
        dice = random.Random(2027)
        for run in range(1 + (3 if quick else RUNS)):
            await ears.keep(_comment(COMMENTS + run, dice, said))  # what was read for others before does not serve here
            await ears.fold_all()
            caller = replace(CALLER, person=Person(id=f"p{run}"))
            began = time.perf_counter()
            reply = await desk.ask(caller, "/digest period:30d")
            took.append(time.perf_counter() - began)
            spent.append(_cpu_s(thinker.pid))
            assert reply.ok, to_text(reply.message)
            assert "論点" in to_text(reply.message)  # it was thought about
        watching.cancel()
        cold, *warm = took
        used = [after - before for before, after in pairwise(spent[1:])]
        memory = _peak_mb(thinker.pid)
    warm.sort()
    used.sort()
    middle, longest = warm[len(warm) // 2], watch.longest
    figures: dict[str, dict[str, Any]] = {
        "warm": {"s": round(middle, 2), "most_s": round(warm[-1], 2), "ratio_to_aim": round(middle / AIM_S, 2)},
        "cold": {"s": round(cold, 2)},
        "processor time of the worker, warm": {"s": round(used[len(used) // 2], 2)},
        "memory of the worker": {"mb": memory, "ratio_to_aim": round(memory / AIM_MB, 2)},
        "event loop busy at a stretch": {"ms": round(longest, 1), "ratio_to_aim": round(longest / AIM_BLOCK_MS, 2)},
    }
    return [
        {"bench": bench, "what": what, **one, "load": round(os.getloadavg()[0], 1)} for what, one in figures.items()
    ]
