"""The rows of a table in DuckDB: made, added to, counted, and dropped when their partition's time is over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import cells
from emulator.apis.bigquery.engine import engine, new_name, physical
from emulator.apis.bigquery.schema import Field, Step
from emulator.apis.bigquery.types import columns, duck, literal, names, quoted, struct

if TYPE_CHECKING:
    from emulator.apis.bigquery.records import Table
    from emulator.core.world import World

ARRIVAL = "_PARTITIONTIME"
"""Where a table is partitioned by arrival: the start of the partition of a row."""
UNIT = {"DAY": "day", "HOUR": "hour", "MONTH": "month", "YEAR": "year"}
SIZES = {"INTEGER": 8, "FLOAT": 8, "BOOLEAN": 1, "NUMERIC": 16, "DATE": 8, "DATETIME": 8, "TIME": 8, "TIMESTAMP": 8}
"""Bytes of a value, as BigQuery counts them (cloud.google.com/bigquery/pricing#data); text: 2 and its own."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a table has, and how many bytes BigQuery would count."""

    rows: int
    bytes: int


def make(world: World, fields: Sequence[Field], *, by_arrival: bool = False, cursor: Any = None) -> str:
    """New rows, none yet; returns their name."""
    name = new_name()
    arrival = f", {quoted(ARRIVAL)} TIMESTAMPTZ" if by_arrival else ""
    listed = (columns(fields) + arrival).removeprefix(", ")
    statement = f"CREATE TABLE {physical(name)} ({listed or '_none BOOLEAN'})"
    base = engine(world)
    if cursor is not None:
        base.run(cursor, statement)
        return name
    with base.transaction() as own:
        base.run(own, statement)
    return name


def change(world: World, rows: str, steps: Sequence[Step]) -> None:
    """Change the columns of rows that are there."""
    base = engine(world)
    for step in steps:  # DuckDB changes one thing of a table per transaction
        with base.transaction(rows) as cursor:
            base.run(cursor, f"ALTER TABLE {physical(rows)} {clause(step)}")


def clause(step: Step) -> str:
    """One change, as `ALTER TABLE` takes it."""
    path = ".".join(map(quoted, step.path))
    if step.added is None:
        return f"ALTER COLUMN {path} DROP NOT NULL"
    return f"ADD COLUMN IF NOT EXISTS {path} {duck(step.added)}"


def append(world: World, table: Table, records: Sequence[dict[str, Any]], cursor: Any = None) -> None:
    """Add rows that `cells.record` has checked. With a cursor: in its transaction."""
    if not records:
        return
    base, fields = engine(world), table.fields
    arrival, value = arriving(world, table)
    shape = literal(json.dumps([cells.shape(fields)]))
    source = f"unnest(CAST(from_json(?, {shape}) AS {struct(fields)}[]), max_depth := 2)"
    statement = f"INSERT INTO {physical(table.rows)} ({names(fields)}{arrival}) SELECT {source}{value}"
    values = [json.dumps(records, ensure_ascii=False)]
    if cursor is not None:
        base.run(cursor, statement, values)
        return
    with base.transaction(table.rows) as own:
        base.run(own, statement, values)


def arriving(world: World, table: Table, partition: str = "") -> tuple[str, str]:
    """A further column of an `INSERT`, and its value: where partitions are by arrival."""
    if not table.by_arrival:
        return "", ""
    unit = UNIT[table.resource["timePartitioning"]["type"]]
    when = partition or world.clock.now().astimezone(UTC).isoformat(sep=" ")
    return f", {quoted(ARRIVAL)}", f", date_trunc('{unit}', TIMESTAMPTZ {literal(when)})"


def count(world: World, table: Table) -> Count:
    """How many rows and bytes there are."""
    if not table.rows:
        return Count(0, 0)
    base = engine(world)
    sizes = " + ".join(size(each) for each in table.fields) or "0"
    with base.reading() as cursor:
        base.run(cursor, f"SELECT count(*), coalesce(sum({sizes}), 0) FROM {physical(table.rows)}")
        found = cursor.fetchone()
    return Count(int(found[0]), int(found[1]))


def total(world: World, name: str) -> int:
    """How many rows there are, which DuckDB knows without looking at them."""
    base = engine(world)
    with base.reading() as cursor:
        base.run(cursor, f"SELECT count(*) FROM {physical(name)}")
        return int(cursor.fetchone()[0])


def size(field: Field) -> str:
    """The bytes of a column's value; of lists and records, about as many as their JSON has."""
    name = quoted(field.name)
    if field.mode == "REPEATED" or field.kind == "RECORD":
        return f"coalesce(strlen(CAST(to_json({name}) AS VARCHAR)), 0)"
    if field.kind in SIZES:
        return f"CASE WHEN {name} IS NULL THEN 0 ELSE {SIZES[field.kind]} END"
    return f"coalesce({'octet_length' if field.kind == 'BYTES' else 'strlen'}({name}) + 2, 0)"


def partition_start(table: Table) -> str:
    """The start of a row's partition, in SQL; nothing where there are none by time."""
    partitioning = table.resource.get("timePartitioning")
    if not partitioning or not table.rows:
        return ""
    column = quoted(partitioning.get("field") or ARRIVAL)
    return f"date_trunc('{UNIT[partitioning['type']]}', {column})"


def sweep(world: World, table: Table) -> None:
    """Drop the partitions whose time is over by the emulator's clock."""
    partitioning = table.resource.get("timePartitioning") or {}
    start, lasting = partition_start(table), int(partitioning.get("expirationMs") or 0)
    if not start or not lasting:
        return
    oldest: datetime = world.clock.now() - timedelta(milliseconds=lasting)
    base = engine(world)
    with base.transaction(table.rows) as cursor:
        when = literal(oldest.astimezone(UTC).isoformat(sep=" "))
        base.run(cursor, f"DELETE FROM {physical(table.rows)} WHERE {start} <= TIMESTAMPTZ {when}")
