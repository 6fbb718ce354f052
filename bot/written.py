"""A piece as Markdown, with what is known of it in front: for people, and for programs that read Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.document import Block, Break, Cited, Code, Heading, Image, List, Paragraph, Quote, Span, Spans, Table, plain
from core.faces import shareable
from core.pieces import Piece


def markdown(piece: Piece) -> str:
    """What may be shown of a piece. The front matter is what `rondan import` reads."""
    front = {
        "title": piece.title,
        "url": piece.url,
        "author": piece.author,
        "lang": piece.language,
        "date": piece.published.isoformat(),
        "topics": ", ".join(topic.name(piece.language) for topic in piece.topics) or None,
    }
    lines = ["---", *(f"{name}: {_value(value)}" for name, value in front.items() if value), "---", ""]
    lines += [f"# {_line(piece.title)}", ""]
    outline = shareable(piece.outline, piece.text_mode)
    for part in outline.parts:
        for remark in part.remarks:
            lines += [*_quoted(_block(remark)), ""]
        for section in part.sections:
            if section.heading:
                lines += [f"{'#' * min(section.level + 1, 6)} {_line(section.heading)}", ""]
            for block in section.blocks:
                lines += [_block(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def file_name(piece: Piece) -> str:
    """`0012-the-night-bus.md`: sorted by number, readable, safe on every disk."""
    words = re.sub(r"[^\w]+", "-", piece.title.lower()).strip("-_")
    return f"{piece.number:04}-{words[:40].rstrip('-_') or piece.uid}.md"


def _value(text: str) -> str:
    """In quotation marks, which `rondan import` takes off, so that nothing in it means anything."""
    return f'"{" ".join(text.split())}"'


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * min(block.level + 1, 6)} {_spans(block.spans)}"
        case Paragraph():
            return _spans(block.spans)
        case List():
            return "\n".join(_item(one.marker, block.ordered, one.blocks) for one in block.items)
        case Quote():
            return "\n".join(_quoted("\n\n".join(map(_block, block.blocks))))
        case Table():
            return "\n".join(_rows(block))
        case Image():
            return f"![{_escaped(block.alt)}](<{block.url}>)"
        case Cited():
            title = _escaped(block.title)
            return f"[{title}](<{block.url}>)" if block.url else title
        case Code():
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", block.text)), default=0))
            return f"{fence}{block.language}\n{block.text}\n{fence}"
        case Break():
            return "* * *"
    return _escaped(plain(block))


def _item(marker: str, ordered: bool, blocks: Iterable[Block]) -> str:
    bullet = (marker if re.fullmatch(r"\d{1,9}[.)]", marker) else "1.") if ordered else "-"
    indent = " " * (len(bullet) + 1)
    text = "\n".join(map(_block, blocks))
    return f"{bullet} " + text.replace("\n", f"\n{indent}")


def _rows(table: Table) -> list[str]:
    rows = [[_spans(cell).replace("|", "\\|") for cell in row] for row in table.rows]
    width = max(map(len, rows), default=0)
    lines = [f"| {' | '.join([*row, *[''] * (width - len(row))])} |" for row in rows]
    head = lines[:1] if table.header else [f"|{'  |' * width}"]
    return [*head, f"|{' --- |' * width}", *(lines[1:] if table.header else lines)]


def _quoted(text: str) -> list[str]:
    return [f"> {line}".rstrip() for line in text.split("\n")]


def _spans(run: Spans) -> str:
    return "".join(map(_span, run))


def _span(span: Span) -> str:
    words = _escaped(span.text)
    if span.bold and words.strip() == words != "":
        words = f"**{words}**"
    return f"[{words}](<{span.link}>)" if span.link else words


def _line(text: str) -> str:
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    """Words that mean nothing but themselves."""
    text = re.sub(r"([\\`*_\[\]<])", r"\\\1", text)
    return re.sub(r"^(\s*\d*)([#>+=~.)-])", r"\1\\\2", text, flags=re.M)
