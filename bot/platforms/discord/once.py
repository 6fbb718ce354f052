"""What is made of a value once, for all who are given the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")
R = TypeVar("R")


class Once(Generic[V, R]):
    """`once(value)`: what `make` gives for this very value, of the last `most` that were asked about.

    An equal one is another one: to compare long messages takes longer than to write them.
    """

    def __init__(self, make: Callable[[V], R], most: int) -> None:
        self._make, self._most = make, most
        self._kept: OrderedDict[int, tuple[V, R]] = OrderedDict()  # with the value, so that no other gets its address

    def __call__(self, value: V) -> R:
        known = self._kept.get(id(value))
        if known is not None and known[0] is value:
            self._kept.move_to_end(id(value))
            return known[1]
        made = self._make(value)
        self._kept[id(value)] = value, made
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return made
