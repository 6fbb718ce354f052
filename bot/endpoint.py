"""One question to an OpenAI-compatible server, in a process apart (`bot.child`): what speaks to models takes seconds to
import and 100 MB, and what a server sends is read where it can do no harm.

An answer is `{"is": {"text": …, "tokens": …}}`, tokens 0 if the server does not count, or `{"is": {"failed": KIND,
"status": …}}`. Never what an error says: it may quote what was asked.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
from openai import AsyncOpenAI
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from typing_extensions import override

HUGE = 256 * 1024  # bytes of a response; a sound one has a fiftieth
_MEMORY = 1 << 30  # bytes of data


def begin() -> None:
    """Before the first question."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))


def answer(_head: dict[str, Any], body: bytes) -> bytes:
    """The data of a question are the arguments of `complete`."""
    try:
        found = asyncio.run(complete(**json.loads(body)))
    except Exception as error:  # noqa: BLE001 - whatever the server did; who asked is told its kind
        found = {"failed": type(error).__name__, "status": getattr(error, "status_code", None)}
    return json.dumps({"is": found}, ensure_ascii=False).encode()


async def complete(
    *, url: str, name: str, key: str | None, instructions: str, data: str, most: int, limit: float
) -> dict[str, Any]:
    """Ask once, for at most `most` tokens within `limit` seconds."""
    # Straight to the address that is set: no redirect, no proxy of the environment, no second attempt.
    async with asyncio.timeout(limit), httpx2.AsyncClient(
        transport=_Bounded(), timeout=limit, follow_redirects=False, trust_env=False,
        headers={"Accept-Encoding": "identity"},
    ) as client:  # fmt: skip
        openai = AsyncOpenAI(base_url=url, api_key=key or "none", max_retries=0, http_client=client)
        # OpenAI's own servers know the newer name of the limit alone, the others the older one at least.
        theirs = (urlsplit(url).hostname or "").endswith(("openai.com", "azure.com"))
        profile = None if theirs else OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)
        response = await model_request(
            OpenAIChatModel(name, provider=OpenAIProvider(openai_client=openai), profile=profile),
            [ModelRequest.user_text_prompt(data, instructions=instructions)],
            model_settings={"max_tokens": most, "temperature": 0},
        )
    text = (response.text or "").strip()
    return {"text": text, "tokens": response.usage.total_tokens} if text else {"failed": "empty", "status": None}


class _Bounded(httpx2.AsyncHTTPTransport):
    """Reads no more of a response than a sound one has. It was asked for uncompressed, and is not blown up if it is."""

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        response.headers.pop("content-encoding", None)
        response.stream = _Cut(response.stream)
        return response


class _Cut(httpx2.AsyncByteStream):
    """A body that ends with an error when it is huge."""

    def __init__(self, body: Any) -> None:
        self._body = body

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._body:
            size += len(part)
            if size > HUGE:
                raise httpx2.ReadError("the answer is huge")
            yield part

    @override
    async def aclose(self) -> None:
        await self._body.aclose()
