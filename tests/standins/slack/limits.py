"""How often each method may be called: tiers by method and workspace, about one post a second and channel."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Mapping

from tests.standins.slack.basics import Refusal

TIERS: Mapping[int, int] = {1: 1, 2: 20, 3: 50, 4: 100}
METHODS: Mapping[str, int] = {
    "apps.connections.open": 20, "auth.test": 300, "chat.getPermalink": 300, "chat.postMessage": 300,
    "chat.update": TIERS[3], "chat.delete": TIERS[3], "chat.postEphemeral": TIERS[4],
    "conversations.history": TIERS[3], "conversations.replies": TIERS[3], "conversations.info": TIERS[3],
    "conversations.join": TIERS[3], "conversations.list": TIERS[2], "conversations.members": TIERS[4],
    "conversations.open": TIERS[3], "users.info": TIERS[4], "usergroups.users.list": TIERS[2],
    "usergroups.list": TIERS[2], "team.info": TIERS[3], "reactions.get": TIERS[3], "reactions.add": TIERS[3],
    "files.getUploadURLExternal": TIERS[4], "files.completeUploadExternal": TIERS[4],
    "views.open": TIERS[4], "views.push": TIERS[4], "views.update": TIERS[4], "views.publish": TIERS[4],
}  # fmt: skip
"""Calls a minute. `apps.connections.open` is tier 1 or 3, the sources differ; here between."""


class Limits:
    """`minute` seconds is how long a minute is here; `burst` posts in a channel at once, then one a `apart` seconds.

    `on` False: no limits. `sizes` may be changed. `restricted`: the rules of 2025 for apps that are sold.
    """

    def __init__(self) -> None:
        self.on = True
        self.minute = 60.0
        self.apart, self.burst = 1.0, 4
        self.sizes = dict(METHODS)
        self.restricted = False
        self.hits: Counter[str] = Counter()
        self._calls: dict[str, deque[float]] = {}
        self._posts: dict[str, float] = {}  # by channel, the time until which its bucket is used up

    def take(self, method: str, channel: str) -> None:
        """Counts a call, or refuses it with 429."""
        if not self.on:
            return
        now = time.monotonic()
        size = self.sizes.get(method, TIERS[2])
        if self.restricted and method in ("conversations.history", "conversations.replies"):
            size = 1
        calls = self._calls.setdefault(method, deque())
        while calls and calls[0] <= now - self.minute:
            calls.popleft()
        if len(calls) >= size:
            raise self.refusal(method, calls[0] + self.minute - now)
        if method == "chat.postMessage" and channel:
            used = max(now, self._posts.get(channel, 0.0))
            ahead = used + self.apart - now
            if ahead > self.apart * self.burst + 0.05:
                raise self.refusal(method, ahead - self.apart * self.burst)
            self._posts[channel] = used + self.apart
        calls.append(now)

    def refusal(self, method: str, seconds: float) -> Refusal:
        """429. `Retry-After` is whole seconds."""
        self.hits[method] += 1
        return Refusal("ratelimited", status=429, headers={"Retry-After": str(max(1, math.ceil(seconds)))})
