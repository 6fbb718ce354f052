"""What a verb is, and the table of them that the command line and the socket read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from bot import owner

if TYPE_CHECKING:
    from bot.house import House

Args = Mapping[str, Any]
Verb = Callable[["House", Args, owner.Progress], Awaitable[Any]]
VERBS: dict[str, Verb] = {}


def verb(name: str) -> Callable[[Verb], Verb]:
    """Register a verb under the name that the socket uses."""

    def register(function: Verb) -> Verb:
        VERBS[name] = function
        return function

    return register


def bound(house: House, name: str) -> owner.Verb:
    """A verb of this house, in the form that the socket serves."""

    async def run(args: Args, progress: owner.Progress) -> Any:
        return await VERBS[name](house, args, progress)

    return run
