"""What people ask on Discord: slash commands, buttons, forms, the menu of a message, completions; who they are.

Every id of a button or form under a post says all that its press needs, so those of old posts work after any restart.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import structlog

from bot.platforms.discord import slash
from bot.platforms.discord.answers import COMMAND, COMPLETE, COMPONENT, MODAL, MORE, PRIVATE, Answers, Asked
from bot.platforms.discord.hearing import Hearing, person
from bot.platforms.discord.posts import Posts
from bot.platforms.discord.spots import Spot, Spots
from bot.platforms.discord.turns import Turns
from core import attached
from core.chat import Caller, Desk, Ears, Role
from core.document import Paragraph, Quote, spans
from core.errors import ChatError, Poison
from core.message import Form, Reply
from core.text import shorten

log = structlog.get_logger()

DEFER_AFTER = 0.8  # seconds: whoever asks should see something within one, also when many ask
FORM_AFTER = 2.0  # the same where a form may come: Discord opens one at once or not at all
TOO_OLD = 2.5  # seconds an interaction may wait for us before it is of no use to answer
LATEST = 15.0  # seconds after which what was promised is not begun any more
AT_ONCE, HOLD = 64, 1.0  # answers that are worked on at a time, and the seconds for which each counts as one of them
SAVE = "Save as comment"

ADMINISTRATOR, MANAGE_GUILD, MANAGE_MESSAGES = 1 << 3, 1 << 5, 1 << 13


class Talk:
    """What does not change from one connection to the next. `home`: the id of the publication's own server; `authors`:
    ids of roles and people there.
    """

    def __init__(
        self, posts: Posts, spots: Spots, *, home: str | None, language: str, zone: str, authors: Sequence[str] = ()
    ) -> None:
        self.posts = posts
        self.spots = spots
        self.language = language
        self.zone = zone
        self.answers = Answers(posts)
        self._home = home
        self._authors = frozenset(authors)

    def opened(self, desk: Desk, ears: Ears, hearing: Hearing) -> Talking:
        """The conversation over one connection."""
        return Talking(self, desk, ears, hearing)

    def caller(self, data: Mapping[str, Any]) -> Caller:
        """Who asks. The publication's own people are those who may moderate or manage its home server."""
        member = data.get("member") or {}
        user = member.get("user") or data["user"]
        spot = self.spot(data)
        place = None if spot is None else self.spots.places.get(spot.channel)
        guild = str(data.get("guild_id") or "")
        ids = frozenset({str(user["id"]), *map(str, member.get("roles") or ())})
        locale = str(data.get("locale") or self.language)
        return Caller(
            platform="discord",
            person=person(user, member),
            channel=None if spot is None else str(spot.channel),
            community=guild,
            language="ja" if locale.startswith("ja") else "en",
            roles=self._roles(guild, int(member.get("permissions") or 0), ids),
            zone=place.zone if place is not None else self.zone,
            known_as=ids if guild else frozenset(),
        )

    def spot(self, data: Mapping[str, Any]) -> Spot | None:
        """Where it was asked: the channel, also of a thread."""
        if data.get("channel_id") is None:
            return None
        number = int(data["channel_id"])
        parent = (data.get("channel") or {}).get("parent_id")
        thread = (data.get("channel") or {}).get("type") in (10, 11, 12)
        return self.spots.at(number) or (Spot(int(parent), number) if thread and parent else Spot(number))

    def _roles(self, guild: str, permissions: int, ids: Set[str]) -> frozenset[Role]:
        """Where no server is home nobody may set anything up: who did so first would make their own server home."""
        roles: set[Role] = {"reader"}
        home = self.home()
        manages = bool(permissions & (ADMINISTRATOR | MANAGE_GUILD))
        if guild and guild == home:
            roles |= {"moderator"} if manages or permissions & MANAGE_MESSAGES else set()
            roles |= {"admin"} if manages else set()
            roles |= {"author"} if ids & self._authors else set()
        if guild and home and manages:
            roles |= {"host"}
        return frozenset(roles)

    def home(self) -> str:
        """The publication's server: as set, or that of its first place, or the only one there is; "" if not known."""
        if self._home:
            return self._home
        first = self.spots.first
        return self.posts.only_community() if first is None else self.posts.community(first.channel)


class Talking:
    """The conversation over one connection."""

    def __init__(self, talk: Talk, desk: Desk, ears: Ears, hearing: Hearing) -> None:
        self._talk = talk
        self._desk = desk
        self._ears = ears
        self._hearing = hearing
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = Turns(AT_ONCE, HOLD)
        self._private = {spec.name: spec.private for spec in desk.commands()}

    def commands(self) -> list[dict[str, Any]]:
        """All commands, as Discord wants to be told of them."""
        return slash.payload(self._desk.commands())

    def take(self, data: dict[str, Any]) -> None:
        """An interaction came in."""
        _ = self._start(self._guarded(data, asyncio.get_running_loop().time()))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Let what is being answered be answered, for a moment."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=3)

    # --- one interaction ---

    async def _guarded(self, data: dict[str, Any], since: float) -> None:
        """Whatever goes wrong on our side, the person is told, with a number that the log has too."""
        try:
            asked = Asked(data, self._talk.caller(data), since)
            try:
                await (self._complete(asked) if data["type"] == COMPLETE else self._serve(asked))
            except Exception as error:
                if data["type"] == COMPLETE or (isinstance(error, ChatError) and not isinstance(error, Poison)):
                    raise
                number = secrets.token_hex(4)
                log.exception("discord.failed", number=number, kind=data["type"])
                await self._talk.answers.give(asked, asked.line("failed", ok=False, number=number))
        except ChatError as error:  # they are gone, or it took too long: there is nobody to tell
            log.warning("discord.not-answered", kind=data.get("type"), error=str(error))
        except Exception:
            log.exception("discord.not-answered", kind=data.get("type"))

    async def _serve(self, asked: Asked) -> None:
        """Promise an answer in time, whatever else there is to do; give it when its turn has come."""
        promises: list[asyncio.Task[None]] = []
        opens = asked.data["type"] == COMPONENT and self._desk.opens(str(asked.data["data"]["custom_id"]))

        def promise_one() -> None:
            if asked.age < TOO_OLD:  # else it would come too late, and take the time in which others are promised
                promises.append(self._start(self._talk.answers.defer(asked)))

        after = (FORM_AFTER if opens else DEFER_AFTER) - asked.age
        timer = asyncio.get_running_loop().call_later(after, promise_one)
        try:
            answer = await self._turns(lambda: self._in_time(asked), lambda: asked.deferred)
        finally:
            timer.cancel()
            for promise in promises:
                await promise
        if answer is None:
            log.warning("discord.too-late", kind=asked.data.get("type"))
            return
        await self._talk.answers.give(asked, answer)

    async def _in_time(self, asked: Asked) -> Reply | Form | None:
        """The answer; None where nobody waits for one any more. Nothing is begun then."""
        if asked.lost or asked.age > (LATEST if asked.deferred else TOO_OLD):
            return asked.line("busy", ok=False) if asked.deferred and not asked.lost else None
        return await self._answer(asked)

    async def _answer(self, asked: Asked) -> Reply | Form:
        """What the desk, or we ourselves, say to an interaction."""
        data, caller, kind = asked.data["data"], asked.caller, asked.data["type"]
        if kind == COMMAND and data.get("type", 1) == 3:
            return await self._pointed(asked, data)
        if kind == COMMAND:
            name, options = slash.asked(data)
            asked.private = self._private.get(name, True)
            if strangers := list(_strangers(data)):
                return asked.line("place.not-yours", ok=False, place=", ".join(strangers))
            if name == "place add" and (called := _called(asked.data, options.get("channel"))):
                options.setdefault("name", called)
            for option, file in _attached(data):
                if int(file["size"]) > attached.MOST:
                    return asked.line("file.none", ok=False, most=attached.MOST)
                options[option] = attached.written(file["filename"], await self._talk.posts.attachment(file["url"]))
            return await self._desk.call(caller, name, options)
        custom_id = str(data["custom_id"])
        if kind == MODAL:
            filled = values(data)
            answer = await self._desk.submit(caller, custom_id, filled, self._pressed(asked))
            return answer if answer.ok else _given_back(answer, filled)
        if custom_id.startswith(MORE):
            return self._talk.answers.more(asked, custom_id)
        return await self._desk.press(caller, custom_id, self._pressed(asked))

    def _pressed(self, asked: Asked) -> str | None:
        """The anchor of the post on which a button was pressed; None for a private answer of ours."""
        message = asked.data.get("message")
        spot = self._talk.spot(asked.data)
        if not message or message.get("flags", 0) & PRIVATE or spot is None:
            return None
        return spot.anchor(message["id"])

    async def _pointed(self, asked: Asked, data: Mapping[str, Any]) -> Reply:
        """A command from the menu of a message."""
        spot, target = self._talk.spot(asked.data), str(data["target_id"])
        if spot is None:
            return asked.line("refused.stale", ok=False)
        if data["name"] != SAVE:
            return await self._desk.point(asked.caller, str(data["name"]), spot.anchor(target))
        message = data["resolved"]["messages"][target]
        theirs = str(message["author"]["id"]) == asked.caller.person.id
        if not theirs and not asked.caller.roles & {"moderator", "admin"}:
            return asked.line("save.not-yours", ok=False)
        said = self._hearing.comment(spot, message, saved=True)
        if said is not None and said.text:
            for under in filter(None, (said.reply_to, said.thread)):
                answer = await self._desk.point(asked.caller, SAVE, under)
                if answer.ok:  # it answers something of ours
                    await self._ears.keep(said)
                    if spot.thread is None:
                        self._talk.spots.stands(int(target))  # from now on answers to it, and its edits, count
                        self._talk.spots.stands(int(under))
                    return answer
        return asked.line("save.no-answer", ok=False)

    async def _complete(self, asked: Asked) -> None:
        await self._turns(lambda: self._offer(asked), lambda: False)

    async def _offer(self, asked: Asked) -> None:
        if asked.age > TOO_OLD:
            return  # they have typed on
        command, option, typed = slash.focused(asked.data["data"])
        found = await self._desk.complete(asked.caller, command, option, typed)
        fitting = [one for one in found if 1 <= len(one.value) <= 100][:25]
        await self._talk.answers.offer(
            asked, [{"name": shorten(one.label, 100), "value": one.value} for one in fitting]
        )


def values(data: Mapping[str, Any]) -> dict[str, str]:
    """What was filled into a form, by the keys of its fields."""
    found: dict[str, str] = {}

    def look(component: Mapping[str, Any]) -> None:
        if "custom_id" in component:
            given = component.get("value")
            chosen = component.get("values") or ()
            found[str(component["custom_id"])] = str(given) if given is not None else ",".join(map(str, chosen))
        for inner in component.get("components") or ():
            look(inner)
        if isinstance(component.get("component"), Mapping):
            look(component["component"])

    for one in data.get("components") or ():
        look(one)
    return found


def _given_back(answer: Reply, filled: Mapping[str, str]) -> Reply:
    """A refusal of a form with what was written in it, which would be lost otherwise."""
    words = tuple(Quote(blocks=(Paragraph(spans=spans(text)),)) for text in filled.values() if text.strip())
    return replace(answer, message=replace(answer.message, blocks=(*answer.message.blocks, *words)))


def _attached(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The options that are files, with what Discord says of each."""
    there = (data.get("resolved") or {}).get("attachments") or {}
    for one in data.get("options") or ():
        if one["type"] == 11:
            yield one["name"], there[one["value"]]
        yield from _attached({"resolved": data.get("resolved"), "options": one.get("options")})


def _strangers(data: Mapping[str, Any]) -> Iterator[str]:
    """Channels and roles that were named and that Discord does not show to be of the caller's server."""
    shown = data.get("resolved") or {}
    for one in data.get("options") or ():
        if one["type"] in (7, 8) and str(one["value"]) not in (
            shown.get("channels" if one["type"] == 7 else "roles") or {}
        ):
            yield str(one["value"])
        yield from _strangers({"resolved": shown, "options": one.get("options")})


def _called(data: Mapping[str, Any], named: str | None) -> str | None:
    """What people call the channel that was named, or the one it was asked in; None of a thread."""
    here = data.get("channel") or {}
    there = data["data"]["resolved"]["channels"][named] if named else here if here.get("type") in slash.CHANNELS else {}
    return f"#{there['name']}" if there.get("name") else None
