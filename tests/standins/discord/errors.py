"""How Discord refuses: a status, a code of its own, and for forms a tree that says where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.standins.discord.basics import Raw

CODES: Mapping[int, tuple[int, str]] = {
    0: (404, "404: Not Found"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10008: (404, "Unknown Message"),
    10014: (400, "Unknown Emoji"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    20012: (403, "You are not authorized to perform this action on this application"),
    20022: (429, "This message cannot be edited due to announcement rate limits."),
    20028: (429, "The write action you are performing on the channel has hit the write rate limit"),
    30010: (400, "Maximum number of reactions reached (20)"),
    30046: (429, "Maximum number of edits to messages older than 1 hour reached. Try again later"),
    40005: (413, "Request entity too large"),
    40033: (400, "This message has already been crossposted"),
    40058: (400, "You cannot send messages in a forum channel"),
    40060: (400, "Interaction has already been acknowledged"),
    40067: (400, "A tag is required to create a forum post in this channel"),
    50001: (403, "Missing Access"),
    50003: (403, "Cannot execute action on a DM channel"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50013: (403, "Missing Permissions"),
    50024: (400, "Cannot execute this action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50034: (400, "A message provided was too old to bulk delete"),
    50035: (400, "Invalid Form Body"),
    50068: (400, "Invalid message type"),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    160002: (400, "You cannot reply without permission to read message history"),
    160004: (400, "A thread has already been created for this message"),
    160005: (403, "This thread is locked"),
    160006: (400, "Maximum number of active threads reached"),
    160007: (400, "Maximum number of active announcement threads reached"),
}


class Refusal(Exception):
    """An answer that is not the one asked for. `body` None: the usual `{message, code}`; a str is sent as HTML."""

    def __init__(
        self,
        code: int = 0,
        status: int | None = None,
        *,
        body: Raw | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        usual, text = CODES.get(code, (400, f"Error {code}"))
        super().__init__(text)
        self.code = code
        self.status = usual if status is None else status
        if body is None:
            body = {"message": text if status is None or code else f"{status}: refused", "code": code}
        self.body = body
        self.headers = dict(headers or {})


class Form:
    """Collects what is wrong with a form, then refuses with 50035 and the tree of all of it."""

    def __init__(self) -> None:
        self.errors: Raw = {}

    def bad(self, path: Sequence[str | int], text: str, code: str = "BASE_TYPE_INVALID") -> None:
        node = self.errors
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": text})

    def length(self, path: Sequence[str | int], value: object, least: int, most: int) -> None:
        """A text of `least` to `most` code points."""
        if not isinstance(value, str):
            self.bad(path, "Could not interpret as string.", "STRING_TYPE_CONVERT")
        elif not least <= len(value) <= most:
            self.bad(path, f"Must be between {least} and {most} in length.", "BASE_TYPE_BAD_LENGTH")

    def done(self) -> None:
        if self.errors:
            raise Refusal(50035, body={"message": "Invalid Form Body", "code": 50035, "errors": self.errors})
