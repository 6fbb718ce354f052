"""The program as people call it: alone with a database, and beside a running bot that owns it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from digest import fonts
from tests import waiting
from tests.standins.feeds import FeedServer

ESSAY = """\
# The night bus

It runs at last, and nobody knows how long.

## Costs

Less than feared. The town pays, and the riders pay a little.

## Riders

Nurses, bakers and one owl.
"""
EMBARGOED = "---\ntitle: Tomorrow\nembargo: 2999-01-01\ntopics: Buses, 交通\nlang: en\n---\n\nNot before then.\n"


def environment(database: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RONDAN_")}
    ours = {
        "RONDAN_DATABASE": str(database), "RONDAN_WEB": "127.0.0.1:0", "RONDAN_FEED_ALLOW_PRIVATE": "1",
        "RONDAN_LOG_LEVEL": "error", "PYTHONWARNINGS": "error",
    }  # fmt: skip
    return {**kept, **ours, **settings}


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(slots=True)
class Shell:
    """A database and the program to use it with."""

    database: Path
    settings: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None  # where commands run; beside the database unless given

    def __call__(self, *args: str, code: int = 0) -> str:
        """What a command prints; it must end with `code`."""
        done = self.run(*args)
        assert done.code == code, f"{args} ended with {done.code}\n{done.out}{done.err}"
        assert "Traceback" not in done.err
        return done.out

    def json(self, *args: str, code: int = 0) -> Any:
        return json.loads(self(*args, "--json", code=code))

    def refused(self, *args: str, code: int = 2) -> str:
        """What is said on stderr to a command that must fail."""
        done = self.run(*args)
        assert done.code == code, f"{args} ended with {done.code}\n{done.out}{done.err}"
        assert "Traceback" not in done.err
        return done.err

    def run(self, *args: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "bot", *args], env=environment(self.database, **self.settings),
            cwd=self.folder or self.database.parent, capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)


@dataclass(slots=True)
class Bot:
    """A running bot."""

    process: subprocess.Popen[str]
    address: str
    lines: list[str]
    seconds: float  # from the start to its first line

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """End it; gives the seconds that it took. It must end well."""
        began = time.monotonic()
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, out + err
        assert "Traceback" not in err
        return time.monotonic() - began


def start(database: Path, verb: str = "run", **settings: str) -> Bot:
    """Start the bot and wait until it says that its page is there."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", verb], env=environment(database, **settings), cwd=database.parent,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("Playground: "):
            return Bot(process, line.split()[1], lines, time.monotonic() - began)
    raise AssertionError(f"ended with {process.wait()}: {''.join(lines)}")


def until(holds: Callable[[], object]) -> None:
    """The same while no loop runs."""
    asyncio.run(waiting.until(holds, 15, every=0.1))


@pytest.fixture(scope="module")
def web() -> Iterator[FeedServer]:
    """A feed server that serves from a thread of its own, so that a test may wait for a program meanwhile."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = FeedServer()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, watched: Path) -> Iterator[Shell]:
    """A bot that runs on a database whose path is longer than the system lets a socket's be."""
    folder = tmp_path_factory.mktemp("running") / ("long" * 30) / ("path" * 30)
    folder.mkdir(parents=True)
    bot = start(folder / "rondan.db", RONDAN_FOLDERS=str(watched))
    yield Shell(folder / "rondan.db")
    assert bot.stop() < 5


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "rondan.db")


@pytest.fixture(params=["alone", "beside a running bot"])
def shell(request: pytest.FixtureRequest) -> Shell:
    name = "alone" if request.param == "alone" else "running"
    chosen = request.getfixturevalue(name)
    assert isinstance(chosen, Shell)
    return chosen


def rss(*titles: str, name: str = "f") -> str:
    items = "".join(
        f"<item><title>{title}</title><link>https://{name}.example/{title}</link><description>On {title}.</description>"
        "</item>"
        for title in titles
    )
    return f"<rss version='2.0'><channel><title>The {name}</title>{items}</channel></rss>"


# --- every command, alone and beside a running bot ---


def test_places(shell: Shell) -> None:
    added = shell("place", "add", "web:tour", "--layout", "thread", "--topic", "交通", "--topic", "AI", "--lang", "ja",
                  "--zone", "Asia/Tokyo", "--quiet", "22:00-07:00", "--cap", "5")  # fmt: skip
    assert added == ('web:tour: thread, ja, Asia/Tokyo, filter topic:"交通" OR topic:"AI", quiet 22:00-07:00, cap 5\n')
    shell("place", "set", "web:tour", "--filter", "", "--quiet", "off", "--pause", "renovation")
    (listed,) = [one for one in shell.json("place", "list") if one["place"] == "web:tour"]
    assert listed == {
        "place": "web:tour", "name": "", "layout": "thread", "language": "ja", "zone": "Asia/Tokyo", "filter": "",
        "quiet": None, "cap": 5, "mention": "", "paused": "renovation", "review": False, "moderators": [],
        "postings": {},
    }  # fmt: skip
    assert "PAUSED" not in shell("place", "set", "web:tour", "--resume")
    far = shell("place", "add", "discord:71", "--community", "7", "--layout", "forum", "--mention", "72")
    assert far == "discord:71: forum, en, UTC, mentions role 72\n"
    far = shell("place", "set", "discord:71", "--moderators", "<@&123456789012345678> 223456789012345678")
    assert far == "discord:71: forum, en, UTC, mentions role 72, moderators 123456789012345678, 223456789012345678\n"
    assert shell("place", "remove", "web:tour") == "web:tour: removed; it never showed anything and is forgotten\n"
    shell("place", "remove", "discord:71")


def test_what_can_not_be_is_refused_with_its_mend(running: Shell) -> None:
    running("place", "add", "web:taken")
    for args, mend in {
        ("why", "999"): "there is no piece 999",
        ("outline", "999"): "999",
        ("place", "add", "web:taken"): "is a place already",
        ("place", "add", "taken"): "write PLATFORM:CHANNEL",
        ("place", "add", "fax:x"): "there is no platform 'fax'; there are: web, console, discord",
        ("place", "add", "web:n", "--zone", "Asia/Tokio"): "use an IANA name such as Asia/Tokyo",
        ("place", "set", "web:taken", "--audience", "all"): "choose one of place, community, publication",
        ("place", "set", "web:taken", "--filter", "(topic:AI"): "is not closed",
        ("place", "set", "web:nowhere", "--cap", "1"): "`rondan place list` shows what there is",
        ("feed", "check"): "give the address of one feed, or --all",
        ("feed", "check", "https://pub.example/feed"): "is no feed of ours",
        ("feed", "set", "https://pub.example/feed", "--resume"): "is no feed of ours",
        ("feed", "add", "file:///etc/passwd"): "must begin with http:// or https://",
        ("feed", "add", "http://127.0.0.1:9/", "--place", "web:nowhere"): "web:nowhere is no place",
        ("feed", "add", "http://127.0.0.1:9/", "--text", "all"): "choose full, excerpt or link",
    }.items():
        assert mend in running.refused(*args)
    assert "127.0.0.1:9/" not in running("feed", "list")


def test_pieces(shell: Shell, tmp_path: Path) -> None:
    essay = tmp_path / "essay.md"
    essay.write_text(ESSAY)
    shell("place", "add", "web:pieces", "--filter", 'word:"night bus"')
    (one,) = shell.json("import", str(essay))
    number = one["piece"]
    assert {name: one[name] for name in ("piece", "title", "state", "new")} == {
        "piece": number, "title": "The night bus", "state": "published", "new": True,
    }  # fmt: skip
    assert shell.json("import", str(essay))[0]["new"] is False
    outline = shell.json("outline", str(number))
    (part,) = outline.pop("parts")
    assert outline == {"piece": number, "title": "The night bus", "language": "en", "cited": [], "topics": []}
    assert part["remarks"] == []
    assert [one.pop("level") in (1, 2) for one in part["sections"]] == [True] * 3
    assert part["sections"] == [
        {"heading": heading, "voice": "analysis", "paragraphs": 1, "items": 0} for heading in (None, "Costs", "Riders")
    ]
    assert "Costs [analysis] 1 paragraph" in shell("outline", "night bus")
    essay.write_text(ESSAY.replace("one owl", "two owls"))
    assert shell("import", str(essay)) == f"#{number} The night bus: edited, published\n"
    why = shell.json("why", str(number))
    assert (why["piece"], why["places"][-1]["place"]) == (number, "web:pieces")
    done = shell.run("import", str(tmp_path / "missing.md"), str(essay), "--json")
    assert (done.code, [entry["state"] for entry in json.loads(done.out)]) == (1, ["published", "error"])
    assert "missing.md does not exist" in done.err


def test_asking(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "bees.md").write_text("---\ntopics: Bees\n---\n# On bees\n\nThey hum.\n")
    (one,) = shell.json("import", str(tmp_path / "bees.md"))
    answer = shell.json("ask", "/search bees")
    assert sorted(answer) == ["error", "links", "ok", "private", "text"]
    assert (answer["ok"], answer["private"], answer["error"]) == (True, True, None)
    assert "On bees" in answer["text"]
    refusal = shell.json("ask", f"/mod retract {one['piece']}", code=2)
    assert (refusal["ok"], refusal["error"]) == (False, refusal["text"])
    assert re.search("[ぁ-ん]", shell.json("ask", "/help", "--lang", "ja")["text"])
    assert shell.json("ask", f"/mod retract {one['piece']} sure:yes reason:wrong", "--as", "moderator")["ok"]
    assert shell.json("ask", "/nonsense", code=2)["ok"] is False
    assert "choose reader, author, moderator or admin" in shell.refused("ask", "/help", "--as", "king")
    assert "choose one of" in shell.refused("ask", "/help", "--lang", "fr")


def test_feeds(shell: Shell, web: FeedServer, request: pytest.FixtureRequest) -> None:
    name = "alone" if "alone" in request.node.name else "running"
    web.put(f"/{name}/feed", rss("one", "two", "three", name=name))
    web.put(f"/{name}/", f'<html><head><link rel="alternate" type="application/rss+xml" href="/{name}/feed"></head>'
            "<body>A page.</body></html>", content_type="text/html")  # fmt: skip
    address = web.url(f"/{name}/feed")
    shell("place", "add", "web:feeds", "--filter", f'source:"The {name}"')
    assert shell("feed", "test", web.url(f"/{name}/")).startswith(f"{address}: The {name}: 3 new or changed, 0 known\n")
    done = shell.run("feed", "add", web.url(f"/{name}/"), "--place", "web:feeds", "--text", "link")
    assert (done.code, done.err) == (0, f"found the feed {address}\n")
    assert done.out == f"{address}: first look: seen 3, posted 0; `rondan backfill --last 3` posts the newest\n"
    assert "is a source already" in shell.refused("feed", "add", address)
    web.put(f"/{name}/feed", rss("four", "one", "two", "three", name=name))
    (checked,) = shell.json("feed", "check", address)
    assert (checked["new"], checked["edited"], checked["unchanged"], checked["held"]) == (1, 0, 3, 0)
    assert f"{address}: unchanged" in shell("feed", "check", "--all").splitlines()
    assert "new 1" in shell("backfill", "--last", "2", "--feed", address)
    assert shell.json("feed", "set", address, "--review", "--pause", "summer")["paused"] == "summer"
    assert "PAUSED: summer" in shell("feed", "list")
    assert shell.json("feed", "set", address, "--resume", "--no-review")["review"] is False
    assert "seen before, not posted" in shell("why", f"https://{name}.example/three")
    assert shell("feed", "release", address) == f"{address}: released 0\n"
    assert address in shell("opml", "export")


def test_feeds_that_can_not_be_read_are_kept_with_their_reason(running: Shell, web: FeedServer) -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    web.put("/bomb", f'<!DOCTYPE r [<!ENTITY e0 "lol">{bomb}]><r>&e9;</r>')
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}/feed"
    said = running.run("feed", "add", refused)
    assert said.code == 0
    assert "can't read it yet" in said.err
    running("feed", "add", web.url("/bomb"))
    ours = (refused, web.url("/bomb"))
    listed = {one["feed"]: one for one in running.json("feed", "list") if one["feed"] in ours}
    assert (listed[refused]["error_code"], listed[refused]["failures"]) == ("refused", 1)
    assert listed[web.url("/bomb")]["error_code"] in ("not-a-feed", "too-complex")
    status = running("status")
    for address, one in listed.items():
        assert f"1 failures: {one['error']}" in status
        assert one["error"] in running("why", address)


def test_opml(running: Shell, web: FeedServer, tmp_path: Path) -> None:
    path = tmp_path / "feeds.opml"
    web.put("/listed", rss("one"))
    entry = f'<outline type="rss" text="Listed" xmlUrl="{web.url("/listed")}"/>'
    path.write_text(f'<opml version="2.0"><head/><body>{entry}</body></opml>')
    assert running("opml", "import", str(path)) == f"{web.url('/listed')}: added\n"
    assert running("opml", "import", str(path)) == f"{web.url('/listed')}: known\n"
    path.write_text(running("opml", "export"))
    assert {"feed": web.url("/listed"), "title": "Listed", "new": False} in running.json("opml", "import", str(path))
    assert "can't read" in running.refused("opml", "import", str(tmp_path))
    path.write_text("no list")
    assert "OPML" in running.refused("opml", "import", str(path), code=1)


def test_export_and_status(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "frogs.md").write_text("---\ntopics: Frogs\n---\n# On frogs\n\nThey leap.\n")
    shell("import", str(tmp_path / "frogs.md"))
    target = tmp_path / "all.jsonl"
    assert shell("export", "--jsonl", str(target)).startswith(f"{target}: ")
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert target.stat().st_mode & 0o777 == 0o600
    (frogs,) = [line for line in lines if line["kind"] == "piece" and line["title"] == "On frogs"]
    assert (frogs["topics"], frogs["state"]) == (["Frogs"], "published")
    assert "They leap." in frogs["text"]
    assert "can't write" in shell.refused("export", "--jsonl", str(tmp_path))
    assert "can't write" in shell.refused("export", "--jsonl", str(tmp_path / "none" / "all.jsonl"))
    assert sorted(one.name for one in tmp_path.iterdir() if "unfinished" in one.name) == []
    status = shell.json("status")
    assert status["counts"]["pieces"] >= 1
    assert {"version", "database", "places", "feeds", "lanes", "errors"} < set(status)
    lacking = fonts.missing()
    assert status["pictures"] == {"on": True, "missing": lacking}
    assert all(f"pictures: none is drawn, {one}" in shell("status") for one in lacking)


# --- a running bot ---


def test_what_is_kept_of_people(shell: Shell) -> None:
    assert shell.json("retention", "--plan") == {
        "comments": 0, "reactions": 0, "places": 0, "days": {"comments": 365, "reactions": 90, "places": 14},
    }  # fmt: skip
    assert shell("privacy", "--lang", "ja").startswith("# プライバシー\n")


def test_a_running_bot_posts_what_the_shell_brings_and_what_a_folder_gets(running: Shell, watched: Path) -> None:
    running("place", "add", "web:watch", "--topic", "Owls")

    def text() -> str:
        answer = running.json("ask", "/piece owls", code=0) if _titled(running, "owls") else {"text": "", "links": []}
        return str(answer["text"]) if any("watch" in link for link in answer["links"]) else ""

    (watched / "owls.md").write_text("---\ntopics: Owls\n---\n# On owls\n\nThey look.\n")
    (watched / "later.md").write_text(EMBARGOED)
    (watched / "bad.md").write_text("---\ntitle: Bad\ndate: someday\n---\nx\n")
    until(lambda: "They look." in text())
    (watched / "owls.md").write_text("---\ntopics: Owls\n---\n# On owls\n\nThey turn their heads.\n")
    until(lambda: "They turn their heads." in text())
    assert "under embargo until 2999-01-01" in running("why", "Tomorrow") or "filtered" in running("why", "Tomorrow")


def _titled(shell: Shell, words: str) -> bool:
    return shell.run("outline", words).code == 0


def test_a_second_bot_is_refused_and_the_first_goes_on(running: Shell) -> None:
    assert "another Rondan owns" in running.refused("run", code=78)
    assert "another Rondan owns" in running.refused("playground", code=78)
    assert running.json("status")["version"]


def test_commands_at_the_same_moment_wait_for_each_other(alone: Shell) -> None:
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda n: alone.run("place", "add", f"web:n{n}"), range(4)))
    assert [one.code for one in done] == [0, 0, 0, 0], done
    assert len(alone.json("place", "list")) == 4


def test_run_alone_loads_nothing_and_ends_at_once_when_told(alone: Shell, web: FeedServer) -> None:
    bot = start(alone.database)
    web.put("/hanging", delay=30)
    hanging = subprocess.Popen(
        [sys.executable, "-m", "bot", "feed", "add", web.url("/hanging")], env=environment(alone.database),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: web.hits["/hanging"])
    assert bot.stop(signal.SIGTERM) < 3
    assert hanging.wait(20) == 1
    with sqlite3.connect(alone.database) as database:
        assert database.execute("select (select count(*) from piece), (select count(*) from place)").fetchone() == (
            0,
            0,
        )
    database.close()
    assert start(alone.database).stop(signal.SIGINT) < 3


def test_the_playground_loads_its_sample_once_and_shows_it_nowhere_else(alone: Shell) -> None:
    first = start(alone.database, "playground")
    assert "Loaded a sample publication: 6 pieces.\n" in first.lines
    until(lambda: _posted(alone) >= 6)
    assert all(set(one["postings"]) <= {"done", "skipped"} for one in alone.json("place", "list"))
    first.stop()
    with sqlite3.connect(alone.database) as database:
        database.execute("insert into place(platform, channel, created_at) values('fax', 'office', 0)")
    database.close()
    second = start(alone.database, "playground")
    assert not [line for line in second.lines if "sample" in line]
    listed = {one["place"]: one["postings"] for one in alone.json("place", "list")}
    assert listed["fax:office"] == {}
    assert alone("backfill", "--place", "fax:office", "--last", "9") == "nothing to post\n"
    assert alone.json("status")["counts"]["pieces"] == 6
    second.stop()
    assert start(alone.database).stop() < 3


def _posted(shell: Shell) -> int:
    return sum(one["postings"].get("done", 0) for one in shell.json("place", "list"))


# --- what can be wrong before anything runs ---


def test_help() -> None:
    for command in ([str(Path(sys.executable).with_name("rondan"))], [sys.executable, "-m", "bot"]):
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0
        for name in ("run", "import", "outline", "ask", "why", "status", "export", "place", "feed", "opml", "backfill"):
            assert re.search(rf"^ +{name} ", done.stdout, re.M), name


@pytest.mark.parametrize(
    "args", [["nonsense"], ["outline"], ["backfill", "--last", "0"], ["place"], ["place", "add", "web:x", "--cap", "a"]]
)
def test_wrong_use_exits_2(alone: Shell, args: list[str]) -> None:
    assert alone.run(*args).code == 2
    assert not alone.database.exists()


def test_wrong_settings_are_all_told_at_once(alone: Shell) -> None:
    alone.settings = {"RONDAN_WEB": "everywhere", "RONDAN_DATABSE": "x", "RONDAN_LANG": "fr"}
    for verb in ("run", "status"):
        said = alone.refused(verb, code=78)
        assert all(f"rondan: {name}" in said for name in alone.settings)
    assert not alone.database.exists()


def test_a_database_that_can_not_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database\n" * 1000)
    assert "set RONDAN_DATABASE" in Shell(tmp_path / "file" / "r.db", folder=tmp_path).refused("status", code=78)
    assert "can't open the database" in Shell(tmp_path / "file").refused("status", code=1)


def test_an_address_that_is_taken(alone: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        alone.settings = {"RONDAN_WEB": f"127.0.0.1:{taken.getsockname()[1]}"}
        assert "set RONDAN_WEB to another address, or to `off`" in alone.refused("run", code=78)
