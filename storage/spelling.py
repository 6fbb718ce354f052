"""How PostgreSQL wants the statements that are written for SQLite, as far as that can be told from their text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_SPELLED = re.compile(
    r"(?P<literal>'(?:[^']|'')*')"
    r"|(?P<among>\b(?P<no>not )?in \((?P<marks>(?:\?(?:,\?)*)?)\))"
    r"|\?(?P<number>\d*)"
    r"|(?P<hint>\bcross (?=join\b)|(?<=[\s(])\+(?=[a-z]+\.))"
)


@lru_cache(maxsize=4096)
def told(sql: str) -> tuple[str, tuple[int, ...] | None]:
    """(the statement as PostgreSQL wants it, how its values are grouped: 0 for one as it is, n for n that are a list;
    None where all are as they are).

    `?` and `?3` are numbered; `in (?,?,?)`, whose text would be another for each number of values, is one list;
    SQLite's hints for its planner (`cross join`, `+column`) are left out.
    """
    groups: list[int] = []
    numbered = False

    def spell(match: re.Match[str]) -> str:
        nonlocal numbered
        if match["literal"] is not None:
            return match[0]
        if match["hint"] is not None:
            return ""
        if match["among"] is not None:
            groups.append(match["marks"].count("?") or -1)
            return f"<> all(${len(groups)})" if match["no"] else f"= any(${len(groups)})"
        if match["number"]:
            numbered = True
            return f"${match['number']}"
        groups.append(0)
        return f"${len(groups)}"

    text = _SPELLED.sub(spell, sql)
    if groups and numbered:
        raise ValueError(f"values with and without numbers: {sql}")
    return text, (tuple(groups) if any(groups) else None)


def clean(args: Sequence[Any]) -> Sequence[Any]:
    """PostgreSQL takes no NUL in a text."""
    if any(type(one) is str and "\0" in one for one in args):
        return [one.replace("\0", "") if isinstance(one, str) else one for one in args]
    return args


def grouped(args: Sequence[Any], groups: tuple[int, ...] | None) -> Sequence[Any]:
    if groups is None:
        return clean(args)
    values = iter(clean(args))
    return [next(values) if group == 0 else [next(values) for _ in range(max(group, 0))] for group in groups]


# --- one statement for many rows ---

ARRAYS = "{arrays}"
_VALUE = re.compile(r"\?(\d*)")
_COLUMNS = r"\s*\(([\w,\s]+)\)"
_INSERT = re.compile(
    rf"(?P<into>insert into \w+{_COLUMNS})\s*values\s*\((?:\?[,\s]*)+\)"
    rf"(?P<rest>\s*|\s*on conflict\s*(?:\([\w,\s]+\))?\s*do nothing|\s*on conflict{_COLUMNS}\s*do update\s[^?]*)",
    re.DOTALL,
)
_TERM = r"(?:\w+=\?\d*|\w+ is (?:not )?null)"
_UPDATE = re.compile(
    rf"(?P<set>update (?P<table>\w+)\s+set\s.*)\swhere\s+(?P<where>{_TERM}(?:\s+and\s+{_TERM})*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A statement that does for all rows what another does for each. `text` wants the arrays for ARRAYS; `key` are the
    values by which a row of the table is found: what finds one twice must be done one after the other.
    """

    text: str
    key: tuple[int, ...]

    def twice(self, rows: Sequence[Sequence[Any]]) -> bool:
        """Whether rows find the same row of the table."""
        return bool(self.key) and len({tuple(row[at] for at in self.key) for row in rows}) < len(rows)


@lru_cache(maxsize=1024)
def at_once(sql: str) -> AtOnce | None:
    """How a statement is done for many rows; None where that is not the same as row by row.

    An insert of values keeps its `on conflict`, which COPY would not. An update must find its rows by a column that it
    leaves as it is; what it reads beside them must be of other tables.
    """
    sql = sql.strip()
    if match := _INSERT.fullmatch(sql):
        columns, key = _names(match[2]), _names(match[4] or "")
        return AtOnce(f"{match['into']} select * from unnest({ARRAYS}) {match['rest']}", tuple(map(columns.index, key)))
    match = _UPDATE.fullmatch(sql)
    if match is None:
        return None
    count = 0

    def value(mark: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"given.c{mark[1] or count}"

    changed = _VALUE.sub(value, match["set"])
    where = _VALUE.sub(value, match["where"])
    written = re.findall(r"(\w+)=", changed.partition(" set ")[2])
    by = [int(number) - 1 for column, number in re.findall(r"(\w+)=given\.c(\d+)", where) if column not in written]
    if not by:
        return None
    last = max(int(number) for number in re.findall(r"given\.c(\d+)", changed + where))
    names = ", ".join(f"c{number}" for number in range(1, last + 1))
    where = re.sub(r"(\w+)(?==given|\s+is\s)", rf"{match['table']}.\1", where)
    return AtOnce(f"{changed} from unnest({ARRAYS}) as given({names}) where {where}", tuple(by))


def _names(columns: str) -> list[str]:
    return [one.strip() for one in columns.split(",") if one.strip()]
