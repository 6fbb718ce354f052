"""What both servers show beside what the rows say: every post once and in its newest words, every event kept."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from core.identity import Whose
from tests.chaos.program import Program
from tests.chaos.world import Item, World
from tests.standins.discord import Channel as DiscordChannel
from tests.standins.discord import Message
from tests.standins.discord.markdown import plain
from tests.standins.slack import Channel as SlackChannel
from tests.standins.slack.basics import EMOJI, unescape

SIGNS = {name: sign for sign, name in EMOJI.items()}
TITLE = re.compile(r"(?:Withdrawn: )?(Piece (?:feed|file) \d{4})")  # begins a post; answers to commands name pieces too
WORDING = re.compile(r"Wording (\d+) of (feed|file) (\d{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Sentences about what is wrong, and the figures."""

    posts_wanted: int
    posts_shown: int
    rows_wanted: int
    rows_kept: int
    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    wrong_edits: list[str] = field(default_factory=list)
    open_postings: int = 0

    @property
    def good(self) -> bool:
        return not (self.duplicates or self.losses or self.wrong_edits or self.open_postings)


def judge(world: World, program: Program, whose: Whose) -> Verdict:
    """As things stand now."""
    duplicates: list[str] = []
    losses: list[str] = []
    wrong: list[str] = []
    shown = never = 0
    retracted = {title for (title,) in program.rows("select title from piece where state='retracted'")}
    for (platform, layout), posts in _posts(world).items():
        where = f"{platform} {layout}"
        titled = [(match[1], root, inside) for root, inside in posts if (match := TITLE.match(root.strip()))]
        count = Counter(title for title, _, _ in titled)
        for item in world.items:
            shown += count[item.title] > 0
            if not count[item.title]:
                if item.withdrawn is not False and item.title in retracted:
                    never += 1  # it was withdrawn before it came there
                    continue
                losses.append(f"{where}: no {item.title}")
            elif count[item.title] > 1:
                duplicates.append(f"{where}: {item.title} {count[item.title]} times")
            else:
                [(_, root, inside)] = [one for one in titled if one[0] == item.title]
                lines = Counter(one.strip().split("\n")[0] for one in inside)
                duplicates += [f"{where}: {item.title}: {line!r} {n} times" for line, n in lines.items() if n > 1]
                wrong += [f"{where}: {item.title}: {problem}" for problem in _reads(item, layout, root, inside)]
    said, reacted = _server(world, whose)
    unsure = {whose("slack", one) for one, sure in world.forgotten.items() if not sure}
    said_rows, reacted_rows = _rows(program, {(one[0], one[1]) for one in said} | _anchors(world), unsure)
    for what, theirs, ours in (("said", said, said_rows), ("reacted", reacted, reacted_rows)):
        losses += [f"{what}, not kept: {one}" for one in theirs - ours]
        wrong += [f"{what}, kept and not there: {one}" for one in ours - theirs]
    waiting = program.rows("select count(*) from posting where state <> 'done' or due_at is not null")[0][0]
    wanted = len(world.items) * len(world.spots) - never
    return Verdict(
        posts_wanted=wanted, posts_shown=shown, rows_wanted=len(said) + len(reacted),
        rows_kept=len(said & said_rows) + len(reacted & reacted_rows), duplicates=duplicates, losses=losses,
        wrong_edits=wrong, open_postings=waiting,
    )  # fmt: skip


def _reads(item: Item, layout: str, root: str, inside: list[str]) -> list[str]:
    """What of a post is not as its author has it now."""
    gone = "Withdrawn" in root
    if item.withdrawn is not None and gone is not item.withdrawn:
        return ["withdrawn, and nobody asked for it" if gone else "not withdrawn"]
    if gone:
        return []
    lines = "\n".join([root, *inside]).split("\n")
    everything = "\n".join(one for one in lines if not one.startswith("It said"))  # of a correction
    read = {int(match[1]) for match in WORDING.finditer(everything)}
    problems = [f"reads wording {sorted(read)}, is {item.wording}"] if read - {item.wording} else []
    if layout != "card" and not read:
        problems.append("its words are missing")
    if layout != "card" and item.kind == "file" and "It costs less than feared" not in everything:
        problems.append("a section is missing")
    return problems


# --- what the servers show ---


def _posts(world: World) -> dict[tuple[str, str], list[tuple[str, list[str]]]]:
    """Of each place the posts by the bot: the text of the first message, and those of the messages in its thread."""
    out: dict[tuple[str, str], list[tuple[str, list[str]]]] = {}
    for (platform, layout), channel in world.spots.items():
        posts = out[platform, layout] = []
        if isinstance(channel, SlackChannel):
            mine = [one for one in channel if one.app and one.thread in (None, one.ts)]
            show = world.slack.plain
            posts += [(show(root), [show(one) for one in root.replies if one.app]) for root in mine]
            continue
        roots: list[tuple[str, DiscordChannel | None]]
        if layout == "forum":
            threads = [one for one in world.discord.channels.values() if one.parent is channel and not one.gone]
            roots = [(f"{one.name}\n{_text(one.messages[one.id])}", one) for one in threads if one.id in one.messages]
        else:
            cards = [one for one in channel if one.author is world.discord.me and one.type == 0]
            roots = [(_text(one), one.thread) for one in cards]
        for text, thread in roots:
            inside = [] if thread is None else [one for one in thread if one.id != thread.id]
            posts.append((text, [_text(one) for one in inside if one.author is world.discord.me and one.type == 0]))
    return out


def _text(message: Message) -> str:
    return message.content or plain({"components": message.components, "embeds": message.embeds})


def _anchors(world: World) -> set[tuple[str, str]]:
    """Every message there is, as the rows name it."""
    there = {("slack", one.ts) for channel in world.slack.channels.values() for one in channel}
    return there | {("discord", _anchor(one)) for channel in world.discord.channels.values() for one in channel}


def _anchor(message: Message) -> str:
    return f"{message.channel.id}-{message.id}" if message.channel.is_thread else str(message.id)


def _server(world: World, whose: Whose) -> tuple[set[Any], set[Any]]:
    """(platform, anchor, person, words) of what people said; the same with an emoji for words of reactions. Without
    those who had theirs erased.
    """
    said: set[Any] = set()
    reacted: set[Any] = set()
    for channel in list(world.discord.channels.values()):
        for message in channel:
            if not message.author.bot and message.type in (0, 19):
                said.add(("discord", _anchor(message), whose("discord", str(message.author.id)), message.content))
            for (emoji, _), users in message.reactions.items():
                reacted |= {("discord", _anchor(message), whose("discord", str(one)), emoji) for one in users}
    for room in list(world.slack.channels.values()):
        for one in room:
            if not one.app and not one.subtype and not one.author.bot and one.author.id not in world.forgotten:
                said.add(("slack", one.ts, whose("slack", one.author.id), unescape(one.text)))
            for name, people in one.reactions.items():
                reacted |= {
                    ("slack", one.ts, whose("slack", who), SIGNS[name]) for who in people if who not in world.forgotten
                }
    return said, reacted


def _rows(program: Program, there: set[tuple[str, str]], but: set[str]) -> tuple[set[Any], set[Any]]:
    """The same of the rows, as far as the message is still there. `but`: people who are left out."""
    said = program.rows(
        """select a.platform, a.anchor, p.hash, c.text from comment c join anchor a on a.id=c.anchor_id
           join person p on p.id=c.person_id where c.state <> 'erased'"""
    )
    reacted = program.rows(
        """select a.platform, a.anchor, p.hash, e.name from reaction r join anchor a on a.id=r.anchor_id
           join person p on p.id=r.person_id join emoji e on e.id=r.emoji_id where r.present=1"""
    )
    return (
        {one for one in said if one[2] not in but},
        {one for one in reacted if one[2] not in but and (one[0], one[1]) in there},
    )
