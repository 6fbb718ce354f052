"""What people ask on Slack: /rondan, buttons, forms, the menu of a message, App Home; and who they are.

Slack waits three seconds for the acknowledgement. A command is acknowledged at once and answered at the address that
came with it; a form that was sent is answered in the acknowledgement, or where it stood if that takes too long.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

import structlog

from bot.platforms.slack import asked, encode, files, slash
from bot.platforms.slack.answers import MORE, Answers, line, refusal
from bot.platforms.slack.asked import Body
from bot.platforms.slack.callers import Callers, TurnedAway
from bot.platforms.slack.hearing import Hearing
from bot.platforms.slack.people import People
from bot.platforms.slack.posts import Posts
from bot.platforms.slack.refusals import name_of
from core.chat import Caller, Choice, Desk, Ears
from core.commands import CommandSpec
from core.document import Paragraph, Quote, spans
from core.errors import ChatError, Gone
from core.message import Action, Form, Message, Reply
from core.speech import say
from core.text import shorten

log = structlog.get_logger()

WAITS = 2.0  # seconds that Slack surely still waits for an acknowledgement
AGAIN = 0.7  # seconds in which a second press of the same is the same press
CLOSES = 3.0  # seconds at the end for what is being answered
ARRIVES = 0.5  # seconds after which an acknowledgement has surely arrived
HOME_STANDS = 900.0  # seconds that what was new stays on App Home, however often it is opened
REMEMBERED = 1000  # presses, forms and homes
TOO_SLOW = {"expired_trigger_id", "invalid_trigger_id"}
DONE = {"exchanged_trigger_id", "push_limit_reached"}  # a second press: the window is open
READING = ("v1:read:", "v1:page:")  # presses that are answered with a page of a piece
SAVE = "Save as comment"
HOME_BUTTON = "home:"
PERIODS = ("new", "week", "month")

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
        self._callers = Callers(posts, people, hearing, language=language, zone=zone)
        self._tasks: set[asyncio.Task[None]] = set()
        self._specs = {spec.name: spec for spec in desk.commands() if spec.on == "line"}
        self._points = {slash.callback(spec): spec for spec in desk.commands() if spec.on == "message"}
        self._answers = Answers(posts, tuple(self._specs.values()))
        self._presses: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._sent: OrderedDict[str, asyncio.Future[Reply]] = OrderedDict()  # forms, by the id of their view
        self._homes: OrderedDict[str, tuple[float, Message]] = OrderedDict()

    async def take(self, body: Body) -> Ack:
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

    def open_home(self, event: Body, team: str) -> None:
        """A person opened the app's own page."""
        if event.get("tab") == "home":
            body = {"user": {"id": str(event["user"])}, "team_id": team}
            self._later(self._home(body), body)

    async def close(self) -> None:
        """Let what is being answered be answered, for a moment."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSES)
            unfinished: list[asyncio.Future[Any]] = [*late, *(one for one in self._sent.values() if not one.done())]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    def _later(self, work: Coroutine[Any, Any, None], body: Body) -> None:
        task = asyncio.create_task(self._guarded(work, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], body: Body) -> None:
        """Whatever goes wrong, the person is told, with a number that the log has too."""
        try:
            try:
                await work
            except TurnedAway as no:
                await self._tell(body, no.reply)
            except ChatError as error:
                if (kind := name_of(error)) in DONE:
                    log.info("slack.twice", error=str(error))
                elif kind in TOO_SLOW:
                    log.warning("slack.too-slow", error=str(error))
                    await self._tell(body, refusal(self._callers.language(body), "slow"))
                else:
                    raise
        except Exception:
            number = secrets.token_hex(4)
            log.exception("slack.failed", number=number)
            try:
                await self._tell(body, self._failure(body, number))
            except Exception:
                log.exception("slack.not-answered")

    def _failure(self, body: Body, number: str) -> Reply:
        return refusal(self._callers.language(body), "failed", number=number)

    async def _tell(self, body: Body, reply: Reply) -> None:
        await self._answers.tell(body, self._callers.channel(body), reply)

    # --- commands ---

    async def _command(self, body: Body) -> None:
        caller = await self._callers.caller(body)
        typed = slash.line(str(body["command"]), str(body.get("text") or ""), self._specs)
        spec, rest = slash.meant(typed, self._specs.values())
        if rest == "?" and spec is not None:  # `/rondan digest ?` asks for the form of a command
            if slash.asked_of(spec) and await self._may(caller, spec):
                form = slash.form(spec, caller.language, asked.where(caller.channel, None))
                await self._answers.show("views.open", body, form)
                return
            typed = f"/{spec.name}"
        elif typed in ("/?", "/？") or slash.is_group(typed):
            typed = "/help"
        if spec is not None and spec.name == "place add" and caller.roles & spec.roles:
            name = await self._name_of_place(slash.channel_in(rest) or caller.channel or "")
            if name is None:
                await self._answers.give(body["response_url"], refusal(caller.language, "place.invite"))
                return
            if name and "name:" not in rest and "名前" not in rest:
                typed += f" name:{name}"
        await self._answers.give(body["response_url"], await self._desk.ask(caller, typed), to=caller.person.id)

    async def _may(self, caller: Caller, spec: CommandSpec) -> bool:
        """Whether somebody may use a command: by role, or else as the desk knows, which completes no other name."""
        name = f"/{spec.name}"
        if caller.roles & spec.roles or not caller.known_as:
            return bool(caller.roles & spec.roles)
        return name in [one.value for one in await self._desk.complete(caller, "", "", name)]

    async def _name_of_place(self, channel: str) -> str | None:
        """What people call a channel; "" if Slack does not say, None if we are surely not in it."""
        if channel[:1] not in ("C", "D", "G"):
            return ""
        try:
            answer = await self._posts.api.call("conversations.info", {"channel": channel})
        except Gone:
            return None
        except ChatError as error:
            return None if name_of(error) == "channel_not_found" else ""
        there = answer.get("channel") or {}
        if there.get("is_member") is False:
            return None
        return f"#{there['name']}" if there.get("name") else ""

    # --- buttons ---

    async def _action(self, body: Body) -> None:
        action = body["actions"][0]
        pressed = str(action.get("value") or "")
        if not pressed:
            return  # a button that opens an address
        if not pressed.startswith((MORE, *READING)) and self._is_again(body, pressed):
            return
        view = body.get("view") or {}
        modal = view.get("type") == "modal"
        if pressed.startswith(HOME_BUTTON):
            await self._home(body, pressed.removeprefix(HOME_BUTTON))
            return
        caller = await self._callers.caller(body, reads=pressed.startswith((MORE, *READING)))
        message = body.get("message") or {}
        private = bool((body.get("container") or {}).get("is_ephemeral"))
        if pressed.startswith(MORE):
            reply = self._answers.more(pressed, caller.language)
            await self._answers.give(body["response_url"], reply, replacing=private)
            return
        anchor = str(message["ts"]) if message and not private else asked.known(body).get("anchor")
        answer = await self._desk.press(caller, pressed, anchor)
        where = asked.where(caller.channel, anchor)
        method = "views.push" if modal else "views.open"
        if isinstance(answer, Form):
            await self._answers.show(method, body, encode.modal(answer, where))
        elif pressed.startswith(READING) and answer.ok:
            page = encode.view(answer.message, answer.message.title, where, "read")
            if view.get("callback_id") == "read":
                await self._answers.renew(view["id"], page)
            else:
                await self._answers.show(method, body, page)
        elif view:
            await self._answers.show(method, body, self._answers.note(answer, "Rondan", where))
        else:
            await self._answers.give(body["response_url"], answer, replacing=private)

    def _is_again(self, body: Body, pressed: str) -> bool:
        """Whether this is the second half of a double click."""
        there = body.get("container") or {}
        where = str(there.get("message_ts") or there.get("view_id") or "")
        now = asyncio.get_running_loop().time()
        key = (asked.who(body), where, pressed)
        before = self._presses.get(key, -AGAIN)
        _keep(self._presses, key, now)
        return now - before < AGAIN

    # --- forms ---

    async def _submitted(self, body: Body) -> Ack:
        """A form was sent: the answer takes its place, or stands at its field if it was refused."""
        try:
            working = self._working(body)
            done, _ = await asyncio.wait({working}, timeout=WAITS)
            if not done:
                self._later(self._answered_later(working, body), body)
                return {
                    "response_action": "update",
                    "view": self._noted(body, line(self._callers.language(body), "wait")),
                }
            reply = working.result()
            if reply.ok:
                return {"response_action": "update", "view": self._noted(body, reply)}
        except Exception:
            number = secrets.token_hex(4)
            log.exception("slack.failed", number=number)
            reply = self._failure(body, number)
        fields = [one["block_id"] for one in body["view"]["blocks"] if one.get("type") == "input"]
        told = self._answers.typeable(reply.message).title.replace("`", "")
        return {
            "response_action": "errors",
            "errors": {slash.at_fault(told, slash.filled(body["view"]), fields): shorten(told, 150)},
        }

    def _working(self, body: Body) -> asyncio.Future[Reply]:
        """What is made of a form. One that was sent twice is taken once, unless it was refused."""
        view_id = str(body["view"]["id"])
        before = self._sent.get(view_id)
        if before is None or (before.done() and (before.exception() is not None or not before.result().ok)):
            before = asyncio.ensure_future(self._submit(body))
            _keep(self._sent, view_id, before)
        return before

    async def _submit(self, body: Body) -> Reply:
        view = body["view"]
        try:
            caller = await self._callers.caller(body)
        except TurnedAway as no:
            return no.reply
        name, given = str(view["callback_id"]), slash.filled(view)
        try:
            given |= {field: await files.fetch(self._posts.api, one) for field, one in slash.files(view).items()}
        except ChatError as error:
            log.warning("slack.no-file", error=str(error))
            return refusal(caller.language, "file.not-had")
        if not name.startswith("command:"):
            return await self._desk.submit(caller, name, given, asked.known(body).get("anchor"))
        name = name.removeprefix("command:")
        if name == "place add" and caller.roles & self._specs[name].roles:
            called = await self._name_of_place(given.get("channel") or caller.channel or "")
            if called is None:
                return refusal(caller.language, "place.invite")
            if called:
                given.setdefault("name", called)
        return await self._desk.call(caller, name, given)

    async def _answered_later(self, working: asyncio.Future[Reply], body: Body) -> None:
        """The answer, in place of the word that asked to wait; with what was written, if it was refused."""
        began = asyncio.get_running_loop().time()
        try:
            reply = await asyncio.shield(working)
        except Exception:
            number = secrets.token_hex(4)
            log.exception("slack.failed", number=number)
            reply = self._failure(body, number)
        if not reply.ok:
            written = (Quote(blocks=(Paragraph(spans=spans(text)),)) for text in slash.filled(body["view"]).values())
            reply = replace(reply, message=replace(reply.message, blocks=(*reply.message.blocks, *written)))
        await asyncio.sleep(max(0.0, began + ARRIVES - asyncio.get_running_loop().time()))
        try:
            await self._answers.renew(body["view"]["id"], self._noted(body, reply))
        except ChatError as error:  # it was closed meanwhile
            log.info("slack.view-closed", error=str(error))
            await self._tell(body, reply)

    def _noted(self, body: Body, reply: Reply) -> dict[str, Any]:
        view = body["view"]
        title = str((view.get("title") or {}).get("text") or "Rondan")
        return self._answers.note(reply, title, str(view.get("private_metadata") or ""))

    async def _suggest(self, body: Body) -> Ack:
        """Slack asks what may stand in a field. There nothing but what is offered can be chosen."""
        _, _, rest = str(body["action_id"]).partition(":")
        command, _, option = rest.rpartition(":")
        typed = str(body.get("value") or "")
        try:
            found = list(await self._desk.complete(await self._callers.caller(body), command, option, typed))
        except TurnedAway:
            found = []
        except Exception:
            log.exception("slack.not-completed", command=command, option=option)
            found = []
        kinds = {one.name: one.kind for one in self._specs[command].options} if command in self._specs else {}
        if kinds.get(option) in ("period", "piece") and typed.strip() and typed not in (one.value for one in found):
            found.append(Choice(value=typed.strip(), label=typed.strip()))  # `7d`, `#12`, words of a title
        return {"options": [encode.option(one) for one in found[:100] if 1 <= len(one.value) <= 150]}

    # --- the menu of a message ---

    async def _pointed(self, body: Body) -> None:
        spec = self._points.get(str(body["callback_id"]))
        caller = await self._callers.caller(body)
        if spec is None:
            reply = refusal(caller.language, "refused.stale")
        elif spec.name == SAVE:
            reply = await self._save(caller, body["message"])
        else:
            reply = await self._desk.point(caller, spec.name, str(body["message"]["ts"]))
        await self._answers.give(body["response_url"], reply)

    async def _save(self, caller: Caller, message: Mapping[str, Any]) -> Reply:
        """Keep an answer that was not heard as a comment, for who wrote it or a moderator."""
        writer = str(message.get("user") or "")
        if writer != caller.person.id and not caller.roles & {"moderator", "admin"}:
            return refusal(caller.language, "save.not-yours")
        if not (ours := (await self._people.profile(writer)).ours):
            return refusal(caller.language, "slow" if ours is None else "save.foreign")
        said = self._hearing.comment(message, caller.channel or "", saved=True)
        if said is None or not said.text or said.thread is None:
            return refusal(caller.language, "save.no-answer")
        reply = await self._desk.point(caller, SAVE, said.thread)
        if not reply.ok:  # it answers nothing of ours
            return refusal(caller.language, "save.no-answer")
        await self._ears.keep(said)
        return reply

    # --- App Home ---

    async def _home(self, body: Body, period: str = "") -> None:
        """The newest of what the reader follows, the topics, and a digest on demand.

        Asking for what is new makes it old, so what was new at the first look stays for a while.
        """
        caller = replace(await self._callers.caller(body), channel=None)
        now, who = asyncio.get_running_loop().time(), caller.person.id
        at, digest = self._homes.get(who, (-HOME_STANDS, None))
        if digest is None or period or now - at > HOME_STANDS or digest.language != caller.language:
            span = period if period in PERIODS else PERIODS[0]
            digest = self._answers.typeable((await self._desk.ask(caller, f"/digest period:{span}")).message)
            _keep(self._homes, who, (now, digest))
        topics = self._answers.typeable((await self._desk.ask(caller, "/topics")).message)
        buttons = tuple(Action(id=f"{HOME_BUTTON}{one}", label=say(caller.language, f"home.{one}")) for one in PERIODS)
        view = encode.home([replace(digest, actions=(*buttons, *digest.actions)), topics])
        await self._posts.api.call("views.publish", {"user_id": who, "view": view})


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
