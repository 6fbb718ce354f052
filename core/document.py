"""A piece's body as a tree of blocks and spans. Never Markdown strings: each platform encodes it for itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A run of text in one style. `ruby` is the reading written over the text; `link` is http(s) only."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    link: str | None = None
    ruby: str | None = None


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading as the source marked it; `level` 1–6 is the source's own, the outline decides what it means."""

    level: int
    spans: Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    spans: Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A list item. `marker` is what the author wrote (`1.`, `（２）`, `•`), kept as it is."""

    marker: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    ordered: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Words of somebody else."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells, the first row being the header when `header` is true."""

    header: bool
    rows: tuple[tuple[Spans, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    url: str
    alt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A card or bare title of an article that the piece is about. `url` is None where only the title is given."""

    title: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The author's own separator: a rule, or a wide gap between paragraphs."""


Block = Heading | Paragraph | List | Quote | Table | Image | Cited | Code | Break


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    blocks: tuple[Block, ...] = ()


def spans(text: str, **style: Any) -> Spans:
    """One span of `text`; no span at all for an empty text."""
    return (Span(text=text, **style),) if text else ()


def bullets(lines: Iterable[str | Spans]) -> List:
    """A list without order, an item each."""
    runs = (spans(one) if isinstance(one, str) else one for one in lines)
    return List(ordered=False, items=tuple(Item(marker="•", blocks=(Paragraph(spans=run),)) for run in runs))


def words_of(run: Spans) -> str:
    """The text of spans, without style and reading."""
    return "".join(span.text for span in run)


def plain(block: Block) -> str:
    """A block as plain text, lines joined by a newline; empty for images without words and for breaks."""
    match block:
        case Heading() | Paragraph():
            return words_of(block.spans)
        case List():
            return "\n".join(f"{item.marker} {plain_all(item.blocks)}".strip() for item in block.items)
        case Quote():
            return plain_all(block.blocks)
        case Table():
            return "\n".join(" | ".join(words_of(cell) for cell in row) for row in block.rows)
        case Image():
            return block.alt
        case Cited():
            return block.title
        case Code():
            return block.text
        case Break():
            return ""


def plain_all(blocks: Iterable[Block]) -> str:
    """Blocks as plain text, a newline between two, empty ones left out."""
    return "\n".join(text for block in blocks if (text := plain(block)))


def walk(blocks: Iterable[Block]) -> Iterator[Block]:
    """Every block, outer before inner, in reading order."""
    for block in blocks:
        yield block
        match block:
            case List():
                for item in block.items:
                    yield from walk(item.blocks)
            case Quote():
                yield from walk(block.blocks)
            case _:
                continue


# --- JSON: the form in which a document is stored. A span without style is a bare string. ---


def _span_out(span: Span) -> str | dict[str, Any]:
    style = {
        name: value for name in ("bold", "italic", "strike", "code", "link", "ruby") if (value := getattr(span, name))
    }
    return {"text": span.text, **style} if style else span.text


def spans_to_json(run: Spans) -> list[Any]:
    """Spans in their stored form."""
    return [_span_out(span) for span in run]


def spans_from_json(data: list[Any]) -> Spans:
    """The reverse of `spans_to_json`."""
    return tuple(Span(text=one) if isinstance(one, str) else Span(**one) for one in data)


def block_to_json(block: Block) -> dict[str, Any]:
    """A block as JSON-ready dict; `kind` names the class."""
    match block:
        case Heading():
            return {"kind": "heading", "level": block.level, "spans": spans_to_json(block.spans)}
        case Paragraph():
            return {"kind": "paragraph", "spans": spans_to_json(block.spans)}
        case List():
            items = [{"marker": item.marker, "blocks": blocks_to_json(item.blocks)} for item in block.items]
            return {"kind": "list", "ordered": block.ordered, "items": items}
        case Quote():
            return {"kind": "quote", "blocks": blocks_to_json(block.blocks)}
        case Table():
            rows = [[spans_to_json(cell) for cell in row] for row in block.rows]
            return {"kind": "table", "header": block.header, "rows": rows}
        case Image():
            return {"kind": "image", "url": block.url, "alt": block.alt}
        case Cited():
            return {"kind": "cited", "title": block.title, "url": block.url}
        case Code():
            return {"kind": "code", "text": block.text, "language": block.language}
        case Break():
            return {"kind": "break"}


def block_from_json(data: dict[str, Any]) -> Block:
    """The reverse of `block_to_json`. ValueError for a kind that this version does not know."""
    match data["kind"]:
        case "heading":
            return Heading(level=data["level"], spans=spans_from_json(data["spans"]))
        case "paragraph":
            return Paragraph(spans=spans_from_json(data["spans"]))
        case "list":
            items = (Item(marker=one["marker"], blocks=blocks_from_json(one["blocks"])) for one in data["items"])
            return List(ordered=data["ordered"], items=tuple(items))
        case "quote":
            return Quote(blocks=blocks_from_json(data["blocks"]))
        case "table":
            rows = tuple(tuple(spans_from_json(cell) for cell in row) for row in data["rows"])
            return Table(header=data["header"], rows=rows)
        case "image":
            return Image(url=data["url"], alt=data["alt"])
        case "cited":
            return Cited(title=data["title"], url=data["url"])
        case "code":
            return Code(text=data["text"], language=data["language"])
        case "break":
            return Break()
        case other:
            raise ValueError(f"unknown block kind {other!r}: this database was written by a newer Rondan")


def blocks_to_json(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    return [block_to_json(block) for block in blocks]


def blocks_from_json(data: Iterable[dict[str, Any]]) -> tuple[Block, ...]:
    return tuple(block_from_json(one) for one in data)
