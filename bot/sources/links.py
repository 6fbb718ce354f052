"""Web addresses: made absolute, and brought to one form so that the same page has the same name."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
# What newsletters, social networks and counters add; the page is the same without it.
_TRACKING = re.compile(
    r"^(utm_\w+|at_\w+|fb(clid|_\w+)|[gdtyw]?clid|g(braid|clsrc)|wbraid|msclkid|yclid|twclid|igshid|igsh|mc_[ce]id"
    r"|_hs(enc|mi)|mkt_tok|oly_\w+_id|xtor|ncid|cmpid|iref|vero_id|_ga|_gl|spm|s_cid)$",
    re.I,
)
_FEED_SIGN = re.compile(r"^(ref|from|src|source|partner)=(rss|feed|atom|rdf|rssfeed)\w*$", re.I)
_TRACKING_FRAGMENT = re.compile(r"^(xtor|utm_|ref=|:~:text=|rss|feed$)", re.I)
_PLAIN = re.compile(r"https?://((?:[a-z0-9-]+\.)+[a-z]+(?:/[\w.~-]+)*)/?", re.A)  # most: nothing to resolve or spell
_USUAL = re.compile(_PLAIN.pattern + r"(?:\?[\w.~=&%+-]*)?(?:#[\w-]*)?", re.A)  # with a query: nothing to resolve
_HEX = re.compile(r"%[0-9a-fA-F]{2}")
_LONGEST = 2000


def absolute(link: str, base: str) -> str | None:
    """An http(s) address resolved against `base`; None for anything else (`javascript:`, `mailto:`, nonsense)."""
    if _USUAL.fullmatch(link) and len(link) <= _LONGEST:
        return link
    try:
        link = "".join(link.split())
        full = link if link.startswith(("https://", "http://")) else urljoin(base, link)
        parts = urlsplit(full)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:  # "http://[", a port out of range
        return None
    return full if usable and len(full) <= _LONGEST else None


def normalised(link: str) -> str:
    """The name of the page behind an absolute address, for comparing only: no scheme, no tracking, one spelling.

    A fragment stays (change logs put every entry on one page) unless it only counts visits.
    """
    if plain := _PLAIN.fullmatch(link):
        return plain[1]
    parts = urlsplit(link)
    host = (parts.hostname or "").rstrip(".")
    if parts.port and parts.port != _PORTS.get(parts.scheme):
        host = f"{host}:{parts.port}"
    query = "&".join(one for one in parts.query.split("&") if one and not _tracks(one))
    name = host + _spelled(parts.path).rstrip("/")
    if query:
        name += "?" + _spelled(query)
    if parts.fragment and not _TRACKING_FRAGMENT.match(parts.fragment):
        name += "#" + _spelled(parts.fragment)
    return name


def shown(link: str) -> str:
    """An address for a person's eyes: without user name and password, cut to 200 characters."""
    try:
        parts = urlsplit(link)
        clean = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    except ValueError:
        clean = link
    return clean if len(clean) <= 200 else clean[:199] + "…"


def _tracks(pair: str) -> bool:
    return _TRACKING.match(pair.partition("=")[0]) is not None or _FEED_SIGN.match(pair) is not None


def _spelled(text: str) -> str:
    """`日`, `%e6%97%a5` and `%E6%97%A5` are one; so are `~` and `%7E`. Other escapes keep their meaning."""
    if "%" not in text and text.isascii():
        return text
    upper = _HEX.sub(lambda found: _unreserved(found[0]), text)
    return quote(upper, safe="%/:@!$&'()*+,;=?~[]", errors="replace")


def _unreserved(escape: str) -> str:
    plain = unquote(escape)
    return plain if plain.isascii() and (plain.isalnum() or plain in "-._~") else escape.upper()
