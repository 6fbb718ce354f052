"""The process in which outside text is parsed: it may hang, eat memory or crash, and only one parse is lost.

Run by `bot.sources.parser_pool` as `python -m bot.child bot.sources.parser_process FD`.
"""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

from bot.sources import alternates, answers, feeds
from core.errors import SourceError

LONGEST_ANSWER = 16_000_000  # bytes; more is a flood of empty elements
_MEMORY = 1 << 30  # bytes of address space


def begin() -> None:
    """Take no more memory than any honest feed needs."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def answer(asked: dict[str, Any], body: bytes) -> bytes:
    """JSON of what was parsed, or of the error."""
    try:
        given = json.dumps(_do(asked, body)).encode()
    except SourceError as error:
        given = json.dumps({"error": [error.code, str(error)]}).encode()
    except (MemoryError, RecursionError):
        given = b""
    if not given or len(given) > LONGEST_ANSWER:
        given = json.dumps({"error": ["too-complex", "Parsing this takes more memory than any honest feed."]}).encode()
    return given


def _do(asked: dict[str, Any], body: bytes) -> dict[str, Any]:
    kind, url = asked["type"], asked["url"]
    if asked["do"] == "feed":
        return answers.feed_to_json(feeds.parse_feed(body, kind, url, asked["known"], documents=asked["documents"]))
    if asked["do"] == "article":
        from bot.sources.article import parse_article  # lxml.html is only paid for by who asks for an article

        return {"article": answers.found_to_json(parse_article(body, kind, url))}
    if asked["do"] == "file":
        from bot.sources.files import parse

        return {"article": answers.found_to_json(parse(Path(url), body))}
    return {"links": alternates.feed_links(body, kind, url)}
