"""Pieces that are brought in from chat: articles fetched and parsed as outside text is, and texts that were written."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from bot import ingest
from bot.feeding import check_address
from bot.sources import markdown
from bot.sources.fetch import Fetcher
from bot.sources.files import fingerprint
from bot.sources.parser_pool import ParserPool
from core.pieces import Found, Outline, TextMode
from storage import pieces, sources
from storage.db import Tx
from storage.sources import Source


class Drafts:
    """`commands.tools.Drafts` over what fetches and parses."""

    def __init__(self, fetcher: Fetcher, pool: ParserPool) -> None:
        self._fetcher = fetcher
        self._pool = pool

    async def read(self, address: str) -> Found:
        check_address(address)
        page = await self._fetcher.fetch(address)
        return await self._pool.article(page.body, page.content_type, page.final_url)

    async def file(self, name: str, content: bytes) -> Found:
        found = await self._pool.file(content, name)
        own = f"guid:file:{hashlib.blake2b(content, digest_size=12).hexdigest()}"
        links = tuple(one for one in found.identities if one.startswith("link:"))  # no path of ours, no id of others
        return replace(found, identities=(own, *links))

    def name_of(self, address: str) -> str:
        return ingest.link_key(address) or ""

    def written(self, title: str, text: str, language: str, author: str | None) -> Found:
        document = markdown.parse(text)
        name = hashlib.blake2b(f"{title}\n{text}".encode("utf-8", "replace"), digest_size=8).hexdigest()
        return Found(
            identities=(f"guid:written:{name}",),
            title=title,
            author=author,
            language=None,
            document=document,
            fingerprint=fingerprint(title, document),
        )

    async def hold(
        self, tx: Tx, found: Found, mode: TextMode, now: datetime, understood: Outline | None = None
    ) -> tuple[int, bool]:
        source = await _source(tx, mode, now)
        key = ingest.link_key(found.url)
        there = None if key is None else await pieces.piece_by_link(tx, key)
        seen = await ingest.known(tx, source, found)
        if there is not None:
            return there.number, False
        if seen is not None and seen.piece is not None:
            return seen.piece, False
        taken = await ingest.take(tx, source, found, now=now, state="held", understood=understood)
        assert taken.piece is not None
        return taken.piece, True


async def _source(tx: Tx, mode: TextMode, now: datetime) -> Source:
    """Where such pieces come from: one source for each way of showing text."""
    address = f"chat:{mode}"
    known = await sources.source_at(tx, address)
    return known or await sources.add_source(
        tx, kind="chat", address=address, title="chat", text_mode=mode, review=True, places=(), now=now
    )
