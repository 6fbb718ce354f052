"""Interactions: what people ask with commands, buttons, menus, modals, shortcuts, the home tab."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tests.standins.slack.answer import Answer, NoAnswer, NotOffered
from tests.standins.slack.basics import Raw, Refusal, escape
from tests.standins.slack.filling import chosen, filled
from tests.standins.slack.people import People
from tests.standins.slack.views import View, checked
from tests.standins.slack.world import Channel, Message, Person, elements

if TYPE_CHECKING:
    from tests.standins.slack.server import Slack

NAME = re.compile(r"(?<![\w@<])@([\w.-]+)|(?<![\w#<])#([\w-]+)")


class Talk(People):
    """`commands` (name to whether it escapes) and `shortcuts` (callback ids) are those of the app's manifest.

    Both None until `install`: then everything is offered, and commands escape.
    """

    def __init__(self) -> None:
        super().__init__()
        self.commands: dict[str, bool] | None = None
        self.shortcuts: set[str] | None = None
        self.answers: list[Answer] = []
        self.triggers: dict[str, Answer] = {}
        self.responses: dict[str, Answer] = {}
        self.views: dict[str, View] = {}
        self.stacks: dict[str, list[View]] = {}  # of modals, by person
        self.homes: dict[str, View] = {}
        self.trigger_life = 3.0
        self.base = ""

    def install(self, manifest: Raw) -> None:
        """Takes commands, shortcuts, events and scopes from an app's manifest (as a dict)."""
        features = manifest.get("features", {})
        self.commands = {one["command"]: one.get("should_escape", False) for one in features.get("slash_commands", [])}
        self.shortcuts = {one["callback_id"] for one in features.get("shortcuts", [])}
        self.subscribed = set(manifest["settings"]["event_subscriptions"]["bot_events"])
        home = features.get("app_home", {})
        self.takes_dm = home.get("messages_tab_enabled", False)
        scopes = manifest["oauth_config"]["scopes"]
        self.scopes = {*scopes["bot"], *scopes.get("bot_optional", [])}

    # --- what people do ---

    async def command(self, person: Person, channel: Channel, line: str) -> Answer:
        """A slash command as typed. Commands that escape get `@name` and `#name` as tokens.

        Raises `NoAnswer` when nobody acknowledges within `patience` (3 s).
        """
        name, _, text = line.strip().partition(" ")
        escapes = True if self.commands is None else self.commands.get(name)
        if escapes is None:
            raise NotOffered(f"{name} is not a valid command.")
        answer = self._answer("slash_commands", person, channel)
        payload: Raw = {
            "token": "legacy",
            "team_id": self.team_id,
            "team_domain": self.team_domain,
            "channel_id": channel.id,
            "channel_name": channel.name or "directmessage",
            "user_id": person.id,
            "user_name": person.name,
            "command": name,
            "text": self._named(text.strip()) if escapes else text.strip(),
            "api_app_id": self.app_id,
            "is_enterprise_install": "false",
            "response_url": self._response_url(answer),
            "trigger_id": answer.trigger,
        }
        await self._asked(answer, "slash_commands", payload)
        if answer.ack:
            try:
                self.respond(answer, answer.ack)
            except Refusal as no:
                raise NoAnswer(f"Slack does not show {answer.ack}: {no}") from no
        return answer

    async def press(self, person: Person, on: Message | Answer | View, what: str, values: Sequence[str] = ()) -> Answer:
        """Presses the button (or chooses in the menu) with that action_id or label."""
        message, view, blocks = _target(on)
        if message is not None and not self._stands(message, person):
            raise NotOffered("the message is not there")
        found = [one for one in elements(blocks) if what in (one["action_id"], one.get("text", {}).get("text"))]
        if len(found) != 1:
            raise NotOffered(f"{len(found)} elements are {what!r}")
        action = chosen(found[0], values, self.stamps.next())
        channel = message.channel if message else None
        answer = self._answer("block_actions", person, channel, message, view)
        payload = self._interactive("block_actions", answer) | {"actions": [action]}
        if view is not None:
            if action["type"] != "button":
                value = {key: one for key, one in action.items() if key.startswith("selected")}
                inside = view.values.setdefault(action["block_id"], {})
                inside[action["action_id"]] = {"type": action["type"], **value}
            payload |= {"view": view.raw(), "container": {"type": "view", "view_id": view.id}}
        else:
            assert message is not None
            payload |= self._about_message(message, answer)
        await self._asked(answer, "interactive", payload)
        return answer

    async def submit(
        self, person: Person, on: Answer | View, values: Mapping[str, Any], *, resubmit: bool = False
    ) -> Answer:
        """Submits a modal; values by action_id or block_id: text, or the value(s) chosen.

        The answer has `errors`, or a `view` that was updated or pushed, or is `closed`.
        """
        view = _shown(on)
        if not view.open and not resubmit:
            raise NotOffered("the modal is closed")
        if "submit" not in view.body:
            raise NotOffered("the modal has no submit button")
        view.values = filled(view.blocks, values)
        answer = self._answer("view_submission", person, None, None, view)
        payload = self._interactive("view_submission", answer) | {"view": view.raw(), "response_urls": []}
        await self._asked(answer, "interactive", payload)
        self._submitted(answer, view)
        return answer

    async def close(self, person: Person, on: Answer | View) -> None:
        """Closes a modal by its X."""
        view = _shown(on)
        self.shut(view)
        if view.body.get("notify_on_close"):
            answer = self._answer("view_closed", person, None, None, view)
            payload = self._interactive("view_closed", answer) | {"view": view.raw(), "is_cleared": False}
            await self._asked(answer, "interactive", payload)

    async def suggest(self, person: Person, on: Message | Answer | View, action: str, typed: str = "") -> list[Raw]:
        """The options that an external_select shows for what was typed; fewer characters than its minimum: none."""
        message, view, blocks = _target(on)
        found = [one for one in elements(blocks) if one["action_id"] == action and "external" in one["type"]]
        if len(found) != 1:
            raise NotOffered(f"{len(found)} menus are {action!r}")
        if len(typed) < found[0].get("min_query_length", 3):
            return []
        answer = self._answer("block_suggestion", person, message.channel if message else None, message, view)
        payload = self._interactive("block_suggestion", answer)
        payload |= {"action_id": action, "block_id": found[0]["block_id"], "value": typed}
        if view is not None:
            payload |= {"view": view.raw(), "container": {"type": "view", "view_id": view.id}}
        elif message is not None:
            payload |= self._about_message(message, answer)
        payload.pop("trigger_id")
        await self._asked(answer, "interactive", payload)
        return self.offered(answer)

    async def shortcut(self, person: Person, callback: str, message: Message | None = None) -> Answer:
        """A shortcut of a message's menu; without a message a global one."""
        if self.shortcuts is not None and callback not in self.shortcuts:
            raise NotOffered(f"{callback} is in no menu")
        kind = "shortcut" if message is None else "message_action"
        answer = self._answer(kind, person, message.channel if message else None, message)
        payload = self._interactive(kind, answer) | {"callback_id": callback, "action_ts": self.stamps.next()}
        if message is not None:
            payload |= {
                "message_ts": message.ts,
                "message": message.raw(),
                "channel": {"id": message.channel.id, "name": message.channel.name},
                "response_url": self._response_url(answer),
            }
        await self._asked(answer, "interactive", payload)
        return answer

    async def open_home(self, person: Person, tab: str = "home") -> Answer:
        """Opens the app's own place. It is an event: the answer says nothing until a view is published."""
        answer = self._answer("app_home_opened", person, self.dm(person))
        event: Raw = {"type": "app_home_opened", "user": person.id, "channel": self.dm(person).id, "tab": tab}
        if (home := self.homes.get(person.id)) is not None:
            event["view"] = home.raw()
        self.tell(event)
        return answer

    # --- how ---

    def _named(self, text: str) -> str:
        people = {one.name: one for one in self.people.values()}
        channels = {one.name: one for one in self.channels.values() if one.name}

        def token(match: re.Match[str]) -> str:
            person, channel = people.get(match[1] or ""), channels.get(match[2] or "")
            if person is not None:
                return f"<@{person.id}|{person.name}>"
            return f"<#{channel.id}|{channel.name}>" if channel is not None else match[0]

        return NAME.sub(token, escape(text))

    def _answer(
        self,
        kind: str,
        person: Person,
        channel: Channel | None,
        on: Message | None = None,
        view: View | None = None,
    ) -> Answer:
        answer = Answer(self.slack, kind, person, channel, on, view)
        self.answers.append(answer)
        self.triggers[answer.trigger] = answer
        return answer

    def _response_url(self, answer: Answer) -> str:
        self.responses[answer.response] = answer
        return f"{self.base}/response/{answer.response}"

    def _interactive(self, kind: str, answer: Answer) -> Raw:
        person = answer.person
        return {
            "type": kind,
            "team": {"id": self.team_id, "domain": self.team_domain},
            "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team},
            "api_app_id": self.app_id,
            "token": "legacy",
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": answer.trigger,
        }

    def _about_message(self, message: Message, answer: Answer) -> Raw:
        quiet = message.to is not None
        container: Raw = {"type": "message", "message_ts": message.ts, "channel_id": message.channel.id}
        container["is_ephemeral"] = quiet
        if message.thread:
            container["thread_ts"] = message.thread
        about: Raw = {
            "container": container,
            "channel": {"id": message.channel.id, "name": message.channel.name},
            "state": {"values": {}},
            "response_url": self._response_url(answer),
        }
        return about if quiet else about | {"message": message.raw(metadata=True)}

    def _stands(self, message: Message, person: Person) -> bool:
        if message.to is not None:
            return message.to is person and message in self.ephemerals
        return message.channel.messages.get(message.ts) is message

    async def _asked(self, answer: Answer, kind: str, payload: Raw) -> None:
        attempt = self.outbox.ask(kind, payload)
        answer.began = time.monotonic()
        delivery = self.outbox.deliveries[-1]
        await delivery.settled.wait()
        if delivery.state != "acked":
            raise NoAnswer(f"{payload.get('command') or payload.get('type')}: {attempt.outcome.result()}")
        answer.ack, answer.took = attempt.payload or None, attempt.took

    def _submitted(self, answer: Answer, view: View) -> None:
        said = answer.ack or {}
        match said.get("response_action"):
            case None:
                self.shut(view)
                answer.closed = True
            case "clear":
                for one in self.stacks.get(answer.person.id, [])[:]:
                    self.shut(one)
                answer.closed = True
            case "errors":
                answer.errors = dict(said.get("errors") or {})
                there = {one["block_id"] for one in view.inputs}
                if not answer.errors or not set(answer.errors) <= there:
                    raise NoAnswer(f"errors for {sorted(answer.errors)}, the inputs are {sorted(there)}")
            case "update":
                view.fill(checked(said.get("view"), "modal"))
                answer.showed("update", view)
            case "push":
                answer.showed("push", self.pushed(answer.person, checked(said.get("view"), "modal")))
            case other:
                raise NoAnswer(f"response_action {other!r}")
        answer.news()

    def pushed(self, person: Person, body: Raw) -> View:
        stack = self.stacks.setdefault(person.id, [])
        view = View(self.slack, person, body, stack[-1] if stack else None)
        stack.append(view)
        self.views[view.id] = view
        return view

    def shut(self, view: View) -> None:
        view.open = False
        stack = self.stacks.get(view.person.id, [])
        if view in stack:
            stack.remove(view)

    # --- what the server adds ---

    ephemerals: list[Message]

    @property
    def slack(self) -> Slack:
        raise NotImplementedError

    def respond(self, answer: Answer, body: Raw) -> None:
        raise NotImplementedError

    def offered(self, answer: Answer) -> list[Raw]:
        raise NotImplementedError


def _shown(on: Answer | View) -> View:
    view = on.view if isinstance(on, Answer) else on
    if view is None:
        raise NotOffered("no modal is open")
    return view


def _target(on: Message | Answer | View) -> tuple[Message | None, View | None, list[Raw]]:
    if isinstance(on, Answer):
        if on.view is not None:
            return None, on.view, on.view.blocks
        if on.message is None:
            raise NotOffered("there is no message")
        return on.message, None, on.message.blocks
    if isinstance(on, Message):
        return on, None, on.blocks
    if not on.open:
        raise NotOffered("the view is closed")
    return None, on, on.blocks
