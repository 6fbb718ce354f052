"""A night without an operator: health, metrics, logs without words, and one failure that stays one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot import health as bot_health
from bot import supervision, systemd
from bot.health import Health
from bot.retention import Keeper
from bot.settings import Settings
from bot.supervision import Supervisor
from core.chat import Place
from core.errors import ConfigError
from storage import health, places, schema
from storage.db import Db
from storage.memos import Memos
from storage.sqlite import SqliteDb
from tests.conftest import SetClock, add_place, found, on_sqlite
from tests.far_discord import utc
from tests.newsroom import Newsroom
from tests.standins.discord import Discord
from tests.standins.slack import Slack
from tests.waiting import until

ESSAY = "# The night bus\n\nIt runs at last.\n"
WORDS = ("ruby owl under discord", "velvet heron under slack", "hidden words of a form")


# --- the whole program: two platforms, one of which refuses us in the night ---


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Told:
    """What systemd hears, on a socket of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(str(self.path))
        self.line.setblocking(False)
        self.said: list[str] = []

    def close(self) -> None:
        self.line.close()

    def __contains__(self, state: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.said.append(self.line.recv(100).decode())
        return state in self.said


async def asked(port: int, path: str) -> tuple[int, Any]:
    """Status and body of an answer; (0, "") while nobody answers."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else await answer.text()
    except aiohttp.ClientError:
        return 0, ""


async def test_two_platforms_one_refuses_us_in_the_night_the_other_goes_on(tmp_path: Path) -> None:
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        notify = stack.enter_context(contextlib.closing(Told(tmp_path)))
        discord, slack = await stack.enter_async_context(Discord()), await stack.enter_async_context(Slack())
        slack.limited = False
        news, general = discord.guild("Reading room").text("news"), slack.channel("general")
        db = await SqliteDb.open(tmp_path / "rondan.db")
        await schema.migrate(db, utc())
        for platform, channel in (("discord", str(news.id)), ("slack", general.id)):
            await places.add_place(db, Place(id=0, platform=platform, channel=channel), "place", utc())
        await db.close()
        (tmp_path / "pieces").mkdir()
        (tmp_path / "pieces/bus.md").write_text(ESSAY)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RONDAN_")}
        settings = {
            "RONDAN_DATABASE": str(tmp_path / "rondan.db"), "RONDAN_FOLDERS": str(tmp_path / "pieces"),
            "RONDAN_DISCORD_TOKEN": discord.token, "RONDAN_DISCORD_API": discord.api,
            "RONDAN_DISCORD_GATEWAY": discord.gateway, "RONDAN_SLACK_BOT_TOKEN": slack.bot_token,
            "RONDAN_SLACK_APP_TOKEN": slack.app_token, "RONDAN_SLACK_API": slack.api, "RONDAN_LOG": "json",
            "RONDAN_LOG_LEVEL": "debug", "RONDAN_HEALTH": f"127.0.0.1:{port}", "RONDAN_METRICS": "1",
            "NOTIFY_SOCKET": str(notify.path), "WATCHDOG_USEC": "1000000",
        }  # fmt: skip
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", env=kept | settings, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
        )
        assert program.stderr is not None
        reading = asyncio.create_task(program.stderr.read())
        try:

            async def works() -> bool:
                return (await asked(port, "/readyz"))[0] == 200

            await until(works, 30)
            await until(lambda: discord.messages(news) and slack.messages(general), 30)
            mika, ria = discord.user("mika"), slack.person("ria")
            [card] = [one for one in discord.messages(news) if one.buttons]
            await discord.say(mika, news, WORDS[0], reply_to=card)
            await discord.react(mika, card, "👍")
            await slack.say(ria, slack.messages(general)[0], WORDS[1])
            form = await (await discord.press(mika, card, "Comment")).settled()
            await discord.submit(mika, form, {"text": WORDS[2]})

            # Discord takes the token away; Slack is as before.
            await discord.cut(4004)

            async def lacks_discord() -> bool:
                return (await asked(port, "/readyz")) == (
                    503, {"ready": False, "reasons": ["discord is not running: see the log"]},
                )  # fmt: skip

            await until(lacks_discord, 30)
            assert await asked(port, "/healthz") == (200, {"alive": True})
            await (await slack.command(ria, general, "/rondan help")).settled()
            _, metrics = await asked(port, "/metrics")
            assert 'rondan_events_total{kind="commented",platform="slack"}' in metrics
            assert 'rondan_commands_total{command="help",platform="slack"} 1' in metrics
            assert 'rondan_connected{platform="discord"} 0' in metrics
            assert 'rondan_postings{platform="slack",state="done"} 1' in metrics
            assert "READY=1" in notify
            assert "WATCHDOG=1" in notify
            assert "STOPPING=1" not in notify
        finally:
            began = time.monotonic()
            program.send_signal(signal.SIGTERM)
            try:
                log = (await asyncio.wait_for(reading, 20)).decode()
                code = await asyncio.wait_for(program.wait(), 20)
            except TimeoutError:
                program.kill()
                raise
        assert (code, time.monotonic() - began < 10) == (0, True), log
        assert "STOPPING=1" in notify
        assert "house.service-refused" in log
        secrets = [discord.token, slack.bot_token, slack.app_token, *WORDS, "mika", "ria", str(mika.id), ria.id]
        assert [one for one in secrets if one in log] == []
        assert [one for one in (*secrets, str(news.id), general.id, "night bus") if one in metrics] == []
        assert not re.search(r"ticket=(?!…)", log)


# --- services ---


async def test_a_service_that_fails_is_started_again_and_its_pauses_outlive_the_process(
    db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE", 0.001)
    starts: list[int] = []

    async def breaks() -> None:
        starts.append(1)
        raise RuntimeError("it broke")

    async def serves() -> None:
        await asyncio.Event().wait()

    memo = Memos(db, "")
    supervisor = Supervisor(memo, clock, lambda _name: False)
    failed = supervisor.start({"breaks": breaks, "serves": serves})
    await until(lambda: len(starts) >= 3)
    assert supervisor.down == {"breaks": "RuntimeError"} or not supervisor.down  # it is being started
    assert not failed.done()
    await supervisor.stop(last=["serves"])
    await memo.put("behind", "what was on its way when it ended")
    failures, _, until_when = (await memo.get("service breaks") or "").partition(" ")
    assert int(failures) >= 2  # the last may have been on its way when it ended

    again = Supervisor(memo, clock, lambda _name: False)  # the program was started again at once
    assert (await again._waited("breaks"))[0] == int(failures)
    assert (await again._waited("breaks"))[1] > 0
    clock.move(minutes=3)
    assert await again._waited("breaks") == (0, 0.0)
    assert until_when


async def test_wrong_settings_end_the_program_unless_the_platform_had_taken_us(db: Db, clock: SetClock) -> None:
    async def refused() -> None:
        raise ConfigError("the token is refused")

    before = Supervisor(Memos(db, ""), clock, lambda _name: False)
    with pytest.raises(ConfigError):
        await before.start({"discord": refused})
    after = Supervisor(Memos(db, ""), clock, lambda name: name == "discord")
    failed = after.start({"discord": refused})
    await until(lambda: after.down)
    assert after.down == {"discord": "the token is refused"}
    assert not failed.done()
    await after.stop(last=[])


async def test_who_does_not_end_in_time_does_not_keep_the_program(
    db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "DRAIN", 0.02)
    order: list[str] = []
    let_go = asyncio.Event()
    begun: list[str] = []

    async def clings() -> None:
        begun.append("clings")
        try:
            await asyncio.Event().wait()
        finally:
            await let_go.wait()

    async def chat() -> None:
        begun.append("chat")
        try:
            await asyncio.Event().wait()
        finally:
            order.append("chat")

    supervisor = Supervisor(Memos(db, ""), clock, lambda _name: False)
    failed = supervisor.start({"clings": clings, "chat": chat})
    await until(lambda: len(begun) == 2)
    await supervisor.stop(last=["chat"])
    assert order == ["chat"]
    assert not failed.done()
    let_go.set()
    await asyncio.gather(*supervisor._tasks, return_exceptions=True)


# --- health ---


async def test_health_says_what_is_wrong_and_pings_only_while_nothing_is(
    room: Newsroom, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings: list[str] = []

    async def pinged(request: web.Request) -> web.Response:
        pings.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_get("/a-secret", pinged)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/a-secret"
    down: dict[str, str] = {}
    health_ = Health(room.db, {"web": room.chat}, clock, down)
    monkeypatch.setattr(bot_health, "TRY_AGAIN", 0.01)
    assert await health_.lacks() == ["web is not connected"]
    ping = asyncio.create_task(health_.ping(address))
    await asyncio.sleep(0.05)
    assert pings == []
    room.chat.ears = room.ears
    await until(lambda: pings)
    assert await health_.lacks() == []
    down["feeds"] = "RuntimeError"
    await health.note_check(Memos(room.db, ""), "page 7", clock())
    assert await health_.lacks() == [
        "feeds is not running: see the log", "the database is damaged: see `rondan doctor`",
    ]  # fmt: skip
    ping.cancel()
    await asyncio.gather(ping, return_exceptions=True)
    await runner.cleanup()


async def test_a_listener_that_can_not_be_had_is_a_wrong_setting(db: Db, clock: SetClock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="RONDAN_HEALTH"):
            await Health(db, {}, clock, {}).serve(taken.getsockname(), metrics=False)


async def test_metrics_are_written_as_prometheus_reads_them(room: Newsroom, clock: SetClock) -> None:
    await room.publish(found())
    health_ = Health(room.db, {"web": room.chat}, clock, {})
    text = await health_.metrics()
    pattern = re.compile(r'(# (HELP|TYPE) rondan_\w+ .+|rondan_\w+(\{(\w+="[^"\n]*",?)+\})? -?[\d.e+]+)')
    assert [one for one in text.splitlines() if not pattern.fullmatch(one)] == []
    assert 'rondan_pieces{state="published"} 1\n' in text
    assert 'rondan_lane_age_seconds{platform="web"} 0' in text
    await room.db.write(lambda tx: tx.run("update posting set state='due', due_at=1"))
    assert 'rondan_lane_age_seconds{platform="web"} 0' not in await health_.metrics()


def test_who_is_not_there_or_does_not_read_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    systemd.tell("READY=1")
    with contextlib.closing(Told(tmp_path)) as told:
        monkeypatch.setenv("NOTIFY_SOCKET", str(told.path))
        for _ in range(1000):  # more than the system keeps for who does not read: it would wait for ever
            systemd.tell("WATCHDOG=1")
        assert "WATCHDOG=1" in told


@on_sqlite
async def test_the_night_reads_the_file_and_what_it_finds_is_seen(room: Newsroom, clock: SetClock) -> None:
    assert isinstance(room.db, SqliteDb)
    made = Settings.model_construct()
    keeper = Keeper(room.db, room.ears, made, clock, room.publisher.wake, ["web"])
    room.publisher.shows["damage"] = keeper.alarm.show
    await add_place(room.db, clock, "desk", layout="queue", language="ja")
    assert await keeper.nightly()
    assert await health.last_check(room.db) == (clock(), "")
    await room.db.write(lambda tx: tx.many("insert into emoji(name) values(?)", [(f"e{n}",) for n in range(50_000)]))
    assert await room.db.shrink_log()
    size = room.db.path.stat().st_size
    with room.db.path.open("r+b") as file:
        file.seek(size * 2 // 3)  # among those rows
        file.write(b"\xff" * 32_768)
    assert await keeper.check()
    seen = await health.last_check(room.db)
    assert seen is not None
    assert seen[1]
    await keeper.check()  # moderators are told once, and once more when it is well
    await room.publisher.settle_all()
    (card,) = [one.message for one in room.chat.room.entries("desk") if one.message is not None]
    assert card.title == "データベースが壊れています"
    await keeper.alarm.look(None)
    await room.publisher.settle_all()
    (card,) = [one.message for one in room.chat.room.entries("desk") if one.message is not None]
    assert card.title == "データベースは正常に戻りました"
