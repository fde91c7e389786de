"""Types of BigQuery and of DuckDB, and the one in terms of the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from emulator.apis.bigquery.schema import Field

DUCK = {
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "NUMERIC": "DECIMAL(38,9)",
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "DATE": "DATE",
    "DATETIME": "TIMESTAMP",
    "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMPTZ",
    "JSON": "JSON",
}
BACK = {
    "boolean": "BOOLEAN",
    "varchar": "STRING",
    "blob": "BYTES",
    "date": "DATE",
    "timestamp": "DATETIME",
    "timestamp_s": "DATETIME",
    "timestamp_ms": "DATETIME",
    "timestamp_ns": "DATETIME",
    "timestamp with time zone": "TIMESTAMP",
    "time": "TIME",
    "float": "FLOAT",
    "double": "FLOAT",
    "decimal": "NUMERIC",
    "uuid": "STRING",
    "enum": "STRING",
    "null": "INTEGER",
} | dict.fromkeys(
    (f"{sign}{size}" for sign in ("", "u") for size in ("tinyint", "smallint", "integer", "bigint", "hugeint")),
    "INTEGER",
)
"""The `id` of a type of DuckDB's -> ours. An untyped NULL is an INT64 in GoogleSQL."""


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it."""
    return "'" + text.replace("'", "''") + "'"


def duck(field: Field) -> str:
    """The type of a column in DuckDB."""
    one = DUCK[field.kind] if field.kind != "RECORD" else struct(field.fields)
    return f"{one}[]" if field.mode == "REPEATED" else one


def struct(fields: Iterable[Field]) -> str:
    """The type of a record with these fields."""
    return f"STRUCT({', '.join(f'{quoted(each.name)} {duck(each)}' for each in fields)})"


def columns(fields: Iterable[Field]) -> str:
    """Columns as a `CREATE TABLE` lists them."""
    return ", ".join(
        f"{quoted(each.name)} {duck(each)}{' NOT NULL' if each.mode == 'REQUIRED' else ''}" for each in fields
    )


def names(fields: Iterable[Field]) -> str:
    """The names of columns, as a list in SQL."""
    return ", ".join(quoted(each.name) for each in fields)


def field_of(name: str, found: Any) -> Field | None:
    """The column of a type of DuckDB's (`DuckDBPyType`); None: BigQuery has no such type."""
    if found.id in ("list", "array"):
        inner = field_of(name, found.children[0][1])
        return None if inner is None or inner.mode == "REPEATED" else Field(name, inner.kind, "REPEATED", inner.fields)
    if found.id == "struct":
        fields = [field_of(key, each) for key, each in found.children]
        return None if None in fields else Field(name, "RECORD", "NULLABLE", tuple(each for each in fields if each))
    if str(found) == "JSON":
        return Field(name, "JSON")
    kind = BACK.get(found.id)
    return None if kind is None else Field(name, kind)
