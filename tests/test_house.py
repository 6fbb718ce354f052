"""The code base tests itself: pages are current, examples parse, the rules of CONTRIBUTING.md are kept."""

from __future__ import annotations

import ast
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from dotenv import dotenv_values

from bot.cli import app
from bot.environment import load
from bot.settings import Settings
from docs import make

ROOT = Path(__file__).parents[1]
ROOMS = ("bot", "commands", "core", "digest", "storage")
CODE = (*ROOMS, "bench", "docs", "tests")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", *sorted(
    str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")
))  # fmt: skip

LONGEST = 400  # lines of a file of the rooms or the page
LONGEST_TEST = 700  # lines of a test or bench: it follows what it looks at
ALLOWED = {
    "bot/cli.py": "one function a shell command, nothing but options and printing",
    "bot/sources/html.py": "one walk over one tree; cut in two it would be read in two places",
    "bot/platforms/web/page/app.js": "the page's one state and what draws it",
    "core/chat.py": "the port and what flows through it: whoever writes an adapter reads it as one",
    "core/outline.py": "one rule, from units to keys; the lists of words and looks are in files of their own",
    "core/seams.py": "one decision about one thing, the seam",
    "core/text.py": "the pure rules of text, each short",
}
SQL_ALLOWED: dict[str, str] = {}
"""Statements that stand outside `storage` and should move there; no new ones."""

SKIPPED = {"__pycache__", "data", "dist"}


def files(*folders: str, ends: tuple[str, ...] = (".py",)) -> list[Path]:
    """Files of folders with one of these ends, caches left out."""
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in ends and path.is_file() and not SKIPPED & set(path.relative_to(ROOT).parts)
    )


def name(path: Path) -> str:
    """A file as it is called from the root."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The syntax of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(module, line) of everything that a module imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((one.name, node.lineno) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{one.name}", node.lineno) for one in node.names)


# --- pages made from code ---


def test_pages_that_are_made_from_code_are_current() -> None:
    assert make.stale() == [], "run `python -m docs.make`"


def test_every_setting_is_in_the_example_and_on_its_page_and_nothing_else_is() -> None:
    settings = {make.variable(name) for name in Settings.model_fields}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#(RONDAN_\w+)=", example, re.M)) == settings
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(RONDAN_\w+)`", page, re.M)) == settings
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_settings_that_exist(page: str) -> None:
    named = set(re.findall(r"RONDAN_[A-Z_]+[A-Z]", (ROOT / page).read_text(encoding="utf-8")))
    of_make = set(re.findall(r"RONDAN_[A-Z_]+[A-Z]", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert named <= {make.variable(name) for name in Settings.model_fields} | of_make


def test_the_example_without_its_comment_signs_changes_nothing(tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    env = tmp_path / ".env"
    env.write_text(re.sub(r"^#(?=RONDAN_)", "", example, flags=re.M), encoding="utf-8")
    assert len(dotenv_values(env)) == len(Settings.model_fields)
    assert load({}, env) == load({}, tmp_path / "none")


# --- examples and links in pages ---


def shell_lines(text: str) -> Iterator[str]:
    """Every `rondan …` line: after a prompt in a block, or as code within a sentence."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    for block in blocks:
        yield from re.findall(r"^\$ (rondan\b.*)$", block, re.M)
    prose = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)
    yield from re.findall(r"`(rondan(?: [^`\n]+)?)`", prose)


def leaf(arguments: list[str]) -> tuple[Any, list[str]]:
    """The shell command that these arguments name, and its own arguments."""
    found: Any = typer.main.get_command(app)
    rest = list(arguments)
    while rest and hasattr(found, "commands"):
        assert rest[0] in found.commands, f"there is no `rondan {' '.join(arguments)}`"
        found = found.commands[rest.pop(0)]
    return found, rest


LINES = sorted({line for page in PAGES for line in shell_lines((ROOT / page).read_text(encoding="utf-8"))})


@pytest.mark.parametrize("line", LINES)
def test_a_line_for_the_shell_parses(line: str) -> None:
    arguments = [re.sub(r"^N$", "1", one) for one in shlex.split(line)[1:] if one not in ("…", "--help")]
    command, rest = leaf(arguments)
    if rest and not hasattr(command, "commands"):  # a bare name in a sentence stands for the command
        command.make_context(line, list(rest), resilient_parsing=False)


def test_lines_for_the_shell_were_found() -> None:
    assert len(LINES) > 30


def test_every_target_of_make_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:^\$ |`)make ([a-z]+)", (ROOT / page).read_text(encoding="utf-8"), re.M)
    }
    assert {"run", "test", "bench", "lint"} <= named <= targets


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("page", PAGES)
def test_paths_of_code_that_a_page_names_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"`((?:bot|commands|core|digest|storage|tests|docs|bench)/[\w./-]+\.\w+)`", text):
        assert (ROOT / target).exists(), f"{page} names {target}"


@cache
def said() -> str:
    """Every text in the code of the rooms, values left out: what the program can say."""
    texts = [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
        if isinstance(node, ast.JoinedStr)
        else node.value
        for path in files(*ROOMS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    ]
    return "\n".join(map(str, texts)) + (ROOT / "Makefile").read_text(encoding="utf-8")


def sentences() -> list[str]:
    """The parts, between values, of what the tables of errors quote."""
    page = (ROOT / "docs/operating.md").read_text(encoding="utf-8").partition("## Troubleshooting")[2]
    cells = re.findall(r"^\| (.*?) \| ", page, re.M)
    quoted = [code for cell in cells for code in re.findall(r"``(.+?)``|`([^`]+)`", cell)]
    parts = [part.strip(" :;,.()") for both in quoted for part in ("".join(both)).split("…")]
    return sorted({part for part in parts if len(part) > 8})


@pytest.mark.parametrize("sentence", sentences())
def test_an_error_that_is_explained_is_one_that_is_said(sentence: str) -> None:
    assert sentence in said()


# --- modules ---


@pytest.mark.parametrize("path", files(*CODE), ids=name)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    if path.name == "__init__.py" and not path.read_text(encoding="utf-8").strip():
        return  # marks a package and holds nothing
    assert ast.get_docstring(tree(path)), f"{name(path)} has no docstring"


def test_files_stay_short() -> None:
    pages = files("bot", ends=(".js", ".css", ".html"))
    rooms = {name(path): LONGEST for path in [*files(*ROOMS, "docs"), *pages]}
    others = {name(path): LONGEST_TEST for path in files("tests", "bench")}
    long = {
        file: lines
        for file, limit in (rooms | others).items()
        if (lines := len((ROOT / file).read_text(encoding="utf-8").splitlines())) > limit and file not in ALLOWED
    }
    assert long == {}, "cut it where it has a second reason to change, or give a reason in ALLOWED"


def test_exceptions_are_of_files_that_exist() -> None:
    assert [file for file in (*ALLOWED, *SQL_ALLOWED) if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("path", files(*CODE), ids=name)
def test_nothing_of_ours_is_mocked(path: Path) -> None:
    banned = [line for module, line in imports(path) if module.split(".")[0] == "mock" or module == "unittest.mock"]
    assert banned == []


@pytest.mark.parametrize("path", files(*CODE), ids=name)
def test_no_error_is_swallowed_without_a_word(path: Path) -> None:
    """Nothing catches everything in silence; a named error may pass, with the reason on its line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            where = f"{name(path)}:{node.lineno}"
            assert node.type is not None, f"{where} catches everything"
            if all(isinstance(one, ast.Pass) for one in node.body):
                broad = {one.id for one in ast.walk(node.type) if isinstance(one, ast.Name)}
                assert not broad & {"Exception", "BaseException"}, f"{where} hides every error"
                assert "#" in lines[node.body[0].lineno - 1], f"{where} gives no reason"


def test_one_place_waits_by_looking_again() -> None:
    """Others say to `until` what they wait for. Stand-ins stand alone."""
    waiting = {
        name(path)
        for path in files("tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.While) and [ast.unparse(one)[:19] for one in node.body] == ["await asyncio.sleep"]
    }
    assert {one for one in waiting if not one.startswith("tests/standins/")} == {"tests/waiting.py"}


# --- rooms: what import-linter can't say ---


CORE_MAY_IMPORT = {
    "regex": "grapheme boundaries (\\X), which `re` does not know",
    "typing_extensions": "`override`, in `typing` from Python 3.12 on",
}


def test_core_imports_the_standard_library_and_little_else() -> None:
    allowed = {*sys.stdlib_module_names, "core", *CORE_MAY_IMPORT}
    others = {
        f"{name(path)}:{line} {module}"
        for path in files("core")
        for module, line in imports(path)
        if module.split(".")[0] not in allowed
    }
    assert others == set()


@pytest.mark.parametrize(
    ("modules", "home"),
    [
        (("discord",), "bot/platforms/discord"),
        (("slack_bolt", "slack_sdk"), "bot/platforms/slack"),
        (("sqlite3", "aiosqlite", "asyncpg"), "storage"),
    ],
)
def test_a_library_is_known_in_its_home_only(modules: tuple[str, ...], home: str) -> None:
    strangers = {
        f"{name(path)}:{line}"
        for path in files(*ROOMS)
        if not name(path).startswith(f"{home}/") and name(path) != f"{home}.py"
        for module, line in imports(path)
        if module.split(".")[0] in modules
    }
    assert strangers == set()


def test_discords_command_framework_is_banned() -> None:
    """`discord.ext.commands` is another command model; ours is made from functions, through `discord.app_commands`."""
    found = [name(path) for path in files(*CODE) for module, _ in imports(path) if module.startswith("discord.ext")]
    assert found == []


def test_only_the_loop_sends_edits_and_deletes() -> None:
    pattern = re.compile(r"\bchat\.(send|edit|delete)\(")
    found = {name(path) for path in files(*ROOMS) if pattern.search(path.read_text(encoding="utf-8"))}
    assert found == {"bot/publish.py"}


SQL = re.compile(r"^\s*(select\s.+\sfrom|insert\s+into|update\s+\w+\s+set|delete\s+from|create\s+table)\b", re.S)


def test_statements_stand_in_storage() -> None:
    found = {
        name(path)
        for path in files(*(room for room in ROOMS if room != "storage"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    }
    assert found <= set(SQL_ALLOWED)


def test_import_linter_keeps_these_rooms() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert sorted(settings["root_packages"]) == sorted(ROOMS)
    layers = next(one for one in settings["contracts"] if one["type"] == "layers")
    assert layers["layers"] == ["bot", "commands", "digest | storage", "core"]


# --- what is handed on ---


def committed() -> Iterator[Path]:
    """Every text file that belongs to the project."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part != ".ci" for part in parts[:-1]) or parts[-1] == ".env"
        if path.is_file() and not hidden and not SKIPPED & set(parts) and path.suffix not in (".pyc", ".db", ".so"):
            yield path


def test_no_address_of_a_registry_and_no_path_of_a_machine() -> None:
    registry = re.compile(r"https?://\S*(py" + r"pi\.|python" + r"hosted\.|/sim" + r"ple\b)|--(extra-)?index-url[= ]")
    machine = re.compile(r"(?<![\w.~-])/(ho" + r"me|ro" + r"ot|wo" + r"rk|Us" + r"ers)/\w")
    found = []
    for path in committed():
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{name(path)}: {hit[0]}" for pattern in (registry, machine) for hit in pattern.finditer(text)]
    assert found == []


def test_everything_is_pinned_by_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.M)).splitlines()
    pattern = re.compile(r"[a-z0-9][a-z0-9._-]*==\S+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+ *")
    assert [line.split(" ")[0] for line in entries if not pattern.fullmatch(line)] == []
    assert len(entries) > 20


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    assert plain(wanted) <= {one.partition("==")[0] for one in pinned("requirements.lock")}


def test_the_container_gets_what_runs_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    running = pinned("requirements.run.lock")
    names = {one.partition("==")[0] for one in running}
    assert running <= pinned("requirements.lock")  # hash by hash
    assert plain([*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["model"]]) <= names
    assert plain(project["dependency-groups"]["dev"]).isdisjoint(names)
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "RUN .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.run.lock" in image
    assert "!requirements.run.lock" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def plain(wanted: list[str]) -> set[str]:
    """The names of what is asked for, as they are pinned."""
    return {re.sub(r"[._-]+", "-", re.split(r"[^A-Za-z0-9._-]", one)[0].lower()) for one in wanted}


def pinned(file: str) -> set[str]:
    """`NAME==VERSION` with its hashes."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", (ROOT / file).read_text(encoding="utf-8"), flags=re.M))
    return set(text.splitlines())


def test_the_licence_is_apache_2() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")[:200]
    assert "Apache-2.0" in (ROOT / "README.md").read_text(encoding="utf-8")
