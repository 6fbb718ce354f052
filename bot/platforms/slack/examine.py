"""What Slack is asked before the start: what is needed by `rondan doctor --online`, its channels by `rondan init`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError

from bot.platforms.slack.api import Api
from bot.platforms.slack.refusals import TOKENS, fatal, refused
from bot.platforms.slack.slash import SCOPES
from core.chat import Place
from core.errors import ChatError
from core.findings import Finding
from core.times import Clock

ODDITIES = (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError)


async def examine(
    token: str, app_token: str | None, base: str, places: Iterable[Place], clock: Clock, told: list[datetime]
) -> AsyncIterator[Finding]:
    """One finding after the other, as they are made. `told` gets Slack's own clock."""
    async with Api(token, base, clock) as api:
        try:
            answer = await api.client.auth_test()
        except ODDITIES as error:
            yield _refused(error, "slack token", "auth.test", "RONDAN_SLACK_BOT_TOKEN", clock)
            return
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if date := headers.get("date"):
            told.append(parsedate_to_datetime(date))
        yield Finding(subject="slack token", state="ok", sentence=f"is of {answer.get('user')} in {answer.get('team')}")
        yield _scopes(headers.get("x-oauth-scopes", ""))
        if app_token is not None:
            yield await _socket(api, app_token, clock)
        for place in places:
            yield await _place(api, place)


async def channels(token: str, base: str, clock: Clock) -> list[tuple[str, str]]:
    """Channels that the bot sees, those that it is in first: the address of each as a place, and its name."""
    asked = {"types": "public_channel,private_channel", "exclude_archived": True, "limit": 1000}
    async with Api(token, base, clock) as api:
        answer = await api.call("conversations.list", asked)
    found: list[dict[str, Any]] = sorted(answer.get("channels") or (), key=lambda one: not one.get("is_member"))
    there = {True: "", False: " (Rondan is not in it yet: /invite @rondan)"}
    return [(f"slack:{one['id']}", f"#{one['name']}{there[bool(one.get('is_member'))]}") for one in found]


def _refused(error: Exception, subject: str, method: str, setting: str, clock: Clock) -> Finding:
    known = refused(error, method, None, clock())
    known.__cause__ = error
    if (end := fatal(known, setting)) is not None:
        return Finding(subject=subject, state="fail", sentence=str(end), mend=TOKENS[setting])
    mend = "look at the network and at RONDAN_SLACK_API; while it lasts, Rondan goes on trying"
    return Finding(subject=subject, state="fail", sentence=str(known), mend=mend)


def _scopes(told: str) -> Finding:
    """Slack grants scopes when an app is installed: a manifest that is pasted later changes nothing until then."""
    missing = sorted(set(SCOPES) - {one.strip() for one in told.split(",")})
    if not missing:
        return Finding(subject="slack scopes", state="ok", sentence="all that the manifest asks for")
    return Finding(
        subject="slack scopes", state="fail", sentence=f"the app lacks {', '.join(missing)}",
        mend="paste `rondan slack manifest` into the app's settings, then install the app again",
    )  # fmt: skip


async def _socket(api: Api, app_token: str, clock: Clock) -> Finding:
    try:
        await api.client.apps_connections_open(app_token=app_token)
    except ODDITIES as error:
        return _refused(error, "slack socket", "apps.connections.open", "RONDAN_SLACK_APP_TOKEN", clock)
    return Finding(subject="slack socket", state="ok", sentence="Slack gives an address for Socket Mode")


async def _place(api: Api, place: Place) -> Finding:
    def found(problem: str, mend: str) -> Finding:
        return Finding(subject=place.address, state="fail", sentence=problem, mend=mend)

    try:
        answer = await api.call("conversations.info", {"channel": place.channel})
    except ChatError as error:
        return found(str(error), "look whether the channel is there, and invite Rondan: /invite @rondan")
    channel: dict[str, Any] = answer.get("channel") or {}
    named = f"#{channel.get('name')}"
    if channel.get("is_archived"):
        return found(f"{named} is archived", "bring it back, or remove the place")
    if not channel.get("is_member"):
        return found(f"Rondan is not in {named}", "invite it there: /invite @rondan")
    if channel.get("is_ext_shared"):
        return Finding(
            subject=place.address, state="warn",
            sentence=f"{named} is shared with another organisation, of whose people nothing is kept",
            mend="choose a channel of your own if their answers should count",
        )  # fmt: skip
    return Finding(subject=place.address, state="ok", sentence=f"Rondan is in {named}")
