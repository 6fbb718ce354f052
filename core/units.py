"""A document as a row of units, each by its looks, and the house that the text keeps: its levels, its register."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Literal

from core.document import Block, Break, Cited, Heading, Paragraph, Spans, plain, words_of
from core.lines import bare, cut, ended, label, polite, remarkable, rows, strong, trimmed, width
from core.voices import is_offer

Kind = Literal["break", "cited", "head", "line", "text", "rest", "offer"]

BOLD, TYPED = 7, 8  # levels of headings that are only bold paragraphs, or only labels typed before a text
_DT = 6  # the level that the HTML reader gives to a dt
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
    if is_offer(text):
        return [Unit(kind="offer", block=block, text=text)]
    if bare(text):
        return [_head(trimmed(block.spans), BOLD) if strong(block.spans) else Unit(kind="line", block=block, text=text)]
    return [Unit(kind="text", block=block, text=text)]


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
    """Where headings are marked, bare lines are none, but a repeated short line over one paragraph is a label.

    And a bold line straight above a marked heading has no text of its own: it is no heading, somebody speaks.
    """
    if not house.marked:
        return units
    out = list(units)
    for at in range(len(out) - 2, -1, -1):
        below = out[at + 1]
        spoken = below.kind == "line" or (below.kind == "head" and below.level < _DT)
        if out[at].kind == "head" and out[at].level == BOLD and spoken:
            out[at] = replace(out[at], kind="line", level=0)
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
