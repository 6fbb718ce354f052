"""What an interaction says of itself, whatever its kind: who, where, and what a view was told when it was opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def who(body: Body) -> str:
    return str(body.get("user_id") or (body.get("user") or {}).get("id") or "")


def team(body: Body) -> str:
    """The workspace, or enterprise, of who asks; "" if it does not say."""
    return str((body.get("user") or {}).get("team_id") or body.get("team_id") or "")


def channel(body: Body) -> str | None:
    """Where it was asked: of a view, where that was opened."""
    found = body.get("channel_id") or (body.get("channel") or {}).get("id") or known(body).get("channel")
    return str(found) if found else None


def known(body: Body) -> dict[str, Any]:
    """What a view knows of where it was opened."""
    try:
        found = json.loads((body.get("view") or {}).get("private_metadata") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def where(channel: str | None, anchor: str | None) -> str:
    """What a view must know of where it was opened; it is asked again what its person may do."""
    return json.dumps({"channel": channel, "anchor": anchor})
