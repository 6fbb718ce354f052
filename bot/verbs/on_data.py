"""Verbs on everything at once: copies of it, and what goes in and out as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import backup as backup_
from bot import owner
from bot.verbs.registry import Args, verb

if TYPE_CHECKING:
    from bot.house import House


@verb("backup")
async def backup(house: House, args: Args, progress: owner.Progress) -> dict[str, Any]:
    """A checked copy of the database as it is now."""
    backup_.refuse_server(house.settings)
    assert house.backups is not None
    copy = await house.backups.make(Path(args["to"]) if args.get("to") else None)
    return {"path": str(copy.path), "bytes": copy.size, "rows": sum(copy.rows.values()), "tables": copy.rows}
