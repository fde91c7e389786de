"""Load jobs: files of Cloud Storage, or uploaded ones, into a table.

Source: reference/rest/v2/Job, `JobConfigurationLoad`; the words of refusals as issues of googleapis/python-bigquery
quote them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import cells, destinations, detecting, errors, objects, records, rows, schema, sources
from emulator.apis.bigquery.engine import engine
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.schema import Field
from emulator.apis.bigquery.sources import BadLine, Options
from emulator.apis.bigquery.sql import describing
from emulator.apis.bigquery.types import duck, literal, quoted

if TYPE_CHECKING:
    from emulator.apis.bigquery.destinations import Destination
    from emulator.apis.bigquery.records import Table
    from emulator.apis.bigquery.work import Task

BATCH = 5000
MOST_ERRORS = 5
FORMATS = ("CSV", "NEWLINE_DELIMITED_JSON", "PARQUET")
PARTITION = "$"


@dataclass
class Bad:
    """The lines that were no good, as far as a job may go on with them."""

    most: int
    count: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)

    def add(self, where: str, number: int, why: str) -> None:
        """Note one.

        Raises:
            BigQueryError: It is one too many.
        """
        self.count += 1
        if len(self.told) < MOST_ERRORS:
            self.told.append(
                {
                    "reason": "invalid",
                    "location": where,
                    "message": f"Error while reading data, error message: {why}; line {number} File: {where}",
                }
            )
        if self.count > self.most:
            text = "Error while reading data, error message: table encountered too many errors, giving up. Rows:"
            raise errors.invalid(
                f"{text} {number}; errors: {self.count}. Please look into the errors[] collection for more details."
            )


def run(task: Task) -> None:
    """Run a load job.

    Raises:
        BigQueryError: It may not be run, or fails.
    """
    given = task.configuration
    sort = str(given.get("sourceFormat") or "CSV")
    if sort not in FORMATS:
        raise errors.unimplemented(f"files of the format {sort}")
    to = destinations.of(task, Ref.of(given.get("destinationTable"), task.project), "WRITE_APPEND")
    files = found_files(task)
    task.statistics |= {
        "inputFiles": str(len(files)),
        "inputFileBytes": str(sum(path.stat().st_size for _, path in files)),
    }
    if sort == "PARQUET":
        load_parquet(task, to, files)
    else:
        load_lines(task, to, files, sort)


def found_files(task: Task) -> list[tuple[str, Path]]:
    """What is loaded: names, and files."""
    if task.files:
        return [("uploaded", Path(path)) for path in task.files]
    addresses = task.configuration.get("sourceUris") or []
    if not addresses:
        raise errors.required("configuration.load.sourceUris")
    return [each for address in addresses for each in objects.matching(task.world, task.caller, str(address))]


def columns(task: Task, to: Destination, files: list[tuple[str, Path]], sort: str) -> tuple[tuple[Field, ...], bool]:
    """The columns of the files, and whether a first line names them: told, detected, or the table's own."""
    given, there = task.configuration, records.look_for_table(task.world, to.ref)
    told = schema.read(given.get("schema"))
    if told:
        return told, False
    own = there.fields if there is not None and to.write != "WRITE_TRUNCATE" else ()
    if not given.get("autodetect"):
        fields = own or (there.fields if there is not None else ())
        if not fields:
            raise errors.invalid("No schema specified on job or table.")
        return fields, False
    options = Options.of(given)
    if sort == "CSV":
        found, headed = detecting.of_csv(islice(sources.lines_of_csv(files[0][1], options), options.skip, None))
        return (own, headed) if own and len(own) == len(found) and not headed else (adapted(found, own), headed)
    lines = chain.from_iterable(sources.lines_of_json(path) for _, path in files)
    return adapted(detecting.of_json(sources.row_of_json(line) for line in lines), own), False


def adapted(found: tuple[Field, ...], own: tuple[Field, ...]) -> tuple[Field, ...]:
    """Detected columns, with the types that the table has already."""
    known = {each.name.lower(): each for each in own}
    return tuple(known.get(each.name.lower(), each) for each in found)


def load_lines(task: Task, to: Destination, files: list[tuple[str, Path]], sort: str) -> None:
    """Load CSV or JSON."""
    try:
        fields, headed = columns(task, to, files, sort)
    except BadLine as error:
        raise errors.invalid(str(error)) from error
    bad = Bad(int(task.configuration.get("maxBadRecords") or 0))

    def write(table: Table, cursor: Any) -> int:
        count = 0
        for batch in batches(checked(task, table, fields, files, sort, headed=headed, bad=bad)):
            task.check()
            rows.append(task.world, table, batch, cursor)
            count += len(batch)
        return count

    try:
        destinations.fill(task, to, fields, write)
    finally:
        task.errors += bad.told
        task.statistics["badRecords"] = str(bad.count)


def batches(found: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows, some thousand at a time."""
    while batch := list(islice(found, BATCH)):
        yield batch


def checked(
    task: Task,
    table: Table,
    fields: tuple[Field, ...],
    files: list[tuple[str, Path]],
    sort: str,
    *,
    headed: bool,
    bad: Bad,
) -> Iterator[dict[str, Any]]:
    """The good rows of all files, as the table has columns."""
    options, own = Options.of(task.configuration), table.fields
    for name, path in files:
        try:
            for number, raw in enumerate(raw_rows(path, sort, options, headed=headed), 1):
                try:
                    value = sources.row_of_csv(raw, fields, options) if sort == "CSV" else sources.row_of_json(raw)
                    yield cells.row(own, value, unknown=options.unknown)
                except BadLine as error:
                    bad.add(name, number, str(error))
                except cells.CellError as error:
                    bad.add(name, number, f"{error.message} Field: {error.where}")
        except BadLine as error:
            bad.add(name, 0, str(error))


def raw_rows(path: Path, sort: str, options: Options, *, headed: bool) -> Iterator[Any]:
    """The lines of a file, without those that are to be skipped."""
    if sort != "CSV":
        return sources.lines_of_json(path)
    return islice(sources.lines_of_csv(path, options), max(options.skip, 1) if headed else options.skip, None)


def load_parquet(task: Task, to: Destination, files: list[tuple[str, Path]]) -> None:
    """Load Parquet, which DuckDB reads itself.

    Raises:
        BigQueryError: A file is none, in words that name it as the job does.
    """
    with engine(task.world).lent([path for _, path in files]) as lent:
        try:
            read_parquet(task, to, lent)
        except errors.BigQueryError as error:
            for path, (name, _) in zip(lent, files, strict=True):
                error.message = error.message.replace(str(path), name)
            raise


def read_parquet(task: Task, to: Destination, files: Sequence[Path]) -> None:
    """Load files that SQL can read."""
    listed = ", ".join(literal(str(path)) for path in files)
    source = f"read_parquet([{listed}], union_by_name := true)"
    base = engine(task.world)
    with base.reading() as cursor:
        base.run(cursor, f"SELECT * FROM {source} LIMIT 0")
        found = tuple(describing.typed(name, kind) for name, kind, *_ in cursor.description)
    there = records.look_for_table(task.world, to.ref)
    own = (
        there.fields
        if there is not None and to.write != "WRITE_TRUNCATE"
        else schema.read(task.configuration.get("schema"))
    )
    fields = adapted(found, own)
    casts = ", ".join(f"CAST({quoted(each.name)} AS {duck(have)})" for each, have in zip(found, fields, strict=True))
    destinations.fill(
        task,
        to,
        fields,
        lambda table, cursor: destinations.insert(task, table, cursor, f"SELECT {casts} FROM {source}", fields),
    )
