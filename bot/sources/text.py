"""Plain text to a document: paragraphs, typed lists, wide gaps. Which bare lines are headings, the outline says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from core.document import Block, Break, Document, Heading, Item, List, Paragraph, spans
from core.lines import address, bare, ended, gaps, marked_heading, marker, tidy, width

_RULE = re.compile(r"^[ \t　]*(?:([-*_=~＊―─━＝◇◆☆★・])[ \t　]*){3,}$")
_UNDERLINE = re.compile(r"^(={3,}|-{3,})[ \t]*$")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_NO_SPACE = re.compile(r"[　-〿぀-ヿ㐀-鿿豈-﫿＀-￯]")
_WRAP = (44, 110)  # columns at which editors wrap text
_QUOTED_LINES = 6  # an unclosed quotation joins at most so many lines
_RULED = 1000  # the weight of a gap that holds a rule

Run = list[str]


def parse(text: str) -> Document:
    """A document from plain text: headings with a sign or underline, paragraphs, lists, cited, breaks. Never raises."""
    runs, weights = _runs(clean(text).expandtabs(4).split("\n"))
    dense = sum(map(len, runs)) > 3 * len(runs)
    broken = [False, *gaps(weights)]
    levels = _levels(runs)
    blocks: list[Block] = []
    for at, run in enumerate(runs):
        if broken[at]:
            blocks.append(Break())
        blocks += _blocks(run, levels, dense)
    return Document(blocks=tidy(_nested(blocks)))


def clean(text: str) -> str:
    """Text with one kind of line end and without NUL, byte order marks and other control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n\n").replace("\v", "\n")
    text = text.replace("\x85", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    return _CONTROL.sub("", text)


def joined(lines: Sequence[str]) -> str:
    """Lines as one: a space between two, none beside a Japanese character."""
    out = ""
    parts: list[str] = []
    for line in lines:
        close = not out or (_NO_SPACE.match(out[-1]) and _NO_SPACE.match(line[:1])) or out[-1] == "\n"
        parts.append(line if close else f" {line}")
        out = line
    return "".join(parts)


def _runs(lines: Sequence[str]) -> tuple[list[Run], list[int]]:
    """(runs of lines with words, weight of each gap between two): 1 an empty line, 2 one of spaces only."""
    runs: list[Run] = []
    weights: list[int] = []
    weight = 0
    fresh = True  # the next line with words begins a run
    for at, line in enumerate(lines):
        if not line.strip():
            weight += 2 if line else 1
            fresh = True
        elif _RULE.match(line) and not (not fresh and _UNDERLINE.match(line) and _underlines(lines, at)):
            weight += _RULED
            fresh = True
        elif fresh:
            if runs:
                weights.append(weight)
            runs.append([line.rstrip()])
            weight, fresh = 0, False
        else:
            runs[-1].append(line.rstrip())
    return runs, weights


def _underlines(lines: Sequence[str], at: int) -> bool:
    """Whether a row of signs is the underline of a lone line above it and about as long."""
    alone = at < 2 or not lines[at - 2].strip()
    return alone and bare(lines[at - 1]) and width(lines[at].strip()) * 2 >= width(lines[at - 1].strip())


def _levels(runs: Sequence[Run]) -> dict[str, int]:
    """Heading level of each sign (■, 【…): the sign that comes first is the highest."""
    out: dict[str, int] = {}
    for run in runs:
        found = marked_heading(run[0])
        if found and not found[0].startswith("#"):
            out.setdefault(found[0], min(2 + len(out), 5))
    return out


def _blocks(run: Run, levels: dict[str, int], dense: bool) -> Iterator[Block]:
    """The blocks of lines that stand together. Where a text has no empty lines (`dense`), each line is a paragraph."""
    if len(run) > 1 and _UNDERLINE.match(run[1]):
        yield Heading(level=1 if run[1][0] == "=" else 2, spans=spans(run[0].strip()))
        run = run[2:]
    while run and (found := marked_heading(run[0])):
        sign, words = found
        level = len(sign) if sign.startswith("#") else levels[sign]
        yield Heading(level=level, spans=spans(words))
        run = run[1:]
    lines = list(_logical(run))
    if any(marker(line) for line in lines):
        yield from (Paragraph(spans=spans(line)) for line in lines)
        return
    lines = _paired([line.strip() for line in lines])
    heads = next((at for at, line in enumerate(lines[:-1]) if not bare(line) and "\n" not in line), len(lines) - 1)
    yield from (Paragraph(spans=spans(line)) for line in lines[: max(heads, 0)])
    lines = lines[max(heads, 0) :]
    if dense:
        yield from (Paragraph(spans=spans(line)) for line in lines)
    elif lines:
        yield Paragraph(spans=spans("\n".join(lines)))


def _paired(lines: Sequence[str]) -> list[str]:
    """Lines with a title and the address under it as one."""
    out: list[str] = []
    for line in lines:
        if out and address(line) and bare(out[-1]):
            out[-1] += f"\n{line}"
        else:
            out.append(line)
    return out


def _logical(run: Run) -> Iterator[str]:
    """Lines with those joined that belong together: wrapped ones, an open quotation, what is indented under an item."""
    if _wrapped(run):
        yield joined([line.strip() for line in run])
        return
    held: list[str] = []
    indent: int | None = None
    full = max(width(line) for line in run) if run else 0
    for line in run:
        under = indent is not None and not marker(line) and (_indent(line) >= indent or _full(held[-1], full))
        if held and (under or (_open(held) and len(held) < _QUOTED_LINES)):
            held.append(line.strip())
            continue
        if held:
            yield joined(held)
        held = [line]
        found = marker(line)
        indent = found[1] if found else None
    if held:
        yield joined(held)


def _full(line: str, widest: int) -> bool:
    """Whether a line was ended by the editor's margin, not by its writer."""
    return _WRAP[0] <= widest <= _WRAP[1] and width(line) >= widest - 12 and not ended(line)


def _wrapped(run: Run) -> bool:
    """Whether an editor broke the lines: all about as long, and most of them within a sentence."""
    if len(run) < 2 or any(marker(line) or address(line) for line in run[1:]):
        return False
    *widths, last = (width(line.strip()) for line in run)
    low, high = _WRAP
    inside = sum(not ended(line) for line in run[:-1])
    return (
        low <= max(widths) <= high
        and last <= max(widths) + 8
        and min(widths) >= max(widths) - 22
        and inside * 2 >= len(widths)
    )


def _open(lines: Sequence[str]) -> bool:
    text = "".join(lines)
    return text.count("「") > text.count("」") or text.count("『") > text.count("』")


def _indent(line: str) -> int:
    """Characters of white space before a line's words; an ideographic space is one, as in an item's offset."""
    return len(line) - len(line.lstrip())


# --- lists within lists ---


def _nested(blocks: list[Block]) -> Iterator[Block]:
    """Blocks with indented list items put under the item above; lists of one depth are left for `tidy`."""
    at = 0
    while at < len(blocks):
        end = at
        while end < len(blocks) and _item(blocks[end]):
            end += 1
        items = [item for block in blocks[at:end] if (item := _item(block))]
        indents = [indent for indent, _, _ in items]
        if len(set(indents)) > 1 and indents[0] == min(indents):
            yield _tree(items)
        else:
            yield from (_stripped(block) for block in blocks[at : max(end, at + 1)])
        at = max(end, at + 1)


def _item(block: Block) -> tuple[int, str, str] | None:
    """(indent, marker, text) of a paragraph that is one marked line."""
    if not isinstance(block, Paragraph) or not block.spans:
        return None
    line = block.spans[0].text
    found = marker(line)
    return (_indent(line), found[0], line[found[1] :].strip()) if found else None


def _tree(items: Sequence[tuple[int, str, str]]) -> List:
    """A list of (indent, marker, text), deeper ones under the last one that is less deep; two levels are kept."""
    least = min(indent for indent, _, _ in items)
    out: list[Item] = []
    under: list[tuple[int, str, str]] = []
    heads: list[tuple[str, str, list[tuple[int, str, str]]]] = []
    for item in items:
        if item[0] == least:
            under = []
            heads.append((item[1], item[2], under))
        else:
            under.append(item)
    for mark, words, inner in heads:
        blocks: tuple[Block, ...] = (Paragraph(spans=spans(words)),)
        if inner:
            flat = tuple(Item(marker=sign, blocks=(Paragraph(spans=spans(text)),)) for _, sign, text in inner)
            blocks = (*blocks, List(ordered=_ordered(inner[0][1]), items=flat))
        out.append(Item(marker=mark, blocks=blocks))
    return List(ordered=_ordered(items[0][1]), items=tuple(out))


def _ordered(mark: str) -> bool:
    return mark not in ("・", "•", "●", "◦", "‣", "⁃", "-", "*", "+", "–")


def _stripped(block: Block) -> Block:
    if isinstance(block, Paragraph) and block.spans:
        return Paragraph(spans=spans(block.spans[0].text.strip()))
    return block
