"""The first day: settings are asked for and written, places and feeds are made, one test post shows that all works."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from bot.environment import load
from bot.settings import PREFIX, Settings
from core.chat import Place
from core.document import Heading, Paragraph, spans
from core.errors import ConfigError, Refusal, RondanError
from core.message import Message
from core.placing import split_place
from core.times import now as utc
from storage import places, postings, sources

if TYPE_CHECKING:
    from bot.house import House

WITHIN = 60.0  # seconds for the test posts
SUBJECT = "greeting"
"""The subject of the test post: one a place, ever, so that `rondan init` may be run again."""
ASKED = (
    ("lang", "Language of posts: en or ja", False),
    ("zone", "Time zone, such as Asia/Tokyo", False),
    ("operator", "Who runs this, and how readers reach you", False),
    ("discord_token", "Discord bot token (docs/discord.md; empty: no Discord)", True),
    ("slack_bot_token", "Slack bot token, xoxb-… (docs/slack.md; empty: no Slack)", True),
    ("slack_app_token", "Slack app token, xapp-…", True),
)
"""Settings that the wizard asks for, its question, and whether the answer is a secret."""
TEXTS = {
    "en": ("Rondan is here", "This is a test post. New pieces will come to this channel; you may delete this message."),
    "ja": (
        "Rondanです",
        "これはテスト投稿です。新しい記事がこのチャンネルに届きます。このメッセージは削除してかまいません。",
    ),
}


async def show(place: Place, _number: int) -> Message:
    """The test post."""
    title, text = TEXTS.get(place.language, TEXTS["en"])
    blocks = (Heading(level=2, spans=spans(title)), Paragraph(spans=spans(text)))
    return Message(title=title, blocks=blocks, language=place.language)


def keep(env_file: Path, given: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Write settings (by field) to the file, 0600, the other lines as they are; gives all settings. ConfigError if they
    are wrong: then nothing is written.
    """
    if odd := [name for name, value in given.items() if "${" in value]:
        raise ConfigError(*(f"{PREFIX}{name.upper()} has ${{ in it, which .env can't hold" for name in odd))
    lines = env_file.read_text(encoding="utf-8").splitlines() if env_file.exists() else []
    for name, value in given.items():
        variable = PREFIX + name.upper()
        line = f"{variable}={_quoted(value)}"
        at = next((n for n, one in enumerate(lines) if re.match(rf"\s*(export\s+)?{variable}\s*=", one)), None)
        if at is None:
            lines.append(line)
        else:
            lines[at] = line
    handle, unfinished = tempfile.mkstemp(prefix=f"{env_file.name}.", dir=env_file.absolute().parent)  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        settings = load(environment, Path(unfinished))
        Path(unfinished).rename(env_file)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return settings


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w.:/@+,=-]*", value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", " ".join(value.split())) + '"'


def before(env_file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What is set already, by field: in the file, or in the environment, which wins."""
    found = dict(dotenv_values(env_file)) if env_file.is_file() else {}
    found |= {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    return {name: found[PREFIX + name.upper()] or "" for name, _, _ in ASKED if found.get(PREFIX + name.upper())}


def fitting(name: str, value: str) -> str:
    """The value. Refusal for a language or a zone that there is not; other settings depend on each other."""
    if name in ("lang", "zone"):
        try:
            load({PREFIX + name.upper(): value}, Path(os.devnull))
        except ConfigError as error:
            raise Refusal(error.problems[0].partition(": ")[2]) from error  # without where it stands: it was typed
    return value


async def seen(settings: Settings) -> list[tuple[str, str]]:
    """Channels that the bot sees, by address and name. RondanError if a platform can't be asked."""
    found = []
    if settings.discord_token is not None:
        from bot.platforms.discord.invite import channels as on_discord

        found += await on_discord(settings.discord_token.get_secret_value(), settings.discord_api)
    if settings.slack_bot_token is not None:
        from bot.platforms.slack.examine import channels as on_slack

        found += await on_slack(settings.slack_bot_token.get_secret_value(), settings.slack_api, utc)
    return found


def chosen(answer: str, listed: Sequence[tuple[str, str]]) -> list[str]:
    """The places that were typed: addresses, or numbers of the list, which begins with 1. Refusal for anything else."""
    found = []
    for word in answer.split():
        counted = bool(listed) and word.isdecimal()
        if counted and not 1 <= int(word) <= len(listed):
            raise Refusal(f"{word} is not in the list, which ends with {len(listed)}")
        found.append(listed[int(word) - 1][0] if counted else word)
        split_place(found[-1])
    return found


async def furnish(house: House, addresses: Sequence[str], feeds: Sequence[str], tell: Callable[[str], None]) -> None:
    """Make the places and follow the feeds that are not there yet."""
    from bot.verbs import VERBS

    for address in addresses:
        if await places.place_at(house.db, *split_place(address)) is None:
            await VERBS["place add"](house, {"address": address}, tell)
        tell(f"{address} is a place")
    for address in feeds:
        if await sources.source_at(house.db, address) is None:
            added = await VERBS["feed add"](house, {"address": address}, tell)
            tell(added["text"])


async def greet(house: House, tell: Callable[[str], None]) -> bool:
    """Send one test post to every place that had none; true if all stand. Works beside nothing else: no bot runs."""
    now = house.clock()
    everywhere = [one for one in await places.all_places(house.db) if not one.paused and one.layout != "queue"]
    await house.db.write(lambda tx: postings.want_all(tx, [one.id for one in everywhere], SUBJECT, 1, due=now, now=now))
    async with _connected(house, {one.platform for one in everywhere}) as tasks:
        deadline = asyncio.get_running_loop().time() + WITHIN
        while True:
            await house.publisher.settle_all()
            found = {one.address: await postings.at_place(house.db, one.id, SUBJECT, 1) for one in everywhere}
            waits = {at for at, posting in found.items() if posting is None or posting.state in ("due", "waiting")}
            if not waits or any(task.done() for task in tasks) or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.2)
    for at, posting in found.items():
        done = posting is not None and posting.state == "done"
        tell(f"{at}: " + ("the test post stands" if done else f"no test post: {posting and posting.reason}"))
    return all(posting is not None and posting.state == "done" for posting in found.values())


@contextlib.asynccontextmanager
async def _connected(house: House, platforms: set[str]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """The platforms at work, as long as it takes. Raises what one of them failed with."""
    await house.furnish()
    chats = [chat for name, chat in house.chats.items() if name in platforms and name != "web"]
    tasks = [asyncio.create_task(chat.run(house.desk, house.collector)) for chat in chats]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, RondanError):
                raise ended
