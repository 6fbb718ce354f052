"""The app's manifest: made from the code, within Slack's limits, and enough for all that the adapter does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.platforms.slack import api, slash
from commands.desk import specs
from core.errors import ConfigError
from tests.standins.slack import Slack
from tests.standins.slack.methods import METHODS

ROOT = Path(__file__).parent.parent
URL = "https://rondan.example/slack/events"


def printed(*options: str, **settings: str) -> Any:
    result = CliRunner().invoke(app, ["slack", "manifest", *options], env=settings)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env


def test_the_committed_manifest_is_what_is_printed() -> None:
    committed = (ROOT / "docs/slack-manifest.json").read_text("utf-8")
    assert json.loads(committed) == printed() == slash.manifest(specs())
    assert committed == slash.as_text(slash.manifest(specs()))


def test_over_http_every_address_is_there_and_socket_mode_is_off() -> None:
    made = printed("--url", URL)
    assert {one["url"] for one in made["features"]["slash_commands"]} == {URL}
    settings = made["settings"]
    assert settings["socket_mode_enabled"] is False
    assert settings["event_subscriptions"]["request_url"] == URL
    assert settings["interactivity"] == {"is_enabled": True, "request_url": URL, "message_menu_options_url": URL}
    assert URL not in json.dumps(printed())
    assert printed()["settings"]["socket_mode_enabled"] is True


@pytest.mark.parametrize(
    ("aliases", "there"),
    [("off", []), ("digest", ["/digest"]), ("digest,search", ["/digest", "/search"]), ("/topics", ["/topics"])],
)
def test_aliases_are_as_set(aliases: str, there: list[str]) -> None:
    commands = printed(RONDAN_SLACK_ALIASES=aliases)["features"]["slash_commands"]
    assert [one["command"] for one in commands] == ["/rondan", *there]


@pytest.mark.parametrize("alias", ["diggest", "mod hide", "Hide"])
def test_an_alias_that_is_no_command_is_a_sentence(alias: str) -> None:
    result = CliRunner().invoke(app, ["slack", "manifest"], env={"RONDAN_SLACK_ALIASES": f"digest,{alias}"})
    with pytest.raises(ConfigError, match=f"'{alias}' is no command of one word; there are: .*search"):
        slash.manifest(specs(), aliases=["digest", alias])
    assert result.exit_code != 0
    assert "Traceback" not in result.output


@pytest.mark.parametrize("url", [None, URL])
def test_nothing_is_longer_than_slack_takes(url: str | None) -> None:
    made = slash.manifest(specs(), url=url)
    shown, features = made["display_information"], made["features"]
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert re.fullmatch("#[0-9a-f]{6}", shown["background_color"])
    assert len(features["bot_user"]["display_name"]) <= 80
    assert len(features["slash_commands"]) <= 5
    for command in features["slash_commands"]:
        assert re.fullmatch(r"/[a-z_-]{1,31}", command["command"])
        assert 1 <= len(command["description"]) <= 2000
        assert 1 <= len(command["usage_hint"]) <= 1000
        assert command["should_escape"] is True, "else people and channels come as bare names"
    assert len(features["shortcuts"]) <= 5
    for shortcut in features["shortcuts"]:
        assert 1 <= len(shortcut["name"]) <= 24
        assert 1 <= len(shortcut["description"]) <= 150
        assert 1 <= len(shortcut["callback_id"]) <= 255
        assert shortcut["type"] == "message"
    assert len({one["callback_id"] for one in features["shortcuts"]}) == len(features["shortcuts"])


def test_every_command_on_a_message_is_in_its_menu() -> None:
    names = [one["name"] for one in slash.manifest(specs())["features"]["shortcuts"]]
    assert names == [spec.name for spec in specs() if spec.on == "message"]
    assert {"Feature", "Hide", "Report", "Save as comment"} <= set(names)


def test_scopes_are_enough_for_every_method_and_event_and_no_more() -> None:
    """`api.READING` and what the adapter's source names are all the methods that it calls."""
    source = "".join(file.read_text("utf-8") for file in (ROOT / "bot/platforms/slack").glob("*.py"))
    called = {name for name in METHODS if f'"{name}"' in source} - {
        name for name in api.READING if source.count(f'"{name}"') == 1  # only named as one that reads
    }  # fmt: skip
    assert {"chat.postMessage", "chat.postEphemeral", "users.info", "conversations.replies", "views.open"} <= called
    needed: set[str] = set()
    for name in called:
        scope = METHODS[name][1]
        needed |= {scope.replace("*", kind) for kind in ("channels", "groups")} if "*" in scope else {scope}
    by_event = {
        "reaction_added": "reactions:read", "message.channels": "channels:history", "message.groups": "groups:history",
        "subteam_members_changed": "usergroups:read", "channel_rename": "channels:read", "group_rename": "groups:read",
    }  # fmt: skip
    assert set(by_event) <= set(slash.EVENTS)
    needed |= {*by_event.values(), "commands"}
    needed -= {"", "connections:write"}
    assert needed - set(slash.OPTIONAL) == set(slash.SCOPES)
    assert {"files:write", "im:write"} <= needed & set(slash.OPTIONAL), "what works without is not asked for as a must"


async def test_slack_makes_the_app_from_it() -> None:
    async with Slack() as far:
        far.install(slash.manifest(specs()))
        assert far.commands is not None
        assert set(far.commands) == {"/rondan", "/digest", "/search"}
        assert far.shortcuts == {slash.callback(spec) for spec in specs() if spec.on == "message"}
        assert set(slash.SCOPES) <= far.scopes
