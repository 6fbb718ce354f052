"""Where a piece begins anew: which lines are headings, which are the author's remarks, and which are the body.

A document is read as a row of *units*. A *seam* is what stands between the end of one stretch of body and the start
of the next: remarks, cards, breaks, and at last a heading. The whole difficulty is in seams, since in plain text and
in many blogs neither headings nor remarks are marked; the lines around decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Literal

from core.document import Block, Break, Cited, Heading, Paragraph, Spans, plain, words_of
from core.lines import (
    bare,
    cut,
    ended,
    headline,
    label,
    narrow,
    personal,
    polite,
    remarkable,
    rows,
    strong,
    trimmed,
    width,
)
from core.text import language_of
from core.voices import is_offer

Kind = Literal["break", "cited", "head", "line", "text", "rest", "offer"]
Role = Literal["break", "cited", "remark", "head", "body", "offer"]

BOLD, TYPED = 7, 8  # levels of headings that are only bold paragraphs, or only labels typed before a text
_DT = 6  # the level that the HTML reader gives to a dt
_SMALL = 360  # columns; a longer paragraph is never a remark
_INLINE = re.compile(r"^([^：:。、,.!?！？\n「」]{1,30})[：:][ \t　]*(?=\S)")
_META = re.compile(
    r"^\W*((published|posted|updated|written)( on| by)?\b.{0,60}|by [A-Z][\w.]+( [A-Z][\w.]+){0,3}"
    r"|(投稿日|公開日|更新日|著者|筆者|執筆|文|テーマ|カテゴリー?|タグ)[：:].{0,40}|\d{4}[年/.-]\d{1,2}[月/.-]\d{1,2}日?[\d:\s（）()月火水木金土日時分]*"
    r"|([A-Z][a-z]+\.? \d{1,2}|\d{1,2} [A-Z][a-z]+),? \d{4})\W*$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A block by its looks. `level` is a heading's own: 1–6 as marked, then `BOLD` and `TYPED`."""

    kind: Kind
    block: Block
    text: str = ""
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The ways of one text: which headings it marks (`levels`), its register, its usual paragraph in columns."""

    levels: tuple[int, ...]
    flat: bool  # one level only, or none: structure decides
    polite: bool
    usual: float

    @property
    def marked(self) -> bool:
        return bool(self.levels)


# --- units ---


def units_of(blocks: Sequence[Block]) -> list[Unit]:
    """Blocks as units; labels before a text are set apart, empty paragraphs left out, breaks in a row joined."""
    out: list[Unit] = []
    for block in blocks:
        for unit in _units(block):
            if unit.kind != "break" or (out and out[-1].kind != "break"):
                out.append(unit)
    return _labelled(out)


def _units(block: Block) -> list[Unit]:
    match block:
        case Break():
            return [Unit(kind="break", block=block)]
        case Cited():
            return [Unit(kind="cited", block=block, text=block.title)]
        case Heading():
            text = words_of(block.spans).strip()
            return [Unit(kind="head", block=block, text=text, level=block.level)] if text else []
        case Paragraph():
            return _paragraph(block)
        case _:
            return [Unit(kind="rest", block=block, text=plain(block))]


def _paragraph(block: Paragraph) -> list[Unit]:
    text = words_of(block.spans).strip()
    if not text:
        return []
    lines = rows(block.spans) if "\n" in text else []
    if len(lines) > 1 and strong(lines[0]) and label(words_of(lines[0])) and not strong(block.spans):
        rest = Paragraph(spans=cut(block.spans, words_of(block.spans).index("\n") + 1))
        return [_head(lines[0], BOLD), *_paragraph(rest)]
    if bare(text):
        return [_head(trimmed(block.spans), BOLD) if strong(block.spans) else Unit(kind="line", block=block, text=text)]
    return [Unit(kind="offer" if is_offer(text) else "text", block=block, text=text)]


def _head(run: Spans, level: int) -> Unit:
    return Unit(kind="head", block=Paragraph(spans=run), text=words_of(run).strip(), level=level)


def _labelled(units: list[Unit]) -> list[Unit]:
    """Units in which `label：text`, or a label on the first line of a paragraph, became a heading where it repeats."""
    cuts = [_label_cut(unit) for unit in units]
    out: list[Unit] = []
    at = 0
    while at < len(units):
        end = at
        while end < len(units) and cuts[end]:
            end += 1
        names = [units[i].text[: cuts[i]].strip("：: \n") for i in range(at, end)]
        if len(names) > 1 and len(set(names)) == len(names):  # the same name twice is a dialogue
            for unit, name in zip(units[at:end], names, strict=True):
                out += _apart(unit, name)
        else:
            out += units[at : max(end, at + 1)]
        at = max(end, at + 1)
    return out


def _label_cut(unit: Unit) -> int:
    """Length of the label that a paragraph begins with, its colon included; 0 for none."""
    if unit.kind not in ("text", "line") or not isinstance(unit.block, Paragraph):
        return 0
    first, newline, rest = unit.text.partition("\n")
    if newline and label(first) and ended(rest):
        return len(first)
    found = _INLINE.match(unit.text)
    if found is None or not label(found[1]) or len(unit.text) - found.end() < 8:
        return 0
    return found.end() if unit.kind == "text" and not unit.text[found.end() :].startswith("//") else 0


def _apart(unit: Unit, name: str) -> list[Unit]:
    assert isinstance(unit.block, Paragraph)
    run = trimmed(unit.block.spans)
    rest = cut(run, _label_cut(unit))
    head = replace(_head(cut(run, 0, len(name)), TYPED), text=name)
    return [head, *_paragraph(Paragraph(spans=rest))]


def without_meta(units: list[Unit]) -> list[Unit]:
    """Units without a date or author line among the first three."""
    return [u for i, u in enumerate(units) if not (i < 3 and u.kind in ("line", "text") and _META.match(u.text[:120]))]


# --- the house ---


def house_of(units: Sequence[Unit]) -> House:
    """What is usual in a text."""
    heads = [unit for unit in units if unit.kind == "head"]
    levels = tuple(sorted({unit.level for unit in heads if unit.level < _DT}))
    texts = [unit.text for unit in units if unit.kind == "text" and ended(unit.text)]
    return House(
        levels=levels,
        flat=len(levels) < 2 and not (levels and _labels_rule(units)),
        polite=sum(map(polite, texts)) * 2 > len(texts),
        usual=median([min(width(text[:2000]), 2000) for text in texts]) if texts else 0,
    )


def _labels_rule(units: Sequence[Unit]) -> bool:
    """Whether most of the marked headings have bold or typed ones under them, which then are the second level."""
    heads = [unit for unit in units if unit.kind == "head"]
    marked = sum(unit.level < _DT for unit in heads)
    parents = sum(one.level < _DT <= two.level for one, two in pairwise(heads))
    return parents * 2 >= marked


def promoted(units: list[Unit], house: House) -> list[Unit]:
    """Where headings are marked, bare lines are none, but a repeated short line over one paragraph is a label."""
    if not house.marked:
        return units
    out = list(units)
    for at, unit in enumerate(units):
        if unit.kind == "line" and out[at].kind == "line" and (pairs := series(units, at)) > 1:
            for i in range(at, at + pairs * 2, 2):
                out[i] = replace(units[i], kind="head", level=TYPED)
            before = units[at - 1] if at else None
            opening = at > 1 and units[at - 2].kind == "break"
            if before is not None and before.kind == "line" and opening and not remarkable(before.text):
                out[at - 1] = replace(before, kind="head", level=house.levels[0])
    return out


def series(units: Sequence[Unit], at: int) -> int:
    """How many short lines from `at` on have exactly one paragraph each, up to a break or the end; 0 if any differs."""
    widths: list[int] = []
    while at < len(units) and units[at].kind in ("line", "head") and label(units[at].text):
        if at + 1 >= len(units) or units[at + 1].kind != "text":
            return 0
        widths.append(width(units[at].text))
        at += 2
    if (
        at < len(units)
        and units[at].kind not in ("break", "offer", "cited")
        and units[at].level in (0, *range(TYPED, 9))
    ):
        return 0
    return len(widths) if len(widths) > 1 and widths[0] <= 1.4 * max(widths[1:]) else 0


# --- roles ---


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

    def small(self, at: int) -> bool:
        return self.kind(at) == "line" or (self.kind(at) == "text" and narrow(self.units[at].text, _SMALL))

    def strong(self, at: int) -> bool:
        return self.small(at) and self.contrast(at, self.bodies[at])

    def weak(self, at: int) -> bool:
        """Enough after a break: a bare line, another register, or much less than is usual."""
        if self.kind(at) == "line":
            return True
        return self.small(at) and (self.strong(at) or width(self.units[at].text) <= 0.6 * self.house.usual)

    def remark(self, places: Sequence[int]) -> None:
        for at in places:
            if self.units[at].kind in ("line", "text", "head"):
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
    heads = ("head",) if house.marked else ("head", "line")
    under: str | None = None
    for at in range(len(units) - 1, -1, -1):
        out[at] = under
        if units[at].kind in heads and at + 1 < len(units) and units[at + 1].kind in ("text", "rest"):
            under = units[at + 1].text if units[at + 1].kind == "text" else None
    return out


def _marked_lead(reading: Reading, start: int) -> int:
    """Remarks between an opening and the next marked heading; returns where reading goes on."""
    test = reading.weak if start else reading.strong
    at = start
    while reading.kind(at) in ("break", "cited") or (
        reading.kind(at) in ("line", "text") and (test(at) or reading.kind(at) == "line")
    ):
        at += 1
    lead = [i for i in range(start, at) if reading.kind(i) in ("line", "text")]
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
        elif kind == "text":
            if not (_returns(reading, at) if lines else (reading.weak(at) if start else reading.strong(at))):
                break
        elif kind not in ("break", "cited"):
            break
        at += 1
    lead = [i for i in range(start, at) if reading.kind(i) in ("line", "head", "text")]
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
    last = run[-1]
    reading.roles[last] = "head"
    before = run[:-1]
    if before and any(remarkable(reading.units[i].text) for i in before) and not series(reading.units, last):
        reading.remark(before)
        reading.starts.add(before[0])
        return
    for i in before:
        reading.roles[i] = "head"
    aside = _aside(reading, run[0])
    if aside:
        reading.remark(aside)
    if aside or before:
        reading.starts.add((aside or before)[0])
