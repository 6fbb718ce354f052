"""The first day of an operator: `rondan init`, and the files that run it for good agree with the settings."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import stat
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bot import cli, setup, supervision
from bot.environment import load
from bot.house import FOLDS, House
from core.errors import ConfigError, Refusal
from tests.discord_stage import text_of
from tests.standins.discord import Discord, P
from tests.standins.feeds import FeedServer
from tests.standins.slack import Slack
from tests.test_house import leaf

ROOT = Path(__file__).parents[1]
FEED = """<rss version="2.0"><channel><title>A paper</title><link>https://a.example</link>
<item><title>The night bus</title><guid>1</guid><description>It runs.</description></item></channel></rss>"""


async def rondan(folder: Path, *args: str, typed: str = "", **settings: str) -> tuple[int, str]:
    """Run the program in a folder; gives its exit code and all that it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RONDAN_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "RONDAN_LOG_LEVEL": "error", **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *args, cwd=folder, env=environment, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(typed.encode()), 90)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_init_makes_a_place_follows_a_feed_posts_once_and_looks_whether_all_is_well(tmp_path: Path) -> None:
    far = Slack()
    far.limited = False
    async with far, FeedServer() as feeds:
        channel = far.channel("general")
        feeds.put("/feed", FEED, "application/xml")
        settings = {
            "RONDAN_SLACK_BOT_TOKEN": far.bot_token, "RONDAN_SLACK_APP_TOKEN": far.app_token,
            "RONDAN_SLACK_API": far.api, "RONDAN_FEED_ALLOW_PRIVATE": "1", "RONDAN_OPERATOR": 'Ann "A" <a@b.example>',
        }  # fmt: skip
        given = ("init", "--no-input", "--place", f"slack:{channel.id}", "--feed", feeds.url("/feed"))
        code, said = await rondan(tmp_path, *given, **settings)
        assert code in (0, 1), said  # a machine of tests may lack fonts or room
        assert f"slack:{channel.id}: the test post stands" in said
        assert "first look: seen 1" in said
        assert "Slack" in said.split("the test post stands")[1]  # what the doctor says
        assert far.bot_token not in said
        (post,) = far.messages(channel)
        assert "This is a test post" in far.plain(post)
        env = tmp_path / ".env"
        assert stat.S_IMODE(env.stat().st_mode) == 0o600
        read = load({}, env)
        assert read.operator == 'Ann "A" <a@b.example>'
        assert read.slack_bot_token is not None
        assert read.slack_bot_token.get_secret_value() == far.bot_token
        # Again: what is there stays, and nothing is posted a second time.
        async with House(load(settings | {"RONDAN_DATABASE": str(tmp_path / "data/rondan.db")})) as house:
            told: list[str] = []
            await setup.furnish(house, [f"slack:{channel.id}"], [feeds.url("/feed")], told.append)
            assert await setup.greet(house, told.append)
        assert len(far.messages(channel)) == 1


async def test_the_wizard_asks_and_needs_no_account(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# mine\nOTHER=1\nRONDAN_LANG=en\n")
    answers = [
        "ja", "Tokyo", "Asia/Tokyo", "編集部 <desk@example.jp>", "", "no/such/app.json", "app.json", "",
        "general", "2", "web:general", "",
    ]  # fmt: skip
    code, said = await rondan(tmp_path, "init", typed="\n".join([*answers, ""]))
    assert code in (0, 1), said
    for again in ("no such time zone", "can't write no/such/app.json", "'general' is no place", "'2' is no place"):
        assert said.count(again) == 1, said
    assert json.loads((tmp_path / "app.json").read_text())["display_information"]
    assert "web:general: the test post stands" in said
    written = (tmp_path / ".env").read_text().splitlines()
    assert written[:3] == ["# mine", "OTHER=1", "RONDAN_LANG=ja"]
    assert load({}, tmp_path / ".env").operator == "編集部 <desk@example.jp>"
    assert "Rondanです" in (tmp_path / "data" / "rondan.db.web.jsonl").read_text()


async def test_the_wizard_lists_what_the_bot_sees_on_discord_and_posts_there(tmp_path: Path) -> None:
    async with Discord() as far:
        far.buckets = False
        guild = far.guild("Publication")
        hidden, channel = guild.text("board"), guild.text("general")
        far.permissions(hidden, deny=P.VIEW_CHANNEL)
        where = {"RONDAN_DISCORD_API": far.api, "RONDAN_DISCORD_GATEWAY": far.gateway, "RONDAN_WEB": "off"}
        answers = ["", "", "", far.token, "", "", "", "1", ""]
        code, said = await rondan(tmp_path, "init", typed="\n".join([*answers, ""]), **where)
        assert code in (0, 1), said
        assert f"  1  #general of Publication  discord:{channel.id}" in said
        assert str(hidden.id) not in said
        assert "adds the bot at https://discord.com/oauth2/authorize?" in said
        assert f"discord:{channel.id}: the test post stands" in said
        assert f"discord:{channel.id}  #general of Publication: all that is needed" in said
        assert far.token not in said
        assert len([one for one in channel if "This is a test post" in text_of(one)]) == 1


async def test_channels_on_slack_are_listed_those_that_it_is_in_first() -> None:
    far = Slack()
    far.limited = False
    async with far:
        other, there = far.channel("apple", bot=False), far.channel("zebra")
        told = {"BOT_TOKEN": far.bot_token, "APP_TOKEN": far.app_token, "API": far.api}
        listed = await setup.seen(load({f"RONDAN_SLACK_{name}": value for name, value in told.items()}, Path("none")))
    assert [address for address, _ in listed] == [f"slack:{there.id}", f"slack:{other.id}"]
    assert "invite @rondan" in listed[1][1]
    with pytest.raises(Refusal, match="3 is not in the list"):
        setup.chosen("3", listed)
    assert setup.chosen("2 web:general", listed) == [f"slack:{other.id}", "web:general"]


def test_wrong_answers_are_not_written(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("RONDAN_ZONE=UTC\n")
    with pytest.raises(ConfigError, match="no such time zone"):
        setup.keep(env, {"zone": "Tokyo"}, {})
    with pytest.raises(ConfigError, match="can't hold"):
        setup.keep(env, {"operator": "${X}"}, {})
    assert env.read_text() == "RONDAN_ZONE=UTC\n"
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


@pytest.mark.parametrize("value", ["plain", "a b", 'with "quotes" and \\', "#no comment", "$HOME", "it's"])
def test_what_is_written_is_read_again(tmp_path: Path, value: str) -> None:
    setup.keep(tmp_path / ".env", {"operator": value}, {})
    assert load({}, tmp_path / ".env").operator == value


def test_a_health_check_says_that_nobody_runs(tmp_path: Path) -> None:
    asked = CliRunner().invoke(cli.app, ["healthcheck"], env={"RONDAN_DATABASE": str(tmp_path / "r.db")})
    assert asked.exit_code == 1
    assert f"nobody runs on {tmp_path / 'r.db'}" in asked.stderr


# --- the files that run it for good ---


def unit() -> dict[str, list[str]]:
    """The lines of the service, by name."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "deploy/rondan.service").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def known(line: str) -> None:
    """A `rondan …` line names a command that there is."""
    command, rest = leaf(shlex.split(line)[1:])
    assert isinstance(command, typer.core.TyperCommand)
    command.make_context(line, rest)


def test_the_service_fits_the_program() -> None:
    service = unit()
    path, line = service["ExecStart"][0].split("/bin/", 1)
    assert path == f"{service['WorkingDirectory'][0]}/.venv"
    known(line)
    assert (service["Type"], service["UMask"]) == (["notify"], ["0077"])
    assert service["RestartPreventExitStatus"] == [str(cli.EXIT_CONFIG)]
    assert int(service["TimeoutStopSec"][0]) > supervision.DRAIN + supervision.FAREWELL + FOLDS
    settings = load(dict(one.split("=", 1) for one in service["Environment"]), Path("none"))
    assert settings.database.parent == Path("/var/lib") / service["StateDirectory"][0]
    assert {"NoNewPrivileges", "ProtectSystem", "PrivateTmp", "RestrictAddressFamilies"} <= service.keys()
    assert "AF_UNIX" in service["RestrictAddressFamilies"][0]  # the shell's socket, and systemd's


def test_the_container_fits_the_program() -> None:
    docker = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    rooms = set(wheel["wheel"]["packages"])
    assert set(re.findall(r"^COPY (\w+) \1$", docker, re.M)) == rooms
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.M))
    copied = {one for line in re.findall(r"^COPY (?!--)(.+) \S+$", docker, re.M) for one in line.split()}
    assert copied == allowed
    assert re.findall(r"^USER (.+)$", docker, re.M) == ["rondan"]
    check = re.search(r'CMD \["rondan", "(\w+)"\]', docker)
    assert check is not None
    known(f"rondan {check[1]}")
    known("rondan " + re.findall(r'^CMD \["(\w+)"\]$', docker, re.M)[0])
    settings = load(dict(re.findall(r"\b(RONDAN_\w+)=([^\s\\]+)", docker)), Path("none"))
    (volume,) = re.findall(r"^VOLUME (\S+)$", docker, re.M)
    assert str(settings.database.parent) == volume


def test_the_composition_is_one_service_with_one_volume_that_can_write_nowhere_else() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    block = text.split("environment:\n")[1].split("    volumes:")[0]
    given = {name: value.strip('"') for name, value in re.findall(r"^\s+(RONDAN_\w+): (\S+)$", block, re.M)}
    settings = load(given, Path("none"))
    assert re.findall(r"^      - data:(\S+)$", text, re.M) == [str(settings.database.parent)]
    assert settings.web_address is None
    assert "read_only: true" in text
    (number,) = set(re.findall(r'^    user: "(\d+):\1"$', text, re.M))
    assert f"--uid {number} " in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert len(re.findall(r"^  \w+:\n    build: ", text, re.M)) == 1
