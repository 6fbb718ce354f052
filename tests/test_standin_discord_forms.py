"""The forms that the stand-in for Discord refuses: messages, modals, commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.standins.discord import Answer, Discord
from tests.standins.discord.driving import QUIET, asking, hooked, row, v2, world


@pytest.fixture
async def discord(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Discord]:
    async with hooked(monkeypatch) as server:
        yield server


def _bad() -> list[tuple[str, dict[str, Any], str]]:
    buttons = [row(*(f"{line}-{at}" for at in range(5))) for line in range(8)]
    link = {"type": 2, "style": 5, "label": "x", "url": "https://e.org/", "custom_id": "c"}
    return [
        ("unknown key", v2("x", components=[{"type": 10, "content": "x", "colour": 1}]), "components.0.colour"),
        ("text beside V2", v2("x", content="y"), "content"),
        ("41 components", v2(components=buttons), "components"),
        ("4001 characters", v2("x" * 2000, "y" * 2001), "components"),
        ("the same id", v2(components=[row("a"), row("a")]), "components"),
        ("a long id", v2(components=[row("a" * 101)]), "components.0.components.0.custom_id"),
        ("six in a row", v2(components=[row(*"abcdef")]), "components.0.components"),
        (
            "a link with an id",
            v2(components=[{"type": 1, "components": [link]}]),
            "components.0.components.0.custom_id",
        ),
        ("text in no display", {"components": v2("x")["components"]}, "components.0.type"),
        ("2001 characters", {"content": "x" * 2001}, "content"),
        ("embeds of 6001", {"embeds": [{"description": "x" * 3001}, {"description": "y" * 3000}]}, "embeds"),
        ("an unknown field", {"content": "x", "colour": 1}, "colour"),
    ]


@pytest.mark.parametrize(
    ("body", "where"), [(body, where) for _, body, where in _bad()], ids=[one[0] for one in _bad()]
)
async def test_bad_forms_are_refused(discord: Discord, body: dict[str, Any], where: str) -> None:
    _, channel, _ = world(discord)
    async with asking(discord) as ask:
        status, answer, _ = await ask(f"POST /channels/{channel.id}/messages", json=body)
        assert (status, answer["code"]) == (400, 50035)
        node = answer["errors"]
        for step in where.split("."):
            node = node[step]
        assert node["_errors"]
        assert discord.messages(channel) == []


async def test_what_it_takes_and_how_it_shows_it(discord: Discord) -> None:
    guild, channel, mika = world(discord)
    role = guild.role("readers", mentionable=True)
    path = f"POST /channels/{channel.id}/messages"
    async with asking(discord) as ask:
        assert (await ask(path, json=v2("日" * 3400)))[0] == 500
        assert discord.messages(channel) == []
        made = (await ask(path, json=v2(f"{mika.mention} <@&{role.id}> @everyone", components_id=None)))[1]
        assert made["code"] == 50035
        body = v2(f"{mika.mention} <@&{role.id}> @everyone")
        body["components"][0]["id"] = 77
        made = (await ask(path, json=body))[1]
        assert made["components"][0]["id"] == 77
        assert made["components"][0]["components"][0]["id"] == 1
        assert (discord.pings, discord.unguarded) == ([], [])
        await ask(path, json={"content": f"{mika.mention} <@&{role.id}> @everyone"})
        [ping] = discord.pings
        assert (ping.users, ping.roles, ping.everyone) == ((mika.id,), (role.id,), False)
        assert len(discord.unguarded) == 1
        here = f"PATCH /channels/{channel.id}/messages/{made['id']}"
        assert (await ask(here, json=v2("new")))[1]["edited_timestamp"]
        assert (await ask(here, json={"flags": 0, "allowed_mentions": QUIET}))[1]["code"] == 50035
        said = await discord.say(mika, channel, "hers")
        assert (await ask(f"PATCH /channels/{channel.id}/messages/{said.id}", json={"content": "x"}))[1][
            "code"
        ] == 50005
        assert (await ask(f"DELETE /channels/{channel.id}/messages/{said.id}"))[1]["code"] == 50013


@pytest.mark.parametrize(
    "command",
    [
        {"name": "Digest", "description": "x"},
        {"name": "あ・い", "description": "x"},
        {"name": "a", "description": "x" * 101},
        {"name": "a", "description": "x", "name_localizations": {"ja": "空 白"}},
        {"name": "a", "description": "x", "name_localizations": {"jp": "い"}},
        {"name": "a", "description": "x", "colour": 1},
        {
            "name": "a",
            "description": "x",
            "options": [{"type": 3, "name": f"o{n}", "description": "x"} for n in range(26)],
        },
        {
            "name": "a",
            "description": "x",
            "options": [
                {"type": 3, "name": "b", "description": "x"},
                {"type": 3, "name": "c", "description": "x", "required": True},
            ],
        },
        {
            "name": "a",
            "description": "x",
            "options": [
                {
                    "type": 3,
                    "name": f"o{n}",
                    "description": "x",
                    "choices": [{"name": "y" * 90, "value": f"{m}" * 90} for m in range(9)],
                }
                for n in range(5)
            ],
        },
    ],
)
async def test_bad_commands_are_refused(discord: Discord, command: dict[str, Any]) -> None:
    async with asking(discord) as ask:
        status, body, _ = await ask(f"PUT /applications/{discord.application}/commands", json=[command])
        assert (status, body["code"]) == (400, 50035)
        assert discord.commands == {}


@pytest.mark.parametrize(
    "modal",
    [
        {"title": "t" * 46},
        {"custom_id": ""},
        {"components": [{"type": 18, "label": "l", "component": {"type": 4, "custom_id": "a", "style": 2}}] * 6},
        {"components": [{"type": 18, "label": "l" * 46, "component": {"type": 4, "custom_id": "a", "style": 2}}]},
        {"components": [{"type": 18, "label": "l", "component": {"type": 4, "custom_id": "a", "style": 3}}]},
        {"components": [{"type": 18, "label": "l", "component": {"type": 2, "custom_id": "a", "style": 2}}]},
    ],
)
async def test_bad_modals_are_refused(discord: Discord, modal: dict[str, Any]) -> None:
    _, channel, mika = world(discord)
    answer = Answer(2, discord.fresh(), mika, channel, None)
    discord.answers[str(answer.id)] = discord.answers[answer.token] = answer
    field = {"type": 18, "label": "l", "component": {"type": 4, "custom_id": "a", "style": 2}}
    good = {"title": "t", "custom_id": "c", "components": [field]}
    path = f"POST /interactions/{answer.id}/{answer.token}/callback"
    async with asking(discord) as ask:
        assert (await ask(path, json={"type": 9, "data": good | modal}))[1]["code"] == 50035
        choices = [{"name": "a", "value": str(number)} for number in range(26)]
        assert (await ask(path, json={"type": 8, "data": {"choices": choices}}))[1]["code"] == 50035
        hook = f"POST /webhooks/{discord.application}/{answer.token}"
        assert (await ask(hook, json={"content": "x"}))[1]["code"] == 10015
        assert (await ask(path, json={"type": 9, "data": good}))[0] == 204
        assert (await ask(path, json={"type": 9, "data": good}))[1]["code"] == 40060
        assert answer.modal


async def test_a_command_is_at_most_8000_characters(discord: Discord) -> None:
    choices = [{"name": f"{number:090}", "value": f"{number:090}"} for number in range(25)]
    options = [
        {"type": 3, "name": f"o{at}", "description": "x", "choices": choices[: 25 if at else 18]} for at in (0, 1)
    ]
    command = {"name": "a", "description": "x", "options": options}
    async with asking(discord) as ask:
        path = f"PUT /applications/{discord.application}/commands"
        assert (await ask(path, json=[command]))[0] == 200
        options[0]["choices"] = choices
        answer = (await ask(path, json=[command]))[1]
        assert answer["errors"]["0"]["_errors"][0]["code"] == "APPLICATION_COMMAND_TOO_LARGE"
