"""The other transport: signed HTTP requests to the address of the bot."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp

from tests.standins.slack.basics import Raw
from tests.standins.slack.delivery import Attempt, Delivery, Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the bot listens: Slack has a field for each."""

    events: str
    interactivity: str
    commands: str
    options: str


def sign(secret: str, body: str, at: float | None = None) -> dict[str, str]:
    """The headers that prove that a request is Slack's."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


class Posting:
    """Sends what the bot is told as requests; an answer other than 2xx is a failure."""

    def __init__(self, outbox: Outbox, secret: str, to: Addresses) -> None:
        self.outbox, self.secret, self.to = outbox, secret, to
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))
        self.statuses: list[int] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def verify(self) -> None:
        """Slack's question when an address is entered; RuntimeError if the bot answers wrongly."""
        body = json.dumps({"type": "url_verification", "token": "legacy", "challenge": "3eZbrw1aB"})
        headers = {"Content-Type": "application/json", **sign(self.secret, body)}
        async with self.session.post(self.to.events, data=body.encode(), headers=headers) as answer:
            text = await answer.text()
        said = json.loads(text).get("challenge") if text.startswith("{") else text
        if answer.status != 200 or said != "3eZbrw1aB":
            raise RuntimeError(f"Your URL didn't respond with the value of the challenge: {answer.status} {text[:200]}")

    def send(self, delivery: Delivery, attempt: Attempt) -> None:
        task = asyncio.get_running_loop().create_task(self._post(delivery, attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _request(self, delivery: Delivery) -> tuple[str, str, str]:
        payload = delivery.payload
        if delivery.kind == "events_api":
            return self.to.events, json.dumps(payload, ensure_ascii=False), "application/json"
        form = "application/x-www-form-urlencoded"
        if delivery.kind == "slash_commands":
            return self.to.commands, urlencode(payload), form
        where = self.to.options if payload["type"] == "block_suggestion" else self.to.interactivity
        return where, urlencode({"payload": json.dumps(payload, ensure_ascii=False)}), form

    async def _post(self, delivery: Delivery, attempt: Attempt) -> None:
        url, body, kind = self._request(delivery)
        headers = {"Content-Type": kind, **sign(self.secret, body)}
        if attempt.number:
            headers |= {"X-Slack-Retry-Num": str(attempt.number), "X-Slack-Retry-Reason": attempt.reason}
        limit = aiohttp.ClientTimeout(total=self.outbox.patience)
        try:
            async with self.session.post(url, data=body.encode(), headers=headers, timeout=limit) as answer:
                text = await answer.text()
        except TimeoutError:
            attempt.end("http_timeout")
            return
        except aiohttp.ClientError:
            attempt.end("connection_failed")
            return
        self.statuses.append(answer.status)
        attempt.no_retry = answer.headers.get("x-slack-no-retry") == "1"
        if answer.status // 100 != 2:
            attempt.end("http_error")
            return
        said: Raw | None = None
        if text:
            said = json.loads(text) if answer.content_type == "application/json" else {"text": text}
        attempt.end(None, said)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.session.close()
