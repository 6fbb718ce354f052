"""Who somebody is without saying who: accounts as keyed hashes, which nobody can turn back without the key."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

Whose = Callable[[str, str], str]
"""The keyed hash of an account: (platform, account)."""

HASHED = "~"
"""Begins an account that is only known by its hash."""


def whose(key: bytes) -> Whose:
    """Hashes of one installation: HMAC-SHA256, the first 32 hex digits. What is a hash already (`HASHED`) stays it."""
    start = hmac.new(key, digestmod=sha256)

    def hashed(platform: str, account: str) -> str:
        if account.startswith(HASHED):
            return account[len(HASHED) :]
        mac = start.copy()
        mac.update(f"{platform}\0{account}".encode())
        return mac.hexdigest()[:32]

    return hashed
