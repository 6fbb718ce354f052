"""The feeds that a web page names in its head."""

from __future__ import annotations

from lxml import etree

from bot.sources import charset, links

_FEED_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json", "application/json"}
)
_MOST = 20


def feed_links(body: bytes, content_type: str, url: str) -> list[tuple[str, str]]:
    """(address, title) of a page's `<link rel=alternate>` feeds, at most 20, in its order; comment feeds last."""
    text = charset.decode(body, content_type)
    if not text.strip():
        return []
    root = etree.fromstring(text.encode("utf-8", "replace"), etree.HTMLParser(encoding="utf-8"))
    if root is None:
        return []
    base = url
    if (tag := root.find(".//base[@href]")) is not None:
        base = links.absolute(tag.get("href") or "", url) or url
    found: dict[str, str] = {}
    for link in root.iter("link"):
        kind = (link.get("type") or "").partition(";")[0].strip().lower()
        href = (link.get("href") or "").strip()
        if "alternate" in (link.get("rel") or "").lower().split() and kind in _FEED_TYPES and href:
            address = links.absolute(href, base)
            if address and len(found) < _MOST:
                found.setdefault(address, " ".join((link.get("title") or "").split())[:200])
    return sorted(found.items(), key=lambda one: "comment" in one[0].lower())
