"""The forms a feed comes in (RSS 0.9x/1.0/2.0, Atom, JSON Feed), read into one plain shape. No judgement yet.

fastfeedparser does the XML (116 times the speed of feedparser, which remains for what it refuses). Both *fetch or
open* a `str` that looks like an address, so they are only ever given bytes.
"""

from __future__ import annotations

import io
import json
import re
from calendar import timegm
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from html.entities import html5
from typing import Any

import fastfeedparser
from fastfeedparser.main import _parse_date as date_in  # the parser's own reading of dates; the version is pinned
from lxml import etree

from bot.sources import charset
from core.errors import SourceError

_MOST_READ = 5000  # items handed to the parser; of more, the first and the last half
_MANY = 10_000  # attributes of one element
_ATOM = "{http://www.w3.org/2005/Atom}"
_RSS1 = "{http://purl.org/rss/1.0/}"
_ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

_FEEDISH = re.compile(rb"<(?:[\w-]+:)?(?:rss|feed|rdf|channel)\b", re.I)
_ITEM_START = re.compile(rb"<(?:[\w-]+:)?(?:item|entry)[\s>]", re.I)
_ITEM_END = re.compile(rb"</(?:[\w-]+:)?(?:item|entry)\s*>", re.I)
_ROOT = re.compile(rb"\s*(?:<\?[^>]*\?>\s*)*<(?:rss|feed|rdf:RDF)\b[^<>]*>(?:\s*<channel\b[^<>]*>)?", re.I)
_ROOT_END = re.compile(rb"</(?:[\w-]+:)?(?:rss|feed|rdf)\s*>", re.I)
_BIG_TAG = re.compile(rb"<[A-Za-z][^<>]{9000,}>")
_CONTROLS = bytes(one for one in range(32) if one not in b"\t\n\r")
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_LOOSE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)")
_LOOSE_OR_CDATA = re.compile(
    rb"<!\[CDATA\[[^\]]*(?:\](?!\]>)[^\]]*)*(?:\]\]>|\Z)|&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)(\w{2,31};)?"
)
_HEAD_LANGUAGE = re.compile(rb"<(?:dc:)?language>\s*(?:<!\[CDATA\[)?\s*([\w-]{2,35})")
_HEAD_TTL = re.compile(rb"<ttl>\s*(\d{1,6})\s*<")
_HEAD_BASE = re.compile(rb"""<(?:rss|feed)\b[^>]*?\bxml:base\s*=\s*["']([^"'<]+)["']""")


@dataclass(slots=True, kw_only=True)
class Raw:
    """An item as the feed wrote it; everything still outside text. `body` is HTML, `kind` the type it was given as."""

    guid: str = ""
    link: str = ""
    title: str = ""
    body: str = ""
    kind: str = "html"
    published: datetime | None = None
    author: str = ""
    language: str = ""
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class RawFeed:
    title: str = ""
    link: str = ""
    language: str = ""
    base: str = ""
    ttl: int | None = None
    items: list[Raw] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    sound: bool = False  # well-formed XML: no item of it hangs on another


# What one item of outside data can go wrong with. Naming them keeps real bugs (a NameError) visible.
BAD_ITEM = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


def as_utf8(body: bytes, content_type: str) -> bytes:
    """A feed's bytes for the functions below. SourceError `empty`."""
    if not body or body.isspace():
        raise SourceError(
            "empty", "The address answered with an empty body. Look at it in a browser; it is tried again."
        )
    return charset.as_utf8(body, content_type)


def read(text: bytes) -> RawFeed:
    """A feed in whatever form, in UTF-8. SourceError `not-a-feed` or `too-complex`."""
    start = text[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return _read_json(text) if start.startswith(b"{") else _read_xml(text)


# --- an XML feed cut at its items, so that those that were read before need no reading again ---


@dataclass(frozen=True, slots=True)
class Parts:
    """`head`, then `items` (each from its `<item` to the next one's), then `tail`: together the feed."""

    root: bytes  # what may change the meaning of an item: the prolog, the start tags of the root and channel
    head: bytes
    items: list[bytes]
    tail: bytes
    end: bytes

    def sound(self, item: bytes) -> bool:
        """Whether it is one item and all of it, so that neither it nor the next begins within CDATA or a comment."""
        return (
            item.endswith(self.end)
            and item.count(self.end) == 1
            and item.count(b"<![CDATA[") == item.count(b"]]>")
            and item.count(b"<!--") == item.count(b"-->")
        )

    def only(self, items: Iterable[bytes]) -> bytes:
        """The feed as if it showed only these of its items."""
        return b"".join((self.head, *items, self.tail))


def parts(text: bytes) -> Parts | None:
    """None for what is no plain RSS, RDF or Atom feed with its end."""
    start, end = (b"<item", b"</item>") if b"</item>" in text else (b"<entry", b"</entry>")
    head, *items = text.split(start)
    found = _ROOT.match(head)
    if not found or not items:
        return None
    if head.count(b"<!--") != head.count(b"-->") or head.count(b"<![CDATA[") != head.count(b"]]>"):
        return None
    last, closed, tail = items.pop().rpartition(end)
    if not closed or not _ROOT_END.search(tail):
        return None
    items.append(last + closed)
    if not all(item[:1] in (b">", b" ") for item in items):  # `<items>` and the like
        return None
    return Parts(found[0], head, [start + item.rstrip() for item in items], tail, end)


def not_a_feed(body: bytes) -> SourceError:
    """The error for something that is no feed, with what to do about it."""
    head = body[:2048].lower()
    if b"<html" in head or b"<!doctype html" in head or b"<body" in head:
        sentence = (
            "This is a web page, not a feed. Give the page's address to `rondan feed add`: it looks for its feed."
        )
    else:
        sentence = "This is neither RSS, Atom, RDF nor JSON Feed. Check the address in a browser."
    return SourceError("not-a-feed", sentence)


# --- JSON Feed ---


def _read_json(body: bytes) -> RawFeed:
    try:
        data = json.loads(body.decode("utf-8", "replace").removeprefix("\ufeff"))
        if _HALF_PAIR.search(body):  # "\ud83d" alone, which no database takes
            data = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise SourceError(
            "not-a-feed", f"The feed is not valid JSON ({str(error)[:80]}). Tell its publisher."
        ) from error
    items = data.get("items")
    if not isinstance(items, list):
        raise not_a_feed(body)
    feed = RawFeed(
        title=_text(data.get("title")), link=_text(data.get("home_page_url")), language=_text(data.get("language"))
    )
    if len(items) > _MOST_READ:
        items = items[: _MOST_READ // 2] + items[-_MOST_READ // 2 :]
    feed.items = _each(items, _json_item, feed.problems)
    return feed


def _json_item(item: dict[str, Any]) -> Raw:
    html_text, plain_text = _text(item.get("content_html")), _text(item.get("content_text"))
    people = item.get("authors") or item.get("author") or []
    names = (
        one.get("name") if isinstance(one, dict) else one for one in (people if isinstance(people, list) else [people])
    )
    tags = item.get("tags")
    return Raw(
        guid=_text(item.get("id")),
        link=_text(item.get("url")) or _text(item.get("external_url")),
        title=_text(item.get("title")),
        body=html_text or plain_text or _text(item.get("summary")),
        kind="html" if html_text else "text",
        published=_moment(item.get("date_published")) or _moment(item.get("date_modified")),
        author="、".join(name for name in map(_text, names) if name),
        language=_text(item.get("language")),
        tags=[_text(tag) for tag in tags] if isinstance(tags, list) else [],
    )


# --- RSS, RDF, Atom ---


def _read_xml(body: bytes) -> RawFeed:
    body = _mended(body)
    try:
        parsed = fastfeedparser.parse(body, include_media=False, include_enclosures=False)
        items: list[Any] = parsed["entries"]
    except BAD_ITEM:
        parsed, items = None, []
    if not items and _FEEDISH.search(body[:65_536]) and (parsed is None or _ITEM_START.search(body)):
        feed = _read_slowly(body)
    elif parsed is None:
        raise not_a_feed(body)
    else:
        head = parsed["feed"]
        feed = RawFeed(
            title=_text(head.get("title")), link=_text(head.get("link")), language=_text(head.get("language"))
        )
        _fill_in(body, items)
        feed.items = _each(items, _xml_item, feed.problems)
        feed.sound = not feed.problems and _well_formed(body)
    if feed.items and not _ROOT_END.search(body[-4096:]):
        # The half of an item that arrived would be taken for an edit, and its mending for another.
        feed.items.pop()
        feed.problems.append("the feed is cut off in the middle: its last item was left out")
    return _with_head(feed, body)


def _mended(body: bytes) -> bytes:
    """What XML forbids and feeds do anyway: control characters, `&nbsp;` and bare `&` outside CDATA."""
    if body.count(b"=") > _MANY and any(tag[0].count(b"=") > _MANY for tag in _BIG_TAG.finditer(body)):
        # Checking attributes for being unique takes libxml2 quadratic time.
        raise SourceError("too-complex", f"One element has over {_MANY} attributes: this is no honest feed.")
    if any(one in body for one in _CONTROLS):  # 28 times memchr is a tenth of one regular expression
        body = body.translate(None, _CONTROLS)
    if _LOOSE.search(body):
        body = _LOOSE_OR_CDATA.sub(_escaped, body)
    ends = [found.end() for found in _ITEM_END.finditer(body)] if len(body) > 50 * _MOST_READ else []
    if len(ends) > _MOST_READ:
        half = _MOST_READ // 2
        body = body[: ends[half - 1]] + body[ends[-half - 1] :]
    return body


def _well_formed(body: bytes) -> bool:
    try:
        etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return False
    return True


def _escaped(found: re.Match[bytes]) -> bytes:
    if found[0].startswith(b"<"):
        return found[0]
    name = (found[1] or b"").decode("ascii", "ignore")
    meant = html5.get(name) if name else None
    return "".join(f"&#{ord(char)};" for char in meant).encode() if meant else b"&amp;" + (found[1] or b"")


def _xml_item(entry: dict[str, Any]) -> Raw:
    content = entry.get("content") or [{}]
    body, kind = (content[0].get("value") or "").strip(), content[0].get("type") or "html"
    if not body or not ("html" in kind or "text" in kind or "xml" in kind):
        body, kind = entry.get("description") or "", "html"
    guid, link = entry.get("id") or "", _link(entry)
    date = entry.get("published") or entry.get("updated")
    if date and not guid.startswith("http") and date_in(guid) == date:
        date = None  # "12" is no date, but the parser takes it for the twelfth of this month
    return Raw(
        guid="" if guid == entry.get("link") else guid,  # the parser puts the link where the guid is missing
        link=link,
        title=entry.get("title") or "",
        body=body,
        kind="text" if kind in ("text", "text/plain") else "html",
        published=_moment(date),
        author=entry.get("author") or "",
        language=entry.get("language") or content[0].get("language") or "",
        tags=[tag.get("label") or tag.get("term") or "" for tag in entry.get("tags") or ()],
    )


def _link(entry: dict[str, Any]) -> str:
    """The item's page. The parser takes an Atom item's first link, be it the sound file."""
    link: str = entry.get("link") or ""
    rels = {one.get("href"): one.get("rel") for one in reversed(entry.get("links") or ())}
    if rels.get(link) in ("alternate", None):
        return link
    return next((href for href, rel in reversed(rels.items()) if href and rel in ("alternate", None)), "")


def _fill_in(body: bytes, entries: list[Any]) -> None:
    """What fastfeedparser leaves out: RDF's content:encoded, XHTML titles, a language of one Atom entry."""
    head = body[:1024]
    rdf = b":RDF" in head
    atom = b"<feed" in head and (b"<entry xml:lang" in body or b'type="xhtml"' in body)
    if not rdf and not atom:
        return
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=True)
    root = etree.fromstring(body, parser)
    items = [] if root is None else list(root.iter(f"{_RSS1}item", f"{_ATOM}entry"))  # None: nothing could be saved
    if len(items) != len(entries):
        return
    for item, entry in zip(items, entries, strict=True):
        encoded = item.findtext(_ENCODED)
        if encoded:
            entry["content"] = [{"type": "text/html", "value": encoded}]
        title = item.find(f"{_ATOM}title")
        if title is not None and not entry.get("title"):
            entry["title"] = "".join(map(str, title.itertext())).strip()
        entry["language"] = item.get(_LANG)


def _read_slowly(body: bytes) -> RawFeed:
    """feedparser: hundreds of times slower, and reads nearly anything."""
    import feedparser  # 10 MB and 60 ms that most runs never need

    try:
        parsed = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    except BAD_ITEM as error:  # of a reference to a character that there can't be, for one
        raise not_a_feed(body) from error
    if not parsed.get("version") and not parsed.entries:
        raise not_a_feed(body)
    head = parsed.feed
    feed = RawFeed(title=_text(head.get("title")), link=_text(head.get("link")), language=_text(head.get("language")))
    feed.items = _each(parsed.entries, _slow_item, feed.problems)
    return feed


def _slow_item(entry: dict[str, Any]) -> Raw:
    content: dict[str, Any] = next(iter(entry.get("content") or ()), {})
    when = entry.get("published_parsed") or entry.get("updated_parsed")
    return Raw(
        guid=_text(entry.get("id")),
        link=_text(entry.get("link")),
        title=_text(entry.get("title")),
        body=_text(content.get("value")) or _text(entry.get("summary")),
        kind="text" if content.get("type") == "text/plain" else "html",
        published=_sane(datetime.fromtimestamp(timegm(when), UTC)) if when else None,
        author=_text(entry.get("author")),
        language=_text(content.get("language")),
        tags=[_text(tag.get("label") or tag.get("term")) for tag in entry.get("tags") or ()],
    )


def _with_head(feed: RawFeed, body: bytes) -> RawFeed:
    """Add what stands before the first item and the parsers don't give."""
    first = _ITEM_START.search(body)
    head = body[: min(first.start() if first else len(body), 65_536)]
    if not feed.language and (found := _HEAD_LANGUAGE.search(head)):
        feed.language = found[1].decode("ascii", "ignore")
    if found := _HEAD_TTL.search(head):
        feed.ttl = int(found[1])
    if found := _HEAD_BASE.search(head):
        feed.base = unescape(found[1].decode("utf-8", "replace"))
    return feed


# --- for all forms ---


def _each(items: Iterable[Any], make: Callable[[Any], Raw], problems: list[str]) -> list[Raw]:
    """Every item by itself: one that can't be read never ends the batch."""
    good: list[Raw] = []
    bad = 0
    for item in items:
        try:
            good.append(make(item))
        except BAD_ITEM:
            bad += 1
    if bad:
        problems.append(f"{bad} of {bad + len(good)} items can't be read and were left out")
    return good


def _text(value: object) -> str:
    """A string without white space around; numbers as written, anything else as nothing."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _moment(value: object) -> datetime | None:
    """Aware UTC, or None for no date and for the zero dates that programs write."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
    try:
        return _sane(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError:
        return None


def _sane(moment: datetime) -> datetime | None:
    return moment if moment.year >= 1970 else None
