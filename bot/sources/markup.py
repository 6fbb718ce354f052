"""Small readings of HTML elements, each by itself: rows and cells, readings over kanji, numbers, cards' titles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bot.sources.tree import Node, words
from core.document import Code, Item, Paragraph, Span, Spans, words_of
from core.lines import cut, fused, marker, trimmed

BLOCKS = words("""
    html body main article section div header hgroup p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote table thead tbody
    tfoot tr td th caption figure figcaption pre hr address center details summary fieldset iframe img picture
""")
HEADINGS = {f"h{n}": n for n in range(1, 7)}
BOLD = words("b strong")
PLAIN = Span(text="")


def card_title(node: Node) -> str:
    inner = [one for one in node.nodes() if one is not node and one.size]
    for one in inner:
        if any("title" in name for name in one.names()):
            return one.text()
    for one in inner:
        if one.tag in HEADINGS or (one.tag in BOLD and node.card):
            return one.text()
    if any(one.tag in BLOCKS for one in inner):
        return next(
            (one.text() for one in inner if not any(isinstance(kid, Node) and kid.size for kid in one.children)), ""
        )
    return next((one.text() for one in inner if one.tag == "a"), "") if node.card else node.text()


def lines(run: Iterable[Span]) -> list[Spans]:
    """Inline text cut at its line breaks; white space at the edges of lines gone."""
    merged: list[Span] = []
    for span in run:
        text = span.text
        if merged and (merged[-1].text[-1:] in (" ", "\n") or not merged[-1].text) and text.startswith(" "):
            text = text[1:]
        if not text:
            continue
        merged.append(span if text is span.text else said(span, text))
    out: list[list[Span]] = [[]]
    for span in merged:
        if span.text == "\n":
            out.append([])
        else:
            out[-1].append(span)
    return [trimmed(fused(line)) for line in out]


def said(style: Span, text: str) -> Span:
    """Text in the style of another span; `replace` by hand, since it is half of the work of reading a page."""
    if style is PLAIN:
        return Span(text=text)
    return Span(
        text=text,
        bold=style.bold,
        italic=style.italic,
        strike=style.strike,
        code=style.code,
        link=style.link,
        ruby=style.ruby,
    )


def blank(node: Node) -> bool:
    """An empty line made by hand: `<p>&nbsp;</p>`, `<p><br></p>`. An empty `<p></p>` takes no room."""
    if node.size:
        return False
    inside = list(node.nodes())
    if any(one.tag in ("img", "iframe", "hr", "picture") for one in inside):
        return False
    texts = "".join(kid for one in inside for kid in one.children if isinstance(kid, str))
    return any(one.tag == "br" for one in inside) or "\xa0" in texts or "　" in texts


def ruby(node: Node, style: Span) -> list[Span]:
    """Base texts with their readings."""
    out: list[Span] = []
    base = ""
    for child in node.children:
        if isinstance(child, str):
            base += " ".join(child.split())
        elif child.tag in ("rt", "rtc"):
            if base:
                out.append(replace(style, text=base, ruby=child.text() or None))
            base = ""
        elif child.tag != "rp":
            base += child.text()
    return [*out, *([replace(style, text=base)] if base else [])]


def number(text: str | None, otherwise: int) -> int:
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,6}", text.strip()) else otherwise


def typed(items: list[Item]) -> list[Item]:
    """Items whose texts all carry a number typed by hand: it is the marker, the list's own was hidden."""
    out: list[Item] = []
    for item in items:
        first = item.blocks[0]
        found = marker(words_of(first.spans)) if isinstance(first, Paragraph) else None
        if found is None or not isinstance(first, Paragraph) or not re.search(r"\d|[①-⑳]", found[0]):
            return items
        out.append(Item(marker=found[0], blocks=(Paragraph(spans=cut(first.spans, found[1])), *item.blocks[1:])))
    return out


def rows(table: Node) -> Iterator[Node]:
    """The rows of a table, not those of tables in it."""
    for child in table.children:
        if isinstance(child, Node):
            if child.tag == "tr":
                yield child
            elif child.tag in ("thead", "tbody", "tfoot"):
                yield from (one for one in child.children if isinstance(one, Node) and one.tag == "tr")


def cells(row: Node) -> Iterator[Node]:
    yield from (one for one in row.children if isinstance(one, Node) and one.tag in ("td", "th"))


def for_layout(rows: Sequence[Sequence[Node]]) -> bool:
    """Whether a table only arranges the page: one column without a header, or cells that hold blocks."""
    if any(cell.tag == "th" for row in rows for cell in row):
        return False
    blocks = {"h1", "h2", "h3", "h4", "table", "ul", "ol", "blockquote"}
    if all(len(row) == 1 for row in rows):
        return True
    cells = [cell for row in rows for cell in row]
    return any(
        one.tag in blocks or (one.tag in ("p", "div") and cell.size > 200) for cell in cells for one in cell.nodes()
    )


def code(node: Node) -> list[Code]:
    text = "".join(raw(node)).strip("\n")
    inner = next((one for one in node.nodes() if one.tag == "code"), node)
    language = next((name.removeprefix("language-") for name in inner.names() if name.startswith("language-")), "")
    return [Code(text=text, language=language)] if text.strip() else []


def raw(node: Node) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, str):
            yield child
        elif child.tag == "br":
            yield "\n"
        else:
            yield from raw(child)
