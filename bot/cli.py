"""The command line. Every command that touches the database goes to the process that owns it, here or elsewhere.

Heavy rooms are imported inside the functions: `rondan --help` must answer at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from bot.settings import Settings

T = TypeVar("T")
EXIT_REFUSED = 2
EXIT_CONFIG = 78  # EX_CONFIG: a supervisor must not start it again

app = typer.Typer(
    name="rondan",
    help="Rondan posts commentary to chats, keeps what readers answer, and gives digests back.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
place_app = typer.Typer(help="Channels that the publication speaks in.", no_args_is_help=True)
feed_app = typer.Typer(help="Feeds that bring pieces in.", no_args_is_help=True)
opml_app = typer.Typer(help="Feeds from and to other readers.", no_args_is_help=True)
discord_app = typer.Typer(help="Setting Rondan up on Discord.", no_args_is_help=True)
app.add_typer(discord_app, name="discord")
slack_app = typer.Typer(help="Setting Rondan up on Slack.", no_args_is_help=True)
app.add_typer(slack_app, name="slack")
app.add_typer(place_app, name="place")
app.add_typer(feed_app, name="feed")
app.add_typer(opml_app, name="opml")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


def main() -> None:
    """The console script. Errors that are expected come as sentences, without a traceback."""
    from core.errors import ConfigError, Refusal, RondanError

    try:
        app()
    except ConfigError as error:
        for problem in error.problems:
            print(f"rondan: {problem}", file=sys.stderr)
        sys.exit(EXIT_CONFIG)
    except Refusal as error:
        print(f"rondan: {error}", file=sys.stderr)
        sys.exit(EXIT_REFUSED)
    except RondanError as error:
        print(f"rondan: {error}", file=sys.stderr)
        sys.exit(1)


def _settings() -> Settings:
    from bot import logs
    from bot.environment import load

    settings = load()
    logs.configure(settings.log, settings.log_level)
    return settings


def _progress(text: str) -> None:
    print(text, file=sys.stderr)


def _call(verb: str, **args: Any) -> Any:
    """Run a verb: in the process that owns the database, or here if nobody does."""
    from bot import logs, owner
    from bot.environment import load

    settings = load()
    logs.configure(settings.log, "warning")

    async def work() -> Any:
        if settings.server is not None:
            return await here()
        deadline = time.monotonic() + owner.PATIENCE
        while True:
            lock = owner.Lock(settings.database)
            if lock.take():
                lock.release()
                return await here()
            # The owner may be starting, or a command that serves nobody: then it is soon gone.
            if owner.answers(settings.database) or time.monotonic() > deadline:
                return await owner.call(settings.database, verb, args, _progress)
            await asyncio.sleep(0.1)

    async def here() -> Any:
        from bot.house import House
        from bot.verbs import VERBS

        async with House(settings) as house:
            result = await VERBS[verb](house, args, _progress)
            await house.collector.fold_all()
            return result

    return asyncio.run(work())


def _show(result: Any, as_json: bool, text: str | None = None) -> None:
    if as_json or text is None:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print(text)


# --- running ---


@app.command()
def run() -> None:
    """Run the bot until it is stopped (Ctrl-C or SIGTERM)."""
    _run(_settings())


def _run(settings: Settings, hint: str = "") -> None:
    from bot.house import House

    def ready(address: str) -> None:
        print(f"Playground: {address}{hint}", file=sys.stderr, flush=True)

    async def work() -> None:
        async with House(settings, ready=ready) as house:
            await house.run()

    asyncio.run(work())


@app.command()
def playground() -> None:
    """Run with a small sample publication if the database is new: no account and no token needed."""
    settings = _settings()

    async def work() -> list[str]:
        from bot.house import House
        from bot.sample import load_sample

        async with House(settings) as house:
            return await load_sample(house)

    loaded = asyncio.run(work())
    if loaded:
        print(f"Loaded a sample publication: {len(loaded)} pieces.", file=sys.stderr)
    hint = """
  Try: open the address, press Read on a piece, react, comment,
       type /digest period:all in the line below, switch to moderator and /mod retract 1.
       In another shell: rondan ask '/digest period:all'    rondan status    rondan why 1
  Ctrl-C stops it; what was said is kept."""
    _run(settings, hint)


@app.command()
def init(
    place: Annotated[list[str] | None, typer.Option(metavar="PLATFORM:CHANNEL", help="Post there (or more).")] = None,
    feed: Annotated[list[str] | None, typer.Option(help="Follow this feed (or more).")] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing: settings are in the environment.")] = False,
    test_post: Annotated[bool, typer.Option("--test-post/--no-test-post", help="Post once to every place.")] = True,
) -> None:
    """Set up: write .env, say how to invite the bot, make places, post once to each, and look whether all is well.

    May be run again: what is there stays.
    """
    import os

    from bot import setup

    env_file, given = Path(".env"), setup.before(Path(".env"), os.environ)
    places, feeds = list(place or ()), list(feed or ())
    for name, question, secret in () if no_input else setup.ASKED:
        if name == "slack_app_token" and not given.get("slack_bot_token"):
            continue
        if name == "slack_bot_token" and not given.get(name):
            file = "File to write the manifest to, from which Slack makes the app (empty: none)"
            _asked(file, lambda text: slack_manifest(to=Path(text)) if text else None)
        given[name] = _asked(question, partial(setup.fitting, name), given.get(name, ""), secret=secret)
    settings = setup.keep(env_file, {name: value for name, value in given.items() if value}, os.environ)
    _progress(f"wrote {env_file.absolute()} (only you can read it)")
    if no_input and not settings.slack_bot_token:
        _progress("Slack: make the app from the manifest that `rondan slack manifest` prints (docs/slack.md)")
    if settings.discord_token:
        from bot.platforms.discord.invite import invite

        address = asyncio.run(invite(settings.discord_token.get_secret_value(), settings.discord_api))
        _progress(f"Discord: whoever manages the server adds the bot at {address}")
    if not no_input:
        listed = _channels(settings)
        question = "Places: numbers of this list, or addresses" if listed else "Places, such as web:general"
        places += _asked(question, lambda text: setup.chosen(text, listed))
        feeds += _asked("Addresses of feeds", str.split)

    async def work() -> bool:
        from bot.house import House

        async with House(settings) as house:
            await setup.furnish(house, places, feeds, _progress)
            return await setup.greet(house, _progress) if test_post else True

    stands = asyncio.run(work())
    try:
        doctor(online=bool(settings.discord_token or settings.slack_bot_token))
    except typer.Exit as end:
        raise typer.Exit(max(end.exit_code, 0 if stands else 2)) from None


def _asked(question: str, use: Callable[[str], T], default: str = "", *, secret: bool = False) -> T:
    """What is typed, asked again until it can be used."""
    from core.errors import RondanError

    def fit(text: str) -> T:
        try:
            return use(text.strip())
        except RondanError as error:
            raise typer.BadParameter(str(error)) from error

    hide, tell = secret and sys.stdin.isatty(), bool(default) and not secret
    answer: T = typer.prompt(question, default=default, hide_input=hide, show_default=tell, value_proc=fit, err=True)
    return answer


def _channels(settings: Settings) -> list[tuple[str, str]]:
    """The channels that the bot sees, shown with their numbers."""
    from bot import setup
    from core.errors import RondanError

    if settings.discord_token or settings.slack_bot_token:
        _asked("When it is added there, press Enter", str)
    try:
        listed = asyncio.run(setup.seen(settings))
    except RondanError as error:
        _progress(f"the channels can't be listed: {error}")
        return []
    for number, (address, name) in enumerate(listed, 1):
        _progress(f"{number:>3}  {name}  {address}")
    return listed


# --- pieces ---


@app.command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders: Markdown, HTML, plain text; or an export.")],
    as_json: Json = False,
) -> None:
    """Bring pieces in from files; or all that `rondan export` wrote to a folder, into an empty database."""
    from bot import export as exporting

    if len(paths) == 1 and exporting.is_export(paths[0]):
        _import_all(paths[0], as_json)
        return
    result = _call("import", paths=[str(path.absolute()) for path in paths])
    failed = [one for one in result if one.get("error")]
    for one in failed:
        print(f"rondan: {one['error']}", file=sys.stderr)
    lines = [f"#{one['piece']} {one['title']}: {one['outcome']}, {one['state']}" for one in result if one["piece"]]
    _show(result, as_json, "\n".join(lines) or "no pieces found")
    if failed:
        raise typer.Exit(1)


def _import_all(folder: Path, as_json: bool) -> None:
    settings = _settings()

    async def work() -> tuple[str, dict[str, int]]:
        from bot.export import import_all
        from bot.house import House

        async with House(settings) as house:  # a running bot is not an empty one
            return house.db.name, await import_all(house, folder)

    name, result = asyncio.run(work())
    _show(result, as_json, f"{name}: {sum(result.values())} rows from {folder}")


@app.command()
def outline(
    piece: Annotated[str, typer.Argument(help="Number, or words of the title.")], as_json: Json = False
) -> None:
    """Print what was understood of a piece: parts, sections, voices, cited articles."""
    result = _call("outline", piece=piece)
    _show(result, as_json, _outline_text(result))


def _outline_text(result: dict[str, Any]) -> str:
    lines = [f"#{result['piece']} {result['title']} ({result['language']})"]
    lines += [f"  cited: {one['title']}" + (f" <{one['url']}>" if one["url"] else "") for one in result["cited"]]
    for number, part in enumerate(result["parts"], 1):
        lines.append(f"part {number}")
        lines += [f"  “{remark}”" for remark in part["remarks"]]
        for section in part["sections"]:
            counts = f"{section['paragraphs']} paragraphs" + (f", {section['items']} items" if section["items"] else "")
            indent = "  " * section["level"]
            lines.append(f"{indent}{section['heading'] or '—'} [{section['voice']}] {counts}")
    if result["topics"]:
        lines.append("topics: " + ", ".join(result["topics"]))
    return "\n".join(lines)


@app.command()
def ask(
    line: Annotated[str, typer.Argument(help="A command as in chat: '/digest topic:OpenAI period:30d'.")],
    role: Annotated[str, typer.Option("--as", help="reader, author, moderator or admin.")] = "reader",
    lang: Annotated[str | None, typer.Option(help="en or ja.")] = None,
    as_json: Json = False,
) -> None:
    """Run any chat command from the shell, through the same desk and on the same database."""
    from core.errors import Refusal
    from core.speech import LANGUAGES

    if role not in ("reader", "author", "moderator", "admin"):
        raise Refusal(f"--as {role}: choose reader, author, moderator or admin")
    if lang is not None and lang not in LANGUAGES:
        raise Refusal(f"--lang {lang}: choose one of {', '.join(LANGUAGES)}")
    result = _call("ask", line=line, role=role, lang=lang)
    _show(result, as_json, result["text"])
    if not result["ok"]:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def why(
    asked: Annotated[str, typer.Argument(help="Address of an item or feed, a piece's number, or words of its title.")],
    as_json: Json = False,
) -> None:
    """Say why an item was or was not posted at each place."""
    result = _call("why", asked=asked)
    text = result.pop("text")
    _show(result, as_json, text)


@app.command()
def backfill(
    last: Annotated[int, typer.Option(min=1, help="How many of the newest items.")] = 3,
    feed: Annotated[str | None, typer.Option(help="Only this feed.")] = None,
    place: Annotated[str | None, typer.Option(help="Post the newest pieces at this place instead.")] = None,
    as_json: Json = False,
) -> None:
    """Post the newest items that were there at the first look, or the newest pieces at a new place."""
    result = _call("backfill", last=last, feed=feed, place=place)
    lines = [one.get("text") or f"#{one['piece']} {one['title']} → {one['place']}" for one in result]
    _show(result, as_json, "\n".join(lines) or "nothing to post")


@app.command()
def repost(
    piece: Annotated[str, typer.Argument(help="Number, or words of the title.")],
    place: Annotated[str | None, typer.Option(help="Only at this place.")] = None,
    as_json: Json = False,
) -> None:
    """Show a piece again where it was removed in the chat, is stuck, or was rolled into another message."""
    result = _call("repost", piece=piece, place=place)
    _show(result, as_json, "\n".join(f"{one}: coming" for one in result))


@app.command()
def status(as_json: Json = False) -> None:
    """Say how feeds, places and posts are doing."""
    result = _call("status")
    _show(result, as_json, _status_text(result))


def _status_text(result: dict[str, Any]) -> str:
    counts = result["counts"]
    lines = [
        f"Rondan {result['version']}, {result['database']}",
        (
            f"{counts['pieces']} pieces, {counts['reactions']} reactions, {counts['comments']} comments, "
            f"{counts['journal']} events waiting"
        ),
    ]
    lines += [f"process {name}: {', '.join(parts) or 'nothing yet'}" for name, parts in result["processes"].items()]
    lines += [f"pictures: none is drawn, {lack}" for lack in result["pictures"]["missing"]]
    if model := result["model"]:
        rests = ", left alone for a while because it failed" if model["resting"] else ""
        lines.append(f"model: {model['spent']} of {model['daily']} tokens today{rests}")
    lines += _place_lines(result["places"]) + _feed_lines(result["feeds"])
    lines += [f"{one['place']} {one['subject']}: {one['state']} — {one['reason']}" for one in result["lanes"]]
    return "\n".join(lines)


@app.command()
def doctor(
    online: Annotated[bool, typer.Option("--online", help="Ask Discord and Slack too.")] = False, as_json: Json = False
) -> None:
    """Look at everything that Rondan stands on, and say what to do. Exit 0: all is well, 1: look at it, 2: broken."""
    from dataclasses import asdict

    from bot import doctor, logs
    from core.findings import Finding, verdict
    from core.times import now

    logs.configure("console", "error")
    colour = doctor.coloured(sys.stdout)

    async def work() -> list[Finding]:
        found = []
        async for one in doctor.examine(now, online=online):
            found.append(one)
            if not as_json:
                print(doctor.line(one, colour=colour), flush=True)
        return found

    findings = asyncio.run(work())
    if as_json:
        print(json.dumps([asdict(one) for one in findings], ensure_ascii=False, indent=2))
    raise typer.Exit(verdict(findings))


@app.command()
def healthcheck() -> None:
    """Exit 0 if the bot on this machine works on the database, 1 if not: for Docker's HEALTHCHECK and the like."""
    from bot import owner
    from core.errors import RondanError

    settings = _settings()
    database = settings.database

    async def work() -> None:
        if settings.server is not None:
            from bot.serving import lives_here

            if not await lives_here(settings.server):
                raise RondanError("no process of this machine takes part")
            return
        if not owner.answers(database):
            raise RondanError(f"nobody runs on {database}")
        async with asyncio.timeout(owner.PATIENCE / 2):
            await owner.call(database, "alive", {}, _progress)

    try:
        asyncio.run(work())
    except (RondanError, OSError, TimeoutError) as error:
        print(f"rondan: the bot does not answer: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


@app.command()
def export(
    folder: Annotated[Path | None, typer.Argument(help="A new folder for all of it.")] = None,
    jsonl: Annotated[Path | None, typer.Option("--jsonl", help="Only this file, one JSON object a line.")] = None,
    as_json: Json = False,
) -> None:
    """Write every piece, posting, reaction and comment: as JSON lines, Markdown, OPML, and rows for `rondan import`."""
    from core.errors import Refusal

    path = folder or jsonl
    if path is None or (folder and jsonl):
        raise Refusal("name a new folder, or a file with --jsonl")
    result = _call("export", path=str(path.absolute()), whole=folder is not None)
    _show(result, as_json, f"{path}: " + (", ".join(f"{n} {kind}s" for kind, n in result.items()) or "empty"))


@app.command()
def backup(
    to: Annotated[Path | None, typer.Option(help="The file to write; by default one in RONDAN_BACKUP_DIR.")] = None,
    as_json: Json = False,
) -> None:
    """Make a checked copy of the database now, also while the bot runs."""
    result = _call("backup", to=None if to is None else str(to.absolute()))
    _show(result, as_json, f"{result['path']}: {result['rows']} rows, {result['bytes']} bytes, checked")


@app.command()
def restore(
    copy: Annotated[Path | None, typer.Argument(help="The copy; by default the newest one that is sound.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only read the copies and say which are sound.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    doubt: Annotated[bool, typer.Option("--doubt", help="PostgreSQL: pg_restore brought a copy back.")] = False,
    as_json: Json = False,
) -> None:
    """Bring a copy of the database back; the one that is there is put aside. The bot must not be running.

    Afterwards nothing is posted that was not looked for in the chats first, and what people had erased stays so.
    """
    from bot import restoring
    from bot.backup import refuse_server
    from core.errors import Refusal
    from core.times import now

    settings = _settings()
    if doubt:
        _doubt(settings, as_json)
        return
    refuse_server(settings)
    if check:
        found = list(restoring.look(settings, copy))
        lines = [f"{one.path}: {one.lack or f'sound, {one.pieces} pieces'}" for one in found]
        rows = [{"path": str(one.path), "pieces": one.pieces, "lack": one.lack} for one in found]
        _show(rows, as_json, "\n".join(lines) or "there are no copies")
        raise typer.Exit(0 if any(one.lack is None for one in found) else 1)
    begun = restoring.begun(settings.database)
    if begun.exists():
        path, what = begun, "the copy whose restore was cut off"
    else:
        one = restoring.sound(settings, copy)
        path, what = one.path, f"{one.path} with {one.pieces} pieces"
    if not yes and not typer.confirm(f"Put {what} in the place of {settings.database}?", err=True):
        raise Refusal("nothing was changed")
    aside = asyncio.run(restoring.restore(settings, path, now))
    text = f"{settings.database}: restored from {path}" + (f"; what was there is {aside}" if aside else "")
    _show({"from": str(path), "aside": None if aside is None else str(aside)}, as_json, text)


def _doubt(settings: Settings, as_json: bool) -> None:
    from bot import restoring
    from core.errors import Refusal
    from core.times import now

    if settings.server is None:
        raise Refusal("--doubt is for PostgreSQL: of a file `rondan restore` brings a copy back by itself")

    async def work() -> str:
        from bot.house import House

        async with House(settings) as house:  # follows the ledger
            await restoring.doubt(house.db, now)
            return house.db.name

    name = asyncio.run(work())
    _show({"doubted": name}, as_json, f"{name}: from now on everything is looked for before it is posted")


@app.command()
def salvage(
    damaged: Annotated[Path, typer.Argument(help="The damaged file; it is only read.")],
    to: Annotated[Path, typer.Option("--to", help="A new file.")],
    as_json: Json = False,
) -> None:
    """Bring what can still be read of a damaged database into a new one: where no copy is sound, or all are old."""
    from dataclasses import asdict

    from bot import restoring
    from bot.backup import refuse_server
    from core.errors import Refusal
    from core.times import now

    settings = _settings()
    refuse_server(settings)
    if not damaged.is_file():
        raise Refusal(f"there is no file {damaged}")
    saved = asyncio.run(restoring.salvage(settings, damaged, to, now))
    lines = [
        f"  {table}: {one.rows} rows" + (f", {'some' if one.lost is None else one.lost} lost" if one.lost != 0 else "")
        for table, one in saved.items()
        if one.rows or one.lost != 0
    ]
    hint = "look at it, then put it in the place of the database while nothing runs"
    _show({table: asdict(one) for table, one in saved.items()}, as_json, "\n".join([f"{to}: {hint}", *lines]))


@app.command("migrate-to")
def migrate_to(
    address: Annotated[
        str, typer.Argument(metavar="postgresql://USER:PASSWORD@HOST/NAME", help="An empty database on a server.")
    ],
    as_json: Json = False,
) -> None:
    """Move everything from the SQLite file to PostgreSQL; cut off, it goes on where it was. Rondan must not be running.

    Both sides are compared at the end, row by row. The file stays as it is.
    """
    from dataclasses import asdict

    from bot import migrating
    from core.times import now

    settings = _settings()
    result = asyncio.run(migrating.migrate(settings, address, now, _progress))
    rows = {**asdict(result), "key": str(result.key), "ledger": str(result.ledger)}
    _show(rows, as_json, migrating.told(result, settings))


@app.command()
def retention(
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be erased.")] = False, as_json: Json = False
) -> None:
    """Erase now what is older than the settings keep it; the bot does so by itself every night."""
    result = _call("retention", plan=plan)
    days = result["days"]
    head = "would be erased:" if plan else "erased:"
    lines = [
        f"{result['comments']} comments older than {days['comments']} days",
        f"{result['reactions']} reactions older than {days['reactions']} days (their counts stay)",
        f"{result['places']} channels that the bot was removed from more than {days['places']} days ago",
    ]
    _show(result, as_json, "\n".join([head, *(f"  {line}" for line in lines)]))


@app.command()
def privacy(lang: Annotated[str, typer.Option(help="en or ja.")] = "en") -> None:
    """Print the privacy notice to publish, with these settings: RONDAN_OPERATOR names who runs this."""
    from bot.notice import notice
    from core.errors import Refusal
    from core.speech import LANGUAGES

    if lang not in LANGUAGES:
        raise Refusal(f"--lang {lang}: choose one of {', '.join(LANGUAGES)}")
    print(notice(_settings(), lang), end="")


@app.command("eval")
def eval_(
    name: Annotated[str, typer.Argument(help="summaries, sentences, themes, ranking, topics, terms or all.")],
    path: Annotated[Path, typer.Argument(help="The labelled data: a file, for ranking and all a folder.")],
) -> None:
    """Measure how well texts are read, on labelled data: one JSON line a set, the baseline beside ours."""
    from digest import trials

    for row in trials.run(name, path):
        print(json.dumps(row, ensure_ascii=False), flush=True)


@discord_app.command("invite")
def discord_invite(as_json: Json = False) -> None:
    """Print the address at which an administrator adds the bot to a server, with the permissions that it needs."""
    from core.errors import ConfigError

    settings = _settings()
    if settings.discord_token is None:
        raise ConfigError("set RONDAN_DISCORD_TOKEN first: docs/discord.md says where the token comes from")
    from bot.platforms.discord.invite import invite
    from bot.platforms.discord.permissions import NEEDED

    address = asyncio.run(invite(settings.discord_token.get_secret_value(), settings.discord_api))
    _show({"invite": address, "permissions": list(NEEDED.values())}, as_json, "\n".join([address, *NEEDED.values()]))


@slack_app.command("manifest")
def slack_manifest(
    url: Annotated[str | None, typer.Option(help="Where Slack sends events by HTTP; without it, Socket Mode.")] = None,
    to: Annotated[Path | None, typer.Option(help="The file to write; without it, it is printed.")] = None,
) -> None:
    """Print the manifest from which Slack makes the app: its scopes, events, commands and menus."""
    from bot.platforms.slack.slash import as_text, manifest
    from commands.desk import specs
    from core.errors import RondanError

    made = as_text(manifest(specs(), url=url, aliases=_settings().aliases))
    if to is None:
        print(made, end="")
        return
    try:
        to.write_text(made, encoding="utf-8")
    except OSError as error:
        raise RondanError(f"can't write {to}: {error.strerror}") from error
    _progress(f"wrote {to}: paste it at https://api.slack.com/apps (Create New App, From a manifest)")


# --- places ---

Layout = Annotated[
    str | None, typer.Option(help="card; thread: sections under it; queue: for moderators; discord also forum, follow.")
]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Only pieces on this topic (again for more).")]
Filter = Annotated[str | None, typer.Option(help="topic: author: source: language: word: with AND, OR, NOT, ( ).")]
Lang = Annotated[str | None, typer.Option(help="Language of posts there: en or ja.")]
Zone = Annotated[str | None, typer.Option(help="Time zone there, such as Asia/Tokyo.")]
Quiet = Annotated[str | None, typer.Option(help="Hours without posts, such as 22:00-07:00.")]
Cap = Annotated[int | None, typer.Option(help="Most pieces a day; the rest come in one message.")]
Audience = Annotated[str | None, typer.Option(help="Who sees comments made there: place, community, publication.")]
Name = Annotated[str | None, typer.Option(help="What to call it.")]
Mention = Annotated[str | None, typer.Option(help="Id of a role to mention at new pieces (discord).")]
Review = Annotated[bool | None, typer.Option("--review/--no-review", help="Pieces wait there for a moderator.")]
Moderators = Annotated[
    str | None, typer.Option(help="Ids of people, roles or user groups that moderate there only; none for nobody.")
]
Community = Annotated[str | None, typer.Option(help="Id of the server that the channel is of (discord).")]


@place_app.command("add")
def place_add(
    address: Annotated[str, typer.Argument(metavar="PLATFORM:CHANNEL")],
    layout: Layout = None,
    topic: Topics = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", help="topic: author: source: language: word: with AND, OR, NOT, ( ).")
    ] = None,
    lang: Lang = None,
    zone: Zone = None,
    quiet: Quiet = None,
    cap: Cap = None,
    audience: Audience = None,
    name: Name = None,
    mention: Mention = None,
    review: Review = None,
    moderators: Moderators = None,
    community: Community = None,
    as_json: Json = False,
) -> None:
    """Make a channel a place of the publication."""
    result = _call(
        "place add", address=address, layout=layout, topics=topic, filter=filter_, lang=lang, zone=zone, quiet=quiet,
        cap=cap, audience=audience, name=name, mention=mention, review=review, moderators=moderators,
        community=community,
    )  # fmt: skip
    _show(result, as_json, "\n".join(_place_lines([result])))


@place_app.command("set")
def place_set(
    address: Annotated[str, typer.Argument(metavar="PLATFORM:CHANNEL")],
    layout: Layout = None,
    topic: Topics = None,
    filter_: Annotated[str | None, typer.Option("--filter", help="As for add; an empty text takes all.")] = None,
    lang: Lang = None,
    zone: Zone = None,
    quiet: Annotated[str | None, typer.Option(help="Hours without posts, or off.")] = None,
    cap: Cap = None,
    audience: Audience = None,
    name: Name = None,
    mention: Mention = None,
    review: Review = None,
    moderators: Moderators = None,
    community: Community = None,
    pause: Annotated[str | None, typer.Option(help="Stop posting there, with a reason.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Post there again.")] = False,
    as_json: Json = False,
) -> None:
    """Change a place; only what is given."""
    result = _call(
        "place set", address=address, layout=layout, topics=topic, filter=filter_, lang=lang, zone=zone, quiet=quiet,
        cap=cap, audience=audience, name=name, mention=mention, review=review, moderators=moderators,
        community=community, paused="" if resume else pause,
    )  # fmt: skip
    _show(result, as_json, "\n".join(_place_lines([result])))


@place_app.command("remove")
def place_remove(
    address: Annotated[str, typer.Argument(metavar="PLATFORM:CHANNEL")],
    as_json: Json = False,
) -> None:
    """Post nothing new to a place; what was posted there stays."""
    result = _call("place remove", address=address)
    left = "it never showed anything and is forgotten" if result["forgotten"] else "what was posted there stays"
    _show(result, as_json, f"{result['place']}: removed; {left}")


@place_app.command("list")
def place_list(as_json: Json = False) -> None:
    """List the places."""
    result = _call("place list")
    _show(result, as_json, "\n".join(_place_lines(result)) or "no places; `rondan place add web:general` makes one")


def _place_lines(result: list[dict[str, Any]]) -> list[str]:
    lines = []
    for one in result:
        states = ", ".join(f"{n} {state}" for state, n in one.get("postings", {}).items())
        details = [one["layout"], one["language"], one["zone"], one["filter"] and f"filter {one['filter']}"]
        details += [
            one["quiet"] and f"quiet {one['quiet']}",
            one["cap"] is not None and f"cap {one['cap']}",
            one["mention"] and f"mentions role {one['mention']}",
            one["moderators"] and f"moderators {', '.join(one['moderators'])}",
            states,
        ]
        details += [one["paused"] and f"PAUSED: {one['paused']}"]
        lines.append(f"{one['place']}: " + ", ".join(str(detail) for detail in details if detail))
    return lines


# --- feeds ---


@feed_app.command("add")
def feed_add(
    address: Annotated[str, typer.Argument(help="Address of the feed, or of a page that names one.")],
    place: Annotated[list[str] | None, typer.Option(help="Only for this place (again for more).")] = None,
    review: Annotated[bool, typer.Option("--review", help="Hold its pieces until a moderator approves them.")] = False,
    text: Annotated[str | None, typer.Option(help="What may be shown: full, excerpt (default) or link.")] = None,
    as_json: Json = False,
) -> None:
    """Add a feed and take a first look: what is there now counts as seen and is not posted."""
    result = _call("feed add", address=address, places=place, review=review, text=text)
    _show(result, as_json, result["text"])


@feed_app.command("test")
def feed_test(
    address: Annotated[str, typer.Argument(help="Address of the feed, or of a page that names one.")],
    as_json: Json = False,
) -> None:
    """Read a feed once and show what it would bring; nothing is kept."""
    result = _call("feed test", address=address)
    head = f"{result['feed']}: {result['title']}: {len(result['items'])} new or changed, {result['known']} known"
    items = [f"  {one['published'] or '-'} {one['title']}" for one in result["items"][:10]]
    _show(result, as_json, "\n".join([head, *items, *result["problems"]]))


@feed_app.command("list")
def feed_list(as_json: Json = False) -> None:
    """List the feeds and how they are doing."""
    result = _call("feed list")
    _show(result, as_json, "\n".join(_feed_lines(result)) or "no feeds; `rondan feed add ADDRESS` adds one")


def _feed_lines(result: list[dict[str, Any]]) -> list[str]:
    lines = []
    for one in result:
        state = f"PAUSED: {one['paused']}" if one["paused"] else f"next look {one['next_check'] or '-'}"
        error = f", {one['failures']} failures: {one['error']}" if one["error"] else ""
        held = f", {one['held']} held" if one["held"] else ""
        lines.append(f"{one['feed']} “{one['title']}”: {state}{held}{error}")
    return lines


@feed_app.command("check")
def feed_check(
    address: Annotated[str | None, typer.Argument(help="The feed to poll.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every feed.")] = False,
    as_json: Json = False,
) -> None:
    """Poll one feed or all now and say what came of it."""
    from core.errors import Refusal

    if (address is None) != all_:
        raise Refusal("give the address of one feed, or --all")
    result = _call("feed check", address=address, all=all_)
    _show(result, as_json, "\n".join(one["text"] for one in result) or "no feeds; `rondan feed add ADDRESS` adds one")


@feed_app.command("set")
def feed_set(
    address: str,
    text: Annotated[str | None, typer.Option(help="What may be shown: full, excerpt or link.")] = None,
    review: Annotated[
        bool | None, typer.Option("--review/--no-review", help="Hold its pieces for a moderator.")
    ] = None,
    pause: Annotated[str | None, typer.Option(help="Stop polling, with a reason.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Poll again.")] = False,
    as_json: Json = False,
) -> None:
    """Change a feed; only what is given."""
    result = _call("feed set", address=address, text=text, review=review, paused="" if resume else pause)
    _show(result, as_json, "\n".join(_feed_lines([result])))


@feed_app.command("remove")
def feed_remove(address: str, as_json: Json = False) -> None:
    """Follow a feed no longer; its pieces stay."""
    result = _call("feed remove", address=address)
    _show(result, as_json, f"{result['feed']}: removed; its pieces stay")


@feed_app.command("release")
def feed_release(address: str, as_json: Json = False) -> None:
    """Publish the pieces of a feed that are held."""
    result = _call("feed release", address=address)
    _show(result, as_json, f"{result['feed']}: released {result['released']}")


@opml_app.command("import")
def opml_import(path: Path, as_json: Json = False) -> None:
    """Add the feeds of an OPML file."""
    result = _call("opml import", path=str(path.absolute()))
    _show(result, as_json, "\n".join(f"{one['feed']}: {'added' if one['new'] else 'known'}" for one in result))


@opml_app.command("export")
def opml_export() -> None:
    """Print the feeds as OPML."""
    print(_call("opml export"))
