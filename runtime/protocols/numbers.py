"""Rows of numbers out of JSON: the quick way, for bodies in which nothing is wrong.

Two readers, chosen by size, that accept the same bodies: msgspec checks types, widths and ranges while it makes Python
numbers, which is least for a few rows; simdjson writes all numbers into one buffer, which is least for many, and what
it does not check is checked here. Neither explains anything: a body they do not take is read again, value by value,
by the schema, which names row and feature. Where simdjson is not installed, msgspec reads all. See docs/decisions/ 032
and 034.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.data.features import Schema
    from runtime.data.tensors import Array, RowList

try:
    import simdjson
except ImportError:  # no wheel for this Python yet, or nobody wanted it: msgspec reads every body
    simdjson = None  # type: ignore[assignment]  # the name of a module stands for its absence

# Bytes from which simdjson and its checks cost less than Python numbers: eight rows of thirty.
MANY = 2048
# A parser keeps memory for the largest body it has read; larger ones than this get a parser of their own.
KEPT = 1 << 20


class Numbers:
    """Reads `{"instances": [[…], …]}` where every feature is a number.

    Args:
        schema: Width and ranges.
        dtype: What the model takes, a type of floats.
    """

    def __init__(self, schema: Schema, dtype: np.dtype[Any]) -> None:
        self._few = _decoder(schema.bounds)
        self._many = None if simdjson is None else _Buffer(schema.bounds, dtype)

    def read(self, body: bytes) -> RowList | Array | None:
        """Give the rows; None for a body that must be looked at value by value."""
        table = self._many.read(body) if self._many is not None and len(body) >= MANY else None
        if table is not None:
            return table
        try:
            rows: RowList = self._few(body).instances
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return rows


def _decoder(ranges: list[tuple[float, float]]) -> Callable[[bytes], Any]:
    """Make a decoder that refuses text, booleans and null where a number belongs, other widths, and other ranges."""
    row: Any = tuple.__class_getitem__(tuple(Annotated[float, msgspec.Meta(ge=low, le=high)] for low, high in ranges))
    fields: list[Any] = [("instances", list[row]), *_OTHER_FIELDS]
    return msgspec.json.Decoder(msgspec.defstruct("Rows", fields, forbid_unknown_fields=True)).decode


_OTHER_FIELDS: list[Any] = [("parameters", dict[str, Any] | None, None), ("signature_name", str | None, None)]


class _Buffer:
    """The reader for many rows. `as_buffer` flattens whatever is nested, so the shape is proved beside it."""

    def __init__(self, ranges: list[tuple[float, float]], dtype: np.dtype[Any]) -> None:
        self._width = len(ranges)
        self._dtype = dtype
        self._low, self._high = np.array(ranges).T.copy()
        self._same = ranges[0] if len(set(ranges)) == 1 else None
        self._parser = simdjson.Parser()

    def read(self, body: bytes) -> Array | None:
        """Give a table of the model's type; None unless the body is certainly right."""
        if not body.startswith(b"{"):  # simdjson reads on behind a byte order mark
            return None
        parser = self._parser if len(body) <= KEPT else simdjson.Parser()
        try:
            return self._table(parser, body)
        except (ValueError, TypeError, KeyError, RuntimeError):  # all that simdjson raises for a body
            self._parser = simdjson.Parser()  # a failed one may still be held by what it had read
            return None

    def _table(self, parser: simdjson.Parser, body: bytes) -> Array | None:
        document: Any = parser.parse(body)
        if len(document) != 1:
            return None
        instances = document["instances"]
        values: Array = np.frombuffer(instances.as_buffer(of_type="d"))
        # Each row has the width, there are as many numbers as that makes, and nothing is nested in a row: so every
        # number is where it seems to be. Text may hold brackets, but where all values are numbers there is none.
        if set(map(len, instances)) != {self._width} or values.size != len(instances) * self._width:
            return None
        if body.count(b"[") != len(instances) + 1:
            return None
        table = values.reshape(-1, self._width)
        return table.astype(self._dtype) if self._within(values, table) else None

    def _within(self, values: Array, table: Array) -> bool:
        if self._same:  # two passes over all numbers cost less than three over rows and columns
            low, high = self._same
            return bool(values.max() <= high and values.min() >= low)
        return bool(((table >= self._low) & (table <= self._high)).all())
