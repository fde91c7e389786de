"""The columns of a Parquet file, from the first part of its footer. Pure, and bounded by the bytes that it is given.

A library that reads Parquet brings 40 MB, and wants the file. What is read here is the schema alone, which stands
before all else in the footer: Thrift's compact protocol, of which no more is written out than that takes.

Source:
    apache/parquet-format `parquet.thrift` (`FileMetaData`, `SchemaElement`, `Type`, `ConvertedType`, `LogicalType`);
    apache/thrift `thrift-compact-protocol.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TAIL_BYTES = 8
"""A file ends with the length of its footer and the magic number."""
MAGIC = b"PAR1"
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_LONGEST_LIST = 15
_DEEPEST = 16
_MOST_VARINT = 10
_SCHEMA, _ROWS = 2, 3
_TYPE, _REPETITION, _NAME, _CHILDREN, _CONVERTED, _LOGICAL = 1, 3, 4, 5, 6, 10
_REPEATED = 2
_PHYSICAL = {0: "BOOL", 1: "INT64", 2: "INT64", 3: "TIMESTAMP", 4: "FLOAT64", 5: "FLOAT64", 6: "BYTES", 7: "BYTES"}
_BY_CONVERTED = {0: "STRING", 4: "STRING", 5: "NUMERIC", 6: "DATE", 7: "TIME", 8: "TIME", 9: "TIMESTAMP",
                 10: "TIMESTAMP", 19: "JSON"}  # fmt: skip
_BY_LOGICAL = {1: "STRING", 4: "STRING", 5: "NUMERIC", 6: "DATE", 7: "TIME", 8: "TIMESTAMP", 12: "JSON", 15: "FLOAT64"}
_LISTS = frozenset({1, 2, 3})
"""Maps and lists, in converted and in logical types."""
SEVERAL = "lists"
"""A column of lists or maps, which is loaded as records: no column that anything is compared by."""


class UnreadableError(ValueError):
    """It is no footer, or one that is cut off before its schema ends."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What a footer says.

    Args:
        columns: Type of each column as BigQuery loads it; `SEVERAL` for lists and maps.
        rows: How many there are.
    """

    columns: Mapping[str, str]
    rows: int


def footer_length(tail: bytes) -> int | None:
    """Give how long the footer is, by the last bytes of a file; None where it is no Parquet file."""
    if len(tail) < TAIL_BYTES or not tail.endswith(MAGIC):
        return None
    return int.from_bytes(tail[-TAIL_BYTES:-4], "little")


def read_footer(footer: bytes) -> Footer:
    """Read a footer, of which the end may be missing.

    Raises:
        UnreadableError: It is none.
    """
    reader = _Reader(footer)
    found: dict[int, Any] = {}
    for number, value in reader.fields(0):
        found[number] = value
        if _SCHEMA in found and _ROWS in found:
            break
    schema, rows = found.get(_SCHEMA), found.get(_ROWS)
    if not isinstance(schema, list) or not isinstance(rows, int) or not all(isinstance(each, dict) for each in schema):
        raise UnreadableError("it has no schema")
    return Footer(dict(_columns(schema)), rows)


def _columns(schema: list[dict[int, Any]]) -> Iterator[tuple[str, str]]:
    """Give the elements that stand directly below the first one; those of a group follow it."""
    at = 1
    while at < len(schema):
        element = schema[at]
        yield _name(element), _type(element)
        at = _after(schema, at)


def _after(schema: list[dict[int, Any]], at: int) -> int:
    """Give where the element behind one stands, and all that is in it."""
    left = 1
    while left and at < len(schema):
        left += max(0, _whole(schema[at], _CHILDREN)) - 1
        at += 1
    return at


def _name(element: Mapping[int, Any]) -> str:
    name = element.get(_NAME)
    return name.decode(errors="replace") if isinstance(name, bytes) else ""


def _whole(element: Mapping[int, Any], number: int) -> int:
    value = element.get(number)
    return value if isinstance(value, int) else 0


def _type(element: Mapping[int, Any]) -> str:
    logical = next(iter(element[_LOGICAL]), None) if isinstance(element.get(_LOGICAL), dict) else None
    # 0 is a type, so what is no number counts as one that there is not.
    converted = element[_CONVERTED] if isinstance(element.get(_CONVERTED), int) else -1
    if element.get(_REPETITION) == _REPEATED:
        return SEVERAL
    if _whole(element, _CHILDREN):
        return SEVERAL if converted in _LISTS or (logical in {2, 3}) else "STRUCT"
    plain = _PHYSICAL.get(_whole(element, _TYPE), "")
    return _BY_LOGICAL.get(logical or 0) or _BY_CONVERTED.get(converted) or plain


class _Reader:
    """Thrift's compact protocol, from the beginning of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def fields(self, depth: int) -> Iterator[tuple[int, Any]]:
        """Give the fields of a struct by their numbers."""
        number = 0
        while (head := self._byte()) & 0x0F:
            number = number + (head >> 4) if head >> 4 else self._signed()
            yield number, self._value(head & 0x0F, depth)

    def _value(self, kind: int, depth: int, *, within: bool = False) -> Any:
        if depth > _DEEPEST:
            raise UnreadableError("it is too deep")
        if kind in {_TRUE, _FALSE}:
            return self._byte() == _TRUE if within else kind == _TRUE
        plain = {_BYTE: self._byte, _I16: self._signed, _I32: self._signed, _I64: self._signed, _BINARY: self._binary}
        if kind in plain:
            return plain[kind]()
        return self._take(8) if kind == _DOUBLE else self._several(kind, depth)

    def _several(self, kind: int, depth: int) -> Any:
        if kind == _STRUCT:
            return dict(self.fields(depth + 1))
        return self._list(depth) if kind in {_LIST, _SET} else self._map(kind, depth)

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size = self._varint() if head >> 4 == _LONGEST_LIST else head >> 4
        return [self._value(head & 0x0F, depth + 1, within=True) for _ in range(self._bounded(size))]

    def _map(self, kind: int, depth: int) -> dict[str, Any]:
        if kind != _MAP:
            raise UnreadableError("it has a value of no type")
        if size := self._bounded(self._varint()):
            kinds = self._byte()
            for _ in range(size):
                self._value(kinds >> 4, depth + 1, within=True)
                self._value(kinds & 0x0F, depth + 1, within=True)
        return {}

    def _bounded(self, size: int) -> int:
        """Refuse a collection that is larger than the bytes that are left: each element takes one at least."""
        if size > len(self._data) - self._at:
            raise UnreadableError("it is cut off")
        return size

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + self._bounded(count)]
        self._at += count
        return found

    def _binary(self) -> bytes:
        return self._take(self._varint())

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = 0
        for index in range(_MOST_VARINT):
            byte = self._byte()
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:  # noqa: PLR2004 - the last one has no eighth bit
                return value
        raise UnreadableError("a number is too long")
