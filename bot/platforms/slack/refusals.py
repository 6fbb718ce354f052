"""What Slack's refusals mean for us: every failure of a call as one of the port's errors, with its mend."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from core.chat import Place
from core.errors import Busy, ChatError, ConfigError, Gone, Poison, Unknown

# Slack's names of errors. What is not listed is surely not done, and would be refused again.
PLACE_GONE = {
    "channel_not_found": "the channel is not there, or Rondan is not in it: invite it with /invite @rondan",
    "not_in_channel": "Rondan is not in the channel: invite it with /invite @rondan",
    "is_archived": "the channel is archived",
    "restricted_action": "the workspace does not let Rondan post there",
    "restricted_action_read_only_channel": "only some people may post in that channel",
    "restricted_action_thread_only_channel": "that channel takes answers in threads only",
    "restricted_action_non_threadable_channel": "that channel has no threads: choose the layout card",
    "restricted_action_thread_locked": "the thread is locked",
    "missing_scope": "the app lacks a scope: install it again from `rondan slack manifest`",
    "team_access_not_granted": "the app is not installed for this workspace",
    "ekm_access_denied": "the workspace's administrators have suspended this",
}
MESSAGE_GONE = {
    "message_not_found": "the message is not there any more",
    "thread_not_found": "the message to answer is not there any more",
    "cannot_reply_to_message": "that message takes no answers",
}
REFUSED = {
    "cant_update_message": "the message stands, but this app did not post it",
    "cant_delete_message": "the message stands, but this app did not post it",
    "edit_window_closed": "the message stands, but the workspace no longer lets it be edited",
}
"""Of what else is surely not done, and would be refused again, those that need a word."""
LATER = {
    "ratelimited": 30, "rate_limited": 30, "message_limit_exceeded": 3600, "accesslimited": 300,
    "org_login_required": 300, "external_channel_migrating": 300,
}  # fmt: skip
"""Seconds until it may be tried again: too much at once, or the workspace or channel is being moved."""
UNSURE = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "update_failed"}
NO_ACCESS = {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission"}
WRONG_TOKEN = {"missing_scope", "not_allowed_token_type"}
"""Where a token is tried: it is one of another kind, or was made without what it is for."""


def refused(error: BaseException, method: str, place: Place | None, now: datetime) -> ChatError:
    """The port's error for what a call raised. `now` is the time from which waiting is counted."""
    where = f" ({place.address})" if place is not None else ""
    match error:
        case ChatError():
            return error
        case SlackApiError():
            return _by_name(error, method, where, now)
        case aiohttp.ClientConnectorError():
            return Busy(f"Slack can't be reached: {error}", until=now + timedelta(seconds=10))
    return Unknown(f"the call of {method} broke off{where}: {type(error).__name__}: {error}")


def name_of(error: BaseException | None) -> str:
    """Slack's own name of what went wrong, of an error or of its cause; "" if it gave none."""
    data: Any = getattr(getattr(error, "response", None), "data", None)
    if isinstance(data, dict):
        return str(data.get("error") or "")
    cause = error.__cause__ if error is not None else None
    return name_of(cause) if cause is not None else ""


def patience(error: BaseException, usual: float = 30) -> float:
    """Seconds that Slack wants to be left alone for; `usual` if it does not say so in a way that can be read."""
    headers = dict(getattr(getattr(error, "response", None), "headers", None) or {})
    said = next((str(value) for name, value in headers.items() if name.lower() == "retry-after"), "")
    return max(float(said), 1.0) if said.isdecimal() else usual


def _by_name(error: SlackApiError, method: str, where: str, now: datetime) -> ChatError:
    name, status = name_of(error), getattr(error.response, "status_code", 0)
    said = f"Slack says {name or status} to {method}"
    if status == 429 or name in LATER:
        wait = patience(error, LATER.get(name, 30))
        return Busy(f"{said}{where}", until=now + timedelta(seconds=wait))
    if name in MESSAGE_GONE:
        return Gone(f"{MESSAGE_GONE[name]}{where}", what="message")
    if name in PLACE_GONE:
        return Gone(f"{PLACE_GONE[name]}{where} — {said}")
    if name in REFUSED:
        return Poison(f"{REFUSED[name]}{where} — {said}")
    if name in NO_ACCESS:
        return Busy(f"Slack refuses the token: {said}", until=now + timedelta(minutes=5))
    if name in UNSURE or status >= 500 or not name:
        return Unknown(f"{said}{where}")
    return Poison(f"{said}{where}")


TOKENS = {
    "RONDAN_SLACK_BOT_TOKEN": "it must be the Bot User OAuth Token (xoxb-…) from Install App",
    "RONDAN_SLACK_APP_TOKEN": "it must be an App-Level Token (xapp-…) with the scope connections:write",
}


def fatal(error: ChatError, setting: str) -> ConfigError | None:
    """The end of the program, if Slack refuses a token for good."""
    name = name_of(error.__cause__)
    if name in NO_ACCESS:
        return ConfigError(f"Slack refuses {setting} ({name}): copy it again from the app's settings")
    if name in WRONG_TOKEN:
        return ConfigError(f"Slack refuses {setting} ({name}): {TOKENS[setting]}")
    return None
