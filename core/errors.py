"""What can go wrong, and who is told.

    RondanError
    ├── ConfigError     the operator's settings are wrong: all reported at once, exit 78
    ├── SourceError     a feed, file or page can't be read: stored on the source, others go on
    ├── Refusal         a person asked for what can't be had: told to them, privately
    ├── ThinkError      the thinking process gave no answer: what stands without it is shown
    └── ChatError       a platform did not do what the loop asked
        ├── Gone        the channel or message is not there, or we may not: the place pauses
        ├── Busy        not now: try again at `until`
        ├── Poison      this payload is refused by itself: the posting stops, the place goes on
        └── Unknown     it may or may not have happened: look before doing it again

Every error carries its own sentence: what happened, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


class RondanError(Exception):
    """Root of all errors that are expected; its text is a sentence for a person."""


class ConfigError(RondanError):
    """Settings are wrong. `problems` holds one sentence each, with the mend."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems


class SourceError(RondanError):
    """A source could not be read. `code` is a short stable word (`too-big`, `private-address`, `http-404`, …)."""

    def __init__(self, code: str, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.retry_after = retry_after  # seconds the server asked us to wait, if it did


class Refusal(RondanError):
    """A request that is understood and declined. Shown to the person who asked, and only to them."""


class ThinkError(RondanError):
    """Nothing came of thinking: it crashed, took too long, or others were before. Never a reason to refuse anything."""


class ChatError(RondanError):
    """A chat platform did not do what was asked."""


class Gone(ChatError):
    """The channel, message or permission is not there. `what` is `place` or `message`."""

    def __init__(self, sentence: str, *, what: str = "place") -> None:
        super().__init__(sentence)
        self.what = what


class Busy(ChatError):
    """Surely not done; try again at `until` (aware UTC)."""

    def __init__(self, sentence: str, *, until: datetime) -> None:
        super().__init__(sentence)
        self.until = until


class Poison(ChatError):
    """Surely not done, and the same payload will be refused again."""


class Unknown(ChatError):
    """It may have been done. The caller must `find` before it tries again."""
