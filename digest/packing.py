"""Dataclasses as JSON and back, by their types: how questions and answers cross to the thinking process, and are kept.

Times are ISO texts. What JSON lacks and a dataclass should get stays at the default of its field.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from core.pieces import Outline, outline_from_json, outline_to_json

T = TypeVar("T")


def pack(value: Any) -> Any:
    """JSON-ready data of a value."""
    if isinstance(value, Outline):
        return outline_to_json(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value):
        return {field.name: pack(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: pack(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [pack(one) for one in value]
    return value


def unpack(kind: type[T], data: Any) -> T:
    """The value of a type that packs to these data. KeyError, TypeError or ValueError if none does."""
    return cast("T", _unpack(kind, data))


def _unpack(kind: Any, data: Any) -> Any:
    origin = get_origin(kind)
    if kind is Outline:
        return outline_from_json(data)
    if kind is datetime:
        return datetime.fromisoformat(data)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return kind(**{name: _unpack(hint, data[name]) for name, hint in _fields(kind) if name in data})
    if origin in (Union, types.UnionType):  # `X | None`
        (inner,) = (one for one in get_args(kind) if one is not type(None))
        return None if data is None else _unpack(inner, data)
    if origin is tuple:
        parts = get_args(kind)
        inners = [parts[0]] * len(data) if parts[-1] is Ellipsis else parts
        return tuple(_unpack(inner, one) for inner, one in zip(inners, data, strict=True))
    if origin is list:
        return [_unpack(get_args(kind)[0], one) for one in data]
    if origin is dict:
        return {key: _unpack(get_args(kind)[1], one) for key, one in data.items()}
    bare = getattr(kind, "__supertype__", kind)  # of a NewType
    if origin is not Literal and not isinstance(data, (bare, int) if bare is float else bare):
        raise TypeError(f"{data!r} is no {bare.__name__}")
    return data


@cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(kind))
