"""A new subject is tried at a few places first: what every place would refuse is not sent to ten thousand of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

FIRST = 3  # places that try a subject before the others
AGAIN, LONGEST = 2.0, 60.0  # seconds until the others look whether it was taken; longer the more of them wait

Key = tuple[str, str, int, int]
"""Platform, subject, its number, its revision."""


@dataclass(slots=True)
class _Trial:
    trying: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    taken: bool = False
    waits: int = 0


class Canary:
    """Remembers, since the start of the process, which subjects were taken anywhere on a platform."""

    def __init__(self) -> None:
        self._trials: dict[Key, _Trial] = {}

    def verdict(self, key: Key, place: int) -> Literal["go", "wait", "stop"]:
        """Whether a place may be sent this now, should wait until others have tried, or not be sent it at all."""
        trial = self._trials.setdefault(key, _Trial())
        if trial.taken or place in trial.trying:
            return "go"
        if len(trial.refused) >= FIRST:
            return "stop"
        if len(trial.trying) + len(trial.refused) >= FIRST:
            return "wait"
        trial.trying.add(place)
        return "go"

    def pause(self, key: Key) -> float:
        """Seconds that a place which was told to wait should do so."""
        trial = self._trials[key]
        trial.waits += 1
        return min(AGAIN * (1 + trial.waits // 50), LONGEST)

    def taken(self, key: Key) -> None:
        """A place shows it."""
        trial = self._trials.setdefault(key, _Trial())
        trial.taken = True
        trial.trying.clear()
        while len(self._trials) > 1000:
            del self._trials[next(iter(self._trials))]

    def refused(self, key: Key, place: int) -> None:
        """The platform surely refused it there, because of what it is."""
        trial = self._trials.setdefault(key, _Trial())
        trial.trying.discard(place)
        trial.refused.add(place)

    def left(self, key: Key, place: int) -> None:
        """The place could not try it, for a reason of its own: another may."""
        self._trials.setdefault(key, _Trial()).trying.discard(place)
