"""Pictures drawn: what `digest/picture.py` wrote down → SVG → PNG, by vl-convert. Only the thinking process draws.

The SVG is made here and not by Vega-Lite, which needs vl-convert's JavaScript engine: 60 MB of memory more, and a
second before its first picture (figures in docs/benchmarks.md).
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from core.text import graphemes
from digest import fonts

WIDTH, HEIGHT = 1000, 600
"""Units of the picture, pixels of the PNG. A phone shows it at a third, so letters are large."""
INK, MUTED, FAINT, PAPER = "#1f2328", "#59636e", "#d1d9e0", "#ffffff"
STANCE, BEFORE, HEAT, TIME = "#0969da", "#b6d5f7", "#bc4c00", "#1a7f37"
SCALES = (("#ddf4ff", "#0969da"), ("#fff1e5", "#bc4c00"), ("#dafbe1", "#1a7f37"))
"""From few to many, of the three counts of a week."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")  # would turn or hide what stands beside them


def draw(of: str) -> bytes:
    """The PNG of what is written down in a `Picture.of`. ValueError for what is none of ours."""
    import vl_convert  # loaded by whoever draws

    return _packed(bytes(vl_convert.svg_to_png(svg(of))))


def _packed(png: bytes) -> bytes:
    """The same picture in a third of the bytes: vl-convert packs for speed, and this is sent, kept and loaded often."""
    out, data, at = [png[:8]], b"", 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12
        if kind == b"IDAT":
            data += body
            continue
        if kind == b"IEND":
            out.append(_chunk(b"IDAT", zlib.compress(zlib.decompress(data), 6)))
        out.append(_chunk(kind, body))
    return b"".join(out)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def svg(of: str) -> str:
    """The same as SVG."""
    what = json.loads(of)
    kinds: Mapping[str, Callable[[Any], Iterator[str]]] = {"digest": _digest, "weeks": _weeks}
    if not isinstance(what, dict) or what.get("kind") not in kinds:
        raise ValueError("that is no picture of ours")
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    # Its own paper with round corners, so that it reads on a dark page as on a white one.
    paper = f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="18" fill="{PAPER}" stroke="{FAINT}"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{escape(fonts.stack())}" fill="{INK}">'
    return "".join((head, paper, *kinds[what["kind"]](what), "</svg>"))


# --- a digest: stances, sections, comments over time ---


def _digest(what: Mapping[str, Any]) -> Iterator[str]:
    yield _text(40, 66, what["title"], 37, room=920, bold=True)
    yield _text(40, 108, what["readers"], 28, room=920, fill=MUTED)
    yield from _stances(what["stances"], 40, 156)
    yield from _heat(what["heat"], 520, 156)
    yield from _timeline(what["timeline"], 40, 444)


def _stances(panel: Mapping[str, Any], x: int, y: int) -> Iterator[str]:
    """A bar a stance; the paler one under it is how many it were before."""
    yield _text(x, y, panel["name"], 26, room=430, bold=True)
    rows = panel["rows"][:5]
    most = max((max(now, before) for _, now, before, _ in rows), default=0)
    if not most:
        yield _text(x, y + 42, panel["none"], 26, room=430, fill=MUTED)
        return
    tall = min(60.0, 250 / len(rows))
    for at, (name, now, before, count) in enumerate(rows):
        top = y + 40 + at * tall
        yield _text(x, top, name, 26, room=430)
        yield _bar(x, top + 10, 300 * now / most, 13, STANCE)
        yield _bar(x, top + 25, 300 * before / most, 5, BEFORE)
        yield _text(x + 8 + 300 * max(now, before) / most, top + 27, count, 24, room=130)


def _heat(panel: Mapping[str, Any], x: int, y: int) -> Iterator[str]:
    yield _text(x, y, panel["name"], 26, room=440, bold=True)
    rows = panel["rows"][:4]
    if not rows:
        yield _text(x, y + 42, panel["none"], 26, room=440, fill=MUTED)
    most = max((n for _, n in rows), default=0) or 1
    for at, (heading, n) in enumerate(rows):
        top = y + 40 + at * 60
        yield _text(x, top, heading, 26, room=440)
        yield _bar(x, top + 10, 370 * n / most, 16, HEAT)
        yield _text(x + 8 + 370 * n / most, top + 26, str(n), 24, room=60)


def _timeline(panel: Mapping[str, Any], x: int, y: int) -> Iterator[str]:
    """A bar a day or hour, named at both ends and at the highest."""
    yield _text(x, y, panel["name"], 26, room=920, bold=True)
    bars: Sequence[tuple[str, int]] = panel["rows"]
    most = max((n for _, n in bars), default=0)
    if not most:
        yield _text(x, y + 42, panel["none"], 26, room=920, fill=MUTED)
        return
    step, base, high = 920 / len(bars), y + 110, 66
    yield f'<path d="M{x} {base}h920" stroke="{FAINT}" stroke-width="2"/>'
    for at, (_, n) in enumerate(bars):
        wide = max(min(step * 0.8, 60), 2)
        yield _bar(x + at * step + (step - wide) / 2, base - high * n / most, wide, high * n / most, TIME, round_=3)
    peak = next(at for at, (_, n) in enumerate(bars) if n == most)
    yield _text(x + (peak + 0.5) * step, base - high - 6, str(most), 24, room=100, anchor="middle")
    yield _text(x, base + 28, bars[0][0], 24, room=200, fill=MUTED)
    if len(bars) > 1:
        yield _text(x + 920, base + 28, bars[-1][0], 24, room=200, fill=MUTED, anchor="end")
    if 200 < (peak + 0.5) * step < 720:
        yield _text(x + (peak + 0.5) * step, base + 28, bars[peak][0], 24, room=200, fill=MUTED, anchor="middle")


# --- topics by weeks ---


def _weeks(what: Mapping[str, Any]) -> Iterator[str]:
    """The same rows three times beside each other: pieces, people, comments; the more, the darker."""
    yield _text(40, 60, what["title"], 36, room=920, bold=True)
    rows, weeks = what["rows"], what["weeks"]
    left, gap = 204, 14
    wide = (920 - left + 40 - 2 * gap) / 3
    cell, tall = wide / max(len(weeks), 1), min(54.0, 430 / max(len(rows), 1))
    for at, (name, _) in enumerate(rows):
        yield _text(40, 156 + at * tall + tall / 2 + 7, name, 24, room=left - 52, bold=at == len(rows) - 1)
    for number, panel in enumerate(what["panels"]):
        x = left + number * (wide + gap)
        yield _text(x, 114, panel, 26, room=wide, bold=True)
        yield _text(x, 144, weeks[0], 22, room=wide / 2, fill=MUTED)
        yield _text(x + wide, 144, weeks[-1], 22, room=wide / 2, fill=MUTED, anchor="end")
        # The last row is the sum of all, which would leave no colour to the others.
        most = max((counts[number][week] for _, counts in rows[:-1] for week in range(len(weeks))), default=0)
        for at, (_, counts) in enumerate(rows):
            for week, n in enumerate(counts[number]):
                yield from _cell(x + week * cell, 156 + at * tall, cell, tall, n, most, number)


def _cell(x: float, y: float, wide: float, tall: float, n: int, most: int, scale: int) -> Iterator[str]:
    share = min(n / most, 1.0) if most else 0.0
    fill = _mixed(*SCALES[scale], share) if n else "#f6f8fa"
    yield _bar(x + 1, y + 1, wide - 2, tall - 2, fill, round_=4)
    if n:
        text = str(n) if n < 1000 else f"{n // 1000}k"
        size = min(20.0, (wide - 4) / (len(text) * 0.58))
        colour = PAPER if share > 0.55 else INK
        yield _text(x + wide / 2, y + tall / 2 + size * 0.36, text, size, room=wide * 2, fill=colour, anchor="middle")


def _mixed(few: str, many: str, share: float) -> str:
    pairs = ((int(few[at : at + 2], 16), int(many[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


# --- parts ---


def _bar(x: float, y: float, wide: float, tall: float, fill: str, *, round_: int = 4) -> str:
    if wide <= 0 or tall <= 0:
        return ""
    corner = min(round_, wide / 2, tall / 2)
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" rx="{corner:.1f}" fill="{fill}"/>'


def _text(
    x: float, y: float, text: str, size: float, *, room: float, bold: bool = False, fill: str = INK,
    anchor: str = "start",
) -> str:  # fmt: skip
    """A line of text that takes no more than `room`, cut with a sign where it would."""
    weight = ' font-weight="bold"' if bold else ""
    shown = escape(cut_to(text, room / size))
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:.1f}"'
    return f'<text {place} fill="{fill}"{weight}>{shown}</text>'


def cut_to(text: str, ems: float) -> str:
    """As much of a text as takes so many ems, on one line, no sign of it broken."""
    line = " ".join(_UNSEEN.sub("", _NOT_XML.sub("", text.replace("\n", " "))).split())
    units = graphemes(line[:400])
    widths = [_ems(unit) for unit in units]
    if sum(widths) <= ems and len(line) <= 400:
        return line
    kept, left = "", ems - 1.0
    for unit, width in zip(units, widths, strict=True):
        left -= width
        if left < 0:
            break
        kept += unit
    return kept.rstrip() + "…"


def _ems(unit: str) -> float:
    """How wide a sign is drawn at most; the fonts differ by little."""
    first = unit[0]
    if unicodedata.east_asian_width(first) in "WF":
        return 1.3 if unicodedata.category(first) == "So" else 1.0
    if ord(first) > 0x2E7F or unicodedata.east_asian_width(first) == "A":
        return 1.0
    if first in " iljtfrI.,:;'!|()[]":
        return 0.36
    return 0.92 if first in "MWmw@%" else 0.68 if first.isupper() else 0.58
