"""Modals and home tabs: what Slack accepts, how they lie on each other, and views.*."""

from __future__ import annotations

import copy
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from tests.standins.slack.ask import Ask, bad
from tests.standins.slack.basics import Raw, Refusal, ident
from tests.standins.slack.blocks import check_view, numbered
from tests.standins.slack.form import Form, text_object
from tests.standins.slack.world import Person, elements

if TYPE_CHECKING:
    from tests.standins.slack.server import Slack

MODAL = (
    "title", "blocks", "close", "submit", "private_metadata", "callback_id", "clear_on_close", "notify_on_close",
    "external_id", "submit_disabled",
)  # fmt: skip
HOME = ("blocks", "private_metadata", "callback_id", "external_id")


class View:
    """A modal or home tab as it stands. `values`: what was filled in, by block id and action id."""

    def __init__(self, slack: Slack, person: Person, body: Raw, below: View | None = None) -> None:
        self.slack, self.person, self.below = slack, person, below
        self.id = ident("V")
        self.root: str = below.root if below else self.id
        self.values: Raw = {}
        self.history: list[Raw] = []
        self.open = True
        self.body: Raw = {}
        self.hash = ""
        self.fill(body)

    def fill(self, body: Raw) -> None:
        """New content; what was typed stays where block and action keep their ids."""
        self.body = copy.deepcopy(body)
        numbered(self.body.setdefault("blocks", []))
        there = {(one["block_id"], one["action_id"]) for one in elements(self.body["blocks"])}
        self.values = {
            block: kept
            for block, inside in self.values.items()
            if (kept := {action: value for action, value in inside.items() if (block, action) in there})
        }
        self.hash = f"{int(time.time())}.{secrets.token_hex(4)}"
        self.history.append(self.body)

    @property
    def blocks(self) -> list[Raw]:
        return list(self.body["blocks"])

    @property
    def title(self) -> str:
        return str(self.body.get("title", {}).get("text", ""))

    @property
    def text(self) -> str:
        """What a reader sees."""
        return self.slack.plain(self)

    @property
    def buttons(self) -> list[Raw]:
        return [one for one in elements(self.blocks) if one.get("type") == "button"]

    @property
    def inputs(self) -> list[Raw]:
        return [one for one in self.blocks if one.get("type") == "input"]

    def raw(self) -> Raw:
        return {
            "id": self.id,
            "team_id": self.slack.team_id,
            "app_id": self.slack.app_id,
            "bot_id": self.slack.bot_id,
            "app_installed_team_id": self.slack.team_id,
            "title": None,
            "submit": None,
            "close": None,
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            **copy.deepcopy(self.body),
            "state": {"values": copy.deepcopy(self.values)},
            "hash": self.hash,
            "root_view_id": self.root,
            "previous_view_id": self.below.id if self.below else None,
        }


def checked(value: Any, kind: str) -> Raw:
    """A view as given, or the refusal that says what is wrong with it."""
    if not isinstance(value, dict):
        raise bad("must be an object [json-pointer:/view]")
    if len(json.dumps(value, ensure_ascii=False).encode()) > 250_000:
        raise Refusal("view_too_large")
    form = Form()
    if value.get("type") != kind:
        form.bad(["view", "type"], f"must be {kind!r}")
    form.keys(value, ["view"], MODAL if kind == "modal" else HOME, ("blocks",))
    if kind == "modal":
        text_object(form, value.get("title"), ["view", "title"], 24, plain=True)
        for key in ("submit", "close"):
            if key in value:
                text_object(form, value[key], ["view", key], 24, plain=True)
    for key, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if key in value:
            form.text(value[key], ["view", key], most, least=0, counted=False)
    blocks = value.get("blocks")
    check_view(form, blocks)
    asks = isinstance(blocks, list) and any(isinstance(one, dict) and one.get("type") == "input" for one in blocks)
    if kind == "modal" and asks and "submit" not in value:
        form.bad(["view", "submit"], "missing required field: submit")
    if form.problems:
        raise bad(*form.problems)
    return value


def _trigger(slack: Slack, ask: Ask) -> Any:
    """The interaction that a trigger belongs to; each is good once, for 3 s."""
    answer = slack.triggers.get(ask.need("trigger_id"))
    if answer is None:
        raise Refusal("invalid_trigger_id")
    if answer.triggered:
        raise Refusal("exchanged_trigger_id")
    if time.monotonic() - answer.began > slack.trigger_life:
        raise Refusal("expired_trigger_id")
    return answer


async def open_view(slack: Slack, ask: Ask) -> Raw:
    """views.open"""
    answer = _trigger(slack, ask)
    body = checked(ask.parsed("view", dict, "invalid_arguments"), "modal")
    answer.triggered = True
    view = View(slack, answer.person, body)
    slack.stacks[answer.person.id] = [view]
    slack.views[view.id] = view
    answer.showed("open", view)
    return {"view": view.raw()}


async def push(slack: Slack, ask: Ask) -> Raw:
    """views.push"""
    answer = _trigger(slack, ask)
    body = checked(ask.parsed("view", dict, "invalid_arguments"), "modal")
    stack = slack.stacks.get(answer.person.id, [])
    if answer.on_view is None or answer.on_view not in stack:
        raise Refusal("invalid_trigger_id")
    if len(stack) >= 3:
        raise Refusal("push_limit_reached")
    answer.triggered = True
    answer.showed("push", slack.pushed(answer.person, body))
    return {"view": slack.stacks[answer.person.id][-1].raw()}


async def update(slack: Slack, ask: Ask) -> Raw:
    """views.update"""
    body = checked(ask.parsed("view", dict, "invalid_arguments"), "modal")
    external = ask.text("external_id")
    if external:
        view = next((one for one in slack.views.values() if one.body.get("external_id") == external), None)
    else:
        view = slack.views.get(ask.need("view_id"))
    if view is None or not view.open:
        raise Refusal("not_found")
    if ask.given("hash") and ask.text("hash") != view.hash:
        raise Refusal("hash_conflict")
    view.fill(body)
    for answer in slack.answers:
        if view in (answer.on_view, *(one for _, one in answer.views)):
            answer.showed("update", view)
    return {"view": view.raw()}


async def publish(slack: Slack, ask: Ask) -> Raw:
    """views.publish"""
    person = slack.people.get(ask.need("user_id"))
    if person is None:
        raise Refusal("user_not_found")
    body = checked(ask.parsed("view", dict, "invalid_arguments"), "home")
    home = slack.homes.get(person.id)
    if home is not None and ask.given("hash") and ask.text("hash") != home.hash:
        raise Refusal("hash_conflict")
    if home is None:
        home = slack.homes[person.id] = View(slack, person, body)
        slack.views[home.id] = home
    else:
        home.fill(body)
    for answer in slack.answers[-20:]:
        if answer.person is person and (answer.kind == "app_home_opened" or answer.on_view is home):
            answer.showed("publish", home)
    return {"view": home.raw()}
