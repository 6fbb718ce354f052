"""Getting what stands at an address: bounded, polite, and never from inside our own network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Self
from urllib.parse import urljoin
from weakref import WeakValueDictionary

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot.sources import links
from core.errors import SourceError

PROGRAM = f"Rondan/{version('rondan')}"
LARGEST = 5_000_000  # bytes, after decompression
TOTAL = 10.0  # seconds for everything, redirects included
CONNECT = 5.0  # seconds
REDIRECTS = 5
_PERMANENT = (301, 308)
_REDIRECT = (301, 302, 303, 307, 308)
_PRIVATE = "this address leads into a private or local network"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer. `not_modified` if the server or an equal hash says that nothing is new; the body is then empty."""

    status: int
    not_modified: bool = False
    body: bytes = b""
    hash: str = ""  # sha256 of the body, hex; empty after a 304
    content_type: str = ""  # the header as sent, charset included
    charset: str | None = None
    final_url: str
    permanent_url: str | None = None  # where it moved to for good: every redirect was 301 or 308
    etag: str | None = None  # both validators verbatim, for the next request
    last_modified: str | None = None
    retry_after: float | None = None  # seconds
    fresh_for: float | None = None  # seconds, from Cache-Control max-age or else Expires
    headers: Mapping[str, str]  # names in any case


class Fetcher:
    """Fetches with one pool of connections. `async with Fetcher() as fetcher: await fetcher.fetch(url)`.

    `allow_private` lets feeds of an intranet and any port in. `at_once` and `per_host` bound the requests under way.
    `contact`: the page that says who runs this bot, told to every server.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolver: AbstractResolver | None = None,
        at_once: int = 50,
        per_host: int = 6,
        total: float = TOTAL,
        largest: int = LARGEST,
        ports: tuple[int, ...] = (80, 443),
        contact: str = "",
    ) -> None:
        self._contact = f"+{contact}; " if contact else ""
        self._allow_private = allow_private
        self._resolver = resolver
        self._total = total
        self._largest = largest
        self._ports = ports
        self._gate = asyncio.Semaphore(at_once)
        self._per_host = per_host
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0,  # the gates below bound it, outside the time limit: waiting one's turn is no time-out
            resolver=self._resolver,
            socket_factory=None if self._allow_private else _guarded_socket,
            ttl_dns_cache=300,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "User-Agent": f"{PROGRAM} ({self._contact}feed reader of a discussion bot)",
                "Accept": "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
                "application/xml;q=0.9, text/xml;q=0.9, text/html;q=0.6, */*;q=0.5",
                "Accept-Encoding": "gzip, deflate",
            },
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT, self._total)),
            trust_env=False,  # a proxy would connect for us, past the guard
            auto_decompress=False,  # done here, so that a bomb stops at the limit
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def fetch(
        self, url: str, *, etag: str | None = None, modified: str | None = None, body_hash: str | None = None
    ) -> Fetched:
        """Get an address; with validators of the last answer only if it changed.

        SourceError: `bad-address`, `bad-scheme`, `bad-port`, `private-address`, `dns`, `refused`, `tls`, `timeout`,
        `broken-off`, `redirects`, `too-big`, `bad-encoding`, `http-404` and the like.
        """
        start = self._checked(url)
        host = start.host or ""
        own = self._hosts.get(host)
        if own is None:
            own = self._hosts[host] = asyncio.Semaphore(self._per_host)
        validators = {"If-None-Match": etag, "If-Modified-Since": modified}
        headers = {name: value for name, value in validators.items() if value and value.isascii()}
        async with own, self._gate:
            try:
                async with asyncio.timeout(self._total):
                    return await self._follow(start, headers, body_hash)
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
                raise _explained(error, url, self._total) from error

    async def _follow(self, start: URL, headers: dict[str, str], body_hash: str | None) -> Fetched:
        """Redirects by hand: each hop is checked like the first, and it matters which ones are for good."""
        if self._session is None:
            raise RuntimeError("a Fetcher is used inside `async with`")
        here = start
        for_good = True
        for _ in range(REDIRECTS + 1):
            async with self._session.get(here, headers=headers, allow_redirects=False) as answer:
                target = answer.headers.get("Location")
                if answer.status not in _REDIRECT or not target:
                    moved = str(here) if for_good and here is not start else None
                    return await self._received(answer, str(here), moved, body_hash)
                for_good = for_good and answer.status in _PERMANENT
                here = self._checked(urljoin(str(here), target))
        where = links.shown(str(start))
        raise SourceError("redirects", f"{where} redirects more than {REDIRECTS} times. Look for its new address.")

    async def _received(
        self, answer: aiohttp.ClientResponse, url: str, moved: str | None, body_hash: str | None
    ) -> Fetched:
        headers = answer.headers
        retry_after = _seconds(headers.get("Retry-After"))
        if answer.status >= 400 or answer.status in _REDIRECT:
            raise SourceError(f"http-{answer.status}", _refused(answer.status, url), retry_after=retry_after)
        body = b"" if answer.status == 304 else await self._body(answer, url)
        digest = sha256(body).hexdigest() if answer.status != 304 else ""
        same = answer.status == 304 or (bool(body_hash) and digest == body_hash)
        return Fetched(
            status=answer.status,
            not_modified=same,
            body=b"" if same else body,
            hash=digest,
            content_type=headers.get("Content-Type", ""),
            charset=answer.charset,
            final_url=url,
            permanent_url=moved,
            etag=headers.get("ETag"),
            last_modified=headers.get("Last-Modified"),
            retry_after=retry_after,
            fresh_for=_freshness(headers),
            headers=headers,
        )

    async def _body(self, answer: aiohttp.ClientResponse, url: str) -> bytes:
        """The body, unpacked as it comes, up to the limit. Only then is the rest worth reading or not."""
        unpack = _Unpacker(answer.headers.get("Content-Encoding", ""), self._largest)
        async for chunk in answer.content.iter_any():
            if not unpack.feed(chunk):
                megabytes = f"{self._largest / 1e6:g} MB"
                raise SourceError("too-big", f"{links.shown(url)} is larger than {megabytes}. Ask for a shorter feed.")
        return unpack.done()

    def _checked(self, url: str) -> URL:
        """An address that may be asked."""
        try:
            address = URL(url)
        except ValueError as error:
            raise SourceError("bad-address", f"{links.shown(url)} is not an address ({error}).") from error
        if address.scheme not in ("http", "https"):
            why = "is neither http:// nor https://, and nothing else is read."
            raise SourceError("bad-scheme", f"{links.shown(url)} {why}")
        if not address.host:
            raise SourceError("bad-address", f"{links.shown(url)} names no server.")
        if address.port not in self._ports and not self._allow_private:
            hint = f"Only {' and '.join(map(str, self._ports))} are read unless RONDAN_FEED_ALLOW_PRIVATE=1 is set."
            raise SourceError("bad-port", f"{links.shown(url)} is at port {address.port}. {hint}")
        return address


class _Unpacker:
    """gzip and deflate, counted as they come out."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding.strip().lower()
        self._left = limit
        self._parts: list[bytes] = []
        if self._encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise SourceError(
                "bad-encoding", f"The server packs its answer as {encoding[:20]!r}, which nobody asked for."
            )
        self._inflate = None if self._encoding in ("", "identity") else zlib.decompressobj(wbits=47)  # gzip or zlib

    def feed(self, chunk: bytes) -> bool:
        """False once there is more than allowed."""
        while chunk and self._left >= 0:
            if self._inflate is None:
                out, chunk = chunk, b""
            else:
                out, chunk = self._unpacked(chunk)
            self._parts.append(out)
            self._left -= len(out)
        return self._left >= 0

    def _unpacked(self, chunk: bytes) -> tuple[bytes, bytes]:
        assert self._inflate is not None
        try:
            out = self._inflate.decompress(chunk, self._left + 1)
        except zlib.error:
            if self._encoding != "deflate" or self._parts:
                raise
            self._inflate = zlib.decompressobj(wbits=-15)  # some servers send deflate bare
            return b"", chunk
        if self._inflate.eof:
            rest, self._inflate = self._inflate.unused_data, zlib.decompressobj(wbits=47)  # gzip may have members
            return out, rest
        return out, self._inflate.unconsumed_tail

    def done(self) -> bytes:
        return b"".join(self._parts)


def _guarded_socket(info: tuple[object, ...]) -> socket.socket:
    """A socket to the very address that is about to be connected, after names and redirects are resolved."""
    family, kind, proto, _, address = info
    host = str(address[0]) if isinstance(address, tuple) else ""
    if not is_public(host):
        raise _PrivateAddressError(_PRIVATE)
    return socket.socket(family=family, type=kind, proto=proto)  # type: ignore[arg-type]  # aiohttp's tuple is loose


class _PrivateAddressError(OSError):
    """Refused by the guard. An OSError, because the connector gives up orderly on these."""


def is_public(host: str) -> bool:
    """Whether an IP address (as text) belongs to the open internet, also when it is wrapped in another."""
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _explained(error: Exception, url: str, total: float) -> SourceError:
    """An error of the network as a sentence with a code."""
    where = links.shown(url)
    reason = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    match reason:
        case _PrivateAddressError():
            code, sentence = (
                "private-address",
                "leads into a private or local network. Set RONDAN_FEED_ALLOW_PRIVATE=1 if it is yours.",
            )
        case TimeoutError():
            code, sentence = "timeout", f"did not answer within {total:g} seconds. It is tried again later."
        case _:
            code, sentence = _connection(error)
    return SourceError(code, f"{where} {sentence}")


def _connection(error: Exception) -> tuple[str, str]:
    match error:
        case (
            aiohttp.ClientConnectorCertificateError()
            | aiohttp.ClientConnectorSSLError()
            | aiohttp.ServerFingerprintMismatch()
        ):
            return "tls", "has no valid certificate or no safe connection. Its operator has to mend that."
        case aiohttp.ClientConnectorDNSError():
            return "dns", "names a server that is not known. Check the spelling; it is tried again later."
        case aiohttp.ClientConnectorError():
            return "refused", "could not be connected to. It is tried again later."
        case aiohttp.InvalidURL():
            return "bad-address", "is not an address."
        case zlib.error():
            return "bad-encoding", "sends an answer that can't be unpacked. It is tried again later."
        case _:
            return "broken-off", "broke off in the middle of its answer. It is tried again later."


def _refused(status: int, url: str) -> str:
    where = links.shown(url)
    match status:
        case 401 | 403:
            return f"{where} may not be read by us (HTTP {status}). Ask its publisher to let {PROGRAM} in."
        case 404:
            return f"{where} is not there (HTTP 404). It may have moved: give the site's address to `rondan feed add`."
        case 410:
            return f"{where} is gone for good (HTTP 410) and is not asked again. Remove it or give its new address."
        case 429:
            return f"{where} asks us to come less often (HTTP 429). It is asked again when it says so."
        case _ if status >= 500:
            return f"{where} has trouble of its own (HTTP {status}). It is tried again later."
        case _:
            return f"{where} answers with HTTP {status}. Look at it in a browser."


def _seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds from `now` to what `Retry-After` or `Expires` says: a number or a date. Never negative."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value[:12])
    moment = _date(value)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds()) if moment else None


def _date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _freshness(headers: Mapping[str, str]) -> float | None:
    if "Cache-Control" not in headers and "Expires" not in headers:
        return None
    control = [part.strip().lower() for part in headers.get("Cache-Control", "").split(",")]
    if "no-cache" in control or "no-store" in control:
        return None
    for part in control:
        name, _, value = part.partition("=")
        if name == "max-age" and value.strip('"').isdecimal():
            return float(value.strip('"')[:12])
    return _seconds(headers.get("Expires"), _date(headers.get("Date")))
