"""Slack's events by HTTP: signed requests at one address, whose signature is checked before anything else of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from core.errors import ConfigError

PATH = "/slack/events"
LARGEST = 2**20  # bytes of a request
CLOSES = 3.0  # seconds at the end for requests that are being answered
UNREADABLE = (ValueError, LookupError, AttributeError, RecursionError)
"""What Bolt's parser raises for what is no object of JSON, or in no known letters."""


async def serve(app: AsyncApp, secret: str, listen: tuple[str, int], ready: Callable[[str], None]) -> None:
    """Listen until cancelled; `ready` is told the address. ConfigError if it can't be had."""
    verifier = SignatureVerifier(secret)

    async def events(request: web.Request) -> web.Response:
        if not _is_signed(verifier, await request.read(), request.headers):
            return web.Response(status=401, text="this was not signed by Slack in the last five minutes")
        try:
            asked = await _asked(request)
        except UNREADABLE:
            return web.Response(status=400, text="this can't be read")
        return await to_aiohttp_response(await app.async_dispatch(asked))

    site = web.Application(client_max_size=LARGEST)
    site.add_routes([web.post(PATH, events)])
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=CLOSES)
    await runner.setup()
    try:
        host, port = listen
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            problem = f"Slack's events can't be heard at {host}:{port} ({error.strerror or error})"
            raise ConfigError(f"{problem}: set RONDAN_SLACK_LISTEN to another address") from error
        ready(f"http://{host}:{runner.addresses[0][1]}{PATH}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _is_signed(verifier: SignatureVerifier, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        return verifier.is_valid_request(body, dict(headers))
    except (ValueError, TypeError, ArithmeticError):  # a time that is no number; a body or signature that is no text
        return False


async def _asked(request: web.Request) -> AsyncBoltRequest:
    asked = await to_bolt_request(request)
    if not asked.body:
        # Bolt takes a form in which the word "payload" stands anywhere for one with that field, and finds nothing.
        asked.body = dict(parse_qsl(asked.raw_body, keep_blank_values=True))
    return asked
