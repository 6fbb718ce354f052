"""Commands as Discord is told of them: within its limits, in both languages, and back again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import regex  # type: ignore[import-untyped]

from bot.platforms.discord.slash import asked, digest_of, focused, payload
from commands import desk  # noqa: F401 - its imports register every command
from commands.registry import COMMANDS, POINTED
from core.commands import GROUPS, CommandSpec, Option

SPECS: list[CommandSpec] = [*COMMANDS.values(), *(one.spec for one in POINTED.values())]
PAYLOAD = payload(SPECS)
# The `\p{L}\p{N}` of Discord's documents; ー is a letter (Lm), ・ is not.
NAME = regex.compile(r"[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}")
ON_MESSAGE = 3


def parts(one: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A command, its subcommands, their options and choices."""
    yield one
    for name in ("options", "choices"):
        for inner in one.get(name, ()):
            yield from parts(inner)


def longest(one: Mapping[str, Any], field: str) -> int:
    return max(map(len, (str(one.get(field, "")), *one.get(f"{field}_localizations", {}).values())))


@pytest.mark.parametrize("one", PAYLOAD, ids=lambda one: one["name"])
def test_a_command_keeps_the_limits_of_discord(one: dict[str, Any]) -> None:
    total = sum(longest(part, "name") + longest(part, "description") + longest(part, "value") for part in parts(one))
    assert total <= 8000
    for part in parts(one):
        names = [part["name"], *part.get("name_localizations", {}).values()]
        if "value" in part:
            assert all(1 <= len(name) <= 100 for name in names)
            continue
        if one["type"] == ON_MESSAGE:
            assert "description" not in part
            assert all(1 <= len(name) <= 32 for name in names)
        else:
            for name in names:
                assert NAME.fullmatch(name), name
                assert name == name.lower()
            assert all(
                1 <= len(text) <= 100 for text in (part["description"], *part["description_localizations"].values())
            )
        assert part["name_localizations"]["en-US"] == part["name"]
        inner = part.get("options", [])
        assert len(inner) <= 25
        assert len(part.get("choices", [])) <= 25
        for language in ("en-US", "ja"):
            there = [option["name_localizations"][language] for option in inner]
            assert len(set(there)) == len(there)
        required = [option["required"] for option in inner if "required" in option]
        assert required == sorted(required, reverse=True)
        assert not (part.get("autocomplete") and part.get("choices"))


def test_every_command_is_there_once_and_for_servers_only() -> None:
    names = [(one["type"], one["name"]) for one in PAYLOAD]
    assert len(set(names)) == len(names)
    japanese = [(one["type"], one["name_localizations"]["ja"]) for one in PAYLOAD]
    assert len(set(japanese)) == len(japanese)
    assert len([one for one in PAYLOAD if one["type"] == 1]) <= 100
    assert len([one for one in PAYLOAD if one["type"] == ON_MESSAGE]) <= 5  # discord.py 2.7.1 stops there
    assert all(one["contexts"] == [0] and one["integration_types"] == [0] for one in PAYLOAD)
    members = {
        f"{one['name']} {inner['name']}" for one in PAYLOAD for inner in one.get("options", ()) if inner["type"] == 1
    }
    alone = {one["name"] for one in PAYLOAD if one["type"] == 1 and one["name"] not in GROUPS}
    assert members | alone == set(COMMANDS)


def test_who_sees_what_until_an_admin_says_otherwise() -> None:
    gates = {one["name"]: one["default_member_permissions"] for one in PAYLOAD}
    assert gates["mod"] == gates["Feature"] == gates["Hide"] == "8192"
    assert gates["digest"] is gates["Report"] is gates["Save as comment"] is None


def test_options_have_their_types() -> None:
    help_ = {"en": "What.", "ja": "何。"}

    def option(name: str, kind: Any, **more: Any) -> Option:
        return Option(**{"name": name, "japanese": name, "kind": kind, "help": help_, "required": False, **more})

    spec = CommandSpec(
        name="try", japanese="試す", help=help_, roles=frozenset({"reader"}),
        options=(
            option("a", "text"), option("b", "number", least=1, most=9), option("c", "yes"), option("d", "channel"),
            option("e", "role"), option("f", "choice", choices=("x", "y")), option("g", "topic", required=True),
        ),
    )  # fmt: skip
    made = {one["name"]: one for one in payload([spec])[0]["options"]}
    assert list(made) == ["g", "a", "b", "c", "d", "e", "f"]
    assert [made[name]["type"] for name in "abcdefg"] == [3, 4, 5, 7, 8, 3, 3]
    assert (made["b"]["min_value"], made["b"]["max_value"]) == (1, 9)
    assert made["f"]["choices"] == [{"name": "x", "value": "x"}, {"name": "y", "value": "y"}]
    assert made["g"]["autocomplete"] is True
    assert "autocomplete" not in made["a"]


def test_a_payload_has_one_digest_whatever_the_order_of_the_commands() -> None:
    assert digest_of(payload(list(reversed(SPECS)))) == digest_of(PAYLOAD)
    assert digest_of(PAYLOAD[1:]) != digest_of(PAYLOAD)


def test_what_was_asked_is_told_as_text() -> None:
    assert asked({"name": "digest", "type": 1, "options": [{"name": "topic", "type": 3, "value": "AI"}]}) == (
        "digest", {"topic": "AI"},
    )  # fmt: skip
    hide = {
        "name": "mod", "type": 1,
        "options": [
            {"name": "hide", "type": 1, "options": [
                {"name": "comment", "type": 3, "value": "12"}, {"name": "undo", "type": 5, "value": True},
            ]},
        ],
    }  # fmt: skip
    assert asked(hide) == ("mod hide", {"comment": "12", "undo": "yes"})
    assert asked({"name": "mod", "type": 1, "options": [{"name": "queue", "type": 1}]}) == ("mod queue", {})
    assert asked({"name": "topics", "type": 1}) == ("topics", {})
    assert asked({"name": "Feature", "type": 3, "target_id": "7"}) == ("Feature", {})
    cap = {
        "name": "place",
        "options": [{"name": "set", "type": 1, "options": [{"name": "cap", "type": 4, "value": 3}]}],
    }
    assert asked(cap) == ("place set", {"cap": "3"})


def test_what_is_being_typed() -> None:
    topic = {"name": "topic", "type": 3, "value": "Op", "focused": True}
    period = {"name": "period", "type": 3, "value": "7d"}
    assert focused({"name": "digest", "options": [period, topic]}) == ("digest", "topic", "Op")
    piece = {"name": "piece", "type": 3, "value": "", "focused": True}
    assert focused({"name": "mod", "options": [{"name": "retract", "type": 1, "options": [piece]}]}) == (
        "mod retract", "piece", "",
    )  # fmt: skip
    assert focused({"name": "digest", "options": [period]}) == ("digest", "", "")
