"""From a page's address to its feeds."""

from __future__ import annotations

from urllib.parse import urljoin

from bot.sources.fetch import Fetcher
from bot.sources.parser_pool import ParserPool
from core.errors import SourceError

# Where WordPress, Hugo, Jekyll, Ghost, note.com and Hatena put theirs.
_COMMON = ("feed", "rss", "atom.xml", "rss.xml", "index.xml", "feed.xml", "feed.json", "index.rdf")


async def discover(fetcher: Fetcher, pool: ParserPool, url: str) -> list[tuple[str, str]]:
    """(address, title) of the feeds at a page's address: itself if it is one, else those it names, else common places.

    Links are not fetched to prove that they work. SourceError for a page that can't be read; an empty list for none.
    """
    page = await fetcher.fetch(url)
    try:
        feed = await pool.parse(page.body, page.content_type, page.final_url)
    except SourceError as error:
        if error.code not in ("not-a-feed", "empty"):
            raise
    else:
        return [(page.permanent_url or url, feed.title)]
    named = await pool.links(page.body, page.content_type, page.final_url)
    if named:
        return named
    found: list[tuple[str, str]] = []
    for place in dict.fromkeys(
        urljoin(base, path) for base in (page.final_url, urljoin(page.final_url, "/")) for path in _COMMON
    ):
        try:
            guess = await fetcher.fetch(place)
            feed = await pool.parse(guess.body, guess.content_type, guess.final_url)
        except SourceError:
            continue
        found.append((guess.final_url, feed.title))
        break
    return found
