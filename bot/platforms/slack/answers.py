"""How what was asked is answered: at the address that came along, as a view, or as a word to one person."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from bot.platforms.slack import encode, files, slash
from bot.platforms.slack.posts import Posts
from core.commands import CommandSpec
from core.document import Paragraph, spans
from core.errors import ChatError
from core.message import Action, Message, Reply, sentences, without_pictures
from core.speech import say

log = structlog.get_logger()

KEPT = 500  # long answers whose further pages are kept
MORE = "more:"


class Answers:
    """The answers of one run. `specs` are the commands that answers speak of."""

    def __init__(self, posts: Posts, specs: Sequence[CommandSpec]) -> None:
        self._posts = posts
        self._specs = specs
        self._pages: OrderedDict[str, list[Message]] = OrderedDict()

    async def give(self, url: str, reply: Reply, *, replacing: bool = False, to: str | None = None) -> None:
        """Answer at the address that came with a command or a press. Where it is lost, nobody waits any more.

        `to`: who asked; they get the files of the answer in their direct messages with the app, if they may be sent.
        """
        if to is not None and reply.files:
            reply = await self._with_files(to, reply)
        message = self._paged(self.typeable(reply.message))
        private = reply.private or not reply.ok
        how = {
            "response_type": "ephemeral" if private else "in_channel",
            "replace_original": replacing and reply.replace,
        }
        try:
            api = self._posts.api
            await self._posts.pictures.show(
                api, message, lambda one, ids: api.answer(url, how | encode.posted(one, ids=ids))
            )
        except ChatError as error:
            log.warning("slack.not-answered", error=str(error))

    async def _with_files(self, to: str, reply: Reply) -> Reply:
        """The answer with where its files are. Without the scopes it stands alone: it says what is in them."""
        try:
            await files.hand(self._posts.api, to, reply.files)
        except ChatError as error:
            log.warning("slack.no-files", error=str(error))
            return reply
        told = Paragraph(spans=spans(say(reply.message.language, "files.sent")))
        return replace(reply, message=replace(reply.message, blocks=(told, *reply.message.blocks)))

    async def show(self, method: str, body: Mapping[str, Any], view: Mapping[str, Any]) -> None:
        """Open a view, or push it on the one in which a button was pressed."""
        await self._posts.api.once(method, {"trigger_id": body["trigger_id"], "view": view})

    async def renew(self, view_id: str, view: Mapping[str, Any]) -> None:
        """Put another content into a view that stands open."""
        await self._posts.api.call("views.update", {"view_id": view_id, "view": view})

    def note(self, reply: Reply, title: str, where: str) -> dict[str, Any]:
        """An answer as a view."""
        return encode.view(self.typeable(reply.message), title, where, "note")

    async def tell(self, body: Mapping[str, Any], channel: str | None, reply: Reply) -> None:
        """Say to who did something what became of it, by whichever way is open; a log line if none is."""
        if url := body.get("response_url"):
            await self.give(str(url), reply)
            return
        view = body.get("view") or {}
        if view and body.get("type") == "block_actions":
            method = "views.push" if view.get("type") == "modal" else "views.open"
            try:
                await self.show(method, body, self.note(reply, "Rondan", str(view.get("private_metadata") or "")))
                return
            except ChatError as error:
                log.debug("slack.no-view", error=str(error))
        try:
            if channel:
                target = {"channel": channel, "user": str(body["user"]["id"])}
                said = without_pictures(self._paged(self.typeable(reply.message)))
                message = {**encode.posted(said), "parse": "none"}
                await self._posts.api.once("chat.postEphemeral", target | message)
                return
        except ChatError as error:
            log.warning("slack.not-answered", error=str(error))
            return
        log.warning("slack.not-answered", error="there is no way to answer")

    def typeable(self, message: Message) -> Message:
        """What is told to be typed, as it is typed here."""
        return slash.typeable(message, self._specs)

    # --- long answers ---

    def _paged(self, message: Message) -> Message:
        if encode.fits(message):
            return message
        room = (Action(id="more:x:1", label="x" * 20), Action(id="more:x:2", label="x" * 20))
        pages = encode.paged(replace(message, actions=(*room, *message.actions)))
        token = secrets.token_urlsafe(9)
        self._pages[token] = [
            *(replace(one, actions=()) for one in pages[:-1]),
            replace(pages[-1], actions=message.actions),
        ]
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        return self._page(token, 0)

    def more(self, pressed: str, language: str) -> Reply:
        """Another page, in place of the one whose button was pressed."""
        _, token, number = (*pressed.split(":"), "", "")[:3]
        if not number.isdecimal() or int(number) >= len(self._pages.get(token, ())):
            return refusal(language, "page.gone")
        self._pages.move_to_end(token)
        return Reply(message=self._page(token, int(number)), replace=True)

    def _page(self, token: str, number: int) -> Message:
        pages = self._pages[token]
        this = pages[number]
        turns = []
        if number > 0:
            label = say(this.language, "page.back")
            turns.append(Action(id=f"{MORE}{token}:{number - 1}", label=label))
        if number + 1 < len(pages):
            label = say(this.language, "page.next", n=number + 2, of=len(pages))
            turns.append(Action(id=f"{MORE}{token}:{number + 1}", label=label, style="primary"))
        return replace(this, actions=(*turns, *this.actions))


def line(language: str, name: str, **values: object) -> Reply:
    """A sentence of ours as an answer."""
    return Reply(message=sentences(language, say(language, name, **values)))


def refusal(language: str, name: str, **values: object) -> Reply:
    """A sentence that says no."""
    return replace(line(language, name, **values), ok=False)
