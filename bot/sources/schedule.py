"""When a feed is asked again. Pure rules after miniflux (entry frequency) and MonitoRSS (freshness capped)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Literal

from core.errors import SourceError

SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(hours=24)
_WEEK = timedelta(days=7)
_FRESHEST = timedelta(hours=1)  # how long a server's own cache time or ttl is believed: many say a year
_PATIENCE = timedelta(days=7)  # the longest Retry-After that is obeyed
_JITTER = 0.1


def next_check(
    now: datetime,
    *,
    weekly_entries: int,
    ttl: float | None = None,
    max_age: float | None = None,
    retry_after: float | None = None,
    failures: int = 0,
    seed: str = "",
) -> datetime:
    """When to ask a feed next.

    `weekly_entries`: how many it brought in the last seven days. `ttl` in minutes, as RSS gives it; `max_age` and
    `retry_after` in seconds. `failures`: how often in a row it failed, this time included. `seed`: the feed's address;
    it makes the jitter of ±10 %, so that a thousand feeds added at once drift apart, and tests know the answer.

    A healthy feed: a week divided by its weekly entries. A failing one: 5 minutes × 2ⁿ. Both 5 minutes to 24 hours.
    What the server asks for only ever makes it later.
    """
    if failures > 0:
        wait = min(SHORTEST * float(2 ** min(failures, 12)), LONGEST)
    else:
        wait = _WEEK / max(weekly_entries, 1)
        asked = max(timedelta(minutes=min(ttl or 0, 1e6)), timedelta(seconds=min(max_age or 0, 1e6)))
        wait = max(min(max(wait, SHORTEST), LONGEST), min(asked, _FRESHEST))
    wait *= 1 + _JITTER * (2 * _fraction(f"{seed}|{now.isoformat()}") - 1)
    wait = min(max(wait, SHORTEST), LONGEST)
    if retry_after:
        # Never before the time that it named, so no jitter downwards.
        wait = max(wait, min(timedelta(seconds=min(retry_after, 1e7)), _PATIENCE))
    return now + wait


def spread(now: datetime, seeds: list[str], over: timedelta) -> dict[str, datetime]:
    """First checks of many feeds, evenly over a time, always in the same order: a restart asks nobody all at once."""
    order = sorted(set(seeds), key=_fraction)
    return {seed: now + over * (at / len(order)) for at, seed in enumerate(order)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an answer means for the feed itself: go on, go on at a new address, or stop for good."""

    what: Literal["go-on", "move", "stop"]
    url: str | None = None
    reason: str = ""


def decide(url: str, permanent_url: str | None = None, error: SourceError | None = None) -> Decision:
    """410 stops a feed (it is kept, and an admin is told); a permanent redirect gives it its new address."""
    if error is not None and error.code == "http-410":
        return Decision(what="stop", reason=str(error))
    if permanent_url and permanent_url != url:
        return Decision(what="move", url=permanent_url, reason=f"{url} moved for good to {permanent_url}")
    return Decision(what="go-on")


def _fraction(seed: str) -> float:
    """A number of [0, 1) that is always the same for a text."""
    return int.from_bytes(blake2b(seed.encode("utf-8", "replace"), digest_size=6).digest(), "big") / 2**48
