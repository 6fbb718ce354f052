"""How often things happened in this process, for `/metrics`: by kind only, never by person, channel or text."""

from __future__ import annotations

from collections import Counter

Labels = tuple[tuple[str, str], ...]
TALLY: Counter[tuple[str, Labels]] = Counter()
"""One for the process, as a process has one `/metrics`; it only grows."""


def count(name: str, **labels: str) -> None:
    """One more. Labels are words of ours (a platform, a command), else the list had no end; in the same order wherever
    a name is counted.
    """
    TALLY[name, tuple(labels.items())] += 1
