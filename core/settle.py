"""The one rule of publishing: from what a leaf is, what it should be and what was being done to it, the next step.

Pure, so that every state a crash can leave behind is a row of a table test. `publish.settle` carries the steps out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.chat import Ref

LOOK_AFTER = timedelta(seconds=10)
"""A platform may show a message some seconds after it lost the answer: look-ups wait this long after the attempt."""
CLEAN_MISSES = 2
"""Look-ups in a row that must say `Absent` before a message whose fate was unknown is sent again."""

Doing = Literal["send", "edit", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One message of a posting as the store knows it.

    `shown` is the digest of what stands in the chat under `ref` (None: nothing). `doing` was committed before a
    request; while it is set the outcome is in doubt, and `doing_digest` is what the request would have shown.
    """

    name: str
    epoch: int = 0
    ref: Ref | None = None
    shown: str | None = None
    doing: Doing | None = None
    doing_since: datetime | None = None
    doing_digest: str | None = None
    misses: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    """Post it. `again`: the outcome of an earlier attempt is unknown, but the platform surely knows the key."""

    again: bool = False


@dataclass(frozen=True, slots=True)
class Find:
    """Look whether the earlier attempt arrived."""

    since: datetime


@dataclass(frozen=True, slots=True)
class Edit:
    ref: Ref


@dataclass(frozen=True, slots=True)
class Delete:
    ref: Ref


@dataclass(frozen=True, slots=True)
class Wait:
    until: datetime


@dataclass(frozen=True, slots=True)
class Nothing:
    """What stands is what should stand."""


Step = Send | Find | Edit | Delete | Wait | Nothing


def next_step(leaf: Leaf, wanted: str | None, now: datetime, *, resend_within: float) -> Step:
    """What to do next for a leaf that should show `wanted` (a digest; None: nothing).

    `resend_within`: seconds for which the platform recognises a repeated key by itself. Editing and deleting are the
    same however often they are done, so only a send can be in doubt.
    """
    if leaf.doing == "send" and leaf.doing_since is not None:
        age = (now - leaf.doing_since).total_seconds()
        if age < resend_within and wanted is not None:
            return Send(again=True)
        look_at = leaf.doing_since + LOOK_AFTER * (leaf.misses + 1)
        if now < look_at:
            return Wait(look_at)
        if leaf.misses >= CLEAN_MISSES:
            return Send() if wanted is not None else Nothing()
        return Find(leaf.doing_since)
    if leaf.ref is None:
        return Nothing() if wanted is None else Send()
    if wanted is None or leaf.doing == "delete":  # a deletion that was begun is finished before anything else
        return Delete(leaf.ref)
    if leaf.shown != wanted or leaf.doing == "edit":
        return Edit(leaf.ref)
    return Nothing()


def send_key(kind: str, uid: str, place: str, leaf: str, epoch: int) -> str:
    """The key of a message: 24 hex digits, the same on every attempt, machine and restore.

    Made of what the message is (never the small number), where it stands, and how often it was surely deleted before.
    """
    return hashlib.blake2b(f"{kind}:{uid}:{place}:{leaf}:{epoch}".encode(), digest_size=12).hexdigest()


def back_off(attempts: int) -> timedelta:
    """The pause after the n-th failure in a row: 5 s doubled each time, at most an hour."""
    return timedelta(seconds=min(5 * 2 ** min(attempts, 12), 3600))
