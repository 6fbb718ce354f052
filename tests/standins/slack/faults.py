"""Calls that fail as told, by method ("*": any; "response_url" for posts to those).

`how`:
    500, 503 …                       that status with HTML, nothing was done
    "500-before", "500-after"        after: it was done, the answer says it was not
    "drop-before", "drop-after"      the connection is cut instead of an answer
    "ratelimited"                    429 with Retry-After `delay` (at least 1), not done
    "slow"                           done at once, answered `delay` seconds late
    "internal_error" …               any error's name, not done; "internal_error-after": done

`delay` is the seconds before the answer or the cut; of those "after", between the deed and the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.standins.slack.basics import Refusal


@dataclass(slots=True, kw_only=True)
class Fault:
    method: str
    left: int
    what: str
    before: bool
    channel: str | None
    delay: float

    @property
    def slow(self) -> bool:
        return self.what == "slow"

    def refusal(self) -> Refusal:
        if self.what == "drop":
            return Refusal(cut=True)
        if self.what == "ratelimited":
            return Refusal("ratelimited", status=429, headers={"Retry-After": str(max(1, round(self.delay)))})
        if self.what.isdigit():
            return Refusal(status=int(self.what), html="<html><body>Server Error</body></html>")
        return Refusal(self.what)


@dataclass
class Faults:
    waiting: list[Fault] = field(default_factory=list)

    def add(self, method: str, times: int, how: str | int, channel: str | None, delay: float) -> Fault:
        what, _, when = str(how).partition("-")
        before = when != "after" and what != "slow"
        fault = Fault(method=method, left=times, what=what, before=before, channel=channel, delay=delay)
        self.waiting.append(fault)
        return fault

    def take(self, method: str, channel: str) -> Fault | None:
        """The fault that a call meets, spent by one."""
        for fault in self.waiting:
            if fault.method in ("*", method) and fault.channel in (None, channel):
                fault.left -= 1
                if fault.left <= 0:
                    self.waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self.waiting.clear()
