"""Lists of feeds as other readers keep them (OPML)."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from bot.sources import charset, links
from core.errors import SourceError

LARGEST = 5_000_000  # bytes


def read_opml(data: bytes) -> list[tuple[str, str, str]]:
    """(title, address, folder) of every feed, once each; the folder is "" or like "News/Japan".

    SourceError `not-opml` for something else, `too-big`. Feeds whose address is not http(s) are left out.
    """
    import listparser  # only here, so nobody else waits for it

    if len(data) > LARGEST:
        raise SourceError("too-big", f"A list of feeds of over {LARGEST / 1e6:g} MB is not read. Split it.")
    found = listparser.parse(charset.as_utf8(data))
    if not str(found.get("version", "")).startswith("opml"):
        raise SourceError("not-opml", "This file is no OPML list. Export one from your feed reader.")
    out: dict[str, tuple[str, str, str]] = {}
    for feed in found["feeds"]:
        url = links.absolute(feed["url"], "")
        if url:
            folders = [folder for folder in feed.get("categories", ()) if folder]
            out.setdefault(url, (feed["title"] or url, url, "/".join(filter(None, folders[0])) if folders else ""))
    return list(out.values())


def write_opml(feeds: Iterable[tuple[str, str, str]], title: str = "Rondan") -> bytes:
    """The reverse of `read_opml`, in UTF-8; a folder becomes a `category`, which every reader keeps."""
    folders: dict[str, list[str]] = {}
    for name, url, folder in feeds:
        folders.setdefault(folder, []).append(f'<outline type="rss" text={_quoted(name)} xmlUrl={_quoted(url)}/>')
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<opml version="2.0">',
        f"<head><title>{_quoted(title)[1:-1]}</title></head>",
        "<body>",
    ]
    for folder, outlines in folders.items():
        path = folder.split("/") if folder else []
        lines += [f"<outline text={_quoted(name)}>" for name in path] + outlines + ["</outline>"] * len(path)
    return "\n".join([*lines, "</body>", "</opml>", ""]).encode()


def _quoted(text: str) -> str:
    return quoteattr("".join(char for char in text if char >= " ").encode("utf-8", "replace").decode())
