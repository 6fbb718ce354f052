"""What other programs ask of a database: each verb runs in the process that owns it, here or across the socket.

A verb takes JSON-ready arguments and gives a JSON-ready result, so that both ways are the same to the command line.
"""

from bot.verbs import on_data, on_feeds, on_pieces, on_places, on_the_whole  # noqa: F401 - they register
from bot.verbs.registry import VERBS, bound

__all__ = ["VERBS", "bound"]
