"""How events become rows: whatever the order, and however often each arrives, the same events give the same rows.

Reactions: the newest event of (message, person, emoji) wins; of two at the same instant the removal wins. What a sweep
recalled (`recalled`) only fills a gap, since its time is not the time of the act.
Comments: the newest wording wins; a removal is final.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.chat import Commented, Reacted
from core.times import micros


@dataclass(frozen=True, slots=True)
class ReactionState:
    """One reaction row: whether it stands, and since when (microseconds)."""

    present: bool
    at: int
    source: str = "emoji"


def fold_reaction(old: ReactionState | None, event: Reacted) -> ReactionState:
    """The row after an event; the same object when nothing changes."""
    at = micros(event.at)
    new = ReactionState(event.added, at, event.source)
    if old is None:
        return new
    if event.recalled and (event.added == old.present or at <= old.at):
        return old
    # Ordered by time, then removal before addition, then source: a total order, so folding is a maximum.
    return max(old, new, key=lambda one: (one.at, not one.present, one.source))


@dataclass(frozen=True, slots=True)
class CommentState:
    """One comment row's wording. `at` is when it was first said, `edited` the time of this wording if it was edited."""

    text: str
    at: int
    edited: int | None = None


def fold_comment(old: CommentState | None, event: Commented) -> CommentState:
    """The wording after an event (new, or edited). A text that the platform withheld replaces none that we have."""
    edited = None if event.edited is None else micros(event.edited)
    new = CommentState(event.text or "", micros(event.at), edited)
    if old is None:
        return new
    newest = max(old, new, key=lambda one: (bool(one.text), one.edited or 0, one.text))
    return CommentState(newest.text, min(old.at, new.at), newest.edited)
