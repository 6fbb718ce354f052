"""Requests that fail as told, by route ("*": any).

`how`:
    500, 502, 503 …                  that status, nothing was done
    403, 404                         with 50013, 10003
    (403, 50001)                     status and Discord's code
    "500-before", "500-after"        after: it was done, the answer says it was not
    "drop-before", "drop-after"      the connection is cut instead of an answer
    "slow"                           done at once, answered late
    "ban"                            Cloudflare's 429: HTML, without `Via`

`delay` is the seconds before the answer or the cut; of those "after", between the deed and the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.standins.discord.errors import CODES, Refusal

USUAL = {403: 50013, 404: 10003}


@dataclass(slots=True, kw_only=True)
class Fault:
    route: str
    left: int
    status: int  # 0: the connection is cut
    code: int
    before: bool
    major: str | None
    delay: float
    ban: bool = False
    slow: bool = False

    def refusal(self) -> Refusal:
        if self.ban:
            return Refusal(0, 429, body="<html>error code: 1015</html>")
        if self.status in (502, 503, 504):
            return Refusal(0, self.status, body="<html>upstream connect error</html>")
        text = CODES[self.code][1] if self.code in CODES and self.code else f"{self.status}: refused"
        return Refusal(self.code, self.status, body={"message": text, "code": self.code})


@dataclass
class Faults:
    waiting: list[Fault] = field(default_factory=list)

    def add(self, route: str, times: int, how: str | int | tuple[int, int], major: str | None, delay: float) -> Fault:
        status, code, before, ban, slow = 0, 0, True, False, False
        if isinstance(how, tuple):
            status, code = how
        elif isinstance(how, int):
            status, code = how, USUAL.get(how, 0)
        elif how == "ban":
            status, ban = 429, True
        elif how == "slow":
            before, slow = False, True
        else:
            what, _, when = how.partition("-")
            before = when != "after"
            status = 0 if what == "drop" else int(what)
            code = USUAL.get(status, 0)
        fault = Fault(
            route=route,
            left=times,
            status=status,
            code=code,
            before=before,
            major=major,
            delay=delay,
            ban=ban,
            slow=slow,
        )
        self.waiting.append(fault)
        return fault

    def take(self, route: str, major: str) -> Fault | None:
        """The fault that a request meets, spent by one."""
        for fault in self.waiting:
            if fault.route in ("*", route) and fault.major in (None, major):
                fault.left -= 1
                if fault.left <= 0:
                    self.waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self.waiting.clear()
