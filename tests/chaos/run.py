"""One run: rounds of faults and kills; after each round everything is left alone until both sides are equal."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.identity import whose
from storage import keyfile
from tests.chaos.faults import Faults
from tests.chaos.program import Program
from tests.chaos.truth import Verdict, judge
from tests.chaos.world import World
from tests.standins.discord import Discord
from tests.standins.feeds import FeedServer
from tests.standins.slack import NoAnswer, NotOffered, Slack
from tests.waiting import until

KILLS_A_ROUND = 10
SETTLED_WITHIN = 300.0  # seconds in which everything must be right again, also on a busy machine
CONNECTED_WITHIN = 15.0  # seconds; a start alone may take five
SHOWN = 20  # sentences about what is wrong


@dataclass(slots=True, kw_only=True)
class Report:
    """What is printed. `seconds_to_recover`: from the end of a round's faults until both sides were equal."""

    seed: int
    processes: int = 1
    kills: int = 0
    rounds: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    posts_wanted: int = 0
    posts_shown: int = 0
    duplicates: int = 0
    losses: int = 0
    wrong_edits: int = 0
    open_postings: int = 0
    events_sent: int = 0
    rows_wanted: int = 0
    rows_kept: int = 0
    commands_answered: int = 0
    commands_unanswered: int = 0
    recover_p50_s: float = 0
    recover_max_s: float = 0
    restores: int = 0
    erased: int = 0  # people who asked for it between a copy and its restore
    left_processes: int = 0
    seconds: float = 0
    errors_logged: dict[str, int] = field(default_factory=dict)
    tracebacks: list[str] = field(default_factory=list)
    wrong_commands: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def take(self, verdict: Verdict) -> None:
        """The last look at both sides."""
        for name in ("posts_wanted", "posts_shown", "rows_wanted", "rows_kept", "open_postings"):
            setattr(self, name, getattr(verdict, name))
        self.duplicates, self.losses = len(verdict.duplicates), len(verdict.losses)
        self.wrong_edits = len(verdict.wrong_edits)
        self.wrong = [*verdict.duplicates, *verdict.losses, *verdict.wrong_edits][:SHOWN]

    @property
    def good(self) -> bool:
        return not (
            self.duplicates or self.losses or self.wrong_edits or self.open_postings or self.left_processes
            or self.wrong_commands
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Run:
    """`seed` decides what is done, `folder` must be empty. `address`: an empty PostgreSQL database for them all."""

    def __init__(self, seed: int, folder: Path, address: str | None = None, processes: int = 1) -> None:
        self.dice = random.Random(seed)
        self.folder = folder
        self.report = Report(seed=seed, processes=processes)
        self._address, self._processes = address, processes
        self._recovered: list[float] = []

    async def __call__(self, *, kills: int, events: int, seconds: float = 0) -> Report:
        """`seconds` > 0: ends after the round in which they are over, whatever was asked for."""
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            await self._open(stack)
            each = max(1, events // max(kills, 1))
            while self.report.kills < kills:
                await self._round(min(KILLS_A_ROUND, kills - self.report.kills), each)
                verdict = await self.settled()
                if not verdict.good or 0 < seconds < time.monotonic() - began:
                    break
            await self._close()
        self.report.seconds = round(time.monotonic() - began, 1)
        return self.report

    async def _open(self, stack: AsyncExitStack) -> None:
        discord = await stack.enter_async_context(Discord())
        slack = await stack.enter_async_context(Slack())
        feeds = await stack.enter_async_context(FeedServer())
        discord.shards = self._processes
        self.program = Program(self.folder, discord, slack, self._address, self._processes)
        stack.push_async_callback(self._kill_whatever_runs)
        self.world = World(dice=self.dice, folder=self.program.pieces, discord=discord, slack=slack, feeds=feeds)
        await self.world.prepare(self.program)
        self.faults = Faults(self.world, self.program, self.dice)
        self._whose = whose(keyfile.key_in(self.program.keys))
        await self.program.start()
        looked = "select 1 from source where baseline_at is not null"
        await until(lambda: self.program.rows(looked), SETTLED_WITHIN, every=0.05)
        self.world.publish()
        await self.settled()

    async def _kill_whatever_runs(self) -> None:
        if self.program.runs:
            await self.program.end()

    # --- a round ---

    async def _round(self, kills: int, events: int) -> None:
        self.report.rounds += 1
        restored = self.dice.randrange(kills) if self._address is None else -1  # a server has its own copies
        for left in reversed(range(kills)):
            self.world.publish()
            for _ in range(2):
                self.world.reword()
            striking = asyncio.create_task(self._strike(self.dice.randint(1, 3)))
            up = int(events * self.dice.choice((0.5,) if left == restored else (0.0, 0.5, 0.9)))
            copy = None
            if up:
                await self._connected()
                copy = await self._copied() if left == restored else None
                await self._live(up)
                if copy is None:  # what moderators do between a copy and its restore is lost (docs/operating.md)
                    await self._moderate()
            else:
                await asyncio.sleep(self.dice.random() * 2)  # while it starts
            await self.program.end(most=self.dice.choice((1, 1, self._processes)))
            self.report.kills += 1
            await self._live(events - up)  # nobody listens
            await striking
            if copy is not None:
                await self._restore(copy)
            if not left:  # before it starts: what sleeps through a jump of the clock sleeps up to a minute longer
                self.faults.calm()
            await self.program.start()

    async def _strike(self, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(self.dice.random() * 0.5)
            await self.faults.strike()

    # --- a copy, and what is not in it ---

    async def _copied(self) -> Path | None:
        """A copy of the database, after which somebody has all of theirs erased; None if a fault was in the way."""
        leaver = await self.world.arrive()
        copy = self.folder / f"copy-{self.report.kills}.db"
        if await self.program.command("backup", "--to", str(copy)):
            return None
        self.world.forgotten[leaver.id] = False
        room: Any = self.world.spots["slack", "card"]
        with suppress(NoAnswer, NotOffered, TimeoutError):
            await self.world.slack.connected(within=5)
            sure = await self.world.slack.command(leaver, room, "/rondan forget-me")
            await sure.until(lambda one: one.text, 6)
            await (await self.world.slack.press(leaver, sure, "v1:forget-me:yes")).until(lambda one: one.text, 6)
            self.world.forgotten[leaver.id] = True
            self.report.erased += 1
        return copy

    async def _restore(self, copy: Path) -> None:
        if await self.program.command("restore", str(copy), "--yes"):
            self.report.wrong_commands.append(self.program.failure)
        self.report.restores += 1

    # --- the program and who uses it ---

    async def _connected(self) -> None:
        """Returns when both platforms are there, or when that takes long: what is done then is done in the dark."""
        try:
            async with asyncio.timeout(CONNECTED_WITHIN):
                await self.world.discord.connected(within=CONNECTED_WITHIN)
                await self.world.slack.connected(within=CONNECTED_WITHIN)
        except TimeoutError:
            return

    async def _live(self, events: int) -> None:
        for number in range(events):
            await self.world.act()
            if number % 20 == 0:
                await asyncio.sleep(0.01)  # so that what is queued is written and heard meanwhile

    async def _moderate(self) -> None:
        """Sometimes a moderator withdraws a piece; and a reader asks for a digest."""
        known = dict(self.program.rows("select title, id from piece where state='published'"))
        standing = [one for one in self.world.items if one.withdrawn is False and one.title in known]
        await self._ask("/rondan digest")
        if len(standing) > 3 and self.dice.random() < 0.3:
            item = self.dice.choice(standing)
            item.withdrawn = None  # until the answer says so, it may be done or not
            if "being withdrawn" in await self._ask(f"/rondan mod retract {known[item.title]} sure:yes"):
                item.withdrawn = True

    async def _ask(self, line: str) -> str:
        """What the editor was answered; nothing, if no answer came. Without a socket nothing can be asked."""
        room: Any = self.world.spots["slack", "card"]
        try:
            await self.world.slack.connected(within=5)
        except TimeoutError:
            return ""
        try:
            answer = await self.world.slack.command(self.world.editor, room, line)
            await answer.until(lambda one: one.text, 6)
        except (NoAnswer, TimeoutError):
            self.report.commands_unanswered += 1
            return ""
        self.report.commands_answered += 1
        return answer.text

    # --- the end of a round ---

    async def settled(self) -> Verdict:
        """Both sides equal; or not, when the time is up."""
        began = time.monotonic()
        verdict = judge(self.world, self.program, self._whose)
        while not verdict.good and time.monotonic() < began + SETTLED_WITHIN and self.program.runs:
            await asyncio.sleep(0.3)
            verdict = judge(self.world, self.program, self._whose)
        self._recovered.append(time.monotonic() - began)
        if verdict.good:
            self.world.rest()
        self.report.take(verdict)
        if not self.program.runs:
            self.report.wrong.insert(0, f"it ended by itself: {self.program.last}")
        return verdict

    async def _close(self) -> None:
        report = self.report
        if self.program.runs and await self.program.end(signal.SIGTERM) != 0:
            report.wrong.append("it did not end when it was asked to")
            report.losses += 1
        await asyncio.sleep(0.5)
        report.left_processes = len(self.program.descendants())
        report.faults = dict(self.faults.done)
        report.events_sent = self.world.events
        times = sorted(self._recovered)
        report.recover_p50_s, report.recover_max_s = round(times[len(times) // 2], 1), round(times[-1], 1)
        report.errors_logged = dict(self.program.errors)
        report.tracebacks = list(dict.fromkeys(one.strip().split("\n")[-1][:300] for one in self.program.tracebacks))[
            :SHOWN
        ]
