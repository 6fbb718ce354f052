"""The other side: two servers, a feed and a folder, and the people who write, read, react, answer and think again.

While the program may be deaf, one emoji under one message only rises or only falls in number: a swap that leaves the
count as it was can't be seen afterwards (`docs/discord.md`, After an absence). `rest` ends that, when all was heard.
"""

from __future__ import annotations

import html
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from core.chat import Place
from core.times import now
from storage import places, schema, sources
from storage.db import Db, Tx
from storage.postgres import PgDb
from storage.sqlite import SqliteDb
from tests.chaos.program import Program
from tests.standins.discord import Channel, Discord, Message, User
from tests.standins.feeds import FeedServer
from tests.standins.slack import Channel as SlackChannel
from tests.standins.slack import Message as SlackMessage
from tests.standins.slack import Person, Slack
from tests.standins.slack.basics import EMOJI as NAMES

PEOPLE = 120
EMOJI = ("👍", "👎", "🎉", "👀", "🔥")
SHOWN, REWORDED = 24, 12  # items in the feed; of the newest that its author still changes, so that none is missed
LAYOUTS = {"discord": ("card", "thread", "forum"), "slack": ("card", "thread")}


@dataclass(slots=True, kw_only=True)
class Item:
    """A piece as its author has it. `withdrawn` None: it was asked for, and no answer came."""

    number: int
    kind: str  # feed, file
    wording: int = 0
    guid: int = 0
    withdrawn: bool | None = False

    @property
    def title(self) -> str:
        return f"Piece {self.kind} {self.number:04}"

    @property
    def words(self) -> str:
        return f"Wording {self.wording} of {self.kind} {self.number:04}."


@dataclass(kw_only=True)
class World:
    """Both servers with their places, and all that was ever written."""

    dice: random.Random
    folder: Path
    discord: Discord
    slack: Slack
    feeds: FeedServer
    items: list[Item] = field(default_factory=list)
    spots: dict[tuple[str, str], Channel | SlackChannel] = field(default_factory=dict)
    events: int = 0
    forgotten: dict[str, bool] = field(default_factory=dict)
    """People of Slack who had all of theirs erased, by id; False: they asked, and no answer came."""
    _words: int = 0
    _course: dict[tuple[str, str], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.discord.buckets = False
        self.discord.application_flags = 1 << 19  # the text of messages is granted
        self.slack.limited = False
        self.slack.patience, self.slack.retry_after = 2.0, (0, 0.5, 2.0)
        guild = self.discord.guild("Publication")
        for layout in LAYOUTS["discord"]:
            make = guild.forum if layout == "forum" else guild.text
            self.spots["discord", layout] = make(layout)
        for layout in LAYOUTS["slack"]:
            self.spots["slack", layout] = self.slack.channel(layout)
        self.readers: list[User] = [self.discord.user(f"reader {number}") for number in range(PEOPLE)]
        self.people: list[Person] = [self.slack.person(f"reader {number}") for number in range(PEOPLE)]
        self.editor = self.slack.person("mo", admin=True)
        self._serve()

    async def prepare(self, program: Program) -> None:
        """A new database with the places and the feed."""
        db: Db
        if program.address is None:
            db = await SqliteDb.open(program.database)
        else:
            db = await PgDb.open(program.address, program.keys)
        try:
            await schema.migrate(db, now())
            for (platform, layout), channel in self.spots.items():
                place = Place(id=0, platform=platform, channel=str(channel.id), layout=layout)  # type: ignore[arg-type]
                await places.add_place(db, place, "place", now())

            async def feed(tx: Tx) -> None:
                await sources.add_source(
                    tx, kind="feed", address=self.feeds.url("/feed"), title="", text_mode="full", review=False,
                    places=(), now=now(),
                )  # fmt: skip

            await db.write(feed)
        finally:
            await db.close()

    # --- what authors do ---

    def publish(self) -> None:
        """A new piece in the feed, or in the folder."""
        kind = self.dice.choice(("feed", "file"))
        self.items.append(Item(number=len(self.items), kind=kind))
        self._write(self.items[-1])

    def reword(self) -> None:
        """One of those that are still shown."""
        fresh = self._in_feed()[-REWORDED:]
        if shown := [one for one in self.items if one.kind == "file" or one in fresh]:
            item = self.dice.choice(shown)
            item.wording += 1
            self._write(item)

    def renumber(self) -> None:
        """The feed gives everything new ids and new dates, as after a move to other software; words and links stay."""
        for item in self._in_feed():
            item.guid += 1
        self._serve()

    def _in_feed(self) -> list[Item]:
        return [one for one in self.items if one.kind == "feed"][-SHOWN:]

    def _write(self, item: Item) -> None:
        if item.kind == "feed":
            self._serve()
            return
        text = f"# {item.title}\n\n{item.words}\n\n## Costs\n\nIt costs less than feared. The town pays.\n"
        new = self.folder / f"{item.number}.new"
        new.write_text(text)
        new.rename(self.folder / f"{item.number}.md")

    def _serve(self) -> None:
        entries = "".join(
            f"<item><title>{one.title}</title><link>https://a.example/{one.number}</link>"
            f'<guid isPermaLink="false">{one.number}-{one.guid}</guid><pubDate>{format_datetime(now())}</pubDate>'
            f"<description>{html.escape(one.words)}</description></item>"
            for one in reversed(self._in_feed())
        )
        old = "<item><title>Old</title><guid>old</guid><description>Seen.</description></item>"
        self.feeds.put(
            "/feed", f'<rss version="2.0"><channel><title>A paper</title><link>https://a.example</link>{entries}{old}'
            "</channel></rss>",
        )  # fmt: skip

    # --- what readers do ---

    def rest(self) -> None:
        """All was heard: readers may do anything again. What is over is forgotten, or a long run fills the memory."""
        self._course.clear()
        self.discord.ledger.log.clear()
        self.slack.log.clear()
        self.slack.outbox.deliveries.clear()
        self.slack.sockets.acknowledged.clear()

    async def act(self) -> None:
        """One thing that one reader does."""
        roots = list(self.cards(self.dice.choice(("discord", "slack"))))
        if not roots:
            return
        self.events += 1
        card = self.dice.choice(roots)
        if self.dice.random() < 0.85 and await self._react(card, self.dice.choice(EMOJI)):
            return
        if isinstance(card, Message):
            await self._talk_discord(card)
        else:
            await self._talk_slack(card)

    async def arrive(self) -> Person:
        """Somebody new on Slack, who says and reacts something."""
        person = self.slack.person(f"leaver {self.events}")
        if cards := list(self.cards("slack")):
            card = self.dice.choice(cards)
            self.events += 2
            await self.slack.say(person, card, self._sentence())
            await self.slack.react(person, card, "heart")
        return person

    def cards(self, platform: str) -> Iterator[Any]:
        """The first message of every posting that stands."""
        for (there, layout), channel in self.spots.items():
            if there != platform:
                continue
            if isinstance(channel, SlackChannel):
                yield from (one for one in channel if one.app and one.thread in (None, one.ts) and not one.subtype)
            elif layout == "forum":
                threads = [
                    one for one in list(self.discord.channels.values()) if one.parent is channel and not one.gone
                ]
                yield from (one.messages[one.id] for one in threads if one.id in one.messages)
            else:
                yield from (one for one in channel if one.author is self.discord.me and one.type == 0)

    async def _react(self, card: Message | SlackMessage, emoji: str) -> bool:
        """Somebody puts it there or takes it off, whichever is its course; False: nobody is left who could."""
        people: list[Any] = self.readers if isinstance(card, Message) else self.people
        there = (
            card.reactions.get((emoji, 0), ()) if isinstance(card, Message) else card.reactions.get(NAMES[emoji], ())
        )
        rising = self._course.setdefault((str(card.id), emoji), not there or self.dice.random() < 0.6)
        able = [one for one in people if (one.id in there) is not rising]
        if not able:
            return False
        if isinstance(card, Message):
            await self.discord.react(self.dice.choice(able), card, emoji, rising)
        else:
            await self.slack.react(self.dice.choice(able), card, emoji, rising)
        return True

    async def _talk_discord(self, card: Message) -> None:
        thread = card.channel if card.channel.is_thread else card.thread
        reader = self.dice.choice(self.readers)
        said = [] if thread is None else [one for one in thread if one.author is not self.discord.me and one.type == 0]
        match self.dice.randrange(8):
            case 0 if said:
                one = self.dice.choice(said)
                await self.discord.edit(one.author, one, self._sentence())
            case 1 | 2 if said:
                await self.discord.delete(self.dice.choice(said))
            case _:
                if thread is None:
                    thread = await self.discord.start_thread(reader, card, "talk")
                await self.discord.say(reader, thread, self._sentence())

    async def _talk_slack(self, card: SlackMessage) -> None:
        said = [one for one in card.replies if not one.app]
        match self.dice.randrange(8):
            case 0 if said:
                one = self.dice.choice(said)
                await self.slack.edit(one.author, one, self._sentence())
            case 1 | 2 if said:
                await self.slack.delete(self.dice.choice(said))
            case _:
                await self.slack.say(self.dice.choice(self.people), card, self._sentence())

    def _sentence(self) -> str:
        self._words += 1
        return f"Words {self._words}. {self.dice.choice(('賛成です。', 'I disagree.', '運賃が高いと思います。'))}"
