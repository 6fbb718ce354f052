"""One article from its web page: its text as the page marks it, and what its head says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from lxml import etree

from bot.sources import charset, links
from bot.sources import html as html_source
from bot.sources.feeds import fingerprint
from core.document import Document, Heading, plain_all, words_of
from core.errors import SourceError
from core.pieces import Found
from core.text import fold

_LONGEST = 300  # characters of a title or name
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_TITLES = ("og:title", "twitter:title")
_AUTHORS = ("author", "article:author", "dc.creator")
_DATES = ("article:published_time", "datepublished", "date", "dc.date")


def parse_article(body: bytes, content_type: str, url: str) -> Found:
    """The article on a page. SourceError `not-an-article` where there is no text."""
    text = charset.decode(body, content_type)
    root = (
        etree.fromstring(text.encode("utf-8", "replace"), etree.HTMLParser(encoding="utf-8")) if text.strip() else None
    )
    if root is None:
        raise SourceError("not-an-article", "There is nothing at that address.")
    named = _named(root)
    document = html_source.parse(text, url)
    title = _first(named, _TITLES) or _words(root.findtext(".//title") or "") or _heading(document)
    document = _without_title(document, title)
    words = plain_all(document.blocks)
    if not title or not words.strip():
        raise SourceError("not-an-article", "There is no article at that address, or it is not in the page itself.")
    own = _canonical(root, url)
    author = _first(named, _AUTHORS)
    return Found(
        identities=(f"link:{links.normalised(own)}",),
        title=title,
        url=own,
        author=None if author is None or author.startswith(("http://", "https://")) else author,
        published=_date(_first(named, _DATES)),
        language=_language(root.get("lang") or ""),
        document=document,
        fingerprint=fingerprint(title, words),
    )


def _named(root: etree._Element) -> Mapping[str, str]:
    """What the head's `<meta>` say, by name; the first of a name counts."""
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").strip().lower()
        if name and (content := _words(meta.get("content") or "")):
            found.setdefault(name, content)
    return found


def _first(named: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((named[name] for name in names if name in named), None)


def _words(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]


def _heading(document: Document) -> str:
    return next((_words(words_of(one.spans)) for one in document.blocks if isinstance(one, Heading)), "")


def _without_title(document: Document, title: str) -> Document:
    """The page's own heading says what the title says already, which often has the site's name behind it."""
    first = next(iter(document.blocks), None)
    words = fold(words_of(first.spans)) if isinstance(first, Heading) else ""
    return Document(blocks=document.blocks[1:]) if words and fold(title).startswith(words) else document


def _canonical(root: etree._Element, url: str) -> str:
    """The address that the page calls its own, if that is on the same host; else the one it was read from."""
    for link in root.iter("link"):
        if "canonical" in (link.get("rel") or "").lower().split():
            own = links.absolute(link.get("href") or "", url)
            if own and links.normalised(own).partition("/")[0] == links.normalised(url).partition("/")[0]:
                return own
    return url


def _language(tag: str) -> str | None:
    return tag if _LANGUAGE.fullmatch(tag) else None


def _date(text: str | None) -> datetime | None:
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
