"""What became of one interaction."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.standins.slack.basics import Raw
from tests.standins.slack.world import Channel, Message, Person

if TYPE_CHECKING:
    from tests.standins.slack.server import Slack
    from tests.standins.slack.views import View


class NoAnswer(Exception):
    """The bot did not acknowledge in time: the person reads "/rondan failed with the error …"."""


class NotOffered(Exception):
    """What Slack's client would not let a person do."""


class Answer:
    """`ack` is the payload of the acknowledgement (None: an empty one), `took` the seconds until it.

    `posts`: bodies posted to its response_url. `views`: ("open" | "push" | "update" | "publish", view) in order.
    `ephemerals`: messages that only the person sees, those of `ack`, `posts` and chat.postEphemeral. `said`: messages
    in the channel that came by the response_url. `errors`: of a form, by block id. `closed`: the modal is gone.
    """

    def __init__(
        self, slack: Slack, kind: str, person: Person, channel: Channel | None, on: Message | None, on_view: View | None
    ) -> None:
        self.slack, self.kind, self.person, self.channel = slack, kind, person, channel
        self.on, self.on_view = on, on_view
        self.began = time.monotonic()
        self.trigger = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**9)}.{secrets.token_hex(8)}"
        self.response = secrets.token_urlsafe(18)
        self.triggered = False
        self.uses = 0
        self.ack: Raw | None = None
        self.took: float | None = None
        self.posts: list[Raw] = []
        self.views: list[tuple[str, View]] = []
        self.ephemerals: list[Message] = []
        self.said: list[Message] = []
        self.errors: dict[str, str] = {}
        self.options: list[Raw] = []
        self.closed = False
        self._news = asyncio.Event()

    @property
    def view(self) -> View | None:
        """The modal or home tab that was last shown; None: none, or it was closed."""
        return self.views[-1][1] if self.views and self.views[-1][1].open else None

    @property
    def message(self) -> Message | None:
        """What was last said."""
        both = [*self.ephemerals, *self.said]
        return max(both, key=lambda one: one.ts, default=None)

    @property
    def text(self) -> str:
        """All that the person reads of it, in order of time, and the view last."""
        said = sorted({*self.ephemerals, *self.said}, key=lambda one: one.ts)
        parts = [self.slack.plain(one) for one in said]
        if self.view is not None:
            parts.append(self.view.text)
        parts += self.errors.values()
        return "\n".join(parts)

    @property
    def blocks(self) -> list[Raw]:
        """What can be pressed: of the view, else of the last message."""
        if self.view is not None:
            return self.view.blocks
        return list(self.message.blocks) if self.message else []

    def showed(self, how: str, view: View) -> None:
        self.views.append((how, view))
        self.news()

    def news(self) -> None:
        self._news.set()

    @property
    def visible(self) -> bool:
        return bool(self.views or self.posts or self.message or self.errors or self.closed or self.options)

    async def until(self, holds: Callable[[Answer], object], timeout: float = 30) -> Answer:  # noqa: ASYNC109 (it is what the test says)
        """Returns itself when `holds`; raises `NoAnswer`. Asked again at everything that comes."""
        try:
            async with asyncio.timeout(timeout):
                while not holds(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NoAnswer(f"nothing of that within {timeout} s; so far: {self.text!r}") from None
        return self

    async def settled(self, timeout: float = 30) -> Answer:  # noqa: ASYNC109
        """Returns itself when the person saw something; raises `NoAnswer`."""
        return await self.until(lambda one: one.visible, timeout)
