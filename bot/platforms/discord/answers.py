"""How an answer gets to who asked: at once, or promised and delivered afterwards, a long one page by page.

Discord waits three seconds for a first answer and takes one only; for what comes later there are fifteen minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote as quoted

import structlog

from bot.platforms.discord import encode
from bot.platforms.discord.forms import Body, Files
from bot.platforms.discord.once import Once
from bot.platforms.discord.posts import Posts
from bot.platforms.discord.requests import code_of
from core.chat import Caller
from core.errors import ChatError, Gone, Unknown
from core.message import Action, Form, Message, Reply, sentences, without_pictures
from core.speech import say

log = structlog.get_logger()

quote = partial(quoted, safe="")

COMMAND, COMPONENT, COMPLETE, MODAL = 2, 3, 4, 5  # kinds of interactions
SAY, DEFER, UPDATE, CHOICES, FORM = 4, 5, 7, 8, 9  # kinds of first answers
PRIVATE = 1 << 6
ATTACH_FILES = 1 << 15  # of permissions
KEPT = 500  # long answers whose further pages are kept
ANSWERED = 40060  # Discord's code for what was answered already
MORE = "more:"  # begins the ids of the buttons that turn pages
ROOM = "-" * 12  # as long as what tells one long answer from another


@dataclass(slots=True)
class Asked:
    """One interaction, and how far its answer is. `since` in seconds of the event loop.

    `private`: what was, or will be, promised. `deferred`: it was promised, or tried to; `lost`: in vain. `withdrawn`:
    the promise was taken back.
    """

    data: Mapping[str, Any]
    caller: Caller
    since: float
    private: bool = True
    deferred: bool = False
    lost: bool = False
    withdrawn: bool = False

    @property
    def age(self) -> float:
        """Seconds that Discord has waited."""
        return asyncio.get_running_loop().time() - self.since

    @property
    def may_attach(self) -> bool:
        """Whether an answer may carry files there, as far as Discord says."""
        return bool(int(self.data.get("app_permissions") or ATTACH_FILES) & ATTACH_FILES)

    @property
    def on_ours(self) -> bool:
        """Whether a button was pressed in an answer that only this person sees."""
        return self.data["type"] == COMPONENT and bool(self.data["message"].get("flags", 0) & PRIVATE)

    def line(self, sentence: str, /, *, ok: bool = True, **values: object) -> Reply:
        """An answer of one sentence, in the language of who asked."""
        language = self.caller.language
        return Reply(message=sentences(language, say(language, sentence, **values)), ok=ok)


class Answers:
    """Delivers over `posts`; keeps the further pages of long answers until there are too many, or the process ends."""

    def __init__(self, posts: Posts) -> None:
        self._posts = posts
        self._pages: OrderedDict[str, list[Message]] = OrderedDict()
        self._paged = {language: Once(partial(_paged, language), KEPT) for language in ("en", "ja")}

    async def defer(self, asked: Asked) -> None:
        """Ask for time. What is being done goes on even if that fails."""
        asked.deferred = True
        try:
            await self._first(asked, DEFER, {"flags": PRIVATE} if asked.private else {})
        except ChatError as error:
            asked.lost = isinstance(error, Gone)
            log.warning("discord.not-deferred", kind=asked.data["type"], error=str(error))

    async def offer(self, asked: Asked, choices: list[dict[str, str]]) -> None:
        """Completions of what is being typed."""
        await self._first(asked, CHOICES, {"choices": choices})

    async def give(self, asked: Asked, answer: Reply | Form) -> None:
        """Show an answer. Errors are those of the port; `Poison` is a fault of ours, with the others nobody waits."""
        if isinstance(answer, Form):
            if not asked.deferred:
                await self._first(asked, FORM, encode.modal(answer))
                return
            answer = asked.line("slow")  # Discord opens a form only at once
        message = self._first_page(asked, answer.message)
        log.debug("discord.answered", kind=asked.data["type"], paged=message is not answer.message)
        given = answer.files if asked.may_attach else ()
        if not asked.may_attach:
            message = without_pictures(message)
        await self._posts.in_a_form(
            message, None, "", lambda body, files: self._show(asked, answer, *encode.handing(body, files, given))
        )

    async def _show(self, asked: Asked, answer: Reply, body: Body, files: Files) -> None:
        shown = {**body, "flags": body.get("flags", 0) | PRIVATE} if answer.private else body
        edited = {"attachments": [], **body}  # what stood there may have had a picture
        if not asked.deferred:
            in_place = answer.replace and asked.on_ours
            await self._first(asked, UPDATE if in_place else SAY, edited if in_place else shown, files)
        elif answer.private == asked.private and not asked.withdrawn:
            await self._then(asked, "PATCH", "/messages/@original", edited, files)
        else:  # it was promised to one and is for all, or the other way round: what was promised can't be changed
            if not asked.withdrawn:
                with contextlib.suppress(Gone):  # they may have closed it
                    await self._then(asked, "DELETE", "/messages/@original", None)
                asked.withdrawn = True
            await self._then(asked, "POST", "", shown, files)

    # --- long answers ---

    def _first_page(self, asked: Asked, message: Message) -> Message:
        """The first page of a long answer, the others being kept for the button under it; a short one as it is."""
        token, pages, first = self._paged[asked.caller.language](message)
        if token:
            self._pages[token] = pages
            self._pages.move_to_end(token)
            if len(self._pages) > KEPT:
                self._pages.popitem(last=False)
        return first

    def more(self, asked: Asked, custom_id: str) -> Reply:
        """Another page of a long answer: in place of the one before, or as a copy for who pressed."""
        token, _, number = custom_id.removeprefix(MORE).partition(":")
        if not number.isdecimal() or int(number) >= len(self._pages.get(token, ())):
            return asked.line("page.gone", ok=False)
        self._pages.move_to_end(token)
        return Reply(message=_page(asked.caller.language, token, self._pages[token], int(number)), replace=True)

    # --- requests ---

    async def _first(self, asked: Asked, kind: int, body: Body, files: Files = ()) -> None:
        """The first answer. If it is not sure that it arrived it is given again: Discord takes only one."""
        for last in (False, True):
            try:
                path = f"/interactions/{quote(str(asked.data['id']))}/{quote(asked.data['token'])}/callback"
                await self._posts.hook("POST", path, {"type": kind, "data": body}, files, when="first")
                return
            except ChatError as error:
                if code_of(error) == ANSWERED:
                    return
                if last or not isinstance(error, Unknown):
                    raise

    async def _then(self, asked: Asked, method: str, path: str, body: Body | None, files: Files = ()) -> None:
        """What comes after the first answer. A new message is not sent twice; the rest may be repeated."""
        for last in (method == "POST", True):
            try:
                hook = f"/webhooks/{quote(str(asked.data['application_id']))}/{quote(asked.data['token'])}"
                repeats = int(method != "POST")
                await self._posts.hook(method, hook + path, body, files, when="later", repeats=repeats)
                return
            except Unknown:
                if last:
                    raise


def _paged(language: str, message: Message) -> tuple[str, list[Message], Message]:
    """By which name the pages of a message are kept ("" if there is one), the pages, and the first as it is shown."""
    if encode.fits(message):
        return "", [message], message
    room = (_turn(language, "page.back", ROOM, 998), _turn(language, "page.next", ROOM, 998, 999))
    *before, last = encode.paged(replace(message, actions=(*room, *message.actions)))
    token, pages = secrets.token_urlsafe(9), [*before, replace(last, actions=message.actions)]
    return token, pages, _page(language, token, pages, 0)


def _page(language: str, token: str, pages: Sequence[Message], number: int) -> Message:
    turns = [_turn(language, "page.back", token, number - 1)] if number > 0 else []
    if number + 1 < len(pages):
        turns.append(_turn(language, "page.next", token, number + 1, len(pages)))
    return replace(pages[number], actions=(*turns, *pages[number].actions))


def _turn(language: str, sentence: str, token: str, to: int, of: int = 0) -> Action:
    label = say(language, sentence, n=to + 1, of=of)
    return Action(id=f"{MORE}{token}:{to}", label=label, style="primary" if of else "plain")
