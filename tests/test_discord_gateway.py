"""The connection to Discord's gateway: sessions survive what breaks, are not wasted, and end with a clear sentence."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typing_extensions import override

from bot.platforms.discord import chat as chat_room
from bot.platforms.discord import client
from bot.platforms.discord.chat import FATAL, DiscordChat
from bot.platforms.discord.client import Connection
from bot.platforms.discord.pacer import Pacer
from core.chat import Place, Reacted
from core.errors import ConfigError
from storage.db import Db
from storage.sqlite import SqliteDb
from tests.conftest import on_sqlite
from tests.discord_newsroom import DiscordRoom
from tests.far import Hearing, Mute
from tests.far_discord import Notes, utc
from tests.standins.discord import Channel, Discord, Message, User, server
from tests.waiting import until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GUILDS_WITHIN", 0.03)
    monkeypatch.setattr(client, "IDENTIFY_EVERY", 0.01)
    monkeypatch.setattr(client, "LAUNCH_AGAIN", 0.01)
    monkeypatch.setattr(client, "LONGEST_WAIT", 0.02)
    monkeypatch.setattr(chat_room, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(chat_room, "HOLDS", 0.05)


class Ears(Hearing):
    """Counts what was missed."""

    def __init__(self) -> None:
        super().__init__()
        self.missing = 0

    @override
    def missed(self, platform: str) -> None:
        self.missing += 1

    @property
    def emoji(self) -> list[str]:
        return [one.emoji for one in self.heard if isinstance(one, Reacted)]


class Line:
    """An adapter that runs, a channel with a post of ours, and a reader."""

    def __init__(self, far: Discord) -> None:
        self.far = far
        self.guild = far.guild("Reading room")
        self.channel: Channel = self.guild.text("general")
        self.post: Message = far.post(self.channel, far.me, "a piece")
        self.reader: User = far.user("mika")
        self.ears = Ears()
        self.notes = Notes()
        self.place = Place(id=1, platform="discord", channel=str(self.channel.id), community=str(self.guild.id))
        self.chat: DiscordChat

    @contextlib.asynccontextmanager
    async def running(self, **how: Any) -> AsyncIterator[asyncio.Task[None]]:
        """Until the end of the block; what `run` raised is raised."""
        settings: dict[str, Any] = {"api": self.far.api, "gateway": self.far.gateway, "clock": utc, **how}
        self.chat = DiscordChat(self.far.token, allowed=5000, memo=self.notes, **settings)
        await self.chat.furnish([self.place])
        task = asyncio.create_task(self.chat.run(Mute(), self.ears))
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @contextlib.asynccontextmanager
    async def connected(self, **how: Any) -> AsyncIterator[asyncio.Task[None]]:
        async with self.running(**how) as task:
            await until(lambda: self.ears.missing or task.done())
            if task.done():
                task.result()
            yield task

    async def react(self, emoji: str) -> None:
        await self.far.react(self.reader, self.post, emoji)

    async def hears(self, *emoji: str) -> None:
        await until(lambda: len(self.ears.emoji) >= len(emoji))
        assert self.ears.emoji == list(emoji)


@pytest.fixture
async def far() -> AsyncIterator[Discord]:
    async with Discord() as discord:
        discord.buckets = False
        yield discord


@pytest.fixture
def line(far: Discord) -> Line:
    return Line(far)


# --- a session goes on ---


@pytest.mark.parametrize("code", [4000, 1001, 1006, None], ids=str)
async def test_a_closed_socket_is_resumed_and_nothing_is_missed(line: Line, far: Discord, code: int | None) -> None:
    if code == 1006:
        code = 4001
    async with line.connected():
        await line.react("👍")
        await far.cut(code)
        await line.react("👎")
        await line.hears("👍", "👎")
        assert (far.identifies, far.resumes, line.ears.missing) == (1, 1, 1)


async def test_a_first_attempt_that_is_answered_503_does_not_end_the_session(line: Line, far: Discord) -> None:
    """Defect 1 of AutoShardedClient: it identifies anew after one failed attempt."""
    async with line.connected():
        far.outage()
        await far.cut()
        await line.react("👍")
        await until(lambda: far.hub.refused_connects >= 3)
        far.outage(False)
        await line.hears("👍")
        assert (far.identifies, far.resumes, line.ears.missing) == (1, 1, 1)


async def test_a_gateway_that_refuses_connections_for_a_while_does_not_end_the_session(
    line: Line, far: Discord
) -> None:
    async with line.connected():
        assert far._runner is not None
        [site] = far._runner.sites
        await site.stop()
        await far.cut(None)
        await asyncio.sleep(0.1)
        await line.react("👍")
        await web.TCPSite(far._runner, "127.0.0.1", far.port).start()
        await line.hears("👍")
        assert (far.identifies, far.resumes, line.ears.missing) == (1, 1, 1)


async def test_a_socket_that_closes_before_hello_ends_nothing(line: Line, far: Discord) -> None:
    """Defect 2 of AutoShardedClient: the whole client ends."""
    async with line.connected() as task:
        far.outage()
        await far.cut()
        await line.react("👍")
        await until(lambda: far.hub.refused_connects)
        far.close_before_hello(3)
        far.outage(False)
        await line.hears("👍")
        assert not task.done()
        assert (far.identifies, far.resumes, far.hub.slams) == (1, 1, 0)


async def test_asked_to_reconnect_it_resumes(line: Line, far: Discord) -> None:
    async with line.connected():
        far.reconnect()
        await until(lambda: far.resumes == 1)
        await line.react("👍")
        await line.hears("👍")
        far.invalidate(resumable=True)
        await until(lambda: far.resumes == 2)
        await line.react("👎")
        await line.hears("👍", "👎")
        assert (far.identifies, line.ears.missing) == (1, 1)


async def test_a_session_that_is_lost_begins_anew_and_says_what_was_missed(line: Line, far: Discord) -> None:
    async with line.connected():
        far.invalidate(resumable=False)
        await until(lambda: line.ears.missing == 2)
        await line.react("👍")
        await line.hears("👍")
        far.outage()
        await far.cut()
        far.forget_sessions()
        far.outage(False)
        await until(lambda: line.ears.missing == 3)
        assert far.identifies == 3


async def test_a_gateway_that_is_away_at_the_start_is_tried_again(line: Line, far: Discord) -> None:
    far.outage()
    async with line.running():
        await until(lambda: line.notes.kept.get("retry"))
        assert far.identifies == 0
        far.outage(False)
        await until(lambda: line.ears.missing)
        await until(lambda: line.notes.kept["retry"] == "")


# --- shards, addresses, other servers ---


async def test_shards_know_their_servers_and_resume_on_their_own(line: Line, far: Discord) -> None:
    far.shards = 3
    others = [far.guild(f"server {number}") for number in range(8)]
    async with line.connected():
        assert far.identifies == 3
        assert line.ears.missing == 1, "said once, when all have told their servers"
        assert line.chat._live is not None
        assert len(line.chat._live.guilds) == 1 + len(others)
        far.outage()
        await far.cut()
        await line.react("👍")
        far.outage(False)
        await line.hears("👍")
        await until(lambda: far.resumes == 3)
        assert far.identifies == 3
        one = next(session for session in far.hub.sessions.values() if session.shard == 1)
        del far.hub.sessions[one.id]
        assert one.line is not None
        await one.line.close(4000)
        await until(lambda: line.ears.missing == 2)
        assert far.identifies == 4


async def test_identifies_keep_their_distance(line: Line, far: Discord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "IDENTIFY_EVERY", 0.1)
    far.shards = 4
    began = asyncio.get_running_loop().time()
    async with line.connected():
        assert asyncio.get_running_loop().time() - began >= 0.3
        assert far.identifies == 4


async def test_json_may_name_its_charset(line: Line, far: Discord, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = server._json

    def with_charset(*args: Any) -> web.Response:
        response = plain(*args)
        if response.headers.get("Content-Type") == "application/json":
            response.headers["Content-Type"] = "application/json; charset=utf-8"
        return response

    monkeypatch.setattr(server, "_json", with_charset)
    async with line.connected():
        await line.react("👍")
        await line.hears("👍")


async def test_an_address_for_resuming_elsewhere_is_not_followed_when_one_is_set(line: Line, far: Discord) -> None:
    far.hub.url = "ws://127.0.0.1:9/nowhere"
    async with line.connected():
        await far.cut()
        await line.react("👍")
        await line.hears("👍")
        assert (far.identifies, far.resumes) == (1, 1)


async def test_without_one_the_gateway_is_where_the_interface_says(line: Line, far: Discord) -> None:
    async with line.connected(gateway=None):
        await far.cut()
        await line.react("👍")
        await line.hears("👍")
        assert (far.identifies, far.resumes) == (1, 1)


async def test_an_odd_event_ends_nothing(line: Line, far: Discord) -> None:
    async with line.connected() as task:
        for event in ("MESSAGE_CREATE", "GUILD_CREATE", "THREAD_UPDATE", "CHANNEL_UPDATE", "INTERACTION_CREATE"):
            far.hub.emit(event, line.guild, lambda _: {"odd": True})
        far.hub.emit("MESSAGE_UPDATE", line.guild, lambda _: {"id": "1", "channel_id": str(line.channel.id)})
        await line.react("👍")
        await line.hears("👍")
        assert not task.done()
        assert far.identifies == 1


# --- sessions are not wasted ---


async def test_with_no_sessions_left_it_waits_until_discord_counts_anew(line: Line, far: Discord) -> None:
    far.shards, far.sessions, far.sessions_reset = 2, 6, 0.3
    began = asyncio.get_running_loop().time()
    async with line.connected():
        assert asyncio.get_running_loop().time() - began >= 0.3
        assert far.identifies == 2


async def test_a_shard_whose_sessions_do_not_last_rests_longer_and_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "IDENTIFY_EVERY", 5.0)
    one = Connection(Pacer(50), lambda *_: None, lambda: None, lambda: None)
    now = asyncio.get_running_loop().time()
    rests = []
    for starts in range(12):
        one._starts[0] = [now - 1] * starts
        rests.append(round(one.rest(0)))
    assert rests[:6] == [0, 0, 0, 9, 19, 39]
    assert rests[-1] == 599
    one._starts[0] = [now - 4000] * 9
    assert one.rest(0) == 0


async def test_sessions_that_end_at_once_do_not_spend_the_day_s(
    line: Line, far: Discord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "IDENTIFY_EVERY", 0.05)
    async with line.connected():
        for number in range(2, 5):
            far.invalidate(resumable=False)
            await until(lambda number=number: far.identifies == number)  # type: ignore[misc]
        far.invalidate(resumable=False)
        await asyncio.sleep(0.15)
        assert far.identifies == 4, "it rests"
        await until(lambda: far.identifies == 5)


# --- what can't go on ---


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013])
async def test_a_fatal_close_ends_the_run_with_one_sentence(line: Line, far: Discord, code: int) -> None:
    far.hub.refusals = [code]
    with pytest.raises(ConfigError) as caught:
        async with line.connected():
            raise AssertionError("connected")
    assert caught.value.problems == (f"{FATAL[code]} (close code {code})",)
    assert far.hub.connects == 1


async def test_a_bad_token_ends_the_run(line: Line, far: Discord) -> None:
    chat = DiscordChat("bad", api=far.api, gateway=far.gateway, memo=line.notes, clock=utc)
    with pytest.raises(ConfigError, match="RONDAN_DISCORD_TOKEN"):
        await chat.run(Mute(), line.ears)
    assert far.hub.connects == 0


async def test_refused_message_content_it_goes_on_without(line: Line, far: Discord) -> None:
    far.application_flags = 1 << 18
    far.hub.refusals = [4014]
    async with line.connected():
        assert line.chat._live is not None
        assert not line.chat._live.intents.message_content
        assert line.notes.kept.get("retry") is None, "that is no failure"
        await line.react("👍")
        await line.hears("👍")


async def test_intents_that_are_refused_though_nothing_special_was_asked_end_the_run(line: Line, far: Discord) -> None:
    far.hub.refusals = [4014, 4014, 4014]
    with pytest.raises(ConfigError, match="4014"):
        async with line.connected():
            raise AssertionError("connected")
    assert far.hub.connects == 2


async def test_the_back_off_outlives_the_process_and_a_session_that_holds_clears_it(line: Line, far: Discord) -> None:
    now = utc()
    far.fail("GET /users/@me", times=3, how=503)
    async with line.running(clock=lambda: now):
        await until(lambda: not far.faults.waiting)
    failures, until_when = line.notes.kept["retry"].split(" ")
    assert int(failures) >= 2
    assert datetime.fromisoformat(until_when) > now
    line.notes.kept["retry"] = f"9 {(now + timedelta(seconds=0.3)).isoformat()}"
    before = len(far.log)
    async with line.running(clock=lambda: now):
        await asyncio.sleep(0.15)
        assert len(far.log) == before, "it waits"
        await until(lambda: line.ears.missing)
        await until(lambda: line.notes.kept["retry"] == "")
    async with line.running(clock=lambda: now + timedelta(hours=1)):
        await until(lambda: line.ears.missing == 2)


async def test_an_error_that_nobody_thought_of_is_waited_out_too(line: Line, far: Discord) -> None:
    class Odd(Notes):
        @override
        async def get(self, key: str) -> str | None:
            if key == "commands":
                raise ZeroDivisionError("odd")
            return await super().get(key)

    line.notes = Odd()
    async with line.running():
        await until(lambda: line.notes.kept.get("retry", "").startswith("3 "))
    assert far.identifies == 0


# --- the end ---


async def test_nothing_is_left_behind(line: Line, far: Discord) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: complaints.append(told))

    async def ends(prepare: Callable[[], Any], running: Any) -> None:
        before = asyncio.all_tasks()
        with contextlib.suppress(ConfigError):
            async with running:
                prepare()
                await asyncio.sleep(0.05)
        mine = {task for task in asyncio.all_tasks() - before if "tests.standins" not in repr(task.get_coro())}
        await asyncio.sleep(0.01)
        ours = [
            task
            for task in mine
            if not task.done() and "aiohttp/web" not in repr(task) and "standins" not in repr(task)
        ]
        assert ours == []

    far.shards = 2
    await ends(lambda: None, line.connected())
    await ends(lambda: far.outage(), line.connected())
    await ends(lambda: None, line.running())
    far.outage(False)
    far.token, token = "other", far.token
    chat = DiscordChat(token, api=far.api, gateway=far.gateway, memo=line.notes, clock=utc)
    with pytest.raises(ConfigError):
        await chat.run(Mute(), line.ears)
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_it_ends_at_once_while_it_tries_to_reconnect(
    line: Line, far: Discord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LONGEST_WAIT", 60.0)
    async with line.connected() as task:
        far.outage()
        await far.cut()
        await until(lambda: far.hub.refused_connects)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=2)
        assert done


# --- the whole program ---


def environment(folder: Path, far: Discord, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RONDAN_")}
    return {
        **kept,
        "RONDAN_DATABASE": str(folder / "rondan.db"), "RONDAN_WEB": "off", "RONDAN_DISCORD_TOKEN": far.token,
        "RONDAN_DISCORD_API": far.api, "RONDAN_DISCORD_GATEWAY": far.gateway, "RONDAN_DISCORD_RATE": "5000", **more,
    }  # fmt: skip


async def rondan(folder: Path, far: Discord, **more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", env=environment(folder, far, **more), stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_a_real_run_ends_with_78_and_one_sentence_when_it_is_of_no_use(tmp_path: Path, far: Discord) -> None:
    async def ends(code: int, **more: str) -> tuple[int | None, list[str]]:
        folder = tmp_path / str(code)
        folder.mkdir()
        async with Discord() as other:
            other.hub.refusals = [code]
            child = await rondan(folder, other, RONDAN_LOG_LEVEL="warning", **more)
            _, told = await asyncio.wait_for(child.communicate(), 30)
            return child.returncode, told.decode().splitlines()

    codes = [4004, 4012]  # the others end the adapter's run in the same way, above
    results = await asyncio.gather(ends(1, RONDAN_DISCORD_TOKEN="bad"), *(ends(code) for code in codes))
    assert results[0] == (78, [f"rondan: {FATAL[4004]}"])
    assert list(results[1:]) == [(78, [f"rondan: {FATAL[code]} (close code {code})"]) for code in codes]


@on_sqlite
async def test_sigterm_ends_a_real_run_cleanly_and_what_people_did_is_kept(
    tmp_path: Path, db: Db, far: Discord
) -> None:
    room = DiscordRoom(db, far)
    channel = far.guild("Reading room").text("general")
    await room.add(channel)
    async with room.sitting() as sitting:
        [post] = await sitting.publish("one")
    await db.close()
    crowd = [far.user(f"reader {number}") for number in range(100)]

    async def run(doing: Callable[[], Any]) -> None:
        before = far.identifies
        child = await rondan(tmp_path, far, RONDAN_LOG_LEVEL="warning")
        assert child.stderr is not None
        try:
            await until(lambda: far.identifies > before, 20)
            await far.connected()
            await doing()
            child.send_signal(signal.SIGTERM)
            _, told = await asyncio.wait_for(child.communicate(), 20)
        except BaseException:
            child.kill()
            raise
        assert (child.returncode, told.decode()) == (0, "")

    async def react() -> None:
        for reader in crowd:
            far.put_reaction(post, reader, "👍")
        await far.delivered()

    async def wait() -> None:
        """Until what was missed is there."""
        with contextlib.closing(sqlite3.connect(f"file:{tmp_path / 'rondan.db'}?mode=ro", uri=True)) as rows:
            await until(lambda: rows.execute("select count(*) from reaction").fetchone()[0] == len(crowd) + 1)

    async def outage() -> None:
        far.outage()
        await far.cut()
        await until(lambda: far.hub.refused_connects, 20)

    await run(react)
    far.put_reaction(post, far.user("late"), "👎")
    await run(wait)
    await run(outage)
    again = await SqliteDb.open(tmp_path / "rondan.db")
    try:
        await DiscordRoom(again, far).same()
        assert len((await DiscordRoom(again, far).database())[1]) == 101
    finally:
        await again.close()
