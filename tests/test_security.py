"""docs/security.md: each row names tests that exist; and what can be told of the code by reading it."""

from __future__ import annotations

import ast
import re
from typing import get_args

from pydantic import SecretStr

from bot.settings import Settings
from tests.test_house import ROOMS, ROOT, files, name, tree

PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| who | what"))]


def test_each_row_names_a_test_that_exists() -> None:
    assert len(ROWS) > 15
    for row in ROWS:
        shown = row.strip("| ").split(" | ")[-1]
        named = re.findall(r"`(tests/\w+\.py)::(test_\w+)`", shown)
        assert named, f"no test shows: {row[:80]}"
        for path, test in named:
            there = {
                node.name
                for node in ast.walk(tree(ROOT / path))
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            assert test in there, f"{path} has no {test}"


def test_every_attacker_of_the_house_is_on_the_page() -> None:
    who = {row.split(" | ")[0].strip("| ") for row in ROWS}
    assert {"a reader", "a feed", "a moderator gone bad", "who steals a backup", "a page in a browser"} <= who


def test_every_secret_is_a_secret() -> None:
    secret = re.compile(r"(^|_)(token|secret|key)$")
    for field, what in Settings.model_fields.items():
        if secret.search(field):
            assert SecretStr in get_args(what.annotation), field
    shown = repr(
        Settings(discord_token=SecretStr("abc.def"), slack_bot_token=SecretStr("xoxb-1"), slack_app_token=None)
    )
    assert "abc.def" not in shown
    assert "xoxb-1" not in shown


def test_nothing_that_is_read_is_run() -> None:
    """No pickles and the like, no `eval`, no shell."""
    modules = "pickle|marshal|shelve|dill|joblib|yaml|jsonpickle"
    bad = re.compile(
        rf"^\s*(?:import|from) (?:{modules})\b|(?<![.\w])(?:eval|exec)\(|\bos\.(?:system|popen)\(|\bshell=True", re.M
    )
    found = [f"{name(path)}: {hit[0]}" for path in files(*ROOMS) for hit in bad.finditer(path.read_text("utf-8"))]
    assert found == []
    assert bad.search("import pickle\n")
    assert bad.search("x = eval(y)")
