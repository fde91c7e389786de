"""Extract jobs: the rows of a table as files in Cloud Storage.

Source: reference/rest/v2/Job, `JobConfigurationExtract`; cloud.google.com/bigquery/docs/exporting-data.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
import uuid
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any, cast

from emulator.apis.bigquery import access, answers, copies, errors, objects
from emulator.apis.bigquery.engine import engine, physical
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.schema import Field
from emulator.apis.bigquery.types import literal, names

if TYPE_CHECKING:
    from emulator.apis.bigquery.records import Table
    from emulator.apis.bigquery.work import Task

BATCH = 5000
IN_MEMORY = 8 << 20
KINDS = {"CSV": "text/csv", "NEWLINE_DELIMITED_JSON": "application/json", "PARQUET": "application/octet-stream"}


def run(task: Task) -> None:
    """Run an extract job.

    Raises:
        BigQueryError: It may not be run, or fails.
    """
    given = task.configuration
    if given.get("sourceModel"):
        raise errors.unimplemented("extracts of models")
    ref = Ref.of(given.get("sourceTable"), task.project)
    access.on_table(task.world, task.caller, "bigquery.tables.export", ref)
    table = copies.source(task, ref.resource)
    sort, addresses = str(given.get("destinationFormat") or "CSV"), given.get("destinationUris") or []
    if sort not in KINDS:
        raise errors.unimplemented(f"files of the format {sort}")
    if len(addresses) != 1:
        raise errors.unimplemented("extracts to several addresses") if addresses else errors.required("destinationUris")
    address = str(addresses[0]).replace("*", "000000000000", 1)
    objects.split(address)
    nested = next((each for each in table.fields if each.kind == "RECORD" or each.mode == "REPEATED"), None)
    if sort == "CSV" and nested is not None:
        raise errors.invalid(f"Operation cannot be performed on a nested schema. Field: {nested.name}")
    if sort == "PARQUET":
        write_parquet(task, table, address)
    else:
        write_text(task, table, address, sort)
    task.statistics["destinationUriFileCounts"] = ["1"]


def write_parquet(task: Task, table: Table, address: str) -> None:
    """Parquet, which DuckDB writes itself."""
    base = engine(task.world)
    packing = {"NONE": "uncompressed", "GZIP": "gzip", "SNAPPY": "snappy", "ZSTD": "zstd"}
    wanted = str(task.configuration.get("compression") or "NONE")
    if wanted not in packing:
        raise errors.unimplemented(f"the compression {wanted}")
    path = base.files / f"{uuid.uuid4().hex}.parquet"
    try:
        with task.cursor() as cursor:
            rows = f"SELECT {names(table.fields)} FROM {physical(table.rows)}"
            base.run(cursor, f"COPY ({rows}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION {packing[wanted]})")
        with path.open("rb") as file:
            objects.write(task.world, task.caller, address, file, KINDS["PARQUET"])
    finally:
        path.unlink(missing_ok=True)


def write_text(task: Task, table: Table, address: str, sort: str) -> None:
    """CSV, or lines of JSON."""
    wanted = str(task.configuration.get("compression") or "NONE")
    if wanted not in ("NONE", "GZIP"):
        raise errors.unimplemented(f"the compression {wanted}")
    with cast("IO[bytes]", tempfile.SpooledTemporaryFile(IN_MEMORY)) as file:
        packed = cast("IO[bytes]", gzip.GzipFile(fileobj=file, mode="wb", mtime=0)) if wanted == "GZIP" else file
        text = io.TextIOWrapper(packed, encoding="utf-8", newline="", write_through=True)
        lines = csv_lines(task, table, text) if sort == "CSV" else json_lines(table, text)
        for batch in batches(task, table):
            lines(batch)
        text.detach()
        if packed is not file:
            packed.close()
        file.seek(0)
        objects.write(task.world, task.caller, address, file, KINDS[sort])


def batches(task: Task, table: Table) -> Iterator[list[Any]]:
    """The rows of a table, some thousand at a time."""
    base = engine(task.world)
    with task.cursor() as cursor:
        base.run(cursor, f"SELECT {names(table.fields)} FROM {physical(table.rows)}")
        while batch := cursor.fetchmany(BATCH):
            task.check()
            yield batch


def csv_lines(task: Task, table: Table, text: io.TextIOWrapper) -> Callable[[list[Any]], None]:
    """What writes rows as CSV, after the line of names where that is wanted."""
    delimiter = str(task.configuration.get("fieldDelimiter") or ",").replace("\\t", "\t")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if task.configuration.get("printHeader", True):
        writer.writerow([each.name for each in table.fields])
    fields = table.fields
    return lambda batch: writer.writerows(
        [[plain(field, value) for field, value in zip(fields, row, strict=True)] for row in batch]
    )


def json_lines(table: Table, text: io.TextIOWrapper) -> Callable[[list[Any]], None]:
    """What writes rows as lines of JSON; a column without a value is left out, and an INT64 is text."""
    fields = table.fields

    def write(batch: list[Any]) -> None:
        for row in batch:
            pairs = {each.name: value for each, value in zip(fields, row, strict=True)}
            text.write(json.dumps(document(fields, pairs), separators=(",", ":"), ensure_ascii=False) + "\n")

    return write


def document(fields: tuple[Field, ...], row: dict[str, Any]) -> dict[str, Any]:
    """A row, or a record, as JSON."""
    return {each.name: value_of(each, row[each.name]) for each in fields if row[each.name] is not None}


def value_of(field: Field, value: Any) -> Any:
    """A value as exported JSON has it."""
    if field.mode == "REPEATED":
        one = Field(field.name, field.kind, "NULLABLE", field.fields)
        return [value_of(one, each) for each in value]
    if field.kind == "RECORD":
        return document(field.fields, value)
    if field.kind in ("FLOAT", "BOOLEAN"):
        return plain(field, value) if isinstance(value, float) and value - value != 0 else value
    return json.loads(value) if field.kind == "JSON" else plain(field, value)


def plain(field: Field, value: Any) -> str | None:
    """A value as text."""
    if value is None:
        return None
    if field.kind == "TIMESTAMP":
        shown = (
            value.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
            if value.microsecond
            else value.strftime("%Y-%m-%d %H:%M:%S")
        )
        return f"{shown} UTC"
    text = answers.PLAIN[field.kind](value)
    return text.removesuffix(".0") if field.kind == "FLOAT" else text
