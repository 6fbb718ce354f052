"""HTML of a page or a feed's entry to a document. Nothing of the markup survives but what a document can say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

from bot.sources import markup
from bot.sources.charset import decode
from bot.sources.links import absolute
from bot.sources.markup import BLOCKS, BOLD, HEADINGS, PLAIN
from bot.sources.tree import Node, article, grow, is_aside, words
from core.document import (
    Block,
    Break,
    Cited,
    Document,
    Heading,
    Image,
    Item,
    List,
    Paragraph,
    Quote,
    Span,
    Spans,
    Table,
    plain_all,
    spans,
    words_of,
)
from core.lines import broken, gaps, tidy, trimmed

_SKIPPED = words("head title meta base rp rt source track param embed colgroup col area")
_ITALIC, _STRIKE, _CODE = words("i em cite dfn var"), words("s del strike"), words("code kbd samp tt")
_CJK = r"[　-〿぀-ヿ㐀-䶿一-鿿豈-﫿＀-｠￠-￦]"
_WRAP = re.compile(rf"(?<={_CJK})[ \t\f]*[\r\n]+[ \t\f\r\n]*(?={_CJK})")
_SPACE = re.compile(r"[ \t\r\n\f]{2,}|[\t\r\n\f]")  # not the single spaces, which stay as they are
_RULE = 1000  # the weight of a gap that holds a rule
_CARD = 600  # letters; a longer block is a text even if it is one link

Flow = list["Block | int"]
"""Blocks with the weight of extra room between them: 1 for each blank paragraph or line."""


def parse(html: str | bytes, base_url: str = "") -> Document:
    """A document from HTML; links are resolved against `base_url`, those that aren't http(s) only lose the link.

    Takes any input in time linear to its length, and never raises.
    """
    root, title = article(grow(decode(html) if isinstance(html, bytes) else html))
    writer = _Writer(base=base_url, whole=root.size)
    blocks = list(tidy(_settled(writer.flow(root))))
    if title and not (blocks and isinstance(blocks[0], Heading) and words_of(blocks[0].spans) == title):
        blocks.insert(0, Heading(level=1, spans=spans(title)))
    return Document(blocks=tuple(blocks))


def _settled(flow: Flow) -> Iterator[Block]:
    """Blocks with a `Break` where the room between two is wider than is usual here."""
    blocks: list[Block] = []
    weights: list[int] = []
    room = 0
    for one in flow:
        if isinstance(one, int):
            room += one
            continue
        if blocks:
            weights.append(room + 1)
        blocks.append(one)
        room = 0
    for block, parted in zip(blocks, [False, *gaps(weights)], strict=False):
        if parted:
            yield Break()
        yield block


@dataclass(slots=True)
class _Writer:
    """Turns nodes into blocks. `run` is the inline text since the last block; `\\n` in it is a `<br>`."""

    base: str
    whole: int
    run: list[Span] = field(default_factory=list)
    cards: bool = True

    def flow(self, node: Node) -> Flow:
        """The blocks of a node's children."""
        out: Flow = []
        outer, self.run = self.run, []
        self._walk(node, PLAIN, out)
        self._flush(out)
        self.run = outer
        return out

    def blocks(self, node: Node) -> tuple[Block, ...]:
        return tuple(_settled(self.flow(node)))

    def _walk(self, node: Node, style: Span, out: Flow) -> None:
        for child in node.children:
            if isinstance(child, str):
                text = _WRAP.sub("", child) if "\n" in child or "\r" in child else child
                self.run.append(markup.said(style, _SPACE.sub(" ", text)))
            elif child.tag in _SKIPPED or is_aside(child, self.whole):
                continue
            elif child.tag in BLOCKS or (self.cards and child.card and child.links):
                self._flush(out)
                out += self._block(child, style)
            else:
                self._inline(child, style, out)

    def _inline(self, node: Node, style: Span, out: Flow) -> None:
        tag = node.tag
        if tag == "br":
            self.run.append(Span(text="\n"))
        elif tag == "ruby":
            self.run += markup.ruby(node, style)
        elif tag == "wbr":
            return
        else:
            self._walk(node, self._styled(node, style), out)

    def _styled(self, node: Node, style: Span) -> Span:
        tag = node.tag
        if tag in BOLD:
            return replace(style, bold=True)
        if tag in _ITALIC:
            return replace(style, italic=True)
        if tag in _STRIKE:
            return replace(style, strike=True)
        if tag in _CODE:
            return replace(style, code=True)
        if tag == "a":
            return replace(style, link=self._link(node, "href"))
        if tag == "span" and re.search(r"font-weight\s*:\s*(bold|[6-9]00)", node.attrs.get("style", "")):
            return replace(style, bold=True)
        return style

    def _link(self, node: Node, name: str) -> str | None:
        """The http(s) address in an attribute."""
        value = node.attrs.get(name, "").strip()
        return absolute(value, self.base) if value else None

    def _flush(self, out: Flow) -> None:
        """The inline text so far as paragraphs: two line breaks part them, more are room."""
        if not self.run:  # between two blocks there is none
            return
        run, self.run = self.run, []
        lines = markup.lines(run)
        held: list[Spans] = []
        blank = 0
        seen = False
        for line in lines:
            if line:
                if seen and not held and blank:
                    out += [blank - 1] if blank > 1 else []
                held.append(line)
                blank, seen = 0, True
                continue
            if held:
                out.append(self._words(held))
                held = []
            blank += 1
        if held:
            out.append(self._words(held))
        elif seen and blank > 2:
            out.append(blank - 2)

    def _words(self, lines: Sequence[Spans]) -> Block:
        """Lines as a paragraph, or as a card if all of it is one link."""
        link = lines[0][0].link
        if (
            self.cards
            and link
            and len(lines) == 1
            and all(span.link == link for span in lines[0])
            and self._elsewhere(link)
        ):
            return Cited(title=words_of(lines[0]), url=link)
        return Paragraph(spans=broken(lines) if len(lines) > 1 else lines[0])

    # --- blocks ---

    def _block(self, node: Node, style: Span) -> Flow:
        tag = node.tag
        if tag in HEADINGS or tag == "dt":
            return self._heading(node)
        if self.cards and (card := self._card(node)):
            return [card]
        match tag:
            case "hr":
                return [_RULE]
            case "p" | "div" if markup.blank(node):
                return [1]
            case "ul" | "ol":
                return self._list(node)
            case "blockquote":
                return self._quote(node)
            case "table":
                return self._table(node)
            case "pre":
                return [*markup.code(node)]
            case "img":
                return self._image(node)
            case "iframe":
                return self._embed(node)
        return self._plain(node, style)

    def _plain(self, node: Node, style: Span) -> Flow:
        """A block without a meaning of its own; the style around it holds within (`<b><p>`)."""
        outer, self.run = self.run, []
        out: Flow = []
        self._walk(node, style, out)
        self._flush(out)
        self.run = outer
        return out

    def _heading(self, node: Node) -> Flow:
        run: list[Span] = []
        rest: Flow = []
        for one in self.flow(node):
            if isinstance(one, Paragraph):
                run += [*([Span(text=" ")] if run else []), *one.spans]
            elif not isinstance(one, int):
                rest.append(one)  # a picture within a heading
        words = trimmed([replace(span, text=span.text.replace("\n", " ")) for span in run])
        return [*([Heading(level=HEADINGS.get(node.tag, 6), spans=words)] if words else []), *rest]

    def _list(self, node: Node) -> Flow:
        ordered = node.tag == "ol"
        items = [child for child in node.children if isinstance(child, Node) and child.tag not in _SKIPPED]
        step = -1 if "reversed" in node.attrs else 1
        number = markup.number(node.attrs.get("start"), sum(one.tag == "li" for one in items) if step < 0 else 1)
        out: list[Item] = []
        cards, self.cards = self.cards, False
        for one in items:
            number = markup.number(one.attrs.get("value"), number)
            blocks = self.blocks(one) if one.tag == "li" else tuple(_settled(self._block(one, PLAIN)))
            if not blocks:
                continue
            if one.tag != "li" and out:  # a list directly within a list belongs to the item above
                out[-1] = replace(out[-1], blocks=(*out[-1].blocks, *blocks))
                continue
            out.append(Item(marker=one.attrs.get("data-marker") or (f"{number}." if ordered else "•"), blocks=blocks))
            number += step
        self.cards = cards
        typed = markup.typed(out)
        return [List(ordered=ordered or typed != out, items=tuple(typed))] if out else []

    def _quote(self, node: Node) -> Flow:
        blocks = tuple(tidy(self.blocks(node)))
        return [Quote(blocks=blocks)] if blocks else []

    def _table(self, node: Node) -> Flow:
        rows = [list(markup.cells(row)) for row in markup.rows(node)]
        rows = [row for row in rows if row]
        if not rows or node.attrs.get("role") == "presentation" or markup.for_layout(rows):
            return self._plain(node, PLAIN)
        cells = tuple(tuple(self._cell(cell) for cell in row) for row in rows)
        return [Table(header=all(cell.tag == "th" for cell in rows[0]), rows=cells)]

    def _cell(self, node: Node) -> Spans:
        run: list[Span] = []
        for block in self.blocks(node):
            run += [Span(text=" ")] if run else []
            run += block.spans if isinstance(block, Paragraph | Heading) else spans(plain_all([block]))
        return trimmed(run)

    def _image(self, node: Node) -> Flow:
        for name in ("data-src", "src"):
            given = node.attrs.get(name)
            if given and (link := absolute(given, self.base)):
                return [Image(url=link, alt=" ".join(node.attrs.get("alt", "").split()))]
        return []

    # --- cards ---

    def _card(self, node: Node) -> Cited | None:
        """A block that only holds one link to elsewhere, or that its class calls a card."""
        if len(node.links) != 1 or not 0 < node.size <= _CARD or node.tag in ("table", "ul", "ol", "dl"):
            return None
        embedded = node.tag in ("blockquote", "figure", "div", "article", "section", "a") and node.card
        if node.linked < node.size and not (embedded and node.linked * 4 >= node.size):
            return None
        link = absolute(node.links[0], self.base)
        title = markup.card_title(node) if link and self._elsewhere(link) else ""
        return Cited(title=title, url=link) if title else None

    def _elsewhere(self, link: str) -> bool:
        """Whether a link leads neither to this page nor to the front page of its site."""
        one, two = urlsplit(link), urlsplit(self.base)
        here = one.netloc == two.netloc and (one.path == two.path and one.query == two.query)
        return not here and not (one.path in ("", "/") and one.netloc == two.netloc)

    def _embed(self, node: Node) -> Flow:
        link = self._link(node, "src")
        if link is None:
            return []
        inner = parse_qs(urlsplit(link).query).get("url", [""])[0]  # card makers put the page's address there
        link = absolute(inner, "") or link if inner else link
        title = " ".join(node.attrs.get("title", "").split())
        return [Cited(title=title or link, url=link)] if title or inner or "/embed" in link else []
