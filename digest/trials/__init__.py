"""Trials: what the digest's methods are worth on labelled data, beside a plain baseline. One module each.

A trial has `SETS`, the names of its data in the folder of labelled data, and `run(path)`, which gives JSON-ready rows
`{"eval", "file", "n", "ours", "baseline", "gain", …}`. Nothing of the data is kept.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from core.errors import Refusal

Row = dict[str, Any]


class Trial(Protocol):
    """What a module of this package has."""

    SETS: tuple[str, ...]

    def run(self, path: Path) -> Iterator[Row]:
        """The rows of one file or folder. Refusal if it is not what the trial reads."""
        ...


def names() -> list[str]:
    """The trials that there are."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__))


def trial(name: str) -> Trial:
    """A trial by its name."""
    if name not in names():
        raise Refusal(f"there is no evaluation {name}: choose one of {', '.join([*names(), 'all'])}")
    return cast("Trial", import_module(f"{__name__}.{name}"))


def run(name: str, path: Path) -> Iterator[Row]:
    """The rows of a trial on a file or folder, or of `all` trials on a folder with all their data.

    Of `all`, data that is not there gives a row that says so.
    """
    if name != "all":
        yield from _read(trial(name), path)
        return
    for each in names():
        for data in trial(each).SETS:
            if (path / data).exists():
                yield from _read(trial(each), path / data)
            else:
                yield {"eval": each, "file": data, "absent": f"no data at {path / data}"}


def _read(one: Trial, path: Path) -> Iterator[Row]:
    try:
        yield from one.run(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise Refusal(f"{path} can't be read: {reason}") from error


def json_lines(path: Path) -> Iterator[tuple[str, Row]]:
    """Each object of a JSONL file with its place (`file:line`). Refusal for a line that is none."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            where = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise Refusal(f"{where}: not JSON: {error.msg}") from error
            if not isinstance(row, dict):
                raise Refusal(f"{where}: not an object")
            yield where, row


def text_of(row: Row, where: str, *fields: str) -> str:
    """The text of the first of these fields that the row has; a list of texts is joined by line ends."""
    for field in fields:
        value = row.get(field)
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return "\n".join(value)
        if isinstance(value, str) and value.strip():
            return value
    raise Refusal(f"{where}: there is no text under {' or '.join(fields)}")
