"""Small things of Slack: refusals, time stamps that are ids, escaping, the emoji that people type."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

Raw = dict[str, Any]
"""A JSON object as it goes over the wire."""

EMOJI = {
    "👍": "+1", "👎": "-1", "❤️": "heart", "🤔": "thinking_face", "😀": "grinning", "🎉": "tada", "👀": "eyes",
    "🙏": "pray", "🔥": "fire", "😂": "joy", "👏": "clap", "✅": "white_check_mark", "⭐": "star", "💯": "100",
}  # fmt: skip
"""Slack gives emoji back by their names; these are the ones that the people here know."""

TOKEN = re.compile(r"<(?:@[UW]\w+|#C\w+|!(?:here|channel|everyone|subteam\^S\w+)|https?://[^\s<>|]+)(?:\|[^<>]*)?>")
URL = re.compile(r"https?://[^\s<>|。、」』）)]+")


class Refusal(Exception):
    """`ok: false` with an error's name; or a bare status; or, `cut`, no answer at all."""

    def __init__(
        self,
        error: str = "",
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        html: str | None = None,
        cut: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(error or str(status), *([more] if more else []))
        self.error, self.status, self.headers, self.html, self.cut = error, status, headers or {}, html, cut
        self.body: Raw = {"ok": False, "error": error, **more}


class Stamps:
    """`ts` of messages and events: text, seconds and microseconds, growing, never the same twice."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return stamp(self._last)

    def past(self, seconds: float) -> str:
        """A moment so long ago."""
        return stamp(time.time_ns() // 1000 - int(seconds * 1_000_000) + secrets.randbelow(900))


def stamp(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def moment(ts: str) -> int:
    """Microseconds of a `ts`; ValueError for what is none."""
    seconds, _, micros = ts.partition(".")
    return int(seconds) * 1_000_000 + int((micros or "0").ljust(6, "0")[:6])


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def typed(text: str) -> str:
    """What a person typed, as Slack gives it to apps: escaped, addresses in angle brackets, emoji by their names.

    Tokens such as `<@U…>` are what the client makes of a picked name, and stay.
    """
    out, at = [], 0
    for token in TOKEN.finditer(text):
        out += [_typed(text[at : token.start()]), token[0]]
        at = token.end()
    return "".join([*out, _typed(text[at:])])


def _typed(text: str) -> str:
    for sign, name in EMOJI.items():
        text = text.replace(sign, f":{name}:")
    out, at = [], 0
    for link in URL.finditer(text):
        out += [escape(text[at : link.start()]), f"<{escape(link[0])}>"]
        at = link.end()
    return "".join([*out, escape(text[at:])])


def units(text: str) -> int:
    """The length of a text in UTF-16 units: the larger of what "character" may mean."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


_FREE = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


def ident(prefix: str) -> str:
    """An id such as Slack gives: a letter that says what it is, then capitals and digits."""
    return prefix + "".join(secrets.choice(_FREE) for _ in range(10))
