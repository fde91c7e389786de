"""Copy jobs: the rows of tables into another.

Source: reference/rest/v2/Job, `JobConfigurationTableCopy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import access, destinations, errors, records, rows, schema
from emulator.apis.bigquery.engine import physical
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.types import names

if TYPE_CHECKING:
    from emulator.apis.bigquery.records import Table
    from emulator.apis.bigquery.work import Task


def run(task: Task) -> None:
    """Run a copy job.

    Raises:
        BigQueryError: It may not be run, or fails.
    """
    given = task.configuration
    if given.get("operationType") not in (None, "COPY", "OPERATION_TYPE_UNSPECIFIED"):
        raise errors.unimplemented(f"copies of the type {given['operationType']}")
    found = [source(task, each) for each in given.get("sourceTables") or [given.get("sourceTable")]]
    first = found[0]
    for each in found[1:]:
        if schema.steps(first.fields, each.fields, str(each.ref)):
            raise schema.mismatch(str(each.ref), "The tables that are copied have different columns")
    to = destinations.of(task, Ref.of(given.get("destinationTable"), task.project), "WRITE_EMPTY")
    kept = {
        key: first.resource[key]
        for key in ("timePartitioning", "rangePartitioning", "clustering")
        if key in first.resource
    }
    to = destinations.Destination(to.ref, to.create, to.write, to.options, kept | to.like)

    def write(table: Table, cursor: Any) -> int:
        sql = " UNION ALL ".join(f"SELECT {names(first.fields)} FROM {physical(each.rows)}" for each in found)
        return destinations.insert(task, table, cursor, sql, first.fields)

    destinations.fill(task, to, first.fields, write)
    task.statistics["copiedRows"] = task.statistics.pop("outputRows")


def source(task: Task, reference: Any) -> Table:
    """A table that is copied.

    Raises:
        BigQueryError: It is not there, is a view, or may not be read.
    """
    ref = Ref.of(reference, task.project)
    access.on_table(task.world, task.caller, "bigquery.tables.getData", ref)
    found = records.find_table(task.world, ref)
    if found.view:
        raise errors.invalid(f"Cannot copy a view: {ref}")
    rows.sweep(task.world, found)
    return found
