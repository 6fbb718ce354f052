"""Who may talk to the playground, and how: hosts, origins, tokens, cookies, pace. Checked before any handler runs.

The page itself holds nothing secret and is open to whoever reaches the port; everything under `/api/` is not.
A write must carry the `Origin` of the page (a script of your own sets that header too) and a JSON body.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from bot.platforms.roomchat import Declined
from core.attached import MOST
from core.errors import Refusal, RondanError

BODY_LIMIT = 64 * 1024  # bytes
FORM_LIMIT = 2 * MOST  # of a form: a file comes as text in it
BURST, PER_SECOND = 40.0, 10.0  # writes of one person
YEAR = 365 * 24 * 3600

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Denied(Exception):
    """A request that is not served; becomes `{"code", "sentence"}` with an HTTP status."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code


class Guard:
    """`bind` tells it the real address before the first request."""

    def __init__(self, token: str | None, allowed_hosts: Iterable[str]) -> None:
        self._token = token
        self._allowed = frozenset(allowed_hosts)
        self._hosts: frozenset[str] = frozenset()
        self._key = b""
        self._port = 0
        self._pace: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def bind(self, host: str, port: int, secret: str) -> None:
        names = {host, "localhost", "127.0.0.1", "[::1]"}
        self._hosts = frozenset(f"{name}:{port}" for name in names) | self._allowed
        self._key = bytes.fromhex(secret)
        self._port = port  # browsers share cookies between ports, so their names carry it

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.host.lower() not in self._hosts:
                raise Denied(421, "host", f"This playground does not answer to the name {request.host!r}.")
            if request.path.startswith("/api/"):
                self._check_api(request)
            return await handler(request)
        except Denied as error:
            return refusal(error.status, error.code, str(error))
        except Declined as error:
            return refusal(409, error.code, str(error))
        except Refusal as error:
            return refusal(409, "declined", str(error))
        except RondanError as error:
            return refusal(503, "not-kept", str(error))
        except web.HTTPException as error:
            code = {404: "not-found", 405: "not-found", 413: "too-big"}.get(error.status, "failed")
            return refusal(error.status, code, error.reason)

    def _check_api(self, request: web.Request) -> None:
        origin = request.headers.get("Origin")
        writes = request.method not in ("GET", "HEAD")
        if (origin is not None or writes) and not self._ours(origin or ""):
            raise Denied(403, "origin", "Only the playground's own page may do this.")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise Denied(403, "origin", "Only the playground's own page may read this.")
        if writes and request.content_type != "application/json":
            raise Denied(415, "json", "The body must be application/json.")
        if request.path != "/api/token" and not self._has_token(request):
            raise Denied(401, "token", "This playground needs its token.")
        if writes:
            self._slow_down(self.person(request) or request.remote or "")

    def _ours(self, origin: str) -> bool:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() in self._hosts

    # --- the token ---

    def _has_token(self, request: web.Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return self._is_token(given if scheme.lower() == "bearer" else request.cookies.get(self._name("token"), ""))

    def _is_token(self, given: str) -> bool:
        return self._token is None or hmac.compare_digest(given.encode(), self._token.encode())

    def take_token(self, given: str, response: web.StreamResponse) -> bool:
        """Remembers a right token in the browser. False for a wrong one."""
        if self._token is not None and self._is_token(given):
            self._set(response, "token", given)
        return self._is_token(given)

    # --- the person ---

    def person(self, request: web.Request) -> str | None:
        """The person whose cookie came along, None when there is none or it was not made here."""
        who, _, mark = request.cookies.get(self._name("person"), "").partition(".")
        return who if who and hmac.compare_digest(mark.encode(), self._sign(who).encode()) else None

    def new_person(self, response: web.StreamResponse) -> str:
        who = secrets.token_hex(8)
        self._set(response, "person", f"{who}.{self._sign(who)}")
        return who

    def _sign(self, who: str) -> str:
        return hmac.new(self._key, who.encode(), hashlib.sha256).hexdigest()

    def _name(self, what: str) -> str:
        return f"rondan_{what}_{self._port}"

    def _set(self, response: web.StreamResponse, what: str, value: str) -> None:
        response.set_cookie(self._name(what), value, max_age=YEAR, httponly=True, samesite="Strict", path="/")

    # --- the pace ---

    def _slow_down(self, who: str) -> None:
        """A bucket of `BURST` writes a person, refilled with `PER_SECOND`."""
        now = time.monotonic()
        left, since = self._pace.pop(who, (BURST, now))
        left = min(BURST, left + (now - since) * PER_SECOND)
        self._pace[who] = (max(0.0, left - 1), now)
        if len(self._pace) > 10_000:
            self._pace.popitem(last=False)
        if left < 1:
            raise Denied(429, "slow", "Too many at once: wait a moment.")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set on whatever leaves, streams included."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store" if request.path.startswith("/api/") else "no-cache")


def refusal(status: int, code: str, sentence: str) -> web.Response:
    return web.json_response({"code": code, "sentence": sentence}, status=status)


async def take_form(request: web.Request, **kinds: type) -> dict[str, Any]:
    """As `take`, for the one route that takes files."""
    return await take(request.clone(client_max_size=FORM_LIMIT), **kinds)


async def take(request: web.BaseRequest, **kinds: type) -> dict[str, Any]:
    """The JSON object of a request with exactly these members, in this order of types; a missing one is None."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not all(
        name in kinds and (value is None or isinstance(value, kinds[name])) for name, value in body.items()
    ):
        raise Denied(400, "body", f"The body must be an object of {', '.join(kinds)}.")
    return {name: body.get(name) for name in kinds}
