"""INFORMATION_SCHEMA: what there is in a dataset, as tables.

Source: cloud.google.com/bigquery/docs/information-schema-tables, -columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from emulator.apis.bigquery import access, errors, records
from emulator.apis.bigquery.schema import Field

if TYPE_CHECKING:
    from emulator.apis.bigquery.sql.context import Context

TABLES = {
    "table_catalog": "VARCHAR",
    "table_schema": "VARCHAR",
    "table_name": "VARCHAR",
    "table_type": "VARCHAR",
    "is_insertable_into": "VARCHAR",
    "creation_time": "TIMESTAMPTZ",
}
COLUMNS = {
    "table_catalog": "VARCHAR",
    "table_schema": "VARCHAR",
    "table_name": "VARCHAR",
    "column_name": "VARCHAR",
    "ordinal_position": "BIGINT",
    "is_nullable": "VARCHAR",
    "data_type": "VARCHAR",
    "is_partitioning_column": "VARCHAR",
    "clustering_ordinal_position": "BIGINT",
}
STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


def query(context: Context, name: str, dataset: str, project: str) -> exp.Select:
    """A view of INFORMATION_SCHEMA, as a query of what is there now.

    Raises:
        BigQueryError: No dataset is named, it is not there, or the emulator has no such view.
    """
    if name not in ("TABLES", "COLUMNS"):
        raise errors.unimplemented(f"INFORMATION_SCHEMA.{name}")
    ref = context.ref("INFORMATION_SCHEMA", dataset, project)
    access.require(context.world, context.caller, "bigquery.tables.list", ref.project, ref.dataset)
    records.find_dataset(context.world, ref.project, ref.dataset)
    tables = records.tables(context.world, ref.project, ref.dataset)
    if name == "TABLES":
        return selected(TABLES, [table_row(each) for each in tables])
    return selected(COLUMNS, [row for each in tables for row in column_rows(each)])


def table_row(table: records.Table) -> list[Any]:
    """A table in TABLES."""
    ref, view = table.ref, bool(table.view)
    made = records.instant(table.resource["creationTime"]).astimezone(UTC).isoformat(sep=" ")
    return [ref.project, ref.dataset, ref.table, "VIEW" if view else "BASE TABLE", "NO" if view else "YES", made]


def column_rows(table: records.Table) -> Iterator[list[Any]]:
    """The columns of a table in COLUMNS."""
    ref, by = table.ref, (table.resource.get("partitionDefinition") or {}).get("partitionedColumn", [])
    partitioned = {each["field"] for each in by}
    clustered = (table.resource.get("clustering") or {}).get("fields", [])
    for position, field in enumerate(table.fields, 1):
        place = clustered.index(field.name) + 1 if field.name in clustered else None
        yield [ref.project, ref.dataset, ref.table, field.name, position, "NO" if field.mode == "REQUIRED" else "YES",
               standard(field), "YES" if field.name in partitioned else "NO", place]  # fmt: skip


def standard(field: Field) -> str:
    """The type of a column as GoogleSQL writes it."""
    one = STANDARD.get(field.kind, field.kind)
    if field.kind == "RECORD":
        one = f"STRUCT<{', '.join(f'{each.name} {standard(each)}' for each in field.fields)}>"
    return f"ARRAY<{one}>" if field.mode == "REPEATED" else one


def selected(columns: dict[str, str], rows: list[list[Any]]) -> exp.Select:
    """Rows as a query."""
    none = [None] * len(columns)
    listed = [exp.Tuple(expressions=[exp.convert(cell) for cell in row]) for row in [*rows, none]]
    values = exp.Values(
        expressions=listed,
        alias=exp.TableAlias(
            this=exp.to_identifier("v"), columns=[exp.to_identifier(f"c{index}") for index in range(len(columns))]
        ),
    )
    casts = [
        exp.alias_(exp.cast(exp.column(f"c{index}"), kind), name) for index, (name, kind) in enumerate(columns.items())
    ]
    return exp.select(*casts).from_(values).where("NOT c0 IS NULL")
