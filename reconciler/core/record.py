"""Make records of plain data again: a saved plan holds plain data, clients take records."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from reconciler.core.reference import Ref, is_plain_ref

R = TypeVar("R")


def revive(record: type[R], data: Mapping[str, Any]) -> R:
    """Turn what `diff.plain` gave into the record it came from.

    Args:
        record: The dataclass.
        data: Plain data with a value for every field that has no default: what came later than the data has one.

    Raises:
        KeyError: A field is missing, or one of no record: another version of this program wrote the data.
    """
    hints = get_type_hints(record)
    unknown = sorted(set(data) - {f.name for f in fields(record)})  # type: ignore[arg-type]  # records are dataclasses
    if unknown:
        raise KeyError(unknown[0])
    every = fields(record)  # type: ignore[arg-type]  # as above
    given = [f.name for f in every if f.name in data or (f.default is MISSING and f.default_factory is MISSING)]
    return record(**{name: _value(hints[name], data[name]) for name in given})


def _value(hint: Any, value: Any) -> Any:
    if get_origin(hint) in {Union, types.UnionType}:
        return _one_of(get_args(hint), value)
    if isinstance(hint, type) and is_dataclass(hint):
        return revive(hint, value)
    origin = get_origin(hint)
    if origin is tuple:
        return tuple(_value(get_args(hint)[0], item) for item in value)
    if origin is frozenset:
        return frozenset(_value(get_args(hint)[0], item) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _value(get_args(hint)[1], item) for key, item in value.items()}
    return value


def _one_of(hints: tuple[Any, ...], value: Any) -> Any:
    if Ref in hints and is_plain_ref(value):
        return Ref.of_plain(value)
    rest = [hint for hint in hints if hint not in {type(None), Ref}]
    return None if value is None else _value(rest[0], value)
