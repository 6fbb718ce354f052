"""What an examination found: one line each, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]
STATES: tuple[State, ...] = ("ok", "warn", "fail")
"""From good to bad. `warn`: it works, and somebody should look; `fail`: it does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`subject` is what was looked at, `sentence` what was seen, `mend` what to do if it is not ok."""

    subject: str
    state: State
    sentence: str
    mend: str = ""


def verdict(findings: Iterable[Finding]) -> int:
    """The exit code: 0 all is well, 1 something should be looked at, 2 something does not work."""
    return max((STATES.index(one.state) for one in findings), default=0)
