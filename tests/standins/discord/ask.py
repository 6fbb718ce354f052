"""A request as the handlers of the routes see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.standins.discord.errors import Refusal
from tests.standins.discord.uploads import Files

if TYPE_CHECKING:
    from tests.standins.discord.server import Discord


@dataclass(slots=True, kw_only=True)
class Ask:
    """A request as handlers see it: what stands in the path where the template is open, query, JSON body, files."""

    route: str
    args: list[str]
    query: Mapping[str, str]
    body: Any
    files: Files = field(default_factory=dict)

    def snowflake(self, at: int) -> int:
        try:
            return int(self.args[at])
        except ValueError:
            raise Refusal(50035) from None

    def count(self, name: str, usual: int, most: int = 100) -> int:
        """A `limit`, from 1 to `most`."""
        try:
            value = int(self.query.get(name, usual))
        except ValueError:
            raise Refusal(50035) from None
        if not 1 <= value <= most:
            raise Refusal(50035)
        return value


Handler = Callable[["Discord", Ask], Awaitable[Any]]
"""Returns what is sent as JSON, None for 204; raises `Refusal`."""
