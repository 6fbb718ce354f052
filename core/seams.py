"""Where a piece begins anew: which lines are headings, which are the author's remarks, and which are the body.

A *seam* is what stands between the end of one stretch of body and the start of the next: remarks, cards, breaks, and
at last a heading. The whole difficulty is in seams, since in plain text and in many blogs neither headings nor remarks
are marked; the lines around decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.document import Paragraph, Quote
from core.lines import headline, narrow, personal, polite, remarkable, several, width
from core.units import House, Kind, Unit, house_of, series

Role = Literal["break", "cited", "remark", "head", "body", "offer"]

_SMALL = 360  # columns; a longer paragraph is never a remark
_ALONE = 200
_INTRO = 150  # an English introduction in the first person is longer
_SHORT = 72


@dataclass(slots=True)
class Reading:
    """Roles being found for units; `starts` are the units with which a new part begins."""

    units: Sequence[Unit]
    house: House
    roles: list[Role]
    starts: set[int]
    bodies: list[str | None]  # for each unit, the first paragraph under the next heading

    def kind(self, at: int) -> Kind | None:
        return self.units[at].kind if 0 <= at < len(self.units) else None

    def contrast(self, at: int, body: str | None) -> bool:
        """Whether a unit speaks in another register than a body paragraph."""
        text = self.units[at].text
        if self.house.polite and (body is None or polite(body)) and not polite(text):
            return True
        return personal(text) and not (body is not None and personal(body))

    def worded(self, at: int) -> bool:
        """A line or paragraph; or a few of them set as a quotation, in a text whose register tells remarks apart."""
        if self.kind(at) in ("line", "text"):
            return True
        block = self.units[at].block if self.kind(at) == "rest" else None
        return (
            isinstance(block, Quote) and self.house.polite and all(isinstance(one, Paragraph) for one in block.blocks)
        )

    def small(self, at: int) -> bool:
        return self.kind(at) == "line" or (self.worded(at) and narrow(self.units[at].text, _SMALL))

    def strong(self, at: int) -> bool:
        return self.small(at) and self.contrast(at, self.bodies[at])

    def opening(self, at: int) -> bool:
        """Enough right after the title: another register, or a single short sentence where all else is long."""
        text = self.units[at].text
        if self.strong(at):
            return self.house.polite or narrow(text, _INTRO)
        return not self.house.polite and not several(text) and narrow(text, _SHORT) and self.less(at, 0.5)

    def weak(self, at: int) -> bool:
        """Enough after a break: another register, much less than is usual, or nothing else before a heading."""
        if not self.small(at):
            return False
        alone = self.kind(at - 1) == "break" and self.kind(at + 1) in self.heads and narrow(self.units[at].text, _ALONE)
        return self.kind(at) == "line" or self.strong(at) or (self.kind(at) == "text" and (self.less(at, 0.6) or alone))

    def less(self, at: int, share: float) -> bool:
        return width(self.units[at].text) <= share * self.house.usual

    @property
    def heads(self) -> tuple[Kind, ...]:
        """What may be a heading here."""
        return ("head",) if self.house.marked else ("head", "line")

    def remark(self, places: Sequence[int]) -> None:
        for at in places:
            if self.worded(at) or self.kind(at) == "head":
                self.roles[at] = "remark"


def roles_of(units: Sequence[Unit], house: House) -> tuple[list[Role], set[int]]:
    """(role of each unit, where parts begin)."""
    first: dict[Kind, Role] = {"break": "break", "cited": "cited", "head": "head", "offer": "offer"}
    reading = Reading(
        units=units,
        house=house,
        roles=[first.get(unit.kind, "body") for unit in units],
        starts=set(),
        bodies=_bodies(units, house),
    )
    openings = [at for at in range(len(units)) if at == 0 or units[at - 1].kind in ("break", "offer")]
    done = 0
    for at in openings:
        if at >= done:
            done = (_marked_lead if house.marked else _bare_lead)(reading, at)
    if house.marked:
        _marked_asides(reading)
    else:
        _bare_heads(reading)
    return reading.roles, reading.starts


def _bodies(units: Sequence[Unit], house: House) -> list[str | None]:
    """For each unit, the first paragraph under the next heading, None if there is none or a list comes first."""
    out: list[str | None] = [None] * len(units)
    heads: tuple[Kind, ...] = ("head",) if house.marked else ("head", "line")
    under: str | None = None
    for at in range(len(units) - 1, -1, -1):
        out[at] = under
        if units[at].kind in heads and at + 1 < len(units) and units[at + 1].kind in ("text", "rest"):
            under = units[at + 1].text if units[at + 1].kind == "text" else None
    return out


def _marked_lead(reading: Reading, start: int) -> int:
    """Remarks between an opening and the next marked heading; returns where reading goes on."""
    test = reading.weak if start else reading.opening
    at = start
    while reading.kind(at) in ("break", "cited") or (reading.worded(at) and (test(at) or reading.kind(at) == "line")):
        at += 1
    lead = [i for i in range(start, at) if reading.worded(i)]
    if reading.kind(at) == "head" and len(lead) <= 5:
        reading.remark(lead)
        reading.starts.add(lead[0] if lead else at)
        return at
    if start == 0 and lead and headline(reading.units[lead[0]].text):
        reading.remark(lead[:1])
    if at == len(reading.units):
        _closing(reading, start, lead)
    return start + 1


def _closing(reading: Reading, start: int, lead: Sequence[int]) -> None:
    """After the last break the author may have the last word."""
    before = next((unit.text for unit in reversed(reading.units[:start]) if unit.kind == "text"), None)
    if start and 0 < len(lead) <= 3 and all(reading.kind(i) == "line" or reading.contrast(i, before) for i in lead):
        reading.remark(lead)


def _marked_asides(reading: Reading) -> None:
    """Remarks before a part's heading with nothing between them and the body above."""
    top = reading.house.levels[0]
    for at, unit in enumerate(reading.units):
        if unit.kind != "head" or unit.level != top:
            continue
        lead = _aside(reading, at)
        if lead:
            reading.remark(lead)
            reading.starts.add(lead[0])
        elif reading.house.flat and at and reading.roles[at - 1] == "body" and reading.kind(at + 1) == "head":
            reading.starts.add(at)  # a heading without a text of its own, over others: a new part's


def _aside(reading: Reading, head: int) -> list[int]:
    """At most two units directly before a heading in another register than the body above them, which stays."""
    at = head - 1
    while at >= 0 and head - at <= 2 and reading.roles[at] == "body" and reading.kind(at) in ("line", "text"):
        if not (reading.strong(at) or (reading.kind(at) == "line" and reading.house.marked)):
            break
        at -= 1
    lead = list(range(at + 1, head))
    if not lead or at < 0 or reading.roles[at] != "body":
        return []
    above = reading.units[at]
    kept = above.kind == "rest" or any(reading.contrast(i, above.text) or reading.kind(i) == "line" for i in lead)
    return lead if kept else []


# --- texts without marked headings ---


def _line(reading: Reading, at: int) -> bool:
    return reading.kind(at) in ("line", "head")


def opens(units: Sequence[Unit]) -> bool:
    """Whether units, a piece's first line left out, begin with the author's remarks and a heading."""
    house = house_of(units)
    reading = Reading(units=units, house=house, roles=[], starts=set(), bodies=_bodies(units, house))
    for at, unit in enumerate(units[:4]):
        if unit.kind == "head":
            return at > 0
        if unit.kind not in ("break", "cited", "line") and not reading.opening(at):
            return False
    return False


def _bare_lead(reading: Reading, start: int) -> int:
    """Remarks and the heading after an opening; returns where reading goes on."""
    at = start
    lines: list[int] = []
    labelled = False
    while (kind := reading.kind(at)) is not None:
        if kind in ("line", "head"):
            if lines and series(reading.units, at):
                labelled = True
                break
            lines.append(at)
        elif reading.worded(at):
            if not (_returns(reading, at) if lines else (reading.weak(at) if start else reading.opening(at))):
                break
        elif kind not in ("break", "cited"):
            break
        at += 1
    lead = [i for i in range(start, at) if reading.kind(i) == "head" or reading.worded(i)]
    if not lead:
        return start + 1
    if reading.kind(at) is None:
        _closing(reading, start, lead)
        return at
    if not lines or lead[-1] != lines[-1]:
        return _headless(reading, lead, at, start)
    last = lines[-1]
    reading.starts.add(lead[0])
    if labelled and remarkable(reading.units[last].text) and reading.units[last].kind == "line":
        reading.remark(lead)
        return at
    reading.remark([i for i in lead if i != last])
    reading.roles[last] = "head"
    return at


def _returns(reading: Reading, at: int) -> bool:
    """Whether a paragraph below a bare line is a remark after all: another line and the body are yet to come."""
    follow = next((i for i in range(at + 1, min(at + 4, len(reading.units))) if reading.kind(i) != "text"), None)
    body = None if follow is None or reading.kind(follow + 1) != "text" else reading.units[follow + 1].text
    if follow is None or not _line(reading, follow) or body is None:
        return False
    return reading.small(at) and reading.contrast(at, body)


def _headless(reading: Reading, lead: Sequence[int], at: int, start: int) -> int:
    """An opening without a heading: a remark only if it is in another register than the body that follows."""
    body = reading.units[at].text if reading.kind(at) == "text" else None
    if start and len(lead) <= 2 and body and all(reading.small(i) and reading.contrast(i, body) for i in lead):
        reading.remark(lead)
        reading.starts.add(lead[0])
        return at
    return start + 1


def _bare_heads(reading: Reading) -> None:
    """Headings and remarks between two stretches of body with no break between them."""
    at = 0
    while at < len(reading.units):
        end = at
        while _line(reading, end) and reading.roles[end] in ("body", "head") and end not in reading.starts:
            end += 1
        run = [i for i in range(at, end) if reading.roles[i] == "body" or reading.units[i].kind == "head"]
        if run and not _over_body(reading, run[-1]):
            for i in run:
                reading.roles[i] = "body"
        elif run:
            _bare_run(reading, run)
        at = max(end, at + 1)


def _over_body(reading: Reading, at: int) -> bool:
    after = reading.kind(at + 1)
    if after == "rest" and reading.units[at].text[-1] in "：:":
        return False  # "as follows:" over a list
    return after in ("text", "rest") or (reading.units[at].kind == "head" and after is not None)


def _bare_run(reading: Reading, run: list[int]) -> None:
    """Bare lines in a row, the last over body: remarks and a heading, or a heading and its first label."""
    last = run[-1]
    before = run[:-1]
    if reading.kind(last) == "line" and _returns(reading, last + 1):
        reading.remark([*run, last + 1])  # another line is yet to come
        reading.starts.add(run[0])
        return
    reading.roles[last] = "head"
    aside = _aside(reading, run[0])
    top = last
    if before and series(reading.units, last) and not remarkable(reading.units[before[-1]].text):
        top = before.pop()
        reading.roles[top] = "head"
    if aside or any(remarkable(reading.units[i].text) for i in before):
        aside += before
    else:
        for i in before:
            reading.roles[i] = "head"
        top = min([top, *before])
    reading.remark(aside)
    if aside or top != last:
        reading.starts.add(min([top, *aside]))
