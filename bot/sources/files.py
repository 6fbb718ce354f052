"""Files as pieces: Markdown, HTML, plain text, in whatever charset; what they say of themselves is believed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from bot.sources import charset, html, links, markdown, text, tree
from core.document import Document, Heading, blocks_to_json
from core.errors import SourceError
from core.outline import title_of
from core.pieces import Found

KINDS = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".txt": "text"}
LARGEST = 5_000_000  # bytes
_META = re.compile(rb"<meta\s[^>]*>", re.I)
_ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")


def find_files(paths: Iterable[Path]) -> tuple[list[Path], list[SourceError]]:
    """The readable files under files and folders, sorted, hidden ones left out; and what can't be looked at."""
    found: list[Path] = []
    errors: list[SourceError] = []
    for path in paths:
        if path.is_file():
            found.append(path)
        elif path.is_dir():
            try:
                found += sorted(one for one in path.rglob("*") if _is_piece(one, path))
            except OSError as error:
                errors.append(SourceError("unreadable", f"can't look into {path}: {error.strerror}"))
        else:
            errors.append(SourceError("missing", f"{path} does not exist: check the spelling"))
    return found, errors


def _is_piece(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return not hidden and path.suffix.lower() in KINDS and path.is_file()


def read(path: Path) -> Found:
    """A file as an item. SourceError names the file and what to do."""
    _kind(path)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise SourceError("too-big", f"{path} has {size:,} bytes, at most {LARGEST:,} are read: split it")
        body = path.read_bytes()
    except OSError as error:
        raise SourceError("unreadable", f"can't read {path}: {error.strerror}") from error
    return parse(path, body)


def _kind(path: Path) -> str:
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise SourceError("kind", f"{path}: only {', '.join(KINDS)} can be read; rename or convert it")
    return kind


def parse(path: Path, body: bytes) -> Found:
    """The content of a file with this name as an item; nothing is opened."""
    kind = _kind(path)
    words = charset.decode(body, "text/html") if kind == "html" else _decoded(path, body)
    fields: markdown.Fields = {}
    if kind == "markdown":
        fields, words = markdown.front_matter(words)
        document = markdown.parse(words)
    elif kind == "html":
        fields = _meta(body, words)
        document = html.parse(words)
        if document.blocks and isinstance(document.blocks[0], Heading) and document.blocks[0].level == 1:
            fields["title"] = title_of(document) or fields.get("title", "")  # the page's may name the site only
    else:
        document = text.parse(words)
    title = _one(fields, "title") or title_of(document) or ""
    if not title and not document.blocks:
        raise SourceError("empty", f"{path} holds no text")
    return _found(path, title or path.stem, fields, document)


def _decoded(path: Path, body: bytes) -> str:
    """The words of a text file: what its first bytes, UTF-8 or Japanese kana prove; nothing is guessed beyond."""
    encoding = charset.encoding_of(body)
    unknown = SourceError("charset", f"{path} is neither UTF-8 nor Japanese in Shift_JIS or EUC-JP: save it as UTF-8")
    if encoding == "cp1252":  # the name for "could be anything"
        raise unknown
    try:
        return body.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise unknown from error


def _found(path: Path, title: str, fields: markdown.Fields, document: Document) -> Found:
    url = _one(fields, "url", "link", "canonical")
    url = links.absolute(url, url) if url else None
    identities = [f"id:{own}"] if (own := _one(fields, "id", "guid")) else []
    if url:
        identities.append("link:" + links.normalised(url))
    identities.append(f"file:{path.resolve()}")
    return Found(
        identities=tuple(identities),
        title=title,
        url=url,
        author=_one(fields, "author"),
        published=_moment(path, fields, "date", "published"),
        embargo=_moment(path, fields, "embargo"),
        language=(_one(fields, "language", "lang") or "")[:2].lower() or None,
        tags=tuple(dict.fromkeys(_many(fields, "topics", "tags", "keywords"))),
        document=document,
        fingerprint=fingerprint(title, document),
    )


def fingerprint(title: str, document: Document) -> str:
    """Changes exactly when the title or the text changes; the number in front is the version of this rule."""
    body = json.dumps([title, blocks_to_json(document.blocks)], ensure_ascii=False)
    return "f1:" + hashlib.blake2b(body.encode(), digest_size=12).hexdigest()


def _one(fields: markdown.Fields, *names: str) -> str | None:
    for name in names:
        value = fields.get(name)
        if value:
            return value if isinstance(value, str) else value[0]
    return None


def _many(fields: markdown.Fields, *names: str) -> Sequence[str]:
    for name in names:
        value = fields.get(name)
        if value:
            parts = re.split(r"[,、，]", value) if isinstance(value, str) else value
            return [part.strip() for part in parts if part.strip()]
    return ()


def _moment(path: Path, fields: markdown.Fields, *names: str) -> datetime | None:
    """A date or time of the front matter; UTC where it names no zone."""
    given = _one(fields, *names)
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given.replace("/", "-"))
    except ValueError:
        try:
            day = date.fromisoformat(given[:10])
        except ValueError as error:
            raise SourceError(
                "date", f"{path}: {names[0]} {given!r} is no date; write 2026-11-03 or 2026-11-03T09:00+09:00"
            ) from error
        moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - gets its zone below
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_META_NAMES = {
    "author": "author", "article:author": "author", "keywords": "topics", "article:published_time": "date",
    "og:url": "url", "og:title": "title", "date": "date",
}  # fmt: skip


def _meta(body: bytes, words: str) -> markdown.Fields:
    """What an HTML page says of itself in its head."""
    fields: markdown.Fields = {}
    for tag in _META.findall(body[:100_000]):
        attributes = {
            name.lower(): next(filter(None, values), "")
            for name, *values in _ATTRIBUTE.findall(charset.decode(tag, ""))
        }
        name = _META_NAMES.get((attributes.get("name") or attributes.get("property") or "").lower())
        if name and attributes.get("content"):
            fields.setdefault(name, attributes["content"])
    if language := re.search(r"<html[^>]*\slang=[\"']?([a-zA-Z]{2})", words[:5000]):
        fields["language"] = language[1]
    title = tree.page_title(words)
    if title and "title" not in fields:
        fields["title"] = title
    return fields
