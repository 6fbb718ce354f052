"""A call of the Web API as the methods see it: form, query and JSON bodies look the same."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.standins.slack.basics import Raw, Refusal, moment

if TYPE_CHECKING:
    from tests.standins.slack.server import Slack


def bad(*problems: str, error: str = "invalid_arguments") -> Refusal:
    """A refusal that says what is wrong, as Slack does."""
    messages = [f"[ERROR] {one}" for one in problems]
    return Refusal(error, response_metadata={"messages": messages})


@dataclass(slots=True, kw_only=True)
class Ask:
    """`args` as they came: native in a JSON body, text elsewhere."""

    method: str
    args: Raw
    token: str
    unread: bool = False  # there was a JSON body, and the method does not look at such

    def given(self, name: str) -> bool:
        return self.args.get(name) is not None

    def text(self, name: str, usual: str = "") -> str:
        value = self.args.get(name)
        if value is None:
            return usual
        if not isinstance(value, str):
            if isinstance(value, int | float) and not isinstance(value, bool):
                raise bad(f"must be a string [json-pointer:/{name}]")
            raise bad(f"must be provided as a string [json-pointer:/{name}]")
        return value

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise bad(f"missing required field: {name}")
        return value

    def flag(self, name: str) -> bool | None:
        """None: not said."""
        value = self.args.get(name)
        if value is None or isinstance(value, bool):
            return value
        if value in ("1", "true", 1):
            return True
        if value in ("0", "false", 0):
            return False
        raise bad(f"must be a boolean [json-pointer:/{name}]")

    def number(self, name: str, usual: int, most: int) -> int:
        value = self.args.get(name)
        if value in (None, ""):
            return usual
        try:
            number = int(str(value))
        except ValueError:
            raise bad(f"must be an integer [json-pointer:/{name}]") from None
        if number < 0:
            raise Refusal("invalid_limit")
        return min(number, most) or usual

    def ts(self, name: str) -> str | None:
        """A moment; None if not given."""
        value = self.args.get(name)
        if value in (None, ""):
            return None
        if not isinstance(value, str):
            raise Refusal("invalid_ts_" + name)
        try:
            moment(value)
        except ValueError:
            raise Refusal("invalid_ts_" + name) from None
        return value

    def parsed(self, name: str, kind: type, error: str) -> Any:
        """An object or list, as such or as JSON text; None if not given."""
        value = self.args.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value) if value else None
            except ValueError:
                raise Refusal(error) from None
        if value is not None and not isinstance(value, kind):
            raise Refusal(error)
        return value


Method = Callable[["Slack", Ask], Awaitable[Raw]]
"""Returns the answer without `ok`; raises `Refusal`."""


def paged(found: Sequence[Any], cursor: str, limit: int) -> tuple[list[Any], str]:
    """One page and the cursor of the next."""
    at = 0
    if cursor:
        if not cursor.startswith("at:") or not cursor[3:].rstrip("=").isdigit():
            raise Refusal("invalid_cursor")
        at = int(cursor[3:].rstrip("="))
    page = list(found[at : at + limit])
    return page, f"at:{at + limit}=" if at + limit < len(found) else ""


FORM_ONLY = frozenset(
    {
        "chat.getPermalink", "conversations.history", "conversations.info", "conversations.list",
        "conversations.members", "conversations.replies", "files.getUploadURLExternal", "reactions.get", "team.info",
        "usergroups.list", "usergroups.users.list", "users.info",
    }
)  # fmt: skip
"""Methods that only read take their arguments from a form or the query: of a JSON body they see nothing, so that
`users.info` says `user_not_found` and `conversations.replies` misses its required fields (reported by many, see
Yeachan-Heo/gajae-code #3824, Illospace/illospace #194, kortix-ai/suna #6616; the list is HubSpot/slack-client's)."""


async def read(request: web.Request, method: str, json_everywhere: bool = False) -> Ask:
    """Reads a request; `invalid_json` and the like."""
    args: Raw = dict(request.query)
    text = await request.text()
    unread = request.content_type == "application/json" and method in FORM_ONLY and not json_everywhere
    if unread:
        pass
    elif request.content_type == "application/json":
        try:
            body = json.loads(text) if text else {}
        except ValueError:
            raise Refusal("invalid_json") from None
        if not isinstance(body, dict):
            raise Refusal("json_not_object")
        args |= body
    elif request.content_type in ("application/x-www-form-urlencoded", "application/octet-stream"):
        args |= dict(parse_qsl(text, keep_blank_values=True))
    else:
        raise Refusal("invalid_post_type")
    token = request.headers.get("Authorization", "").removeprefix("Bearer").strip() or str(args.pop("token", ""))
    return Ask(method=method, args=args, token=token, unread=unread)
