"""An OpenAI-compatible server on loopback that answers as it is told to, and misbehaves as it is told to."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any, Literal, Self

from aiohttp import web

Trouble = Literal["", "drop", "cut", "endless", "drip", "huge", "bomb", "hang", "garbage", "shape", "redirect"]


class ModelServer:
    """`async with ModelServer() as server: server.answer = …; server.url`.

    `answer` is the text of an answer, or makes it of the sources that were sent; `asked` keeps the bodies of requests,
    `headers` their headers. `status` other than 200 is answered with an error that quotes the request, as some servers
    do. `reached` is set by the first request. Trouble: `drop` hangs up, `cut` in the middle of the body, `endless`
    never stops sending, `drip` sends a byte every 50 ms, `huge` sends ten megabytes, `bomb` the same as ten kilobytes
    of gzip, `hang` never answers, `garbage` is no JSON, `shape` is JSON of another shape, `redirect` leads to
    another path.
    """

    def __init__(self) -> None:
        self.answer: str | Callable[[dict[str, Any]], str] | None = ""
        self.status = 200
        self.trouble: Trouble = ""
        self.usage: dict[str, int] | None = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        self.delay = 0.0
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.redirected = 0
        self.reached = asyncio.Event()
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._serve)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    def sources(self, at: int = -1) -> dict[str, Any]:
        """The sources of a request, by number."""
        found: dict[str, Any] = json.loads(self.asked[at]["messages"][-1]["content"])
        return found

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.redirected += 1
        return web.json_response({})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        self.reached.set()
        await asyncio.sleep(3600 if self.trouble == "hang" else self.delay)
        if self.status != 200:
            return web.json_response({"error": {"message": json.dumps(body)}}, status=self.status)
        match self.trouble:
            case "garbage":
                return web.Response(body=b"<html>\xff\x00 no JSON", content_type="application/json")
            case "shape":
                return web.json_response([{"choices": {"message": 3}}])
            case "redirect":
                return web.Response(status=307, headers={"Location": "/elsewhere"})
            case "":
                return web.json_response(self._completion(body))
            case _:
                return await self._misbehave(request, json.dumps(self._completion(body)).encode())

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.answer(self.sources()) if callable(self.answer) else self.answer
        return {
            "id": "c1", "object": "chat.completion", "created": 1_795_000_000, "model": body["model"],
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
            ],
            **({"usage": self.usage} if self.usage else {}),
        }  # fmt: skip

    async def _misbehave(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if self.trouble == "drop":
            if request.transport:
                request.transport.abort()
            return web.Response()
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        if self.trouble == "cut":
            answer.content_length = len(body)
            body = body[:-9]
        if self.trouble == "bomb":
            answer.headers["Content-Encoding"] = "gzip"
            body = gzip.compress(b" " * 10_000_000 + body)
        if self.trouble == "huge":
            body = b" " * 10_000_000 + body
        try:
            await answer.prepare(request)
            if self.trouble == "endless":
                while True:
                    await answer.write(b" " * 1000)
                    await asyncio.sleep(0.01)
            elif self.trouble == "drip":
                for at in range(len(body)):
                    await answer.write(body[at : at + 1])
                    await asyncio.sleep(0.05)
            else:
                await answer.write(body)
                if self.trouble == "cut" and request.transport:
                    request.transport.close()
        except ConnectionError:
            pass  # the client had enough
        return answer
