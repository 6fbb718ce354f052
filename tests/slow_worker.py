"""A module for a process apart that does what tests want: answers, hangs, dies, says what it sees."""

from __future__ import annotations

import json
import os
import time
from typing import Any


def begin() -> None:
    """Nothing to prepare."""


def answer(asked: dict[str, Any], body: bytes) -> bytes:
    """What is asked for by name; the data come back as `is`."""
    data = json.loads(body)
    match asked["do"]:
        case "hang":
            time.sleep(60)
        case "die":
            os._exit(3)
        case "fail":
            return json.dumps({"error": "ValueError: no"}).encode()
        case "environment":
            data = sorted(os.environ)
        case "slow":
            time.sleep(data)
    return json.dumps({"is": data}).encode()
