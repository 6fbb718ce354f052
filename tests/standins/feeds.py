"""A web server on loopback that serves feeds and misbehaves as told, path by path."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, Self

from aiohttp import web
from multidict import CIMultiDict


@dataclass(slots=True, kw_only=True)
class Page:
    """What stands at a path and how it is served. Change it between requests as a publisher would."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = None  # answered with 304 when it comes back
    modified: str | None = None  # the same for Last-Modified
    packed: bool = False  # gzip
    delay: float = 0  # seconds before the answer
    trouble: Literal["", "drop", "cut", "endless", "drip"] = ""


class FeedServer:
    """`async with FeedServer() as server: server.put("/feed", body=…); server.url("/feed")`.

    `hits` counts requests by path, `asked` keeps the headers of each. Trouble: `drop` hangs up without an answer, `cut`
    in the middle of the body, `endless` never stops sending, `drip` sends a byte every 50 ms.
    """

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.hits: Counter[str] = Counter()
        self.asked: dict[str, list[CIMultiDict[str]]] = {}
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def put(self, path: str, body: bytes | str = b"", content_type: str = "application/xml", **how: object) -> Page:
        """Serve a body at a path; `how` are fields of `Page`. Text is sent as UTF-8."""
        page = Page(body=body.encode() if isinstance(body, str) else body, **how)  # type: ignore[arg-type]
        if content_type:
            page.headers.setdefault("Content-Type", content_type)
        self.pages[path] = page
        return page

    def redirect(self, path: str, target: str, status: int = 302) -> None:
        self.put(path, status=status, content_type="", headers={"Location": target})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.hits[request.path] += 1
        self.asked.setdefault(request.path, []).append(CIMultiDict(request.headers))
        page = self.pages.get(request.path)
        if page is None:
            return web.Response(status=404)
        if page.delay:
            await asyncio.sleep(page.delay)
        if page.trouble:
            return await self._misbehave(request, page)
        headers = CIMultiDict(page.headers)
        if page.etag:
            headers["ETag"] = page.etag
        if page.modified:
            headers["Last-Modified"] = page.modified
        if page.etag and request.headers.get("If-None-Match") == page.etag:
            return web.Response(status=304, headers=headers)
        if page.modified and request.headers.get("If-Modified-Since") == page.modified:
            return web.Response(status=304, headers=headers)
        body = page.body
        if page.packed:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        return web.Response(status=page.status, headers=headers, body=body)

    async def _misbehave(self, request: web.Request, page: Page) -> web.StreamResponse:
        if page.trouble == "drop":
            if request.transport:
                request.transport.abort()
            return web.Response()
        answer = web.StreamResponse(status=page.status, headers=page.headers)
        if page.trouble == "cut":
            answer.content_length = len(page.body) + 100
        try:
            await answer.prepare(request)
            if page.trouble == "cut":
                await answer.write(page.body)
                if request.transport:
                    request.transport.close()
            elif page.trouble == "endless":
                while True:
                    await answer.write(b"<item>" * 10_000)
            else:
                for at in range(len(page.body)):
                    await answer.write(page.body[at : at + 1])
                    await asyncio.sleep(0.05)
        except ConnectionError:
            pass  # the client had enough
        return answer
