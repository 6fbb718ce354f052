"""Rate limits as Discord has them: a global one, buckets by route and channel, and some that no header tells of."""

from __future__ import annotations

import math
import time
import zlib
from collections import Counter, deque
from dataclasses import dataclass, field

from tests.standins.discord.basics import Raw
from tests.standins.discord.errors import Refusal

SIZES: dict[str, tuple[int, float]] = {
    "POST /channels/{}/messages": (5, 5.0),
    "PATCH /channels/{}/messages/{}": (5, 5.0),
    "PUT /channels/{}/messages/{}/reactions/{}/@me": (1, 0.25),
    "DELETE /channels/{}/messages/{}/reactions/{}/@me": (1, 0.25),
    "POST /webhooks/{}/{}": (5, 2.0),
}
"""Requests and seconds of the buckets that headers tell of, by route."""
HIDDEN: dict[str, tuple[int, float]] = {"POST /channels/{}/messages/{}/crosspost": (10, 3600.0)}
"""The same for limits without headers; over them is scope `shared`."""
ONE_BUCKET = {"DELETE /channels/{}/messages/{}/reactions/{}/@me": "PUT /channels/{}/messages/{}/reactions/{}/@me"}
FREE = ("/interactions/", "/webhooks/")
"""Paths that the global limit does not count."""


@dataclass(slots=True)
class Window:
    left: int
    ends: float


@dataclass
class Limits:
    """`on` False switches all off. `rate` requests a second for the whole bot. `invalid` counts 401, 403 and 429.

    From `ban_at` of them on, everything is refused as Cloudflare does.
    """

    on: bool = True
    rate: int = 50
    sizes: dict[str, tuple[int, float]] = field(default_factory=lambda: dict(SIZES))
    hidden: dict[str, tuple[int, float]] = field(default_factory=lambda: dict(HIDDEN))
    invalid: int = 0
    ban_at: int = 10_000
    shared: Counter[str] = field(default_factory=Counter)
    shared_after: float = 0.3
    _second: Window = field(default_factory=lambda: Window(0, 0))
    _windows: dict[tuple[str, str], Window] = field(default_factory=dict)
    _edits: dict[str, deque[float]] = field(default_factory=dict)

    def take(self, route: str, major: str) -> dict[str, str]:
        """Spends a request; returns the headers that tell of its bucket, or raises a 429."""
        if self.invalid >= self.ban_at:
            raise Refusal(0, 429, body="<html>error code: 1015</html>")
        if self.shared[route]:
            self.shared[route] -= 1
            raise over(self.shared_after, "shared", code=20028)
        if not self.on:
            return {}
        now = time.time()
        if not route.split(" ")[1].startswith(FREE):
            if now >= self._second.ends:
                self._second = Window(self.rate, now + 1)
            if self._second.left <= 0:
                raise over(self._second.ends - now, "global")
            self._second.left -= 1
        if route in self.hidden:
            self._spend(self.hidden[route], "hidden " + route, major, now, "shared")
        if route not in self.sizes:
            return {}
        name = ONE_BUCKET.get(route, route)
        return self._spend(self.sizes[name], name, major, now, "user")

    def _spend(
        self, size: tuple[int, float], name: str, major: str, now: float, scope: str, code: int = 0
    ) -> dict[str, str]:
        limit, seconds = size
        window = self._windows.get((name, major))
        if window is None or now >= window.ends:
            window = self._windows[name, major] = Window(limit, now + seconds)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, window.left - 1)),
            "X-RateLimit-Reset": f"{window.ends:.3f}",
            "X-RateLimit-Reset-After": f"{math.ceil((window.ends - now) * 1000) / 1000:.3f}",
            "X-RateLimit-Bucket": f"{zlib.crc32(name.encode()):08x}",
        }
        if window.left <= 0:
            raise over(window.ends - now, scope, code=code, headers=headers if scope == "user" else {})
        window.left -= 1
        return headers

    def old_edit(self, channel: str) -> None:
        """An edit of a message older than an hour: 3 in 6 seconds for a channel, else 30046 as a 429."""
        edits = self._edits.setdefault(channel, deque(maxlen=3))
        now = time.time()
        if self.on and len(edits) == 3 and now - edits[0] < 6:
            raise over(6 - (now - edits[0]), "user", code=30046)
        edits.append(now)

    def published_edit(self, message: str) -> None:
        """An edit of a published announcement: 3 an hour, else 20022 as a 429."""
        if self.on:
            self._spend((3, 3600.0), "published", message, time.time(), "shared", 20022)


def over(after: float, scope: str, *, code: int = 0, headers: dict[str, str] | None = None) -> Refusal:
    """A 429."""
    after = math.ceil(max(after, 0.001) * 1000) / 1000
    body: Raw = {"message": "You are being rate limited.", "retry_after": after, "global": scope == "global"}
    if code:
        body["code"] = code
    more = {"Retry-After": str(math.ceil(after)), "X-RateLimit-Scope": scope}
    if scope == "global":
        more["X-RateLimit-Global"] = "true"
    return Refusal(code, 429, body=body, headers=(headers or {}) | more)
