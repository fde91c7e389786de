"""The columns of a file that nobody described, from its first lines.

Source: cloud.google.com/bigquery/docs/schema-detect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from emulator.apis.bigquery import cells
from emulator.apis.bigquery.schema import Field

LOOKED_AT = 500
WHOLE, REAL = re.compile(r"[+-]?\d{1,19}"), re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
MOMENT = re.compile(r"\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?")
TIME = re.compile(r"\d{1,2}:\d{2}:\d{2}(\.\d+)?")
PATTERNS = (("INTEGER", WHOLE), ("FLOAT", REAL), ("DATE", DATE), ("TIMESTAMP", MOMENT), ("TIME", TIME))


def kind_of(text: str) -> str:
    """The type of a cell."""
    bare = text.strip()
    if bare.lower() in ("true", "false"):
        return "BOOLEAN"
    return next((kind for kind, pattern in PATTERNS if pattern.fullmatch(bare)), "STRING")


def joined(kinds: Iterable[str]) -> str:
    """The type that cells of these types share."""
    found = set(kinds)
    if len(found) == 1:
        return found.pop()
    return "FLOAT" if found == {"INTEGER", "FLOAT"} else "STRING"


def named(text: str, index: int) -> str:
    """A heading as a column may be called."""
    name = re.sub(r"\W", "_", text.strip(), flags=re.ASCII)
    if not name:
        return f"string_field_{index}"
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def of_csv(lines: Iterable[list[str]]) -> tuple[tuple[Field, ...], bool]:
    """The columns of a CSV file, and whether its first line names them."""
    sample = list(islice(lines, LOOKED_AT))
    if not sample:
        return (), False
    first, rest = sample[0], sample[1:]
    width = max(map(len, sample))
    columns = [[line[index] for line in rest if index < len(line) and line[index]] for index in range(width)]
    kinds = [joined(map(kind_of, column)) if column else "STRING" for column in columns]
    headed = all(kind_of(cell) == "STRING" for cell in first) and (not rest or any(kind != "STRING" for kind in kinds))
    if headed:
        names = [named(first[index] if index < len(first) else "", index) for index in range(width)]
        return tuple(Field(name, kind) for name, kind in zip(names, kinds, strict=True)), True
    every = [
        joined(map(kind_of, [line[index] for line in sample if index < len(line) and line[index]] or ["x"]))
        for index in range(width)
    ]
    words = {"INTEGER": "int64", "FLOAT": "double", "BOOLEAN": "bool"}
    return tuple(
        Field(f"{words.get(kind, kind.lower())}_field_{index}", kind) for index, kind in enumerate(every)
    ), False


def of_json(rows: Iterable[dict[str, Any]]) -> tuple[Field, ...]:
    """The columns of a file of JSON lines."""
    return fields_of(list(islice(rows, LOOKED_AT)))


def fields_of(rows: Sequence[dict[str, Any]]) -> tuple[Field, ...]:
    """The fields of some objects, in the order in which they first come."""
    order: dict[str, list[Any]] = {}
    for row in rows:
        for key, value in row.items():
            order.setdefault(key, []).append(value)
    return tuple(field_of(named(key, 0), values) for key, values in order.items())


def field_of(name: str, values: Sequence[Any]) -> Field:
    """A field of the values that it has."""
    given = [each for each in values if each is not None]
    repeated = any(isinstance(each, list) for each in given)
    flat = [item for each in given for item in (each if isinstance(each, list) else [each])]
    mode = "REPEATED" if repeated else "NULLABLE"
    if flat and all(isinstance(each, dict) for each in flat):
        return Field(name, "RECORD", mode, fields_of(flat))
    return Field(name, joined(map(kind_of_value, flat)) if flat else "STRING", mode)


def kind_of_value(value: Any) -> str:
    """The type of a value of JSON; text is looked into."""
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "INTEGER" if -cells.INT64 <= value < cells.INT64 else "FLOAT"
    if isinstance(value, float):
        return "FLOAT"
    return kind_of(value) if isinstance(value, str) and value else "STRING"
