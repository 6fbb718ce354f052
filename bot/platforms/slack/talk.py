"""What people ask on Slack: /rondan, buttons, forms, the menu of a message, App Home; and how we answer.

Slack waits three seconds for the acknowledgement. A command is acknowledged at once and answered at the address that
came with it; a form that was sent is answered in the acknowledgement, so that waits for the desk.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from bot.platforms.slack import encode, slash
from bot.platforms.slack.hearing import Hearing
from bot.platforms.slack.people import People
from bot.platforms.slack.posts import Posts
from core.chat import Caller, Desk, Ears, Person
from core.commands import CommandSpec
from core.document import Paragraph, spans
from core.errors import ChatError
from core.message import Action, Form, Message, Reply
from core.speech import say

log = structlog.get_logger()

WAITS = 2.5  # seconds that Slack surely still waits for an acknowledgement
ANSWERS = 500  # long answers whose further pages are kept
HOME_BUTTON = "home:"

Ack = dict[str, Any] | None
"""The body of an acknowledgement; None for an empty one."""


class Talk:
    """The conversation of one run. `language` and `zone` stand where a person has none."""

    def __init__(
        self, posts: Posts, people: People, hearing: Hearing, desk: Desk, ears: Ears, *, language: str, zone: str
    ) -> None:
        self._posts = posts
        self._people = people
        self._hearing = hearing
        self._desk = desk
        self._ears = ears
        self._language = language
        self._zone = zone
        self._pages: OrderedDict[str, list[Message]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._specs = {spec.name: spec for spec in desk.commands() if spec.on == "line"}
        self._points = {slash.callback(spec): spec for spec in desk.commands() if spec.on == "message"}

    async def take(self, body: Mapping[str, Any]) -> Ack:
        """An interaction came in; gives what it is acknowledged with."""
        match "command" if "command" in body else body.get("type"):
            case "command":
                self._later(self._command(body), body)
            case "block_actions":
                self._later(self._action(body), body)
            case "message_action":
                self._later(self._pointed(body), body)
            case "view_submission":
                return await self._submitted(body)
            case "block_suggestion":
                return await self._suggest(body)
            case other:
                log.debug("slack.unknown-interaction", kind=other)
        return None

    def open_home(self, event: Mapping[str, Any], team: str) -> None:
        """A person opened the app's own page."""
        if event.get("tab") == "home":
            self._later(self._home(str(event["user"]), team), {})

    async def close(self) -> None:
        """Let what is being answered be answered, for a moment."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=3)

    def _later(self, work: Awaitable[None], body: Mapping[str, Any]) -> None:
        task = asyncio.ensure_future(self._guarded(work, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Awaitable[None], body: Mapping[str, Any]) -> None:
        """Whatever goes wrong, the person is told, with a number that the log has too."""
        try:
            await work
        except ChatError as error:
            log.warning("slack.not-answered", error=str(error))
        except Exception:
            number = secrets.token_hex(4)
            log.exception("slack.failed", number=number)
            if url := body.get("response_url"):
                try:
                    await self._posts.api.answer(url, _private(say(self._language, "failed", number=number)))
                except ChatError as error:
                    log.warning("slack.not-answered", error=str(error))

    async def _caller(self, who: str, channel: str | None, team: str) -> Caller:
        profile = await self._people.profile(who)
        return Caller(
            platform="slack",
            person=Person(id=who, name=profile.name),
            channel=channel,
            community=team or self._posts.team,
            language=profile.language if profile.language in ("ja", "en") else self._language,
            roles=await self._people.roles(who),
            zone=profile.zone or self._zone,
        )

    # --- commands ---

    async def _command(self, body: Mapping[str, Any]) -> None:
        caller = await self._caller(body["user_id"], body.get("channel_id"), body.get("team_id", ""))
        line = slash.line(str(body["command"]), str(body.get("text") or ""))
        spec = self._asked_for_form(line)
        if spec is not None:
            where = _where(caller.channel, None)
            await self._view("views.open", body, slash.form(spec, caller.language, private_metadata=where))
            return
        await self._answer(body["response_url"], await self._desk.ask(caller, line), caller)

    def _asked_for_form(self, line: str) -> CommandSpec | None:
        """`/rondan digest ?` asks for the form of a command."""
        words = line.lstrip("/").split()
        if not words or words[-1] not in ("?", "？"):
            return None
        return self._specs.get(" ".join(words[:-1]))

    async def _answer(self, url: str, reply: Reply, caller: Caller, *, replacing: bool = False) -> None:
        message = self._paged(reply.message, caller.language)
        private = reply.private or not reply.ok
        await self._posts.api.answer(
            url,
            {
                "response_type": "ephemeral" if private else "in_channel",
                "replace_original": replacing and reply.replace,
                **encode.posted(message),
            },
        )

    # --- buttons ---

    async def _action(self, body: Mapping[str, Any]) -> None:
        action = body["actions"][0]
        pressed = str(action.get("value") or action.get("action_id") or "")
        view = body.get("view")
        known = json.loads((view or {}).get("private_metadata") or "{}")
        channel = (body.get("channel") or {}).get("id") or known.get("channel")
        team = str((body.get("team") or {}).get("id") or "")
        caller = await self._caller(str(body["user"]["id"]), channel, team)
        if pressed.startswith(HOME_BUTTON):
            await self._home(caller.person.id, team, pressed.removeprefix(HOME_BUTTON))
            return
        if pressed.startswith("more:"):
            await self._answer(body["response_url"], self._more(pressed, caller), caller, replacing=True)
            return
        message = body.get("message") or {}
        anchor = str(message["ts"]) if message and not body.get("container", {}).get("is_ephemeral") else None
        anchor = anchor or known.get("anchor")
        answer = await self._desk.press(caller, pressed, anchor)
        where = _where(caller.channel, anchor)
        if isinstance(answer, Form):
            await self._view("views.push" if view else "views.open", body, encode.modal(answer, where))
        elif pressed.startswith(("v1:read:", "v1:page:")) and answer.ok:
            page = encode.view(answer.message, answer.message.title, where, "read")
            if view:
                await self._posts.api.call("views.update", {"view_id": view["id"], "view": page})
            else:
                await self._view("views.open", body, page)
        elif view:
            page = encode.view(answer.message, answer.message.title, where, "note")
            await self._view("views.push", body, page)
        else:
            await self._answer(body["response_url"], answer, caller, replacing=anchor is None)

    async def _view(self, method: str, body: Mapping[str, Any], view: Mapping[str, Any]) -> None:
        await self._posts.api.once(method, {"trigger_id": body["trigger_id"], "view": view})

    # --- forms ---

    async def _submitted(self, body: Mapping[str, Any]) -> Ack:
        """A form was sent: the answer takes its place, or stands at its field if it was refused."""
        view = body["view"]
        known = json.loads(view.get("private_metadata") or "{}")
        team = str((body.get("team") or {}).get("id") or "")
        working = asyncio.ensure_future(self._submit(view, known, str(body["user"]["id"]), team))
        done, _ = await asyncio.wait({working}, timeout=WAITS)
        if not done:  # it goes on; Slack closes the form
            self._later(_forget(working), {})
            return None
        try:
            reply = working.result()
        except Exception:
            number = secrets.token_hex(4)
            log.exception("slack.failed", number=number)
            reply = _line(self._language, say(self._language, "failed", number=number))
        if not reply.ok and view["blocks"]:
            field = next((one["block_id"] for one in view["blocks"] if one.get("type") == "input"), None)
            if field is not None:
                return {"response_action": "errors", "errors": {field: reply.message.title[:150]}}
        where = view.get("private_metadata") or ""
        return {"response_action": "update", "view": encode.view(reply.message, reply.message.title, where, "note")}

    async def _submit(self, view: Mapping[str, Any], known: Mapping[str, Any], who: str, team: str) -> Reply:
        caller = await self._caller(who, known.get("channel"), team)
        callback, given = str(view["callback_id"]), slash.filled(view)
        if callback.startswith("command:"):
            return await self._desk.call(caller, callback.removeprefix("command:"), given)
        return await self._desk.submit(caller, callback, given, known.get("anchor"))

    async def _suggest(self, body: Mapping[str, Any]) -> Ack:
        """Slack asks what may stand in a field."""
        _, _, rest = str(body["action_id"]).partition(":")
        command, _, option = rest.rpartition(":")
        known = json.loads((body.get("view") or {}).get("private_metadata") or "{}")
        team = str((body.get("team") or {}).get("id") or "")
        caller = await self._caller(str(body["user"]["id"]), known.get("channel"), team)
        found = await self._desk.complete(caller, command, option, str(body.get("value") or ""))
        return {"options": [encode.option(one) for one in found[:100] if len(one.value) <= 150]}

    # --- the menu of a message ---

    async def _pointed(self, body: Mapping[str, Any]) -> None:
        spec = self._points.get(str(body["callback_id"]))
        channel, message = str(body["channel"]["id"]), body["message"]
        caller = await self._caller(str(body["user"]["id"]), channel, str((body.get("team") or {}).get("id") or ""))
        if spec is None:
            return
        if not spec.name.lower().startswith("save"):
            reply = await self._desk.point(caller, spec.name, str(message["ts"]))
        else:
            reply = await self._save(caller, channel, message)
        await self._answer(body["response_url"], reply, caller)

    async def _save(self, caller: Caller, channel: str, message: Mapping[str, Any]) -> Reply:
        if message.get("user") != caller.person.id and not caller.roles & {"moderator", "admin"}:
            return _refusal(caller.language, say(caller.language, "save.not-yours"))
        said = self._hearing.comment(message, channel, saved=True)
        if said is None or not said.text:
            return _refusal(caller.language, say(caller.language, "save.no-answer"))
        await self._ears.keep(said)
        return _line(caller.language, say(caller.language, "save.kept"))

    # --- App Home ---

    async def _home(self, who: str, team: str, line: str = "/digest period:new") -> None:
        """The newest of what the reader follows, the topics, and a digest on demand."""
        caller = await self._caller(who, None, team)
        digest, topics = await self._desk.ask(caller, line), await self._desk.ask(caller, "/topics")
        buttons = tuple(
            Action(id=f"{HOME_BUTTON}/digest period:{period}", label=say(caller.language, f"home.{period}"))
            for period in ("new", "week", "month")
        )
        view = encode.home([replace(digest.message, actions=(*buttons, *digest.message.actions)), topics.message])
        await self._posts.api.call("views.publish", {"user_id": who, "view": view})

    # --- long answers ---

    def _paged(self, message: Message, language: str) -> Message:
        if encode.fits(message):
            return message
        room = (Action(id="more:x:1", label="x"), Action(id="more:x:2", label="x"))
        pages = encode.paged(replace(message, actions=(*room, *message.actions)))
        token = secrets.token_urlsafe(9)
        self._pages[token] = [
            *(replace(one, actions=()) for one in pages[:-1]),
            replace(pages[-1], actions=message.actions),
        ]
        while len(self._pages) > ANSWERS:
            self._pages.popitem(last=False)
        return self._page(token, 0, language)

    def _more(self, pressed: str, caller: Caller) -> Reply:
        _, token, number = (*pressed.split(":"), "", "")[:3]
        if not number.isdecimal() or int(number) >= len(self._pages.get(token, ())):
            return _refusal(caller.language, say(caller.language, "page.gone"))
        self._pages.move_to_end(token)
        return Reply(message=self._page(token, int(number), caller.language), replace=True)

    def _page(self, token: str, number: int, language: str) -> Message:
        pages = self._pages[token]
        turns = []
        if number > 0:
            turns.append(Action(id=f"more:{token}:{number - 1}", label=say(language, "page.back", n=number, of=0)))
        if number + 1 < len(pages):
            label = say(language, "page.next", n=number + 2, of=len(pages))
            turns.append(Action(id=f"more:{token}:{number + 1}", label=label, style="primary"))
        return replace(pages[number], actions=(*turns, *pages[number].actions))


async def _forget(working: asyncio.Future[Reply]) -> None:
    await working


def _where(channel: str | None, anchor: str | None) -> str:
    """What a view must know of where it was opened; it is asked again what its person may do."""
    return json.dumps({"channel": channel, "anchor": anchor})


def _private(sentence: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "replace_original": False, "text": sentence}


def _line(language: str, sentence: str) -> Reply:
    return Reply(message=Message(title=sentence, blocks=(Paragraph(spans=spans(sentence)),), language=language))


def _refusal(language: str, sentence: str) -> Reply:
    return replace(_line(language, sentence), ok=False)
