"""The server of the benches of feeds: a process of its own that has every answer ready.

Run by `serving` as `python -m bench.feed_server FEEDS VERSIONS`.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape

from typing_extensions import override

ITEMS = 40
PARAGRAPHS = {
    "en": "The council voted on the night bus again, and the fare remains what divides its readers most of all. "
    "A commentator may hold both that the line pays for itself and that nobody under twenty can afford it. ",
    "ja": "夜行バスの運賃について、議会は再び採決を行った。路線は採算が取れているという見方と、若い世代には高すぎると"
    "いう見方があり、筆者はどちらにも一理あると考える。",
}


def _body(feed: int, item: int, edit: int) -> str:
    """The HTML of one item, about 4 kB."""
    dice = random.Random(feed * 1_000_003 + item)
    text = PARAGRAPHS["ja" if feed % 2 else "en"]
    parts = []
    for number in range(8 if feed % 2 else 9):
        at = dice.randrange(20, len(text) - 20)
        words = f"{text[at:]}<b>{dice.randrange(10**6)}</b> {text[:at]} &amp; {dice.randrange(10**6)}"
        link = f'<a href="https://pub{feed}.example/{dice.randrange(10**6)}?a=1&amp;b=2" rel="nofollow">{number}</a>'
        parts.append(f'<p class="entry-{number}" style="margin: 0">{words} {link}<br>{text[: at // 2]}</p>\n')
    if dice.random() < 0.5:
        parts.append(f'<img src="https://pub{feed}.example/{item}.jpg" width="640" height="480" alt=""/>')
    if edit:
        parts.append(f"<p>Corrected {edit} times.</p>")
    return "".join(parts)


def _item(feed: int, item: int, edit: int) -> str:
    link = f"https://pub{feed}.example/2026/piece-{item}"
    html = _body(feed, item, edit)
    minute = f"{item // 60 % 24:02}:{item % 60:02}:00"
    if feed % 4 == 3:
        return (
            f'<entry><id>tag:pub{feed}.example,2026:{item}</id><title>Piece {item}</title><link href="{link}"/>'
            f"<author><name>Writer {item % 5}</name></author><updated>2026-11-20T{minute}Z</updated>"
            f'<content type="html">{escape(html)}</content></entry>\n'
        )
    text = f"<![CDATA[{html}]]>" if feed % 2 else escape(html)
    return (
        f'<item><title>Piece {item}</title><link>{link}</link><guid isPermaLink="false">{feed}-{item}</guid>'
        f"<pubDate>Fri, 20 Nov 2026 {minute} GMT</pubDate><dc:creator>Writer {item % 5}</dc:creator>"
        f"<category>buses</category><description>{text}</description></item>\n"
    )


def feed_xml(feed: int, version: int) -> bytes:
    """A feed as it stands in a version: every odd one has an item more, every even one an edited item."""
    first = (version + 1) // 2
    edits = {(even + 1) // 2 + 20: even for even in range(2, version + 1, 2)}
    items = "".join(_item(feed, item, edits.get(item, 0)) for item in reversed(range(first, first + ITEMS)))
    prolog = '<?xml version="1.0" encoding="utf-8"?>\n'
    if feed % 4 == 3:
        head = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Publication {feed}</title><id>{feed}</id>'
        return f"{prolog}{head}{items}</feed>".encode()
    head = f"<title>Publication {feed}</title><link>https://pub{feed}.example/</link><language>en</language>"
    spaces = 'version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return f"{prolog}<rss {spaces}><channel>{head}{items}</channel></rss>".encode()


class _Server(asyncio.Protocol):
    """Answers `/f/N` with what is ready; `/version/V` chooses the version for everybody. As bare as can be, so that
    what is measured is the client.
    """

    ready: dict[tuple[int, int], tuple[bytes, bytes]]  # (version, feed) → (ETag, whole answer)
    version = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard = b""

    @override
    def data_received(self, data: bytes) -> None:
        self._heard += data
        while b"\r\n\r\n" in self._heard:
            asked, _, self._heard = self._heard.partition(b"\r\n\r\n")
            self._transport.write(self._answer(asked))

    def _answer(self, asked: bytes) -> bytes:
        kind, number = asked.split(b" ", 2)[1].split(b"/")[1:3]
        if kind == b"version":
            _Server.version = int(number)
            return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        etag, whole = self.ready[_Server.version, int(number)]
        if etag in asked:
            return b"HTTP/1.1 304 Not Modified\r\nETag: " + etag + b"\r\n\r\n"
        return whole


async def serve(feeds: int, versions: int) -> None:
    """Serve until standard input closes; prints the port when ready."""
    ready = {}
    for version in range(versions):
        for feed in range(feeds):
            packed = gzip.compress(feed_xml(feed, version), 1)
            etag = f'"{feed}-{version}"'.encode()
            kind = b"application/atom+xml" if feed % 4 == 3 else b"application/rss+xml"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: %b; charset=utf-8\r\nContent-Encoding: gzip\r\nETag: %b\r\n"
            head = head % (kind, etag) + b"Content-Length: %d\r\n\r\n" % len(packed)
            ready[version, feed] = (etag, head + packed)
    _Server.ready = ready
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


@asynccontextmanager
async def serving(feeds: int, versions: int) -> AsyncIterator[str]:
    """The address of a running server, without the number of the feed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.feed_server", str(feeds), str(versions)), stdin=pipe, stdout=pipe
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
